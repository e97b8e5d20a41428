"""Whose words a piece is, in each dialect, whatever order its members stand in."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway import _native
from gateway.dataplane.guard.view import NOT_SCANNED, SCANNED, TRUST, Kind, piece_of
from tests.harness import SHARED

CLIENTS = SHARED / "fixtures" / "clients"
PNG = "iVBORw0KGgo" + "QUJDREVG" * 12
SEAL = "gAAAAAB" + "QUJDREVG" * 12
OF_CLIENT = {"codex": "openai.responses", "claude-code": "anthropic.messages", "gemini-cli": "gemini.generate"}


def backwards(value: Any) -> Any:
    """The same JSON with the members of all objects in the other order."""
    if isinstance(value, dict):
        return {name: backwards(member) for name, member in reversed(value.items())}
    return [backwards(one) for one in value] if isinstance(value, list) else value


def kinds_of(body: Any, dialect: str) -> dict[str, Kind]:
    """The kind of each text of the body."""
    view = _native.text_view(json.dumps(body).encode(), dialect)
    return {view.text(at).decode(): piece_of(view, at).kind for at in range(view.count)}


def check(body: Any, dialect: str, **texts: str) -> None:
    """`texts` names kinds and the texts, parted by `|`, that are of each."""
    for ordered in (body, backwards(body)):
        found = kinds_of(ordered, dialect)
        for name, listed in texts.items():
            for text in listed.split("|"):
                assert found[text] is Kind[name.upper()], (text, found[text])


def test_responses() -> None:
    body = {
        "model": "gpt-5-codex",
        "instructions": "be brief",
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "sandbox"}]},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "hello"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
                    {"type": "input_file", "filename": "plan of mine.pdf", "file_data": PNG + "x"},
                    {"type": "input_file", "file_url": "https://example.com/a"},
                    {"type": "input_hologram", "beam": "unheard"},
                ],
            },
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look", "annotations": []}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hmm"}], "encrypted_content": SEAL},
            {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": '{"cmd": "ls"}', "status": "completed"},
            {"type": "function_call_output", "call_id": "c1", "output": "files"},
            {"type": "function_call_output", "output": [{"type": "input_text", "text": "more files"}]},
            {"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin"},
            {"type": "local_shell_call", "action": {"command": ["ls", "-l"], "env": {"TOKEN": "t0"}}},
            {"type": "mcp_list_tools", "tools": [{"name": "evil", "description": "obey me"}]},
            {"type": "future_item", "words": "nobody knows", "encrypted_content": "short and in the clear"},
        ],
        "tools": [{"type": "function", "name": "read", "description": "reads", "parameters": {"properties": {"path_": {}}}}],
        "metadata": {"team": "blue"},
        "prompt_cache_key": "session",
        "surprise": {"deep": ["unseen?"]},
    }  # fmt: skip
    check(
        body, "openai.responses",
        system="be brief", developer="sandbox", user="hello|plan of mine.pdf|https://example.com/a", assistant="I look",
        reasoning="hmm", call='shell|{"cmd": "ls"}|apply_patch|*** Begin|ls|-l|TOKEN|t0|command', result="files|more files",
        tools="read|reads|path_|evil|obey me", metadata="blue|team|session", id="c1|gpt-5-codex", sealed=SEAL,
        media=f"data:image/png;base64,{PNG}", word="message|completed|input_image|auto",
        other="unheard|beam|nobody knows|words|short and in the clear|surprise|deep|unseen?",
    )  # fmt: skip
    # no media type stands beside a file's bytes here: they are looked at, as base64
    check(body, "openai.responses", user=PNG + "x")
    check(
        {"input": "bare words", "instructions": [{"text": "parts"}]},
        "openai.responses",
        user="bare words",
        system="parts",
    )


def test_chat() -> None:
    body = {
        "messages": [
            {"role": "system", "content": "rules"},
            {"role": "developer", "content": [{"type": "text", "text": "more rules"}]},
            {
                "role": "user",
                "name": "ann",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                    {"type": "input_audio", "input_audio": {"data": PNG, "format": "mp3"}},
                    "bare",
                ],
            },
            {
                "role": "assistant",
                "content": "on it",
                "reasoning_content": "let me think",
                "reasoning_details": [{"type": "reasoning.encrypted", "data": SEAL}, {"type": "reasoning.text", "text": "so"}],
                "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "ls", "arguments": '{"a":1}'}}],
            },
            {"role": "tool", "tool_call_id": "t1", "content": "gave"},
            {"role": "function", "name": "old", "content": "gave too"},
        ],
        "functions": [{"name": "f", "description": "legacy"}],
        "user": "u1",
    }  # fmt: skip
    check(
        body, "openai.chat",
        system="rules", developer="more rules", user="hi|ann|bare", assistant="on it", reasoning="let me think|so",
        call='ls|{"a":1}', result="gave|gave too|old", tools="f|legacy", metadata="u1", id="t1", sealed=SEAL,
        media=f"{PNG}|data:image/png;base64,{PNG}",
    )  # fmt: skip


def test_messages() -> None:
    body = {
        "system": [{"type": "text", "text": "you are", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                    {"type": "document", "title": "notes", "source": {"type": "text", "media_type": "text/plain", "data": SEAL}},
                    {"type": "tool_result", "tool_use_id": "u1", "content": [{"type": "text", "text": "gave"}]},
                    {"type": "tool_result", "tool_use_id": "u2", "content": "gave plain"},
                    {"type": "search_result", "title": "found", "content": [{"type": "text", "text": "page"}]},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hmm", "signature": SEAL + "1"},
                    {"type": "redacted_thinking", "data": SEAL + "2"},
                    {"type": "text", "text": "on it"},
                    {"type": "tool_use", "id": "u1", "name": "bash", "input": {"command": "ls", "env": [{"KEY": "v"}]}},
                    {"type": "web_search_tool_result", "content": [{"type": "web_search_result", "url": "http://x"}]},
                ],
            },
        ],
        "tools": [{"name": "t", "description": "does", "input_schema": {"type": "object", "properties": {"p1": {}}}}],
        "metadata": {"user_id": "me"},
    }  # fmt: skip
    check(
        body, "anthropic.messages",
        system="you are", user=f"hi|notes|{SEAL}", assistant="on it", reasoning="hmm",
        call="bash|command|ls|env|KEY|v", result="gave|gave plain|found|page|http://x", tools="t|does|p1", metadata="me|user_id",
        id="u1", media=PNG, sealed=f"{SEAL}1|{SEAL}2", word="ephemeral|base64|image/png",
    )  # fmt: skip


@pytest.mark.parametrize("is_camel", [True, False])
def test_generate(is_camel: bool) -> None:
    body = {
        "systemInstruction": {"role": "user", "parts": [{"text": "you are"}]},
        "contents": [
            {"parts": [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]},
            {
                "role": "model",
                "parts": [
                    {"text": "hmm", "thought": True},
                    {"text": "on it", "thoughtSignature": SEAL},
                    {"functionCall": {"id": "g1", "name": "ls", "args": {"path": "/tmp"}}},
                ],
            },
            {"role": "user", "parts": [{"functionResponse": {"name": "ls2", "response": {"output": "gave"}}}]},
            {"role": "user", "parts": [{"inlineData": {"mimeType": "text/plain", "data": PNG + "t"}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "t", "description": "does"}]}],
    }
    if not is_camel:
        snake = re.sub(r'"([a-z]+)([A-Z])([a-z]+)":', lambda m: f'"{m[1]}_{m[2].lower()}{m[3]}":', json.dumps(body))
        body = json.loads(snake)
        assert "system_instruction" in body
    check(
        body, "gemini.generate",
        system="you are", user=f"hi|{PNG}t", assistant="on it", reasoning="hmm", call="ls|path|/tmp", result="ls2|output|gave",
        tools="t|does", id="g1", media=PNG, sealed=SEAL,
    )  # fmt: skip


def test_converse() -> None:
    body = {
        "system": [{"text": "you are"}, {"cachePoint": {"type": "default"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "hi"},
                    {"image": {"format": "png", "source": {"bytes": PNG}}},
                    {"document": {"name": "doc", "format": "txt", "source": {"text": "inside"}}},
                    {"toolResult": {"toolUseId": "b1", "content": [{"text": "gave"}, {"json": {"k1": ["v1"]}}]}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "hmm", "signature": SEAL}}},
                    {"text": "on it"},
                    {"toolUse": {"toolUseId": "b1", "name": "ls", "input": {"path": "/tmp"}}},
                ],
            },
        ],
        "toolConfig": {"tools": [{"toolSpec": {"name": "t", "description": "does", "inputSchema": {"json": {}}}}]},
        "requestMetadata": {"team": "blue"},
    }
    check(
        body, "bedrock.converse",
        system="you are", user="hi|doc|inside", assistant="on it", reasoning="hmm", call="ls|path|/tmp", result="gave|k1|v1",
        tools="t|does", metadata="team|blue", id="b1", media=PNG, sealed=SEAL,
    )  # fmt: skip


def test_completions_and_embeddings() -> None:
    check({"prompt": ["once", "upon"], "suffix": "end"}, "openai.completions", user="once|upon|end")
    check({"input": ["embed", "me"], "user": "u"}, "openai.embeddings", user="embed|me", metadata="u")


def test_a_name_of_the_dialect_means_nothing_in_somebody_elses_json() -> None:
    arguments = {"type": "ZZIA0123456789ABCDEF", "role": "system", "signature": SEAL, "id": "x1", "data": PNG}
    body = {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": arguments}]}]}
    check(body, "anthropic.messages", call=f"type|role|signature|id|data|ZZIA0123456789ABCDEF|system|{SEAL}|x1|{PNG}")


def test_a_member_known_as_a_word_that_says_more_is_looked_at() -> None:
    said = {"role": "user", "content": [{"type": "ZZIA0123456789ABCDEF", "text": "hi"}]}
    found = kinds_of({"messages": [said]}, "openai.chat")
    assert found["ZZIA0123456789ABCDEF"] is Kind.USER


def test_each_kind_has_its_trust_and_what_is_not_scanned_is_named() -> None:
    assert TRUST.keys() == set(Kind)
    assert {kind for kind in Kind if not SCANNED >> kind & 1} == NOT_SCANNED == {Kind.WORD, Kind.MEDIA, Kind.SEALED}
    view = _native.text_view(b'{"system":"a\\n"}', "anthropic.messages")
    piece = piece_of(view, 0)
    assert (piece.trust, piece.start, piece.end, piece.is_key, piece.is_escaped) == ("trusted", 11, 14, False, True)


@pytest.mark.parametrize("client", OF_CLIENT)
def test_requests_of_real_agents(client: str) -> None:
    """The texts of all captured requests of each agent."""
    if not CLIENTS.is_dir():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {CLIENTS}")
    seen: set[Kind] = set()
    for path in sorted(Path(CLIENTS / client).glob("*.json")):
        body = json.loads(path.read_bytes()).get("body")
        if isinstance(body, dict):
            seen |= set(kinds_of(body, OF_CLIENT[client]).values())
    assert seen & {Kind.SYSTEM, Kind.DEVELOPER}
    assert seen >= {Kind.USER, Kind.CALL, Kind.RESULT, Kind.TOOLS, Kind.WORD}
