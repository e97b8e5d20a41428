"""Canonical usage: what a provider says it consumed, kept apart by what it costs.

The kinds never overlap except where said: `input_tokens` is the *uncached* input only, so the whole prompt is
`prompt_tokens()`. `reasoning_tokens` is a part of `output_tokens`; the audio, image and video counts are parts of the
input, the cache reads or the output, as their names say.
"""

from gateway.base.core.struct import Record


class Usage(Record, frozen=True, omit_defaults=True):
    """Tokens of one exchange; every count is >= 0.

    `service_tier` is the provider's own word in lower case (`flex`, `priority`, `batch`, Anthropic's speed `fast`);
    `inference_geo` the region that was asked for, where it costs extra (Anthropic's `us`).
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

    def prompt_tokens(self) -> int:
        """Everything that went in, cached or not."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens


NO_USAGE = Usage()
