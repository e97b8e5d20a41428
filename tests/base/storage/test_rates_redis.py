"""Rate limits on Redis itself: what it forgets, users, clocks, being away."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.base.storage import StorageError
from gateway.base.storage.rates import RateAsk, RateTold, SlotAsk
from gateway.base.storage.redis import RedisRates
from tests.base.storage.bank import START_MS
from tests.base.storage.rate_bank import RateBank
from tests.base.storage.redis_server import RedisServer, needs_redis
from tests.base.storage.test_leases_redis import ACL as LEASES_ACL

pytestmark = needs_redis
ACL = "+get +set +zadd +zrangebyscore +zrem +xadd +xrange"
"""What docs/decisions/0012-rate-limits.md adds to the line of 0011-leases.md."""
MINUTE = RateAsk("requests|team:a|", 60, 60, need=60)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """One that may be killed."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    yield server
    server.kill()


def take(url: str, *rates: RateAsk, namespace: str = "default", now_ms: int = START_MS) -> list[RateTold]:
    """By Redis' own clock, on a connection of its own."""

    async def main() -> list[RateTold]:
        store = RedisRates(url, namespace)
        try:
            told, _ = await store.take("a", list(rates), [SlotAsk("concurrency|team:a|", 5, 0, need=1)], now_ms)
            return told
        finally:
            await store.close()

    return asyncio.run(main())


def test_limiters_in_the_past_are_forgotten(redis_server: RedisServer) -> None:
    """Redis drops them itself, a minute later; a run that went away leaves nothing either."""
    bank = RateBank(Path(), redis_server)
    bank.take("b", MINUTE, SlotAsk("concurrency|team:a|", 5, 0, need=1))
    prefix = f"{{agentcc:{bank.namespace}}}"
    assert 110_000 < int(redis_server.ask("PTTL", f"{prefix}:rate:requests|team:a|")) <= 120_000
    bank.now_ms += 60_000
    bank.take("c")
    assert redis_server.ask("KEYS", f"{prefix}:slot*") == f"{prefix}:slot_runs"
    assert redis_server.ask("ZRANGE", f"{prefix}:slot_runs", "0", "-1") == "c"
    bank.close()


def test_a_redis_that_was_away_has_full_limiters(server: RedisServer, tmp_path: Path) -> None:
    """An error at once while it is away (the caller then limits nobody); afterwards nobody waits."""
    bank = RateBank(tmp_path, server)
    assert bank.rate(MINUTE).given == 60
    server.kill()
    with pytest.raises(StorageError):
        bank.rate(MINUTE)
    server.start()
    bank.do(asyncio.sleep(0))
    assert bank.rate(MINUTE).given == 60
    bank.close()


def test_time_is_redis_own(redis_server: RedisServer) -> None:
    """The clocks of nodes may be hours apart."""
    assert take(redis_server.url, MINUTE, namespace="own-time")[0].given == 60
    (told,) = take(redis_server.url, MINUTE, namespace="own-time", now_ms=START_MS + 3_600_000)
    assert told.given == 0
    assert 50_000 < told.wait_ms <= 60_000


def test_namespaces_do_not_see_each_other(redis_server: RedisServer) -> None:
    for namespace in ("one-gateway", "another"):
        assert take(redis_server.url, MINUTE, namespace=namespace)[0].given == 60


def test_a_user_with_few_rights_is_enough(server: RedisServer) -> None:
    """Those of leases, and five more."""
    rights = LEASES_ACL.replace("agentcc:acl", "agentcc:default")
    server.ask("ACL", "SETUSER", "agentcc", "on", ">pw", *rights.split())
    url = f"redis://agentcc:pw@127.0.0.1:{server.port}/0"
    with pytest.raises(StorageError, match="can't run this command") as caught:
        take(url, MINUTE)
    assert "0012" in caught.value.hint
    server.ask("ACL", "SETUSER", "agentcc", *ACL.split())
    assert take(url, MINUTE)[0].given == 60


def test_the_documented_rights_are_the_tested_ones() -> None:
    page = (Path(__file__).parents[3] / "docs/decisions/0012-rate-limits.md").read_text()
    assert ACL in page
