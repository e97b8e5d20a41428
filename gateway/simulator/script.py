"""Scenarios: which one a request plays, and the whole `Reply` it gets. Pure.

`SCENARIOS` is the list: name, arguments with defaults, one line of help, and the function that makes the steps. Faults
(`error`, `cut`, `stall` ...) disturb the delivery of a base scenario (`base=`, default `text`); with `times=N` only the
first N requests with the same scenario and arguments are disturbed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from . import agent
from .knobs import Knobs
from .schema import example
from .steps import Call, Compaction, Failure, Fault, Record, Reply, Step, Text, say, think
from .tools import call, hands
from .view import View

_TEXT = (
    "This is the agentcc provider simulator. The answer is fixed, so that tests can rely on it: "
    "the quick brown fox jumps over the lazy dog."
)
_FILE, _CONTENT, _SHELL_FILE = "hello_sim.txt", "hello from the simulator", "shell_sim.txt"
_THOUGHT = (
    "**Weighing the request**\n\nI restate the question, list what is known, and look for what could go wrong. "
    "The inputs are fixed, so the answer is too; I compare two ways to say it and keep the shorter one. "
)


class Scenario(Record, frozen=True):
    """One entry of the list that the guide and `--help` print."""

    name: str
    arguments: str
    help: str
    make: Callable[[View, Knobs], tuple[Step, ...]]


def reply(view: View, knobs: Knobs, seen: int = 0) -> Reply:
    """The answer to one request; `seen` counts earlier requests with the same scenario and arguments.

    Raises KeyError for a scenario that does not exist.
    """
    if view.compaction:
        return Reply((Compaction(),))
    name, args = knobs.scenario, knobs.args
    if not name:
        return Reply(_stretched(agent.answer(view), knobs))
    if name in _FAULTS:
        base = args.get("base", "text")
        active = "times" not in args or seen < knobs.count("times", 0)
        kind, fault = _FAULTS[name], Fault()
        if active:
            fault = _fault(kind, knobs)
        delay = knobs.count("ms", 2000) if name == "slow_headers" and active else 0
        return Reply(_steps(base, view, knobs), fault, delay_ms=delay)
    steps = _steps(name, view, knobs)
    return Reply(steps, usage=name != "no_usage", stream=False if name in ("json", "big") else None)


def _steps(name: str, view: View, knobs: Knobs) -> tuple[Step, ...]:
    if view.schema is not None and name not in ("big", "call"):
        return (agent.structured(view),)
    if name == "agent":
        return _stretched(agent.answer(view), knobs)
    return _stretched(SCENARIOS[name].make(view, knobs), knobs)


def _stretched(steps: tuple[Step, ...], knobs: Knobs) -> tuple[Step, ...]:
    """`tokens` sets the number of text deltas of the last text."""
    if knobs.tokens is None or not isinstance(steps[-1], Text):
        return steps
    return (*steps[:-1], say(steps[-1].text, knobs.tokens))


def _fault(kind: str, knobs: Knobs) -> Fault:
    args = knobs.args
    status = knobs.count("status", 500 if kind == "in_stream_error" else 429)
    more = tuple((k[2:].replace("_", "-"), v) for k, v in args.items() if k.startswith("h_"))
    if "retry_after" in args:
        more += (("retry-after", args["retry_after"]),)
    failure = Failure(
        status, args.get("message", "Simulated error."), args.get("type"), args.get("code"), args.get("param"), more
    )
    return Fault(
        kind, after=max(knobs.count("after", 4), 0), at=knobs.count("at", 0) if "at" in args else None,
        secs=knobs.number("secs", 600.0), reset=args.get("rst") in ("1", "true"), failure=failure,
    )  # fmt: skip


def _text(view: View, knobs: Knobs) -> tuple[Step, ...]:
    return (say(knobs.args.get("text", _TEXT)),)


def _long(view: View, knobs: Knobs) -> tuple[Step, ...]:
    return (say(_TEXT, knobs.tokens or min(knobs.count("n", 400), 100_000)),)


def _big(view: View, knobs: Knobs) -> tuple[Step, ...]:
    size = min(knobs.count("kb", 256), 65_536) * 1024
    line = _TEXT + "\n"
    return (Text(((line * (size // len(line) + 1))[:size],)),)


def _reasoning(view: View, knobs: Knobs) -> tuple[Step, ...]:
    count = min(knobs.count("n", 120), 20_000)
    thought = say(_THOUGHT, count)
    return (think(thought.text, knobs.count("reasoning_tokens", count * 2)), say(knobs.args.get("text", _TEXT)))


def _played(*moves: Callable[[View, Knobs], tuple[Step, ...]]) -> Callable[[View, Knobs], tuple[Step, ...]]:
    """A tool loop: one move per tool result, then a text with the last result in it."""

    def make(view: View, knobs: Knobs) -> tuple[Step, ...]:
        can = hands(view.tools)
        if not can.able or view.tools_off:
            return (say("SIM-DONE: this client offers no shell tool, so there is nothing to run."),)
        todo = moves
        if can.write is not None and not can.speaks_patch and moves[0] is _patch:
            todo = (_where, *moves)  # writers of absolute paths need to know the folder first
        if len(view.results) < len(todo):
            return todo[len(view.results)](view, knobs)
        return (
            say(
                f"SIM-DONE after {len(view.results)} tool results. The last one said:\n{agent.shown(view.results[-1])}"
            ),
        )

    return make


def _where(view: View, knobs: Knobs) -> tuple[Step, ...]:
    return (hands(view.tools).run("pwd", "Find the working folder"),)


def _shell(view: View, knobs: Knobs) -> tuple[Step, ...]:
    return (
        hands(view.tools).run(
            knobs.args.get("cmd", f"pwd && echo shell-ok > {_SHELL_FILE} && cat {_SHELL_FILE}"), "Run the command"
        ),
    )


def _patch(view: View, knobs: Knobs) -> tuple[Step, ...]:
    text = knobs.args.get("content", _CONTENT)
    return (hands(view.tools).add(knobs.args.get("path", _FILE), text + "\n", agent.directory(view.results)),)


def _check(view: View, knobs: Knobs) -> tuple[Step, ...]:
    return (hands(view.tools).run(f"cat {knobs.args.get('path', _FILE)} {_SHELL_FILE}", "Check both files"),)


def _parallel(view: View, knobs: Knobs) -> tuple[Step, ...]:
    can = hands(view.tools)
    if not can.able or view.tools_off:
        return _loop(view, knobs)
    calls = [
        can.run(f"echo {word} > parallel_sim_{n}.txt && cat parallel_sim_{n}.txt", f"Write file {n}")
        for n, word in ((1, "one"), (2, "two"))
    ]
    if not view.results and view.parallel:
        return tuple(calls)
    if len(view.results) < 2:
        return (calls[len(view.results)],)
    texts = " and ".join(agent.shown(r) for r in view.results[:2])
    return (say(f"SIM-DONE after {len(view.results)} tool results: {texts}"),)


def _call(view: View, knobs: Knobs) -> tuple[Step, ...]:
    """One call of a tool by name; then text."""
    tool = next((t for t in view.tools if knobs.args.get("name", t.name) in (t.name, t.base)), None)
    if view.results:
        return (say(f"SIM-DONE. The tool said:\n{agent.shown(view.results[-1])}"),)
    name = knobs.args.get("name", "tool")
    given = _object(knobs.args.get("json"))
    if tool is None:
        return (Call(name, args=given or {}),)
    if given is None:
        given = dict(example({"type": "object", "properties": tool.properties}))
    return (call(tool, given),)


def _object(text: str | None) -> dict[str, Any] | None:
    try:
        value = orjson.loads(text) if text else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


_loop = _played(_shell, _patch, _check)

SCENARIOS: dict[str, Scenario] = {
    s.name: s
    for s in (
        Scenario(
            "agent",
            "",
            "read the prompt and play a small agent (what happens without a scenario)",
            lambda v, k: agent.answer(v),
        ),
        Scenario("text", "text=", "one short fixed text", _text),
        Scenario("long", "n=400", "a text of n deltas", _long),
        Scenario("shell", "cmd=", "one shell command, then text", _played(_shell)),
        Scenario(
            "apply_patch",
            "path=hello_sim.txt;content=",
            "one new file by the client's edit tool, then text",
            _played(_patch),
        ),
        Scenario("loop", "cmd=;path=;content=", "shell, new file, shell, text", _loop),
        Scenario("parallel", "", "two shell commands in one answer, then text", _parallel),
        Scenario("call", "name=;json=", "one call of any advertised tool, then text", _call),
        Scenario("reasoning", "n=120;reasoning_tokens=", "long thinking with a signature, then text", _reasoning),
        Scenario(
            "error",
            "status=429;code=;type=;message=;retry_after=;h_NAME=;times=;base=",
            "an HTTP error in the dialect's words",
            _text,
        ),
        Scenario(
            "in_stream_error",
            "after=4;status=500;code=;type=;message=;times=;base=",
            "an error event inside the stream",
            _text,
        ),
        Scenario(
            "stall",
            "after=4;secs=600;times=;base=",
            "the stream stops but the socket stays open, then is dropped",
            _text,
        ),
        Scenario("cut", "after=4 or at=BYTE;rst=0;times=;base=", "the socket is dropped inside the answer", _text),
        Scenario("close", "rst=0;times=;base=", "the socket is dropped before any answer", _text),
        Scenario("slow_headers", "ms=2000;times=;base=", "the headers come late", _text),
        Scenario("no_usage", "", "text without a usage report", _text),
        Scenario("big", "kb=256", "one JSON answer of that size, also when a stream was asked for", _big),
        Scenario("json", "text=", "one JSON answer although a stream was asked for", _text),
    )
}
_FAULTS = {
    "error": "error",
    "in_stream_error": "in_stream_error",
    "stall": "stall",
    "cut": "cut",
    "close": "close",
    "slow_headers": "none",
}
