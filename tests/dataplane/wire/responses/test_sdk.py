"""OpenAI's own SDK reads what we write: each event and each body by its types, strictly."""

import json
from typing import Any, get_args

import pytest

from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Answer,
    Citation,
    Fault,
    Finish,
    Opaque,
    Open,
    Part,
    Reasoning,
    Refusal,
    Stop,
    Text,
    Tool,
    ToolCall,
)
from gateway.dataplane.wire.responses import CODEC
from gateway.dataplane.wire.translate.collect import events_of
from tests.dataplane.wire.responses.build import asked
from tests.dataplane.wire.responses.grammar import frames
from tests.dataplane.wire.responses.recorded import events_of as events_recorded
from tests.dataplane.wire.responses.recorded import exchanges

openai = pytest.importorskip("openai", reason="NOT RUN: the official SDK is not installed")

_PARTS: list[Part] = [
    Reasoning(text="thinking", signature="sig"),
    Text(text="Hello", citations=[Citation(url="u", title="t")]),
    ToolCall(id="c1", name="f", arguments='{"a":1}', namespace="n"),
    ToolCall(id="c2", name="p", arguments="patch", kind="custom"),
    ToolCall(id="c3", name="shell", arguments='{"command":["ls"]}', kind="shell"),
    ToolCall(id="c4", name="tool_search", arguments='{"query":"q"}', kind="tool_search"),
    Refusal(text="no"),
]
_TOOLS = [Tool(kind="function", name="f", schema={"type": "object"}, strict=False), Tool(kind="custom", name="p")]


def _answer(reason: Any) -> Answer:
    return Answer(
        id="x",
        model="m",
        parts=_PARTS,
        stop=Stop(reason=reason),
        usage=Usage(input_tokens=1, output_tokens=2, web_searches=1, service_tier="standard"),
    )


@pytest.mark.parametrize("reason", ["end", "length", "content_filter"])
def test_every_event_fits_its_type(reason: Any) -> None:
    """Validated by pydantic, not only constructed."""
    from openai.types.responses import ResponseStreamEvent
    from pydantic import TypeAdapter

    adapter = TypeAdapter(ResponseStreamEvent)
    for _, event in frames(CODEC.writer(asked(tools=_TOOLS)).write(events_of(_answer(reason)))):
        adapter.validate_python(event)


def test_every_event_of_recorded_answers_fits_its_type() -> None:
    """But for what OpenAI's own tools leave in an answer: it passes as it came, and the SDK's types lag behind the API there."""
    from openai.types.responses import ResponseStreamEvent

    types = {
        get_args(one.model_fields["type"].annotation)[0]: one for one in get_args(get_args(ResponseStreamEvent)[0])
    }
    count = 0
    for exchange in exchanges():
        reader, writer = CODEC.reader(), CODEC.writer(asked())
        told = [event for name, data in events_recorded(exchange) for event in reader.feed(name, data)]
        ran = {event.index for event in told if isinstance(event, Open) and isinstance(event.part, Opaque)}
        told = [event for event in told if getattr(event, "index", None) not in ran]
        for name, event in frames(writer.write(told)):
            types[name].model_validate(event)
            count += 1
    assert count > 2000


def test_a_whole_body_fits_its_type() -> None:
    """And gives the text that the SDK's users read."""
    from openai.types.responses import Response

    body = json.loads(CODEC.write_answer(_answer("end"), asked(tools=_TOOLS)))
    assert Response.model_validate(body).output_text == "Hello"


def test_a_failure_is_read_as_one() -> None:
    """Its code need not be one that the SDK's types list: Codex's are not."""
    from openai._models import construct_type
    from openai.types.responses import ResponseFailedEvent

    found = frames(CODEC.writer(asked()).write([Fault("context_window", "full")]))
    event: Any = construct_type(type_=ResponseFailedEvent, value=found[-1][1])
    assert (event.response.status, event.response.error.code) == ("failed", "context_length_exceeded")
    found = frames(CODEC.writer(asked()).write([Finish(Stop(reason="malformed_call"))]))
    ResponseFailedEvent.model_validate(found[-1][1])
