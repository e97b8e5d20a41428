"""Gemini's member names, and what its models take by their version.

Google's JSON takes every member name in lowerCamelCase and in snake_case (protobuf's JSON mapping), so requests are read in both;
answers are always camelCase.

Sources of the limits by model:
- `skip_thought_signature_validator`: ai.google.dev "Thought signatures" (from Gemini 3 on the first functionCall of each step needs
  a signature; history that another model made gets this word instead). Recorded with status 200 in fixture 466befd628. Gemini CLI
  0.61.0 puts it on the first call of every model turn.
- Ids: Vertex refused `id` in functionCall and functionResponse until autumn 2026, and refuses it for 2.x still
  (vercel/ai#15664, anomalyco/opencode#50504); nobody needs it, because responses stand in the order of their calls.
- parametersJsonSchema, responseJsonSchema: recorded with status 200 for 2.0, 2.5 and 3 (AI Studio) and 3 (Vertex). Claude behind
  a Gemini door wants `parameters` (earendil-works/pi#1399).
- VALIDATED, the mode that holds a model to the declared schemas: from 2.5 on (recorded for 2.5 and 3; pydantic/pydantic-ai#6353).
- Penalties: 2.0 alone takes them; others answer `Penalty is not enabled for this model` (vercel/ai#8943, google-gemini/cookbook#1290).
- A function beside a JSON answer or a server tool: from Gemini 3 on (ai.google.dev "Structured output", "Combine tools").
- Media inside functionResponse: from Gemini 3 on (ai.google.dev "Function calling", multimodal function responses).
"""

import re
from typing import Any, Final

from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.translate.effort import gemini_version

NAME: Final = "gemini.generate"

DUMMY_SIGNATURE: Final = "skip_thought_signature_validator"
DUMMY_SIGNATURES: Final = frozenset(
    {
        DUMMY_SIGNATURE,
        "context_engineering_is_the_way_to_go",
        "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=",  # the field is bytes: SDKs send the same words encoded
        "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv",
    }
)

OWN_PARTS: Final = frozenset(
    {
        "inlineData",
        "fileData",
        "executableCode",
        "codeExecutionResult",
        "toolCall",
        "toolResponse",
    }
)
"""What a part can hold beside text, functionCall and functionResponse: members that are an Opaque's kind here."""

_UNDERSCORE = re.compile(r"_([a-z0-9])")


def camel(obj: dict[str, Any]) -> dict[str, Any]:
    """`obj` with its own member names in lowerCamelCase; the same object when they are already."""
    for name in obj:
        if "_" in name:
            return {_UNDERSCORE.sub(_upper, name): value for name, value in obj.items()}
    return obj


def _upper(found: re.Match[str]) -> str:
    return found[1].upper()


def is_from_3(model: str) -> bool:
    """Whether the model is of generation 3 or later."""
    return gemini_version(model) >= (3, 0)


def takes_json_schema(target: Target) -> bool:
    """Whether tools and formats can be declared in JSON Schema; else in the older subset of OpenAPI."""
    return target.vendor in ("", "google") and gemini_version(target.model) >= (2, 0)


def takes_validated(target: Target) -> bool:
    """Whether the model can be held to the tools' schemas while it chooses freely between words and calls."""
    return target.vendor in ("", "google") and gemini_version(target.model) >= (2, 5)


def takes_penalties(model: str) -> bool:
    """Whether presencePenalty and frequencyPenalty may be set."""
    return gemini_version(model) == (2, 0)
