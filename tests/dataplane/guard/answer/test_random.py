"""Random words and secrets, cut at random: a client reads what it would read of the whole text, redacted."""

import random

import pytest

from gateway.base.config import GuardrailsConfig
from gateway.base.config.schema.guardrails import SecretsConfig
from gateway.dataplane.guard.inspection import Inspection
from gateway.dataplane.guard.scan import Scan
from tests.dataplane.guard.answer.streams import DIALECTS, MARKS, passed, read, rules, text, texts, written

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
WORDS = ("hello", "the", "c\u00f3digo", "\u4f60\u597d", "x=1;", "\n", "f(a)", "\U0001f600", "--", "{}", "'q'", '"z"', "\\n", "<b>", "`c`", "http://x.io/a?b=c")  # fmt: skip


def _secret(dice: random.Random) -> str:
    def letters(count: int) -> str:
        return "".join(dice.choice(LETTERS) for _ in range(count))

    made = (
        f"ghp_{letters(36)}",
        f"glpat-{letters(20)}",
        f"postgres://u:{letters(12)}@db.host.io/x",
        f'password = "{letters(14)}!x9"',
    )
    return dice.choice(made)


def _redacted(said: str, scan: Scan) -> str:
    left = whole = said.encode()
    for one in reversed([one for one in scan.scan(whole) if one.scanner == "secrets"]):
        left = left[: one.start] + MARKS.placeholder("secrets", one.rule, whole[one.start : one.end]) + left[one.end :]
    return left.decode()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_is_redacted_as_its_whole_text(dialect: str, scan: Scan) -> None:
    made = rules(GuardrailsConfig(secrets=SecretsConfig(answers="redact")), scan)
    for seed in range(60):
        dice = random.Random(seed)
        said = " ".join(
            _secret(dice) if dice.random() < 0.2 else dice.choice(WORDS) for _ in range(dice.randrange(3, 25))
        )
        most = dice.choice((1, 3, 10, 60))
        pieces, at = [], 0
        while at < len(said):
            size = dice.randrange(1, most + 1)
            pieces.append(said[at : at + size])
            at += size
        stream = written(dialect, text(*pieces))
        chunks, at = [], 0
        while at < len(stream):
            count = dice.randrange(1, 4)
            chunks.append(b"".join(stream[at : at + count]))
            at += count
        guard = made.guard(Inspection(), dialect)
        assert guard is not None
        assert texts(read(dialect, passed(guard, chunks))) == _redacted(said, scan), seed
