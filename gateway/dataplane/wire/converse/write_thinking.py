"""How much the model shall think, in the words of the vendor whose model it is, and what must go because of it. Traps 14, 17, 25, 26.

Claude takes Messages' own members beside Converse's (AWS, "Extended thinking", "Adaptive thinking"): `thinking`, with a budget or
adaptive, and `output_config.effort`. Nova 2 takes `reasoningConfig`, gpt-oss `reasoning_effort`. The tables of efforts and budgets
are those of `translate.effort`.
"""

from typing import Any

from gateway.base.core.struct import Record
from gateway.dataplane.wire.canon import Effort, Message, Reasoning, Thinking, ToolCall, ToolResult, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.converse.models import Model
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate import effort as efforts
from gateway.dataplane.wire.translate.reasoning import same_origin


class Mind(Record, frozen=True):
    """What a request says of thinking: members of `additionalModelRequestFields`, and the output limit that leaves room for it."""

    fields: dict[str, Any]
    limit: int | None

    @property
    def is_on(self) -> bool:
        """Whether Claude is asked to think."""
        return self.fields.get("thinking", {}).get("type") in ("enabled", "adaptive")

    @property
    def is_high(self) -> bool:
        """Whether Nova is asked to think hard, which forbids every limit and sampler."""
        return bool(self.fields.get("reasoningConfig", {}).get("maxReasoningEffort") == "high")


def written_thinking(turn: Turn, target: Target, model: Model, report: Report) -> Mind:
    """Decides. A client that asks for summaries only leaves the model its default."""
    limit, thinking = turn.max_output_tokens, turn.thinking
    if thinking is None:
        return Mind({}, limit)
    wanted = efforts.wanted(thinking)
    if model.family == "claude":
        if wanted == "none":
            return Mind(_off(model, report), limit)
        if model.thinks.is_adaptive and (thinking.budget_tokens < 0 or not model.thinks.budget[1]):
            return Mind(_adaptive(thinking, wanted, model, report), limit)
        return _budget(turn, thinking, wanted, target, model, report)
    if not wanted and not thinking.is_adaptive:
        return Mind({}, limit)
    return Mind(_of_others(wanted, model, report), limit)


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


def _adaptive(thinking: Thinking, wanted: Effort, model: Model, report: Report) -> dict[str, Any]:
    facts = model.claude
    is_hidden = facts is not None and facts.hides_thinking
    if not wanted and not thinking.is_adaptive and not (facts is not None and facts.thinks_unasked):
        return {}
    said: dict[str, Any] = {"type": "adaptive"}
    if thinking.summary and is_hidden:
        said["display"] = "omitted" if thinking.summary == "none" else "summarized"
    effort = efforts.nearest(wanted, model.thinks.efforts)
    if wanted in ("xhigh", "max") and effort != wanted:
        report.drop("thinking", f"nearest_is_{effort}")
    if not effort and not thinking.is_adaptive and len(said) == 1:
        return {}
    return {"thinking": said, "output_config": {"effort": effort}} if effort else {"thinking": said}


def _budget(turn: Turn, thinking: Thinking, wanted: Effort, target: Target, model: Model, report: Report) -> Mind:
    """A budget that the client names comes on top of its limit, as far as the model goes; ours fits under it."""
    limit, most = turn.max_output_tokens, target.max_output_tokens
    if not model.thinks.budget[1]:
        if wanted or thinking.is_adaptive:
            report.drop("thinking", "not_by_this_model")
        return Mind({}, limit)
    if not wanted and not thinking.is_adaptive:
        return Mind({}, limit)
    raised = limit
    if thinking.budget_tokens > 0 and not thinking.effort:
        budget = thinking.budget_tokens
        if limit is not None and budget >= limit:
            raised = min(budget + limit, most) if most else budget + limit
        budget = efforts.legal_budget(budget, raised or most)
    else:
        budget = efforts.budget_of(wanted or "medium", limit or most)
    why = "no_room_in_max_output_tokens" if budget <= 0 else _why_no_budget(turn, target)
    if why:
        report.drop("thinking", why)
        return Mind({}, limit)
    return Mind({"thinking": {"type": "enabled", "budget_tokens": budget}}, raised)


def _off(model: Model, report: Report) -> dict[str, Any]:
    facts = model.claude
    if facts is None or not facts.thinks_unasked:
        return {}
    if not facts.off:
        report.drop("thinking", "always_on")
        return {"output_config": {"effort": "low"}}
    return {"thinking": {"type": facts.off}}


def _why_no_budget(turn: Turn, target: Target) -> str:
    """What forbids thinking with a budget in this request; '' when nothing does."""
    if turn.tools and turn.tool_choice is not None and turn.tool_choice.mode in ("required", "named"):
        return "refused_beside_forced_tool_choice"
    if turn.messages and turn.messages[-1].role == "assistant":
        return "refused_beside_prefill"
    if _lacks_first_thought(turn.messages, target):
        return "no_signed_thinking_before_tool_use"
    return ""


def _lacks_first_thought(messages: list[Message], target: Target) -> bool:
    """Whether the answer under way has called tools without the thought that must stand before the first call (trap 17).

    Later steps of the same answer may have none: without interleaved thinking Claude thinks once, before its first call
    (platform.claude.com, "Extended thinking", tool use without interleaved thinking).
    """
    start = len(messages)
    while start and _is_loop(messages[start - 1]):
        start -= 1
    calls = False
    for message in messages[start:]:
        for part in message.parts:
            if isinstance(part, Reasoning) and _is_signed(part, target):
                return False
            if isinstance(part, ToolCall):
                calls = True
    return calls


def _is_loop(message: Message) -> bool:
    """Part of an answer that goes on: the model's words and calls, and the results of these."""
    return message.role in ("assistant", "tool") or any(isinstance(part, ToolResult) for part in message.parts)


def _is_signed(part: Reasoning, target: Target) -> bool:
    return bool(part.signature) and (not part.origin or same_origin(part.origin, target.origin))
