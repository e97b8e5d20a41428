"""Everything recorded of those who speak Chat: nothing is lost on the way through the canon and back. Exceptions: exceptions.json."""

import json
from collections import Counter
from typing import Any

import pytest

from gateway.base.core.errors import UpstreamProtocolError
from gateway.dataplane.wire.canon import Answer, Fault, Part, Reasoning, Text, ToolCall, Turn
from gateway.dataplane.wire.chat import CODEC
from gateway.dataplane.wire.codec import Asked, PathSays
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.collect import answer_of
from gateway.dataplane.wire.usage import usage_from_openai_chat
from tests.dataplane.wire import sse
from tests.dataplane.wire.chat.grammar import violations
from tests.dataplane.wire.chat.normal import EXCEPTIONS, USED, normal
from tests.dataplane.wire.chat.recorded import chunks_of, exchanges, responses_only, target_of

_ASKED = Asked(Turn(dialect="openai.chat", model="m", messages=[], is_stream=True, wants_usage=True), "rid", 1)


def test_each_request_read_and_written_again_is_the_same_request(capsys: pytest.CaptureFixture[str]) -> None:
    """What Chat says, the canon keeps."""
    count: Counter[str] = Counter()
    odd: dict[str, Any] = {}
    for exchange in exchanges():
        body = exchange["request"]["body"]
        report = Report()
        turn = CODEC.read_turn(json.dumps(body).encode(), PathSays())
        again = json.loads(CODEC.write_turn(turn, target_of(exchange), report))
        is_same = normal(again) == normal(body) and not report.drops
        count["same" if is_same else "different"] += 1
        if not is_same:
            odd[exchange["id"]] = (again, report.drops)
    _say(capsys, f"requests: {count['same']} of {count.total()} the same")
    assert odd.keys() == EXCEPTIONS["requests"].keys()
    assert EXCEPTIONS["rules"].keys() == USED, "a rule that nothing needs"


def test_each_whole_answer_read_and_written_again_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Text, thoughts, calls, ids, stop and usage survive."""
    count: Counter[str] = Counter()
    odd = set()
    for exchange in [*exchanges(), *responses_only()]:
        if exchange["response"]["status"] != 200 or chunks_of(exchange):
            continue
        body = json.dumps(exchange["response"]["body"]).encode()
        try:
            answer = CODEC.read_answer(body)
        except UpstreamProtocolError:
            odd.add(exchange["id"])
            count["unreadable"] += 1
            continue
        if isinstance(answer, Fault):
            odd.add(exchange["id"])
            count["an error"] += 1
            continue
        again = CODEC.read_answer(CODEC.write_answer(answer, _ASKED))
        is_same = _said(again) == _said(answer) == _recorded(exchange["response"]["body"])
        count["same" if is_same else "different"] += 1
        if not is_same:
            odd.add(exchange["id"])
    _say(capsys, f"whole answers: {count['same']} of {count.total()} the same")
    assert odd == EXCEPTIONS["answers"].keys()


def test_each_stream_is_read_as_recorded_and_written_by_the_grammar(capsys: pytest.CaptureFixture[str]) -> None:
    """Reader against an accumulator of its own; writer against the grammar, and read again it says the same."""
    count = 0
    faults = []
    for exchange in [*exchanges(), *responses_only()]:
        chunks = chunks_of(exchange)
        if exchange["response"]["status"] != 200 or not chunks:
            continue
        reader = CODEC.reader()
        events = [event for name, data in chunks for event in reader.feed(name, data)] + reader.end()
        assert reader.skipped == 0, exchange["id"]
        answer = answer_of(events)
        if isinstance(answer, Fault):
            faults.append((exchange["id"], answer.message))
            continue
        assert _said(answer) == _accumulated(chunks), exchange["id"]
        writer = CODEC.writer(_ASKED)
        written = b"".join(writer.write([event]) for event in events)
        decoded = [data.decode() if data == b"[DONE]" else json.loads(data) for _, data in sse.events(written)]
        has_usage = answer.usage is not None
        assert [one for one in violations(decoded, wants_usage=True) if has_usage or "usage" not in one] == [], (
            exchange["id"]
        )
        again = CODEC.reader()
        events = [event for _, data in sse.events(written) for event in again.feed("", data)] + again.end()
        told = answer_of(events)
        assert isinstance(told, Answer)
        assert _said(told) == _said(answer), exchange["id"]
        count += 1
    _say(capsys, f"streams: {count} the same, {len(faults)} with an error inside")
    assert len(faults) == sum("error_in_body" in one.get("features", ()) for one in exchanges() if chunks_of(one))


def test_each_error_keeps_its_words_and_gets_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """The provider's words reach the developer, whatever the shape of its body."""
    kinds: Counter[str] = Counter()
    for exchange in exchanges():
        response = exchange["response"]
        if response["status"] == 200:
            continue
        body = response["body"]
        fault = CODEC.read_error(response["status"], response["headers"], json.dumps(body).encode())
        error = body.get("error")
        words = error["message"] if isinstance(error, dict) else error or body.get("message") or body.get("detail")
        assert fault.message.startswith(words), exchange["id"]
        assert fault.status == response["status"]
        is_full = "context" in exchange["id"] and "context length" in words
        want = {400: "bad_request", 401: "authentication", 404: "not_found", 429: "rate_limit"}[response["status"]]
        assert fault.kind == ("context_window" if is_full else want), exchange["id"]
        kinds[fault.kind] += 1
    _say(capsys, f"errors: {dict(kinds)}")
    assert kinds["context_window"] == 2


