"""The gate and the judges of the load tests, on made-up figures: what they let pass and what they do not."""

import json

import pytest

from benchmarks import bodies, cpu
from benchmarks.gate import judge
from benchmarks.questions import QUESTIONS
from loadtest import chaos
from loadtest.streams import Stream


def test_gate_names_what_got_dearer() -> None:
    """Up to the tolerance passes; past it the figure, the baseline and the allowance are named; new figures pass."""
    baseline = {"small": 4.0, "turn": 2.0}
    assert judge(baseline, {"small": 5.2, "turn": 1.0, "new": 99.0}, 1.3, "×") == []
    [problem] = judge(baseline, {"small": 5.3, "turn": 1.0}, 1.3, "×")
    assert problem.startswith("small: 5.30 ×, the baseline is 4.00")


@pytest.mark.parametrize("size", [bodies.SMALL, bodies.TURN, bodies.LONG])
def test_generated_bodies_have_their_size_and_repeat(size: int) -> None:
    """Equal arguments give equal bytes of valid JSON, within 3 % (bare request: 15 %) of the wished size."""
    body = bodies.codex_turn(size)
    assert body == bodies.codex_turn(size)
    assert abs(len(body) - size) <= size * (0.03 if size > 2048 else 0.15)
    assert json.loads(body)["stream"] is True


def test_every_question_has_the_three_names() -> None:
    """`label`, `setup` and `run`, so that one loop can ask them all."""
    for name, module in QUESTIONS.items():
        assert isinstance(module.label, str), name
        assert module.label, name
        assert callable(module.setup), name
        assert callable(module.run), name


def test_cpu_is_told_apart_by_thread() -> None:
    """The main thread is the event loop; of Granian's nameless threads the busiest does the I/O."""
    pids = {"worker-0": 10, "control-plane": 20}
    before = {("worker-0", 10): ("python", 0), ("control-plane", 20): ("python", 5_000)}
    after = {
        ("worker-0", 10): ("python", 9_000), ("worker-0", 11): ("python", 1_000), ("worker-0", 12): ("python", 7_000),
        ("worker-0", 13): ("agentcc-upstrea", 3_000), ("control-plane", 20): ("python", 6_000),
    }  # fmt: skip
    assert cpu.spent(before, after, pids) == {
        "worker-0/event loop": 9.0, "worker-0/upstream client": 3.0, "worker-0/granian I/O": 7.0,
        "worker-0/granian helpers": 1.0, "control-plane/all": 1.0,
    }  # fmt: skip


def _stream(request_id: str, *, is_completed: bool) -> Stream:
    end = "completed" if is_completed else "failed"
    return Stream(0.0, request_id, 200, 5, is_completed, end)


def _frames(**outcomes: str) -> list[dict[str, str]]:
    opened = [{"k": "open", "request_id": name} for name in outcomes]
    return opened + [
        {"k": "done", "request_id": n, "outcome": o} for n, outcome in outcomes.items() for o in outcome.split()
    ]


_TRUTH = {"a": "ok", "b": "crashed"}


def test_chaos_judge_accepts_the_truth() -> None:
    """One record each: ok where the client saw the end, crashed where the worker died."""
    assert chaos.judge([_stream("a", is_completed=True), _stream("b", is_completed=False)], _frames(**_TRUTH)) == []


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        ({**_TRUTH, "a": "ok ok"}, "a has 2 records"),
        ({**_TRUTH, "a": "crashed"}, "a completed"),
        ({"b": "crashed"}, "a completed"),
        ({**_TRUTH, "c": ""}, "c was opened and has no record"),
        ({"a": "ok", "b": "ok"}, "no record is `crashed`"),
        ({"a": "ok", "d": "crashed"}, "b began"),
    ],
)
def test_chaos_judge_sees_each_kind_of_lie(outcomes: dict[str, str], word: str) -> None:
    """Twice, lost, wrong outcome, never closed."""
    ended = [_stream("a", is_completed=True), _stream("b", is_completed=False)]
    assert any(word in problem for problem in chaos.judge(ended, _frames(**outcomes)))
