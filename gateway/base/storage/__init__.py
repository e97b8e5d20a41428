"""Where state lives between runs: ports that rooms know, and the embedded SQLite behind them.

Leases have a port of their own (leases.py); across nodes they are in Redis (redis/, imported only where it is configured).
"""

from gateway.base.storage.node import node_id
from gateway.base.storage.ports import KeyChanges, KeyFeed, KeyStore, NewKey, StorageError, StoredKey
from gateway.base.storage.secret import PREFIX, ServerSecret, derived_key, hint_of
from gateway.base.storage.sqlite.keys import SqliteKeys, open_keys
from gateway.base.storage.sqlite.leases import SqliteLeases

__all__ = [
    "PREFIX",
    "KeyChanges",
    "KeyFeed",
    "KeyStore",
    "NewKey",
    "ServerSecret",
    "SqliteKeys",
    "SqliteLeases",
    "StorageError",
    "StoredKey",
    "derived_key",
    "hint_of",
    "node_id",
    "open_keys",
]
