"""`deployments` of a provider: what they become, and what is refused with its place, its value and the way out."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from textwrap import indent

import pytest

from gateway.base.config import ConfigError, parse
from gateway.base.core.errors import UnknownModel
from gateway.base.core.plan import Provider
from gateway.base.storage import open_keys
from gateway.dataplane.flow import Policy, assemble, ending
from gateway.dataplane.identity import Identity

DIALECT = "openai.responses"
DAY_S = 86_400


@pytest.fixture
def identity(tmp_path: Path) -> Iterator[Identity]:
    with closing(open_keys(tmp_path)) as keys:
        yield Identity(keys, {})


def built(identity: Identity, openai: str) -> Policy:
    """The policy of a file whose provider `openai` is `openai`, in YAML."""
    text = f"providers:\n  openai:\n{indent(openai, '    ')}\n"
    return assemble(parse(text.encode(), environ={"EU": "sk-eu"}), identity)


def provider(identity: Identity, openai: str) -> Provider:
    return built(identity, openai).providers["openai"]


TWO = """
base_url: https://gateway.example/v1
headers: { x-team: platform, x-both: provider }
deployments:
  - { name: eu, api_key: "${EU}", base_url: "https://eu.example/v1", weight: 3, rpm: 500, tpm: 2000000, concurrency: 50,
      headers: { x-both: own } }
  - { name: us, api_key: sk-us, models: ["gpt-5*"], from: 2026-11-01T00:00:00Z, until: "2026-12-01T00:00:00+01:00" }
