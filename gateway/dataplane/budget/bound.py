"""What one request can cost at most, so that a hard cap can be promised. Errs high, never low (SPEC §3; DESIGN, "Money rules").

Prompt: a byte-level BPE makes no more tokens than there are bytes, so the body's bytes bound its text; inline images and documents
count by size classes instead of their base64; whatever the body only names (files, stored answers, URLs) could fill the model's
context window. Output: the limit that the client gave, the model's own, or one that we set; times the choices asked for.
"""

from msgspec.structs import replace

from gateway import _native
from gateway._native import Reach, TextReach
from gateway.base.core.errors import GatewayError
from gateway.base.core.plan import Deployment
from gateway.base.core.price import Bound, bound_of, upper_bound_nusd
from gateway.dataplane.wire import CODECS, PathSays
from gateway.dataplane.wire.canon import Media, Opaque, Turn
from gateway.dataplane.wire.fields import encode

_TEMPLATE_TOKENS = 2048
"""What providers add of their own: roles, the words that announce tools."""
_IMAGE_TOKENS = {"anthropic": 5_000, "openai": 50_000, "google": 20_000}
"""Above the largest count that the vendor's formula gives for one image (2026: 4,784; 48,169 for gpt-4o-mini; 258 a tile)."""
_OTHER_IMAGE_TOKENS = 50_000
_UNKNOWN_OUTPUT_TOKENS = 65_536
_SEARCHES = (b"web_search", b"googleSearch", b"google_search")
_MOST_SEARCHES = 10
_ELSEWHERE = (b"previous_response_id", b"conversation", b"prompt", b"cachedContent", b"container")
"""Top-level members that stand for text which the body does not hold."""
_MEDIA = (
    b"base64", b'"inlineData"', b'"inline_data"', b'"bytes"', b'"file_data"', b'"input_audio"', b'"image_url"', b'"file_id"',
    b'"file_url"', b'"fileData"', b'"s3Location"', b'"item_reference"',
)  # fmt: skip
"""Where one of these stands in a body, its conversation is read for media. Inside of a JSON string their quotes are escaped."""
_ODD = _native.Needles(
    [b'"n"', b'"candidateCount"', b'"service_tier"', *(b'"%b"' % name for name in _ELSEWHERE), *_MEDIA, *_SEARCHES]
)
"""Without any of these a request is text with one answer, as nearly all are: its bytes say all."""
_FREE = Bound(0, 0, 0)
LEAST_OUTPUT_TOKENS = 256
"""With less an agent can do nothing: then the request is refused instead."""


def text_reach(deployment: Deployment) -> TextReach:
    """What requests of text to a deployment can come to, by its tiers of prompt lengths. Without a price they cost nothing."""
    price, long_rates = deployment.price, deployment.bound or _FREE
    tiers = price.tiers if price else ()
    rates = bound_of(replace(price, tiers=())) if price else _FREE
    return TextReach(
        _ODD,
        rates_pusd=(rates.input_pusd, rates.output_pusd),
        long_rates_pusd=(long_rates.input_pusd, long_rates.output_pusd),
        long_above_tokens=min((tier.above_prompt_tokens for tier in tiers), default=0),
        request_nusd=rates.request_nusd,
        template_tokens=_TEMPLATE_TOKENS,
        window_tokens=price.context_window_tokens if price else 0,
        most_output_tokens=price.max_output_tokens if price else 0,
        unknown_output_tokens=_UNKNOWN_OUTPUT_TOKENS,
    )


def reach_of(text: Reach, body: bytes, dialect: str, path: PathSays, deployment: Deployment, vendor: str) -> Reach:
    """The reach of a request as the client wrote it, whatever it names; `text` is what it were if that were only text."""
    window = deployment.price.context_window_tokens if deployment.price else 0
    spans = _native.scan_object(body, (b"n", b"generationConfig", b"service_tier", *_ELSEWHERE))
    n, config, tier, *elsewhere = [body[a:b] for a, b in zip(spans[::2], spans[1::2], strict=True)]
    if any(value not in (b"", b"null") for value in elsewhere):
        prompt = window or text.prompt_tokens
    else:
        prompt = _prompt_tokens(body, dialect, path, vendor, window)
    return text.widened(
        prompt,
        _count(n) if dialect == "openai.chat" else _count(_member(config, b"candidateCount")),
        tier[1:-1].decode("utf-8", "replace") if tier[:1] == b'"' else "",
        _MOST_SEARCHES if any(mark in body for mark in _SEARCHES) else 0,
    )


def quick_bound_nusd(reach: Reach, deployment: Deployment) -> int:
    """A bound that is never below `bound_nusd` of the whole reach, and mostly one product."""
    bound = deployment.bound
    if reach.service_tier or reach.searches or bound is None:
        return bound_nusd(reach, deployment, reach.output_tokens)
    return bound.nusd(reach.prompt_tokens, reach.most_output(0))


def bound_nusd(reach: Reach, deployment: Deployment, output_tokens: int) -> int:
    """Nano-USD of such a request with so many output tokens per choice; 0 for an unpriced model."""
    price = deployment.price
    if price is None:
        return 0
    cost = upper_bound_nusd(reach.prompt_tokens, output_tokens * reach.choices, price, reach.service_tier)
    return cost + reach.searches * price.web_search_nusd


def payable_tokens(reach: Reach, deployment: Deployment, hold_nusd: int) -> int:
    """The most output tokens per choice that `hold_nusd` is enough for."""
    low, high = 0, reach.output_tokens
    while low < high:
        middle = (low + high + 1) // 2
        if bound_nusd(reach, deployment, middle) <= hold_nusd:
            low = middle
        else:
            high = middle - 1
    return low


def _prompt_tokens(body: bytes, dialect: str, path: PathSays, vendor: str, window: int) -> int:
    tokens = len(body)
    if any(mark in body for mark in _MEDIA) and dialect in CODECS:
        try:
            tokens = _with_media(len(body), CODECS[dialect].read_turn(body, path), vendor, window)
        except GatewayError:
            tokens = max(len(body), window)  # the provider judges its own dialect; nothing in the body says more
    tokens += _TEMPLATE_TOKENS
    return min(tokens, window) if window else tokens


def _with_media(size: int, turn: Turn, vendor: str, window: int) -> int:
    """Bytes of the text, and for each medium and each reference what it can come to."""
    tokens = size
    stack: list[object] = list(turn.messages)
    while stack:
        one = stack.pop()
        if isinstance(one, Media) and not one.text:
            tokens += (
                _IMAGE_TOKENS.get(vendor, _OTHER_IMAGE_TOKENS) if one.kind == "image" else (window or len(one.data))
            )
            tokens -= len(one.data)
        elif isinstance(one, Opaque) and any(mark in encode(one.value) for mark in _MEDIA):
            tokens += window
        stack += getattr(one, "parts", None) or ()
    return tokens


def _member(config: bytes, name: bytes) -> bytes:
    start, end = _native.find_path(config, (name,)) if config else (-1, -1)
    return config[start:end] if start >= 0 else b""


def _count(raw: bytes) -> int:
    """How many choices a request asks for; what is no small number is refused by the provider."""
    return max(1, int(raw)) if raw.isdigit() and len(raw) < 4 else 1
