"""The compiled databases in `<data_dir>/guard/`: made once, by whoever needs them first, read in milliseconds by all others.

The file is a cache: where it is broken, of another user, or can't be written, the databases are compiled anew. It keeps some of earlier
policies too, so that a configuration that goes back and forth is compiled once.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from gateway.base.core.struct import Record
from gateway.base.telemetry.log import log
from gateway.dataplane.guard.injection import Injection
from gateway.dataplane.guard.pii import Pii
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.secrets import Secrets

_NAME: Final = "databases-1"
"""The number is that of the file's form."""
_CHECK_BYTES: Final = 32
_OTHERS_BYTES: Final = 2 << 20
"""Of databases that this policy has no use for."""
_decode = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode


class Wanted(Record, frozen=True):
    """The scanners of a policy; equal ones find the same."""

    secrets: Secrets | None
    pii: Pii | None
    injection: Injection | None


def load_scan(wanted: Wanted, directory: Path) -> Scan:
    """The scanners, from the databases in `directory` (made when absent) as far as they are there. One process at a time compiles."""
    with _locked(directory):
        saved = _read(directory / _NAME)
        scan = scan_of(wanted, msgspec.msgpack.encode(saved) if saved else None)
        made = _decode(scan.compiled())
        if made.keys() - saved.keys():
            _write(directory / _NAME, {**made, **_others(saved, made)})
    return scan


def scan_of(wanted: Wanted, compiled: bytes | None) -> Scan:
    """The scanners, from what `Scan.compiled` gave."""
    return Scan(wanted.secrets, wanted.pii, wanted.injection, compiled=compiled)


def _others(saved: dict[bytes, bytes], made: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Of the saved ones that were not used now as many as may stay: those used last stand first."""
    room = _OTHERS_BYTES
    others = {stamp: database for stamp, database in saved.items() if stamp not in made}
    return {stamp: database for stamp, database in others.items() if (room := room - len(database)) >= 0}


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # on a full or read-only disk each process compiles for itself
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = stack.enter_context((directory / ".lock").open("ab"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> dict[bytes, bytes]:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid not in (os.geteuid(), path.parent.stat().st_uid) or status.st_mode & 0o022:
                log("warning", "guard_databases_ignored", path=str(path), reason="somebody else may write the file")
                return {}
            content = file.read()
        if _check(content[_CHECK_BYTES:]) == content[:_CHECK_BYTES]:
            return _decode(content[_CHECK_BYTES:])
        log("warning", "guard_databases_ignored", path=str(path), reason="the file is broken; it is made anew")
    except FileNotFoundError:
        pass
    except (OSError, msgspec.DecodeError) as exc:
        log("warning", "guard_databases_ignored", path=str(path), reason=str(exc))
    return {}


def _write(path: Path, saved: dict[bytes, bytes]) -> None:
    content = msgspec.msgpack.encode(saved)
    try:
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".databases.")  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_check(content) + content)
            os.replace(draft, path)
        except OSError:
            os.unlink(draft)
            raise
    except OSError as exc:
        log("warning", "guard_databases_not_kept", path=str(path), reason=str(exc))


def _check(content: bytes) -> bytes:
    return blake2b(content, digest_size=_CHECK_BYTES, person=b"agentcc-guard").digest()
