"""Whole answers, from and to Responses. Both ways go through the streams' own machines, so that both forms say the same."""

from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError

from gateway.base.core.errors import UpstreamProtocolError
from gateway.dataplane.wire.canon import Answer, Part, Refusal, ToolCall
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.responses.error import fault_of
from gateway.dataplane.wire.responses.output import parts_of
from gateway.dataplane.wire.responses.reader import decode_response
from gateway.dataplane.wire.responses.stop import stop_of
from gateway.dataplane.wire.responses.writer import ResponsesWriter
from gateway.dataplane.wire.translate.collect import events_of


def read_answer(body: bytes) -> Answer:
    """A whole answer. Raises UpstreamProtocolError for what is none, and for one that failed."""
    try:
        response = decode_response(body)
        items = response.items()
    except (DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise UpstreamProtocolError(f"the provider's answer is no Responses object: {exc}") from exc
    if response.status == "failed" or (response.output is None and response.error):
        error: Mapping[str, Any] = (
            response.error if isinstance(response.error, dict) else {"message": str(response.error)}
        )
        fault = fault_of({"error": error})
        raise UpstreamProtocolError(fault.message or "the provider's answer failed", upstream_code=fault.code)
    if response.output is None:
        raise UpstreamProtocolError("the provider's answer has no `output`")
    parts: list[Part] = [part for item in items for part in parts_of(item)]
    response_id, model, created_s = response.begin()
    return Answer(
        id=response_id,
        model=model,
        parts=parts,
        stop=stop_of(
            response.status if isinstance(response.status, str) else "",
            response.reason(),
            has_calls=any(isinstance(part, ToolCall) for part in parts),
            has_refusal=any(isinstance(part, Refusal) for part in parts),
        ),
        usage=response.usage_of(body),
        created_s=created_s,
    )


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """A whole answer for the client: the Response object with which its stream would end."""
    writer = ResponsesWriter(asked)
    writer.write(events_of(answer))
    return writer.response
