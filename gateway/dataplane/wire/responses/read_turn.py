"""A Responses request, to the canon. Codex's requests lose nothing (docs/guides/codex.md).

`extra` of the Turn keeps what is OpenAI's own: `store`, `include`, `metadata`, `client_metadata`, `previous_response_id`,
`truncation`, …; also `input` where it was a bare string, and the members of `text` that the canon has no word for.
"""

from typing import Any, Final, get_args

from gateway.dataplane.wire.canon import Effort, Format, Message, Text, Thinking, Turn
from gateway.dataplane.wire.codec import PathSays
from gateway.dataplane.wire.fields import (
    array,
    as_object,
    child,
    fail,
    flag,
    integer,
    join,
    loads,
    needed_text,
    number,
    shown,
    text,
)
from gateway.dataplane.wire.responses.names import NAME, left
from gateway.dataplane.wire.responses.read_items import read_items
from gateway.dataplane.wire.responses.read_tools import read_choice, read_tools

_KNOWN = frozenset({
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "max_output_tokens",
    "temperature",
    "top_p",
    "service_tier",
    "prompt_cache_key",
    "stream",
})  # fmt: skip
_REASONING = frozenset({"effort", "summary"})
_TEXT = frozenset({"format", "verbosity"})
_FORMAT = frozenset({"type", "name", "description", "schema", "strict"})
_EFFORTS = frozenset(get_args(Effort)) - {""}
HARMLESS: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(
        (
            "store", "background", "include", "metadata", "client_metadata", "truncation", "stream_options", "input", "user",
            "safety_identifier", "prompt_cache_retention", "prompt_cache_options", "messages.type", "messages.status",
            "messages.phase", "messages.internal_chat_message_metadata_passthrough", "parts.type", "parts.status",
            "parts.logprobs", "parts.prompt_cache_breakpoint", "parts.internal_chat_message_metadata_passthrough",
            "parts.call_id", "parts.file_data", "parts.file_url", "parts.file_id",
        ),
        (),
    ),
    "type": ("response.create",),
    "text.format": ({"type": "text"},),
    "tools.format": ({"type": "text"},),
}  # fmt: skip
"""See `Codec.harmless`."""
PATHS: Final[dict[str, str]] = {
    "messages": "input",
    "messages.tool_result": "input.function_call_output",
    "messages.image": "input.input_image",
    "messages.document": "input.input_file",
    "messages.audio": "input.input_audio",
    "additional_tools": "input.additional_tools",
    "system": "instructions",
    "developer": "input",
    "thinking": "reasoning",
    "format": "text.format",
    "verbosity": "text.verbosity",
    "parallel_tools": "parallel_tool_calls",
    "user": "safety_identifier",
    "cache_control": "input.prompt_cache_breakpoint",
}
"""See `Codec.paths`."""
_ENCRYPTED = "reasoning.encrypted_content"
_MAY_LACK_INPUT = ("previous_response_id", "prompt", "conversation")


def read_turn(body: bytes, path: PathSays) -> Turn:
    """One request. Raises BadRequest, whose `param` is the JSON path."""
    obj = as_object(loads(body), "")
    extra: dict[str, Any] = left(obj, _KNOWN) or {}
    messages = _messages(obj, extra)
    turn = Turn(
        dialect=NAME,
        model=text(obj, "model", "") or path.model,
        messages=messages,
        instructions=_instructions(obj),
        tools=read_tools(array(obj, "tools", ""), "tools") if obj.get("tools") is not None else None,
        tool_choice=read_choice(obj.get("tool_choice"), "tool_choice"),
        parallel_tools=flag(obj, "parallel_tool_calls", ""),
        thinking=_thinking(obj),
        format=_format(obj, extra),
        verbosity=text(child(obj, "text", ""), "verbosity", "text"),
        max_output_tokens=integer(obj, "max_output_tokens", ""),
        temperature=number(obj, "temperature", ""),
        top_p=number(obj, "top_p", ""),
        # the older `user` is the newer `safety_identifier`; both stay in `extra`
        user=text(obj, "safety_identifier", "") or text(obj, "user", ""),
        session=text(obj, "prompt_cache_key", ""),
        service_tier=text(obj, "service_tier", ""),
        is_stream=flag(obj, "stream", "") or path.is_stream,
        include_encrypted=_ENCRYPTED in array(obj, "include", ""),
    )
    if not turn.model and not obj.get("prompt"):  # a prompt template names its own
        fail("model", "is missing")
    if obj.get("stream") is False:
        extra["stream"] = False
    turn.extra = extra or None
    return turn


def _messages(obj: dict[str, Any], extra: dict[str, Any]) -> list[Message]:
    given = obj.get("input")
    if isinstance(given, str):
        extra["input"] = given
        return [Message(role="user", parts=[Text(text=given)], is_plain=True)]
    if isinstance(given, list):
        if not given:
            extra["input"] = given
        return read_items(given, "input")
    if given is not None:
        fail("input", f"must be a string or an array of items, not {shown(given)}")
    if not any(obj.get(name) for name in _MAY_LACK_INPUT):
        fail("input", "is missing; it must be a string or an array of items")
    return []


def _instructions(obj: dict[str, Any]) -> Message | None:
    words = obj.get("instructions")
    if words is None:
        return None
    return Message(role="system", parts=[Text(text=text(obj, "instructions", ""))], is_plain=True)


def _thinking(obj: dict[str, Any]) -> Thinking | None:
    if obj.get("reasoning") is None:
        return None
    reasoning = child(obj, "reasoning", "")
    effort: Any = text(reasoning, "effort", "reasoning")
    if effort and effort not in _EFFORTS:
        fail("reasoning.effort", f"is {shown(effort)}; it must be one of none, minimal, low, medium, high, xhigh, max")
    summary = text(reasoning, "summary", "reasoning")
    return Thinking(effort=effort, summary=summary, extra=left(reasoning, _REASONING))


def _format(obj: dict[str, Any], extra: dict[str, Any]) -> Format | None:
    """`text.format`. What `text` holds besides goes to `extra`, where an empty object says that it was there."""
    if obj.get("text") is None:
        return None
    whole = child(obj, "text", "")
    form, path = child(whole, "format", "text"), "text.format"
    kind = form.get("type")
    is_ours = kind in ("json_object", "json_schema")
    rest = left(whole, _TEXT) or {}
    if form and not is_ours:
        rest["format"] = form  # `{"type": "text"}`, which is what there is without it, or what nobody knows yet
    if rest or not (is_ours or whole.get("verbosity")):
        extra["text"] = rest
    if not is_ours:
        return None
    if kind == "json_object":
        return Format(kind="json_object", extra=left(form, _FORMAT))
    if form.get("schema") is None:
        fail(join(path, "schema"), "is missing")
    return Format(
        kind="json_schema",
        name=needed_text(form, "name", path),
        description=text(form, "description", path),
        schema=child(form, "schema", path),
        strict=flag(form, "strict", path),
        extra=left(form, _FORMAT),
    )
