"""A Turn → a provider's request. Members that stay the same over a session come first and the messages last, so that the bytes
of two turns share the longest prefix.
"""

from typing import Any

from gateway.dataplane.wire.canon import Turn
from gateway.dataplane.wire.chat.habits import NAME, host_of
from gateway.dataplane.wire.chat.thinking import written_thinking
from gateway.dataplane.wire.chat.tools import written_tools
from gateway.dataplane.wire.chat.write_messages import WriteMessages
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.losses import report_unsaid
from gateway.dataplane.wire.translate.names import short_key

_MOST_STOPS = 4  # OpenAI's API reference, `stop`
_TIERS = frozenset({"auto", "default", "flex", "priority", "scale"})


def write_turn(turn: Turn, target: Target, report: Report) -> bytes:
    """The request for `target`."""
    host, is_own = host_of(target), turn.dialect == NAME
    body: dict[str, Any] = {"model": target.model}
    if turn.is_stream:
        body["stream"] = True
        if host.has_stream_options:
            body["stream_options"] = {"include_usage": True}
    body.update(host.more)
    if turn.max_output_tokens is not None:
        body[host.limit] = turn.max_output_tokens
    _sampling(body, turn, target, report, is_own=is_own)
    body.update(written_thinking(turn, target, report, is_own=is_own))
    _format(body, turn, target, report, is_own=is_own)
    _labels(body, turn, target, report, is_own=is_own)
    if is_own:
        _extra(body, turn)
    body.update(written_tools(turn, target, report))
    body["messages"] = WriteMessages(turn, target, report).all()
    return encode(body)


def _sampling(body: dict[str, Any], turn: Turn, target: Target, report: Report, *, is_own: bool) -> None:
    host = host_of(target)
    sampling = {
        "temperature": turn.temperature,
        "top_p": turn.top_p,
        "presence_penalty": turn.presence_penalty,
        "frequency_penalty": turn.frequency_penalty,
        host.seed: turn.seed,
    }
    body.update({name: value for name, value in sampling.items() if value is not None})
    if turn.top_k is not None:
        if host.has_top_k or is_own:
            body["top_k"] = turn.top_k
        else:
            report.drop("top_k")
    if turn.stop:
        body["stop"] = turn.stop[:_MOST_STOPS]
        if len(turn.stop) > _MOST_STOPS:
            report.drop("stop", "at_most_4")


def _format(body: dict[str, Any], turn: Turn, target: Target, report: Report, *, is_own: bool) -> None:
    form = turn.format
    if form is None:
        return
    host = host_of(target)
    if form.kind == "json_object" or not host.has_json_schema:
        body["response_format"] = {"type": "json_object", **((form.extra or {}) if is_own else {})}
        if form.kind == "json_schema":
            report.drop("format.schema", "only_json_object")
        return
    inner: dict[str, Any] = {"name": form.name or ("" if is_own else "response")}
    if form.description:
        inner["description"] = form.description
    if form.schema is not None:
        inner["schema"] = form.schema
    if form.strict is not None:
        inner["strict"] = form.strict
    if not inner["name"]:
        del inner["name"]
    body["response_format"] = {"type": "json_schema", "json_schema": inner}


def _labels(body: dict[str, Any], turn: Turn, target: Target, report: Report, *, is_own: bool) -> None:
    """Who asks, which conversation, at which tier, and how wordy the answer shall be."""
    host = host_of(target)
    if turn.user:
        if host.user:
            body[host.user] = short_key(turn.user)
        else:
            report.drop("user")
    if turn.session and (is_own or (host.has_cache_key and target.is_official)):
        body["prompt_cache_key"] = short_key(turn.session)
    for name, value, is_known in (
        ("verbosity", turn.verbosity, True),
        ("service_tier", turn.service_tier, turn.service_tier in _TIERS),
    ):
        if value and (is_own or (is_known and host.control == "openai")):
            body[name] = value
        else:
            report_unsaid(turn, report, name)


def _extra(body: dict[str, Any], turn: Turn) -> None:
    for name, value in (turn.extra or {}).items():
        if name == "stream_options":
            if turn.is_stream and isinstance(value, dict):
                body[name] = {**body.get(name, {}), **value}
        else:
            body[name] = value
