"""Reasoning on a Chat message: `reasoning_content` or `reasoning` for the words, `reasoning_details` for what proves them.

`reasoning_details` is OpenRouter's list ("Reasoning Tokens"): entries of type `reasoning.text` {text, signature},
`reasoning.summary` {summary} and `reasoning.encrypted` {data}, those with the same `index` being one thought. To our own
clients we write the words once, as `reasoning_content`, and each thought's signature as one `reasoning.encrypted` entry;
`before` (ours) names the call that the thought came right before, when it was not the first thing of the message.
Gemini's signatures belong to a call or a text and ride on it, as Google's own compatible API has it
(`extra_content.google.thought_signature`).
"""

from collections.abc import Sequence
from typing import Any

from gateway.dataplane.wire.canon import Reasoning
from gateway.dataplane.wire.lenient import string

_KNOWN = frozenset({"type", "text", "summary", "data", "signature", "id", "index", "before"})


def thought_text(source: dict[str, Any]) -> str:
    """The words of a message or delta; '' when there are none. Some servers send both names with equal text."""
    for name in ("reasoning_content", "reasoning"):
        found = source.get(name)
        if isinstance(found, str) and found:
            return found
    return ""


def read_thoughts(source: dict[str, Any]) -> list[tuple[str, Reasoning]]:
    """The thoughts of a message, each with the id of the call that it stands before ('': at the start)."""
    text = thought_text(source)
    thoughts = join_details(source.get("reasoning_details"))
    if not thoughts:
        return [("", Reasoning(text=text))] if text else []
    if text and not any(thought.text or thought.summary for _, thought in thoughts):
        thoughts[0][1].text = text
    return thoughts


def join_details(details: Any) -> list[tuple[str, Reasoning]]:
    """`reasoning_details` as thoughts. What is no entry of a known type is skipped."""
    found: list[list[dict[str, Any]]] = []
    last: Any = None
    is_proven = False
    for entry in details if isinstance(details, list) else ():
        if not isinstance(entry, dict) or not is_detail(entry):
            continue
        index = entry.get("index")
        # without an index: a cipher or a signature ends the thought before it, words begin the next
        is_same = index == last if index is not None else entry["type"] == "reasoning.encrypted" and not is_proven
        if not found or not is_same:
            found.append([])
            is_proven = False
        found[-1].append(entry)
        last = index
        is_proven = is_proven or bool(proof_of(entry))
    return [(string(entries[0], "before"), _joined(entries)) for entries in found]


def _joined(entries: list[dict[str, Any]]) -> Reasoning:
    """One thought."""
    thought = opened(entries[0])
    thought.text = "".join(string(one, "text") for one in entries)
    summary = "".join(string(one, "summary") for one in entries)
    thought.summary = [summary] if summary else None
    for one in entries:
        thought.signature = proof_of(one) or thought.signature
        thought.item_id = thought.item_id or string(one, "id")
    return thought


def is_detail(entry: dict[str, Any]) -> bool:
    """Whether the entry is of a type that is known."""
    return entry.get("type") in ("reasoning.text", "reasoning.summary", "reasoning.encrypted")


def opened(entry: dict[str, Any]) -> Reasoning:
    """The thought that begins with an entry, without its words and its proof."""
    form = string(entry, "format")
    is_cipher = entry.get("type") == "reasoning.encrypted"
    extra = {name: value for name, value in entry.items() if name not in _KNOWN and value is not None}
    return Reasoning(
        is_redacted=is_cipher and form.startswith("anthropic"),
        is_bound=is_cipher and form.startswith("google"),
        item_id=string(entry, "id"),
        extra=extra or None,
    )


def proof_of(entry: dict[str, Any]) -> str:
    """Signature or cipher of an entry."""
    return string(entry, "signature") or string(entry, "data")


def written_detail(thought: Reasoning, index: int, before: str = "") -> dict[str, Any]:
    """The entry by which a client gives a thought's signature back."""
    entry: dict[str, Any] = {"type": "reasoning.encrypted", "data": thought.signature, "index": index}
    if thought.item_id:
        entry["id"] = thought.item_id
    if before:
        entry["before"] = before
    return entry


def provider_details(thoughts: Sequence[Reasoning]) -> list[dict[str, Any]]:
    """`reasoning_details` for a provider that made these thoughts, or lets their words pass."""
    entries: list[dict[str, Any]] = []
    for index, thought in enumerate(thoughts):
        base = {**(thought.extra or {}), "index": index}
        if thought.item_id:
            base["id"] = thought.item_id
        if thought.summary:
            entries.append({"type": "reasoning.summary", "summary": "".join(thought.summary), **base})
        if thought.text:
            signature = {"signature": thought.signature} if thought.signature else {}
            entries.append({"type": "reasoning.text", "text": thought.text, **signature, **base})
        elif thought.signature:
            entries.append({"type": "reasoning.encrypted", "data": thought.signature, **base})
    return entries


def bound_signature(source: dict[str, Any]) -> str:
    """Gemini's signature on a call, message or delta; '' without one."""
    extra = source.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return string(google, "thought_signature") if isinstance(google, dict) else ""


def bound(signature: str) -> dict[str, Any]:
    """The member `extra_content` that carries Gemini's signature."""
    return {"google": {"thought_signature": signature}}
