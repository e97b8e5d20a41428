"""What an exchange waits for beside the event loop: threads and stores. Meanwhile `Exchange.interrupt` can end it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from gateway.dataplane.flow.exchange import Exchange

_T = TypeVar("_T")
ON_LOOP_BYTES: Final = 1 << 20
"""Work on more bytes than that is felt by the loop's other exchanges: a thread does it."""


async def off_loop(ex: Exchange, size: int, work: Callable[..., _T], *args: object) -> _T:
    """`work(*args)`, in a thread when it is about so many bytes that the loop would feel it."""
    if size < ON_LOOP_BYTES:
        return work(*args)
    return await waited(ex, asyncio.get_running_loop().run_in_executor(None, work, *args))


async def waited(ex: Exchange, awaitable: Awaitable[_T]) -> _T:
    """What `awaitable` gives. Meanwhile `interrupt` can end the exchange; raises what it was given then."""
    ex.waits_for = future = asyncio.ensure_future(awaitable)
    try:
        found = await future
    finally:
        ex.waits_for = None
        del future  # it holds what it raised, whose traceback holds this frame, and so the request
    if ex.interrupted_by is not None:  # when it had just come
        raise ex.interrupted_by
    return found
