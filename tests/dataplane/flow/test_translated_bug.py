"""A bug of ours in the middle of a translated stream: one record, one error event, and no exchange that stays open."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.recorder import Recorder
from gateway.dataplane.flow.translated import TranslatedRelay
from gateway.dataplane.wire import DIALECTS


class _Reply:
    """Keeps what was sent."""

    is_waiting = False
    on_sent = None

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_finished = False

    def start(self, status: int, headers: object) -> None:
        assert status == 200

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def finish(self) -> None:
        self.is_finished = True


class _BrokenTranslation:
    """Has a writer that can write nothing any more."""

    ended = None
    is_cut = False
    has_begun = True
    is_stream = True

    def __init__(self) -> None:
        self.count = 0

    def stream(self, data: bytes) -> bytes:
        self.count += 1
        if self.count > 1:
            raise KeyError("a bug")
        return b"data: first\n\n"

    def fail(self, fault: object) -> bytes:
        raise KeyError("the same bug")


class _Journal:
    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    def append(self, payload: bytes) -> str:
        self.frames.append(json.loads(payload))
        return ""


def _price(*_: object) -> int:
    return 7


@pytest.fixture
def journal() -> _Journal:
    return _Journal()


def test_a_bug_in_the_writer_is_told_without_it(journal: _Journal) -> None:
    provider = SimpleNamespace(name="anthropic", account=None)
    deployment = SimpleNamespace(
        dialect="anthropic.messages", model="m", name="anthropic/m", provider=provider, price=None
    )
    guardrails = SimpleNamespace(guardrails=SimpleNamespace(enabled=False))
    policy = SimpleNamespace(config=guardrails, version="v1", guard=None, price_version="p1", cost_of_answer=_price)
    reply, ended = _Reply(), []
    incoming = SimpleNamespace(method="POST", path="/v1/chat/completions")
    made: Any = (incoming, reply, policy, 0.0, 0.0, "sdk", "", "", "", "none")
    ex = Exchange("req_1", *made, dialect=DIALECTS["openai.chat"], is_stream=True)
    ex.deployment = deployment  # type: ignore[assignment]
    pipeline: Any = SimpleNamespace(
        recorder=Recorder(journal), end=ended.append, now=0.0, count_unfinished=lambda ex, size: None
    )
    client: Any = SimpleNamespace(ack=lambda *_: None, cancel=lambda *_: None)
    translation: Any = _BrokenTranslation()
    relay = TranslatedRelay(pipeline, ex, client, translation, is_raw=False)
    relay.on_head(200, [], 1)
    relay.on_data(b"one")
    with pytest.raises(KeyError) as bug:
        relay.on_data(b"two")
    relay.on_bug(bug.value)
    assert reply.sent[0] == b"data: first\n\n"
    assert b"its log has the cause" in reply.sent[1]
    assert (len(reply.sent), reply.is_finished, ended) == (2, True, [ex])
    assert [(frame["outcome"], frame["error_code"]) for frame in journal.frames] == [("error", "internal_error")]
