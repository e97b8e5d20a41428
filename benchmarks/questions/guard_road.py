"""What the guardrails' default profile costs an exchange, beside all of them off (issue 7: 150 µs for a first turn, 90 for the next, 3 for an event)."""

import contextlib
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import bodies
from benchmarks.answer import Answer, Options
from benchmarks.fake import road, walk
from benchmarks.rounds import Case, answer_cases
from gateway import _native
from gateway.dataplane.flow import Pipeline

label = "guardrails off and in the default profile, CPU-µs per exchange, of a stream per event (no sockets)"

_BATCH = 20
_EVENTS = 1000
_NEW_BYTES = 2048
_PROFILES: dict[str, dict[str, Any]] = {"off": {"enabled": False}, "default": {}}


@contextlib.contextmanager
def setup(_options: Options) -> Iterator[list[Case]]:
    """First turns of which the worker knows nothing, or what each session has; the next one with 2 KB more, one that it knows, a small one; a stream of words."""
    turn = bodies.codex_turn(bodies.TURN, is_stream=False)
    code = bodies.codex_turn(bodies.TURN, is_stream=False, has_source=True)
    with contextlib.ExitStack() as stack:
        cases = []
        for name, guardrails in _PROFILES.items():
            home = stack.enter_context(tempfile.TemporaryDirectory())
            pipeline = stack.enter_context(road(Path(home), guardrails=guardrails))
            if pipeline.policy.guard is not None:
                pipeline.policy.guard.load()
            small = bodies.codex_turn(bodies.SMALL, is_stream=False)
            once: dict[str, Callable[[], None]] = {
                "first turn, 60 KB": partial(_first, pipeline, turn),
                "first turn, code, 60 KB": partial(_first, pipeline, code),
                "another session's, code": partial(_another, pipeline, code, itertools.count()),
                "next turn, +2 KB": partial(_next, pipeline, turn, itertools.count()),
                "known turn, 60 KB": partial(walk, pipeline, turn, 0, 1),
                "known turn, 0.3 KB": partial(walk, pipeline, small, 0, 1),
            }
            cases += [Case(f"{what}, {name}", partial(_again, run), _BATCH) for what, run in once.items()]
            words = bodies.codex_turn(bodies.SMALL, is_stream=True)
            cases.append(Case(f"event of a stream, {name}", partial(walk, pipeline, words, _EVENTS, 1), _EVENTS))
        yield cases


def run(cases: list[Case], options: Options) -> Answer:
    """Time them side by side."""
    return answer_cases("guard_road", label, cases, options)


def _again(once: Callable[[], None]) -> None:
    for _ in range(_BATCH):
        once()


def _first(pipeline: Pipeline, body: bytes) -> None:
    guard = pipeline.policy.guard
    if guard is not None:
        guard.memo = _native.TextMemo(1, 1000)
    walk(pipeline, body, 0, 1)


def _another(pipeline: Pipeline, body: bytes, numbers: "itertools.count[int]") -> None:
    """The first turn of another session: the agent's own instructions and tools are known, nothing of what its tools gave is."""
    walk(pipeline, body.replace(b"Output:", b"Output %d:" % next(numbers)), 0, 1)


def _next(pipeline: Pipeline, body: bytes, numbers: "itertools.count[int]") -> None:
    """The turn with another tool result at its end, which no other request had."""
    said = f"{next(numbers)} {bodies.prose(_NEW_BYTES)}"
    item = json.dumps({"type": "function_call_output", "call_id": "call_1", "output": said}).encode()
    head, tail = body.split(b'],"tools":', 1)
    walk(pipeline, b'%s,%s],"tools":%s' % (head, item, tail), 0, 1)
