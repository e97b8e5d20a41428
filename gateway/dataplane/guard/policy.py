"""The guardrails of one policy, ready for use: which scanners, what each does where, what is known of earlier requests.

A worker has one at a time. Scanners hold scratch space, so the loop has its own and whatever runs beside it another.
"""

import difflib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from gateway import _native
from gateway.base.config import (
    GuardrailsConfig,
    Mode,
    Place,
    TextPlace,
    injection_modes,
    mode_of,
    pii_modes,
    secrets_in_answers,
    secrets_modes,
)
from gateway.base.core.verdict import Scanner
from gateway.dataplane.guard.answer import AnswerRules
from gateway.dataplane.guard.commands import RULES as COMMANDS
from gateway.dataplane.guard.compiled import Wanted, load_scan, scan_of
from gateway.dataplane.guard.injection import Injection
from gateway.dataplane.guard.pii import PII_KINDS, Pii
from gateway.dataplane.guard.redact import Marks
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.secrets import CustomRule, Secrets, checked, read_baseline

_MOST_ITEMS: Final = 1 << 17
_FIRST: Final = b"api_key = s1mp1y-t0-b3-f1rst, mail@corp.dev\n" * 200
"""The first scan touches all tables, and takes as long as twenty: nobody has to wait for it."""


class Guard:
    """Made when a file is read; the databases are loaded by `load`, at the latest when the first request comes."""

    __slots__ = (
        "_beside",
        "_beside_lock",
        "_compiled",
        "_directory",
        "_load_lock",
        "_scan",
        "answers",
        "config",
        "keeps",
        "marks",
        "memo",
        "modes",
        "ran",
        "restores",
        "wanted",
    )

    def __init__(self, config: GuardrailsConfig, source: str, key: bytes, data_dir: str) -> None:
        """`key`: 32 secret bytes that all workers and nodes share. Raises ConfigError."""
        self.config = config
        self.wanted = wanted_of(config, source)
        self.marks = Marks(key)
        each: dict[Scanner, dict[TextPlace, Mode]] = {
            "secrets": secrets_modes(config.secrets),
            "pii": pii_modes(mode_of(config.pii.mode)),
            "injection": injection_modes(mode_of(config.injection.mode)),
        }
        self.modes = {(scanner, place): mode for scanner, modes in each.items() for place, mode in modes.items()}
        self.ran: tuple[Scanner, ...] = tuple(
            dict.fromkeys(name for (name, _), mode in self.modes.items() if mode != "off")
        )
        """The scanners that look at requests."""
        self.restores = bool(config.secrets.restore)
        self.keeps = config.quarantine.enabled
        self.memo = _native.TextMemo(int.from_bytes(key[:8]), _MOST_ITEMS)
        self._directory = Path(data_dir) / "guard"
        self._scan: Scan | None = None
        self._compiled = b""
        self._beside: Scan | None = None
        self._load_lock, self._beside_lock = Lock(), Lock()
        self.answers = AnswerRules.of(config, self.marks, self.load)

    @property
    def is_loaded(self) -> bool:
        return self._scan is not None

    def load(self) -> Scan:
        """The scanners, for the loop's thread. The first call takes ms, seconds where nobody has compiled them yet."""
        if self._scan is not None:
            return self._scan
        with self._load_lock:
            if self._scan is None:
                self._scan = load_scan(self.wanted, self._directory)
                self._compiled = self._scan.compiled()
                self._scan.scan(_FIRST)
            return self._scan

    @property
    def scan(self) -> Scan:
        """For the loop's thread."""
        return self._scan or self.load()

    @contextmanager
    def scan_beside(self) -> Iterator[Scan]:
        """The scanners for another thread; one at a time has them."""
        self.load()
        with self._beside_lock:
            if self._beside is None:
                self._beside = scan_of(self.wanted, self._compiled)
            yield self._beside

    def take_over(self, other: "Guard | None") -> None:
        """Go on with the databases of an earlier policy that looks for the same, and with what it knows where it does the same."""
        if other is not None and other._scan is not None and other.wanted == self.wanted:
            self._scan, self._compiled = other._scan, other._compiled
            if other.config == self.config:
                self.memo = other.memo


def wanted_of(config: GuardrailsConfig, source: str) -> Wanted:
    """The scanners that a section asks for, whichever side they look at. Raises ConfigError."""
    place = Place(source, "$.guardrails")
    answers = secrets_in_answers(config.secrets)
    has_secrets = {*secrets_modes(config.secrets).values(), answers} != {"off"}
    kinds = _known(config.pii.kinds, PII_KINDS, "kind of personal data", place.at("pii").at("kinds"))
    _known(config.tool_calls.allow, COMMANDS, "rule of commands", place.at("tool_calls").at("allow"))
    has_pii = {mode_of(config.pii.mode), mode_of(config.pii.answers)} != {"off"}
    return Wanted(
        _secrets(config, place.at("secrets")) if has_secrets else None,
        Pii(kinds) if has_pii else None,
        Injection() if mode_of(config.injection.mode) != "off" else None,
    )


def _secrets(config: GuardrailsConfig, place: Place) -> Secrets:
    rules = []
    for name, expression in config.secrets.rules.items():
        try:
            rules.append(checked(CustomRule(name, expression)))
        except ValueError as exc:
            hint = "write what Hyperscan takes: PCRE without back-references and look-around, at most 1000 bytes, that matches no empty text"
            raise place.at("rules").at(name).error(f"cannot be used: {exc}", hint) from exc
    return Secrets(tuple(rules), _baseline(config.secrets.baseline, place.at("baseline")), config.secrets.pragma)


def _baseline(path: str, place: Place) -> frozenset[str]:
    if not path:
        return frozenset()
    try:
        return read_baseline(path)
    except OSError as exc:
        hint = "make one with `agentcc guard baseline`, or name a file that this user may read"
        raise place.error(f"is {path!r}, which cannot be read: {exc.strerror}", hint) from exc
    except ValueError as exc:
        raise place.error(
            f"is {path!r}, which is no baseline: {exc}",
            "write one fingerprint on a line, or make it anew with `agentcc guard baseline`",
        ) from exc


def _known(names: list[str], known: Collection[str], what: str, place: Place) -> frozenset[str]:
    for at, name in enumerate(names):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known))}"
            raise place.entry(at).error(f"is {name!r}, which is no {what}", hint)
    return frozenset(names)
