"""What other dialects' turns become for Bedrock. Rows of TRANSLATION_TRAPS by number; each body is held against the service model."""

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
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.dataplane.wire.converse import CODEC
from gateway.dataplane.wire.report import Report
from tests.dataplane.wire.converse.cases import (
    LLAMA,
    NOVA,
    OPUS,
    call,
    contents,
    function,
    message,
    result,
    said,
    target,
    turn,
    user,
    written,
)
from tests.dataplane.wire.converse.shapes import FILE, problems


def fits(body: dict[str, Any]) -> dict[str, Any]:
    """`body`, which the service model must accept, where it is at hand."""
    if FILE.exists():
        assert list(problems(body, "ConverseRequest")) == []
    return body


def blocks(*parts: Part | str, model: str = "", **more: Any) -> list[dict[str, Any]]:
    """The blocks of one user message of these parts."""
    body, _ = written(turn(user(*parts), **more), **({"model": model} if model else {}))
    return contents(fits(body))[0][1]


# === the conversation ===


def test_the_plainest_turn() -> None:
    body, drops = written(turn(user("hi"), max_output_tokens=10, temperature=0.5))
    assert fits(body) == {
        "inferenceConfig": {"maxTokens": 10, "temperature": 0.5},
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
    }
    assert drops == []


def test_sides_take_turns_and_results_come_first_6_7_19() -> None:
    """Consecutive messages of one side are one; all results stand before text, all calls after it."""
    body, _ = written(
        turn(
            user("a"),
            user("b"),
            said(call("c1"), "thinking aloud", call("c2")),
            message("tool", result("c1", "1"), result("c2", "2")),
            user("and"),
            said("done"),
            said("really"),
            user("ok"),
            tools=[function()],
        )
    )
    assert [(role, [next(iter(one)) for one in content]) for role, content in contents(fits(body))] == [
        ("user", ["text", "text"]),
        ("assistant", ["text", "toolUse", "toolUse"]),
        ("user", ["toolResult", "toolResult", "text"]),
        ("assistant", ["text", "text"]),
        ("user", ["text"]),
    ]


def test_results_after_words_are_moved_before_them_6() -> None:
    body, _ = written(turn(user("a"), said(call()), user("words", result()), tools=[function()]))
    assert [next(iter(one)) for one in contents(fits(body))[2][1]] == ["toolResult", "text"]


def test_blank_text_is_left_out_and_its_cache_mark_moves_33() -> None:
    marked = [Text(text="a"), Text(text=" \n", cache="5m"), Text(text="b")]
    body, _ = written(turn(user(*marked), dialect="anthropic.messages"))
    assert fits(body)["messages"][0]["content"] == [{"text": "a"}, {"cachePoint": {"type": "default"}}, {"text": "b"}]


def test_an_empty_question_beside_instructions_is_a_beginning() -> None:
    body, _ = written(turn(user(""), instructions=message("system", "tell jokes")))
    assert contents(fits(body)) == [("user", [{"text": "Begin."}])]


@pytest.mark.parametrize("messages", [[user(" ")], [user("a"), said("b"), user("")], [said(""), user()]])
def test_a_wholly_empty_user_turn_is_refused_33(messages: list[Message]) -> None:
    with pytest.raises(BadRequest) as refused:
        written(turn(*messages))
    assert refused.value.details["param"] == f"messages[{len(messages) - 1}].content"


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        written(turn())
    assert refused.value.details["param"] == "messages"


def test_system_and_developer_messages_30_31() -> None:
    """Leading ones join the system in their order; later ones keep their place, marked."""
    body, _ = written(
        turn(
            message("developer", "two"),
            message("system", "three"),
            user("hi"),
            said("yes"),
            message("developer", "from now on"),
            user("go"),
            instructions=message("system", "one", ""),
        )
    )
    assert [one for one in fits(body)["system"] if "text" in one] == [
        {"text": "one"},
        {"text": "two"},
        {"text": "three"},
    ]
    assert contents(body)[2] == (
        "user",
        [{"text": "<system-reminder>\nfrom now on\n</system-reminder>"}, {"text": "go"}],
    )


def test_instructions_alone_are_a_request() -> None:
    body, _ = written(turn(message("system", "be good"), dialect="openai.chat"))
    assert fits(body) == {
        "system": [{"text": "be good"}],
        "messages": [{"role": "user", "content": [{"text": "Begin."}]}],
    }


