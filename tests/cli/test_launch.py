"""`agentcc launch`: how each agent is started, and that the real ones then talk to the gateway.

The real ones are looked for under $AGENTCC_CLI_PREFIX (`<prefix>/node_modules/.bin/codex` or
`<prefix>/codex/node_modules/.bin/codex`), the mock providers under ../shared/acceptance.
"""

import http.client
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.clients import CLIENTS, Command, Target
from gateway.cli.main import main
from gateway.cli.usage_error import UsageError

ROOT = Path(__file__).parents[2]
KEY = "sk-agentcc-the-key-of-the-launch-tests"
PROVIDER = {"codex": "openai", "claude": "anthropic", "gemini": "gemini"}
AGENTCC = "import sys; from gateway.cli.main import main; sys.exit(main(sys.argv[1:]))"
HEADLESS: dict[str, tuple[list[str], str]] = {
    # what a real agent is asked, and what it then shows
    "codex": (
        ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "hi [[mock:text]]"],
        "MOCK-TEXT-OK",
    ),
    "claude": (["-p", "hi [[mock:text]]"], "MOCK-TEXT-DONE"),
    "gemini": (["-p", "hi [[mock:text]]", "--yolo"], "MOCK-TEXT-DONE"),
}


# === what the tests of keys, launch and setup share ===


def real_agent(name: str) -> Path:
    """The installed agent, or a skip that says what is missing."""
    prefix = os.environ.get("AGENTCC_CLI_PREFIX")
    if not prefix:
        pytest.skip(f"AGENTCC_CLI_PREFIX is not set: the real {name} was not run")
    for folder in (Path(prefix), Path(prefix) / name):
        if (found := folder / "node_modules" / ".bin" / name).exists():
            return found
    pytest.skip(f"there is no {name} under AGENTCC_CLI_PREFIX={prefix}: the real {name} was not run")


class Gateway:
    """Stands in for the gateway: answers /healthz, forwards the rest to a mock provider (port 0: 503), remembers it."""

    def __init__(self, upstream_port: int) -> None:
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        seen = self.seen

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.path == "/healthz" or not upstream_port:
                    self.send_response(200 if self.path == "/healthz" else 503)
                    self.send_header("content-length", "0")
                    self.end_headers()
                    return
                sent = {name.lower(): value for name, value in self.headers.items()}
                seen.append((self.command, self.path, sent, json.loads(body) if body[:1] == b"{" else None))
                upstream = http.client.HTTPConnection("127.0.0.1", upstream_port, timeout=30)
                upstream.request(self.command, self.path, body, {**sent, "connection": "close"})
                answer = upstream.getresponse()
                content = answer.read()
                upstream.close()
                self.send_response(answer.status)
                self.send_header("content-type", answer.headers.get("content-type") or "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_HEAD = handle_any  # noqa: N815 - the base class asks for these names

            def log_message(self, format: str, *args: object) -> None:
                """Be quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def turns(self) -> list[tuple[str, dict[str, str], Any]]:
        """Path, headers and body of the model calls."""
        return [(path, headers, body) for method, path, headers, body in self.seen if method == "POST"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def gateway_before(provider: str) -> Iterator[Gateway]:
    """A gateway before the mock of `openai`, `anthropic` or `gemini`."""
    mock = ROOT.parent / "shared" / "acceptance" / f"mock_{provider}.py"
    if not mock.exists():
        pytest.skip(f"{mock} is not there: nothing was run against it")
    port = free_port()
    process = subprocess.Popen([sys.executable, str(mock), "--port", str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        gateway = Gateway(port)
        try:
            yield gateway
        finally:
            gateway.close()
    finally:
        process.kill()
        process.communicate()


def clean_env(home: Path, **more: str) -> dict[str, str]:
    """An environment with a home of its own and none of the tester's keys."""
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), "IS_SANDBOX": "1", "LANG": "C.UTF-8",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "GEMINI_CLI_TRUST_WORKSPACE": "true",
        **more,
    }  # fmt: skip


def agentcc(*args: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", AGENTCC, *args], env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=90, check=False,
    )  # fmt: skip


