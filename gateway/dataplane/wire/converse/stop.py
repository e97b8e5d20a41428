"""Why an answer ended. Trap 54.

Source: the shape StopReason; `refusal` is Claude's own word, which Converse passes on for models that know it.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Stop, StopReason

_REASON: Final[dict[str, StopReason]] = {
    "end_turn": "end",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "unknown",
    "malformed_tool_use": "malformed_call",
    "model_context_window_exceeded": "context_window",
    "refusal": "refusal",
}
_WORD: Final[dict[StopReason, str]] = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "refusal": "content_filtered",
    "content_filter": "content_filtered",
    "pause": "end_turn",
    "context_window": "model_context_window_exceeded",
    "malformed_call": "malformed_tool_use",
    "cancelled": "malformed_model_output",
    "unknown": "malformed_model_output",
}


def read_stop(raw: str, fields: Any, *, has_calls: bool) -> Stop:
    """The stop of an answer; `fields` are its `additionalModelResponseFields`, where Claude says which sequence was met.

    What ended with calls ended because of them, whatever the model says (trap 53); what ended for calls that are not there has made one
    that cannot be read (trap 54).
    """
    reason = _REASON.get(raw, "unknown")
    if reason == "end" and has_calls:
        reason = "tool_calls"
    elif reason == "tool_calls" and not has_calls:
        reason = "malformed_call"
    sequence = fields.get("stop_sequence") if isinstance(fields, dict) else None
    return Stop(reason=reason, raw=raw, sequence=sequence if isinstance(sequence, str) else "")


def written_stop(stop: Stop) -> str:
    """`stopReason`: the provider's own word where it is one of ours and says the same."""
    return stop.raw if stop.raw != "refusal" and _REASON.get(stop.raw) == stop.reason else _WORD[stop.reason]


def more_of_stop(stop: Stop) -> dict[str, Any]:
    """What stands beside `stopReason`: the sequence that was met."""
    return {"additionalModelResponseFields": {"stop_sequence": stop.sequence}} if stop.sequence else {}
