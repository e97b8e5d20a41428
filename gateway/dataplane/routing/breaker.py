"""A deployment's circuit breaker. Pure: times and dice come in as numbers, and a state is one 63-bit word that a node's board can hold.

    closed ──5 failures running, or more than half of at least 20 in 30 s, or Retry-After──▶ open
    open ──its time is over: one attempt may go (`begin_probe`)──▶ half-open
    half-open ──any answer──▶ closed;  ──failure──▶ open, twice as long;  ──nobody reports back in time──▶ another probe
    half-open ──an active probe is answered──▶ closed, and one failure opens it again

A closed one may be *ailing* (`is_ailing`): it fails too rarely to be left alone, and so often that others should be asked first while there are any.

Each opening begins a generation. What an attempt of an earlier generation reports is passed over: hundred streams that a dying provider took along
open the breaker once, and a slow one of them can't open it again after it closed. Two workers that write at the same moment may lose one
observation, and may both send a probe; nothing worse, since whatever state is there, time alone leads on to the next probe.
"""

from typing import Literal

from msgspec.structs import replace

from gateway.base.core.struct import Record

Phase = Literal[0, 1, 2]
CLOSED: Literal[0] = 0
OPEN: Literal[1] = 1
HALF_OPEN: Literal[2] = 2

Verdict = Literal["ok", "failed", "answered", "reached", "unknown"]
"""`answered`: it is there, but that says nothing of its health (our own fault, a rate limit); `reached`: a probe that is no turn was answered;
`unknown`: the client left before anything came."""

FAULTS = frozenset(
    {
        "connect",
        "dns",
        "tls",
        "timeout_connect",
        "timeout_first_byte",
        "timeout_idle",
        "timeout_total",
        "reset",
        "protocol",
    }
)
"""The native client's failures that are the provider's (`_native.pyi`)."""

TICK_MS = 100
MAX_OPEN_MS = 3_600_000
"""However long a provider asks us to stay away: after an hour one request looks whether that still holds."""
FAILURES_RUNNING = 5
_FORGET_TICKS = 1200  # two minutes: how long a closed breaker remembers its last opening, and so doubles the next
_MAX_OPEN_TICKS = MAX_OPEN_MS // TICK_MS
_WINDOW_TICKS = 300
_LEAST_REQUESTS = 20
_AILING = 5
"""One failure in so many, of at least `_LEAST_REQUESTS` in the window."""
_FIRST_OPEN_TICKS, _LONGEST_OPEN_TICKS = 50, 600
_JITTER = 0.2
_PROBE_TICKS = 300  # a model that thinks may be silent for long, then a second probe goes: one request more, no harm

_SET_BACK_TICKS = 100
"""Clocks of workers and nodes agree better than this."""

_TIME = 1 << 17
"""Ticks are kept modulo this (3.6 h), so times compare rightly within 1.8 h: more than an entry can live (`MAX_OPEN_MS` and two minutes)."""
_STREAK, _TRIPS, _COUNT, _GENERATIONS = 15, 7, 127, 64


class State(Record, frozen=True):
    """`window_at` and `until` are ticks modulo `_TIME`; `until` ends an opening, or the time that a probe has."""

    phase: Phase = CLOSED
    streak: int = 0
    trips: int = 0
    total: int = 0
    failed: int = 0
    generation: int = 0
    window_at: int = 0
    until: int = 0


class Observation(Record, frozen=True):
    """How an attempt went that began in `generation`. `retry_after_ms` is the provider's own word, with 429, 503 and 529."""

    verdict: Verdict
    generation: int
    retry_after_ms: int = 0


NEW = State()
"""Of a deployment of which nothing bad is known."""


REJECTIONS = frozenset({401, 402})
"""Statuses that are about our own credential alone. Not 403: providers say that of single requests and models too."""


def verdict_of(status: int, fault: str = "") -> Verdict:
    """What an answer's status, or a failure of the native client (then `status` is not looked at), says of the provider's health."""
    if fault:
        return "failed" if fault in FAULTS else "unknown"
    if status >= 500:
        return "failed"
    return "answered" if status >= 400 else "ok"


def pack(state: State) -> int:
    """0 to 2^63 - 1."""
    word = state.until << 17 | state.window_at
    word = (word << 6 | state.generation) << 7 | state.failed
    word = (word << 7 | state.total) << 3 | state.trips
    return (word << 4 | state.streak) << 2 | state.phase


def unpack(word: int) -> State:
    """The state of any word; one that nobody packed is some state too."""
    phase: Phase = OPEN if word & 3 == OPEN else HALF_OPEN if word & 3 == HALF_OPEN else CLOSED
    return State(
        phase,
        word >> 2 & _STREAK,
        word >> 6 & _TRIPS,
        word >> 9 & _COUNT,
        word >> 16 & _COUNT,
        word >> 23 & _GENERATIONS - 1,
        word >> 29 & _TIME - 1,
        word >> 46 & _TIME - 1,
    )


