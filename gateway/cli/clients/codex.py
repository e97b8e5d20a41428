"""Codex CLI (0.169.0): it ignores OPENAI_BASE_URL and takes a `model_providers` entry, from its config.toml or from `-c`."""

import json
from collections.abc import Mapping
from pathlib import Path

from gateway.cli.clients.client import Command, Edit, Target
from gateway.cli.clients.marked import TomlEdit

_PROVIDER = "agentcc"


class Codex:
    name = "codex"
    program = "codex"
    install_hint = "npm install -g @openai/codex"

    def command(self, target: Target, args: tuple[str, ...], environ: Mapping[str, str]) -> Command:
        del environ
        entry = _entry(target.base_url, env_key=target.key_env)
        table = ",".join(f"{name}={json.dumps(value)}" for name, value in entry.items())
        ours = ["-c", f'model_provider="{_PROVIDER}"', "-c", f"model_providers.{_PROVIDER}={{{table}}}"]
        if target.model:
            ours += ["-m", target.model]
        return Command((*ours, *args), {target.key_env: target.key})

    def home(self, environ: Mapping[str, str]) -> Path:
        return Path(environ.get("CODEX_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".codex")

    def edits(self, target: Target) -> dict[str, Edit]:
        root = {"model_provider": _PROVIDER, **({"model": target.model} if target.model else {})}
        # env_key keeps the secret out of the file; experimental_bearer_token is what 0.169.0 has for those who want it in
        kind = {"experimental_bearer_token": target.key} if target.key else {"env_key": target.key_env}
        return {"config.toml": TomlEdit(root, f"model_providers.{_PROVIDER}", _entry(target.base_url, **kind))}

    def advice(self, target: Target) -> list[str]:
        return [] if target.key else [f"export {target.key_env}=<your agentcc key>, where your shell starts"]


def _entry(base_url: str, **credential: str) -> dict[str, str]:
    # `responses` is the only wire_api that 0.169.0 knows, and its default; older versions need to be told
    return {"name": _PROVIDER, "base_url": f"{base_url}/v1", "wire_api": "responses", **credential}
