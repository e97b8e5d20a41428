"""The Response object around an answer: what OpenAI repeats of the request, and what is new. Trap 46.

What the request asked for is the same in all events of a stream, so it is encoded once.
"""

import hashlib
import re
from typing import Any, Final

from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import Text, Turn
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.responses.usage import write_usage
from gateway.dataplane.wire.responses.write_tools import own_choice, own_tool
from gateway.dataplane.wire.responses.write_turn import TIERS, own_text_config, own_thinking

_NOT_IN_IDS: Final = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_STEM: Final = 48
_NO_IMAGES: Final = {
    "input_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "total_tokens": 0,
}
"""What OpenAI says beside searches when there was no image; its SDK wants it."""


class Envelope:
    """Makes the Response objects of one answer. `begin` is told before the first."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.stem = _stem(asked.request_id)
        self._head = self._tail = b""
        self._created = asked.now_s

    def begin(self, response_id: str, model: str, created_s: int) -> None:
        """What the provider says of its answer; '' and 0 where it says nothing."""
        self._created = created_s or self._asked.now_s
        given = response_id if response_id.startswith("resp_") else f"resp_{self.stem}"
        head = {
            "id": given,
            "object": "response",
            "created_at": self._created,
            "model": model or self._asked.turn.model,
        }
        self._head = encode(head)[:-1]

    def response(
        self, status: str, output: bytes = b"", usage: Usage | None = None, error: Any = None, reason: str = ""
    ) -> bytes:
        """The object; `output` is what stands between the brackets of its array."""
        if not self._head:
            self.begin("", "", 0)
        if not self._tail:
            self._tail = encode(_echo(self._asked.turn))[1:-1]
        now: dict[str, Any] = {
            "status": status,
            "completed_at": max(self._asked.now_s, self._created) if status == "completed" else None,
            "error": error,
            "incomplete_details": {"reason": reason} if reason else None,
            "usage": write_usage(usage),
            "service_tier": self._tier(usage),
        }
        if usage is not None and usage.web_searches:
            now["tool_usage"] = {"image_gen": _NO_IMAGES, "web_search": {"num_requests": usage.web_searches}}
        return b'%b,"output":[%b],%b,%b}' % (self._head, output, encode(now)[1:-1], self._tail)

    def _tier(self, usage: Usage | None) -> str:
        """What the provider used; a word that is not OpenAI's (Anthropic's `standard`) is its default."""
        used = usage.service_tier if usage is not None else ""
        return used if used in TIERS else "default"


def _stem(request_id: str) -> str:
    """The request's id as the middle of other ids: legal there, and short enough."""
    plain = _NOT_IN_IDS.sub("_", request_id.removeprefix("req_"))
    if plain and len(plain) <= _LONGEST_STEM:
        return plain
    return hashlib.sha256(request_id.encode("utf-8", "replace")).hexdigest()[:32]


def _echo(turn: Turn) -> dict[str, Any]:
    """What the request asked for, with OpenAI's defaults. `store` is false whatever was asked, since nothing is kept."""
    extra = turn.extra or {}
    words = turn.instructions.parts if turn.instructions is not None else []
    reasoning = own_thinking(turn.thinking) if turn.thinking is not None else {}
    return {
        "background": False,
        "instructions": "".join(part.text for part in words if isinstance(part, Text)) if words else None,
        "max_output_tokens": turn.max_output_tokens,
        "max_tool_calls": extra.get("max_tool_calls"),
        "parallel_tool_calls": turn.parallel_tools is not False,
        "previous_response_id": extra.get("previous_response_id"),
        "prompt_cache_key": turn.session or None,
        "reasoning": {"effort": None, "summary": None, **reasoning},
        "safety_identifier": extra.get("safety_identifier"),
        "store": False,
        "temperature": 1.0 if turn.temperature is None else turn.temperature,
        "text": {"format": {"type": "text"}, **(own_text_config(turn) or {})},
        "tool_choice": "auto" if turn.tool_choice is None else own_choice(turn.tool_choice),
        "tools": [own_tool(tool) for tool in turn.tools or ()],
        "top_logprobs": 0,
        "top_p": 1.0 if turn.top_p is None else turn.top_p,
        "truncation": extra.get("truncation") or "disabled",
        "user": extra.get("user"),
        "metadata": extra.get("metadata") or {},
    }
