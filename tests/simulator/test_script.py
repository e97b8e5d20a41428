"""Which scenario a request plays, and what the agent does next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.answer import State
from gateway.simulator.knobs import MARKER, Knobs, load_rules, resolve
from gateway.simulator.prompt import content, free_name, understand
from gateway.simulator.script import SCENARIOS, reply
from gateway.simulator.steps import Call, Text
from gateway.simulator.tools import hands
from gateway.simulator.view import READERS, View
from tests.simulator.asking import DIALECTS, ask, client_fixture, events, payload, play


def view_of(dialect: str, body: dict[str, Any]) -> View:
    return READERS[dialect](body, str(body.get("model") or "m"), False)


def with_prompt(body: dict[str, Any], prompt: str) -> dict[str, Any]:
    """A captured first request with another prompt at its end."""
    for item in reversed(body.get("input") or body.get("messages") or body["contents"]):
        parts = item.get("content") or item.get("parts")
        if item.get("role") == "user":
            parts[-1]["text"] = prompt
            return body
    raise AssertionError("no user message")


CLIENTS = {
    "codex gpt-5.5": ("responses", "codex/custom-text-gpt-5.5.json"),
    "codex gpt-5": ("responses", "codex/custom-text-gpt-5.json"),
    "codex gpt-6.1-sol": ("responses", "codex/custom-text-gpt-6.1-sol.json"),
    "claude code": ("messages", "claude-code/post-messages-text.json"),
    "gemini cli": ("gemini", "gemini-cli/post-streamGenerateContent-text.json"),
}


@pytest.mark.parametrize(
    ("client", "shell", "edit"),
    [
        ("codex gpt-5.5", ("exec_command", False, '"cmd":"pwd'), ("apply_patch", True, "*** Add File: hello_sim.txt")),
        ("codex gpt-5", ("exec_command", False, '"cmd":"pwd'), ("exec_command", False, "apply_patch <<'EOP'")),
        ("codex gpt-6.1-sol", ("exec", True, "tools.exec_command({cmd:"), ("exec", True, "tools.apply_patch(")),
        ("claude code", ("Bash", False, '"command":"pwd'), ("Write", False, '"file_path":"/tmp/x/hello_sim.txt"')),
        (
            "gemini cli",
            ("run_shell_command", False, '"command":"pwd'),
            ("write_file", False, '"file_path":"/tmp/x/hello_sim.txt"'),
        ),
    ],
)
def test_each_client_gets_its_own_tools(client: str, shell: tuple[str, bool, str], edit: tuple[str, bool, str]) -> None:
    """The loop uses the shell and the edit tool that the real client advertises, in the client's own words."""
    dialect, fixture = CLIENTS[client]
    view = view_of(dialect, with_prompt(client_fixture(fixture), "go [[sim:loop]]"))
    can = hands(view.tools)
    made = (can.run("pwd && ls"), can.add("hello_sim.txt", "hi\n", "/tmp/x"))
    for call, (name, custom, words) in zip(made, (shell, edit), strict=True):
        assert (call.name, call.custom) == (name, custom)
        assert words in (call.text or json.dumps(call.args, separators=(",", ":")))
    assert reply(view, Knobs(scenario="loop")).steps[0].name == shell[0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fixture", "dialect"),
    [
        ("codex/custom-loop-gpt-5.5.step4.json", "responses"),
        ("codex/custom-loop-gpt-5.step4.json", "responses"),
        ("codex/custom-loop-gpt-6.1-sol.step4.json", "responses"),
        ("claude-code/post-messages-loop.step4.json", "messages"),
        ("gemini-cli/post-streamGenerateContent-loop.step4.json", "gemini"),
    ],
)
def test_loop_ends_with_text_after_three_results(fixture: str, dialect: str) -> None:
    """A history with three tool results since the prompt is at the loop's end; the last result is in the text."""
    view = view_of(dialect, client_fixture(fixture))
    assert len(view.results) == 3
    step = reply(view, Knobs(scenario="loop")).steps[-1]
    assert isinstance(step, Text)
    assert "SIM-DONE after 3" in step.text
    assert "shell-42" in step.text


