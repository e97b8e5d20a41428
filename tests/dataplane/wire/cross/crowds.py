"""Requests and answers of many small things in an order that nobody sane would send: what a hostile client or provider could hold
the worker with. Each maker takes how many.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gateway.dataplane.wire import PathSays

Json = dict[str, Any]
Body = tuple[str, Json]
"""A dialect and the body of a request."""

_MODEL = "lab/crowd"
_PATH = {"gemini.generate": PathSays(_MODEL), "bedrock.converse": PathSays(_MODEL)}


def path_of(dialect: str) -> PathSays:
    """What the path says."""
    return _PATH.get(dialect, PathSays())


# === requests, in the words of each dialect ===


class Talk:
    """A conversation that is being made. Ids and names are given, so that makers can repeat and mix them."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self._said: list[Any] = []
        self._tools: list[Json] = []
        self.more: Json = {}

    def user(self, *texts: str) -> "Talk":
        """One message of the user, a part for each text."""
        return self._message("user", texts)

    def model(self, *texts: str) -> "Talk":
        """One message of the model."""
        return self._message("assistant", texts)

    def system(self, text: str) -> "Talk":
        """The operator's words in the conversation; where there is no such role, the user's."""
        role = "user" if self.dialect == "gemini.generate" else "system"
        return self._message(role, [text])

    def calls(self, calls: Iterable[tuple[str, str]]) -> "Talk":
        """The model calls: (id, name) of each."""
        kind = self.dialect
        if kind == "openai.responses":
            self._said += [{"type": "function_call", "call_id": i, "name": n, "arguments": "{}"} for i, n in calls]
        elif kind == "openai.chat":
            made = [{"id": i, "type": "function", "function": {"name": n, "arguments": "{}"}} for i, n in calls]
            self._said.append({"role": "assistant", "content": None, "tool_calls": made})
        elif kind == "anthropic.messages":
            made = [{"type": "tool_use", "id": i, "name": n, "input": {}} for i, n in calls]
            self._said.append({"role": "assistant", "content": made})
        elif kind == "gemini.generate":
            made = [{"functionCall": {"id": i, "name": n, "args": {}}} for i, n in calls]
            self._said.append({"role": "model", "parts": made})
        else:
            made = [{"toolUse": {"toolUseId": i, "name": n, "input": {}}} for i, n in calls]
            self._said.append({"role": "assistant", "content": made})
        return self

    def results(self, results: Iterable[tuple[str, str]]) -> "Talk":
        """What the tools gave: (id of the call, its name) of each."""
        kind = self.dialect
        if kind == "openai.responses":
            self._said += [{"type": "function_call_output", "call_id": i, "output": "x"} for i, _ in results]
        elif kind == "openai.chat":
            self._said += [{"role": "tool", "tool_call_id": i, "content": "x"} for i, _ in results]
        elif kind == "anthropic.messages":
            made = [{"type": "tool_result", "tool_use_id": i, "content": "x"} for i, _ in results]
            self._said.append({"role": "user", "content": made})
        elif kind == "gemini.generate":
            made = [{"functionResponse": {"id": i, "name": n, "response": {"output": "x"}}} for i, n in results]
            self._said.append({"role": "user", "parts": made})
        else:
            made = [{"toolResult": {"toolUseId": i, "content": [{"text": "x"}]}} for i, _ in results]
            self._said.append({"role": "user", "content": made})
        return self

    def document(self, name: str, count: int) -> "Talk":
        """One message of the user with documents of one name."""
        data = "JVBERi0xLjQK"
        made: Json = {
            "openai.responses": {
                "type": "input_file",
                "filename": name,
                "file_data": f"data:application/pdf;base64,{data}",
            },
            "openai.chat": {
                "type": "file",
                "file": {"filename": name, "file_data": f"data:application/pdf;base64,{data}"},
            },
            "anthropic.messages": {
                "type": "document",
                "title": name,
                "source": {"type": "base64", "media_type": "application/pdf", "data": data},
            },
            "gemini.generate": {"inlineData": {"mimeType": "application/pdf", "data": data, "displayName": name}},
            "bedrock.converse": {"document": {"format": "pdf", "name": name, "source": {"bytes": data}}},
        }[self.dialect]
        return self._parts("user", [made] * count)

    def thoughts(self, texts: Sequence[str]) -> "Talk":
        """One answer of the model that begins with thoughts."""
        kind = self.dialect
        if kind == "openai.responses":
            self._said += [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": one}], "encrypted_content": one}
                for one in texts
            ]
        elif kind == "openai.chat":
            details = [{"type": "reasoning.text", "text": one, "signature": one, "index": 0} for one in texts]
            self._said.append({"role": "assistant", "content": "x", "reasoning_details": details})
        elif kind == "anthropic.messages":
            self._parts("assistant", [{"type": "thinking", "thinking": one, "signature": one} for one in texts])
        elif kind == "gemini.generate":
            self._parts("assistant", [{"text": one, "thought": True, "thoughtSignature": one} for one in texts])
        else:
            made = [{"reasoningContent": {"reasoningText": {"text": one, "signature": one}}} for one in texts]
            self._parts("assistant", made)
        return self

    def tools(self, names: Iterable[str], schema: Json | None = None) -> "Talk":
        """Declares functions."""
        schema = schema or {"type": "object", "properties": {"a": {"type": "string"}}}
        made: Callable[[str], Json] = {
            "openai.responses": lambda name: {"type": "function", "name": name, "parameters": schema},
            "openai.chat": lambda name: {"type": "function", "function": {"name": name, "parameters": schema}},
            "anthropic.messages": lambda name: {"name": name, "input_schema": schema},
            "gemini.generate": lambda name: {"name": name, "parametersJsonSchema": schema},
            "bedrock.converse": lambda name: {"toolSpec": {"name": name, "inputSchema": {"json": schema}}},
        }[self.dialect]
        self._tools += map(made, names)
        return self

    def stops(self, stops: list[str]) -> "Talk":
        """Stop sequences."""
        self.more |= {
            "openai.responses": {},
            "openai.chat": {"stop": stops},
            "anthropic.messages": {"stop_sequences": stops},
            "gemini.generate": {"generationConfig": {"stopSequences": stops}},
            "bedrock.converse": {"inferenceConfig": {"stopSequences": stops}},
        }[self.dialect]
        return self

    def choice(self, names: list[str]) -> "Talk":
        """Only some of the tools may be called, where the dialect can say so."""
        allowed = [{"type": "function", "name": name} for name in names]
        chat = [{"type": "function", "function": {"name": name}} for name in names]
        self.more |= {
            "openai.responses": {"tool_choice": {"type": "allowed_tools", "mode": "required", "tools": allowed}},
            "openai.chat": {
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": chat}}
            },
            "gemini.generate": {
                "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": names}}
            },
        }.get(self.dialect, {})
        return self

    def answer_schema(self, schema: Json) -> "Talk":
        """The form of the answer."""
        encoded = '{"type":"object"}'
        self.more |= {
            "openai.responses": {"text": {"format": {"type": "json_schema", "name": "a", "schema": schema}}},
            "openai.chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}},
            "anthropic.messages": {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
            "gemini.generate": {
                "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}
            },
            "bedrock.converse": {
                "outputConfig": {
                    "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": encoded}}}
                }
            },
        }[self.dialect]
        return self

    def body(self) -> Json:
        """The request."""
        if self.dialect == "gemini.generate":
            body: Json = {"contents": self._said}
            tools: Json = {"tools": [{"functionDeclarations": self._tools}]}
        elif self.dialect == "bedrock.converse":
            body, tools = {"messages": self._said}, {"toolConfig": {"tools": self._tools}}
        else:
            member = "input" if self.dialect == "openai.responses" else "messages"
            body, tools = {"model": _MODEL, member: self._said}, {"tools": self._tools}
            if self.dialect == "anthropic.messages":
                body["max_tokens"] = 100
        return {**body, **self.more, **(tools if self._tools else {})}

    def _message(self, role: str, texts: Iterable[str]) -> "Talk":
        if self.dialect in ("gemini.generate", "bedrock.converse"):
            return self._parts(role, [{"text": one} for one in texts])
        kind = "text"
        if self.dialect == "openai.responses":
            kind = "output_text" if role == "assistant" else "input_text"
        return self._parts(role, [{"type": kind, "text": one} for one in texts])

    def _parts(self, role: str, parts: list[Json]) -> "Talk":
        if self.dialect == "gemini.generate":
            self._said.append({"role": "model" if role == "assistant" else "user", "parts": parts})
        else:
            self._said.append({"role": role, "content": parts})
        return self


