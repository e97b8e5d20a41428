"""Checks of words: text, prompts, limits, forms, images, counts."""

import base64
import json
from dataclasses import replace

from tests.e2e.matrix.cell import Cell, Got
from tests.e2e.matrix.nouns import Ask, Numbers, Result, Round, Tool
from tests.e2e.matrix.verdict import YES, Verdict, all_but, feature, named, no

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGM4IcelwcrJINKUx/I/GQAVOAORFGGR/gAAAABJRU5ErkJggg=="
_PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["city", "inhabitants"],
    "additionalProperties": False,
}
BASH = Tool("bash", {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]})
_FEW = 16  # OpenAI's least
_LONG = 2000
_RARE = 'Ünï© 漢字 \\n "quoted" 😀'


@feature("text")
def text(cell: Cell) -> Verdict:
    """The provider's words arrive whole, in the client's grammar; nothing is left out. The same dialect passes byte for byte."""
    got = cell.ask(Ask(prompt=f"say it [[sim:text text=words: {_RARE}]]"))
    truth = cell.truth()
    assert got.seen.text == truth.text == f"words: {_RARE}"
    assert (got.seen.stop, got.seen.thoughts, got.seen.calls) == ("end", "", [])
    assert got.drops == {}
    assert got.headers["x-agentcc-model-used"] == cell.model
    return YES


@feature("text that comes piece by piece", ("stream",))
def pieces(cell: Cell) -> Verdict:
    """What the provider has said leaves at once: the first words are here long before the last."""
    words = "one two three four"
    early = b""
    with cell.open(Ask(prompt=f"[[sim:text text={words};token_ms=25]]")) as answer:
        incoming = answer.iter_raw()
        while b"one" not in early:
            early += next(incoming)
        late = b"".join(incoming)
    assert b"four" not in early
    assert b"four" in late
    assert cell.client.stream(early + late).text == words
    return YES


@feature("long text (2,000 deltas)")
def long_text(cell: Cell) -> Verdict:
    """Nothing is lost or doubled, also where the network cuts events in pieces."""
    got = cell.ask(Ask(prompt=f"[[sim:long n={_LONG};chunk_bytes=1013]]"))
    assert got.seen.text == cell.truth().text
    assert len(got.seen.text) > 4 * _LONG
    return YES


@feature("system and developer prompt")
def prompts(cell: Cell) -> Verdict:
    """They reach the provider where it reads instructions."""
    developer = "Name no names." if "developer" in cell.client.has else ""
    got = cell.ask(Ask(prompt="hello", system="Be brief.", developer=developer))
    (sent,) = cell.sent()
    assert "Be brief." in sent.system
    assert developer in sent.system
    assert "hello" in sent.user
    assert "Be brief." not in sent.user
    return all_but(got)


@feature("conversation over several turns")
def turns(cell: Cell) -> Verdict:
    """What the model said comes back to it, and the turns stay in order."""
    first = cell.ask(Ask(prompt="[[sim:text text=I said this.]]"))
    ask = Ask(prompt="[[sim:text text=I said this.]]", rounds=(Round(first.seen.said, prompt="and then?"),))
    got = cell.ask(ask)
    sent = cell.sent()[-1]
    assert sent.said == "I said this."
    assert sent.user.index("[[sim:text text=I said this.]]") < sent.user.index("and then?")
    return all_but(got)


@feature("image in the user's message")
def user_image(cell: Cell) -> Verdict:
    """The provider gets the same bytes."""
    got = cell.ask(Ask(prompt="what is this?", image=PNG))
    (sent,) = cell.sent()
    if sent.images != [PNG]:
        return named(got)
    return all_but(got)


@feature("image by URL")
def image_url(cell: Cell) -> Verdict:
    """The provider gets the URL, or, where it takes none, what the gateway fetched from there."""
    if "image_url" not in cell.client.has:
        return no("the client's dialect sends bytes, or names files of its own vendor")
    got = cell.ask(Ask(prompt="what is this?", image_url=cell.sites.image_url))
    (sent,) = cell.sent()
    if sent.images not in ([PNG], [cell.sites.image_url], [""]):
        return named(got)
    assert PNG in cell.sites.log()[0]["body"] or cell.sites.image_url in cell.sites.log()[0]["body"]
    return all_but(got)


@feature("document (PDF)")
def document(cell: Cell) -> Verdict:
    """The provider gets the same bytes."""
    got = cell.ask(Ask(prompt="what does it say?", document=_PDF))
    if _PDF not in cell.sites.log()[0]["body"]:
        return named(got)
    return all_but(got)


