"""OpenAI Responses, both sides: what Codex speaks, and OpenAI's own models. Facts about the client: docs/guides/codex.md."""

from gateway.dataplane.wire.codec import Codec, NameRule
from gateway.dataplane.wire.responses.answer import read_answer, write_answer
from gateway.dataplane.wire.responses.error import read_error
from gateway.dataplane.wire.responses.names import LONGEST_ID, NAME
from gateway.dataplane.wire.responses.read_turn import HARMLESS, PATHS, read_turn
from gateway.dataplane.wire.responses.reader import ResponsesReader
from gateway.dataplane.wire.responses.write_tools import SERVERS
from gateway.dataplane.wire.responses.write_turn import write_turn
from gateway.dataplane.wire.responses.writer import ResponsesWriter

CODEC = Codec(
    name=NAME,
    read_turn=read_turn,
    write_turn=write_turn,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=ResponsesReader,
    writer=ResponsesWriter,
    read_error=read_error,
    rule=NameRule(name_chars=64, id_chars=LONGEST_ID),
    kinds=frozenset({"function", "custom", "namespace", "server", "shell", "tool_search"}),
    servers=SERVERS,
    interleaves=True,
    paths=PATHS,
    harmless=HARMLESS,
    has_stop=False,
)

__all__ = ["CODEC"]
