"""A turn of another dialect → the request to Anthropic: the conversation's form, tools, media, and what is reported."""

import base64
import json
import subprocess
import sys
from typing import Any

import pytest

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import (
    Format,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.dataplane.wire.messages import CODEC
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.media import left_out
from tests.dataplane.providers.shared import ROOT
from tests.dataplane.wire.messages.turns import read, said, target, text, turn, unmarked, written

CALL = ToolCall(id="c1", name="f", arguments='{"a":1}')
RESULT = ToolResult(call_id="c1", parts=[text("done")], is_plain=True)
FUNCTION = Tool(kind="function", name="f", schema={"type": "object"})
OLD = target("claude-sonnet-4-5")


def conversation(*messages: Message, **more: Any) -> list[tuple[str, Any]]:
    """(role, content) of the messages that become of these, without cache breakpoints."""
    body, _ = written(turn(*messages, **more))
    return [(one["role"], one["content"]) for one in unmarked(body["messages"])]


def words(content: str) -> dict[str, Any]:
    return {"type": "text", "text": content}


# === system ===


def test_instructions_and_leading_system_messages_become_system_in_their_order() -> None:
    """Traps 30 and 31: none is lost, the order and the breakpoints stay."""
    body, _ = written(
        turn(
            said("developer", text("two", cache="1h")),
            said("system", "three", "four"),
            said("user", "Hi"),
            instructions=said("system", "one"),
        )
    )
    assert body["system"] == [
        words("one"),
        {**words("two"), "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        words("three"),
        words("four"),
    ]
    assert body["messages"] == [{"role": "user", "content": [words("Hi")]}]


def test_later_system_messages_keep_their_place_as_reminders() -> None:
    """Trap 30: moving them up would change the cached beginning, and their time."""
    assert conversation(
        said("user", "Hi"), said("developer", "Be brief."), said("assistant", "Yes."), said("system", "Now!")
    ) == [
        ("user", [words("Hi"), words("<system-reminder>\nBe brief.\n</system-reminder>")]),
        ("assistant", [words("Yes.")]),
        ("user", [words("<system-reminder>\nNow!\n</system-reminder>")]),
    ]


def test_a_reminder_stands_after_the_results() -> None:
    """Trap 6: results first, whatever came between."""
    assert conversation(
        said("user", "Hi"),
        said("assistant", CALL),
        said("tool", RESULT),
        said("developer", "Careful."),
        tools=[FUNCTION],
    )[2] == (
        "user",
        [
            {"type": "tool_result", "tool_use_id": "c1", "content": "done"},
            words("<system-reminder>\nCareful.\n</system-reminder>"),
        ],
    )


def test_instructions_are_words_only() -> None:
    """What else stands there is reported."""
    picture = Media(kind="image", url="https://x/y.png")
    body, drops = written(turn(said("developer", "See:", picture), said("user", "Hi"), said("system", "")))
    assert body["system"] == [words("See:")]
    assert body["messages"] == [{"role": "user", "content": [words("Hi")]}]
    assert drops == [("messages[0].image", "unsupported")]


# === messages ===


def test_roles_alternate_and_results_come_first() -> None:
    """Traps 6 and 13."""
    second = ToolResult(call_id="c2", parts=[text("also")], is_plain=True)
    assert conversation(
        said("user", "one"),
        said("user", "two"),
        said("assistant", "let me see"),
        said("assistant", CALL, ToolCall(id="c2", name="f", arguments="{}")),
        said("user", "by the way"),
        said("tool", RESULT),
        said("tool", second),
        tools=[FUNCTION],
    ) == [
        ("user", [words("one"), words("two")]),
        (
            "assistant",
            [
                words("let me see"),
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "c2", "name": "f", "input": {}},
            ],
        ),
        (
            "user",
            [
                {"type": "tool_result", "tool_use_id": "c1", "content": "done"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "also"},
                words("by the way"),
            ],
        ),
    ]


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_empty_text_is_left_out(blank: str) -> None:
    """Trap 33, complaint 29: one empty block would make every later turn fail."""
    assert conversation(
        said("user", blank, "Hi"), said("assistant", blank), said("user", "you there?"), said("user", blank)
    ) == [("user", [words("Hi"), words("you there?")])]


@pytest.mark.parametrize("dialect", ["openai.responses", "anthropic.messages"])
def test_a_wholly_empty_question_is_refused(dialect: str) -> None:
    """The client hears which one, before anything is sent."""
    asked = turn(said("user", "Hi"), said("assistant", "Yes?"), said("user", "", " "), dialect=dialect)
    with pytest.raises(BadRequest) as caught:
        written(asked)
    assert caught.value.details["param"] == "messages[2].content"


def test_the_first_words_are_the_users() -> None:
    """Histories that begin with a greeting of the assistant, and requests with instructions only."""
    assert [role for role, _ in conversation(said("assistant", "Hello!"), said("user", "Hi"))] == [
        "user",
        "assistant",
        "user",
    ]
    assert conversation(said("system", "Tell a joke.")) == [("user", [words("Begin.")])]
    with pytest.raises(BadRequest):
        written(turn())


def test_a_refusal_is_the_assistants_text() -> None:
    """Other dialects set it apart; here it is what the assistant said."""
    assert conversation(said("user", "Hi"), said("assistant", Refusal(text="No.")), said("user", "Why?"))[1] == (
        "assistant",
        [words("No.")],
    )


def test_thinking_at_the_end_of_an_unfinished_answer_is_left_out() -> None:
    """`The final block in an assistant message cannot be thinking`."""
    half = Reasoning(text="hm", signature="s", origin="anthropic")
    assert conversation(said("user", "Hi"), said("assistant", half), said("user", "Well?")) == [
        ("user", [words("Hi"), words("Well?")])
    ]


ARGUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    ("  ", {}),
    ("{}", {}),
    ('{"a":{"b":[1]}}', {"a": {"b": [1]}}),
    ('{"a":', {"input": '{"a":'}),
    ("[1]", {"input": "[1]"}),
    ("null", {"input": "null"}),
    ('{"a":"\\ud83d"}', {"a": "\ufffd"}),
    ("ls -l", {"input": "ls -l"}),
]


