"""What the tests of reasoning need of each dialect: answers that reason, a client that gives them back, and where reasoning stands."""

import json
from typing import Any

Json = dict[str, Any]
THOUGHT = "**Weighing** ünïcode “quotes” and\n\ttabs; 思考 🧠"
SIGNATURE = "EqQBCkgIBxABGAIi" + "c2lnbmVk" * 20 + "Kw=="
CIPHER = "gAAAAABo" + "Y2lwaGVy" * 40 + "=="
REDACTED = "cmVkYWN0ZWQgYnkgdGhlIG1ha2Vy"
CALLS = [("list_files", {"path": "src"}), ("search", {"query": 'a "b"\n'})]
_TEXT = "Let me look."


def answers_of() -> dict[str, tuple[str, Json]]:
    """By name: (dialect, whole answer) of providers whose reasoning must come back."""
    arguments = [json.dumps(one) for _, one in CALLS]
    names = [name for name, _ in CALLS]
    chat = [
        {"id": f"call_{at}", "type": "function", "function": {"name": names[at], "arguments": arguments[at]}}
        for at in (0, 1)
    ]
    blocks = [{"type": "tool_use", "id": f"toolu_{at}", "name": names[at], "input": CALLS[at][1]} for at in (0, 1)]
    uses = [{"toolUse": {"toolUseId": f"tooluse_{at}", "name": names[at], "input": CALLS[at][1]}} for at in (0, 1)]
    signed = {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}
    return {
        "responses": (
            "openai.responses",
            _response(
                [
                    {"type": "reasoning", "id": "rs_1", "summary": [_summary(THOUGHT)], "encrypted_content": CIPHER},
                    {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [_output(_TEXT)]},
                    {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": CIPHER[::-1].strip("=")},
                    *(
                        {"type": "function_call", "id": f"fc_{at}", "call_id": f"call_{at}", "name": names[at],
                         "arguments": arguments[at], "status": "completed"}
                        for at in (0, 1)
                    ),
                ]
            ),
        ),
        "chat.deepseek": (
            "openai.chat",
            _completion({"content": _TEXT, "reasoning_content": THOUGHT, "tool_calls": chat}),
        ),
        "chat.openrouter": (
            "openai.chat",
            _completion(
                {
                    "content": _TEXT,
                    "reasoning": THOUGHT,
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": THOUGHT, "signature": SIGNATURE, "format": "anthropic-claude-v1", "index": 0}
                    ],
                    "tool_calls": chat,
                }
            ),
        ),
        "messages": ("anthropic.messages", _message([signed, {"type": "text", "text": _TEXT}, *blocks])),
        "messages.redacted": (
            "anthropic.messages",
            _message([signed, {"type": "redacted_thinking", "data": REDACTED}, *blocks]),
        ),
        "messages.signature only": (
            "anthropic.messages",
            _message([{**signed, "thinking": ""}, {"type": "text", "text": _TEXT}, *blocks]),
        ),
        "generate": (
            "gemini.generate",
            _candidate(
                [
                    {"text": THOUGHT, "thought": True},
                    {"text": _TEXT},
                    {"functionCall": {"name": names[0], "args": CALLS[0][1]}, "thoughtSignature": SIGNATURE},
                    {"functionCall": {"name": names[1], "args": CALLS[1][1]}},
                ]
            ),
        ),
        "generate.text": (
            "gemini.generate",
            _candidate(
                [
                    {"text": _TEXT, "thoughtSignature": SIGNATURE},
                    {"functionCall": {"name": names[0], "args": CALLS[0][1]}, "thoughtSignature": REDACTED},
                ]
            ),
        ),
        "converse": (
            "bedrock.converse",
            _converse([{"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": SIGNATURE}}}, {"text": _TEXT}, *uses]),
        ),
        "converse.redacted": ("bedrock.converse", _converse([{"reasoningContent": {"redactedContent": REDACTED}}, *uses])),
    }  # fmt: skip


def _summary(text: str) -> Json:
    return {"type": "summary_text", "text": text}


def _output(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": []}


def _response(output: list[Json]) -> Json:
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": output,
        "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
    }  # fmt: skip


def _completion(message: Json) -> Json:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "tool_calls"}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def _message(content: list[Json]) -> Json:
    usage = {"input_tokens": 3, "output_tokens": 4}
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": "tool_use",
        "stop_sequence": None, "usage": usage,
    }  # fmt: skip


def _candidate(parts: list[Json]) -> Json:
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
    content = {"role": "model", "parts": parts}
    return {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage, "modelVersion": "m"}


def _converse(content: list[Json]) -> Json:
    usage = {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}
    return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use", "usage": usage}


# === the client's next turn ===


def with_thinking(dialect: str, body: Json) -> Json:
    """A first request that asks for reasoning."""
    asks: Json = {
        "openai.responses": {"reasoning": {"effort": "medium", "summary": "auto"}},
        "openai.chat": {"reasoning_effort": "medium"},
        "anthropic.messages": {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        "gemini.generate": {"generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 2048}}},
        "bedrock.converse": {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2048}}},
    }[dialect]
    return {**body, **asks}


def next_turn(dialect: str, first: Json, answer: Json, *, is_terse: bool) -> Json:
    """The request after `answer`, with a result for each call. `is_terse`: as command lines give it back (Codex without ids,
    Gemini CLI without thoughts); else as an SDK's user does, all of it."""
    return _NEXT[dialect](first, answer, is_terse)


