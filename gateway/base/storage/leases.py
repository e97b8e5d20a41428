"""What the data plane and the control plane ask of a lease store. One algorithm, two stores: sqlite/leases.py (which asks grants.py)
and redis/ (Lua). Why so: docs/decisions/0011-leases.md.

A bucket's money is spoken for by rows: one per run that spends from it (a run is one worker's life, as in the journal), and
one per node for all of its finished runs, computed from the ledger. `committed` is the sum of all rows; a grant never lifts it
past the ceiling that the caller states. All numbers of a run's row are cumulative, so saying them twice changes nothing.

    committed = Σ runs (base + granted) + Σ nodes (total) + corrections

A run's row of a bucket:
    base     what the run's records that were written before it began to count this bucket cost: 0, or unknown until the
             control plane has read it from the ledger (the first `first_frames` done frames of the run)
    granted  the most that its later records may cost
    spent    what they have cost so far; it may pass `granted` only where nothing bounded it (the row then counts `spent`)
    held     of the rest, what open exchanges hold

A bucket is *ready* when no row's base is unknown, and every known node has adopted its window and period in the store's current
epoch. Under a bound nothing is granted before. A node is known from its first `register` or its runs' first `sync`; nobody waits for one
of which nothing, neither control plane nor run, was heard for RECOVER_MS.

An epoch begins when the store's memory may have been lost: a Redis restart, a removed SQLite file. Then no bucket is ready
before every run with a row has synced again, and not within SETTLE_MS, so that runs that the store forgot come back too. After
RECOVER_MS nobody waits for runs that are silent: their rows count as they stand, granted is spent.
"""

from typing import Protocol

from gateway.base.core.struct import Record

UNKNOWN_BASE = -1
SETTLE_MS = 2_000
"""No grant so soon after an epoch began. Every run says something once a second; a lost connection may cost it one more."""
RECOVER_MS = 10_000
"""How long an epoch waits for runs that have rows, and anybody for a silent node."""
LIVE_MS = 5_000
"""A run that was silent for longer has no idle money that others could hope for."""
WANTED_MS = 2_000
"""How long a refused need makes a bucket tight: as long as the refused exchange waits for others to give back."""

FORGET_RUN_MS = 60_000
"""A run without rows is forgotten then: it never counted anything, or was folded."""
FORGET_NODE_MS = 86_400_000
"""A node without totals is forgotten then."""


class Ask(Record, frozen=True):
    """One bucket of a `sync`: what the run says of its row, and what it wants.

    `ceiling_nusd` is what the caller's policy allows all rows together, UNLIMITED (-1) for no bound; `rolls_from` names the last
    period's bucket, whose rest under `rolls_limit_nusd`, at most `rolls_cap_nusd`, is added to the ceiling.
    `granted_nusd` is what the run believes to have (a store that lost a grant learns it again); `keep_nusd` is how much of it to keep
    (at least spent + held; less than granted gives the rest back). `need_nusd` is wanted on top of keep, all of the sync's needs or none;
    `extra_nusd` on top of that as far as the store thinks fit: less the nearer the ceiling, at last nothing.
    `first_frames` matters when the row is new: 0 gives base 0, else base is unknown until `put_bases`. `is_fresh` begins the row anew
    (the run had stopped counting the bucket for a while).
    """

    bucket: str
    window: str
    label: str
    ceiling_nusd: int
    spent_nusd: int
    held_nusd: int
    granted_nusd: int
    keep_nusd: int
    need_nusd: int = 0
    extra_nusd: int = 0
    first_frames: int = 0
    is_fresh: bool = False
    rolls_from: str = ""
    rolls_limit_nusd: int = 0
    rolls_cap_nusd: int = 0


class Told(Record, frozen=True):
    """The answer for one bucket. `granted_nusd` is the run's row now.

    `is_refused`: this bucket could not give `need_nusd` (then no bucket of the sync gave anything). `spent_nusd` is the whole bucket's
    spend as reported (bases, nodes and corrections included), this run's too; `committed_nusd` the sum of all rows; `ceiling_nusd` with
    rollover. `is_ready` as above; with rollover, of the last period's bucket too. `is_tight`: near the ceiling; idle money should go back.
    Where `is_refused`, else 0: `others_idle_nusd` is what other live runs have granted beyond spent and held; `oldest_sync_ms` (in
    the caller's clock) when the one of those that was silent longest last synced, 0 when one of them has not synced since it was told
    that the bucket is tight.
    """

    bucket: str
    granted_nusd: int
    is_refused: bool
    is_ready: bool
    is_tight: bool
    spent_nusd: int
    committed_nusd: int
    ceiling_nusd: int
    others_idle_nusd: int
    oldest_sync_ms: int


class Row(Record, frozen=True):
    """A row as the control plane sees it. A node's row has `run` empty and its total in `spent_nusd` and `granted_nusd`."""

    bucket: str
    node: str
    run: str
    base_nusd: int
    granted_nusd: int
    spent_nusd: int
    held_nusd: int
    first_frames: int
    synced_ms: int


class Correction(Record, frozen=True):
    """An audited entry that changes a bucket's spend by `amount_nusd` (negative gives back)."""

    bucket: str
    amount_nusd: int
    reason: str
    by: str
    at_ms: int


def is_forgotten(name: str, before_label: dict[str, str]) -> bool:
    """Whether `prune` removes a bucket, or a window's name with `|` and a label: `…|period kind|zone|label`."""
    _, kind, _, label = name.rsplit("|", 3)
    return label < before_label.get(kind, "")


class LeaseStore(Protocol):
    """The worker's side. Every method raises StorageError when the store cannot be reached."""

    async def sync(self, node: str, run: str, asks: list[Ask], now_ms: int) -> list[Told]:
        """Report rows, give back, take: one transaction, answers in the order of `asks`. No asks: a sign of life."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class LeaseBook(Protocol):
    """The control plane's side. Every method raises StorageError when the store cannot be reached."""

    async def register(self, node: str, now_ms: int) -> None:
        """Make `node` one of those whose adoption counts, and give a sign of its life."""
        ...

    async def adopted(self, node: str) -> set[tuple[str, str]]:
        """The (window name, period label)s that `node` has adopted in the current epoch."""
        ...

    async def rows(self, node: str = "") -> list[Row]:
        """All rows, or those of one node and its runs."""
        ...

    async def post(
        self, node: str, totals: dict[str, int], finished: list[str], adopted: list[tuple[str, str]], now_ms: int
    ) -> None:
        """Set the node's rows (bucket → what its finished runs' records cost), remove the rows of `finished` runs, mark adoptions
        (window name, period label).

        One transaction: no money is counted twice or not at all in between. Each bucket in which a finished run has a row must be
        in `totals`.
        """
        ...

    async def put_bases(self, run: str, bases: dict[str, tuple[int, int]]) -> None:
        """Bucket → (first_frames, base), for rows of `run` whose base is unknown and that still name so many frames."""
        ...

    async def correct(self, correction: Correction) -> None:
        """Add an entry."""
        ...

    async def corrections(self, bucket: str = "") -> list[Correction]:
        """All entries, or those of one bucket, oldest first."""
        ...

    async def prune(self, before_label: dict[str, str]) -> int:
        """Forget buckets of ended periods: period kind → the first label to keep. How many buckets went.

        Entries of corrections stay: they are the audit trail.
        """
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
