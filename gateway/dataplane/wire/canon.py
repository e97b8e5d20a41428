"""The canonical turn: the one language between dialects (DESIGN, idea 2). Nouns only, no logic.

A dialect reads its own bytes into these and writes its own bytes from them; two dialects never know each other.

Rules that hold for every dialect:

- Nothing is lost inside one dialect: what the canon has no word for stays in `extra`, under the dialect's own member names,
  and reading then writing the same dialect gives equal JSON.
- Nothing is lost silently across dialects: a writer that cannot carry something says so to its `Report`.
- A conversation is a list of messages in the order of the wire. Writers merge, split and reorder as their dialect wants.
- Tool arguments are JSON *text* of an object, except for `custom` calls, where they are the bare input text.
- An event refers to a block by `index`; blocks are numbered in the order in which they open, and may interleave.
"""

from typing import Any, Literal

from msgspec import Struct

from gateway.base.core.usage import Usage

Role = Literal["system", "developer", "user", "assistant", "tool"]
"""`tool` is for dialects whose tool results are messages of their own; where they are parts of a user message, it is `user`."""

Extra = dict[str, Any] | None
"""Members of a node that only its own dialect knows, by their names there."""


class Node(Struct, kw_only=True, eq=True):
    """What every node may carry. `cache` marks a prompt-cache breakpoint after this node: its time to live (`5m`, `1h`)."""

    cache: Literal["", "5m", "1h"] = ""
    extra: Extra = None


# === parts of a message ===


class Citation(Struct, kw_only=True):
    """Where words come from. `url` and `title` name a web page, `quote` its words; `start` and `end` are the characters of the Text
    that it proves (-1: not said). `raw` is the dialect's own object, which is all there is of what is no page.
    """

    raw: Any = None
    url: str = ""
    title: str = ""
    quote: str = ""
    start: int = -1
    end: int = -1


class Text(Node):
    """Words."""

    text: str
    citations: list[Citation] | None = None


class Refusal(Node):
    """The model's words when it declines, where the dialect sets them apart from text."""

    text: str


class Media(Node):
    """An image, document, sound or video, by exactly one of `data` (base64), `url`, `file_id` or `text` (plain-text documents).

    `mime` may be empty with `url` and `file_id`. `detail` is OpenAI's image detail.
    """

    kind: Literal["image", "document", "audio", "video"]
    data: str = ""
    mime: str = ""
    url: str = ""
    file_id: str = ""
    text: str = ""
    name: str = ""
    detail: str = ""


CallKind = Literal["function", "custom", "shell", "tool_search"]
"""`custom`: freeform input instead of JSON. `shell`: Responses' `local_shell_call`, whose arguments are its `action` object as
JSON. `tool_search`: Responses' client-executed `tool_search_call`."""


class ToolCall(Node):
    """The model asks for a tool. `id` is what its result names (`call_id`, `tool_use_id`); `item_id` is Responses' own item id.

    `namespace` is that of Responses' namespaced tools, else empty.
    """

    id: str
    name: str
    arguments: str = ""
    kind: CallKind = "function"
    namespace: str = ""
    item_id: str = ""


class ToolResult(Node):
    """What a tool gave. `name` is there where the dialect says it (Gemini).

    `parts` is the content; `is_plain` tells that the dialect wrote it as a bare string; `value` is a JSON object instead
    (Gemini's `response`, Bedrock's `json`). `kind` repeats that of the call.
    """

    call_id: str
    parts: list["Text | Media | Opaque"]
    name: str = ""
    value: dict[str, Any] | None = None
    is_error: bool = False
    is_plain: bool = False
    kind: CallKind = "function"
    item_id: str = ""


class Reasoning(Node):
    """What the model thought. `text` is the raw thinking, `summary` the summaries a client may show (Responses).

    `signature` is the provider's opaque proof or cipher for it: Anthropic's and Bedrock's `signature`, Gemini's
    `thoughtSignature`, Responses' `encrypted_content`. `is_redacted`: the thinking is only in `signature` (Anthropic's
    `redacted_thinking.data`, Bedrock's `redactedContent`).
    `is_bound`: Gemini's way: the signature belongs to the *next* part of the message (a call or a text).
    `origin` names who made it, as `vendor` of `Target`; empty when it came from a client in the clear. Only a target of the
    same vendor may get a signature back.
    """

    text: str = ""
    summary: list[str] | None = None
    signature: str = ""
    is_redacted: bool = False
    is_bound: bool = False
    origin: str = ""
    item_id: str = ""


class Opaque(Node):
    """An item or block that only its dialect knows (server tools and their results, compaction, executable code …).

    `value` is the whole JSON object; `kind` its name for reports, such as `web_search_call`.
    """

    kind: str
    value: Any


Part = Text | Refusal | Media | ToolCall | ToolResult | Reasoning | Opaque


class Message(Node):
    """One message. `is_plain`: its content was a bare string. `item_id` is Responses' id of the item.

    A Responses item that is no message (a call, its output, reasoning) is a message of one part.
    """

    role: Role
    parts: list[Part]
    is_plain: bool = False
    item_id: str = ""


# === what a request asks for ===


