"""Whole answers. Of several choices the first is the answer; the others stay in `extra`, for no other dialect has them."""

from typing import Any

from gateway.base.core.errors import UpstreamProtocolError
from gateway.dataplane.wire.canon import Answer, Fault, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from gateway.dataplane.wire.chat.citations import annotation_of, citation_of
from gateway.dataplane.wire.chat.error import fault_of
from gateway.dataplane.wire.chat.reasoning import bound, bound_signature, read_thoughts, written_detail
from gateway.dataplane.wire.chat.stop import FAILURES, failed, read_stop, written_stop
from gateway.dataplane.wire.chat.tools import LegacyFunction
from gateway.dataplane.wire.chat.usage import read_usage, written_usage
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.fault import unsaid
from gateway.dataplane.wire.fields import encode, rest
from gateway.dataplane.wire.lenient import answer_object, count, rows, text_of
from gateway.dataplane.wire.translate.names import made_id
from gateway.dataplane.wire.translate.reasoning import shown

_KNOWN = frozenset({"id", "object", "created", "model", "choices", "usage", "service_tier"})
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
"""OpenAI's own words: others (Anthropic's `standard`) do not fit the SDK's type."""


_OTHER_ERRORS = ("message", "detail")
"""Where some put their words instead of `error` (chat/error.py)."""

# === reading ===


def read_answer(body: bytes) -> Answer | Fault:
    """A provider's whole answer, or its failure. Raises UpstreamProtocolError for what is neither."""
    said = answer_object(body)
    choices = rows(said, "choices")
    if said.get("error") or (not choices and not said.keys().isdisjoint(_OTHER_ERRORS)):
        return fault_of(said)
    if not choices:
        raise UpstreamProtocolError("the provider's answer has no choices")
    choice = choices[0]
    word = choice.get("finish_reason") or _old_finish(choice)
    if choice.get("error"):
        return fault_of(choice)
    if isinstance(word, str) and word in FAILURES:
        return failed(word)
    message = choice.get("message")
    parts = _parts(message if isinstance(message, dict) else {}, said)
    extra = rest(said, _KNOWN) or {}
    if len(choices) > 1:
        extra["choices"] = choices[1:]
    return Answer(
        id=text_of(said.get("id")),
        model=text_of(said.get("model")),
        parts=parts,
        stop=read_stop(
            word,
            choice.get("stop_reason"),
            has_calls=any(isinstance(part, ToolCall) for part in parts),
            has_refusal=any(isinstance(part, Refusal) for part in parts),
        ),
        usage=read_usage(said.get("usage"), said.get("service_tier")),
        created_s=max(0, count(said, "created")),
        extra=extra or None,
    )


def _old_finish(choice: dict[str, Any]) -> Any:
    """`finish_details`: what gpt-4-vision-preview had instead."""
    details = choice.get("finish_details")
    return details.get("type") if isinstance(details, dict) else None


def _parts(message: dict[str, Any], answer: dict[str, Any]) -> list[Part]:
    parts: list[Part] = [thought for _, thought in read_thoughts(message)]
    content = _content(message)
    if content and (signature := bound_signature(message)):
        parts.append(Reasoning(signature=signature, is_bound=True))
    parts += content
    if refusal := text_of(message.get("refusal")):
        parts.append(Refusal(text=refusal))
    for image in rows(message, "images"):
        parts.append(Opaque(kind="image", value=image))
    audio = message.get("audio")
    if isinstance(audio, dict) and audio.get("data"):
        parts.append(Opaque(kind="audio", value=audio))
    calls = rows(message, "tool_calls")
    if isinstance(message.get("function_call"), dict):
        calls.append({"function": message["function_call"]})
    for source in calls:
        call = _call(source, answer, len(parts))
        if call is not None:
            if signature := bound_signature(source):
                parts.append(Reasoning(signature=signature, is_bound=True))
            parts.append(call)
    return parts


def _content(message: dict[str, Any]) -> list[Part]:
    value = message.get("content")
    if isinstance(value, str):
        found: list[Part] = [Text(text=value)] if value else []
    else:
        found = [part for one in rows(message, "content") if (part := content_part(one)) is not None]
    annotations = message.get("annotations")
    if isinstance(annotations, list) and annotations:
        for part in reversed(found):
            if isinstance(part, Text):
                part.citations = [citation_of(one) for one in annotations]
                break
    return found


