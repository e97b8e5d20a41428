"""Reads shell text as the shell would, as far as judging it takes: quotes, escapes, expansions, pipes, nested scripts.

Quoting tricks (`r''m`, `r\\m`, `$'\\x72m'`, `rm${IFS}-rf`) end in the words that the shell would see; variables that the script
itself sets are put in, and so is what `echo` or `printf` gives in a substitution. Nothing is run. Time is linear in the text.
"""

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

_PLAIN: Final = re.compile(r"[^\s'\"\\$`|&;()<>#{}]+|[{}#]")
_SPACE: Final = re.compile(r"(?:[ \t\r]|\\\n)+")
_QUOTED: Final = re.compile(r"[^\"\\$`]+")
_NAME: Final = re.compile(r"\$(?:\{[!#]?([A-Za-z_]\w{0,63})[^}\n]{0,200}\}|([A-Za-z_]\w{0,63})|[0-9@*?#$!-])")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w{0,63})\+?=(.*)", re.DOTALL)
_HEREDOC: Final = re.compile(r"<<-?[ \t]*(['\"\\]?)([A-Za-z_]\w{0,40})['\"]?")
_REDIRECT: Final = re.compile(r"[0-9]{0,2}(?:&>>?|>>?\|?|<>|<)(?:&[0-9-])?")
_ANSI: Final = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|([0-7]{1,3})|(.))", re.DOTALL)
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "e": "\x1b", "b": "\b"}
_MOST_VALUE: Final = 4096
LONGEST: Final = 64
"""Commands of a pipeline; longer ones are told in parts."""


class Command(Struct):
    """One simple command: its words, where its output goes and its input comes from, scripts in it."""

    words: list[str] = []
    writes: list[str] = []
    reads: list[str] = []
    nested: list[str] = []
    """Texts of `$(…)`, backticks, `<(…)`, each a script."""
    here: list[str] = []
    """Bodies of here-documents and here-strings."""
    sets: dict[str, str] = {}
    """What `name=value` before the words sets."""

    @property
    def is_empty(self) -> bool:
        """Nothing was there but space."""
        return not (self.words or self.nested or self.sets or self.writes or self.here)


