"""The dialect peeks: any bytes give a Peek or BadRequest, valid JSON of any shape never anything of ours, no byte changes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.base.core.errors import BadRequest, BodyTooLarge, Unsupported
from gateway.dataplane.wire import DIALECTS
from gateway.dataplane.wire.decode import decoded
from gateway.dataplane.wire.openai_chat import asks_for_usage, usage_edit
from gateway.dataplane.wire.peek import Peek, edited
from gateway.dataplane.wire.usage import USAGE

CORPUS = sorted((Path(__file__).parent / "corpus" / "peek").iterdir())
FIELDS = ["model", "stream", "max_tokens", "max_output_tokens", "max_completion_tokens", "stream_options",
          "generationConfig", "usage", "input_tokens", "output_tokens", "prompt_tokens", "completion_tokens",
          "usageMetadata", "promptTokenCount", "cached_tokens", "input_tokens_details", "service_tier"]  # fmt: skip
NUMBERS = st.one_of(st.integers(), st.integers(2**62, 2**70), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=4)), inner, max_size=4),
    ),
    max_leaves=12,
)
JSONS = VALUES.map(lambda value: json.dumps(value).encode())
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6)
FEW = settings(max_examples=150, derandomize=True, deadline=None, database=None)


def peek_all(body: bytes) -> dict[str, Peek | None]:
    """What each dialect sees; None where it refuses."""
    seen: dict[str, Peek | None] = {}
    for name, dialect in DIALECTS.items():
        try:
            seen[name] = dialect.peek(body, 512)
        except BadRequest as exc:
            assert exc.message  # noqa: PT017
            seen[name] = None
    return seen


@FEW
@given(st.binary(max_size=200))
@example(b'{"model":"\\ud800"}')
@example(b'{"max_tokens":' + b"9" * 5000 + b"}")
@example(b'{"stream_options":' + b"[" * 510 + b"]" * 510 + b',"stream":true}')
def test_any_bytes_give_a_peek_or_a_refusal(body: bytes) -> None:
    """Nothing else is ever raised."""
    peek_all(body)


@FEW
@given(BODIES)
def test_json_of_any_shape_is_taken_or_refused(value: dict[str, Any]) -> None:
    """What is taken is read as any JSON reader reads it, and an edit changes what it says it changes."""
    body = json.dumps(value).encode()
    for name, peek in peek_all(body).items():
        if peek is None:
            continue
        assert peek.body is body
        assert peek.max_output_tokens >= 0
        if name not in ("gemini.generate", "bedrock.converse"):  # their model is in the path
            assert peek.model == value.get("model", "")
        if name == "openai.chat":
            asked = asks_for_usage(peek)
            changed = edited(body, [usage_edit(peek)])
            read = json.loads(changed)
            assert read["stream_options"]["include_usage"] is True
            rest = {k: v for k, v in value.items() if k != "stream_options"}
            assert {k: v for k, v in read.items() if k != "stream_options"} == rest
            options = value.get("stream_options")
            assert asked == (isinstance(options, dict) and options.get("include_usage") is True)


@FEW
@given(st.one_of(JSONS, st.binary(max_size=60)), st.one_of(st.none(), JSONS, st.binary(max_size=60)))
@example(b'{"input_tokens":1e30,"output_tokens":-1}', None)
@example(b'{"prompt_tokens":' + b"9" * 5000 + b"}", b"\xff")
@example(b"[" * 2000, b"[" * 2000)
def test_any_usage_is_read_or_absent(usage: bytes, second: bytes | None) -> None:
    """A provider may report anything: counts that a record can hold, or None, for every dialect."""
    for read in USAGE.values():
        found = read(usage, second)
        if found is not None:
            for count in (found.input_tokens, found.cache_read_tokens, found.output_tokens, found.reasoning_tokens):
                assert 0 <= count <= 1 << 60


@FEW
@given(st.binary(max_size=100), st.sampled_from(["zstd", "gzip", "deflate", "x-gzip", "gzip, zstd", " ", "br", "ÿ"]))
def test_any_encoded_body_is_decoded_or_refused(body: bytes, encoding: str) -> None:
    """Bombs and garbage are the client's fault, with a status of their own."""
    for prefix in (b"", b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08\x00", b"\x78\x9c"):
        try:
            assert len(decoded(prefix + body, encoding, 1000)) <= max(1000, len(body) + 4)
        except (BadRequest, BodyTooLarge, Unsupported) as exc:
            assert 400 <= exc.status < 500  # noqa: PT017


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_the_corpus_is_replayed(file: Path) -> None:
    """Whole, and cut short at every length (of the first and last 300 bytes)."""
    body = file.read_bytes()
    peek_all(body)
    for end in {*range(min(len(body), 300)), *range(max(0, len(body) - 300), len(body))}:
        peek_all(body[:end])
        for read in USAGE.values():
            read(body[:end], None)
