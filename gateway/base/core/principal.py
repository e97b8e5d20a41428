"""Who is acting: the principal that a virtual key stands for."""

from typing import Literal

from msgspec import Raw

from gateway.base.core.struct import Record

Priority = Literal["interactive", "batch"]
"""Whose work goes on when the gateway is saturated: a developer waits for `interactive`, nobody for `batch`."""


class Principal(Record, frozen=True):
    """One developer, CI runner or feature. `key` is the key's name, never its secret."""

    key: str
    org: str = ""
    team: str = ""
    user: str = ""
    tags: dict[str, str] = {}
    cost_center: str = ""
    idp_claim: str = ""


class Grant(Record, frozen=True):
    """What a key allows: its principal and its limits, as an identity look-up returns them.

    `models` empty means all, as do `tools`. `expires_at_ms` 0 means never. `principal_json` is the principal encoded once, so that
    each journal record only copies it.

    `passes_bearer` is the fact of a ChatGPT login: nothing here has proved who sent the bearer, only the provider can. Such
    an exchange may be dispatched with the client's own bearer and account header only, never with a provider key of ours.
    """

    principal: Principal
    principal_json: Raw
    models: tuple[str, ...] = ()
    expires_at_ms: int = 0
    allowed_ips: tuple[str, ...] = ()
    route: str = ""
    passes_bearer: bool = False
    priority: Priority = "interactive"
    tools: tuple[str, ...] = ()
    """The only tools that a model may call for it, as globs; empty: any."""
