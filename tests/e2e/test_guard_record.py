"""What a gateway records of its guard: verdicts in journal, header, metrics, log and admin API, and plainly when it did not run."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dataplane.guard.answer import streams
from tests.e2e import wires
from tests.e2e.canary import canary
from tests.e2e.guarded import PATHS, body
from tests.fakes.upstream import Answer, FakeUpstream, json_answer, sse
from tests.harness import KEY, Gateway, config_for, wait_until

RULE = "github-personal-token"
ALL = ["secrets", "pii", "injection"]
HEADER = "x-agentcc-guardrails"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    made = FakeUpstream()
    yield made
    made.close()


def config(fake: FakeUpstream, **guardrails: Any) -> dict[str, Any]:
    made = config_for(fake.url)
    made["models"]["unpriced"] = {"allow": ["*"]}
    if guardrails:
        made["guardrails"] = guardrails
    return made


@pytest.fixture(scope="module")
def gateway(fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """In the default profile, with a quarantine."""
    with Gateway(tmp_path_factory.mktemp("record"), config(fake, quarantine={"enabled": True})) as running:
        yield running


@pytest.fixture(autouse=True)
def _anew(fake: FakeUpstream) -> None:
    fake.clear()
    while fake.got_request.acquire(blocking=False):
        pass


def ask(gateway: Gateway, path: str, said: Any, **headers: str) -> httpx.Response:
    return httpx.post(gateway.url + path, json=said, headers={"authorization": f"Bearer {KEY}", **headers}, timeout=20)


def record_of(gateway: Gateway, got: httpx.Response) -> dict[str, Any]:
    return gateway.record(got.headers["x-agentcc-request-id"])


def admin(gateway: Gateway, path: str, **body: Any) -> Any:
    headers = {"authorization": f"Bearer {(gateway.data_dir / 'admin.token').read_text().strip()}"}
    url = f"{gateway.url}/-/{path}"
    got = httpx.post(url, json=body, headers=headers) if body else httpx.get(url, headers=headers)
    return got.json() if got.headers["content-type"] == "application/json" else got.text


# === what is said ===


@pytest.mark.parametrize("dialect", PATHS)
def test_a_clean_request_names_who_looked(gateway: Gateway, dialect: str) -> None:
    """Scanners, CPU time, new and known bytes; the header says `none`."""
    got = ask(gateway, PATHS[dialect], body(dialect))
    assert (got.status_code, got.headers[HEADER]) == (200, "none")
    verdicts = record_of(gateway, got)["verdicts"]
    assert verdicts["ran"] == ALL
    assert set(verdicts) == {"ran", "answer_ran", "cpu_us", "scanned_bytes", "known_bytes"}
    assert verdicts["cpu_us"] > 0


def test_a_redaction_is_told_once_and_known_later(gateway: Gateway) -> None:
    """The next turn has it in its history: the record says `is_known`, and counts its bytes as known."""
    said = body("openai.chat", results=canary("told once"), system="told once")
    first = record_of(gateway, ask(gateway, PATHS["openai.chat"], said))["verdicts"]
    said["messages"] += [{"role": "assistant", "content": "ok"}, {"role": "user", "content": "go on"}]
    got = ask(gateway, PATHS["openai.chat"], said)
    assert got.headers[HEADER] == f"secrets:redact:{RULE}"
    again = record_of(gateway, got)["verdicts"]
    (old,), (new,) = first["findings"], again["findings"]
    assert (old["scanner"], old["rule"], old["action"], old["side"]) == ("secrets", RULE, "redact", "request")
    assert old["place"] == "messages[3].content"
    assert len(old["match"]) == 16
    assert (old["is_known"], new["is_known"]) == (False, True)
    assert new | {"is_known": False} == old
    assert again["known_bytes"] > 300 > again["scanned_bytes"]


def test_a_block_is_an_alert(gateway: Gateway) -> None:
    """Journal, log, metrics and admin API say who, which rule and where; none of them says what."""
    secret = canary("alert")
    got = ask(gateway, PATHS["openai.responses"], body("openai.responses", user=f"use {secret}"))
    request_id = got.headers["x-agentcc-request-id"]
    assert (got.status_code, got.headers[HEADER]) == (400, f"secrets:block:{RULE}")
    record = record_of(gateway, got)
    assert (record["outcome"], record["error_code"]) == ("refused", "guardrail_blocked")
    (line,) = wait_until(
        lambda: [x for x in gateway.logs("guardrail") if x["request_id"] == request_id], 10, "the line"
    )
    assert (line["level"], line["alert"], line["key"]) == ("warning", True, "alice")
    assert line["shown"][0]["rule"] == RULE
    (row,) = admin(gateway, f"exchanges?request_id={request_id}")["rows"]
    assert row["verdicts"] == record["verdicts"]
    assert request_id in {
        row["request_id"] for row in admin(gateway, f"guardrails/findings?rule={RULE}&action=block")["rows"]
    }
    counted = f'agentcc_guardrail_verdicts_total{{action="block",known="false",rule="{RULE}",scanner="secrets",side="request"}}'
    assert counted in admin(gateway, "metrics")
    tail = gateway.run_cli("journal", "tail", "-n", "50", "-c", str(gateway.file)).stdout
    assert f'"rule":"{RULE}","action":"block"' in tail
    assert secret not in tail + gateway.stderr()


def test_many_findings_make_a_small_record(gateway: Gateway) -> None:
    """A thousand secrets in one file: fifty are listed, the rest counted, and all are gone from what leaves."""
    said = body("openai.chat", results="\n".join(canary(f"many {i}") for i in range(1000)))
    got = ask(gateway, PATHS["openai.chat"], said)
    assert got.status_code == 200
    record = record_of(gateway, got)
    assert len(record["verdicts"]["findings"]) + record["verdicts"]["more"] == 1000
    assert len(json.dumps(record)) < 20_000
    assert len(got.headers[HEADER]) < 200


@pytest.mark.parametrize(
    ("path", "said", "headers"),
    [
        (
            "/v1/responses",
            {"model": "openai/gpt-4.1-mini", "input": "x"},
            {"authorization": "Bearer sk-agentcc-nobody"},
        ),
        ("/v1/images/generations", {"prompt": "x"}, {}),
        ("/v1/responses", {"model": 5, "input": "x"}, {}),
    ],
    ids=["key", "route", "body"],
)
def test_what_is_refused_before_was_not_looked_at(
    gateway: Gateway, path: str, said: Any, headers: dict[str, str]
) -> None:
    """And says so, in record and header."""
    got = ask(gateway, path, said, **headers)
    assert got.status_code >= 400
    assert (got.headers[HEADER], record_of(gateway, got)["verdicts"]) == ("not_run", "not_run")


# === complaint 55 ===

_STREAMS = [pytest.param(d, s, id=f"{d}-{'stream' if s else 'whole'}") for d in wires.STREAMS for s in (False, True)]


@pytest.mark.parametrize(("dialect", "is_stream"), _STREAMS)
def test_complaint_55_no_route_skips_the_guard(
    gateway: Gateway, fake: FakeUpstream, dialect: str, is_stream: bool
) -> None:
    """Other gateways skip it on /v1/messages, /v1/responses, streams and what passes through, and yet log "success"."""
    fake.default = sse(*wires.STREAMS[dialect]) if is_stream else json_answer(b"{}")
    name = f"55 {dialect} {is_stream}"
    path = wires.PATHS[dialect] if is_stream else PATHS[dialect]
    said = body(dialect, user=canary(f"{name} user"), system=name)
    redacted = body(dialect, results=canary(f"{name} results"), system=name)
    if "model" in said:
        said["stream"] = redacted["stream"] = is_stream
    got = ask(gateway, path, said, **{"x-agentcc-session-id": name})
    assert got.status_code == 400
    assert fake.received == []
    assert record_of(gateway, got)["verdicts"]["findings"][0]["action"] == "block"
    got = ask(gateway, path, redacted)
    assert got.status_code == 200
    assert canary(f"{name} results").encode() not in fake.received[0].body
    verdicts = record_of(gateway, got)["verdicts"]
    assert (verdicts["ran"], verdicts["answer_ran"]) == (ALL, ["secrets", "tool_calls"])
    assert verdicts["findings"][0]["action"] == "redact"


def test_complaint_55_not_run_is_said_when_it_is_off(fake: FakeUpstream, tmp_path: Path) -> None:
    """No record, header, metric or page of the admin API can be taken for one of a guard that found nothing."""
    with Gateway(tmp_path, config(fake, enabled=False)) as gateway:
        for dialect in PATHS:
            got = ask(gateway, PATHS[dialect], body(dialect, user=canary("off")))
            assert (got.status_code, got.headers[HEADER]) == (200, "not_run")
            assert record_of(gateway, got)["verdicts"] == "not_run: off"
        wait_until(lambda: len(admin(gateway, "exchanges")["rows"]) == len(PATHS), 10, "the ledger")
        assert {row["verdicts"] for row in admin(gateway, "exchanges")["rows"]} == {"not_run: off"}
        metrics = admin(gateway, "metrics")
        assert 'agentcc_guardrail_exchanges_total{dialect="openai.responses",result="off"} 1.0' in metrics
        assert 'result="clean"' not in metrics


# === what must survive ===


def test_a_worker_that_dies_takes_no_verdict_with_it(fake: FakeUpstream, tmp_path: Path) -> None:
    """What was found stands in the `open` frame; where nothing was, the record of a crash does not claim that it was looked at."""
    with Gateway(tmp_path, config(fake)) as gateway:
        for said in (body("openai.chat", results=canary("dies")), body("openai.chat")):
            held = threading.Event()
            fake.default = Answer(hold_headers=held, body=[b"{}"])
            thread = threading.Thread(target=_ask_in_vain, args=(gateway, said), daemon=True)
            thread.start()
            assert fake.got_request.acquire(timeout=10)
            os.kill(gateway.children()["worker-0"], signal.SIGKILL)
            held.set()
            thread.join()
            wait_until(lambda: httpx.get(gateway.url + "/readyz").status_code == 200, 10, "the next worker")

        def crashed() -> list[Any]:
            return [record["verdicts"] for record in gateway.records() if record["outcome"] == "crashed"]

        found, clean = wait_until(lambda: crashed() if len(crashed()) == 2 else None, 10, "the records")
    assert (found["ran"], found["findings"][0]["rule"]) == (ALL, RULE)
    assert clean == "unknown"
    assert gateway.run_cli("journal", "verify", "-c", str(gateway.file)).returncode == 0


def _ask_in_vain(gateway: Gateway, said: Any) -> None:
    try:
        ask(gateway, PATHS["openai.chat"], said)
    except httpx.HTTPError:
        pass


# === the quarantine ===


def test_what_was_taken_out_can_be_read_by_who_may(gateway: Gateway) -> None:
    """Through the admin API: the journal's chain says who did, and stays whole."""
    secret = canary("kept")
    got = ask(gateway, PATHS["anthropic.messages"], body("anthropic.messages", results=f"a {secret} b"))
    request_id = got.headers["x-agentcc-request-id"]
    wait_until(lambda: request_id in {row["id"] for row in admin(gateway, "quarantine")["rows"]}, 10, "the entry")
    shown = admin(gateway, "quarantine", act="show", id=request_id, by="eve")
    assert [one["text"] for one in shown["kept"]] == [secret]
    assert admin(gateway, "quarantine", act="drop", id=request_id) == {"dropped": request_id}
    everything = gateway.run_cli("journal", "export", "--all", "-c", str(gateway.file)).stdout
    frames = [json.loads(line) for line in everything.splitlines()]
    acts = [(f["act"], f["id"], f["by"]) for f in frames if f["k"] == "access"]
    assert acts == [("show", request_id, "eve (admin API, 127.0.0.1)"), ("drop", request_id, "admin API, 127.0.0.1")]
    assert gateway.run_cli("journal", "verify", "-c", str(gateway.file)).returncode == 0
    on_disk = b"".join(path.read_bytes() for path in gateway.data_dir.rglob("*") if path.is_file())
    assert secret.encode() not in on_disk


