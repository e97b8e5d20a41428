"""`agentcc explain`: where a request would go, and why."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli.main import main

Run = Callable[..., tuple[int, str, str]]
CONFIG = """\
server: { data_dir: ./data }
providers: { openai: { api_key: sk-x }, anthropic: { api_key: sk-y } }
keys:
  alice: { key: sk-agentcc-test-explain-1, tags: { repo: payments }, models: ["openai/*"] }
  ci: { key: sk-agentcc-test-explain-2, route: ci }
routing:
  default:
    chain: [openai/gpt-4.1, anthropic/claude-sonnet-4-5]
    time_zone: Europe/Berlin
    rules:
      - { name: title, when: 'step == "title"', use: [openai/gpt-4.1-nano] }
      - { name: night, when: 'hour < 6 && tags.repo == "payments"', use: [openai/gpt-4.1-mini] }
      - { name: spent, when: budget_used > 0.9, use: [openai/gpt-4.1-mini], strategy: least-latency }
  ci: { strategy: cost-optimized, candidates: [anthropic/claude-sonnet-4-5, openai/gpt-4.1-mini] }
"""
NOON, NIGHT = "2026-11-21T11:00:00Z", "2026-11-21T01:00:00Z"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run it in a folder with a configuration and a request; gives exit code, standard output and standard error."""
    (tmp_path / "gateway.yaml").write_text(CONFIG)
    (tmp_path / "request.json").write_text('{"model": "openai/gpt-4o", "input": "hello", "max_output_tokens": 1000}')
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int, str, str]:
        code = main(["explain", *args])
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def test_the_order_and_who_is_passed_over(run: Run) -> None:
    """The requested model first, then the chain; what the key may not use is named with the reason."""
    code, out, err = run("request.json", "--key", "alice", "--at", NOON)
    assert (code, err) == (0, "")
    assert out == (
        "block 'default', the block's own models, strategy failover\n"
        "openai/gpt-4o: openai.responses, client sdk, step turn, about 18 input tokens\n"
        "\n"
        "   MODEL           WHY        ESTIMATE\n"
        "1  openai/gpt-4o   requested  $0.004845\n"
        "2  openai/gpt-4.1  chain      $0.003876\n"
        "\n"
        "passed over\n"
        "anthropic/claude-sonnet-4-5  model_forbidden\n"
    )


@pytest.mark.parametrize(
    ("args", "rule"),
    [
        (("--at", NOON), None),
        (("--at", NIGHT), "night"),
        (("--at", NOON, "--budget-used", "0.95"), "spent"),
        (("--header", "originator=codex_cli_rs", "--header", 'X-Codex-Turn-Metadata={"thread_source":"thread_title"}'), "title"),
    ],
)  # fmt: skip
def test_the_rule_that_holds(run: Run, args: tuple[str, ...], rule: str | None) -> None:
    """By the clock of the block, a header, a share of the budget."""
    code, out, _ = run("request.json", "--key", "alice", "--format", "json", *args)
    told = json.loads(out)
    assert (code, told["block"], told["rule"]) == (0, "default", rule)
    assert told["hedge_ms"] is None


def test_a_key_names_its_block(run: Run) -> None:
    """The cheapest first, with its cost."""
    told = json.loads(run("request.json", "--key", "ci", "--format", "json")[1])
    assert told["block"] == "ci"
    assert [one["model"] for one in told["attempts"]] == ["openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5"]
    assert told["attempts"][0]["cost_usd"] < told["attempts"][1]["cost_usd"]


def test_a_model_that_cannot_see_is_passed_over(run: Run, tmp_path: Path) -> None:
    """Where the request holds an image; a rule decides before the name that was asked for must mean anything."""
    image = {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}
    (tmp_path / "request.json").write_text(json.dumps({"model": "openai/o3-mini", "input": [image]}))
    told = json.loads(run("request.json", "--at", NOON, "--format", "json")[1])
    assert [one["model"] for one in told["attempts"]] == ["openai/gpt-4.1", "anthropic/claude-sonnet-4-5"]
    assert told["refused"] == [{"model": "openai/o3-mini", "reason": "no_images"}]
    (tmp_path / "request.json").write_text('{"model": "nowhere/x", "input": "hi"}')
    assert run("request.json", "--at", NOON)[0] == 1
    assert json.loads(run("request.json", "--budget-used", "0.95", "--format", "json")[1])["rule"] == "spent"


def test_other_paths_and_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of a path; a path that is no turn is not routed."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"contents": []}')))
    code, out, _ = run("-", "--path", "/v1beta/models/openai%2Fgpt-4o:generateContent", "--key", "ci")
    assert code == 0
    assert "openai/gpt-4o: gemini.generate" in out
    assert (
        run("request.json", "--path", "/v1/embeddings")[1]
        == "no routing block: `openai/gpt-4o` is asked, and nobody else\n"
    )


@pytest.mark.parametrize(
    ("args", "code", "problem"),
    [
        (("request.json", "--key", "bob"), 2, "hint: keys: alice, ci"),
        (("request.json", "--header", "x"), 2, "hint: write --header"),
        (("request.json", "--at", "noon"), 2, "`noon` is not a time"),
        (("absent.json",), 2, "absent.json: No such file"),
        (("gateway.yaml",), 2, "the body is no JSON object"),
        (("bare.json",), 2, "hint: write --path"),
        (("request.json", "--path", "/nowhere"), 1, "refused: POST /nowhere is not served"),
        (("request.json", "--path", "/v1/responses", "--key", "alice", "--format", "json"), 0, ""),
        (("unknown.json",), 1, "refused: model `nowhere/x` is not served here"),
    ],
)
def test_what_cannot_be_explained(run: Run, args: tuple[str, ...], code: int, problem: str) -> None:
    """2: the command is wrong; 1: the request would be refused."""
    Path("bare.json").write_text("{}")
    Path("unknown.json").write_text('{"model": "nowhere/x", "input": "hello"}')
    found, _, err = run(*args)
    assert found == code
    assert problem in err


DEPLOYMENTS = """\
server: { data_dir: ./data }
providers:
  openai:
    deployments:
      - { name: eu, api_key: sk-x }
      - { name: us, api_key: sk-y, until: 2026-01-01T00:00:00Z }
      - { name: asia, api_key: sk-z, models: [o3] }
keys: { alice: { key: sk-agentcc-test-explain-1 } }
"""


def test_deployments_are_told_without_a_block(run: Run) -> None:
    """Who is asked, and why another is not; one that does not have the model is none of it."""
    Path("gateway.yaml").write_text(DEPLOYMENTS)
    code, out, err = run("request.json", "--at", NOON)
    assert (code, err) == (0, "")
    assert out.startswith("no routing block: the deployments of the model's provider\n")
    assert "1  openai/gpt-4o@eu  requested" in out
    assert "passed over\nopenai/gpt-4o@us  ended" in out
    assert "asia" not in out
    told = json.loads(run("request.json", "--at", NOON, "--format", "json")[1])
    assert [(one["model"], one["deployment"]) for one in told["attempts"]] == [("openai/gpt-4o", "eu")]
