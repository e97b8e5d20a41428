"""A provider that sends a byte now and then and never says anything whole: of a stream that is silence (`idle_ms`), else `total_ms` ends it."""

import json
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e import wires
from tests.e2e.faults.soak import some
from tests.fakes.fault_proxy import FaultProxy, needs_fault_proxy
from tests.fakes.upstream import FakeUpstream, json_answer, sse
from tests.harness import KEY, Gateway, config_for

pytestmark = needs_fault_proxy
_TOTAL_S = 3.0
_SLACK_S = 3.0


_WHERE = {"in the status line": 0, "in the headers": 20, "in the body": 70}
_CASES = [(where, stream) for where in _WHERE for stream in (False, True)]


@pytest.mark.parametrize(("where", "stream"), some(_CASES, ("in the headers", False), ("in the body", True)))
def test_it_ends(fake: FakeUpstream, tmp_path: Path, where: str, stream: bool) -> None:
    """One error, one record, and the provider is left."""
    whole = {"id": "c", "object": "chat.completion", "choices": [], "usage": wires.CHAT_USAGE}
    fake.default = sse(*wires.CHAT) if stream else json_answer(json.dumps(whole).encode())
    timeouts = {"first_byte_ms": 2000, "idle_ms": 2000, "total_ms": int(_TOTAL_S * 1000)}
    with (
        FaultProxy(fake.url) as proxy,
        Gateway(tmp_path, config_for(proxy.url, timeouts=timeouts)) as gateway,
    ):
        proxy.order(always={"kind": "drip", "every_ms": 100, "after": _WHERE[where]})
        body = {"model": "openai/gpt-4.1-mini", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        began = time.monotonic()
        got = httpx.post(
            f"{gateway.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {KEY}"}, timeout=20
        )
        assert time.monotonic() - began < _TOTAL_S + _SLACK_S
        is_begun = stream and where == "in the body"  # with keep-alives, since the headers were there
        assert got.status_code == (200 if is_begun else 504)
        assert got.text.count('"error":{') == 1
        record = gateway.record(got.headers["x-agentcc-request-id"])
        assert (record["outcome"], record["error_code"]) == (
            "cut" if is_begun else "upstream_error",
            "upstream_timeout",
        )


def test_another_answers_in_its_place(fake: FakeUpstream, tmp_path: Path) -> None:
    """Its bytes are no words, so nothing has gone to the client, and there is time left."""
    other = FakeUpstream()
    fake.default, other.default = sse(*wires.CHAT), sse(*wires.CHAT)
    with FaultProxy(fake.url) as proxy:
        config = config_for(proxy.url, timeouts={"idle_ms": 500})
        config["providers"]["groq"] = {"api_key": "sk-groq", "base_url": f"{other.url}/v1"}
        config["models"] = {"unpriced": {"allow": ["groq/*"]}}
        config["routing"] = {"default": {"chain": ["groq/llama"], "retries": 0}}
        with Gateway(tmp_path, config) as gateway:
            proxy.order(always={"kind": "drip", "every_ms": 100, "after": _WHERE["in the body"]})
            body = {"model": "openai/gpt-4.1-mini", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
            got = httpx.post(
                f"{gateway.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {KEY}"}, timeout=20
            )
            assert got.text.rstrip().endswith("data: [DONE]")
            (record,) = gateway.records()
            (hop,) = record["hops"]
            assert (hop["to"], hop["reason"], record["outcome"]) == ("groq/llama", "timeout_idle", "ok")
    other.close()
