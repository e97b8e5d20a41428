"""Calls of an answer that wait for their results: found by id, by name or as the first of all. Traps 10, 12."""

from collections import deque
from typing import Any, Final

_ANY: Final = ("", "")


class _Call:
    __slots__ = ("id", "is_taken")

    def __init__(self, call_id: str) -> None:
        self.id = call_id
        self.is_taken = False


class Waiting:
    """What is taken waits no more. Each step takes the same time however many wait: a conversation may hold thousands.

    `shown` is how the client calls a call in its results, where that is not its id.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], deque[_Call]] = {}

    def add(self, call_id: str, name: str, shown: str = "") -> None:
        """One more, the last in order."""
        call = _Call(call_id)
        for key in (_ANY, ("id", shown or call_id), ("name", name)):
            self._lines.setdefault(key, deque()).append(call)

    def by_id(self, shown: str) -> str:
        """Takes the first call of an id. This and the others give its id; '' when there is none."""
        return self._take(("id", shown))

    def by_name(self, name: str) -> str:
        """Takes the first call of a tool."""
        return self._take(("name", name))

    def first(self) -> str:
        """Takes the first call."""
        return self._take(_ANY)

    def _take(self, key: Any) -> str:
        line = self._lines.get(key)
        while line:
            call = line.popleft()
            if not call.is_taken:
                call.is_taken = True
                return call.id
        return ""
