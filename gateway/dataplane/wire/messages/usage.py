"""Canonical Usage as the `usage` objects of Messages: complete, and with the cache counted beside `input_tokens` (traps 48, 55)."""

from typing import Any

from gateway.base.core.usage import Usage

_TIERS = frozenset({"standard", "priority", "batch"})


def usage_object(usage: Usage) -> dict[str, Any]:
    """The usage of a whole answer and of `message_start`."""
    written_5m, written_1h = usage.cache_write_5m_tokens, usage.cache_write_1h_tokens
    found: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": written_5m + written_1h,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": written_5m, "ephemeral_1h_input_tokens": written_1h},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "server_tool_use": _server_tools(usage),
        "service_tier": usage.service_tier if usage.service_tier in _TIERS else None,
    }
    if usage.service_tier == "fast":
        found["speed"] = "fast"
    if usage.inference_geo:
        found["inference_geo"] = usage.inference_geo
    return found


def delta_usage_object(usage: Usage) -> dict[str, Any]:
    """The usage of `message_delta`: cumulative, and final."""
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "server_tool_use": _server_tools(usage),
    }


def _server_tools(usage: Usage) -> dict[str, int] | None:
    return {"web_search_requests": usage.web_searches, "web_fetch_requests": 0} if usage.web_searches else None
