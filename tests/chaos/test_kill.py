"""What no accident may do: lose a finished exchange, count one twice, leave one without its end, or break the chain.

A bigger version with 500 streams is `python -m loadtest chaos`.
"""

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from gateway.simulator.server import running
from tests.e2e.wires import STREAMS, request
from tests.fakes.upstream import Answer, FakeUpstream, json_answer
from tests.harness import KEY, Gateway, config_for, wait_until

pytestmark = pytest.mark.chaos

AUTH = {"authorization": f"Bearer {KEY}"}
ASK = {"model": "openai/gpt-4.1-mini", "input": "x"}
STREAM_COUNT = 50


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def fake() -> Iterator[FakeUpstream]:
    fake = FakeUpstream()
    fake.default = json_answer(b'{"usage":{"input_tokens":10,"output_tokens":2}}')
    yield fake
    fake.close()


def ask(gateway: Gateway, **kwargs: Any) -> httpx.Response:
    """One exchange on a connection of its own."""
    return httpx.post(f"{gateway.url}/v1/responses", json=ASK, headers=AUTH, timeout=20, **kwargs)


def is_gone(pid: int) -> bool:
    """Whether the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Load:
    """Streams of many lengths that follow each other, `STREAM_COUNT` at a time, as a client saw them."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.finished: set[str] = set()
        self.begun: set[str] = set()
        self.odd: list[str] = []
        self.is_over = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.is_over = True
        self._thread.join(30)
        assert not self._thread.is_alive(), "a stream never ended"

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=STREAM_COUNT, max_keepalive_connections=STREAM_COUNT)
        async with httpx.AsyncClient(headers=AUTH, timeout=20, limits=limits) as client:
            await asyncio.gather(*(self._one_after_the_other(client, n) for n in range(STREAM_COUNT)))

    async def _one_after_the_other(self, client: httpx.AsyncClient, seat: int) -> None:
        count = 0
        while not self.is_over:
            count += 1
            knobs = {
                "x-sim-scenario": "long",
                "x-sim-token-ms": "10",
                "x-sim-tokens": str(5 + 11 * (seat * count % 17)),
            }
            with contextlib.suppress(httpx.HTTPError):
                await self._stream(client, knobs)

    async def _stream(self, client: httpx.AsyncClient, knobs: dict[str, str]) -> None:
        body = request("openai.responses")
        try:
            async with client.stream("POST", f"{self.gateway.url}/v1/responses", json=body, headers=knobs) as got:
                request_id, is_whole = got.headers.get("x-agentcc-request-id", ""), False
                if got.status_code != 200 or not request_id:
                    self.odd.append(f"{got.status_code}: {(await got.aread())[:300]!r}")
                    return
                self.begun.add(request_id)
                async for line in got.aiter_lines():
                    is_whole |= line == "event: response.completed"
            if is_whole:
                self.finished.add(request_id)
        except httpx.ConnectError:
            await asyncio.sleep(0.05)  # everything is dead: no reason to turn in circles


def judge(gateway: Gateway, loads: list[Load]) -> Counter[str]:
    """After a clean stop: what the journal must say of what the clients saw. Gives records by outcome."""
    verified = gateway.run_cli("journal", "verify", "-c", str(gateway.file), check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "0 open at crash" in verified.stdout, verified.stdout
    records = gateway.records()
    counts = Counter(r["request_id"] for r in records)
    outcomes = {r["request_id"]: r["outcome"] for r in records}
    assert not [name for name, count in counts.items() if count > 1], "recorded twice"
    assert not [odd for load in loads for odd in load.odd]
    finished = set().union(*(load.finished for load in loads))
    begun = set().union(*(load.begun for load in loads))
    assert len(finished) > STREAM_COUNT
    assert {outcomes.get(name) for name in finished} == {"ok"}, "a finished exchange without its record"
    assert {outcomes.get(name, "none") for name in begun} <= {"ok", "crashed", "cut", "disconnected"}
    return Counter(outcomes.values())


def test_killed_workers_lose_nothing_and_count_nothing_twice(simulator: str, tmp_path: Path) -> None:
    """Both workers die twice under 50 streams; what ended has one record, what did not is `crashed`."""
    with Gateway(tmp_path, config_for(simulator, workers=2)) as gateway:
        with Load(gateway) as load:
            for goal in range(1, 3):
                wait_until(lambda n=goal: len(load.finished) > n * 40, 20, "streams finish")
                pids = [pid for name, pid in gateway.children().items() if name.startswith("worker")]
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                    already = len(load.finished)
                    wait_until(lambda n=already: len(load.finished) > n + 20, 20, "streams go on")
        assert gateway.stop() == 0
        outcomes = judge(gateway, [load])
        assert outcomes["crashed"] > 0, outcomes
        assert len(gateway.logs("journal_recovered")) >= 2


def test_all_processes_killed_at_once(simulator: str, tmp_path: Path) -> None:
    """As by a power switch: the next start closes what was open and goes on, in the journal and in the ledger."""
    config = config_for(simulator, workers=2)
    gateway = Gateway(tmp_path, config).start()
    with Load(gateway) as load:
        wait_until(lambda: len(load.finished) > 60, 20, "streams finish")
        assert gateway.process is not None
        pids = [gateway.process.pid, *gateway.children().values()]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        load.is_over = True
    gateway.process.wait()
    assert gateway.process.stdout is not None
    gateway.process.stdout.close()
    wait_until(lambda: all(map(is_gone, pids)), 5, "all are dead")
    with gateway:
        wait_until(lambda: _counted(gateway) == len(gateway.records()), 10, "metrics and journal agree")
        token = (gateway.data_dir / "admin.token").read_text().strip()
        spend = httpx.get(f"{gateway.url}/-/spend?by=key", headers={"authorization": f"Bearer {token}"}).json()
        assert "alice" in json.dumps(spend)
        assert gateway.stop() == 0
    outcomes = judge(gateway, [load])
    assert outcomes["crashed"] > 0, outcomes


def _counted(gateway: Gateway) -> int:
    lines = httpx.get(f"{gateway.url}/-/metrics").text.splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("agentcc_requests_total{")))


