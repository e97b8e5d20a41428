"""A gateway whose timeouts pass soon and whose models all have a price."""

from collections.abc import Iterator

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.harness import Gateway, config_for

TIMEOUTS = {"first_byte_ms": 3000, "idle_ms": 2000, "early_commit_ms": 150, "keep_alive_ms": 100}
PRICE = {"input_per_mtok": 1, "output_per_mtok": 10, "cache_read_per_mtok": 0.5}
PRICED = ("openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash", "bedrock/test-claude")


@pytest.fixture(scope="package")
def gateway(provider: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = config_for(provider.url, timeouts=TIMEOUTS)
    config["models"]["prices"] = dict.fromkeys(PRICED, PRICE)
    with Gateway(tmp_path_factory.mktemp("flow"), config) as running:
        yield running
