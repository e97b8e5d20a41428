"""A client's Chat request as a turn: every role, part, tool form and choice; violations by JSON path."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import (
    Citation,
    Format,
    Media,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.dataplane.wire.chat import CODEC
from gateway.dataplane.wire.codec import PathSays

_HI = {"role": "user", "content": "hi"}


def _read(**body: Any) -> Turn:
    return CODEC.read_turn(json.dumps({"model": "m", "messages": [_HI], **body}).encode(), PathSays())


def _messages(*messages: dict[str, Any]) -> list[Message]:
    return _read(messages=list(messages)).messages


_PNG = "data:image/png;base64,AAAA"


@pytest.mark.parametrize(
    ("message", "want"),
    [
        (_HI, Message(role="user", parts=[Text(text="hi")], is_plain=True)),
        (
            {"role": "system", "content": "s", "name": "n"},
            Message(role="system", parts=[Text(text="s")], is_plain=True, extra={"name": "n"}),
        ),
        (
            {"role": "developer", "content": [{"type": "text", "text": "d"}]},
            Message(role="developer", parts=[Text(text="d")]),
        ),
        ({"role": "user", "content": ""}, Message(role="user", parts=[], is_plain=True)),
        (
            {"role": "assistant", "content": None, "refusal": "no"},
            Message(role="assistant", parts=[Refusal(text="no")]),
        ),
        (
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            Message(role="assistant", parts=[Refusal(text="no")]),
        ),
        (
            {"role": "assistant", "content": "a", "reasoning_content": "r"},
            Message(role="assistant", parts=[Reasoning(text="r"), Text(text="a")], is_plain=True),
        ),
        (
            {"role": "assistant", "content": "a", "reasoning": "r"},
            Message(role="assistant", parts=[Reasoning(text="r"), Text(text="a")], is_plain=True),
        ),
        (
            {"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}]},
            Message(role="assistant", parts=[Reasoning(text="r")]),
        ),
        (
            {"role": "assistant", "content": "a", "annotations": [{"type": "url_citation"}]},
            Message(
                role="assistant",
                parts=[Text(text="a", citations=[Citation(raw={"type": "url_citation"})])],
                is_plain=True,
            ),
        ),
        (
            {"role": "user", "content": "hi", "cache_control": {"type": "ephemeral"}},
            Message(role="user", parts=[Text(text="hi", cache="5m")]),
        ),
    ],
)
def test_messages_of_each_role(message: dict[str, Any], want: Message) -> None:
    """Content as string, null and parts; reasoning in its spellings."""
    assert _messages(message) == [want]


@pytest.mark.parametrize(
    ("part", "want"),
    [
        (
            {"type": "text", "text": "t", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            Text(text="t", cache="1h"),
        ),
        (
            {"type": "text", "text": "t", "prompt_cache_breakpoint": {"mode": "explicit"}},
            Text(text="t", extra={"prompt_cache_breakpoint": {"mode": "explicit"}}),
        ),
        (
            {"type": "image_url", "image_url": {"url": _PNG, "detail": "low"}},
            Media(kind="image", data="AAAA", mime="image/png", detail="low"),
        ),
        ({"type": "image_url", "image_url": "https://x/y.png"}, Media(kind="image", url="https://x/y.png")),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            Media(kind="audio", data="AAAA", mime="audio/mpeg"),
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
            Media(kind="document", data="AAAA", mime="application/pdf", name="a.pdf"),
        ),
        ({"type": "file", "file": {"file_id": "file-1"}}, Media(kind="document", file_id="file-1")),
        (
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
            Media(kind="video", data="AAAA", mime="video/mp4"),
        ),
        ({"type": "document_url", "document_url": "https://x/a.pdf"}, Media(kind="document", url="https://x/a.pdf")),
        (
            {"type": "file_url", "file_url": {"url": "AAAA"}},
            Opaque(kind="file_url", value={"type": "file_url", "file_url": {"url": "AAAA"}}),
        ),
    ],
)
def test_parts_of_each_kind(part: dict[str, Any], want: Any) -> None:
    """OpenAI's parts, and those of single vendors."""
    assert _messages({"role": "user", "content": [part]})[0].parts == [want]


