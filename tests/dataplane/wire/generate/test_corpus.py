"""Every recorded Gemini exchange through the codec: the same dialect in and out loses nothing. What may differ: exceptions.json."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from gateway.dataplane.wire.canon import Answer, Event, Fault, Finish, Opaque, Reasoning, Text, ToolCall, Turn
from gateway.dataplane.wire.codec import Asked, Target
from gateway.dataplane.wire.generate import CODEC
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.collect import answer_of
from tests.dataplane.wire.generate.grammar import chunks_of, violations
from tests.dataplane.wire.generate.recorded import (
    Record,
    answered,
    chunks,
    cli_requests,
    failed,
    path_says,
    records,
)

_EXCEPTIONS = json.loads((Path(__file__).parent / "exceptions.json").read_text())
_FREE = {  # what is not Google's own structure: names inside are the client's
    *("args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema"),
    *("toolCall", "toolResponse", "imageConfig", "modelArmorConfig", "fileSearch"),
}
_ASKED = Asked(Turn(dialect="gemini.generate", model="gemini-3-flash", messages=[]), "request-1", 0)


def _plain(value: Any, name: str = "") -> Any:
    """A request as we write it: the differences of exceptions.json are gone."""
    if isinstance(value, dict):
        found = {}
        for written, child in value.items():
            key = re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), written)
            if (key == "description" and child in ("", None)) or (key == "allowedFunctionNames" and child == []):
                continue
            found[key] = child if key in _FREE else _plain(child, key)
        return found
    if isinstance(value, list):
        return [_plain(child) for child in value]
    if name == "data" and isinstance(value, str):
        return value.replace("-", "+").replace("_", "/")
    return value.upper() if name == "mode" and isinstance(value, str) else value


def _merged_tools(request: dict[str, Any]) -> dict[str, Any]:
    functions: list[Any] = []
    others: list[Any] = []
    for tool in request.get("tools") or ():
        functions += tool.get("functionDeclarations") or ()
        others += [{name: value} for name, value in tool.items() if name != "functionDeclarations"]
    if "tools" in request:
        request["tools"] = [functions, others]
    return request


def _round_trip(body: dict[str, Any], path: str) -> tuple[dict[str, Any], list[Any]]:
    says = path_says(path)
    turn = CODEC.read_turn(json.dumps(body).encode(), says)
    assert (turn.model, turn.is_stream) == (says.model, says.is_stream)
    report = Report()
    target = Target("gemini.generate", "google", says.model, vendor="google", origin="google")
    return json.loads(CODEC.write_turn(turn, target, report)), report.drops


def test_every_recorded_request_comes_back_equal() -> None:
    """read_turn, then write_turn to the same dialect."""
    assert _EXCEPTIONS["requests"]
    for record in records():
        request = record["request"]
        written, drops = _round_trip(request["body"], request["path"])
        assert _merged_tools(written) == _merged_tools(_plain(request["body"])), record["id"]
        assert drops == [], record["id"]
    print(f"requests equal: {len(records())} of {len(records())}")


def test_every_request_of_gemini_cli_comes_back_equal() -> None:
    """The real client's."""
    for record in cli_requests():
        written, drops = _round_trip(record["body"], record["path"])
        assert (_merged_tools(written), drops) == (_merged_tools(_plain(record["body"])), []), record["case"]
    print(f"requests of Gemini CLI equal: {len(cli_requests())}")


def test_ids_of_recorded_calls_are_unique_and_results_name_them() -> None:
    """Trap 12."""
    calls = results = 0
    for record in records():
        turn = CODEC.read_turn(json.dumps(record["request"]["body"]).encode(), path_says(record["request"]["path"]))
        ids = [part.id for message in turn.messages for part in message.parts if isinstance(part, ToolCall)]
        named = [part.call_id for m in turn.messages for part in m.parts if hasattr(part, "call_id")]
        assert all(ids), record["id"]
        assert len(set(ids)) == len(ids), record["id"]
        assert set(named) <= set(ids), record["id"]
        assert len(set(named)) == len(named), record["id"]
        calls, results = calls + len(ids), results + len(named)
    assert min(calls, results) > 100
    print(f"calls {calls}, results {results}, all matched")


def _read(record: Record) -> tuple[list[Event], int]:
    reader = CODEC.reader()
    events = [event for chunk in chunks(record) for event in reader.feed("", chunk)]
    return [*events, *reader.end()], reader.skipped


def _facts(answer: Answer) -> dict[str, Any]:
    return {
        "text": "".join(part.text for part in answer.parts if isinstance(part, Text)),
        "thoughts": "".join(part.text for part in answer.parts if isinstance(part, Reasoning)),
        "signatures": [part.signature for part in answer.parts if isinstance(part, Reasoning) and part.signature],
        "calls": [(p.name, json.loads(p.arguments)) for p in answer.parts if isinstance(p, ToolCall)],
        "others": [part.value for part in answer.parts if isinstance(part, Opaque)],
    }


