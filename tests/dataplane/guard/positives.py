"""Texts with a secret in each: the shared samples where they are, and a few of our own."""

import gzip
import json
from pathlib import Path

from gateway.base.core.struct import Record
from tests.e2e.canary import canary
from tests.harness import SHARED

SAMPLES = SHARED / "fixtures" / "secrets" / "rules_dev.jsonl.gz"
_QUOTES = "\"'`"
"""The samples' expression for one kind takes the quote behind it into the secret."""


class Positive(Record, frozen=True):
    """`secret` stands in `text`; `rule` is what the samples call it."""

    rule: str
    text: str
    secret: str


def _own() -> list[Positive]:
    # In pieces: no file of ours holds what looks like a secret.
    line, name, access = "-" * 5, "PRIVATE KEY", "AKIA" + "2EXQ7F3B24QXW7YT"
    pem = "\n".join(
        [
            f"{line}BEGIN RSA {name}{line}",
            *[canary(f"line {i}")[4:] * 2 for i in range(6)],
            f"{line}END RSA {name}{line}",
        ]
    )
    token, word = canary("own token"), canary("own word")[4:]
    return [
        Positive("github", f"export TOKEN={token}\n", token),
        Positive("github", f'token = "{token}"', token),
        Positive("github", f"first line\n{token}\nlast", token),
        Positive("aws", f"aws_access_key_id = {access}\n", access),
        Positive("assigned", f"clientSecret: '{word}'", word),
        Positive("database", "postgres://app:Qx7vT2mK9pLz4@db.example.com:5432/app", "Qx7vT2mK9pLz4"),
        Positive("key", f"cat id_rsa\n{pem}\n", pem.splitlines()[1]),
        Positive("virtual", "Bearer sk-agentcc-test-alice-0001", "sk-agentcc-test-alice-0001"),
    ]


OWN = _own()


def shared(path: Path = SAMPLES) -> list[Positive]:
    """The samples, of which each says where its secret is; [] where they are absent."""
    if not path.exists():
        return []
    found: list[Positive] = []
    with gzip.open(path, "rt") as lines:
        for line in lines:
            row = json.loads(line)
            for one in row["true_positives"]:
                if one["expected_findings"] and not one.get("path"):
                    secret = one["expected_findings"][0]["secret"].strip(_QUOTES)
                    found.append(Positive(row["rule"], one["text"], secret))
    return found
