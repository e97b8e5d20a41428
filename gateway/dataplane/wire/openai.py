"""What the OpenAI dialects share: the error envelope and the reading of a provider's error."""

from typing import Any

from msgspec import DecodeError, Struct
from msgspec.json import Decoder, Encoder

from gateway.dataplane.wire.refusal import Form

encode = Encoder().encode


class _Error(Struct):
    message: str = ""


class _Envelope(Struct):
    error: _Error | str | None = None
    message: str = ""


_ENVELOPE = Decoder(_Envelope)
_SHOWN_BYTES = 2000


def error_body(form: Form, message: str, details: dict[str, Any]) -> bytes:
    """`{"error": {message, type, param, code, agentcc}}`, and `resets_at` (epoch seconds) of what is used up until then."""
    error: dict[str, Any] = {
        "message": message,
        "type": form.type,
        "param": details.get("param") or None,
        "code": form.code,
        "agentcc": details,
    }
    if resets_at_s := details.get("resets_at_s"):
        error["resets_at"] = resets_at_s
    return encode({"error": error})


def upstream_message(body: bytes) -> str:
    """A provider's own words in an error answer; the start of the raw text when it has another shape."""
    try:
        found = _ENVELOPE.decode(body)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return body[:_SHOWN_BYTES].decode("utf-8", "replace")
    if isinstance(found.error, _Error) and found.error.message:
        return found.error.message
    return (
        found.error
        if isinstance(found.error, str) and found.error
        else found.message or body[:_SHOWN_BYTES].decode("utf-8", "replace")
    )
