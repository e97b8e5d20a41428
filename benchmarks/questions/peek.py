"""The peek (check a whole body, find a few fields) against decoding it."""

import json
from functools import partial

import msgspec
import orjson

from benchmarks import bodies
from benchmarks.answer import Answer, Options
from benchmarks.rounds import Case, answer_cases
from gateway import _native
from gateway.dataplane.wire import DIALECTS

label = "peek at a request body, CPU-µs per body"

_KEYS = (b"model", b"stream", b"max_output_tokens")


class _View(msgspec.Struct):
    model: str
    stream: bool = False
    max_output_tokens: int | None = None


def setup(_options: Options) -> list[Case]:
    """Five ways for each size."""
    dialect = DIALECTS["openai.responses"]
    view = msgspec.json.Decoder(_View)
    cases = []
    for name, size in (("0.3 KB", bodies.SMALL), ("60 KB", bodies.TURN), ("400 KB", bodies.LONG)):
        body = bodies.codex_turn(size)
        cases += [
            Case(f"{name} scan_object", partial(_native.scan_object, body, _KEYS, 512)),
            Case(f"{name} dialect.peek", partial(dialect.peek, body, 512)),
            Case(f"{name} msgspec view", partial(view.decode, body)),
            Case(f"{name} msgspec full", partial(msgspec.json.decode, body)),
            Case(f"{name} orjson full", partial(orjson.loads, body)),
            Case(f"{name} json full", partial(json.loads, body)),
        ]
    return cases


def run(cases: list[Case], options: Options) -> Answer:
    """Time them side by side."""
    note = "The msgspec view skips what it does not want without checking it: it lets invalid UTF-8 and repeated keys pass."
    return answer_cases("peek", label, cases, options, [note])
