"""When a deployment's breaker lets requests through: a state machine in one word."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dataplane.routing.breaker import (
    CLOSED,
    FAULTS,
    HALF_OPEN,
    MAX_OPEN_MS,
    NEW,
    OPEN,
    Observation,
    State,
    Verdict,
    allows,
    begin_probe,
    is_ailing,
    pack,
    remembered_ms,
    step,
    unpack,
    verdict_of,
    wait_ms,
)

NOW_MS = 1_790_000_000_000
LONGEST_OPEN_MS = 60_000
MANY = settings(max_examples=400, derandomize=True, deadline=None, database=None)
WORDS = st.integers(0, (1 << 63) - 1)
VERDICTS: st.SearchStrategy[Verdict] = st.sampled_from(("ok", "failed", "answered", "reached", "unknown"))


def seen(state: State, *verdicts: Verdict, now_ms: int = NOW_MS, dice: float = 0.0, retry_after_ms: int = 0) -> State:
    """The state after attempts that all began in its generation."""
    for verdict in verdicts:
        state = step(state, Observation(verdict, state.generation, retry_after_ms), now_ms, dice)
    return state


def opened(now_ms: int = NOW_MS) -> State:
    return seen(NEW, *["failed"] * 5, now_ms=now_ms)


def wait(state: State, now_ms: int = NOW_MS) -> int:
    return wait_ms(pack(state), now_ms)


@pytest.mark.parametrize(("back_ms", "left_ms"), [(0, 5000), (3000, 8000), (11_000, 0), (3_000_000, 0)])
def test_a_clock_that_is_set_back_opens_it_no_longer(back_ms: int, left_ms: int) -> None:
    """By seconds it may be another node's clock."""
    state = opened()
    assert wait(state, NOW_MS - back_ms) == left_ms


class TestClosed:
    def test_five_failures_running_open_it(self) -> None:
        """Four don't; a success between begins anew."""
        assert seen(NEW, *["failed"] * 4).phase == CLOSED
        assert seen(NEW, *["failed"] * 4, "ok", *["failed"] * 4).phase == CLOSED
        state = opened()
        assert (state.phase, wait(state)) == (OPEN, 5000)

    def test_more_than_half_of_twenty_open_it(self) -> None:
        """Never five running, yet most of them: 25 straight 500s among a few successes (COMPLAINTS 46)."""
        state = NEW
        for verdict in ["failed", "failed", "ok"] * 6:
            state = seen(state, verdict)
        assert state.phase == CLOSED
        assert seen(state, "failed", "failed").phase == OPEN

    def test_half_of_many_does_not(self) -> None:
        """The share must be more than a half."""
        state = NEW
        for _ in range(200):
            state = seen(state, "ok", "failed", "ok")
        assert state.phase == CLOSED

    def test_a_window_ends(self) -> None:
        """Failures of more than 30 s ago are not counted with those of now."""
        state = NEW
        for n in range(40):
            state = seen(state, "failed", "failed", "ok", now_ms=NOW_MS + n * 31_000)
        assert state.phase == CLOSED

    @pytest.mark.parametrize("verdict", ["ok", "answered", "unknown"])
    def test_the_healthy_are_not_written(self, verdict: Verdict) -> None:
        """The state is the same object: nothing to put on the board."""
        assert step(NEW, Observation(verdict, 0), NOW_MS, 0.5) is NEW

    def test_retry_after_opens_at_once_until_then(self) -> None:
        """With 429 (answered) and 503 (failed) alike; an hour at most; and it does not lengthen later openings."""
        for verdict in ("answered", "failed"):
            state = seen(NEW, verdict, retry_after_ms=17_000)
            assert (state.phase, wait(state), state.trips) == (OPEN, 17_000, 0)
        assert wait(seen(NEW, "failed", retry_after_ms=86_400_000)) == MAX_OPEN_MS


