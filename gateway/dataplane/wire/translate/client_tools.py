"""Tools that a client runs itself but declares by a type instead of a schema: which functions stand for them elsewhere.

Sources: OpenAI's `local_shell` and client-executed `tool_search` (API reference, Responses); Anthropic's bash, text editor and
memory tools (platform.claude.com, "Tool use"). Anthropic's computer tool has no fitting function: its model was trained on it.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.dataplane.wire.canon import CallKind, Tool
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.lenient import decoded

_TEXT: Final = {"type": "string"}
_LINE: Final = {"type": "integer"}


def _schema(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


_SHELL: Final = _schema(
    {
        "command": {"type": "array", "items": _TEXT, "description": "The program and its arguments, as for execvp."},
        "working_directory": {**_TEXT, "description": "Where to run it; the session's directory if absent."},
        "timeout_ms": {"type": "integer", "description": "After how many milliseconds it is ended."},
    },
    ["command"],
)
_SHELL_SAYS: Final = (
    'Runs a command on the user\'s machine and gives its output. For a shell line use ["bash", "-lc", "…"].'
)

_EDITS: Final = {
    "path": {**_TEXT, "description": "Absolute path of the file or directory."},
    "old_str": {**_TEXT, "description": "For str_replace: the text to replace; it must occur exactly once."},
    "new_str": {**_TEXT, "description": "For str_replace: the new text."},
    "file_text": {**_TEXT, "description": "For create: the whole content."},
    "insert_line": {**_LINE, "description": "For insert: the line after which the text goes; 0 is the beginning."},
    "insert_text": {**_TEXT, "description": "For insert: the text."},
    "view_range": {
        "type": "array",
        "items": _LINE,
        "description": "For view: first and last line, from 1; -1 is the end.",
    },
}

_ANTHROPIC: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "bash_": (
        "Runs a command in a bash session that persists, and gives its output.",
        _schema(
            {
                "command": {**_TEXT, "description": "The command."},
                "restart": {"type": "boolean", "description": "True starts the session anew."},
            },
            [],
        ),
    ),
    "text_editor_": (
        "Views, creates and edits text files.",
        _schema(
            {"command": {"type": "string", "enum": ["view", "create", "str_replace", "insert"]}, **_EDITS},
            ["command", "path"],
        ),
    ),
    "memory_": (
        "Reads and writes files under /memories, which last longer than this conversation.",
        _schema(
            {
                "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert", "delete", "rename"]},
                **_EDITS,
                "old_path": {**_TEXT, "description": "For rename: the path now."},
                "new_path": {**_TEXT, "description": "For rename: the path then."},
            },
            ["command"],
        ),
    ),
}


def kind_of(tool: Tool) -> CallKind | None:
    """The kind of the calls of a `server` tool that its client runs; None for a tool that runs at the provider."""
    value = tool.value if isinstance(tool.value, dict) else {}
    declared = str(value.get("type", ""))
    if declared == "local_shell":
        return "shell"
    if declared == "tool_search" and value.get("execution") == "client":
        return "tool_search"
    return "function" if any(declared.startswith(start) for start in _ANTHROPIC) else None


def as_function(tool: Tool, name: str) -> Tool:
    """The function `name` that stands for a client's own `tool`, for which `kind_of` gives a kind."""
    value: dict[str, Any] = tool.value
    declared = str(value["type"])
    if declared == "local_shell":
        says, schema = _SHELL_SAYS, _SHELL
    elif declared == "tool_search":
        says = (
            value.get("description")
            or "Searches for more tools by what they do. What it finds can be called afterwards."
        )
        schema = value.get("parameters") or _schema({"query": _TEXT}, ["query"])
    else:
        says, schema = next(found for start, found in _ANTHROPIC.items() if declared.startswith(start))
    return Tool(kind="function", name=name, description=says, schema=schema, cache=tool.cache)


class _Action(Struct, omit_defaults=True):
    """A `local_shell_call`'s action; models give the command as a line now and then."""

    command: list[str] | str
    env: dict[str, str] | None = None
    working_directory: str | None = None
    timeout_ms: float | None = None
    user: str | None = None


_read_action = msgspec.json.Decoder(_Action, strict=False).decode


def shell_action(arguments: str) -> str:
    """A function's arguments as the `action` of a `local_shell_call`: complete, whatever the model left out."""
    try:
        action = _read_action(arguments or "{}")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        action = _Action(arguments)
    command = ["bash", "-lc", action.command] if isinstance(action.command, str) else action.command
    whole: dict[str, Any] = {"type": "exec", "command": command, "env": action.env or {}}
    if action.working_directory is not None:
        whole["working_directory"] = action.working_directory
    if action.timeout_ms is not None:
        whole["timeout_ms"] = int(action.timeout_ms)
    if action.user is not None:
        whole["user"] = action.user
    return encode(whole).decode()


def shell_arguments(action: str) -> str:
    """The `action` of a `local_shell_call` as the arguments of the function that stands for it."""
    value = decoded(action)
    if not isinstance(value, dict):
        return action
    return encode(
        {name: member for name, member in value.items() if name != "type" and member not in (None, {})}
    ).decode()
