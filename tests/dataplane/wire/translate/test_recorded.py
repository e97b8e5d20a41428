"""Every recorded request, arranged and lowered: what comes out keeps the rules of strict providers, and says what was lost."""

import importlib
import json
import re

import pytest
from msgspec.structs import replace

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import Answer, Message, Opaque, Stop, Text, Tool, ToolCall, ToolResult, Turn
from gateway.dataplane.wire.codec import PathSays
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.arrange import arrange
from gateway.dataplane.wire.translate.collect import answer_of, events_of
from gateway.dataplane.wire.translate.line_up import LineUp
from gateway.dataplane.wire.translate.tools import lower
from tests.dataplane.wire.translate.canon_cases import ALL, FUNCTIONS, NO_SERVERS, RULE
from tests.harness import SHARED

RECORDED = SHARED / "fixtures" / "wire" / "dev"
CLIENTS = SHARED / "fixtures" / "clients"
LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
DIALECTS = {
    "openai.responses": "responses",
    "openai.chat": "chat",
    "anthropic.messages": "messages",
    "gemini.generate": "generate",
    "bedrock.converse": "converse",
}


def turns_of(dialect: str):
    """The recorded requests of a dialect that its reader takes."""
    if not RECORDED.exists():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {RECORDED}")
    read_turn = importlib.import_module(f"gateway.dataplane.wire.{DIALECTS[dialect]}.read_turn").read_turn
    paths = [path for path in RECORDED.glob("*/*.json") if "count" not in path.parent.name]
    paths += [path for path in CLIENTS.glob("*/post-*.json") if dialect in ("anthropic.messages", "gemini.generate")]
    paths += [path for path in CLIENTS.glob("codex/*.json") if dialect == "openai.responses"]
    for path in sorted(paths):
        case = json.loads(path.read_bytes())
        request = case.get("request", case)
        if path.is_relative_to(CLIENTS):
            is_it = isinstance(request.get("body"), dict) and {
                "openai.responses": "input", "anthropic.messages": "messages", "gemini.generate": "contents",
            }[dialect] in request["body"]  # fmt: skip
        else:
            is_it = case.get("dialect") == dialect and isinstance(request.get("body"), dict)
        if not is_it:
            continue
        try:
            yield path.stem, read_turn(json.dumps(request["body"]).encode(), PathSays("m"))
        except BadRequest:
            continue


def check_arranged(messages: list[Message]) -> None:
    """Results right after their calls, in order; ids unique."""
    ids = [part.id for message in messages for part in message.parts if isinstance(part, ToolCall)]
    assert len(ids) == len(set(ids))
    assert all(ids)
    pending: list[str] = []
    for message in messages:
        results = [part.call_id for part in message.parts if isinstance(part, ToolResult)]
        assert results == pending, "results do not follow their calls"
        assert not results or (message.role == "tool" and len(results) == len(message.parts))
        pending = [part.id for part in message.parts if isinstance(part, ToolCall)]
        assert not pending or message.role == "assistant"
    assert not pending, "the last calls have no results"


def check_lowered(turn: Turn) -> None:
    names = [tool.name for tool in turn.tools or []]
    assert len(names) == len(set(names))
    assert all(tool.kind == "function" and LEGAL.fullmatch(tool.name) for tool in turn.tools or [])
    if turn.tool_choice is not None:
        assert {("", name) for name in names}.issuperset(turn.tool_choice.tools or [])
    for message in turn.messages:
        for part in message.parts:
            assert not (isinstance(part, Opaque) and part.kind == "additional_tools")
            if isinstance(part, ToolCall):
                assert (part.kind, part.namespace) == ("function", "")
                assert LEGAL.fullmatch(part.name)
                assert LEGAL.fullmatch(part.id)
            elif isinstance(part, ToolResult):
                assert part.kind == "function"
                assert LEGAL.fullmatch(part.name)


