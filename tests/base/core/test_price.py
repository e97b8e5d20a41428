"""Cost is exact integer arithmetic: golden amounts, tiers, service tiers, parts, fees and upper bounds."""

import random
from fractions import Fraction

import msgspec
import pytest

from gateway.base.core.price import Price, Rates, ServiceTier, Tier, cost_nusd, upper_bound_nusd
from gateway.base.core.usage import NO_USAGE, Usage

SONNET = Price(
    Rates(input=3_000_000, output=15_000_000, cache_read=300_000, cache_write_5m=3_750_000, cache_write_1h=6_000_000),
    tiers=(
        Tier(
            200_000,
            Rates(
                input=6_000_000,
                output=22_500_000,
                cache_read=600_000,
                cache_write_5m=7_500_000,
                cache_write_1h=12_000_000,
            ),
        ),
    ),
    web_search_nusd=10_000_000,
)
GPT = Price(
    Rates(input=1_250_000, output=10_000_000, cache_read=125_000),
    service_tiers={
        "flex": ServiceTier(Rates(input=625_000, output=5_000_000, cache_read=62_500)),
        "priority": ServiceTier(Rates(input=2_500_000, output=20_000_000, cache_read=250_000)),
    },
)
FLASH = Price(
    Rates(input=300_000, output=2_500_000, cache_read=30_000, input_audio=1_000_000, cache_read_audio=100_000),
    request_nusd=5,
)

GOLDEN = [
    ("nothing costs nothing", NO_USAGE, SONNET, 0),
    ("input and output", Usage(input_tokens=1000, output_tokens=100), SONNET, 4_500_000),
    (
        "cache kinds",
        Usage(input_tokens=16, cache_read_tokens=1, cache_write_5m_tokens=2, output_tokens=32),
        SONNET,
        48_000 + 300 + 7_500 + 480_000,
    ),
    ("1h write", Usage(cache_write_1h_tokens=10), SONNET, 60_000),
    ("200k is still the first tier", Usage(input_tokens=200_000), SONNET, 600_000_000),
    ("201k: all of it is dearer", Usage(input_tokens=200_001, output_tokens=1), SONNET, 1_200_006_000 + 22_500),
    (
        "cached tokens count for the tier",
        Usage(input_tokens=1, cache_read_tokens=200_000),
        SONNET,
        6_000 + 120_000_000,
    ),
    ("web searches", Usage(web_searches=2), SONNET, 20_000_000),
    ("no own rate: the base's", Usage(cache_write_5m_tokens=8, cache_write_1h_tokens=8), GPT, 20_000),
    ("reasoning is part of the output", Usage(output_tokens=10, reasoning_tokens=9), GPT, 100_000),
    ("flex", Usage(input_tokens=1000, output_tokens=10, service_tier="flex"), GPT, 675_000),
    ("priority", Usage(input_tokens=1000, output_tokens=10, service_tier="priority"), GPT, 2_700_000),
    ("an unknown service tier is standard", Usage(input_tokens=1000, service_tier="scale"), GPT, 1_250_000),
    ("audio is taken out of the input", Usage(input_tokens=100, input_audio_tokens=40), FLASH, 18_000 + 40_000 + 5),
    (
        "audio from the cache",
        Usage(cache_read_tokens=100, cache_read_audio_tokens=40),
        FLASH,
        1_800 + 4_000 + 5,
    ),
    ("more audio than input is clamped", Usage(input_tokens=10, input_audio_tokens=40), FLASH, 10_000 + 5),
    ("a request fee", NO_USAGE, FLASH, 5),
    ("half a nano-dollar rounds up", Usage(input_tokens=1), Price(Rates(input=1_500)), 2),
    ("less than half rounds down", Usage(input_tokens=1), Price(Rates(input=1_499)), 1),
    (
        "reasoning and pictures with rates of their own",
        Usage(output_tokens=100, reasoning_tokens=20, image_output_tokens=30),
        Price(Rates(output=1_000_000, reasoning=2_000_000, image_output=10_000_000)),
        50_000 + 40_000 + 300_000,
    ),
    (
        "inference in a region",
        Usage(input_tokens=1000, inference_geo="us"),
        Price(Rates(input=5_000_000), geo_percent={"us": 110}),
        5_500_000,
    ),
    (
        "a service tier has tiers of its own",
        Usage(input_tokens=300, service_tier="flex"),
        Price(
            Rates(input=2_000),
            tiers=(Tier(200, Rates(input=4_000)),),
            service_tiers={"flex": ServiceTier(Rates(input=1_000), (Tier(200, Rates(input=3_000)),))},
        ),
        900,
    ),
]


