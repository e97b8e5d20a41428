"""The server secret and the keyed hash of virtual keys.

A virtual key is stored as BLAKE2b of its text, keyed with 32 random bytes that live beside the database in a file of their
own (`<data_dir>/secret.key`, 0600). A copy of the database alone tells nothing, not even whether a guessed key is in it.
No slow password hash is needed: a key of ours holds 256 random bits, so there is nothing to guess.
"""

import hashlib
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from gateway.base.storage.ports import StorageError
from gateway.base.storage.private import create_private, make_private_dir, read_private

PREFIX = "sk-agentcc-"
_SECRET_BYTES = 32
_REMEMBERED = 1024
_HINT_CHARS = len(PREFIX) + 4
_SHORTEST_HINTED = len(PREFIX) + 16
_PERSON = b"agentcc-key"  # a domain of its own, so that the same server secret can key other hashes too


def new_secret() -> str:
    """A fresh virtual key: `sk-agentcc-` and 43 URL-safe characters (256 random bits)."""
    return PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def hint_of(secret: str) -> str:
    """What a screen may show of a key of ours: the prefix and four characters (24 of its 256 bits).

    Empty for a text that is not of ours, or so short that four characters would give too much away.
    """
    return secret[:_HINT_CHARS] + "…" if secret.startswith(PREFIX) and len(secret) >= _SHORTEST_HINTED else ""


def derived_key(digest: Callable[[str], bytes], purpose: str) -> bytes:
    """32 bytes for another purpose, from the server secret that keys `digest`; the same in every process and node that shares it."""
    return digest("\0" + purpose)  # no key that a client can present begins so


class ServerSecret:
    """The 32 bytes that key every hash. Never printed, never logged."""

    __slots__ = ("_keyed", "digest")

    def __init__(self, secret: bytes) -> None:
        self._keyed = hashlib.blake2b(key=secret, digest_size=32, person=_PERSON)
        self.digest: Callable[[str], bytes] = lru_cache(_REMEMBERED)(self._digest)
        """The 32 bytes under which a secret is stored.

        Those asked for last are remembered by Python's own hash of the text, seeded at random in each process: how long
        that takes tells nothing of a text that is not known as a whole.
        """

    @classmethod
    def load(cls, data_dir: Path) -> "ServerSecret":
        """Read `<data_dir>/secret.key`, making it when absent. Raises StorageError."""
        make_private_dir(data_dir)
        path = data_dir / "secret.key"
        create_private(path, secrets.token_bytes(_SECRET_BYTES))
        secret = read_private(path)
        if len(secret) != _SECRET_BYTES:
            raise StorageError(
                f"`{path}` holds {len(secret)} bytes, not {_SECRET_BYTES}",
                "restore it from a backup; without it every key in keys.sqlite3 must be created anew",
            )
        return cls(secret)

    def _digest(self, secret: str) -> bytes:
        keyed = self._keyed.copy()  # copying the keyed state costs 0.4 us, keying anew 0.6 us
        keyed.update(secret.encode("utf-8", "surrogatepass"))
        return keyed.digest()
