"""Turn → the body of a Converse request. Model and stream stand in the path.

A request of this very dialect is written as it was read. For others, members that stay the same over a session come first and the
messages last, so that the bytes of two turns share the longest prefix.
"""

import re
from typing import Any, Final

from gateway.dataplane.wire.canon import Format, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.converse.cache import CachePoints
from gateway.dataplane.wire.converse.history import written_messages, written_system
from gateway.dataplane.wire.converse.models import Model, model_of
from gateway.dataplane.wire.converse.names import NAME
from gateway.dataplane.wire.converse.own_turn import own_turn
from gateway.dataplane.wire.converse.write_blocks import BlockWriter, json_text
from gateway.dataplane.wire.converse.write_thinking import Mind, written_thinking
from gateway.dataplane.wire.converse.write_tools import parallel_switch, written_choice, written_tools
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.claude_thinking import why_no_sampler
from gateway.dataplane.wire.translate.losses import report_unsaid

_MOST_STOPS: Final = 2500  # InferenceConfiguration.stopSequences
_STOP_PATH: Final = "/stop_sequence"
_USER: Final = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")


def write_turn(turn: Turn, target: Target, report: Report) -> bytes:
    """The request body. Raises BadRequest when nothing is left to be said."""
    if turn.dialect == NAME:
        return encode(own_turn(turn))
    model = model_of(target)
    writer = BlockWriter(target, report)
    tools = written_tools(turn, model, report)
    system, taken = written_system(turn, writer, report)
    said = written_messages(turn, taken, model, writer, report, has_system=bool(system))
    points = CachePoints(turn, model, tools, system, said, report)
    mind = written_thinking(turn, target, model, report)
    fields = dict(mind.fields)
    body: dict[str, Any] = {}
    config = _inference(turn, target, model, mind, report)
    if config:
        body["inferenceConfig"] = config
    if tools:
        choice = written_choice(turn, tools, model, report)
        body["toolConfig"] = {"tools": points.tools(), **({"toolChoice": choice} if choice else {})}
        switch = parallel_switch(turn, tools, choice, model, report)
        if switch:
            fields["tool_choice"] = switch
    _top_k(fields, turn, model, mind, report)
    if fields:
        body["additionalModelRequestFields"] = fields
    if config.get("stopSequences") and model.family == "claude":
        body["additionalModelResponseFieldPaths"] = [_STOP_PATH]  # else nobody learns which sequence was met
    if turn.format is not None:
        _format(body, turn.format, model, report)
    _labels(body, turn, report)
    if system:
        body["system"] = points.system()
    body["messages"] = points.messages()
    return encode(body)


def _inference(turn: Turn, target: Target, model: Model, mind: Mind, report: Report) -> dict[str, Any]:
    config: dict[str, Any] = {}
    limit, most = mind.limit, target.max_output_tokens
    if limit is not None and mind.is_high:
        report.drop("max_output_tokens", "refused_beside_high_effort")
    elif limit is not None:
        config["maxTokens"] = max(1, min(limit, most) if most else limit)
        if most and limit > most:
            report.drop("max_output_tokens", "above_the_models_limit")
    for name, value, word in (("temperature", turn.temperature, "temperature"), ("top_p", turn.top_p, "topP")):
        if value is None:
            continue
        why = "refused_beside_high_effort" if mind.is_high else ""
        if model.claude is not None:
            has_temperature = turn.temperature is not None
            why = why_no_sampler(name, value, model.claude, is_thinking=mind.is_on, has_temperature=has_temperature)
        if not why:
            config[word] = min(value, 1)  # OpenAI's and Gemini's temperatures go to 2
            why = "above_1" if value > 1 else ""
        if why and value != 1:  # 1 is what the models take by themselves
            report.drop(name, why)
    report_unsaid(turn, report, "seed", "presence_penalty", "frequency_penalty")
    if turn.stop:
        config.update(_stops(turn.stop, model, report))
    return config


def _stops(stop: list[str], model: Model, report: Report) -> dict[str, Any]:
    words = [one for one in stop if one.strip()]
    most = model.most_stops or _MOST_STOPS
    if len(words) < len(stop):
        report.drop("stop", "only_white_space")
    if len(words) > most:
        report.drop("stop", f"at_most_{most}")
    return {"stopSequences": words[:most]} if words else {}


def _top_k(fields: dict[str, Any], turn: Turn, model: Model, mind: Mind, report: Report) -> None:
    if turn.top_k is None:
        return
    if model.family == "nova":
        fields["inferenceConfig"] = {"topK": turn.top_k}
    elif model.claude is None:
        report.drop("top_k")
    elif why := why_no_sampler("top_k", turn.top_k, model.claude, is_thinking=mind.is_on, has_temperature=False):
        report.drop("top_k", why)
    else:
        fields["top_k"] = turn.top_k


def _format(body: dict[str, Any], form: Format, model: Model, report: Report) -> None:
    if form.kind != "json_schema" or form.schema is None or not model.has_formats:
        report.drop("format", "not_by_this_model" if form.kind == "json_schema" else "no_json_object_here")
        return
    definition = {"schema": json_text(form.schema), "name": form.name or "response"}
    if form.description:
        definition["description"] = form.description
    body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}


def _labels(body: dict[str, Any], turn: Turn, report: Report) -> None:
    """Who asks goes to the account's invocation log; the rest has no place here."""
    if turn.user:
        if _USER.fullmatch(turn.user):
            body["requestMetadata"] = {"user": turn.user}
        else:
            report.drop("user")
    report_unsaid(turn, report, "verbosity", "service_tier")