def test_calls_and_results_find_each_other() -> None:
    """Function and custom calls, arguments as object, results as string and parts, with a name."""
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
        {"id": "b", "type": "custom", "custom": {"name": "g", "input": "raw"}},
        {"id": "c", "type": "function", "function": {"name": "h", "arguments": {"y": 2}}, "index": 2},
    ]
    found = _messages(
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}], "name": "g"},
    )
    assert found[0].parts == [
        ToolCall(id="a", name="f", arguments='{"x":1}'),
        ToolCall(id="b", name="g", arguments="raw", kind="custom"),
        ToolCall(id="c", name="h", arguments='{"y":2}', extra={"index": 2}),
    ]
    assert found[1].parts == [ToolResult(call_id="a", parts=[Text(text="1")], is_plain=True)]
    assert found[2].parts == [ToolResult(call_id="b", parts=[Text(text="2")], name="g")]


def test_legacy_functions_are_read_to_modern_calls() -> None:
    """`functions`, `function_call` and the role `function`; ids stay the same when the conversation grows."""
    turn = _read(
        messages=[
            _HI,
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "1"},
        ],
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    assert turn.messages[1].parts == [ToolCall(id="call_1", name="f", arguments="{}")]
    assert turn.messages[2].parts == [ToolResult(call_id="call_1", parts=[Text(text="1")], name="f", is_plain=True)]
    assert turn.tools is not None
    assert (turn.tools[0].kind, turn.tools[0].name, turn.tools[0].schema) == ("function", "f", {"type": "object"})
    assert turn.tool_choice == ToolChoice(mode="named", tools=[("", "f")])
    assert turn.parallel_tools is False


def test_trap_10_calls_without_ids_are_paired_by_their_order() -> None:
    """Ids are made from the place, and results without one belong to the calls before them in order."""
    function = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = _messages(
        {"role": "assistant", "tool_calls": [function, function]},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
    )
    ids = [part.id for part in found[0].parts if isinstance(part, ToolCall)]
    assert ids == ["call_0_0", "call_0_1"]
    assert [part.call_id for m in found[1:] for part in m.parts if isinstance(part, ToolResult)] == ids


def test_trap_21_googles_signature_is_bound_to_its_call() -> None:
    """`extra_content.google.thought_signature` on a call or a message is a Reasoning right before it."""
    proof = {"google": {"thought_signature": "sig"}}
    found = _messages(
        {
            "role": "assistant",
            "content": "t",
            "extra_content": {"google": {"thought_signature": "text"}},
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": proof}
            ],
        }
    )
    assert found[0].parts == [
        Reasoning(signature="text", is_bound=True),
        Text(text="t"),
        Reasoning(signature="sig", is_bound=True),
        ToolCall(id="a", name="f", arguments="{}"),
    ]


