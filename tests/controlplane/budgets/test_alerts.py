"""Alerts: one for each bucket and threshold, whatever restarts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.base.core.budget import Window
from gateway.controlplane.budgets.alerts import Alert, Alerts
from gateway.controlplane.budgets.report import reports
from tests.controlplane.budgets.conftest import NOW_MS, window
from tests.controlplane.budgets.test_report import PLATFORM, USD, node_row

SOFT = window("team", "platform", is_hard=False, pause=1.1, alert_to=("em-platform",))


@pytest.fixture
def told() -> list[Alert]:
    return []


@pytest.fixture
def alerts(tmp_path: Path, told: list[Alert]) -> Iterator[Alerts]:
    made = Alerts(tmp_path, [told.append])
    yield made
    made.close()


def look(alerts: Alerts, spent_nusd: int, cap: Window = SOFT) -> None:
    alerts.look(reports((cap,), [node_row(PLATFORM, spent_nusd)], [], NOW_MS), NOW_MS)


def test_each_threshold_is_told_once(alerts: Alerts, told: list[Alert], tmp_path: Path) -> None:
    """Warn, downgrade, the limit, pause; also when several are passed at once, and after a restart."""
    look(alerts, 7 * USD)
    assert not told
    look(alerts, 8 * USD)
    look(alerts, 8 * USD)
    assert [alert.threshold for alert in told] == ["warn"]
    look(alerts, 10 * USD)
    assert [alert.threshold for alert in told] == ["warn", "downgrade", "limit"]
    again = Alerts(tmp_path, [told.append])
    look(again, 12 * USD)
    again.close()
    assert [alert.threshold for alert in told] == ["warn", "downgrade", "limit", "pause"]
    last = told[-1]
    assert (last.account, last.alert_to, last.share) == ("team:platform", ("em-platform",), 1.2)
    assert (last.limit_nusd, last.spent_nusd, last.resets_at) == (10 * USD, 12 * USD, "2026-12-01T00:00:00.000Z")


def test_a_hard_limit_has_no_pause(alerts: Alerts, told: list[Alert]) -> None:
    """It refuses at 100 %, which is said once."""
    look(alerts, 20 * USD, window("team", "platform"))
    assert [alert.threshold for alert in told] == ["warn", "downgrade", "limit"]


def test_a_raised_limit_warns_at_its_own_threshold(alerts: Alerts, told: list[Alert]) -> None:
    """It is another amount; the old one is not told again when the raise has ended."""
    look(alerts, 8 * USD)
    raised = window("team", "platform", is_hard=False, pause=1.1, limit_nusd=20 * USD)
    look(alerts, 15 * USD, raised)
    look(alerts, 16 * USD, raised)
    assert [(alert.threshold, alert.amount_nusd) for alert in told] == [("warn", 8 * USD), ("warn", 16 * USD)]
    look(alerts, 9 * USD)
    assert len(told) == 2


def test_what_could_not_be_told_is_told_later(tmp_path: Path, told: list[Alert]) -> None:
    """A channel that fails, or a crash between storing and telling, loses no alert."""
    down = [True]

    def channel(alert: Alert) -> None:
        if down[0]:
            raise OSError("no route")
        told.append(alert)

    alerts = Alerts(tmp_path, [channel])
    with pytest.raises(OSError, match="no route"):
        look(alerts, 8 * USD)
    alerts.close()
    down[0] = False
    again = Alerts(tmp_path, [channel])
    look(again, 8 * USD)
    again.close()
    assert [alert.threshold for alert in told] == ["warn"]