def _say(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        print(f"\n  chat: {line}")


def _said(answer: Answer) -> tuple[Any, ...]:
    """All that matters of an answer: thoughts, words, refusal, calls, stop, usage. Where thoughts stand among the rest, Chat
    cannot say; a summary is shown as the thought itself; `default` is no tier."""
    usage = answer.usage
    counts = None if usage is None else (
        usage.input_tokens, usage.cache_read_tokens, usage.cache_write_5m_tokens, usage.output_tokens, usage.reasoning_tokens,
    )  # fmt: skip
    thoughts = [part for part in answer.parts if isinstance(part, Reasoning)]
    return (
        "".join(part.text or "\n\n".join(part.summary or ()) for part in thoughts),
        [part.signature for part in thoughts if part.signature],
        "".join(part.text for part in answer.parts if isinstance(part, Text)),
        [_call(part) for part in answer.parts if isinstance(part, ToolCall)],
        [type(part).__name__ for part in answer.parts if not isinstance(part, Text | Reasoning | ToolCall)],
        answer.stop.reason,
        counts,
    )


def _call(part: Part) -> tuple[str, ...]:
    assert isinstance(part, ToolCall)
    return (part.id, part.name, part.arguments or "{}", part.kind)


# === the recorded truth, by code of its own ===

_STOPS = {"stop": "end", "length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls", "": "end"}


def _recorded(body: dict[str, Any]) -> tuple[Any, ...]:
    choice = body["choices"][0]
    return _truth(choice["message"], choice.get("finish_reason") or "", body.get("usage"), choice)


def _accumulated(chunks: list[tuple[str, bytes]]) -> tuple[Any, ...]:
    message: dict[str, Any] = {"content": "", "reasoning": "", "refusal": "", "reasoning_details": []}
    calls: dict[int, dict[str, Any]] = {}
    finish, usage = "", None
    for _, data in chunks:
        if data == b"[DONE]":
            continue
        chunk = json.loads(data)
        usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") or usage
        for choice in chunk.get("choices") or ():
            if choice.get("index"):
                continue
            finish = choice.get("finish_reason") or finish
            delta = choice.get("delta") or {}
            content = delta.get("content")
            for piece in content if isinstance(content, list) else [{"type": "text", "text": content or ""}]:
                if piece["type"] == "text":
                    message["content"] += piece["text"]
                else:
                    message["reasoning"] += "".join(one["text"] for one in piece["thinking"])
            details = delta.get("reasoning_details") or []
            message["reasoning_details"] += details
            words = delta.get("reasoning_content") or delta.get("reasoning") or ""
            message["reasoning"] += "".join(one.get("text", "") for one in details) or words
            message["refusal"] += delta.get("refusal") or ""
            for call in delta.get("tool_calls") or ():
                made = calls.setdefault(call.get("index", len(calls)), {"function": {"name": "", "arguments": ""}})
                made["id"] = call.get("id") or made.get("id")
                made["function"]["name"] += call["function"].get("name") or ""
                made["function"]["arguments"] += call["function"].get("arguments") or ""
    message["tool_calls"] = list(calls.values())
    return _truth(message, finish, usage, {})


def _truth(message: dict[str, Any], finish: str, usage: Any, choice: dict[str, Any]) -> tuple[Any, ...]:
    content = message.get("content")
    thought = message.get("reasoning_content") or message.get("reasoning") or ""
    if isinstance(content, list):
        thought = "".join(one["text"] for part in content if part["type"] == "thinking" for one in part["thinking"])
        content = "".join(part["text"] for part in content if part["type"] == "text")
    details = message.get("reasoning_details") or []
    if any(one.get("text") for one in details):
        thought = "".join(one.get("text") or "" for one in details)
    calls = [
        (one["id"], *_function(one))
        for one in message.get("tool_calls") or ()
        if (one.get("function") or one.get("custom") or {}).get("name")
    ]
    legacy = message.get("function_call") or {}
    stop = "tool_calls" if calls and finish in ("stop", "") else _STOPS.get(finish, finish)
    if message.get("refusal"):
        stop = "refusal"
    if choice.get("finish_details"):
        stop = "length"
    read = usage_from_openai_chat(json.dumps(usage).encode()) if usage else None
    counts = None if read is None else (
        read.input_tokens, read.cache_read_tokens, read.cache_write_5m_tokens, read.output_tokens, read.reasoning_tokens,
    )  # fmt: skip
    if legacy.get("name"):
        calls = [(_Any(), legacy["name"], legacy["arguments"], "function")]
    others = (["Refusal"] if message.get("refusal") else []) + (
        ["Opaque"] if (message.get("audio") or {}).get("data") else []
    )
    bound = ((message.get("extra_content") or {}).get("google") or {}).get("thought_signature")
    proofs = [bound, *(one.get("signature") or one.get("data") for one in details)]
    return (thought, [one for one in proofs if one], content or "", calls, others, stop, counts)


def _function(call: dict[str, Any]) -> tuple[str, str, str]:
    if call.get("type") == "custom":
        return call["custom"]["name"], call["custom"]["input"], "custom"
    return call["function"]["name"], call["function"].get("arguments") or "{}", "function"


class _Any(str):
    """Equal to everything: an id that was made."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str)

    __hash__ = str.__hash__
