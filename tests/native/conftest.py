"""One client per test, closed after it."""

from collections.abc import Iterator

import pytest

from tests.native.peers import Client


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client()
    yield made
    made.native.close()
