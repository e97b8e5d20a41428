"""What the OpenAI dialects share: the error envelope."""

from typing import Any

from msgspec.json import Encoder

from gateway.dataplane.wire.refusal import Form

encode = Encoder().encode


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
