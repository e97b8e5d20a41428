"""Requests of each client dialect with a text in each place where one can stand."""

import json
from typing import Any

SECRET = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
PLACES = ("user", "history", "results", "arguments", "system")
PATHS = {
    "openai.responses": "/v1/responses",
    "openai.chat": "/v1/chat/completions",
    "anthropic.messages": "/v1/messages",
    "gemini.generate": "/v1beta/models/gemini-2.5-flash:generateContent",
    "bedrock.converse": "/model/bedrock%2Ftest-claude/converse",
}
COUNTS = {
    "/v1/messages/count_tokens": "anthropic.messages",
    "/v1/responses/input_tokens": "openai.responses",
    "/v1beta/models/gemini-2.5-flash:countTokens": "gemini.generate",
}


def body(dialect: str, **texts: str) -> dict[str, Any]:
    """A conversation whose model has called a tool, with the given text in each place named (see PLACES)."""
    return _BODIES[dialect]({**dict.fromkeys(PLACES, "words"), **texts})


def _responses(said: dict[str, str]) -> dict[str, Any]:
    return {
        "model": "openai/gpt-4.1-mini",
        "instructions": said["system"],
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": said["history"]}]},
            {
                "type": "function_call",
                "call_id": "c1",
                "name": "sh",
                "arguments": json.dumps({"cmd": said["arguments"]}),
            },
            {"type": "function_call_output", "call_id": "c1", "output": said["results"]},
            {"role": "user", "content": said["user"]},
        ],
    }


def _chat(said: dict[str, str]) -> dict[str, Any]:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "sh", "arguments": json.dumps({"cmd": said["arguments"]})},
    }
    return {
        "model": "openai/gpt-4.1-mini",
        "messages": [
            {"role": "system", "content": said["system"]},
            {"role": "user", "content": said["history"]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": said["results"]},
            {"role": "user", "content": [{"type": "text", "text": said["user"]}]},
        ],
    }


def _messages(said: dict[str, str]) -> dict[str, Any]:
    call = {"type": "tool_use", "id": "c1", "name": "sh", "input": {"cmd": said["arguments"]}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": said["results"]}]}
    return {
        "model": "anthropic/claude-sonnet-4-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": said["system"]}],
        "messages": [
            {"role": "user", "content": said["history"]},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result, {"type": "text", "text": said["user"]}]},
        ],
    }


def _gemini(said: dict[str, str]) -> dict[str, Any]:
    return {
        "systemInstruction": {"parts": [{"text": said["system"]}]},
        "contents": [
            {"role": "user", "parts": [{"text": said["history"]}]},
            {"role": "model", "parts": [{"functionCall": {"name": "sh", "args": {"cmd": said["arguments"]}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "sh", "response": {"output": said["results"]}}}]},
            {"role": "user", "parts": [{"text": said["user"]}]},
        ],
    }


def _converse(said: dict[str, str]) -> dict[str, Any]:
    return {
        "system": [{"text": said["system"]}],
        "messages": [
            {"role": "user", "content": [{"text": said["history"]}]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "sh", "input": {"cmd": said["arguments"]}}}]},
            {
                "role": "user",
                "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": said["results"]}]}}, {"text": said["user"]}],
            },
        ],
    }  # fmt: skip


_BODIES = {
    "openai.responses": _responses,
    "openai.chat": _chat,
    "anthropic.messages": _messages,
    "gemini.generate": _gemini,
    "bedrock.converse": _converse,
}
