"""Fault × client dialect × moment, streamed and whole, in front of a chain of two: the tests behind docs/reference/faults.md.

All cells run at once when the first test wants them; each test judges those of one client and one fault. After a change of behaviour:

    AGENTCC_WRITE_RESULTS=1 .venv/bin/python -m pytest tests/e2e/faults/test_matrix.py
"""

import os
from collections import defaultdict
from typing import Any

import pytest

from tests.e2e.faults.faults import FAULTS
from tests.e2e.faults.judge import Verdict, judge
from tests.e2e.faults.page import PATH, page
from tests.e2e.faults.script import Script
from tests.e2e.faults.site import Cell, Outcome, opened
from tests.e2e.matrix.cell import WIRES

_DIALECTS = list(WIRES)
_FOUND: dict[Cell, Verdict] = {}


class Run:
    """The outcome of every cell, and the records of every model (each cell has its own)."""

    def __init__(
        self, outcomes: dict[Cell, Outcome], records: list[dict[str, Any]], scripts: dict[str, Script]
    ) -> None:
        self.outcomes, self.scripts = outcomes, scripts
        self.records: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in records:
            self.records[record["model_requested"]].append(record)


def _cells(scripts: dict[str, Script]) -> list[Cell]:
    """The faulty provider and the second one each speak the client's dialect, or the next one (the one after) in turn."""
    return [
        Cell(client, name, moment, bad, good)
        for i, client in enumerate(_DIALECTS)
        for bad in (client, _DIALECTS[(i + 1) % 5])
        for good in (client, _DIALECTS[(i + 2) % 5])
        for name, fault in FAULTS.items()
        for moment in fault.at(scripts[bad])
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with opened(tmp_path_factory.mktemp("faults")) as site:
        cells = _cells(site.scripts)
        outcomes = dict(zip(cells, site.pool.map(site.ask, cells), strict=True))
        gateway = site.gateway
        assert gateway.stop() == 0
        gateway.run_cli("journal", "verify", "-c", str(gateway.file))
        assert not gateway.logs("bug")
        return Run(outcomes, gateway.records(), site.scripts)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("client", _DIALECTS)
def test_a_fault(run: Run, client: str, fault: str) -> None:
    """Every way of one client through one fault."""
    wrong = []
    for cell, outcome in run.outcomes.items():
        if (cell.client, cell.fault) == (client, fault):
            try:
                _FOUND[cell] = judge(cell, outcome, run.records[outcome.model], run.scripts)
            except AssertionError as error:
                wrong.append(f"{cell}: {error}\n{outcome.got.body[-600:]!r}\n{run.records[outcome.model]}")
    assert not wrong, f"{len(wrong)} cells\n" + "\n".join(wrong[:3])


def test_no_more_records_than_requests(run: Run) -> None:
    """And nothing was asked that no cell has asked for."""
    assert sum(map(len, run.records.values())) == len(run.outcomes)


def test_the_page_tells_what_was_found(run: Run) -> None:
    """docs/reference/faults.md is of this run."""
    if len(_FOUND) < len(run.outcomes):
        pytest.skip("THE PAGE OF FAULTS WAS NOT COMPARED: not all cells were judged, or not all are right")
    found = page(_FOUND)
    if os.environ.get("AGENTCC_WRITE_RESULTS"):
        PATH.write_text(found)
    assert PATH.read_text() == found, "see this module's docstring for how to renew the page"
