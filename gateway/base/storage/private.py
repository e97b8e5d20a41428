"""Files that only the gateway's own user may read: 0600, complete from the moment they exist."""

import contextlib
import os
import secrets
from pathlib import Path

from gateway.base.storage.ports import StorageError


def make_private_dir(path: Path) -> None:
    """Create the data directory (0700) when it is not there. Raises StorageError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageError(f"data directory `{path}` cannot be made: {exc.strerror}", "set `server.data_dir`") from exc


def create_private(path: Path, content: bytes) -> None:
    """Make `path` with `content`, 0600, unless it exists. Raises StorageError.

    The file is written under another name (O_EXCL) and linked into place, so no process ever sees it half written, and of
    two processes that create it at once one wins and both then read the same bytes.
    """
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _own_like_directory(fd, path.parent)
            os.write(fd, content)
            os.fsync(fd)
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            os.close(fd)
            os.unlink(draft)
    except OSError as exc:
        raise _denied(path, exc) from exc


def read_private(path: Path) -> bytes:
    """The bytes of `path`. Raises StorageError."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise _denied(path, exc) from exc


def _own_like_directory(fd: int, directory: Path) -> None:
    """`sudo agentcc keys create` must not leave files that the gateway's own user cannot read."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(fd, owner.st_uid, owner.st_gid)


def _denied(path: Path, exc: OSError) -> StorageError:
    hint = "run this as the user that runs the gateway" if isinstance(exc, PermissionError) else ""
    return StorageError(f"`{path}`: {exc.strerror}", hint)