def _ids(count: int) -> list[tuple[str, str]]:
    return [(f"call_{at}", f"tool_{at % 7}") for at in range(count)]


def _each_name(count: int) -> list[tuple[str, str]]:
    return [(f"call_{at}", f"tool_{at}") for at in range(count)]


def _same(count: int) -> list[tuple[str, str]]:
    return [("call_1", "tool_1")] * count


def _unknown(count: int) -> list[tuple[str, str]]:
    return [(f"other_{at}", f"tool_{at}") for at in range(count)]


def _loop(talk: Talk, count: int) -> Talk:
    talk.user("x")
    for at in range(count):
        talk.calls([(f"call_{at}", "tool_1")]).results([(f"call_{at}", "tool_1")])
    return talk


def _late_results(talk: Talk, count: int) -> Talk:
    """First all the calls, each in an answer of its own, then the results, newest first."""
    for at in range(count):
        talk.user("x").calls([(f"call_{at}", f"tool_{at}")])
    return talk.results(_each_name(count)[::-1])


def _emptied(talk: Talk, count: int) -> Talk:
    """Answers between which nothing is left: the results belong to a call that has one."""
    talk.user("x").calls([("call_1", "tool_1")]).results([("call_1", "tool_1")])
    for _ in range(count):
        talk.model("x").results([("call_1", "tool_1")])
    return talk


