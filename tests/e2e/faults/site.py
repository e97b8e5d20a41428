"""A gateway with two deployments of each dialect, one that is faulty and one that is well; and what a client gets through both.

Each cell asks for a model of its own, since a breaker belongs to a model: what one cell breaks, no other feels.
"""

import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from gateway.simulator import running
from tests.e2e.faults.faults import FAULTS
from tests.e2e.faults.script import ASK, Script, load
from tests.e2e.matrix.cell import WIRES, Got
from tests.fakes.upstream import Answer, FakeUpstream, Received
from tests.harness import KEY, Gateway

_TIMEOUTS = {"connect_ms": 2000, "first_byte_ms": 2500, "idle_ms": 2500, "keep_alive_ms": 300, "early_commit_ms": 5000}
BOUND_S = 10.0
"""No cell may take longer."""
_CELLS = 600
"""Of one dialect of the faulty deployment."""
_CELL = re.compile(rb"cell-[a-z]+-\d{4}")
_HEARD_S = 0.25
"""How long a provider that has said something waits for the client to have it; some of it no client can have yet."""
BAD_NUSD, GOOD_NUSD = (1000, 10_000), (3000, 30_000)
"""Of an input and an output token."""
_SITES = ("bad", "good", "refused", "dns", "tls", "certificate", "no_tls", "hangs_up")
_NOISE = b"\x16\x03\x03\xff\xff\x00\xff SSH-2.0-OpenSSH_9.6\r\n"


@dataclass(frozen=True)
class Cell:
    """One fault at one moment of one way through the gateway. The names are dialects'; the moment `whole` is an answer that is no stream."""

    client: str
    fault: str
    moment: str
    bad: str
    good: str


@dataclass(frozen=True)
class Outcome:
    """What one cell came to: the answer, how long it took, and which provider was asked how often. `model` is the cell's own."""

    model: str
    got: Got
    error: str
    took_s: float
    asked: dict[str, int]


@dataclass
class Site:
    """What is running. `answers` and `asked` go by the cell's name."""

    gateway: Gateway
    scripts: dict[str, Script]
    pool: ThreadPoolExecutor
    http: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=BOUND_S, limits=httpx.Limits(max_connections=None))
    )
    answers: dict[bytes, Answer] = field(default_factory=dict)
    asked: dict[bytes, dict[str, int]] = field(default_factory=dict)
    _numbers: dict[str, Iterator[int]] = field(default_factory=lambda: {dialect: count() for dialect in WIRES})

    def ask(self, cell: Cell) -> Outcome:
        """One request to a faulty deployment, behind which is one that is well."""
        fault, script = FAULTS[cell.fault], self.scripts[cell.bad]
        name = f"cell-{_short(cell.bad)}-{next(self._numbers[cell.bad]):04d}"
        heard = threading.Event()
        if not fault.site:
            answer = self.answers[name.encode()] = fault.answer(script, cell.moment)
            if cell.moment in ("content", "tool"):
                answer.body.insert(len(script.until(cell.moment)), heard)
        wire, stream = WIRES[cell.client], cell.moment != "whole"
        model = f"{fault.site or 'bad'}-{_short(cell.bad)}/{name}"
        body = wire.body(replace(ASK, prompt=f"what is the weather in {name}?"), model, stream=stream)
        headers = {"content-type": "application/json", **wire.headers(f"{KEY}-{_short(cell.good)}")}
        url = self.gateway.url + wire.path(model, stream=stream)
        began, data, error, status, told = time.perf_counter(), b"", "", 0, {}
        unheard = threading.Timer(_HEARD_S, heard.set)
        unheard.start()
        try:
            with self.http.stream("POST", url, content=json.dumps(body), headers=headers) as answered:
                status, told = answered.status_code, {n.lower(): v for n, v in answered.headers.items()}
                for piece in answered.iter_raw():
                    data += piece
                    heard.set()
        except httpx.HTTPError as exc:
            error = repr(exc)
        unheard.cancel()
        asked = self.asked.get(name.encode(), {})
        return Outcome(model, Got(status, told, data), error, time.perf_counter() - began, asked)

    def choose(self, which: str, request: Received) -> Answer | None:
        """The providers know the cell by its name in the prompt."""
        found = _CELL.search(request.path.encode() + request.body)
        assert found is not None, request.path
        name = found[0]
        mine = self.asked.setdefault(name, {})
        mine[which] = mine.get(which, 0) + 1
        return self.answers[name] if which == "bad" else _well(self.scripts, request)


