"""What the scanner finds, where, and what it lets pass."""

import itertools
import re
import time

import pytest

from gateway.base.storage.secret import new_secret
from gateway.dataplane.guard.finding import Confidence, Finding
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.secrets import CustomRule, Secrets, checked, fingerprint
from tests.dataplane.guard.secrets.samples import ALNUM, BASE64, HEX, LOWER, SHAPES, URL64, Maker

make = Maker()

# (kind, text before, secret, text behind)
PLACES = [
    ("anthropic-api-key", "use ", "sk-ant-api03-" + make.text(URL64, 93) + "AA", " please"),
    ("openai-project-key", "", "sk-proj-" + make.text(ALNUM, 120), ""),
    ("google-api-key", "key=", "AIza" + make.text(ALNUM, 35), "&alt=sse"),
    ("google-oauth-access-token", "Bearer ", "ya29." + make.text(URL64, 100), "\n"),
    ("huggingface-token", "", "hf_" + make.text(ALNUM, 34), ""),
    ("groq-api-key", "", "gsk_" + make.text(ALNUM, 52), ""),
    ("xai-api-key", "", "xai-" + make.text(ALNUM, 80), ""),
    ("openrouter-api-key", "", "sk-or-v1-" + make.text(HEX, 64), ""),
    ("replicate-api-token", "", "r8_" + make.text(ALNUM, 37), ""),
    ("pinecone-api-key", "", "pcsk_" + make.text(ALNUM, 60), ""),
    ("aws-access-key-id", "id ", "AKIA" + make.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), "."),
    ("assigned-credential", "AWS_SECRET_ACCESS_KEY=", make.text(BASE64, 39) + "x", "\n"),
    ("azure-account-key", "AccountName=x;AccountKey=", make.text(ALNUM, 86) + "==", ";EndpointSuffix=y"),
    ("github-personal-token", "https://", make.github(), "@github.com/x/y.git"),
    ("gitlab-personal-token", "", "glpat-" + make.text(URL64, 19) + "a", ""),
    ("npm-token", "", "npm_" + make.text(ALNUM, 36), ""),
    ("slack-webhook", "https://", "hooks.slack.com/services/T01ABCDEF/B02ABCDEF/" + make.text(ALNUM, 24), ""),
    ("url-password", "postgresql://app:", make.text(ALNUM, 16), "@db.internal:5432/x"),
    ("url-password", "mongodb+srv://app:", make.text(ALNUM, 16), "@c.mongodb.net"),
    ("url-password", "redis://:", make.text(ALNUM, 16), "@cache:6379/0"),
    ("jwt", "token ", make.jwt(), ""),
    ("private-key", "", make.pem(), "\n"),
    ("private-key", "", make.pem("OPENSSH PRIVATE"), "\n"),
    ("age-secret-key", "", "AGE-SECRET-KEY-1" + make.text("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58), ""),
    ("header-credential", 'curl -H "X-Api-Key: ', make.text(ALNUM, 24), '" https://x'),
    ("curl-user", "curl -u ", "deploy:" + make.text(ALNUM, 12), " https://x"),
    ("datadog-credential", "DATADOG_API_KEY=", make.text(HEX, 32), ""),
    ("mistral-credential", "mistral_key: ", make.text(LOWER, 32), ""),
    ("assigned-credential", "the_unheard_of_token = ", make.text(LOWER, 32), ""),
    ("assigned-password", "MYSQL_PASSWORD=", "Tr0ub4dor&3xyz", "\n"),
    ("assigned-password", 'db_password: "', "hunter2!Hunter3", '"'),
    ("kubernetes-secret", "kind: Secret\nmetadata:\n  name: s\ndata:\n", "  a: " + make.text(ALNUM, 24), "\n"),
]


@pytest.mark.parametrize(
    ("rule", "before", "secret", "behind"), PLACES, ids=[f"{p[0]}-{i}" for i, p in enumerate(PLACES)]
)
def test_a_secret_is_found_where_it_stands(secrets: Scan, rule: str, before: str, secret: str, behind: str) -> None:
    """Its place is told to the byte (a trailing line break of a block aside), also in the middle of other text."""
    for lead in ("", "größer 日本語\n", "x" * 5000 + " "):
        text = (lead + before + secret + behind).encode()
        start = len((lead + before).encode())
        [found] = secrets.scan(text)
        assert (found.rule, found.start) == (rule, start)
        assert start + len(secret.encode()) <= found.end <= start + len(secret.encode()) + 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["ACME_API_TOKEN", "acmeClientSecret", "acme-password", "DATADOG_KEY"])
