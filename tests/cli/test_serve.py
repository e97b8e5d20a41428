"""`agentcc serve` as its operator sees it: starting, being killed, draining, reloading. Real processes, outside facts."""

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gateway.cli.main import main
from tests.e2e.wires import PATHS, STREAMS, request, without_comments
from tests.fakes.upstream import Answer, FakeUpstream, json_answer
from tests.harness import KEY, ROOT, Gateway, config_for, wait_until

AUTH = {"authorization": f"Bearer {KEY}"}
ASK = {"model": "openai/gpt-4.1-mini", "input": "PROMPT-TEXT"}
USAGE = b'{"usage":{"input_tokens":100,"output_tokens":20},"text":"ANSWER-TEXT"}'
PROVIDER_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY")


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    fake = FakeUpstream()
    fake.default = json_answer(USAGE)
    yield fake
    fake.close()


@pytest.fixture
def fake(upstream: FakeUpstream) -> FakeUpstream:
    upstream.clear()
    upstream.default = json_answer(USAGE)
    return upstream


@pytest.fixture(scope="module")
def two(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway with two workers, for the tests that leave it as they found it."""
    with Gateway(tmp_path_factory.mktemp("two"), config_for(upstream.url, workers=2)) as running:
        yield running


def ask(gateway: Gateway, key: str = KEY, **kwargs: Any) -> httpx.Response:
    """One exchange on a connection of its own."""
    return httpx.post(f"{gateway.url}/v1/responses", json=ASK, headers={"authorization": f"Bearer {key}"}, **kwargs)


def run_of(response: httpx.Response) -> str:
    """The worker's run that answered: the first half of a request id."""
    return response.headers["x-agentcc-request-id"][4:16]


def ask_all(gateway: Gateway, workers: int = 2, key: str = KEY) -> list[httpx.Response]:
    """New connections, many at once, until every worker has answered."""
    answers: list[httpx.Response] = []

    def all_answered() -> bool:
        with ThreadPoolExecutor(8) as pool:
            answers.extend(pool.map(lambda _: ask(gateway, key), range(16)))
        return len({run_of(a) for a in answers}) == workers

    wait_until(all_answered, 10, "every worker answers")
    return answers


class Held:
    """A stream of the fake provider that stands still after its first event until `release`, read in a thread."""

    def __init__(self, gateway: Gateway, fake: FakeUpstream, dialect: str = "openai.responses") -> None:
        events = STREAMS[dialect]
        self.gate, self.begun, self.events = threading.Event(), threading.Event(), events
        fake.answers.append(Answer(200, [("content-type", "text/event-stream")], [events[0], self.gate, *events[1:]]))
        self.body, self.headers, self.error = b"", httpx.Headers(), ""
        self.thread = threading.Thread(target=self._read, args=(gateway.url + PATHS[dialect], dialect), daemon=True)
        self.thread.start()
        assert self.begun.wait(10), "the stream did not begin"

    def _read(self, url: str, dialect: str) -> None:
        try:
            with httpx.stream("POST", url, json=request(dialect), headers=AUTH, timeout=30) as got:
                self.headers = got.headers
                for piece in got.iter_raw():
                    self.body += piece
                    self.begun.set()
        except httpx.HTTPError as exc:
            self.error = repr(exc)
        self.begun.set()

    def release(self) -> None:
        """Let the provider go on, and read to the end."""
        self.gate.set()
        self.join()

    def join(self) -> None:
        """Read to the end."""
        self.thread.join(20)
        assert not self.thread.is_alive(), "the stream did not end"

    def is_whole(self) -> bool:
        """Whether the client got every event, and a proper end."""
        return not self.error and without_comments(self.body) == b"".join(self.events)


def is_refused(url: str) -> bool:
    """Whether a new connection is refused."""
    host, port = url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def is_gone(pid: int) -> bool:
    """Whether the process has ended (a zombie that nobody reaps has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@contextlib.contextmanager
def bare_serve(directory: Path, *args: str, **environ: str) -> Iterator[tuple[str, list[str], "subprocess.Popen[str]"]]:
    """`agentcc serve` in an empty directory, without the machine's provider keys; gives URL, ready text, process."""
    directory.mkdir(exist_ok=True)
    clean = {k: v for k, v in os.environ.items() if k not in PROVIDER_KEYS}
    log = directory / "stderr.log"
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli.main", "serve", "--port", "0", "--workers", "1", *args],
            stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=directory,
            env={**clean, "PYTHONPATH": str(ROOT), **environ},
        )  # fmt: skip
    assert process.stdout is not None
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            assert selector.select(30), log.read_text()
        text = [process.stdout.readline()]
        while text[-1] and "Gemini CLI" not in text[-1]:
            text.append(process.stdout.readline())
        yield text[0].removeprefix("agentcc ready: ").strip(), text, process
    finally:
        process.terminate()
        code = process.wait(20)
        process.stdout.close()
    assert code == 0, log.read_text()


