"""Who speaks Chat with which accent: data, with sources. Two tables, because a model keeps its own habits on every host.

`Host` is what an API takes (by the catalogue's provider names), `Model` what a vendor's models need wherever they run. An
unknown host gets OpenAI's own words in their oldest form, which every imitation knows.
"""

import re
from typing import Literal

from msgspec import structs

from gateway.base.core.struct import Record
from gateway.dataplane.wire.canon import Effort
from gateway.dataplane.wire.codec import Target

NAME = "openai.chat"

Place = Literal["", "never", "reasoning_content", "reasoning", "details", "parts"]
"""Where an assistant message carries its earlier reasoning: a member of that name, OpenRouter's `reasoning_details`, Mistral's
`thinking` parts of the content; `never`: the API refuses it; '': nobody knows, so only what came from there goes back."""

Control = Literal["effort", "openai", "reasoning", "type", "type_only", "toggle", "none"]
"""How a request says how much to think: `reasoning_effort` as it is or as OpenAI's models take it, OpenRouter's `reasoning`
object, `thinking.type` beside the effort or alone, DashScope's `enable_thinking` and `thinking_budget`, or not at all."""


_LOW_TO_HIGH: tuple[Effort, ...] = ("low", "medium", "high")
_THINKERS = (
    r"gpt-oss|gpt-[5-9]|(?:^|/)o[1-9]|qwen-?3(?!.*(?:coder|instruct))|qwq|deepseek.*(?:r1|reason|v3\.[12]|v[4-9])|glm-?(?:4\.[5-9]|[5-9])"
    r"|kimi-k(?:2-think|2\.[5-9]|[3-9])|minimax-?m|magistral|gemini-(?:2\.5|[3-9])|claude.*(?:3-7|-[4-9])|nemotron"
)
"""Models that think and can be told how much, by their makers' documentation."""
_COMMON: tuple[tuple[str, tuple[Effort, ...]], ...] = ((_THINKERS, ("none", *_LOW_TO_HIGH)),)


class Host(Record, frozen=True):
    """What an API takes. `video`: whether it knows `video_url` parts; `document`: by which part it takes documents.

    `efforts`: for `control` effort, which words it takes for which models (by a pattern of their names; the first that is found):
    everybody refuses the parameter for models that do not think, and most some of the words.
    """

    place: Place = ""
    control: Control = "effort"
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    seed: Literal["seed", "random_seed"] = "seed"
    user: Literal["user", "safety_identifier", ""] = "user"
    document: Literal["file", "document_url"] = "file"
    has_stream_options: bool = True
    has_developer: bool = False
    has_json_schema: bool = True
    has_allowed_tools: bool = False
    has_top_k: bool = False
    has_cache_key: bool = False
    has_cache_control: bool = False
    has_tool_images: bool = False
    efforts: tuple[tuple[str, tuple[Effort, ...]], ...] = _COMMON
    video: bool = False
    needs_reasoning: bool = False
    more: tuple[tuple[str, bool], ...] = ()


class Model(Record, frozen=True):
    """What a vendor's models need. `needs_reasoning`: an assistant message with calls must carry its reasoning, or is refused.

    `forced_stops_thinking`: a forced tool choice is refused while it thinks. `call_id_chars`: ids are exactly so many letters
    and digits. `has_bridge`: no user message may follow a tool message, but at the vendor's own API.
    """

    place: Place = ""
    needs_reasoning: bool = False
    forced_stops_thinking: bool = False
    call_id_chars: int = 0
    has_bridge: bool = False


_DEFAULT_HOST = Host()
_DEFAULT_MODEL = Model()

# `max_tokens` is refused by OpenAI's reasoning models (API reference, "max_completion_tokens"); `safety_identifier` replaces
# `user` there. Chat refuses `reasoning_effort` beside function tools from gpt-5.4 on (openai/openai-openapi#541).
_OPENAI = Host(
    place="never",
    control="openai",
    limit="max_completion_tokens",
    user="safety_identifier",
    has_developer=True,
    has_allowed_tools=True,
    has_cache_key=True,
)

_OLLAMA = Host(efforts=(("gpt-oss", _LOW_TO_HIGH), (_THINKERS, ("none",))))

# docs.mistral.ai, chat completion; unknown members are refused, among them max_completion_tokens and store (422 extra_forbidden:
# Gitlawb/openclaude#739); usage comes unasked. `thinking` parts: "Reasoning".
_MISTRAL = Host(
    place="parts",
    seed="random_seed",
    user="",
    document="document_url",
    has_stream_options=False,
    has_cache_key=True,
    efforts=((r"mistral-small-(?:latest|26)|mistral-medium-26", ("none", "high")),),  # anomalyco/models.dev#1986
)

