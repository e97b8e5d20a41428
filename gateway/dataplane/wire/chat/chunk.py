"""What is read of a stream's chunks. Leaves are untyped: servers differ, and one odd member must not cost the others."""

from typing import Any

from msgspec import Struct

from gateway.dataplane.wire.chat.calls import CallDelta, FunctionDelta


class Said(Struct):
    """`delta`, or `message` where a server sends its whole answer as one event. Untyped where servers differ."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    tool_calls: list[CallDelta] | None = None
    function_call: FunctionDelta | None = None
    annotations: Any = None
    extra_content: Any = None
    images: Any = None


class Choice(Struct):
    index: Any = 0
    delta: Said | None = None
    finish_reason: Any = None
    stop_reason: Any = None
    usage: Any = None


class Chunk(Struct):
    id: Any = None
    model: Any = None
    created: Any = None
    service_tier: Any = None
    choices: list[Choice] | None = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None


class WholeChoice(Struct):
    message: Said | None = None
    finish_reason: Any = None


class Whole(Struct):
    choices: list[WholeChoice] | None = None