@pytest.mark.parametrize(
    ("details", "want"),
    [
        (
            [{"type": "reasoning.text", "text": "r", "signature": "s", "format": "anthropic-claude-v1", "index": 0}],
            [Reasoning(text="r", signature="s", extra={"format": "anthropic-claude-v1"})],
        ),
        (
            [
                {"type": "reasoning.summary", "summary": "s", "index": 0},
                {"type": "reasoning.encrypted", "data": "d", "id": "rs_1", "index": 0},
            ],
            [Reasoning(summary=["s"], signature="d", item_id="rs_1")],
        ),
        (
            [{"type": "reasoning.text", "text": "a", "index": 0}, {"type": "reasoning.text", "text": "b", "index": 0}],
            [Reasoning(text="ab")],
        ),
        (
            [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.encrypted", "data": "d"}],
            [Reasoning(text="a", signature="d")],
        ),
        (
            [{"type": "reasoning.encrypted", "data": "d", "format": "anthropic-claude-v1"}],
            [Reasoning(signature="d", is_redacted=True, extra={"format": "anthropic-claude-v1"})],
        ),
        ([{"type": "reasoning.new"}, "x"], []),
    ],
)
def test_reasoning_details_are_thoughts(details: list[Any], want: list[Reasoning]) -> None:
    """OpenRouter's entries, joined by their index."""
    assert _messages({"role": "assistant", "content": "", "reasoning_details": details})[0].parts == want


def test_reasoning_details_of_ours_find_their_words_and_their_place() -> None:
    """The words of `reasoning_content`, and `before`: the call that a later thought stood before."""
    call = {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    details = [
        {"type": "reasoning.encrypted", "data": "1", "index": 0},
        {"type": "reasoning.encrypted", "data": "2", "index": 1, "before": "b"},
    ]
    found = _messages(
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "r",
            "reasoning_details": details,
            "tool_calls": [{**call, "id": "a"}, call],
        }
    )
    assert found[0].parts == [
        Reasoning(text="r", signature="1"),
        ToolCall(id="a", name="f", arguments="{}"),
        Reasoning(signature="2"),
        ToolCall(id="b", name="f", arguments="{}"),
    ]


@pytest.mark.parametrize(
    ("tool", "want"),
    [
        (
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}, "strict": True}},
            Tool(kind="function", name="f", description="d", schema={}, strict=True),
        ),
        ({"function": {"name": "f"}}, Tool(kind="function", name="f")),
        (
            {"type": "function", "function": {"name": "f", "x": 1}, "cache_control": {"type": "ephemeral"}, "y": 2},
            Tool(kind="function", name="f", cache="5m", extra={"y": 2, "function": {"x": 1}}),
        ),
        (
            {
                "type": "custom",
                "custom": {
                    "name": "g",
                    "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}},
                },
            },
            Tool(kind="custom", name="g", syntax="lark", grammar="start: x"),
        ),
        ({"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}}, Tool(kind="custom", name="g")),
        (
            {"type": "openrouter:web_search", "parameters": {}},
            Tool(kind="server", name="web_search", value={"type": "openrouter:web_search", "parameters": {}}),
        ),
    ],
)
def test_tools_of_each_kind(tool: dict[str, Any], want: Tool) -> None:
    """Functions, custom tools with and without a grammar, tools that run at the provider."""
    assert _read(tools=[tool]).tools == [want]


def test_web_search_options_are_a_server_tool() -> None:
    """So that another dialect can search in its own way."""
    options = {"search_context_size": "low"}
    want = Tool(kind="server", name="web_search", value={"web_search_options": options})
    assert _read(web_search_options=options).tools == [want]


@pytest.mark.parametrize(
    ("choice", "want"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ("any", ToolChoice(mode="required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(mode="named", tools=[("", "f")])),
        ({"type": "custom", "custom": {"name": "f"}}, ToolChoice(mode="named", tools=[("", "f")])),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            ToolChoice(mode="auto", tools=[("", "f")]),
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "custom", "custom": {"name": "f"}}]},
            },
            ToolChoice(mode="named", tools=[("", "f")]),
        ),
    ],
)
def test_tool_choices_of_each_form(choice: Any, want: ToolChoice) -> None:
    """All forms of `tool_choice`."""
    assert _read(tool_choice=choice).tool_choice == want


@pytest.mark.parametrize(
    ("body", "want"),
    [
        ({"reasoning_effort": "high"}, Thinking(effort="high")),
        ({"reasoning_effort": "default"}, Thinking(extra={"reasoning_effort": "default"})),
        ({"reasoning": {"effort": "low", "exclude": True}}, Thinking(effort="low", summary="none")),
        ({"reasoning": {"max_tokens": 2000}}, Thinking(budget_tokens=2000)),
        ({"reasoning": {"enabled": True}}, Thinking(is_adaptive=True)),
        ({"reasoning": {"enabled": False, "effort": "high"}}, Thinking(effort="none")),
        ({"thinking": {"type": "disabled"}}, Thinking(effort="none")),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "max"}, Thinking(effort="max", is_adaptive=True)),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, Thinking(budget_tokens=1024)),
        ({"thinking": {"clear_thinking": False}}, Thinking(extra={"thinking": {"clear_thinking": False}})),
        ({"enable_thinking": False}, Thinking(effort="none")),
        ({"enable_thinking": True, "thinking_budget": 99}, Thinking(is_adaptive=True, budget_tokens=99)),
        ({}, None),
    ],
)
def test_thinking_in_each_spelling(body: dict[str, Any], want: Thinking | None) -> None:
    """OpenAI's, OpenRouter's, DeepSeek's and DashScope's words; off is off, whatever stands beside it (COMPLAINTS 27)."""
    assert _read(**body).thinking == want


