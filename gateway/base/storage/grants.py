"""How much a sync is given: the arithmetic of leases, without I/O. redis/sync.lua says the same in Lua; one suite runs against both.

Needs are given in full, all of a sync or none. On top of them a run gets at most a share of what is then left, a quarter of it
divided by the number of runs that spend from the bucket, so slices shrink towards the ceiling. A bucket is tight when that share
is smaller than what the run needs or holds at this moment, or when what is left is less than somebody was refused a moment ago:
then nobody gets more than its need, and idle money goes back. So the last slices are exact.
"""

from collections.abc import Sequence

from gateway.base.core.budget import UNLIMITED, rolled_over_nusd
from gateway.base.core.struct import Record
from gateway.base.storage.leases import Ask, Told

SHARES = 4


class Standing(Record, frozen=True):
    """A bucket after the sync's own report. `granted_nusd` is the asking run's; `runs` have a row; `rest_nusd` is what rolls over.

    `wanted_nusd` is the largest need that was refused within WANTED_MS although idle money could have paid it, 0 for none.
    """

    granted_nusd: int
    committed_nusd: int
    spent_nusd: int
    runs: int
    rest_nusd: int
    wanted_nusd: int
    is_ready: bool


def reported(ask: Ask, granted_nusd: int) -> int:
    """What the run's row has granted once it has reported: `granted_nusd` is what the store thought."""
    return max(min(max(granted_nusd, ask.granted_nusd), ask.keep_nusd), ask.spent_nusd)


def rollover(ask: Ask, last_committed_nusd: int) -> int:
    """What the last period's bucket left."""
    return rolled_over_nusd(ask.rolls_limit_nusd, last_committed_nusd, ask.rolls_cap_nusd)


def share_out(asks: Sequence[Ask], standings: Sequence[Standing]) -> list[Told]:
    """The answers. `others_idle_nusd` and `oldest_sync_ms` of refused ones are the store's to fill in."""
    lefts = [_left(ask, bucket) for ask, bucket in zip(asks, standings, strict=True)]
    is_given = all(
        ask.need_nusd == 0 or left is None or (bucket.is_ready and ask.need_nusd <= left)
        for ask, bucket, left in zip(asks, standings, lefts, strict=True)
    )
    return [_told(ask, bucket, left, is_given) for ask, bucket, left in zip(asks, standings, lefts, strict=True)]


def _left(ask: Ask, bucket: Standing) -> int | None:
    """What the ceiling leaves, None where there is none."""
    return None if ask.ceiling_nusd == UNLIMITED else ask.ceiling_nusd + bucket.rest_nusd - bucket.committed_nusd


def _told(ask: Ask, bucket: Standing, left: int | None, is_given: bool) -> Told:
    given = ask.need_nusd if is_given else 0
    is_tight = is_refused = False
    if left is not None and bucket.is_ready:
        is_refused = ask.need_nusd > max(0, left)
        share = (left - given) // (SHARES * bucket.runs)
        is_tight = share < max(ask.need_nusd, ask.held_nusd) or left - given < bucket.wanted_nusd
        if is_given and not is_tight:
            given += min(ask.extra_nusd, share)
    return Told(
        bucket=ask.bucket,
        granted_nusd=bucket.granted_nusd + given,
        is_refused=is_refused,
        is_ready=bucket.is_ready,
        is_tight=is_tight,
        spent_nusd=bucket.spent_nusd,
        committed_nusd=bucket.committed_nusd + given,
        ceiling_nusd=UNLIMITED if left is None else ask.ceiling_nusd + bucket.rest_nusd,
        others_idle_nusd=0,
        oldest_sync_ms=0,
    )
