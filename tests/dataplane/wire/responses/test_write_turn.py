"""Turns of other dialects → Responses requests: placement, tools, reasoning, media, limits, and what is reported."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.dataplane.wire.canon import (
    Format,
    Media,
    Message,
    Opaque,
    Part,
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
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.responses import CODEC
from tests.dataplane.wire.responses.build import OPENAI, OTHER, foreign, sent

_F = Tool(kind="function", name="f", schema={"type": "object", "properties": {}})


def _item(
    *parts: Part, role: Any = "user", drops: Any = (), target: Target = OPENAI, **members: Any
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sent(foreign(Message(role=role, parts=list(parts), **members)), target, drops=drops)[
        "input"
    ]
    return found


def test_the_conversation_is_last_and_nothing_is_kept() -> None:
    """Two turns of one session share the longest prefix of bytes (trap 58); `store` is false."""
    first = foreign(
        Message(role="user", parts=[Text(text="one")]),
        instructions=Message(role="system", parts=[Text(text="be"), Text(text=""), Text(text="kind", cache="5m")]),
        tools=[_F], session="s", max_output_tokens=100, is_stream=True, parallel_tools=False,
    )  # fmt: skip
    second = replace(first, messages=[*first.messages, Message(role="assistant", parts=[Text(text="two")])])
    body, longer = CODEC.write_turn(first, OTHER, Report()), CODEC.write_turn(second, OTHER, Report())
    assert longer.startswith(body[: -len(b"]}")])
    assert json.loads(body) == {
        "model": "llama-9",
        "store": False,
        "instructions": "be\n\nkind",
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False}
        ],
        "parallel_tool_calls": False,
        "max_output_tokens": 100,
        "prompt_cache_key": "s",
        "stream": True,
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one"}]}],
    }


def test_system_messages_of_the_conversation_stay_where_they_are() -> None:
    """Trap 31: order and role are kept; a bare string stays one."""
    told = foreign(
        Message(role="system", parts=[Text(text="a")], is_plain=True),
        Message(role="user", parts=[Text(text="b")], is_plain=True),
        Message(role="developer", parts=[Text(text="c")], is_plain=True),
    )
    assert [(item["role"], item["content"]) for item in sent(told)["input"]] == [
        ("system", "a"),
        ("user", "b"),
        ("developer", "c"),
    ]


def test_an_assistant_becomes_items_in_order() -> None:
    """Reasoning, words and calls are items of their own; ids only where OpenAI takes them."""
    items = _item(
        Reasoning(signature="gAAA", summary=["so"], item_id="rs_1", origin="openai"),
        Text(text="I will"),
        Text(text=""),
        Refusal(text="not"),
        ToolCall(id="c1", name="f", arguments="", item_id="toolu_1"),
        ToolCall(id="c2", name="p", arguments="patch", kind="custom", item_id="ctc_1"),
        role="assistant",
    )
    assert items == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "so"}],
            "encrypted_content": "gAAA",
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I will"}, {"type": "refusal", "refusal": "not"}],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "p", "input": "patch"},
    ]


def test_thinking_never_becomes_words_of_the_assistant() -> None:
    """Trap 24: unsigned thinking is dropped and reported; its own vendor may get the words back where it takes them."""
    thought = Reasoning(text="secret thoughts", origin="deepseek")
    assert _item(thought, Text(text="a"), role="assistant", drops=[("messages.reasoning", "other_vendor")]) == [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}
    ]
    deepseek = Target("openai.responses", "deepseek", "deepseek-v4", "deepseek", "deepseek")
    assert _item(thought, role="assistant", target=deepseek) == [
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "secret thoughts"}]}
    ]
    assert _item(replace(thought, origin="openai"), role="assistant", drops=[("messages.reasoning", "unsigned")]) == []


RESULTS: list[tuple[str, ToolResult, dict[str, Any], list[tuple[str, str]]]] = [
    (
        "text is a string",
        ToolResult(call_id="c", parts=[Text(text="out")]),
        {"type": "function_call_output", "call_id": "c", "output": "out"},
        [],
    ),
    (
        "texts are a list",
        ToolResult(call_id="c", parts=[Text(text="a"), Text(text="b")]),
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}],
        },
        [],
    ),
    (
        "an image is never lost (traps 22, 34)",
        ToolResult(call_id="c", parts=[Media(kind="image", data="AAA", mime="image/png")]),
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_image", "image_url": "data:image/png;base64,AAA"}],
        },
        [],
    ),
    (
        "an error is said in words",
        ToolResult(call_id="c", parts=[Text(text="no such file")], is_error=True),
        {"type": "function_call_output", "call_id": "c", "output": "Error: no such file"},
        [],
    ),
    (
        "an error that says so needs no more",
        ToolResult(call_id="c", parts=[Text(text="Error: nope")], is_error=True),
        {"type": "function_call_output", "call_id": "c", "output": "Error: nope"},
        [],
    ),
    ("nothing", ToolResult(call_id="c", parts=[]), {"type": "function_call_output", "call_id": "c", "output": ""}, []),
    (
        "an object is JSON",
        ToolResult(call_id="c", parts=[], value={"a": 1}),
        {"type": "function_call_output", "call_id": "c", "output": '{"a":1}'},
        [],
    ),
    (
        "custom",
        ToolResult(call_id="c", parts=[Text(text="out")], kind="custom"),
        {"type": "custom_tool_call_output", "call_id": "c", "output": "out"},
        [],
    ),
    (
        "a block of another dialect is JSON, and reported",
        ToolResult(call_id="c", parts=[Opaque(kind="search_result", value={"title": "t"})]),
        {"type": "function_call_output", "call_id": "c", "output": '{"title":"t"}'},
        [("messages.tool_result.search_result", "as_json")],
    ),
    (
        "video cannot be shown",
        ToolResult(call_id="c", parts=[Media(kind="video", data="AAA", mime="video/mp4")]),
        {"type": "function_call_output", "call_id": "c", "output": "[video could not be sent to this model]"},
        [("messages.tool_result.video", "unsupported")],
    ),
]


@pytest.mark.parametrize(("part", "want", "drops"), [row[1:] for row in RESULTS], ids=[row[0] for row in RESULTS])
def test_results_of_tools(part: ToolResult, want: dict[str, Any], drops: list[tuple[str, str]]) -> None:
    """What a tool gave reaches the model, or it is said that it did not."""
    assert _item(part, role="tool", drops=drops) == [want]


def test_results_come_before_the_words_beside_them() -> None:
    """A user message of results and words (Messages) becomes outputs and a message, in their order."""
    items = _item(ToolResult(call_id="c", parts=[Text(text="out")]), Text(text="go on"))
    assert [item["type"] for item in items] == ["function_call_output", "message"]


_LEFT_OUT = "[%s could not be sent to this model]"
MEDIA: list[tuple[str, Media, dict[str, Any] | str, list[tuple[str, str]]]] = [
    ("image", Media(kind="image", data="A", mime="image/jpeg", detail="low"),
     {"type": "input_image", "image_url": "data:image/jpeg;base64,A", "detail": "low"}, []),
    ("image by URL", Media(kind="image", url="https://x/y"), {"type": "input_image", "image_url": "https://x/y"}, []),
    ("document", Media(kind="document", data="A", mime="application/pdf", name="my report"),
     {"type": "input_file", "filename": "my report.pdf", "file_data": "data:application/pdf;base64,A"}, []),
    ("document by URL", Media(kind="document", url="https://x/y.pdf"),
     {"type": "input_file", "file_url": "https://x/y.pdf"}, []),
    ("plain text", Media(kind="document", text="words", name="a.txt"),
     {"type": "input_text", "text": '<document title="a.txt">\nwords\n</document>'}, []),
    ("plain text in base64", Media(kind="document", data="d29yZHM=", mime="text/plain"),
     {"type": "input_text", "text": "<document>\nwords\n</document>"}, []),
    ("sound", Media(kind="audio", data="A", mime="audio/mpeg"),
     {"type": "input_audio", "input_audio": {"data": "A", "format": "mp3"}}, []),
    ("sound that is not taken", Media(kind="audio", data="A", mime="audio/flac"), _LEFT_OUT % "audio", [("messages.audio", "unsupported")]),
    ("video", Media(kind="video", data="A", mime="video/mp4"), _LEFT_OUT % "video", [("messages.video", "unsupported")]),
    ("a bucket", Media(kind="image", url="gs://b/o"), _LEFT_OUT % "image `gs://b/o`", [("messages.image.url", "unsupported_scheme")]),
    ("another's file", Media(kind="image", file_id="file_011"), _LEFT_OUT % "image", [("messages.image.file_id", "other_vendor")]),
]  # fmt: skip


@pytest.mark.parametrize(("media", "want", "drops"), [row[1:] for row in MEDIA], ids=[row[0] for row in MEDIA])
def test_media(media: Media, want: dict[str, Any] | str, drops: list[tuple[str, str]]) -> None:
    """Traps 35, 36: each form of image and document, and what cannot be carried."""
    items = _item(media, drops=drops)
    want = {"type": "input_text", "text": want} if isinstance(want, str) else want
    assert [item["content"] for item in items] == [[want]]


SCHEMAS: list[tuple[str, dict[str, Any] | None, dict[str, Any], list[tuple[str, str]]]] = [
    ("none", None, {"type": "object", "properties": {}}, []),
    ("empty", {}, {"type": "object", "properties": {}}, []),
    ("no type", {"properties": {"a": {}}}, {"properties": {"a": {}}, "type": "object"}, []),
    (
        "an array without items",
        {"type": "object", "properties": {"a": {"type": "array"}, "b": {"type": "string"}}},
        {"type": "object", "properties": {"a": {"type": "array", "items": {}}, "b": {"type": "string"}}},
        [],
    ),
    (
        "alternatives at the root",
        {"type": "object", "properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}, {"required": ["b"]}]},
        {"type": "object", "properties": {"a": {}, "b": {}}},
        [("tools.f.schema.anyOf", "flattened")],
    ),
    (
        "a reference at the root",
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"a": {}}}}},
        {"type": "object", "properties": {"a": {}}, "$defs": {"A": {"type": "object", "properties": {"a": {}}}}},
        [],
    ),
]


@pytest.mark.parametrize(("schema", "want", "drops"), [row[1:] for row in SCHEMAS], ids=[row[0] for row in SCHEMAS])
def test_schemas_are_such_as_openai_takes(
    schema: dict[str, Any] | None, want: dict[str, Any], drops: list[tuple[str, str]]
) -> None:
    """Trap 15: MCP servers declare things that OpenAI refuses."""
    given = json.dumps(schema)
    tool = sent(foreign(tools=[Tool(kind="function", name="f", schema=schema)]), drops=drops)["tools"][0]
    assert (tool["parameters"], tool["strict"]) == (want, False)
    assert json.dumps(schema) == given, "the turn is not changed"


def test_strict_only_where_it_is_legal() -> None:
    """Trap 16."""
    closed = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    for schema, want, drops in ((closed, True, []), (loose, False, [("tools.f.strict", "not_all_required")])):
        body = sent(foreign(tools=[Tool(kind="function", name="f", schema=schema, strict=True)]), drops=drops)
        assert body["tools"][0]["strict"] is want


def test_tools_of_every_kind() -> None:
    """Freeform tools and namespaces are native here; of server tools those that vendors share."""
    tools = [
        Tool(kind="custom", name="p", description="d", syntax="lark", grammar="g"),
        Tool(kind="namespace", name="n", description="d", children=[Tool(kind="custom", name="c")]),
        Tool(kind="server", name="web_search", value={
            "type": "web_search_20250305", "name": "web_search", "max_uses": 5, "allowed_domains": ["a.b"],
            "user_location": {"type": "approximate", "city": "Rome"}}),
        Tool(kind="server", name="code_execution", value={"type": "code_execution_20250522"}),
        Tool(kind="server", name="web_fetch", value={}),
    ]  # fmt: skip
    drops = [("tools.web_search.max_uses", "unsupported"), ("tools.web_fetch", "unsupported")]
    assert sent(foreign(tools=tools), drops=drops)["tools"] == [
        {
            "type": "custom",
            "name": "p",
            "description": "d",
            "format": {"type": "grammar", "syntax": "lark", "definition": "g"},
        },
        {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "custom", "name": "c"}]},
        {
            "type": "web_search",
            "filters": {"allowed_domains": ["a.b"]},
            "user_location": {"type": "approximate", "city": "Rome"},
        },
        {"type": "code_interpreter", "container": {"type": "auto"}},
    ]
    assert "tools" not in sent(foreign(tools=tools[3:4]), OTHER, drops=[("tools.code_execution", "unsupported")])


CHOICES: list[tuple[ToolChoice, Any]] = [
    (ToolChoice(mode="auto"), "auto"),
    (ToolChoice(mode="required"), "required"),
    (ToolChoice(mode="none"), "none"),
    (ToolChoice(mode="named", tools=[("", "f")]), {"type": "function", "name": "f"}),
    (ToolChoice(mode="named", tools=[("", "p")]), {"type": "custom", "name": "p"}),
    (ToolChoice(mode="named", tools=[("", "web_search")]), {"type": "web_search"}),
    (
        ToolChoice(mode="named", tools=[("", "f"), ("", "p")]),
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "p"}],
        },
    ),
    (
        ToolChoice(mode="auto", tools=[("", "f")]),
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    ),
]


@pytest.mark.parametrize(("choice", "want"), CHOICES)
def test_tool_choice(choice: ToolChoice, want: Any) -> None:
    """Trap 14; without tools there is nothing to choose."""
    tools = [_F, Tool(kind="custom", name="p"), Tool(kind="server", name="web_search", value={})]
    assert sent(foreign(tools=tools, tool_choice=choice))["tool_choice"] == want
    assert "tool_choice" not in sent(foreign(tool_choice=choice))


def test_a_tool_that_cannot_be_declared_cannot_be_chosen() -> None:
    """It would be refused."""
    computer = Tool(kind="server", name="computer", value={})
    choice = ToolChoice(mode="named", tools=[("", "computer")])
    drops = [("tools.computer", "unsupported"), ("tool_choice", "no_such_tool")]
    assert "tool_choice" not in sent(foreign(tools=[_F, computer], tool_choice=choice), drops=drops)


_CIPHER = ["reasoning.encrypted_content"]
THINKING: list[tuple[str, str, str, Thinking | None, Any, Any, list[tuple[str, str]]]] = [
    ("not said", "gpt-5.5", "openai", None, None, _CIPHER, []),
    ("not said, by a model that does not", "gpt-4o", "openai", None, None, None, []),
    ("effort", "gpt-5.5", "openai", Thinking(effort="high", summary="auto"), {"effort": "high", "summary": "auto"}, _CIPHER, []),
    ("budget", "gpt-5.5", "openai", Thinking(budget_tokens=31999), {"effort": "high", "summary": "auto"}, _CIPHER, []),
    ("adaptive", "gpt-5.5", "openai", Thinking(is_adaptive=True, summary="none"), None, _CIPHER, []),
    ("more than there is", "gpt-5.1", "openai", Thinking(effort="max", summary="none"), {"effort": "high"}, _CIPHER, [("thinking", "nearest_is_high")]),
    ("off", "gpt-5.5", "openai", Thinking(effort="none"), {"effort": "none"}, None, []),
    ("off, by a model that cannot", "gpt-5", "openai", Thinking(effort="none"), {"effort": "minimal"}, _CIPHER, []),
    ("off, elsewhere (complaint 27)", "deepseek-v4", "deepseek", Thinking(effort="none"), None, None, []),
    ("on, elsewhere", "deepseek-v4", "deepseek", Thinking(effort="low"), {"effort": "low"}, _CIPHER, []),
    ("by a model that cannot", "gpt-4o", "openai", Thinking(effort="low"), None, None, [("thinking", "not_by_this_model")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "vendor", "thinking", "reasoning", "include", "drops"),
    [row[1:] for row in THINKING],
    ids=[row[0] for row in THINKING],
)
def test_thinking(
    model: str, vendor: str, thinking: Thinking | None, reasoning: Any, include: Any, drops: list[tuple[str, str]]
) -> None:
    """Trap 25: as much as the model takes; its cipher is asked for exactly when it thinks."""
    target = Target("openai.responses", "p", model, vendor, vendor)
    body = sent(foreign(thinking=thinking), target, drops=drops)
    assert (body.get("reasoning"), body.get("include")) == (reasoning, include)


def test_numbers_that_the_api_does_not_take() -> None:
    """Traps 26, 38, 39: reported, except stop sequences, which are emulated."""
    told = foreign(
        temperature=0.5, top_p=0.9, top_k=40, seed=1, presence_penalty=0.5, frequency_penalty=0, stop=["x"], max_output_tokens=1,
    )  # fmt: skip
    others = [("top_k", "unsupported"), ("seed", "unsupported"), ("presence_penalty", "unsupported")]
    least = ("max_output_tokens", "at_least_16")
    fixed = [("temperature", "not_by_this_model"), ("top_p", "not_by_this_model")]
    body = sent(told, drops=[least, *fixed, *others])
    assert body["max_output_tokens"] == 16
    assert not {"temperature", "top_p", "stop"} & body.keys()
    body = sent(told, OTHER, drops=[least, *others])
    assert (body["temperature"], body["top_p"]) == (0.5, 0.9)
    limited = replace(OPENAI, max_output_tokens=1000)
    assert sent(foreign(max_output_tokens=64_000), limited)["max_output_tokens"] == 1000


def test_who_asks_is_short() -> None:
    """Trap 40, complaint 19: stable keys of at most 64 characters."""
    long = "x" * 200
    body = sent(foreign(user=long, session=long, service_tier="priority"))
    assert len(body["safety_identifier"]) == len(body["prompt_cache_key"]) == 64
    assert body["service_tier"] == "priority"
    assert sent(foreign(user="u"), OTHER)["user"] == "u"
    assert "service_tier" not in sent(foreign(service_tier="turbo"), drops=[("service_tier", "unsupported")])


FORMATS: list[tuple[str, str, Format, dict[str, Any]]] = [
    ("a schema binds", "anthropic.messages",
     Format(kind="json_schema", schema={"type": "object", "properties": {}, "additionalProperties": False}),
     {"type": "json_schema", "name": "answer", "schema": {"type": "object", "properties": {}, "additionalProperties": False},
      "strict": True}),
    ("a schema that strict does not take", "anthropic.messages",
     Format(kind="json_schema", name="a b", schema={"type": "object"}),
     {"type": "json_schema", "name": "a_b", "schema": {"type": "object"}, "strict": False}),
    ("Chat's default is not strict", "openai.chat", Format(kind="json_schema", name="n", schema={"type": "object"}),
     {"type": "json_schema", "name": "n", "schema": {"type": "object"}}),
    ("any object", "gemini.generate", Format(kind="json_object"), {"type": "json_object"}),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "form", "want"), [row[1:] for row in FORMATS], ids=[row[0] for row in FORMATS])
def test_structured_output(dialect: str, form: Format, want: dict[str, Any]) -> None:
    """Trap 43; `json_object` is refused unless the input speaks of JSON."""
    body = sent(foreign(dialect=dialect, format=form, verbosity="low"))
    assert body["text"] == {"format": want, "verbosity": "low"}
    assert ("json" in json.dumps(body["input"]).lower()) == (form.kind == "json_object")


def test_equal_turns_give_equal_bytes() -> None:
    """Trap 58."""
    turns = [
        Turn(
            dialect="gemini.generate",
            model="m",
            messages=[Message(role="user", parts=[Text(text="hi")])],
            tools=[Tool(kind="function", name="f", schema={"anyOf": [{"properties": {"b": {}, "a": {}}}]})],
            session="x" * 99,
        )
        for _ in range(2)
    ]
    assert CODEC.write_turn(turns[0], OPENAI, Report()) == CODEC.write_turn(turns[1], OPENAI, Report())


def test_a_conversation_of_responses_may_have_been_arranged() -> None:
    """What `translate` put together is told apart again: the same dialect, but another account's reasoning."""
    search = {"type": "web_search_call", "id": "ws_1"}
    told = Turn(
        dialect="openai.responses",
        model="m",
        extra={"input": "before"},
        messages=[
            Message(
                role="assistant",
                parts=[
                    Reasoning(signature="gAAA", item_id="rs_1", origin="openai", extra={"content": None}),
                    Opaque(kind="web_search_call", value=search),
                    Text(text="a", extra={"logprobs": []}),
                    Opaque(kind="hologram", value={"type": "hologram"}, extra={"in": "content"}),
                    ToolCall(id="c", name="f", arguments="{}", item_id="fc_1", extra={"status": "completed"}),
                    ToolCall(id="d", name="g", arguments="x", kind="custom"),
                    Text(text="b"),
                ],
            ),
            Message(
                role="tool",
                parts=[
                    ToolResult(call_id="c", parts=[Text(text="1")], name="f", is_plain=True),
                    ToolResult(call_id="d", parts=[Text(text="2")], kind="custom"),
                ],
            ),
            Message(role="assistant", parts=[Reasoning(text="hm", origin="anthropic")]),
        ],
    )
    assert sent(told, drops=[("messages.reasoning", "other_vendor")])["input"] == [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        search,
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "a", "logprobs": []}, {"type": "hologram"}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "x"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "d", "output": [{"type": "input_text", "text": "2"}]},
    ]
