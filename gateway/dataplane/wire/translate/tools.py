"""Tools, calls and results in the words that a target has. Traps 1, 2, 3, 9, 10.

- `custom` (freeform) becomes a function with one string, `input`; its description carries the grammar.
- Namespaces become `namespace__tool` names; what the conversation itself declares (`additional_tools`, the finds of a client's
  tool search) is declared beside the others.
- Tools that the client runs but declares by type (local shell, tool search, Anthropic's bash, …) become functions.
- Tools that would run at the client's provider and that the target does not have are dropped and reported.
- Names and ids are made legal. Everything is the same in declarations, history and tool_choice.

`Restore` leads the calls of the answer back.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from gateway.base.core.struct import Record
from gateway.dataplane.wire.canon import (
    CallKind,
    Tool,
    ToolChoice,
    Turn,
)
from gateway.dataplane.wire.codec import NameRule
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.responses.names import ADDITIONAL
from gateway.dataplane.wire.translate.client_tools import as_function, kind_of
from gateway.dataplane.wire.translate.declared import declared_within
from gateway.dataplane.wire.translate.history import History, has_all
from gateway.dataplane.wire.translate.names import Names
from gateway.dataplane.wire.translate.restore import Restore
from gateway.dataplane.wire.translate.unwrap import INPUT

_SHOWN_CHARS = 64
_PROMISES = {"allowed_callers": "not_enforced", "defer_loading": "sent_at_once"}


def lower(
    turn: Turn, rule: NameRule, kinds: frozenset[str], servers: frozenset[str], report: Report
) -> tuple[Turn, Restore]:
    """`turn` as a target can say it that has `kinds` of tools and calls and the provider-run tools `servers`.

    The given turn is not changed; what needs no change is shared. Results are given the name of their call.
    """
    names = Names(rule)
    tools = _Tools(names, kinds, servers, report)
    lowered = tools.lowered(turn)
    history = History(names, kinds, rule, tools.by_kind)
    messages = history.lowered(turn.messages)
    choice = _choice(turn.tool_choice, tools, bool(lowered), report)
    return replace(turn, tools=lowered or None, tool_choice=choice, messages=messages), Restore(names)


class _Declared(Record, frozen=True):
    """One tool of the client that has a name: where it stands, and the kind of its calls."""

    path: str
    namespace: str
    tool: Tool
    kind: CallKind


class _Tools:
    """The declarations. `by_kind` has the wire names of the tools whose calls are told by kind instead of name."""

    def __init__(self, names: Names, kinds: frozenset[str], servers: frozenset[str], report: Report) -> None:
        self._names, self._kinds, self._servers, self._report = names, kinds, servers, report
        self.by_kind: dict[str, str] = {}
        self._native: set[str] = set()
        self._shared: dict[str, str] = {}

    def lowered(self, turn: Turn) -> list[Tool]:
        found = self._found(turn.tools or (), "tools")
        if not has_all(self._kinds):
            found += self._found(declared_within(turn.messages), ADDITIONAL)
        wires: dict[int, str] = {}
        for is_changed in (False, True):  # names that stay have the first choice
            for at, one in enumerate(found):
                if isinstance(one, _Declared) and self._names.needs_change(one.namespace, one.tool.name) is is_changed:
                    if self._names.is_declared(one.namespace, one.tool.name):
                        self._twice(one)
                        continue
                    wires[at] = self._names.declare(one.namespace, one.tool.name, one.kind)
        out: list[Tool] = []
        for at, one in enumerate(found):
            if isinstance(one, Tool):
                out.append(one)
            elif at in wires:
                out.append(self._as_function(one, wires[at]))
        return out

    def chosen(self, namespace: str, name: str) -> tuple[str, str] | None:
        """The tool of a tool_choice; None when it is not declared any more."""
        if name in self._native or (namespace and "namespace" in self._kinds):
            return namespace, name
        wire = self._names.called(namespace, self._shared.get(name, name))
        return None if wire is None else ("", wire)

    def _found(self, tools: Iterable[Tool], within: str) -> list["Tool | _Declared"]:
        """What is declared by name, and between it the tools that stay as they are."""
        found: list[Tool | _Declared] = []
        for tool in tools:
            path = f"{within}.{tool.name[:_SHOWN_CHARS]}"
            if tool.kind == "namespace" and "namespace" not in self._kinds:
                found += self._children(tool, path)
            elif tool.kind == "namespace":
                found.append(tool)
            elif tool.kind == "server":
                found += self._server(tool, path)
            else:
                found.append(_Declared(path, "", tool, "custom" if tool.kind == "custom" else "function"))
        return found

    def _children(self, space: Tool, path: str) -> list["Tool | _Declared"]:
        """What a namespace says of itself goes to its first tool, so that the model reads it once."""
        found: list[Tool | _Declared] = []
        says = space.description.strip()
        for child in space.children or ():
            if child.kind not in ("function", "custom"):
                self._report.drop(f"{path}.{child.name}")
                continue
            if says:
                about = f"All tools of `{space.name}`: {says}"
                text = f"{child.description}\n\n{about}" if child.description else about
                child, says = replace(child, description=text), ""
            found.append(_Declared(path, space.name, child, "custom" if child.kind == "custom" else "function"))
        return found

    def _server(self, tool: Tool, path: str) -> list["Tool | _Declared"]:
        kind = kind_of(tool)
        if tool.name in self._servers or (kind is not None and kind != "function" and kind in self._kinds):
            self._native.add(tool.name)
            return [tool]
        if kind is None:
            self._report.drop(path)
            return []
        own_name = tool.value.get("name") or tool.value["type"]  # as calls have it; `Tool.name` is what vendors share
        self._shared[tool.name] = own_name
        return [_Declared(path, "", replace(tool, name=own_name), kind)]

    def _twice(self, one: _Declared) -> None:
        """Providers refuse two tools of one name. What a search found was often declared before; then nothing is lost."""
        if not one.path.startswith(ADDITIONAL):
            self._report.drop(one.path, "duplicate")

    def _as_function(self, one: _Declared, wire: str) -> Tool:
        tool = self._without_promises(one)
        if tool.kind == "server":
            if one.kind != "function":
                self.by_kind[one.kind] = wire
            return as_function(tool, wire)
        if tool.kind == "custom" and "custom" not in self._kinds:
            return _custom_as_function(tool, wire)
        return tool if tool.name == wire else replace(tool, name=wire)

    def _without_promises(self, one: _Declared) -> Tool:
        """Who may call a tool, and when it is shown, is the provider's to keep: no other does (trap 2)."""
        extra = one.tool.extra
        if not extra or not extra.keys() & _PROMISES.keys():
            return one.tool
        for name, why in _PROMISES.items():
            if extra.get(name) not in (None, False, [], ["direct"]):  # direct calls are what everybody allows
                self._report.drop(f"{one.path}.{name}", why)
        return replace(one.tool, extra={name: value for name, value in extra.items() if name not in _PROMISES} or None)


