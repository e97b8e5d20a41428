"""One gateway per interface for the whole folder: the road must look the same on RSGI and on ASGI."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream
from tests.harness import KEY, Gateway, config_for

TIMEOUTS = {"first_byte_ms": 1500, "idle_ms": 1200, "keep_alive_ms": 300, "early_commit_ms": 500}


@pytest.fixture(scope="session")
def upstream() -> Iterator[FakeUpstream]:
    fake = FakeUpstream()
    yield fake
    fake.close()


@pytest.fixture(scope="session", params=["rsgi", "asgi"])
def gateway(
    request: pytest.FixtureRequest, upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    directory: Path = tmp_path_factory.mktemp(request.param)
    limits = {"body_bytes": 1 << 20, "body_timeout_ms": 1000, "max_response_bytes": 1 << 20}
    config = config_for(upstream.url, interface=request.param, timeouts=TIMEOUTS, limits=limits)
    config["models"]["prices"] = {
        "openai/gpt-4.1-mini": {"input_per_mtok": 0.4, "output_per_mtok": 1.6, "cache_read_per_mtok": 0.1},
    }
    with Gateway(directory, config) as running:
        yield running


@pytest.fixture
def fake(upstream: FakeUpstream) -> FakeUpstream:
    upstream.clear()
    return upstream


@pytest.fixture
def first() -> Iterator[FakeUpstream]:
    """The provider that is asked first, for tests with a gateway of their own."""
    made = FakeUpstream()
    yield made
    made.close()


@pytest.fixture
def second() -> Iterator[FakeUpstream]:
    """The one that may answer in its place."""
    made = FakeUpstream()
    yield made
    made.close()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=15) as http:
        yield http
