"""Every recorded answer, translated for a client of every other dialect: it obeys the client's grammar and says what was recorded.

What was recorded is read by `said`, which knows no code of ours, and so is what the client got: text, calls with their arguments
and order, why it stopped, what it used. Streams are given event by event, all at once and in pairs, and whole answers also to
clients that asked for a stream.
"""

import json
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest

from gateway.base.core.errors import UpstreamProtocolError
from gateway.dataplane.wire import CODECS, Translation
from tests.dataplane.wire.converse.shapes import FILE as SHAPES
from tests.dataplane.wire.cross.asking import asked
from tests.dataplane.wire.cross.corpus import SHORT, Answering, Events, answers, apis, by_api
from tests.dataplane.wire.cross.explained import Problem, idle, table, unexplained
from tests.dataplane.wire.cross.heard import ends, frames, violations
from tests.dataplane.wire.cross.parsed import rejected, rejected_whole
from tests.dataplane.wire.cross.road import joined, translation
from tests.dataplane.wire.cross.said import Said, said_by, said_in
from tests.dataplane.wire.cross.targets import target


def truth_of(answer: Answering) -> Said:
    """What was recorded."""
    if answer.events is None:
        return said_by(answer.dialect, answer.body)
    decoded = [(name, "[DONE]" if data == b"[DONE]" else json.loads(data)) for name, data in answer.events]
    return said_in(answer.dialect, decoded)


def differences(got: Said, truth: Said) -> Iterator[str]:
    """What a client heard otherwise than it was said."""
    if got.text + got.refusal != truth.text + truth.refusal:
        yield f"text: {got.text + got.refusal!r:.100} instead of {truth.text + truth.refusal!r:.100}"
    if not _are_same(got.calls, truth.calls):
        yield f"calls: {got.calls!r:.120} instead of {truth.calls!r:.120}"
    if got.stop != truth.stop and not (truth.refusal and got.stop == "filter"):
        yield f"stop: {got.stop} {got.error:.60} instead of {truth.stop}"
    if truth.usage and not got.usage:
        yield "usage: none"
    for name, count in got.usage.items():
        if name in truth.usage and count != truth.usage[name]:
            yield f"usage: {count} {name} instead of {truth.usage[name]}"


def _are_same(got: list[tuple[str, Any]], truth: list[tuple[str, Any]]) -> bool:
    """Freeform input, and arguments that were cut off, may be wrapped where a dialect has only objects."""
    if len(got) != len(truth):
        return False
    return all(
        one[0] == other[0] and (one[1] == other[1] or (isinstance(other[1], str) and one[1] == {"input": other[1]}))
        for one, other in zip(got, truth, strict=True)
    )


def _asking(answer: Answering, truth: Said, client: str, *, is_stream: bool) -> Translation:
    return translation(asked(client, truth.calls, is_stream=is_stream), target(answer.dialect, "lab", answer.model))


def _stream_problems(answer: Answering, events: Events, truth: Said, client: str) -> Iterator[str]:
    singly = _asking(answer, truth, client, is_stream=True)
    wire = b"".join(singly.stream(joined(answer.dialect, [event])) for event in events) + singly.end()
    for size, how in ((len(events), "at once"), (2, "in pairs")):
        again = _asking(answer, truth, client, is_stream=True)
        pieces = [joined(answer.dialect, events[at : at + size]) for at in range(0, len(events), size)]
        if b"".join([*map(again.stream, pieces), again.end()]) != wire:
            yield f"differs when the events come {how}"
    if singly.skipped:
        yield f"skipped {singly.skipped} events"
    yield from _wire_problems(wire, truth, client)


def _wire_problems(wire: bytes, truth: Said, client: str) -> Iterator[str]:
    found = frames(client, wire)
    yield from (f"grammar: {words}" for words in violations(client, wire, found, has_shapes=SHAPES.exists()))
    if ends(client, found) != 1:
        yield f"grammar: {ends(client, found)} terminal events"
    yield from (f"sdk: {words}" for words in rejected(client, found))
    yield from differences(said_in(client, found), truth)


def _whole_problems(answer: Answering, truth: Said, client: str) -> Iterator[str]:
    raw = json.dumps(answer.body).encode()
    try:
        body = json.loads(_asking(answer, truth, client, is_stream=False).whole(raw))
    except UpstreamProtocolError as exc:
        yield f"refused: {exc.message}"
        return
    yield from (f"sdk: {words}" for words in rejected_whole(client, body))
    yield from differences(said_by(client, body), truth)
    wire = _asking(answer, truth, client, is_stream=True).whole(raw)
    yield from (f"as a stream: {words}" for words in _wire_problems(wire, truth, client))


@cache
def _judged(api: str, dialect: str, client: str) -> tuple[Problem, ...]:
    place = f"{api}: {SHORT[dialect]} → {SHORT[client]}"
    found: list[Problem] = []
    for answer in answers(api, dialect):
        truth = truth_of(answer)
        if answer.events is None:
            words = _whole_problems(answer, truth, client)
        else:
            words = _stream_problems(answer, answer.events, truth, client)
        found += [Problem(place, answer.name, one) for one in dict.fromkeys(words)]
    return tuple(found)


@pytest.mark.parametrize(("api", "dialect", "client"), by_api(has_answers=True))
def test_a_client_hears_what_was_said(api: str, dialect: str, client: str) -> None:
    """Whole answers and streams."""
    assert answers(api, dialect)
    assert unexplained("answers", _judged(api, dialect, client)) == []


def test_each_exception_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    """What has become right is taken out of exceptions.json. Prints the counts."""
    problems: list[Problem] = []
    cells: dict[tuple[str, str], tuple[int, int]] = {}
    for dialect in CODECS:
        for api, client in product(apis(dialect), CODECS):
            count = len(answers(api, dialect))
            if client == dialect or not count:
                continue
            judged = _judged(api, dialect, client)
            row: Any = f"{api}.{SHORT[dialect]}" if api == "own" else api
            cells[row, SHORT[client]] = (count - len({one.file for one in judged}), count)
            problems += judged
    table("answers heard as they were said, whole and streamed", cells, capsys)
    assert idle("answers", problems) == []
