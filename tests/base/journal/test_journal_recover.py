"""Starting a run: who is adopted, what is recorded for the dead, and that nothing is ever done twice."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from gateway.base.core.record import OpenFrame
from gateway.base.journal import JournalWriter, open_run, read_frames, read_runs, verify

Start = Callable[..., JournalWriter]


def frames_of(directory: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line.payload) for run in read_runs(directory) for line in read_frames(run)]


def outcomes(directory: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for frame in frames_of(directory):
        if frame["k"] == "done":
            found.setdefault(frame["request_id"], []).append(frame["outcome"])
    return found


def test_an_orphaned_open_becomes_a_crashed_record_at_its_hold(
    tmp_path: Path, start: Start, open_frame: Callable[..., bytes], done_frame: Callable[..., bytes]
) -> None:
    """What a dead worker left open is closed by the next start, once, at the hold."""
    dead = start(1)
    dead.append(open_frame("req_a", 10))
    dead.append(open_frame("req_b", 4321))
    dead.append(done_frame("req_a"))
    dead.abandon()
    assert verify(tmp_path).open == 1
    writer, recovery = open_run(tmp_path, 0, run_id="0" * 11 + "2", version="t")
    assert recovery.crashed == ["req_b"]
    assert [(p.run, p.lines, p.ended) for p in recovery.adopted] == [("000000000001", 4, False)]
    writer.close()
    start(3).close()
    (record,) = [f for f in frames_of(tmp_path) if f["k"] == "done" and f["outcome"] == "crashed"]
    assert (record["request_id"], record["cost_nusd"], record["cost_basis"], record["status"]) == (
        "req_b", 4321, "estimated", 0,
    )  # fmt: skip
    assert record["principal"]["key"] == ""
    assert record["provider"] == "openai"
    assert verify(tmp_path).is_ok


def test_the_last_attempt_of_an_open_exchange_is_what_a_crash_costs(
    tmp_path: Path, start: Start, open_frame: Callable[..., bytes]
) -> None:
    """`next` takes the place of `open`, and is no break."""
    dead = start(1)
    dead.append(open_frame("req_a", 10))
    moved = msgspec.json.decode(open_frame("req_a", 99)) | {
        "k": "next",
        "model_used": "other/model",
        "provider": "other",
    }
    dead.append(msgspec.json.encode(moved))
    dead.abandon()
    assert verify(tmp_path).open == 1
    open_run(tmp_path, 0, run_id="0" * 11 + "2", version="t")[0].close()
    (record,) = [f for f in frames_of(tmp_path) if f["k"] == "done"]
    assert (record["outcome"], record["cost_nusd"], record["model_used"]) == ("crashed", 99, "other/model")
    assert verify(tmp_path).is_ok


def test_a_crashed_record_keeps_its_session_turn_and_retry(
    tmp_path: Path, start: Start, open_frame: Callable[..., bytes]
) -> None:
    """Chargeback needs them; an `open` frame of an older version, which has none, is read as well."""
    dead = start(1)
    new = msgspec.structs.replace(
        msgspec.json.decode(open_frame("req_new", 10), type=OpenFrame),
        session_basis="derived",
        turn_id="t7",
        retry=2,
        deployment="eu",
        shadow_of="req_main",
    )
    old = msgspec.json.decode(open_frame("req_old", 20))
    for name in ("session_basis", "turn_id", "retry"):
        del old[name]
    dead.append(msgspec.json.encode(new))
    dead.append(msgspec.json.encode(old))
    dead.abandon()
    start(2).close()
    records = {f["request_id"]: f for f in frames_of(tmp_path) if f["k"] == "done"}
    names = ("session_id", "session_basis", "turn_id", "retry", "cost_nusd")
    assert [records["req_new"][name] for name in names] == ["ses_1", "derived", "t7", 2, 10]
    assert [records["req_old"][name] for name in names] == ["ses_1", "none", "", 0, 20]
    assert (records["req_new"]["deployment"], records["req_new"]["shadow_of"]) == ("eu", "req_main")
    assert not {"deployment", "shadow_of"} & set(records["req_old"])


def test_a_crashed_record_says_what_the_guard_had_found(
    tmp_path: Path, start: Start, open_frame: Callable[..., bytes]
) -> None:
    """As it stands in the `open` frame, also of a version that knows other scanners; where nothing stands, nobody knows."""
    dead = start(1)
    found = {"ran": ["oracle"], "findings": [{"scanner": "oracle", "action": "pray"}]}
    dead.append(msgspec.json.encode(msgspec.json.decode(open_frame("req_a", 77)) | {"verdicts": found}))
    dead.append(open_frame("req_b", 1))
    dead.abandon()
    start(2).close()
    records = {f["request_id"]: f for f in frames_of(tmp_path) if f["k"] == "done"}
    assert records["req_a"]["verdicts"] == found
    assert records["req_a"]["cost_nusd"] == 77
    assert records["req_b"]["verdicts"] == "unknown"


def test_a_torn_tail_is_reported_and_left_alone(
    tmp_path: Path, start: Start, open_frame: Callable[..., bytes], done_frame: Callable[..., bytes]
) -> None:
    """A `done` that was cut in the middle does not count: the exchange ends as crashed; the old file stays as it was."""
    dead = start(1)
    dead.append(open_frame("req_a"))
    dead.append(done_frame("req_a"))
    dead.abandon()
    path = Path(read_runs(tmp_path)[0].segments[0].path)
    path.write_bytes(path.read_bytes()[:-1])
    before = path.read_bytes()
    writer, recovery = open_run(tmp_path, 0, run_id="0" * 11 + "2", version="t")
    assert recovery.crashed == ["req_a"]
    assert len(recovery.torn) == 1
    writer.close()
    assert path.read_bytes() == before
    report = verify(tmp_path)
    assert report.is_ok
    assert "torn last line" in report.notes[0]


def test_live_runs_and_other_slots_are_not_adopted(tmp_path: Path, start: Start) -> None:
    """A start takes the dead of its own slot; slot 0 also those of slots that are no more."""
    living, other, gone = start(1, slot=0), start(2, slot=1), start(3, slot=5)
    other.abandon()
    gone.abandon()
    first, recovery = open_run(tmp_path, 0, run_id="a" * 12, version="t")
    assert recovery.adopted == []
    second, recovery = open_run(tmp_path, 0, run_id="b" * 12, version="t", adopt_slots_from=2)
    assert [p.run for p in recovery.adopted] == ["000000000003"]
    third, recovery = open_run(tmp_path, 1, run_id="c" * 12, version="t")
    assert [p.run for p in recovery.adopted] == ["000000000002"]
    for writer in (living, first, second, third):
        writer.close()
    assert verify(tmp_path).is_ok


def test_a_broken_chain_does_not_stop_a_start(tmp_path: Path, start: Start, open_frame: Callable[..., bytes]) -> None:
    """Somebody changed a dead run: the start says so, closes what it can read, and verify keeps failing."""
    dead = start(1)
    dead.append(open_frame("req_a"))
    dead.append(b'{"k":"x"}')
    dead.abandon()
    path = Path(read_runs(tmp_path)[0].segments[0].path)
    path.write_bytes(path.read_bytes().replace(b'"k":"x"', b'"k":"y"'))
    writer, recovery = open_run(tmp_path, 0, run_id="b" * 12, version="t")
    assert recovery.crashed == ["req_a"]
    assert f"{path}:3:" in recovery.broken[0]
    writer.close()
    assert verify(tmp_path).broken == 1


def test_an_open_frame_of_another_version_is_closed_too(tmp_path: Path, start: Start) -> None:
    """An `open` frame that lacks fields still gets its record."""
    dead = start(1)
    dead.append(b'{"k":"open","request_id":"req_old"}')
    dead.abandon()
    start(2).close()
    assert outcomes(tmp_path) == {"req_old": ["crashed"]}
    assert verify(tmp_path).is_ok


def test_stale_new_files_are_removed(tmp_path: Path, start: Start) -> None:
    """What a crash left before its rename goes away; what another start is making now stays."""
    old, fresh = tmp_path / "x.log.new", tmp_path / "y.log.new"
    old.touch()
    fresh.touch()
    os.utime(old, (1, 1))
    start(1, now=lambda: fresh.stat().st_mtime).close()
    assert not old.exists()
    assert fresh.exists()


def _start_at_barrier(directory: str, slot: int, run_id: str, barrier: Any, out: Any) -> None:
    barrier.wait(60)
    writer, recovery = open_run(directory, slot, run_id=run_id, version="t", adopt_slots_from=0)
    out.put((run_id, [p.run for p in recovery.adopted], recovery.crashed))
    barrier.wait(60)  # all live at the same time
    writer.close()


def test_concurrent_starts_adopt_each_dead_run_once(
    tmp_path: Path, start: Start, open_frame: Callable[..., bytes], request_id: Callable[..., str]
) -> None:
    """Eight workers start at the same moment, all entitled to all the dead: each is adopted by exactly one."""
    context = multiprocessing.get_context("fork")
    for round_number in range(5):
        directory = tmp_path / str(round_number)
        dead = set()
        for number in range(1, 7):
            writer, _ = open_run(directory, number, run_id=f"{number:012x}", version="t")
            writer.append(open_frame(request_id(number, 1)))
            writer.abandon()
            dead.add(writer.run_id)
        barrier, out = context.Barrier(8, timeout=60), context.Queue()
        workers = [
            context.Process(
                target=_start_at_barrier, args=(str(directory), slot, f"{slot + 100:012x}", barrier, out), daemon=True
            )
            for slot in range(8)
        ]
        for process in workers:
            process.start()
        results = [out.get(timeout=60) for _ in workers]
        for process in workers:
            process.join(60)
        assert [process.exitcode for process in workers] == [0] * 8
        adopted = Counter(run for _, runs, _ in results for run in runs)
        assert adopted == Counter(dead)
        assert {i: len(o) for i, o in outcomes(directory).items()} == {request_id(n, 1): 1 for n in range(1, 7)}
        assert verify(directory).is_ok


_WORKER = """
import os
import sys
from gateway.base.core.ids import RequestIds
from gateway.base.journal import open_run
from tests.base.journal.conftest import done_payload, open_payload
run = sys.argv[2]
writer, _ = open_run(sys.argv[1], 0, run_id=run, version="t", segment_bytes=20_000)
ids, waiting = RequestIds(run), []
while True:
    request_id = ids.new()
    writer.append(open_payload(request_id))
    os.write(1, b"o " + request_id.encode() + b"\\n")
    waiting.append(request_id)
    if len(waiting) > 5:
        finished = waiting.pop(2)
        writer.append(done_payload(finished))
        os.write(1, b"d " + finished.encode() + b"\\n")
"""


def test_kill_9_loses_no_finished_exchange_and_leaves_none_open(tmp_path: Path) -> None:
    """A worker killed at random moments, again and again: every finished exchange is there once, every other once too."""
    journal, random = tmp_path / "journal", Random(7)
    opened: set[str] = set()
    done: set[str] = set()
    root = str(Path(__file__).parents[3])
    for number in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(journal), f"{number:012x}"],
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root},
        )  # fmt: skip
        assert process.stdout is not None
        for _ in range(random.randrange(1, 400)):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        for line in process.stdout.read().splitlines():
            (opened if line[:1] == b"o" else done).add(line[2:].decode())
        process.stdout.close()
        process.wait()
    open_run(journal, 0, run_id="f" * 12, version="t")[0].close()
    report = verify(journal)
    assert report.is_ok, report.problems
    found = outcomes(journal)
    assert all(len(records) == 1 for records in found.values())
    assert opened <= found.keys()
    assert all(found[request_id] == ["ok"] for request_id in done)
    assert report.open == 0