@pytest.mark.parametrize(("arguments", "given"), ARGUMENTS)
def test_arguments_become_an_object(arguments: str, given: dict[str, Any]) -> None:
    """Trap 11: nothing crashes, and nothing the model wrote is lost."""
    call = ToolCall(id="c1", name="f", arguments=arguments)
    found = conversation(said("user", "Hi"), said("assistant", call), said("tool", RESULT), tools=[FUNCTION])
    assert found[1] == ("assistant", [{"type": "tool_use", "id": "c1", "name": "f", "input": given}])


PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
RESULTS: list[tuple[ToolResult, Any]] = [
    (ToolResult(call_id="c1", parts=[text("ok")], is_plain=True), "ok"),
    (ToolResult(call_id="c1", parts=[text("ok")]), [words("ok")]),
    (ToolResult(call_id="c1", parts=[]), ""),
    (ToolResult(call_id="c1", parts=[text(" ")], is_plain=True), ""),
    (ToolResult(call_id="c1", parts=[], value={"a": 1}), '{"a":1}'),
    (ToolResult(call_id="c1", parts=[text("more")], value={"a": 1}), [words('{"a":1}'), words("more")]),
    (
        ToolResult(call_id="c1", parts=[text("see"), Media(kind="image", data="iVBORw0KGgo=")]),
        [words("see"), PNG],
    ),
]


@pytest.mark.parametrize(("result", "content"), RESULTS)
def test_results_become_tool_results(result: ToolResult, content: Any) -> None:
    """Trap 34: images too."""
    found = conversation(said("user", "Hi"), said("assistant", CALL), said("tool", result), tools=[FUNCTION])
    assert found[2] == ("user", [{"type": "tool_result", "tool_use_id": "c1", "content": content}])


@pytest.mark.parametrize(
    ("result", "content"),
    [
        (ToolResult(call_id="c1", parts=[text("no")], is_error=True, is_plain=True), "no"),
        (ToolResult(call_id="c1", parts=[], is_error=True), "The tool failed and said nothing."),
        (ToolResult(call_id="c1", parts=[], value={"error": 1}, is_error=True), '{"error":1}'),
    ],
)
def test_a_failed_result_says_so(result: ToolResult, content: str) -> None:
    """`content cannot be empty if is_error is true`."""
    found = conversation(said("user", "Hi"), said("assistant", CALL), said("tool", result), tools=[FUNCTION])
    assert found[2][1] == [{"type": "tool_result", "tool_use_id": "c1", "content": content, "is_error": True}]


# === media ===

