"""Leases, meters and gauges against their Python twins: the loops over accounts as they are meant."""

import gc
import weakref
from fractions import Fraction
from math import ceil
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import _native

I64 = 2**63
_LEASE = ("granted", "spent", "held")
_METER = ("have", "left", "amount", "burst", "told_at", "used_at")
_GAUGE = ("granted", "in_use", "left", "amount", "used_at")
_NAMES = ("requests", "tokens", "input-tokens", "output-tokens")

_amounts = st.integers(-(2**40), 2**40) | st.integers(-20, 20)
_rates = st.integers(1, 2**40) | st.integers(1, 20)
_seconds = st.floats(0, 1e6) | st.just(0.0)
_units = st.tuples(_amounts, _amounts, _amounts, _amounts)
_lease = st.fixed_dictionaries(dict.fromkeys(_LEASE, _amounts))
_meter = st.fixed_dictionaries(
    {"have": _amounts, "left": _amounts, "amount": _rates, "burst": _rates, "told_at": _seconds, "used_at": _seconds}
)
_gauge = st.fixed_dictionaries(
    {"granted": _amounts, "in_use": _amounts, "left": _amounts, "amount": _rates, "used_at": _seconds}
)
_kinds = st.integers(0, 3)


class _Bucket(_native.Lease):
    """A subclass as the gateway has them."""

    __slots__ = ("name",)

    def __init__(self, name: str, *, held: int = 0) -> None:
        self.name = name
        self.held = held