def _blank(talk: Talk, count: int) -> Talk:
    for _ in range(count):
        talk.model("x").user(" ")
    return talk.user("x")


def _in_turn(talk: Talk, count: int) -> Talk:
    for _ in range(count):
        talk.user("x").model("y")
    return talk.user("x")


def _one_side(talk: Talk, count: int) -> Talk:
    for _ in range(count):
        talk.user("x")
    return talk


def _answers(talk: Talk, count: int) -> Talk:
    talk.user("x")
    for _ in range(count):
        talk.model("x")
    return talk.user("x")


def _operators(talk: Talk, count: int) -> Talk:
    for _ in range(count):
        talk.system("x")
    talk.user("x")
    for _ in range(count):
        talk.system("x")
    return talk


def _lone_calls(talk: Talk, count: int) -> Talk:
    """Calls without results, each in an answer of its own."""
    for at in range(count):
        talk.user("x").calls([(f"call_{at}", "tool_1")])
    return talk


def _properties(count: int) -> Json:
    return {f"p{at}": {"type": "string"} for at in range(count)}


def _schema(**more: Any) -> Json:
    return {"type": "object", "properties": {"a": {"type": "string"}}, **more}


_SCHEMAS: dict[str, Callable[[int], Json]] = {
    "properties": lambda n: {"type": "object", "properties": _properties(n), "required": [f"p{at}" for at in range(n)]},
    "illegal properties": lambda n: {"type": "object", "properties": {f"p {at}": {} for at in range(n)}},
    "anyOf": lambda n: _schema(anyOf=[{"properties": {"a": {"const": at}}, "required": ["a"]} for at in range(n)]),
    "anyOf of equals": lambda n: _schema(anyOf=[{"properties": {"a": {"type": "string"}}}] * n),
    "anyOf beside many": lambda n: {
        "type": "object", "properties": {"a": {"properties": _properties(n), "anyOf": [{"title": str(i)} for i in range(n)]}},
    },
    "inner anyOf": lambda n: _schema(properties={"a": {"anyOf": [{"type": "string", "const": str(at)} for at in range(n)]}}),
    "inner allOf": lambda n: _schema(
        properties={"a": {"allOf": [{"properties": {f"p{at}": {"type": "string"}}, "required": [f"p{at}"]} for at in range(n)]}}
    ),
    "allOf": lambda n: {"type": "object", "allOf": [{"properties": {f"p{at}": {"type": "string"}}} for at in range(n)]},
    "enum": lambda n: _schema(properties={"a": {"enum": [str(at) for at in range(n)]}}),
    "types": lambda n: _schema(properties={"a": {"type": ["string", "integer", "null"] * n}}),
    "chain of references": lambda n: {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/d0"}},
        "$defs": {f"d{at}": {"$ref": f"#/$defs/d{at + 1}"} for at in range(n)},
    },
    "fan of references": lambda n: {
        "type": "object",
        "properties": {f"p{at}": {"$ref": "#/$defs/d"} for at in range(n)},
        "$defs": {"d": {"type": "object", "properties": {f"q{at}": {"$ref": "#/$defs/d"} for at in range(20)}}},
    },
}  # fmt: skip

