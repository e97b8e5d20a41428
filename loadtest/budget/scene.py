"""What one run asks, drawn from its seed: prices, the capped account, each request. Pure: the same seed asks the same.

Models stand behind one simulator: `sim/*` speaks all three dialects (its answers pass through), `simchat/*` only Chat and
`simclaude/*` only Messages (the others' clients are translated).
"""

import json
import random
from typing import Any

from msgspec import Struct

from loadtest.budget.prices import NANO, Rates, draw

LEVELS = ("org", "team", "user", "key", "tag")
DIALECTS = ("responses", "chat", "messages")
PROVIDERS = {
    "sim": ["openai.responses", "openai.chat", "anthropic.messages"],
    "simchat": ["openai.chat"],
    "simclaude": ["anthropic.messages"],
}
_PATHS = {"responses": "/v1/responses", "chat": "/v1/chat/completions", "messages": "/v1/messages"}
_LIMITS = {"responses": "max_output_tokens", "chat": "max_completion_tokens", "messages": "max_tokens"}
_WORDS = " ".join(f"w{n:x}" for n in random.Random(0).sample(range(1 << 20), 12_000))
_LARGEST = 32_000
"""Bytes of a prompt."""
_TOKENS_PER_S = 400
"""So fast a model thinks and writes where no hard cap must be proven: estimates may then count on the time that has passed."""
_EVERY_BYTE = 1_000_000_000
"""As `prompt_tokens`: the simulator bills one for each byte that it gets."""
_BIG_OUTPUT = 200
"""Longer answers come at once: the client is to be frugal."""


class Mix(Struct, frozen=True):
    """Which share of the requests breaks off by the client, which by the provider."""

    aborts: float = 0.15
    faults: float = 0.08


class Ask(Struct, frozen=True):
    """One request. `least_hold_nusd`: with less a hard budget must refuse it."""

    label: str
    node: int
    key: str
    dialect: str
    path: str
    model: str
    body: bytes
    is_stream: bool
    abort_bytes: int
    abort_s: float
    fault: str
    expected_nusd: int
    least_hold_nusd: int


