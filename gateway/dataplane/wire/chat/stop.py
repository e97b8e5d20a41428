"""Why an answer ended: finish reasons of all who speak Chat, and their way back."""

from typing import Any, Final

from gateway.dataplane.wire.canon import ErrorKind, Fault, Stop, StopReason

_READ: Final[dict[str, StopReason]] = {
    "stop": "end",
    "eos": "end",  # Together
    "end_turn": "end",  # servers that put Claude behind Chat
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",  # Z.AI
    "stop_sequence": "stop_sequence",
    "model_length": "context_window",  # Mistral
    "model_context_window_exceeded": "context_window",  # Z.AI
    "refusal": "refusal",
    "abort": "cancelled",  # vLLM
}
FAILURES: Final[dict[str, ErrorKind]] = {
    "insufficient_system_resource": "overloaded",  # DeepSeek
    "network_error": "server",  # Z.AI
    "error": "server",  # Mistral, OpenRouter
}
"""Finish reasons that tell a failure of the provider."""


def failed(word: str) -> Fault:
    """The failure that a finish reason tells."""
    return Fault(FAILURES[word], f"the provider failed inside its answer: finish reason `{word}`")


_WRITE: Final[dict[StopReason, str]] = {
    "end": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "context_window": "length",
    "pause": "length",  # the answer is not complete, which `stop` would say
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


def read_stop(word: Any, sequence: Any, *, has_calls: bool, has_refusal: bool) -> Stop:
    """`finish_reason` as Stop. `sequence` is vLLM's `stop_reason`: the stop string that was met, or a token's number.

    Calls decide over `stop` (Ollama says it with calls, as does OpenAI for a forced function; trap 53). Without a word (Snowflake)
    an answer that came whole has ended.
    """
    raw = word if isinstance(word, str) else ""
    reason = _READ.get(raw, "unknown") if raw else "end"
    if reason in ("end", "tool_calls"):
        if has_calls:
            return Stop(reason="tool_calls", raw=raw)
        if isinstance(sequence, str) and sequence:
            return Stop(reason="stop_sequence", raw=raw, sequence=sequence)
        return Stop(reason="refusal" if has_refusal else "end", raw=raw)
    return Stop(reason=reason, raw=raw)


def written_stop(stop: Stop, *, has_calls: bool, has_refusal: bool) -> str:
    """`finish_reason`; '' where Chat has no honest one and the client must get an error."""
    if stop.reason == "tool_calls" and not has_calls:
        return "stop"
    if stop.reason in ("end", "stop_sequence") and has_calls:
        return "tool_calls"
    if stop.reason == "refusal" and has_refusal and not has_calls:
        return "stop"  # as OpenAI does: the refusal stands in its own member
    return _WRITE.get(stop.reason, "")
