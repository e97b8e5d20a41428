"""What one node's board learns, on another node's."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.base.storage import StorageError
from gateway.base.storage.board import lone_board
from gateway.base.storage.redis import RedisNews
from tests.base.storage.redis_server import RedisServer, needs_redis

pytestmark = needs_redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.kill()


def test_news_reach_the_other_node_and_end_there_too(redis_server: RedisServer) -> None:
    here, there = lone_board(), lone_board()

    async def main() -> None:
        teller = RedisNews(redis_server.url, here, "one", "news-1")
        hearer = RedisNews(redis_server.url, there, "two", "news-1")
        now_ms = int(time.time() * 1000)
        here.put((1 << 64) - 1, (1 << 63) - 1, now_ms + 60_000, now_ms)
        await teller.exchange()
        await hearer.exchange()
        assert there.get((1 << 64) - 1, now_ms) == (1 << 63) - 1
        assert not there.news  # not told on
        here.put((1 << 64) - 1, 0, 0, now_ms)
        await teller.exchange()
        await hearer.exchange()
        assert there.get((1 << 64) - 1, now_ms) is None
        late = lone_board()
        third = RedisNews(redis_server.url, late, "three", "news-1")
        here.put(7, 1, now_ms + 60_000, now_ms)
        await teller.exchange()
        await third.exchange()  # who comes late reads what was told before
        assert late.get(7, now_ms) == 1
        await asyncio.gather(teller.close(), hearer.close(), third.close())

    asyncio.run(main())


def test_many_at_once(redis_server: RedisServer) -> None:
    here, there = lone_board(), lone_board()

    async def main() -> None:
        teller = RedisNews(redis_server.url, here, "one", "news-2")
        hearer = RedisNews(redis_server.url, there, "two", "news-2")
        now_ms = int(time.time() * 1000)
        for i in range(2345):
            here.put(i << 2, i, now_ms + 60_000, now_ms)
        await teller.exchange()
        await hearer.exchange()
        assert all(there.get(i << 2, now_ms) == i for i in range(2345))
        await asyncio.gather(teller.close(), hearer.close())

    asyncio.run(main())


def test_news_wait_for_a_redis_that_is_away(server: RedisServer) -> None:
    here, there = lone_board(), lone_board()

    async def main() -> None:
        teller, hearer = RedisNews(server.url, here, "one"), RedisNews(server.url, there, "two")
        now_ms = int(time.time() * 1000)
        await hearer.exchange()
        server.kill()
        here.put(7, 1, now_ms + 60_000, now_ms)
        for news in (teller, hearer):
            with pytest.raises(StorageError):
                await news.exchange()
        assert here.news
        server.start()
        await teller.exchange()
        await hearer.exchange()
        assert there.get(7, now_ms) == 1
        await asyncio.gather(teller.close(), hearer.close())

    asyncio.run(main())


def test_what_is_not_understood_is_passed_over(redis_server: RedisServer) -> None:
    board = lone_board()

    async def main() -> None:
        hearer = RedisNews(redis_server.url, board, "two", "news-3")
        redis_server.ask("XADD", "{agentcc:news-3}:news", "*", "n", "garbage")
        redis_server.ask("XADD", "{agentcc:news-3}:news", "*", "other", "x")
        await hearer.exchange()
        await hearer.close()

    asyncio.run(main())
