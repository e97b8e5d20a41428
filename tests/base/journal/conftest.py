"""Frames and journals to test with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.base.core.record import NOBODY, DoneFrame, OpenFrame
from gateway.base.core.usage import NO_USAGE
from gateway.base.journal import JournalWriter, open_run

TS = "2026-11-21T05:48:12.123Z"
_encode = msgspec.json.Encoder().encode


def open_payload(request_id: str, hold_nusd: int = 7_000, ts: str = TS) -> bytes:
    """An `open` frame as a worker writes it."""
    frame = OpenFrame(
        request_id, ts, "ses_1", NOBODY, "openai.responses", "gpt-5-1", "openai/gpt-5.1", "openai", hold_nusd, "v1"
    )
    return _encode(frame)


def done_payload(request_id: str, **changes: Any) -> bytes:
    """A `done` frame as a worker writes it."""
    frame = DoneFrame(
        request_id=request_id, ts=TS, session_id="ses_1", principal=NOBODY, dialect="openai.responses", method="POST",
        path="/v1/responses", client="codex", model_requested="gpt-5-1", model_used="openai/gpt-5.1", provider="openai",
        status=200, outcome="ok", error_code="", usage=NO_USAGE, cost_nusd=1_000, cost_basis="exact",
        price_version="p1", hops=[], verdicts="not_run", policy_version="v1", latency_ms=12.5, ttfb_ms=3.5,
        overhead_us=120, request_bytes=10, response_bytes=20, is_stream=True,
    )  # fmt: skip
    return _encode(msgspec.structs.replace(frame, **changes))


@pytest.fixture
def open_frame() -> Callable[..., bytes]:
    """Makes `open` frames."""
    return open_payload


@pytest.fixture
def done_frame() -> Callable[..., bytes]:
    """Makes `done` frames."""
    return done_payload


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., JournalWriter]:
    """Starts a run in the test's journal; the run id is 12 hex digits made from a number."""

    def make(number: int = 1, slot: int = 0, **options: Any) -> JournalWriter:
        adopt = options.pop("adopt_slots_from", None)
        options.setdefault("now", lambda: 1_795_000_000.0 + number)
        return open_run(tmp_path, slot, run_id=f"{number:012x}", version="test", adopt_slots_from=adopt, **options)[0]

    return make


@pytest.fixture
def request_id() -> Callable[..., str]:
    """A request id of run `number`."""
    return lambda number, counter: f"req_{number:012x}{counter:08x}"
