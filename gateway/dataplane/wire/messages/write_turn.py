"""A Turn → the request to Anthropic, or to who imitates its API.

Members stand in the order in which the prompt is rendered (tools, system, messages), and what changes from step to step comes
last: equal turns give equal bytes, and a turn that continues another has its bytes up to the end of its messages, but for the
cache breakpoints, which move on.

`max_tokens` is required: the turn's, never more than the model's maximum; else that maximum; else what `translate.claude` says of
the model; else 8192, which every model since 2024 can write. Models before 4.5 refuse input and output that together pass the
window, so there the default shrinks with the estimated input. Trap 38.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.messages.cache import Marks, mark_agent
from gateway.dataplane.wire.messages.names import MARK, NAME
from gateway.dataplane.wire.messages.schema import answer_schema
from gateway.dataplane.wire.messages.thinking import own_mind, sampling
from gateway.dataplane.wire.messages.write_messages import Conversation, is_prefilled
from gateway.dataplane.wire.messages.write_tools import write_choice, write_tools
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.claude import claude_of
from gateway.dataplane.wire.translate.claude_thinking import Mind, mind_of
from gateway.dataplane.wire.translate.count import estimated_tokens
from gateway.dataplane.wire.translate.losses import report_unsaid

_Block = dict[str, Any]
_DEFAULT_LIMIT: Final = 8192
_LEAST_LIMIT: Final = 1024
_USER_CHARS: Final = 256
"""Most that `metadata.user_id` may have (the API reference)."""


def write_turn(turn: Turn, target: Target, report: Report) -> bytes:
    """See `Codec.write_turn`."""
    is_own = turn.dialect == NAME
    marks = Marks()
    tools = write_tools(turn, target, marks, report, is_own=is_own)
    talk = Conversation(turn, target, marks, report)
    limit = _limit(turn, target, is_own=is_own)
    choice = write_choice(turn, tools, report, is_own=is_own)
    if is_own:
        mind = own_mind(turn.thinking, limit)
    else:
        is_given = turn.max_output_tokens is not None
        mind = mind_of(turn, target, claude_of(target.model), limit, report, is_limit_given=is_given)
        choice = _allowed(choice, target, report)
        _without_prefill(talk, target, report)
    _mark(turn, target, tools, talk, marks)

    body: _Block = {"model": target.model}
    if tools or (is_own and turn.tools is not None):
        body["tools"] = tools
    if talk.system is not None:
        body["system"] = talk.system
    body["messages"] = talk.messages
    if turn.max_output_tokens is not None or not is_own:
        body["max_tokens"] = mind.limit
    if mind.config is not None:
        body["thinking"] = mind.config
    if choice is not None:
        body["tool_choice"] = choice
    body.update(sampling(turn, target, mind, report, is_own=is_own))
    _output_config(body, turn, target, mind, report, is_own=is_own)
    if turn.stop:
        body |= _stops(turn.stop, report, is_own=is_own)
    if turn.is_stream:
        body["stream"] = True
    if is_own:
        _own(body, turn)
    else:
        _foreign(body, turn, report)
    return encode(body)


def _limit(turn: Turn, target: Target, *, is_own: bool) -> int:
    """`max_tokens`."""
    model = claude_of(target.model)
    most = target.max_output_tokens
    given = turn.max_output_tokens
    if given is not None:
        return given if is_own or not most else max(1, min(given, most))
    limit = most or (model.most_output_tokens if model is not None else _DEFAULT_LIMIT)
    window = target.context_window_tokens
    if window and (model is None or model.has_window_check):
        limit = min(limit, max(_LEAST_LIMIT, window - estimated_tokens(turn)))
    return limit


def _allowed(choice: _Block | None, target: Target, report: Report) -> _Block | None:
    """A forced tool is refused by some models (trap 14)."""
    claude = claude_of(target.model)
    if choice is None or choice["type"] not in ("any", "tool") or claude is None or claude.takes_forced_tools:
        return choice
    report.drop("tool_choice", "not_forced")
    kept = {"type": "auto"}
    return {**kept, "disable_parallel_tool_use": True} if "disable_parallel_tool_use" in choice else kept


def _without_prefill(talk: Conversation, target: Target, report: Report) -> None:
    """The beginning of an answer, written by the client: newer models refuse it (trap 26)."""
    if not is_prefilled(talk.messages):
        return
    model = claude_of(target.model)
    last = talk.messages[-1]["content"]
    if model is None or model.takes_prefill:
        last[-1]["text"] = last[-1]["text"].rstrip()  # white space at the end is refused
        return
    report.drop(f"messages[{len(talk.messages) - 1}]", "prefill")
    while last and last[-1]["type"] == "text":
        last.pop()
    if not last:
        talk.messages.pop()


def _mark(turn: Turn, target: Target, tools: list[_Block], talk: Conversation, marks: Marks) -> None:
    if not marks and not turn.cache and turn.dialect != NAME and target.vendor == "anthropic":
        mark_agent(tools, talk.system if isinstance(talk.system, list) else [], talk.messages, marks)
    marks.settle(3 if turn.cache else 4)


def _output_config(body: _Block, turn: Turn, target: Target, mind: Mind, report: Report, *, is_own: bool) -> None:
    extra = turn.extra if is_own and turn.extra else {}
    config: _Block = dict(extra.get("output_config") or {})
    if mind.effort:
        config["effort"] = mind.effort
    form = turn.format
    if form is not None and is_own:
        if "output_format" not in extra:
            config["format"] = {"type": "json_schema", "schema": form.schema, **(form.extra or {})}
    elif form is not None:
        model = claude_of(target.model)
        if form.kind != "json_schema" or form.schema is None:
            report.drop("format", "json_without_schema")
        elif model is None or not model.has_formats:
            report.drop("format", "unsupported")
        else:
            config["format"] = {"type": "json_schema", "schema": answer_schema(form.schema)}
    if config or "output_config" in extra:
        body["output_config"] = config


def _stops(stop: list[str], report: Report, *, is_own: bool) -> _Block:
    """Sequences of white space only are refused."""
    kept = stop if is_own else [one for one in stop if one.strip()]
    if len(kept) < len(stop):
        report.drop("stop", "white_space")
    return {"stop_sequences": kept} if kept else {}


def _own(body: _Block, turn: Turn) -> None:
    """What only this dialect knows goes back as it came."""
    if turn.service_tier:
        body["service_tier"] = turn.service_tier
    if turn.user:
        body["metadata"] = {"user_id": turn.user}
    if turn.cache:
        body["cache_control"] = MARK[turn.cache]
    if turn.stop is not None and not turn.stop:
        body["stop_sequences"] = []
    for name, value in (turn.extra or {}).items():
        if name != "output_config":
            body[name] = value


def _foreign(body: _Block, turn: Turn, report: Report) -> None:
    """What is said beside the conversation: the user's name is carried, the rest reported."""
    if 0 < len(turn.user) <= _USER_CHARS:
        body["metadata"] = {"user_id": turn.user}
    elif turn.user:
        report.drop("user", "too_long")
    report_unsaid(turn, report, "service_tier", "verbosity", "seed", "presence_penalty", "frequency_penalty")
