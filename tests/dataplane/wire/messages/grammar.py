"""The grammar of a Messages stream, as Claude Code and the SDKs insist on it. Written from the API's documentation; no code of ours.

`violations` takes the events as (name, data) and gives what is wrong, in words; [] for a stream that is right.
"""

import json
from typing import Any

STOPS = {
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "compaction",
}
ERRORS = {
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "timeout_error",
    "api_error",
    "overloaded_error",
}
DELTAS = {
    "text_delta": ("text", "text"),
    "citations_delta": ("text", "citation"),
    "input_json_delta": ("tool_use", "partial_json"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
}
CACHE_COUNTS = ("cache_creation_input_tokens", "cache_read_input_tokens")


def violations(events: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """What is wrong with a stream."""
    checker = _Checker()
    for name, data in events:
        checker.event(name, data)
    return checker.end()


class _Checker:
    def __init__(self) -> None:
        self.found: list[str] = []
        self.state = "start"
        self.block: dict[str, Any] | None = None
        self.next = 0
        self.has_call = False
        self.cut_json = False

    def event(self, name: str, data: dict[str, Any]) -> None:
        kind = data.get("type")
        if name != kind:
            self._bad(f"event {name!r} carries type {kind!r}")
        if kind == "ping":
            return
        if self.state == "end":
            self._bad(f"{kind} after the end")
            return
        if kind == "error":
            self._error(data)
            return
        if self.state == "start" and kind != "message_start":
            self._bad(f"{kind} before message_start")
            return
        handler = {
            "message_start": self._message_start,
            "content_block_start": self._block_start,
            "content_block_delta": self._block_delta,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
        }.get(str(kind))
        if handler is None:
            self._bad(f"unknown event {kind!r}")
        else:
            handler(data)

    def end(self) -> list[str]:
        if self.state != "end":
            self._bad("no message_stop and no error")
        return self.found

    def _bad(self, words: str) -> None:
        self.found.append(words)

    def _message_start(self, data: dict[str, Any]) -> None:
        if self.state != "start":
            self._bad("second message_start")
        self.state = "body"
        message = data.get("message") or {}
        fixed = {"type": "message", "role": "assistant", "content": [], "stop_reason": None, "stop_sequence": None}
        for name, value in fixed.items():
            if name not in message or message[name] != value:
                self._bad(f"message_start.message.{name} is {message.get(name)!r}")
        for name in ("id", "model"):
            if not isinstance(message.get(name), str) or not message[name]:
                self._bad(f"message_start without {name}")
        usage = message.get("usage")
        self._usage("message_start", usage)
        if isinstance(usage, dict) and not sum(usage.get(n) or 0 for n in ("input_tokens", *CACHE_COUNTS)):
            self._bad("message_start tells no input tokens")

    def _usage(self, where: str, usage: Any) -> None:
        if not isinstance(usage, dict):
            self._bad(f"{where} without usage")
            return
        for name in ("input_tokens", "output_tokens", *CACHE_COUNTS):
            if type(usage.get(name)) is not int or usage[name] < 0:
                self._bad(f"{where}.usage.{name} is {usage.get(name)!r}")

    def _block_start(self, data: dict[str, Any]) -> None:
        if self.state != "body":
            self._bad("content_block_start after message_delta")
        if self.block is not None:
            self._bad("content_block_start inside an open block")
        if data.get("index") != self.next:
            self._bad(f"content_block_start.index is {data.get('index')!r}, not {self.next}")
        self.next += 1
        block = data.get("content_block")
        if not isinstance(block, dict):
            self._bad("content_block_start without content_block")
            block = {}
        self.block = {**block, "_index": data.get("index"), "_json": "", "_signed": 0, "_chars": 0}
        kind = block.get("type")
        if kind == "text" and block.get("text") != "":
            self._bad("a text block starts with text")
        elif kind == "thinking":
            if block.get("thinking") != "" or not isinstance(block.get("signature"), str):
                self._bad("a thinking block starts with thinking, or without signature")
        elif kind == "redacted_thinking":
            if not isinstance(block.get("data"), str) or not block["data"]:
                self._bad("redacted_thinking without data")
        elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
            by_code = (block.get("caller") or {}).get("type", "direct") != "direct"
            self.has_call = self.has_call or (kind == "tool_use" and not by_code)
            if block.get("input") != {}:
                self._bad(f"{kind} starts with input {block.get('input')!r}")
            for name in ("id", "name"):
                if not isinstance(block.get(name), str) or not block[name]:
                    self._bad(f"{kind} without {name}")
        elif not isinstance(kind, str):
            self._bad("a block without type")

    def _block_delta(self, data: dict[str, Any]) -> None:
        block = self.block
        if block is None or block["_index"] != data.get("index"):
            self._bad(f"content_block_delta for block {data.get('index')!r}, which is not open")
            return
        delta = data.get("delta") or {}
        kind, member = DELTAS.get(str(delta.get("type")), ("", ""))
        of = str(block.get("type"))
        if not kind:
            self._bad(f"unknown delta {delta.get('type')!r}")
            return
        if kind != of and not (kind == "tool_use" and of.endswith("tool_use")):
            self._bad(f"{delta['type']} in a {of} block")
        value = delta.get(member)
        if delta["type"] != "citations_delta" and not isinstance(value, str):
            self._bad(f"{delta['type']} without {member}")
            return
        if delta["type"] == "signature_delta":
            block["_signed"] += 1
            return
        if block["_signed"]:
            self._bad("thinking after its signature")
        if delta["type"] == "input_json_delta":
            block["_json"] += value
        block["_chars"] += 1

    def _block_stop(self, data: dict[str, Any]) -> None:
        block, self.block = self.block, None
        if block is None or block["_index"] != data.get("index"):
            self._bad(f"content_block_stop for block {data.get('index')!r}, which is not open")
            return
        kind = str(block.get("type"))
        if kind == "thinking" and block["_signed"] != 1:
            self._bad(f"a thinking block with {block['_signed']} signatures")
        if kind == "text" and not block["_chars"]:
            self._bad("an empty text block")
        if kind.endswith("tool_use") and block["_json"]:
            try:
                if not isinstance(json.loads(block["_json"]), dict):
                    self._bad("a tool's input is no object")
            except (ValueError, RecursionError):
                self.cut_json = True

    def _message_delta(self, data: dict[str, Any]) -> None:
        if self.state != "body":
            self._bad("second message_delta")
        if self.block is not None:
            self._bad("message_delta inside an open block")
        self.state = "delta"
        delta = data.get("delta") or {}
        reason = delta.get("stop_reason")
        if reason not in STOPS:
            self._bad(f"stop_reason is {reason!r}")
        if "stop_sequence" not in delta:
            self._bad("message_delta without stop_sequence")
        if self.has_call and reason == "end_turn":
            self._bad("end_turn although a tool is called")
        if self.cut_json and reason not in ("max_tokens", "model_context_window_exceeded"):
            self._bad("a tool's input is no JSON")
        self._usage("message_delta", data.get("usage"))

    def _message_stop(self, _data: dict[str, Any]) -> None:
        if self.state != "delta":
            self._bad("message_stop without message_delta")
        self.state = "end"

    def _error(self, data: dict[str, Any]) -> None:
        self.state = "end"
        error = data.get("error")
        if not isinstance(error, dict) or error.get("type") not in ERRORS or not isinstance(error.get("message"), str):
            self._bad(f"the error is {error!r}")
        elif not error["message"]:
            self._bad("an error without words")
