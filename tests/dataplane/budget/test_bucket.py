"""Where a bucket stands, and for how long that is known."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import _native
from gateway.base.core.budget import UNLIMITED, Downgrade, Raise, Span, Window
from gateway.dataplane.budget import Bucket, Stage

_fractions = st.sampled_from([UNLIMITED, 0.0, 0.5, 0.8, 0.95, 1.0])


@dataclass
class _Step:
    spent: int
    others_spent: int
    rollover: int
    now_ms: int


_steps = st.lists(st.builds(_Step, *(st.integers(-50, 250),) * 2, st.integers(0, 40), st.integers(0, 100)), max_size=12)
_raises = st.lists(st.builds(Raise, st.integers(1, 100), st.integers(0, 60), st.integers(61, 100)), max_size=2)


def _window(**terms: Any) -> Window:
    usual: dict[str, Any] = {
        "level": "org", "id": "", "models": "", "period": "total", "zone": "UTC", "limit_nusd": 100, "is_hard": False,
        "warn": 0.8, "downgrade": 0.95, "pause": 1.1, "cascade": Downgrade(0, ()), "rollover_nusd": 30,
    }  # fmt: skip
    return Window(**(usual | terms))


def _stage(bucket: Bucket, now_ms: int) -> Stage:
    """As docs/concepts/budgets.md says it, threshold by threshold."""
    window, spent, limit = bucket.window, bucket.spent + bucket.others_spent, bucket.limit(now_ms)
    passed = [Stage.OK]
    if window.warn != UNLIMITED and spent >= int(limit * window.warn):
        passed.append(Stage.WARN)
    if window.downgrade != UNLIMITED and spent >= int(limit * window.downgrade):
        passed.append(Stage.DOWNGRADE)
    if spent >= limit:
        passed.append(Stage.SPENT if window.is_hard else Stage.OVER)
    if not window.is_hard and window.pause != UNLIMITED and spent >= int(limit * window.pause):
        passed.append(Stage.SPENT)
    return max(passed)


@given(st.booleans(), _fractions, _fractions, st.sampled_from([UNLIMITED, 1.0, 1.1, 2.0]), _raises, _steps)
def test_what_is_known_of_a_stage_is_true(
    is_hard: bool, warn: float, downgrade: float, pause: float, raises: list[Raise], steps: list[_Step]
) -> None:
    window = _window(is_hard=is_hard, warn=warn, downgrade=downgrade, pause=pause, raises=tuple(raises))
    bucket = Bucket(window, "", Span(0, 1 << 62, "total"), 0)
    group, now_ms = _native.LeaseGroup([], [bucket]), 0
    for step in steps:
        now_ms += step.now_ms // 10
        bucket.spent, bucket.others_spent = step.spent, step.others_spent
        bucket.roll_over(step.rollover)
        if group.is_below(Stage.DOWNGRADE, now_ms):
            assert _stage(bucket, now_ms) < Stage.DOWNGRADE
        assert bucket.stage_at(now_ms) == _stage(bucket, now_ms)
        assert group.is_below(Stage.DOWNGRADE, now_ms) is (_stage(bucket, now_ms) < Stage.DOWNGRADE)


@pytest.mark.parametrize("limit_nusd", [10, 1000])
def test_other_terms_are_looked_up_anew(limit_nusd: int) -> None:
    bucket = Bucket(_window(), "", Span(0, 1 << 62, "total"), 0)
    group = _native.LeaseGroup([], [bucket])
    bucket.stage_at(0)
    assert group.is_below(Stage.DOWNGRADE, 0)
    bucket.use(_window(limit_nusd=limit_nusd))
    assert not group.is_below(Stage.DOWNGRADE, 0)
