"""What could not be carried from one dialect to another: machine-readable, bounded, never silent.

It is named by its path in the client's request. Writers know the canon's words only; `Codec.paths` has those of each dialect. An
element of a list has no number, for the conversation that is written was arranged: a tool goes by its name there, a part of a message
by its kind (`tools.read_file.strict`, `input.input_image`).
"""

import re
from collections.abc import Mapping

from gateway.base.core.errors import Unsupported
from gateway.base.core.struct import Record

_MOST = 32
_HEADER_CHARS = 1024
_NUMBER = re.compile(r"\[[^\]]*\]")


class Drop(Record, frozen=True):
    """`what` is the path in the client's request (or the canon's name of it), `why` a word, or a few with underscores between."""

    what: str
    why: str


class Report:
    """Collects drops of one translation; the first of equal ones counts, at most 32 are kept.

    With `is_strict` the first one raises Unsupported instead. `paths` are those of the client's dialect, once it is known.
    """

    __slots__ = ("_is_strict", "_known", "drops", "more", "paths")

    def __init__(self, *, is_strict: bool = False) -> None:
        self._is_strict = is_strict
        self._known: set[tuple[str, str]] = set()
        self.paths: Mapping[str, str] = {}
        self.drops: list[Drop] = []
        self.more = 0

    def drop(self, what: str, why: str = "unsupported") -> None:
        """Say that `what` is not carried. Raises Unsupported in strict mode."""
        what = client_path(what, self.paths)
        if self._is_strict:
            raise Unsupported(
                f"`{what}` cannot be carried to the provider of this model ({why}), and `translation: strict` refuses what"
                " cannot be carried",
                param=what,
            )
        if (what, why) in self._known:
            return
        if len(self.drops) >= _MOST:
            self.more += 1
            return
        self._known.add((what, why))
        self.drops.append(Drop(what, why))

    def header(self, under: str = "") -> str:
        """The value of `x-agentcc-translation-drops`: `what;why=word, …`, ASCII, at most 1 KiB; '' when nothing was dropped.

        `under`: in front of each path, for a request that another body wraps.
        """
        text = ""
        left = len(self.drops) + self.more
        for drop in self.drops:
            item = f"{under}{_token(drop.what)};why={_token(drop.why)}"
            if len(text) + len(item) > _HEADER_CHARS - 16:
                break
            text += f", {item}" if text else item
            left -= 1
        return f"{text}, more={left}" if left and text else text


def client_path(what: str, paths: Mapping[str, str]) -> str:
    """The path in the client's words of what the canon calls `what`; as it is where no words are known."""
    if not paths:
        return what
    steps = _NUMBER.sub("", what).split(".")
    for count in range(len(steps), 0, -1):
        found = paths.get(".".join(steps[:count]))
        if found is not None:
            return ".".join([found, *steps[count:]])
    return ".".join(steps)


def _token(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() and c not in ',;"\\ ' else "_" for c in text[:120])
