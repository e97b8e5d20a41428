"""Finds the Grant of a presented key among the keys of gateway.yaml and those of the store.

Timing. Keys are found by their keyed hash in a dict, and nothing looks at the presented text before it is hashed. How long
a dict look-up takes may tell something about the hash, but without the server secret nobody can tell which text has which
hash, so nothing about any key leaks, and no comparison needs to be constant in time by itself.
"""

from collections.abc import Mapping

from gateway.base.config import ConfigError, KeyConfig
from gateway.base.core.principal import Grant
from gateway.base.storage import KeyFeed, derived_key, hint_of
from gateway.dataplane.identity import refusal
from gateway.dataplane.identity.chatgpt import claimed_account
from gateway.dataplane.identity.entry import BadFieldError, Entry, from_config, is_inside
from gateway.dataplane.identity.stored import StoredTable


class Identity:
    """The keys of one config version, and those of the store, followed as they change.

    Build it once per worker, after the fork; on hot reload `with_config` gives the next version, which shares the stored keys,
    and leaves this one intact. Raises ConfigError when a key of the file is wrong or clashes with another, StorageError when the
    store cannot be read.
    """

    __slots__ = ("_accounts", "_config", "_digest", "_names", "_stored")

    def __init__(self, feed: KeyFeed, keys: Mapping[str, KeyConfig], source: str = "gateway.yaml") -> None:
        self._take(StoredTable(feed), keys, source)

    def with_config(self, keys: Mapping[str, KeyConfig], source: str = "gateway.yaml") -> "Identity":
        """The same store with the keys of another config version. Raises ConfigError."""
        other = object.__new__(Identity)
        other._take(self._stored, keys, source)
        return other

    def _take(self, stored: StoredTable, keys: Mapping[str, KeyConfig], source: str) -> None:
        self._stored, self._digest = stored, stored.digest
        self._config: dict[bytes, Entry] = {}
        self._accounts: dict[str, Entry] = {}
        self._names = frozenset(keys)
        for name, key in keys.items():
            self._add(name, key, source)
        for row in stored.live():
            name, hint = row.key.name, f"change it here, or `agentcc keys revoke {row.id}`"
            if name in self._names:
                raise ConfigError(source, f"$.keys.{name}", f"has the name of stored key `{name}` ({row.hint})", hint)
            if (holder := self._accounts.get(row.key.chatgpt_account)) is not None:
                path = f"$.keys.{holder.name}.chatgpt_account"
                raise ConfigError(source, path, f"is also that of stored key `{name}` ({row.hint})", hint)

    def _add(self, name: str, key: KeyConfig, source: str) -> None:
        path = f"$.keys.{name}"
        try:
            entry = from_config(name, key, hint_of(key.key) or f"of {source}")
        except BadFieldError as exc:
            raise ConfigError(source, f"{path}.{exc.field}", exc.problem, exc.hint) from exc
        digest = self._digest(key.key)
        twin = self._config.get(digest) or self._stored.entry(digest)
        if twin is not None:
            problem = f"is also the secret of key `{twin.name}`"
            raise ConfigError(source, f"{path}.key", problem, "each key needs its own")
        self._config[digest] = entry
        if key.chatgpt_account:
            if (other := self._accounts.get(key.chatgpt_account)) is not None:
                raise ConfigError(source, f"{path}.chatgpt_account", f"is also that of `$.keys.{other.name}`")
            self._accounts[key.chatgpt_account] = entry

    def derived_key(self, purpose: str) -> bytes:
        """See `base.storage.derived_key`."""
        return derived_key(self._digest, purpose)

    def identify(self, presented: str | None, chatgpt_account: str | None, client_ip: str, now_ms: int) -> Grant:
        """The Grant of the key in `presented`, or that of a ChatGPT login (then with `passes_bearer`).

        `presented` comes from `credential`, `chatgpt_account` is the header `chatgpt-account-id`. Raises KeyRejected with
        `details["reason"]` missing, unknown, expired, revoked or ip, and `details["key"]` when the key's name is known.
        """
        stored = self._stored
        stored.refresh(now_ms)
        if not presented:
            raise refusal.missing()
        digest = self._digest(presented)
        entry = self._config.get(digest)
        if entry is None:
            entry = stored.entry(digest)
            if entry is None:
                return self._by_login(presented, chatgpt_account, client_ip, now_ms)
            if entry.name in self._names:
                raise refusal.clashing(entry)
        _check(entry, client_ip, now_ms)
        return entry.grant

    def _by_login(self, presented: str, account: str | None, client_ip: str, now_ms: int) -> Grant:
        """See chatgpt.py for what this does not prove."""
        claimed = claimed_account(presented) if account else ""
        if not account or not claimed:
            raise refusal.unknown(presented)
        if claimed != account:
            raise refusal.forged_account()
        entry = self._accounts.get(account)
        if entry is None:
            digest = self._stored.accounts.get(account)
            entry = self._stored.entry(digest) if digest is not None else None
        if entry is None:
            raise refusal.unknown_account(account)
        if entry.name in self._names and entry is not self._accounts.get(account):
            raise refusal.clashing(entry)
        _check(entry, client_ip, now_ms)
        return entry.by_login


def _check(entry: Entry, client_ip: str, now_ms: int) -> None:
    if now_ms >= entry.until_ms:
        raise refusal.ended(entry, now_ms)
    if entry.networks and not is_inside(entry.networks, client_ip):
        raise refusal.elsewhere(entry, client_ip)
