"""Whether a Chat stream is one: a test tool that shares no code with the product.

The rules are OpenAI's, as its SDKs' accumulators and the recorded streams have them.
"""

from typing import Any

FINISHES = {"stop", "length", "tool_calls", "content_filter", "function_call"}
_TOP = ("id", "object", "created", "model", "choices")


def violations(chunks: list[Any], *, wants_usage: bool = False) -> list[str]:
    """What is wrong with a stream: decoded chunks, the last one the string `[DONE]`. [] when it is right.

    A stream that ends in an `error` event is right as far as it goes: nothing may follow it, not even `[DONE]`.
    """
    found: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    ids: set[Any] = set()
    finish = ""
    has_role = is_done = has_failed = has_usage = False
    for at, chunk in enumerate(chunks):
        where = f"chunk {at}"
        if is_done or has_failed:
            found.append(f"{where}: after the end")
        if chunk == "[DONE]":
            is_done = True
            continue
        if not isinstance(chunk, dict):
            found.append(f"{where}: no object")
            continue
        if "error" in chunk:
            has_failed = True
            found += _error(chunk["error"], where)
            continue
        found += [f"{where}: no `{name}`" for name in _TOP if chunk.get(name) is None]
        if chunk.get("object") != "chat.completion.chunk":
            found.append(f"{where}: object is {chunk.get('object')!r}")
        ids.add(chunk.get("id"))
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            continue
        if not choices:
            found += _usage(chunk.get("usage"), where, finish, wants_usage=wants_usage, is_second=has_usage)
            has_usage = True
            continue
        if chunk.get("usage"):
            found.append(f"{where}: usage beside choices")
        if wants_usage and "usage" not in chunk:
            found.append(f"{where}: no `usage: null`, though usage was asked for")
        if has_usage:
            found.append(f"{where}: choices after the usage")
        choice = choices[0]
        if len(choices) != 1 or choice.get("index") != 0 or not isinstance(choice.get("delta"), dict):
            found.append(f"{where}: not one choice of index 0 with a delta")
            continue
        delta = choice["delta"]
        if finish and (delta or choice.get("finish_reason")):
            found.append(f"{where}: after the finish reason")
        if "role" in delta:
            if has_role or delta["role"] != "assistant":
                found.append(f"{where}: role {delta['role']!r} is not the first `assistant`")
            has_role = True
        elif not has_role:
            found.append(f"{where}: a delta before the role")
        found += _delta(delta, calls, where)
        if choice.get("finish_reason") is not None:
            finish = choice["finish_reason"]
            if finish not in FINISHES:
                found.append(f"{where}: finish_reason {finish!r}")
    if len(ids) > 1:
        found.append("chunk ids differ")
    if not has_failed:
        found += _end(finish, calls, is_done=is_done, has_usage=has_usage, wants_usage=wants_usage)
    return found


def _error(error: Any, where: str) -> list[str]:
    if not isinstance(error, dict) or not isinstance(error.get("message"), str) or not error["message"]:
        return [f"{where}: an error without a message"]
    return [f"{where}: an error without `{name}`" for name in ("type", "code", "param") if name not in error]


def _usage(usage: Any, where: str, finish: str, *, wants_usage: bool, is_second: bool) -> list[str]:
    found = []
    if not wants_usage:
        found.append(f"{where}: usage that nobody asked for")
    if not finish:
        found.append(f"{where}: usage before the finish reason")
    if is_second:
        found.append(f"{where}: usage twice")
    if not isinstance(usage, dict):
        return [*found, f"{where}: neither choices nor usage"]
    counts = ("prompt_tokens", "completion_tokens", "total_tokens")
    details = ("prompt_tokens_details", "completion_tokens_details")
    found += [f"{where}: usage without `{name}`" for name in counts if not isinstance(usage.get(name), int)]
    found += [f"{where}: usage without `{name}`" for name in details if not isinstance(usage.get(name), dict)]
    return found


def _delta(delta: dict[str, Any], calls: dict[int, dict[str, Any]], where: str) -> list[str]:
    found = [
        f"{where}: {name} is no string"
        for name in ("content", "refusal", "reasoning_content")
        if delta.get(name) is not None and not isinstance(delta[name], str)
    ]
    found += [
        f"{where}: a reasoning detail without index or type"
        for entry in delta.get("reasoning_details") or ()
        if not isinstance(entry.get("index"), int) or not str(entry.get("type")).startswith("reasoning.")
    ]
    for call in delta.get("tool_calls") or ():
        found += _call(call, calls, where)
    return found


def _call(call: dict[str, Any], calls: dict[int, dict[str, Any]], where: str) -> list[str]:
    index = call.get("index")
    if not isinstance(index, int):
        return [f"{where}: a call without an index"]
    known = calls.get(index)
    kind = call.get("type") if known is None else known["type"]
    inner = call.get("custom" if kind == "custom" else "function")
    text = "input" if kind == "custom" else "arguments"
    if not isinstance(inner, dict) or not isinstance(inner.get(text), str):
        return [f"{where}: call {index} without `{text}`"]
    if known is not None:
        known["text"] += inner[text]
        return [f"{where}: call {index} repeats `{name}`" for name in ("id", "type") if name in call] + (
            [f"{where}: call {index} repeats its name"] if "name" in inner else []
        )
    found = []
    if index != len(calls):
        found.append(f"{where}: call {index} opens, but {len(calls)} is next")
    if not call.get("id") or kind not in ("function", "custom") or not inner.get("name"):
        found.append(f"{where}: call {index} opens without id, type or name")
    if call.get("id") in {one["id"] for one in calls.values()}:
        found.append(f"{where}: call {index} has the id of another")
    calls[index] = {"id": call.get("id"), "type": kind, "text": inner[text]}
    return found


def _end(
    finish: str, calls: dict[int, dict[str, Any]], *, is_done: bool, has_usage: bool, wants_usage: bool
) -> list[str]:
    found = []
    if not finish:
        found.append("no finish_reason")
    if not is_done:
        found.append("no [DONE]")
    if wants_usage and not has_usage:
        found.append("no usage, though it was asked for")
    if finish == "tool_calls" and not calls:
        found.append("finish_reason tool_calls without a call")
    if finish == "stop" and calls:
        found.append("finish_reason stop with calls")
    return found
