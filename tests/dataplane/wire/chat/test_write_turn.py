"""A turn of any dialect as a Chat request: what OpenAI enforces, what its imitators need, what is reported as lost."""

import hashlib
import json
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml

from gateway.base.core.errors import BadRequest, Unsupported
from gateway.dataplane.wire.canon import (
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
    Turn,
)
from gateway.dataplane.wire.chat import CODEC
from gateway.dataplane.wire.chat.habits import HOSTS
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.report import Report
from tests.dataplane.providers.shared import ROOT

OPENAI = Target("openai.chat", "openai", "gpt-5.1", "openai", "openai", is_official=True)
DEEPSEEK = Target("openai.chat", "deepseek", "deepseek-v4", "deepseek", "deepseek", is_official=True)
MISTRAL = Target("openai.chat", "mistral", "mistral-large-latest", "mistral", "mistral", is_official=True)
OPENROUTER = Target("openai.chat", "openrouter", "anthropic/claude-sonnet-5", "anthropic", "anthropic")
GROQ = Target("openai.chat", "groq", "qwen/qwen3-32b", "qwen", "qwen")
UNKNOWN = Target("openai.chat", "lab", "some-model", "", "lab")


def user(*parts: Part | str) -> Message:
    """A user message."""
    return Message(role="user", parts=[Text(text=one) if isinstance(one, str) else one for one in parts])


def assistant(*parts: Part | str) -> Message:
    """An assistant message."""
    return Message(role="assistant", parts=[Text(text=one) if isinstance(one, str) else one for one in parts])


def call(call_id: str, arguments: str = "{}", name: str = "f") -> ToolCall:
    """A function call."""
    return ToolCall(id=call_id, name=name, arguments=arguments)


def result(call_id: str, *parts: Any, **more: Any) -> ToolResult:
    """A tool's result."""
    return ToolResult(call_id=call_id, parts=[Text(text=one) if isinstance(one, str) else one for one in parts], **more)


def written(*messages: Message, target: Target = OPENAI, **more: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The request's JSON and what was reported, for a turn of Anthropic Messages."""
    turn = Turn(dialect=more.pop("dialect", "anthropic.messages"), model="m", messages=list(messages), **more)
    report = Report()
    body = json.loads(CODEC.write_turn(turn, target, report))
    return body, [(drop.what, drop.why) for drop in report.drops]


def messages_of(*messages: Message, target: Target = OPENAI, **more: Any) -> list[dict[str, Any]]:
    """Only the messages."""
    found: list[dict[str, Any]] = written(*messages, target=target, **more)[0]["messages"]
    return found


IMAGE = Media(kind="image", data="AAAA", mime="image/png")
IMAGE_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


# === messages ===


def test_trap_30_instructions_come_first_and_the_conversations_own_stay_in_place() -> None:
    """Several system blocks are one system message; later ones keep their position."""
    instructions = Message(role="system", parts=[Text(text="a", cache="5m"), Text(text="b")])
    developer = Message(role="developer", parts=[Text(text="d")])
    turn = (user("hi"), developer, user("ho"))
    roles = [(one["role"], one["content"]) for one in messages_of(*turn, instructions=instructions)]
    assert roles == [("system", "a\n\nb"), ("user", "hi"), ("developer", "d"), ("user", "ho")]
    assert messages_of(*turn, target=DEEPSEEK)[1]["role"] == "system"


def test_traps_6_and_8_results_stand_right_behind_their_calls() -> None:
    """Results of one user message become messages of their own, before its text; items of one answer become one message."""
    found = messages_of(
        user("go"),
        assistant("a"),
        assistant(call("1", '{"x":1}')),
        assistant(call("2", "")),
        user(result("1", "one"), result("2", "two", is_error=True), "and now?"),
    )
    assert found == [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": "a",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
                {"id": "2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "one"},
        {"role": "tool", "tool_call_id": "2", "content": "[tool error] two"},
        {"role": "user", "content": "and now?"},
    ]


def test_trap_34_what_a_tool_shows_follows_as_a_user_message_after_the_last_result() -> None:
    """A tool message holds text; the image comes behind all results, marked on both sides."""
    found = messages_of(
        user("go"), assistant(call("1"), call("2")), user(result("1", "see", IMAGE), result("2", "x")), user("ok")
    )
    assert found[2:] == [
        {"role": "tool", "tool_call_id": "1", "content": "see\n[image: see the next user message]"},
        {"role": "tool", "tool_call_id": "2", "content": "x"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "[image that tool call 1 returned]"}, IMAGE_PART],
        },
        {"role": "user", "content": "ok"},
    ]
    last = messages_of(user("go"), assistant(call("1")), user(result("1", IMAGE)))[-1]
    assert last["content"][1] == IMAGE_PART, "also when the conversation ends there"


