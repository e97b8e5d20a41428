"""The shared samples: kinds by the hundred, each in many languages (../shared/fixtures/secrets/README.md)."""

import pytest

from benchmarks.questions import guard_rates
from gateway.dataplane.guard.scan import Scan

_LEAST_RECALL, _MOST_OWN_FALSE = 0.99, 0.02


def test_the_shared_samples_are_found(secrets: Scan) -> None:
    """At least 99 of 100 texts; of the texts that are none, the three known ones fire."""
    if not guard_rates._SAMPLES.exists():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {guard_rates._SAMPLES}")
    counts, missed, wrong = guard_rates._sampled(secrets)
    found, texts = counts["recall, closing quotes aside"]
    fired, negatives = counts["negatives that fired"]
    assert found >= _LEAST_RECALL * texts, missed
    assert fired <= _MOST_OWN_FALSE * negatives, wrong
