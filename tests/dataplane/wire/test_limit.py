import json
from typing import Any

import pytest

from gateway.dataplane.wire import DIALECTS
from gateway.dataplane.wire.limit import limit_edit
from gateway.dataplane.wire.peek import edited

GEMINI: dict[str, Any] = {"contents": []}


@pytest.mark.parametrize(
    ("dialect", "body", "is_official", "want"),
    [
        ("openai.responses", {"model": "m", "input": "hi"}, True, {"max_output_tokens": 500}),
        ("openai.responses", {"model": "m", "max_output_tokens": None}, True, {"max_output_tokens": 500}),
        ("openai.chat", {"model": "m", "messages": []}, True, {"max_completion_tokens": 500}),
        ("openai.chat", {"model": "m", "messages": []}, False, {"max_tokens": 500}),
        ("gemini.generate", GEMINI, True, {"generationConfig": {"maxOutputTokens": 500}}),
        ("gemini.generate", {**GEMINI, "generationConfig": None}, True, {"generationConfig": {"maxOutputTokens": 500}}),
        ("gemini.generate", {**GEMINI, "generationConfig": {}}, True, {"generationConfig": {"maxOutputTokens": 500}}),
        (
            "gemini.generate",
            {**GEMINI, "generationConfig": {"topK": 64}},
            True,
            {"generationConfig": {"maxOutputTokens": 500, "topK": 64}},
        ),
        ("bedrock.converse", {"messages": []}, True, {"inferenceConfig": {"maxTokens": 500}}),
    ],
)
def test_the_limit_is_written_once_and_nothing_else_changes(
    dialect: str, body: dict[str, Any], is_official: bool, want: dict[str, Any]
) -> None:
    raw = json.dumps(body).encode()
    made = edited(raw, [limit_edit(DIALECTS[dialect].peek(raw, 512), dialect, 500, is_official=is_official)])
    pairs: list[tuple[str, Any]] = json.loads(made, object_pairs_hook=lambda found: found)
    assert len({name for name, _ in pairs}) == len(pairs), "no key twice"
    assert json.loads(made) == {**body, **want}
