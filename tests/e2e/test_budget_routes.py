"""Every billable route meets the budgets: made from the route table, so that a new route without enforcement fails here."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.dataplane.flow import served_routes
from gateway.dataplane.flow.route import find_route
from tests.fakes.upstream import FakeUpstream
from tests.harness import KEY, Gateway, config_for

PRICE = {"input_per_mtok": 1, "output_per_mtok": 10}
MODEL = {
    "openai": "gpt-4.1-mini",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "bedrock": "test-claude",
}
ROUTES = [(method, path.replace("{model}", "MODEL")) for method, path, _ in served_routes() if method == "POST"]


@pytest.fixture(scope="module")
def gateway(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = config_for(upstream.url)
    config["models"]["prices"] = {f"{provider}/{model}": PRICE for provider, model in MODEL.items()}
    config["models"]["prices"]["openai/text-embedding-3-small"] = PRICE
    config["budgets"] = {"users": {"*": {"limit": 0.000001, "hard": True}}}
    with Gateway(tmp_path_factory.mktemp("routes"), config) as running:
        yield running


def body(path: str, dialect: str) -> tuple[str, dict[str, Any]]:
    """The path with a model in it, and the smallest request that gets past the parse."""
    if dialect == "gemini.generate":
        return path.replace("MODEL", MODEL["gemini"]), {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    if dialect == "bedrock.converse":
        return path.replace("MODEL", "bedrock%2Ftest-claude"), {
            "messages": [{"role": "user", "content": [{"text": "hi"}]}]
        }
    if dialect == "openai.embeddings":
        return path, {"model": "openai/text-embedding-3-small", "input": "hi"}
    provider = "anthropic" if dialect == "anthropic.messages" else "openai"
    said: dict[str, Any] = (
        {"messages": [{"role": "user", "content": "hi"}]} if dialect != "openai.responses" else {"input": "hi"}
    )
    return path, {"model": f"{provider}/{MODEL[provider]}", "max_tokens": 100, **said}


def test_the_table_has_billable_routes_of_every_dialect() -> None:
    found = {find_route(method, path).dialect.name for method, path in ROUTES if find_route(method, path).is_billable}
    assert found >= {
        "openai.responses",
        "openai.chat",
        "openai.embeddings",
        "anthropic.messages",
        "gemini.generate",
        "bedrock.converse",
    }


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[path for _, path in ROUTES])
def test_a_spent_budget_stops_every_route_that_costs(
    gateway: Gateway, upstream: FakeUpstream, method: str, path: str
) -> None:
    route = find_route(method, path)
    upstream.clear()
    url, sent = body(path, route.dialect.name)
    got = httpx.request(method, gateway.url + url, json=sent, headers={"authorization": f"Bearer {KEY}"}, timeout=30)
    if route.is_billable:
        # AWS SDKs would ask again for a 429
        assert got.status_code == (400 if route.dialect.name == "bedrock.converse" else 429), got.text
        assert "budget of user alice@acme.dev is used up" in got.text
        assert not upstream.received
    else:
        assert got.status_code == 200, got.text
        assert len(upstream.received) == 1


@pytest.fixture(scope="module")
def limited(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One request a minute, and that one is gone."""
    config = config_for(upstream.url)
    config["models"]["unpriced"]["allow"].append("*")
    config["budgets"] = {"users": {"*": {"rpm": 1}}}
    with Gateway(tmp_path_factory.mktemp("limited"), config) as running:
        url, sent = body("/v1/responses", "openai.responses")
        assert httpx.post(running.url + url, json=sent, headers={"authorization": f"Bearer {KEY}"}).status_code == 200
        yield running


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[path for _, path in ROUTES])
def test_a_rate_limit_stops_every_route_that_costs(
    limited: Gateway, upstream: FakeUpstream, method: str, path: str
) -> None:
    route = find_route(method, path)
    upstream.clear()
    url, sent = body(path, route.dialect.name)
    got = httpx.request(method, limited.url + url, json=sent, headers={"authorization": f"Bearer {KEY}"}, timeout=30)
    if route.is_billable:
        assert got.status_code == 429, got.text
        assert "1 requests a minute" in got.text
        assert not upstream.received
    else:
        assert got.status_code == 200, got.text
