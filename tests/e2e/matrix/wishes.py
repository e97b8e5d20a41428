"""Checks of single settings: each reaches the provider, or is named as left out."""

from typing import Any

from tests.e2e.matrix.cell import Cell
from tests.e2e.matrix.nouns import Ask
from tests.e2e.matrix.talk import BASH
from tests.e2e.matrix.verdict import YES, Check, Verdict, feature, named, no

_RESPONSES, _CHAT, _MESSAGES = "openai.responses", "openai.chat", "anthropic.messages"
_GEMINI, _CONVERSE = "gemini.generate", "bedrock.converse"


def _everywhere(value: Any, plain: str, google: str, aws: str) -> dict[str, Any]:
    """A number that every dialect has, under these names; an empty one is not there."""
    made: dict[str, Any] = {name: {plain: value} for name in (_RESPONSES, _CHAT, _MESSAGES)}
    return {**made, _GEMINI: {"generationConfig": {google: value}}, _CONVERSE: {"inferenceConfig": {aws: value}}}


_WISHES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    # name → title, what each client writes, and what proves it in the request to the provider
    "temperature": ("temperature", _everywhere(0.55, "temperature", "temperature", "temperature"), ("0.55",)),
    "top_p": ("top_p", _everywhere(0.97, "top_p", "topP", "topP"), ("0.97",)),
    "top_k": (
        "top_k",
        {
            _MESSAGES: {"top_k": 37},
            _GEMINI: {"generationConfig": {"topK": 37}},
            _CONVERSE: {"additionalModelRequestFields": {"top_k": 37}},
        },
        ('"top_k":37', '"topK":37', '"top_k": 37', '"topK": 37'),
    ),
    "seed": ("seed", {_CHAT: {"seed": 4711}, _GEMINI: {"generationConfig": {"seed": 4711}}}, ("4711",)),
    "penalties": (
        "presence penalty",
        {_CHAT: {"presence_penalty": 0.77}, _GEMINI: {"generationConfig": {"presencePenalty": 0.77}}},
        ("0.77",),
    ),
    "one_call": (
        "at most one call in an answer",
        {
            _RESPONSES: {"parallel_tool_calls": False},
            _CHAT: {"parallel_tool_calls": False},
            _MESSAGES: {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        },
        ("parallel_tool",),
    ),
    "no_call": (
        "tools that must not be called now",
        {
            _RESPONSES: {"tool_choice": "none"},
            _CHAT: {"tool_choice": "none"},
            _MESSAGES: {"tool_choice": {"type": "none"}},
            _GEMINI: {"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}},
        },
        ('"none"', '"NONE"'),
    ),
    "web_search": (
        "web search at the provider",
        {
            _RESPONSES: {"tools": [{"type": "web_search"}]},
            _MESSAGES: {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            _GEMINI: {"tools": [{"googleSearch": {}}]},
        },
        ("web_search", "googleSearch"),
    ),
    "user": (
        "who the end user is",
        {
            _RESPONSES: {"safety_identifier": "user-4711"},
            _CHAT: {"safety_identifier": "user-4711"},
            _MESSAGES: {"metadata": {"user_id": "user-4711"}},
        },
        ("user-4711",),
    ),
    "verbosity": (
        "verbosity of the answer",
        {_RESPONSES: {"text": {"verbosity": "low"}}, _CHAT: {"verbosity": "low"}},
        ('"verbosity"',),
    ),
}


def _check(name: str) -> Check:
    title, said, proofs = _WISHES[name]

    def check(cell: Cell) -> Verdict:
        more = said.get(cell.client.name)
        if more is None:
            return no("the client's dialect has no word for it")
        if name == "user" and cell.provider.name.startswith("gemini"):
            return no("Gemini knows no end user; agents name one always, so it is no loss worth naming")
        tools = (BASH,) if name in ("one_call", "no_call") else ()
        got = cell.ask(Ask(prompt="[[sim:text]]", tools=tools, more=more))
        body = cell.sites.log()[0]["body"]
        is_hidden = name == "no_call" and "bash" not in body  # where a choice has no such word, the tools are not shown
        if not any(proof in body for proof in proofs) and not is_hidden:
            return named(got)
        assert got.drops == {}, "named as left out, though it was carried"
        return YES

    check.__name__ = name
    return feature(title)(check)


CHECKS = tuple(_check(name) for name in _WISHES)
