"""The scanners of an answer's words, and from where on a text could be the beginning of a finding.

How far is held back (bytes of text, per channel): the last word, that is what follows the last byte that is white space or no ASCII; digits in groups, where
personal data is looked for; from the first line of a private key on; the words that agree with the system prompt; from a word on that
begins code of a kind that is looked for, to the end of its line. Never more than `LONGEST_BYTES`, and of a word that looks like no
JSON web token `WORD_BYTES`: longer forms are redacted in part, and what follows of them is left out.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from gateway.base.core.verdict import Action, Scanner
from gateway.dataplane.guard.answer import code
from gateway.dataplane.guard.answer.leak import Leak
from gateway.dataplane.guard.answer.links import find_links
from gateway.dataplane.guard.scan import Scan

WORD_BYTES: Final = 4096 + 256
"""The longest published token has 2,048 characters, the longest assigned value 4,096."""
LONGEST_BYTES: Final = 24 << 10
"""A private key of 20,000 bytes or a JSON web token, with what stands before it."""
CONTEXT_BYTES: Final = 512
"""Of what has left is kept so much, for the name before a value."""

_KEY_BEGINS: Final = b"-----BEGIN "
_KEY: Final = re.compile(rb"-----BEGIN [A-Z0-9 _-]{0,80}PRIVATE KEY")
_PUTTY: Final = b"Private-Lines: "
_GROUPS: Final = re.compile(rb"[+(]?[A-Z0-9][A-Z0-9 ().\t-]{0,62}\Z", re.IGNORECASE)
_OF_WORDS: Final = bytes(range(0x21, 0x7F))
"""What a word is made of. White space ends it, and so does what is no ASCII: no secret has it, and some languages have no spaces."""


class Found(NamedTuple):
    """Bytes `start` to `end` of a text."""

    start: int
    end: int
    scanner: Scanner
    rule: str


class Texts:
    """What is looked for in the words of one answer, and what is done about it."""

    __slots__ = ("_hosts", "_leak", "_scan", "actions")

    def __init__(
        self, actions: Mapping[Scanner, Action], scan: Callable[[], Scan], leak: Leak | None, hosts: tuple[str, ...]
    ) -> None:
        self.actions = actions
        self._scan = scan() if "secrets" in actions or "pii" in actions else None
        self._leak = leak
        self._hosts = hosts

    def find(self, text: bytes) -> list[Found]:
        """All findings, in order of place; those of different scanners may overlap."""
        found: list[Found] = []
        actions = self.actions
        if self._scan is not None:
            found = [
                Found(one.start, one.end, one.scanner, one.rule)
                for one in self._scan.scan(text)
                if one.scanner in actions
            ]
        if self._leak is not None:
            found += [Found(start, end, "prompt_leak", "system-prompt") for start, end in self._leak.find(text)]
        if "links" in actions:
            found += [Found(start, end, "links", rule) for rule, start, end in find_links(text, self._hosts)]
        if "code" in actions:
            found += [Found(start, end, "code", rule) for rule, start, end in code.find_code(text)]
        return sorted(found) if len(found) > 1 else found

    def open_from(self, text: bytes) -> int:
        """From where on it could be the beginning of a finding; its length where nothing could."""
        size = len(text)
        at = len(text.rstrip(_OF_WORDS))
        limit = WORD_BYTES
        if "secrets" in self.actions:
            begun = _key_begun(text)
            if begun >= 0:
                at, limit = min(at, begun), LONGEST_BYTES
            elif text.find(b"eyJ", at) >= 0:
                limit = LONGEST_BYTES
        if "pii" in self.actions:
            groups = _GROUPS.search(text, max(0, size - 64))
            if groups and any(48 <= one <= 57 for one in groups.group()):
                at = min(at, groups.start())
        if self._leak is not None:
            at = min(at, self._leak.open_from(text))
        if "code" in self.actions:
            at = min(at, code.open_from(text))
        return max(at, size - limit)


def _key_begun(text: bytes) -> int:
    """Where a private key begins that has not ended; -1: nowhere."""
    at = text.rfind(_KEY_BEGINS)
    if at < 0:
        at = text.rfind(_PUTTY)
        return at if at >= 0 and text.find(b"Private-MAC", at) < 0 else -1
    if text.find(b"-----", at + len(_KEY_BEGINS)) >= 0 and not _KEY.match(text, at):
        return -1  # a certificate's
    last = text.find(b"-----END", at)
    return at if last < 0 or text.find(b"-----", last + 8) < 0 else -1