def test_a_host_that_takes_images_in_tool_messages_gets_them_there() -> None:
    """OpenRouter (recorded traffic)."""
    found = messages_of(user("go"), assistant(call("1")), user(result("1", "see", IMAGE)), target=OPENROUTER)
    assert found[-1] == {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "see"}, IMAGE_PART]}


def test_what_only_another_dialect_has_in_a_result_stays_readable() -> None:
    """Anthropic's search results as JSON: better than nothing, for the model asked for it."""
    found = Opaque(kind="search_result", value={"type": "search_result", "title": "t"})
    written_result = messages_of(user("go"), assistant(call("1")), user(result("1", "see", found)))[-1]
    assert written_result["content"] == 'see\n{"type":"search_result","title":"t"}'


def test_a_conversation_of_nothing_is_refused_and_a_blank_one_is_sent_blank() -> None:
    """OpenAI wants at least one message."""
    assert messages_of(user(" ")) == [{"role": "user", "content": ""}]
    with pytest.raises(BadRequest, match="no messages"):
        written()


@pytest.mark.parametrize(
    ("value", "text"),
    [({"output": 1}, '{"output":1}'), ({"a": [1]}, '{"a":[1]}')],
)
def test_results_that_are_json_become_text(value: dict[str, Any], text: str) -> None:
    """Gemini's `response` and Bedrock's `json`."""
    found = messages_of(user("go"), assistant(call("1")), user(ToolResult(call_id="1", parts=[], value=value)))
    assert found[-1]["content"] == text


def test_trap_33_empty_texts_disappear() -> None:
    """Blank blocks are not sent, nor is a message of nothing else."""
    assert messages_of(user("a", " ", "b"), user("", "\n"), assistant("ok"), user("c")) == [
        {"role": "user", "content": "a\n\nb"},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": "c"},
    ]


