"""A client's request → Turn: every kind of block and member, and errors that name the place."""

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
    Part,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.dataplane.wire.codec import PathSays
from gateway.dataplane.wire.messages import CODEC
from gateway.dataplane.wire.report import Report
from tests.dataplane.wire.messages.turns import read, target

EPHEMERAL = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
SEARCH = {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]}

BLOCKS: list[tuple[str, dict[str, Any], Part]] = [
    ("text", {"type": "text", "text": "Hi"}, Text(text="Hi")),
    ("marked text", {"type": "text", "text": "Hi", "cache_control": EPHEMERAL}, Text(text="Hi", cache="5m")),
    ("an hour", {"type": "text", "text": "Hi", "cache_control": HOUR}, Text(text="Hi", cache="1h")),
    (
        "a mark that says more",
        {"type": "text", "text": "Hi", "cache_control": {**EPHEMERAL, "ttl": "5m"}},
        Text(text="Hi", cache="5m", extra={"cache_control": {**EPHEMERAL, "ttl": "5m"}}),
    ),
    (
        "no mark",
        {"type": "text", "text": "Hi", "cache_control": None},
        Text(text="Hi", extra={"cache_control": None}),
    ),
    (
        "cited text",
        {"type": "text", "text": "Hi", "citations": [{"type": "char_location"}]},
        Text(text="Hi", citations=[Citation(raw={"type": "char_location"})]),
    ),
    (
        "image, base64",
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        Media(kind="image", mime="image/png", data="AA=="),
    ),
    (
        "image, url",
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        Media(kind="image", url="https://x/y.png"),
    ),
    (
        "image, file",
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        Media(kind="image", file_id="file_1"),
    ),
    (
        "PDF",
        {
            "type": "document",
            "title": "T",
            "context": "c",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="},
        },
        Media(kind="document", mime="application/pdf", data="AA==", name="T", extra={"context": "c"}),
    ),
    (
        "document, text",
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        Media(kind="document", mime="text/plain", text="words"),
    ),
    (
        "document, url",
        {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
        Media(kind="document", url="https://x/y.pdf"),
    ),
    (
        "document, blocks of text",
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
        Media(
            kind="document",
            mime="text/plain",
            text="a",
            extra={"source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
        ),
    ),
    (
        "document, a string of content",
        {"type": "document", "source": {"type": "content", "content": "words"}},
        Media(kind="document", mime="text/plain", text="words", extra={"source": {"type": "content", "content": "words"}}),
    ),
    *(
        (name, block, Opaque(kind=block["type"], value=block))
        for name, block in (
            ("document with a picture", {"type": "document", "source": {"type": "content", "content": [{"type": "image"}]}}),
            ("document without content", {"type": "document", "source": {"type": "content"}}),
            ("image from a new source", {"type": "image", "source": {"type": "orbit"}}),
            ("document from a new source", {"type": "document", "source": {"type": "orbit"}}),
        )
    ),
    (
        "a source that says more",
        {"type": "image", "source": {"type": "file", "file_id": "f", "scope": "x"}},
        Media(kind="image", file_id="f", extra={"source": {"type": "file", "file_id": "f", "scope": "x"}}),
    ),
    (
        "document, file",
        {"type": "document", "source": {"type": "file", "file_id": "f"}},
        Media(kind="document", file_id="f"),
    ),
    (
        "a result with a mark inside",
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "is_error": False,
            "content": [{"type": "text", "text": "x", "cache_control": HOUR}],
        },
        ToolResult(call_id="t", parts=[Text(text="x", cache="1h")], extra={"is_error": False}),
    ),
    (
        "call",
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1, 2.5, "é"]}, "caller": {"type": "direct"}},
        ToolCall(id="toolu_1", name="f", arguments='{"a":[1,2.5,"é"]}', extra={"caller": {"type": "direct"}}),
    ),
    (
        "result, text",
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"},
        ToolResult(call_id="toolu_1", parts=[Text(text="done")], is_plain=True),
    ),
    (
        "result, nothing",
        {"type": "tool_result", "tool_use_id": "toolu_1"},
        ToolResult(call_id="toolu_1", parts=[], is_plain=True),
    ),
    (
        "result, blocks",
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "is_error": True,
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                SEARCH,
            ],
        },
        ToolResult(
            call_id="toolu_1",
            is_error=True,
            parts=[
                Text(text="see"),
                Media(kind="image", mime="image/png", data="AA=="),
                Opaque(kind="search_result", value=SEARCH),
            ],
        ),
    ),
    ("thinking", {"type": "thinking", "thinking": "hm", "signature": "s"}, Reasoning(text="hm", signature="s")),
    ("signed silence", {"type": "thinking", "thinking": "", "signature": "s"}, Reasoning(signature="s")),
    ("redacted", {"type": "redacted_thinking", "data": "d"}, Reasoning(signature="d", is_redacted=True)),
    *(
        (kind, {"type": kind, "x": 1, "cache_control": HOUR}, Opaque(kind=kind, value={"type": kind, "x": 1, "cache_control": HOUR}, cache="1h"))
        for kind in (
            "server_tool_use",
            "web_search_tool_result",
            "mcp_tool_use",
            "mcp_tool_result",
            "search_result",
            "container_upload",
            "compaction",
            "a_block_of_the_future",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("block", "part"), [row[1:] for row in BLOCKS], ids=[row[0] for row in BLOCKS])
def test_a_block_becomes_its_part_and_comes_back(block: dict[str, Any], part: Part) -> None:
    """What the canon has no word for stays, so that the same dialect gets it back."""
    asked = read(messages=[{"role": "user", "content": [block, {"type": "text", "text": "."}]}])
    assert asked.messages[0].parts[0] == part
    body = json.loads(CODEC.write_turn(asked, target(), Report()))
    assert body["messages"][0]["content"][0] == block


def test_content_may_be_a_string() -> None:
    """And is written as one again."""
    asked = read(messages=[{"role": "user", "content": "Hi"}, {"role": "system", "content": "Be brief."}])
    assert asked.messages == [
        Message(role="user", parts=[Text(text="Hi")], is_plain=True),
        Message(role="system", parts=[Text(text="Be brief.")], is_plain=True),
    ]


def test_the_billing_line_is_no_text() -> None:
    """Trap 32: writers of other dialects must not see it."""
    line = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cc_entrypoint=sdk-cli; cch=1a2b;"}
    asked = read(system=[line, {"type": "text", "text": "You are Claude Code.", "cache_control": EPHEMERAL}])
    assert asked.instructions is not None
    assert asked.instructions.parts == [
        Opaque(kind="billing_header", value=line),
        Text(text="You are Claude Code.", cache="5m"),
    ]


TOOLS: list[tuple[dict[str, Any], Tool]] = [
    (
        {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True, "defer_loading": True},
        Tool(
            kind="function",
            name="f",
            description="d",
            schema={"type": "object"},
            strict=True,
            extra={"defer_loading": True},
        ),
    ),
    (
        {"type": "custom", "name": "f", "input_schema": {"type": "object"}, "cache_control": HOUR},
        Tool(kind="function", name="f", schema={"type": "object"}, cache="1h", extra={"type": "custom"}),
    ),
]


@pytest.mark.parametrize(("raw", "tool"), TOOLS)
def test_a_function_is_read(raw: dict[str, Any], tool: Tool) -> None:
    """Members of Anthropic alone stay in `extra`."""
    assert read(tools=[raw]).tools == [tool]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("web_search_20250305", "web_search"),
        ("web_search_20260318", "web_search"),
        ("web_fetch_20250910", "web_fetch"),
        ("code_execution_20260120", "code_execution"),
        ("tool_search_tool_bm25_20251119", "tool_search"),
        ("computer_toolset_20260801", "computer"),
        ("mcp_toolset", "mcp"),
        ("bash_20250124", "bash"),
        ("text_editor_20250728", "str_replace_based_edit_tool"),
        ("memory_20250818", "memory"),
        ("advisor_20260301", "advisor"),
    ],
)
def test_a_tool_by_type_gets_its_shared_name(kind: str, name: str) -> None:
    """What runs at a provider has the vendors' common name; what the client runs keeps the name by which it is called."""
    raw = {"type": kind, "name": name}
    assert read(tools=[raw]).tools == [Tool(kind="server", name=name, value=raw)]