def test_an_assignment_is_found_in_every_language(secrets: Scan, shape: str, name: str) -> None:
    """Whatever stands between a name and its value."""
    for value in (make.text(HEX, 32), make.text(LOWER, 40), make.text(ALNUM, 28)):
        text = shape.format(name=name, value=value).encode()
        start = text.index(value.encode())
        assert any(f.start <= start and f.end >= start + len(value) for f in secrets.scan(text)), text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the token is in the vault, the password is not",
        "aws_access_key_id = AKIA" + "IOSFODNN7EXAMPLE",
        "OPENAI_API_KEY=${OPENAI_API_KEY}",
        "api_key = os.environ['ACME_API_KEY_2024']",
        "token: <your-token-1234567890>",
        "GITHUB_TOKEN=ghp_" + "x" * 36,
        "postgres://user:password@localhost:5432/db",
        "redis://[[username]:[password]]@localhost:6379/0",
        "acme/auth.py,sha256=U_Jwmn59ZRQ6EecpOvMizQCG_ZbAvgUf1ik7haZRC3c,3300",
        "public_key = '" + make.text(ALNUM, 43) + "'",
        "cache_key = '" + make.text(HEX, 32) + "'",
        "commit 43fc912ef59a83054ea7f6706df4d53a7dea4d80",
        "primaryKey=" + make.text(ALNUM, 30),
        "credentialsId: '" + make.uuid() + "'",
        "key = very_long_name_of_a_function_v2(arg1, arg2)",
        "-----BEGIN " + "PRIVATE KEY-----\nanything\n-----END PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\n" + make.text(BASE64, 64) + "\n-----END CERTIFICATE-----",
        "curl -u $USER:$PASSWORD https://x",
    ],
)
def test_what_only_looks_like_one_is_let_pass(secrets: Scan, text: str) -> None:
    """Placeholders, references, hashes, public keys, names."""
    assert secrets.scan(text.encode()) == []


def test_a_long_secret_is_no_placeholder_by_chance(secrets: Scan) -> None:
    """Four letters in a private key's base64 say nothing."""
    key = make.pem()
    half = len(key) // 2
    [found] = secrets.scan((key[:half] + "xxxx" + key[half:]).encode())
    assert found.rule == "private-key"


def test_a_key_of_ours_is_always_caught(secrets: Scan) -> None:
    """Neither a placeholder's word nor a pragma nor a baseline excuses a virtual key."""
    key = new_secret()
    text = f"key: {key}-example # agentcc:allow".encode()
    baseline = frozenset({fingerprint("agentcc-virtual-key", f"{key}-example".encode())})
    [found] = Scan(Secrets(baseline=baseline, is_pragma_allowed=True), compiled=secrets.compiled()).scan(text)
    assert (found.rule, found.confidence) == ("agentcc-virtual-key", Confidence.PROVEN)


def test_the_pragma_counts_where_policy_permits_it(secrets: Scan) -> None:
    """And only for its own line."""
    first, second = make.github(), make.github()
    text = f"a = '{first}'  # agentcc:allow\nb = '{second}'\n".encode()
    assert len(secrets.scan(text)) == 2
    [left] = Scan(Secrets(is_pragma_allowed=True), compiled=secrets.compiled()).scan(text)
    assert text[left.start : left.end] == second.encode()


def test_a_baseline_lets_pass_what_it_names(secrets: Scan) -> None:
    """By rule and hash: another secret of the same kind is found."""
    known, new = make.github(), make.github()
    baseline = frozenset({fingerprint("github-personal-token", known.encode())})
    assert known not in str(baseline)
    assert [
        f.start for f in Scan(Secrets(baseline=baseline), compiled=secrets.compiled()).scan(f"{known} {new}".encode())
    ] == [len(known) + 1]
    assert len(secrets.scan(f"{known} {new}".encode())) == 2


