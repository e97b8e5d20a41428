"""A client's request (Claude Code, the SDKs) → Turn. Facts about the client: docs/guides/claude-code.md.

`max_tokens` may be missing: token-count requests have none.
"""

from typing import Any, Final

from gateway.dataplane.wire import fields
from gateway.dataplane.wire.canon import Effort, Format, Message, Opaque, Part, Role, Text, Thinking, Turn
from gateway.dataplane.wire.codec import PathSays
from gateway.dataplane.wire.lenient import decoded
from gateway.dataplane.wire.messages.names import BILLING_HEADER, NAME
from gateway.dataplane.wire.messages.read_block import cache_of, extra_of, part_of
from gateway.dataplane.wire.messages.read_tools import choice_of, tools_of

_BILLING_LINE: Final = "x-anthropic-billing-header"
_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}
_TOP: Final = frozenset(
    {
        "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "max_tokens", "temperature", "top_p",
        "top_k", "stop_sequences", "metadata", "stream", "service_tier",
    }
)  # fmt: skip
_MESSAGE: Final = frozenset({"role", "content"})
_THINKING: Final = frozenset({"type", "budget_tokens", "display"})
_FORMAT: Final = frozenset({"type", "schema"})
_EFFORTS: Final[dict[str, Effort]] = {
    "": "",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}

HARMLESS: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(
        (
            "metadata", "cache_control", "output_format", "output_config.effort", "anthropic_version", "anthropic_beta",
            "tools.type", "tools.cache_control", "tools.eager_input_streaming", "parts.cache_control", "parts.source",
        ),
        (),
    ),
    # Claude Code always asks for it; what of the thinking can be sent to another vendor is not the client's to say
    "context_management.edits": ([{"type": "clear_thinking_20251015", "keep": "all"}],),
    "parts.caller": ({"type": "direct"},),
}  # fmt: skip
"""See `Codec.harmless`."""
PATHS: Final[dict[str, str]] = {
    "messages.reasoning": "messages.thinking",
    "format": "output_config.format",
    "max_output_tokens": "max_tokens",
    "stop": "stop_sequences",
    "parallel_tools": "tool_choice.disable_parallel_tool_use",
    "user": "metadata.user_id",
    "cache_control": "messages.cache_control",
}
"""See `Codec.paths`."""


def read_turn(body: bytes, path: PathSays) -> Turn:
    """See `Codec.read_turn`."""
    request = fields.as_object(fields.loads(body), "")
    extra = extra_of(request, _TOP) or {}
    if request.get("stream") is False:
        extra["stream"] = False
    choice, parallel = choice_of(request)
    effort, form = _output_config(request, extra)
    user, session = _metadata(request, extra)
    tools = request.get("tools")
    return Turn(
        dialect=NAME,
        model=path.model or fields.needed_text(request, "model", ""),
        messages=_messages(request),
        instructions=_system(request),
        tools=None if tools is None else tools_of(fields.array(request, "tools", "")),
        tool_choice=choice,
        parallel_tools=parallel,
        thinking=_thinking(request, effort, extra),
        format=form,
        max_output_tokens=_limit(request),
        temperature=fields.number(request, "temperature", ""),
        top_p=fields.number(request, "top_p", ""),
        top_k=fields.integer(request, "top_k", ""),
        stop=_stop(request),
        user=user,
        session=session,
        service_tier=fields.text(request, "service_tier", ""),
        is_stream=path.is_stream or bool(fields.flag(request, "stream", "")),
        cache=cache_of(request, ""),
        extra=extra or None,
    )


def _limit(request: dict[str, Any]) -> int | None:
    limit = fields.integer(request, "max_tokens", "")
    if limit is not None and limit < 0:
        fields.fail("max_tokens", f"must not be negative: {limit}")
    return limit


def _stop(request: dict[str, Any]) -> list[str] | None:
    if request.get("stop_sequences") is None:
        return None
    given = fields.array(request, "stop_sequences", "")
    return [fields.as_text(one, fields.join("stop_sequences", at)) for at, one in enumerate(given)]


# === system and messages ===


def _system(request: dict[str, Any]) -> Message | None:
    system = request.get("system")
    if system is None:
        return None
    if isinstance(system, str):
        return Message(role="system", parts=[Text(text=system)], is_plain=True)
    blocks = fields.as_array(system, "system")
    return Message(role="system", parts=[_system_part(one, fields.join("system", at)) for at, one in enumerate(blocks)])


def _system_part(value: Any, path: str) -> Part:
    """Claude Code's billing line changes with each version and would spoil other providers' caches (trap 32)."""
    part = part_of(value, path)
    if isinstance(part, Text) and part.text.startswith(_BILLING_LINE):
        return Opaque(kind=BILLING_HEADER, value=value, cache=part.cache)
    return part


