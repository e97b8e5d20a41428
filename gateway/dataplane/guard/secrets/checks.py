"""What a value says about itself: entropy, randomness, checksums, structure. Pure; each takes bytes that are ASCII."""

import re
from binascii import Error as NotBase64
from binascii import a2b_base64, crc32
from typing import Any

import msgspec

from gateway.dataplane.guard.entropy import entropy

_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_GITHUB_CHECKSUM = 6
_HEX = re.compile(rb"[0-9a-f]+|[0-9A-F]+")
_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RUNS = re.compile(rb"[A-Za-z]+")
_CLASS_CHANGE = re.compile(rb"(?<=[0-9])(?=[A-Za-z])|(?<=[A-Za-z])(?=[0-9])")

_COMMON_PAIRS = frozenset(
    (
        b"ab ac ad ag ai al am an ap ar as at au av ay ba be bi bl bo br bu by ca ce ch ci ck cl co cr ct cu da de di do "
        b"dr du ea ec ed ee ef eg ei el em en ep eq er es et ev ew ex ey fa fe ff fi fo fr fu ge gh gi gn go gr gs ha he "
        b"hi ho ht ia ib ic id ie if ig il im in io ip ir is it iv iz ke ki la ld le li ll lo ls lt lu ly ma me mi mm mo "
        b"mp mu na nc nd ne nf ng ni nk nn no ns nt nu ob oc od of og ol om on oo op or os ot ou ov ow pa pe ph pi pl po "
        b"pp pr ps pt pu qu ra rc rd re rg ri rk rm rn ro rr rs rt ru ry sa sc se sh si so sp ss st su sy ta te th ti to "
        b"tr ts tt tu ty ub uc ue ui ul um un up ur us ut va ve vi vo wa we wh wi wo xt yp ys"
    ).split()
)
"""Letter pairs that make up most of English and of names in code; a random pair is one of them in 3 of 10 cases."""
_MOST_COMMON_SHARE = 0.62
_FEWEST_PAIRS, _ENOUGH_PAIRS, _MOST_OF_FEW = 4, 12, 0.7
_DIGITS = tuple(b"%d" % digit for digit in range(10))
_LEAST_HEX, _LEAST_PART = 16, 8
_ONE_CASE = re.compile(rb"[a-z0-9]+|[A-Z0-9]+")
_SCHEME = re.compile(rb"aws4-|digest$|signature[ =]|[a-z-]{3,20}=(?!=)", re.IGNORECASE)
_LEAST_PASSWORD = 6
_PASSWORD_WORDS = re.compile(
    rb"^\d{2,5},|p(?:a|@|%40)ss|pwd|secret|user|token|admin|key|[\[\]{}<>$*]|%\(|\.\.", re.IGNORECASE
)
_SYMBOL, _DIGIT = re.compile(rb"[!@#%^&?]"), re.compile(rb"[0-9]")
_KINDS = (str.islower, str.isupper, str.isdigit, lambda char: not char.isalnum())
_BASE64_VALUE = re.compile(rb":\s+(?:[|>][+-]?\s+)?[\"']?[A-Za-z0-9+/]{10,}={0,3}[\"']?\s*$", re.MULTILINE)
_PARTS = re.compile(rb"[A-Za-z0-9]+")


def is_uuid(value: bytes) -> bool:
    """8-4-4-4-12 hexadecimal digits."""
    return _UUID.fullmatch(value) is not None


def is_hex(value: bytes) -> bool:
    """Hexadecimal digits of one case, letters and digits both."""
    return _HEX.fullmatch(value) is not None and not value.isdigit() and not value.isalpha()


