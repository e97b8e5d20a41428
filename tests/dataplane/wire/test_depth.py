"""JSON that nests deeper than can be translated: refused with its path, or not read; never a RecursionError."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import BadRequest, UpstreamProtocolError
from gateway.dataplane.wire import CODECS, PathSays
from gateway.dataplane.wire.canon import ToolCall
from gateway.dataplane.wire.depth import LEVELS, is_too_deep
from gateway.dataplane.wire.generate.write_part import arguments_json
from gateway.dataplane.wire.responses.write_items import loaded
from gateway.dataplane.wire.translate.client_tools import shell_action, shell_arguments
from gateway.dataplane.wire.translate.unwrap import arguments_object, unwrapped

DEEP = '{"a":' * 5000 + "1" + "}" * 5000
PATH = PathSays("m")


@pytest.mark.parametrize(
    ("text", "is_deep"),
    [
        ("[" * LEVELS + "]" * LEVELS, False),
        ("[" * (LEVELS + 1) + "]" * (LEVELS + 1), True),
        ("[" * (LEVELS + 1), True),
        ('{"a":' * 600 + "1" + "}" * 600, True),
        ('"' + "[" * 600 + '"', False),
        ("[]," * 600, False),
        ("no JSON at all" * 100, False),
        ("", False),
    ],
)
def test_only_what_nests_too_deep_is_too_deep(text: str, is_deep: bool) -> None:
    """Also when it breaks off."""
    assert is_too_deep(text) is is_deep
    assert is_too_deep(text.encode()) is is_deep


def _chat(arguments: str) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}


REFUSED: list[tuple[str, bytes, str]] = [
    ("openai.chat", json.dumps(_chat(DEEP)).encode(), "messages[0].tool_calls[0].function.arguments"),
    (
        "openai.responses",
        json.dumps({"model": "m", "input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": DEEP}]}).encode(),
        "input[0].arguments",
    ),
    (
        "bedrock.converse",
        json.dumps(
            {"messages": [], "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": DEEP}}}}}
        ).encode(),
        "outputConfig.textFormat.structure.jsonSchema.schema",
    ),
    *((dialect, b'{"tools":%s}' % DEEP.encode(), "") for dialect in CODECS),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "body", "param"), REFUSED)
def test_a_request_is_refused_with_its_path(dialect: str, body: bytes, param: str) -> None:
    """Arguments and schemas that are text, and bodies where `server.limits.json_depth` was raised."""
    with pytest.raises(BadRequest) as error:
        CODECS[dialect].read_turn(body, PATH)
    assert error.value.details["param"] == param
    assert f"deeper than {LEVELS} levels" in error.value.message


def test_what_is_only_looked_into_stays_text() -> None:
    """Claude Code's `user_id` may be JSON, and need not."""
    body = {"model": "m", "messages": [], "metadata": {"user_id": DEEP}}
    assert CODECS["anthropic.messages"].read_turn(json.dumps(body).encode(), PATH).user == DEEP


def test_arguments_that_a_model_nests_too_deep_stay_text() -> None:
    """Where an object is needed, they are the string of one; trap 11."""
    call = ToolCall(id="c", name="f", arguments=DEEP)
    assert arguments_object(call) == {"input": DEEP}
    assert json.loads(bytes(arguments_json(call))) == {"input": DEEP}
    assert loaded(DEEP) == DEEP
    assert unwrapped(DEEP) == DEEP
    assert json.loads(shell_action(DEEP))["command"] == ["bash", "-lc", DEEP]
    assert shell_arguments(DEEP) == DEEP


@pytest.mark.parametrize("dialect", CODECS)
@pytest.mark.parametrize("name", ["", "contentBlockDelta", "content_block_delta", "error", "metadata"])
def test_an_event_too_deep_is_skipped_and_counted(dialect: str, name: str) -> None:
    """A reader never raises."""
    reader = CODECS[dialect].reader()
    assert reader.feed(name, DEEP.encode()) == []
    assert reader.skipped == 1


@pytest.mark.parametrize("dialect", CODECS)
def test_an_answer_too_deep_is_none(dialect: str) -> None:
    """UpstreamProtocolError; an error answer is told by its status."""
    with pytest.raises(UpstreamProtocolError):
        CODECS[dialect].read_answer(DEEP.encode())
    assert CODECS[dialect].read_error(429, {}, DEEP.encode()).kind == "rate_limit"
