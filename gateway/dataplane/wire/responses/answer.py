"""Whole answers, from and to Responses. Both ways go through the streams' own machines, so that both forms say the same."""

from msgspec import DecodeError

from gateway.base.core.errors import UpstreamProtocolError
from gateway.dataplane.wire.canon import Answer, Fault, Part, Refusal, ToolCall
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.lenient import refuse_too_deep
from gateway.dataplane.wire.responses.error import fault_of
from gateway.dataplane.wire.responses.output import parts_of
from gateway.dataplane.wire.responses.reader import decode_response
from gateway.dataplane.wire.responses.stop import stop_of
from gateway.dataplane.wire.responses.writer import ResponsesWriter
from gateway.dataplane.wire.translate.collect import events_of


def read_answer(body: bytes) -> Answer | Fault:
    """A whole answer, or its failure. Raises UpstreamProtocolError for what is neither."""
    refuse_too_deep(body)
    try:
        response = decode_response(body)
        items = response.items()
    except (DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise UpstreamProtocolError(f"the provider's answer is no Responses object: {exc}") from exc
    if response.status == "failed" or (response.output is None and response.error):
        return fault_of({"error": response.error or "the response failed"})
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