# === starting ===


def test_without_file_and_keys_the_simulator_serves(tmp_path: Path) -> None:
    """A newcomer gets a gateway, a key, words for three agents, and answers; the data directory may have any name."""
    data = tmp_path / "da ta: #1"
    with bare_serve(tmp_path / "cwd", AGENTCC_DATA_DIR=str(data)) as (url, text, process):
        shown = "".join(text)
        file = data / "gateway.yaml"
        key = yaml.safe_load(file.read_text())["keys"]["dev"]["key"]
        assert file.stat().st_mode & 0o077 == 0
        assert "simulator" in shown
        assert f"agentcc launch codex --base-url {url} --key {key}" in shown
        assert f'base_url="{url}/v1"' in shown
        assert f"ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY={key} claude" in shown
        assert f"agentcc setup gemini --base-url {url} --key {key}" in shown
        body = {"model": "gpt-5.5", "input": "say hello", "stream": True}
        for _ in range(2):
            got = httpx.post(f"{url}/v1/responses", json=body, headers={"authorization": f"Bearer {key}"})
            assert (got.status_code, "response.completed" in got.text) == (200, True), got.text
            process.send_signal(signal.SIGHUP)  # a reload concerns the workers; the simulator must not die of it
        assert httpx.get(f"{url}/readyz").status_code == 200
    assert "process_died" not in (tmp_path / "cwd" / "stderr.log").read_text()
    with bare_serve(tmp_path / "cwd", AGENTCC_DATA_DIR=str(data)) as (_, text, _):
        assert key in "".join(text), "the key of the first start goes on working"


def test_with_one_provider_key_only_that_provider_is_there(tmp_path: Path) -> None:
    """The key stays in the environment; no stand-in answers for a provider that nobody asked for."""
    with bare_serve(tmp_path, OPENAI_API_KEY="sk-real-openai") as (url, text, _):
        written = (tmp_path / "agentcc-data" / "gateway.yaml").read_text()
        config = yaml.safe_load(written)
        assert list(config["providers"]) == ["openai"]
        assert "sk-real-openai" not in written + "".join(text)
        assert "simulator" not in "".join(text)
        key = config["keys"]["dev"]["key"]
        models = httpx.get(f"{url}/v1/models", headers={"authorization": f"Bearer {key}"}).json()["data"]
        assert {m["owned_by"] for m in models} == {"openai"}


