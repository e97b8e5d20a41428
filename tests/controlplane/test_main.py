"""The control-plane process: starts, survives kill -9, ends with its supervisor, and never shares its port."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import httpx
import pytest

from gateway.base.config import windows_of
from gateway.base.config.watch import FileWatch
from gateway.base.journal import JournalWriter, open_run
from gateway.controlplane.main import _follow
from tests.harness import wait_until

ROOT = Path(__file__).parents[2]


class Process:
    """One control plane with its lifeline, ready to be asked."""

    def __init__(self, config: Path, port: int) -> None:
        self.port = port
        lifeline, self._hold = os.pipe()
        status, told = os.pipe()
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "gateway.controlplane.main", "--config", str(config), "--port", str(port),
                "--lifeline", str(lifeline), "--status", str(told),
            ],
            pass_fds=(lifeline, told), cwd=ROOT, env={**os.environ, "AGENTCC_ADMIN_SECRET": "s"},
        )  # fmt: skip
        os.close(told)
        os.close(lifeline)
        self.said = os.read(status, 100)
        os.close(status)

    def let_go(self) -> None:
        """Close the lifeline, as a supervisor's death does."""
        if self._hold >= 0:
            os.close(self._hold)
            self._hold = -1

    def requests(self) -> float:
        """The sum of agentcc_requests_total."""
        text = httpx.get(f"http://127.0.0.1:{self.port}/-/metrics").text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("agentcc_requests_total{"))

    def wait_for(self, count: int) -> None:
        """Ask until that many requests are counted."""
        for _ in range(2000):
            if self.requests() == count:
                return
        raise AssertionError(f"{self.requests()} requests are counted, not {count}")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Process]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "gateway.yaml"
    config.write_text(f'server: {{ data_dir: "{tmp_path}/data" }}')
    started: list[Process] = []

    def go() -> Process:
        started.append(Process(config, port))
        return started[-1]

    yield go
    for process in started:
        process.let_go()
        process.process.kill()
        process.process.wait()


def test_kill_9_loses_and_doubles_no_count(
    tmp_path: Path, start: Callable[[], Process], traffic: Callable[[JournalWriter, int, Random], None]
) -> None:
    """Killed in the middle of projecting, again and again: the counters go on where the journal says."""
    writer, _ = open_run(tmp_path / "data" / "journal", 0, run_id="a" * 12, version="t")
    traffic(writer, 300, Random(1))
    process = start()
    assert process.said == b"ready\n"
    for number in range(1, 4):
        extra, _ = open_run(tmp_path / "data" / "journal", number, run_id=f"{number:012x}", version="t")
        traffic(extra, 300, Random(number))
        process.process.send_signal(signal.SIGKILL)
        process.process.wait()
        extra.close()
        process = start()
    process.wait_for(1200)
    process.process.send_signal(signal.SIGTERM)
    assert process.process.wait(20) == 0
    writer.close()


def test_it_ends_with_its_supervisor(start: Callable[[], Process]) -> None:
    """The lifeline's end of file is enough."""
    process = start()
    process.let_go()
    assert process.process.wait(20) == 0


def test_it_follows_the_file_and_keeps_the_last_good_budgets(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each good version is taken once; a bad one changes nothing and is said."""
    file, taken = tmp_path / "last-good.yaml", []

    def write(text: str) -> None:
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").replace(file)

    async def go() -> None:
        task = asyncio.create_task(_follow(FileWatch(str(file), is_taken=False), "", taken.append))
        write("budgets: { org: { limit: 5 } }")
        await asyncio.to_thread(wait_until, lambda: len(taken) == 1)
        write("budgets: { org: { limit: -5 } }")
        await asyncio.to_thread(wait_until, lambda: "config_rejected" in capfd.readouterr().err)
        write("budgets: { org: { limit: 7 } }")
        await asyncio.to_thread(wait_until, lambda: len(taken) == 2)
        task.cancel()

    asyncio.run(go())
    limits = [windows_of(loaded.config.budgets, loaded.source)[0].limit_nusd for loaded in taken]
    assert limits == [5 * 10**9, 7 * 10**9]


def test_a_taken_port_is_an_error(start: Callable[[], Process]) -> None:
    """Two gateways never answer on one admin port; the second says why it does not start."""
    start()
    second = start()
    assert second.said == b""
    assert second.process.wait(20) == 2
