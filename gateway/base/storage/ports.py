"""What rooms may ask of storage: Protocols and the nouns they carry. No room knows SQL."""

from typing import Protocol

from msgspec import field

from gateway.base.core.principal import Priority
from gateway.base.core.struct import Record


class StorageError(Exception):
    """State cannot be read or written. `problem` names the place, `hint` the way out."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.problem, self.hint = problem, hint

    def __str__(self) -> str:
        return f"error: {self.problem}\nhint: {self.hint}" if self.hint else f"error: {self.problem}"


class NewKey(Record, frozen=True):
    """A virtual key to create. `expires_at_ms` 0 means never; empty `models` and `allowed_ips` mean any."""

    name: str
    org: str = ""
    team: str = ""
    user: str = ""
    cost_center: str = ""
    idp_claim: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    allowed_ips: tuple[str, ...] = ()
    route: str = ""
    chatgpt_account: str = ""
    expires_at_ms: int = 0
    priority: Priority = "interactive"


class StoredKey(Record, frozen=True):
    """A virtual key as it is kept: everything but its secret, of which only the keyed hash (`digest`) remains.

    `hint` is the secret's first characters, to tell keys apart on a screen. Times are 0 when they do not apply; a key
    with `replaced_by` (the id of its successor) works until `overlap_until_ms`.
    """

    digest: bytes
    id: str
    hint: str
    key: NewKey
    created_at_ms: int
    revoked_at_ms: int = 0
    replaced_by: str = ""
    overlap_until_ms: int = 0

    @property
    def is_live(self) -> bool:
        """Whether it holds its name: neither revoked nor replaced (it may have expired)."""
        return not self.revoked_at_ms and not self.replaced_by


class KeyChanges(Record, frozen=True):
    """Rows to put into a table of keys; `is_full` says that the table starts again from empty."""

    is_full: bool
    rows: list[StoredKey]


class KeyFeed(Protocol):
    """The read side, for workers: a keyed hash, and a cheap way to notice that keys changed in another process."""

    def digest(self, secret: str) -> bytes:
        """The keyed hash under which `secret` is stored."""
        ...

    def is_changed(self, now_ms: int) -> bool:
        """Whether `changes` is worth calling; well under a microsecond, no I/O."""
        ...

    def changes(self, now_ms: int) -> KeyChanges | None:
        """What changed since the last call, None when nothing did. Raises StorageError."""
        ...


class KeyStore(Protocol):
    """The write side, for the command line and the admin API. Every method raises StorageError."""

    def create(self, key: NewKey, now_ms: int) -> tuple[StoredKey, str]:
        """Keep a new key; the second value is its secret, which is never seen again."""
        ...

    def all(self) -> list[StoredKey]:
        """Every key ever made, oldest first."""
        ...

    def revoke(self, name_or_id: str, now_ms: int) -> list[StoredKey]:
        """Refuse from now on: by name also the replaced ones that still overlap, by id that one only."""
        ...

    def rotate(
        self, name: str, now_ms: int, overlap_ms: int, expires_at_ms: int | None = None
    ) -> tuple[StoredKey, str, StoredKey]:
        """Give `name` a new secret: (new key, secret, old key). The old one works for `overlap_ms` more."""
        ...
