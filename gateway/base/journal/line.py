"""The journal's line: `<64 hex digits of sha256> <json>` and a newline (docs/decisions/0001-journal-is-text-lines.md).

The hash covers the previous line's hash, as hex text, and the JSON: sha256(prev + json). Rules: a frame's JSON holds no
newline and begins with its kind, `{"k":"…"`; a line without its newline is torn and does not count. A NUL is room that
was reserved and not written: what comes from there on does not count either. Pure.
"""

from datetime import UTC, datetime
from hashlib import sha256

import msgspec

ZEROS = "0" * 64
"""The `prev` of a run's first line."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes that are not a frame: bad UTF-8 and absurd nesting are no DecodeError (0.22, seen)."""

HASH_BYTES = 64
JSON_AT = HASH_BYTES + 1
_KIND_AT = len(b'{"k":"')
_ID_MARK = b'"request_id":"'
_OPEN_HEAD = b'{"k":"open",' + _ID_MARK
_DONE_HEAD = b'{"k":"done",' + _ID_MARK


class _IdView(msgspec.Struct):
    request_id: str = ""


class _KindView(msgspec.Struct):
    k: str = ""


_decode_id = msgspec.json.Decoder(_IdView).decode
_decode_kind = msgspec.json.Decoder(_KindView).decode


def chain_hash(prev: str, payload: bytes) -> str:
    """The hash of the line that carries `payload` after the line whose hash is `prev`."""
    return sha256(prev.encode() + payload).hexdigest()


def encode_line(prev: str, payload: bytes) -> tuple[str, bytes]:
    """(hash, whole line with its newline) of `payload` after `prev`."""
    digest = chain_hash(prev, payload)
    return digest, b"%b %b\n" % (digest.encode(), payload)


def split_line(line: bytes) -> tuple[str, bytes] | None:
    """(hash, JSON) of one line without its newline; None when it has not the form of a line. Does not check the hash."""
    head = line[:HASH_BYTES]
    if line[HASH_BYTES:JSON_AT] != b" " or not head.isalnum():
        return None
    return head.decode(), line[JSON_AT:]


def is_whole(line: bytes) -> bool:
    """Whether a line that was read from a file is all there."""
    return line[-1] == 10 and b"\0" not in line


def torn_bytes(line: bytes) -> int:
    """How much of a line that is not whole was written."""
    return len(line.strip(b"\0"))


def kind_of(payload: bytes) -> str:
    """The frame's kind: `open`, `done`, `run`, …; empty when the JSON does not say."""
    if payload.startswith(b'{"k":"'):
        return payload[_KIND_AT : payload.find(b'"', _KIND_AT)].decode("ascii", "replace")
    try:
        return _decode_kind(payload).k
    except UNREADABLE:
        return ""


def request_id_of(payload: bytes) -> str:
    """The `request_id` of an `open` or `done` frame; empty when there is none. Our own encoder puts it second."""
    if payload.startswith((_OPEN_HEAD, _DONE_HEAD)):
        start = len(_OPEN_HEAD)
        return payload[start : payload.find(b'"', start)].decode("utf-8", "replace")
    try:
        return _decode_id(payload).request_id
    except UNREADABLE:
        return ""


def rfc3339(seconds: float) -> str:
    """UTC time with milliseconds, such as `2026-11-21T05:48:12.123Z`: text order is time order."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
