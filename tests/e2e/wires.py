"""Short provider answers in each dialect, as the providers write them."""

import json
from typing import Any

DIALECTS = ("openai.responses", "openai.chat", "anthropic.messages", "gemini.generate")


def event(data: dict[str, Any], name: str = "", end: bytes = b"\n\n") -> bytes:
    """One SSE event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + json.dumps(data).encode() + end


RESPONSES_USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 120,
}


def _response(type_: str, **fields: Any) -> bytes:
    return event({"type": type_, **fields}, type_)


RESPONSES = [
    _response("response.created", response={"id": "resp_1", "status": "in_progress"}),
    _response("response.output_item.added", item={"type": "message", "id": "m1"}, output_index=0),
    _response("response.output_text.delta", delta="Hällo ", item_id="m1"),
    _response("response.something.new", x_unknown={"kept": [1, 2.50, "\ud83d\ude00"]}),
    _response("response.output_text.delta", delta="world", item_id="m1"),
    _response("response.output_item.done", item={"type": "message", "id": "m1"}, output_index=0),
    _response("response.completed", response={"id": "resp_1", "model": "gpt-4.1-mini-2025", "usage": RESPONSES_USAGE}),
]
CHAT_USAGE = {
    "prompt_tokens": 100,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens": 20,
    "total_tokens": 120,
}
CHAT = [
    event({"id": "c1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]}),
    event({"id": "c1", "choices": [{"index": 0, "delta": {"content": "lo"}}]}),
    event({"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    event({"id": "c1", "choices": [], "usage": CHAT_USAGE}),
    b"data: [DONE]\n\n",
]
_START = {
    "id": "msg_1",
    "model": "claude",
    "usage": {"input_tokens": 100, "cache_read_input_tokens": 40, "output_tokens": 1},
}
MESSAGES = [
    event({"type": "message_start", "message": _START}, "message_start"),
    event(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        "content_block_start",
    ),
    event({"type": "ping"}, "ping"),
    event(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        "content_block_delta",
    ),
    event({"type": "content_block_stop", "index": 0}, "content_block_stop"),
    event(
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}}, "message_delta"
    ),
    event({"type": "message_stop"}, "message_stop"),
]
_GEMINI_USAGE = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 40,
    "candidatesTokenCount": 15,
    "thoughtsTokenCount": 5,
}
GEMINI = [
    event({"candidates": [{"content": {"parts": [{"text": "Hel"}]}}], "modelVersion": "gemini-x"}, end=b"\r\n\r\n"),
    event(
        {
            "candidates": [{"content": {"parts": [{"text": "lo"}]}, "finishReason": "STOP"}],
            "usageMetadata": _GEMINI_USAGE,
        },
        end=b"\r\n\r\n",
    ),
]
STREAMS = {
    "openai.responses": RESPONSES,
    "openai.chat": CHAT,
    "anthropic.messages": MESSAGES,
    "gemini.generate": GEMINI,
}

PATHS = {
    "openai.responses": "/v1/responses",
    "openai.chat": "/v1/chat/completions",
    "anthropic.messages": "/v1/messages",
    "gemini.generate": "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
}
MODELS = {
    "openai.responses": "openai/gpt-4.1-mini",
    "openai.chat": "openai/gpt-4.1-mini",
    "anthropic.messages": "claude-sonnet-4-5",
}


def request(dialect: str, *, stream: bool = True, text: str = "hi") -> dict[str, Any]:
    """A small request body."""
    if dialect == "gemini.generate":
        return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    body: dict[str, Any] = {"model": MODELS[dialect], "stream": stream}
    if dialect == "openai.responses":
        return {**body, "input": text}
    body["messages"] = [{"role": "user", "content": text}]
    if dialect == "anthropic.messages":
        body["max_tokens"] = 100
    if dialect == "openai.chat" and stream:
        body["stream_options"] = {"include_usage": True}
    return body


def without_comments(stream: bytes) -> bytes:
    """A stream without our cost comment."""
    pieces = stream.split(b": x-agentcc-cost ")
    return pieces[0] + b"".join(piece.partition(b"\n\n")[2] for piece in pieces[1:])
