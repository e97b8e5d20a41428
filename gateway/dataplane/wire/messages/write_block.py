"""Parts of a conversation → content blocks of a request. None where there is nothing that this target may get.

Text without a visible character is left out: it is refused, and would end the session for good (trap 33). A turn of this dialect gets back what it brought in `extra`; the `extra` of others means nothing here.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Media, Opaque, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.messages.names import BILLING_HEADER
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.media import is_web, left_out, words_of
from gateway.dataplane.wire.translate.reasoning import report_unsent, same_origin
from gateway.dataplane.wire.translate.unwrap import arguments_object

_Block = dict[str, Any]
_IMAGES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")
_BEGINNINGS: Final = (("iVBOR", "image/png"), ("/9j/", "image/jpeg"), ("R0lG", "image/gif"), ("UklG", "image/webp"))
"""How the base64 of each kind of image begins, for clients that do not say the kind."""
_FAILED: Final = "The tool failed and said nothing."


class BlockWriter:
    """Writes the blocks of one turn."""

    def __init__(self, target: Target, report: Report, *, is_own: bool) -> None:
        self._target, self._report = target, report
        self._is_own = is_own

    def block(self, part: Part, path: str, *, keeps_space: bool = False) -> _Block | None:
        """One part; `path` names its message in reports. `keeps_space`: white space is text too."""
        if isinstance(part, Text | Refusal):
            return self._text(part) if part.text and (keeps_space or not part.text.isspace()) else None
        if isinstance(part, ToolCall):
            return self._own(part, _tool_use(part))
        if isinstance(part, ToolResult):
            return self._result(part, path)
        if isinstance(part, Reasoning):
            return self._reasoning(part)
        if isinstance(part, Media):
            return self._media(part, path)
        return self._opaque(part)

    def raw_mark(self, part: Part) -> Any:
        """The client's own `cache_control`, where `Node.cache` does not say all of it."""
        if not self._is_own:
            return None
        if isinstance(part, Opaque):
            return part.value.get("cache_control")
        return (part.extra or {}).get("cache_control")

    def _own(self, part: Part, block: _Block) -> _Block:
        """`block` with what only this dialect knows."""
        if self._is_own and part.extra:
            for name, value in part.extra.items():
                if name != "cache_control" or value is None:
                    block[name] = value
        return block

    def _text(self, part: Text | Refusal) -> _Block:
        block: _Block = {"type": "text", "text": part.text}
        if self._is_own and isinstance(part, Text) and part.citations is not None:
            block["citations"] = [one.raw for one in part.citations]
        return self._own(part, block)

    def _reasoning(self, part: Reasoning) -> _Block | None:
        """Thinking goes back byte by byte, or not at all: only its maker can check the signature (traps 17, 18)."""
        if part.signature and self._may_read(part):
            if part.is_redacted:
                return self._own(part, {"type": "redacted_thinking", "data": part.signature})
            return self._own(part, {"type": "thinking", "thinking": part.text, "signature": part.signature})
        if part.text and not part.signature and self._target.vendor not in ("", "anthropic"):
            # imitations sign nothing, and some want their thinking back (trap 23)
            return {"type": "thinking", "thinking": part.text, "signature": ""}
        if part.text or part.signature or part.summary:
            report_unsent(part, self._target, self._report)
        return None

    def _may_read(self, part: Reasoning) -> bool:
        if not part.origin:
            return self._is_own
        return same_origin(part.origin, self._target.origin)

    def _result(self, part: ToolResult, path: str) -> _Block:
        """Results without content are said to be empty, for some imitations miss the member."""
        block: _Block = {"type": "tool_result", "tool_use_id": part.call_id}
        content: str | list[_Block]
        if part.value is not None:
            content = encode(part.value).decode()
            if part.parts:
                content = [{"type": "text", "text": content}, *self._contents(part, path)]
        elif part.is_plain and len(part.parts) <= 1 and all(isinstance(one, Text) for one in part.parts):
            content = "".join(one.text for one in part.parts if isinstance(one, Text))
        else:
            content = self._contents(part, path)
        if not self._is_own and (not content or (isinstance(content, str) and content.isspace())):
            content = _FAILED if part.is_error else ""  # an error must have words
        if content or not (self._is_own and part.is_plain and not part.parts):
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return self._own(part, block)

    def _contents(self, part: ToolResult, path: str) -> list[_Block]:
        blocks: list[_Block] = []
        for inner in part.parts:
            block = self.block(inner, f"{path}.tool_result")
            if block is None:
                if isinstance(inner, Opaque):
                    self._report.drop(f"{path}.tool_result.{inner.kind}")
                continue
            raw = self.raw_mark(inner)  # a mark inside a result counts as the client set it
            if raw is not None or (self._is_own and inner.cache):
                block["cache_control"] = raw or {"type": "ephemeral", **({"ttl": "1h"} if inner.cache == "1h" else {})}
            blocks.append(block)
        return blocks

    def _opaque(self, part: Opaque) -> _Block | None:
        """Who calls reports those of other dialects (`translate.road`). The billing line is for Anthropic alone."""
        if not self._is_own or (part.kind == BILLING_HEADER and self._target.vendor != "anthropic"):
            return None
        block = dict(part.value)
        if block.get("cache_control") is not None:
            del block["cache_control"]
        return block

    def _media(self, part: Media, path: str) -> _Block:
        if self._is_own and part.extra and "source" in part.extra:
            source = part.extra["source"]
        else:
            source = _image(part) if part.kind == "image" else _document(part) if part.kind == "document" else None
            if part.file_id and not self._is_own:
                source = None  # ids are of another vendor's store
        if source is None:
            self._report.drop(f"{path}.{part.kind}")
            return {"type": "text", "text": left_out(part)}
        block: _Block = {"type": part.kind, "source": source}
        if part.kind == "document" and part.name:
            block["title"] = part.name
        return self._own(part, block)


def _tool_use(call: ToolCall) -> _Block:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_object(call)}


def _image(part: Media) -> _Block | None:
    if part.file_id:
        return {"type": "file", "file_id": part.file_id}
    if part.url:
        return {"type": "url", "url": part.url} if is_web(part.url) else None
    mime = "image/jpeg" if part.mime == "image/jpg" else part.mime
    if not mime:
        mime = next((kind for start, kind in _BEGINNINGS if part.data.startswith(start)), "")
    return {"type": "base64", "media_type": mime, "data": part.data} if mime in _IMAGES and part.data else None


def _document(part: Media) -> _Block | None:
    if part.file_id:
        return {"type": "file", "file_id": part.file_id}
    if part.url:
        return {"type": "url", "url": part.url} if is_web(part.url) else None
    if part.mime == "application/pdf" or (not part.mime and part.data.startswith("JVBERi")):
        return {"type": "base64", "media_type": "application/pdf", "data": part.data}
    words = words_of(part)
    return {"type": "text", "media_type": "text/plain", "data": words} if words.strip() else None
