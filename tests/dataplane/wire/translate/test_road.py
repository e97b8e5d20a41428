"""The whole road: what is refused before it, and how whole answers end."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import BadRequest, Unsupported
from gateway.dataplane.wire import CODECS, PathSays, Report, Translation
from gateway.dataplane.wire.canon import Fault
from tests.dataplane.wire.translate.test_losses import TARGETS, Open

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def road(client: str, body: dict[str, Any], provider: str, *, is_stream: bool = False) -> Translation:
    (target,) = (one for one in TARGETS if one.dialect == provider)
    return Translation(
        CODECS[client], CODECS[provider], CODECS[client].read_turn(json.dumps(body).encode(), PathSays("m", is_stream)), target,
        seals=Open(), report=Report(), request_id="r", now_s=1, split=lambda data: [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"input": ["hi", {"type": "item_reference", "id": "msg_1"}][1:]}, "input[0]"),
        ({"input": [{"role": "user", "content": "hi"}, {"id": "rs_1"}]}, "input[1]"),
    ],
)
def test_what_only_its_provider_keeps_is_refused(more: dict[str, Any], param: str) -> None:
    """Trap 41: by its path, with the way out."""
    with pytest.raises(Unsupported, match="Send the ") as refused:
        road("openai.responses", {"model": "m", "input": "hi", **more}, "anthropic.messages")
    assert refused.value.details["param"] == param


@pytest.mark.parametrize(
    ("client", "body", "provider", "param"),
    [
        ("openai.responses", {"model": "m", "input": [{"role": "user", "content": ""}]}, "anthropic.messages", "input[0].content"),
        (
            "gemini.generate",
            {"contents": [{"parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}, {"parts": [{"text": ""}]}]},
            "bedrock.converse",
            "contents[2].parts",
        ),
        ("openai.responses", {"model": "m", "input": [], "prompt": {"id": "p"}}, "gemini.generate", "input"),
        ("anthropic.messages", {"model": "m", "messages": [], "stop_sequences": ["x"] * 99}, "openai.responses", "stop_sequences"),
    ],
)  # fmt: skip
def test_what_a_provider_misses_is_named_in_the_clients_words(
    client: str, body: dict[str, Any], provider: str, param: str
) -> None:
    """Each dialect knows its own words only, and the developer those of the client."""
    with pytest.raises(BadRequest) as refused:
        road(client, body, provider)
    assert refused.value.details["param"] == param
    assert f"`{param}`" in refused.value.message


FAILED: list[tuple[str, bytes, str]] = [
    ("openai.responses", b'{"status":"failed","error":{"code":"rate_limit_exceeded","message":"oops"}}', "rate_limit"),
    ("openai.chat", b'{"error":{"message":"oops","code":503}}', "overloaded"),
    ("anthropic.messages", b'{"type":"error","error":{"type":"overloaded_error","message":"oops"}}', "overloaded"),
    ("gemini.generate", b'{"error":{"code":429,"message":"oops","status":"RESOURCE_EXHAUSTED"}}', "rate_limit"),
    ("bedrock.converse", b'{"__type":"com.amazon#ThrottlingException","message":"oops"}', "rate_limit"),
]


@pytest.mark.parametrize(("provider", "body", "kind"), FAILED)
@pytest.mark.parametrize("is_stream", [False, True])
def test_an_error_with_status_200_is_told_as_what_it_is(provider: str, body: bytes, kind: str, is_stream: bool) -> None:
    """With its kind, so that the client is answered with the right status."""
    client, asked = "openai.chat", {**CHAT, "stream": is_stream}
    if provider == client:
        client, asked = "anthropic.messages", {**CHAT, "max_tokens": 9, "stream": is_stream}
    made = road(client, asked, provider, is_stream=is_stream)
    assert made.whole(body) == b""
    assert isinstance(made.ended, Fault)
    assert (made.ended.kind, made.ended.message) == (kind, "oops")


def test_a_whole_answer_that_is_cut_ends_its_stream() -> None:
    """A provider that was asked to stream and answers at once, and a stop sequence that it does not know (trap 39)."""
    made = road("openai.chat", {**CHAT, "stream": True, "stop": "END"}, "openai.responses", is_stream=True)
    content = [{"type": "output_text", "text": "words END more", "annotations": []}]
    output = [{"type": "message", "id": "msg_1", "role": "assistant", "content": content}]
    wire = made.whole(json.dumps({"id": "resp_1", "status": "completed", "output": output}).encode())
    assert b'"content":"words "' in wire
    assert b"more" not in wire
    assert wire.endswith(b"data: [DONE]\n\n")
