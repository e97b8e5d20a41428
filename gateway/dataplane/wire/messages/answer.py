"""Whole answers: the provider's → Answer, and Answer → the client's."""

from typing import Any, Final

from gateway.base.core.errors import UpstreamProtocolError
from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import Answer, Fault, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.fault import unsaid
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.lenient import answer_object, string
from gateway.dataplane.wire.messages.citations import citation_of, citations_of
from gateway.dataplane.wire.messages.error import fault_of
from gateway.dataplane.wire.messages.names import NAME, is_anthropics
from gateway.dataplane.wire.messages.stop import PASSED, is_awaited, stop_of, stop_word
from gateway.dataplane.wire.messages.usage import usage_object
from gateway.dataplane.wire.translate.count import estimated_tokens
from gateway.dataplane.wire.translate.reasoning import shown
from gateway.dataplane.wire.translate.unwrap import arguments_object
from gateway.dataplane.wire.usage import USAGE

_Block = dict[str, Any]
_CHARS_PER_TOKEN: Final = 4
_PASSED: Final = ("context_management", "input_transformations", "diagnostics")
"""Members of an answer that only this dialect has, and its clients know."""
_KNOWN: Final = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage", *PASSED})


def read_answer(body: bytes) -> Answer | Fault:
    """See `Codec.read_answer`."""
    answer = answer_object(body)
    if "content" not in answer:
        if "error" in answer:
            return fault_of(answer["error"])
        raise UpstreamProtocolError("the provider's answer has no `content`")
    content = answer["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    parts = [part for block in content if (part := part_of(block)) is not None] if isinstance(content, list) else []
    usage = answer.get("usage")
    return Answer(
        id=string(answer, "id"),
        model=string(answer, "model"),
        parts=parts,
        stop=stop_of(
            answer,
            has_calls=any(isinstance(part, ToolCall) for part in parts),
            is_awaited=any(map(is_awaited, parts)),
        ),
        usage=USAGE[NAME](encode(usage), None) if isinstance(usage, dict) else None,
        extra={name: value for name, value in answer.items() if name not in _KNOWN and value is not None} or None,
    )


def part_of(block: Any) -> Part | None:
    """One block of an answer; None for what is none, and for a call that does not say of what. What is unknown stays whole."""
    if not isinstance(block, dict) or not isinstance(kind := block.get("type"), str):
        return None
    if kind == "text":
        citations = block.get("citations")
        cited = [citation_of(one) for one in citations] if isinstance(citations, list) else None
        return Text(text=string(block, "text"), citations=cited)
    if kind == "thinking":
        return Reasoning(text=string(block, "thinking"), signature=string(block, "signature"))
    if kind == "redacted_thinking":
        return Reasoning(signature=string(block, "data"), is_redacted=True)
    if kind == "tool_use":
        if not string(block, "name"):
            return None  # nobody could run it
        given = block.get("input")
        caller = block.get("caller")
        return ToolCall(
            id=string(block, "id"),
            name=string(block, "name"),
            arguments=given if isinstance(given, str) else encode({} if given is None else given).decode(),
            extra={"caller": caller} if caller is not None else None,
        )
    return Opaque(kind=kind, value=block)


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """See `Codec.write_answer`. Raises UpstreamProtocolError where the answer ended in a way that no client may take for its end."""
    word = stop_word(answer.stop, has_calls=any(map(is_awaited, answer.parts)))
    if word is None:
        raise UpstreamProtocolError(unsaid(answer.stop).message)
    blocks = [block for part in answer.parts if (block := block_of(part)) is not None]
    message: _Block = {
        "id": message_id(answer.id, asked),
        "type": "message",
        "role": "assistant",
        "model": answer.model or asked.turn.model,
        "content": blocks,
        "stop_reason": word,
        "stop_sequence": answer.stop.sequence or None,
        "usage": usage_object(answer.usage or _estimated(asked, blocks)),
    }
    for names, extra in ((PASSED, answer.stop.extra), (_PASSED, answer.extra)):
        message.update({name: extra[name] for name in names if extra and extra.get(name) is not None})
    return encode(message)


def message_id(given: str, asked: Asked) -> str:
    """The answer's id; one made from the request's where the provider gave none."""
    return given or f"msg_{asked.request_id}"


def block_of(part: Part) -> _Block | None:
    """One part for a client; None for what it cannot read, and for empty text, which it would have to send back."""
    if isinstance(part, Text | Refusal):
        if not part.text:
            return None
        block: _Block = {"type": "text", "text": part.text}
        if isinstance(part, Text) and (kept := citations_of(part.citations)):
            block["citations"] = kept
        return block
    if isinstance(part, ToolCall):
        block = {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_object(part)}
        if part.extra and "caller" in part.extra:
            block["caller"] = part.extra["caller"]
        return block
    if isinstance(part, Reasoning):
        return _thinking(part)
    return part.value if isinstance(part, Opaque) and is_anthropics(part) else None


def _thinking(part: Reasoning) -> _Block | None:
    """Always with its signature: the SDKs fail without the member (trap 29)."""
    if part.is_redacted:
        return {"type": "redacted_thinking", "data": part.signature} if part.signature else None
    text = shown(part)
    if not text and not part.signature:
        return None
    return {"type": "thinking", "thinking": text, "signature": part.signature}


def _estimated(asked: Asked, blocks: list[_Block]) -> Usage:
    """For a provider that tells no usage."""
    return Usage(input_tokens=estimated_tokens(asked.turn), output_tokens=len(encode(blocks)) // _CHARS_PER_TOKEN + 1)
