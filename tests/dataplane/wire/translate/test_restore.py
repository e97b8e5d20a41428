"""The way back: calls in the client's words, in streams and whole answers (traps 1, 3, 9, 10)."""

import json
import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dataplane.wire.canon import (
    Answer,
    Begin,
    Close,
    Delta,
    Fault,
    Finish,
    Opaque,
    Open,
    Stop,
    Text,
    Tool,
    ToolCall,
)
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.collect import answer_of, events_of
from gateway.dataplane.wire.translate.line_up import LineUp
from gateway.dataplane.wire.translate.tools import lower
from gateway.dataplane.wire.translate.unwrap import wrapped
from tests.dataplane.wire.translate.canon_cases import (
    FUNCTIONS,
    NO_SERVERS,
    RULE,
    call,
    function,
    pieces_of,
    said,
    tool,
    turn,
    user,
)

TOOLS = [
    Tool(kind="custom", name="apply_patch"),
    Tool(kind="namespace", name="functions", children=[Tool(kind="custom", name="exec"), function("wait")]),
    Tool(kind="server", name="local_shell", value={"type": "local_shell"}),
    function("plain"),
    function("a.b"),
]
END = Finish(Stop(reason="tool_calls"))


def restorer(request_id: str = "req"):
    return lower(turn(user("q"), tools=TOOLS), RULE, FUNCTIONS, NO_SERVERS, Report())[1].restorer(request_id)


def test_trap_1_a_freeform_call_streams_as_bare_text() -> None:
    """Its deltas leave as they come, under the client's name and kind."""
    back = restorer()
    assert back.events([Begin("a", "m"), Open(0, call("1", "functions__exec", arguments=""))]) == [
        Begin("a", "m"),
        Open(0, call("1", "exec", "", kind="custom", namespace="functions")),
    ]
    assert back.events([Delta(0, "arguments", '{"input":"te')]) == [Delta(0, "arguments", "te")]
    assert back.events([Delta(0, "arguments", "xt(1)\\")]) == [Delta(0, "arguments", "xt(1)")]
    assert back.events([Delta(0, "arguments", 'n"}'), Close(0), END]) == [Delta(0, "arguments", "\n"), Close(0), END]


def test_trap_42_what_only_the_providers_dialect_knows_ends_here() -> None:
    """OpenAI's compaction item is no compaction block of Anthropic's, though both are called so."""
    item = Opaque(kind="compaction", value={"type": "compaction", "encrypted_content": "gAAAAA"})
    events = [Open(0, item), Close(0), Open(1, Text(text="")), Delta(1, "text", "x"), Close(1), END]
    assert LineUp().events(restorer().events(events)) == LineUp().events(events[2:])
    answer = Answer(id="a", model="m", parts=[item, Text(text="x")], stop=Stop(reason="end"))
    assert restorer().answer(answer).parts == [Text(text="x")]


def test_trap_1_other_wrappings_come_at_the_close_and_bare_text_at_once() -> None:
    """`{"patch":…}`, and no JSON at all; arguments that came with the block are not lost."""
    back = restorer()
    out = back.events([
        Open(0, call("1", "apply_patch", "")), Delta(0, "arguments", '{"patch":"x"}'), Close(0),
        Open(1, call("2", "apply_patch", "*** ")), Delta(1, "arguments", "Begin"), Close(1),
        Open(2, call("3", "apply_patch", '{"input":"y"}')), Close(2),
    ])  # fmt: skip
    opened = [Open(at, call(str(at + 1), "apply_patch", "", kind="custom")) for at in range(3)]
    assert out == [
        opened[0], Delta(0, "arguments", "x"), Close(0),
        opened[1], Delta(1, "arguments", "*** "), Delta(1, "arguments", "Begin"), Close(1),
        opened[2], Delta(2, "arguments", "y"), Close(2),
    ]  # fmt: skip


def test_a_stream_that_ends_without_closing_gives_what_it_has() -> None:
    """Finish and Fault alike."""
    for end in (END, Fault("server", "gone")):
        out = restorer().events([Open(0, call("1", "apply_patch", "")), Delta(0, "arguments", '{"patch":"x"}'), end])
        assert out[1:] == [Delta(0, "arguments", "x"), end]


def test_a_shell_call_comes_whole() -> None:
    """`local_shell_call` has no deltas."""
    out = restorer().events([
        Open(0, call("1", "local_shell", "")), Delta(0, "arguments", '{"command":'), Delta(0, "arguments", '["ls"]}'), Close(0),
    ])  # fmt: skip
    assert out[0] == Open(0, call("1", "local_shell", "", kind="shell"))
    assert json.loads(out[1].text) == {"type": "exec", "command": ["ls"], "env": {}}
    assert len(out) == 3


def test_trap_10_missing_ids_are_made_and_doubled_ones_made_unique() -> None:
    """From the request's id and the block, so that the same answer has the same ids and the next one others."""
    calls = [call("", "plain"), call("", "plain"), call("x", "plain"), call("x", "plain")]
    answer = Answer(id="a", model="m", parts=[*calls], stop=END.stop)

    def ids(request_id: str) -> list[str]:
        return [part.id for part in restorer(request_id).answer(answer).parts if isinstance(part, ToolCall)]

    assert len(set(ids("r1"))) == 4
    assert ids("r1")[2] == "x"
    assert all(ids("r1"))
    assert ids("r1") == ids("r1")
    assert not set(ids("r1")) & (set(ids("r2")) - {"x"})


def test_what_nobody_declared_passes_as_it_is() -> None:
    """A name that the model made up is the client's to refuse."""
    strange = call("1", "made_up", '{"input":1}')
    assert restorer().answer(Answer(id="a", model="m", parts=[strange], stop=END.stop)).parts == [strange]
    assert restorer().events([Open(0, strange), Delta(0, "arguments", "{}")]) == [
        Open(0, strange),
        Delta(0, "arguments", "{}"),
    ]


