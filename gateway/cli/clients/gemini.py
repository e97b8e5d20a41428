"""Gemini CLI (0.61.0). It takes base URL and key from the environment, but how it logs in only from settings.json (seen).

With `selectedType: oauth-personal` it would go to Google past the gateway; with none, `gemini -p` stops ("Invalid auth method
selected"). System settings could override that, but it reads them only from files that root owns. So `launch`, which writes
nothing, works once settings.json says `gemini-api-key`, and else says so.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from gateway.cli.clients.client import Command, Edit, Target
from gateway.cli.clients.json_file import JsonEdit, Place
from gateway.cli.clients.marked import EnvEdit
from gateway.cli.usage_error import UsageError

_LOGIN = "gemini-api-key"
KEY_VARIABLE = "GEMINI_API_KEY"


class Gemini:
    name = "gemini"
    program = "gemini"
    install_hint = "npm install -g @google/gemini-cli"

    def command(self, target: Target, args: tuple[str, ...], environ: Mapping[str, str]) -> Command:
        login = _login(self.home(environ))
        if login != _LOGIN:
            raise UsageError(
                f"Gemini CLI would not come to the gateway: {self.home(environ) / 'settings.json'} says "
                f"`security.auth.selectedType` is {json.dumps(login)}, and no variable can change that",
                "`agentcc setup gemini` once (`--undo` takes it back), or choose `Use Gemini API Key` in its /auth dialog",
            )
        ours = ("-m", target.model) if target.model else ()
        env = {"GOOGLE_GEMINI_BASE_URL": target.base_url, KEY_VARIABLE: target.key}
        return Command((*ours, *args), env, ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA"))

    def home(self, environ: Mapping[str, str]) -> Path:
        return Path(environ.get("GEMINI_CLI_HOME") or environ.get("HOME", "~")).expanduser() / ".gemini"

    def edits(self, target: Target) -> dict[str, Edit]:
        settings: dict[Place, str] = {("security", "auth", "selectedType"): _LOGIN}
        if target.model:
            settings["model", "name"] = target.model
        variables = {"GOOGLE_GEMINI_BASE_URL": target.base_url}
        if target.key:
            variables[KEY_VARIABLE] = target.key
        return {"settings.json": JsonEdit(settings), ".env": EnvEdit(variables)}

    def advice(self, target: Target) -> list[str]:
        lines = ["Gemini CLI reads ~/.gemini/.env only in folders that it trusts; it asks when it first opens one"]
        if not target.key:  # no helper and no other variable: it knows this one only
            lines.insert(0, f"export {KEY_VARIABLE}=<your agentcc key>, where your shell starts")
        return lines


def _login(home: Path) -> str | None:
    try:
        found = json.loads((home / "settings.json").read_bytes())
        login = found["security"]["auth"]["selectedType"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return login if isinstance(login, str) else None
