"""`generationConfig`, both ways: sampling, limits, the form of the answer, thinking. Traps 25, 28, 38, 39, 44.

What the canon has no word for (responseModalities, safety, speech, …) stays in the turn's `extra` and goes back to Gemini only.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Effort, Format, Thinking, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.fields import array, as_object, as_text, child, flag, integer, join, number, rest, text
from gateway.dataplane.wire.generate.names import camel, takes_json_schema, takes_penalties
from gateway.dataplane.wire.generate.openapi import openapi_schema
from gateway.dataplane.wire.generate.schema import json_schema
from gateway.dataplane.wire.generate.tools import mixes_format
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.effort import budget_of, effort_of, gemini, nearest

_PATH: Final = "generationConfig"
_JSON: Final = "application/json"
_KNOWN: Final = frozenset(
    {
        "maxOutputTokens",
        "temperature",
        "topP",
        "topK",
        "stopSequences",
        "seed",
        "presencePenalty",
        "frequencyPenalty",
        "thinkingConfig",
    }
)
_FORM: Final = frozenset({"responseMimeType", "responseSchema", "responseJsonSchema"})
_LEVELS: Final[dict[str, Effort]] = {
    "MINIMAL": "minimal",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "XHIGH": "xhigh",
}
_MOST_STOPS: Final = 5
"""ai.google.dev, API reference: "The set of character sequences (up to 5)"."""
_INT32: Final = range(-(1 << 31), 1 << 31)

# === read ===


def read_config(body: dict[str, Any], turn: Turn) -> dict[str, Any] | None:
    """Fills `turn` from the request's `generationConfig`; gives what the canon has no word for. Raises BadRequest."""
    if body.get(_PATH) is None:
        return None
    config = camel(child(body, _PATH, ""))
    turn.max_output_tokens = integer(config, "maxOutputTokens", _PATH)
    turn.temperature = number(config, "temperature", _PATH)
    turn.top_p = number(config, "topP", _PATH)
    turn.top_k = integer(config, "topK", _PATH)
    turn.seed = integer(config, "seed", _PATH)
    turn.presence_penalty = number(config, "presencePenalty", _PATH)
    turn.frequency_penalty = number(config, "frequencyPenalty", _PATH)
    if config.get("stopSequences") is not None:
        path = join(_PATH, "stopSequences")
        turn.stop = [as_text(one, join(path, at)) for at, one in enumerate(array(config, "stopSequences", _PATH))]
    if config.get("thinkingConfig") is not None:
        turn.thinking = _read_thinking(camel(child(config, "thinkingConfig", _PATH)), join(_PATH, "thinkingConfig"))
    turn.format = _read_format(config)
    return rest(config, _KNOWN if turn.format is None else _KNOWN | _FORM) or {}


def _read_thinking(config: dict[str, Any], path: str) -> Thinking:
    """`extra` is the whole object, as the client wrote it."""
    shows = flag(config, "includeThoughts", path)
    effort = _LEVELS.get(text(config, "thinkingLevel", path).upper(), "")
    budget = integer(config, "thinkingBudget", path)
    thinking = Thinking(effort=effort, summary="" if shows is None else "auto" if shows else "none", extra=config)
    if effort:
        return thinking
    if budget == 0:
        thinking.effort = "none"
    elif budget is not None and budget > 0:
        thinking.budget_tokens = budget
    else:
        thinking.is_adaptive = budget is not None or bool(shows)
    return thinking


def _read_format(config: dict[str, Any]) -> Format | None:
    """A JSON answer; `extra` is what the client wrote. Any other form stays with the rest of the config."""
    if text(config, "responseMimeType", _PATH) != _JSON:
        return None
    written = {name: value for name, value in config.items() if name in _FORM}
    for name in ("responseJsonSchema", "responseSchema"):
        if config.get(name) is not None:
            schema = json_schema(as_object(config[name], join(_PATH, name)))
            return Format(kind="json_schema", schema=schema, extra=written)
    return Format(kind="json_object", extra=written)


