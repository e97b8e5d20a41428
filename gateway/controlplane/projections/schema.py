"""The ledger's tables. A change of them raises VERSION: the old file is put aside and a new one built from the journal."""

VERSION = 4

SCHEMA = """
CREATE TABLE principals (
    id INTEGER PRIMARY KEY, json TEXT NOT NULL UNIQUE,
    org TEXT NOT NULL, team TEXT NOT NULL, user TEXT NOT NULL, key TEXT NOT NULL,
    cost_center TEXT NOT NULL, idp_claim TEXT NOT NULL
);
CREATE TABLE traits (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, principal INTEGER NOT NULL REFERENCES principals (id),
    dialect TEXT NOT NULL,
    model_requested TEXT NOT NULL, model_used TEXT NOT NULL, provider TEXT NOT NULL,
    status INTEGER NOT NULL, outcome TEXT NOT NULL, error_code TEXT NOT NULL,
    cost_basis TEXT NOT NULL, price_version TEXT NOT NULL, policy_version TEXT NOT NULL, is_stream INTEGER NOT NULL,
    ran TEXT NOT NULL,
    UNIQUE (run, principal, dialect, model_requested, model_used, provider, status, outcome, error_code, cost_basis,
            price_version, policy_version, is_stream, ran)
);
CREATE TABLE exchanges (
    id INTEGER PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, ts_ms INTEGER NOT NULL,
    trait INTEGER NOT NULL REFERENCES traits (id), hash BLOB NOT NULL,
    session INTEGER NOT NULL, client TEXT NOT NULL,
    input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL, cost_nusd INTEGER NOT NULL,
    hops TEXT NOT NULL, verdicts TEXT NOT NULL,
    latency_ms REAL NOT NULL, ttfb_ms REAL NOT NULL, overhead_us INTEGER NOT NULL,
    request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL,
    turn_id TEXT NOT NULL, retry INTEGER NOT NULL, queued_ms INTEGER NOT NULL
);
CREATE INDEX exchanges_ts ON exchanges (ts_ms);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, principal INTEGER NOT NULL REFERENCES principals (id),
    basis TEXT NOT NULL, first_ts_ms INTEGER NOT NULL, last_ts_ms INTEGER NOT NULL, exchanges INTEGER NOT NULL,
    turns INTEGER NOT NULL, retries INTEGER NOT NULL, refused INTEGER NOT NULL, errors INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cost_nusd INTEGER NOT NULL, estimated INTEGER NOT NULL,
    UNIQUE (session_id, principal)
);
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY, exchange INTEGER NOT NULL REFERENCES exchanges (id), ts_ms INTEGER NOT NULL,
    scanner TEXT NOT NULL, rule TEXT NOT NULL, action TEXT NOT NULL, side TEXT NOT NULL, place TEXT NOT NULL,
    match TEXT NOT NULL
);
CREATE INDEX verdicts_ts ON verdicts (ts_ms);
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
"""`traits` holds once what many exchanges have in common. `exchanges.id` grows by one with each new row; `hops` and
`verdicts` are empty when there were none (`[]`, `"not_run"`). What the guard
did is the text `traits.ran` and behind it `exchanges.verdicts`; the table `verdicts` has its findings that were new. `sessions` has a line for each session id of each
principal, and `exchanges.session` is its id, or 0. `totals.labels` is a JSON array of strings."""

ROWS_AT_ONCE = 32
_ROW = "(NULL," + ",".join("?" * 22) + ")"
ADD_EXCHANGES = tuple(
    f"INSERT INTO exchanges VALUES {','.join([_ROW] * rows)} ON CONFLICT (request_id) DO NOTHING"  # noqa: S608
    for rows in range(ROWS_AT_ONCE + 1)
)
"""By the number of rows. 32 at once take 2.1 us each, one at a time 3.1."""

LAST_EXCHANGE = "SELECT coalesce(max(id), 0) FROM exchanges"
FIND_EXCHANGE = "SELECT id FROM exchanges WHERE request_id = ? AND hash = ? AND id > ?"
ADD_TRAIT = "INSERT INTO traits VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
FIND_TRAIT = (
    "SELECT id FROM traits WHERE (run, principal, dialect, model_requested, model_used, provider, status, outcome, error_code,"
    " cost_basis, price_version, policy_version, is_stream, ran) = (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
ADD_PRINCIPAL = "INSERT INTO principals VALUES (NULL,?,?,?,?,?,?,?) ON CONFLICT (json) DO NOTHING"
FIND_PRINCIPAL = "SELECT id FROM principals WHERE json = ?"
ADD_SESSION = (
    "INSERT INTO sessions VALUES (NULL,?,?,?, 1 << 62, 0, 0,0,0,0,0, 0,0,0,0, 0,0)"
    " ON CONFLICT (session_id, principal) DO NOTHING"
)
"""An empty line, whose times the first exchange sets."""
FIND_SESSION = "SELECT id FROM sessions WHERE session_id = ? AND principal = ?"
ADD_TO_SESSION = (
    "UPDATE sessions SET first_ts_ms = min(first_ts_ms, ?), last_ts_ms = max(last_ts_ms, ?), exchanges = exchanges + ?,"
    " turns = turns + ?, retries = retries + ?, refused = refused + ?, errors = errors + ?,"
    " input_tokens = input_tokens + ?, cache_read_tokens = cache_read_tokens + ?,"
    " cache_write_tokens = cache_write_tokens + ?, output_tokens = output_tokens + ?, cost_nusd = cost_nusd + ?,"
    " estimated = estimated + ? WHERE id = ?"
)
ADD_FINDING = (
    "INSERT INTO verdicts (exchange, ts_ms, scanner, rule, action, side, place, match)"
    " SELECT id, ts_ms, ?, ?, ?, ?, ?, ? FROM exchanges WHERE request_id = ?"
)
ADD_RUN = "INSERT INTO runs VALUES (?,?,?,?,?,?) ON CONFLICT (run) DO NOTHING"
SET_OFFSET = (
    "INSERT INTO offsets VALUES (?,?,?,?,?) ON CONFLICT (run) DO UPDATE SET segment = excluded.segment,"
    " offset = excluded.offset, head = excluded.head, is_done = excluded.is_done"
)
ADD_TOTAL = (
    "INSERT INTO totals VALUES (?,?,?) ON CONFLICT (metric, labels) DO UPDATE SET value = value + excluded.value"
)
