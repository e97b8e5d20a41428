"""Whom a saturated worker refuses: its own measure of how busy it is, without a server."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec import Raw

from gateway.base.config import LimitsConfig
from gateway.base.core.errors import Overloaded
from gateway.base.core.principal import Grant, Principal, Priority
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.shedding import Shedding

LIMITS = LimitsConfig(open_exchanges=8, loop_lag_ms=400, unfinished_response_bytes=1 << 20)


def exchange(priority: Priority = "interactive", header: str = "") -> Exchange:
    grant = Grant(Principal("k"), Raw(b"{}"), priority=priority)
    incoming = SimpleNamespace(header=lambda name: header if name == "x-agentcc-priority" else "")
    return cast(
        Exchange, SimpleNamespace(policy=SimpleNamespace(limits=LIMITS), grant=grant, incoming=incoming, shed="")
    )


def refused(shedding: Shedding, ex: Exchange) -> dict[str, Any] | None:
    """What the client is told; None where it is served."""
    try:
        shedding.check(ex)
    except Overloaded as error:
        return error.details
    return None


@pytest.mark.parametrize(
    ("others", "is_batch_served", "is_interactive_served"), [(0, True, True), (5, True, True), (6, False, True), (7, False, True), (8, False, False)]
)  # fmt: skip
def test_batch_is_refused_from_three_quarters_on_and_all_at_the_bound(
    others: int, is_batch_served: bool, is_interactive_served: bool
) -> None:
    shedding = Shedding(LIMITS, range(others + 1))  # itself among them
    assert (refused(shedding, exchange("batch")) is None) == is_batch_served
    assert (refused(shedding, exchange()) is None) == is_interactive_served
    assert (others + 1 > shedding.calm) == (not is_batch_served), "only then anybody is asked at all"


def test_what_the_client_and_the_record_are_told() -> None:
    ex = exchange("batch")
    told = refused(Shedding(LIMITS, range(8)), ex)
    assert told is not None
    assert (told["rule"], told["priority"], told["reason"]) == ("overloaded", "batch", "open_exchanges")
    assert ex.shed == "batch open_exchanges"


def test_those_who_are_refused_together_come_back_apart() -> None:
    waits = {
        priority: {cast(dict[str, Any], refused(Shedding(LIMITS, range(9)), exchange(priority)))["retry_after_s"] for _ in range(200)}
        for priority in ("interactive", "batch")
    }  # fmt: skip
    assert waits["interactive"] == {1, 2, 3, 4}
    assert min(waits["batch"]) >= 5
    assert len(waits["batch"]) > 8


@pytest.mark.parametrize(
    ("key", "header", "is_batch"),
    [
        ("interactive", "", False),
        ("interactive", "batch", True),
        ("interactive", " Batch", True),
        ("interactive", "low", False),
        ("batch", "", True),
        ("batch", "interactive", True),
    ],
)
def test_a_header_can_only_lower_the_keys_priority(key: Priority, header: str, is_batch: bool) -> None:
    assert (refused(Shedding(LIMITS, range(8)), exchange(key, header)) is not None) == is_batch


def test_a_loop_that_is_late_for_long() -> None:
    """A single stall, however long, refuses no developer; lasting ones do, and it is over soon after they are."""
    shedding = Shedding(LIMITS, range(1))
    shedding.look(LIMITS, 60.0, 0)
    assert refused(shedding, exchange()) is None
    for _ in range(12):
        shedding.look(LIMITS, 0.35, 0)
    assert shedding.calm == 0
    assert refused(shedding, exchange()) is None
    assert cast(dict[str, Any], refused(shedding, exchange("batch")))["reason"] == "loop_lag"
    for _ in range(12):
        shedding.look(LIMITS, 0.5, 0)
    assert refused(shedding, exchange()) is not None
    for _ in range(4):
        shedding.look(LIMITS, 0.001, 0)
    assert refused(shedding, exchange("batch")) is None
    assert shedding.calm == 6


def test_answers_that_clients_do_not_take() -> None:
    """Batch work waits; who does not read must not keep interactive turns out."""
    shedding = Shedding(LIMITS, range(1))
    shedding.look(LIMITS, 0.0, 800_000)
    assert refused(shedding, exchange()) is None
    assert cast(dict[str, Any], refused(shedding, exchange("batch")))["reason"] == "unfinished_bytes"
    shedding.look(LIMITS, 0.0, 2_000_000)
    assert refused(shedding, exchange()) is None
    assert refused(shedding, exchange("batch")) is not None
