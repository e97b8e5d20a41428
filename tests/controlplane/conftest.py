"""A journal with traffic in it, and what the projections should make of it."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from gateway.base.core.usage import Usage
from gateway.base.journal import JournalWriter, open_run
from tests.base.journal.conftest import done_payload, open_payload

_MODELS = (
    ("openai/gpt-5.1", "openai"),
    ("anthropic/claude-sonnet-4-5", "anthropic"),
    ("openai/nobody-has-this", "openai"),
)
_KEYS = ("alice", "bob")


def random_done(request_id: str, random: Random) -> bytes:
    """A `done` frame with some model, key, outcome and usage."""
    model, provider = random.choice(_MODELS)
    is_ok = random.random() < 0.8 and "nobody" not in model
    usage = Usage(input_tokens=random.randrange(1, 5000), cache_read_tokens=random.randrange(3) * 1000,
                  output_tokens=random.randrange(1, 900)) if is_ok else Usage()  # fmt: skip
    principal = msgspec.Raw(
        b'{"key":"%s","team":"platform","user":"%s@acme.dev"}' % ((random.choice(_KEYS).encode(),) * 2)
    )
    return done_payload(
        request_id, principal=principal, model_used=model, provider=provider, usage=usage,
        outcome="ok" if is_ok else "upstream_error", status=200 if is_ok else 500,
        cost_nusd=random.randrange(1, 10**10) if is_ok else 0, cost_basis="exact" if is_ok else "none",
        latency_ms=random.random() * 20_000, ttfb_ms=random.random() * 900, overhead_us=random.randrange(20, 2000),
        session_id=f"ses_{random.randrange(4)}", ts=f"2026-11-2{random.randrange(1, 9)}T05:48:12.123Z",
    )  # fmt: skip


def write_traffic(writer: JournalWriter, count: int, random: Random) -> None:
    """Append `count` exchanges."""
    for i in range(count):
        request_id = f"req_{writer.run_id}{i + 1:08x}"
        writer.append(open_payload(request_id, 5_000))
        writer.append(random_done(request_id, random))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Four runs on two slots: rotated, crashed with an orphan, adopted, and one that was left alive as a crash would."""
    directory, random = tmp_path / "journal", Random(11)
    for number, slot in enumerate((0, 1, 0, 1)):
        writer, _ = open_run(
            directory, slot, run_id=f"{number:012x}", version="t", segment_bytes=9000, now=lambda n=number: 1.79e9 + n
        )
        write_traffic(writer, 40, random)
        writer.append(open_payload(f"req_{number:012x}{99:08x}", 123_000))
        if number < 2:
            writer.abandon()
        else:
            writer.close()
    return directory


@pytest.fixture
def traffic() -> Callable[[JournalWriter, int, Random], None]:
    """Appends exchanges to a writer."""
    return write_traffic