def test_a_conversation_that_begins_with_the_assistant_gets_an_opening() -> None:
    body, _ = written(turn(said("hello"), user("hi")))
    assert [role for role, _ in contents(fits(body))] == ["user", "assistant", "user"]


def test_a_prefill_is_continued_or_asked_for_26() -> None:
    asked = turn(user("say"), said("Once upon  \n"))
    body, drops = written(asked)
    assert contents(fits(body))[-1] == ("assistant", [{"text": "Once upon"}])
    assert drops == []
    body, drops = written(asked, OPUS)
    assert contents(fits(body))[-1] == ("user", [{"text": "Continue."}])
    assert drops == ["messages[-1];no_prefill_with_this_model"]


# === tools ===


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ('{"a":1}', {"a": 1}),
        ("", {}),
        (" ", {}),
        ("[1]", {"input": "[1]"}),
        ('{"a"', {"input": '{"a"'}),
        ('"x"', {"input": '"x"'}),
    ],
)
def test_arguments_are_an_object_whatever_came_11(arguments: str, value: dict[str, Any]) -> None:
    body, _ = written(turn(user("a"), said(call("c1", arguments)), message("tool", result()), tools=[function()]))
    assert contents(fits(body))[1][1] == [{"toolUse": {"toolUseId": "c1", "name": "f", "input": value}}]


