"""Raw usage → canonical usage: golden tables by dialect, lenience, and the recorded traffic with its price oracle."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from gateway.base.core.price import cost_nusd
from gateway.base.core.usage import Usage
from gateway.dataplane.wire.usage import USAGE
from tests.dataplane.providers.shared import DIALECT, exchange, json_lines, price_from, raw_usage, shared
from tests.dataplane.wire import sse

GOLDEN: list[tuple[str, str, dict[str, Any], Usage]] = [
    (
        "openai.responses",
        "cached and written tokens are part of the input",
        {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 15},
            "total_tokens": 120,
        },
        Usage(input_tokens=10, cache_read_tokens=60, cache_write_5m_tokens=30, output_tokens=20, reasoning_tokens=15),
    ),
    (
        "openai.responses",
        "xAI counts its searches",
        {
            "input_tokens": 5,
            "output_tokens": 1,
            "server_side_tool_usage_details": {"web_search_calls": 2, "x_search_calls": 1},
        },
        Usage(input_tokens=5, output_tokens=1, web_searches=3),
    ),
    (
        "openai.images",
        "pictures in, pictures out",
        {
            "input_tokens": 221,
            "input_tokens_details": {"image_tokens": 194, "text_tokens": 27},
            "output_tokens": 415,
            "output_tokens_details": {"image_tokens": 272, "text_tokens": 143},
        },
        Usage(input_tokens=221, input_image_tokens=194, output_tokens=415, image_output_tokens=272),
    ),
    (
        "openai.chat",
        "audio in and out",
        {
            "prompt_tokens": 50,
            "completion_tokens": 30,
            "prompt_tokens_details": {"audio_tokens": 20, "cached_tokens": 0},
            "completion_tokens_details": {"audio_tokens": 25, "reasoning_tokens": 0},
        },
        Usage(input_tokens=50, input_audio_tokens=20, output_tokens=30, output_audio_tokens=25),
    ),
    (
        "openai.chat",
        "DeepSeek: hits and misses",
        {
            "prompt_tokens": 100,
            "completion_tokens": 8,
            "total_tokens": 108,
            "prompt_cache_hit_tokens": 64,
            "prompt_cache_miss_tokens": 36,
        },
        Usage(input_tokens=36, cache_read_tokens=64, output_tokens=8),
    ),
    (
        "openai.chat",
        "Together, Moonshot: cached_tokens at the top",
        {"prompt_tokens": 10, "completion_tokens": 1, "cached_tokens": 4},
        Usage(input_tokens=6, cache_read_tokens=4, output_tokens=1),
    ),
    (
        "openai.chat",
        "Groq: times are ignored",
        {"queue_time": 0.07, "prompt_tokens": 774, "prompt_time": 0.02, "completion_tokens": 15, "total_tokens": 789},
        Usage(input_tokens=774, output_tokens=15),
    ),
    (
        "openai.chat",
        "Mistral: service tier inside, null details",
        {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": None, "service_tier": "STANDARD"},
        Usage(input_tokens=5, output_tokens=2, service_tier="standard"),
    ),
    (
        "openai.chat",
        "xAI, Gemini's compatible API: reasoning only in the total",
        {
            "prompt_tokens": 66,
            "completion_tokens": 6,
            "total_tokens": 100,
            "completion_tokens_details": {"reasoning_tokens": 28},
        },
        Usage(input_tokens=66, output_tokens=34, reasoning_tokens=28),
    ),
    (
        "openai.chat",
        "a cache that is counted beside the prompt",
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 105,
            "prompt_tokens_details": {"cached_tokens": 90},
        },
        Usage(input_tokens=10, cache_read_tokens=90, output_tokens=5),
    ),
    (
        "openai.chat",
        "OpenRouter",
        {
            "prompt_tokens": 260,
            "completion_tokens": 10,
            "total_tokens": 270,
            "cost": 0.00093,
            "is_byok": False,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 200, "video_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 0, "image_tokens": 4},
            "server_tool_use_details": {"web_search_requests": 1},
        },
        Usage(
            input_tokens=60,
            cache_write_5m_tokens=200,
            input_video_tokens=3,
            output_tokens=10,
            image_output_tokens=4,
            web_searches=1,
        ),
    ),
    (
        "openai.completions",
        "",
        {"prompt_tokens": 19, "completion_tokens": 16},
        Usage(input_tokens=19, output_tokens=16),
    ),
    ("openai.embeddings", "", {"prompt_tokens": 8, "total_tokens": 8}, Usage(input_tokens=8)),
    ("openai.embeddings", "Voyage", {"total_tokens": 3}, Usage(input_tokens=3)),
    (
        "anthropic.messages",
        "the split of cache writes",
        {
            "input_tokens": 3,
            "cache_creation_input_tokens": 70,
            "cache_read_input_tokens": 40,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 50},
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 4},
            "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
            "service_tier": "standard",
            "inference_geo": "us",
        },
        Usage(
            input_tokens=3,
            cache_read_tokens=40,
            cache_write_5m_tokens=20,
            cache_write_1h_tokens=50,
            output_tokens=9,
            reasoning_tokens=4,
            web_searches=2,
            service_tier="standard",
            inference_geo="us",
        ),
    ),
    (
        "anthropic.messages",
        "no split: five minutes",
        {"input_tokens": 3, "cache_creation_input_tokens": 70, "output_tokens": 1},
        Usage(input_tokens=3, cache_write_5m_tokens=70, output_tokens=1),
    ),
    (
        "anthropic.messages",
        "fast mode is a tier",
        {"input_tokens": 1, "output_tokens": 1, "service_tier": "standard", "speed": "fast"},
        Usage(input_tokens=1, output_tokens=1, service_tier="fast"),
    ),
    (
        "anthropic.messages",
        "a compaction is billed beside the message",
        {
            "input_tokens": 23_000,
            "output_tokens": 1000,
            "iterations": [
                {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3500},
                {"type": "message", "input_tokens": 23_000, "output_tokens": 1000},
            ],
        },
        Usage(input_tokens=203_000, output_tokens=4500),
    ),
    (
        "anthropic.messages",
        "a fallback and an advisor name their models; a message is the model that was asked",
        {
            "input_tokens": 412,
            "output_tokens": 264,
            "inference_geo": "us",
            "iterations": [
                {"type": "message", "model": "claude-fable-5", "input_tokens": 408, "output_tokens": 0},
                {"type": "fallback_message", "model": "claude-opus-4-8", "input_tokens": 412, "output_tokens": 264},
                {"type": "advisor_message", "model": "y" * 300, "cache_read_input_tokens": 7},
                {"type": "advisor_message", "model": 5, "output_tokens": 1},
            ],
        },
        Usage(
            input_tokens=820,
            cache_read_tokens=7,
            output_tokens=265,
            inference_geo="us",
            others=(
                Usage(input_tokens=412, output_tokens=264, inference_geo="us", model="claude-opus-4-8"),
                Usage(cache_read_tokens=7, inference_geo="us", model="y" * 200),
            ),
        ),
    ),
    (
        "gemini.generate",
        "thoughts are output, tool prompts are input, the cache is part of the prompt",
        {
            "promptTokenCount": 345,
            "cachedContentTokenCount": 230,
            "toolUsePromptTokenCount": 55,
            "candidatesTokenCount": 37,
            "thoughtsTokenCount": 13,
            "totalTokenCount": 450,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 87},
                {"modality": "AUDIO", "tokenCount": 200},
                {"modality": "DOCUMENT", "tokenCount": 58},
            ],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 172}, {"modality": "IMAGE", "tokenCount": 58}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 30}],
            "serviceTier": "flex",
        },
        Usage(
            input_tokens=170,
            cache_read_tokens=230,
            output_tokens=50,
            reasoning_tokens=13,
            input_audio_tokens=28,
            cache_read_audio_tokens=172,
            cache_read_image_tokens=58,
            image_output_tokens=30,
            service_tier="flex",
        ),
    ),
    (
        "gemini.generate",
        "Vertex names the tier as traffic",
        {"promptTokenCount": 1, "candidatesTokenCount": 1, "trafficType": "ON_DEMAND_PRIORITY"},
        Usage(input_tokens=1, output_tokens=1, service_tier="priority"),
    ),
    (
        "bedrock.converse",
        "the cache is counted beside the input",
        {
            "inputTokens": 3,
            "outputTokens": 227,
            "cacheReadInputTokens": 5,
            "cacheWriteInputTokens": 1712,
            "cacheDetails": [{"inputTokens": 1000, "ttl": "1h"}, {"inputTokens": 712, "ttl": "5m"}],
        },
        Usage(
            input_tokens=3,
            cache_read_tokens=5,
            cache_write_5m_tokens=712,
            cache_write_1h_tokens=1000,
            output_tokens=227,
        ),
    ),
    (
        "cohere.chat.v2",
        "billed units, not tokens",
        {
            "billed_units": {"input_tokens": 7, "output_tokens": 88},
            "tokens": {"input_tokens": 69, "output_tokens": 89, "reasoning_tokens": 29},
        },
        Usage(input_tokens=7, output_tokens=88, reasoning_tokens=29),
    ),
]


@pytest.mark.parametrize(
    ("dialect", "raw", "want"), [(d, r, w) for d, _, r, w in GOLDEN], ids=[f"{d}: {n}" for d, n, _, _ in GOLDEN]
)
def test_usage(dialect: str, raw: dict[str, Any], want: Usage) -> None:
    """Each provider's counting comes out in ours."""
    assert USAGE[dialect](json.dumps(raw).encode(), None) == want