"""


def test_each_has_its_own_and_what_is_shared(identity: Identity) -> None:
    found = provider(identity, TWO)
    eu, us = found.accounts
    assert (found.headers, found.sign, found.id) == ((), None, "openai")
    assert (eu.name, eu.id, us.id) == ("openai", "openai@eu", "openai@us")
    assert eu.headers == (("authorization", "Bearer sk-eu"), ("x-team", "platform"), ("x-both", "own"))
    assert us.headers == (("authorization", "Bearer sk-us"), ("x-team", "platform"), ("x-both", "provider"))
    assert (eu.bases[DIALECT], us.bases[DIALECT]) == ("https://eu.example/v1", "https://gateway.example/v1")
    assert eu.account is not None
    assert us.account is not None
    assert (eu.account.weight, us.account.weight) == (3.0, 1.0)
    assert [(rate.kind, rate.amount) for rate in eu.account.quota] == [
        ("requests", 500), ("tokens", 2_000_000), ("concurrency", 50),
    ]  # fmt: skip
    assert us.account.ends_s - us.account.opens_s == 30 * DAY_S - 3600


def test_a_model_resolves_to_the_deployments_that_have_it(identity: Identity) -> None:
    """One name, one price, and an id for each."""
    resolve = built(identity, TWO).resolver.resolve
    found = resolve("openai/gpt-5", DIALECT)
    assert (found.id, [one.id for one in found.accounts]) == ("openai/gpt-5", ["openai/gpt-5@eu", "openai/gpt-5@us"])
    assert all((one.name, one.price) == (found.name, found.price) for one in found.accounts)
    assert [one.id for one in resolve("openai/gpt-4.1", DIALECT).accounts] == ["openai/gpt-4.1@eu"]


def test_a_model_that_no_deployment_has_is_unknown(identity: Identity) -> None:
    resolve = built(identity, "deployments: [{ name: us, api_key: x, models: [gpt-5] }]").resolver.resolve
    with pytest.raises(UnknownModel, match="no deployment of provider `openai` has model"):
        resolve("openai/gpt-4.1", DIALECT)


def test_a_provider_with_one_credential_has_none(identity: Identity) -> None:
    found = built(identity, "api_key: x").resolver.resolve("openai/gpt-5", DIALECT)
    assert (found.id, found.accounts, found.provider.account) == (found.name, (), None)
    assert not built(identity, "api_key: x").is_planned


def test_the_pages_example_is_a_good_file(identity: Identity) -> None:
    """docs/concepts/deployments.md."""
    page = (Path(__file__).parents[3] / "docs/concepts/deployments.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```")[0]
    environ = dict.fromkeys(("OPENAI_EU", "OPENAI_US", "BEDROCK_EU", "BEDROCK_US"), "x")
    policy = assemble(parse(example.encode(), environ=environ), identity)
    assert [one.id for one in policy.providers["bedrock"].accounts] == ["bedrock@frankfurt", "bedrock@virginia"]
    assert all(
        "/eu-central-1." in base or ".eu-central-1." in base for base in policy.providers["bedrock"].bases.values()
    )


LIST = "$.providers.openai.deployments"


@pytest.mark.parametrize(
    ("openai", "path", "says"),
    [
        ("deployments: []", LIST, "is empty"),
        ("api_key: x\ndeployments: [{ name: a, api_key: y }]", "$.providers.openai.api_key", "beside `deployments`"),
        ("deployments: [{ name: a }]", f"{LIST}[0].api_key", "is missing"),
        ("deployments: [{ name: '', api_key: y }]", f"{LIST}[0].name", "is ''"),
        ("deployments: [{ name: 'a@b', api_key: y }]", f"{LIST}[0].name", "is 'a@b'"),
        (
            "deployments: [{ name: a, api_key: x }, { name: a, api_key: y }]",
            f"{LIST}[1].name",
            f"is 'a', as `{LIST}[0]` is called",
        ),
        ("deployments: [{ name: a, api_key: x, weight: 0 }]", f"{LIST}[0].weight", "is 0"),
        ("deployments: [{ name: a, api_key: x, weight: -1 }]", f"{LIST}[0].weight", "is -1"),
        ("deployments: [{ name: a, api_key: x, weight: .nan }]", f"{LIST}[0].weight", "is nan"),
        ("deployments: [{ name: a, api_key: x, rpm: 0 }]", f"{LIST}[0].rpm", "is 0"),
        ("deployments: [{ name: a, api_key: x, models: [] }]", f"{LIST}[0].models", "is empty"),
        (
            "models: [gpt-5]\ndeployments: [{ name: a, api_key: x, models: ['o3*'] }]",
            f"{LIST}[0].models[0]",
            "is 'o3*', which matches no model",
        ),
        (
            "models: [gpt-5, o3]\ndeployments: [{ name: a, api_key: x, models: [o3] }]",
            "$.providers.openai.models",
            "names 'gpt-5', which no deployment has",
        ),
        ("deployments: [{ name: a, api_key: client }]", f"{LIST}[0].api_key", "is `client`"),
        ("deployments: [{ name: a, api_key: x, base_url: eu.example }]", f"{LIST}[0].base_url", "is 'eu.example'"),
        ("deployments: [{ name: a, api_key: x, until: tomorrow }]", f"{LIST}[0].until", "is 'tomorrow'"),
        (
            "deployments: [{ name: a, api_key: x, from: 2027-01-01T00:00:00Z, until: 2026-01-01T00:00:00Z }]",
            f"{LIST}[0].until",
            "is '2026-01-01T00:00:00Z', not after `from` ('2027-01-01T00:00:00Z')",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(identity: Identity, openai: str, path: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        built(identity, openai)
    assert caught.value.path == path
    assert says in caught.value.problem
    assert caught.value.hint


ENDS = "deployments: [{ name: a, api_key: x, until: 2026-01-08T00:00:00Z }, { name: b, api_key: y, until: 2026-01-15T00:00:00Z }]"
ENDS_S = 1_768_435_200


@pytest.mark.parametrize(
    ("before_s", "says"),
    [
        (7 * DAY_S + 1, ""),
        (7 * DAY_S, "all end by 2026-01-15T00:00:00Z"),
        (0, "have all ended, the last one at 2026-01-15T00:00:00Z"),
    ],
)
def test_the_end_of_the_last_one_is_told_a_week_before(identity: Identity, before_s: int, says: str) -> None:
    """A warning, not an error: whether a file is good does not depend on the clock."""
    found = list(ending({"openai": provider(identity, ENDS)}, "gateway.yaml", ENDS_S - before_s))
    assert [one.problem for one in found] == ([says] if says else [])
    assert all(one.path == LIST for one in found)


def test_one_without_an_end_is_enough(identity: Identity) -> None:
    openai = "deployments: [{ name: a, api_key: x, until: 2026-01-08T00:00:00Z }, { name: b, api_key: y }]"
    assert not list(ending({"openai": provider(identity, openai)}, "gateway.yaml", ENDS_S))