def test_a_checksum_raises_the_confidence_and_is_not_asked_for(secrets: Scan) -> None:
    """GitHub's CRC: a token with one wrong letter is a finding all the same."""
    good = make.github()
    bad = good[:-1] + ("a" if good[-1] != "a" else "b")
    assert [f.confidence for f in secrets.scan(f"{good} {bad}".encode())] == [Confidence.PROVEN, Confidence.FORMAT]


def test_an_organisation_has_rules_of_its_own(secrets: Scan) -> None:
    """All that the expression matches is the secret; the longest match counts."""
    rule = checked(CustomRule("acme-badge", r"ACME-[0-9]{4,8}"))
    assert Scan(Secrets(custom=(rule,)), compiled=secrets.compiled()).scan(b"badge ACME-123456.") == [
        Finding("secrets", "acme-badge", 6, 17, Confidence.CUSTOM)
    ]


@pytest.mark.parametrize("expression", ["(a", r"(a)\1", "a*", "x" * 1001])
def test_a_rule_that_cannot_be_used_is_refused(expression: str) -> None:
    """No expression can make a scan slow: what Hyperscan does not take is not taken."""
    with pytest.raises(ValueError, match=r"rule|expression"):
        checked(CustomRule("mine", expression))


def test_what_was_compiled_loads_and_finds_the_same(secrets: Scan) -> None:
    """A worker starts from bytes."""
    compiled = secrets.compiled()
    text = "\n".join(before + secret + behind for _, before, secret, behind in PLACES).encode()
    assert Scan(Secrets(), compiled=compiled).scan(text) == secrets.scan(text)


def test_findings_do_not_overlap_and_come_in_order(secrets: Scan) -> None:
    """Equal input, equal answer; a text of all samples gives each its own finding."""
    text = "\n\n".join(before + secret + behind for _, before, secret, behind in PLACES).encode()
    found = secrets.scan(text)
    assert found == secrets.scan(text)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert len(found) >= len(PLACES) - 1


def test_a_finding_never_shows_the_secret(secrets: Scan) -> None:
    """It has a place, not a value."""
    token = make.github()
    assert token[4:] not in repr(secrets.scan(f"x = {token}".encode()))


@pytest.mark.parametrize(
    "unit",
    [
        b"token=a1",
        b"-----BEGIN %s KEY-----" % b"PRIVATE",
        b"eyJ" + b"a" * 20,
        b"postgres://a:",
        b"curl -u a:",
        b"kind: Secret\ndata:\n a: ",
    ],
    ids=lambda unit: re.sub(r"\W+", "-", unit.decode()),
)
def test_time_is_linear_in_what_an_attacker_repeats(secrets: Scan, unit: bytes) -> None:
    """Twice the text, about twice the work, counted in time of this thread with a wide margin."""

    def cost_ns(size: int) -> int:
        text = unit * (size // len(unit))
        began = time.thread_time_ns()
        secrets.scan(text)
        return time.thread_time_ns() - began

    cost_ns(50_000)
    small, large = min(cost_ns(50_000) for _ in range(3)), min(cost_ns(400_000) for _ in range(2))
    assert large < 30 * small + 50_000_000


def test_a_placeholder_of_ours_names_nothing(secrets: Scan) -> None:
    """What stands for a secret says nothing about the value behind it."""
    value = make.text(ALNUM, 28)
    for kind in ("jwt", "github-personal-token", "datadog-credential"):
        assert secrets.scan(f"<SECRET_{kind}_01234567>{value}".encode()) == []
        assert secrets.scan(f'<SECRET_{kind}_01234567>: "{value}"'.encode()) == []


@pytest.mark.parametrize("escape", ["\\n", "\\t", "\\b", "\\f", "\\u0000", "\\u00de"])
def test_the_letter_of_an_escape_is_no_word(secrets: Scan, escape: str) -> None:
    """In a text that quotes a text, an escape may stand right before a token."""
    [found] = secrets.scan(f"x{escape}{make.github()} y".encode())
    assert found.rule == "github-personal-token"