def test_tools_are_declared() -> None:
    tools = [
        function("f", description="does"),
        Tool(kind="function", name="g"),
        function("h", schema={"properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}]}, description=" "),
    ]
    body, drops = written(turn(user("a"), tools=tools, dialect="anthropic.messages"))
    assert fits(body)["toolConfig"]["tools"] == [
        {
            "toolSpec": {
                "name": "f",
                "description": "does",
                "inputSchema": {"json": {"type": "object", "properties": {}}},
            }
        },
        {"toolSpec": {"name": "g", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
        {"toolSpec": {"name": "h", "inputSchema": {"json": {"type": "object", "properties": {"b": {}, "a": {}}}}}},
    ]
    assert drops == ["tools.h.schema.anyOf;flattened"]


def test_history_with_calls_needs_tools_declared() -> None:
    """Bedrock: "The toolConfig field must be defined when using toolUse and toolResult content blocks"."""
    asked = turn(user("a"), said(call()), message("tool", result()), user("b"))
    body, drops = written(asked)
    tool, *_ = fits(body)["toolConfig"]["tools"]
    assert tool["toolSpec"]["name"] == "unavailable"
    asked.tools, asked.tool_choice = [function()], ToolChoice(mode="none")
    none, _ = written(asked)
    assert none["toolConfig"] == body["toolConfig"]
    assert drops == []


def test_no_tool_may_be_called_14() -> None:
    body, drops = written(turn(user("a"), tools=[function()], tool_choice=ToolChoice(mode="none")))
    assert "toolConfig" not in fits(body)
    assert drops == []


@pytest.mark.parametrize(
    ("choice", "model", "wanted", "drops"),
    [
        (ToolChoice(mode="auto"), "", {"auto": {}}, []),
        (ToolChoice(mode="required"), "", {"any": {}}, []),
        (ToolChoice(mode="named", tools=[("", "f")]), "", {"tool": {"name": "f"}}, []),
        (ToolChoice(mode="named", tools=[("", "f"), ("", "g")]), "", {"any": {}}, ["tool_choice;any_of_all_tools"]),
        (ToolChoice(mode="required"), "anthropic.claude-opus-5-5", {"auto": {}}, ["tool_choice;auto_with_this_model"]),
        (None, "", None, []),
    ],
)
def test_tool_choice_14(choice: ToolChoice | None, model: str, wanted: Any, drops: list[str]) -> None:
    asked = turn(user("a"), tools=[function("f"), function("g")], tool_choice=choice)
    body, said_drops = written(asked, **({"model": model} if model else {}))
    assert fits(body)["toolConfig"].get("toolChoice") == wanted
    assert said_drops == drops


def test_at_most_one_call_14() -> None:
    switch = {"type": "auto", "disable_parallel_tool_use": True}
    asked = turn(user("a"), tools=[function()], parallel_tools=False)
    body, drops = written(asked)
    assert fits(body)["additionalModelRequestFields"] == {"tool_choice": switch}
    assert drops == []
    assert written(asked, NOVA)[1] == ["parallel_tools;unsupported"]
    asked.tool_choice = ToolChoice(mode="required")  # the two choices would contradict each other
    body, drops = written(asked)
    assert "additionalModelRequestFields" not in body
    assert drops == ["parallel_tools;unsupported"]
    asked.tools = None
    assert written(asked)[1] == []


def test_tools_that_run_at_the_provider_3() -> None:
    search = Tool(kind="server", name="web_search", value={"type": "web_search"})
    asked = turn(user("a"), tools=[search, function()])
    body, drops = written(asked, NOVA)
    assert fits(body)["toolConfig"]["tools"][0] == {"systemTool": {"name": "nova_grounding"}}
    assert drops == []
    body, drops = written(asked)
    assert [next(iter(one)) for one in fits(body)["toolConfig"]["tools"]] == ["toolSpec", "cachePoint"]
    assert drops == ["tools.web_search;unsupported"]


def test_strict_is_not_passed_on_blindly_16() -> None:
    body, drops = written(turn(user("a"), tools=[function("f", strict=True), function("g", strict=False)]))
    assert "strict" not in json.dumps(fits(body))
    assert drops == ["tools.f.strict;not_enforced"]


def test_results_hold_text_values_and_images_34() -> None:
    image = Media(kind="image", mime="image/jpg", data="AAAA")
    found = Opaque(kind="search_result", value={})
    parts = [
        ToolResult(call_id="c1", parts=[Text(text="t"), Text(text=""), image, found]),
        ToolResult(call_id="c2", parts=[], value={"output": 1}),
        ToolResult(call_id="c3", parts=[Text(text=" ")], is_error=True),
    ]
    asked = turn(user("a"), said(call("c1"), call("c2"), call("c3")), message("tool", *parts), tools=[function()])
    body, drops = written(asked)
    assert contents(fits(body))[2][1] == [
        {
            "toolResult": {
                "toolUseId": "c1",
                "content": [{"text": "t"}, {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}}],
            }
        },
        {"toolResult": {"toolUseId": "c2", "content": [{"json": {"output": 1}}]}},
        {"toolResult": {"toolUseId": "c3", "content": [{"text": "(no output)"}], "status": "error"}},
    ]
    assert drops == ["messages[2].search_result;unsupported"]
    body, drops = written(asked, LLAMA)
    assert "status" not in json.dumps(body)
    assert "messages[2].tool_result.is_error;unsupported" in drops


# === reasoning in the history ===


def test_reasoning_is_sent_back_signed_first_and_never_as_text_17_18_19_24() -> None:
    signed = Reasoning(text="t", signature="s", origin="anthropic/account")
    only_signed = Reasoning(signature="s2", origin="anthropic")
    redacted = Reasoning(signature="AAAA", is_redacted=True, origin="anthropic")
    unsigned = Reasoning(text="secret thought")
    foreign = Reasoning(text="other", signature="x", origin="openai")
    asked = turn(
        user("a"),
        said("words", signed, only_signed, redacted, unsigned, foreign, call()),
        message("tool", result()),
        tools=[function()],
    )
    body, drops = written(asked)
    assert contents(fits(body))[1][1] == [
        {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}},
        {"reasoningContent": {"reasoningText": {"text": "", "signature": "s2"}}},
        {"reasoningContent": {"redactedContent": "AAAA"}},
        {"text": "words"},
        {"toolUse": {"toolUseId": "c1", "name": "f", "input": {}}},
    ]
    assert drops == ["messages.reasoning;unsigned", "messages.reasoning;other_vendor"]


def test_thoughts_between_words_keep_their_place_19() -> None:
    """Interleaved thinking: what the model itself wrote in this order is not changed."""
    first, second = (Reasoning(text=text, signature="s", origin="anthropic") for text in "ab")
    body, _ = written(turn(user("a"), said(first, "x", second, call()), message("tool", result()), tools=[function()]))
    assert [next(iter(one)) for one in contents(fits(body))[1][1]] == [
        "reasoningContent",
        "text",
        "reasoningContent",
        "toolUse",
    ]


def test_an_answer_that_broke_off_in_a_thought_is_left_out() -> None:
    thought = Reasoning(text="a", signature="s", origin="anthropic")
    body, _ = written(turn(user("a"), said(thought), user("b"), said("x", thought), user("c")))
    assert [(role, len(content)) for role, content in contents(fits(body))] == [
        ("user", 2),
        ("assistant", 1),
        ("user", 1),
    ]


# === images and documents ===


def test_images_35() -> None:
    assert blocks(Media(kind="image", mime="image/webp", data="AAAA")) == [
        {"image": {"format": "webp", "source": {"bytes": "AAAA"}}}
    ]
    assert blocks(Media(kind="image", url="s3://bucket/cat.png")) == [
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/cat.png"}}}}
    ]


@pytest.mark.parametrize(
    ("media", "why"),
    [
        (Media(kind="image", mime="image/png", url="https://a/b.png"), "messages[0].image;url"),
        (Media(kind="image", mime="image/png", file_id="file-1"), "messages[0].image;file_id"),
        (Media(kind="image", mime="image/bmp", data="AAAA"), "messages[0].image;format"),
        (Media(kind="video", mime="video/avi", data="AAAA"), "messages[0].video;format"),
        (Media(kind="document", mime="application/zip", data="AAAA", name="z.zip"), "messages[0].document;format"),
    ],
)
def test_what_cannot_be_sent_is_named_to_the_model_and_reported_35(media: Media, why: str) -> None:
    body, drops = written(turn(user("see", media)))
    note = contents(fits(body))[0][1][1]["text"]
    assert note.startswith(f"[{media.kind}")
    assert note.endswith("could not be sent to this model]")
    assert drops == [why]


def test_documents_have_legal_names_once_each_36() -> None:
    names = ["report.v2.pdf", "report.v2.pdf", "a  b\t(c) [d]-e", "übung/..", "", "n" * 300]
    documents = [Media(kind="document", mime="application/pdf", data="AAAA", name=name) for name in names]
    found = [one["document"]["name"] for one in blocks("see", *documents)[1:]]
    assert found[:5] == ["report-v2-pdf", "report-v2-pdf (2)", "a b (c) [d]-e", "bung", "document"]
    assert len(set(found)) == len(found)
    assert max(map(len, found)) <= 200


def test_a_document_has_words_beside_it_36() -> None:
    text = Media(kind="document", mime="text/x-python", text="print(1)", name="a.py")
    found = blocks(text)
    assert found[0]["document"] == {
        "format": "txt",
        "source": {"bytes": base64.b64encode(b"print(1)").decode()},
        "name": "a-py",
    }
    assert found[1:] == [{"text": "See the attached document."}]


@pytest.mark.parametrize(
    ("mime", "form"),
    [
        ("application/pdf", "pdf"),
        ("text/markdown; charset=utf-8", "md"),
        ("application/json", "txt"),
        ("text/html", "html"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ],
)
def test_document_formats(mime: str, form: str) -> None:
    [document, _] = blocks(Media(kind="document", mime=mime, data="AAAA"))
    assert document["document"]["format"] == form


def test_an_image_in_an_answer_is_left_out() -> None:
    image = Media(kind="image", mime="image/png", data="AAAA")
    body, drops = written(turn(user("draw"), said(image), user("again")))
    assert contents(fits(body))[1][1] == [{"text": "[image could not be sent to this model]"}]
    assert drops == ["messages[1].image;in_an_answer"]


def test_refusals_and_citations_are_words_37() -> None:
    cited = Text(text="cited", citations=[{"url": "x"}])
    body, drops = written(turn(user("a"), said(Refusal(text="no"), cited), user("b")))
    assert contents(fits(body))[1][1] == [{"text": "no"}, {"text": "cited"}]
    assert drops == ["messages[1].citations;unsupported"]


# === sampling, stops, form ===


@pytest.mark.parametrize(
    ("more", "model", "config", "fields", "drops"),
    [
        ({"temperature": 1.5}, "", {"temperature": 1}, None, ["temperature;above_1"]),
        ({"temperature": 0.2, "top_p": 0.9}, "", {"temperature": 0.2}, None, ["top_p;beside_temperature"]),
        ({"temperature": 0.2, "top_p": 0.9}, LLAMA, {"temperature": 0.2, "topP": 0.9}, None, []),
        (
            {"temperature": 0.2, "top_k": 4},
            OPUS,
            None,
            None,
            ["temperature;not_by_this_model", "top_k;not_by_this_model"],
        ),
        ({"temperature": 1}, OPUS, None, None, []),
        ({"top_k": 4}, "", None, {"top_k": 4}, []),
        ({"top_k": 4}, NOVA, None, {"inferenceConfig": {"topK": 4}}, []),
        ({"top_k": 4}, LLAMA, None, None, ["top_k;unsupported"]),
        ({"stop": ["a", " "]}, LLAMA, {"stopSequences": ["a"]}, None, ["stop;only_white_space"]),
        ({"stop": list("abcde")}, NOVA, {"stopSequences": list("abcd")}, None, ["stop;at_most_4"]),
        ({"seed": 1, "presence_penalty": 0.5}, "", None, None, ["seed;unsupported", "presence_penalty;unsupported"]),
        ({"verbosity": "low"}, "", None, None, ["verbosity;unsupported"]),
        ({"service_tier": "auto"}, "", None, None, []),
        ({"service_tier": "priority"}, "", None, None, ["service_tier;unsupported"]),
        ({"extra": {"store": False, "logit_bias": {}}}, "", None, None, []),
        ({"extra": {"n": 2}}, "", None, None, []),  # translate/losses.py tells it
    ],
)
def test_sampling_38_39(more: dict[str, Any], model: str, config: Any, fields: Any, drops: list[str]) -> None:
    body, found = written(turn(user("a"), **more), **({"model": model} if model else {}))
    assert fits(body).get("inferenceConfig") == config
    assert body.get("additionalModelRequestFields") == fields
    assert found == drops


def test_the_limit_is_the_models_38() -> None:
    body, drops = written(turn(user("a"), max_output_tokens=100_000), max_output_tokens=64_000)
    assert fits(body)["inferenceConfig"] == {"maxTokens": 64_000}
    assert drops == ["max_output_tokens;above_the_models_limit"]
    assert "inferenceConfig" not in written(turn(user("a")))[0]


def test_claude_is_asked_which_sequence_it_met_39() -> None:
    body, _ = written(turn(user("a"), stop=["END"]))
    assert fits(body)["additionalModelResponseFieldPaths"] == ["/stop_sequence"]


def test_structured_output_43() -> None:
    form = Format(kind="json_schema", name="n", description="d", schema={"type": "object"}, strict=True)
    body, drops = written(turn(user("a"), format=form))
    assert fits(body)["outputConfig"] == {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "n", "description": "d"}},
        }
    }
    assert drops == []
    for model in (NOVA, LLAMA, "anthropic.claude-3-7-sonnet-20250219-v1:0"):
        body, drops = written(turn(user("a"), format=form), model)
        assert "outputConfig" not in body
        assert drops == ["format;not_by_this_model"]
    assert written(turn(user("a"), format=Format(kind="json_object")))[1] == ["format;no_json_object_here"]