STREAMS = [
    (
        "the later one is cumulative",
        {"input_tokens": 25, "cache_read_input_tokens": 7, "output_tokens": 1, "service_tier": "standard"},
        {"output_tokens": 15},
        Usage(input_tokens=25, cache_read_tokens=7, output_tokens=15, service_tier="standard"),
    ),
    (
        "its input counts overwrite, too (server tools read more)",
        {"input_tokens": 25, "output_tokens": 1},
        {"input_tokens": 900, "cache_read_input_tokens": 0, "output_tokens": 15, "server_tool_use": {"web_search_requests": 1}},
        Usage(input_tokens=900, output_tokens=15, web_searches=1),
    ),
    (
        "null and a late 0 erase nothing",
        {"input_tokens": 25, "cache_creation_input_tokens": 9, "output_tokens": 8},
        {"input_tokens": 0, "cache_creation_input_tokens": None, "output_tokens": 3},
        Usage(input_tokens=25, cache_write_5m_tokens=9, output_tokens=3),
    ),
    (
        "the start knew nothing",
        {"input_tokens": 0, "output_tokens": 0},
        {"input_tokens": 12, "output_tokens": 3},
        Usage(input_tokens=12, output_tokens=3),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("start", "delta", "want"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS])
def test_anthropic_stream_sends_usage_twice(start: dict[str, Any], delta: dict[str, Any], want: Usage) -> None:
    """message_start, then message_delta: fields that are not null overwrite."""
    read = USAGE["anthropic.messages"]
    assert read(json.dumps(start).encode(), json.dumps(delta).encode()) == want
    assert read(b"{}", json.dumps({**start, **{k: v for k, v in delta.items() if v}}).encode()) is not None


def test_a_whole_answer_adds_service_tier_and_searches() -> None:
    """OpenAI and Gemini state them outside of the usage object."""
    usage = b'{"input_tokens": 1, "output_tokens": 1}'
    answer = b'{"service_tier": "Priority", "tool_usage": {"web_search": {"num_requests": 3}}, "output": [{"x": [1]}]}'
    assert USAGE["openai.responses"](usage, answer) == Usage(
        input_tokens=1, output_tokens=1, service_tier="priority", web_searches=3
    )
    of_chunk = b'{"id":"c1","choices":[{"index":0,"delta":{"content":"x"}}],"service_tier":"flex","usage":null}'
    for whole in (b'{"service_tier": "flex"}', of_chunk):  # of a stream: the chunk that names it
        chat = USAGE["openai.chat"](b'{"prompt_tokens": 1}', whole)
        assert chat is not None
        assert chat.service_tier == "flex"
    for version, searches in (("gemini-2.5-pro", 1), ("gemini-3-flash-preview", 2)):
        queries = {"groundingMetadata": {"webSearchQueries": ["", "a", "b"]}}
        whole = json.dumps({"candidates": [queries], "modelVersion": version}).encode()
        found = USAGE["gemini.generate"](b'{"promptTokenCount": 1}', whole)
        assert found is not None
        assert found.web_searches == searches
    for broken in (b"", b"[]", b"{", b"\xff", b'{"service_tier": 5, "tool_usage": []}', b'{"candidates": 1}'):
        for dialect in ("openai.responses", "gemini.generate"):
            assert USAGE[dialect](b'{"input_tokens": 1, "promptTokenCount": 1}', broken) == Usage(input_tokens=1)


GARBAGE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"7",
    b'"x"',
    b"{}",
    b"\xff\xfe",
    b'{"a": 1}',
    b"[" * 5000,
    b'{"a":' * 5000,
    b"NaN",
]
COUNTS = ["1", "1.0", '"1"', "0.5"]
NO_COUNTS = ["null", "-3", "true", '"x"', "[]", "{}", "1e400", "99999999999999999999999", "-0.5", '"' + "9" * 400 + '"']
FIRST = {
    "openai.responses": ("input_tokens", "output_tokens"),
    "openai.chat": ("prompt_tokens", "completion_tokens"),
    "openai.completions": ("prompt_tokens", "completion_tokens"),
    "openai.embeddings": ("prompt_tokens", ""),
    "openai.images": ("input_tokens", "output_tokens"),
    "anthropic.messages": ("input_tokens", "output_tokens"),
    "gemini.generate": ("promptTokenCount", "candidatesTokenCount"),
    "bedrock.converse": ("inputTokens", "outputTokens"),
}


