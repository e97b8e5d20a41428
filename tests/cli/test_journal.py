"""`agentcc journal`: what it prints, where, and its exit codes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from gateway.base.journal import JournalWriter, open_run, read_runs
from gateway.cli.main import main
from tests.base.journal.conftest import done_payload, open_payload

ROOT = Path(__file__).parents[2]
SPEC_FIELDS = {
    "request_id", "ts", "session_id", "principal", "dialect", "model_requested", "model_used", "provider", "status",
    "outcome", "usage", "cost_nusd", "cost_basis", "hops", "verdicts", "policy_version", "prev_hash", "hash",
}  # fmt: skip


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Two workers side by side and a crashed one before them; exchange `i` began in second `i` and took 100 ms."""
    directory = tmp_path / "data" / "journal"
    crashed = make(directory, "c" * 12, 0, 1_700_000_000.0)
    crashed.append(open_payload("req_orphan", ts="2023-11-14T22:13:21.000Z"))
    crashed.abandon()
    writers = [make(directory, "a" * 12, 0, 1_700_000_010.0), make(directory, "b" * 12, 1, 1_700_000_010.0)]
    for i in range(20, 50):
        ts = f"2023-11-14T22:14:{i:02d}.000Z"
        writers[i % 2].append(open_payload(f"req_{i}"))
        writers[i % 2].append(done_payload(f"req_{i}", ts=ts, latency_ms=100.0))
    for writer in writers:
        writer.close()
    return tmp_path / "data"


def make(directory: Path, run_id: str, slot: int, now: float) -> JournalWriter:
    return open_run(directory, slot, run_id=run_id, version="t", segment_bytes=4000, now=lambda: now)[0]


def run(capfd: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["journal", *args])
    out, err = capfd.readouterr()
    return code, out, err


def ids(out: str) -> list[str]:
    return [json.loads(line)["request_id"] for line in out.splitlines()]


