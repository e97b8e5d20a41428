"""The official SDKs behind one face, so that each test is written once: ask, stream, both again async, and use tools."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, ClassVar, Protocol

import anthropic
import openai
from google import genai
from google.genai import errors, types

TOOL = {
    "name": "bash",
    "description": "Run a shell command",
    "schema": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
}
_MAX_TOKENS = 1000


class Sdk(Protocol):
    """One API of one SDK. `refused` and `not_found` are what it raises for 401 and 404, `failed` for all else."""

    model: str
    provider: ClassVar[str]
    refused: ClassVar[type[Exception]]
    not_found: ClassVar[type[Exception]]
    failed: ClassVar[type[Exception]]

    def __init__(self, url: str, key: str, retries: int = 0) -> None: ...
    def ask(self, prompt: str) -> str: ...
    def stream(self, prompt: str) -> Iterator[str]: ...
    async def ask_async(self, prompt: str) -> str: ...
    def stream_async(self, prompt: str) -> AsyncIterator[str]: ...
    def use_tools(self, prompt: str, outputs: dict[str, str]) -> tuple[list[str], str]: ...
    def close(self) -> None: ...


class Responses:
    """openai: the Responses API."""

    model, provider = "gpt-5.5", "openai"
    refused, not_found, failed = openai.AuthenticationError, openai.NotFoundError, openai.APIError

    def __init__(self, url: str, key: str, retries: int = 0) -> None:
        self.options: dict[str, Any] = {"api_key": key, "base_url": f"{url}/v1", "max_retries": retries}
        self.client = openai.OpenAI(**self.options)

    def ask(self, prompt: str) -> str:
        return self.client.responses.create(model=self.model, input=prompt).output_text

    def stream(self, prompt: str) -> Iterator[str]:
        with self.client.responses.create(model=self.model, input=prompt, stream=True) as events:
            yield from (e.delta for e in events if e.type == "response.output_text.delta")

    async def ask_async(self, prompt: str) -> str:
        async with openai.AsyncOpenAI(**self.options) as client:
            return (await client.responses.create(model=self.model, input=prompt)).output_text

    async def stream_async(self, prompt: str) -> AsyncIterator[str]:
        async with (
            openai.AsyncOpenAI(**self.options) as client,
            await client.responses.create(model=self.model, input=prompt, stream=True) as events,
        ):
            async for event in events:
                if event.type == "response.output_text.delta":
                    yield event.delta

    def use_tools(self, prompt: str, outputs: dict[str, str]) -> tuple[list[str], str]:
        tools: Any = [{"type": "function", "name": TOOL["name"], "parameters": TOOL["schema"], "strict": False}]
        with self.client.responses.stream(model=self.model, input=prompt, tools=tools) as events:
            first = events.get_final_response()
        calls = [item for item in first.output if item.type == "function_call"]
        history: Any = [
            {"role": "user", "content": prompt},
            *(c.model_dump(exclude={"parsed_arguments"}) for c in calls),
        ]
        commands = [json.loads(c.arguments)["command"] for c in calls]
        for call, command in zip(calls, commands, strict=True):
            history.append({"type": "function_call_output", "call_id": call.call_id, "output": outputs[command]})
        return commands, self.client.responses.create(model=self.model, input=history, tools=tools).output_text

    def close(self) -> None:
        self.client.close()


class Chat:
    """openai: Chat Completions."""

    model, provider = "gpt-5.5", "openai"
    refused, not_found, failed = openai.AuthenticationError, openai.NotFoundError, openai.APIError

    def __init__(self, url: str, key: str, retries: int = 0) -> None:
        self.options: dict[str, Any] = {"api_key": key, "base_url": f"{url}/v1", "max_retries": retries}
        self.client = openai.OpenAI(**self.options)

    def ask(self, prompt: str) -> str:
        made = self.client.chat.completions.create(model=self.model, messages=[{"role": "user", "content": prompt}])
        return made.choices[0].message.content or ""

    def stream(self, prompt: str) -> Iterator[str]:
        asked: Any = {"model": self.model, "messages": [{"role": "user", "content": prompt}], "stream": True}
        with self.client.chat.completions.create(**asked) as chunks:
            yield from (c.choices[0].delta.content or "" for c in chunks)

    async def ask_async(self, prompt: str) -> str:
        async with openai.AsyncOpenAI(**self.options) as client:
            made = await client.chat.completions.create(
                model=self.model, messages=[{"role": "user", "content": prompt}]
            )
            return made.choices[0].message.content or ""

    async def stream_async(self, prompt: str) -> AsyncIterator[str]:
        asked: Any = {"model": self.model, "messages": [{"role": "user", "content": prompt}], "stream": True}
        async with (
            openai.AsyncOpenAI(**self.options) as client,
            await client.chat.completions.create(**asked) as chunks,
        ):
            async for chunk in chunks:
                yield chunk.choices[0].delta.content or ""

    def use_tools(self, prompt: str, outputs: dict[str, str]) -> tuple[list[str], str]:
        function = {"name": TOOL["name"], "description": TOOL["description"], "parameters": TOOL["schema"]}
        asked: Any = {"model": self.model, "tools": [{"type": "function", "function": function}]}
        history: Any = [{"role": "user", "content": prompt}]
        with self.client.chat.completions.stream(**asked, messages=history) as events:
            message = events.get_final_completion().choices[0].message
        calls = message.tool_calls or []
        history.append({"role": "assistant", "tool_calls": [_plain_call(c) for c in calls]})
        commands = [json.loads(c.function.arguments)["command"] for c in calls]
        for call, command in zip(calls, commands, strict=True):
            history.append({"role": "tool", "tool_call_id": call.id, "content": outputs[command]})
        return commands, self.client.chat.completions.create(**asked, messages=history).choices[0].message.content or ""

    def close(self) -> None:
        self.client.close()


def _plain_call(call: Any) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.function.name, "arguments": call.function.arguments},
    }


class Messages:
    """anthropic: Messages."""

    model, provider = "claude-sonnet-4-6", "anthropic"
    refused, not_found, failed = anthropic.AuthenticationError, anthropic.NotFoundError, anthropic.APIError

    def __init__(self, url: str, key: str, retries: int = 0) -> None:
        self.options: dict[str, Any] = {"api_key": key, "base_url": url, "max_retries": retries}
        self.client = anthropic.Anthropic(**self.options)

    def _asked(self, prompt: str) -> Any:
        return {"model": self.model, "max_tokens": _MAX_TOKENS, "messages": [{"role": "user", "content": prompt}]}

    def ask(self, prompt: str) -> str:
        return _text_of(self.client.messages.create(**self._asked(prompt)))

    def stream(self, prompt: str) -> Iterator[str]:
        with self.client.messages.stream(**self._asked(prompt)) as events:
            yield from events.text_stream

    async def ask_async(self, prompt: str) -> str:
        async with anthropic.AsyncAnthropic(**self.options) as client:
            return _text_of(await client.messages.create(**self._asked(prompt)))

    async def stream_async(self, prompt: str) -> AsyncIterator[str]:
        async with (
            anthropic.AsyncAnthropic(**self.options) as client,
            client.messages.stream(**self._asked(prompt)) as events,
        ):
            async for text in events.text_stream:
                yield text

    def use_tools(self, prompt: str, outputs: dict[str, str]) -> tuple[list[str], str]:
        tool = {"name": TOOL["name"], "description": TOOL["description"], "input_schema": TOOL["schema"]}
        asked = {**self._asked(prompt), "tools": [tool]}
        with self.client.messages.stream(**asked) as events:
            first = events.get_final_message()
        calls: Any = [block for block in first.content if block.type == "tool_use"]
        commands = [call.input["command"] for call in calls]
        said = [{"type": "tool_use", "id": c.id, "name": c.name, "input": c.input} for c in calls]
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": outputs[command]}
            for call, command in zip(calls, commands, strict=True)
        ]
        asked["messages"] += [{"role": "assistant", "content": said}, {"role": "user", "content": results}]
        return commands, _text_of(self.client.messages.create(**asked))

    def close(self) -> None:
        self.client.close()


def _text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


class Gemini:
    """google-genai: generateContent."""

    model, provider = "gemini-2.5-flash", "gemini"
    refused, not_found, failed = errors.ClientError, errors.ClientError, errors.APIError

    def __init__(self, url: str, key: str, retries: int = 0) -> None:
        again = types.HttpRetryOptions(attempts=retries + 1, initial_delay=0.1)
        self.options: dict[str, Any] = {
            "api_key": key,
            "http_options": types.HttpOptions(base_url=url, retry_options=again if retries else None),
        }
        self.client = genai.Client(**self.options)

    def ask(self, prompt: str) -> str:
        return self.client.models.generate_content(model=self.model, contents=prompt).text or ""

    def stream(self, prompt: str) -> Iterator[str]:
        for chunk in self.client.models.generate_content_stream(model=self.model, contents=prompt):
            yield chunk.text or ""

    async def ask_async(self, prompt: str) -> str:
        async with genai.Client(**self.options).aio as client:
            return (await client.models.generate_content(model=self.model, contents=prompt)).text or ""

    async def stream_async(self, prompt: str) -> AsyncIterator[str]:
        async with genai.Client(**self.options).aio as client:
            chunks: Any = await client.models.generate_content_stream(model=self.model, contents=prompt)
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield chunk.text or ""

    def use_tools(self, prompt: str, outputs: dict[str, str]) -> tuple[list[str], str]:
        declared: Any = {
            "name": TOOL["name"],
            "description": TOOL["description"],
            "parameters_json_schema": TOOL["schema"],
        }
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
        history: Any = [types.Content(role="user", parts=[types.Part(text=prompt)])]
        parts: list[types.Part] = []
        for chunk in self.client.models.generate_content_stream(model=self.model, contents=history, config=config):
            for candidate in chunk.candidates or ():
                parts += (candidate.content and candidate.content.parts) or []
        parts = [part for part in parts if part.function_call]
        calls: Any = [part.function_call for part in parts]
        commands = [call.args["command"] for call in calls]
        results = [
            types.Part.from_function_response(name=call.name, response={"output": outputs[command]})
            for call, command in zip(calls, commands, strict=True)
        ]
        history += [types.Content(role="model", parts=parts), types.Content(role="user", parts=results)]
        return commands, self.client.models.generate_content(
            model=self.model, contents=history, config=config
        ).text or ""

    def close(self) -> None:
        self.client.close()


SDKS: dict[str, type[Sdk]] = {
    "openai.responses": Responses,
    "openai.chat": Chat,
    "anthropic.messages": Messages,
    "gemini.generate": Gemini,
}
