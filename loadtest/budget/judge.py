"""Who is right: the clients' view, the provider's bill, the journals and the ledgers against each other and the cap. Pure."""

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field

from loadtest.budget.books import Books, Frame
from loadtest.budget.clients import Sent, details
from loadtest.budget.prices import NANO
from loadtest.budget.scene import Scene

_NAMED = 5
_PROVIDERS_ERRORS = {
    "error": (400, 503, 529), "close": (502,), "cut": (502,), "stall": (502,), "in_stream_error": (502, 503, 529),
}  # fmt: skip
"""What a client may read for a fault of the provider before anything was answered."""


class Verdict(Struct):
    """`lines` say what was seen, `problems` what does not hold."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def text(self) -> str:
        """All of it."""
        end = f"{len(self.problems)} violations" if self.problems else "all holds"
        return "\n".join([*self.lines, *(f"VIOLATED: {problem}" for problem in self.problems), end])

    def say(self, what: str, value: object) -> None:
        self.lines.append(f"{what:<44} {value}")

    def blame(self, what: str, cases: Iterable[object]) -> None:
        """One problem for all `cases`, none where there are none."""
        found = list(cases)
        if found:
            named = "; ".join(map(str, found[:_NAMED])) + ("; …" if len(found) > _NAMED else "")
            self.problems.append(f"{what}: {len(found)}: {named}")


def usd(nusd: int) -> str:
    """Nano-USD as USD with all digits."""
    return f"${'-' if nusd < 0 else ''}{abs(nusd) // NANO}.{abs(nusd) % NANO:09d}"


def judge_money(verdict: Verdict, scene: Scene, books: Books) -> None:
    """Bill against cap, ledger against cap, ledger against bill request by request, ledger against journal."""
    bills = {row.label: row for row in books.bill}
    verdict.blame(
        "requests that were billed twice", [n for n, c in Counter(r.label for r in books.bill).items() if c > 1]
    )
    cost = {row.label: scene.by_model[row.model].cost_nusd(row) for row in books.bill}
    billed, booked = sum(cost.values()), sum(entry.cost_nusd for entry in books.ledger)
    verdict.say("billed by the provider", f"{usd(billed)} for {len(books.bill)} requests")
    verdict.say("booked in the ledger", f"{usd(booked)} for {len(books.ledger)} exchanges")
    if scene.cap_nusd:
        verdict.say("cap", f"{usd(scene.cap_nusd)}, level {scene.level}")
        verdict.say("overshoot", usd(max(0, billed - scene.cap_nusd, booked - scene.cap_nusd)))
        if billed > scene.cap_nusd:
            verdict.problems.append(f"the provider's bill of {usd(billed)} is over the cap")
        if booked > scene.cap_nusd:
            verdict.problems.append(f"the ledger's sum of {usd(booked)} is over the cap")
        verdict.blame(
            "holds below the bill, so that only luck kept the cap",
            [
                f"{_named(f)} held {usd(f.hold_nusd)}, billed {usd(c)}"
                for f in books.opened()
                if (c := cost.get(f.session_id, 0)) > f.hold_nusd
            ],
        )
    done = books.done()
    by_basis = {basis: [f for f in done if f.cost_basis == basis] for basis in ("exact", "estimated", "none")}
    exact_billed = sum(cost.get(f.session_id, 0) for f in by_basis["exact"])
    exact_booked = sum(f.cost_nusd for f in by_basis["exact"])
    verdict.say("exact records", f"{len(by_basis['exact'])}: booked {usd(exact_booked)}, billed {usd(exact_billed)}")
    rest = [(f, cost.get(f.session_id, 0)) for f in by_basis["estimated"]]
    verdict.say(
        "estimated records",
        f"{len(rest)}: booked {usd(sum(f.cost_nusd for f, _ in rest))}, billed {usd(sum(c for _, c in rest))}",
    )
    verdict.say("records without cost", len(by_basis["none"]))
    verdict.blame(
        "exact records that differ from the bill",
        [_differs(f, cost) for f in by_basis["exact"] if f.cost_nusd != cost.get(f.session_id, 0)],
    )
    verdict.blame("estimates below the bill", [_differs(f, cost) for f, billed in rest if f.cost_nusd < billed])
    verdict.blame(
        "records without cost that were billed",
        [f"{_named(f)} {usd(cost[f.session_id])}" for f in by_basis["none"] if cost.get(f.session_id)],
    )
    verdict.blame(
        "whole answers with reported usage that are only estimated",
        [
            _named(f)
            for f in by_basis["estimated"]
            if f.outcome == "ok" and (r := bills.get(f.session_id)) and r.is_reported
        ],
    )
    recorded = {f.session_id for f in done}
    verdict.blame(
        "billed without a record", [f"{label} {usd(cost[label])}" for label in bills if label not in recorded]
    )
    ledger = {entry.request_id: (entry.cost_nusd, entry.cost_basis) for entry in books.ledger}
    journal = {f.request_id: (f.cost_nusd, f.cost_basis) for f in done}
    verdict.blame("ledger rows that differ from the journal", sorted(set(ledger.items()) ^ set(journal.items())))


def judge_records(verdict: Verdict, sent: list[Sent], books: Books, *, is_chaos: bool) -> None:
    """Each request has one record; without one only what no worker had taken: nothing recorded, nothing billed, nothing answered."""
    records: dict[str, list[Frame]] = {}
    for frame in books.done():
        records.setdefault(frame.session_id, []).append(frame)
    billed = {row.label for row in books.bill}
    opened = {frame.session_id for frame in books.opened()}
    lost, never = [], 0
    for one in sent:
        found = records.get(one.ask.label, [])
        if len(found) == 1 and one.request_id in ("", found[0].request_id):
            continue
        is_unanswered = not one.status and (one.end == "aborted" or (is_chaos and one.end == "broken"))
        if not found and is_unanswered and one.ask.label not in billed | opened:
            never += 1
        else:
            lost.append(f"{one.ask.label} {one.request_id} ({one.end} {one.status}): {len(found)} records")
    verdict.say("requests sent", f"{len(sent)}: {dict(Counter(one.end for one in sent).most_common())}")
    verdict.say(
        "records", f"{sum(map(len, records.values()))}: {dict(Counter(f.outcome for f in books.done()).most_common())}"
    )
    verdict.say("never taken by a worker (no answer, no bill)", never)
    verdict.blame("requests without exactly one record", lost)
    names = Counter(f.request_id for f in books.done())
    verdict.blame("exchanges with two records", [name for name, count in names.items() if count > 1])
    verdict.blame("opened and never settled", [f.request_id for f in books.opened() if f.request_id not in names])
    unknown = records.keys() - {one.ask.label for one in sent}
    verdict.blame("records of what nobody sent", sorted(unknown))


def judge_answers(verdict: Verdict, scene: Scene, sent: list[Sent], *, is_chaos: bool) -> None:
    """Each refusal is a budget's, in the client's dialect; each other error is one that the provider was asked for."""
    refused = [one for one in sent if one.end == "refused"]
    verdict.say("refusals", dict(Counter(f"{one.status} {details(one)['code']}" for one in refused).most_common()))
    verdict.blame(
        "refusals that are not as they should be",
        [f"{one.ask.label}: {why}" for one in refused if (why := _wrong(one, scene))],
    )
    if not is_chaos:
        verdict.blame("503 though nothing was killed", [one.ask.label for one in refused if one.status == 503])
    failed = [one for one in sent if one.end == "failed" and one.status not in _PROVIDERS_ERRORS.get(one.ask.fault, ())]
    verdict.blame(
        "errors that nobody asked for",
        [f"{one.ask.label} {one.status} {str(one.error)[:200]} {one.why}" for one in failed],
    )
    verdict.blame("never answered", [one.ask.label for one in sent if one.end == "hung"])
    if not is_chaos:
        broken = [one for one in sent if one.end == "broken"]
        verdict.blame(
            "connections that broke though nothing was killed", [f"{one.ask.label} {one.why}" for one in broken]
        )


def judge_first_refusal(verdict: Verdict, scene: Scene, sent: list[Sent], books: Books) -> None:
    """Nobody is refused while there is room for one more hold."""
    refused = min((f for f in books.done() if f.error_code == "budget_exceeded"), key=lambda f: f.ended, default=None)
    if refused is None:
        return
    at = refused.ended
    needed = next((one.ask.least_hold_nusd for one in sent if one.ask.label == refused.session_id), 0)
    spent = sum(f.cost_nusd for f in books.done() if f.ended <= at)
    held = sum(frame.hold_nusd for run in books.runs for frame in _held(run, refused, at))
    largest = max([frame.hold_nusd for frame in books.opened()] + [needed])
    left = scene.cap_nusd - spent - held
    verdict.say("at the first refusal: limit - spent - held", f"{usd(left)} ({usd(spent)} spent, {usd(held)} held)")
    verdict.say("   the refused request needed at least", usd(needed))
    verdict.say("   the largest hold of the run", usd(largest))
    if left >= largest:
        verdict.problems.append(f"refused while {usd(left)} were left, with a largest hold of {usd(largest)}")


def count_needless(verdict: Verdict, scene: Scene, sent: list[Sent], books: Books) -> None:
    """How many were refused though, by the journals' clocks, they would have fit. No violation: money that was given back a moment
    ago may be on its way to another worker."""
    needed = {one.ask.label: one.ask.least_hold_nusd for one in sent}
    holds = {frame.request_id: frame.hold_nusd for frame in books.opened()}
    changes = [(f.began, 0, -f.hold_nusd, "") for f in books.opened()]
    changes += [(f.ended, 1, holds.get(f.request_id, 0) - f.cost_nusd, "") for f in books.done()]
    changes += [(f.ended, 2, 0, f.session_id) for f in books.done() if f.error_code == "budget_exceeded"]
    left, free = scene.cap_nusd, []
    for _, _, change, refused in sorted(changes):
        left += change
        if refused and left >= needed.get(refused, 0):
            free.append(left)
    verdict.say("refused though it would have fit", f"{len(free)}, with at most {usd(max(free, default=0))} free")


def _held(run: list[Frame], refused: Frame, at: float) -> list[Frame]:
    """The `open` frames of a run whose exchanges went on at `at`. In the refusal's own run the order of frames tells; in another its
    records do: what was opened between the last one before `at` and the first one after it counts as held."""
    held: dict[str, Frame] = {}
    for frame in run:
        if frame.request_id == refused.request_id or (frame.k == "done" and frame.ended > at):
            break
        if frame.k == "done":
            held.pop(frame.request_id, None)
        elif frame.k == "open" and frame.began <= at:
            held[frame.request_id] = frame
    return list(held.values())


def _wrong(one: Sent, scene: Scene) -> str:
    """What is wrong with a refusal; empty when nothing is."""
    said, body = details(one), one.error
    error = body["error"]
    if (one.status, said.get("code")) not in ((429, "budget_exceeded"), (503, "budget_unproven")):
        return f"{one.status} {said.get('code')}"
    is_messages = one.ask.dialect == "messages"
    if is_messages != (body.get("type") == "error") or not error.get("message") or not error.get("type"):
        return f"not in the words of {one.ask.dialect}: {str(body)[:300]}"
    if one.status == 503:
        return ""
    if not is_messages and error.get("code") != "budget_exceeded":
        return f"code {error.get('code')}"
    if (said.get("level"), said.get("id")) != (scene.level, scene.account_id):
        return f"names {said.get('level')} {said.get('id')}"
    absent = [name for name in ("limit_usd", "spent_usd", "resets_at") if name not in said]
    return f"lacks {absent}" if absent else ""


def _named(frame: Frame) -> str:
    return f"{frame.request_id} {frame.session_id} ({frame.outcome})"


def _differs(frame: Frame, cost: dict[str, int]) -> str:
    return f"{_named(frame)} booked {usd(frame.cost_nusd)}, billed {usd(cost.get(frame.session_id, 0))}"
