"""How a Claude is asked to think, over Messages or Converse, and what cannot stand beside that. Traps 14, 17, 25, 26, 43.

What each model takes, and the sources, are in `claude.py`; efforts and budgets in `effort.py`. A budget that the client names itself
comes on top of its limit, as far as the model goes; one of ours fits under it. A client that asks for summaries only, as Codex does
for models it does not know, leaves the model its default. What the client forces counts more than what it leaves to the model.
"""

from typing import Any, Final

from msgspec.structs import replace

from gateway.base.core.struct import Record
from gateway.dataplane.wire.canon import Effort, Message, Reasoning, Refusal, Text, Thinking, ToolCall, ToolResult, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.claude import BUDGETS, Claude
from gateway.dataplane.wire.translate.effort import Thinks, budget_of, legal_budget, nearest, wanted
from gateway.dataplane.wire.translate.reasoning import same_origin

_IMITATED: Final = Thinks(budget=BUDGETS)
"""Models of others that speak Messages take the older form."""
_LEAST_TOP_P: Final = 0.95
"""With thinking, `top_p` may be between this and 1 (platform.claude.com, "Extended thinking")."""


NO_FIRST_THOUGHT: Final = "no_signed_thinking_in_history"


class Mind(Record, frozen=True):
    """What a request says of thinking: `config` is its `thinking`, `effort` goes into `output_config`, `limit` is the most tokens
    that it may write (0: not said)."""

    config: dict[str, Any] | None = None
    effort: Effort = ""
    limit: int = 0

    @property
    def is_on(self) -> bool:
        """Whether the request asks for thinking."""
        return self.config is not None and self.config["type"] in ("enabled", "adaptive")

    @property
    def has_budget(self) -> bool:
        """Whether it asks for it in the older way, which allows less beside it."""
        return self.config is not None and self.config["type"] == "enabled"


def mind_of(
    turn: Turn, target: Target, claude: Claude | None, limit: int, report: Report, *, is_limit_given: bool = True
) -> Mind:
    """For a turn of another dialect. `claude` None: a model of somebody else that speaks Messages."""
    asked = turn.thinking
    if asked is None:
        return Mind(limit=limit)
    effort = wanted(asked)
    if effort == "none":
        mind = _off(claude, limit)
        if mind.effort:
            report.drop("thinking", "always_on")
        return mind
    takes = _IMITATED if claude is None else claude.thinks
    if takes.is_adaptive:
        mind = _adaptive(asked, effort, claude, limit, report)
    elif not effort and not asked.is_adaptive:
        return Mind(limit=limit)
    elif not takes.budget[1]:
        report.drop("thinking", "not_by_this_model")
        return Mind(limit=limit)
    else:
        room = limit if is_limit_given else 0
        mind = _budget(asked, effort, takes, limit, room, target.max_output_tokens, report)
    why = _conflict(turn, target, claude, mind) if mind.is_on else ""
    if why:
        report.drop("thinking", why)
        return replace(_off(claude, limit), effort=mind.effort)  # an effort rules the whole answer
    return mind


def why_no_sampler(name: str, value: float, claude: Claude, *, is_thinking: bool, has_temperature: bool) -> str:
    """Why `temperature`, `top_p` or `top_k` cannot be sent; '' when it can."""
    if not claude.takes_sampling:
        return "not_by_this_model"
    if is_thinking:
        return "" if name == "top_p" and value >= _LEAST_TOP_P else "beside_thinking"
    if name == "top_p" and has_temperature and not claude.takes_both_samplers:
        return "beside_temperature"
    return ""


# === what is said ===


def _off(claude: Claude | None, limit: int) -> Mind:
    """Thinking off, or as little as there can be."""
    if claude is None:
        return Mind({"type": "disabled"}, limit=limit)  # imitations may think unasked
    if not claude.thinks_unasked:
        return Mind(limit=limit)
    return Mind({"type": claude.off}, limit=limit) if claude.off else Mind(effort="low", limit=limit)


