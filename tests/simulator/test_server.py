"""The running simulator: what leaves the socket, and how the process lives and ends."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest

from gateway.simulator import READY, start
from tests.simulator.asking import DIALECTS, ask, events


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_served(http: httpx.Client, dialect: str) -> None:
    """JSON and SSE of each dialect over a real socket."""
    path, body = ask(dialect, "[[sim:text]]")
    assert http.post(path, json=body).json()
    path, body = ask(dialect, "[[sim:text]]", stream=True)
    answer = http.post(path, json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert len(events(answer.content)) > 10


@pytest.mark.parametrize("size", [1, 7])
def test_chunks_do_not_change_the_bytes(http: httpx.Client, size: int) -> None:
    """A stream in one-byte chunks is the same stream."""
    path, body = ask("messages", "[[sim:text]]", stream=True)
    whole = http.post(path, json=body).content
    assert http.post(path, json=body, headers={"x-sim-chunk-bytes": str(size)}).content == whole


def until_broken(client: httpx.Client, path: str, body: dict[str, Any]) -> tuple[bytes, bool]:
    """(bytes received, whether the connection broke) of one request."""
    got = b""
    try:
        with client.stream("POST", path, json=body) as answer:
            assert answer.status_code == 200
            for chunk in answer.iter_raw():
                got += chunk
    except httpx.TransportError:
        return got, True
    return got, False


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("args", ["after=3", "at=100", "at=100;rst=1"])
def test_cut_drops_the_socket(http: httpx.Client, args: str, stream: bool) -> None:
    """`cut` sends exactly what it says, then the connection breaks: no client takes it for a complete answer."""
    got, broken = until_broken(http, *ask("chat", f"[[sim:cut {args}]]", stream=stream))
    assert broken
    if args.startswith("at"):
        assert len(got) == 100
    elif stream:
        assert len(events(got)) == 3


def test_close_sends_nothing(http: httpx.Client) -> None:
    """`close` ends the connection before a status line."""
    path, body = ask("chat", "[[sim:close]]")
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(path, json=body)


def test_stall_keeps_the_socket_open(http: httpx.Client) -> None:
    """`stall` sends its events and then nothing, until its time is over and the socket is dropped."""
    began = time.monotonic()
    got, broken = until_broken(http, *ask("responses", "[[sim:stall after=2;secs=0.3]]", stream=True))
    assert broken
    assert len(events(got)) == 2
    assert time.monotonic() - began >= 0.3


def test_pacing_takes_its_time(http: httpx.Client) -> None:
    """First token after `first_token_ms`, then one per `token_ms`; the opening events come at once."""
    path, body = ask("responses", "hi", stream=True)
    headers = {"x-sim-scenario": "text", "x-sim-first-token-ms": "150", "x-sim-token-ms": "20", "x-sim-tokens": "6"}
    began, times = time.monotonic(), []
    with http.stream("POST", path, json=body, headers=headers) as answer:
        for chunk in answer.iter_raw():
            times += [time.monotonic() - began] * chunk.count(b"response.output_text.delta\ndata")
    assert len(times) == 6
    assert times[0] >= 0.15
    assert times[-1] >= 0.25


def test_slow_headers_come_late(http: httpx.Client) -> None:
    """`slow_headers` holds back the status line."""
    began = time.monotonic()
    path, body = ask("chat", "[[sim:slow_headers ms=200]]")
    assert http.post(path, json=body).status_code == 200
    assert time.monotonic() - began >= 0.2


def test_big_answers_are_whole(http: httpx.Client) -> None:
    """`big` is one JSON answer of the asked size."""
    path, body = ask("chat", "[[sim:big kb=2048]]", stream=True)
    text = http.post(path, json=body).json()["choices"][0]["message"]["content"]
    assert len(text) == 2048 * 1024


def test_log_tells_what_came(http: httpx.Client) -> None:
    """The log has method, path, status, scenario, hash and credential of each request; bodies on request; reset clears."""
    path, body = ask("chat", "[[sim:text]]")
    raw = json.dumps(body).encode()
    http.post(path, content=raw, headers={"authorization": "Bearer sk-up", "content-type": "application/json"})
    (entry,) = http.get("/__sim/log").json()
    assert (entry["method"], entry["path"], entry["status"], entry["scenario"]) == ("POST", path, 200, "text")
    assert entry["sha256"] == hashlib.sha256(raw).hexdigest()
    assert entry["credential"] == {
        "header": "authorization",
        "scheme": "Bearer",
        "sha256": hashlib.sha256(b"sk-up").hexdigest(),
    }
    assert "body" not in entry
    assert json.loads(http.get("/__sim/log?bodies=1").json()[0]["body"]) == body
    http.post("/__sim/reset")
    assert http.get("/__sim/log").json() == []


def test_port_in_use_is_an_error(url: str) -> None:
    """A second simulator on the same port says so and ends with 2."""
    port = url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "gateway.simulator", "--port", port],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


def test_wrong_scenario_file_is_an_error(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A scenario file with an unknown scenario ends with 2 and names it."""
    file = tmp_path / "s.yaml"
    file.write_text("- {match: x, scenario: lop}\n")
    done = subprocess.run(
        [sys.executable, "-m", "gateway.simulator", "--scenario-file", str(file)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "no scenario `lop`" in done.stderr


def test_scenario_file_is_followed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Entries of a scenario file choose by prompt or model."""
    file = tmp_path / "s.yaml"
    file.write_text("- match: ^gpt-4\n  scenario: error\n  args: {status: 418, message: teapot}\n")
    simulator = start("--scenario-file", str(file))
    try:
        answer = httpx.post(f"{simulator.url}/v1/responses", json={"model": "gpt-4.1", "input": "hi"})
        assert (answer.status_code, answer.json()["error"]["message"]) == (418, "teapot")
    finally:
        simulator.stop()


def test_ends_on_sigterm_with_an_open_stream() -> None:
    """SIGTERM ends the process with 0 although a stream is stalled."""
    simulator = start()
    path, body = ask("responses", "[[sim:stall after=1]]", stream=True)
    with httpx.Client(timeout=20) as client:
        answer = client.send(client.build_request("POST", simulator.url + path, json=body), stream=True)
        assert next(answer.iter_raw())
        simulator.process.send_signal(signal.SIGTERM)
        assert simulator.process.wait(timeout=10) == 0
        answer.close()
    simulator.stop()


def test_dies_with_its_parent() -> None:
    """A simulator started as a child is gone soon after its parent was killed."""
    code = "from gateway.simulator import start; s = start(); print(s.url, s.process.pid, flush=True); import time; time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    address, pid = parent.stdout.readline().split()
    assert httpx.get(address + "/v1/models").status_code == 200
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not port_is_free(int(address.rpartition(":")[2])):
        time.sleep(0.05)  # polling for another process's end; bounded by the deadline
    assert port_is_free(int(address.rpartition(":")[2])), f"simulator {pid} outlived its parent"


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_ready_line_is_first(url: str) -> None:
    """The first line on stdout is the address, so that a parent can read it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.simulator", "--port", "0", "--parent-pid", str(os.getpid())],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.terminate()
    assert process.wait(timeout=10) == 0
    process.stdout.close()
    assert line.startswith(READY + "http://127.0.0.1:")
