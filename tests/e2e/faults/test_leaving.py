"""Clients that leave while their request moves from one deployment to another: one record, nobody works on for them, nothing stays held.

The key may have one request open at a time, so a place that was not given back refuses the next one.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e import wires
from tests.fakes.upstream import Answer, FakeUpstream, json_answer, sse
from tests.harness import KEY, Gateway, config_for, wait_until

_SECOND = "gemini/gemini-2.5-flash"
_PRICE = {"input_per_mtok": 1, "output_per_mtok": 10}
_BROKEN = json_answer(b'{"error":{"message":"boom","type":"server_error"}}', 503)
_NOTICED_S = 0.2
"""Twice the time in which we promise to notice that a client has left."""
_SSE = [("content-type", "text/event-stream")]
_ROLE = wires.event({"id": "c1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
_FRAME = wires.event({"modelVersion": "gemini-2.5-flash", "usageMetadata": {"promptTokenCount": 10}})


class Gate(threading.Event):
    """Holds a provider up; `reached` once it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()

    def is_set(self) -> bool:
        self.reached.set()
        return super().is_set()


class World:
    """Two providers and a server of pictures, one of which waits at the gate."""

    def __init__(self) -> None:
        self.first, self.second, self.pictures = FakeUpstream(), FakeUpstream(), FakeUpstream()
        self.gate = Gate()

    def close(self) -> None:
        self.gate.set()
        for one in (self.first, self.second, self.pictures):
            one.close()

    def mute(self) -> Answer:
        """No headers until the gate opens."""
        return Answer(200, list(_SSE), [b""], hold_headers=self.gate)

    def stopping(self, *said: bytes) -> Answer:
        """A stream that says this, and ends when the gate opens."""
        return Answer(200, list(_SSE), [*said, self.gate])


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def _first_mute(world: World) -> FakeUpstream:
    world.first.default = world.mute()
    return world.first


def _first_frames(world: World) -> FakeUpstream:
    world.first.default = world.stopping(_ROLE)
    return world.first


def _picture(world: World) -> FakeUpstream:
    world.first.default = _BROKEN
    world.pictures.default = Answer(200, [("content-type", "image/png")], [b"x"], hold_headers=world.gate)
    return world.pictures


def _second_mute(world: World) -> FakeUpstream:
    world.first.default, world.second.default = _BROKEN, world.mute()
    return world.second


def _second_frames(world: World) -> FakeUpstream:
    world.first.default, world.second.default = sse(_ROLE, is_cut=True), world.stopping(_FRAME)
    return world.second


def _second_speaks(world: World) -> FakeUpstream:
    world.first.default, world.second.default = sse(_ROLE, is_cut=True), world.stopping(wires.GEMINI[0])
    return world.second


MOMENTS: dict[str, Callable[[World], FakeUpstream]] = {
    "before the first one's headers": _first_mute,
    "while frames of the first one wait": _first_frames,
    "between two attempts, while a picture is fetched": _picture,
    "before the second one's headers": _second_mute,
    "while frames of the second one wait": _second_frames,
    "while the second one is translated": _second_speaks,
}


def _gateway(world: World, place: Path, *, is_hard: bool) -> Gateway:
    made = config_for(world.first.url, limits={"fetch_private": True})
    made["providers"]["gemini"]["base_url"] = world.second.url
    made["models"]["prices"] = dict.fromkeys(["openai/gpt-4.1-mini", _SECOND], _PRICE)
    made["routing"] = {"default": {"chain": [_SECOND]}}
    made["budgets"] = {"keys": {"alice": {"concurrency": 1, "limit": 10, "hard": is_hard}}}
    return Gateway(place, made)


def _ask(world: World, moment: str) -> dict[str, Any]:
    content: Any = "hi"
    if "picture" in moment:
        image = {"type": "image_url", "image_url": {"url": f"{world.pictures.url}/picture.png"}}
        content = [{"type": "text", "text": "what is it?"}, image]
    messages = [{"role": "user", "content": content}]
    return {"model": "openai/gpt-4.1-mini", "stream": True, "messages": messages, "max_tokens": 50}


def _send_and_leave(gateway: Gateway, world: World, body: dict[str, Any]) -> None:
    """Ask, and hang up once a provider waits at the gate."""
    at = urlsplit(gateway.url)
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
    with socket.create_connection((at.hostname or "", at.port or 0), timeout=10) as connection:
        connection.sendall(head.encode() + f"content-length: {len(data)}\r\n\r\n".encode() + data)
        assert world.gate.reached.wait(10)


def _held_nusd(gateway: Gateway) -> int:
    listed = gateway.run_cli("budgets", "list", "--json", "-c", str(gateway.file)).stdout
    return sum(int(row["held_nusd"]) for row in json.loads(listed))


@pytest.mark.parametrize("is_hard", [False, True], ids=["soft", "hard"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_client_that_leaves(world: World, tmp_path: Path, moment: str, is_hard: bool) -> None:
    """Under a hard budget a provider that works already is read to its end, for its word on the cost; else it is left at once."""
    waiting = MOMENTS[moment](world)
    with _gateway(world, tmp_path, is_hard=is_hard) as gateway:
        _send_and_leave(gateway, world, _ask(world, moment))
        if is_hard and waiting is not world.pictures:
            time.sleep(_NOTICED_S)
            world.gate.set()
        else:
            assert waiting.disconnected.acquire(timeout=5)
        (record,) = wait_until(gateway.records, what="a record")
        assert (record["outcome"], record["status"]) == ("disconnected", 499)
        assert len(record["hops"]) == ("second" in moment or "picture" in moment)
        assert (record["cost_nusd"] > 0) == (waiting is not world.pictures)
        world.gate.set()
        world.first.default = sse(*wires.CHAT)
        got = httpx.post(
            f"{gateway.url}/v1/chat/completions",
            json=_ask(world, ""),
            headers={"authorization": f"Bearer {KEY}"},
            timeout=30,
        )
        assert got.status_code == 200, got.text
        assert len(gateway.records()) == 2
        wait_until(lambda: _held_nusd(gateway) == 0, what="nothing is held")
        assert gateway.stop() == 0
        gateway.run_cli("journal", "verify", "-c", str(gateway.file))
        assert not gateway.logs("bug")
