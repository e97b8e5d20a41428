"""`agentcc check`: a wrong file is told by place, value and way out; checking changes nothing."""

from pathlib import Path

import pytest

from gateway.cli.main import main

GOOD = """\
server: { data_dir: %s }
providers:
  openai: { api_key: "${OPENAI_API_KEY:-sk-x}" }
  lab: { api_key: none, base_url: "http://lab.internal/v1", dialect: openai.chat }
models: { aliases: { fast: openai/gpt-4.1-mini } }
keys: { alice: { key: sk-agentcc-test-check-0001, team: platform, expires: 2027-01-01T00:00:00Z } }
"""

WRONG = [
    ("server: { prot: 8080 }", "`$.server.prot`", "hint: did you mean `port`?"),
    ("server: { port: 70000 }", "`$.server.port` is 70000", "65535"),
    ("server: { port: '80' }", "`$.server.port`", "int"),
    ("server: { drain_ms: 0 }", "`$.server.drain_ms` is 0", ""),
    ("server: { interface: wsgi }", "`$.server.interface`", "wsgi"),
    ("server: { tls: { cert: /absent.pem, key: /absent.pem } }", "`$.server.tls.cert` is '/absent.pem'", "hint: "),
    ("providers: { opnai: { api_key: x } }", "`$.providers.opnai`", "hint: did you mean `openai`?"),
    ("providers: { openai: {} }", "`$.providers.openai.api_key` is missing", "hint: "),
    ("providers: { openai: { api_key: '${NOT_SET_AT_ALL}' } }", "NOT_SET_AT_ALL", "hint: export NOT_SET_AT_ALL"),
    ("providers: { openai: { api_key: x, base_url: api.openai.com } }", "`$.providers.openai.base_url`", "https://"),
    ("models: { aliases: { a: nowhere/x } }", "`$.models.aliases.a`", "configured: none"),
    ("keys: { a: { key: short } }", "`$.keys.a.key`", "8"),
    ("keys: { a: { key: sk-same-same }, b: { key: sk-same-same } }", "`$.keys.b.key`", "`a`"),
    ("keys: { a: { key: sk-long-enough, expires: tomorrow } }", "`$.keys.a.expires` is 'tomorrow'", "RFC 3339"),
    ("keys: { a: { key: sk-long-enough, allowed_ips: [10.0.0.0/99] } }", "`$.keys.a.allowed_ips`", "10.0.0.0/8"),
    ("cache: {}", "`$.cache` is not served", "nothing would enforce it"),
    ("guardrails: { secrets: { mode: blok } }", "`$.guardrails.secrets.mode` is 'blok'", "hint: did you mean `block`?"),
    ("guardrails: { secrets: { usr: log } }", "`$.guardrails.secrets.usr`", "hint: did you mean `user`?"),
    (
        r"guardrails: { secrets: { rules: { twice: '(a)\1' } } }",
        "`$.guardrails.secrets.rules.twice` cannot be used",
        "hint: write what Hyperscan takes",
    ),
    ("guardrails: { secrets: { rules: { any: 'a*' } } }", "`$.guardrails.secrets.rules.any` cannot be used", "hint: "),
    (
        "guardrails: { secrets: { rules: { Bad: a } } }",
        "`$.guardrails.secrets.rules.Bad`",
        "hint: write lower-case letters",
    ),
    (
        "guardrails: { secrets: { baseline: /absent.txt } }",
        "`$.guardrails.secrets.baseline` is '/absent.txt', which cannot be read",
        "hint: make one with `agentcc guard baseline`",
    ),
    ("guardrails: { secrets: { baseline: /etc/passwd } }", "which is no baseline", "line 1"),
    ("guardrails: { pii: { kinds: [emial] } }", "`$.guardrails.pii.kinds[0]` is 'emial'", "hint: "),
    (
        "guardrails: { tool_calls: { allow: [delete-evrything] } }",
        "`$.guardrails.tool_calls.allow[0]` is 'delete-evrything'",
        "hint: did you mean `delete-everything`?",
    ),
    (
        "guardrails: { secrets: { mode: log, restore: [sh] } }",
        "`$.guardrails.secrets.restore`",
        "hint: remove it, or set a place to `redact`",
    ),
    ("routing: { default: {} }", "`$.routing.default.chain` names no model", "hint: write at least one"),
    (
        "routing: { d: { rules: [{ name: r, when: 'modle == 1', use: [a/x] }] } }",
        "`$.routing.d.rules[0].when` is 'modle == 1': `modle` is no fact (column 1)",
        "did you mean `model`?",
    ),
    ("routing: { d: { chain: [opnai/x] } }", "`$.routing.d.chain[0]` is 'opnai/x'", "hint: write `provider/model`"),
    (
        "models: { aliases: { a: b, b: a } }",
        "`$.models.aliases.a` is 'b', which is an alias",
        "hint: write `provider/model`",
    ),
    (
        "providers: { openai: { api_key: x } }\nmodels: { aliases: { openai/a: openai/b, openai/b: openai/a } }",
        "`$.models.aliases.openai/a` is 'openai/b', which is an alias",
        "`openai/b` stands for `openai/a`",
    ),
    ("models: { aliases: { a: c } }", "`$.models.aliases.a` is 'c'", "hint: write `provider/model`"),
    ("budgets: { org: { limit: -5 } }", "`$.budgets.org.limit` is -5", "hint: write more than 0"),
    ("a: 1\na: 2", "line 2, column 1", "written twice"),
    ("a: [", "is not valid YAML", ""),
    ("a: &a [*a]", "is not valid YAML", ""),
    ("1: x", "is not a string", ""),
    ("[]", "must be a mapping", ""),
    ("just words", "must be a mapping", ""),
    ("x: " + "[" * 5000, "is not valid YAML", ""),
]


