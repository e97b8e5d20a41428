"""Two nodes on one Redis: what one learns of a provider or of a session, the other acts on a moment later; without Redis each goes on alone."""

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from tests.base.storage.redis_server import RedisServer, needs_redis
from tests.e2e.faults.test_clock_jumps import Clock
from tests.e2e.test_failover import BROKEN, WHOLE, ask, config
from tests.fakes.upstream import FakeUpstream, json_answer
from tests.harness import Gateway, wait_until

pytestmark = needs_redis
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="WRONG CLOCKS ARE NOT TESTED: they need `cc`")
WELL = json_answer(json.dumps({"id": "c", "object": "chat.completion", "choices": []}).encode())
_AT_ONCE_S = 0.9
"""Less than any time-out of Redis's client: who took no longer did not wait for it."""


@pytest.fixture(autouse=True)
def answers(second: FakeUpstream) -> None:
    second.default = WHOLE


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    (tmp_path / "redis").mkdir()
    server = RedisServer(tmp_path / "redis")
    yield server
    server.kill()


@pytest.fixture
def nodes(
    request: pytest.FixtureRequest, first: FakeUpstream, second: FakeUpstream, redis: RedisServer, tmp_path: Path
) -> Iterator[tuple[Gateway, Gateway]]:
    """The first with two workers; the second's clock is wrong by as much as the test says."""
    environ = {}
    if ahead_s := getattr(request, "param", 0):
        clock = Clock(tmp_path)
        clock.set(ahead_s)
        environ = clock.environ
    with ExitStack() as stack:
        made = []
        for name, workers, its_own in (("one", 2, {}), ("two", 1, environ)):
            both = config(first, second, sticky_session=True) | {"storage": {"redis": redis.url}}
            both["server"]["workers"] = workers
            node = Gateway(tmp_path / name, both, environ=its_own)
            node.data_dir.mkdir(mode=0o700)
            (node.data_dir / "secret.key").write_bytes(b"s" * 32)
            made.append(stack.enter_context(node))
        yield made[0], made[1]


def hop_of(node: Gateway, text: str) -> str:
    """Why a turn of this session was not answered by the first provider; empty where it was."""
    got = ask(node, messages=[{"role": "user", "content": text}])
    assert got.status_code == 200, got.text
    hops = json.loads(got.headers.get("x-agentcc-hops", "[]"))
    return str(hops[0]["reason"]) if hops else ""


@pytest.mark.parametrize(
    "nodes", [0, pytest.param(40, marks=needs_compiler), pytest.param(-40, marks=needs_compiler)], indirect=True
)
def test_a_breaker_opens_on_both_nodes(first: FakeUpstream, nodes: tuple[Gateway, Gateway]) -> None:
    """Whatever their clocks say."""
    one, two = nodes
    first.default = BROKEN
    assert [hop_of(one, f"to one {i}") for i in range(5)] == ["upstream_503"] * 5
    first.default = WELL  # so that nothing but the news keeps the other node away
    wait_until(lambda: hop_of(two, "to two") == "breaker_open", 2)
    asked = len(first.received)
    assert [hop_of(node, f"then {i}") for i in range(3) for node in nodes] == ["breaker_open"] * 6
    assert len(first.received) == asked
    wait_until(lambda: not hop_of(two, f"well again {monotonic()}"), 9)  # its probe closes the breaker for both
    wait_until(lambda: not hop_of(one, f"well again {monotonic()}"), 2)


def test_what_is_left_of_a_providers_rate_limit(first: FakeUpstream, nodes: tuple[Gateway, Gateway]) -> None:
    one, two = nodes
    drained = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "40s")]
    first.default = WELL
    first.answers.append(json_answer(WELL.body[0], 200, *drained))  # type: ignore[arg-type]
    assert not hop_of(one, "the last that the provider serves")
    wait_until(lambda: hop_of(two, "to two") == "rate_limit", 2)


def test_a_session_that_moved_stays_there_on_both_nodes(first: FakeUpstream, nodes: tuple[Gateway, Gateway]) -> None:
    one, two = nodes
    first.answers.append(BROKEN)
    first.default = WELL
    assert hop_of(one, "a session") == "upstream_503"
    wait_until(lambda: hop_of(two, "a session") == "sticky", 2)
    assert not hop_of(two, "another session")


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_without_redis_each_node_goes_on_with_what_it_knows(
    first: FakeUpstream, nodes: tuple[Gateway, Gateway], redis: RedisServer, how: str
) -> None:
    one, two = nodes
    if how == "killed":
        redis.kill()
    else:
        redis.signal(signal.SIGSTOP)
    first.default = BROKEN
    began = monotonic()
    assert [hop_of(two, f"{i}") for i in range(6)] == ["upstream_503"] * 5 + ["breaker_open"]
    assert monotonic() - began < 6 * _AT_ONCE_S
    first.default = WELL
    assert not hop_of(one, "it has not heard of it")
    first.answers.append(BROKEN)
    assert hop_of(one, "moved") == "upstream_503"
    if how == "killed":
        redis.start()
    else:
        redis.signal(signal.SIGCONT)
    wait_until(lambda: hop_of(two, "moved") == "sticky", 10)  # what was put meanwhile is told when Redis is back
