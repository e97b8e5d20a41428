"""How much the secret scanner finds, and how often it is wrong: samples by kind, and ordinary text.

The samples lie beside the repository (`../shared/fixtures/secrets`, its README says what they are); without them this says so.
"""

import base64
import gzip
import json
import random
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.answer import ROOT, Answer, Options, number
from gateway.dataplane.guard.secrets import Detector, Finding

label = "secret scanner, recall and false findings"

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


def setup(_options: Options) -> Detector:
    """The built-in rules."""
    return Detector()


def run(detector: Detector, options: Options) -> Answer:
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
    size, found, spent_s = 0, 0, 0.0
    for name, text in _ordinary(options.is_quick):
        began = time.thread_time()
        findings = detector.scan(text)
        spent_s += time.thread_time() - began
        size += len(text)
        found += len(findings)
        notes += [f"in ordinary text: {name}, byte {each.start}: {each.rule}" for each in findings]
    rows.append(["ordinary text, MB", number(size / 1e6)])
    rows.append(["findings in it, per 10 MB", number(found / size * 1e7)])
    rows.append(["MB/s, file by file", number(size / 1e6 / spent_s)])
    summary["findings per 10 MB"] = found / size * 1e7
    return Answer("guard_rates", label, "counted, one text at a time", rows, [], summary, notes)


def _sampled(detector: Detector) -> tuple[dict[str, tuple[int, int]], list[str], list[str]]:
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
            found = detector.scan(text)
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
                found = detector.scan(sample["text"].encode())
                fired += bool(found)
                wrong += [f"{kind['rule']}: {each.rule}" for each in found]
    counts = {
        "recall, closing quotes aside": (trimmed, texts),
        "recall, to the byte": (exact, texts),
        "negatives that fired": (fired, negatives),
    }
    return counts, [f"{rule} {count}" for rule, count in sorted(missed.items())], wrong


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
