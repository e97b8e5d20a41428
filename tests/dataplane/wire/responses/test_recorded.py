"""Everything recorded of those who speak Responses, and Codex's own requests: nothing is lost on the way through the canon and
back. What is not compared to the letter, and why, stands in exceptions.json.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.dataplane.wire.canon import Answer, Fault, Opaque, Part, Reasoning, Refusal, Text, ToolCall, Turn
from gateway.dataplane.wire.codec import Asked, PathSays
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.responses import CODEC
from gateway.dataplane.wire.translate.collect import answer_of
from gateway.dataplane.wire.usage import usage_from_openai_responses
from tests.dataplane.wire import sse
from tests.dataplane.wire.responses.grammar import frames, violations
from tests.dataplane.wire.responses.recorded import (
    codex_requests,
    events_of,
    exchanges,
    is_answer,
    responses_only,
    target_of,
)

EXCEPTIONS = json.loads((Path(__file__).parent / "exceptions.json").read_text())
_TURN = Turn(dialect="openai.responses", model="m", messages=[], include_encrypted=True, is_stream=True)
_ASKED = Asked(_TURN, "req_9f86d081884c0000002a", 1_760_000_000)


def test_each_request_read_and_written_again_is_the_same_request(capsys: pytest.CaptureFixture[str]) -> None:
    """The canon keeps all that Responses says, of real Codex requests too."""
    bodies = [(one["id"], one["request"]["body"], one["api"]) for one in exchanges()]
    bodies += [(name, body, "openai.responses") for name, body in codex_requests().items()]
    count: Counter[bool] = Counter()
    odd: set[str] = set()
    for name, body, api in bodies:
        if not isinstance(body, dict):
            continue
        report = Report()
        turn = CODEC.read_turn(json.dumps(body).encode(), PathSays())
        again = json.loads(CODEC.write_turn(turn, target_of(body, api), report))
        is_same = again == body and not report.drops
        count[is_same] += 1
        if not is_same:
            odd.add(name)
    _say(capsys, f"requests: {count[True]} of {count.total()} the same ({len(codex_requests())} of them Codex's)")
    assert odd == EXCEPTIONS["requests"].keys()


def test_each_whole_answer_read_and_written_again_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Words, thoughts, ciphers, calls, ids, what the provider ran, stop and usage survive; the bodies are complete."""
    count: Counter[bool] = Counter()
    for exchange in [*exchanges(), *responses_only()]:
        body = exchange["response"].get("body")
        if not is_answer(exchange) or body.get("status") in EXCEPTIONS["answers"]:
            continue
        answer = CODEC.read_answer(json.dumps(body).encode())
        assert _said(answer) == _truth(body["output"], body), exchange["id"]
        written = CODEC.write_answer(answer, _ASKED)
        again = CODEC.read_answer(written)
        assert violations(_as_stream(json.loads(written))) == [], exchange["id"]
        if answer.id.startswith("resp_"):
            assert again.id == answer.id
        count[_said(again) == _said(answer)] += 1
        assert _said(again) == _said(answer), exchange["id"]
    _say(capsys, f"whole answers: {count[True]} of {count.total()} the same")
    assert count[True] > 240


def test_each_stream_is_read_as_recorded_and_written_by_the_grammar(capsys: pytest.CaptureFixture[str]) -> None:
    """The reader against the recorded items, the writer against the grammar; and what was written reads the same again."""
    count = 0
    for exchange in [*exchanges(), *responses_only()]:
        events = events_of(exchange)
        if not events or exchange["id"] in EXCEPTIONS["streams"]:
            continue
        reader = CODEC.reader()
        told = [event for name, data in events for event in reader.feed(name, data)] + reader.end()
        assert reader.skipped == 0, exchange["id"]
        answer = answer_of(told)
        assert isinstance(answer, Answer), exchange["id"]
        assert _said(answer) == _streamed(events), exchange["id"]
        writer = CODEC.writer(_ASKED)
        written = b"".join(writer.write([event]) for event in told)
        assert violations(frames(written)) == [], exchange["id"]
        again = CODEC.reader()
        retold = [event for name, data in sse.events(written) for event in again.feed(name, data)] + again.end()
        assert again.skipped == 0
        assert _said(answer_of(retold)) == _said(answer), exchange["id"]
        count += 1
    _say(capsys, f"streams: {count} of {count} the same")
    assert count > 90


