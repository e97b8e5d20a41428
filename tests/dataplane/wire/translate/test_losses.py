"""What only a client's dialect knows of its request is told by its name there, and what changes nothing is not (trap 39 and others)."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import Unsupported
from gateway.dataplane.wire import CODECS, PathSays, Report, Target, Translation
from gateway.dataplane.wire.translate.losses import report_losses
from tests.dataplane.wire.translate.test_recorded import CLIENTS

RESPONSES = {"model": "m", "input": "hi"}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MESSAGES = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
SCHEMA = {"type": "object", "properties": {}}


def losses(dialect: str, body: dict[str, Any], *, is_strict: bool = False) -> list[str]:
    client = CODECS[dialect]
    turn = client.read_turn(json.dumps(body).encode(), PathSays("m", False))
    report = Report(is_strict=is_strict)
    report_losses(turn, client, CODECS["openai.chat" if dialect != "openai.chat" else "gemini.generate"], report)
    assert {drop.why.partition("_to_")[0] for drop in report.drops} <= {"unsupported", "unknown"}
    return [drop.what for drop in report.drops]


CASES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    (
        "openai.responses",
        RESPONSES,
        {
            "store": False, "include": ["reasoning.encrypted_content"], "client_metadata": {"a": "b"}, "type": "response.create",
            "text": {"format": {"type": "text"}}, "stream_options": {"include_obfuscation": False}, "background": False,
        },
        [],
    ),
    ("openai.responses", RESPONSES, {"moderation": {"model": "x"}, "max_tool_calls": 3}, ["moderation.model", "max_tool_calls"]),
    (
        "openai.responses",
        {"model": "m"},
        {
            "input": [
                {"type": "message", "role": "user", "content": "hi"},
                {"type": "message", "role": "assistant", "status": "completed", "phase": "final_answer",
                 "content": [{"type": "output_text", "text": "a", "annotations": [], "logprobs": []}]},
                {"type": "web_search_call", "id": "ws_1", "status": "completed"},
                {"type": "web_search_call", "id": "ws_2", "status": "completed"},
            ]
        },
        ["messages.web_search_call"],
    ),
    ("openai.chat", CHAT, {"n": 1, "store": True, "modalities": ["text"], "logprobs": False, "usage": {"include": True}}, []),
    (
        "openai.chat",
        CHAT,
        {"n": 2, "logit_bias": {"50256": -100}, "modalities": ["text", "audio"], "provider": {"order": ["a"]}},
        ["logit_bias.50256", "modalities", "provider.order", "n"],
    ),
    ("openai.chat", {}, {"model": "m", "messages": [{"role": "user", "name": "bob", "content": "hi"}] * 2}, ["messages.name"]),
    (
        "anthropic.messages",
        MESSAGES,
        {
            "stream": False, "metadata": {"user_id": "u", "more": 1}, "cache_control": {"type": "ephemeral", "ttl": "5m"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "tools": [{"type": "custom", "name": "f", "description": "", "input_schema": SCHEMA, "cache_control": None}],
        },
        [],
    ),
    (
        "anthropic.messages",
        MESSAGES,
        {
            "container": "c", "context_management": {"edits": [{"type": "compact_20260112"}]}, "mcp_servers": [{"type": "url"}],
            "tools": [{"name": "f", "input_schema": SCHEMA, "input_examples": [{"a": 1}]}],
        },
        ["container", "context_management.edits", "mcp_servers", "tools.f.input_examples"],
    ),
    (
        "anthropic.messages",
        {"model": "m", "max_tokens": 9},
        {
            "messages": [{"role": "user", "content": [{"type": "document", "citations": {"enabled": True},
                          "source": {"type": "url", "url": "https://x/y.pdf"}}]}]
        },
        ["messages.document.citations.enabled"],
    ),
    (
        "gemini.generate",
        GEMINI,
        {
            "generationConfig": {"responseModalities": ["TEXT"], "candidateCount": 1, "responseMimeType": "text/plain"},
            "labels": {"a": "b"}, "toolConfig": {"includeServerSideToolInvocations": True},
            "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
        },
        [],
    ),
    (
        "gemini.generate",
        GEMINI,
        {"generationConfig": {"responseModalities": ["IMAGE"], "speechConfig": {"x": 1}}, "safetySettings": [{"category": "x"}]},
        ["safetySettings", "generationConfig.responseModalities", "generationConfig.speechConfig"],
    ),
    (
        "gemini.generate",
        {},
        {
            "contents": [
                {"role": "user", "parts": [{"fileData": {"fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 0.2}}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
                {"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]},
            ]
        },
        ["messages.video.videoMetadata.fps"],
    ),
    (
        "bedrock.converse",
        CONVERSE,
        {
            "inferenceConfig": {}, "requestMetadata": {"a": "b"}, "performanceConfig": {"latency": "standard"},
            "additionalModelRequestFields": {"thinking": {"type": "adaptive"}, "top_k": 3},
        },
        [],
    ),
    (
        "bedrock.converse",
        CONVERSE,
        {
            "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1", "trace": "enabled"},
            "additionalModelRequestFields": {"anthropic_internal": 1},
        },
        ["guardrailConfig.guardrailIdentifier", "additionalModelRequestFields.anthropic_internal"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "body", "more", "want"), CASES)
def test_a_loss_is_told_once_by_its_name_and_what_changes_nothing_is_not(
    dialect: str, body: dict[str, Any], more: dict[str, Any], want: list[str]
) -> None:
    assert losses(dialect, {**body, **more}) == want
    if want:
        with pytest.raises(Unsupported, match="cannot be carried"):
            losses(dialect, {**body, **more}, is_strict=True)


class Open:
    """Seals that seal nothing."""

    def seal(self, text: bytes) -> bytes:
        return text

    def open(self, sealed: bytes) -> bytes | None:
        return sealed


TARGETS = [
    Target("openai.responses", "openai", "gpt-5.5", "openai", "openai", is_official=True),
    Target("openai.chat", "deepseek", "deepseek-chat", "deepseek", "deepseek"),
    Target("anthropic.messages", "anthropic", "claude-opus-4-8", "anthropic", "anthropic"),
    Target("gemini.generate", "google", "gemini-3.1-pro", "google", "google"),
    Target("bedrock.converse", "bedrock", "anthropic.claude-opus-4-8", "anthropic", "anthropic/aws"),
]


@pytest.mark.parametrize(
    ("case", "dialect", "most"),
    [
        ("claude-code/post-messages-loop.step4", "anthropic.messages", 0),
        ("claude-code/post-messages-text", "anthropic.messages", 0),
        (
            "gemini-cli/post-streamGenerateContent-text",
            "gemini.generate",
            2,
        ),  # top_p and top_k, where the model takes none
        ("codex/custom-text-gpt-5.5", "openai.responses", 2),  # the web search, and how wordy to be
        ("codex/custom-text-gpt-6.1-sol", "openai.responses", 2),
    ],
)
def test_a_clients_ordinary_request_loses_next_to_nothing(case: str, dialect: str, most: int) -> None:
    """Else nobody would read the report, and nobody could be strict."""
    path = CLIENTS / f"{case}.json"
    if not path.exists():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {path}")
    found = json.loads(path.read_bytes())
    body = json.dumps(found.get("request", found)["body"]).encode()
    client = CODECS[dialect]
    for target in TARGETS:
        if target.dialect != dialect:
            turn = client.read_turn(body, PathSays("m", True))
            report = Translation(
                client, CODECS[target.dialect], turn, target,
                seals=Open(), report=Report(), request_id="r", now_s=1, split=lambda data: [],
            ).report  # fmt: skip
            assert len(report.drops) <= most, (target.dialect, report.drops)
