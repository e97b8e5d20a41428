"""One module per question, each with the same three names: `label`, `setup`, `run` (benchmarks/README.md)."""

from types import ModuleType

from benchmarks.questions import (
    admission,
    guard,
    guard_answers,
    guard_rates,
    guard_road,
    journal,
    keys,
    latency,
    peek,
    plan,
    profile,
    proxy,
    road,
    settle,
    sse_tap,
    translate,
)

QUESTIONS: dict[str, ModuleType] = {
    "peek": peek,
    "keys": keys,
    "journal": journal,
    "settle": settle,
    "sse_tap": sse_tap,
    "road": road,
    "admission": admission,
    "plan": plan,
    "guard": guard,
    "guard_rates": guard_rates,
    "guard_answers": guard_answers,
    "guard_road": guard_road,
    "translate": translate,
    "proxy": proxy,
    "latency": latency,
    "profile": profile,
}
"""In the order in which a full run asks them."""
