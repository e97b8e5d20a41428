"""An expression that is compiled when it is first asked: there are hundreds, and most processes never meet what they are for."""

import re


class Expression:
    """As `re.Pattern`, of bytes."""

    __slots__ = ("_compiled", "_flags", "_text")

    def __init__(self, text: str, flags: int = 0) -> None:
        self._text = text
        self._flags = flags
        self._compiled: re.Pattern[bytes] | None = None

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """Compiled once."""
        if self._compiled is None:
            self._compiled = re.compile(self._text.encode(), self._flags)
        return self._compiled

    def match(self, text: bytes, start: int, end: int | None = None) -> re.Match[bytes] | None:
        """As of `re`."""
        return self.pattern.match(text, start, len(text) if end is None else end)

    def search(self, text: bytes, start: int, end: int | None = None) -> re.Match[bytes] | None:
        """As of `re`."""
        return self.pattern.search(text, start, len(text) if end is None else end)
