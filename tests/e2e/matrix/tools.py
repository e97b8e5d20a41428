"""Checks of tools: calls, results, names, freeform input."""

import json
from dataclasses import replace

from tests.e2e.matrix.cell import Cell
from tests.e2e.matrix.nouns import Ask, Call, Result, Round, Sent, Tool
from tests.e2e.matrix.talk import BASH
from tests.e2e.matrix.verdict import Verdict, all_but, feature, no

_COMMAND = "printf 'ünï \"quoted\" \\\\n 漢 😀' | wc -c"
_PATCH = '*** Begin Patch\n*** Add File: hello.txt\n+tab\there "quoted" \\n ünï 😀\n*** End Patch\n'
_NAME = "mcp__" + "a_very_long_server_name_" * 6 + "_" * 4 + "and_a_tool_that_is_called_as_long_as_this_one_is_"
_DEEP = '{"path":"a/ü.txt","count":9007199254740993,"ratio":0.1,"deep":{"yes":true,"no":null,"text":"\\\\ \\" 😀"}}'


@feature("tool call and result")
def tool_loop(cell: Cell) -> Verdict:
    """The model asks for a tool, gets what it gave, and goes on: arguments are the same JSON, ids match on both sides."""
    ask = Ask(prompt=f"[[sim:shell cmd={_COMMAND}]]", tools=(BASH,))
    first = cell.ask(ask)
    (asked,) = cell.truth().calls
    (call,) = first.seen.calls
    assert (call.name, json.loads(call.arguments)) == ("bash", {"command": _COMMAND})
    assert json.loads(asked.arguments) == {"command": _COMMAND}
    assert first.seen.stop == "tools"
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, (Result(call, "the tool said 42"),)),)))
    sent = cell.sent()[-1]
    _same_calls(sent, [asked])
    assert [text for _, text in sent.results] == ["the tool said 42"]
    assert "the tool said 42" in got.seen.text
    assert got.seen.stop == "end"
    return all_but(got)


@feature("parallel tool calls")
def parallel(cell: Cell) -> Verdict:
    """Two calls in one answer; each result finds its own call again, in the order of the calls."""
    ask = Ask(prompt="[[sim:parallel]]", tools=(BASH,))
    first = cell.ask(ask)
    asked = cell.truth().calls
    calls = first.seen.calls
    assert [json.loads(call.arguments) for call in calls] == [json.loads(call.arguments) for call in asked]
    assert len({call.id for call in calls}) == 2 or cell.client.name == cell.provider.name == "gemini.generate"
    results = (Result(calls[0], "gave one"), Result(calls[1], "gave two"))
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, results),)))
    sent = cell.sent()[-1]
    _same_calls(sent, asked)
    assert [text for _, text in sent.results] == ["gave one", "gave two"]
    assert "gave one" in got.seen.text
    assert "gave two" in got.seen.text
    return all_but(got)


@feature("a tool that failed")
def failed(cell: Cell) -> Verdict:
    """The model learns that it failed, and how."""
    if "tool_error" not in cell.client.has:
        return no("the client's dialect does not tell a failure from a result")
    ask = Ask(prompt="[[sim:shell]]", tools=(BASH,))
    first = cell.ask(ask)
    result = Result(first.seen.calls[0], "no such file", is_error=True)
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, (result,)),)))
    sent = cell.sent()[-1]
    assert sent.failed == [True]
    assert "no such file" in sent.results[0][1]
    return all_but(got)


@feature("arguments of any form")
def arguments(cell: Cell) -> Verdict:
    """Nested objects, large integers, fractions, null and escapes come and go unchanged."""
    schema = {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "count": {"type": "integer"},
            "ratio": {"type": "number"},
            "deep": {"type": "object"},
        },
    }
    ask = Ask(prompt=f"[[sim:call json={_DEEP}]]", tools=(Tool("deep", schema),))
    first = cell.ask(ask)
    (call,) = first.seen.calls
    assert json.loads(call.arguments) == json.loads(_DEEP)
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, (Result(call, "done"),)),)))
    assert json.loads(cell.sent()[-1].calls[0].arguments) == json.loads(_DEEP)
    return all_but(got)


