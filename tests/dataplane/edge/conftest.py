"""One gateway per interface: what leaves must be the same on RSGI and on ASGI."""

from collections.abc import Iterator

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.harness import Gateway, config_for


@pytest.fixture(scope="package", params=["rsgi", "asgi"])
def gateway(
    request: pytest.FixtureRequest, provider: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    config = config_for(provider.url, interface=request.param, limits={"body_timeout_ms": 3000})
    with Gateway(tmp_path_factory.mktemp(request.param), config) as running:
        yield running
