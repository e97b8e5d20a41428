"""Runs Lua scripts on one Redis: by their hash, by their text where Redis does not know it yet, on the node that a cluster names.

Nothing is tried twice here, so that nobody waits longer than the timeouts: callers come again within a second, and find a
new connection then.
"""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec.msgpack import Encoder
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, MovedError, NoPermissionError, NoScriptError, RedisError

from gateway.base.storage.gcra import UNIT
from gateway.base.storage.grants import SHARES
from gateway.base.storage.leases import FORGET_NODE_MS, FORGET_RUN_MS, LIVE_MS, RECOVER_MS, SETTLE_MS, WANTED_MS
from gateway.base.storage.ports import StorageError
from gateway.base.storage.rates import SLOTS_MS

_TIMEOUT_S = 1.0
_FOLDER = Path(__file__).parent
_CONSTANTS = {
    "SETTLE_MS": SETTLE_MS,
    "RECOVER_MS": RECOVER_MS,
    "LIVE_MS": LIVE_MS,
    "WANTED_MS": WANTED_MS,
    "FORGET_RUN_MS": FORGET_RUN_MS,
    "FORGET_NODE_MS": FORGET_NODE_MS,
    "SHARES": SHARES,
    "UNIT": UNIT,
    "SLOTS_MS": SLOTS_MS,
}
_RIGHTS = "what the user must be allowed: docs/decisions/0011-leases.md and 0012-rate-limits.md"
_HINTS: tuple[tuple[type[Exception] | str, str], ...] = (
    (AuthenticationError, "name user and password in the URL: `redis://USER:PASSWORD@HOST:PORT/0`"),
    (NoPermissionError, _RIGHTS),
    ("The user executing the script", _RIGHTS),
    ("EVICTS", "a Redis that drops keys forgets what is spent: use one with `maxmemory-policy noeviction`"),
    ("OOM", "give Redis more memory"),
    ("READONLY", "the URL must name the primary, not a replica"),
)
_encode = Encoder().encode


class Script:
    """The text of `<name>.lua`, after the constants that both stores share and common.lua, and its hash."""

    __slots__ = ("sha", "text")

    def __init__(self, name: str) -> None:
        constants = "".join(f"local {constant} = {value}\n" for constant, value in _CONSTANTS.items())
        self.text = constants + "".join((_FOLDER / f"{part}.lua").read_text("utf-8") for part in ("common", name))
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """`url` as redis-py reads it: `redis://`, `rediss://` (TLS), `unix://`; options as `?ssl_ca_certs=FILE`. Connects when used."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url, self._prefix, self._place = url, prefix, "?"
        try:
            self._place = _without_secrets(url)
            self._pool = self._new_pool()
            self._pool.connection_class(**self._pool.connection_kwargs)
        except (ValueError, TypeError) as exc:
            raise StorageError(f"Redis URL `{self._place}`: {exc}", "such as `redis://127.0.0.1:6379/0`") from exc
        self._execute = _execute_on(self._pool)
        self._is_elsewhere = False

    async def run(self, script: Script, *values: object) -> Any:
        """What the script returns. Raises StorageError."""
        payload = _encode(values)
        try:
            return await self._answer("EVALSHA", script.sha, 1, self._prefix, payload)
        except NoScriptError:
            return await self._answer("EVAL", script.text, 1, self._prefix, payload)

    async def read(self, command: str, suffix: str, *more: str | bytes) -> Any:
        """The answer to a command on the key with this suffix. Raises StorageError."""
        return await self._answer(command, self._prefix + suffix, *more)

    async def time_ms(self) -> int:
        """Milliseconds since 1970 by Redis' own clock. Raises StorageError."""
        seconds, micros = await self._answer("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def close(self) -> None:
        """Give connections back."""
        await self._pool.aclose()

    async def _answer(self, *command: str | int | bytes) -> Any:
        try:
            try:
                return await self._execute(*command)
            except MovedError as exc:
                await self._move(exc.host, exc.port)
                return await self._execute(*command)
        except NoScriptError:
            raise
        except (RedisError, OSError, RuntimeError) as exc:  # the last is uvloop's, of a connection that was just reset
            if self._is_elsewhere:  # that node may be gone: ask again where the URL says
                await self._move()
            raise StorageError(f"Redis at `{self._place}`: {exc}", _hint(exc)) from exc

    def _new_pool(self) -> ConnectionPool:
        return ConnectionPool.from_url(
            self._url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,  # spares two questions to each new connection
        )

    async def _move(self, host: str = "", port: int = 0) -> None:
        """Use another node of the cluster, with the URL's user, TLS and options; without arguments the URL's own."""
        old, self._pool = self._pool, self._new_pool()
        if port:
            self._pool.connection_kwargs.update({"port": port} | ({"host": host} if host else {}))
        self._execute, self._is_elsewhere = _execute_on(self._pool), bool(port)
        await old.aclose()


def _execute_on(pool: ConnectionPool) -> Callable[..., Awaitable[Any]]:
    execute: Callable[..., Awaitable[Any]] = Redis(connection_pool=pool).execute_command
    return execute


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _hint(exc: Exception) -> str:
    for sign, hint in _HINTS:
        if str(exc).startswith(sign) if isinstance(sign, str) else isinstance(exc, sign):
            return hint
    return "it is tried again within a second"
