"""`agentcc sessions`: what it prints where, and with which exit code."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateway.base.core.usage import Usage
from gateway.base.journal import open_run
from gateway.cli.main import main
from tests.base.journal.conftest import done_payload
from tests.controlplane.test_projections import project

Run = Callable[..., tuple[int, str, str]]
ALICE = msgspec.Raw(b'{"key":"alice","team":"platform","user":"a@acme.dev","cost_center":"cc-7"}')
BOB = msgspec.Raw(b'{"key":"bob","team":"payments"}')


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in a folder with a gateway.yaml and a ledger; gives exit code, standard output and standard error."""
    (tmp_path / "gateway.yaml").write_text(
        'server: { data_dir: ./data }\nproviders: { openai: { api_key: "${A_KEY_THAT_IS_NOT_SET_HERE}" } }\n'
    )
    monkeypatch.chdir(tmp_path)
    hit = Usage(input_tokens=1000, cache_read_tokens=9000, output_tokens=50)
    miss = Usage(input_tokens=12_000, cache_write_5m_tokens=500, output_tokens=50)
    writer, _ = open_run("data/journal", 0, run_id="a" * 12, version="t")
    for at, frame in enumerate((
        {"session_id": "one", "principal": ALICE, "usage": hit, "cost_nusd": 12_345_000_000},
        {"session_id": "one", "principal": ALICE, "usage": hit, "cost_nusd": 0, "retry": 1},
        {"session_id": "one", "principal": ALICE, "outcome": "refused", "cost_nusd": 0},
        {"session_id": "two", "principal": BOB, "usage": miss, "session_basis": "derived"},
        {"session_id": "two", "principal": BOB, "usage": miss, "cost_basis": "estimated"},
    )):  # fmt: skip
        writer.append(done_payload(f"req_{at}", ts=f"2026-11-2{at}T05:48:12.000Z", **frame))
    writer.close()
    project(Path("data/journal"), Path("data/ledger.sqlite3"))
    capsys.readouterr()

    def run(*args: str) -> tuple[int, str, str]:
        code = main(["sessions", *args])
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def test_list_is_a_table_for_people(run: Run) -> None:
    """The last active first."""
    code, out, err = run("list")
    assert (code, err) == (0, "")
    head, two, one = (" ".join(line.split()) for line in out.splitlines())
    assert head == "SESSION KEY USER TEAM LAST ACTIVE TURNS RETRIES REFUSED CACHE HITS COST"
    assert two == "two bob - payments 2026-11-24T05:48:12Z 2 0 0 0% $0.000002 flagged"
    assert one == "one alice a@acme.dev platform 2026-11-22T05:48:12Z 1 1 1 90% $12.34"


def test_list_is_exact_for_machines(run: Run) -> None:
    """The same objects as the admin API's; filters choose some."""
    rows = json.loads(run("list", "--format", "json")[1])
    assert [(row["session_id"], row["cost_nusd"], row["is_flagged"]) for row in rows] == [
        ("two", 2000, True), ("one", 12_345_000_000, False),
    ]  # fmt: skip
    for args, want in (
        (("--key", "alice"), ["one"]),
        (("--user", "a@acme.dev", "--team", "platform"), ["one"]),
        (("--user", ""), ["two"]),
        (("--flagged",), ["two"]),
        (("--limit", "1"), ["two"]),
        (("--since", "2026-11-23"), ["two"]),
        (("--until", "2026-11-22T00:00:00Z"), ["one"]),
    ):
        assert [row["session_id"] for row in json.loads(run("list", "--format", "json", *args)[1])] == want


def test_nothing_found_is_said(run: Run) -> None:
    """An empty list is an answer."""
    code, out, err = run("list", "--key", "nobody")
    assert (code, out) == (0, "")
    assert "no such sessions" in err
    assert run("list", "--key", "nobody", "--format", "json")[:2] == (0, "[]\n")


def test_show_has_the_line_and_the_latest_exchanges(run: Run) -> None:
    """For people, and as the admin API's object."""
    code, out, err = run("show", "two")
    assert (code, err) == (0, "")
    for words in ("derived", "2 turns, 0 retries, 0 refused, 0 errors", "24,000 input, 0 cache read, 1,000 cache write",
                  "0% (flagged", "(1 of 2 estimated)", "openai/gpt-5.1", "12,500"):  # fmt: skip
        assert words in out
    shown = json.loads(run("show", "one", "--format", "json", "--limit", "2")[1])
    assert [row["cost_center"] for row in shown["rows"]] == ["cc-7"]
    assert [(row["outcome"], row["retry"], row["principal"]["key"]) for row in shown["exchanges"]] == [
        ("refused", 0, "alice"), ("ok", 1, "alice"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["three", ""])
def test_show_of_an_unknown_session_answers_no(run: Run, name: str) -> None:
    """With the way out on standard error."""
    code, out, err = run("show", name)
    assert (code, out) == (1, "")
    assert "agentcc sessions list" in err


def test_no_ledger_yet(run: Run, tmp_path: Path) -> None:
    """Nothing is made by looking."""
    code, out, err = run("list", "--data-dir", str(tmp_path / "elsewhere"))
    assert (code, out) == (2, "")
    assert "start the gateway" in err
    assert not (tmp_path / "elsewhere").exists()


def test_a_ledger_that_cannot_be_read_is_said(run: Run) -> None:
    """One of an older version has no sessions."""
    db = sqlite3.connect("data/ledger.sqlite3")
    db.execute("DROP TABLE sessions")
    db.close()
    code, out, err = run("list")
    assert (code, out) == (2, "")
    assert "no such table" in err
    assert "anew at its start" in err


@pytest.mark.parametrize("args", [("--since", "soon"), ("--limit", "0"), ("--limit", "x"), ("--format", "csv")])
def test_bad_arguments_are_refused(run: Run, args: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, with the argument."""
    with pytest.raises(SystemExit) as left:
        run("list", *args)
    assert left.value.code == 2
    assert args[0] in capsys.readouterr().err
