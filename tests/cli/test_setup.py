"""`agentcc setup`: what it writes into an agent's files, what it refuses, and that `--undo` puts them back.

How the real agents are found: tests/cli/test_launch.py.
"""

import json
import stat
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli.clients import CLIENTS
from gateway.cli.main import main
from tests.cli.test_launch import HEADLESS, KEY, PROVIDER, agentcc, clean_env, gateway_before, real_agent, tree

URL = "http://gw:8080"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with a home of its own; gives exit code, standard output and standard error."""
    for name in ("AGENTCC_BASE_URL", "AGENTCC_KEY", "CODEX_HOME", "CLAUDE_CONFIG_DIR", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(client: str, *args: str, url: str = URL) -> tuple[int, str, str]:
        code = main(["setup", client, *(["--base-url", url] if url else []), *args])
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


CODEX_OURS = {"name": "agentcc", "base_url": f"{URL}/v1", "wire_api": "responses", "env_key": "AGENTCC_KEY"}
CODEX_FILES = {
    "empty": "",
    "no last newline": "# mine\nmodel = 'gpt-5.5'",
    "comments, order, tables": (
        '# top comment\n\nmodel_reasoning_effort = "high"   # why not\n\n[model_providers.other]\nname = "o"\n'
        'base_url = "http://o" \n\n[projects."/src/a b"]\ntrust_level = "trusted"\n\n# the end\n'
    ),
    "windows": 'model = "gpt-5.5"\r\n[tui]\r\ntheme = "x"\r\n',
    "byte order mark": '\ufeffmodel = "gpt-5.5"\n[tui]\n',
    "ours already, by hand": 'model_provider = "agentcc"\n[tui]\n',
    "array of tables, dotted keys, brackets in strings": (
        'a.b = 1\ntext = """\n[not.a.table]\nmodel_provider = "no"\n"""\nlist = [\n  1,\n]\n[[hooks]]\nx = 1\n'
    ),
}


@pytest.mark.parametrize("text", CODEX_FILES.values(), ids=CODEX_FILES)
def test_codex_config_keeps_all_that_was_in_it(run: Run, tmp_path: Path, text: str) -> None:
    """Every line of the user's stands there, in order; setup again changes nothing; undo gives back the very bytes."""
    path = tmp_path / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_bytes(text.encode())
    path.chmod(0o640)
    assert run("codex")[0] == 0
    made = path.read_bytes().decode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    left = iter(made.splitlines())
    assert all(line in left for line in text.removeprefix("\ufeff").splitlines())
    config = tomllib.loads(made.removeprefix("\ufeff"))
    before = tomllib.loads(text.removeprefix("\ufeff"))
    assert config.pop("model_provider") == "agentcc"
    assert config["model_providers"].pop("agentcc") == CODEX_OURS
    before.pop("model_provider", None)
    assert config == {"model_providers": {}, **before}
    code, _, err = run("codex")
    assert (code, "is set up already" in err, path.read_bytes().decode()) == (0, True, made)
    assert run("codex", "--undo")[0] == 0
    assert path.read_bytes() == text.encode()
    assert [p.name for p in path.parent.iterdir()] == ["config.toml"]


FRESH: dict[str, tuple[list[str], dict[str, object]]] = {
    "codex": (
        ["--model", "gpt-5.5", "--key-env", "MY_KEY"],
        {".codex/config.toml": {"model_provider": "agentcc", "model": "gpt-5.5", "model_providers": {"agentcc": {**CODEX_OURS, "env_key": "MY_KEY"}}}},
    ),
    "codex with its key": (
        ["--key", KEY],
        {".codex/config.toml": {"model_provider": "agentcc", "model_providers": {"agentcc": {
            "name": "agentcc", "base_url": f"{URL}/v1", "wire_api": "responses", "experimental_bearer_token": KEY}}}},
    ),
    "claude": (
        ["--model", "claude-x"],
        {".claude/settings.json": {"env": {"ANTHROPIC_BASE_URL": URL}, "apiKeyHelper": 'printf %s "$AGENTCC_KEY"', "model": "claude-x"}},
    ),
    "claude with its key": (
        ["--key", KEY], {".claude/settings.json": {"env": {"ANTHROPIC_BASE_URL": URL, "ANTHROPIC_AUTH_TOKEN": KEY}}},
    ),
    "gemini": (
        ["--model", "gemini-x"],
        {".gemini/settings.json": {"security": {"auth": {"selectedType": "gemini-api-key"}}, "model": {"name": "gemini-x"}},
         ".gemini/.env": {"GOOGLE_GEMINI_BASE_URL": URL}},
    ),
    "gemini with its key": (
        ["--key", KEY],
        {".gemini/settings.json": {"security": {"auth": {"selectedType": "gemini-api-key"}}},
         ".gemini/.env": {"GOOGLE_GEMINI_BASE_URL": URL, "GEMINI_API_KEY": KEY}},
    ),
}  # fmt: skip


