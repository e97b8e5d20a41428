"""Whose thoughts a request holds, told from its bytes without reading it. Pure.

Signs may also stand in a tool's arguments: such a request is only looked at more closely than it had to be.
"""

import re

from gateway import _native
from gateway.dataplane.wire.translate.reasoning import ORIGIN_OF_DIALECT, TRACE, Seals, origin_of_token

_HELD: dict[str, tuple[bytes, ...]] = {
    "openai.responses": (b'"encrypted_content"',),
    "anthropic.messages": (b'"signature"', b'"redacted_thinking"'),
    "gemini.generate": (b'"thoughtSignature"', b'"thought_signature"'),
    "bedrock.converse": (b'"signature"', b'"redactedContent"'),
}
"""What stands before a thought that a provider of the dialect has signed or encrypted."""
_SIGNS = _native.Needles([TRACE, b'encrypted_content"', b'"thinking', b'ignature"', b"redacted"])
"""What all of them contain, and how a request asks for them. Whole words in quotation marks took 800 µs for 60 KB of small items, these take 5."""
_token = re.compile(rb"[A-Za-z0-9+/=_-]+").match


def concerns_thoughts(body: bytes) -> bool:
    """Whether a request holds signed thoughts, or its answer may."""
    return _SIGNS.any_in(body)


def holds_thoughts(dialect: str, body: bytes) -> bool:
    """Whether it holds some."""
    return TRACE in body or any(sign in body for sign in _HELD.get(dialect, ()))


def maker_of_last(dialect: str, body: bytes, seals: Seals) -> str:
    """The origin (a vendor, or a vendor's account) of its last signed thought; '' where it holds none, or nobody can tell."""
    sealed_at = body.rfind(TRACE)
    own_at = max((body.rfind(sign) for sign in _HELD.get(dialect, ())), default=-1)
    if sealed_at > own_at:  # its own sign stands before a token too
        found = _token(body, sealed_at)
        return origin_of_token(found.group().decode(), seals) if found else ""
    return ORIGIN_OF_DIALECT.get(dialect, "") if own_at >= 0 else ""
