"""Usage ⇄ Converse's `usage`. `inputTokens` leaves out what the cache read and wrote; `totalTokens` is everything (recorded answers)."""

from typing import Any

from msgspec import structs

from gateway.base.core.usage import Usage
from gateway.dataplane.wire.converse.names import NAME
from gateway.dataplane.wire.usage import USAGE


def read_usage(raw: bytes, tier: str) -> Usage | None:
    """The usage object of an answer; `tier` is its `serviceTier.type`."""
    usage = USAGE[NAME](raw, None)
    return structs.replace(usage, service_tier=tier.lower()) if usage is not None and tier else usage


def written_usage(usage: Usage | None) -> dict[str, Any]:
    """A complete TokenUsage; zeros where nobody knows, for its members are required."""
    usage = Usage() if usage is None else usage
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    said: dict[str, Any] = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.prompt_tokens() + usage.output_tokens,
        "cacheReadInputTokens": usage.cache_read_tokens,
        "cacheWriteInputTokens": written,
    }
    if written:
        ttls = (("5m", usage.cache_write_5m_tokens), ("1h", usage.cache_write_1h_tokens))
        said["cacheDetails"] = [{"ttl": ttl, "inputTokens": tokens} for ttl, tokens in ttls if tokens]
    return said


def more_of_usage(usage: Usage | None) -> dict[str, Any]:
    """What stands beside `usage`: the tier, in the words of this dialect."""
    tier = usage.service_tier if usage is not None else ""
    return {"serviceTier": {"type": tier}} if tier in ("priority", "default", "flex", "reserved") else {}