REQUESTS: dict[str, Callable[[Talk, int], Talk]] = {
    "turns": _in_turn,
    "users": _one_side,
    "answers": _answers,
    "operators": _operators,
    "blank users": _blank,
    "parts": lambda talk, n: talk.user(*["x"] * n),
    "blank parts": lambda talk, n: talk.user(*[" "] * n, "x"),
    "loop": _loop,
    "calls in order": lambda talk, n: talk.user("x").calls(_ids(n)).results(_ids(n)),
    "calls reversed": lambda talk, n: talk.user("x").calls(_each_name(n)).results(_each_name(n)[::-1]),
    "calls of one id": lambda talk, n: talk.user("x").calls(_same(n)).results(_same(n)),
    "calls without results": lambda talk, n: talk.user("x").calls(_ids(n)),
    "results of one id": lambda talk, n: talk.user("x").calls(_same(1)).results(_same(n)),
    "results of unknown ids": lambda talk, n: talk.user("x").calls(_each_name(n)).results(_unknown(n)),
    "results of unknown ids, reversed": lambda talk, n: talk.user("x").calls(_each_name(n)).results(_unknown(n)[::-1]),
    "results before calls": lambda talk, n: talk.user("x").results(_same(n)).calls(_same(n)).user("x"),
    "results before calls, reversed": lambda talk, n: (
        talk.user("x").results(_each_name(n)).calls(_each_name(n)[::-1]).user("x")
    ),
    "late results": _late_results,
    "results without calls": lambda talk, n: talk.user("x").results(_each_name(n)),
    "lone calls": _lone_calls,
    "emptied answers": _emptied,
    "documents of one name": lambda talk, n: talk.document("name", n),
    "thoughts": lambda talk, n: talk.user("x").thoughts([f"t{at}" for at in range(n)]).user("x"),
    "thoughts and calls": lambda talk, n: (
        talk.user("x").thoughts([f"t{at}" for at in range(n)]).calls(_ids(n)).results(_ids(n))
    ),
    "tools": lambda talk, n: talk.user("x").tools(name for _, name in _each_name(n)),
    "tools of one name": lambda talk, n: talk.user("x").tools(["tool"] * n),
    "tools of illegal names": lambda talk, n: talk.user("x").tools(f"tool {at}" for at in range(n)),
    "tools chosen": lambda talk, n: (
        talk.user("x").tools(f"t{at}" for at in range(n)).choice([f"t{at}" for at in range(n)])
    ),
    "stops": lambda talk, n: talk.user("x").stops([f"s{at}" for at in range(n)]),
    **{
        f"tool of {name}": lambda talk, n, schema=schema: talk.user("x").tools(["tool"], schema(n))
        for name, schema in _SCHEMAS.items()
    },
    **{
        f"answer of {name}": lambda talk, n, schema=schema: talk.user("x").answer_schema(schema(n))
        for name, schema in _SCHEMAS.items()
    },
}
"""By name: what fills a conversation with so many small things."""


def _namespaces(talk: Talk, count: int) -> Talk:
    """Tools of one name in many namespaces, called without saying which."""
    spaces = [
        {
            "type": "namespace",
            "name": f"space_{at}",
            "description": "d",
            "tools": [{"type": "function", "name": "tool"}],
        }
        for at in range(count)
    ]
    talk.more["tools"] = spaces
    return talk.user("x").calls([(f"call_{at}", "tool") for at in range(count)])


