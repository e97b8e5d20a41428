"""What providers' rate-limit headers say, in all the forms in which they say when."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dataplane.routing.ratelimit_headers import MOST_MS, UNKNOWN, Room, duration_ms, retry_after_ms, room_in
from gateway.dataplane.routing.room import MOST_SHORT_MS, has_room, pack_room, room_wait_ms, short_for_ms

NOW_MS = 1_776_247_200_000  # 2026-04-15T10:00:00Z
FEW = settings(max_examples=300, derandomize=True, deadline=None, database=None)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("6m0s", 360_000),
        ("250ms", 250),
        ("1s", 1000),
        ("2m59.56s", 179_560),
        ("1h", 3_600_000),
        ("1d2h", MOST_MS),
        ("17us", 0),
        ("20", 20_000),
        ("0.5", 500),
        ("1776247260", 60_000),
        ("1776247260500", 60_500),
        ("2026-04-15T10:01:00Z", 60_000),
        ("2026-04-15T12:01:00+02:00", 60_000),
        ("Wed, 15 Apr 2026 10:01:00 GMT", 60_000),
        ("2026-04-15T09:00:00Z", 0),
        ("86400", MOST_MS),
        ("-5", 0),
        ("", 0),
        ("soon", 0),
        ("6m 0s", 0),
        ("1e9", 0),
        ("٣", 0),
        ("²", 0),
        ("9" * 400, 0),
    ],
)
def test_a_time_is_read_in_every_form(text: str, ms: int) -> None:
    """From now, at most an hour; what cannot be read says nothing."""
    assert duration_ms(text, NOW_MS) == ms


@FEW
@given(st.text(max_size=80), st.integers(0, 1 << 45))
def test_no_text_breaks_the_reader(text: str, now_ms: int) -> None:
    """A provider may send anything."""
    assert 0 <= duration_ms(text, now_ms) <= MOST_MS
    for name in ("x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining"):
        room = room_in([(name, text), ("x-ratelimit-reset-tokens", text), ("retry-after", text)], now_ms)
        assert room is not None
        assert room.tokens >= UNKNOWN


@pytest.mark.parametrize(
    ("headers", "room"),
    [
        ({"content-type": "text/plain"}, None),
        (
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-tokens": "1500", "x-ratelimit-reset-tokens": "250ms"},
            Room(0, 360_000, 1500, 250),
        ),
        ({"x-ratelimit-remaining-requests": "4999", "x-ratelimit-reset-requests": "12ms"}, Room()),
        ({"x-ratelimit-remaining-requests": "3"}, Room()),
        ({"x-ratelimit-remaining-requests": "-3", "x-ratelimit-reset-requests": "1s"}, Room()),
        (
            {"anthropic-ratelimit-requests-remaining": "2", "anthropic-ratelimit-requests-reset": "2026-04-15T10:00:30Z"},
            Room(requests=2, requests_reset_ms=30_000),
        ),
        (
            {"anthropic-ratelimit-tokens-remaining": "50000", "anthropic-ratelimit-tokens-reset": "2026-04-15T10:00:30Z"},
            Room(),
        ),
        (
            {"anthropic-ratelimit-input-tokens-remaining": "0", "anthropic-ratelimit-input-tokens-reset": "2026-04-15T10:00:30Z"},
            Room(tokens=0, tokens_reset_ms=30_000),
        ),
    ],
)  # fmt: skip
def test_room_is_what_is_short(headers: dict[str, str], room: Room | None) -> None:
    """Plenty is no news, without a reset nothing can be said; Anthropic's tokens bar only when next to none are left, since cached ones are free."""
    assert room_in(headers.items(), NOW_MS) == room


@pytest.mark.parametrize(
    ("headers", "ms"),
    [
        ({"retry-after": "20"}, 20_000),
        ({"retry-after": "20", "retry-after-ms": "1500"}, 1500),
        ({"retry-after": "Wed, 15 Apr 2026 10:00:20 GMT"}, 20_000),
        ({"retry-after-ms": "many", "retry-after": "2"}, 2000),
        ({}, 0),
    ],
)
def test_retry_after(headers: dict[str, str], ms: int) -> None:
    """Milliseconds go before seconds, a date does as well."""
    assert retry_after_ms(headers.items(), NOW_MS) == ms


LEFT = st.one_of(st.just(UNKNOWN), st.integers(0, 10**9))
RESET = st.integers(1, MOST_MS)


@FEW
@given(LEFT, RESET, LEFT, RESET, st.integers(0, 10**6), st.integers(0, MOST_MS * 2))
def test_a_packed_room_bars_until_its_reset_and_no_longer(
    requests: int, requests_ms: int, tokens: int, tokens_ms: int, needed: int, later_ms: int
) -> None:
    """The word says what the room says, to 64 tokens and a quarter of a second, and errs on the side of the limit."""
    room = Room(requests, requests_ms, tokens, tokens_ms)
    word = pack_room(room, NOW_MS)
    assert 0 <= word < 1 << 62
    short_ms = short_for_ms(room)
    if later_ms >= short_ms:
        return  # the board has forgotten the entry
    now_ms = NOW_MS + later_ms
    requests_bar = requests == 0 and later_ms < min(requests_ms, MOST_SHORT_MS)
    tokens_bar = 0 <= tokens < needed and later_ms < min(tokens_ms, MOST_SHORT_MS)
    found = has_room(word, needed, now_ms)
    if requests_bar or tokens_bar:
        assert not found
    elif not found:
        is_close = later_ms < max(requests_ms if requests == 0 else 0, tokens_ms) + 250
        assert is_close
        assert requests == 0 or 0 <= tokens < needed + 64
    assert found or 0 < room_wait_ms(word, now_ms) <= MOST_SHORT_MS + 250
