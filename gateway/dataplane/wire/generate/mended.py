"""A turn of this dialect from which another vendor's thoughts were taken: from Gemini 3 on the first call of each step needs a
signature, and another model's gets the word that skips the check (`names`)."""

from msgspec import structs

from gateway.dataplane.wire.canon import Message, Part, Reasoning, ToolCall, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.generate.names import DUMMY_SIGNATURE, is_from_3
from gateway.dataplane.wire.report import Report


def mended(turn: Turn, target: Target, report: Report) -> Turn:
    """See `Codec.mended`. Nothing is lost by it, so nothing is reported."""
    del report
    if not is_from_3(target.model):
        return turn
    return structs.replace(turn, messages=[_signed(message) for message in turn.messages])


def _signed(message: Message) -> Message:
    at = next((at for at, part in enumerate(message.parts) if isinstance(part, ToolCall)), -1)
    if at < 0 or (at > 0 and _is_signature(message.parts[at - 1])):
        return message
    call = message.parts[at]
    extra = {"thoughtSignature": DUMMY_SIGNATURE, **(call.extra or {})}
    return structs.replace(
        message, parts=[*message.parts[:at], structs.replace(call, extra=extra), *message.parts[at + 1 :]]
    )


def _is_signature(part: Part) -> bool:
    """Whether it is the signature of the part that follows (`read_part`)."""
    return isinstance(part, Reasoning) and part.is_bound and part.extra is None