def _short(dialect: str) -> str:
    return dialect.replace(".", "")


def config_for(urls: dict[str, str]) -> dict[str, Any]:
    """Providers `SITE-DIALECT`, a price for each model, and a key for each second dialect."""
    providers: dict[str, Any] = {}
    prices: dict[str, Any] = {}
    for dialect in WIRES:
        for site in _SITES:
            name = f"{site}-{_short(dialect)}"
            base = urls[site] + {"gemini.generate": "/v1beta", "bedrock.converse": "/."}.get(dialect, "/v1")
            providers[name] = {"api_key": f"upstream-{name}", "base_url": base, "dialect": dialect}
            if dialect == "bedrock.converse":
                providers[name]["region"] = "us-east-1"
        prices[f"good-{_short(dialect)}/good"] = {"input_per_mtok": 3, "output_per_mtok": 30}
        for number in range(_CELLS):
            prices[f"bad-{_short(dialect)}/cell-{_short(dialect)}-{number:04d}"] = {
                "input_per_mtok": 1,
                "output_per_mtok": 10,
            }
    return {
        "server": {"port": 0, "workers": 1, "drain_ms": 3000, "admin": {"port": 0}, "timeouts": dict(_TIMEOUTS)},
        "providers": providers,
        "models": {"unpriced": {"allow": [f"{site}-*" for site in _SITES]}, "prices": prices},
        "keys": {
            _short(d): {"key": f"{KEY}-{_short(d)}", "user": "alice@acme.dev", "route": f"to-{_short(d)}"}
            for d in WIRES
        },
        "routing": {f"to-{_short(d)}": {"chain": [f"good-{_short(d)}/good"]} for d in WIRES},
    }


@contextmanager
def opened(place: Path, **timeouts: int) -> Iterator[Site]:
    """A gateway, its simulated providers, and their scripts."""
    with running() as simulator:
        scripts = load(simulator)
    bad, good, plain, hangs_up = FakeUpstream(), FakeUpstream(), FakeUpstream(), FakeUpstream(hangs_up=True)
    noise, unknown = FakeUpstream(hangs_up=True, greeting=_NOISE), FakeUpstream(tls=_unknown_certificate(place))
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        urls = {
            "bad": bad.url,
            "good": good.url,
            "refused": f"http://127.0.0.1:{unheard.getsockname()[1]}",
            "dns": "http://no-such-host.invalid",
            "tls": plain.url.replace("http:", "https:"),
            "certificate": unknown.url.replace("http:", "https:"),
            "no_tls": noise.url.replace("http:", "https:"),
            "hangs_up": hangs_up.url,
        }
        config = config_for(urls)
        config["server"]["timeouts"] |= timeouts
        with Gateway(place, config) as gateway, ThreadPoolExecutor(16) as pool:
            site = Site(gateway, scripts, pool)
            bad.choose = lambda request: site.choose("bad", request)
            good.choose = lambda request: site.choose("good", request)
            with site.http:
                yield site
    for one in (bad, good, plain, hangs_up, noise, unknown):
        one.close()


def _unknown_certificate(place: Path) -> ssl.SSLContext:
    key, certificate = place / "key.pem", place / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", key, "-out", certificate, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _well(scripts: dict[str, Script], request: Received) -> Answer:
    """What a provider that is well says."""
    path = request.path.partition("?")[0]
    is_stream = "stream" in path.rpartition("/")[2].lower() or b'"stream":true' in request.body.replace(b" ", b"")
    dialect = next(
        name
        for mark, name in (
            ("/responses", "openai.responses"),
            ("/chat/completions", "openai.chat"),
            ("/messages", "anthropic.messages"),
            ("enerateContent", "gemini.generate"),
            ("/converse", "bedrock.converse"),
        )
        if mark in path
    )
    script = scripts[dialect]
    if is_stream:
        return Answer(200, [("content-type", script.kind)], list(script.text))
    return Answer(200, [("content-type", "application/json")], [script.whole])