def test_a_good_file_is_ok_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version, providers and keys on standard output, exit 0; the data directory is not created."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    file = tmp_path / "gateway.yaml"
    file.write_text(GOOD % (tmp_path / "data"))
    assert main(["check", "-c", str(file)]) == 0
    said = capsys.readouterr()
    assert "providers: openai, lab; keys: 1" in said.out
    assert not said.err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("configured", "meant"), [("gemini", "google"), ("google", "gemini")])
def test_an_alias_may_use_either_name_of_a_provider(tmp_path: Path, configured: str, meant: str) -> None:
    """What a request may ask for, an alias may stand for."""
    file = tmp_path / "gateway.yaml"
    file.write_text(
        f"providers: {{ {configured}: {{ api_key: x }} }}\nmodels: {{ aliases: {{ g: {meant}/gemini-2.5-pro }} }}"
    )
    assert main(["check", "-c", str(file)]) == 0


def test_what_is_odd_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A block that no key names, a rule that cannot match: on standard error, and the file is good all the same."""
    file = tmp_path / "gateway.yaml"
    rule = "{ name: r, when: 'hour > 23', use: [fast] }"
    file.write_text(GOOD % tmp_path + f"routing: {{ ci: {{ chain: [fast], rules: [{rule}] }} }}\n")
    assert main(["check", "-c", str(file)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("ok: ")
    assert said.err.splitlines()[::2] == [
        f"warning: {file}: `$.routing.ci` is used by no key of this file",
        f"warning: {file}: `$.routing.ci.rules[0].when` can never match: 'hour > 23'",
    ]


def test_models_that_retire_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever the file names one: each place once, with a newer one where the catalogue has it."""
    file = tmp_path / "gateway.yaml"
    file.write_text(
        GOOD.replace("aliases: { fast:", "aliases: { old: openai/gpt-5-codex, small: openai/o3-mini, fast:") % tmp_path
        + "routing: { default: { chain: [old, openai/gpt-4], rules: [{ name: r, when: is_stream, use: [openai/o1] }] } }\n"
        + "budgets: { downgrade: { cascade: [openai/gpt-5.1, openai/o4-mini] } }\n"
    )
    assert main(["check", "-c", str(file)]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[::2] == [
        f"warning: {file}: `$.models.aliases.old` is 'openai/gpt-5-codex', which retired on 2026-07-23",
        f"warning: {file}: `$.models.aliases.small` is 'openai/o3-mini', which retired on 2026-10-23",
        f"warning: {file}: `$.routing.default.chain[1]` is 'openai/gpt-4', which retired on 2026-10-23",
        f"warning: {file}: `$.routing.default.rules[0].use[0]` is 'openai/o1', which retired on 2026-10-23",
        f"warning: {file}: `$.budgets.downgrade.cascade[1]` is 'openai/o4-mini', which retired on 2026-10-23",
    ]
    assert said[1].startswith("hint: write `openai/gpt-5.")
    assert said[3] == "hint: name a model that stays"


@pytest.mark.parametrize(("text", "place", "way_out"), WRONG, ids=[w[0][:40] for w in WRONG])
def test_a_wrong_file_is_told_by_place_value_and_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, place: str, way_out: str
) -> None:
    """Exit 2 and words on standard error; never a traceback."""
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    assert main(["check", "-c", str(file)]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith(f"error: {file}: ")
    assert place in said.err
    assert way_out in said.err


def test_what_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file, a directory, a key store that is none."""
    assert main(["check", "-c", str(tmp_path / "absent.yaml")]) == 2
    assert "hint: pass another file with -c FILE" in capsys.readouterr().err
    assert main(["check", "-c", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err
    (tmp_path / "keys.sqlite3").write_text("no database")
    file = tmp_path / "gateway.yaml"
    file.write_text(f"server: {{ data_dir: {tmp_path} }}")
    assert main(["check", "-c", str(file)]) == 2
    said = capsys.readouterr().err
    assert "`$.server.data_dir`" in said
    assert "not a database" in said


def test_a_secret_is_never_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong about a key is said without the key."""
    file = tmp_path / "gateway.yaml"
    file.write_text("keys: { a: { key: sk-agentcc-very-secret-1 }, b: { key: sk-agentcc-very-secret-1 } }")
    assert main(["check", "-c", str(file)]) == 2
    assert "very-secret" not in capsys.readouterr().err


def test_deployments_are_listed_and_their_end_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose credentials have all ended is good, and says so."""
    file = tmp_path / "gateway.yaml"
    entries = "[{ name: eu, api_key: sk-secret-1, until: 2020-01-01T00:00:00Z }, { name: us, api_key: sk-secret-2%s }]"
    for ends, warns in (("", False), (", until: 2021-01-01T00:00:00Z", True)):
        file.write_text(
            f"server: {{ data_dir: {tmp_path} }}\nproviders: {{ openai: {{ deployments: {entries % ends} }} }}"
        )
        assert main(["check", "-c", str(file)]) == 0
        said = capsys.readouterr()
        assert "providers: openai (eu, us);" in said.out
        assert (
            "`$.providers.openai.deployments` have all ended, the last one at 2021-01-01T00:00:00Z" in said.err
        ) is warns
        assert "sk-secret" not in said.out + said.err
