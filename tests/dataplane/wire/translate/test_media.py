"""What must be fetched for a provider, and what stands in for media that cannot be sent. Traps 22, 34, 35."""

import pytest

from gateway.dataplane.wire import CODECS, Report, Target
from gateway.dataplane.wire.canon import Media, ToolResult
from gateway.dataplane.wire.translate.media import data_url, inlined, left_out, split_data_url, wanted, words_of
from tests.dataplane.wire.translate.canon_cases import result, turn, user

PNG, PDF = "https://example.com/a.png", "http://example.com/b.pdf"


@pytest.mark.parametrize(
    ("dialect", "urls"),
    [
        ("openai.responses", []),
        ("openai.chat", [PDF]),
        ("anthropic.messages", []),
        ("gemini.generate", [PNG, PDF]),
        ("bedrock.converse", [PNG, PDF]),
    ],
)
def test_what_a_provider_does_not_fetch_itself_is_put_into_the_request(dialect: str, urls: list[str]) -> None:
    """Each once, also inside results."""
    image, document = Media(kind="image", url=PNG), Media(kind="document", url=PDF, mime="application/pdf")
    asked = turn(user("see", image, document), user(ToolResult(call_id="c", parts=[image])), user(result("d")))
    assert wanted(asked, dialect) == urls
    found = inlined(asked, dialect, {PNG: ("image/png", b"a"), PDF: ("", b"b")})
    media = [part for part in found.messages[0].parts if isinstance(part, Media)]
    assert [(one.url, one.mime, one.data) for one in media] == [
        ("", "image/png", "YQ==") if PNG in urls else (PNG, "", ""),
        ("", "application/pdf", "Yg==") if PDF in urls else (PDF, "application/pdf", ""),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "gs://bucket/x.png",
        "s3://bucket/x.png",
        "https://generativelanguage.googleapis.com/v1beta/files/x",
        "https://www.youtube.com/watch?v=x",
        "https://youtu.be/x",
    ],
)
def test_what_is_no_file_for_us_is_never_fetched(url: str) -> None:
    """Google resolves its own; a video's page is no video."""
    asked = turn(user("see", Media(kind="video", url=url), Media(kind="document", url=url)))
    for dialect in ("gemini.generate", "openai.chat", "bedrock.converse"):
        assert wanted(asked, dialect) == []


@pytest.mark.parametrize("url", ["HTTPS://example.com/A.png", "Http://EXAMPLE.com/a.png"])
def test_the_case_of_a_scheme_means_nothing(url: str) -> None:
    """It is fetched, or its provider gets it, as in lower case."""
    image = Media(kind="image", url=url)
    assert wanted(turn(user("see", image)), "gemini.generate") == [url]
    for dialect, client in (("anthropic.messages", "openai.chat"), ("openai.responses", "anthropic.messages")):
        asked = turn(user("see", image))
        asked.dialect = client
        report = Report()
        assert url.encode() in CODECS[dialect].write_turn(asked, Target(dialect, "p", "m"), report)
        assert report.drops == []


@pytest.mark.parametrize("url", ["HTTPS://youtu.be/x", "https://WWW.YouTube.com/watch?v=x"])
def test_nor_does_that_of_a_host(url: str) -> None:
    assert wanted(turn(user("see", Media(kind="video", url=url))), "gemini.generate") == []


def test_documents_of_text_are_words_however_they_came() -> None:
    """Inline text, or base64 of it; what is no text is none."""
    assert words_of(Media(kind="document", text="a")) == "a"
    assert words_of(Media(kind="document", data="w6Q=", mime="text/markdown")) == "ä"
    assert words_of(Media(kind="document", data="/w==", mime="text/plain")) == ""
    assert words_of(Media(kind="document", data="w6Q=", mime="application/pdf")) == ""
    assert words_of(Media(kind="image", data="w6Q=", mime="text/plain")) == ""


def test_data_urls() -> None:
    """There and back; everything else is an address."""
    assert split_data_url("data:image/png;base64,AA==") == ("image/png", "AA==")
    assert data_url(Media(kind="image", data="AA==", mime="image/png")) == "data:image/png;base64,AA=="
    assert data_url(Media(kind="image", url=PNG)) == PNG
    for other in (PNG, "data:text/plain,words", "data:image/png;base64", ""):
        assert split_data_url(other) == ("", "")


def test_what_is_left_out_is_named() -> None:
    """By its name, else its address if that is short."""
    assert (
        left_out(Media(kind="document", name="a.pdf", url=PDF)) == "[document `a.pdf` could not be sent to this model]"
    )
    assert left_out(Media(kind="image", url=PNG)) == f"[image `{PNG}` could not be sent to this model]"
    assert left_out(Media(kind="video", url="https://x/" + "y" * 600)) == "[video could not be sent to this model]"
