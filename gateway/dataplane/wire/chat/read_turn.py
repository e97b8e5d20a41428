"""A client's request → Turn. Nulls count as absent, as the API and the SDKs have it."""

from typing import Any, Final

from gateway.dataplane.wire.canon import Format, Turn
from gateway.dataplane.wire.chat.habits import NAME
from gateway.dataplane.wire.chat.read_messages import ReadMessages
from gateway.dataplane.wire.chat.thinking import MEMBERS as THINKING
from gateway.dataplane.wire.chat.thinking import read_thinking
from gateway.dataplane.wire.chat.tools import LegacyFunction, read_choice, read_tools
from gateway.dataplane.wire.codec import PathSays
from gateway.dataplane.wire.fields import (
    array,
    as_array,
    as_object,
    as_text,
    child,
    fail,
    flag,
    integer,
    join,
    loads,
    number,
    rest,
    text,
)

_KNOWN = THINKING | {
    "model", "messages", "tools", "functions", "tool_choice", "function_call", "parallel_tool_calls", "web_search_options",
    "response_format", "verbosity", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "seed",
    "random_seed", "presence_penalty", "frequency_penalty", "stop", "user", "safety_identifier", "prompt_cache_key",
    "service_tier", "stream", "stream_options", "n",
}  # fmt: skip

HARMLESS: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(
        (
            "store", "metadata", "stream_options", "safety_identifier", "prompt_cache_retention", "prompt_cache_options",
            "usage", "prediction", "reasoning_format", "parts.image_url", "parts.prompt_cache_breakpoint",
            "tools.eager_input_streaming",
        ),
        (),
    ),
    "modalities": (["text"],),
}  # fmt: skip
"""See `Codec.harmless`."""
PATHS: Final[dict[str, str]] = {
    "messages.reasoning": "messages.reasoning_content",
    "messages.tool_result": "messages.tool",
    "messages.image": "messages.image_url",
    "messages.document": "messages.file",
    "messages.audio": "messages.input_audio",
    "messages.video": "messages.video_url",
    "system": "messages",
    "developer": "messages",
    "thinking": "reasoning_effort",
    "format": "response_format",
    "format.schema": "response_format.json_schema.schema",
    "parallel_tools": "parallel_tool_calls",
    "max_output_tokens": "max_completion_tokens",
    "cache_control": "messages.cache_control",
}
"""See `Codec.paths`. Of what has several names here, the newest of OpenAI's."""


def read_turn(body: bytes, path: PathSays) -> Turn:
    """The request as a turn. Raises BadRequest."""
    said = as_object(loads(body), "")
    if said.get("messages") is None:
        fail("messages", "is missing")
    tools = read_tools(said)
    options = child(said, "stream_options", "")
    user, identifier = text(said, "user", ""), text(said, "safety_identifier", "")
    limit = integer(said, "max_completion_tokens", "")
    seed = integer(said, "seed", "")
    turn = Turn(
        dialect=NAME,
        model=text(said, "model", "") or path.model,
        messages=ReadMessages().all(as_array(said["messages"], "messages")),
        tools=tools,
        tool_choice=read_choice(said),
        parallel_tools=flag(said, "parallel_tool_calls", ""),
        thinking=read_thinking(said),
        verbosity=text(said, "verbosity", ""),
        max_output_tokens=integer(said, "max_tokens", "") if limit is None else limit,
        temperature=number(said, "temperature", ""),
        top_p=number(said, "top_p", ""),
        top_k=integer(said, "top_k", ""),
        seed=integer(said, "random_seed", "") if seed is None else seed,
        presence_penalty=number(said, "presence_penalty", ""),
        frequency_penalty=number(said, "frequency_penalty", ""),
        stop=_stop(said),
        user=user or identifier,
        session=text(said, "prompt_cache_key", ""),
        service_tier=text(said, "service_tier", ""),
        is_stream=bool(flag(said, "stream", "")) or path.is_stream,
        wants_usage=bool(flag(options, "include_usage", "stream_options")),
    )
    extra = {name: value for name, value in (rest(said, _KNOWN) or {}).items() if value is not None}
    if user and identifier and user != identifier:
        extra["safety_identifier"] = identifier
    more = rest(options, frozenset({"include_usage"}))
    if more:
        extra["stream_options"] = more
    choices = integer(said, "n", "")
    if choices is not None and choices != 1:
        extra["n"] = choices
    _read_format(turn, extra, said)
    turn.extra = extra or None
    if any(isinstance(tool, LegacyFunction) for tool in tools or ()) and turn.parallel_tools is None:
        turn.parallel_tools = False  # an answer can hold one `function_call` only
    return turn


def _stop(said: dict[str, Any]) -> list[str] | None:
    value = said.get("stop")
    if isinstance(value, str):
        return [value] if value else None
    return [as_text(one, join("stop", at)) for at, one in enumerate(array(said, "stop", ""))] or None


def _read_format(turn: Turn, extra: dict[str, Any], said: dict[str, Any]) -> None:
    form = child(said, "response_format", "")
    kind = text(form, "type", "response_format")
    if kind == "json_object":
        more = rest(form, frozenset({"type"}))
        turn.format = Format(kind="json_object", extra=more)
    elif kind == "json_schema":
        inner, path = child(form, "json_schema", "response_format"), "response_format.json_schema"
        schema = inner.get("schema")
        turn.format = Format(
            kind="json_schema",
            name=text(inner, "name", path),
            description=text(inner, "description", path),
            schema=None if schema is None else as_object(schema, join(path, "schema")),
            strict=flag(inner, "strict", path),
        )
    elif kind not in ("", "text"):
        extra["response_format"] = form  # grammars of single servers
