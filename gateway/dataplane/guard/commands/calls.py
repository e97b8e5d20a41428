"""What stands in a tool call: which of its strings are scripts, which are paths, which are only text that it writes."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

_SHELL_TOOL: Final = re.compile(
    r"(?i)(?:^|[^a-z])(?:bash|shell|exec|execute|terminal|powershell|pwsh|command|cmd|sh|run|console)(?:[^a-z]|$)|shell|bash|command|terminal|exec"
)
_WRITING_TOOL: Final = re.compile(r"(?i)write|edit|create|patch|replace|insert|append|update")
_READING_TOOL: Final = re.compile(r"(?i)read|view|open|cat|get|load|fetch|grep|search|glob|list")
_SCRIPT_KEYS: Final = frozenset(
    [
        "command",
        "cmd",
        "commands",
        "script",
        "shell_command",
        "bash_command",
        "command_line",
        "commandline",
        "shell",
        "code",
        "argv",
        "args",
        "arguments",
        "chars",
        "input",
        "stdin",
        "run",
    ]
)
_PATH_KEY: Final = re.compile(
    r"(?i)(?:^|_)(?:path|paths|file|files|filename|file_?name|filepath|dir|directory|folder|cwd|workdir|target|source|destination|uri|location)(?:$|_)|path$|file$"
)
_PATCH_LINE: Final = re.compile(r"^\*\*\* (Add File|Update File|Delete File|Move to): (.{1,1000}?)\s*$", re.MULTILINE)
_MOST_DEPTH: Final = 16
_MOST_STRINGS: Final = 2000
_TEXT_ESCAPES: Final = msgspec.json.Decoder()

Said = tuple[str, str]
"""(key, text)."""


class Call(msgspec.Struct):
    """One call, read once."""

    scripts: list[Said] = []
    paths: list[Said] = []
    written: list[Said] = []
    """Paths that it writes to."""
    texts: list[Said] = []
    """All its strings."""


def read(name: str, arguments: bytes) -> Call:
    """`arguments` is JSON or plain text; what cannot be read as either is one text."""
    call = Call()
    is_shell = _SHELL_TOOL.search(name) is not None and not _READING_TOOL.fullmatch(name)
    is_writing = _WRITING_TOOL.search(name) is not None and not is_shell
    try:
        decoded = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        decoded = arguments.decode(errors="replace")
        call.texts.append(("", decoded))
        call.scripts += [] if is_writing else [("", decoded)]
        _patched(call, decoded)
        return call
    for key, value in _strings(decoded, "", 0):
        if len(call.texts) >= _MOST_STRINGS:
            break
        call.texts.append((key, value))
        if _PATH_KEY.search(key) and "\n" not in value:
            call.paths.append((key, value))
            if is_writing:
                call.written.append((key, value))
        elif (key in _SCRIPT_KEYS and not (is_writing and key in ("code", "input"))) or (
            is_shell and key not in ("description", "justification", "explanation", "reason")
        ):
            call.scripts.append((key, value))
        _patched(call, value)
    return call


def _patched(call: Call, text: str) -> None:
    """The files of a patch, as `apply_patch` takes it, alone or in a script."""
    if "*** " in text:
        for found in _PATCH_LINE.finditer(text):
            call.paths.append((found[1], found[2]))
            call.written.append((found[1], found[2]))


def _strings(value: Any, key: str, depth: int) -> Iterator[Said]:
    """Every string with the name of the nearest member; a list of words of a command is one script."""
    if isinstance(value, str):
        yield key, value
    elif depth > _MOST_DEPTH:
        return
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, str(name), depth + 1)
    elif isinstance(value, list):
        if key in _SCRIPT_KEYS and value and all(isinstance(each, str) for each in value):
            yield key, " ".join(map(_quoted, value))
            return
        for inner in value:
            yield from _strings(inner, key, depth + 1)


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w./~=:@%+,-]+", word) else "'" + word.replace("'", "'\\''") + "'"
