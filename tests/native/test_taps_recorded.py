"""Taps over recorded streams of real providers, against their Python twin (see ../shared/fixtures/README.md)."""

import json
from pathlib import Path

import pytest

from tests.native import oracle
from tests.native.peers import Client, Connection, peer

DATA, TERMINAL, END = 1, 2, 3
RECORDED = Path(__file__).parents[3] / "shared" / "fixtures" / "wire" / "dev"
DIALECTS = ["openai.responses", "openai.chat", "anthropic.messages", "gemini.generate"]


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded streams at {RECORDED}")
@pytest.mark.parametrize("size", [17, 100_000])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_tap_learns_what_its_twin_learns(client: Client, dialect: str, size: int) -> None:
    """Every recorded stream of the dialect, whole and in small pieces; the bytes go through unchanged."""
    records = [json.loads(path.read_bytes()) for path in sorted(RECORDED.glob("*/*.json"))]
    streams = {
        r["id"]: r["response"]["sse"].encode() for r in records if r["dialect"] == dialect and "sse" in r["response"]
    }
    assert len(streams) > 10
    wires = iter(streams.values())

    def script(connection: Connection) -> None:
        connection.read_request()
        wire = next(wires)
        connection.start_events()
        for at in range(0, len(wire), size):
            connection.send(wire[at : at + size])

    with peer(script) as server:
        for name, wire in streams.items():
            got = client.run(server.url, tap=dialect)
            want = oracle.tap(dialect, wire)
            status, usage, usage2, model, error, deltas, delta_bytes, finish_seen, body_bytes = got[-1][1]
            captured = {"usage": usage, "usage2": usage2, "model": model, "error": error}
            learnt = {key: raw and json.loads(raw) for key, raw in captured.items()}
            assert learnt | {"status": status, "finish_seen": finish_seen} == {
                key: value for key, value in want.items() if key != "terminal"
            }, name
            assert [c[0] for c in got].count(TERMINAL) == (want["terminal"] is not None), name
            passed = b"".join(c[1] for c in got if c[0] in {DATA, TERMINAL})
            assert wire.startswith(passed), name
            assert len(wire) - len(passed) < 2 or not wire.endswith((b"\n\n", b"\r\n\r\n")), name
            assert body_bytes == len(wire), name
            assert delta_bytes <= len(wire), name
            assert deltas > 0 or error or delta_bytes == 0, name
