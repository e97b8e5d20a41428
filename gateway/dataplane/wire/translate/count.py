"""How many tokens a turn is, without asking its provider: for token-count routes of models that another dialect serves. Pure.

Errs high, so that an agent compacts too early rather than never (TRANSLATION_TRAPS 60): three bytes of text to a token, where
the vendors' tokenizers take about four of English and code.
"""

from msgspec.json import Encoder

from gateway.dataplane.wire.canon import Media, Message, Opaque, Part, Reasoning, ToolCall, ToolResult, Turn

_BYTES_PER_TOKEN = 3
_IMAGE_TOKENS = 1600
"""Anthropic's most for one image; the others' formulas stay below it for what agents send."""
_PAGE_BYTES = 50_000
_PAGE_TOKENS = 3000
"""A PDF page as text and image, by Anthropic's documentation on PDF support; its size is a guess at a page's share of a file."""
_MESSAGE_TOKENS = 8

_encode = Encoder().encode


def estimated_tokens(turn: Turn) -> int:
    """Input tokens of the whole turn: messages, instructions, tools and media."""
    messages = [*turn.messages, *([turn.instructions] if turn.instructions else [])]
    size = sum(_text_bytes(part) for message in messages for part in _parts(message))
    size += sum(len(_encode(tool)) for tool in turn.tools or ())
    if turn.format is not None:
        size += len(_encode(turn.format))
    media = sum(_media_tokens(part) for message in messages for part in _parts(message))
    return size // _BYTES_PER_TOKEN + media + _MESSAGE_TOKENS * len(messages) + 1


def _parts(message: Message) -> list[Part]:
    found: list[Part] = []
    for part in message.parts:
        found.append(part)
        if isinstance(part, ToolResult):
            found += part.parts
    return found


def _text_bytes(part: Part) -> int:
    if isinstance(part, ToolCall):
        return len(part.name) + len(part.arguments.encode())
    if isinstance(part, ToolResult):
        return len(_encode(part.value)) if part.value is not None else 0
    if isinstance(part, Reasoning):
        return max(len(part.text.encode()), len(part.signature) * 3 // 4)
    if isinstance(part, Opaque):
        return len(_encode(part.value))
    return len(part.text.encode())


def _media_tokens(part: Part) -> int:
    if not isinstance(part, Media) or part.text:
        return 0
    if part.kind == "image":
        return _IMAGE_TOKENS
    return max(1, len(part.data) * 3 // 4 // _PAGE_BYTES) * _PAGE_TOKENS
