"""What could not be carried is named by its path in the client's request."""

import pytest

from gateway.base.core.errors import Unsupported
from gateway.dataplane.wire import CODECS, Report
from gateway.dataplane.wire.canon import Turn
from gateway.dataplane.wire.report import client_path

PATHS = [
    ("openai.responses", "messages.reasoning", "input.reasoning"),
    ("openai.responses", "messages[7].image", "input.input_image"),
    ("openai.responses", "verbosity", "text.verbosity"),
    ("openai.responses", "moderation.model", "moderation.model"),
    ("openai.chat", "format.schema", "response_format.json_schema.schema"),
    ("openai.chat", "tools.f.strict", "tools.f.strict"),
    ("anthropic.messages", "messages[2].tool_result.image", "messages.tool_result.image"),
    ("anthropic.messages", "parallel_tools", "tool_choice.disable_parallel_tool_use"),
    ("gemini.generate", "top_p", "generationConfig.topP"),
    ("gemini.generate", "messages[0].content", "contents.parts"),
    ("bedrock.converse", "tools.f.strict", "toolConfig.tools.f.strict"),
    ("bedrock.converse", "messages[-1]", "messages"),
]


@pytest.mark.parametrize(("dialect", "what", "path"), PATHS)
def test_a_name_of_the_canon_becomes_a_path_of_the_client(dialect: str, what: str, path: str) -> None:
    """Without the numbers of a conversation that was arranged; its own members keep their names."""
    assert client_path(what, CODECS[dialect].paths) == path
    report = Report()
    report.paths = CODECS[dialect].paths
    report.drop(what, "why")
    assert report.header() == f"{path};why=why"


def test_strict_refuses_by_that_path() -> None:
    """The developer looks for it in the request that was sent."""
    report = Report(is_strict=True)
    report.paths = CODECS["gemini.generate"].paths
    with pytest.raises(Unsupported) as error:
        report.drop("messages[3].tool_result", "no_such_call")
    assert error.value.details["param"] == "contents.functionResponse"
    assert "`contents.functionResponse`" in error.value.message


@pytest.mark.parametrize("dialect", CODECS)
def test_paths_are_of_names_that_the_canon_has(dialect: str) -> None:
    """A name that nobody reports would be a mistake."""
    others = {"system", "developer", "additional_tools", "cache_control"}
    names = {name.partition(".")[0] for name in CODECS[dialect].paths}
    assert names <= others | set(Turn.__struct_fields__)
