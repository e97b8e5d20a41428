"""Of the refusals of several deployments, which the client is told."""

from gateway.base.core.errors import ModelForbidden, RateLimited
from gateway.dataplane.flow.quota import RULE, sooner

LATE, SOON = RateLimited("eu", rule=RULE, retry_after_s=40), RateLimited("us", rule=RULE, retry_after_s=2)
OTHER = ModelForbidden("not with such a login")


def test_of_quotas_the_one_that_has_room_first() -> None:
    """It may come back when any of them can serve it."""
    assert sooner(None, LATE) is LATE
    assert sooner(LATE, SOON) is SOON
    assert sooner(SOON, LATE) is SOON


def test_of_others_the_first() -> None:
    """It is about the model that was asked for."""
    assert sooner(OTHER, SOON) is OTHER
    assert sooner(SOON, OTHER) is SOON
