"""Why an answer ended. Trap 54."""

from typing import Any, Final

from gateway.dataplane.wire.canon import Stop, StopReason

_INCOMPLETE: Final[dict[str, StopReason]] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
_STATUS: Final[dict[str, StopReason]] = {"cancelled": "cancelled", "incomplete": "length"}
_DONE: Final = ("completed", "complete", "done", "")


def stop_of(status: str, reason: Any, *, has_calls: bool, has_refusal: bool) -> Stop:
    """The stop of a response by its `status` and the reason of its `incomplete_details`."""
    if isinstance(reason, str) and reason and status not in _DONE:
        return Stop(reason=_INCOMPLETE.get(reason, "unknown"), raw=reason)
    if status in _DONE:
        return Stop(reason="tool_calls" if has_calls else "refusal" if has_refusal else "end", raw=status)
    return Stop(reason=_STATUS.get(status, "unknown"), raw=status)


FAILED: Final[frozenset[StopReason]] = frozenset({"malformed_call", "unknown", "cancelled"})
"""Stops that are a failure here."""

INCOMPLETE: Final[dict[StopReason, str]] = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}
"""Stops that leave an answer incomplete: their `incomplete_details.reason`. An answer whose refusal is in its words is complete."""
