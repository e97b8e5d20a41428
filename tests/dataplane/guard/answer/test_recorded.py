"""Recorded streams of real providers through the guard (see ../shared/fixtures/README.md)."""

import base64
import json
from contextlib import suppress
from pathlib import Path

import pytest

from gateway import _native
from gateway.base.config import GuardrailsConfig
from gateway.base.config.schema.guardrails import AnswersConfig, PiiConfig, SecretsConfig, ToolCallsConfig
from gateway.base.core.errors import GuardrailBlocked
from gateway.dataplane.guard.answer.frames import ArrayFrames, message_frames, sse_frames
from gateway.dataplane.guard.inspection import Inspection
from gateway.dataplane.guard.scan import Scan
from tests.dataplane.guard.answer import streams
from tests.dataplane.guard.answer.streams import DIALECTS, array_of, guard, passed, until_blocked

RECORDED = Path(__file__).parents[5] / "shared" / "fixtures" / "wire" / "dev"
LOG = GuardrailsConfig(pii=PiiConfig(answers="log"), answers=AnswersConfig(links="log", code="log", prompt_leak="log"))
ACTING = GuardrailsConfig(secrets=SecretsConfig(answers="redact"), tool_calls=ToolCallsConfig(mode="block"))
pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded answers at {RECORDED}")


def wires_of(dialect: str) -> dict[str, bytes]:
    """Streams that are whole."""
    found = {}
    for path in sorted(RECORDED.glob("*/*.json")):
        record = json.loads(path.read_bytes())
        answer = record["response"]
        if record["dialect"] != dialect or answer["status"] != 200:
            continue
        if "sse" in answer:
            wire = answer["sse"].encode()
            if wire.endswith((b"\n\n", b"\r\n\r\n")):
                found[record["id"]] = wire
        elif "eventstream_b64" in answer:
            found[record["id"]] = base64.b64decode(answer["eventstream_b64"])
    return found


def bodies_of(dialect: str) -> dict[str, bytes]:
    """Whole answers."""
    records = [json.loads(path.read_bytes()) for path in sorted(RECORDED.glob("*/*.json"))]
    return {
        record["id"]: json.dumps(record["response"]["body"]).encode()
        for record in records
        if record["dialect"] == dialect
        and record["response"]["status"] == 200
        and isinstance(record["response"].get("body"), dict)
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_frames_are_the_stream(dialect: str) -> None:
    """Framed one by one, the bytes are those that came, and each event is the one that the native reader sees."""
    wires = wires_of(dialect)
    assert wires or dialect == "bedrock.converse"
    for name, wire in wires.items():
        if dialect == "bedrock.converse":
            assert b"".join(frame.raw for frame in message_frames(wire)) == wire, name
            continue
        frames = sse_frames(wire)
        assert b"".join(frame.written() for frame in frames) == wire, name
        told = [json.loads(data) for _, data in _native.split_sse(wire) if data.startswith(b"{")]
        assert [frame.event for frame in frames if frame.event is not None] == told, name


@pytest.mark.parametrize("config", [LOG, ACTING], ids=["log", "acting"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_without_findings_passes_unchanged(dialect: str, config: GuardrailsConfig, scan: Scan) -> None:
    """Event by event, and all at once, byte for byte; in log mode each event at once."""
    for name, wire in wires_of(dialect).items():
        frames = message_frames(wire) if dialect == "bedrock.converse" else sse_frames(wire)
        events = [frame.raw for frame in frames]
        for pieces in (events, [wire], [b"".join(events[at : at + 3]) for at in range(0, len(events), 3)]):
            inspection = Inspection()
            one = guard(config, scan, dialect, inspection)
            got, error = until_blocked(one, pieces)
            assert one.fault is None, (name, one.fault)
            acted = [verdict for verdict in inspection.verdicts if verdict.action != "log"]
            assert (got == wire and error is None) or acted, name
        if config is LOG:
            one = guard(config, scan, dialect)
            assert [one.feed(piece) for piece in events] == events
            assert one.end() == b""


@pytest.mark.parametrize("config", [LOG, ACTING], ids=["log", "acting"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_whole_answer_without_findings_passes_unchanged(dialect: str, config: GuardrailsConfig, scan: Scan) -> None:
    bodies = bodies_of(dialect)
    assert bodies
    for name, body in bodies.items():
        inspection = Inspection()
        one = guard(config, scan, dialect, inspection)
        got = body
        with suppress(GuardrailBlocked):  # a recorded model deletes `.env`
            got = one.whole(body)
        assert got == body or any(verdict.action != "log" for verdict in inspection.verdicts), name
        assert one.fault is None, name


@pytest.mark.parametrize("config", [LOG, ACTING], ids=["log", "acting"])
def test_a_gemini_array_passes_unchanged_however_it_is_cut(config: GuardrailsConfig, scan: Scan) -> None:
    wires = sorted(wires_of("gemini.generate").values(), key=len)[:12]
    for wire in wires:
        array = array_of(wire)
        for size in (1, 7, 64, 1000, len(array)):
            one = guard(config, scan, "gemini.generate", is_array=True)
            assert passed(one, [array[at : at + size] for at in range(0, len(array), size)]) == array
            frames = ArrayFrames()
            found = [f for at in range(0, len(array), size) for f in frames.feed(array[at : at + size])]
            assert [f.event for f in found] == json.loads(array)
            assert b"".join(f.raw for f in [*found, *frames.rest()]) == array


def test_the_streams_of_these_tests_are_read_as_they_were_meant() -> None:
    for dialect in DIALECTS:
        wire = b"".join(streams.written(dialect, streams.text("a ", "b"), streams.call("t", '{"x":', "1}")))
        answer = streams.read(dialect, wire)
        assert streams.texts(answer) == "a b"
        assert streams.calls(answer) == [("t", '{"x":1}')]
