"""Requests as the clients send them in shape and size, generated: nothing here was recorded. Equal input, equal bytes."""

import functools
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

SMALL, TURN, LONG = 300, 60 * 1024, 400 * 1024
"""The three sizes of the questions: a bare request, a Codex turn, a long session."""

MODEL = "gpt-5.5"
KEY = "sk-agentcc-test-alice-0001"
_TEXT = (
    "read the file and change the function so that every caller passes its own deadline then run the tests again "
    'error warning return import class self path value None True assert context buffer stream token \\n {} () => "quoted" '
    "größer 日本語 /usr/lib/python3.11 0x7f 127.0.0.1 -> <div> & 'x'"
)
_WORDS = _TEXT.split(" ")


def _prose(rng: random.Random, size: int) -> str:
    words: list[str] = []
    length = 0
    while length < size:
        word = rng.choice(_WORDS)
        words.append(word)
        length += len(word) + 1
    return " ".join(words)[:size]


def prose(size: int, seed: int = 1) -> str:
    """So many characters of what is said in a coding session."""
    return _prose(random.Random(seed), size)


def _tool(rng: random.Random, number: int) -> dict[str, Any]:
    properties = {
        f"{name}_{number}": {"type": kind, "description": _prose(rng, 90)}
        for name, kind in (("cmd", "string"), ("workdir", "string"), ("yield_time_ms", "number"), ("login", "boolean"))
    }
    return {
        "type": "function",
        "name": f"tool_{number}",
        "description": _prose(rng, 400),
        "strict": False,
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": [f"cmd_{number}"],
            "additionalProperties": False,
        },
    }


def _id(rng: random.Random, prefix: str) -> str:
    return f"{prefix}_{rng.getrandbits(128):032x}"


def _source(rng: random.Random, size: int) -> str:
    """Of a file of Python's library: ordinary code, on every machine."""
    text = rng.choice(_files()).read_text(encoding="utf-8", errors="replace")
    return text[rng.randrange(max(1, len(text) - size)) :][:size]


@functools.cache
def _files() -> list[Path]:
    return sorted(Path(os.__file__).parent.glob("*.py"))


def _step(rng: random.Random, size: int, say: Callable[[random.Random, int], str]) -> list[dict[str, Any]]:
    """A tool call and its output."""
    call = _id(rng, "call")
    arguments = json.dumps({"cmd": _prose(rng, 80), "workdir": "/home/dev/project"})
    output = f"Chunk ID: {rng.getrandbits(24):06x}\nWall time: 0.0500 seconds\nOutput:\n{say(rng, size)}\n"
    return [
        {"type": "function_call", "id": _id(rng, "fc"), "name": "tool_1", "arguments": arguments, "call_id": call},
        {"type": "function_call_output", "call_id": call, "output": output},
    ]


def codex_turn(
    size: int, *, is_stream: bool = True, seed: int = 1, model: str = MODEL, marker: str = "", has_source: bool = False
) -> bytes:
    """A Responses request of about `size` bytes: instructions, tools, a history of tool calls, the user's last words.

    Below 2 KiB it is the bare minimum. `marker` is put into the last user text (`[[sim:…]]`). `has_source`: the tools gave parts of Python's
    library, not words of chance.
    """
    if size < 2048:
        text = marker + _prose(random.Random(seed), max(8, size - 140 - len(marker)))
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        return json.dumps({"model": model, "stream": is_stream, "store": False, "input": [item]}).encode()
    rng = random.Random(seed)
    session = _id(rng, "s")
    items: list[dict[str, Any]] = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": _prose(rng, 2500)}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": marker + _prose(rng, 300)}]},
    ]
    body: dict[str, Any] = {
        "model": model,
        "instructions": _prose(rng, min(14_000, size // 4)),
        "input": items,
        "tools": [_tool(rng, n) for n in range(10)],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium"},
        "store": False,
        "stream": is_stream,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": session,
    }
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    room = size - len(encode(body).encode())
    while room > 600:
        step = _step(rng, min(1800, max(100, room - 500)), _source if has_source else _prose)
        items.extend(step)
        room -= len(encode(step).encode())
    return encode(body).encode()


def headers(scenario: str = "", *, is_stream: bool = False, key: str = KEY, **knobs: str) -> list[tuple[str, str]]:
    """What Codex sends beside a body, and what the simulator should do. `token_ms="20"` is `x-sim-token-ms: 20`."""
    given = [
        ("authorization", f"Bearer {key}"),
        ("content-type", "application/json"),
        ("accept", "text/event-stream" if is_stream else "application/json"),
        ("originator", "codex_exec"),
        ("user-agent", "codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)"),
        ("session-id", "01a1fbc3-60f1-7262-8c18-000000000001"),
    ]
    if scenario:
        given.append(("x-sim-scenario", scenario))
    given.extend((f"x-sim-{name.replace('_', '-')}", value) for name, value in knobs.items())
    return given
