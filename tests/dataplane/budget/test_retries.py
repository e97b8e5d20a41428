"""Retries of a session: two workers on one board."""

from pathlib import Path

import pytest

from gateway.base.core.errors import RetriesExhausted
from gateway.base.core.session import RETRIES_OFF
from gateway.base.storage.board import lone_board, open_board
from gateway.dataplane.budget.retries import Attempt, Retries

NOW_MS = 1_795_000_000_000
REMEMBERED_MS = 15 * 60_000
BODY = b'{"model":"m"}'


class Session:
    """One client's requests, each on another worker of the node."""

    def __init__(
        self, folder: Path, key: str = "alice", session: str = "s", workers: list[Retries] | None = None
    ) -> None:
        self.workers = workers or [Retries(open_board(folder), 7) for _ in range(2)]
        self.key, self.session = key, session
        self.now_ms = NOW_MS
        self._asked = 0

    def other(self, **named: str) -> "Session":
        made = Session(Path(), **{"key": self.key, "session": self.session, **named}, workers=self.workers)
        made.now_ms = self.now_ms
        return made

    def attempt(self, turn: str = "t", body: bytes = BODY, most: int = 3) -> Attempt:
        self._asked += 1
        worker = self.workers[self._asked % len(self.workers)]
        return worker.attempt(self.key, self.session, turn, body, most, self.now_ms)

    def fail(self, turn: str = "t", body: bytes = BODY, most: int = 3) -> int:
        """Which retry it was that failed."""
        one = self.attempt(turn, body, most)
        one.failed(self.now_ms)
        return one.retry

    def is_refused(self, turn: str = "t", body: bytes = BODY, most: int = 3) -> bool:
        try:
            self.attempt(turn, body, most)
        except RetriesExhausted:
            return True
        return False


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def test_a_turn_may_be_retried_so_often_on_any_worker(session: Session) -> None:
    assert [session.fail() for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(RetriesExhausted) as refused:
        session.attempt()
    assert "the same turn has failed 4 times" in refused.value.message
    details = refused.value.details
    assert (details["level"], details["id"], details["limit"], details["rule"]) == ("session", "s", 3, "retries_per_session")  # fmt: skip
    assert details["resets_at_s"] == (NOW_MS + REMEMBERED_MS) // 1000


def test_a_refusal_is_no_retry(session: Session) -> None:
    for _ in range(4):
        session.fail()
    for _ in range(20):
        assert session.is_refused()
    session.now_ms += REMEMBERED_MS + 1
    assert session.fail() == 0


def test_one_that_ended_in_a_refusal_elsewhere_counts_for_nothing(session: Session) -> None:
    session.fail()
    assert {session.attempt().retry for _ in range(9)} == {1}  # neither failed nor succeeded: write_done says nothing


def test_retries_at_the_same_moment_count_each(session: Session) -> None:
    """A retry costs no request a minute: a crowd of them would pass every limit."""
    session.fail()
    crowd = []
    for _ in range(3):
        crowd.append(session.attempt())
        crowd[-1].begun(session.now_ms)
    assert [one.retry for one in crowd] == [1, 2, 3]
    assert session.is_refused()
    crowd[0].failed(session.now_ms)
    assert session.is_refused()
    crowd[1].succeeded(session.now_ms)
    assert session.attempt().retry == 0


def test_a_first_try_that_begins_counts_for_nothing(session: Session) -> None:
    session.fail()
    session.attempt("other").begun(session.now_ms)
    assert session.attempt().retry == 1


def test_a_success_forgives(session: Session) -> None:
    for _ in range(3):
        session.fail()
    session.attempt().succeeded(session.now_ms)
    assert [session.fail() for _ in range(4)] == [0, 1, 2, 3]
    session.attempt("other").succeeded(session.now_ms)
    assert session.attempt().retry == 1


def test_a_new_turn_that_fails_too_forgives_nothing(session: Session) -> None:
    """Else two turns that take turns could be tried for ever."""
    for _ in range(3):
        session.fail("a")
    assert session.fail("b") == 0
    assert session.fail("b") == 3
    assert session.is_refused("a")
    assert session.is_refused("b")


def test_what_differs_is_no_retry(session: Session) -> None:
    for at in range(9):
        assert session.fail(turn=f"t{at}") == 0
        assert session.fail(body=b"%d" % at) == 0
        assert session.other(session=f"s{at}").fail() == 0
        assert session.other(key=f"k{at}").fail() == 0


def test_nobody_spends_the_session_of_another_key(session: Session) -> None:
    mallory = session.other(key="mallory")
    for _ in range(4):
        mallory.fail()
    assert mallory.is_refused()
    assert [session.fail() for _ in range(4)] == [0, 1, 2, 3]
    mallory.attempt("well").succeeded(session.now_ms)
    assert session.is_refused()


def test_names_do_not_run_into_each_other(session: Session) -> None:
    one, other = session.other(key="a", session="bc"), session.other(key="ab", session="c")
    for _ in range(4):
        one.fail()
    assert one.is_refused()
    assert not other.is_refused()


def test_it_is_forgotten_in_time_and_each_failure_renews_it(session: Session) -> None:
    for at in range(3):
        assert session.fail() == at
        session.now_ms += REMEMBERED_MS - 1
    assert session.attempt().retry == 3
    session.now_ms += 1
    assert session.attempt().retry == 0


def test_none_are_allowed(session: Session) -> None:
    assert session.fail(most=0) == 0
    assert session.is_refused(most=0)
    assert not session.is_refused("other", most=0)


def test_any_number_is_allowed(session: Session) -> None:
    assert [session.fail(most=RETRIES_OFF) for _ in range(50)] == list(range(50))


def test_a_seed_of_its_own_sees_nothing(session: Session, tmp_path: Path) -> None:
    session.fail()
    board = open_board(tmp_path)
    assert Retries(board, 7).attempt("alice", "s", "t", BODY, 3, NOW_MS).retry == 1
    assert Retries(board, 8).attempt("alice", "s", "t", BODY, 3, NOW_MS).retry == 0


def test_sessions_without_number_push_out_others_and_break_nothing() -> None:
    session = Session(Path(), workers=[Retries(lone_board(), 7)])
    session.fail()
    for at in range(40_000):
        session.other(session=f"s{at}").fail()
    assert session.attempt().retry in (0, 1)
