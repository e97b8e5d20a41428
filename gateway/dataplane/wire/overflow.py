"""How providers say that the context is full: in words of their own, and behind any dialect, for all are imitated or wrapped by others.

Agents compact their history when they hear it in the words that they know (`fault.told`), and ask again for ever when it comes as
another failure (COMPLAINTS 23). tests/dataplane/wire/test_overflow.py lists who says what.
"""

import re
from typing import Final

from gateway.dataplane.wire.canon import ErrorKind

_MAY_BE: Final[frozenset[ErrorKind]] = frozenset({"bad_request", "too_large", "server"})
"""Kinds that a status or a type gives to a full context: those who wrap a provider often know no better than 500."""

_MAXIMUM: Final = r"max(?:imum|\.)?[ _]"
_WORDS: Final = re.compile(
    r"context[ _-]?(?:window|length|size|limit)|exceed(?:s|ed)? (?:the )?context"
    rf"|{_MAXIMUM}(?:context|prompt length|model length|input (?:length|tokens?))"
    r"|(?:prompt|input|all messages)(?: is| was| are)? too (?:long|large)|request (?:body )?too large.{0,200}tokens"
    r"|too many (?:input |prompt )?tokens|input[ _]tokens?[ _]exceed|more than max tokens allowed"
    r"|(?:input|prompt)(?: token)? (?:count|length).{0,80}(?:exceed|only supports|should be|must be)"
    rf"|exceed(?:s|ed)? (?:the )?(?:model'?s? )?{_MAXIMUM}(?:number of )?(?:input |prompt )?(?:length|tokens?)"
    r"|exceed(?:s|ed)? (?:the )?(?:model|total) tokens? limit|tokens?[ _]limit[ _](?:reached|exceeded)"
    r"|max_new_tokens\W{1,3}must be <|must have less than \d+ tokens"
    r"|reduce the length of (?:the (?:messages|input|prompt)|either one)",
    re.IGNORECASE | re.DOTALL,
)


def is_overflow(kind: ErrorKind, *words: str) -> bool:
    """Whether a failure that looks like one of `kind` is a full context; `words` are the provider's message, and its code."""
    return kind in _MAY_BE and any(_WORDS.search(one) for one in words)