@pytest.mark.parametrize("dialect", sorted(USAGE))
def test_garbage_is_no_usage_and_never_raises(dialect: str) -> None:
    """What is no object, or holds no count, gives None: the caller then estimates."""
    for raw in GARBAGE:
        assert USAGE[dialect](raw, None) is None, raw[:40]
        assert USAGE[dialect](raw, raw) is None, raw[:40]


@pytest.mark.parametrize("dialect", sorted(FIRST))
def test_odd_counts_are_read_or_make_an_estimate(dialect: str) -> None:
    """A main count that is none is not taken for 0, which would be an exact record of too little: nothing is."""
    into, out = FIRST[dialect]
    for text in COUNTS:
        found = USAGE[dialect](b'{"%s": %s, "x_new": {"deep": [1]}}' % (into.encode(), text.encode()), None)
        assert found is not None
        assert found.prompt_tokens() == 1, text
    for text in NO_COUNTS if out else ():
        found = USAGE[dialect](b'{"%s": %s, "%s": 4}' % (into.encode(), text.encode(), out.encode()), None)
        if text == "null":
            assert found is not None
            assert (found.prompt_tokens(), found.output_tokens) == (0, 4)
        else:
            assert found is None, text


def test_wrong_types_in_every_place_never_raise() -> None:
    """Every field of every golden case, replaced by every odd value."""
    odd: list[Any] = [None, -1, True, "x", [], {}, [1], [{"modality": 3}], {"cached_tokens": []}, 1.5, 10**30]
    for dialect, _, raw, _ in GOLDEN:
        for key in raw:
            for value in odd:
                data = json.dumps({**raw, key: value}).encode()
                found = USAGE[dialect](data, None)
                counts = msgspec.structs.asdict(found).values() if found else ()
                assert all(not isinstance(count, int) or count >= 0 for count in counts)