@pytest.mark.parametrize(
    ("media", "target", "part", "drop"),
    [
        (IMAGE, OPENAI, IMAGE_PART, None),
        (
            Media(kind="image", url="https://x/a.png", detail="high"),
            OPENAI,
            {"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "high"}},
            None,
        ),
        (
            Media(kind="document", data="AAAA", mime="application/pdf", name="a.pdf"),
            OPENAI,
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
            None,
        ),
        (
            Media(kind="document", data="AAAA", mime="application/pdf"),
            MISTRAL,
            {"type": "document_url", "document_url": "data:application/pdf;base64,AAAA"},
            None,
        ),
        (
            Media(kind="document", text="words", name="a.txt"),
            OPENAI,
            {"type": "text", "text": "[document `a.txt`]\nwords"},
            None,
        ),
        (
            Media(kind="document", data="d29yZHM=", mime="text/plain", name="a.txt"),
            OPENAI,
            {"type": "text", "text": "[document `a.txt`]\nwords"},
            None,
        ),
        (
            Media(kind="audio", data="AAAA", mime="audio/mpeg"),
            OPENAI,
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            None,
        ),
        (
            Media(kind="video", data="AAAA", mime="video/mp4"),
            OPENROUTER,
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
            None,
        ),
        (
            Media(kind="video", data="AAAA", mime="video/mp4", name="v"),
            OPENAI,
            {"type": "text", "text": "[video `v` could not be sent to this model]"},
            ("messages.video", "unsupported"),
        ),
        (
            Media(kind="image", file_id="file_1"),
            OPENAI,
            {"type": "text", "text": "[image could not be sent to this model]"},
            ("messages.image", "file_id_of_another_provider"),
        ),
    ],
)
def test_media_of_each_kind(media: Media, target: Target, part: dict[str, Any], drop: tuple[str, str] | None) -> None:
    """Trap 35: what a target cannot take leaves a mark in its place, and a line in the report."""
    body, drops = written(user("look", media), target=target)
    assert body["messages"][0]["content"] == [{"type": "text", "text": "look"}, part]
    assert drops == ([drop] if drop else [])


# === reasoning ===


_THOUGHT = Reasoning(text="hm", signature="sig", origin="deepseek")


@pytest.mark.parametrize(
    ("target", "origin", "want", "drop"),
    [
        (DEEPSEEK, "deepseek", {"reasoning_content": "hm"}, None),
        (DEEPSEEK, "", {"reasoning_content": "hm"}, None),
        (OPENAI, "openai", {}, ("messages.reasoning", "not_taken_back")),
        (UNKNOWN, "lab", {"reasoning_content": "hm"}, None),
        (UNKNOWN, "", {}, ("messages.reasoning", "not_taken_back")),
        (GROQ, "qwen", {"reasoning": "hm"}, None),
        (
            Target("openai.chat", "cerebras", "zai-glm-4.7", "zai", "zai"),
            "zai",
            {},
            ("messages.reasoning", "not_taken_back"),
        ),
        (
            OPENROUTER,
            "anthropic",
            {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "sig", "index": 0}]},
            None,
        ),
        (OPENROUTER, "deepseek", {}, ("messages.reasoning", "other_vendor")),
    ],
)
def test_traps_23_and_24_earlier_thoughts_go_only_where_they_are_taken(
    target: Target, origin: str, want: dict[str, Any], drop: tuple[str, str] | None
) -> None:
    """As the member that the host knows; never into visible text."""
    thought = Reasoning(text="hm", signature="sig" if origin else "", origin=origin)
    body, drops = written(user("go"), assistant(thought, call("1")), user(result("1", "x")), target=target)
    message = body["messages"][1]
    assert {name: value for name, value in message.items() if name.startswith("reasoning")} == want
    assert "hm" not in str(message["content"])
    assert drops == ([drop] if drop else [])


def test_mistral_gets_thoughts_as_parts_of_the_content() -> None:
    """Its `thinking` parts (recorded traffic)."""
    found = messages_of(user("go"), assistant(Reasoning(text="hm", origin="mistral"), "yes"), user("x"), target=MISTRAL)
    assert found[1]["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "yes"},
    ]


def test_complaint_26_deepseek_always_gets_reasoning_content_beside_calls() -> None:
    """A conversation that began with another vendor has no thoughts to give back: an empty one is accepted."""
    found = messages_of(
        user("go"), assistant(call("1")), user(result("1", "x")), assistant("done"), user("y"), target=DEEPSEEK
    )
    assert found[1]["reasoning_content"] == ""
    assert "reasoning_content" not in found[3]