def _messages(request: dict[str, Any]) -> list[Message]:
    if request.get("messages") is None:
        fields.fail("messages", "is missing")
    given = fields.array(request, "messages", "")
    return [_message(value, fields.join("messages", at)) for at, value in enumerate(given)]


def _message(value: Any, path: str) -> Message:
    message = fields.as_object(value, path)
    role = _ROLES.get(fields.needed_text(message, "role", path))
    if role is None:
        shown = fields.shown(message["role"])
        fields.fail(fields.join(path, "role"), f"must be `user`, `assistant` or `system`, not {shown}")
    content = message.get("content")
    extra = extra_of(message, _MESSAGE)
    of = fields.join(path, "content")
    if isinstance(content, str):
        return Message(role=role, parts=[Text(text=content)], is_plain=True, extra=extra)
    if content is None:
        fields.fail(of, "is missing")
    blocks = fields.as_array(content, of)
    return Message(role=role, parts=[part_of(one, fields.join(of, at)) for at, one in enumerate(blocks)], extra=extra)


# === thinking, format, user ===


def _thinking(request: dict[str, Any], effort: Effort, extra: dict[str, Any]) -> Thinking | None:
    if request.get("thinking") is None:
        return Thinking(effort=effort) if effort else None
    path = "thinking"
    given = fields.child(request, path, "")
    mode = fields.needed_text(given, "type", path)
    more = extra_of(given, _THINKING) or {}
    display = fields.text(given, "display", path)
    summary = {"summarized": "auto", "omitted": "none"}.get(display, "")
    if display and not summary:  # one of the beta values
        more["display"] = display
    if mode == "enabled":
        budget = fields.integer(given, "budget_tokens", path)
        if budget is None:
            fields.fail(
                "thinking.budget_tokens", "is missing; an enabled thinking has a budget of at least 1024 tokens"
            )
        return Thinking(effort=effort, budget_tokens=budget, summary=summary, extra=more or None)
    if mode == "adaptive":
        return Thinking(effort=effort, is_adaptive=True, summary=summary, extra=more or None)
    if mode not in ("disabled", "between_tools"):
        shown = fields.shown(mode)
        fields.fail("thinking.type", f"must be `enabled`, `adaptive`, `disabled` or `between_tools`, not {shown}")
    if effort:  # it then rules the length of the answer only
        extra["output_config"] = {"effort": effort, **extra.get("output_config", {})}
    if mode == "between_tools":
        more["type"] = mode
    return Thinking(effort="none", summary=summary, extra=more or None)


def _output_config(request: dict[str, Any], extra: dict[str, Any]) -> tuple[Effort, Format | None]:
    """Effort and format; `extra` gets what else is there, and the older `output_format` as it is."""
    config = fields.child(request, "output_config", "")
    left = {name: value for name, value in config.items() if name not in ("effort", "format") or value is None}
    if left or (not config and request.get("output_config") is not None):
        extra["output_config"] = left
    word = fields.text(config, "effort", "output_config")
    effort = _EFFORTS.get(word)
    if effort is None:
        allowed = "low, medium, high, xhigh, max"
        fields.fail("output_config.effort", f"must be one of {allowed}, not {fields.shown(word)}")
    if config.get("format") is not None:
        return effort, _format(fields.child(config, "format", "output_config"), "output_config.format")
    if request.get("output_format") is not None:
        return effort, _format(fields.child(request, "output_format", ""), "output_format")
    return effort, None


def _format(given: dict[str, Any], path: str) -> Format:
    kind = fields.needed_text(given, "type", path)
    if kind != "json_schema":
        fields.fail(fields.join(path, "type"), f"must be `json_schema`, not {fields.shown(kind)}")
    schema = fields.as_object(given.get("schema"), fields.join(path, "schema"))
    return Format(kind="json_schema", schema=schema, extra=extra_of(given, _FORMAT))


def _metadata(request: dict[str, Any], extra: dict[str, Any]) -> tuple[str, str]:
    """User and session. Claude Code puts both, and more, as JSON into `user_id`; then the user is the account or the device."""
    metadata = fields.child(request, "metadata", "")
    user = fields.text(metadata, "user_id", "metadata")
    if request.get("metadata") is not None and metadata != {"user_id": user}:
        extra["metadata"] = metadata
    if not user.startswith("{"):
        return user, ""
    told = decoded(user)
    if not isinstance(told, dict):
        return user, ""
    found = {name: value for name, value in told.items() if isinstance(value, str)}
    named = found.get("account_uuid") or found.get("device_id") or ""
    if not named:
        return user, found.get("session_id", "")
    extra["metadata"] = metadata
    return named, found.get("session_id", "")
