"""Recorded exchanges of Bedrock, there and back: nothing is lost, and what is written obeys the dialect (prints its counts)."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from gateway import _native
from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import Answer, Event, Fault, Finish, Open, ToolCall
from gateway.dataplane.wire.codec import Asked, PathSays, Target
from gateway.dataplane.wire.converse import CODEC
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.collect import answer_of, events_of
from tests.dataplane.wire.converse.grammar import faults
from tests.dataplane.wire.converse.shapes import problems

RECORDED = Path(__file__).parents[5] / "shared" / "fixtures" / "wire" / "dev" / "bedrock.converse"
EXCEPTIONS = json.loads((Path(__file__).parent / "recorded_exceptions.json").read_bytes())
"""Recorded exchanges that are allowed to differ, each with its reason."""

TARGET = Target(CODEC.name, "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic", "anthropic")


def _records() -> Iterator[tuple[str, dict[str, Any]]]:
    if not RECORDED.is_dir():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {RECORDED}")
    for path in sorted(RECORDED.iterdir()):
        yield path.stem, json.loads(path.read_bytes())


def _is_excepted(test: str, name: str) -> bool:
    return name in EXCEPTIONS[test]


def _path(record: dict[str, Any]) -> PathSays:
    _, _, model, operation = record["request"]["path"].split("/")
    return PathSays(unquote(model), operation == "converse-stream")


def _asked(record: dict[str, Any]) -> Asked:
    body = json.dumps(record["request"]["body"]).encode()
    return Asked(CODEC.read_turn(body, _path(record)), "request", 1_760_000_000)


def test_a_request_comes_back_equal() -> None:
    """Client → canon → the same dialect."""
    passed = 0
    for name, record in _records():
        body = record["request"]["body"]
        turn = CODEC.read_turn(json.dumps(body).encode(), _path(record))
        report = Report()
        written = CODEC.write_turn(turn, TARGET, report)
        if _is_excepted("requests", name):
            continue
        assert json.loads(written) == body, name
        assert not report.drops, name
        assert turn.model == _path(record).model, name
        passed += 1
    print(f"{passed} requests come back equal; excepted: {len(EXCEPTIONS['requests'])}")
    assert passed > 100


@pytest.mark.parametrize(
    "model", ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-2-lite-v1:0", "openai.gpt-oss-120b-1:0"]
)
def test_a_request_as_if_from_elsewhere_fits_the_service_model(model: str) -> None:
    """The same turns, read as if another dialect had brought them: the body fits ConverseRequest."""
    target = Target(CODEC.name, "bedrock", model, origin="anthropic")
    passed = 0
    for name, record in _records():
        turn = CODEC.read_turn(json.dumps(record["request"]["body"]).encode(), _path(record))
        turn.dialect, turn.extra = "openai.responses", None
        written = CODEC.write_turn(turn, target, Report())
        assert list(problems(json.loads(written), "ConverseRequest")) == [], name
        passed += 1
    print(f"{passed} requests for {model} fit ConverseRequest")


def test_a_whole_answer_comes_back_equal() -> None:
    """Provider → canon → client of the same dialect."""
    passed = 0
    for name, record in _records():
        said = record["response"]
        if said["status"] != 200 or "events" in said:
            continue
        answer = CODEC.read_answer(json.dumps(said["body"]).encode())
        written = json.loads(CODEC.write_answer(answer, _asked(record)))
        assert list(problems(written, "ConverseResponse")) in ([], _odd_types(written)), name
        if _is_excepted("answers", name):
            continue
        assert _matters(written) == _matters(said["body"]), name
        again = CODEC.read_answer(json.dumps(written).encode())
        assert again == answer, name
        passed += 1
    print(f"{passed} whole answers come back equal; excepted: {len(EXCEPTIONS['answers'])}")
    assert passed > 70


def _odd_types(written: dict[str, Any]) -> list[str]:
    """The service itself sends a `type` of calls that its model does not list, and names a region's models in no pattern."""
    return [one for one in problems(written, "ConverseResponse") if "'tool_use'" in one]


def _matters(body: dict[str, Any]) -> dict[str, Any]:
    """All but empty text, and usage in its canonical counts (the service sends two spellings of some)."""
    content = [block for block in body["output"]["message"]["content"] if block != {"text": ""}]
    usage = body["usage"]
    counts = {
        "input": usage["inputTokens"],
        "output": usage["outputTokens"],
        "total": usage["totalTokens"],
        "read": usage.get("cacheReadInputTokens", 0),
        "written": usage.get("cacheWriteInputTokens", 0),
    }
    rest = {name: value for name, value in body.items() if name not in ("output", "usage")}
    return {"content": content, "usage": counts, **rest}


def _streams() -> Iterator[tuple[str, dict[str, Any], bytes]]:
    for name, record in _records():
        if "events" in record["response"]:
            yield name, record, base64.b64decode(record["response"]["body_base64"])


def _read(wire: bytes) -> tuple[list[Event], int]:
    reader = CODEC.reader()
    events: list[Event] = []
    for _, kind, payload in _native.split_eventstream(wire):
        events += reader.feed(kind, payload)
    return events + reader.end(), reader.skipped


