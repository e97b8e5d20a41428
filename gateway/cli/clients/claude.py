"""Claude Code (2.1.197). What its settings files say in `env` wins over the environment that it is started with (seen).

Hence `launch` passes its own settings with `--settings`, which win over the files, and in them a key helper that reads a
variable, so that the key appears neither in a file nor in the process list.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from gateway.cli.clients.client import Command, Edit, Target
from gateway.cli.clients.json_file import JsonEdit, Place

_RIVALS = ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY")


class Claude:
    name = "claude"
    program = "claude"
    install_hint = "npm install -g @anthropic-ai/claude-code"

    def command(self, target: Target, args: tuple[str, ...], environ: Mapping[str, str]) -> Command:
        del environ
        env = {"ANTHROPIC_BASE_URL": target.base_url, target.key_env: target.key}
        if any(arg == "--settings" or arg.startswith("--settings=") for arg in args):
            ours = []  # the developer's own settings: only one set is read
            env["ANTHROPIC_AUTH_TOKEN"] = target.key
        else:
            blanked = {"ANTHROPIC_BASE_URL": target.base_url, **dict.fromkeys(_RIVALS, "")}
            settings = {"env": blanked, "apiKeyHelper": _helper(target.key_env)}
            ours = ["--settings", json.dumps(settings, separators=(",", ":"))]
        if target.model:
            ours += ["--model", target.model]
        unset = tuple(name for name in _RIVALS if name not in env)
        return Command((*ours, *args), env, unset)

    def home(self, environ: Mapping[str, str]) -> Path:
        return Path(environ.get("CLAUDE_CONFIG_DIR") or Path(environ.get("HOME", "~")).expanduser() / ".claude")

    def edits(self, target: Target) -> dict[str, Edit]:
        values: dict[Place, str] = {("env", "ANTHROPIC_BASE_URL"): target.base_url}
        token: Place = ("env", _RIVALS[0])
        key: Place = ("env", _RIVALS[1])
        helper: Place = ("apiKeyHelper",)
        if target.key:
            values[token], rivals = target.key, (key, helper)
        else:
            values[helper], rivals = _helper(target.key_env), (key, token)
        if target.model:
            values[("model",)] = target.model
        return {"settings.json": JsonEdit(values, rivals)}

    def advice(self, target: Target) -> list[str]:
        return [] if target.key else [f"export {target.key_env}=<your agentcc key>, where your shell starts"]


def _helper(variable: str) -> str:
    return f'printf %s "${variable}"'
