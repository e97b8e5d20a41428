"""What a node's workers know of deployments: what one learns, the next request on any other acts on."""

from collections import deque
from zlib import crc32

import pytest

from gateway.base.core.route import Health
from gateway.base.storage.board import lone_board
from gateway.dataplane.routing.health import BoardHealth, Shelf
from tests.dataplane.routing.world import DictBoard

A, B = "openai/gpt", "anthropic/claude"
OPENAI = [("x-ratelimit-remaining-requests", "{}"), ("x-ratelimit-reset-requests", "20s")]


class Clock:
    def __init__(self) -> None:
        self.ms = 1_790_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board() -> DictBoard:
    return DictBoard()


def worker(board: Shelf, clock: Clock) -> BoardHealth:
    return BoardHealth(board, crc32, clock)


def attempt(health: BoardHealth, name: str, status: int = 200, retry_after_ms: int = 0) -> bool:
    """One attempt that gets this status; whether the breaker let it go."""
    generation = health.begin(name)
    if generation is None:
        return False
    health.tell(name, generation, "failed" if status >= 500 else "ok", 0.0, retry_after_ms)
    return True


def test_it_is_a_health(board: DictBoard, clock: Clock) -> None:
    """It is what planning asks for."""
    health: Health = worker(board, clock)
    assert health.is_closed(A)
    assert health.has_headroom(A, 10**6)
    assert (health.first_byte_ms(A), health.tokens_per_s(A), health.wait_ms(A)) == (0.0, 0.0, 0)


class TestBreaker:
    @pytest.mark.parametrize("kind", ["real", "dict"])
    def test_the_next_request_on_another_worker_acts_on_it(self, kind: str, clock: Clock, board: DictBoard) -> None:
        """COMPLAINTS 46: not some seconds later, not for one worker alone; and other deployments are none the worse."""
        shelf: Shelf = lone_board() if kind == "real" else board
        one, other = worker(shelf, clock), worker(shelf, clock)
        for _ in range(5):
            assert attempt(one, A, 500)
        assert not other.is_closed(A)
        assert other.begin(A) is None
        assert other.wait_ms(A) == 5000
        assert other.is_closed(B)

    def test_it_opens_no_later_when_the_clock_is_set_back(self, board: DictBoard, clock: Clock) -> None:
        health = worker(board, clock)
        for _ in range(5):
            attempt(health, A, 500)
        assert not health.is_closed(A)
        clock.ms -= 1_800_000
        assert health.is_closed(A)

    def test_one_probe_for_all_workers(self, board: DictBoard, clock: Clock) -> None:
        """When the time is over one worker's request goes; its success opens the way for all."""
        one, other = worker(board, clock), worker(board, clock)
        attempt(one, A, 503, 2000)
        clock.ms += 2000
        generation = one.begin(A)
        assert generation is not None
        assert not other.is_closed(A)
        one.tell(A, generation, "ok", 0.0)
        assert other.is_closed(A)

    def test_an_opening_is_looked_up_once(self, board: DictBoard, clock: Clock) -> None:
        """Until its end the worker knows; then the board is asked again, and a clock that was set back by hours keeps nothing closed off."""
        health = worker(board, clock)
        attempt(health, A, 503, 2000)
        assert not health.is_closed(A)
        read, board.entries = board.entries, {}
        clock.ms += 1999
        assert not health.is_closed(A)
        board.entries = read
        clock.ms += 1
        assert health.is_closed(A)
        clock.ms -= 2 * 3_600_000
        assert health.is_closed(A)

    def test_the_healthy_write_nothing(self, board: DictBoard, clock: Clock) -> None:
        """The board is read at each exchange, and written where something has changed."""
        health = worker(board, clock)
        for _ in range(100):
            attempt(health, A)
            health.limits(A, 200, [("content-type", "text/event-stream"), ("x-ratelimit-remaining-requests", "4999"), ("x-ratelimit-reset-requests", "1s")])  # fmt: skip
        assert board.writes == 0

    def test_a_lost_entry_wedges_nothing(self, board: DictBoard, clock: Clock) -> None:
        """A board that forgets gives a closed breaker; what an attempt of the forgotten generation reports is passed over."""
        health = worker(board, clock)
        attempt(health, A, 503, 2000)
        clock.ms += 2000
        generation = health.begin(A)
        assert generation == 1
        board.entries.clear()
        health.tell(A, generation, "failed", 0.0)
        assert health.begin(A) == 0


