"""How much the scanners find, and how often they are wrong: samples by kind, tables of our own, and ordinary text.

The samples lie beside the repository (`../shared/fixtures/secrets`, its README says what they are); without them this says so.
"""

import base64
import gzip
import json
import random
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.answer import ROOT, Answer, Options, number
from gateway.dataplane.guard.commands import judged
from gateway.dataplane.guard.finding import Finding
from gateway.dataplane.guard.injection import Injection
from gateway.dataplane.guard.pii import Pii
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.secrets import Secrets
from tests.dataplane.guard.commands.texts import DANGEROUS, HARMLESS
from tests.dataplane.guard.injection.texts import ATTACKS, ORDINARY
from tests.dataplane.guard.pii.texts import NOT_PERSONAL, PERSONAL

label = "scanners, recall and false findings"

_SAMPLES = ROOT.parent / "shared" / "fixtures" / "secrets" / "rules_dev.jsonl.gz"
_TEXT = frozenset(
    (
        *[
            ".py",
            ".pyi",
            ".txt",
            ".md",
            ".rst",
            ".json",
            ".toml",
            ".cfg",
            ".ini",
            ".yaml",
            ".yml",
            ".js",
            ".c",
            ".h",
            ".html",
            ".css",
            ".lock",
            ".sh",
            ".xml",
            ".csv",
        ],
        "",
    )
)
_LONGEST = 5_000_000


def setup(_options: Options) -> Scan:
    """All scanners, as the default profile has them."""
    return Scan(Secrets(), Pii(), Injection())


def run(detector: Scan, options: Options) -> Answer:
    """Samples first, then text."""
    rows = [["what", "figure"]]
    notes: list[str] = []
    summary: dict[str, float] = {}
    if _SAMPLES.exists():
        told, missed, wrong = _sampled(detector)
        rows += [[what, f"{part} of {whole} ({part / whole:.2%})"] for what, (part, whole) in told.items()]
        summary |= {what: part / whole for what, (part, whole) in told.items()}
        notes += [f"missed: {line}" for line in missed] + [f"wrong: {line}" for line in wrong]
    else:
        notes.append(f"NOT RUN: no samples at {_SAMPLES.relative_to(ROOT.parent)}")
    told = _labelled(detector)
    rows += [[what, f"{part} of {whole} ({part / whole:.2%})"] for what, (part, whole) in told.items()]
    summary |= {what: part / whole for what, (part, whole) in told.items()}
    size, spent_s = 0, 0.0
    found = dict.fromkeys(("secrets", "pii", "injection"), 0)
    kinds: Counter[str] = Counter()
    for name, text in _ordinary(options.is_quick):
        began = time.thread_time()
        findings = detector.scan(text)
        spent_s += time.thread_time() - began
        size += len(text)
        for each in findings:
            found[each.scanner] += 1
            kinds[f"{each.scanner} {each.rule}"] += 1
            if each.scanner != "pii":
                notes.append(f"in ordinary text: {name}, byte {each.start}: {each.scanner} {each.rule}")
    notes += [f"in ordinary text: {count} {rule}" for rule, count in kinds.most_common()]
    rows.append(["ordinary text, MB", number(size / 1e6)])
    rows += [[f"findings in it per 10 MB, {scanner}", number(count / size * 1e7)] for scanner, count in found.items()]
    rows.append(["MB/s, file by file", number(size / 1e6 / spent_s)])
    summary |= {f"findings per 10 MB, {scanner}": count / size * 1e7 for scanner, count in found.items()}
    return Answer("guard_rates", label, "counted, one text at a time", rows, [], summary, notes)


