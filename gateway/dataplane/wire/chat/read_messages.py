"""`messages` as the canon's. The order of parts in an assistant message is ours, for Chat has none: thoughts, content, calls.

Legacy forms are read to the modern ones: `function_call` to a call, a message of role `function` to its result. Ids that are
missing are made from the place in the conversation, so that they stay the same from turn to turn; results without one belong
to the calls before them, in order (trap 10).
"""

from typing import Any, cast

from gateway.dataplane.wire.canon import Message, Opaque, Part, Reasoning, Refusal, Role, Text, ToolCall, ToolResult
from gateway.dataplane.wire.chat.citations import citation_of
from gateway.dataplane.wire.chat.parts import read_cache, read_content
from gateway.dataplane.wire.chat.reasoning import bound_signature, read_thoughts
from gateway.dataplane.wire.fields import (
    array,
    as_object,
    as_text,
    bounded,
    child,
    encode,
    fail,
    join,
    needed_text,
    rest,
    shown,
    text,
)
from gateway.dataplane.wire.translate.waiting import Waiting

_PLAIN = frozenset({"role", "content", "cache_control"})
_RESULT = _PLAIN | {"tool_call_id"}
_ASSISTANT = _PLAIN | {
    "refusal",
    "tool_calls",
    "function_call",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "annotations",
    "extra_content",
}
_CALL = frozenset({"id", "type", "function", "custom", "extra_content"})
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


class ReadMessages:
    """Reads one conversation; knows which calls still wait for their result."""

    def __init__(self) -> None:
        self._waiting = Waiting()

    def all(self, values: list[Any]) -> list[Message]:
        """Raises BadRequest."""
        if not values:
            fail("messages", "is empty; send at least one message")
        return [self._one(as_object(one, join("messages", at)), join("messages", at)) for at, one in enumerate(values)]

    def _one(self, message: dict[str, Any], path: str) -> Message:
        role = needed_text(message, "role", path)
        if role == "assistant":
            return self._assistant(message, path)
        if role in ("tool", "function"):
            return self._result(message, role, path)
        if role not in _ROLES:
            fail(join(path, "role"), f"is {shown(role)}; one of {', '.join(f'`{one}`' for one in _ROLES)} is served")
        parts, is_plain = read_content(message.get("content"), join(path, "content"))
        return _message(cast(Role, role), parts, message, _PLAIN, path, is_plain=is_plain)

    def _result(self, message: dict[str, Any], role: str, path: str) -> Message:
        content, is_plain = read_content(message.get("content"), join(path, "content"))
        name = text(message, "name", path)
        call_id = text(message, "tool_call_id", path)
        if call_id:
            self._waiting.by_id(call_id)
        elif role == "function" and name:
            call_id = self._waiting.by_name(name)
        else:
            call_id = self._waiting.first()
        if not call_id:
            fail(join(path, "tool_call_id"), "is missing, and no call waits for a result")
        parts = cast(list[Text | Opaque], [one for one in content if not isinstance(one, Reasoning | Refusal)])
        cache = read_cache(message, path)
        more = rest(message, _RESULT | ({"name"} if role == "function" else set()))
        result = ToolResult(call_id=call_id, parts=[*parts], name=name, is_plain=is_plain, cache=cache)
        return Message(role="tool", parts=[result], extra=_said(more))

    def _assistant(self, message: dict[str, Any], path: str) -> Message:
        content, is_plain = read_content(message.get("content"), join(path, "content"))
        if refusal := text(message, "refusal", path):
            content.append(Refusal(text=refusal))
        if signature := bound_signature(message):
            content.insert(0, Reasoning(signature=signature, is_bound=True))
        annotations = message.get("annotations")
        if annotations and isinstance(annotations, list):
            _cite(content, annotations)
        calls = self._calls(message, path)
        parts = _in_order(read_thoughts(message), content, calls)
        return _message("assistant", parts, message, _ASSISTANT, path, is_plain=is_plain)

    def _calls(self, message: dict[str, Any], path: str) -> list[Part]:
        parts: list[Part] = []
        self._waiting = Waiting()
        for at, value in enumerate(array(message, "tool_calls", path)):
            where = join(join(path, "tool_calls"), at)
            source = as_object(value, where)
            if signature := bound_signature(source):
                parts.append(Reasoning(signature=signature, is_bound=True))
            parts.append(self._waits(_call(source, where, f"call_{path[9:-1]}_{at}")))
        if message.get("function_call") is not None:
            called = child(message, "function_call", path)
            where = join(path, "function_call")
            call = ToolCall(
                id=f"call_{path[9:-1]}",  # the number in `messages[7]`
                name=needed_text(called, "name", where),
                arguments=_arguments(called.get("arguments"), join(where, "arguments")),
            )
            parts.append(self._waits(call))
        return parts

    def _waits(self, call: ToolCall) -> ToolCall:
        self._waiting.add(call.id, call.name)
        return call


def _call(source: dict[str, Any], path: str, id_if_missing: str) -> ToolCall:
    kind = text(source, "type", path, "function")
    if kind not in ("function", "custom"):
        fail(join(path, "type"), f"is {shown(kind)}; `function` or `custom` is served")
    inner, where = as_object(source.get(kind), join(path, kind)), join(path, kind)
    name = needed_text(inner, "name", where)
    call_id = text(source, "id", path) or id_if_missing
    extra = _said(rest(source, _CALL))
    if kind == "custom":
        return ToolCall(id=call_id, name=name, arguments=text(inner, "input", where), kind="custom", extra=extra)
    arguments = _arguments(inner.get("arguments"), join(where, "arguments"))
    return ToolCall(id=call_id, name=name, arguments=arguments, extra=extra)


def _arguments(value: Any, path: str) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):  # Ollama's own form, which clients of both send
        return encode(value).decode()
    return bounded(as_text(value, path), path)


def _cite(content: list[Part], annotations: list[Any]) -> None:
    for part in reversed(content):
        if isinstance(part, Text):
            part.citations = [citation_of(one) for one in annotations]
            return


def _in_order(thoughts: list[tuple[str, Reasoning]], content: list[Part], calls: list[Part]) -> list[Part]:
    """Thoughts first, but those that name a call right before it."""
    known = {one.id for one in calls if isinstance(one, ToolCall)}
    parts: list[Part] = [thought for before, thought in thoughts if before not in known]
    parts += content
    late: dict[str, list[Reasoning]] = {}
    for before, thought in thoughts:
        if before in known:
            late.setdefault(before, []).append(thought)
    for one in calls:
        if late and isinstance(one, ToolCall):
            parts += late.pop(one.id, ())
        parts.append(one)
    return parts


def _message(
    role: Role, parts: list[Part], message: dict[str, Any], known: frozenset[str], path: str, *, is_plain: bool
) -> Message:
    cache = read_cache(message, path)
    if cache and parts:  # on a message with bare content (LiteLLM): the breakpoint is after its end
        parts[-1].cache = cache
        is_plain = False
    return Message(role=role, parts=parts, is_plain=is_plain, extra=_said(rest(message, known)))


def _said(more: dict[str, Any] | None) -> dict[str, Any] | None:
    """Members that say something: nulls and empty lists, which SDKs write for every field they know, do not."""
    if more is None:
        return None
    return {name: value for name, value in more.items() if value is not None and value != []} or None