def parsed(path: Path) -> object:
    text = path.read_text()
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix == ".json":
        return json.loads(text)
    return dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize(("args", "want"), FRESH.values(), ids=FRESH)
def test_a_fresh_agent_is_set_up_and_cleared_again(
    run: Run, tmp_path: Path, request: pytest.FixtureRequest, args: list[str], want: dict[str, object]
) -> None:
    """Only its owner can read what was made; undo leaves no file behind."""
    client = request.node.callspec.id.split()[0]
    assert run(client, *args)[0] == 0
    assert {name: parsed(tmp_path / name) for name in want} == want
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert len(files) == 2 * len(want), "each with its undo file"
    code, _, err = run(client, "--undo", url="")
    assert (code, err.count("which setup had made")) == (0, len(want))
    assert tree(tmp_path) == {}
    assert run(client, "--undo", url="")[2].startswith("nothing to undo")


def test_the_key_stays_out_of_the_files_unless_it_is_given(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the key in the environment is written; the developer is told which variable to export."""
    monkeypatch.setenv("AGENTCC_KEY", KEY)
    for client, variable in (("codex", "AGENTCC_KEY"), ("claude", "AGENTCC_KEY"), ("gemini", "GEMINI_API_KEY")):
        _, out, err = run(client)
        assert f"export {variable}=" in err
        assert KEY not in out + err
    assert not any(KEY.encode() in content for content in tree(tmp_path).values())


@pytest.mark.parametrize("client", ["codex", "claude", "gemini"])
def test_print_shows_it_and_writes_nothing(run: Run, tmp_path: Path, client: str) -> None:
    code, out, _ = run(client, "--print")
    assert code == 0
    assert URL in out
    assert str(tmp_path) in out
    assert tree(tmp_path) == {}


def test_settings_of_json_files_are_merged(run: Run, tmp_path: Path) -> None:
    """Order, indentation and everything else stay; undo gives back the very bytes, however they were laid out."""
    path = tmp_path / ".claude" / "settings.json"
    path.parent.mkdir()
    text = '{\n    "permissions": {"allow": ["Bash(ls:*)"]},\n    "env": {"FOO": "bär"},\n    "theme": "dark"}'
    path.write_text(text)
    assert run("claude")[0] == 0
    made = path.read_text()
    assert list(json.loads(made)) == ["permissions", "env", "theme", "apiKeyHelper"]
    assert json.loads(made)["env"] == {"FOO": "bär", "ANTHROPIC_BASE_URL": URL}
    assert '\n    "env": {\n        "FOO": "bär"' in made
    assert run("claude", "--undo", url="")[0] == 0
    assert path.read_text() == text


CONFLICTS: dict[str, tuple[list[str], dict[str, str], list[str]]] = {
    "codex provider": ([], {".codex/config.toml": 'model_provider = "corp" # mine\n[a]\nmodel_provider = "x"\n'}, ['`model_provider = "corp"`']),
    "codex model": (["--model", "gpt-5.5"], {".codex/config.toml": 'model = "gpt-6"\n'}, ['`model = "gpt-6"`']),
    "codex table": (
        [], {".codex/config.toml": '[model_providers.agentcc]\nname = "x"\n\n[model_providers.agentcc.http_headers]\na = "b"\n[z]\n'},
        ["`[model_providers.agentcc]`"],
    ),
    "claude url": ([], {".claude/settings.json": '{"env": {"ANTHROPIC_BASE_URL": "http://old"}}\n'}, ["env.ANTHROPIC_BASE_URL", "http://old"]),
    "claude key": ([], {".claude/settings.json": '{"env": {"ANTHROPIC_API_KEY": "sk-ant-secret"}}\n'}, ["env.ANTHROPIC_API_KEY"]),
    "claude helper": ([], {".claude/settings.json": '{"apiKeyHelper": "/bin/corp-secret"}'}, ["apiKeyHelper", "something else"]),
    "gemini login": (
        [], {".gemini/settings.json": '{"security": {"auth": {"selectedType": "oauth-personal"}}}'}, ["security.auth.selectedType", "oauth-personal"],
    ),
    "gemini key": (["--key", KEY], {".gemini/.env": "A=1\nexport GEMINI_API_KEY=secret\nB=2"}, ["GEMINI_API_KEY"]),
}  # fmt: skip


@pytest.mark.parametrize(("args", "files", "words"), CONFLICTS.values(), ids=CONFLICTS)
def test_a_setting_made_by_hand_is_not_replaced_without_force(
    run: Run, tmp_path: Path, request: pytest.FixtureRequest, args: list[str], files: dict[str, str], words: list[str]
) -> None:
    """It says which; with --force it comes back on undo, also when the file was edited in between."""
    client = request.node.callspec.id.split()[0]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    before = tree(tmp_path)
    code, _, err = run(client, *args)
    assert (code, tree(tmp_path)) == (2, before)
    assert err.startswith("error: ")
    assert all(word in err for word in [*words, "--force"]), err
    assert "secret" not in err
    assert run(client, *args, "--force")[0] == 0
    assert run(client, "--undo", url="")[0] == 0
    assert tree(tmp_path) == before
    # the same with an edit in between
    assert run(client, *args, "--force")[0] == 0
    name = next(iter(files))
    path = tmp_path / name
    is_json = path.suffix == ".json"
    path.write_text(path.read_text().replace("{", '{"later": 1, ', 1) if is_json else path.read_text() + "# later\n")
    code, _, err = run(client, "--undo", url="")
    assert (code, "was edited since" in err) == (0, True)
    if is_json:
        assert json.loads(path.read_text()) == {"later": 1, **json.loads(files[name])}
    else:
        want = files[name] if files[name].endswith("\n") else files[name] + "\n"
        assert path.read_text() == want + "# later\n"


def test_undo_keeps_what_was_edited_since(run: Run, tmp_path: Path) -> None:
    """Only our settings go; a value of ours that was changed since is the user's own now."""
    assert run("claude", "--model", "claude-x")[0] == 0
    path = tmp_path / ".claude" / "settings.json"
    found = json.loads(path.read_text())
    found["env"]["ANTHROPIC_BASE_URL"] = "http://mine"
    found["theme"] = "dark"
    path.write_text(json.dumps(found))
    code, _, err = run("claude", "--undo", url="")
    assert (code, "was edited since" in err) == (0, True)
    assert json.loads(path.read_text()) == {"env": {"ANTHROPIC_BASE_URL": "http://mine"}, "theme": "dark"}


def test_setup_again_after_an_edit_keeps_the_edit(run: Run, tmp_path: Path) -> None:
    """Another URL replaces ours only; undo then gives the user's file with the edit."""
    path = tmp_path / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text("# mine\n")
    run("codex")
    path.write_text(path.read_text() + "[tui]\n")
    assert run("codex", url="https://other/v1")[0] == 0
    assert tomllib.loads(path.read_text())["model_providers"]["agentcc"]["base_url"] == "https://other/v1"
    assert path.read_text().count("# >>> agentcc") == 2
    run("codex", "--undo", url="")
    assert path.read_text() == "# mine\n[tui]\n"


@pytest.mark.parametrize("text", CODEX_FILES.values(), ids=CODEX_FILES)
def test_undo_after_an_edit_takes_out_our_lines_only(run: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_bytes(text.encode())
    run("codex")
    path.write_bytes(path.read_bytes() + b"[later]\n")
    assert run("codex", "--undo", url="")[0] == 0
    end = "" if text.endswith("\n") or not text else "\n"
    assert path.read_bytes().decode() == text + end + "[later]\n"


def test_undo_works_without_its_record_where_our_lines_are_marked(run: Run, tmp_path: Path) -> None:
    path = tmp_path / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text("# mine\n")
    run("codex")
    (tmp_path / ".codex" / "config.toml.agentcc-undo").unlink()
    assert run("codex", "--undo", url="")[0] == 0
    assert path.read_text() == "# mine\n"


def test_a_linked_file_stays_a_link(run: Run, tmp_path: Path) -> None:
    """Dotfiles folders: the file behind the link is edited."""
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / ".codex").mkdir()
    real, link = tmp_path / "dotfiles" / "codex.toml", tmp_path / ".codex" / "config.toml"
    real.write_text("# mine\n")
    link.symlink_to(real)
    run("codex")
    assert link.is_symlink()
    assert "agentcc" in real.read_text()
    run("codex", "--undo", url="")
    assert real.read_text() == "# mine\n"


UNEDITABLE: dict[str, tuple[str, bytes, str]] = {
    "codex broken": (".codex/config.toml", b"model = \n", "is not valid TOML"),
    "codex inline providers": (
        ".codex/config.toml",
        b'model_providers = { a = { name = "x" } }\n',
        "cannot be edited safely",
    ),
    "codex latin-1": (".codex/config.toml", b"# \xe9\n", "is not UTF-8 text"),
    "claude broken": (".claude/settings.json", b"{", "is not plain JSON"),
    "claude list": (".claude/settings.json", b"[]", "is not a JSON object"),
    "gemini comments": (".gemini/settings.json", b'{ // mine\n "a": 1 }', "is not plain JSON"),
}


@pytest.mark.parametrize(("name", "content", "words"), UNEDITABLE.values(), ids=UNEDITABLE)
def test_a_file_that_cannot_be_edited_safely_is_left_alone(
    run: Run, tmp_path: Path, request: pytest.FixtureRequest, name: str, content: bytes, words: str
) -> None:
    """Nor is the other file of the same agent touched."""
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_bytes(content)
    code, _, err = run(request.node.callspec.id.split()[0], "--force")
    assert (code, words in err) == (2, True), err
    assert tree(tmp_path) == {name: content}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["codex", "--key", KEY, "--key-env", "X"], "exclude each other"),
        (["codex", "--key-env", "not a name"], "is no variable's name"),
        (["codex", "--key", 'sk"\n'], "characters that no agentcc key has"),
        (["gemini", "--key-env", "MY_KEY"], "GEMINI_API_KEY only"),
        (["codex", "--base-url", "ftp://x"], "is no base URL"),
    ],
)
def test_arguments_that_cannot_work_are_refused(run: Run, tmp_path: Path, args: list[str], words: str) -> None:
    code, _, err = run(*args)
    assert (code, words in err) == (2, True), err
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("client", "variable", "inside"), [("codex", "CODEX_HOME", ""), ("claude", "CLAUDE_CONFIG_DIR", ""), ("gemini", "GEMINI_CLI_HOME", ".gemini")]
)  # fmt: skip
def test_an_agents_own_rule_for_its_folder_is_followed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str, variable: str, inside: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    run(client)
    assert any((tmp_path / "elsewhere" / inside).glob("*.agentcc-undo"))
    run(client, "--config-home", str(tmp_path / "here"))
    assert any((tmp_path / "here").glob("*.agentcc-undo"))


