"""Redis itself: restarts with and without its data, being away, users, TLS, clusters, clocks."""

import asyncio
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.base.storage import StorageError
from gateway.base.storage.leases import FORGET_NODE_MS, RECOVER_MS, SETTLE_MS, Told
from gateway.base.storage.redis import RedisLeases
from tests.base.storage.bank import START_MS, USD, Bank, ask, name, period_of
from tests.base.storage.redis_server import RedisServer, free_port, needs_redis

pytestmark = needs_redis
TEAM = name()
Start = Callable[..., RedisServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers, each in a folder of its own."""
    servers: list[RedisServer] = []

    def start_one(*options: str) -> RedisServer:
        folder = tmp_path / f"redis{len(servers)}"
        folder.mkdir()
        servers.append(RedisServer(folder, *options))
        return servers[-1]

    yield start_one
    for server in servers:
        server.kill()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[RedisServer], Bank]]:
    """Banks on servers, closed in the end."""
    banks: list[Bank] = []

    def open_one(server: RedisServer) -> Bank:
        banks.append(Bank(tmp_path, server))
        return banks[-1]

    yield open_one
    for bank in banks:
        bank.close()


def spend(bank: Bank) -> None:
    """Nodes n1 and n2 have each one live run and what finished ones spent: 1 + 3 and 2 + 2 of 10 USD."""
    for node, run, total in (("n1", "a", 1), ("n2", "b", 2)):
        bank.post({TEAM: total * USD}, adopted=(period_of(TEAM),), node=node)
        bank.sync(run, node=node)
    bank.now_ms += RECOVER_MS
    bank.one("a", ask(TEAM, 10 * USD, need_nusd=3 * USD))
    assert bank.one("b", ask(TEAM, 10 * USD, need_nusd=2 * USD), node="n2").committed_nusd == 8 * USD


def wants(bank: Bank, usd: int) -> Told:
    """Run a wants more than it has."""
    return bank.one("a", ask(TEAM, 10 * USD, granted_nusd=3 * USD, need_nusd=usd * USD))


@pytest.mark.parametrize("has_data", [True, False])
def test_after_a_restart_nothing_is_granted_before_all_have_reported(
    start: Start, opened: Callable[[RedisServer], Bank], has_data: bool
) -> None:
    """kill -9 of Redis: with its file it may have lost the last second, without it everything."""
    server = start("--appendonly", "yes" if has_data else "no", "--appendfsync", "always")
    bank = opened(server)
    spend(bank)
    server.kill()
    with pytest.raises(StorageError, match=r"127\.0\.0\.1"):
        wants(bank, 1)
    server.start()
    bank.now_ms += 700
    assert bank.rows() == [] or has_data
    assert bank.adopted() == set()
    told = wants(bank, 7)  # the first word begins the epoch
    assert (told.is_ready, told.is_refused, told.granted_nusd) == (False, False, 3 * USD)
    bank.post({TEAM: USD}, adopted=(period_of(TEAM),))
    assert bank.adopted() == {period_of(TEAM)}
    bank.now_ms += SETTLE_MS
    if has_data:
        assert not wants(bank, 7).is_ready  # node n2 and its run b are known
    bank.post({TEAM: 2 * USD}, adopted=(period_of(TEAM),), node="n2")
    if has_data:
        assert not wants(bank, 7).is_ready
    bank.one("b", ask(TEAM, 10 * USD, granted_nusd=2 * USD), node="n2")
    told = wants(bank, 7)
    assert (told.is_ready, told.is_refused, told.committed_nusd) == (True, True, 8 * USD)
    assert wants(bank, 2).committed_nusd == 10 * USD


def test_after_a_restart_silent_runs_are_not_waited_for_for_ever(
    start: Start, opened: Callable[[RedisServer], Bank]
) -> None:
    """After RECOVER_MS the row of one that never came back counts as it stands."""
    server = start("--appendonly", "yes", "--appendfsync", "always")
    bank = opened(server)
    spend(bank)
    server.kill()
    server.start()
    bank.breathe()
    bank.register()
    for node in ("n1", "n2"):
        bank.post(adopted=(period_of(TEAM),), node=node)
    bank.now_ms += RECOVER_MS - 1
    assert not wants(bank, 2).is_ready
    bank.now_ms += 1
    assert wants(bank, 3).is_refused
    assert wants(bank, 2).committed_nusd == 10 * USD


def test_runs_that_own_nothing_are_not_waited_for(start: Start, opened: Callable[[RedisServer], Bank]) -> None:
    """Nobody folds a dead run that has no row; it must not hold all others up for RECOVER_MS."""
    server = start("--appendonly", "yes", "--appendfsync", "always")
    bank = opened(server)
    spend(bank)
    bank.sync("idle")
    server.kill()
    server.start()
    bank.breathe()
    bank.register()
    bank.now_ms += 1
    for node, run, usd in (("n1", "a", 3), ("n2", "b", 2)):
        bank.post(adopted=(period_of(TEAM),), node=node)
        bank.one(run, ask(TEAM, 10 * USD, granted_nusd=usd * USD), node=node)
    bank.now_ms += SETTLE_MS
    assert wants(bank, 2).committed_nusd == 10 * USD


def test_flushall_is_noticed(redis_server: RedisServer, opened: Callable[[RedisServer], Bank]) -> None:
    """The same process, but nothing left in it."""
    bank = opened(redis_server)
    spend(bank)
    redis_server.ask("FLUSHALL")
    assert not wants(bank, 1).is_ready
    bank.now_ms += RECOVER_MS
    assert not wants(bank, 1).is_ready
    bank.post({TEAM: USD}, adopted=(period_of(TEAM),))
    bank.post({TEAM: 2 * USD}, adopted=(period_of(TEAM),), node="n2")
    bank.one("b", ask(TEAM, 10 * USD, granted_nusd=2 * USD), node="n2")
    assert wants(bank, 3).is_refused
    assert wants(bank, 2).committed_nusd == 10 * USD


def test_grants_that_redis_lost_are_learnt_again(start: Start, opened: Callable[[RedisServer], Bank]) -> None:
    """A restart from a snapshot that is older than the last grants, and than the last fold."""
    server = start("--dbfilename", "dump.rdb")
    bank = opened(server)
    spend(bank)
    server.ask("SAVE")
    bank.one("b", ask(TEAM, 10 * USD, granted_nusd=2 * USD, need_nusd=USD), node="n2")
    bank.one("c", ask(TEAM, 10 * USD, need_nusd=USD), node="n2")
    bank.post({TEAM: 3 * USD}, finished=("c",), node="n2")
    server.kill()
    server.start()
    bank.breathe()
    assert [row.granted_nusd // USD for row in bank.rows("n2")] == [2, 2]
    bank.register()
    bank.now_ms += 1
    bank.post({TEAM: 3 * USD}, finished=("c",), adopted=(period_of(TEAM),), node="n2")
    bank.post({TEAM: USD}, adopted=(period_of(TEAM),))
    bank.one("b", ask(TEAM, 10 * USD, granted_nusd=3 * USD), node="n2")
    bank.now_ms += SETTLE_MS
    assert wants(bank, 0).committed_nusd == 10 * USD
    assert wants(bank, 1).is_refused


# === being away ===


def seconds_until_error(bank: Bank) -> float:
    began = time.monotonic()
    with pytest.raises(StorageError) as caught:
        bank.sync("a")
    assert caught.value.hint
    return time.monotonic() - began


def test_a_redis_that_is_away_is_an_error_at_once(start: Start, opened: Callable[[RedisServer], Bank]) -> None:
    server = start()
    bank = opened(server)
    bank.sync("a")
    server.kill()
    assert seconds_until_error(bank) < 0.5
    assert seconds_until_error(bank) < 0.5
    server.start()
    assert bank.sync("a") == []


def test_a_redis_that_hangs_is_an_error_after_its_timeout(start: Start, opened: Callable[[RedisServer], Bank]) -> None:
    """And the report that hung in the old connection changes nothing when it arrives in the end."""
    server = start()
    bank = opened(server)
    spend(bank)
    server.signal(signal.SIGSTOP)
    assert 0.5 < seconds_until_error(bank) < 2.5
    server.signal(signal.SIGCONT)
    assert bank.sync("a") == []


def test_a_late_report_is_refused(redis_server: RedisServer, opened: Callable[[RedisServer], Bank]) -> None:
    """One that was overtaken would take away what the newer one was given."""
    bank = opened(redis_server)
    spend(bank)
    store = bank.store
    assert isinstance(store, RedisLeases)
    late = time.monotonic_ns() // 1000
    wants(bank, 2)
    with pytest.raises(StorageError, match="overtaken"):
        bank.do(store._scripts.run(store._SYNC, "n1", "a", late, bank.now_ms, bank.now_ms, []))
    assert [row.granted_nusd for row in bank.rows("n1") if row.run == "a"] == [5 * USD]


def test_a_cancelled_call_spoils_no_later_one(redis_server: RedisServer, opened: Callable[[RedisServer], Bank]) -> None:
    """The answer to it must not be taken for that of the next."""
    bank = opened(redis_server)
    spend(bank)

    async def cancelled(steps: int) -> None:
        task = asyncio.ensure_future(bank.store.sync("n1", "a", [], bank.now_ms))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

    for steps in range(8):
        bank.do(cancelled(steps))
        assert wants(bank, 0).committed_nusd == 8 * USD


def test_scripts_come_back_after_a_script_flush(
    redis_server: RedisServer, opened: Callable[[RedisServer], Bank]
) -> None:
    bank = opened(redis_server)
    bank.sync("a")
    redis_server.ask("SCRIPT", "FLUSH")
    assert bank.sync("a") == []


# === who may, and where ===


def test_a_url_that_is_none_is_an_error() -> None:
    for url in ("http://host", "redis://host?nonsense=1", "redis://user:geheim@host:port/0", "redis://["):
        with pytest.raises(StorageError) as caught:
            RedisLeases(url)
        assert "geheim" not in str(caught.value)


def run(server_url: str, namespace: str = "acl") -> list[Told]:
    """Everything that a store does, once."""

    async def main() -> list[Told]:
        store = RedisLeases(server_url, namespace)
        try:
            await store.register("n1", START_MS)
            await store.post("n1", {TEAM: 1, name(label="2020-01-01"): 1}, ["x"], [period_of(TEAM)], START_MS)
            told = await store.sync("n1", "a", [ask(TEAM, need_nusd=1)], START_MS)
            await store.put_bases("a", {TEAM: (1, 1)})
            assert await store.adopted("n1") == {period_of(TEAM)}
            assert len(await store.rows()) == 3
            await store.prune({"monthly": "2021-01-01"})
            await store.corrections()
            return told
        finally:
            await store.close()

    return asyncio.run(main())


ACL = (
    "~{agentcc:acl}* resetchannels -@all +evalsha +eval +info +time +hget +hmget +hset +hdel +hgetall +hkeys"
    " +exists +del +sadd +srem +smembers +rpush +lrange +select"
)
"""The line of docs/decisions/0011-leases.md."""


def test_a_user_with_few_rights_is_enough(start: Start) -> None:
    """The commands of the decision's page, on the keys of one namespace."""
    server = start()
    server.ask("ACL", "SETUSER", "agentcc", "on", ">s3cret/@:", *ACL.split())
    server.ask("ACL", "SETUSER", "default", "off")
    url = f"redis://agentcc:s3cret%2F%40%3A@127.0.0.1:{server.port}/0"
    assert run(url)[0].granted_nusd == 1
    with pytest.raises(StorageError, match="no permissions") as caught:
        run(url, "other")
    assert "0011" in caught.value.hint
    for wrong in (url.replace("s3", "s4"), server.url):
        with pytest.raises(StorageError) as caught:
            run(wrong)
        assert "USER:PASSWORD" in caught.value.hint
        assert "s4cret" not in str(caught.value)


def test_the_documented_rights_are_the_tested_ones() -> None:
    page = (Path(__file__).parents[3] / "docs/decisions/0011-leases.md").read_text()
    assert ACL.replace("{agentcc:acl}", "{agentcc:default}") in " ".join(page.split())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_tls_is_verified(start: Start, tmp_path: Path) -> None:
    """`rediss://` with a certificate of one's own; without its authority there is no connection."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    port = str(free_port())
    start(
        "--tls-port", port, "--tls-cert-file", str(tmp_path / "cert.pem"), "--tls-key-file", str(tmp_path / "key.pem"),
        "--tls-ca-cert-file", str(tmp_path / "cert.pem"), "--tls-auth-clients", "no",
    )  # fmt: skip
    assert run(f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path / 'cert.pem'}")[0].granted_nusd == 1
    with pytest.raises(StorageError, match=r"(?i)certificate"):
        run(f"rediss://localhost:{port}/0")


def test_namespaces_do_not_see_each_other(redis_server: RedisServer) -> None:
    """Two gateways may share a Redis."""
    assert run(redis_server.url, "one")[0].spent_nusd == run(redis_server.url, "two")[0].spent_nusd == 1


def test_a_redis_that_drops_keys_is_refused(start: Start, opened: Callable[[RedisServer], Bank]) -> None:
    """A single bucket that was evicted would count as unspent, and nobody would notice."""
    server = start("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    bank = opened(server)
    with pytest.raises(StorageError, match="allkeys-lru") as caught:
        bank.sync("a")
    assert "noeviction" in caught.value.hint
    server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert bank.sync("a") == []


def test_a_cluster_keeps_all_keys_in_one_place(start: Start) -> None:
    """The client is sent to the node that has the slot, and stays there; when that one is gone it asks where the URL says."""
    buses = free_port(), free_port()
    here, there = (start("--cluster-enabled", "yes", "--cluster-port", str(bus)) for bus in buses)
    there.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    there.ask("CLUSTER", "MEET", "127.0.0.1", str(here.port), str(buses[0]))
    until = time.monotonic() + 20
    while not all("state:ok\ncluster_slots_assigned:16384" in one.ask("CLUSTER", "INFO") for one in (here, there)):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert run(here.url)[0].granted_nusd == 1
    assert here.ask("DBSIZE") == "0"
    assert there.ask("DBSIZE") != "0"


def test_nodes_that_own_nothing_are_forgotten_in_time(
    redis_server: RedisServer, opened: Callable[[RedisServer], Bank]
) -> None:
    """A container without a volume is a new node each time."""
    bank = opened(redis_server)
    bank.register("gone")
    bank.post({TEAM: 1}, node="spent")
    bank.now_ms += FORGET_NODE_MS + 1
    bank.register()
    assert redis_server.ask("HKEYS", f"{{agentcc:{bank.namespace}}}:nodes").split() == ["spent", "n1"]


# === clocks ===


def test_time_is_redis_own(redis_server: RedisServer) -> None:
    """The clocks of nodes may be hours apart; `oldest_sync_ms` is told in the caller's."""

    async def main() -> tuple[Told, int]:
        one, other = RedisLeases(redis_server.url, "clocks"), RedisLeases(redis_server.url, "clocks")
        early, late = START_MS - 3_600_000, START_MS + 3_600_000
        for node in ("n1", "n2"):
            await one.post(node, {}, [], [period_of(TEAM)], early)
        redis_server.ask("HSET", "{agentcc:clocks}:state", "epoch_ms", "1")
        redis_server.ask("HSET", "{agentcc:clocks}:adopted:2027-01-01|team:platform||monthly|UTC", "n1", "1", "n2", "1")
        await one.sync("n1", "a", [ask(TEAM, USD, need_nusd=USD)], early)
        refused = ask(TEAM, USD, need_nusd=1)
        assert (await other.sync("n2", "b", [refused], late))[0].is_refused
        for _ in range(2):  # learns that it is tight, and keeps it
            await asyncio.sleep(0.002)
            await one.sync("n1", "a", [ask(TEAM, USD, granted_nusd=USD)], early)
        (told,) = await other.sync("n2", "b", [refused], late)
        await one.close()
        await other.close()
        return told, late

    told, late = asyncio.run(main())
    assert (told.is_refused, told.others_idle_nusd) == (True, USD)
    assert late - 5_000 < told.oldest_sync_ms <= late


def test_a_blackholed_redis_is_an_error_soon(tmp_path: Path) -> None:
    """Nobody answers: no longer than the timeouts."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        store = RedisLeases(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")

        async def main() -> None:
            with pytest.raises(StorageError):
                await store.sync("n1", "a", [], START_MS)
            await store.close()

        began = time.monotonic()
        asyncio.run(main())
        assert time.monotonic() - began < 2.5
