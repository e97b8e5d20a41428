"""Where clients put their key."""

import pytest

from gateway.dataplane.identity import credential

OURS = "sk-agentcc-0123456789"
OTHER = "sk-agentcc-abcdefghij"


@pytest.mark.parametrize(
    ("headers", "query", "want"),
    [
        ({}, "", None),
        ({"authorization": f"Bearer {OURS}"}, "", OURS),
        ({"authorization": f"bearer  {OURS} "}, "", OURS),
        ({"authorization": f"BEARER {OURS}"}, "", OURS),
        ({"authorization": "Bearer"}, "", None),
        ({"authorization": "Bearer "}, "", None),
        ({"authorization": OURS}, "", None),
        ({"authorization": "Basic c2s6"}, "", None),
        ({"authorization": ""}, "", None),
        ({"x-api-key": OURS}, "", OURS),
        ({"x-api-key": f" {OURS}\t"}, "", OURS),
        ({"x-goog-api-key": OURS}, "", OURS),
        ({}, f"key={OURS}", OURS),
        ({}, f"alt=sse&key={OURS}&x=1", OURS),
        ({}, "alt=sse&monkey=1", None),
        ({}, "key=", None),
        ({}, "key=sk%2Dagentcc%2D0123456789", OURS),
        # several: the order decides …
        ({"authorization": f"Bearer {OURS}", "x-api-key": OTHER}, f"key={OTHER}", OURS),
        ({"x-api-key": OURS, "x-goog-api-key": OTHER}, "", OURS),
        ({"authorization": "Bearer plain-1", "x-api-key": "plain-2"}, "", "plain-1"),
        ({"authorization": "Bearer ", "x-api-key": "", "x-goog-api-key": "plain-3"}, "", "plain-3"),
        # … but one of ours wins over a provider key that an SDK found in the environment
        ({"authorization": "Bearer sk-ant-oat01-x", "x-api-key": OURS}, "", OURS),
        ({"authorization": f"Bearer {OURS}", "x-api-key": "sk-ant-api03-x"}, "", OURS),
        ({"x-goog-api-key": "AIzaSy"}, f"key={OURS}", OURS),
    ],
)
def test_the_key_is_found_where_clients_put_it(headers: dict[str, str], query: str, want: str | None) -> None:
    assert credential(headers.get, query) == want
