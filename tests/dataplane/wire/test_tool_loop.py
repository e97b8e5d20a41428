"""Tool-failure loops in all five dialects: what is one, what is none, and what must not break."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from gateway.dataplane.wire.tool_loop import Streak, failed_streak
from tests.harness import SHARED

Items = list[dict[str, Any]]
CLIENTS = SHARED / "fixtures" / "clients"
USER = "mend it"


def json_of(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


class Wire:
    """One dialect: `round` makes calls and their results, each (tool, arguments, text, is_failed)."""

    def __init__(self, dialect: str, items: str, user: Callable[[str], dict[str, Any]], round_: Callable[..., Items]) -> None:  # fmt: skip
        self.dialect, self.items, self.user, self.round = dialect, items, user, round_

    def streak(self, *rounds: Any, most: int = 3, is_any_call: bool = False, after: Items = [], **dumps: Any) -> Streak | None:  # noqa: B006  # fmt: skip
        items = [self.user(USER)]
        for at, calls in enumerate(rounds):
            items += self.round(at, calls if isinstance(calls, list) else [calls])
        return self.of([*items, *after], most=most, is_any_call=is_any_call, **dumps)

    def of(self, items: Any, *, most: int = 3, is_any_call: bool = False, **dumps: Any) -> Streak | None:
        body = json.dumps({"model": "m", self.items: items, "tools": []}, **{"separators": (",", ":"), **dumps})
        return failed_streak(self.dialect, body.encode(), most, is_any_call=is_any_call)


Call = tuple[str, Any, str, bool]


def responses_round(at: int, calls: list[Call]) -> Items:
    made: Items = [{"type": "reasoning", "id": f"r{at}", "summary": []}]
    made += [{"type": "function_call", "name": tool, "arguments": json_of(said), "call_id": f"c{at}-{i}"} for i, (tool, said, _, _) in enumerate(calls)]  # fmt: skip
    for i, (_, _, text, is_failed) in enumerate(calls):
        output = f"Wall time: 0.0 seconds\nProcess exited with code {int(is_failed)}\nOutput:\n{text}"
        made.append({"type": "function_call_output", "call_id": f"c{at}-{i}", "output": output})
    return made


def chat_round(at: int, calls: list[Call]) -> Items:
    said = [{"id": f"c{at}-{i}", "type": "function", "function": {"name": tool, "arguments": json_of(said)}} for i, (tool, said, _, _) in enumerate(calls)]  # fmt: skip
    results = [{"role": "tool", "tool_call_id": f"c{at}-{i}", "content": f"Error: {text}" if is_failed else text} for i, (_, _, text, is_failed) in enumerate(calls)]  # fmt: skip
    return [{"role": "assistant", "content": None, "tool_calls": said}, *results]


def messages_round(at: int, calls: list[Call]) -> Items:
    said = [{"type": "tool_use", "id": f"c{at}-{i}", "name": tool, "input": said} for i, (tool, said, _, _) in enumerate(calls)]  # fmt: skip
    results = [{"type": "tool_result", "tool_use_id": f"c{at}-{i}", "content": text, "is_error": is_failed} for i, (_, _, text, is_failed) in enumerate(calls)]  # fmt: skip
    return [{"role": "assistant", "content": said}, {"role": "user", "content": results}]


def converse_round(at: int, calls: list[Call]) -> Items:
    said = [{"toolUse": {"toolUseId": f"c{at}-{i}", "name": tool, "input": said}} for i, (tool, said, _, _) in enumerate(calls)]  # fmt: skip
    results = [{"toolResult": {"toolUseId": f"c{at}-{i}", "content": [{"text": text}], "status": "error" if is_failed else "success"}} for i, (_, _, text, is_failed) in enumerate(calls)]  # fmt: skip
    return [{"role": "assistant", "content": said}, {"role": "user", "content": results}]


def gemini_round(at: int, calls: list[Call]) -> Items:
    said = [{"functionCall": {"id": f"c{at}-{i}", "name": tool, "args": said}} for i, (tool, said, _, _) in enumerate(calls)]  # fmt: skip
    results = [{"functionResponse": {"id": f"c{at}-{i}", "name": tool, "response": {"error" if is_failed else "output": text}}} for i, (tool, _, text, is_failed) in enumerate(calls)]  # fmt: skip
    return [{"role": "model", "parts": said}, {"role": "user", "parts": results}]


WIRES = [
    Wire("openai.responses", "input", lambda text: {"type": "message", "role": "user", "content": text}, responses_round),
    Wire("openai.chat", "messages", lambda text: {"role": "user", "content": text}, chat_round),
    Wire("anthropic.messages", "messages", lambda text: {"role": "user", "content": text}, messages_round),
    Wire("bedrock.converse", "messages", lambda text: {"role": "user", "content": [{"text": text}]}, converse_round),
    Wire("gemini.generate", "contents", lambda text: {"role": "user", "parts": [{"text": text}]}, gemini_round),
]  # fmt: skip
RESPONSES, CHAT, MESSAGES, CONVERSE, GEMINI = WIRES
every_wire = pytest.mark.parametrize("wire", WIRES, ids=[one.dialect for one in WIRES])

BAD: Call = ("shell", {"cmd": "make"}, "no rule", True)
OTHER_BAD: Call = ("shell", {"cmd": "make test"}, "no rule", True)
READ_BAD: Call = ("read", {"path": "a"}, "no file", True)
GOOD: Call = ("shell", {"cmd": "make"}, "done", False)


# === what is a loop ===


@every_wire
def test_the_same_call_that_fails_more_often_than_allowed_is_a_streak(wire: Wire) -> None:
    assert wire.streak(BAD, BAD, BAD) is None
    assert wire.streak(BAD, BAD, BAD, BAD) == Streak("shell", 4)
    assert wire.streak(GOOD, *[BAD] * 4) == Streak("shell", 4)
    assert wire.streak(BAD, most=0) == Streak("shell", 1)
    assert wire.streak(*[BAD] * 8, indent=2, separators=None) is not None


@every_wire
def test_a_success_or_a_word_of_the_user_ends_it(wire: Wire) -> None:
    assert wire.streak(*[BAD] * 4, GOOD) is None
    assert wire.streak(BAD, BAD, GOOD, BAD, BAD) is None
    assert wire.streak(*[BAD] * 9, after=[wire.user("try another way")]) is None
    assert wire.of([*wire.round(0, [BAD]), *wire.round(1, [BAD]), wire.user("go on"), *wire.round(2, [BAD]), *wire.round(3, [BAD])]) is None  # fmt: skip


@every_wire
def test_other_arguments_are_another_call_unless_any_call_counts(wire: Wire) -> None:
    calls = [("shell", {"cmd": f"make {i}"}, "no rule", True) for i in range(6)]
    assert wire.streak(*calls) is None
    assert (found := wire.streak(*calls, is_any_call=True)) is not None
    assert found.failures > 3
    if wire not in (RESPONSES, CHAT):  # where arguments are text they are compared as such
        turned = [("shell", {"a": 1, "b": 2}, "x", True), ("shell", {"b": 2, "a": 1}, "x", True)]
        assert wire.streak(*turned, most=1) == Streak("shell", 2)


@every_wire
def test_failures_in_parallel_count_each_for_its_own_call(wire: Wire) -> None:
    reads = [("read", {"path": str(i)}, "no file", True) for i in range(4)]
    assert wire.streak(reads) is None
    assert wire.streak([BAD, READ_BAD], [BAD, READ_BAD], [BAD, READ_BAD]) is None
    assert wire.streak(*[[BAD, READ_BAD]] * 4) == Streak("read", 4)
    assert wire.streak(*[[BAD, GOOD]] * 9) is None


def test_gemini_without_ids_knows_calls_in_parallel_by_their_order() -> None:
    def bare(at: int, calls: list[Call]) -> Items:
        made = gemini_round(at, calls)
        for item in made:
            for part in item["parts"]:
                for one in part.values():
                    del one["id"]
        return made

    wire = Wire(GEMINI.dialect, GEMINI.items, GEMINI.user, bare)
    assert wire.streak([("read", {"path": str(i)}, "no file", True) for i in range(6)]) is None
    assert wire.streak(*[[BAD, OTHER_BAD]] * 4) == Streak("shell", 4)
    assert wire.streak(*[BAD] * 4) == Streak("shell", 4)


# === how a failure is told ===


def responses_output(output: Any, kind: str = "function_call") -> Streak | None:
    items = [{"type": "message", "role": "user", "content": USER}]
    for i in range(4):
        call = {"type": kind, "name": "t", "arguments": "{}", "call_id": f"c{i}"}
        items += [call, {"type": f"{kind}_output", "call_id": f"c{i}", "output": output}]
    return RESPONSES.of(items)


def chat_output(content: Any) -> Streak | None:
    items: Items = [{"role": "user", "content": USER}]
    for i in range(4):
        call = {"id": f"c{i}", "type": "function", "function": {"name": "t", "arguments": "{}"}}
        items += [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{i}", "content": content},
        ]
    return CHAT.of(items)


def gemini_output(response: Any) -> Streak | None:
    items: Items = [{"role": "user", "parts": [{"text": USER}]}]
    for i in range(4):
        items.append({"role": "model", "parts": [{"functionCall": {"id": f"c{i}", "name": "t", "args": {}}}]})
        items.append(
            {"role": "user", "parts": [{"functionResponse": {"id": f"c{i}", "name": "t", "response": response}}]}
        )
    return GEMINI.of(items)


FAILURES = [
    "Chunk ID: 8d5865\nWall time: 0.0000 seconds\nProcess exited with code 1\nOriginal token count: 4\nOutput:\n",
    "Chunk ID: 8d5865\nProcess exited with code 127\nOutput:\n" + "x" * 50_000,
    "Exit code: 1\nWall time: 0 seconds\nOutput:\nno",
    "Wall time: 0.0000 seconds\nOutput:\nExit code: 2\nWall time: 0 seconds\nOutput:\n",
    "Exit code 1\ncat: hello: No such file or directory",
    "Command exited with code -9",
    '{"chunk_id":"4c0856","wall_time_seconds":0.1,"exit_code":1,"output":""}',
    "Error: no such file",
    "error: unknown option",
    "ERROR invalid patch",
    "Failed to read file",
    "Traceback (most recent call last):\n",
    "unsupported call: foo",
    "apply_patch verification failed: Failed to find",
    "exec_command failed for `/bin/x`: denied",
    '{"error":"no such file"}',
    '{"error":{"message":"no"}}',
]
SUCCESSES = [
    "Process exited with code 0\nOutput:\nerror: 3 warnings, exit code 1 in the log",
    "Chunk ID: 8d5865\nWall time: 0.0000 seconds\nProcess exited with code 0\nOutput:\nExit code 1\nProcess exited with code 1\n",
    "Exit code: 0\nWall time: 0 seconds\nOutput:\nfailed once, then worked",
    '{"chunk_id":"4c0856","exit_code":0,"output":"error: Exit code 1"}',
    "Process running with session ID 4711\nOutput:\nretrying after an error",
    "src/errors.py: class Error(Exception): ...",
    "0 failures, 12 passed",
    "Failed: 0, passed: 12",
    "failed 0\npassed 3",
    "# Error codes\n\nThis document",
    "// error handling\nfunction f() {}",
    "errors.go\nmain.go",
    '{"error":null,"output":"fine"}',
    '{"error": "", "output": "fine"}',
    '{"error":false}',
    '{"errors":[],"data":1}',
    "The build said: error: x",
    "12:01 job 7 failed with exit code 1 yesterday; all is well now",
    "x" * 401 + "\nExit code 1",
    "",
]


@pytest.mark.parametrize("text", FAILURES)
def test_words_of_failure(text: str) -> None:
    assert responses_output(text) == Streak("t", 4)
    assert responses_output([{"type": "input_text", "text": text}], "custom_tool_call") == Streak("t", 4)
    assert chat_output(text) == Streak("t", 4)
    assert chat_output([{"type": "text", "text": text}]) == Streak("t", 4)
    assert gemini_output({"output": text}) == Streak("t", 4)


@pytest.mark.parametrize("text", SUCCESSES)
def test_words_of_success(text: str) -> None:
    assert responses_output(text) is None
    assert responses_output([{"type": "input_text", "text": text}], "custom_tool_call") is None
    assert chat_output(text) is None
    assert gemini_output({"output": text}) is None


def test_a_script_of_codex_tells_it_in_its_second_text() -> None:
    first = {"type": "input_text", "text": "Script completed\nWall time 0.1 seconds\nOutput:\n"}

    def of(code: int) -> Streak | None:
        text = f'{{"chunk_id":"4c0856","wall_time_seconds":0.000004937,"exit_code":{code},"original_token_count":4,"output":"x"}}'
        return responses_output([first, {"type": "input_text", "text": text}], "custom_tool_call")

    assert of(1) == Streak("t", 4)
    assert of(0) is None


def test_gemini_cli_tells_the_exit_code_at_the_end() -> None:
    def of(last: str, log: str = "compiling\n" * 900) -> Streak | None:
        return gemini_output({"output": f"<untrusted_context>\nOutput: {log}{last}\nProcess Group PGID: 26407\n</untrusted_context>"})  # fmt: skip

    assert of("Exit Code: 2") == Streak("t", 4)
    assert of("Exit Code: 2", log="no\n") == Streak("t", 4)
    assert of("done") is None
    assert of("Exit Code: 0") is None
    assert of("it said Exit Code: 2 once") is None


def test_gemini_response_without_an_error() -> None:
    assert gemini_output({"error": None, "output": "fine"}) is None
    assert gemini_output({"result": "error: x"}) is None
    assert gemini_output({"error": {"code": 5}}) is not None


@pytest.mark.parametrize("wire", [RESPONSES, CHAT, MESSAGES], ids=["responses", "chat", "messages"])
def test_results_in_any_order_of_members_and_of_any_size(wire: Wire) -> None:
    huge = ("shell", {"cmd": "make"}, "no rule " * 10_000, True)
    items = [wire.user(USER), *(item for at in range(4) for item in wire.round(at, [huge]))]
    for turned in (items, [dict(reversed(item.items())) for item in items]):
        assert wire.of(turned) == Streak("shell", 4)
        assert wire.of(turned, ensure_ascii=False, indent=1, separators=None) == Streak("shell", 4)


@every_wire
def test_huge_outputs_that_are_well_are_well(wire: Wire) -> None:
    assert wire.streak(*[("shell", {"cmd": "make"}, "fine " * 20_000, False)] * 4) is None


@every_wire
def test_unicode(wire: Wire) -> None:
    call = ("lies·読む", {"pfad": "grüße/😀"}, "kaputt 😱 \u2028", True)
    assert wire.streak(*[call] * 4) == Streak("lies·読む", 4)
    assert wire.streak(*[call] * 4, ensure_ascii=False) == Streak("lies·読む", 4)


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_reminder_after_the_result_hides_nothing(role: str) -> None:
    """Claude Code puts messages of the role `system` behind the last one (recorded: post-messages-nonstream.step2)."""
    reminder = {"role": role, "content": "remember the rules"}
    assert MESSAGES.streak(*[BAD] * 4, after=[reminder]) == Streak("shell", 4)
    assert RESPONSES.streak(*[BAD] * 4, after=[{"type": "message", **reminder}]) == Streak("shell", 4)
    assert CHAT.streak(*[BAD] * 4, after=[reminder]) == Streak("shell", 4)
    beside = [*MESSAGES.round(4, [BAD])]
    beside[-1]["content"].append({"type": "text", "text": "<system-reminder>"})
    assert MESSAGES.streak(*[BAD] * 3, after=beside) == Streak("shell", 4)


# === what is broken ===

ODD: list[Any] = [None, 1, -0.5, True, "text", [], {}, [[]], {"type": 5}, {"role": []}, {"role": "user", "content": 7}, {"content": [None, 3, "x"]}, {"parts": 1}]  # fmt: skip


@every_wire
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_a_broken_item_breaks_nothing(wire: Wire, odd: Any) -> None:
    items = [wire.user(USER), odd, *(item for at in range(4) for item in wire.round(at, [BAD]))]
    assert wire.of(items) == Streak("shell", 4)
    wire.of([*items, odd])
    wire.of([odd])
    wire.of(odd)
    for item in wire.round(9, [BAD]):  # each member of a call and of its result
        for place in _places(item):
            wire.of([*items, _changed(item, place, odd)])


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in inner for place in ((*at, key), *_places(one, (*at, key)))]


def _changed(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    made = json.loads(json.dumps(value))
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return made


@every_wire
@pytest.mark.parametrize("odd", [5, None, {"a": 1}, [1]], ids=repr)
def test_ids_and_names_of_any_kind(wire: Wire, odd: Any) -> None:
    """What the provider will refuse is none of our business; that no exception comes out is."""
    items = [wire.user(USER), *(item for at in range(4) for item in wire.round(at, [BAD]))]
    for name in ("call_id", "id", "tool_call_id", "tool_use_id", "toolUseId", "name"):
        changed = items
        for item in changed:
            for place in _places(item):
                if place[-1] == name:
                    item = _changed(item, place, odd)
        found = wire.of(changed)
        assert found is None or isinstance(found.tool, str)


@every_wire
def test_ids_that_are_no_texts_are_still_told_apart(wire: Wire) -> None:
    ids = iter(range(100))
    names: dict[str, int] = {}

    def numbered(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: names.setdefault(one, next(ids)) if key in {"call_id", "id", "tool_call_id", "tool_use_id", "toolUseId"} else numbered(one)
                for key, one in value.items()
            }  # fmt: skip
        return [numbered(one) for one in value] if isinstance(value, list) else value

    items = [wire.user(USER), *(item for at in range(4) for item in wire.round(at, [BAD, READ_BAD]))]
    assert wire.of(numbered(items)) == Streak("read", 4)


@every_wire
def test_deep_nesting(wire: Wire) -> None:
    deep: Any = "x"
    for _ in range(800):
        deep = [deep]
    assert wire.streak(*[("shell", {"cmd": deep}, "x", True)] * 4) == Streak("shell", 4)
    items = wire.round(0, [("shell", "DEEP", "Error", True)])
    body = json.dumps({wire.items: items}).replace('"DEEP"', "[" * 100_000 + "]" * 100_000)
    assert failed_streak(wire.dialect, body.encode(), 0, is_any_call=False) in (None, Streak("shell", 1))


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"input":', b'{"input":[{"type":"x_call_output","output":"Error"', b"\xff\xfe"]
)
@every_wire
def test_a_body_that_is_none(wire: Wire, body: bytes) -> None:
    assert failed_streak(wire.dialect, body, 3, is_any_call=False) is None


def test_a_dialect_without_tools_has_none() -> None:
    assert failed_streak("openai.embeddings", b'{"input":[]}', 0, is_any_call=True) is None


# === what agents send ===


@pytest.mark.skipif(not os.path.isdir(CLIENTS), reason=f"RECORDED BODIES ARE NOT TESTED: {CLIENTS} is missing")
def test_recorded_bodies() -> None:
    """Sessions that go well have no streak; the one failure that was recorded is found."""
    wires = {"input": RESPONSES, "messages": MESSAGES, "contents": GEMINI}
    found = {}
    for path in sorted(CLIENTS.glob("*/*.json")):
        body = json.loads(path.read_text()).get("body")
        wire = next((one for name, one in wires.items() if isinstance(body, dict) and name in body), None)
        if wire is not None:
            streak = failed_streak(wire.dialect, json_of(body).encode(), 0, is_any_call=False)
            found[path.name] = streak and (streak.tool, streak.failures)
    assert len(found) > 20
    assert {name: one for name, one in found.items() if one} == {"post-messages-loop.step4.json": ("Bash", 1)}
