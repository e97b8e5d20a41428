"""A full context is known by its words, whoever says them and in whatever dialect (COMPLAINTS 23; trap 59)."""

import json
from typing import Any

import pytest

from gateway.dataplane.wire import CODECS, provider_error
from gateway.dataplane.wire.fault import CODES

FULL = {
    "OpenAI": "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "OpenAI, gpt-5": "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 280000 tokens.",
    "OpenAI, Chat": "This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens.",
    "Anthropic": "prompt is too long: 215042 tokens > 200000 maximum",
    "Anthropic, with its answer": "input length and `max_tokens` exceed context limit: 190000 + 64000 > 200000",
    "Gemini": "The input token count (1234567) exceeds the maximum number of tokens allowed (1048576).",
    "Vertex": "Unable to submit request because the input token count is 33000 but model only supports up to 32768.",
    "Bedrock": "Input is too long for requested model.",
    "Bedrock, Nova": "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.",
    "Bedrock, Titan": "400 Bad Request: Too many input tokens. Max input tokens: 8192, request input token count: 9000",
    "Bedrock, Cohere": "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000.",
    "xAI": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "Mistral": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    "DeepSeek": "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens.",
    "Moonshot": "Invalid request: Your request exceeded model token limit: 8192",
    "Z.AI": "Prompt exceeds max length",
    "Z.AI, documented": "Prompt too long",
    "Z.AI, Coding Plan": "tokens in request more than max tokens allowed",
    "Perplexity": "The total length of all messages is too long.",
    "Poolside": "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
    "GitHub Copilot": "prompt token count of 130000 exceeds the limit of 128000",
    "DashScope": "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
    "MiniMax": "invalid params, context window exceeds limit (2013)",
    "Groq": "Please reduce the length of the messages or completion.",
    "Groq, limits": "Request too large for model `llama` in organization `o` on tokens per minute (TPM): Limit 6000, Requested 7000",
    "GitHub": "Request body too large for gpt-4o model. Max size: 8000 tokens.",
    "Fireworks": "The prompt is too long: 5000, model maximum context length: 4096",
    "OpenRouter": "This endpoint's maximum context length is 200000 tokens. Please reduce the length of either one.",
    "Together, TGI": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens",
    "TGI": "Input validation error: `inputs` must have less than 1024 tokens. Given: 1500",
    "watsonx": "the number of input tokens 5000 cannot exceed the total tokens limit 4096 for this model",
    "NIM": "Prompt length (9000) exceeds maximum input length (8192)",
    "vLLM": "You passed 9000 input tokens and requested 1 output tokens. However, the model's context length is only 8192 tokens",
    "vLLM, older": "The decoder prompt (length 9000) is longer than the maximum model length of 8192.",
    "SGLang": "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
    "llama.cpp": "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
    "LM Studio": "The number of tokens to keep from the initial prompt is greater than the context length",
    "Ollama": "prompt too long; exceeded max context length by 1119046 tokens",
    "Cohere": "too many tokens: size limit exceeded by 900 tokens",
}
"""Recorded: OpenRouter, Ollama. The others as users and other gateways report them, among them earendil-works/pi#129 (its list of who
says what), #4943 (Poolside) and #9805, openclaw/openclaw#111744 (Z.AI), BerriAI/litellm#21647 (Mistral, Perplexity),
RooCodeInc/Roo-Code#3713 (Bedrock)."""

NOT = [
    "max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens",
    "The maximum tokens you requested exceeds the model limit of 64000. Try again with a lower value.",
    "Unable to submit request because it has a maxOutputTokens value of 100000 but the supported range is from 1 to 65537.",
    "max_tokens is too large: 200000. This model supports at most 16384 completion tokens.",
    "Invalid schema for function 'f': In context=(), 'required' is required to be supplied.",
    "The security token included in the request is expired",
    "Invalid token in prompt: 123456. Minimum value is 0.",
    "messages.0.content: text content blocks must be non-empty",
    "Request payload size exceeds the limit: 20971520 bytes.",
]
_BODIES: dict[str, Any] = {
    "openai.responses": lambda words: {"error": {"message": words, "type": "invalid_request_error", "code": None}},
    "openai.chat": lambda words: {"error": {"message": words, "type": "invalid_request_error", "code": None}},
    "anthropic.messages": lambda words: {"type": "error", "error": {"type": "invalid_request_error", "message": words}},
    "gemini.generate": lambda words: {"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}},
    "bedrock.converse": lambda words: {"message": words},
}


def _body(dialect: str, words: str) -> bytes:
    return json.dumps(_BODIES[dialect](words)).encode()


@pytest.mark.parametrize("dialect", CODECS)
@pytest.mark.parametrize("who", FULL)
def test_a_full_context_is_known_by_its_words(who: str, dialect: str) -> None:
    """As a bad request, as one that is too large, and as 500."""
    for status in (400, 413, 500):
        fault = CODECS[dialect].read_error(status, {}, _body(dialect, FULL[who]))
        assert fault.kind == "context_window", status
        error = provider_error(fault, "openai.responses", "lab")
        assert (error.form[0], error.form[2]) == (400, CODES["context_window"])


@pytest.mark.parametrize("dialect", CODECS)
def test_other_limits_are_other_failures(dialect: str) -> None:
    """A limit of the output, of bytes, of a rate."""
    for words in NOT:
        assert CODECS[dialect].read_error(400, {}, _body(dialect, words)).kind != "context_window", words
    for status in (401, 403, 429, 503):
        assert CODECS[dialect].read_error(status, {}, _body(dialect, FULL["OpenAI"])).kind != "context_window", status


def test_a_code_says_it_too() -> None:
    """Whatever the words are."""
    for code in ("context_length_exceeded", "tokens_limit_reached"):
        body = json.dumps({"error": {"message": "no", "code": code}}).encode()
        for dialect in ("openai.responses", "openai.chat"):
            assert CODECS[dialect].read_error(400, {}, body).kind == "context_window"