# === write ===


def write_config(turn: Turn, target: Target, report: Report) -> dict[str, Any]:
    """`generationConfig`; {} when there is nothing to say."""
    config = plain_config(turn)
    if target.max_output_tokens and config.get("maxOutputTokens", 0) > target.max_output_tokens:
        config["maxOutputTokens"] = target.max_output_tokens
    _limit(config, target, report)
    config.update(_write_format(turn, target, report))
    thinking = _write_thinking(turn, target, report)
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def plain_config(turn: Turn) -> dict[str, Any]:
    """The members that have the same meaning in every dialect."""
    config: dict[str, Any] = {
        "maxOutputTokens": turn.max_output_tokens,
        "temperature": turn.temperature,
        "topP": turn.top_p,
        "topK": turn.top_k,
        "seed": turn.seed,
        "presencePenalty": turn.presence_penalty,
        "frequencyPenalty": turn.frequency_penalty,
        "stopSequences": turn.stop,
    }
    return {name: value for name, value in config.items() if value is not None and value != []}


def _limit(config: dict[str, Any], target: Target, report: Report) -> None:
    """What Gemini does not take in the amount asked for."""
    for name, canon in (("presencePenalty", "presence_penalty"), ("frequencyPenalty", "frequency_penalty")):
        if name in config and not takes_penalties(target.model) and config.pop(name):  # 0 changes nothing
            report.drop(canon)
    if config.get("seed", 0) not in _INT32:
        del config["seed"]
        report.drop("seed", "out_of_range")
    if len(config.get("stopSequences", ())) > _MOST_STOPS:
        report.drop("stop", f"at_most_{_MOST_STOPS}")
        config["stopSequences"] = config["stopSequences"][:_MOST_STOPS]


def _write_format(turn: Turn, target: Target, report: Report) -> dict[str, Any]:
    if turn.format is None:
        return {}
    if not mixes_format(
        turn, target
    ):  # "Function calling with a response mime type: 'application/json' is unsupported"
        report.drop("format", "not_beside_functions")
        return {}
    if turn.format.schema is None:
        return {"responseMimeType": _JSON}
    if takes_json_schema(target):
        return {"responseMimeType": _JSON, "responseJsonSchema": turn.format.schema}
    return {"responseMimeType": _JSON, "responseSchema": openapi_schema(turn.format.schema)}


def _write_thinking(turn: Turn, target: Target, report: Report) -> dict[str, Any]:
    """A level from Gemini 3 on, a budget in 2.5, nothing before (the tables and their sources: translate/effort.py)."""
    thinking = turn.thinking
    if thinking is None:
        return {}
    effort = thinking.effort or effort_of(thinking.budget_tokens)
    takes = gemini(target.model)
    config: dict[str, Any] = {}
    if takes.efforts:
        if effort:
            config["thinkingLevel"] = nearest(effort, takes.efforts).upper()
        if effort == "none":
            report.drop("thinking", "cannot_be_off")
    elif takes.budget[1]:
        config["thinkingBudget"] = _budget(
            thinking, effort, turn.max_output_tokens or target.max_output_tokens, takes.budget
        )
        if config["thinkingBudget"] == 0 and not takes.can_stop:
            config["thinkingBudget"] = takes.budget[0]
            if effort == "none":
                report.drop("thinking", "cannot_be_off")
    elif effort not in ("", "none"):
        report.drop("thinking")
        return {}
    else:
        return {}
    if thinking.summary != "none" and effort != "none":
        config["includeThoughts"] = True
    return config


def _budget(thinking: Thinking, effort: Effort, max_output_tokens: int, allowed: tuple[int, int]) -> int:
    """-1 lets the model decide; 0 is off; all else is put between the least and the most."""
    budget = budget_of(effort, max_output_tokens) if thinking.effort else thinking.budget_tokens
    return budget if budget <= 0 else min(max(budget, allowed[0]), allowed[1])