def _found_tools(talk: Talk, count: int) -> Talk:
    """Tools that the conversation itself declares, the same again and again."""
    for _ in range(count):
        talk._said.append({"type": "additional_tools", "tools": [{"type": "function", "name": "tool"}]})
    return talk.user("x")


def _functions(talk: Talk, count: int) -> Talk:
    """Chat's results of 2023, by name alone."""
    talk.user("x").calls(_each_name(count))
    talk._said += [{"role": "function", "name": f"tool_{at}", "content": "x"} for at in reversed(range(count))]
    return talk


def _thoughts_before_calls(talk: Talk, count: int) -> Talk:
    """Each thought stands before a call of its own."""
    talk.user("x").calls(_ids(count))
    talk._said[-1]["reasoning_details"] = [
        {"type": "reasoning.encrypted", "data": "x", "index": at, "before": f"call_{at}"} for at in range(count)
    ]
    return talk


def _marked_blanks(talk: Talk, count: int) -> Talk:
    """Cache marks on blank texts, after thoughts that take none."""
    thoughts = [{"type": "thinking", "thinking": "x", "signature": "x"}] * count
    blanks = [{"type": "text", "text": " ", "cache_control": {"type": "ephemeral"}}] * count
    talk.user("x")._parts("assistant", [*thoughts, *blanks])
    return talk.user("x")


def _one_detail(talk: Talk, count: int) -> Talk:
    details = [{"type": "reasoning.summary", "summary": "x" * 20, "index": 0} for _ in range(count)]
    talk.user("x")._said.append({"role": "assistant", "content": "x", "reasoning_details": details})
    return talk.user("x")


OF_DIALECT: dict[str, dict[str, Callable[[Talk, int], Talk]]] = {
    "openai.responses": {"namespaces": _namespaces, "found tools": _found_tools},
    "openai.chat": {
        "functions by name": _functions,
        "thoughts before calls": _thoughts_before_calls,
        "summaries of one thought": _one_detail,
    },
    "anthropic.messages": {"marked blanks": _marked_blanks},
}
"""Shapes that one dialect alone can say."""


# === answers ===

Events = list[tuple[str, Json]]


def _r(kind: str, **members: Any) -> tuple[str, Json]:
    return f"response.{kind}", {"type": f"response.{kind}", **members}


def _r_end(output: Sequence[Json] = ()) -> tuple[str, Json]:
    return _r("completed", response={"id": "r", "status": "completed", "output": list(output)})


def _r_call(at: int) -> Json:
    return {"type": "function_call", "id": f"fc_{at}", "call_id": f"c{at}", "name": "t", "arguments": "{}"}


def _r_text(at: int, words: str = "x") -> Json:
    content = [{"type": "output_text", "text": words, "annotations": []}]
    return {"type": "message", "id": f"msg_{at}", "role": "assistant", "content": content}


def _r_calls(order: Callable[[int], Iterable[int]]) -> Callable[[int], Events]:
    def made(count: int) -> Events:
        added = [_r("output_item.added", output_index=at, item={**_r_call(at), "arguments": ""}) for at in range(count)]
        pieces = [_r("function_call_arguments.delta", output_index=at, delta="{}") for at in range(count)]
        done = [_r("output_item.done", output_index=at, item=_r_call(at)) for at in order(count)]
        return [*added, *pieces, *done, _r_end()]

    return made


def _backwards(count: int) -> Iterable[int]:
    return reversed(range(count))