def test_export_has_the_fields_of_the_spec_in_the_order_of_time(
    data_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One object per exchange, all runs merged; the hash can be checked from the object alone."""
    code, out, err = run(capfd, "export", "--format", "jsonl", "--data-dir", str(data_dir))
    assert (code, err) == (0, "")
    assert ids(out) == ["req_orphan", *(f"req_{i}" for i in range(20, 50))]
    for line in out.splitlines():
        record = json.loads(line)
        assert record.keys() >= SPEC_FIELDS
        assert isinstance(record["hops"], list)
        payload = line[: line.index(',"prev_hash"')] + "}"
        assert hashlib.sha256((record["prev_hash"] + payload).encode()).hexdigest() == record["hash"]


def test_export_chooses_by_time(data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`--since` is included, `--until` is not."""
    window = ("--since", "2023-11-14T22:14:30Z", "--until", "2023-11-14T22:14:35")
    code, out, _ = run(capfd, "export", "--data-dir", str(data_dir), *window)
    assert (code, ids(out)) == (0, [f"req_{i}" for i in range(30, 35)])
    with pytest.raises(SystemExit, match="2"):
        main(["journal", "export", "--since", "soon"])
    assert "write it like 2026-11-21T00:00:00Z" in capfd.readouterr().err


def test_export_all_has_every_frame(data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Headers, `open` frames and ends too, each with its hashes."""
    _, out, _ = run(capfd, "export", "--all", "--data-dir", str(data_dir))
    kinds = {json.loads(line)["k"] for line in out.splitlines()}
    assert kinds == {"run", "segment", "open", "done", "end"}
    assert len(out.splitlines()) == sum(
        Path(s.path).read_bytes().count(b"\n") for r in read_runs(data_dir / "journal") for s in r.segments
    )


def test_export_names_what_a_crash_left_open(data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Until the next start records them, open exchanges are named on stderr."""
    writer = make(data_dir / "journal", "d" * 12, 0, 1_700_000_100.0)
    writer.append(open_payload("req_cut_off"))
    writer.abandon()
    code, out, err = run(capfd, "export", "--data-dir", str(data_dir))
    assert code == 0
    assert "req_cut_off" not in out
    assert "1 open at crash, to be recorded at next start: req_cut_off" in err


@pytest.mark.parametrize("number", [0, 1, 7, 31, 500])
def test_tail_prints_the_last(data_dir: Path, capfd: pytest.CaptureFixture[str], number: int) -> None:
    """The latest records over all runs, oldest first, with the hash before each."""
    _, everything, _ = run(capfd, "export", "--data-dir", str(data_dir))
    code, out, _ = run(capfd, "tail", "-n", str(number), "--data-dir", str(data_dir))
    assert code == 0
    assert out.splitlines() == everything.splitlines()[-number:] * bool(number)


def test_verify_says_ok_or_what_broke(data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit 0 and counts; after a change exit 1 with file, line and what."""
    code, out, err = run(capfd, "verify", "--data-dir", str(data_dir))
    assert (code, err) == (0, "")
    assert out.startswith("ok: 31 exchanges,")
    path = Path(read_runs(data_dir / "journal")[1].segments[0].path)
    path.write_bytes(path.read_bytes().replace(b'"cost_nusd":1000', b'"cost_nusd":9000', 1))
    code, out, err = run(capfd, "verify", "--data-dir", str(data_dir))
    assert code == 1
    assert out.startswith("broken: 1 breaks;")
    assert f"error: {path}:" in err


def test_a_torn_tail_is_a_note(data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """After kill -9 a torn last frame is reported and verify exits 0."""
    make(data_dir / "journal", "d" * 12, 0, 1_700_000_100.0).abandon()
    path = Path(read_runs(data_dir / "journal")[-1].segments[-1].path)
    with path.open("ab") as file:
        file.write(b"0123456789abcdef")
    code, _, err = run(capfd, "verify", "--data-dir", str(data_dir))
    assert code == 0
    assert "torn last line (16 bytes)" in err


def test_the_data_directory_comes_from_the_configuration(
    data_dir: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Variables that only the gateway's environment has do not matter here."""
    config = tmp_path / "gateway.yaml"
    config.write_text(
        f'server: {{ data_dir: "{data_dir}" }}\nproviders: {{ openai: {{ api_key: "${{NOWHERE_SET_KEY}}" }} }}\n'
        'keys: { a: { key: "${NOWHERE_SET_EITHER:-sk-12345678}" } }\n'
    )
    assert run(capfd, "verify", "-c", str(config))[0] == 0
    code, _, err = run(capfd, "verify", "-c", str(tmp_path / "absent.yaml"))
    assert code == 2
    assert "cannot be read" in err
    config.write_text("server: { data_dri: x }")
    code, _, err = run(capfd, "export", "-c", str(config))
    assert code == 2
    assert "did you mean `data_dir`?" in err


def test_no_journal_is_an_error_with_a_way_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and the options that help."""
    code, out, err = run(capfd, "export", "--data-dir", str(tmp_path))
    assert (code, out) == (2, "")
    assert "--data-dir DIR" in err


def test_tail_follows_a_live_gateway(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Each record comes once, also those written while it starts; ^C ends it with exit code 0."""
    writer = make(tmp_path / "journal", "a" * 12, 0, 1_700_000_000.0)
    for i in range(5):
        writer.append(done_payload(f"req_{i}"))
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", "journal", "tail", "-f", "-n", "2", "--data-dir", str(tmp_path)],
        stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    request.addfinalizer(process.kill)
    assert process.stdout is not None
    assert ids(process.stdout.readline().decode() + process.stdout.readline().decode()) == ["req_3", "req_4"]
    random, want = Random(5), [f"req_{i}" for i in range(5, 60)]
    for request_id in want:
        writer.append(done_payload(request_id, path="x" * random.randrange(200)))
    got = [json.loads(process.stdout.readline())["request_id"] for _ in want]
    assert got == want
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    process.stdout.close()
    writer.close()


def test_a_reader_that_leaves_is_no_error(data_dir: Path) -> None:
    """`agentcc journal export | head -1` ends quietly."""
    command = f"{sys.executable} -m gateway.cli.main journal export --data-dir {data_dir} --all"
    done = subprocess.run(["sh", "-c", f"{command} | head -n 1"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_help_fits_the_terminal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command shows an example; lines stay within 79 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    for command in ("verify", "tail", "export"):
        with pytest.raises(SystemExit):
            main(["journal", command, "--help"])
        out = capfd.readouterr().out
        assert "example: agentcc journal" in out
        assert max(map(len, out.splitlines())) <= 79
