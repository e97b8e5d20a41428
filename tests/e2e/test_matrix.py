"""Client dialect × provider dialect × feature, as streams and as whole answers: the tests behind docs/reference/compatibility.md.

What they find is compared with results.json, of which scripts/generate_reference.py makes the page. After a change of behaviour:

    AGENTCC_WRITE_RESULTS=1 .venv/bin/python -m pytest tests/e2e/test_matrix.py; make goldens
"""

import base64
import os
from collections.abc import Iterator

import pytest

from gateway.simulator import running
from tests.e2e.matrix import results
from tests.e2e.matrix.cell import WIRES, Cell, Sites, config_for
from tests.e2e.matrix.features import FEATURES
from tests.e2e.matrix.talk import PNG
from tests.e2e.matrix.verdict import Verdict
from tests.fakes.upstream import Answer, FakeUpstream
from tests.harness import Gateway

_CASES = [
    pytest.param(client, provider, mode, name, id=f"{client}-{provider}-{mode}-{name}")
    for client in WIRES
    for provider in WIRES
    for name, one in FEATURES.items()
    for mode in one.modes
]
_FOUND: results.Found = {}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    place = tmp_path_factory.mktemp("matrix")
    pictures = FakeUpstream()
    pictures.default = Answer(200, [("content-type", "image/png")], [base64.b64decode(PNG)])
    with running() as simulator:
        strict = Gateway(place / "strict", config_for(simulator, translation="strict"))
        with Gateway(place / "report", config_for(simulator)) as gateway, strict:
            made = Sites(simulator, gateway, strict, f"{pictures.url}/picture.png")
            yield made
            made.close()
            pictures.close()
            assert "Traceback" not in gateway.stderr() + strict.stderr()


@pytest.mark.parametrize(("client", "provider", "mode", "name"), _CASES)
def test_cell(sites: Sites, client: str, provider: str, mode: str, name: str) -> None:
    """One feature of one pair."""
    _FOUND[client, provider, name, mode] = Verdict("fails")
    cell = Cell(sites, client, provider, stream=mode == "stream")
    _FOUND[client, provider, name, mode] = FEATURES[name].check(cell)


def test_the_compatibility_page_tells_what_was_found() -> None:
    """The results that the page is made of are those of this run."""
    if len(_FOUND) < len(_CASES):
        pytest.skip("THE COMPATIBILITY PAGE WAS NOT COMPARED: not all cells were run")
    found = results.encoded(_FOUND)
    if os.environ.get("AGENTCC_WRITE_RESULTS"):
        results.PATH.write_bytes(found)
    assert results.PATH.read_bytes() == found, "see this module's docstring for how to renew the page"
