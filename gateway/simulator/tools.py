"""Hands: how this client wants a shell command, a new file or an edit to be written as a tool call.

Each agent advertises its own tools: Codex `exec_command` + custom `apply_patch`, Codex code mode (`exec` takes
JavaScript), Claude Code `Bash`/`Write`/`Edit`, Gemini CLI `run_shell_command`/`write_file`/`replace`, and others with
the same ideas under other names. A gateway may have prefixed names or turned a custom tool into a function with one
string. Pure: advertised tools in, `Call` out.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import orjson

from .steps import Call, Record

_CODEX_SHELLS = ("exec_command", "shell_command", "shell")
_SHELLS = (
    *_CODEX_SHELLS,
    "local_shell",
    "bash",
    "run_shell_command",
    "execute_command",
    "run_terminal_cmd",
    "run_in_terminal",
    "run_command",
    "terminal",
    "execute_bash",
)
_WRITE = ("write", "write_file", "write_to_file", "create_file", "save_file")
_EDIT = ("edit", "replace", "edit_file", "str_replace")
_READ = ("read", "read_file")
_PATH = ("file_path", "filePath", "path", "target_file", "filename", "file")
_OLD = ("old_string", "oldString", "old_str", "search", "old_text")
_NEW = ("new_string", "newString", "new_str", "replace", "new_text")
_BODY = ("content", "contents", "text", "file_text")
_COMMAND = ("cmd", "command", "script")


class Tool(Record, frozen=True):
    """One advertised tool, in any dialect."""

    name: str
    custom: bool = False
    namespace: str | None = None
    properties: dict[str, Any] = {}
    required: tuple[str, ...] = ()
    description: str = ""

    @property
    def base(self) -> str:
        """The name without a prefix that a gateway or a namespace put before it."""
        for mark in ("__", ".", "/"):
            name = self.name.rpartition(mark)[2]
            if name and name != self.name:
                return name.lower()
        return self.name.lower()


class Hands(Record, frozen=True):
    """What this client can do for the agent. `None` where it cannot."""

    shell: Tool | None
    code: Tool | None  # Codex code mode: JavaScript that calls the other tools
    patch: Tool | None
    write: Tool | None
    edit: Tool | None
    read: Tool | None

    @property
    def able(self) -> bool:
        return self.shell is not None or self.code is not None

    @property
    def speaks_patch(self) -> bool:
        """Edits go by the apply_patch language (all of Codex's tools, also the shell of models it does not know)."""
        if self.code is not None or self.patch is not None:
            return True
        return self.write is None and self.shell is not None and self.shell.base in _CODEX_SHELLS

    def run(self, command: str, why: str = "Look around") -> Call:
        """A shell command."""
        if self.code is not None:
            source = f"const r = await tools.exec_command({{cmd: {_js(command)}}});\ntext(r.output);\n"
            return _raw(self.code, source + 'if (r.exit_code) text("Exit code: " + r.exit_code);')
        assert self.shell is not None
        key = _key(self.shell, _COMMAND) or "command"
        schema = self.shell.properties.get(key)
        value: Any = command
        if isinstance(schema, dict) and str(schema.get("type", "")).lower() == "array":
            value = ["bash", "-lc", command]
        return _function(self.shell, {key: value, "description": why})

    def add(self, path: str, content: str, cwd: str) -> Call:
        """A new file at `path`, relative to `cwd`."""
        if self.speaks_patch or self.write is None:
            lines = content.removesuffix("\n").split("\n")
            body = "".join(f"+{line}\n" for line in lines)
            if self.speaks_patch:
                return self._patched(f"*** Begin Patch\n*** Add File: {path}\n{body}*** End Patch\n")
            text = "\n".join(lines)
            return self.run(f"cat > {shlex.quote(path)} <<'SIM_EOF'\n{text}\nSIM_EOF", "Write the file")
        place, body = _key(self.write, _PATH) or "file_path", _key(self.write, _BODY) or "content"
        return _function(self.write, {place: _join(cwd, path), body: content})

    def change(self, path: str, old: str, new: str, cwd: str) -> Call | None:
        """Replace the lines `old` by the lines `new` in an existing file, or None if no tool can."""
        if self.speaks_patch:
            minus = "".join(f"-{line}\n" for line in old.split("\n"))
            plus = "".join(f"+{line}\n" for line in new.split("\n"))
            return self._patched(f"*** Begin Patch\n*** Update File: {path}\n@@\n{minus}{plus}*** End Patch\n")
        if self.edit is None:
            return None
        tool = self.edit
        args = {_key(tool, _PATH) or "file_path": _join(cwd, path)}
        args |= {_key(tool, _OLD) or "old_string": old, _key(tool, _NEW) or "new_string": new}
        return _function(tool, args | {"instruction": f"Change {path} as asked"})

    def look_at(self, path: str, cwd: str) -> Call:
        """Read a file with the client's own reader if it has one (Claude Code edits only what was read so)."""
        if self.read is None or self.speaks_patch:
            return self.run(f"sed -n '1,200p' {shlex.quote(path)}", f"Read {path}")
        return _function(self.read, {_key(self.read, _PATH) or "file_path": _join(cwd, path)})

    def _patched(self, patch: str) -> Call:
        if self.code is not None:
            return _raw(self.code, f'await tools.apply_patch({_js(patch)});\ntext("Patch applied.");')
        if self.patch is not None:
            return _raw(self.patch, patch)
        return self.run(f"apply_patch <<'EOP'\n{patch}EOP\n", "Apply the patch")


def hands(tools: Sequence[Tool]) -> Hands:
    """Choose the client's tools by name, nearest match first."""
    code = next((t for t in tools if t.base == "exec" and (t.custom or "javascript" in t.description.lower())), None)
    patch = next((t for t in tools if t.base == "apply_patch"), None)
    return Hands(
        shell=_find(tools, _SHELLS), code=code, patch=patch,
        write=_find(tools, _WRITE), edit=_find(tools, _EDIT), read=_find(tools, _READ),
    )  # fmt: skip


def call(tool: Tool, args: dict[str, Any]) -> Call:
    """Call any advertised tool, a custom one with the first string of `args`."""
    if tool.custom:
        return _raw(tool, next((str(v) for v in args.values()), ""))
    return _function(tool, args)


def _find(tools: Sequence[Tool], names: Sequence[str]) -> Tool | None:
    for name in names:
        for tool in tools:
            if tool.base == name and not tool.custom:
                return tool
    return None


def _key(tool: Tool, names: Sequence[str]) -> str | None:
    return next((n for n in names if n in tool.properties), None)


def _raw(tool: Tool, text: str) -> Call:
    """A free-form call; a gateway may have turned the custom tool into a function of one string."""
    if tool.custom:
        return Call(tool.name, text=text, custom=True, namespace=_namespace(tool))
    key = next(iter(tool.required), None) or next(iter(tool.properties), None) or "input"
    return Call(tool.name, args={key: text}, namespace=_namespace(tool))


def _function(tool: Tool, args: dict[str, Any]) -> Call:
    """Keep what the schema knows and fill what it requires."""
    known = {k: v for k, v in args.items() if k in tool.properties or not tool.properties}
    for name in tool.required:
        if name not in known:
            known[name] = _filler(tool.properties.get(name))
    return Call(tool.name, args=known, namespace=_namespace(tool))


def _namespace(tool: Tool) -> str | None:
    # Codex sends back code-mode calls without the namespace `functions` (seen in its own history).
    return None if tool.namespace == "functions" else tool.namespace


def _filler(schema: Any) -> Any:
    kind = str(schema.get("type", "string")).lower() if isinstance(schema, dict) else "string"
    if isinstance(schema, dict) and schema.get("enum"):
        return schema["enum"][0]
    return {"boolean": False, "integer": 1, "number": 1, "array": [], "object": {}}.get(kind, "simulated")


def _js(text: str) -> str:
    return orjson.dumps(text).decode()


def _join(cwd: str, path: str) -> str:
    return path if not cwd or path.startswith("/") else f"{cwd.rstrip('/')}/{path}"