class TestAiling:
    """Passive outlier detection: too many failures to be asked first, too few for the breaker."""

    @pytest.mark.parametrize(("failures", "is_found"), [(1, False), (2, False), (4, True), (6, True), (9, True)])
    def test_so_many_of_twenty(self, failures: int, is_found: bool) -> None:
        """One in five is found; one in ten is not."""
        state = NEW
        for i in range(20):
            state = seen(state, "failed" if i % 2 == 0 and i < failures * 2 else "ok")
        assert state.phase == CLOSED
        assert is_ailing(pack(state), NOW_MS) == is_found

    def test_a_few_requests_say_nothing(self) -> None:
        assert not is_ailing(pack(seen(NEW, *["failed", "ok"] * 9)), NOW_MS)

    def test_thirty_percent_among_many(self) -> None:
        """By the breaker alone it is found only where five failures happen to come running."""
        state = NEW
        for i in range(100):
            state = seen(state, "failed" if i % 10 in {0, 3, 6} else "ok", now_ms=NOW_MS + i * 100)
        assert state.phase == CLOSED
        assert is_ailing(pack(state), NOW_MS + 10_000)

    def test_it_is_asked_again_after_the_window(self) -> None:
        """Nobody asks it meanwhile, so nobody could tell that it is well."""
        word = pack(seen(NEW, *["failed", "ok"] * 10))
        assert is_ailing(word, NOW_MS + 30_000)
        assert not is_ailing(word, NOW_MS + 30_100)
        assert not is_ailing(word, NOW_MS - 1000)

    def test_an_open_one_is_open_and_no_more(self) -> None:
        assert not is_ailing(pack(opened()), NOW_MS)


class TestActiveProbe:
    def test_it_closes_on_probation(self) -> None:
        """A list of models proves that somebody is there, not that turns are served."""
        half_open = begin_probe(opened(), NOW_MS + 5000)
        closed = seen(half_open, "reached", now_ms=NOW_MS + 5000)
        assert closed.phase == CLOSED
        again = seen(closed, "failed", now_ms=NOW_MS + 6000)
        assert (again.phase, wait(again, NOW_MS + 6000)) == (OPEN, 10_000)
        well = seen(closed, "ok", "failed", "failed", "failed", "failed", now_ms=NOW_MS + 6000)
        assert well.phase == CLOSED

    def test_of_a_closed_one_it_says_nothing(self) -> None:
        state = seen(NEW, *["failed"] * 3)
        assert seen(state, "reached") is state


class TestOpen:
    def test_one_probe_at_a_time(self) -> None:
        """When the opening is over one request goes; the next must wait until it reports back."""
        state = opened()
        assert not allows(pack(state), NOW_MS + 4900)
        assert allows(pack(state), NOW_MS + 5000)
        probing = begin_probe(state, NOW_MS + 5000)
        assert probing.phase == HALF_OPEN
        assert not allows(pack(probing), NOW_MS + 5000)

    def test_a_probe_that_never_reports_back_frees_its_place(self) -> None:
        """Its worker died: after 30 s the next goes."""
        probing = begin_probe(opened(), NOW_MS + 5000)
        assert not allows(pack(probing), NOW_MS + 34_900)
        assert allows(pack(probing), NOW_MS + 35_000)

    @pytest.mark.parametrize("verdict", ["ok", "answered"])
    def test_any_answer_to_the_probe_closes_it(self, verdict: Verdict) -> None:
        """A refusal of our request is an answer too: it is there."""
        state = seen(begin_probe(opened(), NOW_MS + 5000), verdict, now_ms=NOW_MS + 6000)
        assert state.phase == CLOSED

    def test_a_client_that_left_lets_the_next_probe_go(self) -> None:
        """Nothing was learned, so nothing is lost."""
        state = seen(begin_probe(opened(), NOW_MS + 5000), "unknown", now_ms=NOW_MS + 6000)
        assert (state.phase, wait(state, NOW_MS + 6000)) == (OPEN, 0)

    def test_openings_double_to_a_minute(self) -> None:
        """5, 10, 20, 40, 60, 60 … seconds, each shortened by up to a fifth."""
        state, now_ms, waits = opened(), NOW_MS, []
        for _ in range(10):
            waits.append(wait(state, now_ms))
            now_ms += waits[-1]
            state = seen(begin_probe(state, now_ms), "failed", now_ms=now_ms)
        assert waits == [5000, 10_000, 20_000, 40_000, *[60_000] * 6]
        assert wait(seen(begin_probe(opened(), NOW_MS), "failed", dice=0.999)) == pytest.approx(8000, abs=100)

    def test_two_quiet_minutes_forget_the_doubling(self) -> None:
        """What failed yesterday has a first failure again."""
        closed = seen(begin_probe(opened(), NOW_MS + 5000), "ok", now_ms=NOW_MS + 6000)
        soon, late = NOW_MS + 10_000, NOW_MS + 200_000
        assert wait(seen(closed, *["failed"] * 5, now_ms=soon), soon) == 10_000
        assert wait(seen(closed, *["failed"] * 5, now_ms=late), late) == 5000

    def test_reports_of_attempts_from_before_count_for_nothing(self) -> None:
        """A hundred streams that broke together open it once; a slow one of them neither closes it nor opens it again."""
        state = opened()
        for verdict in ("failed", "ok", "answered", "unknown"):
            assert step(state, Observation(verdict, 0), NOW_MS, 0.0) is state
        closed = seen(begin_probe(state, NOW_MS + 5000), "ok", now_ms=NOW_MS + 6000)
        assert step(closed, Observation("failed", 0), NOW_MS + 7000, 0.0) is closed