def test_two_gateways_on_one_data_directory_do_no_harm(fake: FakeUpstream, tmp_path: Path) -> None:
    """Not meant to be, but it happens (a restart that overlaps): no chain breaks, and neither closes the other's exchanges."""
    gate = threading.Event()
    first_event, rest = STREAMS["openai.responses"][0], STREAMS["openai.responses"][1:]
    config = config_for(fake.url, workers=2, data_dir=str(tmp_path / "data"))
    with ThreadPoolExecutor(8) as pool, Gateway(tmp_path / "one", config) as one:
        held = Answer(200, [("content-type", "text/event-stream")], [first_event, gate, *rest])
        fake.answers.append(held)
        url = f"{one.url}/v1/responses"
        stream = pool.submit(httpx.post, url, json=request("openai.responses"), headers=AUTH, timeout=30)
        wait_until(lambda: not fake.answers, 5, "a stream is open")
        second = Gateway(tmp_path / "two", config_for(fake.url, workers=2, data_dir=str(tmp_path / "data")))
        with second as two:
            answers = list(pool.map(ask, [one, two] * 20))
            os.kill(two.children()["worker-0"], signal.SIGKILL)
            answers += list(pool.map(ask, [one, two] * 20))
            assert two.stop() == 0
        gate.set()
        got = stream.result(20)
        assert b"".join(rest) in got.content.replace(_comment_of(got.content), b"")
        answers.append(got)
        assert {a.status_code for a in answers} == {200}
        token = (one.data_dir / "admin.token").read_text().strip()
        spend = f"{one.url}/-/spend?by=key"
        admin = {"authorization": f"Bearer {token}"}
        wait_until(
            lambda: f'"exchanges":{len(answers)},' in httpx.get(spend, headers=admin).text, 5, "counted once each"
        )
        assert one.stop() == 0
    verified = one.run_cli("journal", "verify", "-c", str(one.file), check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    counts = Counter(r["request_id"] for r in one.records())
    assert set(counts.values()) == {1}
    assert counts.keys() == {a.headers["x-agentcc-request-id"] for a in answers}


def _comment_of(stream: bytes) -> bytes:
    at = stream.index(b": x-agentcc-cost ")
    return stream[at : stream.index(b"\n\n", at) + 2]


# === a full disk ===


@contextlib.contextmanager
def small_disk(directory: Path) -> Iterator[None]:
    """A tmpfs of 4 MB at `directory`; skips where that is not allowed."""
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", directory], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


def fill(directory: Path) -> Path:
    """Take what is left of a disk."""
    file = directory / "filler"
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as writing:
        for size in (1 << 16, 1 << 10, 1):
            with contextlib.suppress(OSError):
                while True:
                    writing.write(b"\0" * size)
    return file


@pytest.fixture(params=["disk", "limit"])
def choke(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Path, Callable[[Gateway], Callable[[], None]]]]:
    """A data directory, and what fills its disk and gives what makes room again."""
    data = tmp_path / "data"
    if request.param == "disk":

        def choke_disk(gateway: Gateway) -> Callable[[], None]:
            return fill(data).unlink

        with small_disk(data):
            yield data, choke_disk
        return

    def choke_files(gateway: Gateway) -> Callable[[], None]:
        """No file of the worker may grow beyond the journal's size now: EFBIG, as from a quota."""
        worker = gateway.children()["worker-0"]
        size = max(f.stat().st_size for f in (data / "journal").glob("*.log"))
        soft, hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (size + 100, hard))
        return lambda: resource.prlimit(worker, resource.RLIMIT_FSIZE, (soft, hard)) and None

    yield data, choke_files