WORDS = base64.b64encode(b"some words").decode()
MEDIA: list[tuple[Media, dict[str, Any]]] = [
    (Media(kind="image", data="iVBORw0KGgo=", mime="image/png"), PNG),
    (Media(kind="image", data="iVBORw0KGgo="), PNG),
    (
        Media(kind="image", data="/9j/AA==", mime="image/jpg"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/AA=="}},
    ),
    (
        Media(kind="image", url="https://x/y.png", detail="high"),
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
    ),
    (
        Media(kind="document", data="JVBERi0=", mime="application/pdf", name="a.pdf"),
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "a.pdf",
        },
    ),
    (
        Media(kind="document", data=WORDS, mime="text/markdown"),
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "some words"}},
    ),
    (
        Media(kind="document", text="words"),
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
    ),
    (
        Media(kind="document", url="https://x/y.pdf"),
        {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
    ),
]


@pytest.mark.parametrize(("media", "block"), MEDIA)
def test_images_and_documents_are_carried(media: Media, block: dict[str, Any]) -> None:
    """Traps 35 and 36."""
    assert conversation(said("user", "see", media)) == [("user", [words("see"), block])]


@pytest.mark.parametrize(
    "media",
    [
        Media(kind="audio", data="AA==", mime="audio/wav"),
        Media(kind="video", url="https://x/y.mp4"),
        Media(kind="image", data="AA==", mime="image/tiff"),
        Media(kind="image", url="gs://bucket/y.png"),
        Media(kind="image", file_id="file-of-openai"),
        Media(kind="document", data="AA==", mime="application/zip"),
        Media(kind="document", data="//", mime="text/plain"),
    ],
)
def test_media_that_cannot_be_carried_leave_a_word_and_a_report(media: Media) -> None:
    """Never in silence: the model would invent what it shows."""
    body, drops = written(turn(said("user", "see", media)))
    note = left_out(media)
    assert body["messages"][0]["content"] == [words("see"), words(note)]
    assert drops == [(f"messages[0].{media.kind}", "unsupported")]


# === tools ===