def test_what_cannot_be_used_stops_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 with place, value and way out; nothing is left to die of it again and again in a child."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "keys.sqlite3").write_text("no database")
    (tmp_path / "no.pem").write_text("no certificate")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        good: dict[str, Any] = {"data_dir": str(tmp_path / "data"), "port": 0, "admin": {"port": 0}}
        cases: list[tuple[dict[str, Any], tuple[str, ...], list[str]]] = [
            ({"port": port}, (), ["$.server.port", str(port), "--port N"]),
            ({}, ("--port", str(port)), ["$.server.port", str(port), "--port N"]),
            ({"admin": {"port": port}}, (), ["$.server.admin.port", str(port), "set another port"]),
            ({"host": "192.0.2.1"}, (), ["$.server.host", "192.0.2.1", "--host"]),
            ({"data_dir": "/dev/null/x"}, (), ["$.server.data_dir", "/dev/null/x", "may write"]),
            ({"data_dir": str(tmp_path / "broken")}, (), ["$.server.data_dir", "not a database"]),
            ({"tls": {"cert": "/no.pem", "key": "/no.pem"}}, (), ["$.server.tls.cert", "/no.pem", "PEM"]),
            ({"tls": dict.fromkeys(("cert", "key"), str(tmp_path / "no.pem"))}, (), ["$.server.tls", "PEM"]),
            ({"prot": 1}, (), ["$.server.prot", "did you mean `port`"]),
        ]
        for server, args, words in cases:
            file = tmp_path / "gateway.yaml"
            file.write_text(yaml.safe_dump({"server": {**good, **server}}))
            assert main(["serve", "-c", str(file), *args]) == 2, server
            said = capsys.readouterr()
            assert not said.out
            for word in (*words, "hint: "):
                assert word in said.err, (server, said.err)
        assert main(["serve", "-c", str(tmp_path / "absent.yaml")]) == 2
        assert "absent.yaml" in capsys.readouterr().err
    for args in (("--port", "65536"), ("--workers", "0"), ("--workers", "-1"), ("--port", "²")):
        with pytest.raises(SystemExit) as stopped:
            main(["serve", "-c", str(file), *args])
        assert stopped.value.code == 2


def test_two_gateways_never_share_a_port(two: Gateway) -> None:
    """A second start on a port in use says so in its own process too, and harms the first in no way."""
    done = two.run_cli("serve", "-c", str(two.file), "--port", two.url.rpartition(":")[2], check=False)
    assert done.returncode == 2
    assert "`$.server.port`" in done.stderr
    assert ask(two).status_code == 200


# === processes that die ===


def test_a_worker_killed_five_times_is_always_back(fake: FakeUpstream, tmp_path: Path) -> None:
    """No number of deaths makes the gateway give up; the wait grows from 0.1 s and stays under 5 s."""
    with Gateway(tmp_path, config_for(fake.url)) as gateway:
        runs, times, seen = {run_of(ask(gateway))}, [], {None}
        for count in range(1, 6):
            pid = wait_until(lambda: (p := gateway.children().get("worker-0")) not in seen and p, 10, "the next worker")
            if count % 2:  # also one that is only just starting
                runs.add(run_of(ask(gateway, timeout=15)))
            os.kill(pid, signal.SIGKILL)
            seen.add(pid)
            times.append(time.monotonic())
            wait_until(lambda n=count: len(gateway.logs("process_died")) == n, 5, "the death is logged")
        assert times[-1] - times[0] < 10
        # the listening socket is the supervisor's: whoever asks meanwhile waits and is served
        runs.add(run_of(ask(gateway, timeout=15)))
        assert gateway.process is not None
        assert gateway.process.poll() is None
        waits = [line["restart_in_s"] for line in gateway.logs("process_died")]
        assert len(waits) == 5
        assert all(0.1 <= wait <= 5 for wait in waits)
        assert waits == sorted(waits)
        assert len(runs) >= 4
        assert gateway.stop() == 0
        assert gateway.run_cli("journal", "verify", "-c", str(gateway.file)).returncode == 0


def test_exchanges_go_on_without_the_control_plane(two: Gateway, fake: FakeUpstream) -> None:
    """Metrics are a clean 502 while it is away; then it is back and has counted what it missed."""
    os.kill(two.children()["control-plane"], signal.SIGKILL)

    def is_down() -> httpx.Response | None:
        got = httpx.get(f"{two.url}/-/metrics")
        return got if got.status_code == 502 else None

    assert wait_until(is_down, 3, "502").json()["error"]["code"] == "control_plane_down"
    missed = ask(two)
    assert missed.status_code == 200
    wait_until(lambda: httpx.get(f"{two.url}/-/metrics").status_code == 200, 10, "the control plane is back")
    token = (two.data_dir / "admin.token").read_text().strip()
    headers = {"authorization": f"Bearer {token}"}

    def knows() -> bool:
        return missed.headers["x-agentcc-request-id"] in httpx.get(f"{two.url}/-/exchanges", headers=headers).text

    wait_until(knows, 5, "the ledger has the exchange that it missed")


