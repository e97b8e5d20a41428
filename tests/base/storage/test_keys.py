"""The key store: what is kept, who may read it, and how one process notices what another changed."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.base.storage import KeyChanges, NewKey, ServerSecret, SqliteKeys, StorageError, hint_of, open_keys

NOW = 1_800_000_000_000
HOUR = 3_600_000


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(data_dir: Path) -> Iterator[SqliteKeys]:
    keys = open_keys(data_dir)
    yield keys
    keys.close()


@pytest.fixture
def feed(store: SqliteKeys, data_dir: Path) -> Iterator[SqliteKeys]:
    """Another connection, as a worker has it, that has read everything."""
    keys = open_keys(data_dir)
    keys.changes(NOW)
    yield keys
    keys.close()


def names(changes: KeyChanges | None) -> list[str]:
    return [row.key.name for row in changes.rows] if changes else []


def test_a_key_comes_back_as_it_was_made(store: SqliteKeys) -> None:
    """Every field survives, and the digest is that of the secret."""
    key = NewKey(
        "alice", "acme", "platform", "alice@acme.dev", "cc-42", "sub|1", {"repo": "päyments"}, ("openai/*",),
        ("10.0.0.0/8",), "ci", "acc-1", NOW + HOUR, "batch",
    )  # fmt: skip
    stored, secret = store.create(key, NOW)
    assert store.all() == [stored]
    assert stored.key == key
    assert (stored.digest, stored.hint, stored.created_at_ms) == (store.digest(secret), secret[:15] + "…", NOW)
    assert stored.id.startswith("key_")


def test_a_secret_has_256_random_bits_and_is_nowhere_on_disk(store: SqliteKeys, data_dir: Path) -> None:
    """The secret is shown once: no file of the store holds more of it than its hint."""
    secrets = {store.create(NewKey(f"k{i}"), NOW)[1] for i in range(20)}
    assert len(secrets) == 20
    assert {len(s) for s in secrets} == {len("sk-agentcc-") + 43}
    on_disk = b"".join(path.read_bytes() for path in data_dir.iterdir())
    assert not any(s.encode()[:16] in on_disk for s in secrets)


def test_files_are_readable_by_their_owner_only(store: SqliteKeys, data_dir: Path) -> None:
    store.create(NewKey("alice"), NOW)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data_dir.iterdir()}
    assert {"keys.sqlite3", "secret.key", "keys.generation"} <= set(modes)
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert (data_dir / "secret.key").stat().st_size == 32


def test_many_processes_that_start_at_once_agree_on_the_secret(data_dir: Path) -> None:
    """The server secret and the tables are made once, whoever comes first."""
    code = "import sys; from gateway.base.storage import open_keys; print(open_keys(sys.argv[1]).digest('x').hex())"
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(data_dir)], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    digests = {process.communicate(timeout=60)[0] for process in started}
    assert [process.returncode for process in started] == [0] * 6
    assert len(digests) == 1


def test_a_digest_depends_on_the_server_secret() -> None:
    assert ServerSecret(b"a" * 32).digest("x") != ServerSecret(b"b" * 32).digest("x")
    assert len(ServerSecret(b"a" * 32).digest("\udc80 any text ü")) == 32


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("sk-agentcc-" + "a" * 43, "sk-agentcc-aaaa…"),
        ("sk-agentcc-short", ""),
        ("something else of forty characters or so", ""),
    ],
)
def test_a_hint_tells_keys_apart_and_little_more(secret: str, shown: str) -> None:
    assert hint_of(secret) == shown


def test_a_name_is_unique_among_live_keys(store: SqliteKeys) -> None:
    """A revoked name may be given again."""
    store.create(NewKey("alice"), NOW)
    with pytest.raises(StorageError, match="key `alice` exists"):
        store.create(NewKey("alice"), NOW)
    store.revoke("alice", NOW)
    store.create(NewKey("alice"), NOW + 1)
    assert [key.is_live for key in store.all()] == [False, True]


def test_a_chatgpt_account_belongs_to_one_live_key(store: SqliteKeys) -> None:
    store.create(NewKey("alice", chatgpt_account="acc-1"), NOW)
    with pytest.raises(StorageError, match="already belongs to key `alice`"):
        store.create(NewKey("bob", chatgpt_account="acc-1"), NOW)
    new, _, _ = store.rotate("alice", NOW, HOUR)
    assert new.key.chatgpt_account == "acc-1"


def test_a_failed_write_changes_nothing(store: SqliteKeys, feed: SqliteKeys) -> None:
    store.create(NewKey("alice"), NOW)
    assert names(feed.changes(NOW)) == ["alice"]
    with pytest.raises(StorageError):
        store.create(NewKey("alice"), NOW)
    assert not feed.is_changed(NOW)
    store.create(NewKey("bob"), NOW)
    assert names(feed.changes(NOW)) == ["bob"]


def test_rotation_keeps_the_old_secret_until_the_overlap_ends(store: SqliteKeys) -> None:
    """The new key has the old one's principal and limits."""
    old, old_secret = store.create(NewKey("alice", team="platform", tags={"a": "b"}, expires_at_ms=NOW + HOUR), NOW)
    new, secret, replaced = store.rotate("alice", NOW + 5, HOUR)
    assert secret != old_secret
    assert new.key == old.key
    assert (replaced.replaced_by, replaced.overlap_until_ms) == (new.id, NOW + 5 + HOUR)
    assert sorted(store.all(), key=lambda k: k.created_at_ms) == [replaced, new]


