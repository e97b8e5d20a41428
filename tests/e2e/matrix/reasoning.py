"""Checks of reasoning: shown to the client, and its proof given back to the model that made it."""

from dataclasses import replace

from tests.e2e.matrix.cell import Cell
from tests.e2e.matrix.nouns import Ask, Result, Round
from tests.e2e.matrix.talk import BASH
from tests.e2e.matrix.verdict import YES, Verdict, all_but, feature, no

_SILENT = "OpenAI's Chat API shows no reasoning; what others show there (`reasoning_content`) is carried both ways"


@feature("reasoning asked for")
def effort(cell: Cell) -> Verdict:
    """The wish to think reaches the provider in its own words."""
    got = cell.ask(Ask(prompt="hello", thinks=True))
    if not cell.sent()[0].thinks:
        assert got.drops
    return all_but(got)


@feature("reasoning shown")
def thoughts(cell: Cell) -> Verdict:
    """The client reads what the model thought, apart from what it said."""
    if cell.provider.name == "openai.chat":
        return no(_SILENT)
    got = cell.ask(Ask(prompt="[[sim:reasoning n=20]]", thinks=True))
    truth = cell.truth()
    if not truth.thoughts and cell.client.name == "openai.chat":
        return no("a Chat request cannot ask to be shown summaries")
    assert truth.thoughts
    assert got.seen.thoughts == truth.thoughts
    assert got.seen.text == truth.text
    return all_but(got)


@feature("reasoning given back in a tool loop")
def proofs(cell: Cell) -> Verdict:
    """The signature (cipher, thought signature) is byte for byte what the provider made, in its next request."""
    if cell.provider.name == "openai.chat":
        return no(_SILENT)
    ask = Ask(prompt="list the files here", tools=(BASH,), thinks=True)
    first = cell.ask(ask)
    truth = cell.truth()
    assert truth.proofs
    (call,) = first.seen.calls
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, (Result(call, "/home/me\nREADME.md"),)),)))
    assert cell.sent()[-1].proofs == truth.proofs
    assert got.drops == {}
    return YES


@feature("reasoning given back in the next turn")
def next_turn(cell: Cell) -> Verdict:
    """The same without tools: the user goes on."""
    if cell.provider.name == "openai.chat":
        return no(_SILENT)
    ask = Ask(prompt="[[sim:reasoning n=20]]", thinks=True)
    first = cell.ask(ask)
    truth = cell.truth()
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, prompt="and then?"),)))
    assert cell.sent()[-1].proofs == truth.proofs
    assert got.drops == {}
    return YES