def test_surroundings_are_no_prompt() -> None:
    """What a client wraps in tags is not taken for the user's words."""
    body = client_fixture("codex/custom-text-gpt-5.5.json")
    view = view_of("responses", with_prompt(body, "create fibonacci.py and run it"))
    assert view.prompt == "create fibonacci.py and run it"
    step = reply(view, Knobs()).steps
    assert [type(s).__name__ for s in step] == ["Reasoning", "Text", "Call"]


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("hello", "hello"),
        (
            "<environment_context>\n<cwd>/x</cwd></environment_context>\nhello <b>you</b> there",
            "hello <b>you</b> there",
        ),
        ("<a x='1'>one</a><b>two</b> hello\n<system-reminder>no\n</system-reminder>\n", "hello"),
        ("<unclosed> hello", "<unclosed> hello"),
        ("<context>only</context>", ""),
        ("# AGENTS.md instructions for /x\nbe nice", ""),
        ("<a>" * 50_000, "<a>" * 50_000),
    ],
)
def test_tagged_blocks_around_a_prompt_are_left_out(text: str, prompt: str) -> None:
    """Blocks before and behind the words go, tags inside stay; odd texts cost no time."""
    assert view_of("responses", {"input": text}).prompt == prompt


def test_thread_title_ignores_the_marker() -> None:
    """Codex's request for a thread title is answered in its schema, whatever the prompt inside it says."""
    body = with_prompt(client_fixture("codex/tui-thread-title.json"), "Title for: go [[sim:error status=500]]")
    made = play("/v1/responses", body)
    assert made.status == 200
    done = events(payload(made))[-1]["response"]["output"][0]["content"][0]["text"]
    assert 0 < len(json.loads(done)["title"]) <= 36


def test_compaction_gets_its_one_item() -> None:
    """Codex's remote compaction gets exactly one compaction item."""
    body = client_fixture("codex/compaction-remote-v2.step2.json")
    output = events(payload(play("/v1/responses", body)))[-1]["response"]["output"]
    assert [i["type"] for i in output] == ["compaction"]


@pytest.mark.parametrize(
    ("prompt", "kind", "path"),
    [
        ("hello", "talk", ""),
        ("what is the capital of France?", "talk", ""),
        ("create fibonacci.py and run it", "create", "fibonacci.py"),
        ("write a hello world program in javascript", "create", "hello.js"),
        ("please add a README", "create", "README.md"),
        ('create src/app.py that prints "hi"', "create", "src/app.py"),
        ("change port 80 to 8080 in config.yaml", "edit", "config.yaml"),
        ("add a comment to main.py", "edit", "main.py"),
        ("fix the bug in lib/util.ts", "edit", "lib/util.ts"),
        ("list the files here", "look", ""),
        ("explain this repo", "look", ""),
        ("run the tests", "run", ""),
        ('run "git status"', "run", ""),
        ("create ../../etc/passwd.txt file", "create", "hello.py"),
    ],
)
def test_prompts_are_understood(prompt: str, kind: str, path: str) -> None:
    """A free prompt becomes a task; a path never leaves the working folder."""
    task = understand(prompt)
    assert (task.kind, task.path) == (kind, path)


@pytest.mark.parametrize("command", ["rm -rf /", "sudo ls", "curl x | sh", "git push", "echo x > /etc/passwd"])
def test_dangerous_commands_are_not_run(command: str) -> None:
    """A quoted command that could do harm is not run; the agent shows the state of the repo instead."""
    assert understand(f'run "{command}"').command == ""


def test_existing_files_are_not_overwritten() -> None:
    """A name that the first look shows gets a neighbour."""
    assert free_name("hello.py", "-rw-r--r-- 1 root root 14 Nov 21 06:04 hello.py") == "hello_sim.py"
    assert free_name("src/hello.py", "-rw 1 hello.py\n-rw 2 hello_sim.py") == "src/hello_2.py"
    assert free_name("new.py", "hello.py") == "new.py"


def test_quotes_survive_in_written_files() -> None:
    """The user's quoted words come out of the program as they are."""
    task = understand("create hi.py that prints `it's \\ fine`")
    out: list[str] = []
    exec(content(task), {"print": out.append})
    assert out == ["it's \\ fine"]


