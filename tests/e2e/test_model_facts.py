"""What the catalogue knows of models beside prices, as a client meets it: what they lack, when they retire, what a name stands for."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream, json_answer
from tests.harness import KEY, Gateway, config_for

TEXT_ONLY = "openai/o3-mini"
SEES = "openai/gpt-4.1"
IMAGE = {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}
DONE = {
    "id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [],
    "usage": {"input_tokens": 5, "output_tokens": 5, "total_tokens": 10},
}  # fmt: skip


@pytest.fixture(scope="module")
def gateway(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = config_for(upstream.url)
    config["models"]["aliases"]["pinned"] = "openai/gpt-5-2025-08-07"
    config["routing"] = {
        "default": {"chain": [SEES], "rules": [{"name": "house", "when": 'model == "house-model"', "use": [SEES]}]},
        "long": {"strategy": "cost-optimized", "candidates": ["openai/terse", "openai/wordy"]},
        "cheap": {"strategy": "cost-optimized", "candidates": [SEES, TEXT_ONLY]},
    }
    config["models"]["prices"] = {
        "openai/terse": {"input_per_mtok": 0.1, "output_per_mtok": 10},
        "openai/wordy": {"input_per_mtok": 1, "output_per_mtok": 1},
    }
    config["keys"]["writer"] = {"key": "sk-agentcc-test-writer-1", "route": "long"}
    config["keys"]["saver"] = {"key": "sk-agentcc-test-saver-1", "route": "cheap"}
    with Gateway(tmp_path_factory.mktemp("facts"), config) as running:
        yield running


@pytest.fixture
def fake(fake: FakeUpstream) -> FakeUpstream:
    fake.default = json_answer(json.dumps(DONE).encode())
    return fake


def ask(gateway: Gateway, model: str, *items: dict[str, Any], key: str = KEY) -> httpx.Response:
    body = {"model": model, "input": list(items) or "hi"}
    return httpx.post(f"{gateway.url}/v1/responses", json=body, headers={"authorization": f"Bearer {key}"}, timeout=30)


def test_an_image_does_not_go_to_a_model_that_cannot_see(fake: FakeUpstream, gateway: Gateway) -> None:
    """The next of the chain serves, and the hop says why; words go to the model that was asked for."""
    assert ask(gateway, TEXT_ONLY).headers["x-agentcc-model-used"] == TEXT_ONLY
    got = ask(gateway, TEXT_ONLY, IMAGE)
    assert got.headers["x-agentcc-model-used"] == SEES
    assert json.loads(got.headers["x-agentcc-hops"]) == [{"from": TEXT_ONLY, "to": SEES, "reason": "no_images"}]


def test_the_cheapest_is_the_cheapest_that_can(fake: FakeUpstream, gateway: Gateway) -> None:
    """By price the text-only one is first."""
    assert ask(gateway, "x", key="sk-agentcc-test-saver-1").headers["x-agentcc-model-used"] == TEXT_ONLY
    assert ask(gateway, "x", IMAGE, key="sk-agentcc-test-saver-1").headers["x-agentcc-model-used"] == SEES


def test_what_turns_write_is_learned(fake: FakeUpstream, gateway: Gateway) -> None:
    """The price of output counts for more where a key's turns with this model are long."""
    prompt = {"role": "user", "content": "x" * 40_000}
    long = {**DONE, "usage": {"input_tokens": 10_000, "output_tokens": 5000, "total_tokens": 15_000}}
    fake.answers.append(json_answer(json.dumps(long).encode()))
    asked = [ask(gateway, "x", prompt, key="sk-agentcc-test-writer-1") for _ in range(2)]
    assert [one.headers["x-agentcc-model-used"] for one in asked] == ["openai/terse", "openai/wordy"]
    other = ask(gateway, "y", prompt, key="sk-agentcc-test-writer-1")
    assert other.headers["x-agentcc-model-used"] == "openai/terse"


def test_a_rule_goes_before_the_name(fake: FakeUpstream, gateway: Gateway) -> None:
    """A name that only a rule gives a meaning is served; where no rule holds it is refused."""
    assert ask(gateway, "nowhere/house-model").status_code == 404
    got = ask(gateway, "house-model")
    assert (got.status_code, got.headers["x-agentcc-model-used"]) == (200, SEES)


def test_an_alias_of_a_dated_version_stays_there(fake: FakeUpstream, gateway: Gateway) -> None:
    """The provider is asked for just that one."""
    got = ask(gateway, "pinned")
    assert got.headers["x-agentcc-model-used"] == "openai/gpt-5-2025-08-07"
    assert json.loads(fake.received[-1].body)["model"] == "gpt-5-2025-08-07"


def test_a_model_that_retires_is_served_with_a_warning(fake: FakeUpstream, gateway: Gateway) -> None:
    """Whatever the day is: this one is gone already. Others have none."""
    assert ask(gateway, TEXT_ONLY).headers["x-agentcc-warning"] == "o3-mini retired on 2026-10-23"
    assert "x-agentcc-warning" not in ask(gateway, SEES).headers


def test_the_log_at_start_warns_of_what_retires(gateway: Gateway) -> None:
    """With the place and a way out, as `agentcc check` does."""
    told = {line["path"]: (line["problem"], line["hint"]) for line in gateway.logs("config_warning")}
    assert told["$.routing.cheap.candidates[1]"] == (
        "is 'openai/o3-mini', which retired on 2026-10-23", "name a model that stays",
    )  # fmt: skip
    problem, hint = told["$.models.aliases.pinned"]
    assert problem.endswith("on 2026-12-11")
    assert hint.startswith("write `openai/gpt-5.")