def _made(cls: type, values: dict[str, Any]) -> Any:
    made = cls()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def _state(ones: list[Any], names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return [tuple(getattr(one, name) for name in names) for one in ones]


# === the twins ===


def _free(lease: Any) -> int:
    return int(lease.granted - lease.spent - lease.held)


def _take_leases(hard: list[Any], soft: list[Any], hard_nusd: int, soft_nusd: int) -> bool:
    if any(_free(lease) < hard_nusd for lease in hard):
        return False
    for lease in hard:
        lease.held += hard_nusd
    for lease in soft:
        lease.held += soft_nusd
    return True


def _settle(hard: list[Any], soft: list[Any], hard_nusd: int, soft_nusd: int, cost_nusd: int) -> None:
    for lease in hard:
        lease.held -= hard_nusd
    for lease in soft:
        lease.held -= soft_nusd
    for lease in (*hard, *soft):
        lease.spent += cost_nusd


def _remaining(meter: Any, now: float) -> int:
    refilled = int((now - meter.told_at) * meter.amount / 60) if meter.told_at else 0
    return max(0, min(meter.burst, meter.left + refilled + meter.have))


def _unopened(gauge: Any) -> int:
    return max(0, gauge.left + gauge.granted - gauge.in_use)


def _duration(seconds: Fraction) -> str:
    if seconds <= Fraction(999, 1000):
        return f"{ceil(seconds * 1000)}ms" if seconds > 0 else "0s"
    minutes, rest = divmod(ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _headers(meters: list[tuple[Any, int]], gauges: list[Any], now: float) -> list[tuple[str, str]]:
    headers = []
    for kind, name in enumerate(_NAMES):
        of_kind = [meter for meter, its in meters if its == kind]
        if of_kind:
            meter = min(of_kind, key=lambda one: _remaining(one, now))
            left = _remaining(meter, now)
            reset = _duration(Fraction((meter.burst - left) * 60, meter.amount))
            headers += [
                (f"x-ratelimit-limit-{name}", str(meter.amount)),
                (f"x-ratelimit-remaining-{name}", str(left)),
                (f"x-ratelimit-reset-{name}", reset),
            ]
    if gauges:
        gauge = min(gauges, key=_unopened)
        headers += [
            ("x-ratelimit-limit-concurrency", str(gauge.amount)),
            ("x-ratelimit-remaining-concurrency", str(_unopened(gauge))),
        ]
    return headers


# === numbers ===


@pytest.mark.parametrize(("cls", "names"), [(_native.Lease, _LEASE), (_native.Meter, _METER), (_native.Gauge, _GAUGE)])
def test_all_numbers_are_0_at_first_and_can_be_set(cls: Any, names: tuple[str, ...]) -> None:
    one = cls("whatever", is_given=True)
    assert [getattr(one, name) for name in names] == [0] * len(names)
    for at, name in enumerate(names):
        setattr(one, name, at + 1)
    assert [getattr(one, name) for name in names] == list(range(1, len(names) + 1))


@pytest.mark.parametrize(
    ("cls", "names"), [(_native.Lease, _LEASE), (_native.Meter, _METER[:4]), (_native.Gauge, _GAUGE[:4])]
)
def test_whole_numbers_are_64_bit(cls: Any, names: tuple[str, ...]) -> None:
    one = cls()
    for name in names:
        for edge in (I64 - 1, -I64):
            setattr(one, name, edge)
            assert getattr(one, name) == edge
        for beyond in (I64, -I64 - 1):
            with pytest.raises(OverflowError):
                setattr(one, name, beyond)
        with pytest.raises(TypeError):
            setattr(one, name, 1.5)
        assert getattr(one, name) == -I64


def test_what_is_added_stops_at_the_ends() -> None:
    lease = _made(_native.Lease, {"granted": I64 - 1, "spent": I64 - 2, "held": -I64})
    assert lease.free == I64 - 1
    _native.LeaseGroup([], [lease]).settle(0, 1, 5)
    assert (lease.spent, lease.held) == (I64 - 1, -I64)
    meter = _made(_native.Meter, {"have": I64 - 1, "left": I64 - 1, "burst": I64 - 1, "amount": I64 - 1, "told_at": 1})
    assert meter.remaining(1e300) == I64 - 1
    _native.MeterGroup([(meter, 0)], []).give_back(1, 0, 0, 0)
    assert meter.have == I64 - 1


def test_free_is_told_and_not_set() -> None:
    with pytest.raises(AttributeError):
        _native.Lease().free = 1  # type: ignore[misc]


def test_a_subclass_has_its_own_init_and_slots() -> None:
    bucket = _Bucket("a", held=3)
    assert (bucket.name, bucket.held, bucket.free) == ("a", 3, -3)
    assert not hasattr(bucket, "__dict__")
    assert _native.LeaseGroup((bucket,), ()).take(-3, 0)
    assert bucket.held == 0


# === many at once ===


@given(st.lists(_lease, max_size=4), st.lists(_lease, max_size=4), st.lists(st.tuples(_amounts, _amounts, _amounts)))
def test_leases_give_all_or_nothing(
    hard: list[dict[str, int]], soft: list[dict[str, int]], exchanges: list[tuple[int, int, int]]
) -> None:
    ours = [[_made(_native.Lease, values) for values in part] for part in (hard, soft)]
    twins = [[_made(SimpleNamespace, values) for values in part] for part in (hard, soft)]
    group = _native.LeaseGroup(*ours)
    for hard_nusd, soft_nusd, cost_nusd in exchanges:
        if group.take(hard_nusd, soft_nusd):
            assert _take_leases(*twins, hard_nusd, soft_nusd)
            group.settle(hard_nusd // 2, soft_nusd // 2, cost_nusd)
            _settle(*twins, hard_nusd // 2, soft_nusd // 2, cost_nusd)
        else:
            assert not _take_leases(*twins, hard_nusd, soft_nusd)
        assert [_state(part, _LEASE) for part in ours] == [_state(part, _LEASE) for part in twins]
        assert [lease.free for part in ours for lease in part] == [_free(lease) for part in twins for lease in part]


def test_groups_share_a_lease() -> None:
    shared = _made(_native.Lease, {"granted": 10})
    one, other = _native.LeaseGroup([shared], []), _native.LeaseGroup([shared, _native.Lease()], [])
    assert one.take(6, 0)
    assert not other.take(6, 0)
    assert not other.take(4, 0)  # the other lease of the group is empty
    one.settle(6, 0, 3)
    assert (shared.held, shared.spent, shared.free) == (0, 3, 7)


_MEAN_WEIGHT, _DEVIATIONS = 16, 4


def _learned(costs: list[int]) -> tuple[int, int]:
    """Mean and deviation, as integers that round down."""
    mean = deviation = 0
    for cost in costs:
        if not mean:
            mean, deviation = cost, cost // 2
            continue
        off = cost - mean
        mean += off // _MEAN_WEIGHT
        deviation += (abs(off) - deviation) // _MEAN_WEIGHT
    return mean, deviation


@given(st.lists(st.integers(0, 2**40), max_size=20))
def test_a_group_learns_what_its_exchanges_cost(costs: list[int]) -> None:
    group = _native.LeaseGroup([], [])
    for cost in costs:
        group.learn(cost)
    mean, deviation = _learned(costs)
    assert group.mean == mean
    assert group.expected_nusd(77) == (mean + _DEVIATIONS * deviation if mean else 77)


def test_a_hold_gives_back_counts_learns_and_touches_once() -> None:
    hard, soft = _made(_native.Lease, {"granted": 10, "dry_until": 9.0}), _made(_native.Lease, {"dry_until": 9.0})
    tally = _native.Tally()
    group = _native.LeaseGroup([hard], [soft], tally)
    assert group.hold(11, 3) is None
    held = group.hold(6, 3)
    assert held is not None
    assert (held.charge, held.hard_nusd, held.soft_nusd) == (group, 6, 3)
    assert (hard.held, soft.held, tally.touched) == (6, 3, [])
    assert held.settle(4)
    assert (hard.held, soft.held, hard.spent, soft.spent, group.mean) == (0, 0, 4, 4, 4)
    assert (hard.dry_until, soft.dry_until) == (0.0, 9.0)
    group.touch()
    assert tally.touched == [group]
    assert group.is_touched


def test_a_hold_of_another_generation_only_gives_back() -> None:
    lease, tally = _made(_native.Lease, {"granted": 10}), _native.Tally()
    group = _native.LeaseGroup([lease], [], tally)
    held = group.hold(6, 0)
    assert held is not None
    tally.generation += 1
    assert not held.settle(4)
    assert (lease.held, lease.spent, tally.touched) == (6, 0, [])
    assert held.settle(0)
    assert (lease.held, lease.spent, group.mean, tally.touched) == (0, 0, 0, [group])


_STAGE = {"stage": 1, "stage_from": 10, "stage_to": 20, "stage_until_ms": 1000}


@pytest.mark.parametrize(
    ("values", "now_ms", "is_below"),
    [
        ({"spent": 4, "others_spent": 6}, 999, True),
        ({"spent": 19}, 0, True),
        ({"spent": 9}, 0, False),  # fallen out of its stage: to be looked up
        ({"spent": 14, "others_spent": 6}, 0, False),
        ({"spent": 15}, 1000, False),  # a raise begins or ends
        ({"spent": 15, "stage": 2}, 0, False),
    ],
)
def test_a_group_is_below_a_stage_where_each_is_known_to_be(
    values: dict[str, int], now_ms: int, is_below: bool
) -> None:
    one, other = _made(_native.Lease, _STAGE | values), _made(_native.Lease, _STAGE | {"spent": 12})
    assert _native.LeaseGroup([one], [other]).is_below(2, now_ms) is is_below
    assert _native.LeaseGroup([other], [one]).is_below(2, now_ms) is is_below


def test_what_nobody_has_looked_up_is_not_known() -> None:
    assert not _native.LeaseGroup([_native.Lease()], []).is_below(2, 0)


def _taken(meters: list[tuple[Any, int]], gauges: list[Any], needs: tuple[int, ...], now: float) -> bool:
    if any(meter.have < needs[kind] for meter, kind in meters) or any(one.in_use >= one.granted for one in gauges):
        return False
    _forced(meters, gauges, needs)
    for one in (*(meter for meter, _ in meters), *gauges):
        one.used_at = now
    return True


def _forced(meters: list[tuple[Any, int]], gauges: list[Any], needs: tuple[int, ...]) -> None:
    for meter, kind in meters:
        meter.have -= needs[kind]
    for gauge in gauges:
        gauge.in_use += 1


def _given_back(meters: list[tuple[Any, int]], gauges: list[Any], units: tuple[int, ...]) -> None:
    for meter, kind in meters:
        meter.have += units[kind]
    for gauge in gauges:
        gauge.in_use -= 1


@given(
    st.lists(st.tuples(_meter, _kinds), max_size=6),
    st.lists(_gauge, max_size=3),
    st.lists(st.tuples(st.sampled_from(("take", "force", "give_back")), _units, _seconds)),
)
def test_meters_and_gauges_count_as_their_twins(
    meters: list[tuple[dict[str, Any], int]],
    gauges: list[dict[str, Any]],
    steps: list[tuple[str, tuple[int, int, int, int], float]],
) -> None:
    ours = [(_made(_native.Meter, values), kind) for values, kind in meters]
    twins = [(_made(SimpleNamespace, values), kind) for values, kind in meters]
    our_gauges = [_made(_native.Gauge, values) for values in gauges]
    twin_gauges = [_made(SimpleNamespace, values) for values in gauges]
    group = _native.MeterGroup(ours, our_gauges)
    for what, units, now in steps:
        match what:
            case "take":
                assert group.take(*units, now) == _taken(twins, twin_gauges, units, now)
            case "force":
                group.force(*units)
                _forced(twins, twin_gauges, units)
            case _:
                group.give_back(*units)
                _given_back(twins, twin_gauges, units)
        assert _state([one for one, _ in ours], _METER) == _state([one for one, _ in twins], _METER)
        assert _state(our_gauges, _GAUGE) == _state(twin_gauges, _GAUGE)
        assert [one.remaining(now) for one, _ in ours] == [_remaining(one, now) for one, _ in twins]
        assert [one.remaining() for one in our_gauges] == [_unopened(one) for one in twin_gauges]


def test_a_full_gauge_refuses_and_nothing_is_taken() -> None:
    meter = _made(_native.Meter, {"have": 5})
    gauge = _made(_native.Gauge, {"granted": 1})
    group = _native.MeterGroup([(meter, 0)], [gauge])
    assert group.take(1, 0, 0, 0, 7.0)
    assert not group.take(1, 0, 0, 0, 8.0)
    assert (meter.have, meter.used_at, gauge.in_use, gauge.used_at) == (4, 7.0, 1, 7.0)


@pytest.mark.parametrize(
    ("most", "is_retry", "needs"),
    [(0, False, (1, 600, 100, 500)), (7, False, (1, 107, 100, 7)), (900, True, (0, 600, 100, 500))],
)
def test_a_turn_takes_its_prompt_and_the_usual_output(most: int, is_retry: bool, needs: tuple[int, ...]) -> None:
    meters = [(_made(_native.Meter, {"have": 1000}), kind) for kind in range(4)]
    gauge = _made(_native.Gauge, {"granted": 1})
    touched: list[Any] = []
    group = _native.MeterGroup(meters, [gauge], touched)
    group.output_tokens = 500
    assert group.needs(100, most, is_retry=is_retry) == needs
    taken = group.take_turn(100, most, is_retry, 7.0)
    assert taken is not None
    assert taken.limits is group
    assert (tuple(1000 - one.have for one, _ in meters), gauge.in_use, touched) == (needs, 1, [group])
    assert group.take_turn(100, most, is_retry, 8.0) is None  # the gauge is full
    group.is_touched = False
    touched.clear()
    taken.settle(120, 660)
    used = (needs[0], 780, 120, 660)
    assert (tuple(1000 - one.have for one, _ in meters), gauge.in_use, touched) == (used, 0, [group])
    assert group.output_tokens == 510  # a sixteenth of the way


def test_what_was_never_sent_goes_back_whole() -> None:
    meter, gauge = _made(_native.Meter, {"have": 9}), _made(_native.Gauge, {"granted": 1})
    group = _native.MeterGroup([(meter, 1)], [gauge])
    taken = group.take_turn(9, 0, False, 7.0)
    assert taken is not None
    taken.cancel()
    assert (meter.have, gauge.in_use, group.output_tokens) == (9, 0, 0)
    assert group.take(1, 9, 0, 0, 7.0)
    _native.Taken(group, (1, 9, 9, 0), 7.0).cancel()  # of what was taken otherwise
    assert (meter.have, gauge.in_use, group.is_touched) == (9, 0, True)


@pytest.mark.parametrize(("after_s", "left"), [(0.2, 9), (0.3, 0)])
def test_what_was_held_for_long_has_drained_in_the_store(after_s: float, left: int) -> None:
    meter, gauge = _made(_native.Meter, {"have": 9}), _made(_native.Gauge, {"granted": 1})
    taken = _native.MeterGroup([(meter, 1)], [gauge]).take_turn(9, 0, False, 7.0)
    assert taken is not None
    taken.cancel(7.0 + after_s)
    assert (meter.have, gauge.in_use) == (left, 0)


def test_a_failure_says_nothing_of_the_usual_output() -> None:
    group = _native.MeterGroup([], [])
    group.output_tokens = 500
    _native.Taken(group, (1, 0, 0, 0), 7.0).settle(10, 0)
    assert group.output_tokens == 500


@pytest.mark.parametrize("kind", [4, 2**40])
def test_there_are_four_kinds(kind: int) -> None:
    with pytest.raises(ValueError, match="kind"):
        _native.MeterGroup([(_native.Meter(), kind)], [])


@pytest.mark.parametrize(
    "make",
    [
        lambda: _native.LeaseGroup([_native.Meter()], []),  # type: ignore[list-item]
        lambda: _native.MeterGroup([(_native.Gauge(), 0)], []),  # type: ignore[list-item]
        lambda: _native.MeterGroup([], [_native.Meter()]),  # type: ignore[list-item]
    ],
)
def test_a_group_takes_only_what_is_its_own(make: Any) -> None:
    with pytest.raises(TypeError):
        make()


class _LeaseOwner(_native.Lease):
    __slots__ = ("__weakref__", "group")


class _MeterOwner(_native.Meter):
    __slots__ = ("__weakref__", "group")


class _GaugeOwner(_native.Gauge):
    __slots__ = ("__weakref__", "group")


@pytest.mark.parametrize(
    ("cls", "group_of"),
    [
        (_LeaseOwner, lambda one: _native.LeaseGroup([one], [])),
        (_LeaseOwner, lambda one: _native.LeaseGroup([], [one])),
        (_MeterOwner, lambda one: _native.MeterGroup([(one, 0)], [])),
        (_GaugeOwner, lambda one: _native.MeterGroup([], [one])),
    ],
)
def test_one_that_knows_its_group_is_freed(cls: Any, group_of: Any) -> None:
    owner = cls()
    owner.group = group_of(owner)
    freed = weakref.ref(owner)
    del owner
    gc.collect()
    assert freed() is None


# === headers ===

_others = st.lists(
    st.sampled_from(
        [("content-type", "text/event-stream"), ("x-ratelimit-limit-tokens", "9"), ("x-ratelimit", "1"),
         ("x-ratelimit-", ""), ("x-request-id", "ä"), ("", "")]
    )
)  # fmt: skip


@given(_others, st.lists(st.tuples(_meter, _kinds), max_size=8), st.lists(_gauge, max_size=3), _seconds)
def test_headers_are_those_of_the_least(
    before: list[tuple[str, str]],
    meters: list[tuple[dict[str, Any], int]],
    gauges: list[dict[str, Any]],
    now: float,
) -> None:
    ours = [(_made(_native.Meter, values), kind) for values, kind in meters]
    our_gauges = [_made(_native.Gauge, values) for values in gauges]
    headers = before.copy()
    _native.MeterGroup(ours, our_gauges).stamp(headers, now)
    kept = [pair for pair in before if not pair[0].startswith("x-ratelimit-")]
    assert headers == kept + _headers(ours, our_gauges, now)


@given(
    st.lists(st.tuples(_meter, _kinds), max_size=4),
    st.lists(_gauge, max_size=2),
    st.lists(st.tuples(_amounts, _rates, _seconds), max_size=8),
)
def test_headers_follow_what_changes(
    meters: list[tuple[dict[str, Any], int]], gauges: list[dict[str, Any]], steps: list[tuple[int, int, float]]
) -> None:
    ours = [(_made(_native.Meter, values), kind) for values, kind in meters]
    our_gauges = [_made(_native.Gauge, values) for values in gauges]
    group = _native.MeterGroup(ours, our_gauges)
    for left, amount, now in steps:
        for one in (*(meter for meter, _ in ours), *our_gauges):
            one.left, one.amount = left, amount
        headers: list[tuple[str, str]] = []
        group.stamp(headers, now)
        assert headers == _headers(ours, our_gauges, now)


@pytest.mark.parametrize(
    ("lacking", "amount", "reset"),
    [
        (0, 60, "0s"),
        (1, 240, "250ms"),
        (1, 60_000, "1ms"),
        (1, 60_001, "1ms"),
        (1, 10**12, "1ms"),
        (14, 1500, "560ms"),  # in floating point it is a little more
        (999, 60_000, "999ms"),
        (9991, 600_000, "1s"),
        (1, 60, "1s"),
        (1001, 60_000, "2s"),
        (17, 60, "17s"),
        (60, 60, "1m0s"),
        (125, 60, "2m5s"),
        (59_001, 60_000, "1m0s"),
        (7200, 60, "120m0s"),
    ],
)
def test_reset_is_written_as_openai_does_and_rounded_up(lacking: int, amount: int, reset: str) -> None:
    meter = _made(_native.Meter, {"left": 0, "amount": amount, "burst": lacking})
    headers: list[tuple[str, str]] = []
    _native.MeterGroup([(meter, 1)], []).stamp(headers, 0.0)
    assert headers == [
        ("x-ratelimit-limit-tokens", str(amount)),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", reset),
    ]


@pytest.mark.parametrize("wrong", [None, (), [b"x"], [(1, "2")], ["name"]])
def test_only_a_list_of_pairs_of_text_is_stamped(wrong: Any) -> None:
    with pytest.raises(TypeError):
        _native.MeterGroup([], []).stamp(wrong, 0.0)
