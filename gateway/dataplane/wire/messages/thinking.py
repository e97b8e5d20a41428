"""How a turn of this dialect says how much to think, and which samplers a request may have. (Other dialects': claude_thinking.)"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Thinking, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.claude import Claude, claude_of
from gateway.dataplane.wire.translate.claude_thinking import Mind, why_no_sampler

_Block = dict[str, Any]
_UNNAMED: Final = Claude(takes_both_samplers=True)
"""A model that may well be a Claude under a name of its host's."""


def own_mind(asked: Thinking | None, limit: int) -> Mind:
    """As the client said it, for it knows its model."""
    if asked is None:
        return Mind(limit=limit)
    config: _Block = {}
    if asked.effort == "none":
        config["type"] = "disabled"
    elif asked.is_adaptive:
        config["type"] = "adaptive"
    elif asked.budget_tokens >= 0:
        config = {"type": "enabled", "budget_tokens": asked.budget_tokens}
    if config and asked.summary:
        config["display"] = "omitted" if asked.summary == "none" else "summarized"
    effort = "" if asked.effort == "none" else asked.effort
    return Mind({**config, **(asked.extra or {})} if config else None, effort, limit)


def sampling(turn: Turn, target: Target, mind: Mind, report: Report, *, is_own: bool) -> _Block:
    """`temperature`, `top_p` and `top_k` as far as the model takes them, now."""
    given: _Block = {
        name: value
        for name, value in (("temperature", turn.temperature), ("top_p", turn.top_p), ("top_k", turn.top_k))
        if value is not None
    }
    if is_own or not given:
        return given
    if given.get("temperature", 0) > 1:  # OpenAI's and Gemini's scales go to 2
        report.drop("temperature", "above_1")
        given["temperature"] = 1
    claude = claude_of(target.model)
    if claude is None and target.vendor not in ("", "anthropic"):
        return given
    has_temperature = "temperature" in given
    for name in list(given):
        why = why_no_sampler(
            name, given[name], claude or _UNNAMED, is_thinking=mind.is_on, has_temperature=has_temperature
        )
        if why and (given.pop(name) != 1 or name == "top_k"):  # 1 is what the models take by themselves
            report.drop(name, why)
    return given
