"""Header values of providers are bytes, and reach the client as they are."""

import httpx
import pytest

from tests.e2e.wires import RESPONSES, request
from tests.fakes.upstream import FakeUpstream, json_answer, sse

WORDS = "é 模 \N{GRINNING FACE}"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("status", [200, 500])
def test_values_that_are_no_ascii(client: httpx.Client, fake: FakeUpstream, stream: bool, status: int) -> None:
    answer = sse(*RESPONSES) if stream else json_answer(b"{}")
    answer.status = status
    answer.headers.append(("x-words", WORDS))
    fake.answers.append(answer)
    got = client.post("/v1/responses", json=request("openai.responses", stream=stream))
    assert got.status_code == status
    assert dict(got.headers.raw)[b"x-words"] == WORDS.encode()