def words(turn: Turn) -> list[str]:
    """What was said and what tools gave, but for their order."""
    found = []
    for message in turn.messages:
        for part in message.parts:
            if isinstance(part, Text):
                found.append(part.text)
            elif isinstance(part, ToolResult):
                found += [inner.text for inner in part.parts if isinstance(inner, Text)]
    return sorted(found)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_requests_become_what_strict_providers_take(dialect: str) -> None:
    """Nothing is lost on the way but what is reported; the request as it was read does not change."""
    count = calls = reported = changed = 0
    for name, turn in turns_of(dialect):
        before = repr(turn)
        report = Report()
        arranged = arrange(turn, report)
        check_arranged(arranged.messages)
        assert arrange(arranged, Report()) is arranged, name
        lowered, restore = lower(arranged, RULE, FUNCTIONS, NO_SERVERS, report)
        check_lowered(lowered)
        assert repr(turn) == before, f"{name}: the turn was changed"
        if not report.drops and not any(
            p.kind == "tool_search" for m in turn.messages for p in m.parts if isinstance(p, ToolResult)
        ):
            missing = [text for text in words(turn) if text not in words(lowered)]
            assert not missing, f"{name}: {missing[:3]} is lost"
        again, _ = lower(arrange(turn, Report()), RULE, FUNCTIONS, NO_SERVERS, Report())
        assert again == lowered
        full, _ = lower(arranged, RULE, ALL, servers_of(turn), Report())
        assert [declared(tool) for tool in full.tools or []] == [declared(tool) for tool in turn.tools or []]
        calls += check_restored(arranged, lowered, restore)
        count, reported, changed = count + 1, reported + bool(report.drops), changed + (arranged is not turn)
    print(
        f"{dialect}: {count} requests arranged and lowered, {changed} of them changed, {calls} calls restored, {reported} with a report"
    )
    assert count


def declared(tool: Tool):
    return replace(tool, extra=None)


def servers_of(turn: Turn) -> frozenset[str]:
    return frozenset(tool.name for tool in turn.tools or [] if tool.kind == "server")


def check_restored(arranged: Turn, lowered: Turn, restore) -> int:
    """Each answer of the history, as if the provider had just given it: its calls are the client's again."""
    count = 0
    for message, sent in zip(
        [m for m in arranged.messages if m.role == "assistant"],
        [m for m in lowered.messages if m.role == "assistant"],
        strict=False,
    ):
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        answer = Answer(
            id="a", model="m", parts=[p for p in sent.parts if isinstance(p, ToolCall)], stop=Stop("tool_calls")
        )
        whole = restore.restorer("r").answer(answer)
        streamed = answer_of(LineUp().events(restore.restorer("r").events(events_of(answer))))
        for found in (whole, streamed):
            assert isinstance(found, Answer)
            assert [meaning(part) for part in found.parts] == [meaning(part) for part in calls]
        count += len(calls)
    return count


def meaning(call: ToolCall):
    """A call without what differs by right: Codex leaves out `functions`, OpenAI gives a namespace to what came late."""
    arguments = json.loads(call.arguments or "{}") if call.kind == "shell" else call.arguments
    return call.name, call.kind, arguments


@pytest.mark.parametrize("name", ["custom-text-gpt-6-luna", "custom-loop-gpt-6.1-sol.step4"])
def test_codex_responses_lite_tools_are_declared_called_and_answered(name: str) -> None:
    """`additional_tools`, namespaces and code mode's freeform `exec`, whose calls leave the namespace out."""
    turns = dict(turns_of("openai.responses"))
    lowered, restore = lower(arrange(turns[name], Report()), RULE, FUNCTIONS, NO_SERVERS, Report())
    names = [tool.name for tool in lowered.tools or []]
    assert names[:2] == ["functions__exec", "functions__wait"]
    assert {"clock__sleep", "collaboration__spawn_agent"} <= set(names)
    assert lowered.tools is not None
    assert (lowered.tools[0].schema or {})["required"] == ["input"]
    assert "lark grammar" in lowered.tools[0].description
    history = [part for message in lowered.messages for part in message.parts if isinstance(part, ToolCall)]
    assert len(history) == (3 if "loop" in name else 0)
    assert all(part.name == "functions__exec" and "input" in json.loads(part.arguments) for part in history)
    new = ToolCall(id="c", name="functions__exec", arguments='{"input":"text(1)"}')
    (back,) = restore.restorer("r").answer(Answer(id="a", model="m", parts=[new], stop=Stop("tool_calls"))).parts
    assert back == ToolCall(id="c", name="exec", namespace="functions", kind="custom", arguments="text(1)")