class TestVerdict:
    @pytest.mark.parametrize(
        ("status", "verdict"),
        [(200, "ok"), (400, "answered"), (401, "answered"), (404, "answered"), (429, "answered"), (500, "failed"), (503, "failed"), (529, "failed")],
    )  # fmt: skip
    def test_of_a_status(self, status: int, verdict: Verdict) -> None:
        """Faults of the client are none of the provider's; a rate limit is no failure."""
        assert verdict_of(status) == verdict

    def test_of_a_fault(self) -> None:
        """Whatever the native client calls a failure of the network or of the protocol is one."""
        assert {verdict_of(0, fault) for fault in FAULTS} == {"failed"}
        assert verdict_of(0, "too_large") == "unknown"


class TestWord:
    @MANY
    @given(WORDS)
    def test_any_word_is_a_state_and_keeps_its_meaning(self, word: int) -> None:
        """A word that nobody packed is read as some state, and that one is packed and read alike."""
        state = unpack(word)
        assert unpack(pack(state)) == state
        assert 0 <= pack(state) < 1 << 63

    @MANY
    @given(WORDS, st.integers(0, 1 << 45))
    def test_no_opening_is_longer_than_an_hour(self, word: int, now_ms: int) -> None:
        """Whatever the word is, and wherever the clock has jumped."""
        assert 0 <= wait_ms(word, now_ms) <= MAX_OPEN_MS

    @MANY
    @given(WORDS, st.integers(0, 1 << 45), VERDICTS, st.integers(0, 1 << 40), st.floats(0, 1, exclude_max=True))
    def test_an_opening_by_failures_is_a_minute_at_most(
        self, word: int, now_ms: int, verdict: Verdict, retry_after_ms: int, dice: float
    ) -> None:
        """An opening is as long as the provider asked, else a minute at most; then the entry may be forgotten."""
        state = unpack(word)
        after = step(state, Observation(verdict, state.generation, retry_after_ms), now_ms, dice)
        assert unpack(pack(after)) == after
        if after is not state and after.phase == OPEN:
            most_ms = min(retry_after_ms + 100, MAX_OPEN_MS) if retry_after_ms else LONGEST_OPEN_MS
            assert wait_ms(pack(after), now_ms) <= most_ms
        assert remembered_ms(pack(after), now_ms) <= MAX_OPEN_MS + 120_000


Events = st.lists(
    st.tuples(
        VERDICTS, st.integers(0, 90_000), st.sampled_from((0, 0, 0, 3000, 10**8)), st.booleans(), st.integers(0, 3)
    ),
    max_size=60,
)


@MANY
@given(Events, st.floats(0, 1, exclude_max=True))
def test_a_healthy_deployment_closes_again_from_every_state(
    events: list[tuple[Verdict, int, int, bool, int]], dice: float
) -> None:
    """Two workers lose observations and write over each other as they like: once the deployment is well, one request after the wait closes it."""
    words = [pack(NEW)]
    now_ms = NOW_MS
    for verdict, later_ms, retry_after_ms, is_probe, lost in events:
        now_ms += later_ms
        state = unpack(words[max(0, len(words) - 1 - lost)])  # a worker that read before others wrote
        after = begin_probe(state, now_ms) if is_probe and allows(pack(state), now_ms) else state
        words.append(pack(step(after, Observation(verdict, state.generation, retry_after_ms), now_ms, dice)))
    state = unpack(words[-1])
    now_ms += wait_ms(words[-1], now_ms)
    assert allows(pack(state), now_ms)
    probing = begin_probe(state, now_ms)
    after = step(probing, Observation("ok", state.generation), now_ms + 1000, dice)
    assert after.phase == CLOSED
    assert allows(pack(after), now_ms + 1000)
