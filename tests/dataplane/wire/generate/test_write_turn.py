"""A turn of another dialect as a request to Google."""

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
    Reasoning,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
)
from gateway.dataplane.wire.generate import CODEC
from gateway.dataplane.wire.generate.names import DUMMY_SIGNATURE
from gateway.dataplane.wire.generate.write_part import arguments_json
from gateway.dataplane.wire.report import Report
from tests.dataplane.wire.generate.asking import call, result, said, target, turn, write

_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
_F = Tool(kind="function", name="f", description="d", schema=_SCHEMA)
_PNG = Media(kind="image", mime="image/png", data="AAAA")


def _contents(*messages: Message, to: Any = "gemini-2.5-flash") -> list[Any]:
    body, drops = write(turn(*messages), to)
    assert drops == []
    contents: list[Any] = body["contents"]
    return contents


def _user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def _model(*parts: Any) -> dict[str, Any]:
    return {"role": "model", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def _call(name: str = "f", **args: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args}}


def _answer(output: str, name: str = "f") -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": {"output": output}}}


def test_trap_13_messages_of_one_role_are_one_content() -> None:
    """User and model alternate."""
    messages = [said("user", "a"), said("user", "b"), said("assistant", "c"), said("assistant", "d"), said("user", "e")]
    assert _contents(*messages) == [_user("a", "b"), _model("c", "d"), _user("e")]


@pytest.mark.parametrize(
    ("messages", "wanted"),
    [
        ([said("user", "")], [_user(" ")]),
        ([said("assistant", "a"), said("user", "b")], [_user(" "), _model("a"), _user("b")]),
        ([said("user", _PNG)], [_user({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, " ")]),
        ([said("user", "see", _PNG)], [_user("see", {"inlineData": {"mimeType": "image/png", "data": "AAAA"}})]),
        ([said("user", "a"), said("assistant", "b"), said("user", ""), said("assistant", "c")], [_user("a"), _model("b", "c")]),
        ([said("user", "a", ""), said("assistant", ""), said("user", "b")], [_user("a", "b")]),
    ],
)  # fmt: skip
def test_trap_13_filler_only_where_google_refuses_its_absence(messages: list[Message], wanted: list[Any]) -> None:
    """Before a model's first content, beside media without a word, and where a user says nothing; empty text goes."""
    assert _contents(*messages) == wanted


def test_where_nobody_says_anything_nothing_is_asked() -> None:
    """An answer to nothing would cost; but instructions alone may ask for one."""
    compacted = Message(role="assistant", parts=[Opaque(kind="compaction", value={})])
    for messages in ([], [compacted]):
        with pytest.raises(BadRequest) as error:
            write(turn(*messages), "gemini-2.5-flash")
        assert error.value.details["param"] == "messages"
    body, _ = write(turn(instructions=said("system", "Begin.")), "gemini-2.5-flash")
    assert body["contents"] == [_user(" ")]


def test_trap_12_results_stand_alone_right_after_their_calls_in_their_order() -> None:
    """Whatever stood between or beside them; names come from the calls; ids do not go to Google."""
    messages = [
        said("user", "go"),
        said("assistant", "both", call("a", "f", '{"x":1}'), call("b", "g")),
        said("tool", result("b", "B")),
        said("user", "by the way"),
        said("tool", result("a", "A")),
        said("assistant", "done"),
    ]
    assert _contents(*messages) == [
        _user("go"),
        _model("both", _call("f", x=1), _call("g")),
        _user(_answer("A", "f"), _answer("B", "g")),
        _user("by the way"),
        _model("done"),
    ]


@pytest.mark.parametrize(
    ("found", "response"),
    [
        (result("a", "text"), {"output": "text"}),
        (result("a", ""), {"output": ""}),
        (result("a", "no", is_error=True), {"error": "no"}),
        (ToolResult(call_id="a", parts=[Text(text="1"), Text(text="2")]), {"output": "1\n2"}),
        (ToolResult(call_id="a", parts=[], value={"k": [1]}), {"k": [1]}),
        (ToolResult(call_id="a", parts=[], value={"k": 1}, is_error=True), {"error": {"k": 1}}),
        (result("a", '{"k": 1}'), {"output": '{"k": 1}'}),
    ],
)
def test_results(found: ToolResult, response: dict[str, Any]) -> None:
    """Text is `output` or `error`; JSON objects stay objects."""
    contents = _contents(said("user", "x"), said("assistant", call("a")), said("tool", found))
    assert contents[2]["parts"] == [{"functionResponse": {"name": "f", "response": response}}]


def test_trap_34_images_in_results() -> None:
    """Inside the response from Gemini 3 on; before, after all responses, with words that say whose they are."""
    messages = [
        said("user", "x"),
        said("assistant", call("a"), call("b", "g")),
        said("tool", ToolResult(call_id="a", parts=[Text(text="see"), _PNG]), result("b", "B")),
    ]
    blob = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    assert _contents(*messages, to="gemini-3-pro")[2:] == [
        _user(
            {"functionResponse": {"name": "f", "response": {"output": "see"}, "parts": [blob]}},
            _answer("B", "g"),
        )
    ]
    assert _contents(*messages)[2:] == [
        _user(_answer("see"), _answer("B", "g")),
        _user("[image returned by the tool f]", blob),
    ]


def test_media_that_stands_alone_in_a_result() -> None:
    """A response needs a word; sound never goes inside."""
    sound = Media(kind="audio", mime="audio/wav", data="AAAA")
    found = said("tool", ToolResult(call_id="a", parts=[sound]))
    contents = _contents(said("user", "x"), said("assistant", call("a")), found, to="gemini-3-pro")
    assert contents[2:] == [
        _user(_answer("(see the attached media)")),
        _user("[audio returned by the tool f]", {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}),
    ]


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ("", "{}"),
        ('{\n "a" : 1.50,\n "n": 123456789012345678901}', '{"a":1.50,"n":123456789012345678901}'),
        ("not json", '{"input":"not json"}'),
        ('{"a":', '{"input":"{\\"a\\":"}'),
        ("[1]", '{"input":"[1]"}'),
    ],
)
def test_trap_11_arguments_are_an_object(arguments: str, args: str) -> None:
    """Valid ones keep their numbers; what is no object is kept under `input`, never a crash."""
    assert bytes(arguments_json(call("a", arguments=arguments))).decode() == args
    custom = call("a", arguments='{"a":1}', kind="custom")
    assert bytes(arguments_json(custom)) == b'{"input":"{\\"a\\":1}"}'


