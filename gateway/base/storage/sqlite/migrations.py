"""Brings a SQLite file to the newest shape: numbered steps, each run once, counted in `PRAGMA user_version`."""

import sqlite3
from collections.abc import Sequence

from gateway.base.storage.ports import StorageError

KEYS: tuple[str, ...] = (
    """
    CREATE TABLE keys (
        digest BLOB PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        hint TEXT NOT NULL,
        org TEXT NOT NULL,
        team TEXT NOT NULL,
        user TEXT NOT NULL,
        cost_center TEXT NOT NULL,
        idp_claim TEXT NOT NULL,
        tags TEXT NOT NULL,
        models TEXT NOT NULL,
        allowed_ips TEXT NOT NULL,
        route TEXT NOT NULL,
        chatgpt_account TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER NOT NULL,
        revoked_at_ms INTEGER NOT NULL DEFAULT 0,
        replaced_by TEXT NOT NULL DEFAULT '',
        overlap_until_ms INTEGER NOT NULL DEFAULT 0,
        revision INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX keys_live_name ON keys(name) WHERE revoked_at_ms = 0 AND replaced_by = '';
    CREATE UNIQUE INDEX keys_live_account ON keys(chatgpt_account)
        WHERE chatgpt_account != '' AND revoked_at_ms = 0 AND replaced_by = '';
    CREATE INDEX keys_revision ON keys(revision);
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
    INSERT INTO meta VALUES ('revision', 0);
    """,
    "ALTER TABLE keys ADD COLUMN priority TEXT NOT NULL DEFAULT 'interactive';",
)
"""Steps of keys.sqlite3. `revision` grows with each transaction: a worker reads only rows newer than it has seen."""

LEASES: tuple[str, ...] = (
    """
    CREATE TABLE epoch (began_ms INTEGER NOT NULL);
    INSERT INTO epoch VALUES (0);
    CREATE TABLE nodes (node TEXT PRIMARY KEY, heard_ms INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE runs (run TEXT PRIMARY KEY, node TEXT NOT NULL, synced_ms INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE adopted (
        label TEXT NOT NULL,
        window TEXT NOT NULL,
        node TEXT NOT NULL,
        epoch_ms INTEGER NOT NULL,
        PRIMARY KEY (label, window, node)
    ) WITHOUT ROWID;
    CREATE TABLE shares (
        bucket TEXT NOT NULL,
        run TEXT NOT NULL,
        base_nusd INTEGER NOT NULL,
        granted_nusd INTEGER NOT NULL,
        spent_nusd INTEGER NOT NULL,
        held_nusd INTEGER NOT NULL,
        first_frames INTEGER NOT NULL,
        synced_ms INTEGER NOT NULL,
        tight_ms INTEGER NOT NULL,
        PRIMARY KEY (bucket, run)
    ) WITHOUT ROWID;
    CREATE INDEX shares_of_run ON shares(run);
    CREATE TABLE totals (
        bucket TEXT NOT NULL,
        node TEXT NOT NULL,
        total_nusd INTEGER NOT NULL,
        PRIMARY KEY (bucket, node)
    ) WITHOUT ROWID;
    CREATE TABLE wanted (bucket TEXT PRIMARY KEY, need_nusd INTEGER NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE corrections (
        id INTEGER PRIMARY KEY,
        bucket TEXT NOT NULL,
        amount_nusd INTEGER NOT NULL,
        reason TEXT NOT NULL,
        by TEXT NOT NULL,
        at_ms INTEGER NOT NULL
    );
    CREATE INDEX corrections_of_bucket ON corrections(bucket);
    """,
    """
    CREATE TABLE rates (
        limiter TEXT PRIMARY KEY,
        drained_ms INTEGER NOT NULL,
        rest INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE slots (
        limiter TEXT NOT NULL,
        run TEXT NOT NULL,
        granted INTEGER NOT NULL,
        PRIMARY KEY (limiter, run)
    ) WITHOUT ROWID;
    CREATE INDEX slots_of_run ON slots(run);
    CREATE TABLE slot_runs (run TEXT PRIMARY KEY, heard_ms INTEGER NOT NULL) WITHOUT ROWID;
    """,
)
"""Steps of leases.sqlite3. `totals` of node '' are the sums of a bucket's corrections. The second step is that of rate limits (rates.py)."""

QUARANTINE: tuple[str, ...] = (
    """
    CREATE TABLE entries (
        id TEXT PRIMARY KEY,
        ts_ms INTEGER NOT NULL,
        key TEXT NOT NULL,
        session_id TEXT NOT NULL,
        action TEXT NOT NULL,
        rules TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        sealed BLOB NOT NULL
    );
    CREATE INDEX entries_ts ON entries(ts_ms);
    CREATE TABLE size (bytes INTEGER NOT NULL);
    INSERT INTO size VALUES (0);
    CREATE TRIGGER entries_added AFTER INSERT ON entries BEGIN UPDATE size SET bytes = bytes + new.bytes; END;
    CREATE TRIGGER entries_dropped AFTER DELETE ON entries BEGIN UPDATE size SET bytes = bytes - old.bytes; END;
    """,
)
"""Steps of quarantine.sqlite3. `size` is the sum of all entries' bytes."""


def migrate(db: sqlite3.Connection, steps: Sequence[str], name: str) -> None:
    """Run the steps that `db` has not seen, each in one transaction with its number. Raises StorageError."""
    known = len(steps)
    done = _version(db)
    if done > known:
        raise StorageError(
            f"`{name}` has shape {done}, this agentcc knows up to {known}", "use the agentcc version that wrote it"
        )
    for number in range(done, known):
        db.execute("BEGIN IMMEDIATE")  # two processes may start at once: look again under the lock
        try:
            if _version(db) == number:
                for statement in steps[number].split(";\n"):
                    if statement.strip():
                        db.execute(statement)
                db.execute(f"PRAGMA user_version = {number + 1}")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
