"""Dialects: pure modules, bytes in and typed values out. A new dialect is one entry in DIALECTS, and one in CODECS to be translated."""

from gateway.dataplane.wire import chat, converse, generate, messages, responses
from gateway.dataplane.wire.anthropic_messages import ANTHROPIC_MESSAGES
from gateway.dataplane.wire.bedrock_converse import BEDROCK_CONVERSE
from gateway.dataplane.wire.canon import Fault, Turn
from gateway.dataplane.wire.codec import Codec, PathSays, Target
from gateway.dataplane.wire.dialect import Dialect, details_of
from gateway.dataplane.wire.fault import provider_error, told
from gateway.dataplane.wire.features import has_images, has_tools
from gateway.dataplane.wire.gemini import GEMINI_GENERATE
from gateway.dataplane.wire.makers import concerns_thoughts, holds_thoughts, maker_of_last
from gateway.dataplane.wire.openai_chat import OPENAI_CHAT, OPENAI_EMBEDDINGS
from gateway.dataplane.wire.openai_responses import OPENAI_RESPONSES
from gateway.dataplane.wire.peek import Peek
from gateway.dataplane.wire.refusal import Family, Form, family_of, form_of
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.session import named_session
from gateway.dataplane.wire.step import step_of
from gateway.dataplane.wire.tool_loop import failed_streak
from gateway.dataplane.wire.translate.count import estimated_tokens
from gateway.dataplane.wire.translate.media import inlined, wanted
from gateway.dataplane.wire.translate.reasoning import TRACE, same_origin
from gateway.dataplane.wire.translate.reopen import own_thoughts, reopened
from gateway.dataplane.wire.translate.road import Translation, in_words_of

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        OPENAI_RESPONSES,
        OPENAI_CHAT,
        OPENAI_EMBEDDINGS,
        ANTHROPIC_MESSAGES,
        GEMINI_GENERATE,
        BEDROCK_CONVERSE,
    )
}
CODECS: dict[str, Codec] = {
    module.CODEC.name: module.CODEC for module in (responses, chat, messages, generate, converse)
}

__all__ = [
    "CODECS",
    "DIALECTS",
    "TRACE",
    "Codec",
    "Dialect",
    "Family",
    "Fault",
    "Form",
    "PathSays",
    "Peek",
    "Report",
    "Target",
    "Translation",
    "Turn",
    "concerns_thoughts",
    "details_of",
    "estimated_tokens",
    "failed_streak",
    "family_of",
    "form_of",
    "has_images",
    "has_tools",
    "holds_thoughts",
    "in_words_of",
    "inlined",
    "maker_of_last",
    "named_session",
    "own_thoughts",
    "provider_error",
    "reopened",
    "same_origin",
    "step_of",
    "told",
    "wanted",
]