def test_trap_21_googles_signature_rides_on_its_call() -> None:
    """Only at Google's own models, and only what they made."""
    google = Target("openai.chat", "google_compat", "gemini-3-pro", "google", "google")
    bound = Reasoning(signature="sig", is_bound=True, origin="google")
    body, drops = written(user("go"), assistant(bound, call("1")), user(result("1", "x")), target=google)
    assert body["messages"][1]["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "sig"}}
    assert drops == []
    body, drops = written(user("go"), assistant(bound, call("1")), user(result("1", "x")))
    assert "extra_content" not in body["messages"][1]["tool_calls"][0]
    assert drops == [("messages.reasoning", "other_vendor")]


# === what the models and hosts need ===


def test_mistrals_models_get_ids_of_nine_letters_and_a_bridge() -> None:
    """On every host; equal ids stay equal. The bridge only where the model's template wants it."""
    nim = Target("openai.chat", "nvidia", "mistralai/mistral-small-4", "mistral", "mistral")
    turn = (user("go"), assistant(call("toolu_01ABC")), user(result("toolu_01ABC", "x"), "and?"))
    found = messages_of(*turn, target=nim)
    call_id = found[1]["tool_calls"][0]["id"]
    assert len(call_id) == 9
    assert call_id.isalnum()
    assert found[2]["tool_call_id"] == call_id
    assert [one["role"] for one in found] == ["user", "assistant", "tool", "assistant", "user"]
    assert [one["role"] for one in messages_of(*turn, target=MISTRAL)] == ["user", "assistant", "tool", "user"]
    kept = messages_of(user("go"), assistant(call("aB3xK9mP2")), user(result("aB3xK9mP2", "x")), target=MISTRAL)
    assert kept[1]["tool_calls"][0]["id"] == "aB3xK9mP2"


@pytest.mark.parametrize(
    ("target", "has", "has_not"),
    [
        (
            OPENAI,
            {"max_completion_tokens": 9, "seed": 1, "safety_identifier": "u", "prompt_cache_key": "s"},
            "max_tokens user",
        ),
        (
            MISTRAL,
            {"max_tokens": 9, "random_seed": 1, "prompt_cache_key": "s"},
            "stream_options seed user safety_identifier",
        ),
        (
            DEEPSEEK,
            {"max_tokens": 9, "seed": 1, "user": "u"},
            "max_completion_tokens prompt_cache_key safety_identifier",
        ),
        (UNKNOWN, {"max_tokens": 9, "seed": 1, "user": "u"}, "max_completion_tokens prompt_cache_key"),
        (
            Target("openai.chat", "corp-azure", "gpt-5.1", "openai", "openai"),
            {"max_completion_tokens": 9},
            "max_tokens",
        ),
        (Target("openai.chat", "lab", "gpt-oss-120b", "openai", "openai"), {"max_tokens": 9}, "max_completion_tokens"),
        (
            Target("openai.chat", "minimax", "MiniMax-M2.1", "minimax", "minimax", is_official=True),
            {"reasoning_split": True},
            "",
        ),
    ],
)
def test_members_have_the_names_that_the_host_knows(target: Target, has: dict[str, Any], has_not: str) -> None:
    """Limits, seeds, users and cache keys."""
    body, _ = written(user("x"), target=target, max_output_tokens=9, seed=1, user="u", session="s", is_stream=True)
    assert {name: body.get(name) for name in has} == has
    assert not body.keys() & set(has_not.split())


def test_trap_47_a_stream_always_asks_for_its_usage() -> None:
    """Without it the cost is a guess; only where the host refuses the member it is left out."""
    assert written(user("x"), is_stream=True)[0]["stream_options"] == {"include_usage": True}
    assert "stream_options" not in written(user("x"))[0], "refused when nothing streams"


def test_trap_40_identifiers_beyond_64_characters_are_hashed() -> None:
    """Claude Code's `user_id` is a long JSON text; OpenAI takes 64 characters."""
    long = json.dumps({"device_id": "d" * 64, "session_id": "s" * 36})
    body, drops = written(user("x"), user=long, session=long)
    assert body["safety_identifier"] == body["prompt_cache_key"] == hashlib.sha256(long.encode()).hexdigest()
    assert drops == []


@pytest.mark.parametrize(
    ("target", "thinking", "want", "drop"),
    [
        (OPENAI, Thinking(effort="high"), {"reasoning_effort": "high"}, None),
        (OPENAI, Thinking(effort="max"), {"reasoning_effort": "high"}, ("thinking", "nearest_is_high")),
        (OPENAI, Thinking(effort="none"), {"reasoning_effort": "none"}, None),
        (OPENAI, Thinking(budget_tokens=31_999), {"reasoning_effort": "high"}, None),
        (OPENAI, Thinking(is_adaptive=True), {}, None),
        (
            Target("openai.chat", "openai", "gpt-4.1", "openai", "openai", is_official=True),
            Thinking(effort="high"),
            {},
            ("thinking", "not_by_this_model"),
        ),
        (DEEPSEEK, Thinking(effort="none"), {"thinking": {"type": "disabled"}}, None),
        (DEEPSEEK, Thinking(effort="max"), {"reasoning_effort": "max"}, None),
        (OPENROUTER, Thinking(budget_tokens=2000), {"reasoning": {"max_tokens": 2000}}, None),
        (OPENROUTER, Thinking(effort="high"), {"reasoning": {"effort": "high"}}, None),
        (OPENROUTER, Thinking(is_adaptive=True), {"reasoning": {"enabled": True}}, None),
        (UNKNOWN, Thinking(effort="low"), {}, ("thinking", "not_by_this_model")),
        (
            Target("openai.chat", "lab", "gpt-oss-20b"),
            Thinking(effort="max"),
            {"reasoning_effort": "high"},
            ("thinking", "nearest_is_high"),
        ),
        (Target("openai.chat", "lab", "Qwen3-Coder-30B"), Thinking(effort="none"), {}, None),
        (GROQ, Thinking(effort="none"), {"reasoning_effort": "none"}, None),
        (GROQ, Thinking(effort="high"), {}, ("thinking", "not_by_this_model")),
        (MISTRAL, Thinking(effort="high"), {}, ("thinking", "not_by_this_model")),
        (
            Target("openai.chat", "dashscope", "qwen3-max", "qwen", "qwen", is_official=True),
            Thinking(effort="medium"),
            {"enable_thinking": True, "thinking_budget": 8192},
            None,
        ),
        (
            Target("openai.chat", "moonshot", "kimi-k2.6", "moonshot", "moonshot", is_official=True),
            Thinking(effort="high"),
            {"thinking": {"type": "enabled"}},
            ("thinking", "only_on_or_off"),
        ),
        (
            Target("openai.chat", "minimax", "MiniMax-M2", "minimax", "minimax", is_official=True),
            Thinking(effort="high"),
            {},
            ("thinking", "not_by_this_provider"),
        ),
    ],
)
def test_trap_25_thinking_in_the_hosts_words(
    target: Target, thinking: Thinking, want: dict[str, Any], drop: tuple[str, str] | None
) -> None:
    """Efforts, budgets and switches."""
    body, drops = written(user("x"), target=target, thinking=thinking)
    said = {"reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget"}
    assert {name: value for name, value in body.items() if name in said} == want
    assert drops == ([drop] if drop else [])


_TOOL = Tool(kind="function", name="f", schema={"type": "object", "properties": {}})


def test_trap_27_gpt_5_4_and_later_do_not_think_beside_tools() -> None:
    """Chat refuses both together; from gpt-5.5 on even when nobody asked for thinking."""
    gpt = Target("openai.chat", "openai", "gpt-5.6-terra", "openai", "openai", is_official=True)
    body, drops = written(user("x"), target=gpt, tools=[_TOOL], thinking=Thinking(effort="high"))
    assert body["reasoning_effort"] == "none"
    assert drops == [("thinking", "refused_beside_tools")]
    assert written(user("x"), target=gpt, tools=[_TOOL])[0]["reasoning_effort"] == "none"
    assert written(user("x"), target=gpt, thinking=Thinking(effort="high"))[0]["reasoning_effort"] == "high"


def test_trap_14_a_forced_tool_stops_deepseek_thinking() -> None:
    """`Thinking mode does not support this tool_choice`: the choice is the stronger wish, and it is said."""
    choice = ToolChoice(mode="required")
    body, drops = written(
        user("x"), target=DEEPSEEK, tools=[_TOOL], tool_choice=choice, thinking=Thinking(effort="high")
    )
    assert body["thinking"] == {"type": "disabled"}
    assert drops == [("thinking", "refused_beside_forced_tool_choice")]


def test_every_host_of_the_table_is_in_the_catalogue() -> None:
    """A name that nobody has is a habit that nobody gets."""
    known = yaml.safe_load((ROOT / "gateway/dataplane/providers/catalog/providers.yaml").read_text())
    assert HOSTS.keys() <= known.keys()


# === tools ===


def test_trap_16_strict_is_written_only_when_it_was_given() -> None:
    """And descriptions only when there are some."""
    tools = [_TOOL, Tool(kind="function", name="g", description="d", strict=False)]
    assert written(user("x"), tools=tools)[0]["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}},
        {
            "type": "function",
            "function": {
                "name": "g",
                "description": "d",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            },
        },
    ]


def test_without_tools_nothing_is_said_of_tools() -> None:
    """An empty array, a choice or a limit without tools is a 400."""
    body, _ = written(user("x"), tools=[], tool_choice=ToolChoice(mode="auto"), parallel_tools=False)
    assert not body.keys() & {"tools", "tool_choice", "parallel_tool_calls"}


@pytest.mark.parametrize(
    ("choice", "want"),
    [
        (ToolChoice(mode="auto"), "auto"),
        (ToolChoice(mode="none"), "none"),
        (ToolChoice(mode="required"), "required"),
        (ToolChoice(mode="named", tools=[("", "f")]), {"type": "function", "function": {"name": "f"}}),
        (
            ToolChoice(mode="named", tools=[("", "f"), ("", "g")]),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": one}} for one in "fg"],
                },
            },
        ),
        (
            ToolChoice(mode="auto", tools=[("", "f")]),
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
        ),
    ],
)
def test_tool_choices_of_each_form(choice: ToolChoice, want: Any) -> None:
    """All of them at OpenAI."""
    tools = [Tool(kind="function", name=name) for name in "fgh"]
    assert written(user("x"), tools=tools, tool_choice=choice)[0]["tool_choice"] == want


