"""A scripted provider that may break any rule, and a client of the folder's own `gateway`."""

from collections.abc import Iterator

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream
from tests.harness import KEY, Gateway


@pytest.fixture(scope="package")
def provider() -> Iterator[FakeUpstream]:
    made = FakeUpstream()
    yield made
    made.close()


@pytest.fixture
def fake(provider: FakeUpstream) -> FakeUpstream:
    """The provider, without what an earlier test has left there."""
    provider.clear()
    return provider


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, headers={"authorization": f"Bearer {KEY}"}, timeout=15) as http:
        yield http
