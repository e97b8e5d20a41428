"""What the admin API answers with: a reply, or a refusal that says what to do instead."""

import msgspec

from gateway.base.core.struct import Record

_JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class Reply(Record, frozen=True):
    """Status, body and content type of one answer."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """The query cannot be answered: `status`, a stable `code`, and what to do instead."""

    def __init__(self, status: int, code: str, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.reply = Reply(status, _encode({"error": {"code": code, "message": message}}), _JSON, headers)


def as_reply(value: object, status: int = 200) -> Reply:
    """`value` as JSON."""
    return Reply(status, _encode(value))
