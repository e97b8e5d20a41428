"""What only another dialect knows of a turn, and is lost here: said by name, once. What changes nothing here is not."""

from typing import Any, Final

from gateway.dataplane.wire.canon import Extra
from gateway.dataplane.wire.report import Report

_QUIET: Final = frozenset({
    "store",
    "stream",
    "stream_options",
    "usage",
    "cache_control",  # OpenAI caches by itself
    "user_id",  # in the canon: `user`, `session`
    "thinking",  # in the canon: `thinking`
    "reasoning_config",
    "reasoning_effort",
    "output_config",
    "output_format",  # in the canon: `format`
    "anthropic_version",
})  # fmt: skip
_USUAL: Final[dict[str, Any]] = {
    "n": 1,
    "candidateCount": 1,
    "responseModalities": ["TEXT"],
    "responseMimeType": "text/plain",
    "modalities": ["text"],
}
_IN_TOOLS: Final = frozenset({"type", "allowed_callers", "defer_loading", "parameters", "cache_control"})
"""Of tools: reported by `translate.tools`, or in the canon under another name."""


def report_turn(extra: Extra, report: Report) -> None:
    """Top-level members; of those that are objects each member of its own."""
    for name, value in (extra or {}).items():
        if name in _QUIET:
            continue
        for member, of in value.items() if isinstance(value, dict) else ((name, value),):
            if of and member not in _QUIET and _USUAL.get(member) != of and not _is_thinking_edit(of):
                report.drop(name if member == name else f"{name}.{member}")


def report_message(extra: Extra, report: Report) -> None:
    """Members of a message."""
    for name, value in (extra or {}).items():
        if value:
            report.drop(f"messages.{name}")


def report_tool(extra: Extra, report: Report) -> None:
    """Members of a tool."""
    for name, value in (extra or {}).items():
        if value and name not in _IN_TOOLS:
            report.drop(f"tools.{name}")


def _is_thinking_edit(value: Any) -> bool:
    """Claude Code always asks to clear old thinking, of which none is sent here in the clear."""
    return isinstance(value, list) and all(
        isinstance(edit, dict) and str(edit.get("type", "")).startswith("clear_thinking") for edit in value
    )