def test_functions_are_declared_with_a_schema() -> None:
    """Complaint 2: never a tool without `input_schema`; and `strict` is said to be lost."""
    body, drops = written(
        turn(
            said("user", "Hi"),
            tools=[
                Tool(kind="function", name="a"),
                Tool(kind="function", name="b", description="d", strict=True, schema={}),
            ],
        )
    )
    assert unmarked(body["tools"]) == [
        {"name": "a", "input_schema": {"type": "object", "properties": {}}},
        {"name": "b", "description": "d", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert drops == [("tools.b.strict", "not_enforced")]


def test_server_tools_that_anthropic_has_are_declared_natively() -> None:
    """Trap 3: with the settings that both know."""
    search = Tool(
        kind="server",
        name="web_search",
        value={
            "type": "web_search",
            "filters": {"allowed_domains": ["a.org"]},
            "user_location": {"type": "approximate", "country": "DE"},
            "search_context_size": "high",
        },
    )
    tools = [search, Tool(kind="server", name="code_execution", value={"codeExecution": {}})]
    body, drops = written(turn(said("user", "Hi"), tools=tools))
    assert unmarked(body["tools"]) == [
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "allowed_domains": ["a.org"],
            "user_location": {"type": "approximate", "country": "DE"},
        },
        {"type": "code_execution_20250825", "name": "code_execution"},
    ]
    assert drops == []


@pytest.mark.parametrize(
    ("tool", "vendor", "why"),
    [
        (Tool(kind="server", name="image_generation", value={}), "anthropic", "unsupported"),
        (Tool(kind="server", name="web_search", value={}), "deepseek", "unsupported"),
        (
            Tool(kind="server", name="web_search", value={"external_web_access": False}),
            "anthropic",
            "no_offline_search",
        ),
    ],
)
def test_server_tools_that_the_target_lacks_are_reported(tool: Tool, vendor: str, why: str) -> None:
    """An imitation has no tools of its own; and Codex's offline search must not become a live one."""
    body, drops = written(turn(said("user", "Hi"), tools=[tool]), target(vendor=vendor))
    assert "tools" not in body
    assert drops == [(f"tools.{tool.name}", why)]


CHOICES: list[tuple[ToolChoice | None, bool | None, dict[str, Any] | None]] = [
    (None, None, None),
    (None, True, None),
    (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    (ToolChoice(mode="auto"), None, {"type": "auto"}),
    (ToolChoice(mode="none"), False, {"type": "none"}),
    (ToolChoice(mode="required"), None, {"type": "any"}),
    (ToolChoice(mode="required"), False, {"type": "any", "disable_parallel_tool_use": True}),
    (ToolChoice(mode="named", tools=[("", "f")]), None, {"type": "tool", "name": "f"}),
]


@pytest.mark.parametrize(("choice", "parallel", "block"), CHOICES)
def test_tool_choice_is_carried(choice: ToolChoice | None, parallel: bool | None, block: Any) -> None:
    """Trap 14."""
    body, drops = written(turn(said("user", "Hi"), tools=[FUNCTION], tool_choice=choice, parallel_tools=parallel), OLD)
    assert body.get("tool_choice") == block
    assert drops == []


def test_some_tools_of_many_become_any_with_a_report() -> None:
    """One tool or any: there is nothing between."""
    choice = ToolChoice(mode="named", tools=[("", "f"), ("", "g")])
    body, drops = written(turn(said("user", "Hi"), tools=[FUNCTION], tool_choice=choice), OLD)
    assert body["tool_choice"] == {"type": "any"}
    assert drops == [("tool_choice", "any_tool_instead_of_some")]


def test_a_choice_without_tools_is_not_said() -> None:
    """It would be refused."""
    assert "tool_choice" not in written(turn(said("user", "Hi"), tool_choice=ToolChoice(mode="auto")))[0]


# === limits, form of the answer, the rest ===


@pytest.mark.parametrize(
    ("given", "to", "limit"),
    [
        (None, target("claude-opus-4-8", max_output_tokens=128_000), 128_000),
        (None, target("claude-opus-4-8"), 128_000),
        (None, target("claude-opus-4-1-20250805"), 32_000),
        (None, target("claude-3-opus-20240229"), 4096),
        (None, target("glm-4.6", "zai"), 8192),
        (500, target("claude-opus-4-8"), 500),
        (900_000, target("claude-opus-4-8", max_output_tokens=128_000), 128_000),
        (0, target("claude-opus-4-8", max_output_tokens=128_000), 1),
        (None, target("claude-sonnet-4-0", max_output_tokens=64_000, context_window_tokens=30_000), 29_991),
        (None, target("claude-sonnet-4-5", max_output_tokens=64_000, context_window_tokens=30_000), 64_000),
        (None, target("claude-sonnet-4-0", max_output_tokens=64_000, context_window_tokens=10), 1024),
    ],
)
def test_max_tokens_is_always_there(given: int | None, to: Any, limit: int) -> None:
    """Trap 38: no small default that cuts code, and never more than the model can."""
    assert written(turn(said("user", "Hi"), max_output_tokens=given), to)[0]["max_tokens"] == limit


@pytest.mark.parametrize(
    ("form", "to", "drops"),
    [
        (Format(kind="json_schema", schema={"type": "object"}), target("claude-3-5-haiku-latest"), [("format", "unsupported")]),
        (Format(kind="json_schema", schema={"type": "object"}), target("glm-4.6", "zai"), [("format", "unsupported")]),
        (Format(kind="json_object"), target(), [("format", "json_without_schema")]),
    ],
)  # fmt: skip
def test_forms_that_the_model_lacks_are_reported(form: Format, to: Any, drops: list[tuple[str, str]]) -> None:
    """Trap 43."""
    body, found = written(turn(said("user", "Hi"), format=form), to)
    assert "output_config" not in body
    assert found == drops


def test_the_form_of_the_answer_goes_into_output_config() -> None:
    """Trap 43: with closed objects, as Anthropic wants them."""
    form = Format(
        kind="json_schema", name="n", schema={"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
    )
    body, _ = written(turn(said("user", "Hi"), format=form))
    assert body["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"a": {"type": "integer", "description": "{minimum: 1}"}},
                "additionalProperties": False,
            },
        }
    }


def test_the_rest_is_carried_or_reported() -> None:
    """Traps 39, 40 and 42: nothing is lost in silence, and what changes nothing makes no noise."""
    body, drops = written(
        turn(
            said("user", "Hi"),
            stop=["END", "  "],
            user="u-1",
            session="s",
            is_stream=True,
            seed=1,
            presence_penalty=0.5,
            frequency_penalty=-0.5,
            verbosity="low",
            service_tier="flex",
            extra={"n": 2},  # of others' members tells translate/losses.py
        )
    )
    assert (body["stop_sequences"], body["stream"], body["metadata"]) == (["END"], True, {"user_id": "u-1"})
    assert drops == [
        ("stop", "white_space"),
        ("service_tier", "unsupported"),
        ("verbosity", "unsupported"),
        ("seed", "unsupported"),
        ("presence_penalty", "unsupported"),
        ("frequency_penalty", "unsupported"),
    ]


def test_a_users_name_that_is_too_long_is_reported() -> None:
    """Anthropic takes 256 characters."""
    body, drops = written(turn(said("user", "Hi"), user="u" * 257))
    assert "metadata" not in body
    assert drops == [("user", "too_long")]


def test_blocks_of_other_dialects_are_left_out() -> None:
    """Who calls reports them; in a result they are reported here."""
    item: Part = Opaque(kind="web_search_call", value={"type": "web_search_call"})
    result = ToolResult(call_id="c1", parts=[text("x"), Opaque(kind="odd", value={})])
    body, drops = written(
        turn(said("user", "Hi"), said("assistant", item, CALL), said("tool", result), tools=[FUNCTION])
    )
    assert unmarked(body["messages"])[1:] == [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [words("x")]}]},
    ]
    assert drops == [("messages[2].tool_result.odd", "unsupported")]


