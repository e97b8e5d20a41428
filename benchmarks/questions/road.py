"""The road in Python alone: what an exchange costs the event loop before any socket, by size of its body."""

import contextlib
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import bodies
from benchmarks.answer import Answer, Options
from benchmarks.fake import road, walk
from benchmarks.rounds import Case, answer_cases

label = "our own Python per exchange (no sockets, no journal file), CPU-µs"

_BATCH = 50


@contextlib.contextmanager
def setup(_options: Options) -> Iterator[list[Case]]:
    """Whole answers and streams of 60 pieces, three sizes."""
    with tempfile.TemporaryDirectory() as home, road(Path(home)) as pipeline:
        cases = []
        for name, size in (("0.3 KB", bodies.SMALL), ("60 KB", bodies.TURN), ("400 KB", bodies.LONG)):
            for kind, events in (("whole answer", 0), ("stream of 60", 60)):
                body = bodies.codex_turn(size, is_stream=events > 0)
                cases.append(Case(f"{name}, {kind}", partial(walk, pipeline, body, events, _BATCH), _BATCH))
        yield cases


def run(cases: list[Case], options: Options) -> Answer:
    """Time them side by side."""
    return answer_cases("road", label, cases, options)