# === reasoning ===


def test_trap_21_signatures_go_back_to_the_parts_that_they_are_bound_to() -> None:
    """On a call, on a text, alone; only to whom they came from."""
    mine: dict[str, Any] = {"origin": "google", "is_bound": True}
    messages = [
        said("user", "x"),
        said(
            "assistant",
            Reasoning(text="hm", origin="google"),
            Reasoning(signature="S1", **mine),
            "words",
            Reasoning(signature="S2", **mine),
            Reasoning(signature="S3", **mine),
            call("a"),
        ),
        said("tool", result("a")),
        said("assistant", "end", Reasoning(signature="S4", **mine)),
    ]
    contents = _contents(*messages, to="gemini-3-pro")
    assert contents[1] == _model(
        {"text": "hm", "thought": True},
        {"text": "words", "thoughtSignature": "S1"},
        {"text": "", "thoughtSignature": "S2"},
        {**_call(), "thoughtSignature": "S3"},
    )
    assert contents[3] == _model("end", {"text": "", "thoughtSignature": "S4"})


def test_trap_21_a_call_that_another_vendor_made_gets_the_documented_word() -> None:
    """From Gemini 3 on, on the first call of each model turn; so the history does not change when a turn ends."""
    messages = [
        said("user", "x"),
        said("assistant", call("a"), call("b")),
        said("tool", result("a"), result("b")),
        said("assistant", call("c")),
        said("tool", result("c")),
    ]
    for model in ("gemini-3-pro", "gemini-3.8-flash", "gemini-flash-latest", "models/gemini-mock"):
        contents = _contents(*messages, to=model)
        assert contents[1]["parts"][0]["thoughtSignature"] == DUMMY_SIGNATURE
        assert "thoughtSignature" not in contents[1]["parts"][1]
        assert contents[3]["parts"][0]["thoughtSignature"] == DUMMY_SIGNATURE
        longer = _contents(*messages, said("assistant", "ok"), said("user", "next"), to=model)
        assert longer[: len(contents)] == contents
    assert DUMMY_SIGNATURE not in json.dumps(_contents(*messages, to="gemini-2.5-pro"))


