"""OpenAI Responses: what Codex speaks. Facts about the client: docs/guides/codex.md."""

from typing import Any

from gateway.dataplane.wire.canon import Fault
from gateway.dataplane.wire.dialect import Dialect
from gateway.dataplane.wire.openai import encode, error_body
from gateway.dataplane.wire.peek import peek_with_limit
from gateway.dataplane.wire.refusal import Form
from gateway.dataplane.wire.responses.error import failed_error

_LAST_SEQUENCE = 2**31 - 1  # we do not count events; the largest number keeps the sequence growing


def error_event(form: Form, message: str, details: dict[str, Any]) -> bytes:
    """`response.failed`: Codex ignores `event: error` and would wait for the end (codex-wire §7).

    A refusal's code is shown verbatim and stops the client; `server_error` lets it try again. A provider's error has the code and the
    words that it has on the translated road.
    """
    if "upstream_code" in details:
        wait_s = float(dict(form.headers).get("retry-after", -1))
        error = failed_error(Fault(details["kind"], message, code=details["upstream_code"], retry_after_s=wait_s))
    else:
        code = form.event_code or (form.code if form.status < 500 else "server_error")
        error = {"code": code, "message": message}
    response: dict[str, Any] = {
        "id": details.get("response_id") or f"resp_{details.get('request_id', '')}",
        "object": "response",
        "created_at": 0,
        "status": "failed",
        "error": {**error, "agentcc": details},
        "incomplete_details": None,
        "model": str(details.get("model", "")),
        "output": [],
        "usage": None,
    }
    data = encode({"type": "response.failed", "sequence_number": _LAST_SEQUENCE, "response": response})
    return b"event: response.failed\ndata: " + data + b"\n\n"


OPENAI_RESPONSES = Dialect(
    name="openai.responses",
    tap="openai.responses",
    keep_alive=b": keep-alive\n\n",
    has_terminal=True,
    takes_comments=True,
    answer_keys=(b"usage", b"model", b"service_tier", b"tool_usage"),
    peek=peek_with_limit(b"max_output_tokens"),
    error_body=error_body,
    error_event=error_event,
)