@feature("image in a tool's result")
def result_image(cell: Cell) -> Verdict:
    """The provider gets the same bytes, in the result or right behind it."""
    ask = Ask(prompt="[[sim:shell]]", tools=(BASH,))
    first = cell.ask(ask)
    result = Result(first.seen.calls[0], "a picture", image=PNG)
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, (result,)),)))
    sent = cell.sent()[-1]
    assert len(sent.results) == 1
    if sent.images != [PNG]:
        return named(got)
    return all_but(got)


@feature("structured output (JSON schema)")
def structured(cell: Cell) -> Verdict:
    """The provider is given the schema, and its JSON comes back as the answer's text."""
    got = cell.ask(Ask(prompt="a city", schema=CITY))
    (sent,) = cell.sent()
    if sent.schema is None:
        return named(got)
    assert set(sent.schema["properties"]) == set(CITY["properties"])  # type: ignore[arg-type]
    if cell.provider.name == "bedrock.converse":  # whose simulator knows no schemas
        return all_but(got)
    assert set(json.loads(got.seen.text)) == set(CITY["properties"])  # type: ignore[arg-type]
    return all_but(got)


@feature("output limit")
def limit(cell: Cell) -> Verdict:
    """The limit reaches the provider, and the client learns that the answer was cut by it."""
    got = cell.ask(Ask(prompt="[[sim:long n=100]]", max_tokens=_FEW))
    (sent,) = cell.sent()
    assert sent.max_tokens == _FEW
    assert got.seen.text == cell.truth().text
    assert len(got.seen.text.split()) <= _FEW
    assert got.seen.stop == "length"
    return all_but(got)


@feature("stop sequences")
def stop(cell: Cell) -> Verdict:
    """They reach the provider; where it has none, the gateway ends the answer there."""
    if "stop" not in cell.client.has:
        return no("the client's dialect has no stop sequences")
    got = cell.ask(Ask(prompt="[[sim:text text=alpha beta STOP gamma]]", stop="STOP"))
    (sent,) = cell.sent()
    if "stop" not in cell.provider.has:
        assert got.seen.text == "alpha beta "
        assert got.seen.stop in ("stop", "end")
    else:
        assert sent.stop == ["STOP"]
    return all_but(got)


@feature("usage: input, output, reasoning")
def usage(cell: Cell) -> Verdict:
    """The provider's numbers in the client's own usage object, and in the journal."""
    got = cell.ask(Ask(prompt="[[sim:reasoning n=20;reasoning_tokens=48]]", thinks=True))
    return _counted(cell, got)


@feature("usage: cached input")
def cached_usage(cell: Cell) -> Verdict:
    """A prompt that the provider had before: what it says it had cached is what the client is told."""
    ask = Ask(prompt="[[sim:text]]", system="A long system prompt. " * 400, tools=(BASH,), caches=True)
    cell.ask(ask)
    return _counted(cell, cell.ask(ask), is_cached=True)


@feature("prompt cache over a session")
def session_cache(cell: Cell) -> Verdict:
    """The second step of an agent begins with the bytes of the first, so that the provider has most of it cached."""
    ask = Ask(prompt="[[sim:shell]]", system="A long system prompt. " * 400, tools=(BASH,), caches=True)
    first = cell.ask(ask)
    results = (Result(first.seen.calls[0], "README.md"),)
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, results),)))
    assert first.seen.numbers is not None
    assert got.seen.numbers is not None
    assert (got.seen.numbers.cached or 0) > 0.8 * first.seen.numbers.input
    return all_but(got)


def _counted(cell: Cell, got: Got, *, is_cached: bool = False) -> Verdict:
    seen, told = got.seen.numbers, cell.truth().numbers
    assert seen is not None
    assert told is not None
    assert (seen.input, seen.output) == (told.input, told.output)
    pairs = ((seen.cached, told.cached), (seen.reasoning, told.reasoning), (seen.written, told.written))
    for ours, theirs in pairs:
        assert ours is None or theirs is None or ours == theirs
    assert not is_cached or (told.cached or 0) >= 1024
    _in_the_journal(cell, got, told)
    return all_but(got)


def _in_the_journal(cell: Cell, got: Got, told: Numbers) -> None:
    record = cell.record(got)
    usage = record["usage"]
    assert (record["outcome"], record["dialect"]) == ("ok", cell.client.name)
    assert usage["output_tokens"] == told.output
    cached = usage.get("cache_read_tokens", 0)
    assert cached == (told.cached or 0)
    written = usage.get("cache_write_5m_tokens", 0) + usage.get("cache_write_1h_tokens", 0)
    assert usage["input_tokens"] + cached + written == told.input
