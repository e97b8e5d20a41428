"""Writes an output limit into a client's own bytes, where it gave none: what is left of a hard budget must bound the provider."""

from gateway import _native
from gateway.dataplane.wire.peek import Edit, Peek, member_edit

_NAME: dict[str, tuple[str, ...]] = {
    "openai.responses": ("max_output_tokens",),
    "openai.chat": ("max_tokens",),
    "anthropic.messages": ("max_tokens",),
    "gemini.generate": ("generationConfig", "maxOutputTokens"),
    "bedrock.converse": ("inferenceConfig", "maxTokens"),
}
_OPENAIS_CHAT = ("max_completion_tokens",)
"""OpenAI's reasoning models refuse `max_tokens`; its imitations often know no other."""


def limit_edit(peeked: Peek, dialect: str, tokens: int, *, is_official: bool) -> Edit:
    """The edit that sets the limit to `tokens`; a member that is null, or its object, is replaced."""
    name = _OPENAIS_CHAT if dialect == "openai.chat" and is_official else _NAME[dialect]
    body = peeked.body
    span = _native.find_path(body, tuple(part.encode() for part in name))
    if span[0] >= 0:
        return *span, tokens
    if len(name) == 1:
        return member_edit(body, name[0], tokens)
    start, end = _native.find_path(body, (name[0].encode(),))
    if start < 0:
        return member_edit(body, name[0], {name[1]: tokens})
    if body[start : start + 1] != b"{":  # null
        return start, end, {name[1]: tokens}
    at, _, member = member_edit(body[start:end], name[1], tokens)
    return start + at, start + at, member
