"""Tools, calls and results in a target's words, and back (traps 1, 2, 3, 9, 10)."""

import json
import re

import pytest
from msgspec.structs import replace

from gateway.base.core.errors import Unsupported
from gateway.dataplane.wire.canon import Message, Opaque, Text, Tool, ToolChoice, ToolResult
from gateway.dataplane.wire.codec import NameRule
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.tools import lower
from tests.dataplane.wire.translate.canon_cases import (
    ALL,
    FUNCTIONS,
    NO_SERVERS,
    RULE,
    call,
    function,
    result,
    said,
    tool,
    turn,
    user,
)

GRAMMAR = 'start: "*** Begin Patch" line+\n'
PATCH = Tool(kind="custom", name="apply_patch", description="Edits files.", syntax="lark", grammar=GRAMMAR, cache="5m")
EXEC = Tool(kind="custom", name="exec", description="Runs JavaScript.")
LITE = [
    Tool(kind="namespace", name="functions", children=[EXEC, function("wait")]),
    Tool(
        kind="namespace",
        name="clock",
        description="Time.",
        children=[function("sleep"), function("now", description="Now.")],
    ),
]
SEARCH = Tool(
    kind="server",
    name="tool_search",
    value={
        "type": "tool_search",
        "execution": "client",
        "description": "Finds tools.",
        "parameters": {"type": "object"},
    },
)
SHELL = Tool(kind="server", name="shell", value={"type": "local_shell"})
WEB = Tool(kind="server", name="web_search", value={"type": "web_search"})


def lowered(given, kinds=FUNCTIONS, servers=NO_SERVERS, rule=RULE, report=None):
    before = repr(given)
    out = lower(given, rule, kinds, servers, report or Report())
    assert repr(given) == before, "the given turn was changed"
    return out


def test_trap_1_a_freeform_tool_becomes_a_function_with_one_string() -> None:
    """Its description says its grammar; its calls in the history are wrapped; the cache breakpoint stays."""
    text = '*** Begin Patch\n+"é"\n'
    given = turn(
        user("go"), said(call("1", "apply_patch", text, kind="custom")), tool(result("1", kind="custom")), tools=[PATCH]
    )
    out, _ = lowered(given)
    (made,) = out.tools or []
    assert (made.kind, made.name, made.cache) == ("function", "apply_patch", "5m")
    assert made.description.startswith("Edits files.")
    assert "lark" in made.description
    assert GRAMMAR in made.description
    assert made.schema is not None
    assert list(made.schema["properties"]) == made.schema["required"] == ["input"]
    assert made.strict is None
    (sent,) = out.messages[1].parts
    assert (sent.kind, json.loads(sent.arguments)) == ("function", {"input": text})
    (back,) = out.messages[2].parts
    assert (back.kind, back.name) == ("function", "apply_patch")


def test_trap_2_who_may_call_a_tool_is_reported_when_no_one_enforces_it() -> None:
    """`allowed_callers` is not silently lost; nor is a deferred tool."""
    report = Report()
    extra = {"allowed_callers": ["code_execution_20250825"], "defer_loading": True, "input_examples": []}
    out, _ = lowered(turn(tools=[replace(PATCH, extra=extra), function("f")]), report=report)
    assert [(drop.what, drop.why) for drop in report.drops] == [
        ("tools.apply_patch.allowed_callers", "not_enforced"),
        ("tools.apply_patch.defer_loading", "sent_at_once"),
    ]
    assert out.tools[0].extra == {"input_examples": []}
    report = Report()
    lowered(turn(tools=[function("f", extra={"allowed_callers": ["direct"]})]), report=report)
    assert report.drops == []
    with pytest.raises(Unsupported):
        lowered(turn(tools=[replace(PATCH, extra=extra)]), report=Report(is_strict=True))


def test_trap_3_namespaces_are_flattened_and_say_what_they_are_once() -> None:
    """Codex's "responses lite" tools, as the conversation calls them: `functions` is left out there."""
    given = turn(
        said(call("1", "exec", "text(1)", kind="custom")),
        tool(result("1", kind="custom")),
        said(call("2", "sleep", "{}", namespace="clock")),
        tool(result("2")),
        tools=LITE,
    )
    out, restore = lowered(given)
    assert [one.name for one in out.tools] == ["functions__exec", "functions__wait", "clock__sleep", "clock__now"]
    assert [one.description for one in out.tools[2:]] == ["All tools of `clock`: Time.", "Now."]
    assert [part.name for message in out.messages for part in message.parts] == [
        "functions__exec", "functions__exec", "clock__sleep", "clock__sleep",
    ]  # fmt: skip
    assert not any(part.namespace for message in out.messages[::2] for part in message.parts)
    restorer = restore.restorer("r")
    for name in ("functions__exec", "exec"):  # a model may leave the namespace out, as the conversation does
        back = restorer._whole(call("9" + name, name, '{"input":"text(2)"}'), 0)
        assert (back.namespace, back.name, back.kind, back.arguments) == ("functions", "exec", "custom", "text(2)")


