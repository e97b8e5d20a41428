"""What an exchange waits for on its way to the provider: nothing, as long as the worker's leases are warm (SPEC §3)."""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.base.config import parse
from gateway.base.storage import open_keys
from gateway.base.storage.board import lone_board
from gateway.base.storage.open import open_rates
from gateway.dataplane.flow import Pipeline, assemble
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.identity import Identity
from tests.dataplane.budget.store import MemoryStore
from tests.dataplane.flow.test_pipeline import PATIENCE_S, Asked, Lines, Told
from tests.fakes.upstream import FakeUpstream, json_answer
from tests.harness import config_for

REQUEST = {"model": "openai/gpt-4.1-mini", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
RATES = {"rpm": 100_000, "tpm": 100_000_000, "concurrency": 10_000}
USAGE = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "a cat"}}], "usage": USAGE}


def budgets(*, is_hard: bool) -> dict[str, Any]:
    """Five levels with two windows and rate limits each; key `alice` is in all of them."""
    account = {"limit": 1000, "hard": is_hard, "windows": [{"period": "daily", "limit": 100, "hard": is_hard}], **RATES}
    levels: dict[str, str] = {"teams": "platform", "users": "*", "keys": "alice", "tags": "repo=pay"}
    return {"org": account, **{level: {name: account} for level, name in levels.items()}}


async def walked(pipeline: Pipeline) -> tuple[Exchange, int]:
    """An exchange that goes step by step, and how many times it had to wait."""
    walk, count = pipeline.handle(Asked("/v1/chat/completions", REQUEST), Told()), 0
    while True:
        try:
            waited: Any = walk.send(None)
        except StopIteration as end:
            return end.value, count
        count += 1
        if waited is None:
            await asyncio.sleep(0)
        else:
            waited._asyncio_future_blocking = False  # as a task does with what it is given to wait for
            await asyncio.wait({waited})


@pytest.mark.parametrize("is_hard", [True, False], ids=["hard", "soft"])
def test_an_exchange_under_ten_windows_waits_for_nothing(tmp_path: Path, is_hard: bool) -> None:
    provider, store, waits = FakeUpstream(), MemoryStore(), []
    provider.default = json_answer(json.dumps(ANSWER).encode())

    async def main() -> None:
        loaded = parse(
            json.dumps(
                {**config_for(provider.url, data_dir=str(tmp_path / "data")), "budgets": budgets(is_hard=is_hard)}
            ).encode()
        )
        with closing(open_keys(tmp_path)) as keys:
            policy = assemble(loaded, Identity(keys, loaded.config.keys, loaded.source))
            loop = asyncio.get_running_loop()
            rates = open_rates(loaded.config)
            pipeline = Pipeline(loop, policy, Lines(), "run", store, rates, lone_board())
            with closing(pipeline):
                for _ in range(5):
                    ex, count = await walked(pipeline)
                    waits.append(count)
                    assert ex.hold is not None
                    assert len(ex.hold.charge.buckets) == 10
                    assert ex.taken is not None
                    assert (len(ex.taken.limits.flows), len(ex.taken.limits.slots)) == (10, 5)
                    async with asyncio.timeout(PATIENCE_S):
                        await pipeline.wait_end(ex)
            await rates.close()

    asyncio.run(main())
    provider.close()
    assert waits[0] > 0, "the first one asks the store"
    assert waits[1:] == [0, 0, 0, 0]