def test_an_allow_list_elsewhere_is_the_list_of_tools() -> None:
    """Only OpenAI knows `allowed_tools`."""
    tools = [Tool(kind="function", name=name) for name in "fgh"]
    choice = ToolChoice(mode="named", tools=[("", "f"), ("", "h")])
    body, _ = written(user("x"), target=DEEPSEEK, tools=tools, tool_choice=choice)
    assert [one["function"]["name"] for one in body["tools"]] == ["f", "h"]
    assert body["tool_choice"] == "required"


@pytest.mark.parametrize(
    ("schema", "want", "drops"),
    [
        (None, {"type": "object", "properties": {}}, []),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}, []),
        (
            {"type": "object", "anyOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
            {"type": "object", "properties": {"a": {}, "b": {}}},
            [("tools.f.schema.anyOf", "flattened")],
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "array"}, "b": {"type": "array", "items": {"type": "array"}}},
            },
            {
                "type": "object",
                "properties": {
                    "a": {"type": "array", "items": {}},
                    "b": {"type": "array", "items": {"type": "array", "items": {}}},
                },
            },
            [],
        ),
    ],
)
def test_trap_15_schemas_are_made_legal(schema: Any, want: Any, drops: list[Any]) -> None:
    """What MCP servers send and OpenAI refuses."""
    before = json.dumps(schema)
    body, found = written(user("x"), tools=[Tool(kind="function", name="f", schema=schema)])
    assert body["tools"][0]["function"]["parameters"] == want
    assert found == drops
    assert json.dumps(schema) == before, "the turn itself is not changed"