@pytest.mark.parametrize(
    ("raw", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice(mode="auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice(mode="required"), False),
        ({"type": "none"}, ToolChoice(mode="none"), None),
        (
            {"type": "tool", "name": "f", "disable_parallel_tool_use": False},
            ToolChoice(mode="named", tools=[("", "f")]),
            True,
        ),
    ],
)
def test_tool_choice_is_read(raw: dict[str, Any], choice: ToolChoice, parallel: bool | None) -> None:
    """Trap 14."""
    asked = read(tool_choice=raw, tools=[{"name": "f", "input_schema": {"type": "object"}}])
    assert (asked.tool_choice, asked.parallel_tools) == (choice, parallel)
    assert json.loads(CODEC.write_turn(asked, target(), Report()))["tool_choice"] == raw


@pytest.mark.parametrize(
    ("members", "thinking"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, Thinking(effort="none")),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, Thinking(budget_tokens=2048)),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Thinking(is_adaptive=True, summary="auto")),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Thinking(is_adaptive=True, summary="none")),
        ({"thinking": {"type": "between_tools"}}, Thinking(effort="none", extra={"type": "between_tools"})),
        ({"output_config": {"effort": "xhigh"}}, Thinking(effort="xhigh")),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
            Thinking(effort="high", is_adaptive=True),
        ),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, Thinking(effort="none")),
        (
            {"thinking": {"type": "adaptive", "display": "updates", "block_binding": {"x": 1}}},
            Thinking(is_adaptive=True, extra={"display": "updates", "block_binding": {"x": 1}}),
        ),
    ],
)
def test_thinking_and_effort_are_read(members: dict[str, Any], thinking: Thinking | None) -> None:
    """Trap 25; and written again they are the same."""
    asked = read(max_tokens=4096, **members)
    assert asked.thinking == thinking
    body = json.loads(CODEC.write_turn(asked, target(), Report()))
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == members


