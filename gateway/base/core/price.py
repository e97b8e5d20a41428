"""Prices and the arithmetic of cost. Pure; integers only.

Rates are pico-USD per token (1e-12 USD): $3 per million tokens is 3_000_000. Costs are nano-USD (1e-9 USD).
"""

from gateway.base.core.struct import Record
from gateway.base.core.usage import Usage

_PICO_PER_NANO = 1000


class Rates(Record, frozen=True, omit_defaults=True):
    """pico-USD per token of each kind. A kind without its own rate costs what its base kind costs (-1 = no own rate).

    Bases: cache_read, cache_write_5m, input_audio, input_image, input_video → input; cache_write_1h → cache_write_5m →
    input; reasoning, output_audio, image_output → output; cache_read_audio, cache_read_image → cache_read.
    """

    input: int = 0
    output: int = 0
    cache_read: int = -1
    cache_write_5m: int = -1
    cache_write_1h: int = -1
    reasoning: int = -1
    input_audio: int = -1
    cache_read_audio: int = -1
    output_audio: int = -1
    image_output: int = -1
    input_image: int = -1
    input_video: int = -1
    cache_read_image: int = -1


class Tier(Record, frozen=True):
    """Rates that hold for the whole request once the prompt is larger than `above_prompt_tokens`."""

    above_prompt_tokens: int
    rates: Rates


class ServiceTier(Record, frozen=True, omit_defaults=True):
    """The whole rate card of one service tier (`flex`, `priority`, `batch`, `fast`).

    Complete: kinds for which the provider names no own rate in this tier already hold the standard rate.
    """

    rates: Rates
    tiers: tuple[Tier, ...] = ()


class Price(Record, frozen=True, omit_defaults=True):
    """What one model at one provider costs, and the limits that the catalogue knows.

    `tiers` ascend. `geo_percent` multiplies the token cost where inference was pinned to a region (`us` → 110).
    0 in a limit means that it is not known. `notice`: what whoever asks for the model today should be told, such as that it retires soon.
    """

    rates: Rates
    tiers: tuple[Tier, ...] = ()
    service_tiers: dict[str, ServiceTier] = {}
    request_nusd: int = 0
    web_search_nusd: int = 0
    context_window_tokens: int = 0
    max_output_tokens: int = 0
    geo_percent: dict[str, int] = {}
    notice: str = ""


