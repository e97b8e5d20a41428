"""Why a Gemini answer ended: `finishReason` and `blockReason` ⇄ Stop. Trap 54.

Source: google-genai 3.4.0, `types.FinishReason` and `types.BlockedReason`; the numbers are those of the protobuf enum, which
clients that ask for `enum-encoding=int` record.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Stop, StopReason

_REASONS: Final[dict[str, StopReason]] = {
    "STOP": "end",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",  # "filtered by an escalation rule"
    "LANGUAGE": "content_filter",  # "flagged for using an unsupported language"
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
    "NO_IMAGE": "unknown",
    "MALFORMED_FUNCTION_CALL": "malformed_call",
    "UNEXPECTED_TOOL_CALL": "malformed_call",
    "TOO_MANY_TOOL_CALLS": "malformed_call",
    "MALFORMED_RESPONSE": "malformed_call",
    "CONTINUATION": "pause",
    "OTHER": "unknown",
    "FINISH_REASON_UNSPECIFIED": "unknown",
}
"""What is not listed is `unknown`, with its word in `raw`."""

_NUMBERS: Final = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "UNEXPECTED_TOOL_CALL",
)

_WORDS: Final[dict[StopReason, str]] = {
    "end": "STOP",
    "tool_calls": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
    "refusal": "SAFETY",
    "content_filter": "SAFETY",
    "malformed_call": "MALFORMED_FUNCTION_CALL",
    "pause": "OTHER",
    "cancelled": "OTHER",
    "unknown": "OTHER",
}


def read_stop(raw: str | int, *, has_calls: bool, extra: dict[str, Any] | None = None) -> Stop:
    """A `finishReason`. An answer that calls tools ends with STOP too: that is `tool_calls`."""
    if isinstance(raw, int):
        raw = _NUMBERS[raw] if 0 <= raw < len(_NUMBERS) else str(raw)
    reason = _REASONS.get(raw, "unknown")
    return Stop(reason="tool_calls" if has_calls and reason == "end" else reason, raw=raw, extra=extra)


def blocked(reason: str, message: str) -> Stop:
    """A prompt that was blocked before any answer."""
    return Stop(reason="content_filter", raw=reason, extra={"blockReasonMessage": message} if message else None)


def finish_reason(stop: Stop) -> str:
    """The `finishReason` for a Gemini client: the provider's own word where it was Gemini's, else the nearest honest one."""
    if stop.raw in _REASONS and _REASONS[stop.raw] == stop.reason:
        return stop.raw
    return _WORDS[stop.reason]
