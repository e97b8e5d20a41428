"""What is read of a ConverseStream's events. Other members are allowed and ignored."""

from typing import Any, Final

from msgspec import Raw, Struct
from msgspec.json import Decoder


class Json(Struct, rename="camel"):
    """Other people's JSON."""


class ToolUseStart(Json):
    """A call begins."""

    tool_use_id: str = ""
    name: str = ""
    type: str = ""


class Start(Json):
    """What begins: one of these."""

    tool_use: ToolUseStart | None = None
    tool_result: dict[str, Any] | None = None
    image: dict[str, Any] | None = None


class BlockStart(Json):
    """`contentBlockStart`."""

    start: Start
    content_block_index: int = 0


class ToolUseDelta(Json):
    """More of a call's input, as JSON text."""

    input: str = ""


class ReasoningDelta(Json):
    """More of a thought: one of these."""

    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class ContentDelta(Json):
    """More of a block: one of these."""

    text: str | None = None
    tool_use: ToolUseDelta | None = None
    reasoning_content: ReasoningDelta | None = None
    citation: dict[str, Any] | None = None
    tool_result: list[Any] | None = None
    image: dict[str, Any] | None = None


class BlockDelta(Json):
    """`contentBlockDelta`."""

    delta: ContentDelta
    content_block_index: int = 0


class BlockStop(Json):
    """`contentBlockStop`."""

    content_block_index: int = 0


class MessageStop(Json):
    """`messageStop`."""

    stop_reason: str
    additional_model_response_fields: Any = None


class Tier(Json):
    """`serviceTier`."""

    type: str = ""


class Metadata(Json):
    """`metadata`."""

    usage: Raw = Raw()  # a union with None would refuse objects
    trace: Any = None
    service_tier: Tier | None = None


read_start: Final = Decoder(BlockStart).decode
read_delta: Final = Decoder(BlockDelta).decode
read_block_stop: Final = Decoder(BlockStop).decode
read_message_stop: Final = Decoder(MessageStop).decode
read_metadata: Final = Decoder(Metadata).decode
