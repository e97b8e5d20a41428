"""Frames of a Responses stream to a client: numbered, encoded, and the finished items kept for the final response."""

from typing import Any, Final

from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.responses.names import legal_id

_ADDED: Final = b"response.output_item.added"
_DONE: Final = b"response.output_item.done"


class Frames:
    """Numbers and encodes frames, and keeps the finished items by their place in the output."""

    def __init__(self, stem: str) -> None:
        self.out: list[bytes] = []
        self.done: dict[int, bytes] = {}
        self.places = 0
        self._sequence = 0
        self._stem = stem

    def add(self, kind: bytes, fields: bytes) -> None:
        """One event: its type, and its members but `type` and `sequence_number`."""
        self.out.append(
            b'event: %b\ndata: {"type":"%b",%b,"sequence_number":%d}\n\n' % (kind, kind, fields, self._sequence)
        )
        self._sequence += 1

    def place(self) -> int:
        """The next place in the output."""
        self.places += 1
        return self.places - 1

    def item_id(self, given: str, prefix: str, place: int) -> str:
        """`given` where it is legal, else an id made from the request's."""
        return legal_id(given, prefix) or f"{prefix}{self._stem}_{place}"

    def item_added(self, place: int, item: dict[str, Any]) -> None:
        """`response.output_item.added`."""
        self.add(_ADDED, b'"output_index":%d,"item":%b' % (place, encode(item)))

    def item_done(self, place: int, item: dict[str, Any]) -> None:
        """`response.output_item.done`; the item goes to the final response, too."""
        self.done[place] = encoded = encode(item)
        self.add(_DONE, b'"output_index":%d,"item":%b' % (place, encoded))

    def output(self) -> bytes:
        """The finished items, as they stand in the final response."""
        return b",".join(self.done[place] for place in sorted(self.done))