def pipelines(text: str) -> Iterator[list[Command]]:
    """The pipelines of a script, in order; those inside of groups, loops and functions alike."""
    reader = _Reader(text)
    yield from reader.pipelines()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.variables: dict[str, str] = {}
        self.pending: list[tuple[str, Command]] = []

    def pipelines(self) -> Iterator[list[Command]]:
        pipeline: list[Command] = []
        command = Command()
        text, size = self.text, len(self.text)
        while self.at < size:
            space = _SPACE.match(text, self.at)
            if space:
                self.at = space.end()
                continue
            char = text[self.at]
            if char in "|&;()\n":
                is_pipe = char == "|" and not text.startswith("||", self.at)
                if text.startswith(("&>", "&>>"), self.at):
                    self._redirect(command)
                    continue
                self.at += 2 if text.startswith(("||", "&&", "|&", ";;"), self.at) else 1
                if char == "\n":
                    self._here_documents()
                if not command.is_empty:
                    pipeline.append(command)
                    command = Command()
                if (not is_pipe and not (char == "\n" and not pipeline)) or len(pipeline) == LONGEST:
                    if pipeline:
                        self._remember(pipeline)
                        yield pipeline
                    pipeline = []
                continue
            if char == "#":
                end = text.find("\n", self.at)
                self.at = end if end >= 0 else size
            elif char in "<>" or (char.isdigit() and _is_redirect(text, self.at)):
                self._redirect(command)
            else:
                self._word_of(command)
        if not command.is_empty:
            pipeline.append(command)
        if pipeline:
            yield pipeline

    def _remember(self, pipeline: list[Command]) -> None:
        for command in pipeline:
            if not command.words or command.words[0] in ("export", "local", "declare", "readonly"):
                self.variables |= command.sets

    def _word_of(self, command: Command) -> None:
        for word in self._words(command):
            is_first = not command.words or command.words[0] in ("export", "local", "declare", "readonly")
            assigned = _ASSIGNMENT.fullmatch(word) if is_first else None
            if assigned:
                command.sets[assigned[1]] = assigned[2][:_MOST_VALUE]
            elif not (
                word in ("{", "}", "!", "then", "do", "else", "elif", "if", "while", "until") and not command.words
            ):
                command.words.append(word)

    def _redirect(self, command: Command) -> None:
        text = self.text
        here = _HEREDOC.match(text, self.at)
        if here and not text.startswith("<<<", self.at):
            self.at = here.end()
            self.pending.append((here[2], command))
            return
        if text.startswith("<<<", self.at):
            self.at += 3
            self._skip_space()
            command.here.append(" ".join(self._words(command)))
            return
        if text.startswith(("<(", ">("), self.at):
            self.at += 1
            command.nested.append(self._parenthesised())
            command.words.append("<(…)")
            return
        found = _REDIRECT.match(text, self.at)
        if not found or found.end() == self.at:
            self.at += 1
            return
        self.at = found.end()
        if "&" in found.group()[1:]:
            return
        self._skip_space()
        if self.at < len(text) and text[self.at] == "(" or text.startswith("<(", self.at):
            return
        for target in self._words(command):
            if ">" in found.group():
                command.writes.append(target)
            else:
                command.reads.append(target)

    def _skip_space(self) -> None:
        space = _SPACE.match(self.text, self.at)
        if space:
            self.at = space.end()

    def _here_documents(self) -> None:
        """The lines up to each delimiter belong to the command that asked for them."""
        for delimiter, command in self.pending:
            end = re.compile(rf"^[ \t]*{re.escape(delimiter)}[ \t]*$", re.MULTILINE).search(self.text, self.at)
            stop = end.start() if end else len(self.text)
            command.here.append(self.text[self.at : stop])
            self.at = min(len(self.text), end.end() + 1) if end else len(self.text)
        self.pending = []

    def _words(self, command: Command) -> list[str]:
        """One word as it is written, which an unquoted expansion may split."""
        words: list[str] = []
        parts: list[str] = []
        text, size, began = self.text, len(self.text), self.at
        while self.at < size:
            char = text[self.at]
            plain = _PLAIN.match(text, self.at)
            if plain:
                self.at = plain.end()
                parts.append(plain.group())
            elif char == "'":
                parts.append(self._until("'"))
            elif char == '"':
                parts.append(self._double_quoted(command))
            elif char == "\\":
                parts.append(text[self.at + 1 : self.at + 2].replace("\n", ""))
                self.at += 2
            elif text.startswith("$'", self.at):
                self.at += 1
                parts.append(_ANSI.sub(_ansi, self._until("'", is_escaped=True)))
            elif char in "$`":
                value = self._expansion(command)
                split = value.split()
                if len(split) > 1 or value[:1].isspace() or value[-1:].isspace():
                    pieces = re.split(r"\s+", value)
                    parts.append(pieces[0])
                    for piece in pieces[1:]:
                        words.append("".join(parts))
                        parts = [piece]
                else:
                    parts.append(value)
            else:
                break
        if self.at == began:
            self.at += 1
        words.append("".join(parts))
        return [word for word in words if word]

    def _until(self, quote: str, *, is_escaped: bool = False) -> str:
        start = self.at + 1
        end = self.text.find(quote, start)
        while is_escaped and end > 0 and self.text[end - 1] == "\\":
            end = self.text.find(quote, end + 1)
        self.at = end + 1 if end >= 0 else len(self.text)
        return self.text[start : end if end >= 0 else len(self.text)]

    def _double_quoted(self, command: Command) -> str:
        parts: list[str] = []
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] != '"':
            plain = _QUOTED.match(self.text, self.at)
            if plain:
                self.at = plain.end()
                parts.append(plain.group())
            elif self.text[self.at] == "\\":
                escaped = self.text[self.at + 1 : self.at + 2]
                parts.append(escaped if escaped in '"\\$`' else "" if escaped == "\n" else "\\" + escaped)
                self.at += 2
            else:
                parts.append(self._expansion(command))
        self.at += 1
        return "".join(parts)

    def _expansion(self, command: Command) -> str:
        text = self.text
        if text[self.at] == "`":
            script = self._until("`")
        elif text.startswith("$((", self.at):
            self.at += 1
            self._parenthesised()
            return "0"
        elif text.startswith("$(", self.at):
            self.at += 1
            script = self._parenthesised()
        else:
            name = _NAME.match(text, self.at)
            if name is None:
                self.at += 1
                return "$"
            self.at = name.end()
            called = name[1] or name[2]
            if called == "IFS":
                return " "
            default = re.search(r":[-=]([^}]*)\}$", name.group())
            return self.variables.get(called or "", default[1] if default else name.group())
        command.nested.append(script)
        return _echoed(script)

    def _parenthesised(self) -> str:
        """The text between `(` and the `)` that closes it; quotes inside may hold brackets."""
        start, depth = self.at + 1, 0
        brackets = re.compile(r"[()'\"\\]")
        while True:
            found = brackets.search(self.text, self.at)
            if found is None:
                self.at = len(self.text)
                return self.text[start:]
            self.at = found.start()
            char = found.group()
            if char == "'":
                self._until("'")
                continue
            if char == '"':
                self._until('"', is_escaped=True)
                continue
            self.at += 2 if char == "\\" else 1
            depth += {"(": 1, ")": -1}.get(char, 0)
            if depth == 0 and char == ")":
                return self.text[start : self.at - 1]


def _is_redirect(text: str, at: int) -> bool:
    found = _REDIRECT.match(text, at)
    return found is not None and ("<" in found.group() or ">" in found.group())


def _ansi(found: re.Match[str]) -> str:
    if found[1] or found[2]:
        return chr(int(found[1] or found[2], 16))
    return chr(int(found[3], 8)) if found[3] else _CONTROLS.get(found[4], found[4])


def _echoed(script: str) -> str:
    """What `echo words` or `printf words` gives; anything else gives what nobody knows."""
    stripped = script.strip()
    if not stripped.startswith(("echo ", "printf ")) or re.search(r"[|;&`$<>\n]", stripped):
        return "$(…)"
    words = [word for word in re.sub(r"['\"\\]", "", stripped).split()[1:] if not word.startswith("-")]
    return " ".join(words)
