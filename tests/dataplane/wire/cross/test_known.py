"""What these tests have found and nobody has mended yet, each as small as it can be. When one passes, its mark goes (they are strict),
and with it what explains it elsewhere: in exceptions.json and in test_mutated.
"""

import json
from typing import Any

import pytest

from gateway.base.core.errors import BadRequest, Unsupported
from gateway.dataplane.wire import CODECS, PathSays
from tests.dataplane.wire.cross.asking import asked
from tests.dataplane.wire.cross.corpus import NAMES, SHORT
from tests.dataplane.wire.cross.heard import frames, violations
from tests.dataplane.wire.cross.road import joined, read, translation
from tests.dataplane.wire.cross.targets import TARGETS, target


def _streamed(provider: str, client: str, events: list[tuple[str, dict[str, Any]]]) -> bytes:
    made = translation(asked(client, [], is_stream=True), target(provider, "lab", "m"))
    return made.stream(joined(provider, [(name, json.dumps(data).encode()) for name, data in events])) + made.end()


def _without_a_name(provider: str) -> list[tuple[str, dict[str, Any]]]:
    if provider == "anthropic.messages":
        said: list[dict[str, Any]] = [
            {
                "type": "message_start",
                "message": {"id": "m", "model": "m", "usage": {"input_tokens": 1, "output_tokens": 1}},
            },
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "tool_use", "id": "t", "name": "", "input": {}},
            },
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
        ]
        return [(one["type"], one) for one in said]
    return [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": ""}}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}}),
    ]


@pytest.mark.xfail(
    strict=True, reason="a call without a name passes to the client, where the other readers leave it out"
)
@pytest.mark.parametrize("client", ["openai.responses", "openai.chat", "gemini.generate"], ids=SHORT.get)
@pytest.mark.parametrize("provider", ["anthropic.messages", "bedrock.converse"], ids=SHORT.get)
def test_a_call_without_a_name_is_no_call(provider: str, client: str) -> None:
    """A client could not run it, and its SDK may not parse it."""
    wire = _streamed(provider, client, _without_a_name(provider))
    assert violations(client, wire, frames(client, wire), has_shapes=False) == []


@pytest.mark.xfail(
    strict=True, reason="Opaque parts are told by their kind alone, and both dialects have a `compaction`"
)
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_openais_compaction_is_no_block_of_anthropics(is_stream: bool) -> None:
    """A Claude client would send it back as its own."""
    item = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAAA"}
    answer = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [item]}
    made = translation(asked("anthropic.messages", [], is_stream=is_stream), target("openai.responses", "lab", "m"))
    assert b"gAAAAA" not in made.whole(json.dumps(answer).encode())


@pytest.mark.xfail(
    strict=True, reason="freeform input is streamed to Converse bare; whole answers wrap it in an object"
)
def test_a_freeform_call_is_an_object_for_a_converse_client() -> None:
    """Only from a provider that calls what nobody declared: a Converse client has no freeform tools."""
    call = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "math", "input": "1 + 1"}}
    chunks = [{"tool_calls": [call]}, {}]
    events = [
        (
            "",
            {
                "id": "c",
                "model": "m",
                "choices": [{"index": 0, "delta": delta, "finish_reason": "tool_calls" if not delta else None}],
            },
        )
        for delta in chunks
    ]
    wire = _streamed("openai.chat", "bedrock.converse", events)
    assert violations("bedrock.converse", wire, [], has_shapes=False) == []


@pytest.mark.xfail(
    strict=True, reason="`description` and `parameters` of a client-executed tool_search are taken as they come"
)
@pytest.mark.parametrize("wrong", [{"description": {"a": 1}}, {"parameters": "x"}, {"parameters": True}], ids=str)
@pytest.mark.parametrize(
    "other", ["openai.chat", "anthropic.messages", "gemini.generate", "bedrock.converse"], ids=SHORT.get
)
def test_a_tool_search_of_wrong_types_is_refused(other: str, wrong: dict[str, Any]) -> None:
    """With its path; now an AttributeError or TypeError, or a body that the provider refuses."""
    tool = {"type": "tool_search", "execution": "client", **wrong}
    raw = json.dumps({"model": "m", "input": "hi", "tools": [tool]}).encode()
    with pytest.raises(BadRequest) as found:
        translation(read("openai.responses", raw, PathSays()), TARGETS[other][0])
    assert found.value.details["param"] == f"tools[0].{next(iter(wrong))}"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            name,
            id=SHORT[name],
            marks=[pytest.mark.xfail(strict=True, reason="Gemini is sent a user turn of one blank")]
            if name == NAMES["generate"]
            else [],
        )
        for name in CODECS
        if name != "openai.responses"
    ],
)
def test_a_stored_prompt_alone_is_refused(other: str) -> None:
    """Only its provider knows the words; an answer to nothing would cost, and be taken for one to the prompt."""
    raw = json.dumps({"model": "m", "prompt": {"id": "pmpt_1", "variables": {"city": "Bern"}}}).encode()
    with pytest.raises((BadRequest, Unsupported)):
        translation(read("openai.responses", raw, PathSays()), TARGETS[other][0])
