"""The guard: any text is scanned, in linear time; any good request stays good, whatever is found in it.

`make fuzz` tries ten million texts.
"""

import json
import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import _native
from gateway.base.config import parse
from gateway.dataplane.guard.commands import judged, named_hosts, named_paths
from gateway.dataplane.guard.injection import Injection
from gateway.dataplane.guard.pii import Pii
from gateway.dataplane.guard.policy import Guard
from gateway.dataplane.guard.request import Looked, look
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.secrets import Secrets
from tests.dataplane.guard.injection.texts import ATTACKS
from tests.dataplane.guard.pii.texts import PERSONAL
from tests.dataplane.guard.secrets.samples import SHAPES, Maker
from tests.e2e.guarded import PATHS, PLACES, body

INPUTS = int(os.environ.get("AGENTCC_FUZZ_INPUTS", "3000"))
SEED = int(os.environ.get("AGENTCC_FUZZ_SEED", "1"))
_BODIES_IN = 30
"""One of so many inputs is a body: they take longer."""
_SHORTEST_TIMED = 1000
_MOST_NS_PER_BYTE = 10_000
_TOKENS = (
    "\0", "\n", " ", '"', "'", "\\", "\\n", "=", ":", "-", "_", "/", "@", "é", "\u200b", "\u202e", "\U000e0041", "BEGIN", "-----",
    "key", "password=", "AKIA", "ghp_", "sk-", "eyJ", "Bearer ", "https://", "4111", "+49", "DE89", "ignore", "system", "</", "<|",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "0123456789abcdef", "rm -rf", "$(", "`", "| sh", "agentcc:allow", "<SECRET_x_01234567>",
)  # fmt: skip
_PLACEHOLDER = re.compile(rb"<(?:SECRET|PII)_[a-z0-9-]+_[0-9a-f]{8}>")


@pytest.fixture(scope="module")
def scan() -> Scan:
    return Scan(Secrets(), Pii(), Injection())


@pytest.fixture
def guard(scan: Scan, tmp_path: Path) -> Guard:
    said = {"secrets": {"mode": "redact"}, "pii": {"mode": "redact"}}
    made = Guard(
        parse(json.dumps({"guardrails": said}).encode()).config.guardrails, "gateway.yaml", b"k" * 32, str(tmp_path)
    )
    (tmp_path / "guard").mkdir()
    return made


def texts() -> list[bytes]:
    """What the scanners look for, and what only looks like it."""
    maker = Maker()
    tokens = (maker.github(), maker.jwt(), maker.pem(), maker.uuid(), f"AKIA{maker.text('ABCDEFGH234567', 16)}")
    assigned = [shape.format(name="api_key", value=tokens[at % len(tokens)]) for at, shape in enumerate(SHAPES)]
    return [
        text.encode() for text in (*tokens, *assigned, *(text for _, text in ATTACKS), *(text for _, text in PERSONAL))
    ]


def mutations(seeds: list[bytes], dice: random.Random, count: int) -> Iterator[bytes]:
    """Parts of seeds and odd bytes, one after the other."""
    tokens = [token.encode() for token in _TOKENS]
    pick, chance = dice.choice, dice.random
    for _ in range(count):
        parts: list[bytes] = []
        while True:
            part = pick(seeds)
            how = chance()
            if how < 0.3:
                part = part[int(chance() * len(part)) :]
            elif how < 0.5:
                part = part[: int(chance() * len(part))]
            elif how < 0.7:
                at = int(chance() * len(part))
                part = part[:at] + pick(tokens) + part[at + (how < 0.6) :]
            parts += (part, pick(tokens))
            if chance() < 0.4:
                break
        text = b"".join(parts)
        yield text * int(_SHORTEST_TIMED / len(text) + 1) if text and chance() < 0.02 else text


def best_of(scan: Scan, text: bytes, worst: float) -> float:
    """CPU-ns per byte; of what seems the worst the best of some, since others use this machine."""
    best = float("inf")
    for _ in range(10):
        began = time.thread_time_ns()
        scan.scan(text)
        best = min(best, (time.thread_time_ns() - began) / len(text))
        if best <= worst:
            break
    return best


def test_any_text_is_scanned_in_linear_time(scan: Scan) -> None:
    """Findings are of the text, in order, and those of a scanner do not overlap; a command is judged, whatever it is."""
    worst, slowest, hits = 0.0, b"", 0
    for number, text in enumerate(mutations(texts(), random.Random(SEED), INPUTS)):
        found = scan.scan(text)
        ends: dict[str, int] = {}
        last = 0
        for each in found:
            assert last <= each.start < each.end <= len(text), (text, found)
            assert ends.get(each.scanner, 0) <= each.start, (text, found)
            last, ends[each.scanner] = each.start, each.end
        hits += len(found)
        if len(text) >= _SHORTEST_TIMED and (cost := best_of(scan, text, worst)) > worst:
            worst, slowest = cost, text
        if number % 10 == 0:
            for arguments in (text, json.dumps({"command": text.decode("utf-8", "replace")}).encode()):
                judged("bash", arguments)
                named_paths("bash", arguments)
                named_hosts("bash", arguments)
    print(f"{INPUTS} texts, {hits} findings; the slowest took {worst:.0f} ns a byte: {slowest[:80]!r}")
    assert worst < _MOST_NS_PER_BYTE, slowest


def looked(guard: Guard, scan: Scan, sent: bytes, dialect: str) -> Looked:
    """Nobody was refused yet, and anybody may be."""
    return look(guard, scan, sent, dialect, 512, lambda _: False, lambda: True)


def test_what_leaves_is_good_and_the_same_in_each_turn(guard: Guard, scan: Scan) -> None:
    """A good body stays good, a placeholder is nothing that has to go, and the next turn leaves as this one did."""
    dice = random.Random(SEED)
    found, good = 0, 0
    said = mutations(texts(), dice, INPUTS // _BODIES_IN)
    for text in said:
        dialect, place = dice.choice(list(PATHS)), dice.choice(PLACES)
        words = text.decode("utf-8", "replace")
        sent = json.dumps(body(dialect, **{place: words}), ensure_ascii=dice.random() < 0.5).encode()
        if dice.random() < 0.2:
            at = int(dice.random() * len(sent))
            sent = sent[:at] + dice.choice(_TOKENS).encode() + sent[at:]
        try:
            _native.scan_object(sent, (), 512)
        except _native.JsonError:
            continue
        good += 1
        done = looked(guard, scan, sent, dialect)
        assert done.refusal is None
        _native.scan_object(done.body, (), 512)
        gone = [each for each in done.inspection.verdicts if each.action == "redact"]
        assert bool(gone) == (done.body != sent)
        for each in _PLACEHOLDER.findall(done.body):
            assert [hit for hit in scan.scan(b'api_key = "%b"' % each) if hit.scanner != "injection"] == []
        known = looked(guard, scan, sent, dialect)
        assert known.body == done.body
        found += len(gone)
    print(f"{good} bodies, {found} redactions")
    assert found
