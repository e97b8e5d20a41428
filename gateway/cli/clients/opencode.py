"""OpenCode: a whole configuration in OPENCODE_CONFIG_CONTENT, merged over its files; a custom provider must list its models."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.cli.clients.client import Command, Edit, Target
from gateway.cli.usage_error import UsageError

_PROVIDER = "agentcc"


class OpenCode:
    name = "opencode"
    program = "opencode"
    install_hint = "npm install -g opencode-ai"

    def command(self, target: Target, args: tuple[str, ...], environ: Mapping[str, str]) -> Command:
        if not target.model:
            raise UsageError("OpenCode must be told which models the gateway has", "pass --model NAME")
        content = _merged(environ.get("OPENCODE_CONFIG_CONTENT", ""))
        content.setdefault("provider", {})[_PROVIDER] = {
            "npm": "@ai-sdk/openai-compatible",
            "name": _PROVIDER,
            "options": {"baseURL": f"{target.base_url}/v1", "apiKey": f"{{env:{target.key_env}}}"},
            "models": {target.model: {"name": target.model}},
        }
        content["model"] = content["small_model"] = f"{_PROVIDER}/{target.model}"
        return Command(args, {"OPENCODE_CONFIG_CONTENT": json.dumps(content), target.key_env: target.key})

    def home(self, environ: Mapping[str, str]) -> Path:
        return Path(environ.get("HOME", "~")).expanduser() / ".config" / "opencode"

    def edits(self, target: Target) -> dict[str, Edit]:
        del target
        return {}

    def advice(self, target: Target) -> list[str]:
        del target
        return []


def _merged(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError as exc:
        raise UsageError("OPENCODE_CONFIG_CONTENT is not JSON", "unset it") from exc
    if not isinstance(found, dict) or not isinstance(found.get("provider", {}), dict):
        raise UsageError("OPENCODE_CONFIG_CONTENT is not an OpenCode configuration", "unset it")
    return found