@pytest.mark.parametrize("extra", [{"text": ""}, {}])
def test_trap_21_a_signature_that_stood_alone_stands_alone_again(extra: dict[str, Any]) -> None:
    """Others ride on the part after them."""
    alone = Reasoning(signature="AAAA", is_bound=True, origin="google", extra=extra)
    riding = Reasoning(signature="BBBB", is_bound=True, origin="google")
    body, _ = write(turn(said("user", "x"), said("assistant", alone, riding, "words")))
    assert body["contents"][1]["parts"] == [
        {**extra, "thoughtSignature": "AAAA"},
        {"text": "words", "thoughtSignature": "BBBB"},
    ]


def test_trap_24_thinking_of_another_vendor_is_never_shown_as_words() -> None:
    """It is dropped, and reported."""
    messages = [said("user", "x"), said("assistant", Reasoning(text="secret", origin="anthropic"), "words")]
    body, drops = write(turn(*messages))
    assert body["contents"][1] == _model("words")
    assert drops == ["messages.reasoning;other_vendor"]


@pytest.mark.parametrize(
    ("model", "thinking", "config", "drops"),
    [
        ("gemini-3-pro", {"effort": "low"}, {"thinkingLevel": "LOW", "includeThoughts": True}, []),
        ("gemini-3-pro", {"effort": "high", "summary": "none"}, {"thinkingLevel": "HIGH"}, []),
        ("gemini-3-pro", {"effort": "medium"}, {"thinkingLevel": "HIGH", "includeThoughts": True}, []),
        ("gemini-3.1-pro", {"effort": "medium"}, {"thinkingLevel": "MEDIUM", "includeThoughts": True}, []),
        ("gemini-3-pro", {"effort": "max"}, {"thinkingLevel": "HIGH", "includeThoughts": True}, []),
        ("gemini-3-pro", {"effort": "none"}, {"thinkingLevel": "LOW"}, ["thinking;cannot_be_off"]),
        ("gemini-3-pro", {"budget_tokens": 10_000}, {"thinkingLevel": "HIGH", "includeThoughts": True}, []),
        ("gemini-3-pro", {"is_adaptive": True}, {"includeThoughts": True}, []),
        ("gemini-2.5-flash", {"effort": "high"}, {"thinkingBudget": 24_576, "includeThoughts": True}, []),
        ("gemini-2.5-flash", {"effort": "none"}, {"thinkingBudget": 0}, []),
        ("gemini-2.5-flash", {"is_adaptive": True}, {"thinkingBudget": -1, "includeThoughts": True}, []),
        ("gemini-2.5-flash", {"budget_tokens": 100_000}, {"thinkingBudget": 24_576, "includeThoughts": True}, []),
        ("gemini-2.5-flash-lite", {"budget_tokens": 100}, {"thinkingBudget": 512, "includeThoughts": True}, []),
        ("gemini-2.5-pro", {"effort": "max"}, {"thinkingBudget": 32_768, "includeThoughts": True}, []),
        ("gemini-2.5-pro", {"effort": "none"}, {"thinkingBudget": 128}, ["thinking;cannot_be_off"]),
        ("gemini-2.0-flash", {"effort": "high"}, None, ["thinking;unsupported"]),
        ("gemini-2.0-flash", {"effort": "none"}, None, []),
    ],
)
def test_traps_25_and_28_thinking_by_generation(
    model: str, thinking: dict[str, Any], config: dict[str, Any] | None, drops: list[str]
) -> None:
    """A level from Gemini 3 on, a budget in 2.5, nothing before."""
    body, dropped = write(turn(said("user", "x"), thinking=Thinking(**thinking)), model)
    assert body.get("generationConfig", {}).get("thinkingConfig") == config
    assert dropped == drops


# === system, media, tools, config ===


def test_trap_30_system_messages() -> None:
    """Those before the conversation are instructions, in order; later ones are user text in a wrapper."""
    messages = [
        said("system", "b"),
        said("developer", "c"),
        said("user", "x"),
        said("assistant", "y"),
        said("system", "z"),
    ]
    body, drops = write(turn(*messages, instructions=said("system", "a", "")))
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}
    assert body["contents"] == [_user("x"), _model("y"), _user("<system-reminder>\nz\n</system-reminder>")]
    assert drops == []
    billing = Opaque(kind="billing_header", value={})
    body, drops = write(turn(said("user", "x"), instructions=said("system", billing, _PNG)))
    assert "systemInstruction" not in body
    assert drops == ["system.image;unsupported"]


