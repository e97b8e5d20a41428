"""A provider that is asked whether it is back, so that no developer's turn has to find out."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_failover import BROKEN, WHOLE, ask, config
from tests.fakes.upstream import Answer, FakeUpstream, Received, json_answer
from tests.harness import Gateway, wait_until

WELL = json_answer(json.dumps({"id": "c", "object": "chat.completion", "choices": []}).encode())
LIST = json_answer(b'{"object":"list","data":[]}')
_OPENING_S = 9.0
"""Twice the first opening of a breaker, and more."""


@pytest.fixture(autouse=True)
def answers(second: FakeUpstream) -> None:
    second.default = WHOLE


@pytest.fixture
def gateway(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> Iterator[Gateway]:
    made = config(first, second)
    made["providers"]["openai"]["probe"] = {"interval_s": 1, "timeout_ms": 1000}
    with Gateway(tmp_path, made) as running:
        yield running


def lists(fake: FakeUpstream) -> list[Received]:
    return [one for one in fake.received if one.method == "GET"]


def turns(fake: FakeUpstream) -> int:
    return len(fake.received) - len(lists(fake))


def hop_of(gateway: Gateway) -> str:
    """Why a turn was not answered by the first provider; empty where it was."""
    got = ask(gateway)
    assert got.status_code == 200, got.text
    hops = json.loads(got.headers.get("x-agentcc-hops", "[]"))
    return str(hops[0]["reason"]) if hops else ""


def open_breaker(gateway: Gateway, first: FakeUpstream) -> None:
    first.default = BROKEN
    assert [hop_of(gateway) for _ in range(6)] == ["upstream_503"] * 5 + ["breaker_open"]


def test_a_provider_that_is_back_is_asked_by_us_first(first: FakeUpstream, gateway: Gateway) -> None:
    """Once, with its own credential; then on probation: the first turn that fails opens its breaker again."""
    first.choose = lambda request: LIST if request.method == "GET" else None
    open_breaker(gateway, first)
    wait_until(lambda: gateway.logs("provider_probed"), _OPENING_S)
    (asked,) = lists(first)
    assert (asked.path, asked.header("authorization")) == ("/v1/models", "Bearer sk-upstream-openai")
    assert turns(first) == 5
    assert hop_of(gateway) == "upstream_503", "turns are not served yet: a list does not prove it"
    assert hop_of(gateway) == "breaker_open", "and one that fails is enough"
    first.default = WELL
    wait_until(lambda: len(gateway.logs("provider_probed")) == 2, 2 * _OPENING_S)
    assert turns(first) == 6, "no turn had to find out"
    assert [hop_of(gateway) for _ in range(3)] == [""] * 3


def test_one_that_cannot_be_reached_stays_where_it_is(first: FakeUpstream, gateway: Gateway) -> None:
    first.choose = lambda request: Answer(status=0) if request.method == "GET" else None
    open_breaker(gateway, first)
    (told,) = wait_until(lambda: gateway.logs("provider_probed"), _OPENING_S)
    assert (told["verdict"], told["provider"], told["level"]) == ("failed", "openai", "warning")
    assert hop_of(gateway) == "breaker_open"
    assert turns(first) == 5


def test_a_list_that_fails_says_nothing_of_turns(first: FakeUpstream, gateway: Gateway) -> None:
    """Else a provider without a list would never be asked again."""
    first.choose = lambda request: BROKEN if request.method == "GET" else None
    open_breaker(gateway, first)
    first.default = WELL
    wait_until(lambda: gateway.logs("provider_probed"), _OPENING_S)
    wait_until(lambda: not hop_of(gateway), 3)
    assert turns(first) >= 6


def test_without_a_probe_nobody_asks(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    """Until a reload wants one."""
    made = config(first, second)
    with Gateway(tmp_path, made) as gateway:
        open_breaker(gateway, first)
        first.choose = lambda request: LIST if request.method == "GET" else None
        made["providers"]["openai"]["probe"] = {}
        gateway.write_config(made)
        wait_until(lambda: gateway.logs("provider_probed"), 2 * _OPENING_S)
        assert turns(first) == 5
