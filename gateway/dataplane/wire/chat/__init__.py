"""OpenAI Chat Completions for translation: OpenAI itself and all who imitate it, on both sides."""

from gateway.dataplane.wire.chat.answer import read_answer, write_answer
from gateway.dataplane.wire.chat.error import read_error
from gateway.dataplane.wire.chat.habits import NAME
from gateway.dataplane.wire.chat.read_turn import HARMLESS, PATHS, read_turn
from gateway.dataplane.wire.chat.reader import ChatReader
from gateway.dataplane.wire.chat.write_turn import write_turn
from gateway.dataplane.wire.chat.writer import ChatWriter
from gateway.dataplane.wire.codec import Codec, NameRule

CODEC = Codec(
    name=NAME,
    read_turn=read_turn,
    write_turn=write_turn,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=ChatReader,
    writer=ChatWriter,
    read_error=read_error,
    # OpenAI: names "maximum length 64, ^[a-zA-Z0-9_-]+$", ids of calls "maximum length 40" (microsoft/autogen#6377)
    rule=NameRule(name_chars=64, id_chars=40),
    # `custom` is understood, but only OpenAI itself takes such tools: everybody else needs a function, so all get one
    kinds=frozenset({"function"}),
    servers=frozenset(),
    interleaves=True,
    paths=PATHS,
    harmless=HARMLESS,
)

__all__ = ["CODEC"]
