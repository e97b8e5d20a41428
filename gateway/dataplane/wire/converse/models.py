"""What the models behind Converse take, by their names. Converse itself takes everything and lets the model refuse.

Sources (docs.aws.amazon.com, Amazon Bedrock and Amazon Nova user guides; read through public copies, October 2026):

- prompt caching: "Prompt caching", its table of models: Claude from 3.5 Haiku and 3.7 Sonnet on (tools, system, messages), Nova
  (system, messages); four points in a request; points that come too early are no error; an hour's `ttl` from Claude 4.5 on;
- structured outputs (`outputConfig.textFormat`, `toolSpec.strict`): "Structured outputs": Claude 4.5 and later and open-weight
  models; the service refuses them for others;
- `toolResult.status`: the API reference's ToolResultBlock: Claude from 3 on and Nova;
- Nova 2's `reasoningConfig` (low, medium, high; with high neither maxTokens nor temperature nor topP): "Extended thinking in
  Amazon Nova 2"; `inferenceConfig.topK`: "Core inference"; four stop sequences: "Complete request schema" of Nova;
- `tool_choice.disable_parallel_tool_use` in Claude's additional fields: BerriAI/litellm#34347 (from 4.5 on; only beside a
  toolChoice that is not said, #36536).

What single Claudes take is known to `translate.claude`.
"""

import re
from functools import lru_cache
from typing import Final, Literal

from gateway.base.core.struct import Record
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.translate.claude import NEWEST, Claude, claude_of
from gateway.dataplane.wire.translate.effort import LOW_TO_HIGH, Thinks

_WITHOUT_FORMATS: Final = re.compile(
    r"^(?:amazon|meta|cohere|ai21|writer|stability|luma|twelvelabs|deepseek\.r1|mistral\.(?:mistral-[7l]|mixtral|pixtral))"
)
_REGIONS: Final = re.compile(r"^(?:us|eu|apac|jp|au|ca|global|us-gov)\.")
_NO_THINKING: Final = Thinks()

Family = Literal["claude", "nova", "gpt_oss", ""]


class Model(Record, frozen=True):
    """One model. `caches`: where it takes cache points; `most_stops` 0: as many as the service."""

    family: Family = ""
    claude: Claude | None = None
    thinks: Thinks = _NO_THINKING
    caches: frozenset[str] = frozenset()
    has_hour: bool = False
    has_formats: bool = True
    has_status: bool = False
    has_parallel_switch: bool = False
    has_system_tools: bool = False
    most_stops: int = 0


def model_of(target: Target) -> Model:
    """The facts of the target's model. An ARN that tells no name goes by the configured vendor."""
    return _model(target.model, target.vendor)


@lru_cache(512)
def _model(model: str, vendor: str) -> Model:
    name = model.lower().rpartition("/")[2]
    if "claude" in name or vendor == "anthropic":
        return _claude(name)
    if "nova" in name:
        return _nova(name)
    if "gpt-oss" in name:
        return Model(family="gpt_oss", thinks=Thinks(efforts=LOW_TO_HIGH, can_stop=False))
    return Model(has_formats=_WITHOUT_FORMATS.search(_REGIONS.sub("", name)) is None)


def _claude(name: str) -> Model:
    facts = claude_of(name) or NEWEST
    has_cache = facts.version >= (3, 7) or "3-5-haiku" in name
    return Model(
        family="claude",
        claude=facts,
        thinks=facts.thinks,
        caches=frozenset({"tools", "system", "messages"}) if has_cache else frozenset(),
        has_hour=facts.version >= (4, 5),
        has_formats=facts.has_formats,
        has_status=facts.version >= (3, 0),
        has_parallel_switch=facts.version >= (4, 5),
    )


def _nova(name: str) -> Model:
    is_second = "nova-2" in name
    return Model(
        family="nova",
        thinks=Thinks(efforts=LOW_TO_HIGH) if is_second else _NO_THINKING,
        caches=frozenset({"system", "messages"}),
        has_formats=False,
        has_status=True,
        has_system_tools=is_second or "premier" in name,
        most_stops=4,
    )