def test_trap_3_tools_of_the_conversation_are_declared() -> None:
    """`additional_tools` items and the finds of a client's search; none twice; the items themselves are gone."""
    found = {
        "type": "namespace",
        "name": "mail",
        "tools": [{"type": "function", "name": "send", "parameters": {"type": "object"}}],
    }
    items = [
        {"type": "custom", "name": "exec", "format": {"type": "grammar", "syntax": "lark", "definition": "g"}},
        {"type": "function", "name": "late", "description": "d", "parameters": {"type": "object"}, "strict": True},
        {"type": "function", "name": "known"},
        {"type": "web_search"},
    ]
    given = turn(
        Message(role="developer", parts=[Opaque(kind="additional_tools", value={"tools": items})]),
        said(call("1", "tool_search", '{"query":"mail"}', kind="tool_search")),
        tool(ToolResult(call_id="1", parts=[], kind="tool_search", value={"tools": [found]})),
        said(call("2", "late", namespace="late")),
        tool(result("2")),
        tools=[function("known"), SEARCH],
    )
    report = Report()
    out, restore = lowered(given, report=report)
    assert [one.name for one in out.tools] == ["known", "tool_search", "exec", "late", "mail__send"]
    assert (out.tools[2].kind, out.tools[3].strict) == ("function", True)
    assert (out.tools[1].description, out.tools[1].schema) == ("Finds tools.", {"type": "object"})
    assert [drop.what for drop in report.drops] == ["additional_tools.web_search"]
    asked, finds, late, _ = out.messages
    assert (asked.parts[0].kind, asked.parts[0].name) == ("function", "tool_search")
    assert json.loads(finds.parts[0].parts[0].text) == {"tools": [{"name": "mail__send", "description": ""}]}
    assert (late.parts[0].name, late.parts[0].namespace) == ("late", "")  # OpenAI gives it a namespace of its own name
    again = restore.restorer("r")._whole(call("3", "tool_search", '{"query":"x"}'), 0)
    assert (again.kind, again.name, again.arguments) == ("tool_search", "tool_search", '{"query":"x"}')


def test_trap_3_the_clients_shell_becomes_a_function_and_comes_back_whole() -> None:
    """Whatever the model leaves out; a command in one line is one for bash."""
    action = '{"type":"exec","command":["ls","-l"],"env":{},"working_directory":"/tmp","timeout_ms":null}'
    choice = ToolChoice("named", tools=[("", "shell")])
    history = [said(call("1", "local_shell", action, kind="shell")), tool(result("1", kind="shell"))]
    out, restore = lowered(turn(*history, tools=[SHELL], tool_choice=choice))
    assert out.tool_choice == ToolChoice("named", tools=[("", "local_shell")])
    assert (out.tools[0].kind, out.tools[0].name) == ("function", "local_shell")
    assert out.messages[0].parts[0].arguments == '{"command":["ls","-l"],"working_directory":"/tmp"}'
    for arguments, command in [
        ('{"command":["a"],"x":1}', ["a"]),
        ('{"command":"a b"}', ["bash", "-lc", "a b"]),
        ("a", ["bash", "-lc", "a"]),
    ]:
        back = restore.restorer("r")._whole(call("2", "local_shell", arguments), 0)
        assert back.kind == "shell"
        assert json.loads(back.arguments) == {"type": "exec", "command": command, "env": {}}


def test_anthropics_own_client_tools_become_functions() -> None:
    """bash, text editor and memory run at the client: they work with any model."""
    types = [
        ("bash_20250124", "bash"),
        ("text_editor_20250728", "str_replace_based_edit_tool"),
        ("memory_20250818", "memory"),
    ]
    tools = [Tool(kind="server", name="shell", value={"type": kind, "name": name}) for kind, name in types]
    out, _ = lowered(turn(said(call("1", "bash", '{"command":"ls"}')), tool(result("1")), tools=tools))
    assert [(one.kind, one.name) for one in out.tools] == [("function", name) for _, name in types]
    assert all(one.schema["type"] == "object" for one in out.tools)