def test_rotating_an_expired_key_asks_for_a_new_expiry(store: SqliteKeys) -> None:
    store.create(NewKey("alice", expires_at_ms=NOW + 1), NOW)
    with pytest.raises(StorageError, match="has expired"):
        store.rotate("alice", NOW + HOUR, 0)
    assert store.rotate("alice", NOW + HOUR, 0, 0)[0].key.expires_at_ms == 0


def test_revoking_a_name_takes_the_overlapping_secrets_too(store: SqliteKeys) -> None:
    """A leaked key is dead in every form; by id only that one secret is."""
    store.create(NewKey("alice"), NOW)
    store.rotate("alice", NOW, HOUR)
    assert len(store.revoke("alice", NOW + 1)) == 2
    first, _ = store.create(NewKey("bob"), NOW)
    second, _, _ = store.rotate("bob", NOW, HOUR)
    assert [key.id for key in store.revoke(first.id, NOW + 1)] == [first.id]
    assert [key.id for key in store.all() if key.is_live] == [second.id]
    with pytest.raises(StorageError, match="no live key `carol`"):
        store.revoke("carol", NOW)


def test_a_change_is_seen_by_other_connections_at_once(store: SqliteKeys, feed: SqliteKeys) -> None:
    """No time passes between the write and the next look; only what changed is read."""
    assert not feed.is_changed(NOW)
    assert feed.changes(NOW) is None
    store.create(NewKey("alice"), NOW)
    store.create(NewKey("bob"), NOW)
    assert feed.is_changed(NOW)
    assert names(feed.changes(NOW)) == ["alice", "bob"]
    assert not feed.is_changed(NOW)
    store.revoke("alice", NOW)
    changes = feed.changes(NOW)
    assert changes is not None
    assert not changes.is_full
    assert [(row.key.name, row.revoked_at_ms) for row in changes.rows] == [("alice", NOW)]
    store.rotate("bob", NOW, HOUR)
    assert names(feed.changes(NOW)) == ["bob", "bob"]


def test_a_change_of_another_process_is_seen_at_once(feed: SqliteKeys, data_dir: Path) -> None:
    code = "import sys; from gateway.base.storage import *; open_keys(sys.argv[1]).create(NewKey('carol'), 1)"
    subprocess.run([sys.executable, "-c", code, str(data_dir)], check=True)
    assert feed.is_changed(NOW)
    assert names(feed.changes(NOW)) == ["carol"]


