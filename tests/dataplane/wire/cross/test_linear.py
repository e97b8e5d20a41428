"""Many small things take a time that grows with their number, not with its square: else one client, or one provider, could hold
a worker for minutes with a body that is not even large.

Measured is CPU time, of a count and of four times as many: that may take up to 8 times as long, where the square would take 16 times.
What takes less than a few milliseconds is not measured well, and does not matter.

Each shape of a request is written for three providers, each from another client, and each shape of an answer goes to one client; with
AGENTCC_TESTS=all all pairs are tried, and seven times as many things.
"""

import gc
import json
from collections.abc import Callable, Iterator
from functools import partial
from math import inf
from time import thread_time
from typing import Any

import pytest

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire import CODECS, Translation
from gateway.dataplane.wire.canon import Finish
from tests.dataplane.wire.cross.asking import asked
from tests.dataplane.wire.cross.corpus import SHORT
from tests.dataplane.wire.cross.crowds import ANSWERS, OF_DIALECT, REQUESTS, Talk, path_of
from tests.dataplane.wire.cross.full import IS_FULL
from tests.dataplane.wire.cross.road import joined, read, translation
from tests.dataplane.wire.cross.targets import TARGETS, target

_COUNT = 5000 if IS_FULL else 700
_LEAST_S = 0.01
_MOST_TIMES = 8
_TRIES = 6
_OLD = target("gemini.generate", "gemini", "gemini-1.5-pro")
"""Takes the older form of schemas."""


def _cpu_s(step: Callable[[], object]) -> float:
    gc.disable()
    try:
        began = thread_time()
        step()
        return thread_time() - began
    finally:
        gc.enable()


def _is_linear(prepared: Callable[[int], Callable[[], object]]) -> bool:
    """By the least of several times each: beside something else, or on a processor that slows down, one alone says little."""
    many_s = few_s = inf
    for _ in range(_TRIES):
        many_s = min(many_s, _cpu_s(prepared(4 * _COUNT)))
        few_s = min(few_s, _cpu_s(prepared(_COUNT)))
        if many_s < max(_LEAST_S, _MOST_TIMES * few_s):
            return True
    return False


def _pairs() -> Iterator[Any]:
    dialects = list(CODECS)
    for at, name in enumerate(REQUESTS):
        for place, other in enumerate(dialects):
            if not IS_FULL and (at + place) % len(dialects) > 2:
                continue
            clients = [one for one in dialects if one != other]
            for dialect in clients if IS_FULL else [clients[(at + place) % len(clients)]]:
                yield pytest.param(dialect, name, other, id=f"{name}-{SHORT[dialect]}-{SHORT[other]}".replace(" ", "_"))


def _translating(dialect: str, shape: Callable[[Talk, int], Talk], other: str, count: int) -> Callable[[], object]:
    raw = json.dumps(shape(Talk(dialect), count).body()).encode()
    one = _OLD if other == "gemini.generate" else TARGETS[other][0]

    def step() -> None:
        try:
            translation(read(dialect, raw, path_of(dialect)), one)
        except BadRequest:
            pass  # to refuse it is an answer, too

    return step


@pytest.mark.parametrize(("dialect", "name", "other"), list(_pairs()))
def test_requests_take_linear_time(dialect: str, name: str, other: str) -> None:
    """Messages, parts, calls and results in every order, tools, schemas."""
    assert _is_linear(partial(_translating, dialect, REQUESTS[name], other))


@pytest.mark.parametrize(("dialect", "name"), [(dialect, name) for dialect, own in OF_DIALECT.items() for name in own])
def test_what_one_dialect_alone_can_say_takes_linear_time(dialect: str, name: str) -> None:
    """Namespaces, results by name, marks on blanks."""
    other = next(one for one in CODECS if one != dialect)
    assert _is_linear(partial(_translating, dialect, OF_DIALECT[dialect][name], other))


def _streaming(dialect: str, name: str, client: str, count: int) -> Callable[[], object]:
    events = [(kind, json.dumps(data).encode()) for kind, data in ANSWERS[dialect][name](count)]
    turn = asked(client, [], is_stream=True)
    turn.stop = ["never met", "nor this"]
    made = translation(turn, target(dialect, "lab", "m"))
    pieces = [joined(dialect, [event]) for event in events]

    def step() -> None:
        for piece in pieces:
            made.stream(piece)
        made.end()
        assert isinstance(made.ended, Finish)

    return step


def _collecting(dialect: str, name: str, client: str, count: int) -> Callable[[], object]:
    events = [(kind, json.dumps(data).encode()) for kind, data in ANSWERS[dialect][name](count)]
    made: Translation = translation(asked(client, [], is_stream=False), target(dialect, "lab", "m"))
    return partial(made.collected, joined(dialect, events))


def _answers() -> Iterator[Any]:
    for dialect, shapes in ANSWERS.items():
        others = [one for one in CODECS if one != dialect]
        for at, name in enumerate(shapes):
            for client in others if IS_FULL else [others[at % len(others)]]:
                words = f"{SHORT[dialect]}-{name}-{SHORT[client]}".replace(" ", "_")
                yield pytest.param(dialect, name, client, id=words)


@pytest.mark.parametrize(("dialect", "name", "client"), list(_answers()))
def test_answers_take_linear_time(dialect: str, name: str, client: str) -> None:
    """Event by event, and collected."""
    assert _is_linear(partial(_streaming, dialect, name, client))
    assert _is_linear(partial(_collecting, dialect, name, client))
