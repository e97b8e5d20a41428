"""A session that began on another dialect's model moves to a provider of its client's own: our tokens do not go there."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import Unsupported
from gateway.dataplane.wire import CODECS, TRACE, PathSays, Report, Target, own_thoughts, reopened
from gateway.dataplane.wire.report import client_path
from tests.dataplane.wire.cross.accepted import objections
from tests.dataplane.wire.cross.corpus import SHORT
from tests.dataplane.wire.cross.road import SEALS, Seals, read
from tests.dataplane.wire.cross.targets import target
from tests.dataplane.wire.cross.test_reasoning import ANSWERS, MAKERS, OPENROUTER, SECRETS, cases, maker_of, second
from tests.dataplane.wire.cross.thoughts import SIGNATURE, THOUGHT

Json = dict[str, Any]
MARK = "YWdlbnRjYw"
FOREIGN = {client: "messages" if client != "anthropic.messages" else "responses" for client in CODECS}
"""For each client an answer of another vendor's model, that of bedrock.converse being Claude too."""
FOREIGN["bedrock.converse"] = "responses"
KIN = [
    pytest.param("converse", "anthropic.messages", MAKERS["anthropic.messages"], id="converse-messages"),
    pytest.param("converse.redacted", "anthropic.messages", MAKERS["anthropic.messages"], id="converse-messages-redacted"),
    pytest.param("messages", "bedrock.converse", MAKERS["bedrock.converse"], id="messages-converse"),
    pytest.param("messages", "openai.chat", OPENROUTER, id="messages-chat"),
    pytest.param("messages", "gemini.generate", target("gemini.generate", "vertex", "claude-sonnet-4-5"), id="messages-generate"),
    pytest.param("generate", "openai.chat", target("openai.chat", "gemini", "gemini-3-pro-preview"), id="generate-chat"),
]  # fmt: skip
"""The same vendor's model behind another dialect: (answer, client, target)."""


def moved(
    client: str, body: Json, path: PathSays, to: Target, *, is_strict: bool = False, seals: Seals = SEALS
) -> tuple[Json, Report]:
    """The request as it goes to a provider of the client's own dialect."""
    report = Report(is_strict=is_strict)
    turn = reopened(CODECS[client], read(client, json.dumps(body).encode(), path), to, seals, report)
    assert turn is not None
    sent: Json = json.loads(CODECS[client].write_turn(turn, to, report))
    return sent, report


@pytest.mark.parametrize(("name", "client", "is_terse"), cases())
def test_another_vendor_gets_no_token(name: str, client: str, is_terse: bool) -> None:
    """What another vendor's model thought is removed, with a report; the provider takes what is left."""
    to = MAKERS[client]
    if to.origin == maker_of(name).origin:
        to = target(client, "lab", "mystery-1")
    body, path = second(name, client, is_terse=is_terse)
    assert TRACE in json.dumps(body).encode()
    sent, report = moved(client, body, path, to)
    text = json.dumps(sent)
    assert MARK not in text
    assert not any(secret in text for secret in SECRETS)
    assert objections(sent, to) == []
    if name != "chat.deepseek":  # words without a signature are nobody's secret
        assert "other_vendor" in {drop.why for drop in report.drops}


@pytest.mark.parametrize("client", CODECS, ids=SHORT.get)
def test_nothing_else_changes(client: str) -> None:
    """Whatever the codec does not change by itself stays: tools, words, calls, results, members that only this dialect knows."""
    body, path = second(FOREIGN[client], client, is_terse=False)
    body["xUnknown"] = {"kept": [1, 2]}
    report = Report()
    whole = json.loads(CODECS[client].write_turn(read(client, json.dumps(body).encode(), path), MAKERS[client], report))
    sent, _ = moved(client, body, path, MAKERS[client])
    assert sent["xUnknown"] == {"kept": [1, 2]}
    assert sent.keys() == whole.keys()
    assert _bare(sent) == _bare(whole)


def _bare(body: Json) -> Any:
    """A request without thoughts, and without what asks for them."""
    thinking = ("thinking", "additionalModelRequestFields")

    def without(value: Any) -> Any:
        if isinstance(value, list):
            return [without(one) for one in value if not _is_thought(one)]
        if isinstance(value, dict):
            left_out = ("thoughtSignature", "reasoning_content", "reasoning_details", *thinking)
            return {name: without(one) for name, one in value.items() if name not in left_out}
        return value

    return without(body)


