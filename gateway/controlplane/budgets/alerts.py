"""Says once that a bucket has passed a threshold: kept in `<data_dir>/alerts.sqlite3`, so that no restart says it again.

A fact is stored before it is told and marked after: a crash between the two tells it twice rather than never. Who is told is a
list of channels; the log is the first. A threshold is its amount: a raised limit is a new one.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from gateway.base.core.budget import Threshold
from gateway.base.core.money import usd
from gateway.base.core.struct import Record
from gateway.base.storage import StorageError
from gateway.base.storage.private import create_private, make_private_dir
from gateway.base.telemetry.log import log
from gateway.controlplane.budgets.desk import Desk, now_ms
from gateway.controlplane.budgets.report import Report

FILE_NAME = "alerts.sqlite3"
_EVERY_S = 1.0
_BUSY_FACTOR = 9  # to look takes at most a tenth of the time
_LONGEST_BACK_OFF_S = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS alerts (
    bucket TEXT NOT NULL, threshold TEXT NOT NULL, amount_nusd INTEGER NOT NULL, json BLOB NOT NULL,
    is_told INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (bucket, threshold, amount_nusd)
) WITHOUT ROWID
"""
_encode = msgspec.json.Encoder().encode


class Alert(Record, frozen=True):
    """A bucket has passed a threshold. Money in nano-USD; `resets_at` is None where the period never ends."""

    bucket: str
    account: str
    models: str
    period: str
    threshold: Threshold
    amount_nusd: int
    limit_nusd: int
    spent_nusd: int
    is_hard: bool
    resets_at: str | None
    alert_to: tuple[str, ...]
    at_ms: int

    @property
    def share(self) -> float:
        """Spent of the limit: 0.8 is 80 %."""
        return round(self.spent_nusd / max(1, self.limit_nusd), 4)


Channel = Callable[[Alert], None]
"""Takes one alert somewhere; may block, may raise OSError: it is then told again later."""

_decode = msgspec.json.Decoder(Alert).decode


def to_log(alert: Alert) -> None:
    """The log as a channel."""
    log(
        "error" if alert.threshold in ("limit", "pause") else "warning", "budget_alert", account=alert.account,
        models=alert.models, period=alert.period, threshold=alert.threshold, limit_usd=usd(alert.limit_nusd),
        spent_usd=usd(alert.spent_nusd), share=alert.share, hard=alert.is_hard, resets_at=alert.resets_at,
        alert_to=alert.alert_to, bucket=alert.bucket,
    )  # fmt: skip


class Alerts:
    """What was told, and to whom it goes. Raises sqlite3.Error where SQLite does, StorageError."""

    def __init__(self, data_dir: Path, channels: Sequence[Channel] = (to_log,)) -> None:
        path = data_dir / FILE_NAME
        make_private_dir(data_dir)
        create_private(path, b"")
        self._channels = channels
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(_SCHEMA)
        self._lock = threading.Lock()
        self._known = set(self._db.execute("SELECT bucket, threshold, amount_nusd FROM alerts"))

    def close(self) -> None:
        """Close the file, once a look that goes on has ended."""
        with self._lock:
            self._db.close()

    def look(self, found: Iterable[Report], now_ms: int) -> None:
        """Tell what is new in these reports, and what could not be told before."""
        with self._lock:
            for report in found:
                for threshold, amount in report.passed:
                    if (report.bucket, threshold, amount) not in self._known:
                        self._store(_alert(report, threshold, amount, now_ms))
            self._tell()

    async def run(self, desk: Desk, on_reports: Callable[[list[Report]], None] = lambda found: None) -> None:
        """Look once a second, for ever. `on_reports` gets what was seen too."""
        back_off_s = _EVERY_S
        while True:
            began = time.perf_counter()
            try:
                found = await desk.reports() if desk.windows else []
                on_reports(found)
                await asyncio.to_thread(self.look, found, now_ms())
                pause_s = back_off_s = _EVERY_S
            except (StorageError, sqlite3.Error, OSError) as exc:
                pause_s = back_off_s = min(back_off_s * 2, _LONGEST_BACK_OFF_S)
                log("error", "budget_alerts_failed", error=str(exc), retry_in_s=back_off_s)
            await asyncio.sleep(max(pause_s, _BUSY_FACTOR * (time.perf_counter() - began)))

    def _store(self, alert: Alert) -> None:
        key = alert.bucket, alert.threshold, alert.amount_nusd
        self._db.execute("INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?, 0)", (*key, _encode(alert)))
        self._known.add(key)

    def _tell(self) -> None:
        for bucket, threshold, amount, text in self._db.execute(
            "SELECT bucket, threshold, amount_nusd, json FROM alerts WHERE is_told = 0 ORDER BY bucket, amount_nusd"
        ).fetchall():
            for channel in self._channels:
                channel(_decode(text))
            self._db.execute(
                "UPDATE alerts SET is_told = 1 WHERE bucket = ? AND threshold = ? AND amount_nusd = ?",
                (bucket, threshold, amount),
            )


def _alert(report: Report, threshold: Threshold, amount_nusd: int, now_ms: int) -> Alert:
    window = report.window
    return Alert(
        report.bucket, report.account, window.models, window.period, threshold, amount_nusd, report.limit_nusd,
        report.spent_nusd, window.is_hard, report.resets_at, window.alert_to, now_ms,
    )  # fmt: skip
