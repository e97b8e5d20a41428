"""What a provider's bill comes to, by arithmetic of our own: nothing of the gateway's is used here. Pure.

As gateway/base/core/price.py documents it: pico-USD (1e-12) per token, summed over the kinds, rounded half up to nano-USD once per
request, then the fee per request.
"""

import random
from typing import Any

from msgspec import Struct

PICO_PER_NANO = 1000
NANO = 1_000_000_000


class BillRow(Struct, frozen=True):
    """One line of the simulator's bill; see docs/guides/simulator.md."""

    label: str
    model: str
    dialect: str
    is_stream: bool
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    is_reported: bool
    is_open: bool


class Rates(Struct, frozen=True):
    """pico-USD per token; nano-USD per request."""

    input: int
    cache_read: int
    cache_write: int
    output: int
    request_nusd: int

    def cost_nusd(self, row: BillRow) -> int:
        """What one line of the bill costs."""
        pico = (
            row.input_tokens * self.input
            + row.cache_read_tokens * self.cache_read
            + row.cache_write_tokens * self.cache_write
            + row.output_tokens * self.output
        )
        return (pico + PICO_PER_NANO // 2) // PICO_PER_NANO + self.request_nusd

    def at_most_nusd(self, prompt_tokens: int, output_tokens: int) -> int:
        """No request with so many tokens costs more."""
        pico = prompt_tokens * max(self.input, self.cache_read, self.cache_write) + output_tokens * self.output
        return -(-pico // PICO_PER_NANO) + self.request_nusd

    def config(self) -> dict[str, Any]:
        """The same as an entry of `models.prices`."""
        return {
            "input_per_mtok": self.input / 1e6, "output_per_mtok": self.output / 1e6,
            "cache_read_per_mtok": self.cache_read / 1e6, "cache_write_5m_per_mtok": self.cache_write / 1e6,
            "request_usd": self.request_nusd / NANO,
        }  # fmt: skip


def draw(rng: random.Random, low_usd: float, high_usd: float) -> Rates:
    """A price whose input is log-uniform in USD per million tokens; output dearer, at most $75; odd digits, so that rounding shows."""
    usd = low_usd * (high_usd / low_usd) ** rng.random()
    given = round(usd * 1e6)
    output = min(round(given * rng.uniform(1.5, 6)), 75_000_000)
    request_nusd = rng.choice((0, 0, 0, 137_501))
    return Rates(given, round(given * rng.uniform(0.1, 0.5)), round(given * rng.uniform(1, 1.5)), output, request_nusd)
