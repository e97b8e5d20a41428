"""Whole answers: ConverseResponse ⇄ Answer."""

from typing import Any, Final

from gateway.base.core.errors import BadRequest, UpstreamProtocolError
from gateway.dataplane.wire.canon import Answer, Fault, Media, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.converse.citations import written_citations
from gateway.dataplane.wire.converse.errors import read_error
from gateway.dataplane.wire.converse.media import DocumentNames, write_media
from gateway.dataplane.wire.converse.names import BLOCK
from gateway.dataplane.wire.converse.read_blocks import read_blocks
from gateway.dataplane.wire.converse.stop import more_of_stop, read_stop, written_stop
from gateway.dataplane.wire.converse.usage import more_of_usage, read_usage, written_usage
from gateway.dataplane.wire.converse.write_blocks import Block, reasoning_block
from gateway.dataplane.wire.fields import encode, rest
from gateway.dataplane.wire.lenient import answer_object, child
from gateway.dataplane.wire.translate.unwrap import arguments_object

_KNOWN: Final = frozenset({"output", "stopReason", "usage"})


# === reading ===


def read_answer(body: bytes) -> Answer | Fault:
    """A provider's whole answer. Raises UpstreamProtocolError."""
    said = answer_object(body)
    message = child(child(said, "output"), "message")
    content = message.get("content")
    if not isinstance(content, list):
        if "message" in said or "__type" in said:
            return read_error(0, {}, body)
        raise UpstreamProtocolError("the provider's answer has no `output.message.content`")
    try:
        parts = [part for part in read_blocks(content, "output.message.content") if not _is_nothing(part)]
    except BadRequest as exc:
        raise UpstreamProtocolError(f"the provider's answer breaks its dialect: {exc.message}") from exc
    usage, tier = said.get("usage"), child(said, "serviceTier").get("type")
    stop = read_stop(
        str(said.get("stopReason") or ""),
        said.get("additionalModelResponseFields"),
        has_calls=any(isinstance(part, ToolCall) for part in parts),
    )
    return Answer(
        id="",
        model=invoked_model(child(said, "trace")),
        parts=parts,
        stop=stop,
        usage=None if usage is None else read_usage(encode(usage), tier if isinstance(tier, str) else ""),
        extra=rest(said, _KNOWN),
    )


def invoked_model(trace: dict[str, Any]) -> str:
    """The model that a prompt router chose; '' where there was none: Converse names no model."""
    name = child(trace, "promptRouter").get("invokedModelId")
    return name if isinstance(name, str) else ""


def _is_nothing(part: Part) -> bool:
    """gpt-oss on Bedrock puts an empty text first. A call that does not say of what nobody could run."""
    if isinstance(part, ToolCall):
        return not part.name
    return isinstance(part, Text) and not part.text and not part.citations


# === writing ===


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """A whole answer for a client."""
    del asked  # the id travels in a header, the model in the path
    content = [block for block in map(answer_block, answer.parts) if block]
    body: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": written_stop(answer.stop),
        "usage": written_usage(answer.usage),
        "metrics": {"latencyMs": 0},
        **more_of_stop(answer.stop),
        **more_of_usage(answer.usage),
    }
    return encode({**body, **(answer.extra or {})})


def answer_block(part: Part) -> Block | None:
    """The block of an answer's part; None when there is nothing to say, or nothing that a client of this dialect would know."""
    if isinstance(part, ToolCall):
        kind = (part.extra or {}).get("type")
        more = {"type": kind} if kind == "tool_use" else {}
        return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments_object(part), **more}}
    if isinstance(part, Reasoning):
        return reasoning_block(part) if part.signature or part.text or part.summary else None
    if isinstance(part, Media):
        return write_media(part, DocumentNames())
    if isinstance(part, Opaque):
        return own_opaque(part)
    if isinstance(part, Text) and part.citations is not None:
        kept = (part.extra or {}).get(BLOCK)
        if isinstance(kept, dict) and "citationsContent" in kept:
            return kept
        citations = written_citations(part.citations)
        if citations:
            return {"citationsContent": {"content": [{"text": part.text}], "citations": citations}}
    return {"text": part.text} if isinstance(part, Text | Refusal) and part.text else None


def own_opaque(part: Opaque) -> Block | None:
    """What a tool that runs at AWS did, for a client that knows it."""
    value = part.value
    is_own = isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("toolUse", "toolResult", "image")
    return value if is_own else None
