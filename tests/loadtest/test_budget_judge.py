"""The judge of the budget soak must itself be judged: each lie in one of the books is found."""

import json
import random
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gateway.base.config import parse, windows_of
from gateway.base.core.price import Price, cost_nusd
from gateway.base.core.price import Rates as GatewayRates
from gateway.base.core.usage import Usage
from loadtest.budget.books import Books, Entry, Frame
from loadtest.budget.clients import Sent
from loadtest.budget.judge import Verdict, judge_answers, judge_first_refusal, judge_money, judge_records
from loadtest.budget.prices import NANO, BillRow, draw
from loadtest.budget.scene import LEVELS, Mix, Scene

_CAP = 10 * NANO
_TS = "2026-11-01T00:00:{:02d}.000Z"


class Case:
    """A whole and honest run: one exact record, one estimated, one refused; its parts can be spoiled."""

    def __init__(self) -> None:
        self.scene = Scene(5, _CAP, Mix(0.0, 0.0))
        exact, cut, refused = (self.scene.ask(n) for n in (1, 2, 3))
        self.bill = [_row(exact.label, exact.model), _row(cut.label, cut.model)]
        costs = [self.scene.rates[a.model].cost_nusd(r) for a, r in zip((exact, cut), self.bill, strict=True)]
        left = _CAP - costs[0] - 2 * NANO
        self.frames = [
            Frame(k="run", run="r"),
            Frame(k="open", request_id="q1", ts=_TS.format(1), session_id=exact.label, hold_nusd=NANO),
            _done("q1", 1, exact.label, "ok", costs[0], "exact", latency_ms=500),
            Frame(k="open", request_id="q2", ts=_TS.format(2), session_id=cut.label, hold_nusd=left),
            _done("q3", 3, refused.label, "refused", 0, "none", status=429, error_code="budget_exceeded"),
            _done("q2", 2, cut.label, "disconnected", costs[1] + 7, "estimated", latency_ms=5000),
        ]
        details = {
            "code": "budget_exceeded",
            "level": self.scene.level,
            "id": self.scene.account_id,
            "limit_usd": "10",
            "spent_usd": "9",
            "resets_at": None,
        }
        error = {"error": {"message": "m", "type": "rate_limit_error", "code": "budget_exceeded", "agentcc": details}}
        if refused.dialect == "messages":
            error = {"type": "error", **error}  # type: ignore[dict-item]
        self.sent = [
            Sent(exact, 1.0, "whole", 200, "q1"), Sent(cut, 2.0, "aborted", 200, "q2"),
            Sent(refused, 3.0, "refused", 429, "q3", error),
        ]  # fmt: skip

    def judged(self, *, is_chaos: bool = False) -> list[str]:
        books = Books(self.bill, [self.frames], [])
        books.ledger = [Entry(f.request_id, f.cost_nusd, f.cost_basis) for f in books.done()]
        verdict = Verdict()
        judge_money(verdict, self.scene, books)
        judge_records(verdict, self.sent, books, is_chaos=is_chaos)
        judge_answers(verdict, self.scene, self.sent, is_chaos=is_chaos)
        judge_first_refusal(verdict, self.scene, self.sent, books)
        return verdict.problems

    def change(self, at: int, **fields: object) -> None:
        self.frames[at] = replace(self.frames[at], **fields)


def _row(label: str, model: str) -> BillRow:
    return BillRow(label, model.partition("/")[2], "chat", True, 1000, 10, 0, 50, True, False)


def _done(
    name: str,
    at_s: int,
    label: str,
    outcome: str,
    cost: int,
    basis: str,
    *,
    status: int = 200,
    error_code: str = "",
    latency_ms: float = 1.0,
) -> Frame:
    return Frame(
        k="done", request_id=name, ts=_TS.format(at_s), session_id=label, outcome=outcome, cost_nusd=cost, cost_basis=basis,
        status=status, error_code=error_code, latency_ms=latency_ms,
    )  # fmt: skip


def test_honest_books_have_no_problem() -> None:
    """What holds is not blamed."""
    assert Case().judged() == []


