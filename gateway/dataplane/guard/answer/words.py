"""The words of an answer that something may be done to: pieces wait until it is decided what they say, and are written anew where something was found."""

from bisect import bisect_right
from contextlib import suppress
from itertools import accumulate
from re import Pattern
from re import compile as regex
from typing import Any, Final

from gateway.base.core.errors import GuardrailBlocked
from gateway.base.core.verdict import Action
from gateway.dataplane.guard.answer.frames import Frame
from gateway.dataplane.guard.answer.notes import Notes
from gateway.dataplane.guard.answer.texts import Found, Texts
from gateway.dataplane.guard.answer.window import context_of, looked_at, opening

_LEAST_KNOWN: Final = 8
"""A shorter text may stand elsewhere by chance: it is redacted only where it is found."""
_WORD_ENDS: Final = regex(rb"[\s\"'<>`\\]")
_KEY_ENDS: Final = regex(rb"[^A-Za-z0-9+/=\s\\]")


class Slot:
    """A string of an event that a channel's words, or a call's arguments, stand in."""

    __slots__ = ("container", "frame", "is_changed", "key", "text")

    def __init__(self, frame: Frame, container: Any, key: Any) -> None:
        self.frame, self.container, self.key = frame, container, key
        self.text: bytes = container[key].encode("utf-8", "surrogatepass")
        self.is_changed = False
        frame.waits += 1

    def leave(self) -> None:
        """It is decided."""
        self.frame.waits -= 1
        if self.is_changed:
            self.container[self.key] = text_of(self.text)
            self.frame.is_changed = True


class _Channel:
    """Words that come in pieces."""

    __slots__ = ("before", "open_from", "place", "slots", "swallows", "text")

    def __init__(self, place: str) -> None:
        self.place = place
        self.before = b""
        self.slots: list[Slot] = []
        self.text = b""
        """What the slots hold together."""
        self.open_from = -1
        """Where in it something was open when it was looked at last; -1: not known."""
        self.swallows: Pattern[bytes] | None = None
        """What ends a finding that was too long to wait for: until then all is left out."""

    def add(self, slot: Slot) -> None:
        self.slots.append(slot)
        if self.swallows is not None and slot.text:
            found = self.swallows.search(slot.text)
            slot.text = slot.text[found.start() :] if found else b""
            slot.is_changed = True
            if found:
                self.swallows = None
        self.text += slot.text


class Words:
    """Of one answer, channel by channel."""

    __slots__ = ("_channels", "_notes", "_texts", "_touched")

    def __init__(self, texts: Texts, notes: Notes) -> None:
        self._texts, self._notes = texts, notes
        self._channels: dict[Any, _Channel] = {}
        self._touched: dict[Any, _Channel] = {}
        """Channels with new words that were not looked at."""

    def add(self, frame: Frame, at: Any, container: Any, key: Any, place: str) -> None:
        """A piece of the channel `at`; `place` is what verdicts call it."""
        channel = self._channels.get(at)
        if channel is None:
            channel = self._channels[at] = _Channel(place)
        channel.add(Slot(frame, container, key))
        self._touched[at] = channel

    def look(self) -> None:
        """Decide what can be decided of the new words. Raises GuardrailBlocked."""
        touched, self._touched = self._touched, {}
        for channel in touched.values():
            if channel.slots:
                self._settle(channel, is_closed=False)

    def close(self, group: Any) -> None:
        """The channels of a group (of all: None) have ended. Raises GuardrailBlocked."""
        for at in [one for one in self._channels if group is None or one[0] == group]:
            self._settle(self._channels.pop(at), is_closed=True)

    def decide(self) -> None:
        """Nothing more will come: let go what nothing is found in."""
        for channel in self._channels.values():
            with suppress(GuardrailBlocked):
                self._settle(channel, is_closed=True)

    def whole(self, frame: Frame, container: Any, key: Any, place: str) -> None:
        """A text that is complete. Raises GuardrailBlocked."""
        text = new = container[key].encode("utf-8", "surrogatepass")
        for secret, placeholder in self._notes.placeholders.items():
            if len(secret) >= _LEAST_KNOWN:
                new = new.replace(secret, placeholder)
        for start, end, placeholder in reversed(self._edits(self._texts.find(new), new, place)):
            new = new[:start] + placeholder + new[end:]
        if new != text:
            container[key] = text_of(new)
            frame.is_changed = True

    def _settle(self, channel: _Channel, *, is_closed: bool) -> None:
        """Look at what has come, do what is to be done, and let go what is decided."""
        slots, text = channel.slots, channel.text
        opens = len(text) if is_closed else opening(self._texts, channel.before, text)
        if text and opens == channel.open_from and not is_closed:
            return  # a word that goes on: what stood before it is decided, and it is not
        certain, open_from, runs_on = looked_at(self._texts, channel.before, text, opens)
        left = bisect_right([*accumulate(len(slot.text) for slot in slots)], open_from)
        edits = self._edits(certain, text, channel.place)
        if runs_on and edits:
            start, end, new = edits[-1]
            ends = _KEY_ENDS if b"PRIVATE KEY" in text[start : start + 200] else _WORD_ENDS
            if ends.search(text, end) is None:
                edits[-1] = start, len(text), new
                channel.swallows = ends
                left = len(slots)
        for start, end, new in reversed(edits):
            _edit(slots, start, end, new)
        said = b"".join([slot.text for slot in slots[:left]])
        for slot in slots[:left]:
            slot.leave()
        del slots[:left]
        channel.before = context_of(channel.before, said)
        channel.text = b"".join([slot.text for slot in slots])
        channel.open_from = -1 if edits else opens - len(said)

    def _edits(self, found: list[Found], text: bytes, place: str) -> list[tuple[int, int, bytes]]:
        """What is to be written where. Raises GuardrailBlocked where the answer must end."""
        edits: list[tuple[int, int, bytes]] = []
        for one in found:
            action: Action = self._texts.actions[one.scanner]
            matched = text[one.start : one.end]
            if action == "block":
                raise self._notes.block(one.scanner, one.rule, place, matched)
            if action == "log":
                self._notes.tell(one.scanner, one.rule, "log", place, matched)
            elif not edits or one.start >= edits[-1][1]:
                edits.append((one.start, one.end, self._notes.redact(one.scanner, one.rule, place, matched)))
            elif one.end > edits[-1][1]:  # of two that overlap one placeholder stands for both
                edits[-1] = (edits[-1][0], one.end, edits[-1][2])
        return edits


def _edit(slots: list[Slot], start: int, end: int, new: bytes) -> None:
    """Write `new` in place of bytes `start` to `end` of what the slots hold together."""
    at = 0
    for slot in slots:
        low, at = at, at + len(slot.text)
        if at <= start or low >= end:
            continue
        head = slot.text[: max(0, start - low)]
        slot.text = head + (new if low <= start else b"") + slot.text[end - low :]
        slot.is_changed = True


def text_of(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
