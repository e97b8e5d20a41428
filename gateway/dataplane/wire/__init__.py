"""Dialects: pure modules, bytes in and typed values out. A new dialect is one entry in DIALECTS."""

from gateway.dataplane.wire.anthropic_messages import ANTHROPIC_MESSAGES
from gateway.dataplane.wire.dialect import Dialect, details_of
from gateway.dataplane.wire.gemini import GEMINI_GENERATE
from gateway.dataplane.wire.openai_chat import OPENAI_CHAT, OPENAI_EMBEDDINGS
from gateway.dataplane.wire.openai_responses import OPENAI_RESPONSES
from gateway.dataplane.wire.peek import Peek
from gateway.dataplane.wire.refusal import Family, Form, family_of, form_of

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (OPENAI_RESPONSES, OPENAI_CHAT, OPENAI_EMBEDDINGS, ANTHROPIC_MESSAGES, GEMINI_GENERATE)
}

__all__ = ["DIALECTS", "Dialect", "Family", "Form", "Peek", "details_of", "family_of", "form_of"]
