"""One client dialect on one provider dialect: sends a request through the gateway, and asks the simulator what it got.

The simulator is deterministic, so what its provider said is known from asking it once more, with the very bytes that the
gateway sent (`truth`): text, calls, ids, signatures and counts.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from gateway.base.journal.export import export_json, read_exchanges
from gateway.base.journal.reader import Line
from tests.e2e.matrix.chat import Chat
from tests.e2e.matrix.converse import Converse
from tests.e2e.matrix.gemini import Gemini
from tests.e2e.matrix.messages import Messages
from tests.e2e.matrix.nouns import Ask, Seen, Sent, Trouble, Wire
from tests.e2e.matrix.responses import Responses
from tests.harness import KEY, Gateway, wait_until

WIRES: dict[str, Wire] = {wire.name: wire for wire in (Responses(), Chat(), Messages(), Gemini(), Converse())}
MODELS = {
    "openai.responses": "openai/gpt-5.5",
    "openai.chat": "azure/gpt-5.1",
    "anthropic.messages": "anthropic/claude-sonnet-4-6",
    "gemini.generate": "gemini/gemini-3.5-flash",
    "bedrock.converse": "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
}
"""One provider of each dialect, the simulator behind all of them. The names decide the quirks that are written."""
DROPS = "x-agentcc-translation-drops"


def config_for(simulator: str, **more: Any) -> dict[str, Any]:
    """A gateway with the five providers."""
    providers: dict[str, Any] = {}
    for dialect, model in MODELS.items():
        name = model.partition("/")[0]
        base = simulator + {"gemini.generate": "/v1beta", "bedrock.converse": "/."}.get(dialect, "/v1")
        providers[name] = {"api_key": f"upstream-{name}", "base_url": base, "dialect": dialect}
    providers["bedrock"]["region"] = "us-east-1"
    return {
        "server": {
            "port": 0,
            "workers": 1,
            "drain_ms": 3000,
            "admin": {"port": 0},
            "limits": {"fetch_private": True},
        },
        "providers": providers,
        "models": {"unpriced": {"allow": ["*"]}},
        "keys": {"alice": {"key": KEY, "org": "acme", "user": "alice@acme.dev"}},
        **more,
    }


@dataclass(frozen=True)
class Got:
    """An answer. Exactly one of `seen` and `trouble` is set."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seen: Seen = field(default_factory=Seen)
    trouble: Trouble | None = None

    @property
    def drops(self) -> dict[str, str]:
        """What was named as not carried, and why."""
        items = [item.partition(";why=") for item in self.headers.get(DROPS, "").split(", ") if item]
        return {what: why for what, _, why in items}


class Sites:
    """The gateways and the simulator behind them, for all cells. `strict` is a gateway with `translation: strict`,
    `image_url` the place of a picture."""

    def __init__(self, simulator: str, gateway: Gateway, strict: Gateway, image_url: str) -> None:
        self.simulator, self.gateway, self.strict, self.image_url = simulator, gateway, strict, image_url
        self.http = httpx.Client(timeout=20)

    def reset(self) -> None:
        """The simulator forgets what it was asked."""
        self.http.post(f"{self.simulator}/__sim/reset").raise_for_status()

    def log(self) -> list[dict[str, Any]]:
        """What the simulator was asked since the last reset."""
        found: list[dict[str, Any]] = self.http.get(f"{self.simulator}/__sim/log?bodies=1").json()
        return found

    def close(self) -> None:
        self.http.close()


class Cell:
    """One client dialect, one provider dialect, streams or whole answers."""

    def __init__(self, sites: Sites, client: str, provider: str, *, stream: bool) -> None:
        self.sites, self.stream = sites, stream
        self.client, self.provider = WIRES[client], WIRES[provider]
        self.model = MODELS[provider]
        self.is_translated = client != provider
        self.gateway = sites.gateway
        sites.reset()

    def send(self, ask: Ask) -> Got:
        """Through the gateway; the answer may be an error."""
        got = self.sites.http.post(**self._request(ask))
        headers = {name.lower(): value for name, value in got.headers.items()}
        if got.status_code >= 400:
            trouble = self.client.trouble(got.status_code, headers, got.content)
            return Got(got.status_code, headers, got.content, trouble=trouble)
        seen = self.client.stream(got.content) if self.stream else self.client.whole(got.content)
        return Got(got.status_code, headers, got.content, seen)

    def ask(self, ask: Ask) -> Got:
        """Through the gateway, and it must go well: status, grammar, no error."""
        got = self.send(ask)
        assert got.trouble is None, f"{got.trouble}"
        assert got.seen.wrong == [] or not self.is_translated, got.body[:3000]
        assert got.seen.troubles == []
        return got

    @contextmanager
    def open(self, ask: Ask) -> Iterator[httpx.Response]:
        """A stream that is read while it comes."""
        request = self._request(ask)
        with self.sites.http.stream("POST", request.pop("url"), **request) as answer:
            yield answer

    def sent(self) -> list[Sent]:
        """What the provider was sent since the cell began, in order."""
        return [self.provider.sent(json.loads(entry["body"])) for entry in self.sites.log()]

    def truth(self, at: int = -1) -> Seen:
        """What the provider said to its request number `at`."""
        body = self.told(at).content
        return self.provider.stream(body) if self.stream else self.provider.whole(body)

    def told(self, at: int = -1) -> httpx.Response:
        """The provider's own answer to its request number `at`."""
        entry = self.sites.log()[at]
        query = f"?{entry['query']}" if entry["query"] else ""
        headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
        url = f"{self.sites.simulator}{entry['path']}{query}"
        return self.sites.http.post(url, content=entry["body"].encode(), headers=headers)

    def record(self, got: Got) -> dict[str, Any]:
        """The one journal record of an answer; waits for it."""
        name = got.headers["x-agentcc-request-id"].encode()
        journal = self.gateway.data_dir / "journal"

        def found() -> list[Line]:
            return [line for line in read_exchanges(journal) if name in line.payload]

        (line,) = wait_until(found, what="a record")
        record: dict[str, Any] = json.loads(export_json(line))
        return record

    def _request(self, ask: Ask) -> dict[str, Any]:
        body = self.client.body(ask, self.model, stream=self.stream)
        url = self.gateway.url + self.client.path(self.model, stream=self.stream)
        content = json.dumps(body, ensure_ascii=False).encode()
        headers = {"content-type": "application/json", **self.client.headers(KEY)}
        return {"url": url, "content": content, "headers": headers}