# === imitations, and a turn of this dialect ===


def test_a_client_of_this_dialect_keeps_its_form_at_anthropic_only() -> None:
    """System messages in the conversation, and content that is a string."""
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": [words("a"), words(" "), words("b")]},
        {"role": "user", "content": "So?"},
    ]
    asked = read(max_tokens=9, messages=messages)
    assert written(asked)[0]["messages"] == messages
    body, _ = written(asked, target("deepseek-chat", "deepseek"))
    assert body["messages"] == [
        {"role": "user", "content": [words("Hi"), words("<system-reminder>\nBe brief.\n</system-reminder>")]},
        {"role": "assistant", "content": [words("a"), words("b")]},
        {"role": "user", "content": [words("So?")]},
    ]


# === bytes ===


def _steps() -> list[Turn]:
    """A session that grows: each turn continues the one before."""
    messages = [
        said("developer", "You are an agent."),
        said("user", "Do it."),
        said("assistant", Reasoning(text="hm", signature="s1", origin="anthropic"), "I look.", CALL),
        said("tool", RESULT),
        said("assistant", ToolCall(id="c2", name="f", arguments="{}"), ToolCall(id="c3", name="f", arguments="{}")),
        said(
            "tool",
            ToolResult(call_id="c2", parts=[text("x")], is_plain=True),
            ToolResult(call_id="c3", parts=[Media(kind="image", data="iVBORw0KGgo=")]),
        ),
        said("developer", "Hurry."),
        said("assistant", "Done."),
        said("user", "Thanks. And now?"),
    ]
    return [turn(*messages[:end], tools=[FUNCTION], is_stream=True) for end in (2, 4, 6, 7, 9)]


def test_a_longer_session_has_the_bytes_of_the_shorter_one() -> None:
    """Traps 57 and 58: but for the cache breakpoints, the request grows at the end of its messages only."""
    shorter = b""
    for asked in _steps():
        body = json.loads(CODEC.write_turn(asked, target(), Report()))
        raw = json.dumps(unmarked(body), separators=(",", ":")).encode()
        shared = raw[: raw.rindex(b"}],", 0, raw.index(b'"max_tokens"'))]
        # the last content may grow (a reminder joins its user's message), so its end is cut off with the array's
        if shorter:
            assert raw.startswith(shorter.removesuffix(b"]"))
        shorter = shared
    assert len(shorter) > 500


def test_members_stand_in_the_order_of_the_prompt() -> None:
    """Tools, system, messages; what changes from step to step comes after them."""
    body, _ = written(_steps()[2])
    assert list(body)[:4] == ["model", "tools", "system", "messages"]


_AGAIN = """
from tests.dataplane.wire.messages.test_write_turn import _steps, CODEC, Report, target
import hashlib
print(hashlib.sha256(b"".join(CODEC.write_turn(t, target(), Report()) for t in _steps())).hexdigest())
"""


def test_bytes_are_the_same_in_every_process() -> None:
    """No hash order anywhere: else two workers would spoil each other's cache."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", _AGAIN], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_writing_does_not_change_the_turn() -> None:
    """It is written again when another provider must be asked."""
    asked = _steps()[3]
    first = CODEC.write_turn(asked, target(), Report())
    assert CODEC.write_turn(asked, target(), Report()) == first
    assert isinstance(asked.messages[0].parts[0], Text)