# === recorded traffic ===

_UNDER_COUNTED = {"anthropic.messages--95ac1627e1--test-anthropic-advisor-tool-redacted"}
"""The oracle leaves out what the advisor consumed (`usage.iterations`), which is billed: ours is more."""


def _split_of(usage: Usage) -> dict[str, int]:
    """Our counts under the oracle's names; its modality counts include what came from the cache."""
    return {
        "input_tokens": usage.prompt_tokens(),
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "output_tokens": usage.output_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        "input_audio_tokens": usage.input_audio_tokens + usage.cache_read_audio_tokens,
        "input_image_tokens": usage.input_image_tokens + usage.cache_read_image_tokens,
        "cache_audio_read_tokens": usage.cache_read_audio_tokens,
        "cache_image_read_tokens": usage.cache_read_image_tokens,
        "output_audio_tokens": usage.output_audio_tokens,
        "output_image_tokens": usage.image_output_tokens,
        "web_searches": usage.web_searches,
    }


def test_the_oracle_agrees_on_tokens_and_to_the_nano_dollar() -> None:
    """Each recorded answer gives the oracle's tokens, and at the oracle's rates its cost."""
    rows, wrong = 0, []
    for row in json_lines("prices/cost_oracle_dev.jsonl"):
        rows += 1
        raw = raw_usage(row["api"], exchange(row["wire_id"])["response"]["body"])
        usage = USAGE[DIALECT.get(row["api"], "openai.chat")](raw, None)
        assert usage is not None
        ours, theirs = _split_of(usage), row["usage_extracted"]
        differs = {name: (ours[name], theirs[name]) for name in ours if name in theirs and ours[name] != theirs[name]}
        standard = msgspec.structs.replace(usage, service_tier="", inference_geo="")  # the oracle knows neither
        nusd = cost_nusd(standard, price_from(row["rates"]))
        if differs or abs(nusd - Decimal(str(row["total_usd"])) * 10**9) > Decimal("0.5"):
            wrong.append(row["wire_id"])
            assert nusd > row["total_usd"] * 10**9, differs
    assert rows == 961
    assert set(wrong) == _UNDER_COUNTED


