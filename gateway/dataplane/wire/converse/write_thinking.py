"""How much the model shall think, in the words of the vendor whose model it is. Traps 14, 17, 25, 26.

Claude takes Messages' own members beside Converse's (AWS, "Extended thinking", "Adaptive thinking"): `thinking`, with a budget or
adaptive, and `output_config.effort`. Nova 2 takes `reasoningConfig`, gpt-oss `reasoning_effort`.
"""

from typing import Any

from gateway.base.core.struct import Record
from gateway.dataplane.wire.canon import Effort, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.converse.models import Model
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate import effort as efforts
from gateway.dataplane.wire.translate.claude_thinking import mind_of


class Mind(Record, frozen=True):
    """What a request says of thinking: members of `additionalModelRequestFields`, and the output limit that leaves room for it.

    `is_on`: Claude is asked to think. `is_high`: Nova is asked to think hard, which forbids every limit and sampler.
    """

    fields: dict[str, Any]
    limit: int | None
    is_on: bool = False
    is_high: bool = False


def written_thinking(turn: Turn, target: Target, model: Model, report: Report) -> Mind:
    """Decides."""
    limit, thinking = turn.max_output_tokens, turn.thinking
    if thinking is None:
        return Mind({}, limit)
    if model.claude is not None:
        mind = mind_of(turn, target, model.claude, limit or 0, report)
        fields = {} if mind.config is None else {"thinking": mind.config}
        if mind.effort and not mind.has_budget:  # Opus 4.5 takes both, but here only with a beta header
            fields["output_config"] = {"effort": mind.effort}
        return Mind(fields, mind.limit or limit, is_on=mind.is_on)
    wanted = efforts.wanted(thinking)
    if not wanted and not thinking.is_adaptive:
        return Mind({}, limit)
    fields = _of_others(wanted, model, report)
    return Mind(fields, limit, is_high=fields.get("reasoningConfig", {}).get("maxReasoningEffort") == "high")


def _of_others(wanted: Effort, model: Model, report: Report) -> dict[str, Any]:
    allowed = model.thinks.efforts
    if not allowed:
        if wanted != "none":
            report.drop("thinking", "not_by_this_model")
        return {}
    if wanted == "none" and model.thinks.can_stop:
        return {}
    effort = efforts.nearest(wanted or "medium", allowed)
    if wanted and effort != wanted:
        report.drop("thinking", f"nearest_is_{effort}")
    if model.family == "nova":
        return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}}
    return {"reasoning_effort": effort}
