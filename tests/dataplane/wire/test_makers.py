"""Whose thoughts a request holds, told from its bytes."""

import json

import pytest

from gateway.dataplane.wire import concerns_thoughts, holds_thoughts, maker_of_last
from gateway.dataplane.wire.canon import Reasoning
from gateway.dataplane.wire.translate.reasoning import seal
from tests.dataplane.wire.cross.road import SEALS

RESPONSES, MESSAGES = "openai.responses", "anthropic.messages"


def token(origin: str) -> str:
    return seal(Reasoning(signature="s", text="t"), origin, RESPONSES, SEALS).signature


def body(*ciphers: str) -> bytes:
    return json.dumps({"input": [{"type": "reasoning", "encrypted_content": cipher} for cipher in ciphers]}).encode()


def test_a_request_that_asks_for_thoughts_concerns_them() -> None:
    """It holds none yet."""
    asks = b'{"include":["reasoning.encrypted_content"]}'
    assert concerns_thoughts(asks)
    assert not holds_thoughts(RESPONSES, asks)
    assert not concerns_thoughts(b'{"input":"hi"}')
    assert concerns_thoughts(b'{"thinking":{"type":"adaptive"}}')


@pytest.mark.parametrize(
    ("dialect", "sign"),
    [
        (RESPONSES, b'"encrypted_content":"x"'),
        (MESSAGES, b'"signature" : "x"'),
        (MESSAGES, b'"type":"redacted_thinking"'),
        ("gemini.generate", b'"thoughtSignature":"x"'),
        ("bedrock.converse", b'"redactedContent":"x"'),
    ],
)
def test_signs_of_each_dialect(dialect: str, sign: bytes) -> None:
    """Words of a user or a tool that quote them have escaped quotation marks, and are none."""
    assert holds_thoughts(dialect, b"{%s}" % sign)
    assert not holds_thoughts(dialect, json.dumps({"text": f"{{{sign.decode()}}}"}).encode())


def test_the_last_thought_names_its_maker() -> None:
    """Sealed ones by themselves, others by their dialect; what cannot be opened is nobody's."""
    assert maker_of_last(RESPONSES, body("abc", token("anthropic")), SEALS) == "anthropic"
    assert maker_of_last(RESPONSES, body(token("anthropic"), token("openai/openai@eu")), SEALS) == "openai/openai@eu"
    assert maker_of_last(RESPONSES, body(token("anthropic"), "abc"), SEALS) == "openai"
    assert maker_of_last(RESPONSES, body(token("anthropic")[:-8]), SEALS) == ""
    assert maker_of_last(RESPONSES, b"{}", SEALS) == ""
    assert maker_of_last("openai.chat", body(token("google")), SEALS) == "google"
