"""Recorded traffic of Anthropic and of Claude Code: nothing is lost between reading and writing this dialect."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import Fault
from gateway.dataplane.wire.codec import Asked, PathSays, Target
from gateway.dataplane.wire.messages import CODEC
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.collect import answer_of, events_of
from tests.dataplane.providers.shared import json_lines
from tests.dataplane.wire import sse
from tests.dataplane.wire.messages import corpus
from tests.dataplane.wire.messages.grammar import violations

ASKED = Asked(
    CODEC.read_turn(b'{"model":"claude-x","messages":[{"role":"user","content":"hi"}]}', PathSays()), "req_1", 0
)


def official(model: str) -> Target:
    """Anthropic's own API."""
    return Target("anthropic.messages", "anthropic", model, vendor="anthropic", origin="anthropic", is_official=True)


def tally(test: str, results: Iterator[tuple[str, Any]]) -> None:
    """Prints how many passed, and fails for each problem that exceptions.json does not explain, or explains in vain."""
    explained = corpus.EXCEPTIONS[test]
    problems: dict[str, Any] = {}
    count = 0
    for file, problem in results:
        count += 1
        if problem:
            problems[file] = problem
    print(f"\n{test}: {count - len(problems)} of {count} equal, {len(problems)} explained in exceptions.json")
    assert count
    assert {file: problem for file, problem in problems.items() if file not in explained} == {}
    assert set(explained) - set(problems) == set()


def test_a_request_read_and_written_is_the_same_request() -> None:
    """A → canon → A loses nothing; what is refused is what the provider refused."""

    def results() -> Iterator[tuple[str, Any]]:
        for file, body, _ in corpus.requests():
            report = Report()
            raw = json.dumps(body).encode()
            try:
                written = json.loads(
                    CODEC.write_turn(CODEC.read_turn(raw, PathSays()), official(body["model"]), report)
                )
            except BadRequest as exc:
                yield file, exc.message
                continue
            yield file, report.drops or (written != body and {"was": body, "became": written})

    tally("requests", results())


def test_a_recorded_stream_is_read_as_its_truth() -> None:
    """The answer that our events make is the message that the documentation's rules make."""

    def results() -> Iterator[tuple[str, Any]]:
        for file, stream in corpus.streams():
            events, skipped = corpus.read_stream(stream)
            answer = answer_of(events)
            if isinstance(answer, Fault):
                yield file, answer.message
                continue
            got = corpus.gist(json.loads(CODEC.write_answer(answer, ASKED)))
            want = corpus.gist(corpus.truth_of(stream))
            is_odd = skipped and not file.startswith("duplicate-message-start")
            yield file, is_odd or (got != want and (want, got))

    tally("streams", results())


def test_a_stream_written_again_is_right_and_says_the_same() -> None:
    """Reader → writer obeys the grammar, and read again gives the same answer."""

    def results() -> Iterator[tuple[str, Any]]:
        for file, stream in corpus.streams():
            events, _ = corpus.read_stream(stream)
            written = sse.events(CODEC.writer(ASKED).write(events))
            found = violations([(name, json.loads(data)) for name, data in written])
            again, skipped = corpus.read_stream(written)
            if isinstance(fault := answer_of(events), Fault):
                yield file, found or skipped or answer_of(again) != fault
            else:
                yield file, found or skipped or answer_of(again) != fault

    tally("again", results())


def test_a_whole_answer_read_and_written_is_the_same_answer() -> None:
    """Also as a stream: for clients that ask for one when the provider gave none."""

    def results() -> Iterator[tuple[str, Any]]:
        for file, body in corpus.whole():
            answer = CODEC.read_answer(json.dumps(body).encode())
            want = corpus.gist(body)
            got = corpus.gist(json.loads(CODEC.write_answer(answer, ASKED)))
            stream = sse.events(CODEC.writer(ASKED).write(events_of(answer)))
            found = violations([(name, json.loads(data)) for name, data in stream])
            yield file, found or (got != want and (want, got)) or (corpus.gist(corpus.truth_of(stream)) != want)

    tally("answers", results())


KIND_OF_STATUS = {400: "bad_request", 401: "authentication", 404: "not_found", 413: "too_large", 529: "overloaded"}


def test_recorded_errors_keep_their_words() -> None:
    """Each recorded and each reported error becomes a Fault of the right kind."""
    found = [one for one in corpus.exchanges() if one["response"]["status"] != 200]
    reported = [
        one for one in json_lines("wire/reported_errors/reported_errors.jsonl") if one["api"] == "anthropic.messages"
    ]
    for one in (*found, *reported):
        response = one["response"]
        fault = CODEC.read_error(response["status"], response["headers"], json.dumps(response["body"]).encode())
        assert fault.kind == KIND_OF_STATUS[response["status"]], one["id"]
        assert fault.message == response["body"]["error"]["message"]
        assert fault.type == response["body"]["error"]["type"]
        assert fault.status == response["status"]
    print(f"\nerrors: {len(found)} recorded and {len(reported)} reported, all right")
    assert len(found) >= 7
    assert len(reported) >= 3


@pytest.mark.parametrize("vendor", ["deepseek", ""])
def test_claude_codes_billing_line_goes_to_anthropic_alone(vendor: str) -> None:
    """Complaint 18, trap 32: it changes each version and would spoil the cache of anybody else."""
    count = 0
    for file, body, _ in corpus.requests():
        if not file.startswith("post-"):
            continue
        turn = CODEC.read_turn(json.dumps(body).encode(), PathSays())
        target = Target("anthropic.messages", "x", "deepseek-chat", vendor=vendor)
        written = CODEC.write_turn(turn, target, Report())
        assert b"x-anthropic-billing-header" not in written
        assert b"You are a Claude agent" in written
        count += 1
    assert count == 5
