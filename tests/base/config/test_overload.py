"""What a file may say of overload and probes."""

import re
from pathlib import Path

import pytest

from gateway.base.config import ConfigError, parse

PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "overload.md"


def test_the_example_of_the_page_can_be_used() -> None:
    """As it stands in docs/concepts/overload.md."""
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    config = parse(example.encode()).config
    assert config.keys["nightly-refactoring"].priority == "batch"
    assert config.server.limits.open_exchanges == 4096


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("server: { limits: { open_exchanges: 0 } }", "$.server.limits.open_exchanges"),
        ("server: { limits: { loop_lag_ms: 0 } }", "$.server.limits.loop_lag_ms"),
        ("keys: { a: { key: sk-12345678, priority: low } }", "$.keys.a.priority"),
        ("providers: { openai: { api_key: x, probe: { interval_s: 0 } } }", "$.providers.openai.probe.interval_s"),
        ("providers: { openai: { api_key: x, probe: { model: m } } }", "$.providers.openai.probe"),
    ],
)
def test_what_is_refused(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text.encode())
    assert caught.value.path.startswith(path)
