"""Budgets from outside: whatever is edited, reloaded, killed or restarted, what a budget has spent is what the records say."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream, json_answer
from tests.harness import KEY, Gateway, config_for, wait_until

AUTH = {"authorization": f"Bearer {KEY}"}
ASK = {"model": "openai/gpt-4.1-mini", "input": "x", "max_output_tokens": 1000}
ANSWER = b'{"usage":{"input_tokens":%d,"output_tokens":%d}}'


@pytest.fixture
def fake() -> Iterator[FakeUpstream]:
    found = FakeUpstream()
    found.default = json_answer(ANSWER % (12_345, 678))
    yield found
    found.close()


def ask(gateway: Gateway, times: int = 1) -> None:
    """Exchanges, each on a connection of its own, so that both workers get some."""
    for _ in range(times):
        answer = httpx.post(f"{gateway.url}/v1/responses", json=ASK, headers=AUTH, timeout=20)
        assert answer.status_code == 200, answer.text


def budgets(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """What the admin API says: `team:platform monthly` → its row."""
    token = (gateway.data_dir / "admin.token").read_text().strip()
    answer = httpx.get(f"{gateway.url}/-/budgets", headers={"authorization": f"Bearer {token}"}, timeout=20)
    if answer.status_code == 502:  # the control plane is coming back
        return {}
    assert answer.status_code == 200, answer.text
    return {f"{row['level']}:{row['id']} {row['period']}": row for row in answer.json()["rows"]}


def recorded(gateway: Gateway) -> int:
    """What the journal says."""
    return sum(int(record["cost_nusd"]) for record in gateway.records())


def spent(gateway: Gateway, account: str) -> int:
    row = budgets(gateway).get(account)
    return -1 if row is None else int(row["spent_nusd"])


def test_a_budget_that_comes_in_mid_period_knows_what_was_spent(tmp_path: Path, fake: FakeUpstream) -> None:
    """To the nano-dollar, on two workers; its edits and its absence for a while change nothing; nor does a restart."""
    config = config_for(fake.url, workers=2)
    gateway = Gateway(tmp_path, config)
    with gateway:
        ask(gateway, 6)
        capped = config | {"budgets": {"teams": {"*": {"limit": 10, "hard": True}}, "users": {"*": {"limit": 5}}}}
        gateway.write_config(capped)
        for account in ("team:platform monthly", "user:alice@acme.dev monthly"):
            wait_until(lambda a=account: spent(gateway, a) == recorded(gateway), 15, f"{account}'s past is known")
        ask(gateway, 4)
        wait_until(lambda: spent(gateway, "team:platform monthly") == recorded(gateway), 15, "what came then is, too")
        known = before = recorded(gateway)
        for limit in (9, 8):
            gateway.write_config(config | {"budgets": {"teams": {"platform": {"limit": limit}}}})
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                found = spent(gateway, "team:platform monthly")
                assert found == -1 or known <= found <= before, "an edit neither zeroes nor counts twice"
            ask(gateway)
            known, before = before, wait_until(lambda b=before: (r := recorded(gateway)) > b and r, 5, "the record")
        gateway.write_config(config)
        wait_until(lambda: spent(gateway, "team:platform monthly") == -1, 5, "there is no budget")
        ask(gateway, 3)
        gateway.write_config(capped)
        wait_until(lambda: spent(gateway, "team:platform monthly") != -1, 5, "it is back")
        ask(gateway, 10)  # with these each worker begins to count it again
        before = recorded(gateway)
        wait_until(lambda: spent(gateway, "team:platform monthly") == before, 15, "what was spent while it was away")
        assert gateway.stop() == 0
    with gateway:
        wait_until(lambda: spent(gateway, "team:platform monthly") == before, 15, "the same after a restart")
        ask(gateway)
        wait_until(lambda: spent(gateway, "team:platform monthly") == recorded(gateway), 15)
        assert gateway.stop() == 0
    assert not gateway.logs("budget_keeper_failed")
    assert not gateway.logs("budget_keeper_bug")


def test_a_threshold_is_told_once_and_people_see_how_it_stands(tmp_path: Path, fake: FakeUpstream) -> None:
    """In the log, in the metrics, on the command line with the gateway running and stopped; also after kill -9 and a restart."""
    config = config_for(fake.url)
    config["budgets"] = {"teams": {"platform": {"limit": "0.02", "stages": {"pause": "off"}, "alert_to": ["em"]}}}
    gateway = Gateway(tmp_path, config)
    alerts = lambda: [line["threshold"] for line in gateway.logs("budget_alert")]  # noqa: E731
    with gateway:
        ask(gateway, 3)  # $0.018: past 0.8
        (told,) = wait_until(lambda: gateway.logs("budget_alert"), 15, "the alert")
        assert (told["account"], told["threshold"], told["alert_to"]) == ("team:platform", "warn", ["em"])
        assert told["limit_usd"] == "0.020000"
        os.kill(gateway.children()["control-plane"], signal.SIGKILL)
        ask(gateway)
        wait_until(lambda: alerts() == ["warn", "downgrade", "limit"], 20, "one line for each threshold")
        metrics = httpx.get(f"{gateway.url}/-/metrics").text
        assert 'agentcc_budget_limit_usd{account="platform",level="team",models="",period="monthly"} 0.02' in metrics
        listed = gateway.run_cli("budgets", "list", "-c", str(gateway.file)).stdout
        gateway.run_cli("budgets", "correct", "team:platform", "-0.001", "--reason", "test", "-c", str(gateway.file))
        wait_until(lambda: spent(gateway, "team:platform monthly") == recorded(gateway) - 1_000_000, 5)
        assert gateway.stop() == 0
    assert "team:platform" in listed
    assert "$0.02" in listed
    shown = json.loads(gateway.run_cli("budgets", "show", "team:platform", "--json", "-c", str(gateway.file)).stdout)
    assert shown[0]["spent_nusd"] == recorded(gateway) - 1_000_000
    assert [entry["reason"] for entry in shown[0]["corrections"]] == ["test"]
    with gateway:
        wait_until(lambda: spent(gateway, "team:platform monthly") == recorded(gateway) - 1_000_000, 15)
        ask(gateway)
        wait_until(lambda: spent(gateway, "team:platform monthly") == recorded(gateway) - 1_000_000, 15)
        assert alerts() == ["warn", "downgrade", "limit"]
        assert gateway.stop() == 0


@pytest.mark.chaos
def test_a_killed_worker_gives_its_lease_back_within_a_second_or_so(tmp_path: Path, fake: FakeUpstream) -> None:
    """What it held is booked at the hold, what it only leased is free, without waiting for its successor."""
    config = config_for(fake.url, workers=2)
    config["budgets"] = {"teams": {"platform": {"limit": 10, "hard": True}}}
    with Gateway(tmp_path, config) as gateway:
        ask(gateway, 2)
        wait_until(lambda: budgets(gateway)["team:platform monthly"]["leased_nusd"] > 0, 15, "a lease")
        for name, pid in gateway.children().items():
            if name.startswith("worker"):
                os.kill(pid, signal.SIGKILL)
        killed = time.time()
        (folded, *_) = wait_until(lambda: gateway.logs("budget_runs_folded"), 10, "the dead runs are folded")
        assert folded["ts"] - killed < 2.0
        wait_until(lambda: is_settled(gateway), 10, "its lease is free")
        ask(gateway)
        wait_until(lambda: spent(gateway, "team:platform monthly") == recorded(gateway), 15)


def is_settled(gateway: Gateway) -> bool:
    try:
        row = budgets(gateway)["team:platform monthly"]
    except httpx.HTTPError:
        return False  # no worker to pass it on
    return bool(row["leased_nusd"] == 0 and row["spent_nusd"] == recorded(gateway))
