"""The calls and results of a conversation under the names and in the kinds of a target. A step of `tools.lower`."""

from collections import deque

from msgspec.structs import replace

from gateway.dataplane.wire.canon import CallKind, Message, Opaque, Part, Text, ToolCall, ToolResult
from gateway.dataplane.wire.codec import NameRule
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.responses.names import ADDITIONAL
from gateway.dataplane.wire.translate.client_tools import shell_arguments
from gateway.dataplane.wire.translate.declared import found_by
from gateway.dataplane.wire.translate.names import Names, legal_id, made_id
from gateway.dataplane.wire.translate.unwrap import wrapped

_KINDS = frozenset({"function", "custom", "namespace", "shell", "tool_search"})


def has_all(kinds: frozenset[str]) -> bool:
    """Whether a target has words for every kind: then it also declares tools inside the conversation (Responses)."""
    return kinds >= _KINDS


class History:
    """Lowers messages in their order; results come after their calls."""

    def __init__(self, names: Names, kinds: frozenset[str], rule: NameRule, by_kind: dict[str, str]) -> None:
        self._names, self._kinds, self._rule, self._by_kind = names, kinds, rule, by_kind
        self._called: dict[str, str] = {}
        self._without_id: deque[str] = deque()
        self._calls = 0

    def lowered(self, messages: list[Message]) -> list[Message]:
        out: list[Message] = []
        for message in messages:
            parts = self._parts(message.parts)
            if parts is message.parts:
                out.append(message)
            elif parts or not message.parts:
                out.append(replace(message, parts=parts))
        return out

    def _parts(self, parts: list[Part]) -> list[Part]:
        out: list[Part] | None = None
        for at, part in enumerate(parts):
            new: Part | None = part
            if isinstance(part, ToolCall):
                new = self._call(part)
            elif isinstance(part, ToolResult):
                new = self._result(part)
            elif isinstance(part, Opaque) and part.kind == ADDITIONAL and not has_all(self._kinds):
                new = None  # it is among the declared tools
            if new is not part and out is None:
                out = parts[:at]
            if new is not None and out is not None:
                out.append(new)
        return parts if out is None else out

    def _call(self, call: ToolCall) -> ToolCall:
        call_id = self._call_id(call.id)
        if call.namespace and "namespace" in self._kinds:
            self._called[call_id] = call.name
            return call if call_id == call.id else replace(call, id=call_id)
        wire = self._wire(call)
        self._called[call_id] = wire
        kind, arguments = call.kind, call.arguments
        if kind not in self._kinds:
            if kind == "custom":
                arguments = wrapped(arguments)
            elif kind == "shell":
                arguments = shell_arguments(arguments)
            kind = "function"
        if (call_id, wire, "", kind) == (call.id, call.name, call.namespace, call.kind):
            return call
        return replace(call, id=call_id, name=wire, namespace="", kind=kind, arguments=arguments)

    def _wire(self, call: ToolCall) -> str:
        if call.kind in ("shell", "tool_search"):
            if call.kind in self._kinds:
                return call.name
            return self._by_kind.get(call.kind) or self._names.declare("", call.name or call.kind, call.kind)
        wire = self._names.called(call.namespace, call.name)
        return self._names.declare(call.namespace, call.name, call.kind) if wire is None else wire

    def _result(self, result: ToolResult) -> ToolResult:
        call_id = self._result_id(result.call_id)
        name = self._called.get(call_id, "") if call_id else ""
        if not name and result.name:
            name = self._names.called("", result.name) or result.name
        kind: CallKind = result.kind if result.kind in self._kinds else "function"
        if (call_id, name, kind) == (result.call_id, result.name, result.kind):
            return result
        if result.kind == "tool_search" and kind == "function":
            result = self._finds(result)
        return replace(result, call_id=call_id, name=name, kind=kind)

    def _finds(self, result: ToolResult) -> ToolResult:
        """What a tool search found, as text: the tools are declared, so their wire names suffice."""
        if result.value is None:
            return result
        finds: list[dict[str, str]] = []
        for tool in found_by(result):
            for namespace, child in [(tool.name, one) for one in tool.children or ()] or [("", tool)]:
                wire = self._names.called(namespace, child.name) or child.name
                finds.append({"name": wire, "description": child.description})
        parts: list[Text] = [Text(text=encode({"tools": finds}).decode())]
        return replace(result, parts=parts, value=None, extra=None, is_plain=True)

    def _call_id(self, given: str) -> str:
        self._calls += 1
        if given or not self._rule.id_chars:
            return legal_id(given, self._rule)
        made = legal_id(made_id("", self._calls), self._rule)
        self._without_id.append(made)
        return made

    def _result_id(self, given: str) -> str:
        if given or not self._without_id:
            return legal_id(given, self._rule)
        return self._without_id.popleft()
