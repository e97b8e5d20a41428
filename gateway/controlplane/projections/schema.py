"""The ledger's tables. A change of them raises VERSION: the old file is put aside and a new one built from the journal."""

VERSION = 1

SCHEMA = """
CREATE TABLE principals (
    id INTEGER PRIMARY KEY, json TEXT NOT NULL UNIQUE,
    org TEXT NOT NULL, team TEXT NOT NULL, user TEXT NOT NULL, key TEXT NOT NULL,
    cost_center TEXT NOT NULL, idp_claim TEXT NOT NULL
);
CREATE TABLE exchanges (
    request_id TEXT PRIMARY KEY, ts_ms INTEGER NOT NULL, run TEXT NOT NULL, hash BLOB NOT NULL,
    principal INTEGER NOT NULL REFERENCES principals (id), session_id TEXT NOT NULL, dialect TEXT NOT NULL,
    client TEXT NOT NULL, model_requested TEXT NOT NULL, model_used TEXT NOT NULL, provider TEXT NOT NULL,
    status INTEGER NOT NULL, outcome TEXT NOT NULL, error_code TEXT NOT NULL,
    input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
    cost_nusd INTEGER NOT NULL, cost_basis TEXT NOT NULL, price_version TEXT NOT NULL,
    hops TEXT, verdicts TEXT, policy_version TEXT NOT NULL,
    latency_ms REAL NOT NULL, ttfb_ms REAL NOT NULL, overhead_us INTEGER NOT NULL,
    request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL, is_stream INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX exchanges_ts ON exchanges (ts_ms);
CREATE TABLE runs (
    run TEXT PRIMARY KEY, slot INTEGER NOT NULL, pid INTEGER NOT NULL, ts TEXT NOT NULL, version TEXT NOT NULL,
    crashed_predecessors INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE offsets (
    run TEXT PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL, head TEXT NOT NULL, is_done INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE totals (
    metric TEXT NOT NULL, labels TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (metric, labels)
) WITHOUT ROWID;
"""
"""`hops` and `verdicts` are NULL when there were none (`[]`, `"not_run"`). `totals.labels` is a JSON array of strings."""

ADD_EXCHANGE = (
    "INSERT INTO exchanges VALUES (" + ",".join("?" * 31) + ") ON CONFLICT (request_id) DO NOTHING"  # noqa: S608
)
ADD_RUN = "INSERT INTO runs VALUES (?,?,?,?,?,?) ON CONFLICT (run) DO NOTHING"
SET_OFFSET = (
    "INSERT INTO offsets VALUES (?,?,?,?,?) ON CONFLICT (run) DO UPDATE SET segment = excluded.segment,"
    " offset = excluded.offset, head = excluded.head, is_done = excluded.is_done"
)
ADD_TOTAL = (
    "INSERT INTO totals VALUES (?,?,?) ON CONFLICT (metric, labels) DO UPDATE SET value = value + excluded.value"
)
ADD_PRINCIPAL = "INSERT INTO principals VALUES (NULL,?,?,?,?,?,?,?) ON CONFLICT (json) DO NOTHING"