def _next_responses(first: Json, answer: Json, is_terse: bool) -> Json:
    drops = ("id", "status") if is_terse else ()
    said = [{name: value for name, value in item.items() if name not in drops} for item in answer["output"]]
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "ok"}
        for item in said
        if item["type"] == "function_call"
    ]
    asked = first["input"]
    if isinstance(asked, str):
        asked = [{"type": "message", "role": "user", "content": asked}]
    return {**first, "input": [*asked, *said, *results]}


def _next_chat(first: Json, answer: Json, is_terse: bool) -> Json:
    message = {
        name: value
        for name, value in answer["choices"][0]["message"].items()
        if value and not (is_terse and name == "refusal")
    }
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in message["tool_calls"]]
    return {**first, "messages": [*first["messages"], {"role": "assistant", **message}, *results]}


def _next_messages(first: Json, answer: Json, is_terse: bool) -> Json:
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "ok"}
        for block in answer["content"]
        if block["type"] == "tool_use"
    ]
    said = {"role": "assistant", "content": answer["content"]}
    return {**first, "messages": [*first["messages"], said, {"role": "user", "content": results}]}


def _next_generate(first: Json, answer: Json, is_terse: bool) -> Json:
    parts = _merged(answer["candidates"][0]["content"]["parts"])
    if is_terse:
        parts = [
            part for part in parts if not part.get("thought") and (part.get("text") != "" or "thoughtSignature" in part)
        ]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    results = [
        {
            "functionResponse": {
                **({"id": call["id"]} if "id" in call else {}),
                "name": call["name"],
                "response": {"output": "ok"},
            }
        }
        for call in calls
    ]
    said = {"role": "model", "parts": parts}
    return {**first, "contents": [*first["contents"], said, {"role": "user", "parts": results}]}


def _merged(parts: list[Json]) -> list[Json]:
    """Gemini CLI's history: neighbouring texts are one, but what carries a signature stands alone."""
    found: list[Json] = []
    for part in parts:
        if found and part.keys() == {"text"} and found[-1].keys() == {"text"}:
            found[-1] = {"text": found[-1]["text"] + part["text"]}
        else:
            found.append(part)
    return found


def _next_converse(first: Json, answer: Json, is_terse: bool) -> Json:
    content = answer["output"]["message"]["content"]
    results = [
        {"toolResult": {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"text": "ok"}]}}
        for block in content
        if "toolUse" in block
    ]
    said = {"role": "assistant", "content": content}
    return {**first, "messages": [*first["messages"], said, {"role": "user", "content": results}]}


_NEXT = {
    "openai.responses": _next_responses,
    "openai.chat": _next_chat,
    "anthropic.messages": _next_messages,
    "gemini.generate": _next_generate,
    "bedrock.converse": _next_converse,
}


# === where reasoning stands ===


def line_of(dialect: str, answer: Json) -> list[Any]:
    """An answer as a line of proofs among words and calls, in order."""
    if dialect == "openai.responses":
        return _line_responses(answer["output"])
    if dialect == "openai.chat":
        return _line_chat(answer["choices"][0]["message"])
    if dialect == "anthropic.messages":
        return _line_messages(answer["content"])
    if dialect == "gemini.generate":
        return _line_generate(answer["candidates"][0]["content"]["parts"])
    return _line_converse(answer["output"]["message"]["content"])


def line_in(dialect: str, request: Json) -> list[Any]:
    """The line of the last answer that a provider's request repeats."""
    if dialect == "openai.responses":
        return _line_responses(
            [
                one
                for one in request["input"]
                if one.get("role") != "user" and not one.get("type", "").endswith("_output")
            ]
        )
    if dialect == "gemini.generate":
        return _line_generate(next(one["parts"] for one in request["contents"][::-1] if one["role"] == "model"))
    message = next(one for one in request["messages"][::-1] if one["role"] == "assistant")
    if dialect == "openai.chat":
        return _line_chat(message)
    return _line_messages(message["content"]) if dialect == "anthropic.messages" else _line_converse(message["content"])


def _line_responses(items: list[Json]) -> list[Any]:
    return [item.get("encrypted_content") if item["type"] == "reasoning" else item["type"] for item in items]


def _line_chat(message: Json) -> list[Any]:
    details = [
        (one.get("text"), one.get("signature"), one.get("data")) for one in message.get("reasoning_details") or ()
    ]
    thoughts = [message.get("reasoning_content") or ""] if not details else []
    return [*details, *thoughts, bool(message.get("content")), len(message.get("tool_calls") or ())]


def _line_messages(content: list[Json]) -> list[Any]:
    return [
        (block["thinking"], block["signature"]) if block["type"] == "thinking" else block.get("data") or block["type"]
        for block in content
    ]


def _line_generate(parts: list[Json]) -> list[Any]:
    return [
        ("call" if "functionCall" in part else "text", part.get("thoughtSignature"))
        for part in parts
        if not part.get("thought")
    ]


def _line_converse(content: list[Json]) -> list[Any]:
    found: list[Any] = []
    for block in content:
        thought = block.get("reasoningContent")
        if thought is None:
            found.append(next(iter(block)))
        else:
            text = thought.get("reasoningText") or {}
            found.append(thought.get("redactedContent") or (text.get("text"), text.get("signature")))
    return found
