"""The lease stores: each test that takes `bank` runs once on SQLite and once on Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.base.storage.bank import Bank
from tests.base.storage.redis_server import RedisServer, needs_redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
def bank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bank]:
    server = request.getfixturevalue("redis_server") if request.param == "redis" else None
    bank = Bank(tmp_path / "data", server)
    yield bank
    bank.close()
