"""What the codec says of its dialect."""

from gateway.dataplane.wire.generate import CODEC


def test_the_codec_names_what_gemini_has() -> None:
    """Names as Google's error text allows them; no ids; one block after the other."""
    assert (CODEC.name, CODEC.interleaves, CODEC.has_stop) == ("gemini.generate", False, True)
    assert (CODEC.rule.name_chars, CODEC.rule.id_chars, set(CODEC.rule.more)) == (64, 0, {".", ":"})
    assert CODEC.kinds == {"function"}
    assert CODEC.servers == {"web_search", "code_execution", "web_fetch"}
