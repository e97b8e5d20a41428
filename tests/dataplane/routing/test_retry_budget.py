"""How many further attempts there may be when providers fail all around."""

from gateway.dataplane.routing import RetryBudget


def test_ten_are_there_and_each_exchange_earns_a_fifth() -> None:
    budget = RetryBudget()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(5):
        budget.earn()
    assert [budget.spend(), budget.spend()] == [True, False]


def test_a_quiet_day_saves_a_hundred() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.earn()
    assert sum(budget.spend() for _ in range(1000)) == 100