def test_who_asks_goes_to_the_log_of_the_account_40() -> None:
    assert fits(written(turn(user("a"), user="jo@x.org"))[0])["requestMetadata"] == {"user": "jo@x.org"}
    assert written(turn(user("a"), user='{"device":1}'))[1] == ["user;unsupported"]


# === bytes ===


def _session(steps: int) -> Turn:
    messages: list[Message] = [user("begin")]
    for step in range(steps):
        image = Media(kind="document", mime="application/pdf", data="AAAA", name="same")
        messages += [
            said(Reasoning(text="t", signature="s", origin="anthropic"), "now", call(f"c{step}")),
            message("tool", ToolResult(call_id=f"c{step}", parts=[Text(text=f"out {step}"), image])),
        ]
    return turn(*messages, tools=[function("f"), function("g")], instructions=message("system", "be good"))


def test_two_turns_share_the_longest_prefix_58() -> None:
    """All bytes up to the end of the shorter conversation, but for the cache point that moves on."""
    shorter, longer = (CODEC.write_turn(_session(steps), target(), Report()) for steps in (3, 4))
    end = shorter.rindex(b',{"cachePoint"')
    assert longer.startswith(shorter[:end])


def test_an_arranged_turn_of_this_dialect_is_legal_again() -> None:
    """The road does not arrange turns of the same dialect; if it did, nothing breaks."""
    asked = turn(user("a"), said(call()), message("tool", result()), user("b"), dialect=CODEC.name, tools=[function()])
    body, _ = written(asked)
    assert [(one["role"], [next(iter(block)) for block in one["content"]]) for one in fits(body)["messages"]] == [
        ("user", ["text"]),
        ("assistant", ["toolUse"]),
        ("user", ["toolResult", "text"]),
    ]


def test_the_given_turn_is_not_changed() -> None:
    asked, same = _session(2), _session(2)
    CODEC.write_turn(asked, target(), Report())
    assert asked == same


def test_bytes_are_the_same_in_every_process_58() -> None:
    """Under other hash seeds too."""
    program = (
        "from tests.dataplane.wire.converse.test_write_turn import _session\n"
        "from tests.dataplane.wire.converse.cases import target\n"
        "from gateway.dataplane.wire.converse import CODEC\n"
        "from gateway.dataplane.wire.report import Report\n"
        "import hashlib\n"
        "print(hashlib.sha256(CODEC.write_turn(_session(3), target(), Report())).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout
