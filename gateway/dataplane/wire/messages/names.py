"""Words of the dialect that several of its modules need."""

from typing import Any, Final

from gateway.dataplane.wire.canon import Opaque

NAME: Final = "anthropic.messages"
BILLING_HEADER: Final = "billing_header"
"""The kind of the Opaque part that Claude Code's billing line becomes, so that no other dialect takes it for text (trap 32)."""


def is_anthropics(part: Opaque) -> bool:
    """Whether an Opaque part of an answer is a block of this dialect, so that a client of it may get it."""
    kind, value = part.kind, part.value
    is_block = kind in _BLOCKS or kind.endswith("_tool_result")
    return is_block and isinstance(value, dict) and value.get("type") == kind


_BLOCKS: Final = frozenset(
    {
        "server_tool_use",
        "mcp_tool_use",
        "mcp_tool_listing",
        "container_upload",
        "compaction",
        "fallback",
        "advisor_result",
    }
)

MARK: Final[dict[str, dict[str, Any]]] = {
    "5m": {"type": "ephemeral"},
    "1h": {"type": "ephemeral", "ttl": "1h"},
}
"""`cache_control` by time to live."""
