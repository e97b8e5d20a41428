"""The keys of the store as one worker holds them: every row in memory, a Grant built when its key is first used."""

from gateway.base.storage import KeyFeed, StorageError, StoredKey
from gateway.base.telemetry.log import log
from gateway.dataplane.identity.entry import Entry, from_stored


class StoredTable:
    """Shared by the Identity of every config version in this worker. Not for two threads at once."""

    __slots__ = ("_entries", "_feed", "_retry_at_ms", "_rows", "accounts", "digest")

    def __init__(self, feed: KeyFeed) -> None:
        """Reads all keys. Raises StorageError."""
        self._feed = feed
        self._rows: dict[bytes, StoredKey] = {}
        self._entries: dict[bytes, Entry] = {}
        self._retry_at_ms = 0
        self.accounts: dict[str, bytes] = {}
        self.digest = feed.digest
        self._read(0)

    def refresh(self, now_ms: int) -> None:
        """Take in what other processes changed. When the store cannot be read, what was read last stays in force."""
        if not self._feed.is_changed(now_ms) or now_ms < self._retry_at_ms:
            return
        try:
            self._read(now_ms)
            self._retry_at_ms = 0
        except StorageError as exc:
            self._retry_at_ms = now_ms + 1000
            log("error", "keys_unreadable", problem=exc.problem, hint=exc.hint)

    def entry(self, digest: bytes) -> Entry | None:
        """The key with this keyed hash."""
        found = self._entries.get(digest)
        if found is None and (row := self._rows.get(digest)) is not None:
            try:
                found = self._entries[digest] = from_stored(row)
            except ValueError as exc:  # `agentcc keys create` checks what it writes; a hand may not have
                log("error", "key_unusable", key=row.key.name, id=row.id, problem=str(exc))
        return found

    def live(self) -> list[StoredKey]:
        """Keys that hold their name."""
        return [row for row in self._rows.values() if row.is_live]

    def _read(self, now_ms: int) -> None:
        changes = self._feed.changes(now_ms)
        if changes is None:
            return
        if changes.is_full:
            self._rows, self._entries, self.accounts = {}, {}, {}
        for row in changes.rows:
            self._rows[row.digest] = row
            self._entries.pop(row.digest, None)
            account = row.key.chatgpt_account
            if account and row.is_live:
                self.accounts[account] = row.digest
            elif self.accounts.get(account) == row.digest:
                del self.accounts[account]
