"""One running simulator for the tests that need a socket."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from gateway.simulator import running


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """The address of a simulator in a child process."""
    with running() as address:
        yield address


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    """A client of that simulator, which starts without memory."""
    with httpx.Client(base_url=url, timeout=20, headers={"anthropic-version": "2023-06-01"}) as client:
        client.post("/__sim/reset").raise_for_status()
        yield client
