"""Reasoning goes through a foreign client and comes back as it was, to its maker only (traps 17-24, complaints 9, 15, 16, 26)."""

import base64

import pytest
from msgspec import structs

from gateway import _native
from gateway.dataplane.wire.canon import Close, Delta, Message, Open, Reasoning, Text, ToolCall, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.reasoning import (
    SealReasoning,
    is_sealed,
    open_reasoning,
    same_origin,
    seal,
    unseal,
)

CLAUDE = Target("anthropic.messages", "anthropic", "claude-x", "anthropic", "anthropic")
GPT = Target("openai.responses", "openai", "gpt-x", "openai", "openai/openai")


class Org:
    """Seals of one organisation."""

    def __init__(self, name: str, key: bytes = b"k" * 32) -> None:
        self._label, self._sealer = name.encode(), _native.Sealer(key)

    def seal(self, text: bytes) -> bytes:
        return self._sealer.seal(self._label, text)

    def open(self, sealed: bytes) -> bytes | None:
        return self._sealer.open(self._label, sealed)


ACME = Org("acme")
THOUGHTS = {
    "signed": Reasoning(text="Let me see: ", signature="EqQBCkgIBxABGAIi=="),
    "signature only (trap 18)": Reasoning(signature="EqQB"),
    "redacted (trap 20)": Reasoning(signature="cmVkYWN0ZWQ=", is_redacted=True),
    "bound (trap 21)": Reasoning(signature="Q2d3PQ==", is_bound=True),
    "bound, but on its own": Reasoning(signature="Q2d3PQ==", is_bound=True, extra={"text": ""}),
    "what only its maker knows": Reasoning(text="t", signature="EqQB", extra={"format": "anthropic-claude-v1"}),
    "encrypted, with a summary (trap 22)": Reasoning(
        summary=["I thought"], signature="gAAAA" + "x" * 9000, item_id="rs_1"
    ),
    "text without a signature (trap 23)": Reasoning(text="Hmm. " * 300),
    "not ASCII": Reasoning(text="思考 🧠\n", signature="EqQBzzz"),
}


@pytest.mark.parametrize("name", THOUGHTS)
@pytest.mark.parametrize("dialect", ["openai.responses", "openai.chat", "anthropic.messages", "gemini.generate"])
def test_what_was_sealed_comes_back(name: str, dialect: str) -> None:
    part = THOUGHTS[name]
    sealed = seal(part, "anthropic", dialect, ACME)
    if sealed.signature:
        assert is_sealed(sealed.signature)
        base64.b64decode(sealed.signature, validate=True)  # Gemini's SDKs want plain base64
        assert not part.signature or part.signature not in sealed.signature
    returned = sealed
    if dialect not in ("anthropic.messages", "bedrock.converse"):  # whose clients return the text; the others need not
        returned = structs.replace(sealed, text="", summary=None)
    if not sealed.signature:
        return
    found = unseal(returned, dialect, ACME)
    assert found is not None
    kept = ("text", "signature", "is_redacted", "is_bound", "item_id", "extra")
    assert [getattr(found, member) for member in kept] == [getattr(part, member) for member in kept]
    assert found.origin == "anthropic"


def test_a_summary_shown_as_thinking_does_not_come_back_as_text() -> None:
    part = THOUGHTS["encrypted, with a summary (trap 22)"]
    sealed = seal(part, "openai/openai", "anthropic.messages", ACME)
    found = unseal(structs.replace(sealed, text="I thought", summary=None), "anthropic.messages", ACME)
    assert found is not None
    assert (found.text, found.signature) == ("", part.signature)


def test_tokens_are_deterministic_and_of_one_organisation() -> None:
    part = THOUGHTS["signed"]
    token = seal(part, "anthropic", "openai.responses", ACME)
    assert token == seal(part, "anthropic", "openai.responses", Org("acme"))
    assert unseal(token, "openai.responses", Org("evil")) is None
    assert unseal(token, "openai.responses", Org("acme", b"z" * 32)) is None
    damaged = structs.replace(token, signature=token.signature[:-8] + "AAAAAAA=")
    assert unseal(damaged, "openai.responses", ACME) is None
    for junk in (token.signature[:20], token.signature + "!", token.signature.replace("/", "_").replace("+", "-")):
        unseal(structs.replace(token, signature=junk), "openai.responses", ACME)


def test_members_that_no_token_can_hold_cost_the_signature() -> None:
    """A number of more than 64 bits; never an exception."""
    assert seal(Reasoning(signature="EqQB", extra={"index": 10**30}), "anthropic", "openai.chat", ACME).signature == ""


