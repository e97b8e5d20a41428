"""What a tool call asks for: whether its tool, its commands, its paths and its hosts are allowed."""

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.base.core.struct import Record
from gateway.base.core.verdict import Action
from gateway.dataplane.guard.answer.bits import all_strings
from gateway.dataplane.guard.answer.notes import Notes
from gateway.dataplane.guard.commands import judged, named_hosts, named_paths

_decode = msgspec.json.Decoder().decode
MOST_BYTES: Final = 256 << 10
"""Of longer arguments each string is judged by its first `_MOST_CHARS`; a verdict says so where one was cut."""
_MOST_CHARS: Final = 64 << 10
TOO_LONG: Final = "too-long-to-check"


class CallRules(Record, frozen=True):
    """Of one policy and key. Empty: any. `action`: `block` or `log`."""

    action: Action
    only_rules: frozenset[str] = frozenset()
    denied_paths: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    key_tools: tuple[str, ...] = ()
    fails_closed: bool = False

    def action_of(self, rule: str) -> Action:
        """What is done about a call that breaks it."""
        return self.action if rule != TOO_LONG or self.fails_closed else "log"

    def of_key(self, key_tools: tuple[str, ...]) -> "CallRules":
        """The same, for a key that may call these tools only."""
        return replace(self, key_tools=key_tools)

    def judge(self, tool: str, arguments: bytes) -> list[str]:
        """The rules that a call breaks. `arguments` is JSON text, or plain text."""
        broken: list[str] = []
        if not (_is_one_of(tool, self.tools) and _is_one_of(tool, self.key_tools)):
            broken.append("tool-not-allowed")
        asked, is_cut = _shortened(arguments) if len(arguments) > MOST_BYTES else (_strict(arguments), False)
        if is_cut:
            broken.append(TOO_LONG)
        dangers = [danger.rule for danger in judged(tool, asked)]
        broken += [rule for rule in dict.fromkeys(dangers) if not self.only_rules or rule in self.only_rules]
        if self.denied_paths and any(
            _names(path, glob) for path in named_paths(tool, asked) for glob in self.denied_paths
        ):
            broken.append("path-denied")
        if self.domains and any(not _is_one_of(host, self.domains) for host in named_hosts(tool, asked)):
            broken.append("host-not-allowed")
        return broken


class Judge:
    """Of one answer: judges each call once, however often providers say it."""

    __slots__ = ("_judged", "_notes", "_rules")

    def __init__(self, rules: CallRules, notes: Notes) -> None:
        self._rules, self._notes = rules, notes
        self._judged: set[int] = set()

    def judge(self, tool: str, said: bytes) -> None:
        """Tell what a call breaks; `said` is its arguments. Raises GuardrailBlocked where the answer must end."""
        known = hash((tool, said))
        if known in self._judged:
            return
        self._judged.add(known)
        for rule in self._rules.judge(tool, said):
            if self._rules.action_of(rule) == "block":
                raise self._notes.block("tool_calls", rule, f"call {tool}", said)
            self._notes.tell("tool_calls", rule, "log", f"call {tool}", said)


def _strict(arguments: bytes) -> bytes:
    """Arguments that only lenient parsers take, as agents' are (halves of surrogate pairs, `NaN`, `1e999`), as JSON that all take."""
    try:
        _decode(arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            value = json.loads(arguments, parse_constant=str, parse_float=str)
        except (ValueError, RecursionError):
            return arguments
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return arguments


def _shortened(arguments: bytes) -> tuple[bytes, bool]:
    """Long arguments without what their long strings go on with, and whether there were any."""
    try:
        value = json.loads(arguments, parse_constant=str, parse_float=str)
    except (ValueError, RecursionError):
        return arguments[:MOST_BYTES], True
    is_cut = False
    for container, key in all_strings(value):
        if len(container[key]) > _MOST_CHARS:
            container[key] = container[key][:_MOST_CHARS]
            is_cut = True
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"), is_cut


def _is_one_of(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _names(path: str, glob: str) -> bool:
    """Whether a path is the one that a glob means, or lies in it: `/etc` and `~/.ssh/*`, and `*.pem` wherever it is."""
    glob = glob.rstrip("/") or "/"
    if "/" not in glob:
        return any(fnmatchcase(part, glob) for part in path.split("/"))
    return fnmatchcase(path, glob) or fnmatchcase(path, f"{glob.removesuffix('/*').removesuffix('/**')}/*")