_SSE = {
    "openai.responses": ("openai.responses", "xai.responses", "deepseek.responses", "azure.responses"),
    "openai.chat": ("openai.chat", "groq.chat", "deepseek.chat", "mistral.chat", "openrouter.chat"),
    "anthropic.messages": ("anthropic.messages",),
    "gemini.generate": ("gemini.generate",),
}


def _events(text: str) -> list[dict[str, Any]]:
    return [json.loads(data) for _, data in sse.events(text.encode()) if data.startswith(b"{")]


def _tapped(dialect: str, events: list[dict[str, Any]]) -> tuple[Any, Any]:
    """What the native tap keeps of a stream: the last usage object; for Anthropic the first and the last."""
    first = second = None
    for event in events:
        match dialect:
            case "anthropic.messages":
                first = event.get("message", {}).get("usage") or first
                second = event.get("usage") or second
            case "openai.responses":
                first = (event.get("response") or {}).get("usage") or first
            case "openai.chat":
                first = event.get("usage") or event.get("x_groq", {}).get("usage") or first
            case _:
                first = event.get("usageMetadata") or first
    return first, second


@pytest.mark.parametrize("dialect", sorted(_SSE))
def test_recorded_streams_give_usage(dialect: str) -> None:
    """Whatever usage objects a stream carries, they come out as tokens; streams without any are counted, not hidden."""
    seen: Counter[str] = Counter()
    for api in _SSE[dialect]:
        for path in sorted((shared("wire/dev") / api).iterdir()):
            response = json.loads(path.read_text())["response"]
            if response["status"] != 200 or "sse" not in response:
                continue
            try:
                first, second = _tapped(dialect, _events(response["sse"]))
            except ValueError:  # a recording whose media were cut out
                seen["not JSON"] += 1
                continue
            if first is None and second is None:
                seen["no usage sent"] += 1
                continue
            usage = USAGE[dialect](json.dumps(first or {}).encode(), json.dumps(second).encode() if second else None)
            assert usage is not None, path.name
            assert usage.prompt_tokens() + usage.output_tokens > 0, path.name
            seen["usage"] += 1
    print(dialect, dict(seen))
    assert seen["usage"] >= 20
    assert seen["usage"] > 2 * seen["no usage sent"]