def test_a_stream_cut_after_any_event_is_one_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever was streamed by then, the client gets exactly one terminal event, and no half call is done (complaint 3)."""
    cuts = 0
    for exchange in exchanges():
        events = events_of(exchange)
        for cut in range(0, len(events), max(1, len(events) // 12)):
            reader = CODEC.reader()
            told = [event for name, data in events[:cut] for event in reader.feed(name, data)]
            told += reader.end()
            if not isinstance(told[-1], Fault):
                continue
            written = CODEC.writer(_ASKED).write(told)
            assert violations(frames(written)) == [], (exchange["id"], cut)
            assert written.count(b"event: response.failed\n") == 1
            cuts += 1
    _say(capsys, f"cut streams: {cuts}")
    assert cuts > 500


def test_each_error_keeps_its_words_and_gets_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """The provider's words reach the developer, whatever the shape of its body."""
    kinds: Counter[str] = Counter()
    want = {400: "bad_request", 401: "authentication", 404: "not_found"}
    for exchange in [*exchanges(), *responses_only()]:
        response = exchange["response"]
        if response["status"] < 400 or not isinstance(response.get("body"), dict):
            continue
        error = response["body"]["error"]
        fault = CODEC.read_error(
            response["status"], response.get("headers") or {}, json.dumps(response["body"]).encode()
        )
        words = error["message"] if isinstance(error, dict) else error
        assert fault.message == words
        kind = want[response["status"]]
        if "does not exist" in words:
            kind = "not_found"
        if "API key" in words:
            kind = "authentication"
        assert (fault.kind, fault.status) == (kind, response["status"]), exchange["id"]
        kinds[fault.kind] += 1
    _say(capsys, f"errors: {dict(kinds)}")
    assert kinds.total() == 11