# === the real agents ===


@pytest.mark.clients
@pytest.mark.parametrize("with_key", [False, True], ids=["key in a variable", "key in the file"])
@pytest.mark.parametrize("name", ["codex", "claude", "gemini"])
def test_a_real_agent_works_when_set_up(name: str, with_key: bool, tmp_path: Path) -> None:
    """Plain `codex exec`, with nothing on its command line, comes to the gateway with our key; undo restores the bytes."""
    program = real_agent(name)
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    variable = "GEMINI_API_KEY" if name == "gemini" else "AGENTCC_KEY"
    env = clean_env(home, **({} if with_key else {variable: KEY}))
    own = CLIENTS[name].home(env)
    own.mkdir()
    config, text = {
        "codex": ("config.toml", '# mine\nmodel_reasoning_effort = "low"\n\n[tui]\nnotifications = false'),
        "claude": ("settings.json", '{"env":{"FOO":"bar"},  "includeCoAuthoredBy":false}'),
        "gemini": (
            "settings.json",
            '{"privacy":{"usageStatisticsEnabled":false},"general":{"enableAutoUpdate":false}}',
        ),
    }[name]
    (own / config).write_text(text)
    model = {"codex": "gpt-5.5", "claude": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash"}[name]
    with gateway_before(PROVIDER[name]) as gateway:
        key = ["--key", KEY] if with_key else []
        done = agentcc("setup", name, "--base-url", gateway.url, "--model", model, *key, env=env, cwd=work)
        assert done.returncode == 0, done.stderr
        asked, shown = HEADLESS[name]
        real = subprocess.run(
            [str(program), *asked], env=env, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90,
            check=False,
        )  # fmt: skip
        turns = gateway.turns()
    assert shown in real.stdout, real.stderr
    assert turns
    for path, headers, body in turns:
        sent = headers.get("authorization", "").removeprefix("Bearer ") or headers.get("x-goog-api-key")
        assert sent == KEY, path
        assert model in (path if name == "gemini" else body["model"])
    undone = agentcc("setup", name, "--undo", env=env, cwd=work)
    assert (undone.returncode, (own / config).read_text()) == (0, text), undone.stderr
    assert not [path.name for path in own.iterdir() if "agentcc" in path.name or path.name == ".env"]