_RESPONSES: dict[str, Callable[[int], Events]] = {
    "deltas": lambda n: [
        *(_r("output_text.delta", output_index=0, content_index=0, item_id="msg_0", delta="x") for _ in range(n)), _r_end(),
    ],
    "messages": lambda n: [*(_r("output_item.done", output_index=at, item=_r_text(at)) for at in range(n)), _r_end()],
    "calls in order": _r_calls(range),
    "calls reversed": _r_calls(_backwards),
    "calls never done": _r_calls(lambda n: ()),
    "calls only at the end": lambda n: [_r_end([_r_call(at) for at in range(n)])],
    "one call in pieces": lambda n: [
        _r("output_item.added", output_index=0, item={**_r_call(0), "arguments": ""}),
        *(_r("function_call_arguments.delta", output_index=0, delta="[1]") for _ in range(n)), _r_end(),
    ],
    "parts of a message": lambda n: [
        _r("output_item.added", output_index=0, item={"type": "message", "id": "msg_0", "content": []}),
        _r("output_item.done", output_index=0, item={"type": "message", "id": "msg_0", "content": _r_text(0)["content"] * n}),
        _r_end(),
    ],
    "open parts": lambda n: [
        *(_r("output_text.delta", output_index=0, content_index=n - at, item_id="msg_0", delta="x") for at in range(n)), _r_end(),
    ],
    "annotations": lambda n: [
        _r("output_text.delta", output_index=0, content_index=0, item_id="msg_0", delta="x"),
        *(
            _r(
                "output_text.annotation.added", output_index=0, content_index=0, item_id="msg_0",
                annotation={"type": "url_citation", "url": f"https://a/{at}", "title": "t", "start_index": 0, "end_index": 1},
            )
            for at in range(n)
        ),
        _r_end(),
    ],
    "summaries": lambda n: [
        *(_r("reasoning_summary_text.delta", output_index=0, summary_index=at, item_id="rs_0", delta="x") for at in range(n)),
        _r_end(),
    ],
    "summaries reversed": lambda n: [
        *(_r("reasoning_summary_text.delta", output_index=0, summary_index=n - at, item_id="rs_0", delta="x") for at in range(n)),
        _r_end(),
    ],
    "one summary": lambda n: [
        *(_r("reasoning_summary_text.delta", output_index=0, summary_index=0, item_id="rs_0", delta="x" * 20) for at in range(n)),
        _r_end(),
    ],
    "searches": lambda n: [
        *(_r("output_item.done", output_index=at, item={"type": "web_search_call", "id": f"ws_{at}"}) for at in range(n)), _r_end(),
    ],
}  # fmt: skip