@feature("tool without arguments")
def no_arguments(cell: Cell) -> Verdict:
    """An empty object is an empty object, on both ways."""
    ask = Ask(prompt="[[sim:call json={}]]", tools=(Tool("now", {"type": "object", "properties": {}}),))
    first = cell.ask(ask)
    (call,) = first.seen.calls
    assert json.loads(call.arguments) == {}
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, (Result(call, "noon"),)),)))
    assert json.loads(cell.sent()[-1].calls[0].arguments) == {}
    assert "noon" in got.seen.text
    return all_but(got)


@feature("freeform tool (`apply_patch`)")
def freeform(cell: Cell) -> Verdict:
    """The client gets the bare text, byte for byte, and gives it back as such; the provider sees one and the same call."""
    if "freeform" not in cell.client.has:
        return no("the client's dialect has no freeform tools")
    ask = Ask(
        prompt=f"[[sim:apply_patch path=hello.txt;content={_PATCH.splitlines()[2][1:]}]]",
        tools=(BASH, Tool("apply_patch", is_freeform=True)),
    )
    first = cell.ask(ask)
    asked = cell.truth().calls
    (call,) = first.seen.calls
    assert call == Call(call.id, "apply_patch", _PATCH, is_freeform=True)
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, (Result(call, "patched"),)),)))
    _same_calls(cell.sent()[-1], asked)
    assert "patched" in got.seen.text
    return all_but(got)


@feature("namespaced tool (Codex)")
def namespaced(cell: Cell) -> Verdict:
    """The provider is given one flat name, where it has no namespaces; the client sees namespace and name."""
    if "namespace" not in cell.client.has:
        return no("the client's dialect has no namespaces")
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    ask = Ask(
        prompt='[[sim:call name=read_it;json={"path":"a"}]]', tools=(Tool("read_it", schema, namespace="mcp__files"),)
    )
    first = cell.ask(ask)
    (call,) = first.seen.calls
    assert (call.namespace, call.name, json.loads(call.arguments)) == ("mcp__files", "read_it", {"path": "a"})
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, (Result(call, "it says b"),)),)))
    assert "it says b" in got.seen.text
    before, after = cell.sent()
    assert before.tools == after.tools
    assert not cell.is_translated or after.tools == [after.calls[0].name] == ["mcp__files__read_it"]
    return all_but(got)


@feature("tool name of 200 characters")
def long_name(cell: Cell) -> Verdict:
    """The provider is given a name that it takes, the same in each turn; the client sees its own."""
    name = _NAME.ljust(200, "x")[:200]
    ask = Ask(prompt="[[sim:call]]", tools=(Tool(name, {"type": "object", "properties": {"n": {"type": "integer"}}}),))
    first = cell.ask(ask)
    (call,) = first.seen.calls
    assert call.name == name
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, (Result(call, "ok"),)),)))
    before, after = cell.sent()
    assert before.tools == after.tools == [after.calls[0].name]
    assert not cell.is_translated or len(after.tools[0]) <= 64
    return all_but(got)


@feature("a tool that must be called")
def forced(cell: Cell) -> Verdict:
    """The choice reaches the provider under the tool's name there."""
    other = Tool("other", {"type": "object", "properties": {"n": {"type": "integer"}}})
    got = cell.ask(Ask(prompt="hello", tools=(other, BASH), forced="bash"))
    assert cell.sent()[0].forced == "bash"
    assert [call.name for call in got.seen.calls] == ["bash"]
    return all_but(got)


def _same_calls(sent: Sent, asked: list[Call]) -> None:
    """The history at the provider holds the very calls that it made, and results with their ids."""
    assert [call.name for call in sent.calls] == [call.name for call in asked]
    for ours, theirs in zip(sent.calls, asked, strict=True):
        if theirs.is_freeform:
            assert ours.arguments == theirs.arguments
        else:
            assert json.loads(ours.arguments) == json.loads(theirs.arguments)
        assert not theirs.id or ours.id == theirs.id
    assert [call_id for call_id, _ in sent.results] == [call.id for call in sent.calls]
