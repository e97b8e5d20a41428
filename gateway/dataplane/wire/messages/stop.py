"""Why an answer ended, in the words of Messages and back. Trap 54."""

from typing import Any, Final

from gateway.dataplane.wire.canon import Part, Stop, StopReason, ToolCall

_READ: Final[dict[str, StopReason]] = {
    "end_turn": "end",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "compaction": "pause",  # the client sends the answer back, and the model goes on
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
    # words of those who imitate the dialect on top of Chat
    "stop": "end",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
}
_WRITTEN: Final[dict[StopReason, str]] = {
    "end": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_calls": "tool_use",
    "pause": "pause_turn",
    "refusal": "refusal",
    "content_filter": "refusal",
    "context_window": "model_context_window_exceeded",
}
PASSED: Final = ("stop_details", "container")
"""What stands beside the reason and only this dialect knows."""


def is_awaited(part: Part) -> bool:
    """Whether a part is a call that the client must answer, and not one that code at the provider has made and got answered."""
    if not isinstance(part, ToolCall):
        return False
    caller = (part.extra or {}).get("caller")
    return not isinstance(caller, dict) or caller.get("type") == "direct"


def stop_of(delta: dict[str, Any], *, has_calls: bool, is_awaited: bool) -> Stop:
    """The Stop that `stop_reason` and its neighbours tell.

    Who calls a tool that the client must answer and says that it simply ended has stopped for the call, and so has who calls
    any tool and says nothing (trap 53). Who stops for a call that is not there has made one that cannot be read (trap 54).
    """
    raw, sequence = delta.get("stop_reason"), delta.get("stop_sequence")
    word = raw if isinstance(raw, str) else ""
    reason = _READ.get(word, "unknown")
    if (is_awaited and reason == "end") or (has_calls and not word):
        reason = "tool_calls"
    elif reason == "tool_calls" and not has_calls:
        reason = "malformed_call"
    extra = {name: delta[name] for name in PASSED if isinstance(delta.get(name), dict)}
    return Stop(
        reason=reason,
        raw=word,
        sequence=sequence if isinstance(sequence, str) else "",
        extra=extra or None,
    )


def stop_word(stop: Stop, *, has_calls: bool) -> str | None:
    """The `stop_reason` for a client; None when there is no honest one, and the client must hear of an error."""
    if has_calls and stop.reason == "end":
        return "tool_use"
    if stop.reason == "pause" and stop.raw == "compaction":
        return stop.raw
    return _WRITTEN.get(stop.reason)
