"""A Codex-like user: a session whose history grows turn by turn, tool calls answered with outputs, everything streamed.

locust -f loadtest/locustfile.py --host http://127.0.0.1:8080 --headless -u 20 -r 5 -t 1m
AGENTCC_KEY: the virtual key to use
"""

import json
import os
import random
import time
from typing import Any

from locust import FastHttpUser, between, task

from benchmarks import bodies

_KEY = os.environ.get("AGENTCC_KEY", bodies.KEY)
_TURN_BYTES = int(os.environ.get("AGENTCC_TURN_BYTES", str(bodies.TURN)))
_MAX_TURNS = 25


class CodexUser(FastHttpUser):
    """One developer. Each task is one turn of the session; a session ends after 25 turns and a new one begins."""

    wait_time = between(0.2, 1.0)
    network_timeout = 120.0
    connection_timeout = 10.0

    def on_start(self) -> None:
        self._new_session()

    @task(6)
    def text_turn(self) -> None:
        """The model answers in words."""
        self._turn("text turn", f"long n={random.randint(20, 200)}", token_ms=random.choice((0, 0, 2, 5)))

    @task(5)
    def tool_turn(self) -> None:
        """The model calls the shell; its output goes back with the next turn."""
        self._turn("tool turn", "shell cmd=echo hi", token_ms=0)

    @task(1)
    def thinking_turn(self) -> None:
        """Long reasoning with encrypted content."""
        self._turn("thinking turn", "reasoning n=60", token_ms=2)

    @task(1)
    def models(self) -> None:
        """What Codex asks at its start."""
        self.client.get("/v1/models", headers={"authorization": f"Bearer {_KEY}"}, name="GET /v1/models")

    def _new_session(self) -> None:
        self._session = f"01a1fbc3-60f1-7262-8c18-{random.getrandbits(48):012x}"
        self._body: dict[str, Any] = json.loads(bodies.codex_turn(_TURN_BYTES, seed=random.randint(1, 50)))
        self._body["prompt_cache_key"] = self._session
        self._turns = 0

    def _turn(self, name: str, scenario: str, token_ms: int) -> None:
        self._turns += 1
        if self._turns > _MAX_TURNS:
            self._new_session()
        words = {"type": "input_text", "text": f"turn {self._turns}: go on"}
        self._body["input"].append({"type": "message", "role": "user", "content": [words]})
        headers = dict(bodies.headers(scenario, is_stream=True, key=_KEY, token_ms=str(token_ms)))
        headers["session-id"] = self._session
        began = time.perf_counter()
        with self.client.post(
            "/v1/responses",
            data=json.dumps(self._body).encode(),
            headers=headers,
            name=name,
            stream=True,
            catch_response=True,
        ) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}: {(response.text or '')[:200]}")
                return
            events = _events(response)
            first = next(events, None)
            if first is not None:
                self._report(f"{name}, first event", time.perf_counter() - began)
            last = None
            items = []
            for event in events:
                last = event
                if event.get("type") == "response.output_item.done":
                    items.append(event["item"])
            if last is None or last.get("type") != "response.completed":
                response.failure(f"the stream ended with {last and last.get('type')!r}, not response.completed")
                return
            if not response.headers.get("x-agentcc-request-id"):
                response.failure("no x-agentcc-request-id")
                return
            response.success()
        self._body["input"] += items
        self._body["input"] += [_output(item) for item in items if item.get("type") == "function_call"]

    def _report(self, name: str, seconds: float) -> None:
        self.environment.events.request.fire(
            request_type="SSE", name=name, response_time=seconds * 1000, response_length=0, exception=None, context={}
        )


def _output(call: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "function_call_output",
        "call_id": call["call_id"],
        "output": "Process exited with code 0\nOutput:\nhi\n",
    }


def _events(response: Any) -> Any:
    """The data of each event, decoded, as it arrives."""
    rest = b""
    for chunk in response.iter_content(chunk_size=512, decode_content=False):
        *whole, rest = (rest + chunk).split(b"\n\n")
        for event in whole:
            for line in event.split(b"\n"):
                if line.startswith(b"data: {"):
                    yield json.loads(line[6:])
