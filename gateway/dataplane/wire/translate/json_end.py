"""Tells when a JSON object that arrives in pieces is complete."""

import re

_STRUCTURE = re.compile(r'[{}\[\]"\\]')
_IN_STRING = re.compile(r'["\\]')


class JsonEnd:
    """`is_complete` once the outermost object or array has closed. Each character is looked at once."""

    __slots__ = ("_depth", "_is_escape", "_is_string", "is_complete")

    def __init__(self) -> None:
        self._depth = 0
        self._is_string = False
        self._is_escape = False
        self.is_complete = False

    def feed(self, text: str) -> None:
        """The next piece."""
        at = 0
        if self._is_escape and text:
            self._is_escape = False
            at = 1
        while not self.is_complete:
            found = (_IN_STRING if self._is_string else _STRUCTURE).search(text, at)
            if found is None:
                return
            char, at = found[0], found.end()
            if char == '"':
                self._is_string = not self._is_string
            elif char == "\\":
                if at == len(text):
                    self._is_escape = True
                at += 1
            elif char in "{[":
                self._depth += 1
            else:
                self._depth -= 1
                self.is_complete = self._depth <= 0