def _c(delta: Json, finish: str | None = None) -> tuple[str, Json]:
    return "", {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _c_call(at: int, index: int, **more: Any) -> Json:
    return {"index": index, "id": f"c{at}", "type": "function", "function": {"name": "t", "arguments": "{}"}, **more}


_CHAT: dict[str, Callable[[int], Events]] = {
    "deltas": lambda n: [*(_c({"content": "x"}) for _ in range(n)), _c({}, "stop")],
    "texts and thoughts": lambda n: [
        *(_c({"content": "x"} if at % 2 else {"reasoning_content": "x"}) for at in range(n)), _c({}, "stop"),
    ],
    "calls": lambda n: [*(_c({"tool_calls": [_c_call(at, at)]}) for at in range(n)), _c({}, "tool_calls")],
    "calls of one index": lambda n: [*(_c({"tool_calls": [_c_call(at, 0)]}) for at in range(n)), _c({}, "tool_calls")],
    "calls in one chunk": lambda n: [_c({"tool_calls": [_c_call(at, at) for at in range(n)]}), _c({}, "tool_calls")],
    "calls in turn": lambda n: [
        *(_c({"tool_calls": [{"index": at % 50, "id": f"c{at % 50}", "function": {"name": "t", "arguments": " "}}]}) for at in range(n)),
        _c({}, "tool_calls"),
    ],
    "a name with every piece": lambda n: [
        *(_c({"tool_calls": [{"index": 0, "function": {"name": "t", "arguments": '{"a":[' if not at else "1,"}}]}) for at in range(n)),
        _c({}, "tool_calls"),
    ],
    "details": lambda n: [
        *(_c({"reasoning_details": [{"type": "reasoning.text", "text": "x", "index": at}]}) for at in range(n)), _c({}, "stop"),
    ],
    "summaries of one thought": lambda n: [
        _c({"reasoning_details": [{"type": "reasoning.encrypted", "format": "google-x", "data": "x", "index": 0}]}),
        *(_c({"reasoning_details": [{"type": "reasoning.summary", "summary": "x" * 20, "index": 0}]}) for at in range(n)),
        _c({}, "stop"),
    ],
    "signatures": lambda n: [
        *(_c({"reasoning_details": [{"type": "reasoning.text", "signature": f"s{at}", "index": 0}]}) for at in range(n)), _c({}, "stop"),
    ],
    "annotations": lambda n: [
        _c({"content": "x"}),
        *(_c({"annotations": [{"type": "url_citation", "url_citation": {"url": f"https://a/{at}"}}]}) for at in range(n)),
        _c({}, "stop"),
    ],
    "images": lambda n: [*(_c({"images": [{"type": "image_url"}]}) for at in range(n)), _c({}, "stop")],
}  # fmt: skip


def _m(kind: str, **members: Any) -> tuple[str, Json]:
    return kind, {"type": kind, **members}


_M_BEGIN = _m("message_start", message={"id": "m", "model": "m", "usage": {"input_tokens": 1, "output_tokens": 1}})


def _m_blocks(blocks: Iterable[tuple[Json, Sequence[Json]]], *, is_closed: bool = True) -> Events:
    events = [_M_BEGIN]
    for at, (block, deltas) in enumerate(blocks):
        events.append(_m("content_block_start", index=at, content_block=block))
        events += [_m("content_block_delta", index=at, delta=one) for one in deltas]
        if is_closed:
            events.append(_m("content_block_stop", index=at))
    return [
        *events,
        _m("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}),
        _m("message_stop"),
    ]


def _m_deltas(block: Json, delta: Callable[[int], Json]) -> Callable[[int], Events]:
    return lambda n: _m_blocks([(block, [delta(at) for at in range(n)])])


_M_CALL = {"type": "tool_use", "name": "t", "input": {}}
_MESSAGES: dict[str, Callable[[int], Events]] = {
    "deltas": _m_deltas({"type": "text", "text": ""}, lambda at: {"type": "text_delta", "text": "x"}),
    "one call in pieces": _m_deltas({**_M_CALL, "id": "c"}, lambda at: {"type": "input_json_delta", "partial_json": "[1]"}),
    "citations": _m_deltas(
        {"type": "text", "text": "x"},
        lambda at: {"type": "citations_delta", "citation": {"type": "web_search_result_location", "url": f"https://a/{at}"}},
    ),
    "signatures": _m_deltas(
        {"type": "thinking", "thinking": ""}, lambda at: {"type": "signature_delta", "signature": f"s{at}"}
    ),
    "compaction": _m_deltas({"type": "compaction", "content": ""}, lambda at: {"type": "compaction_delta", "content": "x" * 20}),
    "search in pieces": _m_deltas(
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        lambda at: {"type": "input_json_delta", "partial_json": "[1]"},
    ),
    "texts": lambda n: _m_blocks([({"type": "text", "text": "x"}, ())] * n),
    "texts never stopped": lambda n: _m_blocks([({"type": "text", "text": "x"}, ())] * n, is_closed=False),
    "calls": lambda n: _m_blocks([({**_M_CALL, "id": f"c{at}"}, ()) for at in range(n)]),
    "calls of one id": lambda n: _m_blocks([({**_M_CALL, "id": "c"}, ())] * n),
    "searches": lambda n: _m_blocks([({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, ())] * n),
    "thoughts": lambda n: _m_blocks([({"type": "thinking", "thinking": "x", "signature": "s"}, ())] * n),
    "usages": lambda n: [
        _M_BEGIN, *[_m("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})] * n, _m("message_stop"),
    ],
}  # fmt: skip


def _g(parts: list[Json], **more: Any) -> tuple[str, Json]:
    return "", {"candidates": [{"content": {"role": "model", "parts": parts}, **more}], "modelVersion": "m"}


_GENERATE: dict[str, Callable[[int], Events]] = {
    "deltas": lambda n: [*(_g([{"text": "x"}]) for _ in range(n)), _g([], finishReason="STOP")],
    "parts": lambda n: [_g([{"text": "x"}] * n, finishReason="STOP")],
    "texts and thoughts": lambda n: [
        *(_g([{"text": "x", **({"thought": True} if at % 2 else {})}]) for at in range(n)), _g([], finishReason="STOP"),
    ],
    "calls": lambda n: [_g([{"functionCall": {"name": "t", "args": {}}}] * n, finishReason="STOP")],
    "calls of one id": lambda n: [_g([{"functionCall": {"id": "c", "name": "t", "args": {}}}] * n, finishReason="STOP")],
    "signatures": lambda n: [_g([{"text": "", "thoughtSignature": "eA=="}] * n, finishReason="STOP")],
    "codes": lambda n: [_g([{"executableCode": {"language": "PYTHON", "code": "1"}}] * n, finishReason="STOP")],
    "codes one by one": lambda n: [
        *(_g([{"executableCode": {"language": "PYTHON", "code": "1"}}]) for _ in range(n)), _g([], finishReason="STOP"),
    ],
    "pages": lambda n: [
        _g([{"text": "x"}]),
        _g(
            [], finishReason="STOP",
            groundingMetadata={"groundingChunks": [{"web": {"uri": f"https://a/{at}", "title": "t"}} for at in range(n)]},
        ),
    ],
    "pages again and again": lambda n: [
        *(_g([{"text": "x"}], groundingMetadata={"groundingChunks": [{"web": {"uri": f"https://a/{at}"}}]}) for at in range(n)),
        _g([], finishReason="STOP"),
    ],
}  # fmt: skip


def _b(*events: tuple[str, Json]) -> Events:
    usage = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}
    return [
        ("messageStart", {"role": "assistant"}),
        *events,
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": usage}),
    ]


def _b_delta(at: int, **delta: Any) -> tuple[str, Json]:
    return "contentBlockDelta", {"contentBlockIndex": at, "delta": delta}


def _b_call(at: int) -> tuple[str, Json]:
    return "contentBlockStart", {"contentBlockIndex": at, "start": {"toolUse": {"toolUseId": f"c{at}", "name": "t"}}}


def _b_stop(at: int) -> tuple[str, Json]:
    return "contentBlockStop", {"contentBlockIndex": at}


_CONVERSE: dict[str, Callable[[int], Events]] = {
    "deltas": lambda n: _b(*(_b_delta(0, text="x") for _ in range(n))),
    "texts never stopped": lambda n: _b(*(_b_delta(at, text="x") for at in range(n))),
    "calls": lambda n: _b(*(_b_call(at) for at in range(n)), *(_b_stop(at) for at in range(n))),
    "calls stopped backwards": lambda n: _b(*(_b_call(at) for at in range(n)), *(_b_stop(at) for at in reversed(range(n)))),
    "one call in pieces": lambda n: _b(_b_call(0), *(_b_delta(0, toolUse={"input": "[1]"}) for _ in range(n))),
    "signatures": lambda n: _b(*(_b_delta(0, reasoningContent={"signature": "x" * 20}) for _ in range(n))),
    "redacted": lambda n: _b(*(_b_delta(0, reasoningContent={"redactedContent": "eA=="}) for _ in range(n))),
    "thoughts": lambda n: _b(
        *(_b_delta(at, reasoningContent={"text": "x"}) for at in range(n)), *(_b_stop(at) for at in range(n)),
    ),
    "citations": lambda n: _b(
        _b_delta(0, text="x"), *(_b_delta(0, citation={"location": {"web": {"url": f"https://a/{at}"}}}) for at in range(n)),
    ),
    "results": lambda n: _b(
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolResult": {"toolUseId": "c", "type": "x"}}}),
        *(_b_delta(0, toolResult=[{"text": "x"}]) for _ in range(n)),
    ),
}  # fmt: skip

ANSWERS: dict[str, dict[str, Callable[[int], Events]]] = {
    "openai.responses": _RESPONSES,
    "openai.chat": _CHAT,
    "anthropic.messages": _MESSAGES,
    "gemini.generate": _GENERATE,
    "bedrock.converse": _CONVERSE,
}
"""By dialect: streams of so many small events."""
