"""The journal: an append with its hash and write(2), what a record weighs, how fast a chain verifies."""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.answer import Answer, Options, number
from benchmarks.rounds import Case, answer_cases
from gateway.base.core.record import DoneFrame, Inspected, OpenFrame
from gateway.base.core.usage import Usage
from gateway.base.journal import JournalWriter, verify

label = "journal append, CPU-µs per frame (kernel included)"

_PRINCIPAL = msgspec.Raw(
    b'{"key":"alice","org":"acme","team":"platform","user":"alice@acme.dev","tags":{"repo":"pay"},"cost_center":""}'
)
_LOOKED_AT = Inspected(("secrets", "pii", "injection"), ("secrets", "tool_calls"), 31, 2048, 61_440)
_encode = msgspec.json.Encoder().encode


def open_frame() -> OpenFrame:
    """What is written before dispatch."""
    return OpenFrame(
        "req_8797a1059bff00000001", "2026-11-21T06:29:42.123Z", "01a1fbc3-60f1-7262-8c18-5029d6bbcfb5", _PRINCIPAL,
        "openai.responses", "gpt-5.5", "openai/gpt-5.5", "openai", 143_000_000, "0ad5362e2b22",
    )  # fmt: skip


def done_frame() -> DoneFrame:
    """What is written at the end."""
    return DoneFrame(
        "req_8797a1059bff00000001", "2026-11-21T06:29:42.123Z", "01a1fbc3-60f1-7262-8c18-5029d6bbcfb5", _PRINCIPAL,
        "openai.responses", "POST", "/v1/responses", "codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)",
        "gpt-5.5", "openai/gpt-5.5", "openai", 200, "ok", "",
        Usage(input_tokens=1134, cache_read_tokens=14208, output_tokens=412, reasoning_tokens=192),
        25_134_000, "exact", "2026-11-20", [], _LOOKED_AT, "0ad5362e2b22", 1234.567, 412.25, 118, 61_440, 19_445, True,
    )  # fmt: skip


@contextlib.contextmanager
def setup(_options: Options) -> Iterator[dict[str, Any]]:
    """A journal on the disk that holds this checkout's temporary files."""
    with tempfile.TemporaryDirectory(prefix="agentcc-bench-") as home:
        writer = JournalWriter(Path(home) / "journal", slot=0, run_id="0123456789ab", version="bench")
        yield {"writer": writer, "home": home}
        writer.abandon()


def run(state: dict[str, Any], options: Options) -> Answer:
    """Time an append and its parts; then verify what was written."""
    writer: JournalWriter = state["writer"]
    small, large = _encode(open_frame()), _encode(done_frame())
    fd = os.open(Path(state["home"]) / "raw", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    line = b"0" * 64 + b" " + large + b"\n"
    cases = [
        Case("append open frame", lambda: writer.append(small)),
        Case("append done frame", lambda: writer.append(large)),
        Case("its sha256", lambda: hashlib.sha256(line).hexdigest()),
        Case("a write(2) instead of the mapping", lambda: os.write(fd, line)),
    ]
    answer = answer_cases("journal", label, cases, options)
    os.close(fd)
    began = time.process_time()
    report = verify(Path(state["home"]) / "journal")
    spent = time.process_time() - began
    lines = int(getattr(report, "lines", 0)) or max(1, writer._lines)
    weight = len(small) + len(large) + 2 * 66
    answer.summary |= {"bytes_per_exchange": weight, "verify_us_per_line": round(spent / lines * 1e6, 3)}
    answer.notes.append(
        f"{weight} bytes per exchange; verify: {number(spent / lines * 1e6)} CPU-µs per line ({number(lines / spent)} lines/s)"
    )
    return answer