@pytest.mark.parametrize("place", ["output_format", "output_config"])
def test_the_form_of_the_answer_is_read_from_both_places(place: str) -> None:
    """Trap 43: `output_format` is the older one; each goes back to where it was."""
    form = {"type": "json_schema", "schema": {"type": "object"}}
    members = {"output_format": form} if place == "output_format" else {"output_config": {"format": form}}
    asked = read(**members)
    assert asked.format == Format(kind="json_schema", schema={"type": "object"})
    body = json.loads(CODEC.write_turn(asked, target(), Report()))
    assert {name: body[name] for name in ("output_format", "output_config") if name in body} == members


@pytest.mark.parametrize(
    ("user_id", "user", "session"),
    [
        ("u-1", "u-1", ""),
        ('{"device_id":"d","account_uuid":"","session_id":"s"}', "d", "s"),
        ('{"device_id":"d","account_uuid":"a","session_id":"s"}', "a", "s"),
        ("{not json", "{not json", ""),
        ('{"session_id":"s"}', '{"session_id":"s"}', "s"),
    ],
)
def test_user_and_session_are_told_apart(user_id: str, user: str, session: str) -> None:
    """Claude Code writes both into `user_id`; other providers want a cache key of the session alone (complaint 19)."""
    asked = read(metadata={"user_id": user_id})
    assert (asked.user, asked.session) == (user, session)
    assert json.loads(CODEC.write_turn(asked, target(), Report()))["metadata"] == {"user_id": user_id}


def test_what_only_anthropic_knows_stays_in_extra() -> None:
    """Betas, containers, context editing, MCP servers, speed …"""
    own = {
        "container": "c",
        "context_management": {"edits": []},
        "mcp_servers": [{"name": "m"}],
        "speed": "fast",
        "inference_geo": "us",
        "anthropic_beta": ["x"],
        "stream": False,
        "output_config": {"task_budget": {"total": 9}},
        "metadata": {"user_id": "u", "team": "t"},
    }
    asked = read(**own)
    assert asked.extra == own
    body = json.loads(CODEC.write_turn(asked, target(), Report()))
    assert {name: body[name] for name in own} == own


def test_plain_members_are_read() -> None:
    """Numbers, stop sequences, tier, stream, and the automatic cache breakpoint."""
    asked = read(
        max_tokens=5, temperature=0.5, top_p=1, top_k=3, stop_sequences=["x"], service_tier="auto", stream=True,
        cache_control=EPHEMERAL,
    )  # fmt: skip
    assert (asked.max_output_tokens, asked.temperature, asked.top_p, asked.top_k) == (5, 0.5, 1, 3)
    assert (asked.stop, asked.service_tier, asked.is_stream, asked.cache) == (["x"], "auto", True, "5m")
    body = json.loads(CODEC.write_turn(asked, target(), Report()))
    assert (body["stop_sequences"], body["service_tier"], body["cache_control"]) == (["x"], "auto", EPHEMERAL)
    assert json.loads(CODEC.write_turn(read(stop_sequences=[]), target(), Report()))["stop_sequences"] == []


def test_a_token_count_request_has_no_limit() -> None:
    """Trap 60: it is read by the same reader."""
    assert read().max_output_tokens is None


def test_the_path_may_say_model_and_stream() -> None:
    """Vertex and Bedrock put them there."""
    asked = CODEC.read_turn(b'{"messages":[]}', PathSays("claude-x", True))
    assert (asked.model, asked.is_stream) == ("claude-x", True)


ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"model": 1}, "model"),
    ({"messages": None}, "messages"),
    ({"messages": "x"}, "messages"),
    ({"messages": ["x"]}, "messages[0]"),
    ({"messages": [{"content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source.type"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]},
        "messages[0].content[0].source.url",
    ),
    (
        {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f"}]}]},
        "messages[0].content[0].input",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "x"}]}]},
        "messages[0].content[0].tool_use_id",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [1]}]}]},
        "messages[0].content[0].content[0]",
    ),
    ({"system": 5}, "system"),
    ({"system": ["x"]}, "system[0]"),
    ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
    ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
    ({"tools": [{"name": "f", "input_schema": "x"}]}, "tools[0].input_schema"),
    ({"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"thinking": {"type": "on"}}, "thinking.type"),
    ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
    ({"output_config": {"effort": "huge"}}, "output_config.effort"),
    ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
    ({"output_format": {"type": "json_schema"}}, "output_format.schema"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": "many"}, "max_tokens"),
    ({"temperature": "hot"}, "temperature"),
    ({"stop_sequences": [1]}, "stop_sequences[0]"),
    ({"metadata": []}, "metadata"),
    ({"stream": "yes"}, "stream"),
    ({"cache_control": "x"}, "cache_control"),
]


@pytest.mark.parametrize(("members", "path"), ERRORS, ids=[path for _, path in ERRORS])
def test_a_violation_is_named_by_its_path(members: dict[str, Any], path: str) -> None:
    """Before anything is sent or billed, in the client's own words."""
    with pytest.raises(BadRequest) as caught:
        read(**members)
    assert caught.value.details["param"] == path
    assert path in caught.value.message