def content_part(value: Any) -> Part | None:
    """A part of content that came as a list (Mistral): text or thinking."""
    if not isinstance(value, dict):
        return None
    if value.get("type") == "thinking":
        thought = value.get("thinking")
        if isinstance(thought, list):
            thought = "".join(text_of(one.get("text")) for one in thought if isinstance(one, dict))
        return Reasoning(text=thought) if isinstance(thought, str) and thought else None
    text = text_of(value.get("text"))
    return Text(text=text) if text else None


def _call(source: dict[str, Any], answer: dict[str, Any], at: int) -> ToolCall | None:
    function, custom = source.get("function"), source.get("custom")
    call_id = text_of(source.get("id")) or made_id(f"{answer.get('id')} {answer.get('created')}", at)
    if source.get("type") == "custom" and isinstance(custom, dict) and custom.get("name"):
        text = text_of(custom.get("input"))
        return ToolCall(id=call_id, name=text_of(custom["name"]), arguments=text, kind="custom")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        return None
    return ToolCall(id=call_id, name=function["name"], arguments=arguments_text(function.get("arguments")))


def arguments_text(value: Any) -> str:
    """Arguments as text: some servers send the object itself (trap 53)."""
    if isinstance(value, str):
        return value
    return encode(value).decode() if isinstance(value, dict) else ""


# === writing ===


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """A whole answer for the client.

    Raises UpstreamProtocolError where it ended in a way that Chat has no word for: a silent `stop` would be a lie.
    """
    is_legacy = wants_function_call(asked)
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    calls = _write_parts(message, answer.parts)
    finish = written_stop(answer.stop, has_calls=bool(calls), has_refusal=message["refusal"] is not None)
    if not finish:
        raise UpstreamProtocolError(unsaid(answer.stop).message)
    if calls and is_legacy:
        message["function_call"] = calls[0]["function"]
        finish = "function_call" if finish == "tool_calls" else finish
    elif calls:
        message["tool_calls"] = calls
    body: dict[str, Any] = {
        "id": answer.id or f"chatcmpl-{asked.request_id}",
        "object": "chat.completion",
        "created": answer.created_s or asked.now_s,
        "model": answer.model or asked.turn.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
    }
    if answer.usage is not None:
        body["usage"] = written_usage(answer.usage)
        if answer.usage.service_tier in _TIERS:
            body["service_tier"] = answer.usage.service_tier
    return encode(body)


def wants_function_call(asked: Asked) -> bool:
    """Whether the client declared its functions the old way, and knows no `tool_calls`."""
    return any(isinstance(tool, LegacyFunction) for tool in asked.turn.tools or ())


def _write_parts(message: dict[str, Any], parts: list[Part]) -> list[dict[str, Any]]:
    """Fills `message`; gives the calls."""
    texts: list[str] = []
    thoughts: list[str] = []
    details: list[dict[str, Any]] = []
    cited: list[dict[str, Any]] = []
    chars = 0
    calls: list[dict[str, Any]] = []
    held: list[Reasoning] = []
    for part in parts:
        if isinstance(part, Reasoning):
            thoughts.append(shown(part))
            if part.signature:
                held.append(part)
        elif isinstance(part, ToolCall):
            calls.append(written_call(part))
            is_first = not texts and len(calls) == 1
            _write_proofs(held, details, calls[-1], "" if is_first else part.id)
        elif isinstance(part, Text):
            texts.append(part.text)
            begin, chars = chars, chars + len(part.text)
            found = (annotation_of(one, begin, chars) for one in part.citations or ())
            cited += [one for one in found if one is not None]
            _write_proofs(held, details, message, "")
        elif isinstance(part, Refusal):
            message["refusal"] = (message["refusal"] or "") + part.text
    _write_proofs(held, details, None, "")
    if texts:
        message["content"] = "".join(texts)
    if any(thoughts):
        message["reasoning_content"] = "".join(thoughts)
    if details:
        message["reasoning_details"] = details
    if cited:
        message["annotations"] = cited
    return calls


def _write_proofs(
    held: list[Reasoning], details: list[dict[str, Any]], carrier: dict[str, Any] | None, before: str
) -> None:
    for thought in held:
        if thought.is_bound and carrier is not None:
            carrier["extra_content"] = bound(thought.signature)
        else:
            details.append(written_detail(thought, len(details), before))
    held.clear()


def written_call(call: ToolCall) -> dict[str, Any]:
    """A call of a whole message."""
    if call.kind == "custom":
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
