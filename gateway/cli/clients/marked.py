"""Edits of line-based files (TOML, dotenv): our lines stand between two marker lines, the user's stay as they are.

A user's line that would contradict ours is an error that names it; with `force` it is commented out with a marker of its
own, so that it comes back when ours go.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from gateway.cli.usage_error import UsageError

_BEGIN = "# >>> agentcc: made by `agentcc setup`, removed by `agentcc setup --undo` >>>"
_END = "# <<< agentcc <<<"
_OFF = "# agentcc-off: "
_BLOCK = re.compile(rf"^{re.escape(_BEGIN)}\r?\n.*?^{re.escape(_END)}(?:\r?\n|\Z)", re.MULTILINE | re.DOTALL)
_SWITCHED_OFF = re.compile(rf"^{re.escape(_OFF)}", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_BOM = "\ufeff"


def block(lines: list[str], eol: str) -> str:
    """Our lines between their markers."""
    return eol.join([_BEGIN, *lines, _END]) + eol


def without_blocks(text: str) -> str:
    """The text as it was before our blocks, with the lines that we had switched off."""
    bom, text = _split_bom(text)
    return bom + _SWITCHED_OFF.sub("", _BLOCK.sub("", text))


def _split_bom(text: str) -> tuple[str, str]:
    return (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)


def _eol(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


class TomlEdit:
    """Sets keys at the root of a TOML file and adds one table of its own.

    Root keys go to the very top, where they cannot fall into a table of the user's; the table goes to the end. The result
    is parsed and compared with what was meant, so an unusual file is refused, never damaged.
    """

    def __init__(self, root: Mapping[str, str], table: str, values: Mapping[str, str]) -> None:
        self._root, self._table, self._values = root, table, values

    def snippet(self) -> str:
        return "\n".join([*_assignments(self._root), "", f"[{self._table}]", *_assignments(self._values)]) + "\n"

    def apply(self, text: str, path: str, *, force: bool) -> str:
        bom, text = _split_bom(text)
        before = _parsed(text, path)
        parent, _, leaf = self._table.partition(".")
        root = {k: v for k, v in self._root.items() if before.get(k) != v}
        kept = text
        for name in root:
            if name in before:
                _refuse_unless(force, f"{path} sets `{name} = {_shown(before[name])}`")
                kept = _switch_off_key(kept, name)
        tables = before.get(parent, {})
        if isinstance(tables, dict) and leaf in tables:
            _refuse_unless(force, f"{path} has a `[{self._table}]` made by hand")
            kept = _switch_off_table(kept, self._table)
        eol = _eol(text)
        gap = "" if not kept or kept.endswith("\n") else eol
        top = block(_assignments(root), eol) if root else ""
        made = top + kept + gap + block([f"[{self._table}]", *_assignments(self._values)], eol)
        others = tables if isinstance(tables, dict) else {}
        meant = {**before, **self._root, parent: {**others, leaf: dict(self._values)}}
        try:
            is_as_meant = tomllib.loads(made) == meant
        except tomllib.TOMLDecodeError:
            is_as_meant = False
        if not is_as_meant:
            raise UsageError(
                f"{path} is written in a way that cannot be edited safely", "`--print` shows what to add by hand"
            )
        return bom + made

    def remove(self, text: str, original: str | None, written: str | None) -> str:
        del original, written  # the markers tell
        return without_blocks(text)


class EnvEdit:
    """Sets variables in a dotenv file."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def snippet(self) -> str:
        return "".join(f"{name}={value}\n" for name, value in self._values.items())

    def apply(self, text: str, path: str, *, force: bool) -> str:
        eol, kept = _eol(text), text
        for name, value in self._values.items():
            line = re.compile(rf"^[ \t]*(?:export[ \t]+)?{name}[ \t]*=[ \t]*(.*?)\r?$", re.MULTILINE)
            if any(found != value for found in line.findall(text)):
                _refuse_unless(force, f"{path} sets `{name}` to something else")
                kept = line.sub(lambda match: _OFF + match[0], kept)
        gap = "" if not kept or kept.endswith("\n") else eol
        return kept + gap + block(self.snippet().splitlines(), eol)

    def remove(self, text: str, original: str | None, written: str | None) -> str:
        del original, written
        return without_blocks(text)


def _assignments(values: Mapping[str, str]) -> list[str]:
    return [f"{name} = {_quoted(value)}" for name, value in values.items()]


def _quoted(value: str) -> str:
    """A TOML basic string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04X}" for c in escaped) + '"'


def _shown(value: object) -> str:
    return _quoted(value) if isinstance(value, str) else str(value)


def _parsed(text: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise UsageError(f"{path} is not valid TOML: {exc}", "repair it first; nothing was changed") from exc


def _refuse_unless(force: bool, problem: str) -> None:
    if not force:
        raise UsageError(problem, "`--force` switches it off until `--undo`; `--print` shows what to add by hand")


def _switch_off_key(text: str, name: str) -> str:
    """Comment out `name = …` where it stands before the first table."""
    first = _TABLE.search(text)
    end = first.start() if first else len(text)
    line = re.compile(rf'^[ \t]*(?:{name}|"{name}")[ \t]*=.*$', re.MULTILINE)
    return line.sub(lambda match: _OFF + match[0], text[:end], count=1) + text[end:]


def _switch_off_table(text: str, table: str) -> str:
    """Comment out `[table]` and its sub-tables, up to the next other table."""
    header = re.compile(rf"^[ \t]*\[[ \t]*{re.escape(table)}[ \t]*(?:\]|\.)")
    made, is_ours = [], False
    for line in text.splitlines(keepends=True):
        if _TABLE.match(line):
            is_ours = header.match(line) is not None
        made.append(_OFF + line if is_ours and line.strip() else line)
    return "".join(made)
