"""A translated answer of any length arrives: what the provider sent is told as read, not what the client got."""

from pathlib import Path

import httpx
import pytest

from tests.e2e.wires import event
from tests.fakes.upstream import FakeUpstream, sse
from tests.harness import KEY, Gateway, config_for

COUNT = 9000


@pytest.mark.parametrize("interface", ["rsgi", "asgi"])
def test_a_translation_shorter_than_its_original_does_not_stall(
    tmp_path: Path, fake: FakeUpstream, interface: str
) -> None:
    padding = {"obfuscation": "x" * 300}
    item = {"type": "message", "id": "m1", "role": "assistant", "content": []}
    events = [
        ("response.created", {"response": {"id": "r", "status": "in_progress"}}),
        ("response.output_item.added", {"item": item, "output_index": 0}),
        *(
            ("response.output_text.delta", {"item_id": "m1", "output_index": 0, "content_index": 0, "delta": "ab ", **padding})
            for _ in range(COUNT)
        ),
        ("response.completed", {"response": {"id": "r", "status": "completed", "output": [], "usage": {"input_tokens": 1, "output_tokens": 2}}}),
    ]  # fmt: skip
    data = b"".join(event({"type": name, **fields}, name) for name, fields in events)
    assert len(data) > 3 << 20
    fake.answers.append(sse(data, chunk=1 << 16))
    body = {
        "model": "openai/gpt-4.1-mini",
        "max_tokens": 10,
        "stream": True,
        "messages": [{"role": "user", "content": "x"}],
    }
    with Gateway(tmp_path, config_for(fake.url, interface=interface)) as gateway:
        headers = {"authorization": f"Bearer {KEY}"}
        got = httpx.post(gateway.url + "/v1/messages", json=body, headers=headers, timeout=20)
    assert got.status_code == 200
    assert got.text.count('"ab "') == COUNT
    assert "message_stop" in got.text


def test_stop_sequences_that_we_look_for_are_bounded(client: httpx.Client, fake: FakeUpstream) -> None:
    body = {"model": "openai/gpt-4.1-mini", "max_tokens": 10, "messages": [{"role": "user", "content": "x"}]}
    got = client.post("/v1/messages", json={**body, "stop_sequences": ["a" * 5000]})
    assert got.status_code == 400
    assert "`stop_sequences` may have at most" in got.json()["error"]["message"]
    assert not fake.received
