"""`agentcc budgets`: what it prints where, what it changes, and with which exit code."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.base.core.period import span_at
from gateway.base.storage.leases import Ask
from gateway.base.storage.sqlite.leases import SqliteLeases
from gateway.cli.main import main

Run = Callable[..., tuple[int, str, str]]
LABEL = span_at("monthly", "UTC", time.time_ns() // 1_000_000).label
PLATFORM = f"team:platform||monthly|UTC|{LABEL}"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in a folder with a gateway.yaml and a store; gives exit code, standard output and standard error."""
    (tmp_path / "gateway.yaml").write_text(
        "server: { data_dir: ./data }\n"
        'providers: { openai: { api_key: "${A_KEY_THAT_IS_NOT_SET_HERE}" } }\n'
        "budgets:\n"
        "  teams:\n"
        "    platform: { limit: 18000, alert_to: [em], windows: [ { period: daily, limit: 900, hard: true } ] }\n"
    )
    monkeypatch.chdir(tmp_path)

    async def fill() -> None:
        leases = SqliteLeases(tmp_path / "data")
        ask = Ask(PLATFORM, "team:platform||monthly|UTC", LABEL, -1, 1_234_567_891, 10**9, 0, 3 * 10**9)
        await leases.sync("n1", "a" * 12, [ask], time.time_ns() // 1_000_000)
        await leases.close()

    def run(*args: str, is_filled: bool = True) -> tuple[int, str, str]:
        if is_filled and not (tmp_path / "data").exists():
            asyncio.run(fill())
        code = main(["budgets", *args])
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def test_list_is_a_table_for_people(run: Run) -> None:
    """Every account that the file names, spent or not."""
    code, out, err = run("list")
    assert (code, err) == (0, "")
    head, monthly, daily = out.splitlines()
    assert head.split() == ["ACCOUNT", "MODELS", "PERIOD", "SPENT", "LIMIT", "USED", "HELD", "STAGE", "RESETS"]
    assert monthly.split()[:8] == ["team:platform", "-", "monthly", "$1.23", "$18,000.00", "0.0%", "$1.00", "ok"]
    assert daily.split()[:8] == ["team:platform", "-", "daily", "$0.00", "$900.00", "0.0%", "$0.00", "ok"]


def test_list_is_exact_for_machines(run: Run) -> None:
    """The same objects as the admin API's."""
    rows = json.loads(run("list", "--json")[1])
    assert [(row["period"], row["spent_nusd"], row["spent_usd"]) for row in rows] == [
        ("monthly", 1_234_567_891, "1.234567891"),
        ("daily", 0, "0.000000"),
    ]


def test_a_correction_is_kept_with_who_and_why(run: Run) -> None:
    """It counts at once, and `show` has it."""
    code, out, _ = run("correct", "team:platform", "-1.25", "--reason", "refund", "--period", "monthly", "--by", "fin")
    assert (code, out) == (0, f"corrected {PLATFORM} by -$1.25 (fin: refund)\n")
    code, out, _ = run("correct", PLATFORM, "0.5", "--reason", "typo", "--json")
    assert code == 0
    assert "@" in json.loads(out)["by"]
    (monthly, _) = json.loads(run("show", "team:platform", "--json")[1])
    assert monthly["spent_nusd"] == 1_234_567_891 - 750_000_000
    assert [entry["reason"] for entry in monthly["corrections"]] == ["refund", "typo"]
    code, out, _ = run("show", "team:platform")
    assert code == 0
    assert "fin: refund" in out
    assert "warn 0.8, downgrade 0.95, pause 1.1" in out


def test_show_of_an_unknown_account_answers_no(run: Run) -> None:
    """With the way out on standard error."""
    code, out, err = run("show", "team:nobody")
    assert (code, out) == (1, "")
    assert "agentcc budgets list" in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("correct", "team:platform", "1", "--reason", "x"), "several budgets"),
        (("correct", "team:platform", "ten", "--reason", "x", "--period", "daily"), "no amount"),
        (("correct", "team:platform", "1", "--reason", "", "--period", "daily"), "needs a reason"),
        (("correct", "a|b|c|d|e", "1", "--reason", "x"), "no bucket"),
    ],
)
def test_what_cannot_be_corrected_is_said(run: Run, args: tuple[str, ...], words: str) -> None:
    """Exit code 2, and nothing has changed."""
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert words in err


def test_no_store_yet(run: Run) -> None:
    """Nothing is made by looking."""
    code, _, err = run("list", is_filled=False)
    assert code == 2
    assert "start the gateway" in err
    assert not Path("data").exists()
