"""Virtual keys in `<data_dir>/keys.sqlite3` (WAL, 0600): written by the command line, watched by every worker.

A writer commits and then bumps `<data_dir>/keys.generation`; a worker that sees a new number reads the rows whose
revision it has not seen. So a key made or revoked in one process counts in all others with their next request. Once a
second the feed also asks SQLite itself (`PRAGMA data_version`, 3 us) and looks at the files' inodes: that catches a
writer that died between commit and bump, a restored backup, and a hand that used the sqlite3 shell.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gateway.base.core.principal import Priority
from gateway.base.storage.generation import Generation
from gateway.base.storage.ports import KeyChanges, NewKey, StorageError, StoredKey
from gateway.base.storage.private import create_private, make_private_dir
from gateway.base.storage.secret import ServerSecret, hint_of, new_secret
from gateway.base.storage.sqlite.migrations import KEYS, migrate
from gateway.base.storage.sqlite.wal import use_wal

_CHECK_EVERY_MS = 1000
_BUSY_S = 5.0
_COLUMNS = (
    "digest, id, name, hint, org, team, user, cost_center, idp_claim, tags, models, allowed_ips, route, chatgpt_account, "
    "created_at_ms, expires_at_ms, revoked_at_ms, replaced_by, overlap_until_ms, priority"
)
_LIVE = "revoked_at_ms = 0 AND replaced_by = ''"
_encode = msgspec.json.Encoder().encode
_TAGS = msgspec.json.Decoder(dict[str, str])
_LIST = msgspec.json.Decoder(tuple[str, ...])
_Row = tuple[  # as _COLUMNS
    bytes, str, str, str, str, str, str, str, str, str, str, str, str, str, int, int, int, str, int, Priority
]


def open_keys(data_dir: str | Path) -> "SqliteKeys":
    """The key store of `data_dir`, made when absent. Raises StorageError."""
    return SqliteKeys(Path(data_dir))


class SqliteKeys:
    """KeyFeed and KeyStore in one: one connection, for one process and one thread at a time (open it after a fork)."""

    def __init__(self, data_dir: Path) -> None:
        make_private_dir(data_dir)
        self._path = data_dir / "keys.sqlite3"
        self._generation_path = data_dir / "keys.generation"
        self._secret = ServerSecret.load(data_dir)
        self.digest = self._secret.digest
        self._next_check_ms = 0
        self._use(*self._open())

    def _open(self) -> tuple[sqlite3.Connection, int, Generation]:
        create_private(self._path, b"")
        inode = self._path.stat().st_ino
        with self._translated():
            db = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                use_wal(db, _BUSY_S)
                migrate(db, KEYS, self._path.name)
                self._check_secret(db)
                generation = Generation(self._generation_path)
            except BaseException:
                db.close()
                raise
        return db, inode, generation

    def _use(self, db: sqlite3.Connection, inode: int, generation: Generation) -> None:
        self._db, self._inode, self._generation = db, inode, generation
        self._read_generation = generation.read
        self._seen_generation = self._seen_revision = self._data_version = -1

    def close(self) -> None:
        """Give connection and mapping back."""
        self._db.close()
        self._generation.close()

    # === the feed ===

    def is_changed(self, now_ms: int) -> bool:
        """See KeyFeed."""
        return self._read_generation() != self._seen_generation or now_ms >= self._next_check_ms

    def changes(self, now_ms: int) -> KeyChanges | None:
        """See KeyFeed."""
        self._next_check_ms = now_ms + _CHECK_EVERY_MS
        with self._translated():
            if self._is_replaced():
                opened = self._open()
                self.close()
                self._use(*opened)
            generation = self._read_generation()  # before the rows: a write in between is seen next time
            (data_version,) = self._db.execute("PRAGMA data_version").fetchone()
            if data_version == self._data_version and generation == self._seen_generation:
                return None
            is_full = self._seen_revision < 0
            revision, rows = self._rows_after(self._seen_revision)
            if not rows and data_version != self._data_version:  # changed, but not by us: trust nothing we hold
                is_full, (revision, rows) = True, self._rows_after(-1)
        self._data_version, self._seen_generation, self._seen_revision = data_version, generation, revision
        return KeyChanges(is_full, rows) if rows or is_full else None

    def _rows_after(self, revision: int) -> tuple[int, list[StoredKey]]:
        self._db.execute("BEGIN")  # both reads from one snapshot
        try:
            (newest,) = self._db.execute("SELECT value FROM meta WHERE name = 'revision'").fetchone()
            found = self._db.execute(f"SELECT {_COLUMNS} FROM keys WHERE revision > ?", (revision,)).fetchall()
        finally:
            self._db.execute("COMMIT")
        return newest, [_stored(row) for row in found]

    def _is_replaced(self) -> bool:
        """Whether the files are others than those we hold open. A missing one raises: what was read stays in force."""
        return self._path.stat().st_ino != self._inode or self._generation_path.stat().st_ino != self._generation.inode

    # === the store ===

    def create(self, key: NewKey, now_ms: int) -> tuple[StoredKey, str]:
        """See KeyStore."""
        secret = new_secret()
        stored = self._new(key, secret, now_ms)
        with self._writing() as revision:
            if self._one(f"name = ? AND {_LIVE}", key.name):
                raise StorageError(
                    f"key `{key.name}` exists", f"`agentcc keys rotate {key.name}` gives it a new secret"
                )
            self._refuse_taken_account(key)
            self._insert(stored, revision)
        return stored, secret

    def all(self) -> list[StoredKey]:
        """See KeyStore."""
        with self._translated():
            found = self._db.execute(f"SELECT {_COLUMNS} FROM keys ORDER BY created_at_ms, name, id").fetchall()
        return [_stored(row) for row in found]

    def revoke(self, name_or_id: str, now_ms: int) -> list[StoredKey]:
        """See KeyStore."""
        with self._writing() as revision:
            found = self._db.execute(
                f"SELECT {_COLUMNS} FROM keys WHERE (name = ? OR id = ?) AND revoked_at_ms = 0",
                (name_or_id, name_or_id),
            ).fetchall()
            keys = [
                key
                for key in map(_stored, found)
                if key.is_live or key.overlap_until_ms > now_ms or key.id == name_or_id
            ]
            if not keys:
                raise StorageError(f"there is no live key `{name_or_id}`", "`agentcc keys list --all` shows them all")
            for key in keys:
                self._db.execute(
                    "UPDATE keys SET revoked_at_ms = ?, revision = ? WHERE digest = ?", (now_ms, revision, key.digest)
                )
        return [msgspec.structs.replace(key, revoked_at_ms=now_ms) for key in keys]

    def rotate(
        self, name: str, now_ms: int, overlap_ms: int, expires_at_ms: int | None = None
    ) -> tuple[StoredKey, str, StoredKey]:
        """See KeyStore."""
        secret = new_secret()
        with self._writing() as revision:
            old = self._one(f"(name = ? OR id = ?) AND {_LIVE}", name, name)
            if old is None:
                raise StorageError(f"there is no live key `{name}`", "`agentcc keys list --all` shows them all")
            expires = old.key.expires_at_ms if expires_at_ms is None else expires_at_ms
            if expires and expires <= now_ms:
                raise StorageError(f"key `{name}` has expired", "say when the new one does: `--expires 30d`")
            new = self._new(msgspec.structs.replace(old.key, expires_at_ms=expires), secret, now_ms)
            self._db.execute(
                "UPDATE keys SET replaced_by = ?, overlap_until_ms = ?, revision = ? WHERE digest = ?",
                (new.id, now_ms + overlap_ms, revision, old.digest),
            )
            self._insert(new, revision)
        return new, secret, msgspec.structs.replace(old, replaced_by=new.id, overlap_until_ms=now_ms + overlap_ms)

    def _new(self, key: NewKey, secret: str, now_ms: int) -> StoredKey:
        return StoredKey(self.digest(secret), "key_" + secrets.token_hex(5), hint_of(secret), key, now_ms)

    def _insert(self, stored: StoredKey, revision: int) -> None:
        key = stored.key
        values = (
            stored.digest, stored.id, key.name, stored.hint, key.org, key.team, key.user, key.cost_center, key.idp_claim,
            _encode(key.tags).decode(), _encode(key.models).decode(), _encode(key.allowed_ips).decode(), key.route,
            key.chatgpt_account, stored.created_at_ms, key.expires_at_ms, stored.revoked_at_ms, stored.replaced_by,
            stored.overlap_until_ms, key.priority, revision,
        )  # fmt: skip
        self._db.execute(f"INSERT INTO keys ({_COLUMNS}, revision) VALUES ({', '.join('?' * len(values))})", values)

    def _one(self, where: str, *values: str) -> StoredKey | None:
        row = self._db.execute(f"SELECT {_COLUMNS} FROM keys WHERE {where}", values).fetchone()
        return _stored(row) if row else None

    def _refuse_taken_account(self, key: NewKey) -> None:
        if key.chatgpt_account and (other := self._one(f"chatgpt_account = ? AND {_LIVE}", key.chatgpt_account)):
            raise StorageError(f"ChatGPT account `{key.chatgpt_account}` already belongs to key `{other.key.name}`")

    # === plumbing ===

    @contextmanager
    def _writing(self) -> Iterator[int]:
        """One transaction and, after it, one bump. Yields the revision that its rows carry."""
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
                (revision,) = self._db.execute("SELECT value FROM meta WHERE name = 'revision'").fetchone()
                yield revision
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self._generation.bump()

    def _check_secret(self, db: sqlite3.Connection) -> None:
        """Refuse a secret.key that is not the one of this database: every key would look unknown."""
        want = self.digest("agentcc: is this the right secret.key?")
        query = "SELECT value FROM meta WHERE name = 'secret_check'"
        found = db.execute(query).fetchone()
        if found is None:
            db.execute("INSERT OR IGNORE INTO meta VALUES ('secret_check', ?)", (want,))
            found = db.execute(query).fetchone()
        if found[0] != want:
            raise StorageError(
                f"`{self._path.with_name('secret.key')}` is not the secret that `{self._path.name}` was written with",
                "restore both from the same backup",
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, msgspec.MsgspecError, OSError) as exc:
            raise StorageError(f"`{self._path}`: {exc}", "run this as the user that runs the gateway") from exc


def _stored(row: _Row) -> StoredKey:
    """A row in the order of _COLUMNS → the key."""
    tags, models, ips = row[9], row[10], row[11]
    key = NewKey(
        row[2], row[4], row[5], row[6], row[7], row[8],
        _TAGS.decode(tags) if tags != "{}" else {},
        _LIST.decode(models) if models != "[]" else (),
        _LIST.decode(ips) if ips != "[]" else (),
        row[12], row[13], row[15], row[19],
    )  # fmt: skip
    return StoredKey(row[0], row[1], row[3], key, row[14], row[16], row[17], row[18])