def _truth(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole answer that a stream of this dialect tells, collected as slowly and plainly as possible."""
    blocks: dict[int, dict[str, Any]] = {}
    body: dict[str, Any] = {"metrics": {"latencyMs": 0}}
    for event in events:
        kind, payload = event["headers"][":event-type"], event["payload"]
        at = payload.get("contentBlockIndex")
        if kind == "contentBlockStart":
            [(name, value)] = payload["start"].items()
            blocks[at] = {name: dict(value)}
        elif kind == "contentBlockDelta":
            _grow(blocks.setdefault(at, {}), payload["delta"])
        elif kind == "messageStop":
            body["stopReason"] = payload["stopReason"]
        elif kind == "metadata":
            body["usage"] = payload["usage"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"].get("input") or "{}")
    body["output"] = {"message": {"role": "assistant", "content": list(blocks.values())}}
    return body


def _grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
    [(name, value)] = delta.items()
    if name == "text":
        block["text"] = block.get("text", "") + value
    elif name == "citation":
        block.setdefault("citationsContent", {"content": [{"text": ""}], "citations": []})["citations"].append(value)
    elif name == "toolUse":
        block["toolUse"]["input"] = block["toolUse"].get("input", "") + value["input"]
    elif name == "toolResult":
        block["toolResult"].setdefault("content", []).extend(value)
    elif "redactedContent" in value:
        block["reasoningContent"] = dict(value)
    else:
        [(member, text)] = value.items()
        thought = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {})
        thought[member] = thought.get(member, "") + text


def test_a_stream_is_read_as_the_answer_that_it_tells() -> None:
    passed = 0
    for name, record, wire in _streams():
        events, skipped = _read(wire)
        assert skipped == 0, name
        answer = answer_of(events)
        assert isinstance(answer, Answer), name
        written = json.loads(CODEC.write_answer(answer, _asked(record)))
        assert _matters(written) == _matters(_truth(record["response"]["events"])), name
        passed += 1
    print(f"{passed} streams are read as the answer that they tell")
    assert passed > 20


def test_a_stream_comes_back_with_the_same_events() -> None:
    """Reader → writer obeys the grammar; read again, the events are equal. Whole, and event by event."""
    passed = 0
    for name, record, wire in _streams():
        events, _ = _read(wire)
        whole = CODEC.writer(_asked(record)).write(events)
        writer = CODEC.writer(_asked(record))
        assert b"".join(writer.write([event]) for event in events) == whole, name
        assert list(faults(whole)) == [], name
        assert _read(whole)[0] == events, name
        passed += 1
    print(f"{passed} streams come back with the same events")


def test_a_whole_answer_as_a_stream_obeys_the_grammar() -> None:
    passed = 0
    for name, record in _records():
        said = record["response"]
        if said["status"] != 200 or "events" in said:
            continue
        answer = CODEC.read_answer(json.dumps(said["body"]).encode())
        wire = CODEC.writer(_asked(record)).write(events_of(answer))
        assert [one for one in faults(wire) if "tool_use'" not in one] == [], name
        told = answer_of(_read(wire)[0])
        assert isinstance(told, Answer), name
        calls = [part for part in answer.parts if isinstance(part, ToolCall)]
        assert [part for part in told.parts if isinstance(part, ToolCall)] == calls, name
        passed += 1
    print(f"{passed} whole answers obey the grammar as streams")


def test_a_cut_stream_is_one_fault() -> None:
    """Cut after each message: what was open stays told, and the end is a Fault, or a Finish once the reason was there."""
    cuts = 0
    for name, record, wire in _streams():
        split = _native.split_eventstream(wire)
        for end in range(0, len(split), 7):
            reader, writer = CODEC.reader(), CODEC.writer(_asked(record))
            events = [event for _, kind, payload in split[:end] for event in reader.feed(kind, payload)]
            last = reader.end()
            assert [type(event) for event in last] == [Fault] or isinstance(last[-1], Finish), name
            assert list(faults(writer.write(events + last))) == [], name
            assert reader.end() == [], name
            cuts += 1
    print(f"{cuts} cut streams end well")


def test_errors_keep_their_words_and_say_their_kind() -> None:
    kinds = {
        "The security token included in the request is expired": "authentication",
        "The provided model identifier is invalid.": "not_found",
    }
    passed = 0
    for name, record in _records():
        said = record["response"]
        if said["status"] == 200:
            continue
        words = said["body"]["message"]
        fault = CODEC.read_error(said["status"], said["headers"], json.dumps(said["body"]).encode())
        assert (fault.message, fault.status) == (words, said["status"]), name
        assert fault.kind == kinds.get(words, "bad_request"), name
        passed += 1
    print(f"{passed} errors are read")
    assert passed > 5


def test_every_wrong_member_is_named() -> None:
    """Each member of recorded requests that is made a number: never another error than BadRequest, with the path."""
    tried = refused = 0
    for name, record in list(_records())[::9]:
        body = record["request"]["body"]
        for holder, key, path in _members(body, ""):
            kept = holder[key]
            holder[key] = 7
            problem = _problem(json.dumps(body).encode(), _path(record))
            holder[key] = kept
            tried += 1
            if problem is not None:
                param = str(problem.details["param"])
                assert param.startswith((path, path.rpartition(".")[0])), (name, path, param)
                assert f"`{param}`" in problem.message, (name, path)
                refused += 1
    print(f"{tried} members broken, {refused} refused")
    assert refused > 100


def _problem(body: bytes, path: PathSays) -> BadRequest | None:
    try:
        CODEC.read_turn(body, path)
    except BadRequest as problem:
        return problem
    return None


def _members(node: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    if isinstance(node, dict):
        for key, value in list(node.items()):
            if key in ("json", "input", "additionalModelRequestFields"):
                continue
            within = f"{path}.{key}" if path else key
            yield node, key, within
            yield from _members(value, within)
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield node, at, f"{path}[{at}]"
            yield from _members(value, f"{path}[{at}]")


def test_opened_blocks_are_counted_from_zero() -> None:
    for name, _, wire in _streams():
        events, _ = _read(wire)
        opened = [event.index for event in events if isinstance(event, Open)]
        assert opened == list(range(len(opened))), name
