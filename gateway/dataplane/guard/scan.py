"""One pass over a text for all scanners: their patterns are one Hyperscan database, each scanner judges its own hits.

Rules: pure, no clock, no I/O. Offsets are bytes. Time is linear in the text. A scan does not change, but holds scratch space:
one thread uses it at a time (a worker has one). Which pieces of a request a finding counts in is for the caller to say.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway import _native
from gateway.dataplane.guard.database import Database, Form, Hit, Pattern, stamp_of
from gateway.dataplane.guard.finding import Finding
from gateway.dataplane.guard.injection import Injection, InjectionScanner
from gateway.dataplane.guard.pii import Pii, PiiScanner
from gateway.dataplane.guard.secrets import LEAST_VALUE_BYTES, NAMES, Secrets, SecretScanner


class _Scanner(Protocol):
    @property
    def databases(self) -> Sequence[Database]: ...

    def findings(self, text: bytes, hits: Sequence[Hit]) -> list[Finding]: ...


class Scan:
    """The scanners that are wanted."""

    __slots__ = ("_database", "_has_own", "_scanners", "_spots")

    def __init__(
        self,
        secrets: Secrets | None = None,
        pii: Pii | None = None,
        injection: Injection | None = None,
        *,
        compiled: bytes | None = None,
    ) -> None:
        """`compiled` is what `compiled()` gave: the databases among it that fit are loaded in ms, others compiled in seconds.

        Another baseline, other kinds, or other rules of an organisation's own leave the large one as it is; other scanners do
        not.
        """
        saved = msgspec.msgpack.decode(compiled, type=dict[bytes, bytes]) if compiled else {}
        self._scanners: list[tuple[range, _Scanner]] = []
        patterns, forms, numbers = _patterns(secrets, pii, injection)
        self._database = Database(patterns, saved) if patterns else None
        told = [(each.number, each.classes, each.is_bound) for each in forms]
        names = NAMES if secrets else ()
        self._spots = _native.Spots(told, SecretScanner.NAMED, names, LEAST_VALUE_BYTES) if told else None
        self._has_own = secrets is not None and bool(secrets.custom)
        """An organisation's own rules have a database of their own."""
        if secrets:
            self._scanners.append((numbers["secrets"], SecretScanner(secrets, saved)))
        if pii:
            self._scanners.append((numbers["pii"], PiiScanner(pii, saved)))
        if injection:
            self._scanners.append((numbers["injection"], InjectionScanner()))

    def compiled(self) -> bytes:
        """What the next process starts from."""
        databases = [] if self._database is None else [self._database]
        databases += [each for _, scanner in self._scanners for each in scanner.databases]
        return msgspec.msgpack.encode({each.stamp: each.serialised() for each in databases})

    def scan(self, text: bytes) -> list[Finding]:
        """In order of place; those of one scanner do not overlap."""
        hits = self._database.scan(text) if self._database else []
        if self._spots and (spots := self._spots.find(text)):
            hits = sorted(hits + spots, key=_end)
        if not hits and not self._has_own:
            return []
        found: list[Finding] = []
        for numbers, scanner in self._scanners:
            base = numbers.start
            found += scanner.findings(text, [(hit[0] - base, hit[1], hit[2]) for hit in hits if hit[0] in numbers])
        return sorted(found, key=lambda each: (each.start, each.end, each.scanner)) if found else found


def compiled_stamp(secrets: Secrets | None = None, pii: Pii | None = None, injection: Injection | None = None) -> str:
    """Names what `Scan.compiled` of the same settings would give, without compiling: 32 hex digits."""
    own = [Pattern(n, rule.expression, True) for n, rule in enumerate(secrets.custom)] if secrets else []
    return stamp_of([*_patterns(secrets, pii, injection)[0], *own]).hex()


def _patterns(
    secrets: Secrets | None, pii: Pii | None, injection: Injection | None
) -> tuple[list[Pattern], list[Form], dict[str, range]]:
    """Of all that are wanted, numbered through, and which numbers are whose; those of secrets come first."""
    wanted = {
        "secrets": secrets and SecretScanner,
        "pii": pii and PiiScanner,
        "injection": injection and InjectionScanner,
    }
    patterns: list[Pattern] = []
    forms: list[Form] = []
    numbers: dict[str, range] = {}
    base = 0
    for name, scanner in wanted.items():
        if scanner:
            above = base + 2 + max(each.number for each in scanner.PATTERNS)  # one behind the last is told of names
            patterns += [Pattern(base + n.number, n.expression, n.is_start_wanted) for n in scanner.PATTERNS]
            forms += [Form(base + n.number, n.text) for n in scanner.FORMS]
            numbers[name] = range(base, above)
            base = above
    return patterns, forms, numbers


def _end(hit: Hit) -> int:
    return hit[2]