def test_thinking_of_absurd_size_is_not_sealed() -> None:
    part = Reasoning(text="x" * (2 << 20), signature="s")
    assert seal(part, "anthropic", "openai.responses", ACME).signature == ""


def turn(dialect: str, *parts: Reasoning | Text | ToolCall) -> Turn:
    return Turn(dialect=dialect, model="m", messages=[Message(role="assistant", parts=list(parts))])


def test_another_vendor_gets_no_signature_and_it_is_said(  # trap 17, complaint 16
) -> None:
    sealed = seal(THOUGHTS["signed"], "anthropic", "openai.responses", ACME)
    redacted = seal(THOUGHTS["redacted (trap 20)"], "anthropic", "openai.responses", ACME)
    call = ToolCall(id="c1", name="shell", arguments="{}")
    report = Report()
    opened = open_reasoning(turn("openai.responses", sealed, redacted, call), GPT, ACME, report)
    assert opened.messages[0].parts == [Reasoning(text="Let me see: ", origin="anthropic"), call]
    assert [(d.what, d.why) for d in report.drops] == [("messages.reasoning", "other_vendor")]
    back = Report()
    same = open_reasoning(turn("openai.responses", sealed, redacted, call), CLAUDE, ACME, back)
    assert [p.signature for p in same.messages[0].parts if isinstance(p, Reasoning)] == [
        "EqQBCkgIBxABGAIi==",
        "cmVkYWN0ZWQ=",
    ]
    assert not back.drops


def test_what_nobody_sealed_is_of_the_dialects_own_vendor() -> None:
    raw = Reasoning(text="t", signature="EqQB")
    report = Report()
    assert (
        open_reasoning(turn("anthropic.messages", raw), CLAUDE, ACME, report).messages[0].parts[0].signature == "EqQB"
    )  # type: ignore[union-attr]
    assert not report.drops
    opened = open_reasoning(turn("anthropic.messages", raw), GPT, ACME, report)
    assert opened.messages[0].parts == [Reasoning(text="t", origin="anthropic")]
    assert report.drops


def test_a_thought_that_was_shown_and_sealed_goes_back_once() -> None:
    """Gemini's clients return the words in the clear, and the token that holds them on the part after it."""
    sealed = structs.replace(seal(THOUGHTS["signed"], "anthropic", "gemini.generate", ACME), text="", is_bound=True)
    shown, call = Reasoning(text="Let me see: "), ToolCall(id="c1", name="shell", arguments="{}")
    report = Report()
    opened = open_reasoning(turn("gemini.generate", shown, sealed, call), CLAUDE, ACME, report)
    assert opened.messages[0].parts == [structs.replace(THOUGHTS["signed"], origin="anthropic"), call]
    assert not report.drops


def test_a_message_left_without_parts_disappears() -> None:
    redacted = Reasoning(signature="abc", is_redacted=True)
    assert open_reasoning(turn("anthropic.messages", redacted), GPT, ACME, Report()).messages == []


def test_encrypted_reasoning_belongs_to_one_account() -> None:  # complaint 9
    assert same_origin("openai/a", "openai/a")
    assert not same_origin("openai/a", "openai/b")
    assert same_origin("openai", "openai/b")  # a session that began without translation
    assert not same_origin("", "openai/b")


def test_a_stream_passes_text_at_once_and_the_token_at_the_end() -> None:
    step = SealReasoning("anthropic", "openai.responses", ACME)
    begun = [Open(0, Reasoning()), Delta(0, "text", "Let "), Delta(0, "text", "me see: ")]
    assert step.events(begun) == begun
    assert step.events([Delta(0, "signature", "EqQBCkgIBxABGAIi==")]) == []
    token, close = step.events([Close(0)])
    assert close == Close(0)
    assert token == Delta(0, "signature", seal(THOUGHTS["signed"], "anthropic", "openai.responses", ACME).signature)
    others = [Open(1, Text(text="")), Delta(1, "text", "x"), Close(1)]
    assert step.events(others) == others


def test_a_block_that_begins_with_its_signature_is_held_until_it_ends() -> None:
    step = SealReasoning("google", "anthropic.messages", ACME)
    bound = THOUGHTS["bound (trap 21)"]
    assert step.events([Open(0, bound)]) == []
    assert step.events([Close(0)]) == [Open(0, seal(bound, "google", "anthropic.messages", ACME)), Close(0)]
