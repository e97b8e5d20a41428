"""Parts → content blocks.

`own_block` gives a client's block of this dialect back as it was. `BlockWriter` writes what another dialect's client said: blank
text is left out, which Bedrock refuses (trap 33); reasoning is sent only with a signature that its maker can read (trap 19), never
as visible text (trap 24); what has no word here becomes a note in the text, and a report.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Media, Opaque, Part, Reasoning, Refusal, Role, Text, ToolCall, ToolResult
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.converse.media import DocumentNames, write_media
from gateway.dataplane.wire.converse.models import model_of
from gateway.dataplane.wire.converse.names import BLOCK, CACHE_POINT
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.media import left_out
from gateway.dataplane.wire.translate.reasoning import report_unsent, same_origin, shown
from gateway.dataplane.wire.translate.unwrap import arguments_object

Block = dict[str, Any]
_NOTHING: Final = "(no output)"


class BlockWriter:
    """Writes the blocks of one request."""

    def __init__(self, target: Target, report: Report) -> None:
        self._target, self._report = target, report
        self._model = model_of(target)
        self._names = DocumentNames()

    def is_kept(self, part: Part, path: str) -> bool:
        """Whether a part becomes a block. Says so when something is lost."""
        if isinstance(part, Text | Refusal):
            return bool(part.text.strip())
        if isinstance(part, Opaque):
            return False  # only its own dialect knows it; the road reports it
        if isinstance(part, Reasoning):
            return self._is_readable(part)
        return True

    def block(self, part: Part, role: Role, path: str) -> Block:
        """The block of a part that is kept."""
        if isinstance(part, ToolCall):
            return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments_object(part)}}
        if isinstance(part, ToolResult):
            return self._result(part, path)
        if isinstance(part, Media):
            return self._media(part, role, path)
        if isinstance(part, Reasoning):
            return reasoning_block(part)
        if isinstance(part, Text) and part.citations:
            self._report.drop(f"{path}.citations")
        return {"text": part.text} if isinstance(part, Text | Refusal) else {}

    def _is_readable(self, part: Reasoning) -> bool:
        if part.signature and (not part.origin or same_origin(part.origin, self._target.origin)):
            return True
        if part.text or part.summary or part.signature:
            report_unsent(part, self._target, self._report)
        return False

    def _media(self, part: Media, role: Role, path: str) -> Block:
        block = write_media(part, self._names) if role != "assistant" else None
        if block is not None:
            return block
        where = (
            "file_id" if part.file_id else "url" if part.url else "in_an_answer" if role == "assistant" else "format"
        )
        self._report.drop(f"{path}.{part.kind}", where)
        return {"text": left_out(part)}

    def _result(self, part: ToolResult, path: str) -> Block:
        content: list[Block]
        if part.value is not None:
            content = [{"json": part.value}]
            content += [self._media(one, "user", path) for one in part.parts if isinstance(one, Media)]
        else:
            content = []
            for one in part.parts:
                if isinstance(one, Media):
                    content.append(self._media(one, "user", path))
                elif isinstance(one, Opaque):
                    self._report.drop(f"{path}.{one.kind}")
                elif one.text.strip():
                    content.append({"text": one.text})
        result: Block = {"toolUseId": part.call_id, "content": content or [{"text": _NOTHING}]}
        if part.is_error:
            if self._model.has_status:
                result["status"] = "error"
            else:
                self._report.drop(f"{path}.tool_result.is_error")
        return {"toolResult": result}


def own_block(part: Part) -> Block:
    """The block that a client of this dialect wrote."""
    extra = part.extra or {}
    if BLOCK in extra:
        block: Block = extra[BLOCK]
        return block
    if isinstance(part, ToolCall):
        return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments_object(part), **_more(extra)}}
    if isinstance(part, ToolResult):
        content = [own_block(one) for one in part.parts] if part.value is None else [{"json": part.value}]
        result = {"toolUseId": part.call_id, "content": content, **_more(extra)}
        if part.is_error:
            result["status"] = "error"
        return {"toolResult": result}
    if isinstance(part, Media):
        block = write_media(part, DocumentNames()) or {}
        if part.kind == "document" and block:
            block["document"]["name"] = part.name
        return block
    if isinstance(part, Reasoning):
        return reasoning_block(part)
    if isinstance(part, Opaque):
        whole: Block = part.value
        return whole
    if isinstance(part, Text) and part.citations is not None:
        return {
            "citationsContent": {"content": [{"text": part.text}], "citations": [one.raw for one in part.citations]}
        }
    return {"text": part.text}


def reasoning_block(part: Reasoning) -> Block:
    """`reasoningContent`; what is only a summary counts as the text."""
    if part.is_redacted:
        return {"reasoningContent": {"redactedContent": part.signature}}
    text: Block = {"text": shown(part)}
    if part.signature:
        text["signature"] = part.signature
    return {"reasoningContent": {"reasoningText": text}}


def json_text(value: Any) -> str:
    """Compact JSON."""
    return encode(value).decode()


def _more(extra: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in extra.items() if name != CACHE_POINT}