def _say(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        print(f"\n  responses: {line}")


# === what an answer says ===


def _said(answer: Answer | Fault) -> tuple[Any, ...]:
    assert isinstance(answer, Answer), answer
    parts = [_part(part) for part in answer.parts if not (isinstance(part, Text) and not part.text)]
    ran = [part for part in parts if part[0] == "ran"]
    return (
        [part for part in parts if part[0] != "ran"],
        sorted(ran, key=lambda part: str(part[1])),
        answer.stop.reason,
        _counts(answer.usage),
    )


def _part(part: Part) -> tuple[Any, ...]:
    match part:
        case Text():
            return "text", part.text, _cited([one.raw for one in part.citations or ()])
        case Refusal():
            return "refusal", part.text
        case ToolCall():
            told = json.loads(part.arguments) if part.kind in ("shell", "tool_search") else part.arguments
            return "call", part.kind, part.id, part.namespace, part.name, told
        case Reasoning():
            return "thought", part.text or "".join(part.summary or ()), part.signature
        case Opaque():
            return "ran", part.value.get("id"), part.value
    raise AssertionError(part)


def _cited(annotations: list[Any] | None) -> list[Any]:
    """Without what is filled where a provider left it out."""
    filled = ("title", "start_index", "end_index")
    return [{name: value for name, value in one.items() if name not in filled} for one in annotations or ()]


def _counts(usage: Any) -> tuple[Any, ...]:
    if usage is None:
        return ()
    tier = "" if usage.service_tier == "default" else usage.service_tier
    return (
        usage.prompt_tokens(), usage.cache_read_tokens, usage.cache_write_5m_tokens, usage.output_tokens,
        usage.reasoning_tokens, usage.web_searches, usage.image_output_tokens, tier,
    )  # fmt: skip


# === the recorded truth, by code of its own ===

_KINDS = {"function_call": "function", "custom_tool_call": "custom"}


def _streamed(events: list[tuple[str, bytes]]) -> tuple[Any, ...]:
    """Items as their `output_item.done` had them; those that had none as the terminal event has them."""
    items: dict[int, Any] = {}
    response: dict[str, Any] = {}
    for _, data in events:
        if data == b"[DONE]":
            continue
        event = json.loads(data)
        if event["type"] == "response.output_item.done":
            items[event["output_index"]] = event["item"]
        if event["type"] in ("response.completed", "response.incomplete"):
            response = event["response"]
    assert response
    items = dict(enumerate(response["output"])) | items
    return _truth([items[at] for at in sorted(items)], response)


def _truth(items: list[dict[str, Any]], response: dict[str, Any]) -> tuple[Any, ...]:
    told: list[tuple[Any, ...]] = []
    ran: list[tuple[Any, ...]] = []
    for item in items:
        kind = item["type"]
        if kind == "message":
            for part in item["content"]:
                if part["type"] == "refusal":
                    told.append(("refusal", part["refusal"]))
                elif part["text"]:
                    told.append(("text", part["text"], _cited(part.get("annotations"))))
        elif kind in _KINDS:
            arguments = item["arguments"] if kind == "function_call" else item["input"]
            told.append(("call", _KINDS[kind], item["call_id"], item.get("namespace", ""), item["name"], arguments))
        elif kind == "local_shell_call":
            told.append(("call", "shell", item["call_id"], "", "shell", item["action"]))
        elif kind == "tool_search_call" and item["execution"] == "client":
            told.append(("call", "tool_search", item["call_id"], "", "tool_search", item["arguments"]))
        elif kind == "reasoning":
            words = "".join(part["text"] for part in item.get("content") or item["summary"])
            told.append(("thought", words, item.get("encrypted_content") or ""))
        else:
            ran.append(("ran", item["id"], item))
    reason = (response.get("incomplete_details") or {}).get("reason")
    calls = any(part[0] == "call" for part in told)
    refusal = any(part[0] == "refusal" for part in told)
    stop = "length" if reason == "max_output_tokens" else "tool_calls" if calls else "refusal" if refusal else "end"
    usage = usage_from_openai_responses(json.dumps(response["usage"]).encode(), json.dumps(response).encode())
    return told, sorted(ran, key=lambda part: str(part[1])), stop, _counts(usage)


def _as_stream(response: dict[str, Any]) -> list[tuple[str, Any]]:
    """A body as the shortest stream, for the checker to look at its shape."""
    kind = f"response.{response['status']}"
    begun = {**response, "status": "in_progress", "output": [], "incomplete_details": None, "usage": None}
    events = [
        {"type": "response.created", "response": begun},
        *_items_of(response["output"]),
        {"type": kind, "response": response},
    ]
    return [(event["type"], {**event, "sequence_number": at}) for at, event in enumerate(events)]


def _items_of(output: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items that have no inner events; the others' shape is looked at in the streams."""
    found: list[dict[str, Any]] = []
    for at, item in enumerate(output):
        where = {"output_index": at, "item_id": item["id"]}
        begun = dict(item)
        inner: list[dict[str, Any]] = []
        if item["type"] == "message":
            begun["content"] = []
            for index, part in enumerate(item["content"]):
                inside = {**where, "content_index": index}
                is_text = part["type"] == "output_text"
                words = part["text"] if is_text else part["refusal"]
                stem = "response.output_text" if is_text else "response.refusal"
                blank = {**part, "text": "", "annotations": []} if is_text else {**part, "refusal": ""}
                inner += [
                    {"type": "response.content_part.added", **inside, "part": blank},
                    {"type": f"{stem}.delta", **inside, "delta": words, "logprobs": []},
                    *(
                        {
                            "type": "response.output_text.annotation.added",
                            **inside,
                            "annotation_index": n,
                            "annotation": one,
                        }
                        for n, one in enumerate(part.get("annotations") or ())
                    ),
                    {"type": f"{stem}.done", **inside, "text" if is_text else "refusal": words, "logprobs": []},
                    {"type": "response.content_part.done", **inside, "part": part},
                ]
        elif item["type"] in ("function_call", "custom_tool_call"):
            name = "arguments" if item["type"] == "function_call" else "input"
            stem = "response.function_call_arguments" if name == "arguments" else "response.custom_tool_call_input"
            begun[name] = ""
            inner += [
                {"type": f"{stem}.delta", **where, "delta": item[name]},
                {"type": f"{stem}.done", **where, name: item[name]},
            ]
        elif item["type"] == "reasoning":
            begun["summary"] = []
            for index, part in enumerate(item["summary"]):
                inside = {**where, "summary_index": index}
                inner += [
                    {"type": "response.reasoning_summary_part.added", **inside, "part": {**part, "text": ""}},
                    {"type": "response.reasoning_summary_text.delta", **inside, "delta": part["text"]},
                    {"type": "response.reasoning_summary_text.done", **inside, "text": part["text"]},
                    {"type": "response.reasoning_summary_part.done", **inside, "part": part},
                ]
        found += [
            {"type": "response.output_item.added", "output_index": at, "item": begun},
            *inner,
            {"type": "response.output_item.done", "output_index": at, "item": item},
        ]
    return found
