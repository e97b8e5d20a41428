"""JSON log lines on stderr: one per exchange at info; never a body, never a secret.

`AGENTCC_LOG_LEVEL` (debug, info, warning, error) sets what is written; default info.
"""

import os
import sys
import time
from collections.abc import Sequence

import msgspec

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_threshold = _LEVELS.get(os.environ.get("AGENTCC_LOG_LEVEL", "info").lower(), 20)
_encode = msgspec.json.Encoder().encode
_process = "main"


def name_process(name: str) -> None:
    """Set the `process` field of this process's lines, such as `worker-0`."""
    global _process
    _process = name


def is_enabled(level: str) -> bool:
    """Whether lines of `level` are written; lets the hot path skip building one."""
    return _LEVELS[level] >= _threshold


def encode_lines(level: str, event: str, field: str, values: Sequence[bytes]) -> bytes:
    """A line as `log` writes it for each of `values`, which are JSON already and become the line's `field`."""
    if not values:
        return b""
    line = {"ts": round(time.time(), 3), "level": level, "process": _process, "event": event}
    head = _encode(line)[:-1] + b',"%b":' % field.encode()
    return b"%b%b}\n" % (head, (b"}\n" + head).join(values))


def log(level: str, event: str, **fields: object) -> None:
    """Write one line: ts, level, process, event, then `fields` (JSON-encodable)."""
    if _LEVELS[level] < _threshold:
        return
    line = {"ts": round(time.time(), 3), "level": level, "process": _process, "event": event, **fields}
    write_lines(_encode(line) + b"\n")


def write_lines(data: bytes) -> None:
    """Write what `encode_lines` made, whatever the level."""
    try:
        os.write(sys.stderr.fileno(), data)
    except (OSError, ValueError):  # a closed stderr must never stop an exchange
        return
