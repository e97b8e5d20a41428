"""TLS, h2 and proxies, with a certificate authority made for the occasion."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import _native
from tests.native.peers import PATIENCE_S, Client, Connection, head, peer

HEAD, DATA, TERMINAL, END, FAILED, BODY = range(6)

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make certificates")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, and cert.pem and key.pem for 127.0.0.1 and upstream.test."""
    folder = tmp_path_factory.mktemp("pki")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA", "-days", "2")
    openssl("req", *key, "-keyout", "key.pem", "-out", "cert.csr", "-subj", "/CN=upstream.test")
    (folder / "ext").write_text("subjectAltName=DNS:upstream.test,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext", "-days", "2"]
    openssl("x509", "-req", "-in", "cert.csr", "-out", "cert.pem", *signing)
    return folder


@pytest.fixture
def server_tls(pki: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "cert.pem", pki / "key.pem")
    return context


@pytest.fixture
def trusting(pki: Path) -> Iterator[Client]:
    client = Client(ca_file=str(pki / "ca.pem"))
    yield client
    client.native.close()


def _hello(connection: Connection) -> None:
    while True:
        line, _, body = connection.read_request()
        connection.answer(line.encode() + b"|" + body)


def test_https_speaks_http_1_when_the_peer_knows_no_alpn(trusting: Client, server_tls: ssl.SSLContext) -> None:
    with peer(_hello, server_tls) as server:
        for _ in range(3):
            assert trusting.run(server.url, b"hi")[0][4] == b"POST /v1/x HTTP/1.1|hi"
        assert server.connections == 1


def test_a_stream_cut_without_close_notify_is_reset(trusting: Client, server_tls: ssl.SSLContext) -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.start_events()
        connection.send(b"data: 1\n\ndata: 2")

    with peer(script, server_tls) as server:
        id_ = trusting.start(server.url)
        got = trusting.finish(id_)
    assert got[-1][:2] == (FAILED, "reset")
    assert trusting.data(id_) == b"data: 1\n\n"


def test_an_unknown_authority_and_a_wrong_name_are_tls(
    client: Client, trusting: Client, server_tls: ssl.SSLContext
) -> None:
    with peer(_hello, server_tls) as server:
        [(kind, code, message, _)] = client.run(server.url)
        assert (kind, code) == (FAILED, "tls")
        assert "UnknownIssuer" in message
        [(kind, code, message, _)] = trusting.run(server.url.replace("127.0.0.1", "localhost"))
        assert (kind, code) == (FAILED, "tls")
        assert "not valid for name" in message


def test_an_unusable_ca_file_is_an_error_at_once(pki: Path, tmp_path: Path) -> None:
    for path, words in [(tmp_path / "none.pem", "cannot be read"), (pki / "ext", "no certificate")]:
        with pytest.raises(OSError, match=words):
            _native.Upstream(ca_file=str(path))


@pytest.fixture(scope="module")
def h2_url(pki: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    root = Path(__file__).parents[2]
    arguments = ["--interface", "rsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws", "--log-level", "error"]
    tls = ["--ssl-certificate", str(pki / "cert.pem"), "--ssl-keyfile", str(pki / "key.pem")]
    command = [sys.executable, "-m", "granian", *arguments, *tls, "tests.native.h2_app:app"]
    server = subprocess.Popen(command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})
    try:
        deadline = time.monotonic() + 3 * PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield f"https://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def test_h2_is_spoken_where_the_peer_offers_it(trusting: Client, h2_url: str) -> None:
    body = bytes(300_000)
    headers = [("host", "127.0.0.1"), ("connection", "keep-alive"), ("x-a", "b")]
    ids = [trusting.start(h2_url + "/echo", body, headers=headers) for _ in range(30)]
    for id_ in ids:
        [(kind, status, _, _, answer)] = trusting.finish(id_)
        assert (kind, status, answer[:2], len(answer)) == (BODY, 200, b"2|", len(body) + 2)


def test_h2_streams_events(trusting: Client, h2_url: str) -> None:
    id_ = trusting.start(h2_url + "/events", b"{}")
    got = trusting.finish(id_)
    assert (got[0][0], got[-1][0]) == (HEAD, END)
    assert trusting.data(id_) == b"".join(b"data: %d\n\n" % i for i in range(5))


