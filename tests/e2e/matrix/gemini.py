"""A client of Gemini's generateContent. As Google's SDK it streams by SSE, and keeps the content of each chunk in its history."""

import json
from typing import Any

from tests.dataplane.wire import sse
from tests.dataplane.wire.generate.grammar import violations
from tests.e2e.matrix.nouns import Ask, Call, Numbers, Result, Round, Seen, Sent, Trouble

_STOPS = {"STOP": "end", "MAX_TOKENS": "length"}


class Gemini:
    """See Wire."""

    name = "gemini.generate"
    has = frozenset({"stop", "tool_error"})
    only: dict[str, Any] = {
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}]
    }

    def path(self, model: str, *, stream: bool) -> str:
        return f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")

    def headers(self, key: str) -> dict[str, str]:
        return {"x-goog-api-key": key}

    # === a client ===

    def body(self, ask: Ask, model: str, *, stream: bool) -> dict[str, Any]:
        parts: list[Any] = [{"text": ask.prompt}]
        if ask.image:
            parts.append({"inlineData": {"mimeType": "image/png", "data": ask.image}})
        if ask.document:
            parts.append({"inlineData": {"mimeType": "application/pdf", "data": ask.document}})
        contents: list[Any] = [{"role": "user", "parts": parts}]
        for one in ask.rounds:
            contents += one.said
            contents.append({"role": "user", "parts": _after(one)})
        config: dict[str, Any] = {}
        made: dict[str, Any] = {"contents": contents, "generationConfig": config, **ask.more}
        if ask.system:
            made["systemInstruction"] = {"role": "user", "parts": [{"text": ask.system}]}
        if ask.tools:
            declared = [
                {"name": tool.name, "description": "A tool", "parametersJsonSchema": tool.schema} for tool in ask.tools
            ]
            made["tools"] = [{"functionDeclarations": declared}]
        if ask.forced:
            calling = {"mode": "ANY", "allowedFunctionNames": [ask.forced]}
            made["toolConfig"] = {"functionCallingConfig": calling}
        if ask.schema:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": ask.schema}
        if ask.thinks:
            config["thinkingConfig"] = {"includeThoughts": True, "thinkingLevel": "HIGH"}
        if ask.max_tokens:
            config["maxOutputTokens"] = ask.max_tokens
        if ask.stop:
            config["stopSequences"] = [ask.stop]
        return made

    def whole(self, body: bytes) -> Seen:
        return _seen([json.loads(body)])

    def stream(self, body: bytes) -> Seen:
        events, mark, error = (b"\n" + body).partition(b'\n{"error":')  # ours stands bare
        chunks = [json.loads(data) for _, data in sse.events(events + mark[:1])]
        return self.heard([*chunks, json.loads(mark + error)] if mark else chunks)

    def heard(self, chunks: list[Any]) -> Seen:
        seen = _seen(chunks)
        seen.wrong += violations(chunks)
        return seen

    def trouble(self, status: int, headers: Any, body: bytes) -> Trouble:
        return _trouble(status, json.loads(body)["error"], headers.get("retry-after", ""))

    # === at the provider ===

    def sent(self, body: dict[str, Any]) -> Sent:
        config = body.get("generationConfig") or {}
        sent = Sent(max_tokens=config.get("maxOutputTokens") or 0, stop=config.get("stopSequences") or [])
        sent.system = "\n".join(part["text"] for part in (body.get("systemInstruction") or {}).get("parts", ()))
        sent.tools = [
            tool["name"] for group in body.get("tools") or () for tool in group.get("functionDeclarations", ())
        ]
        sent.schema = config.get("responseJsonSchema") or config.get("responseSchema")
        calling = (body.get("toolConfig") or {}).get("functionCallingConfig", {})
        sent.forced = ",".join(calling.get("allowedFunctionNames", ())) if calling.get("mode") == "ANY" else ""
        sent.thinks = bool(config.get("thinkingConfig", {}).get("includeThoughts"))
        for content in body["contents"]:
            for part in content["parts"]:
                if content["role"] == "user":
                    sent.user += "\n" + part.get("text", "")
                elif not part.get("thought"):
                    sent.said += part.get("text", "")
                if part.get("thoughtSignature"):
                    sent.proofs.append(part["thoughtSignature"])
                if "functionCall" in part:
                    call = part["functionCall"]
                    sent.calls.append(Call(call.get("id", ""), call["name"], json.dumps(call.get("args", {}))))
                elif "functionResponse" in part:
                    result = part["functionResponse"]
                    said = result["response"]
                    words = said.get("output", said.get("error"))
                    text = words if isinstance(words, str) else json.dumps(said)
                    sent.results.append((result.get("id", ""), text))
                    sent.failed.append("error" in said)
                    sent.images += [one["inlineData"]["data"] for one in result.get("parts", ())]
                elif "inlineData" in part:
                    sent.images.append(part["inlineData"]["data"])
        return sent


def _after(one: Round) -> list[Any]:
    parts: list[Any] = [_result(result) for result in one.results]
    return [*parts, {"text": one.prompt}] if one.prompt else parts


def _result(result: Result) -> dict[str, Any]:
    word = "error" if result.is_error else "output"
    made: dict[str, Any] = {"name": result.call.name, "response": {word: result.text}}
    if result.call.id:
        made["id"] = result.call.id
    if result.image:
        made["parts"] = [{"inlineData": {"mimeType": "image/png", "data": result.image}}]
    return {"functionResponse": made}


def _seen(chunks: list[Any]) -> Seen:
    seen = Seen(said=[])
    for chunk in chunks:
        if "error" in chunk:
            seen.troubles.append(_trouble(0, chunk["error"]))
            continue
        if "usageMetadata" in chunk:
            seen.numbers = _numbers(chunk["usageMetadata"])
        for candidate in chunk.get("candidates") or ():
            content = candidate.get("content") or {}
            for part in content.get("parts") or ():
                _part(seen, part)
            if content.get("parts"):
                seen.said.append(content)
            if reason := candidate.get("finishReason"):
                seen.stop = "tools" if seen.calls and reason == "STOP" else _STOPS.get(reason, reason)
    return seen


def _part(seen: Seen, part: dict[str, Any]) -> None:
    if part.get("thoughtSignature"):
        seen.proofs.append(part["thoughtSignature"])
    if "functionCall" in part:
        call = part["functionCall"]
        seen.calls.append(Call(call.get("id", ""), call["name"], json.dumps(call.get("args", {}))))
    elif part.get("thought"):
        seen.thoughts += part["text"]
    else:
        seen.text += part.get("text", "")


def _numbers(usage: dict[str, Any]) -> Numbers:
    thoughts = usage.get("thoughtsTokenCount", 0)
    made = usage.get("candidatesTokenCount", 0) + thoughts
    return Numbers(usage["promptTokenCount"], made, usage.get("cachedContentTokenCount", 0), None, thoughts)


def _trouble(status: int, error: dict[str, Any], retry_after: str = "") -> Trouble:
    for detail in error.get("details") or ():
        retry_after = retry_after or detail.get("retryDelay", "").removesuffix("s")
    return Trouble(status, error["status"], error["message"], str(error["code"]), retry_after)