class Scene:
    """`cap_nusd` 0: no budget. `mean_nusd` scales sizes so that requests cost about that much, whatever the prices.

    In every second scene all requests are modest: their limits are near to what they write, so holds are small, a kill books little,
    and the bill comes near to the cap. In the others a few without a limit hold all that is left.
    """

    def __init__(self, seed: int, cap_nusd: int, mix: Mix, nodes: int = 1, mean_nusd: int = 0) -> None:
        self.seed, self.cap_nusd, self._mix, self._nodes = seed, cap_nusd, mix, nodes
        rng = random.Random(f"scene {seed}")
        self.level = rng.choice(LEVELS)
        self.rates: dict[str, Rates] = {
            "sim/dear": draw(rng, 5, 15),
            "sim/middling": draw(rng, 1, 5),
            "sim/any": draw(rng, 0.1, 15),
            "sim/cheap": draw(rng, 0.1, 0.5),
            "simchat/any-chat": draw(rng, 0.1, 15),
            "simclaude/any-claude": draw(rng, 0.1, 15),
        }
        self.by_model = {name.partition("/")[2]: rates for name, rates in self.rates.items()}
        """By the name that the provider knows."""
        self.keys = [f"sk-agentcc-soak-{seed}-{n}" for n in range(1 if self.level == "key" else 3)]
        self._is_modest = rng.random() < 0.5
        self._scale = 1.0
        if mean_nusd:
            asks = [self.ask(-n) for n in range(1, 200)]
            self._scale = min(10.0, max(0.3, mean_nusd * len(asks) / sum(one.expected_nusd for one in asks)))

    # === configuration ===

    def config(self, simulator_url: str) -> dict[str, Any]:
        """What a node's gateway.yaml says beside `server`."""
        made: dict[str, Any] = {
            "providers": {
                name: {"api_key": "none", "base_url": simulator_url, "dialect": dialects}
                for name, dialects in PROVIDERS.items()
            },
            "models": {"prices": {name: rates.config() for name, rates in self.rates.items()}},
            "keys": {
                f"k{n}": {"key": key, "org": "acme", "team": "t1", "user": "u1", "tags": {"repo": "pay"}}
                for n, key in enumerate(self.keys)
            },
        }
        if self.cap_nusd:
            made["budgets"] = self._budgets()
        return made

    def _budgets(self) -> dict[str, Any]:
        """The hard cap at the seed's level with a larger soft window stacked on it, and a soft cap at another level."""
        cap = self.cap_nusd / NANO
        hard = {
            "limit": cap, "hard": True, "period": "total",
            "windows": [{"limit": cap * 4, "hard": False, "period": "daily"}],
        }  # fmt: skip
        places = {"team": ("teams", "t1"), "user": ("users", "u1"), "key": ("keys", "k0"), "tag": ("tags", "repo=pay")}
        if self.level == "org":
            return {"org": hard, "teams": {"*": {"limit": cap * 10}}}
        section, name = places[self.level]
        return {"org": {"limit": cap * 10}, section: {name: hard}}

    @property
    def account_id(self) -> str:
        """The capped account, as a refusal names it."""
        return {"org": "", "team": "t1", "user": "u1", "key": "k0", "tag": "repo=pay"}[self.level]

    # === requests ===

    def ask(self, number: int, *, is_late: bool = False) -> Ask:
        """The request with this number. A late one is big and costs nearly its hold: else the last cents go by tenths of a cent."""
        rng = random.Random(f"ask {self.seed} {number}")
        label = f"soak-{self.seed}-{number}"
        model = rng.choice(list(self.rates))
        dialect = rng.choice(DIALECTS)
        is_stream = rng.random() < 0.7
        size = _LARGEST if is_late else min(_LARGEST, int(10 ** rng.uniform(2.3, 4.0) * self._scale))
        tokens = max(1, min(1500, int(10 ** rng.uniform(0, 2.4) * self._scale)))
        per_token = 1 if is_late else rng.choice((1, 2, 2, 4, 4, 4))
        limit = int(10 ** rng.uniform(1.3, 3.3)) if dialect == "messages" or rng.random() < 0.6 else 0
        if self._is_modest:
            limit = int(tokens * rng.uniform(0.5, 3)) + 20
        fault = self._fault(rng, model, dialect) if rng.random() < self._mix.faults else ""
        cached, written = rng.choice(((0.0, 0.0), (0.0, 0.0), (0.7, 0.0), (0.6, 0.3), (0.0, 1.0)))
        knobs: dict[str, Any] = {
            "tokens": tokens, "prompt_tokens": _EVERY_BYTE if per_token == 1 else size // per_token + 40,
            "cached_share": cached, "written_share": written, "label": label, "first_token_ms": rng.choice((0, 30, 150)),
            "token_ms": 0 if tokens > _BIG_OUTPUT else rng.choice((0, 5, 15, 25)),
        }  # fmt: skip
        thinks = rng.random() < 0.25 and not fault
        if thinks:
            knobs |= {"n": 12, "reasoning_tokens": rng.randint(20, 400)}
        if not self.cap_nusd:
            knobs["token_ms"] = knobs["token_ms"] or 5
            knobs["first_token_ms"] += 1000 * knobs.get("reasoning_tokens", 0) // _TOKENS_PER_S
        words = " ".join(f"{name}={value}" for name, value in knobs.items()).replace(" ", ";")
        start = rng.randrange(len(_WORDS) - _LARGEST)
        prompt = f"[[sim:{fault or ('reasoning' if thinks else 'long')}{';' if '=' in fault else ' '}{words}]] {_WORDS[start : start + size]}"
        body = self._body(dialect, model, prompt, is_stream, limit, is_cached=written > 0)
        aborts = rng.random() < self._mix.aborts
        made = tokens + int(knobs.get("reasoning_tokens", 0))
        rates, prompt_tokens = self.rates[model], len(body) // per_token
        return Ask(
            label=label, node=rng.randrange(self._nodes), key=rng.choice(self.keys), dialect=dialect, path=_PATHS[dialect],
            model=model, body=body, is_stream=is_stream,
            abort_bytes=rng.randint(1, 1500 + 180 * tokens) if aborts and (is_stream or rng.random() < 0.5) else 0,
            abort_s=rng.uniform(0.005, 0.8) if aborts and not is_stream else 0.0,
            fault=fault.partition(" ")[0],
            expected_nusd=rates.at_most_nusd(prompt_tokens, min(made, limit or made)),
            least_hold_nusd=rates.at_most_nusd(len(body), limit or 256),
        )  # fmt: skip

    def _fault(self, rng: random.Random, model: str, dialect: str) -> str:
        faults = [
            "error status=503", "error status=400", "close base=long", f"cut base=long;after={rng.randint(1, 60)}",
            f"in_stream_error base=long;status=529;after={rng.randint(1, 60)}", f"stall base=long;secs=0.3;after={rng.randint(1, 60)}",
        ]  # fmt: skip
        if dialect != "messages" and not model.startswith("simclaude/"):
            faults.append("no_usage")  # Messages always reports something, and zeros would be believed
        return rng.choice(faults)

    def _body(self, dialect: str, model: str, prompt: str, is_stream: bool, limit: int, *, is_cached: bool) -> bytes:
        made: dict[str, Any] = {"model": model, "stream": is_stream}
        if dialect == "responses":
            made["input"] = prompt
        else:
            content: Any = prompt
            if is_cached and dialect == "messages":
                content = [{"type": "text", "text": prompt, "cache_control": {"type": "ephemeral"}}]
            made["messages"] = [{"role": "user", "content": content}]
        if limit:
            made[_LIMITS[dialect]] = limit
        return json.dumps(made).encode()


def headers(ask: Ask) -> dict[str, str]:
    """What its client sends; the label is its session, so that the journal names it also when no answer came."""
    return {
        "authorization": f"Bearer {ask.key}", "content-type": "application/json", "session-id": ask.label,
        "anthropic-version": "2023-06-01",
    }  # fmt: skip
