"""How much to think, in the words of those who speak Chat.

Read: `reasoning_effort` (OpenAI), `reasoning` {effort, max_tokens, enabled, exclude} (OpenRouter), `thinking` {type,
budget_tokens} (DeepSeek, Z.AI, Moonshot), `enable_thinking` and `thinking_budget` (DashScope). Written by the host's table.
What is off is said once and nothing beside it: a contradiction turned thinking on at some (COMPLAINTS 27).
"""

from typing import Any

from gateway.dataplane.wire.canon import Effort, Thinking, Turn
from gateway.dataplane.wire.chat.habits import (
    efforts_of,
    host_of,
    model_of,
    refuses_thought_beside_tools,
    thinks_unasked,
)
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.fields import child, flag, integer, rest, text
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate import effort as efforts

MEMBERS = frozenset({"reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget"})


# === reading ===


def read_thinking(body: dict[str, Any]) -> Thinking | None:
    """What the request says about thinking; None when nothing. Raises BadRequest."""
    if not any(body.get(name) is not None for name in MEMBERS):
        return None
    found = Thinking()
    extra: dict[str, Any] = {}
    _read_object(found, extra, body)
    _read_type(found, extra, body)
    if (switch := flag(body, "enable_thinking", "")) is not None:
        _switch(found, is_on=switch)
    if (budget := integer(body, "thinking_budget", "")) is not None:
        found.budget_tokens = budget
    effort: Any = text(body, "reasoning_effort", "")
    if effort in efforts.EFFORTS:
        found.effort = effort
    elif effort:
        extra["reasoning_effort"] = effort  # Groq's `default`
    found.extra = extra or None
    return found


def _read_object(found: Thinking, extra: dict[str, Any], body: dict[str, Any]) -> None:
    reasoning = child(body, "reasoning", "")
    effort: Any = text(reasoning, "effort", "reasoning")
    if effort in efforts.EFFORTS:
        found.effort = effort
    budget = integer(reasoning, "max_tokens", "reasoning")
    if budget is not None:
        found.budget_tokens = budget
    enabled = flag(reasoning, "enabled", "reasoning")
    if enabled is False or (enabled and not found.effort and budget is None):
        _switch(found, is_on=enabled)
    summary = text(reasoning, "summary", "reasoning")
    found.summary = "none" if flag(reasoning, "exclude", "reasoning") else summary
    more = rest(reasoning, frozenset({"effort", "max_tokens", "enabled", "summary", "exclude"}))
    if more:
        extra["reasoning"] = more


def _read_type(found: Thinking, extra: dict[str, Any], body: dict[str, Any]) -> None:
    thinking = child(body, "thinking", "")
    kind = text(thinking, "type", "thinking")
    budget = integer(thinking, "budget_tokens", "thinking")
    if kind == "disabled" or (kind in ("enabled", "adaptive") and budget is None):
        _switch(found, is_on=kind != "disabled")
    if budget is not None:
        found.budget_tokens = budget
    more = rest(thinking, frozenset({"type", "budget_tokens"}))
    if more:
        extra["thinking"] = more


def _switch(found: Thinking, *, is_on: bool) -> None:
    if is_on:
        found.is_adaptive = True
    else:
        found.effort = "none"


# === writing ===


def written_thinking(turn: Turn, target: Target, report: Report, *, is_own: bool) -> dict[str, Any]:
    """The members that control thinking."""
    thinking = turn.thinking
    control = host_of(target).control
    if turn.tools and refuses_thought_beside_tools(target):
        if efforts.wanted(thinking) not in ("", "none"):
            report.drop("thinking", "refused_beside_tools")
        return {"reasoning_effort": "none"} if thinks_unasked(target) else {}
    forced = turn.tools and turn.tool_choice is not None and turn.tool_choice.mode in ("required", "named")
    if forced and model_of(target).forced_stops_thinking and control in ("type", "type_only"):
        if efforts.wanted(thinking) not in ("", "none"):
            report.drop("thinking", "refused_beside_forced_tool_choice")
        return {"thinking": {"type": "disabled"}}
    if thinking is None:
        return {}
    body: dict[str, Any]
    if is_own and control == "effort":
        effort = efforts.wanted(thinking)
        body = {"reasoning_effort": effort} if effort else {}
    else:
        body = _WRITE[control](thinking, target, report)
    if is_own and thinking.extra:
        for name, value in thinking.extra.items():
            body[name] = {**body.get(name, {}), **value} if isinstance(value, dict) else value
    return body


def _effort(thinking: Thinking, target: Target, report: Report) -> dict[str, Any]:
    return _nearest(thinking, efforts_of(target), report)


def _openai(thinking: Thinking, target: Target, report: Report) -> dict[str, Any]:
    takes = efforts.openai(target.model)
    return _nearest(thinking, ("none", *takes.efforts) if takes.can_stop and takes.efforts else takes.efforts, report)


def _nearest(thinking: Thinking, allowed: tuple[Effort, ...], report: Report) -> dict[str, Any]:
    wanted = efforts.wanted(thinking)
    effort = efforts.nearest(wanted, allowed) if wanted != "none" or "none" in allowed else ""
    if wanted and wanted not in (effort, "none"):
        report.drop("thinking", "not_by_this_model" if not effort else f"nearest_is_{effort}")
    return {"reasoning_effort": effort} if effort else {}


def _object(thinking: Thinking, _target: Target, _report: Report) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    if thinking.effort:
        inner["effort"] = thinking.effort
    elif thinking.budget_tokens >= 0:
        inner["max_tokens"] = thinking.budget_tokens
    elif thinking.is_adaptive:
        inner["enabled"] = True
    if thinking.summary == "none":
        inner["exclude"] = True
    return {"reasoning": inner} if inner else {}


def _type(thinking: Thinking, _target: Target, _report: Report) -> dict[str, Any]:
    effort = efforts.wanted(thinking)
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    body: dict[str, Any] = {"thinking": {"type": "enabled"}} if thinking.is_adaptive else {}
    if effort:
        body["reasoning_effort"] = effort
    return body


def _type_only(thinking: Thinking, _target: Target, report: Report) -> dict[str, Any]:
    effort = efforts.wanted(thinking)
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    if effort:
        report.drop("thinking", "only_on_or_off")
    return {"thinking": {"type": "enabled"}} if effort or thinking.is_adaptive else {}


def _toggle(thinking: Thinking, _target: Target, _report: Report) -> dict[str, Any]:
    effort = efforts.wanted(thinking)
    if effort == "none":
        return {"enable_thinking": False}
    if not effort:
        return {"enable_thinking": True} if thinking.is_adaptive else {}
    budget = thinking.budget_tokens if thinking.budget_tokens > 0 else efforts.budget_of(effort)
    return {"enable_thinking": True, "thinking_budget": budget}


def _none(thinking: Thinking, _target: Target, report: Report) -> dict[str, Any]:
    if efforts.wanted(thinking):
        report.drop("thinking", "not_by_this_provider")
    return {}


_WRITE = {
    "effort": _effort,
    "openai": _openai,
    "reasoning": _object,
    "type": _type,
    "type_only": _type_only,
    "toggle": _toggle,
    "none": _none,
}