def agent_history(prompt: str, results: list[str]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
    for n, text in enumerate(results):
        messages.append(
            {"role": "assistant", "content": [{"type": "tool_use", "id": f"t{n}", "name": "Bash", "input": {}}]}
        )
        messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{n}", "content": text}]})
    tools = [
        {"name": "Bash", "input_schema": {"properties": {"command": {}, "description": {}}, "required": ["command"]}},
        {"name": "Read", "input_schema": {"properties": {"file_path": {}}, "required": ["file_path"]}},
        {"name": "Edit", "input_schema": {"properties": {"file_path": {}, "old_string": {}, "new_string": {}}}},
        {"name": "Write", "input_schema": {"properties": {"file_path": {}, "content": {}}}},
    ]
    return {"model": "m", "messages": messages, "tools": tools}


def test_edit_changes_the_line_that_was_read() -> None:
    """An edit reads the file with the client's reader and replaces the line that holds the old words."""
    look, read = "/w\n-rw 1 a.txt\nport = 80", "1\tport = 80\n2\tlast"
    steps = [
        reply(view_of("messages", agent_history("change 80 to 8080 in a.txt", r)), Knobs()).steps
        for r in ([], [look], [look, read])
    ]
    calls = [next(s for s in made if isinstance(s, Call)) for made in steps]
    assert [c.name for c in calls] == ["Bash", "Read", "Edit"]
    assert calls[2].args == {"file_path": "/w/a.txt", "old_string": "port = 80", "new_string": "port = 8080"}


def test_edit_of_a_missing_file_creates_it() -> None:
    """What is not in the folder cannot be edited, so it is created."""
    view = view_of(
        "messages",
        agent_history("add a line to a.txt", ["/w\n-rw 1 b.txt\nsed: can't read a.txt: No such file or directory"]),
    )
    call = reply(view, Knobs()).steps[-1]
    assert isinstance(call, Call)
    assert (call.name, call.args["file_path"]) == ("Write", "/w/a.txt")


def test_refused_step_ends_the_loop() -> None:
    """When the user or the sandbox refuses a step, the agent stops."""
    view = view_of("messages", agent_history("create a.py", ["/w", "patch rejected: read-only"]))
    assert "not allowed" in reply(view, Knobs()).steps[-1].text  # type: ignore[union-attr]


def test_parallel_calls_respect_the_client() -> None:
    """Two calls in one answer, or one after the other when the client wants no parallel calls."""
    body = client_fixture("codex/custom-text-gpt-5.5.json")
    view = view_of("responses", with_prompt(body, "x"))
    assert len(reply(view, Knobs(scenario="parallel")).steps) == 2
    serial = view_of("responses", with_prompt(body, "x") | {"parallel_tool_calls": False})
    assert len(reply(serial, Knobs(scenario="parallel")).steps) == 1


def test_marker_beats_file_and_header_beats_marker() -> None:
    """Strongest first: header, marker, scenario file, command line."""
    rules = load_rules(b"- {match: 'pay', scenario: error, args: {status: 402}}\n- {match: '^gpt-5', scenario: long}\n")
    default = Knobs(scenario="text")

    def chosen(prompt: str, model: str = "m", **headers: str) -> tuple[str, dict[str, str]]:
        made = resolve(default, rules, headers.get, prompt, model)
        return made.scenario, made.args

    assert chosen("hello") == ("text", {})
    assert chosen("please pay") == ("error", {"status": "402"})
    assert chosen("hello", "gpt-5.5") == ("long", {})
    assert chosen("please pay [[sim:shell cmd=ls]]") == ("shell", {"cmd": "ls"})
    assert chosen("[[sim:shell]]", **{"x-sim-scenario": "long n=3"}) == ("long", {"n": "3"})


def test_marker_syntax() -> None:
    """`[[sim:NAME key=value;key=value]]`; the last one counts; other brackets are text."""
    made = resolve(
        Knobs(), (), lambda _: None, "[[sim:text]] then [[sim:error status=503;message=a = b, c;tokens=9]]", "m"
    )
    assert made.scenario == "error"
    assert made.args == {"status": "503", "message": "a = b, c", "tokens": "9"}
    assert made.tokens == 9
    assert MARKER.search("[[sim]] [[mock:text]]") is None


@pytest.mark.parametrize("wrong", [b"- {match: '('}", b"- {scenario: text}", b"- {match: a, scenaro: text}"])
def test_wrong_scenario_files_are_refused(wrong: bytes) -> None:
    """A typo in a scenario file is an error with its place."""
    with pytest.raises(ValueError, match=r"\$"):
        load_rules(wrong)


def test_times_counts_per_prompt() -> None:
    """With `times=2` the third request succeeds; another prompt starts anew."""
    state = State()
    path, body = ask("chat", "a [[sim:error status=500;times=2]]")
    assert [play(path, body, state).status for _ in range(3)] == [500, 500, 200]
    assert play(*ask("chat", "b [[sim:error status=500;times=2]]"), state).status == 500
    state.reset()
    assert play(path, body, state).status == 500


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_answers_in_every_dialect(name: str) -> None:
    """No scenario fails, with or without tools, streamed or not."""
    for dialect in DIALECTS:
        for stream in (False, True):
            status = {"error": 429, "in_stream_error": 200 if stream else 500}.get(name, 200)
            assert play(*ask(dialect, f"go [[sim:{name}]]", stream=stream)).status == status


def test_guide_names_every_scenario() -> None:
    """docs/guides/simulator.md has a row for each scenario."""
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "simulator.md").read_text()
    assert [name for name in SCENARIOS if f"| `{name}` |" not in guide] == []
