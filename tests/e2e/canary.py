"""Secrets that nobody else has, and the search for them in all that a gateway leaves behind."""

import base64
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from gateway import _native
from tests.fakes.upstream import FakeUpstream

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def canary(name: str) -> str:
    """A GitHub token of this name: the same each time, and no other's."""
    return "ghp_" + "".join(random.Random(f"canary {name}").choices(_LETTERS, k=36))


def forms(secret: str) -> list[bytes]:
    """What would give it away: itself, most of it, its base64 at each offset, its bytes as hex and as JSON's escapes."""
    plain, core = secret.encode(), secret[6:34].encode()
    found = [plain, core, core.hex().encode(), "".join(f"\\u{c:04x}" for c in core).encode()]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + core)
        found.append(encoded[4 if shift else 0 : -4])
    return found


class Hunt:
    """Looks for all secrets of a test at once."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self._forms = {form: name for name, secret in secrets.items() for form in forms(secret)}
        assert len(set(secrets.values())) == len(secrets)
        self._any = _native.Needles(list(self._forms))
        self.looked: dict[str, int] = {}
        """Bytes looked at, by kind of place: a search that looked at nothing proves nothing."""
        self.found: list[str] = []

    def look(self, where: str, data: bytes) -> None:
        """Look at one thing; `where` begins with its kind."""
        kind = where.partition(" ")[0]
        self.looked[kind] = self.looked.get(kind, 0) + len(data)
        if self._any.any_in(data):
            self.found += [f"{self._forms[form]} in {where}" for form in self._forms if form in data]


def upstream_bytes(fake: FakeUpstream) -> Iterator[tuple[str, bytes]]:
    """All that a provider was sent: request lines, headers, bodies."""
    for number, got in enumerate(fake.received):
        head = f"{got.method} {got.path}\n" + "\n".join(f"{name}: {value}" for name, value in got.headers)
        yield f"upstream request {number} ({got.path})", head.encode() + b"\n" + got.body


def files_of(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Each file under a directory: journal, SQLite files with their logs, the gateway's own log, what is kept of its configuration."""
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            yield f"file {path.relative_to(directory)}", path.read_bytes()
            if path.suffix == ".sqlite3":
                yield f"sqlite {path.name}", dump(path)


def dump(path: Path) -> bytes:
    """Every row, as SQL: values that pages split are whole here."""
    with sqlite3.connect(path) as db:
        text = "\n".join(db.iterdump())
    db.close()
    return text.encode()
