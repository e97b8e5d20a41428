"""Values assigned to a name that says credential, or whose it is, in whatever language the assignment is written.

The name is what people write: `GITHUB_TOKEN`, `githubToken`, `"client-secret"`, `<apiKey>`. Between name and value stands what
their language puts there: `=`, `:`, `=>`, `:=`, `>`, `", "`, a type, a line break, quotes, quotes that are escaped because the
text quotes a file. `Spots` finds values with a digit that a sign of an assignment and one of the names stand before; the name is
then read in words and the value judged by them: the more the name says, the less the value has to prove.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final

from gateway.dataplane.guard.database import NONE_SAVED, Database, Pattern
from gateway.dataplane.guard.entropy import entropy
from gateway.dataplane.guard.finding import Confidence, Finding
from gateway.dataplane.guard.secrets.checks import is_hex, is_no_name, is_uuid, looks_random
from gateway.dataplane.guard.secrets.names import Said, begins_word, said, words_of
from gateway.dataplane.guard.secrets.vendors import VENDORS

_NAME_REACH, _VALUE_REACH, _BETWEEN = 48, 4096, 90
_REST: Final = re.compile(
    rb"[\w .\t-]{0,30}?"
    rb"(?:[\\'\"`)\]\s]{0,6}(?::{1,3}=|[?.+|~]=|=>|->|\|\||={1,3}|:{1,2}|[,>|(])[\\'\"`=\s(\[{@$]{0,24}"
    rb"|</key>\s{0,9}<string>|[\\'\"]{0,2}[\s,]{1,20}[\\'\"]{0,2}value[\\'\"]{0,2}\s?[:=]\s?[\\'\"]{0,2}|([ \t]))"
    rb"(?:(?:[bruf]|Bearer |Basic |token )[\\'\"]{0,2})??"
    rb"([A-Za-z0-9_/+.~%][A-Za-z0-9_/+.=~%-]{7,4095})"
)
_VALUE: Final = r"[A-Za-z_/+.=~%-]{0,23}[0-9][A-Za-z0-9_/+.=~%-]{4}"
_BEHIND_NAME: Final = r"[\w .\t-]{0,30}[\\'\"`)\]\s?.+|~]{0,4}[=:,>|(][\\'\"`=:>\s(\[{@$]{0,16}(?:Bearer |Basic )?"
_BEHIND: Final = re.compile((_BEHIND_NAME + _VALUE).encode(), re.IGNORECASE)
_NAMELESS: Final = (
    r"(?i)-(?:token|secret|password|passwd|api-?key)[ \t]",  # `--token …`
    r"(?i)\spassword[ \t]",  # netrc
    r"</key>\s{0,9}<string>",  # property lists
    r"[\w'\"]\s{1,20}[\\'\"]{0,2}value[\\'\"]{0,2}\s?[:=]\s?[\\'\"]{1,2}",  # `name: …` and `value: …` apart
)
"""Where something else than punctuation stands between name and value."""

_KEYWORDS: Final = ("token", "secret", "passw", "credential", "creds", "passphrase", "key", "auth", "pwd", "access")
_NAME_START: Final = re.compile(rb"[\w.-]{0,48}")
_NAME_REST: Final = re.compile(rb"[\w. \t-]{0,30}")
_HASHED: Final = re.compile(rb"(?i:(?:sha|md)-?[0-9]{1,3}[=:-]|commit)")
_DIGITS_OF_AN_ID: Final = range(15, 65)
_LEAST_VENDOR, _LEAST_STRONG, _LEAST_WEAK, _LEAST_UNNAMED = 13, 10, 16, 20
LEAST_VALUE_BYTES: Final = min(_LEAST_VENDOR, _LEAST_STRONG, _LEAST_WEAK, _LEAST_UNNAMED)
"""No shorter value is judged a secret, whatever its name."""

_FLAGS: Final = ("token", "secret", "passw", "key")
_NAMES: Final = (*_KEYWORDS, *sorted(set(VENDORS)))
_VENDOR_FROM: Final = len(_KEYWORDS)


def _spellings(name: str) -> list[Sequence[str]]:
    return [("", "_", " ", "-") if char == "_" else char for char in name]


def _spelled(name: str) -> str:
    return f"(?i){name.replace('_', '[_ -]?')}"


NAMELESS: Final = tuple(f"{each}{_VALUE}" for each in _NAMELESS)
"""To be scanned for: it is no sign that stands between the name and the value."""
NAMES: Final = tuple("".join(parts).encode() for name in _NAMES for parts in product(*_spellings(name)))


class Assignments:
    """Judges the places where a value may stand. The names stand in a database of their own, asked about one line at a time."""

    __slots__ = ("names",)

    def __init__(self, saved: Mapping[bytes, bytes] = NONE_SAVED) -> None:
        self.names = Database([Pattern(n, _spelled(name), True) for n, name in enumerate(_NAMES)], saved)

    def findings(self, text: bytes, end: int, is_named: bool) -> tuple[list[Finding], int]:
        """What the value that covers byte `end - 1` is, and where it ends; (…, `end`) when nothing is assigned there.

        `is_named`: one of the names has to stand before it, and nothing between them but what `_BEHIND` says.
        """
        low = max(0, end - _BETWEEN)
        found: list[Finding] = []
        done = end
        names = self.names.scan(text[low:end])
        if is_named and not any(_BEHIND.fullmatch(text, low + behind, end) for _, _, behind in names):
            return found, done
        for number, start, behind in reversed(names):
            at, after = low + start, low + behind
            value = _REST.match(text, after, after + _BETWEEN + _VALUE_REACH)
            if value is None or value.start(2) >= end:
                continue
            if value.end(2) < end:
                break  # an assignment before this one, and so are all names before it
            if _is_in_placeholder(text, at):
                continue
            if value.group(1) and not (_NAMES[number] in _FLAGS and looks_random(value.group(2))):
                continue
            done = max(done, value.end(2))
            finding = _judged(text, number, at, after, value.group(2), value.start(2))
            if finding:
                found.append(finding)
        return found, done


def _judged(text: bytes, number: int, at: int, after: int, value: bytes, start: int) -> Finding | None:
    secret = value.rstrip(b".")
    inner, _, more = secret.partition(b"=")
    if _HASHED.match(secret) or (more.strip(b"=") and not is_no_name(inner)):
        return None  # `sha256=…`, `mode=…`: another name, which is judged by itself
    before = _run(_NAME_START, text[max(0, at - _NAME_REACH) : at][::-1])[::-1]
    behind = _run(_NAME_REST, text[after : min(start, after + _NAME_REACH)])
    name = text[at:after]
    if number < _VENDOR_FROM:
        told = said(words_of(before + name + behind))
        if told is None or not _is_credential(secret, told):
            return None
        return Finding("secrets", "assigned-credential", start, start + len(secret), Confidence.RANDOM)
    if not begins_word(before, name):
        return None
    told = said(["vendor", *words_of(before), *words_of(behind)])
    if told is None or not _is_vendors(secret, told):
        return None
    rule = f"{_NAMES[number].replace('_', '-')}-credential"
    return Finding("secrets", rule, start, start + len(secret), Confidence.VENDOR)


def _is_in_placeholder(text: bytes, at: int) -> bool:
    """`<SECRET_github-pat_5d1c07ab>` stands for a secret, and names nothing that follows."""
    opened = text.rfind(b"<SECRET_", max(0, at - _NAME_REACH), at + len(b"<SECRET_"))
    return opened >= 0 and text.find(b">", opened, at) < 0


def _run(pattern: re.Pattern[bytes], text: bytes) -> bytes:
    found = pattern.match(text)
    return found.group() if found else b""


def _is_credential(value: bytes, told: Said) -> bool:
    """Whether a value is random enough for what its name says, whoever's it is."""
    if told.is_identifier or not (told.is_credential or told.may_be):
        return False
    if is_uuid(value):
        return told.is_credential and told.may_be
    if len(value) < (_LEAST_STRONG if told.is_credential else _LEAST_WEAK) or not looks_random(value):
        return False
    return entropy(value) >= (3.0 if told.is_credential and len(value) >= 20 else 3.4)


def _is_vendors(value: bytes, told: Said) -> bool:
    """As above for a name that says whose it is: no entropy is asked of what has a vendor's usual shape."""
    is_named = told.is_credential or told.may_be
    if is_uuid(value):
        return is_named or told.is_identifier
    if value.isdigit():
        return told.is_credential and len(value) in _DIGITS_OF_AN_ID
    if not is_named:
        return len(value) >= _LEAST_UNNAMED and looks_random(value)
    if not value.isalnum():
        return len(value) >= _LEAST_VENDOR and looks_random(value)
    return len(value) >= _LEAST_VENDOR and entropy(value) >= 2.0 and (is_hex(value) or is_no_name(value))
