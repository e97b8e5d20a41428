"""A turn of this dialect from which another vendor's thoughts were taken.

Anthropic refuses a budget for thinking in a tool loop whose first thought is gone (trap 17), and without thinking the edits that
clear it (anthropics/claude-code#11971).
"""

from typing import Any

from msgspec import structs

from gateway.dataplane.wire.canon import Thinking, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.claude_thinking import NO_FIRST_THOUGHT, lacks_first_thought


def mended(turn: Turn, target: Target, report: Report) -> Turn:
    """See `Codec.mended`."""
    asked = turn.thinking
    if asked is None or asked.budget_tokens < 0 or not lacks_first_thought(turn.messages, target, is_own=True):
        return turn
    report.drop("thinking", NO_FIRST_THOUGHT)
    extra = dict(turn.extra or {})
    if asked.effort:  # it still rules the length of the answer
        extra["output_config"] = {"effort": asked.effort, **extra.get("output_config", {})}
    if isinstance(extra.get("context_management"), dict):
        extra["context_management"] = _without_clearing(extra["context_management"])
    return structs.replace(turn, thinking=Thinking(effort="none"), extra=extra or None)


def _without_clearing(management: dict[str, Any]) -> dict[str, Any]:
    edits = management.get("edits")
    if not isinstance(edits, list):
        return management
    kept = [one for one in edits if not (isinstance(one, dict) and str(one.get("type")).startswith("clear_thinking"))]
    return {**management, "edits": kept}
