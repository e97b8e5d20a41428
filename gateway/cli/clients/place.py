"""Which gateway, and with which key: from the arguments, the environment, or the gateway's own file on this machine."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from gateway.base.config import GatewayConfig, is_placeholder, load_elsewhere
from gateway.cli.command import default_config
from gateway.cli.usage_error import UsageError
from gateway.dataplane.identity import time_ms

_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}


def base_url_of(given: str | None, config: str | None, environ: Mapping[str, str]) -> str:
    """The gateway's root URL, without `/v1`. Raises UsageError or ConfigError."""
    url = given or environ.get("AGENTCC_BASE_URL")
    if url:
        return _root(url)
    path = config or default_config()
    if config is None and not os.path.exists(path):
        raise UsageError(
            "where is the gateway?", "pass --base-url URL, set AGENTCC_BASE_URL, or -c FILE on its machine"
        )
    server = load_elsewhere(path).server
    if not server.port:
        raise UsageError(f"{path} lets the gateway take any free port", "pass --base-url URL with the one it printed")
    host = _ANY.get(server.host, f"[{server.host}]" if ":" in server.host else server.host)
    return f"{'https' if server.tls else 'http'}://{host}:{server.port}"


def key_of(given: str | None, config: str | None, environ: Mapping[str, str], now_ms: int) -> str:
    """The key to use: as given, else AGENTCC_KEY, else the file's key when it has just one. Raises UsageError."""
    key = given or environ.get("AGENTCC_KEY")
    if key:
        return key
    path = config or default_config()
    if config is None and not os.path.exists(path):
        raise UsageError("which key?", "pass --key KEY or set AGENTCC_KEY; your platform team hands out keys")
    usable = _usable_keys(load_elsewhere(path), now_ms)
    if len(usable) == 1:
        return next(iter(usable.values()))
    names = f"{len(usable)} keys ({', '.join(sorted(usable))})" if usable else "no key that can be used here"
    raise UsageError(f"{path} holds {names}", "pass --key KEY or set AGENTCC_KEY; `agentcc keys create NAME` makes one")


def _usable_keys(config: GatewayConfig, now_ms: int) -> dict[str, str]:
    return {
        name: key.key
        for name, key in config.keys.items()
        if not is_placeholder(key.key) and not (key.expires and time_ms(key.expires) <= now_ms)
    }


def _root(url: str) -> str:
    """`http://host:port[/prefix]` of a URL that may end in `/` or `/v1`."""
    found = urlsplit(url)
    if found.scheme not in {"http", "https"} or not found.hostname or found.query or found.fragment:
        raise UsageError(f"`{url}` is no base URL", "write such as http://127.0.0.1:8080")
    path = found.path.rstrip("/").removesuffix("/v1").removesuffix("/openai").rstrip("/")
    return f"{found.scheme}://{found.netloc}{path}"