@pytest.mark.parametrize(
    ("media", "part", "drops"),
    [
        ({"url": "gs://b/o.png"}, {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/o.png"}}, []),
        (
            {"url": "https://generativelanguage.googleapis.com/v1beta/files/x", "mime": "image/png"},
            {
                "fileData": {
                    "mimeType": "image/png",
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x",
                }
            },
            [],
        ),
        ({"url": "https://youtu.be/x"}, {"fileData": {"fileUri": "https://youtu.be/x"}}, []),
        (
            {"url": "https://example.com/a.png"},
            {"text": "[image `https://example.com/a.png` could not be sent to this model]"},
            ["messages[0].image;not_inlined"],
        ),
        (
            {"file_id": "file-1"},
            {"text": "[image could not be sent to this model]"},
            ["messages[0].image;file_of_another_vendor"],
        ),
        ({"text": "words"}, {"inlineData": {"mimeType": "text/plain", "data": "d29yZHM="}}, []),
        ({"data": "AA=="}, {"inlineData": {"mimeType": "application/octet-stream", "data": "AA=="}}, []),
        (
            {"data": "AA==", "mime": "image/png", "detail": "low"},
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
            ["messages[0].detail;unsupported"],
        ),
    ],
)
def test_trap_35_media(media: dict[str, Any], part: dict[str, Any] | None, drops: list[str]) -> None:
    """Inline data, and what Google fetches itself; nothing else goes."""
    body, dropped = write(turn(said("user", "see", Media(kind="image", **media))))
    assert body["contents"] == [_user("see", *([part] if part else []))]
    assert dropped == drops


def test_trap_15_tools_are_declared_in_json_schema_where_it_is_taken() -> None:
    """By the table of names.py."""
    plain = Tool(kind="function", name="plain")
    for model in ("gemini-2.5-flash", "gemini-3-pro", "gemini-flash-latest"):
        body, _ = write(turn(said("user", "x"), tools=[_F, plain]), model)
        declared = {"name": "f", "description": "d", "parametersJsonSchema": _SCHEMA}
        assert body["tools"] == [{"functionDeclarations": [declared, {"name": "plain"}]}]
    old = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    for to in (target("gemini-1.5-pro"), target("claude-sonnet-4", vendor="anthropic")):
        body, _ = write(turn(said("user", "x"), tools=[_F, plain]), to)
        declared = {"name": "f", "description": "d", "parameters": old}
        assert body["tools"] == [{"functionDeclarations": [declared, {"name": "plain"}]}]


def test_trap_3_server_tools() -> None:
    """Native where Google has them and no function stands beside them, else dropped with a report."""
    search = Tool(kind="server", name="web_search", value={"type": "web_search"})
    computer = Tool(kind="server", name="computer", value={"type": "computer"})
    body, drops = write(turn(said("user", "x"), tools=[search, computer]))
    assert body["tools"] == [{"googleSearch": {}}]
    assert drops == ["tools.computer;unsupported"]
    body, drops = write(turn(said("user", "x"), tools=[_F, search]))
    assert [list(tool) for tool in body["tools"]] == [["functionDeclarations"]]
    assert drops == ["tools.web_search;not_beside_functions"]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (None, None),
        (ToolChoice(mode="auto"), {"mode": "AUTO"}),
        (ToolChoice(mode="none"), {"mode": "NONE"}),
        (ToolChoice(mode="required"), {"mode": "ANY"}),
        (ToolChoice(mode="named", tools=[("", "f")]), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_trap_14_tool_choice(choice: ToolChoice | None, config: dict[str, Any] | None) -> None:
    """Only where a function is declared: Google refuses it otherwise."""
    body, _ = write(turn(said("user", "x"), tools=[_F], tool_choice=choice))
    assert body.get("toolConfig") == ({"functionCallingConfig": config} if config else None)
    body, drops = write(turn(said("user", "x"), tool_choice=choice))
    assert "toolConfig" not in body
    assert drops == (["tool_choice;no_functions"] if config and config["mode"] == "ANY" else [])


def test_a_strict_tool_is_kept_by_validated() -> None:
    """From 2.5 on; ANY keeps to the schema by itself; older models cannot, which is reported."""
    strict = Tool(kind="function", name="f", schema=_SCHEMA, strict=True)
    body, drops = write(turn(said("user", "x"), tools=[strict]), "gemini-2.5-pro")
    assert (body["toolConfig"], drops) == ({"functionCallingConfig": {"mode": "VALIDATED"}}, [])
    body, drops = write(turn(said("user", "x"), tools=[strict], tool_choice=ToolChoice(mode="required")))
    assert (body["toolConfig"], drops) == ({"functionCallingConfig": {"mode": "ANY"}}, [])
    body, drops = write(turn(said("user", "x"), tools=[strict]), "gemini-2.0-flash")
    assert ("toolConfig" in body, drops) == (False, ["tools.f.strict;unsupported"])


@pytest.mark.parametrize(
    ("model", "config", "drops"),
    [
        ("gemini-3-pro", {"responseMimeType": "application/json", "responseJsonSchema": _SCHEMA}, []),
        (
            "gemini-1.5-pro",
            {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}},
            [],
        ),
    ],
)  # fmt: skip
def test_trap_44_format(model: str, config: dict[str, Any], drops: list[str]) -> None:
    """JSON Schema where it is taken."""
    wanted = Format(kind="json_schema", name="n", schema=_SCHEMA, strict=True)
    body, dropped = write(turn(said("user", "x"), format=wanted), model)
    assert (body["generationConfig"], dropped) == (config, drops)


def test_trap_44_format_beside_functions() -> None:
    """From Gemini 3 on; before, Google refuses both together."""
    wanted = turn(said("user", "x"), tools=[_F], format=Format(kind="json_object"))
    assert write(wanted, "gemini-3-pro")[0]["generationConfig"] == {"responseMimeType": "application/json"}
    body, drops = write(wanted, "gemini-2.5-pro")
    assert ("generationConfig" in body, drops) == (False, ["format;not_beside_functions"])


def test_sampling_and_limits() -> None:
    """Clamped, cut or dropped to what Google takes; what is dropped is told."""
    wanted = turn(
        said("user", "x"),
        max_output_tokens=100_000,
        temperature=0,
        top_p=0.5,
        top_k=3,
        seed=1 << 40,
        presence_penalty=0.5,
        frequency_penalty=0.0,
        stop=list("abcdefg"),
        parallel_tools=False,
        verbosity="low",
        service_tier="flex",
        user="u",
        session="s",
        tools=[_F],
    )
    body, drops = write(wanted, target("gemini-2.5-pro", max_output_tokens=65_536))
    assert body["generationConfig"] == {
        "maxOutputTokens": 65_536,
        "temperature": 0,
        "topP": 0.5,
        "topK": 3,
        "stopSequences": list("abcde"),
    }
    assert drops == [
        "parallel_tools;unsupported",
        "verbosity;unsupported",
        "service_tier;unsupported",
        "presence_penalty;unsupported",
        "seed;out_of_range",
        "stop;at_most_5",
    ]
    old = turn(said("user", "x"), seed=-5, presence_penalty=0.5, frequency_penalty=-0.5)
    config = {"seed": -5, "presencePenalty": 0.5, "frequencyPenalty": -0.5}
    assert write(old, "gemini-2.0-flash") == ({"generationConfig": config, "contents": [_user("x")]}, [])


def test_a_refusal_in_the_history_is_what_the_model_said() -> None:
    """Its words."""
    assert _contents(said("user", "x"), said("assistant", Refusal(text="no")))[1] == _model("no")


# === equal bytes ===


def test_trap_58_a_longer_conversation_shares_the_prefix() -> None:
    """All that does not change stands before the contents, and what stood there stays."""
    first = [said("user", "x"), said("assistant", call("a", "f", '{"b": 1, "a": 2}')), said("tool", result("a"))]
    more = [*first, said("assistant", "y"), said("user", "z")]
    bodies = [
        CODEC.write_turn(
            turn(*messages, tools=[_F], instructions=said("system", "s"), max_output_tokens=9), target(), Report()
        )
        for messages in (first, more)
    ]
    assert bodies[1].startswith(bodies[0][: -len(b"]}")])


def test_trap_58_equal_turns_give_equal_bytes_in_another_process() -> None:
    """No dependence on the order of hashes."""
    code = (
        "import sys; from tests.dataplane.wire.generate.test_write_turn import a_bit_of_everything;"
        "sys.stdout.buffer.write(a_bit_of_everything())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert found == {a_bit_of_everything()}


def a_bit_of_everything() -> bytes:
    """One turn with a bit of everything, as bytes."""
    messages = [said("user", "x", _PNG), said("assistant", call("a")), said("tool", result("a"))]
    wanted = turn(
        *messages, tools=[_F], thinking=Thinking(effort="high"), format=Format(kind="json_schema", schema=_SCHEMA)
    )
    return CODEC.write_turn(wanted, target("gemini-1.5-pro"), Report())