# === the rest ===


def test_formats_names_and_downgrades() -> None:
    """A schema needs a name; where only JSON as such is known the schema is reported."""
    form = Format(kind="json_schema", schema={"type": "object"}, strict=True)
    body, _ = written(user("x"), format=form)
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": {"type": "object"}, "strict": True},
    }
    body, drops = written(user("x"), format=form, target=DEEPSEEK)
    assert body["response_format"] == {"type": "json_object"}
    assert drops == [("format.schema", "only_json_object")]


def test_everything_that_cannot_be_carried_is_reported() -> None:
    """Trap 39 among them; what changes no answer is not."""
    body, drops = written(
        user("x"),
        top_k=5,
        verbosity="low",
        service_tier="turbo",
        stop=list("abcde"),
        tools=[_TOOL, Tool(kind="server", name="web_search", value={"type": "web_search_20250305"})],
        target=UNKNOWN,
        extra={"store": False},  # of others' members tells translate/losses.py
    )
    assert drops == [
        ("top_k", "unsupported"),
        ("stop", "at_most_4"),
        ("verbosity", "unsupported"),
        ("service_tier", "unsupported"),
        ("tools.web_search", "server_tool"),
    ]
    assert body["stop"] == list("abcd")
    assert not body.keys() & {"top_k", "verbosity", "service_tier", "store"}


