"""A turn of this dialect from which another vendor's thoughts were taken: Claude refuses a budget for thinking in a tool loop whose
first thought is gone (trap 17; langchain-ai/langchain-aws#844)."""

from typing import Final

from msgspec import structs

from gateway.dataplane.wire.canon import Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.claude_thinking import NO_FIRST_THOUGHT, lacks_first_thought

_FIELDS: Final = "additionalModelRequestFields"


def mended(turn: Turn, target: Target, report: Report) -> Turn:
    """See `Codec.mended`."""
    asked, extra = turn.thinking, turn.extra or {}
    if asked is None or asked.budget_tokens < 0 or not lacks_first_thought(turn.messages, target, is_own=True):
        return turn
    report.drop("thinking", NO_FIRST_THOUGHT)
    kept = {name: one for name, one in extra[_FIELDS].items() if name not in ("thinking", "reasoning_config")}
    return structs.replace(turn, thinking=None, extra={**extra, _FIELDS: kept})
