"""The scripted agent: what it does next for a free prompt. Pure: the view in, steps out.

A task is a short list of moves (look around, write, run). How many tool results came since the prompt says which move
is next, so the agent needs no memory and a retried request gets the same answer.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import orjson

from .prompt import Task, comment, content, free_name, listed, run_command, understand
from .schema import example
from .steps import Call, Step, say, think
from .tools import Hands, Tool, call, hands
from .view import Result, View

NAMES = (
    "text, long, shell, apply_patch, loop, parallel, call, reasoning, error, in_stream_error, stall, cut, close, "
    "slow_headers, no_usage, big, json"
)
_ABSOLUTE = re.compile(r"^(?:Output: )?(/[^\s:]*)\s*$", re.M)
_REFUSED = re.compile(
    r"rejected|declined|denied by|not allowed|user (?:said|refused)|permission to use|read-only file system", re.I
)
_NOISE = re.compile(
    r"^(?:Chunk ID|Wall time|Process exited|Original token count|Process Group PGID|Script completed|Exit code: 0)"
    r".*\n?",
    re.M,
)
_FAILED = re.compile(r"exited with code [1-9]|^Exit code:? [1-9]", re.M | re.I)
_LISTING = "pwd && ls -la"

Move = Callable[[], tuple[Step, ...]]


def answer(view: View) -> tuple[Step, ...]:
    """The agent's next steps for a request without a scenario."""
    if view.schema is not None and not view.results:
        return (structured(view),)
    tool = _asked_tool(view)
    if tool is not None and not view.results:
        return (call(tool, _arguments(tool, view)),)
    can = hands(() if view.tools_off else view.tools)
    task = understand(view.prompt)
    if task.kind == "talk" or not can.able:
        return _talk(view, task)
    moves = _moves(view, task, can)
    done = len(view.results)
    if done and _refused(view.results[-1]):
        return (say("I stopped here: the last step was not allowed. Tell me if I should go on in another way."),)
    if done < len(moves):
        return moves[done]()
    if view.schema is not None:
        return (structured(view),)
    return (say(_summary(task, view, moves)),)


def structured(view: View) -> Step:
    """An answer in the JSON schema that the client wants."""
    return say(orjson.dumps(example(view.schema, _title(view.prompt))).decode())


def _refused(result: Result) -> bool:
    return (result.failed or len(result.text) < 400) and _REFUSED.search(result.text[:400]) is not None


def directory(results: tuple[Result, ...]) -> str:
    """The working folder, as the first look printed it; empty if unknown."""
    for result in results:
        found = _ABSOLUTE.search(result.text)
        if found:
            return found.group(1)
    return ""


def shown(result: Result, lines: int = 12) -> str:
    """A tool result without the client's frame around it, cut to a few lines."""
    text = re.sub(r"</?untrusted_context>\n?", "", result.text)
    text = _NOISE.sub("", text)
    text = re.sub(r"^Output: ?\n?", "", text.strip(), flags=re.M).strip()
    rows = text[:4000].split("\n")
    return "\n".join(rows[:lines] + ([f"… {len(rows) - lines} more lines"] if len(rows) > lines else []))


def _title(prompt: str) -> str:
    words = re.sub(r"\s+", " ", re.sub(r"\[\[sim:[^\]]*\]\]", "", prompt)).strip()
    return " ".join(words.split(" ")[:8])[:60] or "Simulated answer"


def _talk(view: View, task: Task) -> tuple[Step, ...]:
    words = _title(view.prompt)
    if view.results:
        last = shown(view.results[-1])
        return (say(f"The tool answered:\n\n{last}\n\nThat is all this simulated answer needs."),)
    if task.kind != "talk":
        body = (
            f"I am agentcc's provider simulator and would start on “{words}” now, but this client offers no shell "
            "tool. From Codex CLI, Claude Code or Gemini CLI I create, edit and run files."
        )
        if task.kind == "create" and task.path:
            body += f" The file would be `{task.path}`:\n\n```\n{content(task)}```"
    elif view.turns > 1:
        body = (
            f"Still the simulator here. I read “{words}”. Ask me to create, edit, list or run something and I will "
            "play the agent's part."
        )
    else:
        body = (
            f"Hello! I am agentcc's provider simulator, standing in for {view.model or 'a model'}: no account, no "
            f"network, no cost. I read “{words}”.\n\nAsk me to create, edit, list or run something, for example "
            "“create fibonacci.py and run it”, and I work through it with your tools: a look around, a change, a run, a "
            "summary.\n\n"
            f"To choose what happens, put [[sim:NAME]] into a prompt. Scenarios: {NAMES}."
        )
    steps: tuple[Step, ...] = (say(body),)
    return (think("**Answering**\n\nA plain question; no tool is needed."), *steps) if view.thinks else steps


