"""The items of an answer while a provider streams it: what of each was given already, and what is still missing of it.

`Growing` makes the events: it numbers blocks, says Begin before the first of them, and never gives a piece twice.
"""

from typing import Any, Literal

from gateway.dataplane.wire.canon import (
    Begin,
    Close,
    Delta,
    Event,
    Open,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.lenient import rows, string
from gateway.dataplane.wire.responses.citations import citation_of
from gateway.dataplane.wire.responses.output import (
    CALLS,
    Json,
    about_message,
    arguments_of,
    call_of,
    parts_of,
    reasoning_of,
)
from gateway.dataplane.wire.translate.collect import block_events

TEXT_PARTS = ("output_text", "text", "refusal")


class Block:
    """An open block: its number, and how many characters and citations of it were given."""

    __slots__ = ("cited", "given", "index", "is_open")

    def __init__(self, index: int) -> None:
        self.index = index
        self.given = self.cited = 0
        self.is_open = True


class Item:
    """An item between `added` and `done`. `blocks` are a message's by content index, else one under 0; `summaries` tells how
    much of each part of a reasoning's summary was given."""

    __slots__ = ("about", "blocks", "id", "summaries", "type")

    def __init__(self, type: str, item_id: str) -> None:
        self.type, self.id = type, item_id
        self.about: dict[str, Any] | None = None
        self.blocks: dict[int, Block] = {}
        self.summaries: dict[int, int] = {}


class Growing:
    """Items by key: the provider's `output_index`, or the item's id where that is missing. `out` takes the events."""

    def __init__(self) -> None:
        self.out: list[Event] = []
        self.items: dict[int | str, Item] = {}
        self.seen: set[int | str] = set()
        self.count = 0
        self.has_begun = self.has_calls = self.has_refusal = False
        self._next = 0

    # === items ===

    def added(self, key: int | str, obj: Json) -> None:
        """An item begins, and with it its block; a message's blocks begin with its parts. Of other items the end tells all."""
        item_id, kind = string(obj, "id"), string(obj, "type")
        before = self.items.get(key)
        if before is not None:
            if before.id == item_id:
                return
            self.finish(key, {})  # a place that is used again has ended its first item
        if kind == "message":
            self._item(key, kind, item_id).about = about_message(obj)
        elif kind == "reasoning":
            self.thought(key, item_id)
        elif kind in CALLS and string(obj, "name"):
            self.has_calls = True
            self._open(self._item(key, kind, item_id), 0, call_of(obj))

    def done(self, key: int | str, obj: Json) -> bool:
        """An item is finished: what is missing of it is given. False when it was finished before."""
        item, item_id = self.items.get(key), string(obj, "id")
        if item is not None and item.type == obj.get("type"):
            self.finish(key, obj)
            return True
        if key in self.seen and item_id and item_id in self.seen:
            return False
        self._count(key, item_id)
        self.whole(obj)
        return True

    def finish(self, key: int | str, obj: Json) -> None:
        """Gives what is missing of an open item and closes it. `obj` is the finished item, or {} when nobody has it."""
        item = self.items.pop(key)
        if item.type == "message":
            self._finish_message(item, obj)
        elif item.type == "reasoning":
            self._finish_thought(item, obj)
        elif obj:
            self.rest(item.blocks[0], "arguments", arguments_of(obj))
        for block in item.blocks.values():
            self._close(block)

    def whole(self, obj: Json) -> None:
        """An item that was not streamed."""
        for part in parts_of(obj):
            self.has_refusal |= isinstance(part, Refusal)
            self.has_calls |= isinstance(part, ToolCall)
            self.begin("", "", 0)
            self.out += block_events(self._next, part)
            self._next += 1

    def _item(self, key: int | str, kind: str, item_id: str) -> Item:
        self._count(key, item_id)
        item = self.items[key] = Item(kind, item_id)
        return item

    def _count(self, key: int | str, item_id: str) -> None:
        self.count += 1
        self.seen.add(key)
        if item_id:
            self.seen.add(item_id)

    # === pieces ===

    def begin(self, response_id: str, model: str, created_s: int) -> None:
        """The answer begins; said once, also when the provider left it out."""
        if not self.has_begun:
            self.has_begun = True
            self.out.append(Begin(response_id, model, created_s=created_s))

    def part(self, key: int | str, item_id: str, at: int, kind: str) -> Block | None:
        """The block of a message's part, opened when it was not announced; None when it can be no part of a message."""
        item = self.items.get(key)
        if item is None:
            if key in self.seen:
                return None
            item = self._item(key, "message", item_id)
            item.about = about_message({"id": item_id})
        if item.type != "message":
            return None
        return item.blocks.get(at) or self._open_part(item, at, kind)

    def thought(self, key: int | str, item_id: str) -> Item | None:
        """The reasoning item of a piece, opened when it was not announced; None when the item is another."""
        item = self.items.get(key)
        if item is None and key not in self.seen:
            item = self._item(key, "reasoning", item_id)
            self._open(item, 0, Reasoning(item_id=item_id))
        return item if item is not None and item.type == "reasoning" else None

    def give(self, block: Block, kind: Literal["text", "arguments"], text: str) -> None:
        """The next piece of a text or of arguments."""
        block.given += len(text)
        self.out.append(Delta(block.index, kind, text))

    def rest(self, block: Block, kind: Literal["text", "arguments"], text: str) -> None:
        """What the pieces left out of a whole text."""
        if len(text) > block.given and block.is_open:
            self.give(block, kind, text[block.given :])

    def summary(self, item: Item, at: int, text: str) -> None:
        """The next piece of part `at` of a summary."""
        item.summaries[at] = item.summaries.get(at, 0) + len(text)
        self.out.append(Delta(item.blocks[0].index, "summary", text, at))

    def rest_of_summary(self, item: Item, at: int, text: str) -> None:
        """What the pieces left out of part `at` of a summary."""
        given = item.summaries.get(at, 0)
        if len(text) > given:
            self.summary(item, at, text[given:])

    def cite(self, block: Block, annotation: dict[str, Any]) -> None:
        """One more annotation of a text."""
        block.cited += 1
        self.out.append(Delta(block.index, "citation", value=citation_of(annotation)))

    def finish_part(self, block: Block, row: Json) -> None:
        """Gives what is missing of a message's part and closes it."""
        if block.is_open:
            self.rest(block, "text", string(row, "refusal" if row.get("type") == "refusal" else "text"))
            for annotation in rows(row, "annotations")[block.cited :]:
                self.cite(block, annotation)
            self._close(block)

    def _finish_message(self, item: Item, obj: Json) -> None:
        """By their order, since some number the parts of an answer through (Bedrock's Responses)."""
        seen = sorted(item.blocks)
        after = seen[-1] + 1 if seen else 0
        for at, row in enumerate(row for row in rows(obj, "content") if row.get("type") in TEXT_PARTS):
            if at < len(seen):
                self.finish_part(item.blocks[seen[at]], row)
            else:
                self.finish_part(self._open_part(item, after + at, string(row, "type")), row)

    def _finish_thought(self, item: Item, obj: Json) -> None:
        found, block = reasoning_of(obj), item.blocks[0]
        for at, text in enumerate(found.summary or ()):
            self.rest_of_summary(item, at, text)
        self.rest(block, "text", found.text)
        if found.signature:
            self.out.append(Delta(block.index, "signature", found.signature))

    # === blocks ===

    def _open_part(self, item: Item, at: int, kind: str) -> Block:
        self.has_refusal |= kind == "refusal"
        return self._open(item, at, (Refusal if kind == "refusal" else Text)(text="", extra=item.about))

    def _open(self, item: Item, at: int, part: Part) -> Block:
        self.begin("", "", 0)
        block = item.blocks[at] = Block(self._next)
        self._next += 1
        self.out.append(Open(block.index, part))
        return block

    def _close(self, block: Block) -> None:
        if block.is_open:
            block.is_open = False
            self.out.append(Close(block.index))
