"""What `agentcc launch` and `agentcc setup` need to know of an agent; one module beside this one per agent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from gateway.base.core.struct import Record

KEY_ENV = "AGENTCC_KEY"
"""The variable that holds the developer's key unless another is named."""


class Target(Record, frozen=True):
    """Where an agent is to go. `base_url` is the gateway's root, without `/v1`; `key` or `model` may be empty."""

    base_url: str
    key: str = ""
    key_env: str = KEY_ENV
    model: str = ""


class Command(Record, frozen=True):
    """How to start an agent: its arguments after the program's name, variables to set, variables to remove."""

    args: tuple[str, ...]
    env: dict[str, str]
    unset: tuple[str, ...] = ()


class Edit(Protocol):
    """One change to one text file. Pure: text in, text out."""

    def snippet(self) -> str:
        """What is put into the file, for a human who would rather do it by hand."""
        ...

    def apply(self, text: str, path: str, *, force: bool) -> str:
        """The file with our settings in it; `text` holds none of them.

        Raises UsageError when it would change what somebody has written by hand.
        """
        ...

    def remove(self, text: str, original: str | None, written: str | None) -> str:
        """The file without our settings. `original` and `written` are what setup found and left, None if not known."""
        ...


class Client(Protocol):
    """An agent."""

    name: str
    program: str
    install_hint: str

    def command(self, target: Target, args: tuple[str, ...], environ: Mapping[str, str]) -> Command:
        """How to start it against `target`, nothing written to disk. Raises UsageError when its own settings forbid that."""
        ...

    def home(self, environ: Mapping[str, str]) -> Path:
        """Its own configuration directory."""
        ...

    def edits(self, target: Target) -> dict[str, Edit]:
        """File name in `home` → what a set-up changes there; empty when `setup` does not know this agent."""
        ...

    def advice(self, target: Target) -> list[str]:
        """What is left for the developer to do after a set-up."""
        ...
