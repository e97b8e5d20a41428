"""Parallel clients in one process: each sends a request, reads or breaks off its answer, and notes what it saw."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
from msgspec import Struct

from loadtest.budget.scene import Ask, Scene, headers

_TIMEOUT_S = 60.0
_AFTER_REFUSAL_S = 0.3
_UNPROVEN = 503


class Sent(Struct):
    """One request as its client saw it. `end`: whole, refused (429 or 503 of ours), failed (another error), aborted, broken, hung."""

    ask: Ask
    began: float
    end: str = ""
    status: int = 0
    request_id: str = ""
    error: Any = None
    why: str = ""
    ended: float = 0.0


class Load:
    """`urls` by node. `pace_s`: the clients spread what the cap pays for over so many seconds, so that accidents have a time to happen."""

    def __init__(self, scene: Scene, urls: list[str], pace_s: float = 0.0) -> None:
        self._scene, self._urls, self._pace_s = scene, urls, pace_s
        self._numbers = itertools.count(1)
        self._expected_nusd = 0
        self.sent: list[Sent] = []
        self.began = time.monotonic()
        self.accepted_at = self.began
        self.refused = 0
        """Refusals for want of money since the last request that was accepted."""
        self.unproven_at = 0.0
        self.is_stopping = False

    async def run(self, clients: int, is_over: Callable[["Load"], bool], requests: int = 0) -> None:
        """Send until `is_over`, or so many requests in all; then wait for the open ones."""
        self.began = self.accepted_at = time.monotonic()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=clients)
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, limits=limits, trust_env=False) as http:
            tasks = [asyncio.create_task(self._client(http, requests)) for _ in range(clients)]
            while not all(task.done() for task in tasks):
                await asyncio.sleep(0.1)
                if not self.is_stopping:
                    self.is_stopping = is_over(self)
            await asyncio.gather(*tasks)

    async def _client(self, http: httpx.AsyncClient, requests: int) -> None:
        while not self.is_stopping:
            number = next(self._numbers)
            if requests and number > requests:
                return
            ask = self._scene.ask(number, is_late=self._is_late())
            self._expected_nusd += ask.expected_nusd
            while self._is_early() and not self.is_stopping:  # noqa: ASYNC110 - time passes, nothing happens
                await asyncio.sleep(0.05)
            sent = await self._send(http, ask)
            self.sent.append(sent)
            if sent.end == "refused":
                if sent.status == _UNPROVEN:
                    self.unproven_at = time.monotonic()
                else:
                    self.refused += 1
                await asyncio.sleep(_AFTER_REFUSAL_S)
            elif sent.status:  # else nobody knows
                self.refused, self.accepted_at = 0, time.monotonic()

    def _is_late(self) -> bool:
        return 0 < self._pace_s < time.monotonic() - self.began

    def _is_early(self) -> bool:
        if not self._pace_s:
            return False
        share = (time.monotonic() - self.began) / self._pace_s
        return share < 1 and self._expected_nusd > self._scene.cap_nusd * share

    async def _send(self, http: httpx.AsyncClient, ask: Ask) -> Sent:
        sent = Sent(ask, time.time())
        try:
            async with asyncio.timeout(ask.abort_s or _TIMEOUT_S):
                url = self._urls[ask.node] + ask.path
                async with http.stream("POST", url, content=ask.body, headers=headers(ask)) as answer:
                    await _read(answer, sent)
        except TimeoutError:
            sent.end = "aborted" if ask.abort_s else "hung"
        except (httpx.TransportError, httpx.StreamError) as exc:
            sent.end, sent.why = "broken", repr(exc)
        sent.ended = time.time()
        return sent


async def _read(answer: httpx.Response, sent: Sent) -> None:
    sent.status = answer.status_code
    sent.request_id = answer.headers.get("x-agentcc-request-id", "")
    if sent.status >= 400:
        body = await answer.aread()
        try:
            sent.error = json.loads(body)
        except ValueError:
            sent.why = repr(body[:200])
        sent.end = "refused" if is_ours(sent) else "failed"
        return
    size = 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if sent.ask.abort_bytes and size >= sent.ask.abort_bytes:
            sent.end = "aborted"
            return
    sent.end = "whole"


def details(sent: Sent) -> dict[str, Any]:
    """`error.agentcc` of a refusal; empty when there is none."""
    error = sent.error.get("error") if isinstance(sent.error, dict) else None
    found = error.get("agentcc") if isinstance(error, dict) else None
    return found if isinstance(found, dict) else {}


def is_ours(sent: Sent) -> bool:
    """Whether the gateway's budgets refused it, and not a provider."""
    return details(sent).get("code") in ("budget_exceeded", "budget_unproven")
