"""What the reader looks at in a GenerateContentResponse; the rest is not decoded. The names are Google's."""

from msgspec import UNSET, Raw, Struct, UnsetType


class Call(Struct):
    name: str = ""
    id: str | None = None
    args: Raw | UnsetType = UNSET
    partialArgs: Raw | UnsetType = UNSET  # noqa: N815


class Part(Struct):
    text: str | None = None
    thought: bool | None = None
    thoughtSignature: str | None = None  # noqa: N815
    functionCall: Call | None = None  # noqa: N815


class Content(Struct):
    parts: list[Part] | None = None


class Candidate(Struct):
    content: Content | None = None
    finishReason: str | int | None = None  # noqa: N815
    index: int | None = None
    finishMessage: str | None = None  # noqa: N815
    groundingMetadata: Raw | UnsetType = UNSET  # noqa: N815
    citationMetadata: Raw | UnsetType = UNSET  # noqa: N815
    urlContextMetadata: Raw | UnsetType = UNSET  # noqa: N815
    safetyRatings: Raw | UnsetType = UNSET  # noqa: N815


class Feedback(Struct):
    blockReason: str | int | None = None  # noqa: N815
    blockReasonMessage: str | None = None  # noqa: N815


class Chunk(Struct):
    candidates: list[Candidate] | None = None
    usageMetadata: Raw | UnsetType = UNSET  # noqa: N815
    modelVersion: str | None = None  # noqa: N815
    responseId: str | None = None  # noqa: N815
    createTime: str | None = None  # noqa: N815
    promptFeedback: Feedback | None = None  # noqa: N815
    error: Raw | UnsetType = UNSET
