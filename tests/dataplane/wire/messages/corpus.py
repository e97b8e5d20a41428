"""The recorded exchanges of this dialect, which live beside the repository; tests over them are skipped where they are absent."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gateway.dataplane.wire.canon import Event
from gateway.dataplane.wire.messages import CODEC
from gateway.dataplane.wire.translate.unwrap import INPUT
from gateway.dataplane.wire.usage import USAGE
from tests.dataplane.providers.shared import shared
from tests.dataplane.wire import sse

EXCEPTIONS = json.loads((Path(__file__).parent / "exceptions.json").read_text())
"""What cannot come back equal, by test and file, and why."""


@cache
def exchanges() -> tuple[dict[str, Any], ...]:
    """Every recorded exchange, each with its file's name as `file`."""
    return tuple(_loaded(path) for path in sorted(shared("wire/dev/anthropic.messages").glob("*.json")))


@cache
def answers() -> tuple[dict[str, Any], ...]:
    """Answers without their requests, of newer features."""
    return tuple(_loaded(path) for path in sorted(shared("wire/response_only/anthropic.messages").glob("*.json")))


def requests() -> Iterator[tuple[str, dict[str, Any], bool]]:
    """(file, request body, whether the provider accepted it)."""
    for one in exchanges():
        body = one["request"]["body"]
        if isinstance(body, dict):
            yield one["file"], body, one["response"]["status"] == 200
    for path in sorted(shared("clients/claude-code").glob("post-*.json")):
        yield path.name, json.loads(path.read_text())["body"], True


def streams() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """(file, events as name and data); a file of several answers one after the other is several streams."""
    for one in exchanges():
        text = one["response"].get("sse")
        if text and one["response"]["status"] == 200:
            yield one["file"], sse.events(text.encode())
    for one in answers():
        events: list[tuple[str, bytes]] = []
        for chunk in one["response"].get("chunks") or ():
            events.append((chunk["type"], json.dumps(chunk).encode()))
            if chunk["type"] == "message_stop":
                yield one["file"], events
                events = []
        if events:
            yield one["file"], events


def whole() -> Iterator[tuple[str, dict[str, Any]]]:
    """(file, body of a whole answer)."""
    for one in (*exchanges(), *answers()):
        body = one["response"].get("body")
        if isinstance(body, dict) and body.get("type") == "message":
            yield one["file"], body


def read_stream(events: list[tuple[str, bytes]]) -> tuple[list[Event], int]:
    """What our reader makes of a stream, and how many events it skipped."""
    reader = CODEC.reader()
    found = [event for name, data in events for event in reader.feed(name, data)]
    return found + reader.end(), reader.skipped


def truth_of(events: list[tuple[str, bytes]]) -> dict[str, Any]:
    """The message that a stream tells, put together by the rules of the API's documentation and no code of ours."""
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    texts: dict[int, str] = {}
    for _, data in events:
        event = json.loads(data)
        if event["type"] == "message_start":
            message = dict(event["message"])
            message["usage"] = dict(message["usage"])
        elif event["type"] == "content_block_start":
            blocks[event["index"]] = dict(event["content_block"])
        elif event["type"] == "content_block_delta":
            block, delta = blocks[event["index"]], event["delta"]
            if delta["type"] == "text_delta":
                block["text"] += delta["text"]
            elif delta["type"] == "thinking_delta":
                block["thinking"] += delta["thinking"]
            elif delta["type"] == "signature_delta":
                block["signature"] = delta["signature"]
            elif delta["type"] == "citations_delta":
                block["citations"] = [*(block.get("citations") or []), delta["citation"]]
            elif delta["type"] == "compaction_delta":
                block["content"] = delta["content"]
            else:
                texts[event["index"]] = texts.get(event["index"], "") + delta["partial_json"]
        elif event["type"] == "message_delta":
            message.update(event["delta"])
            message["usage"].update({k: v for k, v in event["usage"].items() if v is not None})
    for index, text in texts.items():
        if text:
            blocks[index]["input"] = loaded(text)
    message["content"] = [*message["content"], *(blocks[index] for index in sorted(blocks))]
    return message


def loaded(text: str) -> Any:
    """A call's input; arguments that were cut off are under the key where the writer puts them."""
    try:
        return json.loads(text)
    except ValueError:
        return {INPUT: text}


def gist(message: dict[str, Any]) -> dict[str, Any]:
    """All that matters of a message: ids, content without what is empty, the stop, and the usage in the canon's words."""
    content = []
    for block in message["content"]:
        if block["type"] == "text" and not block["text"]:
            continue
        content.append({k: v for k, v in block.items() if v is not None and (k, v) != ("citations", [])})
    usage = USAGE["anthropic.messages"](json.dumps(message["usage"]).encode(), None)
    assert usage is not None
    stop = {k: message.get(k) for k in ("stop_reason", "stop_sequence", "stop_details", "container") if message.get(k)}
    return {
        "id": message["id"],
        "model": message["model"],
        "content": content,
        "usage": replace(usage, others=()),
        **stop,
    }


def _loaded(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    found["file"] = path.name
    return found
