"""What a turn is for, told from requests shaped as the clients send them."""

import json
from typing import Any

import pytest

from gateway.dataplane.wire import Family, step_of

_SCHEMA = {"type": "json_schema", "schema": {"type": "object"}}
_TOOLS = [{"name": "Bash"}]
_COMPACT = (
    "CRITICAL: Respond with TEXT ONLY.\n\nYour task is to create a detailed summary of the conversation so far, paying"
)
_TITLE = "Generate a concise, sentence-case title (3-7 words) that captures the main topic"
_PLAN = "<system-reminder>\nPlan mode is active. The user indicated that they do not want you to execute yet"
_PLAN_ENDS = "## Exited Plan Mode\n\nYou have exited plan mode. You can now make edits"
_GEMINI_COMPACT = "You are a specialized system component responsible for distilling chat history into a structured XML"


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _step(dialect: str, family: Family, body: dict[str, Any], metadata: str = "") -> str:
    header = {"x-codex-turn-metadata": metadata}
    return step_of(dialect, family, lambda name: header.get(name, ""), json.dumps(body).encode())


@pytest.mark.parametrize(
    ("metadata", "step"),
    [
        ('{"request_kind":"turn","thread_source":"user"}', "turn"),
        ('{"request_kind":"compaction","thread_source":"user"}', "compaction"),
        ('{"request_kind":"turn","thread_source":"thread_title","turn_trigger":"user"}', "title"),
        ("", "turn"),
    ],
)
def test_codex_says_it_in_a_header(metadata: str, step: str) -> None:
    """Whatever the body is."""
    body = {"model": "gpt-5.5", "input": [_user("go")], "tools": _TOOLS, "text": {"verbosity": "low"}}
    assert _step("openai.responses", "codex", body, metadata) == step


@pytest.mark.parametrize(
    ("body", "step"),
    [
        ({"messages": [_user("hello")], "tools": _TOOLS}, "turn"),
        ({"messages": [_user("hello"), _user(_COMPACT)], "tools": _TOOLS}, "compaction"),
        ({"messages": [_user("hello")], "system": "You are a helpful AI assistant tasked with summarizing conversations."}, "compaction"),
        ({"messages": [_user("fix it")], "system": [{"type": "text", "text": _TITLE}], "output_config": {"format": _SCHEMA}}, "title"),
        ({"messages": [_user("x")], "system": "Analyze if this message indicates a new conversation topic.", "tools": []}, "title"),
        ({"messages": [_user(_PLAN), _user("go on")], "tools": _TOOLS}, "planner"),
        ({"messages": [_user(_PLAN), _user(_PLAN_ENDS)], "tools": _TOOLS}, "turn"),
        ({"messages": [_user(_PLAN), _user(_PLAN_ENDS), _user("Plan mode still active (see full")], "tools": _TOOLS}, "planner"),
        ({"messages": [_user("x")], "output_config": {"format": _SCHEMA}}, "formatter"),
        ({"messages": [_user("x")], "output_config": {"format": _SCHEMA}, "tools": _TOOLS}, "turn"),
    ],
)  # fmt: skip
def test_claude_code_is_known_by_its_words(body: dict[str, Any], step: str) -> None:
    """Of its prompts and reminders."""
    assert _step("anthropic.messages", "claude_code", body) == step


def test_words_that_an_agent_only_read_do_not_count() -> None:
    """An earlier tool result that holds the compaction prompt of Claude Code, or that of its titles."""
    read = {"role": "user", "content": [{"type": "tool_result", "content": f"{_COMPACT}\n{_TITLE}"}]}
    body = {"messages": [_user("what does it send?"), read, {"role": "assistant", "content": "this"}, _user("thanks")]}
    assert _step("anthropic.messages", "claude_code", {**body, "tools": _TOOLS}) == "turn"


def _gemini(text: str = "go", **more: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}


@pytest.mark.parametrize(
    ("body", "step"),
    [
        (_gemini(tools=[{"functionDeclarations": []}]), "turn"),
        (_gemini(systemInstruction={"parts": [{"text": _GEMINI_COMPACT}]}), "compaction"),
        (_gemini(systemInstruction={"parts": [{"text": "# Active Approval Mode: Plan"}]}, tools=_TOOLS), "planner"),
        (_gemini(generationConfig={"responseMimeType": "application/json", "responseJsonSchema": {}}), "formatter"),
        (_gemini(generationConfig={"responseMimeType": "text/plain"}), "turn"),
    ],
)
def test_gemini_cli(body: dict[str, Any], step: str) -> None:
    """Its call that picks a model (JSON out, no tools) is a formatter's work."""
    assert _step("gemini.generate", "gemini_cli", body) == step


@pytest.mark.parametrize(
    ("dialect", "body", "step"),
    [
        ("openai.chat", {"messages": [_user("x")], "response_format": _SCHEMA}, "formatter"),
        ("openai.chat", {"messages": [_user("x")], "response_format": {"type": "json_object"}, "tools": None}, "formatter"),
        ("openai.chat", {"messages": [_user("x")], "response_format": {"type": "text"}}, "turn"),
        ("openai.chat", {"messages": [_user("is json_schema good?")]}, "turn"),
        ("openai.chat", {"messages": [{"role": "system", "content": "You are a title generator. You output ONLY a thread title."}, _user("x")]}, "title"),
        ("openai.responses", {"input": "x", "text": {"format": _SCHEMA}}, "formatter"),
        ("openai.responses", {"input": [_user("x"), {"type": "compaction_trigger"}], "tools": _TOOLS}, "compaction"),
        ("openai.responses", {"input": [{"role": "developer", "content": "<collaboration_mode># Plan Mode (Conversational)"}], "tools": _TOOLS}, "planner"),
        ("openai.responses", {"input": "json_schema", "tools": _TOOLS}, "turn"),
        ("bedrock.converse", {"messages": [_user("x")], "outputConfig": {"textFormat": {"type": "json_schema"}}}, "formatter"),
        ("bedrock.converse", {"messages": [_user(_COMPACT)], "toolConfig": {"tools": _TOOLS}}, "compaction"),
        ("openai.embeddings", {"input": "json_schema"}, "turn"),
    ],
)  # fmt: skip
def test_other_clients(dialect: str, body: dict[str, Any], step: str) -> None:
    """Each dialect has its own names for tools and forms."""
    assert _step(dialect, "sdk", body) == step