def test_trap_3_server_tools_are_dropped_and_reported_unless_the_target_has_them() -> None:
    """Also from tool_choice, which falls back to auto."""
    hosted = Tool(kind="server", name="tool_search", value={"type": "tool_search"})
    choice = ToolChoice(mode="named", tools=[("", "web_search")])
    report = Report()
    given = turn(user("q"), tools=[WEB, hosted, function("f")], tool_choice=choice)
    out, _ = lowered(given, report=report)
    assert [one.name for one in out.tools] == ["f"]
    assert out.tool_choice == ToolChoice(mode="auto")
    assert [drop.what for drop in report.drops] == [
        "tools.web_search",
        "tools.tool_search",
        "tool_choice.web_search",
    ]
    kept, _ = lowered(given, servers=frozenset({"web_search"}))
    assert kept.tools[0] is WEB
    assert kept.tool_choice is choice
    report = Report()
    bare, _ = lowered(turn(user("q"), tools=[WEB], tool_choice=choice), report=report)
    assert (bare.tools, bare.tool_choice) == (None, None)
    assert report.drops[-1].what == "tool_choice"


def test_tool_choice_follows_the_names() -> None:
    """Also a list of allowed ones."""
    out, _ = lowered(
        turn(tools=[*LITE, function("a.b")], tool_choice=ToolChoice("named", tools=[("clock", "now"), ("", "a.b")]))
    )
    assert out.tool_choice == ToolChoice("named", tools=[("", "clock__now"), ("", out.tools[-1].name)])
    some, _ = lowered(turn(tools=LITE, tool_choice=ToolChoice("auto", tools=[("functions", "wait"), ("", "gone")])))
    assert some.tool_choice == ToolChoice("auto", tools=[("", "functions__wait")])


def test_a_target_that_has_all_kinds_keeps_them() -> None:
    """Responses: nothing changes, and nothing is copied."""
    item = Message(role="developer", parts=[Opaque(kind="additional_tools", value={"tools": []})])
    given = turn(
        item,
        said(call("1", "exec", "x", kind="custom", namespace="functions"), call("2", "s", "{}", kind="tool_search")),
        tool(result("1", name="exec", kind="custom"), result("2", name="s", kind="tool_search")),
        tools=[PATCH, *LITE, SEARCH, SHELL],
        tool_choice=ToolChoice("named", tools=[("clock", "now")]),
    )
    out, restore = lowered(given, kinds=ALL, servers=frozenset({"tool_search"}))
    assert all(new is old for new, old in zip(out.tools, given.tools, strict=True))
    assert all(new is old for new, old in zip(out.messages, given.messages, strict=True))
    assert out.tool_choice is given.tool_choice
    native = call("9", "apply_patch", "*** Begin Patch", kind="custom")
    assert restore.restorer("r")._whole(native, 0) is native


def test_what_needs_no_change_is_shared() -> None:
    """Copy on write, for a conversation of plain functions."""
    given = turn(user("q"), said("a", call("1", "f")), tool(result("1", name="f")), tools=[function("f")])
    out, _ = lowered(given)
    assert all(new is old for new, old in zip(out.messages, given.messages, strict=True))
    assert out.tools[0] is given.tools[0]


LONG = "mcp__" + "very_" * 50 + "long"
ILLEGAL = ["a.b", "a b", "a/b", "ünï", "", "a:b", "1st", "-x", LONG, LONG + "2", "x" * 64, "x" * 65]


@pytest.mark.parametrize("rule", [NameRule(64, 64), NameRule(128, 64, ".:"), NameRule(64, 9), NameRule(64, 0)], ids=str)
def test_trap_9_names_are_legal_short_unique_and_restored(rule: NameRule) -> None:
    """In declarations, history and tool_choice; a name that is legal stays."""
    names = [*ILLEGAL, "a_b", "fine"]
    given = turn(
        *[
            message
            for at, name in enumerate(names)
            for message in (said(call(f"c{at}", name)), tool(result(f"c{at}", name=name)))
        ],
        tools=[function(name) for name in names],
        tool_choice=ToolChoice("named", tools=[("", name) for name in names]),
    )
    out, restore = lowered(given, rule=rule)
    wires = [one.name for one in out.tools]
    assert len(set(wires)) == len(names)
    legal = re.compile(rf"[A-Za-z_][A-Za-z0-9_{re.escape(rule.more)}-]*")
    assert all(legal.fullmatch(wire) and len(wire) <= rule.name_chars for wire in wires)
    assert wires[-2:] == ["a_b", "fine"]
    assert [message.parts[0].name for message in out.messages] == [wire for wire in wires for _ in range(2)]
    assert out.tool_choice.tools == [("", wire) for wire in wires]
    restorer = restore.restorer("r")
    assert [restorer._whole(call(f"n{at}", wire), at).name for at, wire in enumerate(wires)] == names