def _adaptive(asked: Thinking, effort: Effort, claude: Claude | None, limit: int, report: Report) -> Mind:
    assert claude is not None  # only they are adaptive
    chosen = nearest(effort, claude.thinks.efforts)
    if effort in ("xhigh", "max") and chosen != effort:
        report.drop("thinking", f"nearest_is_{chosen}")
    config = {"type": "adaptive"}
    if asked.summary == "none" and not claude.hides_thinking:
        config["display"] = "omitted"
    elif asked.summary not in ("", "none") and claude.hides_thinking:
        config["display"] = "summarized"
    says_more = len(config) > 1 and claude.thinks_unasked
    return Mind(config if chosen or asked.is_adaptive or says_more else None, chosen, limit)


def _budget(asked: Thinking, effort: Effort, takes: Thinks, limit: int, room: int, most: int, report: Report) -> Mind:
    """`room`: what the client leaves for its answer; 0 when it does not say."""
    raised = limit
    if asked.budget_tokens > 0 and not asked.effort:
        if limit and asked.budget_tokens >= limit:
            raised = asked.budget_tokens + (room or 1024)
            raised = min(raised, most) if most else raised
        budget = legal_budget(asked.budget_tokens, raised or most)
    else:
        budget = budget_of(effort or "medium", limit or most)
    if budget <= 0:
        report.drop("thinking", "no_room_in_max_tokens")
        return Mind(limit=limit)
    config = {"type": "enabled", "budget_tokens": budget}
    return Mind(config, nearest(effort, takes.efforts), raised)


# === what does not go together ===


def _conflict(turn: Turn, target: Target, claude: Claude | None, mind: Mind) -> str:
    """What forbids thinking in this request; '' when nothing does.

    Anthropic's API takes a forced tool with adaptive thinking by now, Bedrock and older hosts of the same models do not.
    """
    is_forced = bool(turn.tools) and turn.tool_choice is not None and turn.tool_choice.mode in ("required", "named")
    if is_forced and (claude is None or (claude.takes_forced_tools and claude.off)):
        return "forced_tool_choice"
    if (claude is None or claude.takes_prefill) and _is_prefilled(turn.messages):
        return "prefill"
    if mind.has_budget and lacks_first_thought(turn.messages, target):
        return NO_FIRST_THOUGHT
    return ""


def _is_prefilled(messages: list[Message]) -> bool:
    """Whether the conversation ends with words of the assistant that the model shall continue."""
    parts = messages[-1].parts if messages and messages[-1].role == "assistant" else []
    return any(isinstance(part, Text | Refusal) and part.text.strip() for part in parts)


def lacks_first_thought(messages: list[Message], target: Target, *, is_own: bool = False) -> bool:
    """Whether the answer under way has called tools without the thought that must stand before the first call (trap 17).

    `is_own`: the turn is of the target's dialect, and a signature without an origin the target's own.

    Later steps of the same answer may have none: without interleaved thinking Claude thinks once, before its first call
    (platform.claude.com, "Extended thinking", tool use without interleaved thinking).
    """
    start = len(messages)
    while start and _is_loop(messages[start - 1]):
        start -= 1
    calls = False
    for message in messages[start:]:
        for part in message.parts:
            if isinstance(part, Reasoning) and (_goes_back(part, target) or (is_own and _is_untouched(part))):
                return False
            calls = calls or isinstance(part, ToolCall)
    return calls


def _is_loop(message: Message) -> bool:
    """Part of an answer that goes on: the model's words and calls, and the results of these."""
    return message.role in ("assistant", "tool") or any(isinstance(part, ToolResult) for part in message.parts)


def _is_untouched(part: Reasoning) -> bool:
    return bool(part.signature) and not part.origin


def _goes_back(part: Reasoning, target: Target) -> bool:
    """Whether a thought will be sent; imitations get theirs without a signature (trap 23)."""
    if part.signature:
        return same_origin(part.origin, target.origin)
    return bool(part.text) and target.vendor not in ("", "anthropic")
