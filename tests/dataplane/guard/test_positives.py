"""Where a secret may stand × client dialect: whatever the scanner finds in a text, the guard takes out of each of these places.

With the shared samples that is some 1,200 texts of 133 kinds, each in one dialect; `AGENTCC_ALL_POSITIVES=1` takes all 3,600, each in all of
them (minutes), and is what docs/reference/guardrails-matrix.md was made of:

    AGENTCC_ALL_POSITIVES=1 AGENTCC_WRITE_RESULTS=1 .venv/bin/python -m pytest tests/dataplane/guard/test_positives.py; make goldens
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.base.config import parse
from gateway.dataplane.guard.inspection import Inspection
from gateway.dataplane.guard.policy import Guard
from gateway.dataplane.guard.request import look
from gateway.dataplane.guard.scan import Scan
from tests.dataplane.guard.answer import streams
from tests.dataplane.guard.positives import OWN, SAMPLES, Positive, shared
from tests.e2e.guarded import PATHS, PLACES, body

pytestmark = pytest.mark.slow
IS_ALL = bool(os.environ.get("AGENTCC_ALL_POSITIVES"))
RESULTS = Path(__file__).with_name("positives.json")
DIALECTS = tuple(PATHS)
COLUMNS = (*PLACES, "JSON in a result", "written as \\u escapes", "answer, whole", "answer, split in the secret")
_CAUGHT: Counter[tuple[str, str]] = Counter()
_ASKED: Counter[tuple[str, str]] = Counter()


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Guard:
    """Which redacts everywhere."""
    section = {"secrets": {"mode": "redact", "answers": "redact"}, "pii": {"mode": "off"}, "injection": {"mode": "off"}}
    config = parse(json.dumps({"guardrails": section}).encode()).config.guardrails
    return Guard(config, "gateway.yaml", b"k" * 32, str(tmp_path_factory.mktemp("databases")))


def is_found(scan: Scan, one: Positive) -> bool:
    """Whether the scanner finds it in the plain text: what it misses there is not the guard's matter."""
    text = one.text.encode()
    return one.secret.encode() not in b"".join(_left(text, scan))


def _left(text: bytes, scan: Scan) -> Iterator[bytes]:
    at = 0
    for found in sorted(scan.scan(text), key=lambda each: each.start):
        yield text[at : max(at, found.start)] + b"\0"
        at = max(at, found.end)
    yield text[at:]


@pytest.fixture(scope="module")
def positives(guard: Guard) -> list[Positive]:
    return [one for one in (*OWN, *shared()[:: 1 if IS_ALL else 3]) if is_found(guard.scan, one)]


def _written(dialect: str, column: str, text: str) -> bytes:
    """A request with the text in one place."""
    if column == "JSON in a result":
        return json.dumps(body(dialect, results=json.dumps({"output": text, "code": 0}))).encode()
    if column == "written as \\u escapes":
        units = text.encode("utf-16-be")
        escaped = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
        return json.dumps(body(dialect, user="HERE")).replace("HERE", escaped).encode()
    return json.dumps(body(dialect, **{column: text})).encode()


def _strings(value: Any) -> Iterator[str]:
    """All that a body says, also in JSON inside of a string."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str):
        yield value
        if value[:1] in ("{", "["):
            try:
                yield from _strings(json.loads(value))
            except ValueError:
                pass


def _leaves(guard: Guard, dialect: str, column: str, one: Positive) -> bool:
    """Whether the secret gets through."""
    if column.startswith("answer"):
        at = one.text.index(one.secret) + len(one.secret) // 2
        pieces = [one.text] if column == "answer, whole" else [one.text[:at], one.text[at:]]
        return one.secret in _answered(guard, dialect, pieces)
    done = look(guard, guard.scan, _written(dialect, column, one.text), dialect, 512, lambda match: False, lambda: True)
    return any(one.secret in text for text in _strings(json.loads(done.body)))


def _answered(guard: Guard, dialect: str, pieces: list[str]) -> str:
    """What a client reads of a stream whose words come in these pieces."""
    rules = guard.answers
    assert rules is not None
    made = rules.guard(Inspection(), dialect, is_array=False)
    assert made is not None
    return streams.texts(streams.read(dialect, streams.passed(made, streams.written(dialect, streams.text(*pieces)))))


@pytest.mark.parametrize("column", COLUMNS)
def test_caught_in_every_place_and_dialect(guard: Guard, positives: list[Positive], column: str) -> None:
    """None that the scanner finds in plain text leaves from anywhere."""
    missed = []
    for number, one in enumerate(positives):
        for dialect in DIALECTS if IS_ALL or one in OWN else (DIALECTS[number % len(DIALECTS)],):
            _ASKED[column, dialect] += 1
            if _leaves(guard, dialect, column, one):
                missed.append((dialect, one))
            else:
                _CAUGHT[column, dialect] += 1
    assert not missed, f"{len(missed)}, the first: {missed[:3]}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_caught_wherever_an_answer_is_split(guard: Guard, positives: list[Positive], dialect: str) -> None:
    """One text of each kind, its words split at every character into two events, and into one event for each character."""
    by_rule = {one.rule: one for one in positives if len(one.text) < 400}
    some = list(by_rule.values())
    for number, one in enumerate(some):
        if not IS_ALL and number % len(DIALECTS) != DIALECTS.index(dialect):
            continue
        for at in range(1, len(one.text)):
            assert one.secret not in _answered(guard, dialect, [one.text[:at], one.text[at:]]), (one, at)
        assert one.secret not in _answered(guard, dialect, list(one.text)), one


def test_the_shared_samples_are_tried() -> None:
    """Where they are absent, only our own few are."""
    if not SAMPLES.exists():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {SAMPLES}")
    assert len(shared()) > 3000


def test_our_own_texts_are_found(guard: Guard) -> None:
    """Each of them: else nothing of this would be tried where the samples are absent."""
    assert [one for one in OWN if not is_found(guard.scan, one)] == []


@pytest.mark.parametrize("column", COLUMNS)
def test_without_the_guard_it_would_leave(column: str, tmp_path: Path) -> None:
    """The check itself sees a secret that gets through."""
    section = {"secrets": {"mode": "log", "answers": "log"}}
    config = parse(json.dumps({"guardrails": section}).encode()).config.guardrails
    blind = Guard(config, "gateway.yaml", b"k" * 32, str(tmp_path))
    blind._scan = Scan()
    assert all(_leaves(blind, dialect, column, OWN[0]) for dialect in DIALECTS)


def test_the_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    """Printed; and the page has the figures of a run with all of it."""
    if not _ASKED:
        pytest.skip("THE MATRIX WAS NOT MADE: no cell was run")
    with capsys.disabled():
        print(f"\n{'caught of':<32}" + "".join(f"{dialect:>20}" for dialect in DIALECTS))
        for column in COLUMNS:
            cells = (f"{_CAUGHT[column, dialect]:,} of {_ASKED[column, dialect]:,}" for dialect in DIALECTS)
            print(f"{column:<32}" + "".join(f"{cell:>20}" for cell in cells))
    if IS_ALL and os.environ.get("AGENTCC_WRITE_RESULTS") and SAMPLES.exists():
        cells = {
            column: {dialect: [_CAUGHT[column, dialect], _ASKED[column, dialect]] for dialect in DIALECTS}
            for column in COLUMNS
        }
        RESULTS.write_text(json.dumps(cells, indent=1) + "\n")
