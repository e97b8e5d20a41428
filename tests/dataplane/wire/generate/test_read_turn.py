"""A Gemini client's request as a Turn."""

from typing import Any

import pytest

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import (
    Format,
    Media,
    Opaque,
    Reasoning,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.dataplane.wire.generate.names import DUMMY_SIGNATURE
from tests.dataplane.wire.generate.asking import USER, again, read, read_parts

_SIG = "c2lnbmF0dXJl"


def test_the_path_says_model_and_stream() -> None:
    """They are not in the body."""
    turn = read({"contents": [USER]}, "gemini-x", is_stream=True)
    assert (turn.dialect, turn.model, turn.is_stream) == ("gemini.generate", "gemini-x", True)


def test_both_spellings_of_member_names_are_read_alike() -> None:
    """Google's JSON takes lowerCamelCase and snake_case."""
    snake = {
        "contents": [
            USER,
            {"role": "model", "parts": [{"function_call": {"name": "f"}, "thought_signature": _SIG}]},
            {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"output": "x"}}}]},
            {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "AA=="}}]},
        ],
        "system_instruction": {"parts": [{"text": "be"}]},
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}},
        "generation_config": {"max_output_tokens": 5, "thinking_config": {"thinking_budget": 7}, "top_p": 0.5},
        "safety_settings": [],
    }
    camel = {
        "contents": [
            USER,
            {"role": "model", "parts": [{"functionCall": {"name": "f"}, "thoughtSignature": _SIG}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]},
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]},
        ],
        "systemInstruction": {"parts": [{"text": "be"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {"maxOutputTokens": 5, "thinkingConfig": {"thinkingBudget": 7}, "topP": 0.5},
        "safetySettings": [],
    }
    assert read(snake) == read(camel)


def test_roles_and_lone_objects() -> None:
    """A missing role is the user's; `function` is what the oldest SDKs call a result; one object stands for a list."""
    turn = read({"contents": {"parts": {"text": "a"}}, "systemInstruction": {"parts": {"text": "s"}, "role": "user"}})
    assert [(m.role, m.parts) for m in turn.messages] == [("user", [Text(text="a")])]
    assert turn.instructions is not None
    assert (turn.instructions.role, turn.instructions.parts) == ("system", [Text(text="s")])
    old = {"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}
    body = {"contents": [USER, {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}, old]}
    assert read(body).messages[2].role == "user"
    assert again(body) == body


@pytest.mark.parametrize(
    ("part", "parts"),
    [
        ({"text": "a"}, [Text(text="a")]),
        ({"text": "a", "thought": False}, [Text(text="a", extra={"thought": False})]),
        ({"text": "a", "thoughtSignature": _SIG}, [Reasoning(signature=_SIG, is_bound=True), Text(text="a")]),
        ({"text": "", "thoughtSignature": _SIG}, [Reasoning(signature=_SIG, is_bound=True, extra={"text": ""})]),
        ({"thoughtSignature": _SIG}, [Reasoning(signature=_SIG, is_bound=True, extra={})]),
        ({"text": "a", "thought": True}, [Reasoning(text="a")]),
        ({"text": "a", "thought": True, "thoughtSignature": _SIG}, [Reasoning(text="a", signature=_SIG)]),
        (
            {"functionCall": {"id": "i", "name": "f", "args": {"a": [1.50, "é"]}}, "thoughtSignature": _SIG},
            [Reasoning(signature=_SIG, is_bound=True), ToolCall(id="i", name="f", arguments='{"a":[1.5,"é"]}')],
        ),
        (
            {"functionCall": {"id": "i", "name": "f", "args": {}}, "thoughtSignature": DUMMY_SIGNATURE},
            [ToolCall(id="i", name="f", arguments="{}", extra={"thoughtSignature": DUMMY_SIGNATURE})],
        ),
        (
            {"inlineData": {"mimeType": "image/png", "data": "-_8=", "displayName": "x.png"}},
            [Media(kind="image", mime="image/png", data="+/8=", name="x.png")],
        ),
        (
            {"fileData": {"fileUri": "gs://b/o.pdf", "mimeType": "application/pdf"}},
            [Media(kind="document", mime="application/pdf", url="gs://b/o.pdf")],
        ),
        (
            {"fileData": {"fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 2}},
            [Media(kind="video", url="https://youtu.be/x", extra={"videoMetadata": {"fps": 2}})],
        ),
        (
            {"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": _SIG},
            [
                Opaque(
                    kind="executableCode",
                    value={"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": _SIG},
                )
            ],
        ),
        ({"newThing": {"a": 1}}, [Opaque(kind="newThing", value={"newThing": {"a": 1}})]),
    ],
)
def test_parts(part: dict[str, Any], parts: list[Any]) -> None:
    """Each kind of part, and that it is written back as it was (but for the alphabet of base64)."""
    assert read_parts(part) == parts
    body = {"contents": [USER, {"role": "model", "parts": [part]}]}
    wanted = {**part, "inlineData": {**part["inlineData"], "data": "+/8="}} if "inlineData" in part else part
    assert again(body)["contents"][1]["parts"] == [wanted]


@pytest.mark.parametrize(
    ("response", "wanted"),
    [
        ({"output": "x"}, {"parts": [Text(text="x")], "is_plain": True}),
        ({"error": "x"}, {"parts": [Text(text="x")], "is_plain": True, "is_error": True}),
        ({"output": {"a": 1}}, {"value": {"output": {"a": 1}}, "parts": []}),
        ({"error": {"a": 1}}, {"value": {"error": {"a": 1}}, "parts": [], "is_error": True}),
        ({"output": "x", "more": 1}, {"value": {"output": "x", "more": 1}, "parts": []}),
        ({}, {"value": {}, "parts": []}),
    ],
)
def test_results(response: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Google's documentation: `output` and `error` are the result, else the whole object is."""
    contents = [
        USER,
        {"role": "model", "parts": [{"functionCall": {"id": "i", "name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "i", "name": "f", "response": response}}]},
    ]
    assert read({"contents": contents}).messages[2].parts == [ToolResult(call_id="i", name="f", **wanted)]
    assert again({"contents": contents})["contents"] == contents


def test_media_in_a_result() -> None:
    """Gemini 3's functionResponse.parts."""
    blob = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    said = {"id": "i", "name": "f", "response": {"output": "see"}, "parts": [blob], "scheduling": "SILENT"}
    found = read_parts({"functionResponse": said}, role="user")[0]
    assert found.parts == [Text(text="see"), Media(kind="image", mime="image/png", data="AAAA")]
    assert found.extra == {"functionResponse": {"scheduling": "SILENT"}}


def _history(calls: list[dict[str, Any]], results: list[dict[str, Any]]) -> dict[str, Any]:
    answers = [{"functionResponse": {"response": {"output": str(at)}, **row}} for at, row in enumerate(results)]
    return {
        "contents": [
            USER,
            {"role": "model", "parts": [{"functionCall": {"args": {}, **row}} for row in calls]},
            {"role": "user", "parts": answers},
        ]
    }


@pytest.mark.parametrize(
    ("calls", "results", "order"),
    [
        ([{"name": "f"}, {"name": "g"}], [{"name": "f"}, {"name": "g"}], [0, 1]),
        ([{"name": "f"}, {"name": "g"}], [{"name": "g"}, {"name": "f"}], [1, 0]),
        ([{"name": "f"}, {"name": "f"}], [{"name": "f"}, {"name": "f"}], [0, 1]),
        (
            [{"name": "f", "id": "a"}, {"name": "f", "id": "b"}],
            [{"name": "f", "id": "b"}, {"name": "f", "id": "a"}],
            [1, 0],
        ),
        ([{"name": "f", "id": "a"}, {"name": "f", "id": "b"}], [{"name": "f", "id": "?"}, {"name": "f"}], [0, 1]),
        (
            [{"name": "f", "id": "a"}, {"name": "f", "id": "a"}],
            [{"name": "f", "id": "a"}, {"name": "f", "id": "a"}],
            [0, 1],
        ),
        ([{"name": "f"}], [{"name": "renamed"}], [0]),
    ],
)
def test_results_find_their_calls(calls: list[Any], results: list[Any], order: list[int]) -> None:
    """Trap 12: by id, by name, by order; ids are unique whatever the client gave."""
    body = _history(calls, results)
    turn = read(body)
    ids = [part.id for part in turn.messages[1].parts if isinstance(part, ToolCall)]
    named = [part.call_id for part in turn.messages[2].parts if isinstance(part, ToolResult)]
    assert len(set(ids)) == len(ids)
    assert named == [ids[at] for at in order]
    assert again(body) == body
    assert read(body) == turn


def test_made_ids_do_not_change_when_the_history_grows() -> None:
    """Else an upstream prompt cache would miss (trap 58)."""
    short = _history([{"name": "f"}], [{"name": "f"}])
    longer = {"contents": [*short["contents"], *_history([{"name": "f"}], [{"name": "f"}])["contents"]]}
    first, second = read(short).messages, read(longer).messages
    assert second[: len(first)] == first
    ids = [part.id for message in second for part in message.parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2


def test_tools() -> None:
    """Schemas become ordinary JSON Schema; what the client wrote is kept; server tools get their shared names."""
    declared = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}
    plain = {"type": "object", "properties": {"a": {"type": "string"}}}
    upper = {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}
    body = {
        "contents": [USER],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "f", "description": "d", "parameters": declared, "behavior": "BLOCKING"},
                    {"name": "g", "parametersJsonSchema": plain},
                    {"name": "h", "parametersJsonSchema": upper},
                    {"name": "none"},
                ]
            },
            {"googleSearch": {}},
            {"codeExecution": {}},
            {"urlContext": {}},
            {"googleMaps": {}},
        ],
    }
    tools = read(body).tools
    assert tools is not None
    assert [(t.kind, t.name) for t in tools[4:]] == [
        ("server", "web_search"),
        ("server", "code_execution"),
        ("server", "web_fetch"),
        ("server", "googleMaps"),
    ]
    assert tools[0].schema == {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    assert (tools[1].schema, tools[1].extra) == (plain, None)
    assert tools[2].schema == {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert (tools[3].schema, tools[3].kind) == (None, "function")
    assert again(body) == body


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice(mode="auto")),
        ({"mode": "ANY"}, ToolChoice(mode="required")),
        ({"mode": "any"}, ToolChoice(mode="required")),
        ({"mode": 2}, ToolChoice(mode="required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(mode="named", tools=[("", "f")])),
        ({"mode": "NONE"}, ToolChoice(mode="none")),
        ({"mode": "VALIDATED"}, ToolChoice(mode="auto", extra={"mode": "VALIDATED"})),
        ({}, ToolChoice(mode="auto")),
    ],
)
def test_tool_choice(said: dict[str, Any], choice: ToolChoice) -> None:
    """Trap 14."""
    assert read({"contents": [USER], "toolConfig": {"functionCallingConfig": said}}).tool_choice == choice


def test_the_rest_of_the_config_is_kept() -> None:
    """What the canon has no word for goes back to Gemini."""
    body = {
        "contents": [USER],
        "toolConfig": {"retrievalConfig": {"languageCode": "de"}},
        "generationConfig": {
            "maxOutputTokens": 100,
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40,
            "seed": 7,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "stopSequences": ["END"],
            "candidateCount": 1,
            "responseModalities": ["TEXT"],
            "speechConfig": {"languageCode": "de"},
        },
        "safetySettings": [{"category": "C", "threshold": "OFF"}],
        "cachedContent": "cachedContents/x",
        "labels": {"team": "a"},
    }
    turn = read(body)
    assert (turn.max_output_tokens, turn.temperature, turn.top_p, turn.top_k, turn.seed) == (100, 0.5, 0.9, 40, 7)
    assert (turn.presence_penalty, turn.frequency_penalty, turn.stop) == (0.1, 0.2, ["END"])
    assert turn.extra is not None
    assert set(turn.extra) == {"toolConfig", "generationConfig", "safetySettings", "cachedContent", "labels"}
    assert again(body) == body


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"thinkingLevel": "HIGH", "includeThoughts": True}, {"effort": "high", "summary": "auto"}),
        ({"thinkingLevel": "low"}, {"effort": "low"}),
        ({"thinkingBudget": 0}, {"effort": "none"}),
        ({"thinkingBudget": 8192, "includeThoughts": False}, {"budget_tokens": 8192, "summary": "none"}),
        ({"thinkingBudget": -1}, {"is_adaptive": True}),
        ({"includeThoughts": True}, {"is_adaptive": True, "summary": "auto"}),
        ({"includeThoughts": False}, {"summary": "none"}),
    ],
)
def test_thinking(config: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Trap 28: level, budget, -1 for dynamic, 0 for off."""
    body = {"contents": [USER], "generationConfig": {"thinkingConfig": config}}
    assert read(body).thinking == Thinking(**wanted, extra=config)
    assert again(body) == body


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"responseMimeType": "application/json"}, {"kind": "json_object"}),
        (
            {"responseMimeType": "application/json", "responseSchema": {"type": "ARRAY", "items": {"type": "STRING"}}},
            {"kind": "json_schema", "schema": {"type": "array", "items": {"type": "string"}}},
        ),
        (
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "OBJECT"}},
            {"kind": "json_schema", "schema": {"type": "object"}},
        ),
        ({"responseMimeType": "text/plain"}, None),
        ({"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}}, None),
    ],
)
def test_format(config: dict[str, Any], wanted: dict[str, Any] | None) -> None:
    """Trap 44."""
    body = {"contents": [USER], "generationConfig": config}
    assert read(body).format == (Format(**wanted, extra=config) if wanted else None)
    assert again(body) == body


_F = "functionCall"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "x"}, "contents"),
        ({"contents": ["x"]}, "contents[0]"),
        ({"contents": [{"role": "system", "parts": [{"text": "a"}]}]}, "contents[0].role"),
        ({"contents": [{"role": "user"}]}, "contents[0].parts"),
        ({"contents": [{"role": "user", "parts": []}]}, "contents[0].parts"),
        ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{"text": "a"}, {_F: {}}]}]}, "contents[0].parts[1].functionCall.name"),
        ({"contents": [{"parts": [{_F: {"name": "f", "args": "{}"}}]}]}, "contents[0].parts[0].functionCall.args"),
        (
            {"contents": [{"parts": [{"functionResponse": {"name": "f"}}]}]},
            "contents[0].parts[0].functionResponse.response",
        ),
        (
            {"contents": [{"parts": [{"functionResponse": {"name": "f", "response": "x"}}]}]},
            "contents[0].parts[0].functionResponse.response",
        ),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "x"}}]}]}, "contents[0].parts[0].inlineData.data"),
        ({"contents": [USER], "systemInstruction": "x"}, "systemInstruction"),
        ({"contents": [USER], "tools": {}}, "tools"),
        ({"contents": [USER], "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        (
            {"contents": [USER], "tools": [{"functionDeclarations": [{"name": "f", "parameters": {}, "parametersJsonSchema": {}}]}]},
            "tools[0].functionDeclarations[0].parameters",
        ),
        ({"contents": [USER], "toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"),
        ({"contents": [USER], "generationConfig": {"maxOutputTokens": "x"}}, "generationConfig.maxOutputTokens"),
        ({"contents": [USER], "generationConfig": {"stopSequences": [1]}}, "generationConfig.stopSequences[0]"),
        ({"contents": [USER], "generationConfig": {"thinkingConfig": {"thinkingBudget": "x"}}}, "generationConfig.thinkingConfig.thinkingBudget"),
        ({"contents": [USER], "generation_config": []}, "generationConfig"),
    ],
)  # fmt: skip
def test_a_violation_is_told_by_its_path(body: dict[str, Any], param: str) -> None:
    """Path, value, way out: before anything is sent."""
    with pytest.raises(BadRequest) as told:
        read(body)
    assert told.value.details["param"] == param
    assert param in told.value.message


def test_reading_a_function_response_part_of_an_unknown_kind() -> None:
    """It is kept for Gemini."""
    said = {"name": "f", "response": {"output": "x"}, "parts": [{"other": 1}]}
    found = read_parts({"functionResponse": said}, role="user")[0]
    assert found.parts[1] == Opaque(kind="other", value={"other": 1})
