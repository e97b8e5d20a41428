"""Content of messages for one target: a bare string where all is text, which every imitation takes, else parts."""

from typing import Any

from gateway.dataplane.wire.canon import Media, Message, Opaque, Part, Reasoning, Refusal, Text, Turn
from gateway.dataplane.wire.chat.habits import NAME, host_of
from gateway.dataplane.wire.chat.parts import written_audio, written_file, written_image
from gateway.dataplane.wire.chat.tools import written_cache
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.media import data_url, left_out, words_of


class WriteContent:
    """Writes parts. What the target does not take leaves a mark in its place and a line in the report."""

    def __init__(self, turn: Turn, target: Target, report: Report) -> None:
        self._dialect, self._is_own = turn.dialect, turn.dialect == NAME
        self._host, self._report = host_of(target), report

    def of(self, message: Message) -> Any:
        """A bare string where all is text, else the parts; None for nothing."""
        unsaid = Reasoning if self._is_own else Reasoning | Opaque
        parts = [part for part in message.parts if not isinstance(part, unsaid)]
        if not self._is_own:
            parts = [
                part for part in parts if not isinstance(part, Text) or part.text.strip()
            ]  # refused by many (trap 33)
        has_cache = self._host.has_cache_control and any(part.cache for part in parts)
        if all(isinstance(part, Text) for part in parts) and not has_cache:
            texts = [part.text for part in parts if isinstance(part, Text)]
            if not self._is_own:
                return "\n\n".join(texts)
            if message.is_plain:
                return "".join(texts)
        return [self.part(part) for part in parts]

    def part(self, part: Part) -> dict[str, Any]:
        """One part of an array."""
        extra = (part.extra or {}) if self._is_own else {}
        if isinstance(part, Text | Refusal):
            made: dict[str, Any] = {"type": "text", "text": part.text}
        elif isinstance(part, Media):
            made = self._media_part(part, extra)
            extra = {name: value for name, value in extra.items() if name != "image_url"}
        elif isinstance(part, Reasoning):
            made = {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}
        elif isinstance(part, Opaque) and isinstance(part.value, dict):
            return part.value
        else:
            return {"type": "text", "text": ""}
        if part.cache and self._host.has_cache_control:
            made["cache_control"] = written_cache(part.cache)
        made.update(extra)
        return made

    def _media_part(self, media: Media, extra: dict[str, Any]) -> dict[str, Any]:
        if not self._is_own and (words := document_text(media)):
            return {"type": "text", "text": words}
        has_content = bool(media.data or media.url)
        if media.kind == "image" and has_content:
            return written_image(media, extra)
        if media.kind == "audio" and media.data:
            return written_audio(media)
        if media.kind == "document":
            if self._host.document == "document_url" and has_content:
                return {"type": "document_url", "document_url": data_url(media)}
            if has_content or (media.file_id and self._dialect.startswith("openai.")):
                return written_file(media)
        if media.kind == "video" and has_content and (self._host.video or self._is_own):
            return {"type": "video_url", "video_url": {"url": data_url(media)}}
        self._report.drop(f"messages.{media.kind}", "file_id_of_another_provider" if media.file_id else "unsupported")
        return {"type": "text", "text": left_out(media)}


def document_text(document: Media) -> str:
    """A plain-text document as words, since `file` parts take PDFs; '' for any other medium."""
    words = words_of(document)
    return f"[document `{document.name}`]\n{words}" if document.name and words else words
