"""What looking at a streamed answer costs per event: the default profile (only looking), and one that acts, beside no guard at all."""

import json
from functools import partial

from benchmarks.answer import Answer, Options
from benchmarks.rounds import Case, answer_cases
from gateway.base.config import GuardrailsConfig
from gateway.base.config.schema.guardrails import SecretsConfig, ToolCallsConfig
from gateway.dataplane.guard.answer import AnswerRules
from gateway.dataplane.guard.injection import Injection
from gateway.dataplane.guard.inspection import Inspection
from gateway.dataplane.guard.pii import Pii
from gateway.dataplane.guard.redact import Marks
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.secrets import Secrets

label = "guard of an answer, CPU-µs per event of 1,000"

_EVENTS = 1000
_WORDS = (
    "The",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "lazy",
    "dogs",
    "and",
    "reads",
    "code",
    "in",
    "the",
    "repository",
    ".",
)
_ACTING = GuardrailsConfig(secrets=SecretsConfig(answers="redact"), tool_calls=ToolCallsConfig(mode="block"))


def setup(_options: Options) -> list[Case]:
    """Each dialect's own deltas, one event at a time, as a paced provider sends them."""
    scan = Scan(Secrets(), Pii(), Injection())
    profiles = {"off": None, "default": GuardrailsConfig(), "acting": _ACTING}
    return [
        Case(f"{dialect}, {name}", partial(_passed, dialect, _rules(config, scan), events), _EVENTS)
        for dialect, events in _STREAMS.items()
        for name, config in profiles.items()
    ]


def run(cases: list[Case], options: Options) -> Answer:
    """Time them side by side."""
    return answer_cases("guard_answers", label, cases, options)


def _rules(config: GuardrailsConfig | None, scan: Scan) -> AnswerRules | None:
    return AnswerRules.of(config, Marks(b"k" * 32), lambda: scan) if config is not None else None


def _passed(dialect: str, rules: AnswerRules | None, events: list[bytes]) -> list[bytes]:
    guard = rules.guard(Inspection(), dialect) if rules is not None else None
    out = []
    for event in events:
        data = event
        if guard is not None and not (data := guard.feed(event)):
            continue
        out.append(data)
    if guard is not None:
        out.append(guard.end())
    return out


def _event(**fields: object) -> bytes:
    kind = fields.get("type")
    head = b"event: %s\n" % str(kind).encode() if kind else b""
    return head + b"data: " + json.dumps(fields).encode() + b"\n\n"


def _responses(number: int, word: str) -> bytes:
    return _event(
        type="response.output_text.delta", item_id="msg_68af4030592c81938ec0a5fbab4a3e9f", output_index=0, content_index=0,
        delta=word, sequence_number=number, obfuscation="aB3xYz91kQ",
    )  # fmt: skip


def _chat(_number: int, word: str) -> bytes:
    return _event(
        id="chatcmpl-C8wKpXb2", object="chat.completion.chunk", created=1756315657, model="gpt-4.1-mini-2025-04-14",
        service_tier="default", system_fingerprint="fp_6f2eabb9a5",
        choices=[{"index": 0, "delta": {"content": word}, "logprobs": None, "finish_reason": None}], usage=None,
    )  # fmt: skip


def _messages(_number: int, word: str) -> bytes:
    return _event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": word})


def _gemini(_number: int, word: str) -> bytes:
    part = {"content": {"parts": [{"text": word}], "role": "model"}, "index": 0}
    counts = {"promptTokenCount": 100, "candidatesTokenCount": 4, "totalTokenCount": 104}
    return _event(candidates=[part], usageMetadata=counts, modelVersion="gemini-2.5-flash", responseId="x1")


_STREAMS = {
    dialect: [make(number, " " + _WORDS[number % len(_WORDS)]) for number in range(_EVENTS)]
    for dialect, make in {
        "openai.responses": _responses,
        "openai.chat": _chat,
        "anthropic.messages": _messages,
        "gemini.generate": _gemini,
    }.items()
}