def test_the_control_plane_comes_back_while_the_file_is_bad(fake: FakeUpstream, tmp_path: Path) -> None:
    """A typo in the file costs no metrics, even when the control plane dies meanwhile."""
    with Gateway(tmp_path, config_for(fake.url)) as gateway:
        gateway.file.write_text("server: {hoost: 1}")
        wait_until(lambda: gateway.logs("config_rejected"), 3, "the workers have refused the file")
        os.kill(gateway.children()["control-plane"], signal.SIGKILL)
        wait_until(lambda: httpx.get(f"{gateway.url}/-/metrics").status_code == 502, 3, "it is away")
        wait_until(lambda: httpx.get(f"{gateway.url}/-/metrics").status_code == 200, 10, "it is back")


def test_workers_end_when_the_supervisor_is_killed(fake: FakeUpstream, tmp_path: Path) -> None:
    """Nobody is left behind; an open stream still ends as it should."""
    gateway = Gateway(tmp_path, config_for(fake.url, workers=2)).start()
    assert gateway.process is not None
    pids = gateway.children()
    assert set(pids) == {"worker-0", "worker-1", "control-plane"}
    held = Held(gateway, fake)
    gateway.kill()
    if gateway.process.stdout is not None:
        gateway.process.stdout.close()
    wait_until(lambda: is_refused(gateway.url), 3, "new connections are refused")
    held.release()
    assert held.is_whole(), (held.error, held.body)
    wait_until(lambda: all(map(is_gone, pids.values())), 5, "all processes are gone")
    assert gateway.record(held.headers["x-agentcc-request-id"])["outcome"] == "ok"


# === stopping ===


@pytest.mark.parametrize("interface", ["rsgi", "asgi"])
def test_sigterm_lets_open_streams_finish(fake: FakeUpstream, tmp_path: Path, interface: str) -> None:
    """New connections are refused, kept ones are told, and a stream ends as if nothing had happened; exit code 0."""
    gateway = Gateway(tmp_path, config_for(fake.url, interface=interface, drain_ms=8000)).start()
    assert gateway.process is not None
    held = Held(gateway, fake)
    with httpx.Client(base_url=gateway.url, timeout=5) as kept:
        assert kept.get("/readyz").status_code == 200
        gateway.process.send_signal(signal.SIGTERM)
        wait_until(lambda: is_refused(gateway.url), 3, "new connections are refused")
        with contextlib.suppress(httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError):
            # on the connection that was open it says so; a connection that was closed says it too
            assert (got := kept.get("/readyz")).status_code == 503, got.text
        assert gateway.process.poll() is None, "it waits for the stream"
        held.release()
    assert held.is_whole(), (held.error, held.body)
    assert gateway.stop() == 0
    assert gateway.record(held.headers["x-agentcc-request-id"])["outcome"] == "ok"
    assert gateway.run_cli("journal", "verify", "-c", str(gateway.file)).returncode == 0


@pytest.mark.parametrize("interface", ["rsgi", "asgi"])
def test_a_stream_longer_than_the_drain_ends_with_one_error_event(
    fake: FakeUpstream, tmp_path: Path, interface: str
) -> None:
    """Each dialect gets its own terminal event, once, and the journal its record; still exit code 0."""
    gateway = Gateway(tmp_path, config_for(fake.url, interface=interface, drain_ms=300)).start()
    terminals = {
        "openai.responses": b"event: response.failed\n",
        "openai.chat": b'data: {"error":',
        "anthropic.messages": b"event: error\n",
        "gemini.generate": b'\n{"error":',
    }
    streams = {dialect: Held(gateway, fake, dialect) for dialect in terminals}
    assert gateway.stop() == 0
    for dialect, held in streams.items():
        held.join()
        assert not held.error, (dialect, held.error)
        assert held.body.startswith(held.events[0])
        assert held.body.count(terminals[dialect]) == 1, (dialect, held.body)
        assert b"restarting" in held.body
        record = gateway.record(held.headers["x-agentcc-request-id"])
        assert (record["outcome"], record["error_code"]) == ("cut", "overloaded")
    assert gateway.run_cli("journal", "verify", "-c", str(gateway.file)).returncode == 0