def test_every_other_member_has_its_place() -> None:
    """Numbers, limits, formats, labels; what only Chat knows stays in `extra`."""
    schema = {"type": "object"}
    turn = _read(
        max_tokens=10,
        max_completion_tokens=20,
        temperature=0,
        top_p=0.5,
        top_k=3,
        seed=4,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        stop="x",
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        service_tier="flex",
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        parallel_tool_calls=False,
        verbosity="low",
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": False}},
        n=2,
        logprobs=True,
        metadata={"a": "b"},
        store=None,
    )
    assert (turn.max_output_tokens, turn.temperature, turn.top_p, turn.top_k, turn.seed) == (20, 0, 0.5, 3, 4)
    assert (turn.presence_penalty, turn.frequency_penalty, turn.stop, turn.user) == (0.1, 0.2, ["x"], "u")
    assert (turn.session, turn.service_tier, turn.verbosity) == ("k", "flex", "low")
    assert (turn.is_stream, turn.wants_usage, turn.parallel_tools) == (True, True, False)
    assert turn.format == Format(kind="json_schema", name="n", schema=schema, strict=False)
    assert turn.extra == {
        "n": 2,
        "logprobs": True,
        "metadata": {"a": "b"},
        "safety_identifier": "s",
        "stream_options": {"include_obfuscation": False},
    }


def test_what_says_nothing_leaves_nothing() -> None:
    """Defaults said aloud and nulls are not reported by anyone as lost."""
    turn = _read(n=1, stream=False, response_format={"type": "text"}, stop=None, tools=[], logit_bias=None)
    assert turn == _read()
    assert turn.extra is None


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"messages": None}, "messages", "is missing"),
        ({"messages": []}, "messages", "is empty"),
        ({"messages": {}}, "messages", "must be an array"),
        ({"messages": ["x"]}, "messages[0]", "must be an object"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "is missing"),
        ({"messages": [{"role": "model", "content": "x"}]}, "messages[0].role", "`user`"),
        ({"messages": [_HI, {"role": "user", "content": 1}]}, "messages[1].content", "must be an array"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type", "is missing"),
        ({"messages": [{"role": "user", "content": [{"type": "img"}]}]}, "messages[0].content[0].type", "`image_url`"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text", "is missing"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url",
            "is missing",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
            "messages[0].content[0].file",
            "needs `file_data`",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id", "no call waits"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "x"}]}]},
            "messages[0].tool_calls[0].type",
            "`custom`",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {}}]}]},
            "messages[0].tool_calls[0].function.name",
            "is missing",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": 1}}]}
                ]
            },
            "messages[0].tool_calls[0].function.arguments",
            "must be a string",
        ),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "must be an object"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", "is missing"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]},
            "tools[0].function.parameters",
            "must be an object",
        ),
        ({"tools": [{"name": "f"}]}, "tools[0].type", "is missing"),
        ({"tool_choice": "f"}, "tool_choice", "`required`"),
        ({"tool_choice": {"type": "x"}}, "tool_choice.type", "`allowed_tools`"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function.name", "is missing"),
        ({"temperature": "hot"}, "temperature", "must be a number"),
        ({"max_tokens": "1"}, "max_tokens", "must be an integer"),
        ({"stop": [1]}, "stop[0]", "must be a string"),
        ({"stream": "yes"}, "stream", "must be true or false"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": 1}}},
            "response_format.json_schema.schema",
            "must be an object",
        ),
    ],
)
def test_a_violation_names_its_place(body: dict[str, Any], param: str, words: str) -> None:
    """Path, value and way out, before anything is sent or billed."""
    with pytest.raises(BadRequest) as caught:
        _read(**body)
    assert caught.value.details["param"] == param
    assert words in caught.value.message
    assert f"`{param}`" in caught.value.message