def cost_nusd(usage: Usage, price: Price) -> int:
    """What `usage` costs at `price`, in nano-USD, rounded half up from exact pico-USD.

    A request's service tier picks the rate card (an unknown one is standard); the size of its prompt picks the tier for
    all of its tokens; parts (audio, image, video, reasoning) are taken out of their base kind, never below zero.
    """
    card: Price | ServiceTier = price
    if usage.service_tier and price.service_tiers:
        card = price.service_tiers.get(usage.service_tier, price)
    rates = card.rates
    if card.tiers:
        prompt = usage.prompt_tokens()
        for tier in card.tiers:
            if prompt <= tier.above_prompt_tokens:
                break
            rates = tier.rates
    pico = _input_pusd(usage, rates) + _output_pusd(usage, rates)
    if usage.inference_geo and price.geo_percent:
        percent = price.geo_percent.get(usage.inference_geo, 100)
        pico = -(-pico * percent // 100)
    nano = (pico + _PICO_PER_NANO // 2) // _PICO_PER_NANO
    return nano + price.request_nusd + usage.web_searches * price.web_search_nusd


def upper_bound_nusd(prompt_tokens: int, output_tokens: int, price: Price, service_tier: str = "") -> int:
    """The most that a request with so many tokens can cost, in nano-USD, without web searches.

    All input at the dearest input rate (cache write, audio and image included), all output at the dearest output rate,
    over the standard rates, every tier that such a prompt can reach, and `service_tier` when one was asked for.
    """
    cards: list[Price | ServiceTier] = [price]
    if service_tier in price.service_tiers:
        cards.append(price.service_tiers[service_tier])
    dearest_in = dearest_out = 0
    for card in cards:
        for rates in (card.rates, *(t.rates for t in card.tiers if prompt_tokens > t.above_prompt_tokens)):
            dearest_in = max(dearest_in, *_input_rates(rates))
            dearest_out = max(dearest_out, rates.output, rates.reasoning, rates.output_audio, rates.image_output)
    pico = prompt_tokens * dearest_in + output_tokens * dearest_out
    if price.geo_percent:
        pico = -(-pico * max(100, *price.geo_percent.values()) // 100)
    return -(-pico // _PICO_PER_NANO) + price.request_nusd


class Bound(Record, frozen=True):
    """A price's dearest rates over all of its tiers (standard service tier), made once, so that a bound is one product."""

    input_pusd: int
    output_pusd: int
    request_nusd: int

    def nusd(self, prompt_tokens: int, output_tokens: int) -> int:
        """What a request with so many tokens can cost at most, in nano-USD; see `upper_bound_nusd`."""
        pico = prompt_tokens * self.input_pusd + output_tokens * self.output_pusd
        return -(-pico // _PICO_PER_NANO) + self.request_nusd


def bound_of(price: Price) -> Bound:
    """The bound of any request at `price`: never below `upper_bound_nusd`, whatever the size of the prompt."""
    huge = 1 << 40  # beyond every tier's threshold
    dearest_in = upper_bound_nusd(huge, 0, price) - price.request_nusd
    dearest_out = upper_bound_nusd(huge, huge, price) - price.request_nusd - dearest_in
    return Bound(-(-dearest_in * _PICO_PER_NANO // huge), -(-dearest_out * _PICO_PER_NANO // huge), price.request_nusd)


def _input_rates(rates: Rates) -> tuple[int, ...]:
    return (
        rates.input,
        rates.cache_read,
        rates.cache_write_5m,
        rates.cache_write_1h,
        rates.input_audio,
        rates.input_image,
        rates.input_video,
        rates.cache_read_audio,
        rates.cache_read_image,
    )


def _input_pusd(usage: Usage, rates: Rates) -> int:
    base = rates.input
    plain = usage.input_tokens
    pico = 0
    if usage.input_audio_tokens or usage.input_image_tokens or usage.input_video_tokens:
        for tokens, rate in (
            (usage.input_audio_tokens, rates.input_audio),
            (usage.input_image_tokens, rates.input_image),
            (usage.input_video_tokens, rates.input_video),
        ):
            part = min(tokens, plain)
            plain -= part
            pico += part * (rate if rate >= 0 else base)
    pico += plain * base
    write_5m = rates.cache_write_5m if rates.cache_write_5m >= 0 else base
    if usage.cache_write_5m_tokens:
        pico += usage.cache_write_5m_tokens * write_5m
    if usage.cache_write_1h_tokens:
        pico += usage.cache_write_1h_tokens * (rates.cache_write_1h if rates.cache_write_1h >= 0 else write_5m)
    if usage.cache_read_tokens:
        pico += _cache_read_pusd(usage, rates)
    return pico


def _cache_read_pusd(usage: Usage, rates: Rates) -> int:
    base = rates.cache_read if rates.cache_read >= 0 else rates.input
    plain = usage.cache_read_tokens
    if not usage.cache_read_audio_tokens and not usage.cache_read_image_tokens:
        return plain * base  # nearly always
    pico = 0
    for tokens, rate in (
        (usage.cache_read_audio_tokens, rates.cache_read_audio),
        (usage.cache_read_image_tokens, rates.cache_read_image),
    ):
        part = min(tokens, plain)
        plain -= part
        pico += part * (rate if rate >= 0 else base)
    return pico + plain * base


def _output_pusd(usage: Usage, rates: Rates) -> int:
    base = rates.output
    plain = usage.output_tokens
    if rates.reasoning < 0 and not usage.output_audio_tokens and not usage.image_output_tokens:
        return plain * base  # nearly always
    pico = 0
    for tokens, rate in (
        (usage.output_audio_tokens, rates.output_audio),
        (usage.image_output_tokens, rates.image_output),
        (usage.reasoning_tokens, rates.reasoning),
    ):
        if tokens and rate >= 0:
            part = min(tokens, plain)
            plain -= part
            pico += part * rate
    return pico + plain * base
