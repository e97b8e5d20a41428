"""An event loop whose time is the test's: it jumps to the next timer as soon as nothing real is awaited."""

import asyncio
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any


class Clock:
    """`time` and `perf_counter` as the code under test asks for them. `busy`: how many answers of servers are awaited."""

    def __init__(self, now_ms: int) -> None:
        self._wall_ms, self._steady_s, self.busy = float(now_ms), 1_000.0, 0

    @property
    def now_ms(self) -> int:
        return int(self._wall_ms)

    def time(self) -> float:
        return self.now_ms / 1000

    def perf_counter(self) -> float:
        return self._steady_s

    def move(self, seconds: float) -> None:
        self._wall_ms += seconds * 1000
        self._steady_s += seconds

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """While something real is awaited."""
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1


class _Selector(selectors.DefaultSelector):
    clock: Clock

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout and timeout > 0 and not self.clock.busy:
            self.clock.move(timeout)
            timeout = 0
        elif timeout and self.clock.busy:
            timeout = None
        return super().select(timeout)


class AtOnce(ThreadPoolExecutor):
    """Instead of a thread: what is done comes in the same order each time."""

    def __init__(self) -> None:
        super().__init__(1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as exc:  # noqa: BLE001 - whoever waits for it is told
            done.set_exception(exc)
        return done


class ClockLoop(asyncio.SelectorEventLoop):
    """Timers cost no time."""

    def __init__(self, clock: Clock) -> None:
        selector = _Selector()
        selector.clock = self._clock = clock
        super().__init__(selector)
        self.set_default_executor(AtOnce())

    def time(self) -> float:
        return self._clock.perf_counter()
