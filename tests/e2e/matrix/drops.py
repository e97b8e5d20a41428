"""Checks of what cannot be carried: named, or refused with `translation: strict`."""

from dataclasses import replace

from tests.e2e.matrix.cell import Cell
from tests.e2e.matrix.nouns import Ask, Result, Round
from tests.e2e.matrix.talk import BASH
from tests.e2e.matrix.verdict import YES, Verdict, feature


@feature("what cannot be carried is named")
def report(cell: Cell) -> Verdict:
    """A member that only the client's dialect has: the answer comes, and a header names the member."""
    got = cell.ask(Ask(prompt="[[sim:text]]", more=cell.client.only))
    (name,) = cell.client.only
    if cell.is_translated:
        assert any(what.startswith(name) for what in got.drops), got.drops
    else:
        assert got.drops == {}
        assert name in cell.sites.log()[0]["body"]
    return YES


@feature("`translation: strict` refuses it")
def strict(cell: Cell) -> Verdict:
    """The same request is refused in the client's shape before anything is sent; a session that loses nothing passes."""
    cell.gateway = cell.sites.strict
    (name,) = cell.client.only
    got = cell.send(Ask(prompt="[[sim:text]]", more=cell.client.only))
    if cell.is_translated:
        assert got.trouble is not None
        assert got.status == 400
        assert name in got.trouble.message
        assert cell.sites.log() == []
    else:
        assert got.trouble is None
    ask = Ask(prompt="list the files here", system="Be brief.", tools=(BASH,), thinks=True)
    first = cell.ask(ask)
    results = tuple(Result(call, "/home/me\nREADME.md") for call in first.seen.calls)
    assert cell.ask(replace(ask, rounds=(Round(first.seen.said, results),))).drops == {}
    return YES