def test_cancel_ends_an_h2_stream_and_leaves_the_others_alone(trusting: Client, h2_url: str) -> None:
    ids = [trusting.start(h2_url + "/hang", b"{}") for _ in range(3)]
    trusting.until(lambda: all(trusting.data(id_) for id_ in ids))
    for id_ in ids[:2]:
        assert trusting.native.cancel(id_)
    deadline = time.monotonic() + PATIENCE_S
    while (left := trusting.run(h2_url + "/left")[0][4]) != b"2":
        assert time.monotonic() < deadline, left
    assert trusting.native.stats()["in_flight"] == 1


def test_more_streams_than_one_h2_connection_allows_run_at_once(trusting: Client, h2_url: str) -> None:
    """granian allows 200 streams on a connection, as it is started here; nobody waits for another stream to end."""
    ids = [trusting.start(h2_url + "/hang", b"{}") for _ in range(250)]
    trusting.until(lambda: all(trusting.data(id_) for id_ in ids))
    for id_ in ids:
        trusting.native.cancel(id_)


def _proxied(monkeypatch: pytest.MonkeyPatch, pki: Path, **variables: str) -> Client:
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Client(proxy_from_env=True, ca_file=str(pki / "ca.pem"))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_plain_requests_go_to_the_proxy_in_absolute_form(
    monkeypatch: pytest.MonkeyPatch, pki: Path, variable: str
) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def script(connection: Connection) -> None:
        while True:
            line, headers, _ = connection.read_request()
            seen.append((line, headers))
            connection.answer(b"by proxy")

    with peer(script) as proxy:
        client = _proxied(monkeypatch, pki, **{variable: f"http://user:pass@{proxy.address}"})
        assert client.run("http://upstream.test/a?b", b"x")[0][4] == b"by proxy"
        client.native.close()
    [(line, headers)] = seen
    assert line == "POST http://upstream.test/a?b HTTP/1.1"
    assert headers["host"] == "upstream.test"
    assert headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"


def test_tls_goes_through_a_tunnel_of_the_proxy(
    monkeypatch: pytest.MonkeyPatch, pki: Path, server_tls: ssl.SSLContext
) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def script(connection: Connection) -> None:
        line, headers, _ = connection.read_request()
        seen.append((line, headers))
        connection.send(head("200 OK"))
        connection.sock = server_tls.wrap_socket(connection.sock, server_side=True)
        line, headers, _ = connection.read_request()
        seen.append((line, headers))
        connection.answer(b"through")

    with peer(script) as proxy:
        client = _proxied(monkeypatch, pki, HTTPS_PROXY=f"http://user:pass@{proxy.address}")
        assert client.run("https://upstream.test/a", b"x")[0][4] == b"through"
        client.native.close()
    (connect, outer), (line, inner) = seen
    assert (connect, outer["proxy-authorization"]) == ("CONNECT upstream.test:443 HTTP/1.1", "Basic dXNlcjpwYXNz")
    assert line == "POST /a HTTP/1.1"
    assert "proxy-authorization" not in inner


def test_a_proxy_that_refuses_is_connect(monkeypatch: pytest.MonkeyPatch, pki: Path) -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(head("407 Proxy Authentication Required", "content-length: 0"))

    with peer(script) as proxy:
        client = _proxied(monkeypatch, pki, HTTPS_PROXY=f"http://{proxy.address}")
        [(kind, code, message, _)] = client.run("https://upstream.test/a")
        assert (kind, code) == (FAILED, "connect")
        assert "proxy" in message
        client.native.close()


def test_no_proxy_and_proxy_from_env_off_go_direct(monkeypatch: pytest.MonkeyPatch, pki: Path) -> None:
    with peer(_hello) as server:
        client = _proxied(monkeypatch, pki, HTTP_PROXY="http://127.0.0.1:1", NO_PROXY="127.0.0.1")
        assert client.run(server.url)[0][4].startswith(b"GET /v1/x")
        client.native.close()
        client = Client(proxy_from_env=False)
        assert client.run(server.url)[0][0] == BODY
        client.native.close()


def test_a_proxy_of_another_scheme_says_so(monkeypatch: pytest.MonkeyPatch, pki: Path) -> None:
    client = _proxied(monkeypatch, pki, ALL_PROXY="socks5://127.0.0.1:1")
    [(kind, code, message, _)] = client.run("http://upstream.test/")
    assert (kind, code) == (FAILED, "connect")
    assert "socks5" in message
    client.native.close()