def _truth(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = {"text": "", "thoughts": "", "signatures": [], "calls": [], "others": []}
    for chunk in map(json.loads, chunks(record)):
        for part in ((chunk.get("candidates") or [{}])[0].get("content") or {}).get("parts") or ():
            if "functionCall" in part:
                found["calls"].append((part["functionCall"]["name"], part["functionCall"]["args"]))
            elif "text" in part:
                found["thoughts" if part.get("thought") else "text"] += part["text"]
            else:
                found["others"].append(part)
                continue
            if "thoughtSignature" in part:
                found["signatures"].append(part["thoughtSignature"])
    return found


def test_every_recorded_answer_is_read_whole() -> None:
    """Streams and whole answers: text, thoughts, signatures, calls, other parts, stop, usage."""
    counts: Counter[str] = Counter()
    for record in answered():
        events, skipped = _read(record)
        answer = answer_of(events)
        assert isinstance(answer, Answer), record["id"]
        assert not skipped, record["id"]
        assert _facts(answer) == _truth(record), record["id"]
        last = json.loads(chunks(record)[-1])
        assert (answer.id, answer.model) == (last.get("responseId", ""), last.get("modelVersion", "")), record["id"]
        assert answer.usage is not None, record["id"]
        assert answer.stop.reason != "unknown", record["id"]
        ids = [part.id for part in answer.parts if isinstance(part, ToolCall)]
        assert all(ids)
        assert len(set(ids)) == len(ids)
        if len(chunks(record)) == 1 and "sse" not in record["response"]:
            assert CODEC.read_answer(chunks(record)[0]) == answer, record["id"]
        counts["stream" if record["stream"] else "whole"] += 1
        counts[answer.stop.reason] += 1
    print(f"answers read: {dict(counts)}")


def _same(one: Answer, other: Answer) -> None:
    """Equal in all that matters: `extra` has no event of its own, and grounding, which counts searches, is not written."""
    keep = ("text", "signature", "arguments", "id", "name", "value")
    shown = [[(type(part), *(getattr(part, name, None) for name in keep)) for part in a.parts] for a in (one, other)]
    assert shown[0] == shown[1]
    assert (one.id, one.model, one.stop.reason, one.stop.raw) == (
        other.id,
        other.model,
        other.stop.reason,
        other.stop.raw,
    )
    for name in one.usage.__struct_fields__ if one.usage else ():
        if name not in ("web_searches", "service_tier"):
            assert getattr(one.usage, name) == getattr(other.usage, name), name


def test_every_recorded_answer_written_and_read_again_is_equal() -> None:
    """As a stream, event by event, and as a whole answer; the streams obey the grammar."""
    for record in answered():
        events, _ = _read(record)
        answer = answer_of(events)
        assert isinstance(answer, Answer)
        writer = CODEC.writer(_ASKED)
        written = chunks_of(b"".join(writer.write([event]) for event in events))
        assert violations(written) == [], record["id"]
        reader = CODEC.reader()
        again = [event for chunk in written for event in reader.feed("", json.dumps(chunk).encode())]
        back = answer_of([*again, *reader.end()])
        assert isinstance(back, Answer)
        assert not reader.skipped
        _same(answer, back)
        _same(answer, CODEC.read_answer(CODEC.write_answer(answer, _ASKED)))
    print(f"answers written and read again: {len(answered())} streams, {len(answered())} whole")


def test_a_stream_cut_after_any_chunk_ends_in_a_fault_or_is_whole() -> None:
    """Whatever was delivered before the cut stays."""
    cuts = 0
    for record in answered():
        parts = chunks(record)
        for count in range(len(parts)):
            reader = CODEC.reader()
            events = [event for chunk in parts[:count] for event in reader.feed("", chunk)]
            last = reader.end()[-1]
            assert isinstance(last, Fault), (record["id"], count)
            assert last.kind == "server"
            assert not any(isinstance(event, Finish) for event in events)
            cuts += 1
    print(f"cuts: {cuts}")


def test_the_grammar_passes_recorded_streams() -> None:
    """The checker asks for nothing that Google does not do."""
    known = tuple(_EXCEPTIONS["grammar"])
    odd: Counter[str] = Counter()
    for record in answered():
        for found in violations([json.loads(chunk) for chunk in chunks(record)]):
            assert found.endswith(known), (record["id"], found)
            odd[found.split(": ", 1)[1]] += 1
    print(f"recorded oddities: {dict(odd)}")


def test_recorded_errors_keep_their_words() -> None:
    """Each recorded error has the right kind; the message is Google's."""
    kinds = set()
    for record in failed():
        body = record["response"]["body"]
        fault = CODEC.read_error(record["response"]["status"], record["response"]["headers"], json.dumps(body).encode())
        assert fault.message == body["error"]["message"]
        assert fault.status == record["response"]["status"]
        kinds.add((fault.status, fault.kind))
        assert (48 < fault.retry_after_s < 49) if fault.status == 429 else fault.retry_after_s == -1
    assert kinds == {(404, "not_found"), (429, "rate_limit"), (400, "bad_request"), (400, "authentication")}
    print(f"errors: {len(failed())} of {len(failed())}")
