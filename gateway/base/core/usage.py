"""Canonical usage: what a provider says it consumed, kept apart by what it costs.

The kinds never overlap except where said: `input_tokens` is the *uncached* input only, so the whole prompt is
`prompt_tokens()`. `reasoning_tokens` is a part of `output_tokens`; the audio, image and video counts are parts of the
input, the cache reads or the output, as their names say.
"""

from msgspec import structs

from gateway.base.core.struct import Record

_SHARED = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens")


class Usage(Record, frozen=True, omit_defaults=True):
    """Tokens of one exchange; every count is >= 0.

    `service_tier` is the provider's own word in lower case (`flex`, `priority`, `batch`, Anthropic's speed `fast`);
    `inference_geo` the region that was asked for, where it costs extra (Anthropic's `us`). `others` are the parts of these
    counts that models beside the one that answered took (Anthropic's advisor), each with its `model`.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    input_audio_tokens: int = 0
    cache_read_audio_tokens: int = 0
    output_audio_tokens: int = 0
    image_output_tokens: int = 0
    web_searches: int = 0
    service_tier: str = ""
    input_image_tokens: int = 0
    input_video_tokens: int = 0
    cache_read_image_tokens: int = 0
    inference_geo: str = ""
    model: str = ""
    others: "tuple[Usage, ...]" = ()

    def prompt_tokens(self) -> int:
        """Everything that went in, cached or not."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens

    def own(self) -> "Usage":
        """What the model that answered took itself: all but `others`."""
        if not self.others:
            return self
        taken = {name: sum(getattr(other, name) for other in self.others) for name in _SHARED}
        left = {name: getattr(self, name) - tokens for name, tokens in taken.items()}
        return structs.replace(self, **left, others=())


NO_USAGE = Usage()
USUAL_BYTES_PER_TOKEN = 4
"""Of English and code in the vendors' tokenizers: for guesses that need not err high."""