@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_what_was_taken_out_of_an_answer_is_kept_too(fake: FakeUpstream, tmp_path: Path, is_stream: bool) -> None:
    """The client gets the placeholder, the record says `answer`, and nobody else has the text."""
    secret = canary(f"answered {is_stream}")
    said = streams.text(f"it is {secret[:9]}", f"{secret[9:]}, keep it")
    fake.default = (
        sse(*streams.written("openai.chat", said)) if is_stream else json_answer(streams.whole("openai.chat", said))
    )
    made = config(fake, secrets={"answers": "redact"}, quarantine={"enabled": True})
    with Gateway(tmp_path, made) as gateway:
        got = ask(gateway, PATHS["openai.chat"], {**body("openai.chat"), "stream": is_stream})
        assert got.status_code == 200
        assert f"<SECRET_{RULE}_" in got.text
        assert secret[9:] not in got.text
        record = record_of(gateway, got)
        (finding,) = record["verdicts"]["findings"]
        assert (finding["side"], finding["action"], finding["place"]) == ("answer", "redact", "text")
        assert got.headers[HEADER] == ("none" if is_stream else f"secrets:redact:{RULE}")
        entry = wait_until(lambda: admin(gateway, "quarantine")["rows"], 10, "the entry")
        shown = admin(gateway, "quarantine", act="show", id=entry[0]["id"])
        assert [one["text"] for one in shown["kept"]] == [secret]
    on_disk = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert secret[9:].encode() not in on_disk


def test_nothing_is_kept_by_default(fake: FakeUpstream, tmp_path: Path) -> None:
    """The quarantine is off unless it is asked for: no file is made."""
    with Gateway(tmp_path, config(fake)) as gateway:
        got = ask(gateway, PATHS["openai.chat"], body("openai.chat", results=canary("not kept")))
        assert got.headers[HEADER] == f"secrets:redact:{RULE}"
    assert not (gateway.data_dir / "quarantine.sqlite3").exists()


def test_a_quarantine_that_takes_nothing_stops_nobody(fake: FakeUpstream, tmp_path: Path) -> None:
    """A disk without room for it: requests are redacted and recorded as ever, and the log says that copies are lost."""
    made = config(fake, quarantine={"enabled": True})
    with Gateway(tmp_path, made) as gateway:
        (gateway.data_dir / "quarantine.sqlite3").mkdir()
        got = ask(gateway, PATHS["openai.chat"], body("openai.chat", results=canary("no room")))
        assert (got.status_code, got.headers[HEADER]) == (200, f"secrets:redact:{RULE}")
        assert record_of(gateway, got)["verdicts"]["findings"]
        wait_until(lambda: gateway.logs("quarantine_failed"), 10, "the line")
    assert canary("no room") not in gateway.stderr()