def _sampled(detector: Scan) -> tuple[dict[str, tuple[int, int]], list[str], list[str]]:
    """Counts by name: (these, of so many); the kinds that were missed; the negatives that were not let pass."""
    texts = exact = trimmed = negatives = fired = 0
    missed: dict[str, int] = {}
    wrong: list[str] = []
    for line in gzip.decompress(_SAMPLES.read_bytes()).splitlines():
        kind = json.loads(line)
        for sample in kind["true_positives"]:
            if not sample["text"]:
                continue  # a kind that is told by the file's name alone
            texts += 1
            text = sample["text"].encode()
            found = _secrets(detector, text)
            secrets = [each["secret"].encode() for each in sample["expected_findings"]]
            exact += all(_covers(found, text, secret) for secret in secrets)
            # Upstream's expression for Sentry takes the character behind the token into the secret; ours leaves the text's syntax alone.
            is_found = all(_covers(found, text, secret.rstrip(b"\"'`;\\<&\n ")) for secret in secrets)
            trimmed += is_found
            if not is_found:
                missed[kind["rule"]] = missed.get(kind["rule"], 0) + 1
        for sample in kind["false_positives"]:
            if sample["text"] and not sample.get("other_rules_hit"):
                negatives += 1
                found = _secrets(detector, sample["text"].encode())
                fired += bool(found)
                wrong += [f"{kind['rule']}: {each.rule}" for each in found]
    counts = {
        "recall, closing quotes aside": (trimmed, texts),
        "recall, to the byte": (exact, texts),
        "negatives that fired": (fired, negatives),
    }
    return counts, [f"{rule} {count}" for rule, count in sorted(missed.items())], wrong


def _secrets(detector: Scan, text: bytes) -> list[Finding]:
    return [each for each in detector.scan(text) if each.scanner == "secrets"]


def _labelled(detector: Scan) -> dict[str, tuple[int, int]]:
    """Counts on the tables of the tests, which were written beside the rules: they show that nothing broke, not more."""

    def rules(text: str) -> set[str]:
        return {each.rule for each in detector.scan(text.encode()) if each.scanner != "secrets"}

    def dangers(script: str) -> set[str]:
        return {danger.rule for danger in judged("Bash", json.dumps({"command": script}).encode())}

    return {
        "pii, found in our table": (sum(rule in rules(text) for rule, text in PERSONAL), len(PERSONAL)),
        "pii, none that fired": (sum(bool(rules(text)) for text in NOT_PERSONAL), len(NOT_PERSONAL)),
        "injection, found in our table": (sum(rule in rules(text) for rule, text in ATTACKS), len(ATTACKS)),
        "injection, none that fired": (sum(bool(rules(text)) for text in ORDINARY), len(ORDINARY)),
        "commands, found in our table": (sum(rule in dangers(text) for rule, text in DANGEROUS), len(DANGEROUS)),
        "commands, none that fired": (sum(bool(dangers(text)) for text in HARMLESS), len(HARMLESS)),
    }


def _covers(found: list[Finding], text: bytes, secret: bytes) -> bool:
    at = text.find(secret)
    while at >= 0:
        if any(each.start <= at and each.end >= at + len(secret) for each in found):
            return True
        at = text.find(secret, at + 1)
    return False


def _ordinary(is_quick: bool) -> Iterator[tuple[str, bytes]]:
    """The standard library, what is installed, our lock files, images in base64 with and without line breaks."""
    paths: dict[str, Any] = sysconfig.get_paths()
    folders = [Path(paths["stdlib"]), *([] if is_quick else [Path(paths["purelib"])])]
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix not in _TEXT or path.is_symlink() or not path.is_file() or path.stat().st_size > _LONGEST:
                continue
            text = path.read_bytes()
            if b"\0" not in text[:4096]:
                yield str(path.relative_to(folder.parent)), text
    for path in [*sorted(ROOT.glob("requirements*.txt")), ROOT / "native" / "Cargo.lock"]:
        yield path.name, path.read_bytes()
    made = random.Random(1)
    for image in range(10):
        pixels = made.randbytes(400_000)
        yield f"image {image}", base64.b64encode(pixels)
        yield f"image {image} in lines", base64.encodebytes(pixels)