def is_no_name(value: bytes) -> bool:
    """Letters and digits both, and the letters do not make words."""
    runs = _RUNS.findall(value)
    digits = sum(map(value.count, _DIGITS))
    if not runs or not digits:
        return False
    if len(value) >= _LEAST_HEX and digits * 4 >= len(value) and _ONE_CASE.fullmatch(value):
        return True
    if len(_CLASS_CHANGE.findall(value)) >= max(5, len(value) // 4):
        return True
    pairs = [run[i : i + 2].lower() for run in runs for i in range(len(run) - 1)]
    most = _MOST_COMMON_SHARE if len(pairs) >= _ENOUGH_PAIRS else _MOST_OF_FEW
    return len(pairs) < _FEWEST_PAIRS or sum(pair in _COMMON_PAIRS for pair in pairs) <= most * len(pairs)


def looks_random(value: bytes) -> bool:
    """Letters and digits in no order that people or programs give to names, versions, paths or numbers."""
    if any(len(part) >= _LEAST_HEX and is_hex(part) and entropy(part) >= 2.8 for part in _PARTS.findall(value)):
        return True
    if max(map(len, _PARTS.findall(value)), default=0) < _LEAST_PART:
        return False  # `org.slf4j.slf4j-api`: what people write has short parts
    if not is_no_name(value) or entropy(value) < min(3.6, 2.4 + len(value) / 25):
        return False
    # A name with a number in it changes between letters and digits once or twice, a random value all the time; a long
    # value in both cases may have few digits, but changes case within its words.
    changes = len(_CLASS_CHANGE.findall(value)) + _case_changes(value)
    return changes >= max(3, len(value) // 6)


def is_password(value: bytes) -> bool:
    """Not a word that stands for a password: at least two kinds of characters, and no word for it inside."""
    if len(value) < _LEAST_PASSWORD or _PASSWORD_WORDS.search(value):
        return False
    return sum(any(kind(chr(byte)) for byte in value) for kind in _KINDS) >= 2


def is_strong_password(value: bytes) -> bool:
    """What a rule for passwords asks for: a symbol, a digit and letters; code has other symbols (`.`, `_`, `/`, `=`)."""
    return is_password(value) and all(pattern.search(value) for pattern in (_SYMBOL, _DIGIT, _RUNS))


def is_header_value(value: bytes) -> bool:
    """A header's value that was issued, not a word that stands for it, nor what a signature begins with."""
    if _SCHEME.match(value):
        return False
    return is_no_name(value) or _case_changes(value) * 3 >= len(value)


def has_base64_value(entries: bytes) -> bool:
    """One of the lines `name: value` has a value in base64, as Kubernetes keeps secrets."""
    return _BASE64_VALUE.search(entries) is not None


def _case_changes(value: bytes) -> int:
    return sum(
        a.islower() != b.islower()
        for run in _RUNS.findall(value)
        for a, b in zip(run.decode()[1:], run.decode()[2:], strict=False)
    )


def github_checksum(value: bytes) -> bool:
    """GitHub's tokens end in the CRC-32 of what is between prefix and checksum, in base62 (github.blog, 2021-04-05)."""
    body = value[value.index(b"_") + 1 :]
    if len(body) <= _GITHUB_CHECKSUM:
        return False
    left = crc32(body[:-_GITHUB_CHECKSUM])
    digits = bytearray()
    for _ in range(_GITHUB_CHECKSUM):
        left, digit = divmod(left, 62)
        digits.append(_BASE62[digit])
    return bytes(reversed(digits)) == body[-_GITHUB_CHECKSUM:]


def luhn(value: bytes) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1), spaces and dashes aside."""
    digits = [byte - 48 for byte in value if 48 <= byte <= 57]
    if not digits:
        return False
    return sum(d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(reversed(digits))) % 10 == 0


def jwt_header(value: bytes) -> dict[str, Any] | None:
    """The header of a JSON web token, None where the first part is none (RFC 7515)."""
    head = value.split(b".", 1)[0]
    try:
        header = msgspec.json.decode(a2b_base64(head.translate(_URL_SAFE) + b"=" * (-len(head) % 4)))
    except (NotBase64, ValueError):
        return None
    return header if isinstance(header, dict) else None


_URL_SAFE = bytes.maketrans(b"-_", b"+/")
