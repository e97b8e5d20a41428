"""A node's id: one data directory is one node, for ever. Never copy `node.id` to another."""

import re
import secrets
from pathlib import Path

from gateway.base.storage.ports import StorageError
from gateway.base.storage.private import create_private, make_private_dir, read_private

_ID = re.compile(rb"[0-9a-f]{12}\n?")


def node_id(data_dir: str | Path) -> str:
    """The 12 hex digits in `<data_dir>/node.id`, which is made when absent. Raises StorageError."""
    path = Path(data_dir) / "node.id"
    make_private_dir(path.parent)
    create_private(path, secrets.token_hex(6).encode() + b"\n")
    found = read_private(path)
    if not _ID.fullmatch(found):
        raise StorageError(
            f"`{path}` holds no node id (12 hex digits)",
            "restore it; removed, this node counts as a new one, and what it reported to Redis before counts twice",
        )
    return found.decode().strip()