LIES: dict[str, Callable[[Case], object]] = {
    "exact records that differ": lambda c: c.change(2, cost_nusd=c.frames[2].cost_nusd + 1),
    "estimates below the bill": lambda c: c.change(5, cost_nusd=c.frames[5].cost_nusd - 8),
    "records without cost that were billed": lambda c: c.change(5, cost_basis="none", cost_nusd=0),
    "only estimated": lambda c: c.change(2, cost_basis="estimated"),
    "holds below the bill": lambda c: c.change(1, hold_nusd=1),
    "over the cap": lambda c: c.change(5, cost_nusd=_CAP),
    "billed twice": lambda c: c.bill.append(c.bill[0]),
    "billed without a record": lambda c: c.frames.pop(),
    "opened and never settled": lambda c: c.frames.pop(),
    "requests without exactly one record": lambda c: c.frames.append(replace(c.frames[2], request_id="q9")),
    "exchanges with two records": lambda c: c.frames.append(c.frames[2]),
    "records of what nobody sent": lambda c: c.sent.pop(0),
    "never answered": lambda c: setattr(c.sent[1], "end", "hung"),
    "refusals that are not as they should be": lambda c: c.sent[2].error["error"]["agentcc"].update(level="nobody"),
    "503 though nothing was killed": lambda c: setattr(c.sent[2], "status", 503),
    "errors that nobody asked for": lambda c: c.sent.append(replace(c.sent[0], end="failed", status=500)),
    "connections that broke": lambda c: setattr(c.sent[1], "end", "broken"),
    "refused while": lambda c: c.change(3, hold_nusd=1),
}  # fmt: skip


@pytest.mark.parametrize("what", LIES)
def test_each_lie_is_found(what: str) -> None:
    """One change of one book is blamed in words that name it."""
    case = Case()
    LIES[what](case)
    assert any(what in problem for problem in case.judged()), case.judged()


def test_request_that_nobody_took_needs_no_record() -> None:
    """A connection that broke in a run with kills: no answer, no `open` frame, no line of the bill."""
    case = Case()
    del case.frames[3], case.frames[-1], case.bill[1]
    case.sent[1] = replace(case.sent[1], end="broken", status=0, request_id="")
    assert [p for p in case.judged(is_chaos=True) if "record" in p] == []
    assert any("requests without exactly one record" in p for p in case.judged())
    case.bill.append(_row(case.sent[1].ask.label, case.sent[1].ask.model))
    assert any("billed without a record" in p for p in case.judged(is_chaos=True))


def test_own_arithmetic_is_the_documented_one() -> None:
    """The soak's prices and the gateway's come to the same nano-dollar, for any usage."""
    rng = random.Random(3)
    for _ in range(500):
        rates = draw(rng, 0.1, 15)
        plain, read, written, output = (rng.randrange(50_000) for _ in range(4))
        row = BillRow("l", "m", "chat", True, plain, read, written, output, True, False)
        usage = Usage(row.input_tokens, row.cache_read_tokens, row.cache_write_tokens, 0, row.output_tokens)
        own = GatewayRates(rates.input, rates.output, rates.cache_read, rates.cache_write)
        assert rates.cost_nusd(row) == cost_nusd(usage, Price(own, request_nusd=rates.request_nusd))


def test_scenes_are_what_their_seed_says() -> None:
    """Each level, dialect and kind of request comes up; the same seed asks the same; prices stay within $0.1 and $75."""
    scenes = [Scene(seed, _CAP, Mix(), 2, mean_nusd=8_000_000) for seed in range(12)]
    assert {scene.level for scene in scenes} == set(LEVELS)
    for scene in scenes:
        for rates in scene.rates.values():
            assert 100_000 <= rates.input <= rates.output <= 75_000_000
        config = parse(json.dumps(scene.config("http://127.0.0.1:1")).encode()).config
        (hard,) = [window for window in windows_of(config.budgets, "") if window.is_hard]
        assert (hard.level, hard.id, hard.limit_nusd) == (scene.level, scene.account_id, _CAP)
    again = Scene(0, _CAP, Mix(), 2, mean_nusd=8_000_000)
    asks = [scenes[0].ask(n) for n in range(800)]
    assert asks == [again.ask(n) for n in range(800)]
    assert len({(a.dialect, a.model, a.is_stream, a.node) for a in asks}) == 3 * 6 * 2 * 2
    assert {a.fault for a in asks} >= {"", "error", "close", "cut", "in_stream_error", "stall"}
