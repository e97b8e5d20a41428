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


def test_a_node_whose_clock_is_wrong_learns_by_how_much(redis_server: RedisServer) -> None:
    """Words on the board hold times: all nodes write them by Redis' clock, so that an opening ends everywhere at once."""
    boards = [lone_board(), lone_board(), lone_board()]
    wrong_ms = [0, 40_000, -3_600_000]

    async def main() -> None:
        news = [
            RedisNews(redis_server.url, board, str(n), "news-4", lambda n=n: int(time.time() * 1000) + wrong_ms[n])
            for n, board in enumerate(boards)
        ]
        for one in news:
            await one.exchange()
        for board, wrong in zip(boards, wrong_ms, strict=True):
            assert abs(board.ahead_ms + wrong) < 200
        assert boards[0].ahead_ms == 0, "what the way to Redis takes is no difference"
        wrong_ms[0] = 7000
        await news[0].exchange()
        assert abs(boards[0].ahead_ms + 7000) < 200, "a clock that was set is compared at once"
        await asyncio.gather(*(one.close() for one in news))

    asyncio.run(main())


def test_who_begins_anew_ends_with_the_last_word_his_own_nodes_among_them(redis_server: RedisServer) -> None:
    """A worker that is started again reads all that was told: the old word of another node is not the last one."""
    here, there = lone_board(), lone_board()

    async def main() -> None:
        one = RedisNews(redis_server.url, here, "one", "news-5")
        two = RedisNews(redis_server.url, there, "two", "news-5")
        now_ms = int(time.time() * 1000)
        here.put(7, 1, now_ms + 60_000, now_ms)
        await one.exchange()
        await two.exchange()
        there.put(7, 2, now_ms + 60_000, now_ms)
        await two.exchange()
        again = RedisNews(redis_server.url, there, "two", "news-5")
        await again.exchange()
        assert there.get(7, now_ms) == 2
        there.put(7, 3, now_ms + 60_000, now_ms)
        await again.exchange()
        there.learn(7, 4, now_ms + 60_000, now_ms)
        await again.exchange()
        assert there.get(7, now_ms) == 4, "from then on what we told ourselves is no news"
        await asyncio.gather(*(each.close() for each in (one, two, again)))

    asyncio.run(main())
