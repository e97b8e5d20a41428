"""A provider's stream that breaks off at any border between events: the client gets one terminal event, and keeps what it had.

At all borders of the streams that have up to 32 events; of longer ones at the first 16, the last 8 and 8 between. By the provider's
end of file, and at four of the borders also by a reset.
"""

import json
from collections.abc import Iterator
from functools import cache
from itertools import chain

import pytest

from gateway.dataplane.wire import Fault, Translation
from gateway.dataplane.wire.canon import Finish
from tests.dataplane.wire.cross.asking import asked
from tests.dataplane.wire.cross.corpus import Answering, answers, by_api
from tests.dataplane.wire.cross.heard import Frames, ends, frames, violations
from tests.dataplane.wire.cross.road import joined, translation
from tests.dataplane.wire.cross.said import Said, said_in
from tests.dataplane.wire.cross.targets import target
from tests.dataplane.wire.cross.test_answers import truth_of

_RESET = Fault("server", "the connection to the provider broke")


def _borders(count: int) -> list[int]:
    if count <= 32:
        return list(range(count))
    between = range(16, count - 8, (count - 24) // 8 + 1)
    return [*range(16), *between, *range(count - 8, count)]


@cache
def _streams(api: str, dialect: str) -> tuple[Answering, ...]:
    return tuple(one for one in answers(api, dialect) if one.events is not None)


def _asking(answer: Answering, truth: Said, client: str) -> Translation:
    return translation(asked(client, truth.calls, is_stream=True), target(answer.dialect, "lab", answer.model))


def _faults_of(answer: Answering, client: str) -> Iterator[str]:
    truth, events = truth_of(answer), answer.events or []
    whole = _asking(answer, truth, client)
    pieces = [whole.stream(joined(answer.dialect, [event])) for event in events]
    parsed = [frames(client, piece) for piece in pieces]
    everything = said_in(client, [*chain(*parsed), *frames(client, whole.end())])
    borders = _borders(len(events))
    for at in borders:
        had = list(chain(*parsed[:at]))
        for is_reset in (False, True) if at in borders[:: len(borders) // 4 + 1] else (False,):
            made = _asking(answer, truth, client)
            before = made.stream(joined(answer.dialect, events[:at]))
            last = made.fail(_RESET) if is_reset else made.end()
            if before != b"".join(pieces[:at]):
                yield f"{answer.name}, {at}: what was given already is not what is given otherwise"
            found = had + frames(client, last)
            for words in _wrong(client, made, before + last, found, said_in(client, had), everything):
                yield f"{answer.name}, {'reset' if is_reset else 'cut'} before event {at}: {words}"


def _wrong(client: str, made: Translation, wire: bytes, found: Frames, had: Said, everything: Said) -> Iterator[str]:
    if ends(client, found) != 1:
        yield f"{ends(client, found)} terminal events"
    yield from _ungrammatical(client, made, wire, found)
    got = said_in(client, found)
    if not (got.text.startswith(had.text) and everything.text.startswith(got.text)):
        yield f"{got.text[-40:]!r} after {had.text[-40:]!r}"
    is_over = isinstance(made.ended, Finish)
    if not is_over and got.stop != "error":
        yield f"no error was told, but {got.stop!r}"
    if is_over and not everything.error and got.stop != everything.stop:
        yield f"it ended as {got.stop!r}, not as {everything.stop!r}"


def _ungrammatical(client: str, made: Translation, wire: bytes, found: Frames) -> list[str]:
    words = violations(client, wire, found, has_shapes=False)
    if isinstance(made.ended, Fault):
        return [one for one in words if one != "the input of a call is no JSON"]  # what was cut was a call
    return [one for one in words if "usage" not in one]  # it came before the chunk that tells it


@pytest.mark.parametrize(("api", "dialect", "client"), by_api(has_answers=True))
def test_a_broken_stream_ends_once_and_keeps_what_was_given(api: str, dialect: str, client: str) -> None:
    """By the provider's end of file, and by a reset."""
    problems = [words for answer in _streams(api, dialect) for words in _faults_of(answer, client)]
    assert problems == []


def test_what_is_left_of_a_cut_is_told() -> None:
    """The test's own tools: a stream of our own, cut in its second delta."""
    (answer,) = [one for one in answers("own", "anthropic.messages") if one.events is not None]
    truth = truth_of(answer)
    texts = [at for at, (_, data) in enumerate(answer.events or ()) if b"text_delta" in data]
    made = _asking(answer, truth, "openai.responses")
    wire = made.stream(joined(answer.dialect, (answer.events or [])[: texts[1]])) + made.end()
    got = said_in("openai.responses", frames("openai.responses", wire))
    assert got.text == json.loads((answer.events or [])[texts[0]][1])["delta"]["text"]
    assert (got.stop, bool(got.error)) == ("error", True)