class Tool(Node):
    """A declared tool.

    `function` has a JSON `schema` of its arguments (None: takes none). `custom` is freeform; with a grammar if `syntax` is set (`lark`,
    `regex`). `namespace` holds `children`. `server` runs at the provider: `value` is the dialect's whole declaration, and
    `name` what it is called in reports and, where vendors share it, one of `web_search`, `code_execution`, `web_fetch`,
    `file_search`, `image_generation`, `computer`, `mcp`, `tool_search`, `shell`.
    """

    kind: Literal["function", "custom", "namespace", "server"]
    name: str
    description: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    syntax: str = ""
    grammar: str = ""
    children: list["Tool"] | None = None
    value: Any = None


class ToolChoice(Node):
    """`auto`, `none`, `required` (any tool), or `named`: one of `tools`, as (namespace, name)."""

    mode: Literal["auto", "none", "required", "named"]
    tools: list[tuple[str, str]] | None = None


Effort = Literal["", "none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Thinking(Node):
    """How much the model shall think: an `effort`, or a `budget_tokens`, or `is_adaptive` (the model decides); `none` is off.

    `summary`: which summaries are wanted (`auto`, `concise`, `detailed`, `none`, or empty: not said); for dialects that show
    thinking itself, `auto` asks for it and `none` hides it.
    """

    effort: Effort = ""
    budget_tokens: int = -1
    is_adaptive: bool = False
    summary: str = ""


class Format(Node):
    """The form of the answer: any JSON object, or JSON that fits `schema`."""

    kind: Literal["json_object", "json_schema"]
    name: str = ""
    description: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class Turn(Node):
    """One request. `dialect` is the one it was read from, and says what `extra` means on every node inside.

    `instructions` is the top-level system prompt where the dialect has one (Responses' `instructions`, Messages' `system`,
    Gemini's `systemInstruction`, Converse's `system`); system and developer messages of the conversation stay in `messages`.
    A number that was not given is None. `user` names the end user, `session` groups the turns of one conversation
    (`prompt_cache_key`). `parallel_tools` False: at most one call per answer. `wants_usage`: a Chat client asked for the
    usage chunk. `include_encrypted`: a Responses client wants `reasoning.encrypted_content`.
    """

    dialect: str
    model: str
    messages: list[Message]
    instructions: Message | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    thinking: Thinking | None = None
    format: Format | None = None
    verbosity: str = ""
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: list[str] | None = None
    user: str = ""
    session: str = ""
    service_tier: str = ""
    is_stream: bool = False
    wants_usage: bool = False
    include_encrypted: bool = False


# === what an answer says ===

StopReason = Literal[
    "end", "length", "tool_calls", "stop_sequence", "refusal", "content_filter", "pause", "context_window", "malformed_call",
    "cancelled", "unknown",
]  # fmt: skip
"""`malformed_call` (Gemini) and `unknown` are never passed off as `end`: writers turn them into their dialect's error or nearest
honest reason."""


class Stop(Node):
    """Why the answer ended. `raw` is the provider's own word; `sequence` the stop sequence that was met."""

    reason: StopReason
    raw: str = ""
    sequence: str = ""


class Answer(Node):
    """One whole answer. `extra` holds what only its dialect knows; `created_s` is 0 when it does not say."""

    id: str
    model: str
    parts: list[Part]
    stop: Stop
    usage: Usage | None = None
    created_s: int = 0


# === a streamed answer, as events ===


class Begin(Struct, frozen=True):
    """First. `usage` where the dialect says the input early (Messages)."""

    id: str
    model: str
    usage: Usage | None = None
    created_s: int = 0


class Open(Struct, frozen=True):
    """A block begins: `part` is a Text, Refusal, ToolCall (without its arguments), Reasoning or Opaque with what is known so far."""

    index: int
    part: Part


class Delta(Struct, frozen=True):
    """More of an open block. `kind` says of what: a Text's `text`, a call's `arguments`, a Reasoning's `text`, `summary` (a
    part number in `at`) or `signature` (replaces the one before), a Text's `citation` (a Citation in `value`)."""

    index: int
    kind: Literal["text", "arguments", "summary", "signature", "citation"]
    text: str = ""
    at: int = 0
    value: "Citation | None" = None


class Close(Struct, frozen=True):
    """A block ends."""

    index: int


class Finish(Struct, frozen=True):
    """The answer is complete. Terminal. All blocks were closed before."""

    stop: Stop
    usage: Usage | None = None


ErrorKind = Literal[
    "bad_request", "context_window", "authentication", "permission", "not_found", "too_large", "rate_limit", "overloaded", "timeout",
    "content_filter", "server",
]  # fmt: skip


class Fault(Struct, frozen=True):
    """The provider failed, before its answer or inside it. Terminal.

    `status` is the provider's HTTP status, 0 inside a stream; `code` and `type` its own words; `retry_after_s` what it asked for
    (-1: nothing); `param` the field it blames, in its own dialect.
    """

    kind: ErrorKind
    message: str
    status: int = 0
    code: str = ""
    type: str = ""
    param: str = ""
    retry_after_s: float = -1.0


Event = Begin | Open | Delta | Close | Finish | Fault