# === reload ===


def changed(gateway: Gateway, edit: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The gateway's file with one change."""
    config: dict[str, Any] = yaml.safe_load(gateway.file.read_text())
    edit(config)
    return config


def point_alias_at(target: str) -> Callable[[dict[str, Any]], Any]:
    return lambda config: config["models"]["aliases"].update({"my-alias": f"openai/{target}"})


def test_a_changed_file_is_in_force_on_all_workers_within_two_seconds(two: Gateway, fake: FakeUpstream) -> None:
    """Every worker swaps it at once; an exchange under way keeps the version it began with, to its record."""
    held = Held(two, fake)
    old = held.headers["x-agentcc-policy-version"]
    reloads = len(two.logs("config_reloaded"))
    before = time.monotonic()
    two.write_config(changed(two, point_alias_at("gpt-4.1")))
    wait_until(lambda: len(two.logs("config_reloaded")) == reloads + 2, 5, "both workers reloaded")
    assert time.monotonic() - before < 2
    answers = ask_all(two)
    versions = {a.headers["x-agentcc-policy-version"] for a in answers}
    assert len(versions) == 1
    assert versions != {old}
    got = httpx.post(f"{two.url}/v1/responses", json={**ASK, "model": "my-alias"}, headers=AUTH)
    assert got.headers["x-agentcc-model-used"] == "openai/gpt-4.1"
    held.release()
    assert held.is_whole()
    assert two.record(held.headers["x-agentcc-request-id"])["policy_version"] == old
    assert two.record(answers[0].headers["x-agentcc-request-id"])["policy_version"] in versions


def test_sighup_reloads_at_once(two: Gateway, fake: FakeUpstream) -> None:
    """It does not wait for the next look at the file, which comes after 0.3 s at the soonest."""
    assert two.process is not None
    took = []
    for model in ("gpt-4.1-nano", "gpt-4.1", "gpt-4.1-mini", "gpt-5.5"):
        reloads = len(two.logs("config_reloaded"))
        two.write_config(changed(two, point_alias_at(model)))
        before = time.monotonic()
        two.process.send_signal(signal.SIGHUP)
        wait_until(lambda n=reloads: len(two.logs("config_reloaded")) == n + 2, 3, "both workers reloaded")
        took.append(time.monotonic() - before)
    assert min(took) < 0.28, took


def test_a_bad_file_keeps_the_old_version_and_says_why(two: Gateway, fake: FakeUpstream) -> None:
    """Whatever is wrong with it; a worker that dies meanwhile comes back with the last good version."""
    good = yaml.safe_load(two.file.read_text())
    version = ask(two).headers["x-agentcc-policy-version"]
    bad: list[tuple[str, str]] = [
        (yaml.safe_dump({**good, "provider": {}}), "hint: did you mean `providers`?"),
        (yaml.safe_dump({**good, "providers": {"opnai": {"api_key": "x"}}}), "hint: did you mean `openai`?"),
        ("server: [", "is not valid YAML"),
        ("a: &a [*a]", "is not valid YAML"),
        (yaml.safe_dump({**good, "cache": {}}), "`$.cache` is not served"),
        (yaml.safe_dump({**good, "budgets": {"org": {"limit": 0}}}), "`$.budgets.org.limit` is 0"),
    ]
    for text, words in bad:
        temporary = two.file.with_suffix(".new")
        temporary.write_text(text)
        temporary.replace(two.file)
        reasons = lambda w=words: [line for line in two.logs("config_rejected") if w in line["reason"]]  # noqa: E731
        wait_until(lambda r=reasons: len(r()) >= 2, 3, words)
        assert str(two.file) in reasons()[-1]["reason"]
        assert reasons()[-1]["kept"] == version
    assert {a.headers["x-agentcc-policy-version"] for a in ask_all(two)} == {version}
    pid = two.children()["worker-0"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: two.children().get("worker-0") not in (None, pid), 10, "worker-0 is started again")
    assert {a.headers["x-agentcc-policy-version"] for a in ask_all(two, workers=2)} == {version}
    rejected = len(two.logs("config_rejected"))
    two.file.unlink()
    wait_until(lambda: len(two.logs("config_rejected")) >= rejected + 2, 3, "an absent file is said too")
    two.write_config(good)
    assert ask(two).headers["x-agentcc-policy-version"] == version


def test_what_needs_a_restart_is_said(two: Gateway, fake: FakeUpstream) -> None:
    """A changed port is no error and no lie: the log names it."""
    good = yaml.safe_load(two.file.read_text())
    two.write_config(changed(two, lambda c: c["server"].update({"port": 4711, "drain_ms": 9})))
    lines = wait_until(lambda: (ls := two.logs("config_needs_restart"))[1:] and ls, 3, "both workers' warning")
    assert "`$.server.port`" in lines[0]["reason"]
    assert "`$.server.drain_ms`" in lines[0]["reason"]
    assert "workers" not in lines[0]["reason"]
    reloads = len(two.logs("config_reloaded"))
    two.write_config(good)
    wait_until(lambda: len(two.logs("config_reloaded")) >= reloads + 2, 3, "the old file again")
    assert ask(two).status_code == 200


def test_what_is_odd_is_logged_once_at_start_and_at_each_reload(fake: FakeUpstream, tmp_path: Path) -> None:
    """What `agentcc check` warns of, by one worker for all."""
    config = config_for(fake.url, workers=2)
    rule = {"name": "never", "when": "hour > 23", "use": ["my-alias"]}
    config["routing"] = {"ci": {"chain": ["my-alias"], "rules": [rule]}}
    with Gateway(tmp_path, config) as gateway:
        ask_all(gateway)  # both have started
        said = [(line["path"], line["problem"]) for line in gateway.logs("config_warning")]
        assert said == [
            ("$.routing.ci", "is used by no key of this file"),
            ("$.routing.ci.rules[0].when", "can never match: 'hour > 23'"),
        ]
        assert all(line["hint"] and line["process"] == "worker-0" for line in gateway.logs("config_warning"))
        del config["routing"]["ci"]["rules"]
        gateway.write_config(config)
        wait_until(lambda: len(gateway.logs("config_reloaded")) == 2, 3, "both workers reloaded")
        lines = wait_until(lambda: (ls := gateway.logs("config_warning"))[2:] and ls, 3, "the warning that is left")
        assert [line["path"] for line in lines[2:]] == ["$.routing.ci"]


# === keys ===


def test_keys_count_on_all_workers_at_once(two: Gateway, fake: FakeUpstream) -> None:
    """What `keys create`, `rotate` and `revoke` say is true when they have said it."""
    where = ("-c", str(two.file))
    secret = two.run_cli("keys", "create", "carol", "--team", "web", "-q", *where).stdout.strip()
    assert {a.status_code for a in ask_all(two, key=secret)} == {200}
    new = two.run_cli("keys", "rotate", "carol", "--overlap", "0", "-q", *where).stdout.strip()
    assert {a.status_code for a in ask_all(two, key=secret)} == {401}
    assert {a.status_code for a in ask_all(two, key=new)} == {200}
    two.run_cli("keys", "revoke", "carol", *where)
    answers = ask_all(two, key=new)
    assert {a.status_code for a in answers} == {401}
    assert "revoked" in answers[0].json()["error"]["message"]


# === TLS ===


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    directory = tmp_path_factory.mktemp("tls")
    cert, key = directory / "tls.crt", directory / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return str(cert), str(key)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl for HTTP/2")
@pytest.mark.parametrize("interface", ["rsgi", "asgi"])
def test_https_serves_both_versions_of_http(
    fake: FakeUpstream, tmp_path: Path, certificate: tuple[str, str], interface: str
) -> None:
    """TLS on the public port with HTTP/2 by ALPN; a client that leaves its h2 stream is noticed in time."""
    cert, key = certificate
    config = config_for(fake.url, interface=interface, tls={"cert": cert, "key": key})
    curl = ["curl", "-sS", "--no-buffer", "--cacert", cert, "-H", f"authorization: Bearer {KEY}", "-d", json.dumps(ASK)]
    with Gateway(tmp_path, config) as gateway:
        assert gateway.url.startswith("https://")
        for version in ("1.1", "2"):
            done = subprocess.run(
                [*curl, f"--http{version}", "-w", "\n%{http_version} %{http_code}", f"{gateway.url}/v1/responses"],
                check=True, capture_output=True, text=True, timeout=20,
            )  # fmt: skip
            assert done.stdout == f"{USAGE.decode()}\n{version} 200"
        fake.clear()
        gate, event = threading.Event(), STREAMS["openai.responses"][0]
        fake.answers.append(Answer(200, [("content-type", "text/event-stream")], [event, gate]))
        body = json.dumps({**ASK, "stream": True})
        with subprocess.Popen(
            [*curl[:-1], body, "--max-time", "20", "--http2", f"{gateway.url}/v1/responses"], stdout=subprocess.PIPE
        ) as leaving:
            assert leaving.stdout is not None
            assert leaving.stdout.readline()
            open_streams = fake.disconnected._value
            leaving.kill()
            before = time.monotonic()
            wait_until(lambda: fake.disconnected._value > open_streams, 3, "the provider's connection is closed")
            assert time.monotonic() - before < 1
        record = wait_until(lambda: [r for r in gateway.records() if r["outcome"] == "disconnected"], 3, "its record")[
            0
        ]
        assert (record["status"], record["cost_basis"]) == (499, "estimated")


# === what it tells ===


def test_metrics_are_there_for_this_machine_and_the_rest_for_the_token(two: Gateway, fake: FakeUpstream) -> None:
    """Over the public port from loopback; a client cannot vouch for itself."""

    def count() -> float:
        lines = httpx.get(f"{two.url}/-/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("agentcc_requests_total{"))

    before = count()
    assert ask(two).status_code == 200
    wait_until(lambda: count() > before, 5, "the exchange is counted")
    token = (two.data_dir / "admin.token").read_text().strip()
    for path in ("/-/spend", "/-/exchanges"):
        for headers in (
            {},
            AUTH,
            {"authorization": f"Bearer {token}x"},
            {"x-agentcc-forwarded-for": "127.0.0.1", "x-agentcc-forwarded-secret": ""},
        ):
            assert httpx.get(two.url + path, headers=headers).status_code == 401, (path, headers)
        assert httpx.get(two.url + path, headers={"authorization": f"Bearer {token}"}).status_code == 200


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _values(inner)
    elif not isinstance(value, list):
        yield value


def test_log_lines_are_json_without_secrets_and_bodies(two: Gateway, fake: FakeUpstream) -> None:
    """One line per exchange at info, with who and how much; never a key, a prompt or an answer."""
    got = ask(two)
    ask(two, key="sk-agentcc-nobody-knows-this-one")
    request_id = got.headers["x-agentcc-request-id"]

    def lines() -> list[dict[str, Any]]:
        return [line for line in two.logs("exchange") if request_id in json.dumps(line)]

    line = wait_until(lines, 5, "the exchange's line")[0]
    assert line["level"] == "info"
    assert {"alice@acme.dev", "platform", "openai/gpt-4.1-mini", "ok"} <= set(_values(line))
    assert len(lines()) == 1
    text = two.stderr()
    for written in text.splitlines():
        assert {"ts", "level", "process", "event"} <= set(json.loads(written)), written
    token = (two.data_dir / "admin.token").read_text().strip()
    for secret in (KEY, "sk-agentcc-nobody-knows", "sk-upstream-openai", token, "PROMPT-TEXT", "ANSWER-TEXT"):
        assert secret not in text, secret
