"""Messages of an answer while they are streamed to a client: texts and refusals. Traps 37, 46."""

from typing import Any

from gateway.dataplane.wire.canon import Citation, Refusal, Text
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.responses.citations import annotation_of
from gateway.dataplane.wire.responses.frames import Frames
from gateway.dataplane.wire.responses.names import MESSAGE_ID


class MessageItem:
    """A message: texts and refusals that come one after another. It ends when something else began and its parts are closed."""

    def __init__(self, frames: Frames, about: dict[str, Any]) -> None:
        given, phase = about.get("item_id"), about.get("phase")
        self._frames = frames
        self.place = frames.place()
        self.id = frames.item_id(given if isinstance(given, str) else "", MESSAGE_ID, self.place)
        self.about = about
        self._base = {"id": self.id, "type": "message", "role": "assistant"}
        if isinstance(phase, str):
            self._base["phase"] = phase
        self._parts: list[dict[str, Any]] = []
        self._open = 0
        self._is_sealed = False
        frames.item_added(self.place, {**self._base, "status": "in_progress", "content": []})

    def part(self) -> int:
        """A part opens: its content_index."""
        self._open += 1
        self._parts.append({})
        return len(self._parts) - 1

    def part_done(self, at: int, part: dict[str, Any]) -> None:
        """A part is closed."""
        self._parts[at] = part
        self._open -= 1
        if self._is_sealed and not self._open:
            self._end("completed")

    def seal(self, status: str = "completed") -> None:
        """No more parts."""
        if not self._is_sealed:
            self._is_sealed = True
            if not self._open:
                self._end(status)

    def _end(self, status: str) -> None:
        self._frames.item_done(self.place, {**self._base, "status": status, "content": self._parts})


class TextBlock:
    """A text or a refusal. Its part begins with its first piece: a provider's empty texts leave no trace."""

    def __init__(self, frames: Frames, part: Text | Refusal) -> None:
        self._frames = frames
        self.part = part
        self.is_refusal = isinstance(part, Refusal)
        self._message: MessageItem | None = None
        self._pieces: list[str] = []
        self._annotations: list[dict[str, Any]] = []
        self._at = self._chars = 0
        self._delta = b"response.refusal.delta" if self.is_refusal else b"response.output_text.delta"
        self._where = self._after = b""

    @property
    def has_begun(self) -> bool:
        return self._message is not None

    def begin(self, message: MessageItem) -> None:
        """The part opens in a message."""
        self._message = message
        self._at = message.part()
        self._where = b'"item_id":%b,"output_index":%d,"content_index":%d' % (
            encode(message.id),
            message.place,
            self._at,
        )
        self._after = b"" if self.is_refusal else b',"logprobs":[]'
        self._frames.add(b"response.content_part.added", b'%b,"part":%b' % (self._where, encode(self._whole(""))))

    def text(self, piece: str) -> None:
        """More words."""
        self._pieces.append(piece)
        self._chars += len(piece)
        self._frames.add(self._delta, b'%b,"delta":%b%b' % (self._where, encode(piece), self._after))

    def cite(self, citation: Citation) -> None:
        """A citation of any dialect; what cannot be said as an annotation is left out."""
        annotation = annotation_of(citation, self._chars)
        if annotation is None or self.is_refusal:
            return
        self._frames.add(
            b"response.output_text.annotation.added",
            b'%b,"annotation_index":%d,"annotation":%b' % (self._where, len(self._annotations), encode(annotation)),
        )
        self._annotations.append(annotation)

    def close(self) -> None:
        """The part ends."""
        if self._message is None:
            return
        words = "".join(self._pieces)
        told = encode(words)
        if self.is_refusal:
            self._frames.add(b"response.refusal.done", b'%b,"refusal":%b' % (self._where, told))
        else:
            self._frames.add(b"response.output_text.done", b'%b,"text":%b,"logprobs":[]' % (self._where, told))
        part = self._whole(words)
        self._frames.add(b"response.content_part.done", b'%b,"part":%b' % (self._where, encode(part)))
        self._message.part_done(self._at, part)

    def _whole(self, words: str) -> dict[str, Any]:
        if self.is_refusal:
            return {"type": "refusal", "refusal": words}
        return {"type": "output_text", "annotations": list(self._annotations), "logprobs": [], "text": words}
