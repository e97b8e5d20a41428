"""The conversation of a Turn → `system` and `messages`. Traps 6, 17, 30, 31, 33.

System and developer messages go the way of `translate.instructions`, with their breakpoints (models before Opus 4.8 refuse the role
in the conversation). A turn of this dialect for Anthropic keeps its own form.

User and assistant alternate: neighbours of one role are merged. In a user's message the tool results come first.
"""

from typing import Any, Final

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import Message, Opaque, Refusal, Text, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.messages.cache import Marks, Ttl
from gateway.dataplane.wire.messages.names import NAME
from gateway.dataplane.wire.messages.write_block import BlockWriter
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.instructions import count_leading, is_instruction, reminder
from gateway.dataplane.wire.translate.losses import name_of

_Block = dict[str, Any]
_THINKING: Final = ("thinking", "redacted_thinking")
_BEGINNING: Final = "The conversation begins with the assistant's words:"
"""Stands in where a client's history begins with the assistant: the first message must be the user's."""
_BEGIN: Final = "Begin."
"""Stands in where a client sends instructions only: there must be a message."""


class Conversation:
    """`system` is None when there is none, text when the client wrote it so, else blocks. `messages` are complete but for marks."""

    def __init__(self, turn: Turn, target: Target, marks: Marks, report: Report) -> None:
        """Raises BadRequest when nothing is asked."""
        self._is_own = turn.dialect == NAME
        self.keeps_form = self._is_own and target.vendor == "anthropic"
        self._blocks = BlockWriter(target, report, is_own=self._is_own)
        self._marks, self._report = marks, report
        self._dropped_words = -1
        self.messages: list[_Block] = []
        first = 0 if self.keeps_form else count_leading(turn.messages)
        self.system = self._system(turn, turn.messages[:first])
        for at in range(first, len(turn.messages)):
            self._message(turn.messages[at], f"messages[{at}]", at)
        if not self.keeps_form:
            self._finish()
        is_answered = not self.messages or self.messages[-1]["role"] != "user"
        if is_answered and self._dropped_words == len(turn.messages) - 1 >= 0:
            path = f"messages[{self._dropped_words}].content"
            raise BadRequest(f"`{path}` is empty; the user's message needs words, an image or a document", param=path)
        if not self.messages:
            if not self.system:
                raise BadRequest(
                    "`messages` has nothing for the model; it needs at least one message", param="messages"
                )
            self.messages.append(_said(_BEGIN))

    # === system ===

    def _system(self, turn: Turn, leading: list[Message]) -> str | list[_Block] | None:
        top = turn.instructions
        if self.keeps_form and top is not None and top.is_plain and len(top.parts) == 1 and not top.cache:
            part = top.parts[0]
            if isinstance(part, Text) and not part.cache:
                return part.text
        blocks: list[_Block] = []
        if top is not None:
            blocks += self._instructions(top, "system")
        for at, message in enumerate(leading):
            blocks += self._instructions(message, f"messages[{at}]")
        return blocks if blocks or (self.keeps_form and top is not None) else None

    def _instructions(self, message: Message, path: str) -> list[_Block]:
        return self._written(message, path, only_text=not self._is_own)

    # === messages ===

    def _message(self, message: Message, path: str, at: int) -> None:
        role = message.role
        if is_instruction(message):
            if not self.keeps_form:
                self._reminder(message, path)
                return
        elif role != "assistant":
            role = "user"
        if self.keeps_form and message.is_plain and len(message.parts) == 1:
            part = message.parts[0]
            if isinstance(part, Text) and not part.cache and part.text and not part.text.isspace():
                self.messages.append({"role": role, "content": part.text, **(message.extra or {})})
                return
        blocks = self._written(message, path)
        if not blocks and (message.parts or not self.keeps_form):
            if role == "user" and all(isinstance(part, Text) for part in message.parts):
                self._dropped_words = at
            return
        extra = (message.extra or {}) if self.keeps_form else {}
        if not self.keeps_form and self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"] += blocks
        else:
            self.messages.append({"role": role, "content": blocks, **extra})

    def _reminder(self, message: Message, path: str) -> None:
        blocks = self._written(message, path, only_text=True)
        for block in blocks:
            block["text"] = reminder(block["text"])
        if not blocks:
            return
        if self.messages and self.messages[-1]["role"] == "user":
            self.messages[-1]["content"] += blocks
        else:
            self.messages.append({"role": "user", "content": blocks})

    def _written(self, message: Message, path: str, *, only_text: bool = False) -> list[_Block]:
        """The blocks of one message. The breakpoint of a block that is not written goes to the one before it, else to the next."""
        blocks: list[_Block] = []
        # Claude itself writes a lone space between two citations, and must get its words back as they were
        keeps_space = self.keeps_form and message.role == "assistant" and len(message.parts) > 1
        waiting: Ttl = ""
        last: _Block | None = None  # that takes a breakpoint
        for part in message.parts:
            if only_text and not isinstance(part, Text | Refusal):
                if not isinstance(part, Opaque):
                    self._report.drop(f"{path}.{name_of(part)}")
                continue
            block = self._blocks.block(part, path, keeps_space=keeps_space)
            can_mark = block is not None and block["type"] not in _THINKING
            if block is not None:
                blocks.append(block)
                last = block if can_mark else last
            cache = part.cache or waiting
            if not cache:
                continue
            if block is not None and can_mark:
                self._marks.add(block, cache, self._blocks.raw_mark(part))
                waiting = ""
            elif part.cache and last is not None:
                self._marks.add(last, part.cache)
            elif part.cache:
                waiting = part.cache
        if message.cache and last is not None:
            self._marks.add(last, message.cache)
        return blocks

    # === for other dialects' turns ===

    def _finish(self) -> None:
        for message in self.messages:
            content = message["content"]
            if message["role"] == "user":
                results = [block for block in content if block["type"] == "tool_result"]
                if results and content[: len(results)] != results:
                    message["content"] = results + [block for block in content if block["type"] != "tool_result"]
            else:
                while content and content[-1]["type"] in _THINKING:
                    content.pop()  # "the final block in an assistant message cannot be `thinking`": the answer broke off there
        if any(not message["content"] for message in self.messages):
            self.messages = _merged(message for message in self.messages if message["content"])
        if self.messages and self.messages[0]["role"] == "assistant":
            self.messages.insert(0, _said(_BEGINNING))


def _said(text: str) -> _Block:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _merged(messages: Any) -> list[_Block]:
    out: list[_Block] = []
    for message in messages:
        if out and out[-1]["role"] == message["role"]:
            out[-1]["content"] += message["content"]
        else:
            out.append(message)
    return out


def is_prefilled(messages: list[_Block]) -> bool:
    """Whether the conversation ends with words of the assistant that the model shall continue."""
    if not messages or messages[-1]["role"] != "assistant":
        return False
    content = messages[-1]["content"]
    return isinstance(content, str) or (bool(content) and content[-1]["type"] == "text")
