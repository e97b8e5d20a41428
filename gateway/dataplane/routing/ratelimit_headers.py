"""What a provider says of its own rate limits, in the headers of each answer. Pure.

Sources: OpenAI, Groq and others `x-ratelimit-remaining-requests`, `-reset-requests: 6m0s` (platform.openai.com/docs/guides/rate-limits);
Azure the same with plain seconds; Anthropic `anthropic-ratelimit-tokens-remaining`, `-reset: 2026-04-15T10:00:00Z`
(docs.anthropic.com/en/api/rate-limits); `retry-after` seconds or a date (RFC 9110 §10.2.3), `retry-after-ms` (OpenAI, Azure).
What cannot be read says nothing.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gateway.base.core.struct import Record

UNKNOWN = -1
MOST_MS = 3_600_000
"""A reset or a Retry-After further away is this far away: then somebody asks again."""
_UNITS_MS = {
    "d": 86_400_000.0,
    "h": 3_600_000.0,
    "m": 60_000.0,
    "s": 1000.0,
    "ms": 1.0,
    "us": 0.001,
    "µs": 0.001,
    "ns": 0.000001,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ms|us|µs|ns|[dhms])")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,9})?")
_EPOCH_S, _EPOCH_MS = 1e9, 1e11
_MOST_DIGITS = 15
_NAMED = {
    "x-ratelimit-remaining-requests": ("requests", False),
    "x-ratelimit-remaining-tokens": ("tokens", False),
    "x-ratelimit-reset-requests": ("requests", True),
    "x-ratelimit-reset-tokens": ("tokens", True),
    "anthropic-ratelimit-requests-remaining": ("requests", False),
    "anthropic-ratelimit-requests-reset": ("requests", True),
    "anthropic-ratelimit-tokens-remaining": ("all", False),
    "anthropic-ratelimit-tokens-reset": ("all", True),
    "anthropic-ratelimit-input-tokens-remaining": ("input", False),
    "anthropic-ratelimit-input-tokens-reset": ("input", True),
}


PLENTY_REQUESTS, PLENTY_TOKENS = 32, 1 << 19
"""More than this left is no news: a request fits, with all that may be on the way from other workers."""
_ANTHROPICS_LEAST_TOKENS = 1000
"""Prompt tokens read from Anthropic's cache, nearly all of an agent's, do not count there: so only next to nothing left is a bar."""


class Room(Record, frozen=True):
    """What is left until when (milliseconds from now); `UNKNOWN` where the provider does not say, or there is plenty."""

    requests: int = UNKNOWN
    requests_reset_ms: int = 0
    tokens: int = UNKNOWN
    tokens_reset_ms: int = 0


def room_in(headers: Iterable[tuple[str, str]], now_ms: int) -> Room | None:
    """What the headers (names in lower case) leave room for; None where they say nothing."""
    found = {_NAMED[name]: value for name, value in headers if name in _NAMED}
    if not found:
        return None
    requests, requests_reset_ms = _left(found, "requests", PLENTY_REQUESTS, now_ms)
    tokens, tokens_reset_ms = _left(found, "tokens", PLENTY_TOKENS, now_ms)
    for kind in ("all", "input"):
        left, reset_ms = _left(found, kind, _ANTHROPICS_LEAST_TOKENS, now_ms)
        if left != UNKNOWN:
            tokens, tokens_reset_ms = left, max(reset_ms, tokens_reset_ms)
    return Room(requests, requests_reset_ms, tokens, tokens_reset_ms)


def retry_after_ms(headers: Iterable[tuple[str, str]], now_ms: int) -> int:
    """How long the provider asks us to stay away, at most `MOST_MS`; 0 where it does not say."""
    said = {name: value for name, value in headers if name in {"retry-after", "retry-after-ms"}}
    exact = said.get("retry-after-ms", "").strip()
    if _NUMBER.fullmatch(exact):
        return min(int(float(exact)), MOST_MS)
    return duration_ms(said.get("retry-after", ""), now_ms)


def duration_ms(text: str, now_ms: int) -> int:
    """Milliseconds from now until what a header names, 0 to `MOST_MS`; 0 when it cannot be read.

    `6m0s`, `250ms`; a number: seconds from now, or seconds or milliseconds since 1970 when it is large; RFC 3339; an HTTP date.
    """
    text = text.strip()[:64]
    if _NUMBER.fullmatch(text):
        number = float(text)
        ms = number * 1000 if number < _EPOCH_S else number * (1000 if number < _EPOCH_MS else 1) - now_ms
    elif _DURATION.fullmatch(text):
        ms = sum(float(number) * _UNITS_MS[unit] for number, unit in _PART.findall(text))
    elif (at := _date(text)) is not None:
        ms = at.timestamp() * 1000 - now_ms
    else:
        return 0
    return int(min(max(ms, 0.0), MOST_MS))


def _left(found: dict[tuple[str, bool], str], kind: str, plenty: int, now_ms: int) -> tuple[int, int]:
    text = found.get((kind, False), "")
    if not (text.isascii() and text.isdecimal()) or len(text) > _MOST_DIGITS or (left := int(text)) >= plenty:
        return UNKNOWN, 0
    reset_ms = duration_ms(found.get((kind, True), ""), now_ms)
    return (left, reset_ms) if reset_ms else (UNKNOWN, 0)


def _date(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = read(text)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
