"""Bedrock Converse: what the AWS SDKs speak. Model and stream are in the path; streams are AWS event streams, not SSE."""

from typing import Any

from gateway import _native
from gateway.dataplane.wire.dialect import Dialect
from gateway.dataplane.wire.openai import encode
from gateway.dataplane.wire.peek import Peek, int_at, spans
from gateway.dataplane.wire.refusal import Form

_KEYS = (b"inferenceConfig",)

_TYPES = {
    400: "ValidationException",
    401: "AccessDeniedException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    413: "ValidationException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
    529: "ServiceUnavailableException",
}
_FAULT = "InternalServerException"


def peek(body: bytes, max_depth: int) -> Peek:
    """Check the body and find the output limit; model and stream come from the path. Raises BadRequest."""
    start, end = spans(body, _KEYS, max_depth)
    limit = 0
    if start >= 0:
        config = body[start:end]
        limit = int_at(config, *_native.find_path(config, (b"maxTokens",)))
    return Peek(body, "", (-1, -1), is_stream=False, max_output_tokens=limit)


def error_body(form: Form, message: str, details: dict[str, Any]) -> bytes:
    """`{"__type", "message", "agentcc"}`: SDKs read the kind of error from `__type`."""
    return encode({"__type": _type_of(form), "message": message, "agentcc": details})


def error_event(form: Form, message: str, details: dict[str, Any]) -> bytes:
    """An exception frame."""
    del details
    kind = _type_of(form)
    headers = [
        (":exception-type", kind[0].lower() + kind[1:]),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ]
    return _native.eventstream_message(headers, encode({"message": message}))


def _type_of(form: Form) -> str:
    """The form's own type where it is one of AWS's, else that of its status."""
    return form.type if form.type.endswith("Exception") else _TYPES.get(form.status, _FAULT)


BEDROCK_CONVERSE = Dialect(
    name="bedrock.converse",
    tap="bedrock.converse",
    # no event is defined for it, but one of an unknown type is passed over: "clients SHOULD NOT fail when an unknown event is
    # received" (Smithy, event streams, client behavior); botocore does not even show it
    keep_alive=_native.eventstream_message(
        [(":event-type", "keepAlive"), (":content-type", "application/json"), (":message-type", "event")], b"{}"
    ),
    has_terminal=True,
    takes_comments=False,
    stream_type="application/vnd.amazon.eventstream",
    event_mark=b"contentBlockDelta",
    answer_keys=(b"usage", b"-", b"-", b"-"),
    peek=peek,
    error_body=error_body,
    error_event=error_event,
)