def test_strict_mode_refuses_instead() -> None:
    """Before anything is sent."""
    turn = Turn(dialect="anthropic.messages", model="m", messages=[user("x")], top_k=5)
    with pytest.raises(Unsupported, match="top_k"):
        CODEC.write_turn(turn, OPENAI, Report(is_strict=True))


def test_trap_57_cache_breakpoints_go_where_they_are_known() -> None:
    """OpenAI caches by itself: they vanish there without a word; OpenRouter takes them on every block."""
    turn = (user(Text(text="a", cache="1h")),)
    tool = Tool(kind="function", name="f", cache="5m")
    body, drops = written(*turn, tools=[tool])
    assert "cache_control" not in json.dumps(body)
    assert drops == []
    body, _ = written(*turn, tools=[tool], target=OPENROUTER)
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ]
    assert body["tools"][0]["cache_control"] == {"type": "ephemeral"}


def test_a_prefill_is_carried_or_reported() -> None:
    """Mistral goes on from a `prefix`; the others begin a new answer."""
    assert messages_of(user("x"), assistant("I think"), target=MISTRAL)[-1]["prefix"] is True
    assert written(user("x"), assistant("I think"))[1] == [("messages", "prefill")]


def test_opaque_parts_of_others_are_left_out() -> None:
    """The road reports them; here they leave no trace."""
    opaque = Opaque(kind="web_search_call", value={"type": "web_search_call"})
    assert messages_of(user("x", opaque), assistant(opaque, "y"), user("z")) == [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "y"},
        {"role": "user", "content": "z"},
    ]


def test_trap_58_a_longer_conversation_shares_the_whole_prefix() -> None:
    """All that stays the same stands before the messages, and they only grow at their end."""
    turns = [user("go"), assistant(call("1")), user(result("1", IMAGE)), assistant("ok"), user("more")]
    more = {
        "tools": [_TOOL],
        "thinking": Thinking(effort="low"),
        "is_stream": True,
        "session": "s",
        "max_output_tokens": 5,
    }
    for count in (1, 3):
        short = CODEC.write_turn(
            Turn(dialect="anthropic.messages", model="m", messages=turns[:count], **more), OPENAI, Report()
        )
        long = CODEC.write_turn(Turn(dialect="anthropic.messages", model="m", messages=turns, **more), OPENAI, Report())
        assert long.startswith(short.removesuffix(b"]}")), count


_ACROSS = """
import hashlib, json, sys
from tests.dataplane.wire.chat.test_write_turn import *
from tests.dataplane.wire.chat.test_write_turn import _TOOL
body, _ = written(
    user("go"), assistant(call("toolu_1"), call("toolu_2")), user(result("toolu_2", IMAGE), result("toolu_1", "x")),
    target=MISTRAL, tools=[_TOOL], extra={"b": 1, "a": 2}, user="u" * 99, thinking=Thinking(effort="high"),
)
print(hashlib.sha256(json.dumps(body).encode()).hexdigest())
"""


def test_trap_58_equal_turns_give_equal_bytes_in_every_process() -> None:
    """No order of hashes in what is sent."""
    found = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        ran = subprocess.run(
            [sys.executable, "-c", _ACROSS], env=env, capture_output=True, text=True, check=True, timeout=60
        )
        found.add(ran.stdout)
    assert len(found) == 1