def _is_thought(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    is_empty_proof = value.keys() <= {"text", "thoughtSignature"} and value.get("text") == ""
    return is_empty_proof or (
        value.get("type") in ("thinking", "redacted_thinking", "reasoning")
        or value.get("thought") is True
        or "reasoningContent" in value
    )


@pytest.mark.parametrize(("name", "client", "to"), KIN)
def test_the_same_vendor_gets_its_own_back(name: str, client: str, to: Target) -> None:
    """A Claude behind another door reads what it thought before, byte by byte; so does a Gemini."""
    body, path = second(name, client, is_terse=False)
    sent, report = moved(client, body, path, to)
    assert report.drops == []
    assert MARK not in json.dumps(sent)
    assert _proofs(sent) == _proofs(ANSWERS[name][1])


def _proofs(value: Any) -> list[str]:
    """Signatures and ciphers, in order."""
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return [proof for one in inside for proof in _proofs(one)]
    return [value] if value in SECRETS else []


@pytest.mark.parametrize("client", CODECS, ids=SHORT.get)
def test_a_token_that_cannot_be_opened_is_removed(client: str) -> None:
    """Another organisation's, or a damaged one: its words go with it, since nobody knows whose they are."""
    body, path = second(FOREIGN[client], client, is_terse=True)
    sent, report = moved(client, body, path, MAKERS[client], seals=Seals(b"other"))
    text = json.dumps(sent, ensure_ascii=False)
    assert MARK not in text
    assert json.dumps(THOUGHT, ensure_ascii=False) not in text
    assert "unreadable" in {drop.why for drop in report.drops}
    assert objections(sent, MAKERS[client]) == []


@pytest.mark.parametrize("client", CODECS, ids=SHORT.get)
def test_strict_refuses_what_cannot_be_carried(client: str) -> None:
    """As on the translated road."""
    body, path = second(FOREIGN[client], client, is_terse=False)
    with pytest.raises(Unsupported) as error:
        moved(client, body, path, MAKERS[client], is_strict=True)
    assert error.value.details["param"] == client_path("messages.reasoning", CODECS[client].paths)


@pytest.mark.parametrize(
    ("client", "paths"),
    [
        ("openai.responses", {"input.reasoning"}),
        ("openai.chat", {"messages.reasoning_content"}),
        ("anthropic.messages", {"messages.thinking", "thinking"}),
        ("gemini.generate", {"contents.thought"}),
        ("bedrock.converse", {"messages.reasoningContent", "additionalModelRequestFields.thinking"}),
    ],
)
def test_what_is_removed_is_named_by_its_path_in_the_clients_request(client: str, paths: set[str]) -> None:
    """As on the translated road, though nothing is translated; what was mended for it too."""
    body, path = second(FOREIGN[client], client, is_terse=False)
    _, report = moved(client, body, path, MAKERS[client])
    assert {drop.what for drop in report.drops} == paths


@pytest.mark.parametrize("client", CODECS, ids=SHORT.get)
def test_a_request_that_only_mentions_the_mark_has_no_token(client: str) -> None:
    """Words of the user are no thoughts."""
    body, path = second(FOREIGN[client], client, is_terse=False)
    said = json.loads(json.dumps(body).replace("Let me look.", f"{MARK}EAAA"))
    said = _bare(said)
    assert TRACE in json.dumps(said).encode()
    turn = read(client, json.dumps(said).encode(), path)
    assert reopened(CODECS[client], turn, MAKERS[client], SEALS, Report()) is None


@pytest.mark.parametrize("client", ["anthropic.messages", "bedrock.converse"], ids=SHORT.get)
def test_a_loop_without_its_first_thought_does_not_think(client: str) -> None:
    """Claude refuses a budget there (trap 17): thinking is off for that step, and the report says so."""
    body, path = second("responses", client, is_terse=False)
    if client == "anthropic.messages":
        edits = [{"type": "clear_thinking_20251015", "keep": "all"}, {"type": "clear_tool_uses_20250919"}]
        body["context_management"] = {"edits": edits}
    sent, report = moved(client, body, path, MAKERS[client])
    switch = client_path("thinking", CODECS[client].paths)
    assert (switch, "no_signed_thinking_in_history") in {(drop.what, drop.why) for drop in report.drops}
    if client == "anthropic.messages":
        assert sent["thinking"] == {"type": "disabled"}
        assert sent["context_management"] == {"edits": [{"type": "clear_tool_uses_20250919"}]}
    else:
        assert "thinking" not in sent["additionalModelRequestFields"]


@pytest.mark.parametrize("client", ["anthropic.messages", "bedrock.converse"], ids=SHORT.get)
def test_a_new_turn_thinks_again(client: str) -> None:
    """The user has said something since: what an earlier turn thought is not asked for."""
    body, path = second("responses", client, is_terse=False)
    words = "Go on." if client == "anthropic.messages" else [{"text": "Go on."}]
    answered = "Done." if client == "anthropic.messages" else [{"text": "Done."}]
    body["messages"] += [{"role": "assistant", "content": answered}, {"role": "user", "content": words}]
    sent, report = moved(client, body, path, MAKERS[client])
    assert client_path("thinking", CODECS[client].paths) not in {drop.what for drop in report.drops}
    asks = sent if client == "anthropic.messages" else sent["additionalModelRequestFields"]
    assert asks["thinking"] == {"type": "enabled", "budget_tokens": 2048}


def test_gemini_3_gets_the_word_that_skips_its_check() -> None:
    """On the first call of a step that another model made; older models need none."""
    body, path = second("messages", "gemini.generate", is_terse=False)
    sent, _ = moved("gemini.generate", body, path, MAKERS["gemini.generate"])
    calls = [part for content in sent["contents"] for part in content["parts"] if "functionCall" in part]
    assert [call.get("thoughtSignature") for call in calls] == ["skip_thought_signature_validator", None]
    old, _ = moved("gemini.generate", body, path, target("gemini.generate", "gemini", "gemini-2.5-flash"))
    assert "thoughtSignature" not in json.dumps(old)


def test_what_the_provider_itself_made_stays_as_it_came() -> None:
    """A session that has moved already: its own thoughts beside ours."""
    body, path = second("responses", "anthropic.messages", is_terse=False)
    own = {"type": "thinking", "thinking": "mine", "signature": SIGNATURE}
    use = {"type": "tool_use", "id": "toolu_9", "name": "search", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_9", "content": "ok"}
    body["messages"] += [{"role": "assistant", "content": [own, use]}, {"role": "user", "content": [result]}]
    sent, report = moved("anthropic.messages", body, path, MAKERS["anthropic.messages"])
    assert sent["messages"][-2]["content"] == [own, use]
    assert sent["thinking"]["type"] == "enabled"
    assert [drop.what for drop in report.drops] == ["messages.thinking"]


OWN: dict[str, Json] = {
    "openai.responses": {
        "model": "m",
        "input": [
            {"role": "user", "content": "hi"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c1"},
            {"type": "function_call", "call_id": "f1", "name": "ls", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "f1", "output": "README"},
            {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "c2"},
        ],
    },
    "anthropic.messages": {
        "model": "m",
        "max_tokens": 4000,
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c1"}, {"type": "tool_use", "id": "f1", "name": "ls", "input": {}},
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "f1", "content": "README"}]},
            {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "c2"}, {"type": "text", "text": "ok"}]},
            {"role": "user", "content": "go on"},
        ],
    },
    "gemini.generate": {
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "ls", "args": {}}, "thoughtSignature": "YzE="}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "ls", "response": {"output": "README"}}}]},
            {"role": "model", "parts": [{"text": "ok", "thoughtSignature": "YzI="}]},
            {"role": "user", "parts": [{"text": "go on"}]},
        ],
    },
}  # fmt: skip
"""A history with two thoughts that a provider of the dialect has signed."""
PROOFS = {"gemini.generate": ("YzE=", "YzI=")}


@pytest.mark.parametrize("client", OWN, ids=SHORT.get)
def test_the_first_that_are_anothers_are_taken_out(client: str) -> None:
    """So many as are said, in order; calls, results and words stay, and the drop is named."""
    to, body = MAKERS[client], json.dumps(OWN[client]).encode()
    path = PathSays("m") if client == "gemini.generate" else PathSays()
    codec, first_second = CODECS[client], PROOFS.get(client, ("c1", "c2"))
    assert own_thoughts(read(client, body, path)) == 2
    assert reopened(codec, read(client, body, path), to, SEALS, Report()) is None
    for foreign, left in ((1, (False, True)), (2, (False, False)), (9, (False, False))):
        report = Report()
        turn = reopened(codec, read(client, body, path), to, SEALS, report, foreign)
        assert turn is not None
        sent = codec.write_turn(turn, to, report).decode()
        assert tuple(f'"{proof}"' in sent for proof in first_second) == left
        assert sent.count('"ls"') == body.count(b'"ls"')
        assert "README" in sent
        assert {drop.why for drop in report.drops} == {
            "other_account" if client == "openai.responses" else "other_vendor"
        }
