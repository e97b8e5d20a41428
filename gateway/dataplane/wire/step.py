"""What a turn is for, as its request tells it: an ordinary turn, planning, compaction, a title, or output in a fixed form. Pure.

Codex says it in a header. The others are known by words that they send; one search finds out whether any of them is there (6 µs in 60 KB),
and nearly always none is. Then, the first that fits:

- compaction, title: the words stand in a request without tools, or in the last item of the conversation (Claude Code sends its tools with a
  compaction). Elsewhere they are quoted: an agent may read the source of one.
- planner: words that begin planning, with none after them that end it. A conversation that quotes them plans too.
- formatter: the answer must be JSON, and there are no tools: extraction, classification, the call by which Gemini CLI picks a model.

Sources of the words. Codex (measured, 0.169): `request_kind` and `thread_source` of x-codex-turn-metadata, `compaction_trigger`, its checkpoint prompt;
plan mode is a developer message. Claude Code: the published collections of its prompts (2.0.41 to 2.1.209): compaction, titles, plan reminders.
Gemini CLI: packages/core/src/prompts/snippets.ts. opencode: packages/opencode/src/agent/prompt.
"""

from collections.abc import Callable

from gateway import _native
from gateway.base.core.route import Step
from gateway.dataplane.wire.refusal import Family

_COMPACTION = (
    b"create a detailed summary of the conversation",  # Claude Code
    b"CHECKPOINT COMPACTION",  # Codex, to providers that are not OpenAI
    b'"compaction_trigger"',  # Codex, to OpenAI
    b"summarizes internal chat history",  # Gemini CLI until 0.20
    b"distilling chat history into",  # Gemini CLI
    b"tasked with summarizing conversations",  # opencode, older Claude Code
)
_TITLE = (
    b"sentence-case title",  # Claude Code
    b"indicates a new conversation topic",  # older Claude Code
    b"word title for the following conversation",  # Claude Code's list of sessions
    b"You are a title generator",  # opencode
)
_PLANNING = (
    b"Plan mode is active.",  # Claude Code, opencode
    b"Plan mode still active",  # Claude Code
    b"# Active Approval Mode: Plan",  # Gemini CLI, in its instructions
    b"<collaboration_mode># Plan Mode",  # Codex
)
_PLANNED = (b"You have exited plan mode", b"User has approved your plan", b"<collaboration_mode>")
_FORMS = (b"json_schema", b"json_object", b"responseMimeType", b"output_format")
_SIGNS = _native.Needles((*_COMPACTION, *_TITLE, *_PLANNING, *_FORMS))
_ITEMS = {
    "openai.responses": b"input",
    "openai.chat": b"messages",
    "anthropic.messages": b"messages",
    "gemini.generate": b"contents",
    "bedrock.converse": b"messages",
}
_TOOLS = {"bedrock.converse": b"toolConfig"}
_FORM: dict[str, tuple[tuple[bytes, ...], ...]] = {
    "openai.responses": ((b"text", b"format", b"type"),),
    "openai.chat": ((b"response_format", b"type"),),
    "anthropic.messages": ((b"output_config", b"format", b"type"), (b"output_format", b"type")),
    "gemini.generate": ((b"generationConfig", b"responseMimeType"),),
    "bedrock.converse": ((b"outputConfig", b"textFormat", b"type"),),
}
_JSON = (b'"json_schema"', b'"json_object"', b'"application/json"')
_EMPTY = (b"", b"null", b"[]", b"{}")


def step_of(dialect: str, family: Family, header: Callable[[str], str], body: bytes) -> Step:
    """What a valid request is for."""
    if family == "codex":
        said = header("x-codex-turn-metadata")
        if '"request_kind":"compaction"' in said:
            return "compaction"
        if '"thread_source":"thread_title"' in said:
            return "title"
    if not _SIGNS.any_in(body):
        return "turn"
    has_no_tools = _at(body, (_TOOLS.get(dialect, b"tools"),)) in _EMPTY
    words = body if has_no_tools else b"".join(_native.last_items(body, _ITEMS.get(dialect, b"messages"), 1))
    if any(sign in words for sign in _COMPACTION):
        return "compaction"
    if any(sign in words for sign in _TITLE):
        return "title"
    if _is_planning(body):
        return "planner"
    if has_no_tools and any(_at(body, path) in _JSON for path in _FORM.get(dialect, ())):
        return "formatter"
    return "turn"


def _is_planning(body: bytes) -> bool:
    begun = max(map(body.rfind, _PLANNING))
    return begun >= 0 and not any(body.find(sign, begun + 1) >= 0 for sign in _PLANNED)


def _at(body: bytes, path: tuple[bytes, ...]) -> bytes:
    start, end = _native.find_path(body, path)
    return body[start:end] if start >= 0 else b""
