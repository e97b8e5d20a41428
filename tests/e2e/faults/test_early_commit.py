"""Providers that fail when the stream's headers have left already, without a word of theirs: another one may still answer."""

from itertools import product
from pathlib import Path

from tests.e2e.faults.judge import MOVED, judge
from tests.e2e.faults.site import Cell, opened
from tests.e2e.matrix.cell import WIRES

_FAULTS = (("silent", "before"), ("stall", "headers"), ("stall", "frames"))


def test_a_stream_that_began_with_keep_alives_goes_on(tmp_path: Path) -> None:
    """Headers and keep-alives have gone out after 100 ms; nothing of that is content."""
    dialects = list(WIRES)
    with opened(tmp_path, early_commit_ms=100, keep_alive_ms=100) as site:
        cells = [
            Cell(client, fault, moment, bad, good)
            for i, client in enumerate(dialects)
            for (fault, moment), bad, good in product(
                _FAULTS, (client, dialects[(i + 1) % 5]), (client, dialects[(i + 2) % 5])
            )
            if site.scripts[bad].has(moment)
        ]
        outcomes = list(site.pool.map(site.ask, cells))
        gateway = site.gateway
        assert gateway.stop() == 0
        gateway.run_cli("journal", "verify", "-c", str(gateway.file))
        records = gateway.records()
        for cell, outcome in zip(cells, outcomes, strict=True):
            assert outcome.took_s > 0.5
            mine = [one for one in records if one["model_requested"] == outcome.model]
            assert judge(cell, outcome, mine, site.scripts).got == MOVED, cell
        assert not gateway.logs("bug")
