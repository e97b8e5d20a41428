"""What Gemini's clients expect of a `streamGenerateContent` stream, as a checker: decoded chunks → what is wrong with them.

Sources: the google-genai SDKs (JS 1.30 inside Gemini CLI 0.61.0, Python 3.4.0) and the recorded streams, which all pass.
"""

import base64
import binascii
import json
import re
from typing import Any

_HOLDS = {
    "text",
    "functionCall",
    "inlineData",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
}
_BARE = b'{"error":'
_WORD = re.compile(r"[A-Z][A-Z_]*")
_COUNTS = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount")


def datas_of(stream: bytes) -> list[bytes]:
    """The JSON of each chunk of an SSE stream as we write it: `data: …` and an empty line, nothing else. Raises ValueError.

    An error, and nothing but an error, has no `data: `: only then the JS SDK reads it as one.
    """
    blocks = stream.split(b"\r\n\r\n")
    if blocks.pop() != b"":
        raise ValueError(f"the stream ends inside an event: {stream[-80:]!r}")
    for block in blocks:
        if b"\n" in block or not block.startswith((b"data: ", _BARE)) or block.startswith(b"data: " + _BARE):
            raise ValueError(f"no event as we write it: {block[:80]!r}")
    return [block.removeprefix(b"data: ") for block in blocks]


def chunks_of(stream: bytes) -> list[Any]:
    """The chunks of an SSE stream, decoded."""
    return [json.loads(data) for data in datas_of(stream)]


def violations(chunks: list[Any]) -> list[str]:
    """What breaks the grammar, in words; [] when nothing does."""
    found: list[str] = []
    ids: set[str] = set()
    is_ended = False
    for at, chunk in enumerate(chunks):
        where = f"chunk {at}"
        if not isinstance(chunk, dict):
            found.append(f"{where}: no object")
            continue
        if is_ended:
            found.append(f"{where}: after the end")
        if "error" in chunk:
            found += _error(chunk["error"], where)
            is_ended = True
            continue
        for name in ("modelVersion", "responseId"):
            if not isinstance(chunk.get(name), str) or not chunk[name]:
                found.append(f"{where}: no {name}")
            elif isinstance(chunks[0], dict) and chunk[name] != chunks[0].get(name):
                found.append(f"{where}: {name} changes")
        if "usageMetadata" in chunk:
            found += _usage(chunk["usageMetadata"], where)
        candidates = chunk.get("candidates")
        if not candidates:
            if "promptFeedback" not in chunk and "usageMetadata" not in chunk:
                found.append(f"{where}: says nothing")
            is_ended = is_ended or "promptFeedback" in chunk
            continue
        found += _content(candidates[0], where, ids)
        reason = candidates[0].get("finishReason")
        if reason is not None:
            is_ended = True
            if not isinstance(reason, str) or not _WORD.fullmatch(reason):
                found.append(f"{where}: finishReason is {reason!r}")
    if not is_ended:
        found.append("no finishReason and no error")
    return found


def _content(candidate: dict[str, Any], where: str, ids: set[str]) -> list[str]:
    found: list[str] = []
    content = candidate.get("content")
    if content is None:
        return found if "finishReason" in candidate else [f"{where}: no content"]
    if content and content.get("role") != "model":
        found.append(f"{where}: role is {content.get('role')!r}")
    for place, part in enumerate(content.get("parts") or ()):
        found += _part(part, f"{where} part {place}", ids)
    return found


def _part(part: Any, where: str, ids: set[str]) -> list[str]:
    if not isinstance(part, dict) or not part:
        return [f"{where}: empty"]
    found: list[str] = []
    held = _HOLDS & part.keys()
    if len(held) > 1:
        found.append(f"{where}: holds {sorted(held)}")
    if not held and "thoughtSignature" not in part:
        found.append(f"{where}: holds nothing known")
    if "text" in part and not isinstance(part["text"], str):
        found.append(f"{where}: text is no string")
    if part.get("thought") and "text" not in part:
        found.append(f"{where}: a thought without text")
    if "thoughtSignature" in part and not _is_base64(part["thoughtSignature"]):
        found.append(f"{where}: thoughtSignature is no base64, which SDKs decode")
    if "functionCall" in part:
        found += _call(part["functionCall"], where, ids)
    return found


def _call(call: Any, where: str, ids: set[str]) -> list[str]:
    if not isinstance(call, dict) or not call.get("name") or not isinstance(call["name"], str):
        return [f"{where}: functionCall without a name"]
    found: list[str] = []
    if not isinstance(call.get("args", {}), dict):
        found.append(f"{where}: args are no object")
    if "id" in call:
        if not isinstance(call["id"], str) or not call["id"]:
            found.append(f"{where}: id is {call['id']!r}")
        elif call["id"] in ids:
            found.append(f"{where}: id {call['id']} twice")
        ids.add(str(call["id"]))
    return found


def _usage(usage: Any, where: str) -> list[str]:
    if not isinstance(usage, dict):
        return [f"{where}: usageMetadata is no object"]
    counts = [usage.get(name, 0) for name in _COUNTS]
    if any(not isinstance(count, int) or count < 0 for count in counts):
        return [f"{where}: a count is no number"]
    if usage.get("totalTokenCount") != sum(counts):
        return [f"{where}: totalTokenCount is not the sum"]
    cached = usage.get("cachedContentTokenCount", 0)
    return [f"{where}: more cached than prompted"] if cached > usage.get("promptTokenCount", 0) else []


def _error(error: Any, where: str) -> list[str]:
    if not isinstance(error, dict):
        return [f"{where}: error is no object"]
    kinds = (("code", int), ("message", str), ("status", str))
    return [f"{where}: error.{name} is missing" for name, kind in kinds if not isinstance(error.get(name), kind)]


def _is_base64(text: Any) -> bool:
    if not isinstance(text, str) or not text:
        return False
    try:
        base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
