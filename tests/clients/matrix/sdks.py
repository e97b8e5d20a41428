"""Each official SDK behind the face of a matrix client: takes the members of a request, gives what its own types hold.

Answers are read through the SDK's types and dumped again, so that whatever these cannot hold is lost, and seen as lost.
What goes into the next request are the SDK's own objects, where programs give those back.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, Protocol

import anthropic
import boto3
import openai
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from google import genai
from google.genai import errors, types

from tests.e2e.matrix.cell import Got
from tests.e2e.matrix.chat import Chat
from tests.e2e.matrix.converse import Converse
from tests.e2e.matrix.gemini import Gemini
from tests.e2e.matrix.messages import Messages
from tests.e2e.matrix.nouns import Seen, Trouble
from tests.e2e.matrix.responses import Responses

Body = dict[str, Any]


class Sdk(Protocol):
    """One API of one SDK, without retries."""

    def __init__(self, url: str, key: str) -> None: ...
    def send(self, body: Body, model: str, *, stream: bool) -> Got: ...
    def close(self) -> None: ...


class ResponsesSdk:
    """openai: the Responses API."""

    def __init__(self, url: str, key: str) -> None:
        self.wire = Responses()
        self.client = openai.OpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0)

    def send(self, body: Body, model: str, *, stream: bool) -> Got:
        try:
            raw = self.client.responses.with_raw_response.create(**body)
        except openai.APIStatusError as error:
            return _refused(self.wire, error)
        if not stream:
            response: Any = raw.parse()
            seen = self.wire.whole(_json(response))
            seen.said = response.output
            return _got(raw.headers, seen)
        events = list(raw.parse())  # type: ignore[call-overload]
        seen = self.wire.heard([(event.type, _dumped(event)) for event in events])
        seen.said = [event.item for event in events if event.type == "response.output_item.done"]
        return _got(raw.headers, seen)

    def close(self) -> None:
        self.client.close()


class ChatSdk:
    """openai: Chat Completions."""

    def __init__(self, url: str, key: str) -> None:
        self.wire = Chat()
        self.client = openai.OpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0)

    def send(self, body: Body, model: str, *, stream: bool) -> Got:
        try:
            raw = self.client.chat.completions.with_raw_response.create(**body)
        except openai.APIStatusError as error:
            return _refused(self.wire, error)
        if not stream:
            made: Any = raw.parse()
            seen = self.wire.whole(_json(made))
            seen.said = made.choices[0].message
            return _got(raw.headers, seen)
        chunks: list[Any] = []
        trouble: openai.APIError | None = None
        try:
            chunks.extend(_dumped(chunk) for chunk in raw.parse())  # type: ignore[attr-defined]
        except openai.APIError as error:
            trouble = error
        seen = self.wire.heard([*chunks, "[DONE]"])
        if trouble is not None:
            seen.troubles.append(Trouble(0, trouble.type or "", trouble.message, trouble.code or ""))
            seen.wrong = []
        return _got(raw.headers, seen)

    def close(self) -> None:
        self.client.close()


class MessagesSdk:
    """anthropic: Messages."""

    def __init__(self, url: str, key: str) -> None:
        self.wire = Messages()
        self.client = anthropic.Anthropic(api_key=key, base_url=url, max_retries=0)

    def send(self, body: Body, model: str, *, stream: bool) -> Got:
        try:
            raw = self.client.messages.with_raw_response.create(**body)
        except anthropic.APIStatusError as error:
            return _refused(self.wire, error)
        if not stream:
            message: Any = raw.parse()
            seen = self.wire.whole(_json(message))
            seen.said = message.content
            return _got(raw.headers, seen)
        events: list[Any] = []
        trouble: Any = None
        try:
            events.extend((event.type, _dumped(event)) for event in raw.parse())  # type: ignore[attr-defined]
        except anthropic.APIStatusError as error:
            trouble = error.body
        seen = self.wire.heard(events)
        if trouble is not None:
            seen.troubles.append(Trouble(0, trouble["error"]["type"], trouble["error"]["message"]))
            seen.wrong = []
        return _got(raw.headers, seen)

    def close(self) -> None:
        self.client.close()


class GeminiSdk:
    """google-genai: generateContent."""

    def __init__(self, url: str, key: str) -> None:
        self.wire = Gemini()
        self.client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))

    def send(self, body: Body, model: str, *, stream: bool) -> Got:
        asked = {name: value for name, value in body.items() if name not in ("contents", "generationConfig")}
        config = types.GenerateContentConfig.model_validate({**body["generationConfig"], **asked})
        contents: Any = [
            types.Content.model_validate_json(json.dumps(one)) if isinstance(one, dict) else one
            for one in body["contents"]
        ]
        call = self.client.models.generate_content_stream if stream else self.client.models.generate_content
        chunks: list[types.GenerateContentResponse] = []
        trouble: errors.APIError | None = None
        try:
            made = call(model=model, contents=contents, config=config)
            for chunk in made if stream else [made]:
                chunks.append(chunk)  # noqa: PERF402  what came before a failure counts
        except errors.APIError as error:
            trouble = error
        if trouble is not None and not chunks:
            said: Any = trouble.details
            headers = {name.lower(): value for name, value in trouble.response.headers.items()}  # type: ignore[union-attr]
            return Got(
                trouble.code, headers, b"", trouble=self.wire.trouble(trouble.code, headers, json.dumps(said).encode())
            )
        dumped = [chunk.model_dump(mode="json", by_alias=True, exclude_none=True) for chunk in chunks]
        for one in dumped:
            one.pop("sdkHttpResponse", None)
        seen = self.wire.heard(dumped)
        seen.wrong = []
        if trouble is not None:
            seen.troubles.append(Trouble(0, trouble.status or "", trouble.message or "", str(trouble.code)))
        seen.said = [c.content for chunk in chunks for c in chunk.candidates or () if c.content and c.content.parts]
        sent: Any = chunks[0].sdk_http_response
        return _got(sent.headers, seen)

    def close(self) -> None:
        self.client.close()


class ConverseSdk:
    """boto3: Converse. Over plain HTTP it sends no bearer token of its own, so the key goes in by hand."""

    def __init__(self, url: str, key: str) -> None:
        self.wire = Converse()
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        self.client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=config)

        def authorize(request: Any, **_: object) -> None:
            request.headers["authorization"] = f"Bearer {key}"

        self.client.meta.events.register("before-send", authorize)

    def send(self, body: Body, model: str, *, stream: bool) -> Got:
        call = self.client.converse_stream if stream else self.client.converse
        try:
            made = call(modelId=model, **_with_bytes(body))
        except ClientError as error:
            told: Any = error.response
            meta = told["ResponseMetadata"]
            trouble = Trouble(
                meta["HTTPStatusCode"],
                told["Error"]["Code"],
                told["Error"]["Message"],
                "",
                meta["HTTPHeaders"].get("retry-after", ""),
            )
            return Got(trouble.status, meta["HTTPHeaders"], b"", trouble=trouble)
        headers = made["ResponseMetadata"]["HTTPHeaders"]
        if not stream:
            return _got(headers, self.wire.whole(json.dumps(_with_text(made)).encode()))
        events: list[Any] = []
        try:
            for event in made["stream"]:
                events += _with_text(event).items()
        except EventStreamError as error:
            failed: Any = error.response["Error"]
            events.append((failed["Code"], {"message": failed["Message"]}))
        finally:
            made["stream"].close()
        return _got(headers, self.wire.heard(events))

    def close(self) -> None:
        self.client.close()


SDKS: dict[str, type[Sdk]] = {
    "openai.responses": ResponsesSdk,
    "openai.chat": ChatSdk,
    "anthropic.messages": MessagesSdk,
    "gemini.generate": GeminiSdk,
    "bedrock.converse": ConverseSdk,
}


def _dumped(made: Any) -> Any:
    return made.model_dump(mode="json", exclude_unset=True)


def _json(made: Any) -> bytes:
    return json.dumps(_dumped(made)).encode()


def _got(headers: Mapping[str, str], seen: Seen) -> Got:
    return Got(200, {name.lower(): value for name, value in headers.items()}, b"", seen)


def _refused(wire: Any, error: Any) -> Got:
    answer = error.response
    headers = {name.lower(): value for name, value in answer.headers.items()}
    trouble = wire.trouble(answer.status_code, headers, answer.content)
    return Got(answer.status_code, headers, answer.content, trouble=trouble)


def _with_bytes(value: Any, name: str = "") -> Any:
    """As boto3 wants it: bytes instead of base64."""
    if isinstance(value, dict):
        return {key: _with_bytes(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_bytes(one) for one in value]
    return base64.b64decode(value) if name in ("bytes", "redactedContent") else value


def _with_text(value: Any) -> Any:
    """As it is on the wire: base64 instead of bytes."""
    if isinstance(value, dict):
        return {key: _with_text(one) for key, one in value.items() if key not in ("ResponseMetadata", "stream")}
    if isinstance(value, list):
        return [_with_text(one) for one in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