class TestRoom:
    def test_a_drained_deployment_is_not_asked_until_its_reset(self, board: DictBoard, clock: Clock) -> None:
        """Nor by other workers; and it is forgotten then."""
        one, other = worker(board, clock), worker(board, clock)
        one.limits(A, 200, [(name, value.format(0)) for name, value in OPENAI])
        assert not other.has_headroom(A, 1)
        assert other.wait_ms(A) == 20_000
        clock.ms += 20_000
        assert other.has_headroom(A, 1)

    def test_tokens_left_are_for_requests_that_fit(self, board: DictBoard, clock: Clock) -> None:
        """A small request may go where a large one may not."""
        health = worker(board, clock)
        health.limits(A, 200, [("x-ratelimit-remaining-tokens", "6400"), ("x-ratelimit-reset-tokens", "1m0s")])
        assert health.has_headroom(A, 6400)
        assert not health.has_headroom(A, 6401)

    def test_more_room_than_was_said_is_believed(self, board: DictBoard, clock: Clock) -> None:
        """A provider that refills as time goes is asked again before its reset."""
        health = worker(board, clock)
        health.limits(A, 200, [(name, value.format(0)) for name, value in OPENAI])
        health.limits(A, 200, [(name, value.format(500)) for name, value in OPENAI])
        assert health.has_headroom(A, 1)

    def test_what_falls_slowly_is_written_now_and_then(self, board: DictBoard, clock: Clock) -> None:
        """By an eighth, or to nothing, or after a second."""
        health = worker(board, clock)
        for left in range(31, 19, -1):
            health.limits(A, 200, [(name, value.format(left)) for name, value in OPENAI])
        assert board.writes == 4  # 31, 27, 23, 20
        health.limits(A, 200, [(name, value.format(0)) for name, value in OPENAI])
        assert board.writes == 5
        clock.ms += 1000
        health.limits(A, 200, [(name, value.format(0)) for name, value in OPENAI])
        assert board.writes == 6

    def test_a_429_without_a_word_is_a_second(self, board: DictBoard, clock: Clock) -> None:
        """And no failure: the breaker stays closed."""
        health = worker(board, clock)
        assert health.limits(A, 429, []) == 0
        assert not health.has_headroom(A, 0)
        assert health.is_closed(A)
        clock.ms += 1000
        assert health.has_headroom(A, 0)

    @pytest.mark.parametrize(("status", "ms"), [(429, 7000), (503, 7000), (529, 7000), (200, 0), (400, 0)])
    def test_retry_after_is_given_on(self, status: int, ms: int, board: DictBoard, clock: Clock) -> None:
        """For `tell`, which opens the breaker until then."""
        assert worker(board, clock).limits(A, status, [("retry-after", "7")]) == ms


class TestPace:
    def test_one_workers_answers_are_anothers_knowledge(self, board: DictBoard, clock: Clock) -> None:
        """After a second at most."""
        one, other = worker(board, clock), worker(board, clock)
        assert other.first_byte_ms(A) == 0.0
        one.took(A, 300.0, 60.0)
        clock.ms += 1000
        assert (other.first_byte_ms(A), other.tokens_per_s(A)) == (300.0, 60.0)

    def test_it_follows_the_answers(self, board: DictBoard, clock: Clock) -> None:
        """A deployment that becomes slow is known as slow after a few dozen answers."""
        health = worker(board, clock)
        for _ in range(50):
            health.took(A, 100.0, 50.0)
        for _ in range(50):
            health.took(A, 900.0, 0.0)
        assert health.first_byte_ms(A) == pytest.approx(900, rel=0.01)
        assert health.tokens_per_s(A) == pytest.approx(50, rel=0.01)

    def test_every_sixteenth_answer_is_written(self, board: DictBoard, clock: Clock) -> None:
        """Or one a second: the others stay in the worker."""
        health = worker(board, clock)
        for _ in range(1 + 160):
            health.took(A, 100.0, 50.0)
        assert board.writes == 1 + 10
        clock.ms += 1000
        health.took(A, 100.0, 50.0)
        assert board.writes == 12

    def test_two_workers_write_one_average(self, board: DictBoard, clock: Clock) -> None:
        """Whoever writes last moves what the other wrote, and does not replace it."""
        one, other = worker(board, clock), worker(board, clock)
        for _ in range(20):
            one.took(A, 100.0, 0.0)
            other.took(A, 300.0, 0.0)
            clock.ms += 1000
        assert 160 < worker(board, clock).first_byte_ms(A) < 240

    def test_a_newcomer_does_not_overwrite_what_is_known(self, board: DictBoard, clock: Clock) -> None:
        """A worker's first answer moves the common average, no more."""
        one = worker(board, clock)
        one.took(A, 100.0, 0.0)
        worker(board, clock).took(A, 900.0, 0.0)
        clock.ms += 1000
        assert one.first_byte_ms(A) == pytest.approx(200, abs=2)

    def test_old_knowledge_is_forgotten(self, board: DictBoard, clock: Clock) -> None:
        """After five minutes without an answer it is unknown, and so explored again."""
        health = worker(board, clock)
        health.took(A, 300.0, 60.0)
        clock.ms += 5 * 60_000
        assert health.first_byte_ms(A) == 0.0


class TestNodes:
    def test_what_a_closed_breaker_counts_is_not_told(self, clock: Clock) -> None:
        """A success counted elsewhere before the news came would close a breaker that is open here."""
        board = lone_board()
        board.news = deque()
        health = worker(board, clock)
        for status in (500, 200, 500, 500, 500, 500):
            attempt(health, A, status)
        assert not board.news
        attempt(health, A, 500)
        (opening,) = board.news
        clock.ms += 5000
        assert attempt(health, A)
        assert len(board.news) == 3, "the probe that left, and what it found"
        assert health.is_closed(A)
        there = lone_board()
        there.learn(*opening, clock.ms - 5000)
        clock.ms -= 5000
        assert not worker(there, clock).is_closed(A)