NAMES = st.text(alphabet="abz._-/é 1", min_size=1, max_size=80)


@st.composite
def declared_and_called(draw):
    """A client's tools, and calls of them in its own words."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    tools, known = [], []
    for at, name in enumerate(names):
        kind = draw(st.sampled_from(["function", "custom"]))
        made = Tool(kind="custom", name=name) if kind == "custom" else function(name)
        space = draw(st.sampled_from(["", "functions", "mcp.server", "n" * 70]))
        tools.append(Tool(kind="namespace", name=space, children=[made]) if space else made)
        known.append((space, name, kind))
        if at and draw(st.booleans()) and name not in [n for s, n, _ in known if s == "twin"]:
            tools.append(Tool(kind="namespace", name="twin", children=[function(name)]))
            known.append(("twin", name, "function"))
    calls = []
    for at, (space, name, kind) in enumerate(known):
        text = draw(st.text(max_size=20))
        body = text if kind == "custom" else json.dumps({"v": text})
        calls.append(ToolCall(id=f"c{at}", name=name, namespace=space, kind=kind, arguments=body))
    return tools, calls


@given(case=declared_and_called(), cuts=st.lists(st.integers(0, 60), max_size=6), data=st.data())
@settings(max_examples=200, deadline=None)
def test_interleaved_calls_come_back_identical_through_restore_and_line_up(case, cuts, data) -> None:
    """Lowered and restored: the same names, namespaces, kinds and inputs, however the provider mixed and cut them."""
    tools, calls = case
    given = turn(*[message for one in calls for message in (said(one), tool())], tools=tools)
    out, restore = lower(given, RULE, FUNCTIONS, NO_SERVERS, Report())
    sent = [part for message in out.messages for part in message.parts if isinstance(part, ToolCall)]
    assert len({one.name for one in out.tools or []}) == len(calls)
    assert all(one.kind == "function" and not one.namespace for one in sent)
    answer = Answer(id="a", model="m", parts=[Text(text="t"), *sent], stop=END.stop)
    want = Answer(id="a", model="m", parts=[Text(text="t"), *calls], stop=END.stop)
    assert restore.restorer("r").answer(answer) == want
    assert answer_of(restore.restorer("r").events(events_of(answer))) == want

    queues = [
        [Delta(at, "arguments", piece) for piece in pieces_of(one.arguments, cuts)] + [Close(at)]
        for at, one in enumerate(sent, 1)
    ]
    events = [Begin("a", "m"), Open(0, Text(text="")), Delta(0, "text", "t"), Close(0)]
    events += [Open(at, ToolCall(id=one.id, name=one.name)) for at, one in enumerate(sent, 1)]
    while any(queues):
        at = data.draw(st.sampled_from([at for at, queue in enumerate(queues) if queue]))
        events.append(queues[at].pop(0))
    restorer_of, line_up = restore.restorer("r"), LineUp()
    found = [lined for event in [*events, END] for lined in line_up.events(restorer_of.events([event]))]
    assert answer_of(found) == want


_PROGRAM = """
import sys
from msgspec.json import encode
from gateway.dataplane.wire.canon import *
from gateway.dataplane.wire.codec import NameRule
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.arrange import arrange
from gateway.dataplane.wire.translate.claude import claude_of
from gateway.dataplane.wire.translate.effort import gemini, openai
from gateway.dataplane.wire.translate.tools import lower

names = ["a.b", "a b", "x" * 90, "ok", "\\u00fc"]
spaces = [Tool(kind="namespace", name=s, children=[Tool(kind="custom", name=n, grammar="g") for n in names]) for s in ("f", "n" * 70)]
tools = [Tool(kind="function", name=n, schema={"type": "object"}) for n in names] + spaces
tools += [Tool(kind="server", name=n, value={"type": n}) for n in ("web_search", "local_shell", "mcp")]
messages = []
for at, name in enumerate(names * 2):
    messages.append(Message(role="assistant", parts=[ToolCall(id="i." * at, name=name, namespace="f" * (at % 2))]))
    messages.append(Message(role="tool", parts=[ToolResult(call_id="i." * at, parts=[])] * (at % 3)))
report = Report()
turn = Turn(dialect="d", model="m", messages=messages, tools=tools, tool_choice=ToolChoice("named", tools=[("f", "a.b")]))
out, restore = lower(arrange(turn, report), NameRule(64, 64), frozenset({"function"}), frozenset(), report)
back = restore.restorer("r").answer(Answer(id="a", model="m", stop=Stop("end"), parts=[ToolCall(id="", name=t.name) for t in out.tools]))
sys.stdout.buffer.write(encode([out, back, report.header(), [claude_of("claude-opus-4-6"), gemini("gemini-3"), openai("gpt-6")]]))
"""


def test_trap_58_equal_turns_give_equal_bytes_in_every_process() -> None:
    """Nothing depends on the hash seed."""
    root = Path(__file__).parents[4]
    out = [
        subprocess.run(
            [sys.executable, "-c", _PROGRAM], cwd=root, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True,
            check=True, timeout=60,
        ).stdout
        for seed in ("1", "2", "77")
    ]  # fmt: skip
    assert len(out[0]) > 1000
    assert len(set(out)) == 1


def test_wrapping_and_unwrapping_are_each_others_opposite() -> None:
    """For the history and the way back."""
    text = '*** Begin Patch\n+"\\é😀\t'
    events = [Open(0, call("1", "apply_patch", "")), *(Delta(0, "arguments", c) for c in wrapped(text)), Close(0)]
    out = restorer().events(events)
    assert "".join(event.text for event in out if isinstance(event, Delta)) == text
