import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.base.core.plan import Deployment, Provider, deployment
from gateway.base.core.price import Price, Rates, ServiceTier, Tier
from gateway.dataplane.budget import bound_nusd, payable_tokens, quick_bound_nusd, reach_of, text_reach
from gateway.dataplane.wire import DIALECTS, PathSays

RATES = Rates(input=1_250_000, output=10_000_000, cache_write_5m=1_500_000)
PRICE = Price(
    RATES, context_window_tokens=400_000, max_output_tokens=128_000, web_search_nusd=10_000_000,
    service_tiers={"priority": ServiceTier(Rates(input=2_500_000, output=20_000_000))},
)  # fmt: skip
PNG = "iVBORw0KGgo" + "A" * 400_000


def at(price: Price | None = PRICE, dialect: str = "openai.responses") -> Deployment:
    return deployment(Provider("openai", {dialect: ""}, ()), "gpt-5", price, dialect)


def reach(body: dict[str, Any], dialect: str = "openai.responses", price: Price | None = PRICE) -> Any:
    peeked = DIALECTS[dialect].peek(json.dumps({"model": "gpt-5", **body}).encode(), 512)
    asked = at(price, dialect)
    text = text_reach(asked).of(peeked.body, peeked.max_output_tokens, True)
    if not text.is_odd:
        return text
    return reach_of(text, peeked.body, dialect, PathSays("gpt-5"), asked, "openai")


def test_bytes_bound_the_tokens_and_the_dearest_rates_the_price() -> None:
    found = reach({"input": "x" * 10_000, "max_output_tokens": 1000})
    assert 10_000 < found.prompt_tokens < 13_000
    assert (found.output_tokens, found.choices, found.is_clients) == (1000, 1, True)
    assert bound_nusd(found, at(), 1000) == found.prompt_tokens * 1500 + 1000 * 10_000


def test_without_a_limit_the_models_own_counts() -> None:
    found = reach({"input": "hi"})
    assert (found.output_tokens, found.is_clients, found.is_known) == (128_000, False, True)
    found = reach({"input": "hi"}, price=Price(RATES))
    assert (found.output_tokens, found.is_known) == (65_536, False)


def test_a_prompt_is_never_larger_than_the_window() -> None:
    assert reach({"input": "x" * 2_000_000}).prompt_tokens == 400_000


@pytest.mark.parametrize(
    "named", [{"previous_response_id": "resp_1"}, {"conversation": "conv_1"}, {"prompt": {"id": "pmpt_1"}}], ids=str
)
def test_what_only_the_provider_knows_may_fill_the_window(named: dict[str, Any]) -> None:
    assert reach({"input": "hi", **named}).prompt_tokens == 400_000
    assert reach({"input": "hi", **dict.fromkeys(named)}).prompt_tokens < 4_000  # null names nothing


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai.responses", {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}]}]}),
        ("openai.chat", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]}]}),
        ("anthropic.messages", {"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]}]}]}),
        ("gemini.generate", {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]}]}),
    ],
)  # fmt: skip
def test_an_inline_image_counts_by_its_kind_not_by_its_base64(dialect: str, body: dict[str, Any]) -> None:
    assert 50_000 <= reach(body, dialect).prompt_tokens < 60_000


def test_base64_that_is_text_counts_as_text() -> None:
    found = reach({"input": f"what is data:image/png;base64,{PNG[:50_000]}"})
    assert found.prompt_tokens > 50_000


@pytest.mark.parametrize(
    "content",
    [{"type": "input_file", "file_id": "file_1"}, {"type": "input_file", "file_url": "https://example.com/a.pdf"}],
    ids=["id", "url"],
)
def test_a_document_elsewhere_may_fill_the_window(content: dict[str, Any]) -> None:
    assert reach({"input": [{"role": "user", "content": [content]}]}).prompt_tokens == 400_000


def test_choices_tiers_and_searches_cost_more() -> None:
    chat = reach({"messages": [{"role": "user", "content": "hi"}], "n": 4, "max_tokens": 100}, "openai.chat")
    assert chat.choices == 4
    gemini = reach(
        {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"candidateCount": 3}}, "gemini.generate"
    )
    assert gemini.choices == 3
    plain = reach({"input": "hi", "max_output_tokens": 100})
    tier = reach({"input": "hi", "max_output_tokens": 100, "service_tier": "priority"})
    assert bound_nusd(tier, at(), 100) > 1.6 * bound_nusd(plain, at(), 100)
    search = reach({"input": "hi", "max_output_tokens": 100, "tools": [{"type": "web_search"}]})
    assert bound_nusd(search, at(), 100) >= bound_nusd(plain, at(), 100) + 10 * 10_000_000


def test_what_can_be_paid_is_the_largest_output_that_fits() -> None:
    found = reach({"input": "hi"})
    for hold in (bound_nusd(found, at(), 0), bound_nusd(found, at(), 1000) + 9_999, bound_nusd(found, at(), 128_000)):
        tokens = payable_tokens(found, at(), hold)
        assert bound_nusd(found, at(), tokens) <= hold
        assert tokens == found.output_tokens or bound_nusd(found, at(), tokens + 1) > hold


def test_a_body_that_its_codec_refuses_is_still_bounded() -> None:
    found = reach({"input": [{"type": "of tomorrow", "file_id": 5}]})
    assert found.prompt_tokens == 400_000


def test_an_unpriced_model_costs_nothing() -> None:
    assert bound_nusd(reach({"input": "hi"}, price=None), at(None), 1000) == 0


@given(
    size=st.integers(0, 5_000),
    asked=st.integers(0, 300_000) | st.sampled_from([1 << 32, 10**30]),
    has_output=st.booleans(),
    window=st.sampled_from([0, 3_000, 400_000]),
    most=st.sampled_from([0, 128_000]),
    priced=st.booleans(),
    tiers=st.lists(st.sampled_from([2_100, 3_000, 6_000, 200_000]), unique=True, max_size=2),
)
def test_the_bound_of_text_is_never_below_the_bound_and_equal_before_the_first_tier(
    size: int, asked: int, *, has_output: bool, window: int, most: int, priced: bool, tiers: list[int]
) -> None:
    dear = tuple(Tier(above, Rates(input=above * 1000, output=above * 2000)) for above in tiers)
    price = Price(RATES, tiers=dear, context_window_tokens=window, max_output_tokens=most) if priced else None
    found = text_reach(at(price)).of(b"x" * size, asked, has_output)
    tokens = size + 2048
    known = most if priced else 0
    assert found.prompt_tokens == (min(tokens, window) if priced and window else tokens)
    wanted = min(asked or known or 65_536, known or 1 << 32, 1 << 32) if has_output else 0
    assert (found.output_tokens, found.is_clients) == (wanted, not has_output or asked > 0)
    exact = bound_nusd(found, at(price), found.output_tokens)
    is_short = found.prompt_tokens <= min(tiers, default=0) or not tiers
    assert found.text_nusd == (exact if is_short or not priced else quick_bound_nusd(found, at(price))) >= exact
    assert not found.is_odd
