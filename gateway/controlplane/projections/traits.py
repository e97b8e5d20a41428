"""What many exchanges have in common: who, which model at which provider, how it ended. Stored once, named by a number.

That spares each exchange's row thirteen columns and the metrics their label values. A client cannot make many by itself:
what it chooses freely (its name, its session, its turn) is in the exchange's row.
"""

import sqlite3
from typing import NamedTuple

import msgspec

from gateway.controlplane.projections import schema
from gateway.controlplane.projections.exchange import Labels, verdicts_of
from gateway.controlplane.projections.view import DoneView, decode_principal

_MAX_CACHED = 10_000  # some 10 MB

_encode = msgspec.json.Encoder().encode


class Trait(NamedTuple):
    """One row of `traits`: its id, what the metrics call it, and the id of its principal."""

    id: int
    labels: Labels
    principal: int


class Traits:
    """Finds the trait of an exchange, and stores it when it is new; in the ledger's transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[tuple[bytes | str | int, ...], Trait] = {}

    def forget(self) -> None:
        """The transaction was rolled back: rows that were added are gone, and their ids will be given out again."""
        self._known.clear()

    def of(self, run: str, done: DoneView) -> Trait:
        """The trait of `done`, which `run` recorded. Raises what decoding raises when its principal cannot be read."""
        values = (
            _encode(done.principal), run, done.dialect, done.model_requested, done.model_used, done.provider, done.status,
            done.outcome, done.error_code, done.cost_basis, done.price_version, done.policy_version, done.is_stream,
            verdicts_of(done)[0],
        )  # fmt: skip
        return self._known.get(values) or self._store(done, values)

    def _store(self, done: DoneView, values: tuple[bytes | str | int, ...]) -> Trait:
        p, text = decode_principal(done.principal), bytes(done.principal).decode()
        self._db.execute(schema.ADD_PRINCIPAL, (text, p.org, p.team, p.user, p.key, p.cost_center, p.idp_claim))
        (principal,) = self._db.execute(schema.FIND_PRINCIPAL, (text,)).fetchone()
        row = (values[1], principal, *values[2:])
        self._db.execute(schema.ADD_TRAIT, row)
        (trait,) = self._db.execute(schema.FIND_TRAIT, row).fetchone()
        if len(self._known) >= _MAX_CACHED:
            self._known.clear()
        labels = Labels(done.provider, done.model_used, p.key, done.outcome, done.dialect)
        found = self._known[values] = Trait(trait, labels, principal)
        return found
