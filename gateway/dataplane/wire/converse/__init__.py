"""Bedrock Converse and ConverseStream, translated."""

from gateway.dataplane.wire.codec import Codec, NameRule
from gateway.dataplane.wire.converse.answer import read_answer, write_answer
from gateway.dataplane.wire.converse.errors import read_error
from gateway.dataplane.wire.converse.mended import mended
from gateway.dataplane.wire.converse.names import NAME
from gateway.dataplane.wire.converse.read_turn import HARMLESS, PATHS, SYSTEM_TOOLS, read_turn
from gateway.dataplane.wire.converse.reader import ConverseReader
from gateway.dataplane.wire.converse.write_turn import write_turn
from gateway.dataplane.wire.converse.writer import ConverseWriter

CODEC = Codec(
    name=NAME,
    read_turn=read_turn,
    write_turn=write_turn,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=ConverseReader,
    writer=ConverseWriter,
    read_error=read_error,
    rule=NameRule(name_chars=64, id_chars=64),
    kinds=frozenset({"function"}),
    servers=frozenset(SYSTEM_TOOLS.values()),
    interleaves=False,
    paths=PATHS,
    harmless=HARMLESS,
    mended=mended,
)

__all__ = ["CODEC"]
