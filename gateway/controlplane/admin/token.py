"""The admin token: from the configuration, else made once in `<data_dir>/admin.token`, readable by its owner only."""

import os
import secrets
from pathlib import Path

FILE_NAME = "admin.token"
_TOKEN_BYTES = 32


def admin_token(configured: str | None, data_dir: str | Path) -> str:
    """The configured token, or the file's; the file is written when it is absent or empty. Raises OSError."""
    if configured:
        return configured
    path = Path(data_dir, FILE_NAME)
    try:
        token = path.read_text("ascii").strip()
    except FileNotFoundError:
        token = ""
    if token:
        return token
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    # Written aside and renamed: another process that starts at the same time reads all of it or nothing.
    aside = path.with_suffix(f".{os.getpid()}.new")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, token.encode() + b"\n")
    finally:
        os.close(fd)
    os.replace(aside, path)
    return token