HOSTS: dict[str, Host] = {
    "openai": _OPENAI,
    "azure": structs.replace(_OPENAI, user="user"),
    # api-docs.deepseek.com "Thinking Mode" (toggle, efforts) and "JSON Output" (no schemas); `developer` and schemas are
    # refused (earendil-works/pi#1048).
    "deepseek": Host(control="type", has_json_schema=False),
    "mistral": _MISTRAL,
    "codestral": _MISTRAL,
    # platform.moonshot.ai, "Kimi K2.6": thinking.type enabled or disabled, no efforts before K3; video_url parts.
    "moonshot": Host(control="type_only", has_cache_key=True, video=True),
    # docs.z.ai "Thinking Mode": thinking.type, reasoning_effort from GLM-5 on; response_format knows json_object only.
    "zai": Host(control="type", has_json_schema=False, video=True),
    # Model Studio "Deep thinking": enable_thinking, thinking_budget; "Context cache": cache_control on text parts.
    "dashscope": Host(control="toggle", has_top_k=True, has_cache_control=True, video=True),
    # platform.minimax.io "OpenAI API": reasoning_split moves the thinking out of the text into reasoning_details, which must
    # come back. Thinking cannot be controlled by efforts.
    "minimax": Host(place="details", control="none", more=(("reasoning_split", True),)),
    # Xiaomi's MiMo asks for reasoning_content as DeepSeek does.
    "xiaomi_mimo": Host(place="reasoning_content", control="type", needs_reasoning=True),
    # console.groq.com "Reasoning": `reasoning`; "property 'reasoning_content' is unsupported" (janhq/jan#8136).
    # "reasoning_effort must be one of none or default" for Qwen (earendil-works/pi#1745), gpt-oss takes no none.
    "groq": Host(place="reasoning", efforts=(("gpt-oss", _LOW_TO_HIGH), ("qwen", ("none",)))),
    # inference-docs.cerebras.ai "Reasoning": only as text of the answer, which is never done here; Kilo-Org/kilocode#10375.
    # "Input should be 'low', 'medium' or 'high'" (egoist/chatwise-releases#1325).
    "cerebras": Host(place="never", efforts=(("gpt-oss", _LOW_TO_HIGH),)),
    # docs.x.ai "Reasoning": efforts for grok-3-mini and from grok-4.3 on, a 400 for the others.
    "xai": Host(
        efforts=(
            ("grok-3-mini", ("low", "high")),
            (r"grok-(?:4\.[3-9](?!\d)|[5-9]|latest)", ("none", *_LOW_TO_HIGH)),
        )
    ),
    # docs.ollama.com "OpenAI compatibility": only gpt-oss has levels, the others can be switched off; a word too many is refused
    # by older versions (ollama/ollama#12561).
    "ollama": _OLLAMA,
    "ollama_cloud": _OLLAMA,
    # openrouter.ai/docs "Reasoning Tokens", "Prompt Caching", "Parameters"; images in tool messages: recorded traffic.
    "openrouter": Host(
        place="details",
        control="reasoning",
        has_top_k=True,
        has_cache_control=True,
        has_tool_images=True,
        video=True,
    ),
    "vercel_ai_gateway": Host(place="details", control="reasoning"),
    # servers whose documentation lists top_k among the extra parameters
    "vllm": Host(has_top_k=True),
    "sglang": Host(has_top_k=True),
    "together": Host(has_top_k=True),
    "fireworks": Host(has_top_k=True),
}

MODELS: dict[str, Model] = {
    # "The `reasoning_content` in the thinking mode must be passed back to the API."; "Thinking mode does not support this
    # tool_choice" (open-ace/open-ace#2412). An empty one is accepted (recorded traffic).
    "deepseek": Model(place="reasoning_content", needs_reasoning=True, forced_stops_thinking=True),
    # "thinking is enabled but reasoning_content is missing in assistant tool call message" (continuedev/continue#11711); an
    # empty one is accepted (Lapis0x0/obsidian-yolo#243); forced choices: bestruirui/octopus#251.
    "moonshot": Model(place="reasoning_content", needs_reasoning=True, forced_stops_thinking=True),
    # docs.z.ai "Thinking Mode" (interleaved and preserved thinking), Model Studio "Deep thinking".
    "zai": Model(place="reasoning_content"),
    "qwen": Model(place="reasoning_content"),
    "minimax": Model(place="details"),
    # "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9" on every host (langchain-ai/langchain#24668,
    # openclaw/openclaw#57672). "Unexpected role 'user' after role 'tool'": Mistral itself takes it by now (recorded traffic),
    # the models' templates elsewhere do not (NousResearch/hermes-agent#20154, mistralai/mistral-vibe#578).
    "mistral": Model(call_id_chars=9, has_bridge=True),
}

_NO_THOUGHT_BESIDE_TOOLS = re.compile(r"gpt-(?:5\.(?:[4-9]|\d\d)|[6-9])")
_THINKS_UNASKED = re.compile(r"gpt-(?:5\.(?:[5-9]|\d\d)|[6-9])")


def host_of(target: Target) -> Host:
    """What the target's API takes."""
    host = HOSTS.get(target.provider)
    if host is None:
        # OpenAI's own models elsewhere (Azure under another name, proxies); gpt-oss runs on servers that know `max_tokens` only.
        if target.vendor == "openai" and "oss" not in target.model.lower():
            return Host(control="openai", limit="max_completion_tokens", has_developer=True)
        return Host(has_cache_control=True) if target.vendor == "anthropic" else _DEFAULT_HOST
    return host


def efforts_of(target: Target) -> tuple[Effort, ...]:
    """The words for `reasoning_effort` that the host takes for this model; () for none."""
    name = target.model.lower()
    for pattern, efforts in host_of(target).efforts:
        if re.search(pattern, name):
            return efforts
    return ()


def model_of(target: Target) -> Model:
    """What the target's model needs."""
    return MODELS.get(target.vendor, _DEFAULT_MODEL)


def place_of(target: Target) -> Place:
    """Where earlier reasoning goes."""
    return host_of(target).place or model_of(target).place


def refuses_thought_beside_tools(target: Target) -> bool:
    """gpt-5.4 and later on OpenAI's Chat (trap 27; openai/openai-openapi#541)."""
    return host_of(target).control == "openai" and _NO_THOUGHT_BESIDE_TOOLS.search(target.model.lower()) is not None


def thinks_unasked(target: Target) -> bool:
    """Of those, the ones to which `none` must be said (BerriAI/litellm#34569); gpt-5.4 does not think unasked (recorded traffic)."""
    return _THINKS_UNASKED.search(target.model.lower()) is not None