def _asked_tool(view: View) -> Tool | None:
    """The tool the client forces, or one whose name the prompt plainly asks for."""
    if view.tools_off or not view.tools:
        return None
    if view.forced_tool == "*":
        return view.tools[0]
    if view.forced_tool is not None:
        return next((t for t in view.tools if t.name == view.forced_tool), None)
    if hands(view.tools).able:
        return None
    words = set(re.findall(r"[a-z]{4,}", view.prompt.lower()))
    return next(
        (t for t in view.tools if words & set(re.findall(r"[a-z]{4,}", re.sub(r"([A-Z])", r" \1", t.name).lower()))),
        None,
    )


def _arguments(tool: Tool, view: View) -> dict[str, object]:
    made = example(
        {"type": "object", "properties": tool.properties or {"input": {"type": "string"}}}, _title(view.prompt)
    )
    return dict(made)


def _moves(view: View, task: Task, can: Hands) -> list[Move]:
    results = view.results

    def start(words: str, command: str) -> Move:
        thought = think(
            f"**Looking around**\n\nThe user wants: {_title(view.prompt)}. First I see what is in the folder."
        )
        return lambda: (*((thought,) if view.thinks else ()), say(words), can.run(command, "Look around"))

    def only(make: Callable[[], Step]) -> Move:
        return lambda: (make(),)

    if task.kind == "look":
        command = _LISTING if not task.path else f"{_LISTING} && {_reading(task.path)}"
        return [start("I will look at the folder.", command)]
    if task.kind == "run":
        command = task.command or (
            run_command(task.path) if task.path else "git status --short && git log --oneline -5"
        )
        return [
            start("I will look at the folder first, then run it.", _LISTING),
            only(lambda: can.run(command, "Run it")),
        ]
    if task.kind == "edit" and not (results and _absent(task.path, results[0].text)):
        moves: list[Move] = [start(f"I will read {task.path} first.", f"{_LISTING} && {_reading(task.path)}")]
        moves.append(only(lambda: can.look_at(task.path, directory(results))))
        moves.append(lambda: _edit(task, can, results))
        moves.append(only(lambda: can.run(_reading(task.path), "Check the change")))
        return moves
    path = free_name(task.path, results[0].text) if results else task.path
    folder = task.path.rpartition("/")[0]
    command = f"{_LISTING} . {shlex.quote(folder)} 2>/dev/null || true" if folder else _LISTING
    return [
        start("I will look at the folder first.", command),
        lambda: (say(f"Now I create {path}."), can.add(path, content(task), directory(results))),
        only(lambda: can.run(run_command(path), f"Check {path}")),
    ]


def _absent(path: str, listing: str) -> bool:
    """True when the first look shows that the file to edit is not there: it is created instead."""
    if "/" in path:
        return f"{path}: No such file" in listing
    return path not in listed(listing)


def _reading(path: str) -> str:
    return f"sed -n '1,40p' {shlex.quote(path)}"


def _edit(task: Task, can: Hands, results: tuple[Result, ...]) -> tuple[Step, ...]:
    """Change the file that the previous result shows; if its text cannot be found there, say so."""
    lines = _file_lines(results[-1].text)
    old = new = ""
    if task.old:
        old = next((line for line in lines if task.old in line), "")
        new = old.replace(task.old, task.new)
    elif lines:
        old = lines[0]
        note = comment(task.path, "Edited by the agentcc simulator: " + (task.quoted or "as you asked"))
        new = f"{old}\n{note}"
    made: Call | None = can.change(task.path, old, new, directory(results)) if old and old != new else None
    if made is None:
        return (say(f"I could not find what to change in {task.path}, so I left the file as it is."),)
    return (say(f"Now I change {task.path}."), made)


def _file_lines(text: str) -> list[str]:
    """The file's lines in a tool result: without the client's frame and Claude Code's line numbers."""
    rows = re.sub(r"<system-reminder>.*?</system-reminder>", "", text, flags=re.S)
    rows = _NOISE.sub("", re.sub(r"</?untrusted_context>\n?", "", rows))
    rows = re.sub(r"^Output: ?\n?", "", rows, flags=re.M)
    lines = [re.sub(r"^\s*\d+[\t→]", "", row) for row in rows.split("\n")]
    return [line for line in lines if line.strip()]


def _summary(task: Task, view: View, moves: list[Move]) -> str:
    last = shown(view.results[-1]) if view.results else ""
    tail = f"\n\n```\n{last}\n```" if last else ""
    if view.results and (view.results[-1].failed or _FAILED.search(view.results[-1].text)):
        return (
            f"The last step reported a problem:{tail}\n\nI am a scripted agent (the agentcc simulator), so I stop here."
        )
    if task.kind == "create" or (task.kind == "edit" and _absent(task.path, view.results[0].text)):
        path = free_name(task.path, view.results[0].text)
        return f"Done: I created {path} and checked it. Its output:{tail}\n\n(agentcc simulator, a scripted agent)"
    if task.kind == "edit":
        return f"Done: {task.path} now starts like this:{tail}\n\n(agentcc simulator, a scripted agent)"
    word = "ran it" if task.kind == "run" else "looked"
    return f"I {word}. This is what I got:{tail}\n\n(agentcc simulator, a scripted agent)"
