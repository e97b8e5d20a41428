"""A configuration error names the place, the value and the way out; nothing written is silently ignored."""

from pathlib import Path

import pytest

from gateway.base.config import ConfigError, is_placeholder, load, load_elsewhere, load_or_kept, parse

WRONG = [
    (b"server: {hoost: 1}", "$.server.hoost", "not a known field", "did you mean `host`?"),
    (b"server: {port: 99999}", "$.server.port", "is 99999", ""),
    (b"server: {workers: two}", "$.server.workers", "'two'", ""),
    (b"server: {admin: {prt: 1}}", "$.server.admin.prt", "not a known field", "did you mean `port`?"),
    (b"keys: {a: {key: '${NOPE}'}}", "$.keys.a.key", "environment variable NOPE", "export NOPE="),
    (b"keys: {a: {key: abc}}", "$.keys.a.key", "length >= 8", ""),
    (b"a: 1\na: 2", "line 2, column 1", "written twice", ""),
    (b"providers: {anthropic: {}, openai: {dialct: x}}", "$.providers.openai.dialct", "not a known field", "dialect"),
    (b"providers: {openai: {dialect: xx}}", "$.providers.openai.dialect", "is 'xx'", ""),
    (b"models: {prices: {a/b: {input_per_mtok: -1, output_per_mtok: 2}}}", "a/b.input_per_mtok", "is -1", ""),
    (b"cache: {}", "$.cache", "not served by this version", "nothing would enforce it"),
    (b"server: {interface: asgy}", "$.server.interface", "is 'asgy'", "did you mean `asgi`?"),
    (b"keys: {a.b: {key: abcdefgh}, c.d/e: {key: abcdefgh, tags: {x.y: z, v: 1}}}", "$.keys.c.d/e.tags.v", "is 1", ""),
    (b"keys: {'7': {key: abc}}", "$.keys.7.key", "length >= 8", ""),
    (b"x: " + b"9" * 5000, "$", "not valid YAML", ""),
    (b"x: [", "line 1, column 5", "not valid YAML", ""),
    (b"- a", "$", "must be a mapping", ""),
    (b"1: a", "line 1, column 1", "not a string", ""),
    (b"\xff\xfe\x00", "$", "not valid YAML", ""),
]


@pytest.mark.parametrize(("text", "path", "problem", "hint"), WRONG, ids=[w[1] for w in WRONG])
def test_error_names_place_value_and_way_out(text: bytes, path: str, problem: str, hint: str) -> None:
    """Each wrong file gives one error with its path, what is wrong there, and a hint where there is one."""
    with pytest.raises(ConfigError) as caught:
        parse(text, environ={})
    assert path in f"{caught.value.path}"
    assert problem in str(caught.value)
    assert hint in caught.value.hint


def test_a_rejected_secret_is_not_shown() -> None:
    """An error about a key never prints the key."""
    with pytest.raises(ConfigError) as caught:
        parse(b"keys: {a: {key: s3cr3t}}")
    assert "s3cr3t" not in str(caught.value)


def test_environment_fills_values_and_defaults() -> None:
    """`${NAME}` and `${NAME:-default}` are replaced in every string."""
    text = b'keys: {a: {key: "${K}-tail", user: "${U:-nobody}"}}'
    key = parse(text, environ={"K": "sk-agentcc-1"}).config.keys["a"]
    assert (key.key, key.user) == ("sk-agentcc-1-tail", "nobody")


def test_version_follows_the_text_not_the_environment() -> None:
    """The policy version is a hash of what is written, so that it can be published."""
    text = b'keys: {a: {key: "${K}"}}'
    first = parse(text, environ={"K": "12345678"})
    assert first.version == parse(text, environ={"K": "87654321"}).version
    assert first.version != parse(text + b"\n# x", environ={"K": "12345678"}).version


def test_an_empty_file_is_the_defaults() -> None:
    """Nothing written means the documented defaults."""
    config = parse(b"").config
    assert (config.server.port, config.server.limits.body_bytes, config.providers) == (8080, 64 << 20, {})


def test_a_date_stays_the_text_that_was_written() -> None:
    """YAML would make a datetime of it; the field wants RFC 3339."""
    text = b"keys: {a: {key: abcdefgh, expires: 2027-01-01T00:00:00Z}}"
    assert parse(text).config.keys["a"].expires == "2027-01-01T00:00:00Z"


def test_a_command_beside_the_gateway_may_lack_its_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that is not set here reads as a placeholder; defaults and what is set are filled as in the gateway."""
    monkeypatch.delenv("NOT_HERE", raising=False)
    monkeypatch.setenv("HERE", "sk-agentcc-here")
    file = tmp_path / "gateway.yaml"
    file.write_text(
        'keys: { a: { key: "${NOT_HERE}" }, b: { key: "${HERE}" }, c: { key: "${NOT_HERE:-sk-default}", user: x } }\n'
    )
    keys = load_elsewhere(file).keys
    assert [is_placeholder(keys[name].key) for name in "abc"] == [True, False, False]
    assert (keys["b"].key, keys["c"].key) == ("sk-agentcc-here", "sk-default")


def test_the_data_directory_is_never_a_placeholder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that guessed it would read, or make, another one."""
    monkeypatch.delenv("NOT_HERE", raising=False)
    file = tmp_path / "gateway.yaml"
    file.write_text('server: { data_dir: "${NOT_HERE}/data" }\n')
    with pytest.raises(ConfigError, match="environment variable NOT_HERE"):
        load_elsewhere(file)


def test_the_last_good_file_stands_in_for_a_bad_one(tmp_path: Path) -> None:
    """A good file wins; for a bad one the kept version comes with the reason; without a kept one the reason is raised."""
    file, kept = tmp_path / "gateway.yaml", tmp_path / "last-good.yaml"
    file.write_text("server: { port: 1 }")
    loaded, rejected = load_or_kept(str(file), str(kept), load)
    assert (loaded.config.server.port, rejected) == (1, None)
    file.write_text("server: { prot: 1 }")
    with pytest.raises(ConfigError, match="prot"):
        load_or_kept(str(file), str(kept), load)
    kept.write_text("server: { port: 2 }")
    loaded, rejected = load_or_kept(str(file), str(kept), load)
    assert (loaded.config.server.port, loaded.source) == (2, str(kept))
    assert "did you mean `port`?" in str(rejected)
