"""A turn, from the canon to a Responses request. Traps 14, 25, 26, 31, 38, 39, 40, 41, 43, 57, 58.

What grows from turn to turn, the conversation, is the last member, so that a turn begins with the bytes of the turn before.

- The system prompt of dialects that have a place for one becomes `instructions`, which every imitation of this API knows, its
  blocks joined by an empty line; system and developer messages of the conversation stay where they are.
- We keep nothing for anybody: `store` is false, and the reasoning is asked for in its cipher.
"""

import re
from typing import Any, Final

from gateway.dataplane.wire.canon import Format, Text, Thinking, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.responses.names import NAME, put
from gateway.dataplane.wire.responses.write_items import Items
from gateway.dataplane.wire.responses.write_tools import foreign_choice, foreign_tools, own_choice, own_tool
from gateway.dataplane.wire.translate.effort import nearest, openai, wanted
from gateway.dataplane.wire.translate.losses import report_unsaid
from gateway.dataplane.wire.translate.names import short_key
from gateway.dataplane.wire.translate.schema import is_strict

_LEAST_OUTPUT: Final = 16  # "integer below minimum value. Expected a value >= 16"
TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
_NOT_A_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")
_ASK_JSON: Final = {"type": "message", "role": "developer", "content": "Answer with a JSON object."}


def write_turn(turn: Turn, target: Target, report: Report) -> bytes:
    """The body of a request to `target`."""
    return encode(_own(turn, target, report) if turn.dialect == NAME else _foreign(turn, target, report))


def _own(turn: Turn, target: Target, report: Report) -> dict[str, Any]:
    text = own_text_config(turn)
    members = {
        "model": target.model or None,
        "instructions": _words(turn) if turn.instructions is not None else None,
        "tools": [own_tool(tool) for tool in turn.tools] if turn.tools is not None else None,
        "tool_choice": own_choice(turn.tool_choice) if turn.tool_choice is not None else None,
        "parallel_tool_calls": turn.parallel_tools,
        "reasoning": own_thinking(turn.thinking) if turn.thinking is not None else None,
        "max_output_tokens": turn.max_output_tokens,
        "temperature": turn.temperature,
        "top_p": turn.top_p,
        "service_tier": turn.service_tier or None,
        "prompt_cache_key": turn.session or None,
        "stream": turn.is_stream or None,
        **(turn.extra or {}),
        "text": text,
    }
    nulls = {name for name, value in (turn.extra or {}).items() if value is None}
    obj = {name: value for name, value in members.items() if value is not None or name in nulls}
    if turn.messages and not _is_plain_input(turn):
        obj["input"] = _items(turn, target, report, is_own=True)
    return obj


def _is_plain_input(turn: Turn) -> bool:
    """Whether `input` was a bare string, and still is all there is."""
    part = turn.messages[0].parts[0] if len(turn.messages) == 1 and turn.messages[0].parts else None
    return isinstance(part, Text) and turn.messages[0].is_plain and (turn.extra or {}).get("input") == part.text


def _items(turn: Turn, target: Target, report: Report, *, is_own: bool) -> list[dict[str, Any]]:
    items = Items(target, report, is_own=is_own)
    for message in turn.messages:
        items.add(message)
    return items.items


def own_thinking(thinking: Thinking) -> dict[str, Any]:
    """`reasoning` as Responses wrote it."""
    obj: dict[str, Any] = {}
    if thinking.effort:
        obj["effort"] = thinking.effort
    if thinking.summary:
        obj["summary"] = thinking.summary
    return put(obj, thinking.extra)


def own_text_config(turn: Turn) -> dict[str, Any] | None:
    """`text` as Responses wrote it; None when it did not."""
    kept = (turn.extra or {}).get("text")
    if turn.format is None and not turn.verbosity:
        return kept if kept is None or isinstance(kept, dict) else None
    obj: dict[str, Any] = {}
    if turn.format is not None:
        obj["format"] = put(_format(turn.format, turn.format.strict), turn.format.extra)
    if turn.verbosity:
        obj["verbosity"] = turn.verbosity
    return put(obj, kept)


def _format(form: Format, strict: bool | None) -> dict[str, Any]:
    obj: dict[str, Any] = {"type": form.kind}
    if form.kind == "json_schema":
        obj["name"] = form.name
        if form.description:
            obj["description"] = form.description
        if form.schema is not None:
            obj["schema"] = form.schema
        if strict is not None:
            obj["strict"] = strict
    return obj


# === from other dialects ===


