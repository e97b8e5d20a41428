"""Where state lives between runs: ports that rooms know, and the embedded SQLite behind them."""

from gateway.base.storage.ports import KeyChanges, KeyFeed, KeyStore, NewKey, StorageError, StoredKey
from gateway.base.storage.secret import PREFIX, ServerSecret, hint_of
from gateway.base.storage.sqlite.keys import SqliteKeys, open_keys

__all__ = [
    "PREFIX",
    "KeyChanges",
    "KeyFeed",
    "KeyStore",
    "NewKey",
    "ServerSecret",
    "SqliteKeys",
    "StorageError",
    "StoredKey",
    "hint_of",
    "open_keys",
]