def wait_ms(word: int, now_ms: int) -> int:
    """How long until a packed state lets a request through; 0: now. Never more than `MAX_OPEN_MS`; 0 too where it comes from the future:
    the clock was set back, and would open it for that much longer."""
    if word & 3 == CLOSED:
        return 0
    now = now_ms // TICK_MS
    left = _since(word >> 46 & _TIME - 1, now)
    is_from_the_future = _since(word >> 29 & _TIME - 1, now) > _SET_BACK_TICKS
    return left * TICK_MS if 0 < left <= _MAX_OPEN_TICKS and not is_from_the_future else 0


def allows(word: int, now_ms: int) -> bool:
    """Whether a request may go: always when closed; else one, when the opening or the time of the probe before is over."""
    return wait_ms(word, now_ms) == 0


def is_ailing(word: int, now_ms: int) -> bool:
    """Whether it fails so often, though its breaker is closed, that others should be asked first. A window without new failures ends it."""
    total = word >> 9 & _COUNT
    if word & 3 != CLOSED or total < _LEAST_REQUESTS or (word >> 16 & _COUNT) * _AILING < total:
        return False
    return 0 <= _since(now_ms // TICK_MS, word >> 29 & _TIME - 1) <= _WINDOW_TICKS


def begin_probe(state: State, now_ms: int) -> State:
    """The state once a request that it `allows` goes out: nobody else may until that one reports back, or its time is over."""
    if state.phase == CLOSED:
        return state
    return replace(state, phase=HALF_OPEN, until=(now_ms // TICK_MS + _PROBE_TICKS) % _TIME)


def step(state: State, seen: Observation, now_ms: int, dice: float) -> State:
    """The state after an observation; the same object when nothing changed. `dice` in [0, 1) shortens an opening by up to a fifth."""
    if seen.generation != state.generation:
        return state
    now = now_ms // TICK_MS % _TIME
    if seen.retry_after_ms > 0:
        asked = min(-(-seen.retry_after_ms // TICK_MS), _MAX_OPEN_TICKS)
        return _opened(state, now, asked, state.trips)
    if state.phase != CLOSED:
        return _probed(state, seen.verdict, now, dice)
    if seen.verdict == "failed":
        return _failed(state, now, dice)
    if seen.verdict == "ok" and (state.streak or state.failed):
        if _is_old(state, now):
            return replace(state, streak=0, total=0, failed=0, window_at=now)
        total, failed = _counted(state.total + 1, state.failed)
        return replace(state, streak=0, total=total, failed=failed)
    return state


def remembered_ms(word: int, now_ms: int) -> int:
    """How long from now a packed state is worth keeping."""
    return wait_ms(word, now_ms) + _FORGET_TICKS * TICK_MS


def _probed(state: State, verdict: Verdict, now: int, dice: float) -> State:
    if verdict == "failed":
        return _tripped(state, now, dice)
    if verdict == "unknown":
        return replace(state, phase=OPEN, until=now)
    if verdict == "reached":  # no turn was served: the first that fails opens it again
        return State(streak=FAILURES_RUNNING - 1, trips=state.trips, generation=state.generation, window_at=now)
    return State(trips=state.trips, generation=state.generation, window_at=now)


def _failed(state: State, now: int, dice: float) -> State:
    trips = 0 if abs(_since(now, state.window_at)) > _FORGET_TICKS else state.trips
    streak = min(state.streak + 1, _STREAK)
    if _is_old(state, now) or not state.failed:
        state = State(trips=trips, streak=streak, total=1, failed=1, generation=state.generation, window_at=now)
    else:
        total, failed = _counted(state.total + 1, state.failed + 1)
        state = replace(state, trips=trips, streak=streak, total=total, failed=failed)
    if streak >= FAILURES_RUNNING or (state.total >= _LEAST_REQUESTS and state.failed * 2 > state.total):
        return _tripped(state, now, dice)
    return state


def _tripped(state: State, now: int, dice: float) -> State:
    longest = min(_FIRST_OPEN_TICKS << state.trips, _LONGEST_OPEN_TICKS)
    return _opened(state, now, int(longest * (1 - _JITTER * dice)), min(state.trips + 1, _TRIPS))


def _opened(state: State, now: int, ticks: int, trips: int) -> State:
    generation = (state.generation + 1) % _GENERATIONS
    return State(OPEN, trips=trips, generation=generation, window_at=now, until=(now + ticks) % _TIME)


def _counted(total: int, failed: int) -> tuple[int, int]:
    """Halved when the count is full: the share stays."""
    return (total, failed) if total <= _COUNT else (total // 2, failed // 2)


def _is_old(state: State, now: int) -> bool:
    return not 0 <= _since(now, state.window_at) <= _WINDOW_TICKS


def _since(later: int, earlier: int) -> int:
    """The difference of two times modulo `_TIME`, between -`_TIME`/2 and `_TIME`/2."""
    return (later - earlier + _TIME // 2) % _TIME - _TIME // 2