def test_a_full_disk_refuses_and_recovers(
    fake: FakeUpstream, tmp_path: Path, choke: tuple[Path, Callable[[Gateway], Callable[[], None]]]
) -> None:
    """Nothing is sent that could not be recorded; what was under way is recorded once there is room; the chain holds."""
    data, fill_up = choke
    gate = threading.Event()
    first_event, rest = STREAMS["openai.responses"][0], STREAMS["openai.responses"][1:]
    with (
        ThreadPoolExecutor(2) as pool,
        Gateway(tmp_path / "gateway", config_for(fake.url, data_dir=str(data))) as gateway,
    ):
        before = ask(gateway)
        assert before.status_code == 200
        fake.answers.append(Answer(200, [("content-type", "text/event-stream")], [first_event, gate, *rest]))
        url = f"{gateway.url}/v1/responses"
        stream = pool.submit(httpx.post, url, json=request("openai.responses"), headers=AUTH, timeout=30)
        wait_until(lambda: len(fake.received) == 2, 5, "a stream is under way")
        make_room = fill_up(gateway)
        # what the journal has reserved is used up first: some 180 exchanges
        assert any(ask(gateway).status_code == 503 for _ in range(1000)), "it is refused"
        sent = len(fake.received)
        refused = [ask(gateway) for _ in range(5)]
        assert {r.status_code for r in refused} == {503}
        assert len(fake.received) == sent, "sent without a record"
        error = refused[0].json()["error"]
        assert error["agentcc"]["code"] == "journal_unavailable"
        assert "disk" in error["message"]
        assert httpx.get(f"{gateway.url}/healthz").status_code == 200
        gate.set()
        whole = stream.result(20)
        assert rest[-1] in whole.content, "what was under way ends as it should"
        make_room()
        after = wait_until(lambda: (got := ask(gateway)).status_code == 200 and got, 5, "it recovers by itself")
        for served in (before, whole, after):
            wait_until(lambda got=served: _outcomes(gateway, got) == ["ok"], 5, "each has its record")
        wait_until(lambda: all(_outcomes(gateway, r) == ["error"] for r in refused), 5, "refusals are recorded late")
        wait_until(lambda: httpx.get(f"{gateway.url}/-/metrics").status_code == 200, 10, "the control plane lives")
        assert gateway.stop() == 0
        verified = gateway.run_cli("journal", "verify", "-c", str(gateway.file), check=False)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert set(Counter(r["request_id"] for r in gateway.records()).values()) == {1}


def _outcomes(gateway: Gateway, response: httpx.Response) -> list[str]:
    request_id = response.headers["x-agentcc-request-id"]
    return [r["outcome"] for r in gateway.records() if r["request_id"] == request_id]


# === clients that stop reading ===

STUCK = 50
MIB = 1 << 20
PIECE = b"event: response.output_text.delta\ndata: " + json.dumps({"delta": "x" * 65_000}).encode() + b"\n\n"


@pytest.mark.parametrize(
    ("interface", "clients", "stream_mib", "bound_mib"),
    [
        # At most 12 MiB for each client, however long its stream: the window of 1 MiB, and what Granian takes beyond it.
        pytest.param("asgi", STUCK, 4, STUCK * 12, id="asgi"),
        # Twice what was asked for: RSGI never waits, so a short answer lies in Granian's queue as a whole.
        pytest.param("rsgi", STUCK, 4, STUCK * 4 * 2, id="rsgi"),
        # `unfinished_response_bytes` (here 32 MiB) bounds the sum; each answer that it ends early keeps what it has had.
        pytest.param(
            "rsgi", 20, 16, 32 * 6, id="rsgi-large",
        ),
    ],
)  # fmt: skip
def test_clients_that_stop_reading_cost_bounded_memory(
    fake: FakeUpstream, tmp_path: Path, interface: str, clients: int, stream_mib: int, bound_mib: int
) -> None:
    """They ask for long streams and read nothing: the worker's memory is bounded, and the others notice nothing."""
    pieces = [STREAMS["openai.responses"][0], *[PIECE] * (stream_mib * 16), STREAMS["openai.responses"][-1]]
    config = config_for(fake.url, interface=interface, limits={"unfinished_response_bytes": 32 * MIB})
    with Gateway(tmp_path, config) as gateway, contextlib.ExitStack() as stuck:
        worker = gateway.children()["worker-0"]
        for _ in range(20):
            ask(gateway)
        before = _rss_mib(worker)
        fake.answers.extend(Answer(200, [("content-type", "text/event-stream")], list(pieces)) for _ in range(clients))
        host, port = gateway.url.removeprefix("http://").split(":")
        body = json.dumps(request("openai.responses")).encode()
        head = f"POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
        for _ in range(clients):
            client = stuck.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
            client.connect((host, int(port)))
            client.sendall(head.encode() + body)
        wait_until(lambda: len(fake.received) >= 20 + clients, 10, "all are under way")
        peak, took, until = 0.0, [], time.monotonic() + 3
        while time.monotonic() < until:
            began = time.monotonic()
            assert ask(gateway).status_code == 200
            took.append(time.monotonic() - began)
            peak = max(peak, _rss_mib(worker))
        print(f"{before:.0f} MiB before, {peak:.0f} MiB at most, others' median {sorted(took)[len(took) // 2]:.3f} s")
        assert sorted(took)[len(took) // 2] < 0.5, "others are slowed down"
        assert peak - before < bound_mib
    assert gateway.run_cli("journal", "verify", "-c", str(gateway.file)).returncode == 0
    assert len([r for r in gateway.records() if r["is_stream"]]) == clients


def _rss_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / MIB
