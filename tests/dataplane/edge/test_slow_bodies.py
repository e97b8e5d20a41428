"""A short body that is slow to come: its sender is looked at before it, and it is waited for no longer than any other."""

import json
import socket
import time

from tests.e2e.wires import request
from tests.fakes.upstream import FakeUpstream
from tests.harness import DENIED, KEY, Gateway

BODY = json.dumps(request("openai.responses", stream=False)).encode()
BODY_TIMEOUT_S = 3.0


def _begin(gateway: Gateway, key: str) -> socket.socket:
    """A request whose body is announced and half sent."""
    host, port = gateway.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {len(BODY)}\r\n\r\n"
    )
    raw = socket.create_connection((host, int(port)), timeout=BODY_TIMEOUT_S + 5)
    raw.sendall(head.encode() + BODY[:20])
    return raw


def test_a_wrong_key_is_refused_before_its_body_is_here(gateway: Gateway) -> None:
    began = time.monotonic()
    with _begin(gateway, DENIED) as raw:
        assert raw.recv(65536).startswith(b"HTTP/1.1 401")
    # what is still to come is waited for a little, so that a client that only writes gets to read our words
    assert time.monotonic() - began < BODY_TIMEOUT_S - 0.4


def test_a_body_that_comes_late_is_served(gateway: Gateway, fake: FakeUpstream) -> None:
    with _begin(gateway, KEY) as raw:
        time.sleep(0.6)  # longer than it takes to be late
        assert not fake.received
        raw.sendall(BODY[20:])
        assert raw.recv(65536).startswith(b"HTTP/1.1 200")
    assert json.loads(fake.received[0].body)["input"] == "hi"


def test_a_body_that_never_comes_is_given_up(gateway: Gateway) -> None:
    began = time.monotonic()
    with _begin(gateway, KEY) as raw:
        assert raw.recv(65536).startswith(b"HTTP/1.1 408")
    assert BODY_TIMEOUT_S - 0.5 < time.monotonic() - began < BODY_TIMEOUT_S + 3
    assert gateway.records()[-1]["error_code"] == "body_timeout"


def test_a_client_that_leaves_in_its_body(gateway: Gateway) -> None:
    """It has one record, as a request that was never whole."""
    before = len(gateway.records())
    _begin(gateway, KEY).close()
    deadline = time.monotonic() + 5
    while len(gateway.records()) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gateway.records()[-1]["error_code"] in ("bad_request", "client_disconnected")