def tree(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# === the commands ===

HOME = "/home/alice"
TARGET = Target("http://gw:8080", KEY, model="some-model")


def command(name: str, *args: str, target: Target = TARGET, **environ: str) -> Command:
    return CLIENTS[name].command(target, args, {"HOME": HOME, **environ})


@pytest.mark.parametrize("name", ["codex", "claude", "opencode"])
def test_the_key_is_in_no_argument(name: str) -> None:
    """Arguments can be read by everybody on the machine; what the developer wrote comes last, untouched."""
    made = command(name, "exec", "--flag", "a b")
    assert not any(KEY in arg for arg in made.args)
    assert made.args[-3:] == ("exec", "--flag", "a b")
    assert made.env["AGENTCC_KEY"] == KEY


def test_codex_gets_a_provider_of_its_own() -> None:
    """0.169.0 ignores OPENAI_BASE_URL and reserves the names of its own providers."""
    args = command("codex").args
    assert args == (
        "-c", 'model_provider="agentcc"',
        "-c", 'model_providers.agentcc={name="agentcc",base_url="http://gw:8080/v1",wire_api="responses",env_key="AGENTCC_KEY"}',
        "-m", "some-model",
    )  # fmt: skip


def test_claude_gets_settings_that_win_over_its_files() -> None:
    """An `env` block of settings.json wins over the environment, so the environment alone would not do."""
    made = command("claude")
    settings = json.loads(made.args[made.args.index("--settings") + 1])
    assert settings == {
        "env": {"ANTHROPIC_BASE_URL": "http://gw:8080", "ANTHROPIC_AUTH_TOKEN": "", "ANTHROPIC_API_KEY": ""},
        "apiKeyHelper": 'printf %s "$AGENTCC_KEY"',
    }
    assert made.unset == ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY")
    own = command("claude", "--settings", "mine.json")
    assert own.args == ("--model", "some-model", "--settings", "mine.json")
    assert (own.env["ANTHROPIC_AUTH_TOKEN"], own.unset) == (KEY, ("ANTHROPIC_API_KEY",))


@pytest.mark.parametrize(
    ("settings", "is_ours"),
    [
        (None, False),
        ("{}", False),
        ("not json", False),
        ('{"security":{"auth":{"selectedType":"oauth-personal"}}}', False),
        ('{"security":{"auth":{"selectedType":"gemini-api-key"}}}', True),
    ],
)
def test_gemini_is_not_started_past_the_gateway(tmp_path: Path, settings: str | None, is_ours: bool) -> None:
    """With another login it would go to Google, whatever the environment says."""
    (tmp_path / ".gemini").mkdir()
    if settings is not None:
        (tmp_path / ".gemini" / "settings.json").write_text(settings)
    if is_ours:
        made = CLIENTS["gemini"].command(TARGET, ("-p", "hi"), {"HOME": str(tmp_path)})
        assert made.args == ("-m", "some-model", "-p", "hi")
        assert made.env == {"GOOGLE_GEMINI_BASE_URL": "http://gw:8080", "GEMINI_API_KEY": KEY}
    else:
        with pytest.raises(UsageError, match="agentcc setup gemini"):
            CLIENTS["gemini"].command(TARGET, (), {"HOME": str(tmp_path)})


def test_opencode_gets_its_configuration_beside_the_developers_own() -> None:
    own = {"theme": "dark", "provider": {"other": {"name": "x"}}}
    content = json.loads(command("opencode", OPENCODE_CONFIG_CONTENT=json.dumps(own)).env["OPENCODE_CONFIG_CONTENT"])
    assert (content["theme"], content["model"], list(content["provider"])) == (
        "dark",
        "agentcc/some-model",
        ["other", "agentcc"],
    )
    options = content["provider"]["agentcc"]["options"]
    assert options == {"baseURL": "http://gw:8080/v1", "apiKey": "{env:AGENTCC_KEY}"}
    with pytest.raises(UsageError, match="--model"):
        command("opencode", target=Target("http://gw:8080", KEY))
    with pytest.raises(UsageError, match="is not JSON"):
        command("opencode", OPENCODE_CONFIG_CONTENT="{")


# === where and with which key ===


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """An agent that prints how it was started and ends with 7."""
    path = tmp_path / "agent"
    path.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "print(json.dumps({'args': sys.argv[1:], 'env': dict(os.environ)}))\nsys.exit(7)\n"
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    stand_in = Gateway(0)
    yield stand_in
    stand_in.close()


def test_launch_becomes_the_agent(agent: Path, gateway: Gateway, tmp_path: Path) -> None:
    """Its arguments, its environment, its exit code; nothing is written."""
    home = tmp_path / "home"
    env = clean_env(home, KEEP="me", ANTHROPIC_API_KEY="sk-ant-mine")
    done = agentcc(
        "launch", "claude", "--base-url", gateway.url + "/v1/", "--key", KEY, "--bin", str(agent), "--", "-p", "--", "x",
        env=env, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (7, "")
    started = json.loads(done.stdout)
    assert started["args"][-3:] == ["-p", "--", "x"]
    assert started["env"]["KEEP"] == "me"
    assert started["env"]["ANTHROPIC_BASE_URL"] == gateway.url
    assert "ANTHROPIC_API_KEY" not in started["env"]
    assert tree(home) == {}


@pytest.mark.parametrize("rest", [["--", "exec", "-m", "x"], ["exec", "-m", "x"]])
def test_the_agents_own_arguments_may_follow_directly(
    agent: Path, gateway: Gateway, tmp_path: Path, rest: list[str]
) -> None:
    done = agentcc(
        "launch", "codex", "--bin", str(agent), *rest, cwd=tmp_path,
        env=clean_env(tmp_path / "home", AGENTCC_BASE_URL=gateway.url, AGENTCC_KEY=KEY),
    )  # fmt: skip
    assert json.loads(done.stdout)["args"][-3:] == ["exec", "-m", "x"]


def test_the_gateways_file_gives_url_and_key(agent: Path, gateway: Gateway, tmp_path: Path) -> None:
    """A listener on all addresses is reached on loopback; the one usable key is taken, others are not."""
    (tmp_path / "gateway.yaml").write_text(
        f"server: {{ host: 0.0.0.0, port: {gateway.port} }}\n"
        f'keys: {{ dev: {{ key: "{KEY}" }}, old: {{ key: "sk-agentcc-old-one", expires: "2020-01-01T00:00:00Z" }},\n'
        '  ci: { key: "${CI_KEY_THAT_IS_NOT_SET}" } }\n'
    )
    done = agentcc("launch", "codex", "--bin", str(agent), env=clean_env(tmp_path / "home"), cwd=tmp_path)
    started = json.loads(done.stdout)
    assert started["env"]["AGENTCC_KEY"] == KEY
    assert f'base_url="http://127.0.0.1:{gateway.port}/v1"' in started["args"][3]


def test_the_file_that_serve_made_is_found(agent: Path, gateway: Gateway, tmp_path: Path) -> None:
    """`agentcc serve` and then `agentcc launch codex`, in the same folder, is all that a newcomer types."""
    (tmp_path / "agentcc-data").mkdir()
    (tmp_path / "agentcc-data" / "gateway.yaml").write_text(
        f'server: {{ port: {gateway.port} }}\nkeys: {{ dev: {{ key: "{KEY}" }} }}\n'
        'providers: { openai: { api_key: none, base_url: "${AGENTCC_SIMULATOR_URL}" } }\n'
    )
    done = agentcc("launch", "codex", "--bin", str(agent), env=clean_env(tmp_path / "home"), cwd=tmp_path)
    assert json.loads(done.stdout)["env"]["AGENTCC_KEY"] == KEY


@pytest.mark.parametrize(
    ("args", "file", "words"),
    [
        (["--key", KEY], None, ["where is the gateway?", "--base-url"]),
        (["--base-url", "{gateway}"], None, ["which key?", "AGENTCC_KEY"]),
        (["--base-url", "{gateway}"], 'keys: { a: { key: "12345678" }, b: { key: "abcdefgh" } }', ["2 keys (a, b)"]),
        (["--base-url", "{gateway}"], "keys: {}", ["no key that can be used here"]),
        (["--base-url", "gw:8080", "--key", KEY], None, ["`gw:8080` is no base URL"]),
        (["--key", KEY], "server: { port: 0 }", ["any free port"]),
        (["--key", KEY], "server: { prot: 1 }", ["did you mean `port`?"]),
        (
            ["--base-url", "http://127.0.0.1:{closed}", "--key", KEY],
            None,
            ["no gateway answers at http://127.0.0.1:", "agentcc serve"],
        ),
        (["--base-url", "{gateway}/nothing", "--key", KEY], None, ["answers 5", "is that an agentcc gateway?"]),
        (
            ["--base-url", "{gateway}", "--key", KEY, "--bin", "/nowhere/codex"],
            None,
            ["`/nowhere/codex` cannot be run"],
        ),
    ],
)
def test_what_cannot_be_launched_says_why(
    agent: Path, gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    args: list[str], file: str | None, words: list[str],
) -> None:  # fmt: skip
    """Exit code 2 and the way out; the agent is not started."""
    monkeypatch.chdir(tmp_path)
    for name in ("AGENTCC_BASE_URL", "AGENTCC_KEY"):
        monkeypatch.delenv(name, raising=False)
    if file is not None:
        (tmp_path / "gateway.yaml").write_text(file)
    filled = [arg.replace("{gateway}", gateway.url).replace("{closed}", str(free_port())) for arg in args]
    with_bin = filled if "--bin" in filled else [*filled, "--bin", str(agent)]
    assert main(["launch", "codex", *with_bin]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert all(word in err for word in words), err
    assert KEY not in err


def test_an_agent_that_is_not_installed_says_how_to_install_it(tmp_path: Path) -> None:
    done = agentcc("launch", "opencode", env={**clean_env(tmp_path / "home"), "PATH": "/nowhere"}, cwd=tmp_path)
    assert done.returncode == 2
    assert "npm install -g opencode-ai" in done.stderr


# === the real agents ===


@pytest.mark.clients
@pytest.mark.parametrize("name", ["codex", "claude", "gemini"])
def test_a_real_agent_works_when_launched(name: str, tmp_path: Path) -> None:
    """It answers, brings our key to the gateway, and its configuration stays as it was."""
    program = real_agent(name)
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    env = clean_env(home, AGENTCC_KEY=KEY)
    config = {
        "codex": ("config.toml", 'model_provider = "openai"\n'),
        "claude": (
            "settings.json",
            '{"env":{"ANTHROPIC_BASE_URL":"http://127.0.0.1:1","ANTHROPIC_AUTH_TOKEN":"theirs"}}',
        ),
        "gemini": ("settings.json", '{"security":{"auth":{"selectedType":"gemini-api-key"}}}'),
    }[name]
    own = CLIENTS[name].home(env)
    own.mkdir()
    (own / config[0]).write_text(config[1])
    model = {"codex": "gpt-5.5", "claude": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash"}[name]
    asked, shown = HEADLESS[name]
    with gateway_before(PROVIDER[name]) as gateway:
        done = agentcc(
            "launch",
            name,
            "--base-url",
            gateway.url,
            "--bin",
            str(program),
            "--model",
            model,
            "--",
            *asked,
            env=env,
            cwd=work,
        )
        assert shown in done.stdout, done.stderr
        assert done.returncode == 0
        turns = gateway.turns()
    assert turns
    for path, headers, body in turns:
        sent = headers.get("authorization", "").removeprefix("Bearer ") or headers.get("x-goog-api-key")
        assert sent == KEY, path
        assert model in (path if name == "gemini" else body["model"])
    assert (own / config[0]).read_text() == config[1]


@pytest.mark.clients
def test_the_real_codex_edits_files_and_passes_its_exit_code(tmp_path: Path) -> None:
    """The whole loop of shell and apply_patch; and a failing turn is exit code 1."""
    program = real_agent("codex")
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    git = shutil.which("git")
    assert git
    subprocess.run([git, "init", "-q", str(work)], check=True)
    flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    with gateway_before("openai") as gateway:
        env = clean_env(home, AGENTCC_KEY=KEY, AGENTCC_BASE_URL=gateway.url)
        start = ["launch", "codex", "--bin", str(program), "--model", "gpt-5.5", "--", "exec", *flags]
        done = agentcc(*start, "the whole loop [[mock:loop]]", env=env, cwd=work)
        assert "MOCK-LOOP-DONE saw=yes" in done.stdout, done.stderr
        assert (work / "hello_mock.txt").read_text().strip() == "hello from apply_patch"
        failed = agentcc(
            *start, "no [[mock:http status=400;code=invalid_prompt;message=NO-SAYS-THE-MOCK]]", env=env, cwd=work
        )
        assert failed.returncode == 1
        assert "NO-SAYS-THE-MOCK" in failed.stderr
