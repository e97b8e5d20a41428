"""What budgets, rate limits and sessions cost an exchange, beside all of them off (issue 5: at most 5 µs more)."""

import contextlib
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import bodies
from benchmarks.answer import Answer, Options
from benchmarks.fake import road, walk
from benchmarks.rounds import Case, answer_cases

label = "five levels, two windows each, rate limits and sessions, beside all off, CPU-µs per exchange (no sockets)"

_BATCH = 50
_PLENTY = 10**9


def _accounts(account: dict[str, Any]) -> dict[str, Any]:
    return {
        "org": account,
        "teams": {"platform": account},
        "users": {"*": account},
        "keys": {"*": account},
        "tags": {"repo=*": account},
    }


def _money(*, hard: bool) -> dict[str, Any]:
    return {"limit": _PLENTY, "hard": hard, "windows": [{"limit": _PLENTY, "period": "daily"}]}


_RATES = {"rpm": _PLENTY, "tpm": _PLENTY, "concurrency": _PLENTY}
_NO_RETRIES = {"retries_per_session": "off", "tool_failures": "off"}
ROADS: dict[str, dict[str, Any]] = {
    "all off": {"enabled": False},
    "retry caps": {},
    "soft budgets": {**_NO_RETRIES, **_accounts(_money(hard=False))},
    "hard budgets": {**_NO_RETRIES, **_accounts(_money(hard=True))},
    "rate limits": {**_NO_RETRIES, **_accounts(_RATES)},
    "soft, rates, retries": _accounts(_money(hard=False) | _RATES),
    "hard, rates, retries": _accounts(_money(hard=True) | _RATES),
}


@contextlib.contextmanager
def setup(_options: Options) -> Iterator[list[Case]]:
    """The same request down each road, small and of a turn's size."""
    with contextlib.ExitStack() as stack:
        cases = []
        for name, size in (("0.3 KB", bodies.SMALL), ("60 KB", bodies.TURN)):
            body = bodies.codex_turn(size, is_stream=False)
            for kind, budgets in ROADS.items():
                home = stack.enter_context(tempfile.TemporaryDirectory())
                pipeline = stack.enter_context(road(Path(home), budgets, guardrails={"enabled": False}))
                cases.append(Case(f"{name}, {kind}", partial(walk, pipeline, body, 0, _BATCH), _BATCH))
        yield cases


def run(cases: list[Case], options: Options) -> Answer:
    """Time them side by side."""
    return answer_cases("admission", label, cases, options)