def _foreign(turn: Turn, target: Target, report: Report) -> dict[str, Any]:
    is_thinker = _always_thinks(target)
    reasoning = _reasoning(turn.thinking, turn.dialect, target, report)
    obj: dict[str, Any] = {"model": target.model, "store": False}
    words = _words(turn)
    if words:
        obj["instructions"] = words
    tools, declared = foreign_tools(turn, target, report)
    if declared:
        obj["tools"] = declared
        choice = foreign_choice(turn.tool_choice, tools, report)
        if choice is not None:
            obj["tool_choice"] = choice
        if turn.parallel_tools is not None:
            obj["parallel_tool_calls"] = turn.parallel_tools
    if reasoning:
        obj["reasoning"] = reasoning
    is_thinking = reasoning.get("effort") != "none" and (is_thinker or _wants_thinking(turn.thinking, target))
    if is_thinking:
        # only then: "Encrypted content is not supported with this model"
        obj["include"] = ["reasoning.encrypted_content"]
    text = _text_config(turn)
    if text:
        obj["text"] = text
    if turn.max_output_tokens is not None:
        obj["max_output_tokens"] = _output_limit(turn.max_output_tokens, target, report)
    _sampling(turn, obj, is_thinker and is_thinking, report)
    _identity(turn, target, obj, report)
    if turn.is_stream:
        obj["stream"] = True
    items = _items(turn, target, report, is_own=False)
    asks_json = turn.format is not None and turn.format.kind == "json_object" and not _says_json(items)
    obj["input"] = [_ASK_JSON, *items] if asks_json else items
    return obj


def _words(turn: Turn) -> str:
    parts = turn.instructions.parts if turn.instructions is not None else []
    return "\n\n".join(part.text for part in parts if isinstance(part, Text) and part.text)


def _always_thinks(target: Target) -> bool:
    """Whether the model reasons unless told otherwise: OpenAI's since o1 and gpt-5, but not those made for chats."""
    return target.vendor == "openai" and "-chat" not in target.model and bool(openai(target.model).efforts)


def _wants_thinking(thinking: Thinking | None, target: Target) -> bool:
    return thinking is not None and bool(openai(target.model).efforts) and wanted(thinking) != "none"


def _reasoning(thinking: Thinking | None, dialect: str, target: Target, report: Report) -> dict[str, Any]:
    """`reasoning`, or {} to leave it out."""
    if thinking is None:
        return {}
    asked, takes = wanted(thinking), openai(target.model)
    obj: dict[str, Any] = {}
    if asked == "none":
        # who cannot stop thinking thinks as little as possible; who is not OpenAI's may not know the word
        if target.vendor != "openai" or not takes.efforts:
            return {}
        return {"effort": "none" if takes.can_stop else takes.efforts[0]}
    if not takes.efforts:
        report.drop("thinking", "not_by_this_model")
        return {}
    if asked:
        obj["effort"] = nearest(asked, takes.efforts)
        if obj["effort"] != asked:
            report.drop("thinking", f"nearest_is_{obj['effort']}")
    if thinking.summary != "none":
        # clients of the other dialects see thinking unless they say that they won't
        is_shown = not dialect.startswith("openai.") and target.vendor in ("openai", "")
        summary = thinking.summary or ("auto" if is_shown else "")
        if summary:
            obj["summary"] = summary
    return obj


def _text_config(turn: Turn) -> dict[str, Any]:
    obj: dict[str, Any] = {}
    form = turn.format
    if form is not None:
        # Chat's missing `strict` is false; elsewhere a schema binds the model
        strict = form.strict if turn.dialect.startswith("openai.") else form.strict is not False
        obj["format"] = _format(form, strict if strict is None else strict and is_strict(form.schema))
        if form.kind == "json_schema":
            obj["format"]["name"] = _NOT_A_NAME.sub("_", form.name)[:64] or "answer"
            obj["format"].setdefault("schema", {"type": "object", "properties": {}})
    if turn.verbosity:
        obj["verbosity"] = turn.verbosity
    return obj


def _output_limit(asked: int, target: Target, report: Report) -> int:
    """What the model cannot write anyway is no loss; a smaller limit than the API's least is."""
    if asked < _LEAST_OUTPUT:
        report.drop("max_output_tokens", f"at_least_{_LEAST_OUTPUT}")
        return _LEAST_OUTPUT
    return min(asked, target.max_output_tokens) if target.max_output_tokens else asked


def _sampling(turn: Turn, obj: dict[str, Any], is_fixed: bool, report: Report) -> None:
    """OpenAI's reasoning models refuse `temperature` and `top_p` ("not supported with this model")."""
    for name, value in (("temperature", turn.temperature), ("top_p", turn.top_p)):
        if value is not None and not is_fixed:
            obj[name] = value
        elif value not in (None, 1):  # 1 is what they take themselves
            report.drop(name, "not_by_this_model")
    report_unsaid(turn, report, "top_k", "seed", "presence_penalty", "frequency_penalty")


def _identity(turn: Turn, target: Target, obj: dict[str, Any], report: Report) -> None:
    """Codex sends `prompt_cache_key` to every provider of this API, so each of them knows it; `safety_identifier` is OpenAI's."""
    if turn.user:
        obj["safety_identifier" if target.is_official and target.vendor == "openai" else "user"] = short_key(turn.user)
    if turn.session:
        obj["prompt_cache_key"] = short_key(turn.session)
    if turn.service_tier in TIERS:
        obj["service_tier"] = turn.service_tier
    else:
        report_unsaid(turn, report, "service_tier")


def _says_json(items: list[dict[str, Any]]) -> bool:
    """`json_object` is refused unless the input "contains the word 'json' in some form"."""
    return b"json" in encode([item for item in items if item["type"] == "message"]).lower()
