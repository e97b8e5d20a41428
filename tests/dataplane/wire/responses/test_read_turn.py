"""Requests of Responses clients → canon: what each form becomes, that it comes back equal, and what is refused by which path."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import (
    Citation,
    Format,
    Media,
    Message,
    Node,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.dataplane.wire.codec import PathSays
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.responses import CODEC
from tests.dataplane.wire.responses.build import OPENAI, read_turn

_PNG = "data:image/png;base64,iVBORw0"
_GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}

ITEMS: list[tuple[str, dict[str, Any], Message]] = [
    (
        "a message without type, of a bare string",
        {"role": "user", "content": "hi"},
        Message(role="user", parts=[Text(text="hi")], is_plain=True, extra={"type": ""}),
    ),
    (
        "a developer's message of parts, with Codex's own members",
        {"type": "message", "id": "msg_1", "role": "developer", "content": [{"type": "input_text", "text": "be"}], "x": {}},
        Message(role="developer", parts=[Text(text="be")], item_id="msg_1", extra={"x": {}}),
    ),
    (
        "an answer with citations and a refusal",
        {"type": "message", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": "a", "annotations": [{"type": "url_citation"}], "logprobs": []},
            {"type": "refusal", "refusal": "no"},
        ]},
        Message(role="assistant", extra={"status": "completed"}, parts=[
            Text(text="a", citations=[Citation(raw={"type": "url_citation"})], extra={"logprobs": []}), Refusal(text="no"),
        ]),
    ),
    (
        "images and files, inline and by name",
        {"type": "message", "role": "user", "content": [
            {"type": "input_image", "image_url": _PNG, "detail": "high"},
            {"type": "input_image", "image_url": "https://x/y.png"},
            {"type": "input_image", "file_id": "file-1", "image_url": None},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"},
            {"type": "input_file", "file_url": "https://x/y.pdf"},
            {"type": "input_audio", "input_audio": {"data": "AAA", "format": "wav"}},
        ]},
        Message(role="user", parts=[
            Media(kind="image", data="iVBORw0", mime="image/png", detail="high"),
            Media(kind="image", url="https://x/y.png"),
            Media(kind="image", file_id="file-1", extra={"image_url": None}),
            Media(kind="document", data="JVBERi0x", mime="application/pdf", name="a.pdf"),
            Media(kind="document", url="https://x/y.pdf"),
            Media(kind="audio", data="AAA", mime="audio/wav"),
        ]),
    ),
    (
        "a file of bare base64",
        {"type": "message", "role": "user", "content": [{"type": "input_file", "file_data": "JVBERi0x"}]},
        Message(role="user", parts=[
            Media(kind="document", data="JVBERi0x", mime="application/pdf", extra={"file_data": "JVBERi0x"}),
        ]),
    ),
    (
        "a part that nobody knows",
        {"type": "message", "role": "user", "content": [{"type": "hologram", "x": 1}]},
        Message(role="user", parts=[
            Opaque(kind="hologram", value={"type": "hologram", "x": 1}, extra={"in": "content"}),
        ]),
    ),
    (
        "a cache breakpoint",
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
        ]},
        Message(role="user", parts=[
            Text(text="a", cache="1h", extra={"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}),
        ]),
    ),
    (
        "a function call in a namespace",
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "namespace": "n", "arguments": "{}", "status": "s"},
        Message(role="assistant", parts=[
            ToolCall(id="c", name="f", arguments="{}", namespace="n", item_id="fc_1", extra={"status": "s"}),
        ]),
    ),
    (
        "the bare input of a custom call (trap 1)",
        {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "*** Begin Patch\n"},
        Message(role="assistant", parts=[ToolCall(id="c", name="apply_patch", arguments="*** Begin Patch\n", kind="custom")]),
    ),
    (
        "a local shell call",
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "c", "status": "completed",
         "action": {"type": "exec", "command": ["ls"], "env": {}}},
        Message(role="assistant", parts=[
            ToolCall(id="c", name="shell", arguments='{"type":"exec","command":["ls"],"env":{}}', kind="shell",
                     item_id="lsh_1", extra={"status": "completed"}),
        ]),
    ),
    (
        "a tool search of the client",
        {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"query": "q"}},
        Message(role="assistant", parts=[ToolCall(id="c", name="tool_search", arguments='{"query":"q"}', kind="tool_search")]),
    ),
    (
        "a tool search that OpenAI did",
        {"type": "tool_search_call", "call_id": None, "execution": "server", "arguments": {}, "id": "tsc_1"},
        Message(role="assistant", parts=[Opaque(kind="tool_search_call", value={
            "type": "tool_search_call", "call_id": None, "execution": "server", "arguments": {}, "id": "tsc_1"})]),
    ),
    (
        "an output of a string",
        {"type": "function_call_output", "id": "fco_1", "call_id": "c", "output": "done"},
        Message(role="tool", parts=[ToolResult(call_id="c", parts=[Text(text="done")], is_plain=True, item_id="fco_1")]),
    ),
    (
        "an output of text and image (trap 34)",
        {"type": "custom_tool_call_output", "call_id": "c", "name": "exec", "output": [
            {"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": _PNG}]},
        Message(role="tool", parts=[ToolResult(call_id="c", name="exec", kind="custom", extra={"name": "exec"}, parts=[
            Text(text="a"), Media(kind="image", data="iVBORw0", mime="image/png")])]),
    ),
    (
        "the output of a local shell, by the id of its call",
        {"type": "local_shell_call_output", "id": "c", "output": "{}"},
        Message(role="tool", parts=[
            ToolResult(call_id="c", parts=[Text(text="{}")], is_plain=True, kind="shell", item_id="c"),
        ]),
    ),
    (
        "what a client's tool search found",
        {"type": "tool_search_output", "call_id": "c", "execution": "client", "status": "completed",
         "tools": [{"type": "function", "name": "f"}]},
        Message(role="tool", parts=[ToolResult(call_id="c", parts=[], value={"tools": [{"type": "function", "name": "f"}]},
                                               kind="tool_search", extra={"status": "completed"})]),
    ),
    (
        "reasoning as Codex sends it back (trap 22)",
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "so"}], "content": None,
         "encrypted_content": "gAAA"},
        Message(role="assistant", parts=[
            Reasoning(summary=["so"], signature="gAAA", item_id="rs_1", extra={"content": None}),
        ]),
    ),
    (
        "reasoning in the clear",
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        Message(role="assistant", parts=[Reasoning(text="hm", summary=[], item_id="rs_1")]),
    ),
    (
        "tools that the conversation declares",
        {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "f"}]},
        Message(role="developer", parts=[Opaque(kind="additional_tools", value={
            "type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "f"}]})]),
    ),
    (
        "what nobody knows",
        {"type": "hologram_call", "id": "h", "x": [1]},
        Message(role="assistant", parts=[Opaque(kind="hologram_call", value={"type": "hologram_call", "id": "h", "x": [1]})]),
    ),
    (
        "a reference to an item",
        {"id": "msg_1"},
        Message(role="assistant", parts=[Opaque(kind="item_reference", value={"id": "msg_1"})]),
    ),
    (
        "compaction",
        {"type": "compaction_trigger"},
        Message(role="user", parts=[Opaque(kind="compaction_trigger", value={"type": "compaction_trigger"})]),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("item", "want"), [row[1:] for row in ITEMS], ids=[row[0] for row in ITEMS])
def test_an_item_is_read_and_comes_back(item: dict[str, Any], want: Message) -> None:
    """Each kind of item has its place in the canon, and nothing of it is lost."""
    turn = read_turn(input=[item])
    assert turn.messages == [want]
    assert json.loads(CODEC.write_turn(turn, OPENAI, Report()))["input"] == [item]


TOOLS: list[tuple[str, dict[str, Any], Tool]] = [
    (
        "function",
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": False},
        Tool(kind="function", name="f", description="d", schema={"type": "object"}, strict=False),
    ),
    (
        "function with nulls and a late declaration",
        {"type": "function", "name": "f", "parameters": None, "strict": None, "defer_loading": True},
        Tool(kind="function", name="f", extra={"parameters": None, "strict": None, "defer_loading": True}),
    ),
    (
        "custom with a grammar",
        {"type": "custom", "name": "apply_patch", "description": "d", "format": _GRAMMAR},
        Tool(kind="custom", name="apply_patch", description="d", syntax="lark", grammar="start: /.+/"),
    ),
    (
        "custom of plain text",
        {"type": "custom", "name": "c", "format": {"type": "text"}},
        Tool(kind="custom", name="c", extra={"format": {"type": "text"}}),
    ),
    (
        "namespace, with an empty description as Codex has it",
        {"type": "namespace", "name": "n", "description": "", "tools": [{"type": "custom", "name": "c"}]},
        Tool(kind="namespace", name="n", children=[Tool(kind="custom", name="c")], extra={"description": ""}),
    ),
    ("web search", {"type": "web_search", "external_web_access": True}, Tool(
        kind="server", name="web_search", value={"type": "web_search", "external_web_access": True})),
    ("code", {"type": "code_interpreter", "container": {"type": "auto"}}, Tool(
        kind="server", name="code_execution", value={"type": "code_interpreter", "container": {"type": "auto"}})),
    ("local shell", {"type": "local_shell"}, Tool(kind="server", name="shell", value={"type": "local_shell"})),
    ("unknown", {"type": "hologram", "x": 1}, Tool(kind="server", name="hologram", value={"type": "hologram", "x": 1})),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "want"), [row[1:] for row in TOOLS], ids=[row[0] for row in TOOLS])
def test_a_tool_is_read_and_comes_back(tool: dict[str, Any], want: Tool) -> None:
    """Known and unknown kinds of tools; an unknown one is carried whole (complaint 6)."""
    turn = read_turn(tools=[tool])
    assert turn.tools == [want]
    assert json.loads(CODEC.write_turn(turn, OPENAI, Report()))["tools"] == [tool]


CHOICES: list[tuple[Any, str, list[tuple[str, str]] | None]] = [
    ("auto", "auto", None),
    ("none", "none", None),
    ("required", "required", None),
    ({"type": "function", "name": "f"}, "named", [("", "f")]),
    ({"type": "function", "name": "f", "namespace": "n"}, "named", [("n", "f")]),
    ({"type": "custom", "name": "c"}, "named", [("", "c")]),
    ({"type": "web_search_preview"}, "named", [("", "web_search")]),
    (
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}, {"type": "mcp"}]},
        "named",
        [("", "f"), ("", "mcp")],
    ),
    ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "c"}]}, "auto", [("", "c")]),
]


@pytest.mark.parametrize(("choice", "mode", "tools"), CHOICES, ids=[json.dumps(row[0])[:50] for row in CHOICES])
def test_tool_choice_is_read_in_all_its_forms(choice: Any, mode: str, tools: list[tuple[str, str]] | None) -> None:
    """And comes back as it was (trap 14)."""
    turn = read_turn(tool_choice=choice)
    assert isinstance(turn.tool_choice, ToolChoice)
    assert (turn.tool_choice.mode, turn.tool_choice.tools) == (mode, tools)
    assert json.loads(CODEC.write_turn(turn, OPENAI, Report()))["tool_choice"] == choice


MEMBERS: list[tuple[dict[str, Any], str, Any]] = [
    ({"instructions": "be"}, "instructions", Message(role="system", parts=[Text(text="be")], is_plain=True)),
    ({"instructions": ""}, "instructions", Message(role="system", parts=[Text(text="")], is_plain=True)),
    ({"reasoning": {"effort": "xhigh", "summary": "auto", "context": "all_turns"}}, "thinking",
     Thinking(effort="xhigh", summary="auto", extra={"context": "all_turns"})),
    ({"reasoning": None}, "thinking", None),
    ({"text": {"verbosity": "low"}}, "verbosity", "low"),
    ({"text": {"format": {"type": "text"}}}, "format", None),
    ({"text": {}}, "format", None),
    ({"text": {"format": {"type": "json_object"}, "verbosity": None}}, "format", Format(kind="json_object")),
    ({"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}}}, "format",
     Format(kind="json_schema", name="n", schema={"type": "object"}, strict=True)),
    ({"max_output_tokens": 20}, "max_output_tokens", 20),
    ({"temperature": 1, "top_p": 0.5}, "temperature", 1),
    ({"stream": True}, "is_stream", True),
    ({"stream": False}, "is_stream", False),
    ({"prompt_cache_key": "thread"}, "session", "thread"),
    ({"user": "u"}, "user", "u"),
    ({"safety_identifier": "s", "user": "u"}, "user", "s"),
    ({"service_tier": "flex"}, "service_tier", "flex"),
    ({"parallel_tool_calls": False}, "parallel_tools", False),
    ({"include": ["reasoning.encrypted_content", "x"]}, "include_encrypted", True),
    ({"include": None}, "include_encrypted", False),
    ({"previous_response_id": "resp_1", "store": False, "metadata": {"a": "b"}}, "extra",
     {"previous_response_id": "resp_1", "store": False, "metadata": {"a": "b"}, "input": "hi"}),
    ({"input": []}, "messages", []),
]  # fmt: skip


@pytest.mark.parametrize(("body", "member", "want"), MEMBERS, ids=[json.dumps(row[0])[:60] for row in MEMBERS])
def test_a_member_is_read_and_comes_back(body: dict[str, Any], member: str, want: Any) -> None:
    """Top-level members; what the canon has no word for stays in `extra`."""
    turn = read_turn(**body)
    assert getattr(turn, member) == want
    assert isinstance(turn, Node)
    again = json.loads(CODEC.write_turn(turn, OPENAI, Report()))
    assert again == {"model": OPENAI.model, "input": "hi", **body}


def test_a_conversation_may_stand_with_its_provider() -> None:
    """`input` may be missing beside a prompt template or what OpenAI keeps; the path may name the model."""
    turn = CODEC.read_turn(b'{"conversation":"conv_1"}', PathSays(model="m", is_stream=True))
    assert (turn.messages, turn.model, turn.is_stream) == ([], "m", True)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("no model", {"model": None}, "model"),
    ("no input", {"input": None}, "input"),
    ("input is a number", {"input": 5}, "input"),
    ("an item is a string", {"input": ["hi"]}, "input[0]"),
    ("an item without type", {"input": [{"content": "hi"}]}, "input[0].type"),
    ("an unknown role", {"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
    ("no role", {"input": [{"type": "message", "content": "x"}]}, "input[0].role"),
    ("no content", {"input": [{"role": "user"}]}, "input[0].content"),
    ("content is an object", {"input": [{"role": "user", "content": {}}]}, "input[0].content"),
    ("a part without type", {"input": [{"role": "user", "content": [{"text": "x"}]}]}, "input[0].content[0].type"),
    ("text is a number", {"input": [{"role": "user", "content": [{"type": "input_text", "text": 1}]}]},
     "input[0].content[0].text"),
    ("Chat's image", {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": {"url": "u"}}]}]},
     "input[0].content[0].image_url"),
    ("no image", {"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
    ("no file", {"input": [{"role": "user", "content": [{"type": "input_file", "filename": "a"}]}]}, "input[0].content[0]"),
    ("a call without id", {"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
    ("arguments are an object", {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]},
     "input[0].arguments"),
    ("no input of a custom call", {"input": [{"type": "custom_tool_call", "call_id": "c", "name": "f"}]}, "input[0].input"),
    ("an output is a number", {"input": [{"type": "function_call_output", "call_id": "c", "output": 1}]}, "input[0].output"),
    ("a refusal in an output", {"input": [{"type": "function_call_output", "call_id": "c", "output": [
        {"type": "refusal", "refusal": "no"}]}]}, "input[0].output"),
    ("no action", {"input": [{"type": "local_shell_call", "call_id": "c"}]}, "input[0].action"),
    ("summary is a string", {"input": [{"type": "reasoning", "summary": "so"}]}, "input[0].summary"),
    ("tools are an object", {"tools": {}}, "tools"),
    ("a tool without type", {"tools": [{"name": "f"}]}, "tools[0].type"),
    ("a function without name", {"tools": [{"type": "function"}]}, "tools[0].name"),
    ("no name inside a namespace", {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "custom"}]}]},
     "tools[0].tools[0].name"),
    ("a grammar without definition", {"tools": [{"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "l"}}]},
     "tools[0].format.definition"),
    ("a search described by an object", {"tools": [{"type": "tool_search", "execution": "client", "description": {}}]},
     "tools[0].description"),
    ("a search of a string", {"tools": [{"type": "tool_search", "execution": "client", "parameters": "x"}]}, "tools[0].parameters"),
    ("a search of true", {"tools": [{"type": "tool_search", "execution": "client", "parameters": True}]}, "tools[0].parameters"),
    ("a tool that was found without type", {"input": [{"type": "tool_search_output", "execution": "client", "call_id": "c",
     "tools": [{"name": "f"}]}]}, "input[0].tools[0].type"),
    ("an additional tool without name", {"input": [{"type": "additional_tools", "tools": [{"type": "function"}]}]},
     "input[0].tools[0].name"),
    ("arguments too deep", {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "[" * 5000}]},
     "input[0].arguments"),
    ("an unknown choice", {"tool_choice": "any"}, "tool_choice"),
    ("a choice without type", {"tool_choice": {"name": "f"}}, "tool_choice.type"),
    ("an unknown effort", {"reasoning": {"effort": "ultra"}}, "reasoning.effort"),
    ("no schema", {"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
    ("temperature is a string", {"temperature": "1"}, "temperature"),
    ("stream is a string", {"stream": "yes"}, "stream"),
    ("max_output_tokens is a fraction", {"max_output_tokens": 1.5}, "max_output_tokens"),
    ("max_output_tokens is absurd", {"max_output_tokens": 10**400}, "max_output_tokens"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "param"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_violation_names_its_path(body: dict[str, Any], param: str) -> None:
    """The developer reads which member is wrong, before anything is sent."""
    with pytest.raises(BadRequest) as error:
        read_turn(**body)
    assert error.value.details["param"] == param
    assert f"`{param}`" in error.value.message
