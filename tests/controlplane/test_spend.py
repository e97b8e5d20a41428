"""The budgets' questions to the ledger: what is new since a row, and which row is a run's n-th exchange."""

from pathlib import Path
from random import Random

from gateway.base.core.budget import Span
from gateway.base.journal import open_run
from gateway.controlplane.projections import Exporter, Projector
from gateway.controlplane.projections.spend import Cost, SpendReader
from tests.controlplane.conftest import random_done

ALL = Span(0, 1 << 62, "total")
DAYS = [Span(ms, ms + 86_400_000, "") for ms in range(1_795_219_200_000, 1_796_083_200_000, 86_400_000)]


def summed(costs: list[Cost]) -> dict[tuple[str, int, str], int]:
    found: dict[tuple[str, int, str], int] = {}
    for cost in costs:
        key = cost.run, cost.principal_id, cost.model_used
        found[key] = found.get(key, 0) + cost.cost_nusd
    return found


def test_what_is_new_adds_up_to_all(tmp_path: Path) -> None:
    """Read in many small steps or at once, by day or in total: the same money; and each run's n-th row is found."""
    random, projector = Random(5), Projector(tmp_path / "journal", tmp_path / "ledger.sqlite3", Exporter("t"))
    writers = [open_run(tmp_path / "journal", n, run_id=f"{n:012x}", version="t")[0] for n in range(3)]
    counts = dict.fromkeys((writer.run_id for writer in writers), 0)
    projector.step()
    reader, after, steps = SpendReader(tmp_path / "ledger.sqlite3"), 0, []
    for _ in range(12):
        writer = random.choice(writers)
        many = random.randrange(1, 9)
        for _ in range(many):
            counts[writer.run_id] += 1
            writer.append(random_done(f"req_{writer.run_id}{counts[writer.run_id]:08x}", random))
        projector.step()
        reading = reader.read([(ALL, after)])
        steps += reading.costs[ALL, after]
        after = reading.last_id
    whole = SpendReader(tmp_path / "ledger.sqlite3")
    everything = whole.read([(ALL, 0), *((day, 0) for day in DAYS)])
    assert summed(steps) == summed(everything.costs[ALL, 0])
    assert summed([cost for day in DAYS for cost in everything.costs[day, 0]]) == summed(steps)
    for run, count in counts.items():
        rows = [reader.nth(run, number + 1) for number in range(count + 1)]
        assert rows[-1] is None
        assert rows == [whole.nth(run, number + 1) for number in range(count + 1)]
        assert rows[:-1] == sorted(set(rows[:-1]))  # type: ignore[type-var]
        if count > 2:
            half = rows[count // 2]
            assert half is not None
            parts = reader.of_run(run, ALL, 0, half) + reader.of_run(run, ALL, half, after)
            assert summed(parts) == {key: cost for key, cost in summed(steps).items() if key[0] == run}
    for writer in writers:
        writer.close()
    projector.stop()
