"""Prompt-cache breakpoints of a request: at most four, one hour before five minutes, and never on what takes none. Traps 33, 57.

Source: platform.claude.com, "Prompt caching": the prompt is tools, then system, then messages; four breakpoints; entries that
live longer must come first; empty text and thinking take none; a breakpoint finds what was cached up to 20 blocks before it.
"""

from typing import Any, Final, Literal

from gateway.dataplane.wire.messages.names import MARK

_MOST: Final = 4
_Block = dict[str, Any]
Ttl = Literal["", "5m", "1h"]


class Marks:
    """Collects breakpoints in the order of the prompt, and writes those that may stay into their blocks."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: list[tuple[_Block, Ttl, Any]] = []

    def add(self, block: _Block, ttl: Ttl, raw: Any = None) -> None:
        """A breakpoint after `block`; `raw` is the client's own `cache_control`, where it says more than its time."""
        if self._found and self._found[-1][0] is block:
            return
        self._found.append((block, ttl, raw))

    def __bool__(self) -> bool:
        return bool(self._found)

    def settle(self, most: int = _MOST) -> None:
        """The last ones stay, for they cover what the others do. Five minutes once, five minutes ever after."""
        has_short = False
        for block, ttl, raw in self._found[-most:] if most > 0 else ():
            if ttl == "5m":
                has_short = True
            if has_short and ttl == "1h":
                block["cache_control"] = MARK["5m"]
            else:
                block["cache_control"] = raw if isinstance(raw, dict) else MARK[ttl or "5m"]


def mark_agent(tools: list[_Block], system: list[_Block], messages: list[_Block], marks: Marks) -> None:
    """Breakpoints for a client that knows none (Codex, Chat, Gemini), when its request is a step of an agent.

    After the tools, the system prompt, and the last two turns of the user: the last is what the next step reads, the one before
    is what this step reads even if more than 20 blocks lie between. A single question without tools is not worth the price of
    writing the cache.
    """
    users = [message for message in messages if message["role"] == "user"]
    if not tools and len(messages) < 2:
        return
    if tools:
        marks.add(tools[-1], "5m")
    if system:
        marks.add(system[-1], "5m")
    for message in users[-2:]:
        content = message["content"]
        if isinstance(content, list) and content:
            marks.add(content[-1], "5m")
