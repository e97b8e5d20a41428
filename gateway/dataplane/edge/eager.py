"""Runs a coroutine at once, and makes a task only of what is left when it waits (Python 3.12 has tasks that begin so)."""

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any


def run_eagerly(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any] | None:
    """Run `coroutine` until it ends or waits; in that case its rest is the task given back, which the caller keeps.

    `asyncio.current_task()` is None until then. Raises what the coroutine raises before it waits.
    """
    try:
        awaited = coroutine.send(None)
    except StopIteration:
        return None
    return loop.create_task(_rest(coroutine, awaited))


@types.coroutine
def _rest(coroutine: Coroutine[Any, Any, Any], awaited: Any) -> Generator[Any, Any, Any]:
    try:
        while True:
            try:
                value = yield awaited
            except BaseException as exc:  # noqa: BLE001 - a cancellation is for the coroutine
                awaited = coroutine.throw(exc)
            else:
                awaited = coroutine.send(value)
    except StopIteration as end:
        return end.value
