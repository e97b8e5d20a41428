"""One step that admits: it takes what the steps take, or nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import _native

_STAGE, _FAR, _BYTES_PER_TOKEN = 2, 1 << 40, 4
_NOW_MS, _NOW = 1_000, 5.0
_BODY = b"x" * 4_000
_SETS = {"stage": 0, "stage_from": 0, "stage_to": _FAR, "stage_until_ms": _FAR}


def made(kind: type[Any], **values: Any) -> Any:
    one = kind()
    for name, value in values.items():
        setattr(one, name, value)
    return one


class Site:
    """One hard and one soft lease, a meter of requests, one of tokens, a gauge."""

    def __init__(
        self,
        granted: int = _FAR,
        requests: int = 9,
        tokens: int = 9_000,
        places: int = 9,
        spent: int = 0,
        *,
        unknown: int = 0,
    ) -> None:
        self.hard = made(_native.Lease, granted=granted, spent=spent, **_SETS)
        self.soft = made(_native.Lease, spent=spent, **_SETS)
        self.tally, self.touched = _native.Tally(), list[Any]()
        self.charge = _native.LeaseGroup([self.hard], [self.soft], self.tally)
        self.charge.is_known = True
        self.charge.learn(700)
        self.requests, self.tokens = made(_native.Meter, have=requests), made(_native.Meter, have=tokens)
        self.gauge = made(_native.Gauge, granted=places)
        self.limits = _native.MeterGroup([(self.requests, 0), (self.tokens, 1)], [self.gauge], self.touched)
        self.limits.output_tokens = 500
        self.text = _native.TextReach(
            _native.Needles([b"odd"]),
            rates_pusd=(2_000, 8_000),
            long_rates_pusd=(4_000, 12_000),
            long_above_tokens=100_000,
            request_nusd=3,
            template_tokens=100,
            window_tokens=0,
            most_output_tokens=0 if unknown else 300,
            unknown_output_tokens=unknown,
        )
        self.admission = _native.Admission(
            self.charge, self.limits, self.text, below_stage=_STAGE, bytes_per_token=_BYTES_PER_TOKEN
        )

    def admit(self, body: bytes = _BODY, most: int = 0, *, is_retry: bool = False, sunk_nusd: int = 0) -> Any:
        return self.admission.admit(body, most, True, is_retry, sunk_nusd, _NOW_MS, _NOW)

    def state(self) -> tuple[Any, ...]:
        leases = [(one.held, one.spent) for one in (self.hard, self.soft)]
        return (
            leases,
            self.requests.have,
            self.tokens.have,
            self.gauge.in_use,
            list(self.tally.touched),
            list(self.touched),
        )


def test_it_takes_what_a_turn_needs() -> None:
    site = Site()
    hold, expected, taken, reach, limit = site.admit(most=100, sunk_nusd=11)
    assert (reach.prompt_tokens, reach.output_tokens, reach.is_clients, limit) == (4_100, 100, True, 0)
    assert expected == site.charge.expected_nusd(0) + 11
    assert (hold.hard_nusd, hold.soft_nusd) == (reach.text_nusd + 11, expected)
    assert (site.hard.held, site.soft.held) == (hold.hard_nusd, expected)
    assert (site.requests.have, site.tokens.have, site.gauge.in_use) == (8, 9_000 - 1_001 - 100, 1)
    assert taken.limits is site.limits
    assert site.touched == [site.limits]
    assert site.admission.limits is site.limits
    hold.settle(0)
    taken.cancel(_NOW)
    assert site.state()[:4] == Site().state()[:4]


def test_a_retry_is_no_further_request() -> None:
    site = Site(requests=0)
    assert site.admit() is None
    assert site.admit(is_retry=True) is not None


def test_a_limit_is_named_where_nobody_knows_one() -> None:
    assert Site(unknown=640).admit()[4] == 640
    assert Site(unknown=640).admit(most=64)[4] == 0


@pytest.mark.parametrize("most", [1 << 32, 1 << 64, 1 << 200])
def test_no_limit_is_too_large(most: int) -> None:
    assert Site(unknown=640).admit(most=most)[3].output_tokens == 1 << 32


def test_soft_budgets_need_no_upper_bound() -> None:
    site = Site()
    charge = _native.LeaseGroup([], [site.soft])
    charge.is_known = True
    charge.learn(700)
    admission = _native.Admission(charge, None, None, below_stage=_STAGE, bytes_per_token=_BYTES_PER_TOKEN)
    hold, expected, taken, reach, limit = admission.admit(b"odd", 0, True, False, 0, _NOW_MS, _NOW)
    assert (hold.hard_nusd, hold.soft_nusd, expected) == (0, expected, charge.expected_nusd(0))
    assert (taken, reach, limit) == (None, None, 0)


def _unknown(site: Site) -> None:
    site.charge.is_known = False


def _waited_for(site: Site) -> None:
    site.limits.waiting = 1


def _at_a_stage(site: Site) -> None:
    site.soft.stage = _STAGE


def _to_be_looked_up(site: Site) -> None:
    site.soft.stage_to = 0


@pytest.mark.parametrize(
    "speaks",
    [_unknown, _waited_for, _at_a_stage, _to_be_looked_up],
    ids=lambda one: one.__name__.strip("_"),
)
def test_what_speaks_against_it(speaks: Any) -> None:
    site = Site()
    speaks(site)
    before = site.state()
    assert site.admit() is None
    assert site.state() == before


@pytest.mark.parametrize(
    "site",
    [Site(granted=10), Site(requests=0), Site(tokens=1_000), Site(places=0)],
    ids=["money", "requests", "tokens", "places"],
)
def test_what_lacks(site: Site) -> None:
    before = site.state()
    assert site.admit() is None
    assert site.state() == before


def test_what_may_be_more_than_text_is_not_judged() -> None:
    site = Site()
    before = site.state()
    assert site.admit(b"an odd one") is None
    assert site.state() == before


def test_nothing_is_expected_before_anything_was_learned() -> None:
    site = Site()
    charge = _native.LeaseGroup([site.hard], [])
    charge.is_known = True
    admission = _native.Admission(charge, None, site.text, below_stage=_STAGE, bytes_per_token=_BYTES_PER_TOKEN)
    assert admission.admit(_BODY, 0, True, False, 0, _NOW_MS, _NOW) is None


@given(
    granted=st.sampled_from([0, 9_000_000, 11_000, _FAR]),
    requests=st.integers(0, 2),
    tokens=st.integers(0, 3_000),
    places=st.integers(0, 2),
    size=st.integers(0, 6_000),
    most=st.integers(0, 400),
    is_retry=st.booleans(),
)
def test_it_does_what_the_steps_do(
    granted: int, requests: int, tokens: int, places: int, size: int, most: int, is_retry: bool
) -> None:
    one, other = Site(granted, requests, tokens, places), Site(granted, requests, tokens, places)
    body = b"y" * size
    for _ in range(3):
        got = one.admit(body, most, is_retry=is_retry)
        reach = other.text.of(body, most, True)
        hold = other.charge.hold(reach.text_nusd, other.charge.expected_nusd(0))
        taken = hold and other.limits.take_turn(size // _BYTES_PER_TOKEN + 1, most, is_retry, _NOW)
        if hold is not None and taken is None:
            hold.settle(0)
            other.tally.touched.clear()
            other.charge.is_touched = False
        assert (got is None) == (taken is None)
        assert one.state()[:4] == other.state()[:4]