def _custom_as_function(tool: Tool, wire: str) -> Tool:
    says = [tool.description] if tool.description else []
    says.append(
        f"The whole input of this tool is free text. Give it verbatim as the string `{INPUT}`, not as JSON of its own."
    )
    if tool.grammar:
        says.append(f"The text must follow this {tool.syntax or 'formal'} grammar:\n{tool.grammar}")
    schema = {
        "type": "object",
        "properties": {INPUT: {"type": "string", "description": "The tool's whole input, verbatim."}},
        "required": [INPUT],
        "additionalProperties": False,
    }
    return Tool(
        kind="function", name=wire, description="\n\n".join(says), schema=schema, cache=tool.cache, extra=tool.extra
    )


def _choice(choice: ToolChoice | None, tools: _Tools, has_tools: bool, report: Report) -> ToolChoice | None:
    if choice is None:
        return None
    if not has_tools:
        if choice.mode in ("required", "named"):
            report.drop("tool_choice", "no_such_tool")
        return None
    if not choice.tools:
        return choice
    kept: list[tuple[str, str]] = []
    for namespace, name in choice.tools:
        wire = tools.chosen(namespace, name)
        if wire is None:
            report.drop(f"tool_choice.{name}", "no_such_tool")
        else:
            kept.append(wire)
    if kept == choice.tools:
        return choice
    return replace(choice, tools=kept) if kept else ToolChoice(mode="auto")
