"""What translation costs the event loop: a 60 KB Codex request written for each provider dialect, and an event of its stream."""

import contextlib
import json
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import bodies
from benchmarks.answer import Answer, Options
from benchmarks.rounds import Case, answer_cases
from gateway import _native
from gateway.dataplane.wire import CODECS, PathSays, Report, Target, Translation
from gateway.simulator.answer import Request, State, answer

label = "translation of Codex's Responses per request and per stream event, CPU-µs"

_EVENTS = 200
_PATHS = {
    "openai.responses": "/v1/responses",
    "openai.chat": "/v1/chat/completions",
    "anthropic.messages": "/v1/messages",
    "gemini.generate": "/v1beta/models/m:streamGenerateContent",
    "bedrock.converse": "/model/m/converse-stream",
}


class _Seals:
    """One organisation's seals."""

    def __init__(self) -> None:
        self._sealer = _native.Sealer(b"k" * 32)

    def seal(self, text: bytes) -> bytes:
        return self._sealer.seal(b"acme", text)

    def open(self, sealed: bytes) -> bytes | None:
        return self._sealer.open(b"acme", sealed)


_SEALS = _Seals()


def _frames(data: bytes) -> list[tuple[str, bytes]]:
    return [(name, payload) for _, name, payload in _native.split_eventstream(data)]


def _translated(dialect: str, body: bytes) -> Translation:
    turn = CODECS["openai.responses"].read_turn(body, PathSays())
    target = Target(dialect, "lab", "m", "", "lab", 32_000, 200_000)
    split: Callable[[bytes], list[tuple[str, bytes]]] = _frames if dialect == "bedrock.converse" else _native.split_sse
    return Translation(
        CODECS["openai.responses"], CODECS[dialect], turn, target,
        seals=_SEALS, report=Report(), request_id="req_1", now_s=0, split=split,
    )  # fmt: skip


def _pieces(dialect: str, request: bytes) -> list[bytes]:
    """The simulator's stream of `_EVENTS` text deltas, one event to a piece."""
    said = json.loads(request)
    said |= {"model": "m", "stream": True}
    headers = {"anthropic-version": "2023-06-01", "x-sim-scenario": "text", "x-sim-tokens": str(_EVENTS)}
    asked = Request("POST", _PATHS[dialect], "alt=sse", headers.get, json.dumps(said).encode())
    data = b"".join(chunk for _, chunk, *_ in answer(asked, State()).delivery.writes)
    if dialect != "bedrock.converse":
        end = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
        return [event + end for event in data.split(end) if event]
    pieces = []
    while data:
        size = int.from_bytes(data[:4], "big")
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def _stream(dialect: str, body: bytes, pieces: list[bytes]) -> bytes:
    translation = _translated(dialect, body)
    return b"".join(map(translation.stream, pieces)) + translation.end()


@contextlib.contextmanager
def setup(_options: Options) -> Iterator[list[Case]]:
    """A request and a stream for each provider dialect."""
    body = bodies.codex_turn(bodies.TURN, is_stream=True)
    small = bodies.codex_turn(bodies.SMALL, is_stream=True)
    cases = []
    for dialect in CODECS:
        if dialect == "openai.responses":
            continue
        cases.append(Case(f"60 KB request to {dialect}", partial(_translated, dialect, body)))
        pieces = _pieces(dialect, _translated(dialect, small).body)
        if len(pieces) < _EVENTS:
            raise RuntimeError(f"{dialect}: the stream has {len(pieces)} events")
        cases.append(Case(f"event of {dialect}", partial(_stream, dialect, small, pieces), len(pieces)))
    yield cases


def run(cases: list[Case], options: Options) -> Answer:
    """Time them side by side."""
    return answer_cases("translate", label, cases, options, ["pass-through: one native frame and one call, see `road`"])