def test_trap_9_a_name_does_not_depend_on_which_others_are_there() -> None:
    """So that a tool that comes late does not spoil the cached prefix."""
    alone, _ = lowered(turn(tools=[function("a.b"), function(LONG)]))
    among, _ = lowered(
        turn(tools=[function("a_b"), function("x.y"), function(LONG + "2"), function("a.b"), function(LONG)])
    )
    assert alone.tools == among.tools[-2:]


def test_trap_9_a_flattened_name_gives_way_to_a_plain_one() -> None:
    """`a__b` may be a tool of its own; a long namespace is cut before the tool's name."""
    space = Tool(kind="namespace", name="a", children=[function("b")])
    out, restore = lowered(
        turn(said(call("1", "a__b"), call("2", "b", namespace="a")), tools=[space, function("a__b")])
    )
    assert out.tools[1].name == "a__b"
    assert re.fullmatch(r"a__b_[0-9a-f]{8}", out.tools[0].name)
    assert [part.name for part in out.messages[0].parts] == ["a__b", out.tools[0].name]
    back = restore.restorer("r")._whole(call("3", out.tools[0].name), 0)
    assert (back.namespace, back.name) == ("a", "b")
    long, _ = lowered(turn(tools=[Tool(kind="namespace", name="n" * 70, children=[function("create_issue")])]))
    assert re.fullmatch(r"n+__create_issue_[0-9a-f]{8}", long.tools[0].name)
    assert len(long.tools[0].name) == 64


def test_a_tool_that_is_declared_twice_is_sent_once() -> None:
    """Providers refuse the second one."""
    report = Report()
    out, _ = lowered(turn(tools=[function("f"), function("f", description="other")]), report=report)
    assert [one.description for one in out.tools] == [""]
    assert [(drop.what, drop.why) for drop in report.drops] == [("tools.f", "duplicate")]


def test_calls_of_tools_that_are_not_declared_any_more_stay_callable() -> None:
    """Codex compacts with an empty tool list; a history's flattened name is not flattened again."""
    given = turn(
        said(
            call("1", "exec", "x", kind="custom", namespace="functions"),
            call("2", "clock__now"),
            call("3", "clock__now"),
        ),
        tools=[],
    )
    out, restore = lowered(given)
    assert [part.name for part in out.messages[0].parts] == ["functions__exec", "clock__now", "clock__now"]
    assert out.tools is None
    back = restore.restorer("r")._whole(call("4", "functions__exec", '{"input":"y"}'), 0)
    assert (back.namespace, back.name, back.kind, back.arguments) == ("functions", "exec", "custom", "y")
    known, _ = lowered(turn(said(call("1", "functions__exec")), tools=LITE))
    assert known.messages[0].parts[0].name == "functions__exec"


@pytest.mark.parametrize(
    ("rule", "same"),
    [(NameRule(64, 64), False), (NameRule(64, 64, "."), True), (NameRule(64, 9), False), (NameRule(64, 0), True)],
    ids=str,
)
def test_trap_10_ids_are_legal_and_the_same_for_call_and_result(rule: NameRule, same: bool) -> None:
    """Shortened or mended by hash; where there are no ids, they stay."""
    ids = ["call_1", "a.b", "c" * 200, "c" * 200 + "2"]
    given = turn(said(*(call(one) for one in ids)), tool(*(result(one) for one in ids)))
    out, _ = lowered(given, rule=rule)
    calls = [part.id for part in out.messages[0].parts]
    assert calls == [part.call_id for part in out.messages[1].parts]
    assert len(set(calls)) == len(ids)
    assert (calls[1] == "a.b") is same
    if rule.id_chars:
        assert all(len(one) <= rule.id_chars for one in calls)
        assert calls[0] == "call_1"


def test_trap_10_empty_ids_are_made_anew_in_order() -> None:
    """Also when the conversation was not arranged."""
    out, _ = lowered(turn(said(call("", "f"), call("", "g")), tool(result(""), result(""))))
    calls = [part.id for part in out.messages[0].parts]
    assert calls == [part.call_id for part in out.messages[1].parts]
    assert len({*calls, ""}) == 3
    assert [part.name for part in out.messages[1].parts] == ["f", "g"]


def test_a_message_that_only_declared_tools_disappears_and_others_stay() -> None:
    """An empty message of the client is its writer's to judge."""
    item = Opaque(kind="additional_tools", value={"tools": []})
    out, _ = lowered(turn(Message(role="developer", parts=[item]), user(item, "q"), user()))
    assert [message.parts for message in out.messages] == [[Text(text="q")], []]
