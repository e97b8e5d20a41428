"""Refusals and error events have each dialect's own shape; edits change only the bytes they name."""

import json

import pytest

from gateway import _native
from gateway.base.core.errors import KeyRejected, TimedOut, all_errors
from gateway.dataplane.wire import DIALECTS, details_of, family_of, form_of
from gateway.dataplane.wire.peek import edited

FAMILIES = ("codex", "claude_code", "gemini_cli", "sdk")


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_error_has_a_form_in_every_dialect_for_every_family(dialect, family) -> None:
    """No error class is without words: status, a message for people, fields for machines."""
    for cls in all_errors():
        error = cls("our words")
        form = form_of(family, error)
        assert 400 <= form.status < 600
        body = json.loads(dialect.error_body(form, error.message, details_of(error, "v1", "req_1")))
        assert body.get("error", body)["message"] == "our words"
        event = dialect.error_event(form, error.message, details_of(error, "v1", "req_1"))
        if dialect.name == "bedrock.converse":
            assert [row[0] for row in _native.split_eventstream(event)] == ["exception"]
            assert b"our words" in event
            continue
        # Google's JS SDK knows an error only by its being no event
        assert event.count(b"data: ") == (dialect.name != "gemini.generate")
        assert event.startswith(b'{"error":') == (dialect.name == "gemini.generate")
        assert event.endswith((b"\n\n", b"\r\n\r\n"))
        assert b"our words" in event


@pytest.mark.parametrize("family", FAMILIES)
def test_error_classes_keep_their_fault(family: str) -> None:
    """A client's fault never looks like ours, nor the other way round."""
    for cls in all_errors():
        assert (form_of(family, cls("x")).status < 500) == (cls.status < 500)  # type: ignore[arg-type]


def test_in_mid_stream_codex_stops_on_a_refusal_and_retries_a_fault() -> None:
    """`inference_hook_denied` is shown verbatim once; `server_error` lets Codex try again (codex-wire §8)."""
    responses = DIALECTS["openai.responses"]

    def code(error) -> str:
        event = responses.error_event(form_of("codex", error), "m", {})
        return json.loads(event.partition(b"data: ")[2])["response"]["error"]["code"]

    assert code(KeyRejected("x")) == "inference_hook_denied"
    assert code(TimedOut("x")) == "server_error"


@pytest.mark.parametrize(
    ("agent", "originator", "family"),
    [
        ("codex_exec/0.169.0 (Debian)", "codex_exec", "codex"),
        ("codex-tui/0.169.0", "codex-tui", "codex"),
        ("claude-cli/2.1.197 (external, sdk-cli)", "", "claude_code"),
        ("GeminiCLI-tui/0.61.0/gemini-2.5-flash (linux)", "", "gemini_cli"),
        ("OpenAI/Python 3.52.0", "", "sdk"),
        ("", "", "sdk"),
    ],
)
def test_clients_are_told_apart_by_their_headers(agent: str, originator: str, family: str) -> None:
    """As the wire notes saw them."""
    assert family_of(agent, originator) == family


def test_an_edit_leaves_every_other_byte() -> None:
    """Number digits, escapes, order and white space of the rest survive."""
    body = b'{ "a":1.50,\n"model" : "x","z":"\\u00e9"}'
    start = body.index(b'"x"')
    assert edited(body, [(start, start + 3, "new/name"), (1, 1, b'"k":1,')]) == (
        b'{"k":1, "a":1.50,\n"model" : "new/name","z":"\\u00e9"}'
    )