@pytest.mark.parametrize(("usage", "price", "nusd"), [row[1:] for row in GOLDEN], ids=[row[0] for row in GOLDEN])
def test_cost(usage: Usage, price: Price, nusd: int) -> None:
    """Usage at a price costs exactly so many nano-dollars."""
    assert cost_nusd(usage, price) == nusd


def _random_price(rng: random.Random) -> Price:
    def rates() -> Rates:
        return Rates(
            **{
                name: rng.choice((-1, rng.randrange(0, 90_000_000)))
                if name not in ("input", "output")
                else rng.randrange(0, 90_000_000)
                for name in Rates.__struct_fields__
            }
        )

    tiers = tuple(Tier(above, rates()) for above in sorted(rng.sample(range(1, 3000), rng.randrange(3))))
    return Price(rates(), tiers, {"flex": ServiceTier(rates())}, request_nusd=rng.randrange(100))


def _random_usage(rng: random.Random, tier: str) -> Usage:
    counts = {name: rng.randrange(1000) for name in Usage.__struct_fields__ if name.endswith("_tokens")}
    return msgspec.convert({**counts, "service_tier": tier}, Usage)


def test_a_request_never_costs_more_than_its_upper_bound() -> None:
    """A hold made from true token counts covers every split of them over the kinds."""
    rng = random.Random(7)
    for _ in range(3000):
        price, usage = _random_price(rng), _random_usage(rng, rng.choice(("", "flex")))
        bound = upper_bound_nusd(usage.prompt_tokens(), usage.output_tokens, price, usage.service_tier)
        assert cost_nusd(usage, price) <= bound


def test_upper_bound_takes_only_the_tiers_that_can_apply() -> None:
    """A short prompt is not held at the long prompt's rates; cache writes are dearer than plain input."""
    assert upper_bound_nusd(100, 10, SONNET) == 100 * 6_000 + 10 * 15_000
    assert upper_bound_nusd(200_001, 0, SONNET) == 200_001 * 12_000
    assert upper_bound_nusd(1000, 0, GPT, "priority") == 2_500_000
    assert upper_bound_nusd(1000, 0, GPT) == 1_250_000


def test_cost_of_plain_usage_equals_rational_arithmetic() -> None:
    """The sum over kinds, done in fractions of a dollar, is the same amount, rounded half up once."""
    rng = random.Random(11)
    for _ in range(2000):
        rates = Rates(
            *(rng.randrange(100_000_000) for _ in range(5))
        )  # input, output, cache_read, cache_write_5m, cache_write_1h
        plain, cached, write_5m, write_1h, output = (rng.randrange(2_000_000) for _ in range(5))
        usage = Usage(plain, cached, write_5m, write_1h, output)
        dollars = sum(
            Fraction(tokens * rate, 10**12)
            for tokens, rate in (
                (usage.input_tokens, rates.input),
                (usage.cache_read_tokens, rates.cache_read),
                (usage.cache_write_5m_tokens, rates.cache_write_5m),
                (usage.cache_write_1h_tokens, rates.cache_write_1h),
                (usage.output_tokens, rates.output),
            )
        )
        assert cost_nusd(usage, Price(rates)) == int(dollars * 10**9 + Fraction(1, 2))


def test_records_survive_json() -> None:
    """Prices and usage go into files and frames and come back the same."""
    for value in (SONNET, GPT, FLASH):
        assert msgspec.json.decode(msgspec.json.encode(value), type=Price) == value
    usage = Usage(input_tokens=3, service_tier="flex")
    assert msgspec.json.encode(usage) == b'{"input_tokens":3,"service_tier":"flex"}'
