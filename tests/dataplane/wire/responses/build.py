"""Small streams for tests: events in, frames out; and hand-made Responses events by their shortest form."""

import json
from collections.abc import Sequence
from typing import Any

from gateway.dataplane.wire.canon import Event, Message, Text, Turn
from gateway.dataplane.wire.codec import Asked, PathSays, Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.responses import CODEC
from tests.dataplane.wire.responses.grammar import Frame, frames, violations

REQUEST_ID = "req_9f86d081884c0000002a"
OPENAI = Target("openai.responses", "openai", "gpt-5.5", "openai", "openai", is_official=True)
OTHER = Target("openai.responses", "local", "llama-9", "", "", is_official=False)


def turn(**members: Any) -> Turn:
    """A turn of Responses that asked for the cipher of reasoning."""
    members = {"dialect": "openai.responses", "model": "m", "messages": [], "include_encrypted": True, **members}
    return Turn(**members)


def asked(**members: Any) -> Asked:
    """What a writer is told."""
    return Asked(turn(**members), REQUEST_ID, 1_760_000_000)


def written(events: Sequence[Event], **members: Any) -> list[Frame]:
    """The stream that events become, one write each; it must obey the grammar."""
    writer = CODEC.writer(asked(**members))
    stream = b"".join(writer.write([event]) for event in events)
    assert stream == CODEC.writer(asked(**members)).write(events), "it matters how events are batched"
    found = frames(stream)
    assert violations(found) == []
    return found


def kinds(found: Sequence[Frame]) -> list[str]:
    """The event names, without `response.`."""
    return [name.removeprefix("response.") for name, _ in found]


def final(found: Sequence[Frame]) -> dict[str, Any]:
    """The Response object of the terminal event."""
    response: dict[str, Any] = found[-1][1]["response"]
    return response


def read(*events: dict[str, Any]) -> list[Event]:
    """What a reader makes of provider events, up to its end."""
    reader = CODEC.reader()
    told = [event for one in events for event in reader.feed(one["type"], json.dumps(one).encode())]
    told += reader.end()
    assert reader.skipped == 0
    return told


def read_turn(**body: Any) -> Turn:
    """A request of a client."""
    return CODEC.read_turn(json.dumps({"model": "m", "input": "hi", **body}).encode(), PathSays())


def sent(foreign: Turn, target: Target = OPENAI, *, drops: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """The body that a turn of another dialect becomes; `drops` is all that may be reported."""
    report = Report()
    body: dict[str, Any] = json.loads(CODEC.write_turn(foreign, target, report))
    assert [(drop.what, drop.why) for drop in report.drops] == list(drops)
    return body


def foreign(*messages: Message, **members: Any) -> Turn:
    """A turn of another dialect."""
    told = list(messages) or [Message(role="user", parts=[Text(text="hi")])]
    return Turn(**{"dialect": "anthropic.messages", "model": "m", "messages": told, **members})
