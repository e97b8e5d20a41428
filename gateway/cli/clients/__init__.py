"""The agents that `agentcc launch` and `agentcc setup` know."""

from gateway.cli.clients.claude import Claude
from gateway.cli.clients.client import KEY_ENV, Client, Command, Edit, Target
from gateway.cli.clients.codex import Codex
from gateway.cli.clients.gemini import KEY_VARIABLE, Gemini
from gateway.cli.clients.opencode import OpenCode
from gateway.cli.clients.place import base_url_of, key_of

CLIENTS: dict[str, Client] = {client.name: client for client in (Codex(), Claude(), Gemini(), OpenCode())}

__all__ = [
    "CLIENTS",
    "KEY_ENV",
    "KEY_VARIABLE",
    "Client",
    "Command",
    "Edit",
    "Target",
    "base_url_of",
    "key_of",
]
