"""Who served in place of whom: the counter, and the log line at a provider's border."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.base.journal import open_run
from gateway.base.telemetry import metrics as m
from gateway.controlplane.projections.hops import Hop as _Hop
from gateway.controlplane.projections.hops import ProviderHops, labels_of
from tests.base.journal.conftest import done_payload
from tests.controlplane.test_projections import project

A, B, A2 = "openai/gpt-5", "anthropic/claude-sonnet-4-5", "openai/gpt-4.1"


def hop(origin: str, to: str, reason: str) -> dict[str, str]:
    return {"from": origin, "to": to, "reason": reason}


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        (hop(A, B, "upstream_503"), (A, B, "upstream_503", "true")),
        (hop(A, A2, "breaker_open"), (A, A2, "breaker_open", "false")),
        (hop(A, A, "connect"), (A, A, "connect", "false")),
        (hop("whatever a client wrote", B, "weighted"), ("other", B, "weighted", "true")),
        (hop("whatever a client wrote", B, "rule small-turns"), ("other", B, "rule small-turns", "true")),
    ],
)
def test_what_a_hop_is_called(written: dict[str, str], labels: tuple[str, ...]) -> None:
    assert labels_of(_Hop(written["from"], written["to"], written["reason"])) == labels


def test_hops_are_counted_once(tmp_path: Path) -> None:
    writer, _ = open_run(tmp_path / "journal", 0, run_id="b" * 12, version="t")
    for i in range(3):
        writer.append(done_payload(f"req_{i}", hops=[hop(A, B, "upstream_503"), hop(B, A2, "cut")][: i + 1]))
    writer.append(done_payload("req_plain"))
    writer.close()
    for _ in range(2):  # the second time from the ledger
        exporter = project(tmp_path / "journal", tmp_path / "ledger.sqlite3")
        assert exporter.value(m.HOPS, A, B, "upstream_503", "true") == 3
        assert exporter.value(m.HOPS, B, A2, "cut", "true") == 2
        assert b'agentcc_hops_total{crosses_provider="true",from="openai/gpt-5"' in exporter.text()


def test_a_border_is_told_once_a_minute_with_a_count(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    class Seen:
        def __init__(self, *hops: dict[str, str], ts: str = "2026-01-02T00:00:00.000Z") -> None:
            from gateway.controlplane.projections.view import decode_done

            self.done = decode_done(done_payload("r", hops=list(hops), ts=ts))

    hops = ProviderHops("2026-01-01T00:00:00.000Z")
    seen: list[Any] = [
        Seen(hop(A, B, "upstream_503")),
        Seen(hop(A, A2, "upstream_503")),
        Seen(hop(A, B, "canary")),
        Seen(),
    ]
    hops.add(seen + seen)
    hops.add([Seen(hop(A, B, "upstream_503"), ts="2025-12-31T00:00:00.000Z")])  # type: ignore[list-item]
    hops.write()
    hops.add(seen)
    hops.write()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "provider_hop" in line]
    assert [(one["from_provider"], one["to_provider"], one["count"]) for one in lines] == [("openai", "anthropic", 2)]