def test_a_write_without_a_bump_is_seen_within_a_second(store: SqliteKeys, feed: SqliteKeys, data_dir: Path) -> None:
    """A writer that died between commit and bump, or a hand with the sqlite3 shell."""
    store.create(NewKey("alice"), NOW)
    store.create(NewKey("bob"), NOW)
    feed.changes(NOW)
    with sqlite3.connect(data_dir / "keys.sqlite3") as shell:
        shell.execute("DELETE FROM keys WHERE name = 'bob'")
    shell.close()
    assert not feed.is_changed(NOW + 999)
    assert feed.is_changed(NOW + 1000)
    changes = feed.changes(NOW + 1000)
    assert changes is not None
    assert changes.is_full
    assert names(changes) == ["alice"]


def test_a_restored_backup_is_seen_within_a_second(
    store: SqliteKeys, feed: SqliteKeys, data_dir: Path, tmp_path: Path
) -> None:
    store.create(NewKey("alice"), NOW)
    with sqlite3.connect(data_dir / "keys.sqlite3") as source, sqlite3.connect(tmp_path / "backup") as backup:
        source.backup(backup)
    source.close()
    backup.close()
    store.create(NewKey("bob"), NOW)
    assert names(feed.changes(NOW)) == ["alice", "bob"]
    for name in ("keys.sqlite3-wal", "keys.sqlite3-shm"):
        (data_dir / name).unlink()
    os.replace(tmp_path / "backup", data_dir / "keys.sqlite3")
    changes = feed.changes(NOW + 1000)
    assert changes is not None
    assert changes.is_full
    assert names(changes) == ["alice"]


def test_a_missing_file_is_an_error_and_no_new_store(feed: SqliteKeys, data_dir: Path) -> None:
    """Who deletes the database by mistake does not lock everybody out: the caller keeps what it has read."""
    (data_dir / "keys.sqlite3").unlink()
    with pytest.raises(StorageError):
        feed.changes(NOW + 1000)
    assert not (data_dir / "keys.sqlite3").exists()


def test_the_wrong_server_secret_is_refused(store: SqliteKeys, data_dir: Path) -> None:
    """With another secret.key every key would look unknown; better to say so at the start."""
    (data_dir / "secret.key").write_bytes(os.urandom(32))
    with pytest.raises(StorageError, match=r"is not the secret that `keys\.sqlite3` was written with"):
        open_keys(data_dir)
    (data_dir / "secret.key").write_bytes(b"short")
    with pytest.raises(StorageError, match="holds 5 bytes, not 32"):
        open_keys(data_dir)


def test_a_store_of_a_newer_version_is_refused(store: SqliteKeys, data_dir: Path) -> None:
    with sqlite3.connect(data_dir / "keys.sqlite3") as shell:
        shell.execute("PRAGMA user_version = 99")
    shell.close()
    with pytest.raises(StorageError, match="has shape 99, this agentcc knows up to 2"):
        open_keys(data_dir)


@pytest.mark.parametrize("content", [b"", b"1234"])
def test_a_damaged_generation_file_is_an_error(data_dir: Path, content: bytes) -> None:
    """A mapping beyond the file's end would kill the process with SIGBUS."""
    data_dir.mkdir()
    (data_dir / "keys.generation").write_bytes(content)
    with pytest.raises(StorageError, match=r"keys\.generation` is \d bytes long, not 8"):
        open_keys(data_dir)


def test_a_file_that_is_no_database_is_an_error_with_its_place(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "keys.sqlite3").write_bytes(b"not a database, but long enough to look" * 50)
    with pytest.raises(StorageError, match=r"keys\.sqlite3`: file is not a database"):
        open_keys(data_dir)
