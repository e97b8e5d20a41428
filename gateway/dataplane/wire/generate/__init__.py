"""Gemini `generateContent` and `streamGenerateContent`, as Gemini CLI and the google-genai SDK speak them, and as AI Studio and
Vertex answer them."""

from gateway.dataplane.wire.codec import Codec, NameRule
from gateway.dataplane.wire.generate.answer import read_answer
from gateway.dataplane.wire.generate.error import read_error
from gateway.dataplane.wire.generate.mended import mended
from gateway.dataplane.wire.generate.names import NAME
from gateway.dataplane.wire.generate.read_turn import HARMLESS, PATHS, read_turn
from gateway.dataplane.wire.generate.reader import GenerateReader
from gateway.dataplane.wire.generate.tools import SERVERS
from gateway.dataplane.wire.generate.write_turn import write_turn
from gateway.dataplane.wire.generate.writer import GenerateWriter, write_answer

__all__ = ["CODEC"]

CODEC = Codec(
    name=NAME,
    read_turn=read_turn,
    write_turn=write_turn,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=GenerateReader,
    writer=GenerateWriter,
    read_error=read_error,
    # API reference, FunctionDeclaration: letters, digits, underscores, dots, colons and dashes, first a letter or an underscore;
    # 128 characters since 2026, 64 in AI Studio's own error text.
    rule=NameRule(name_chars=64, id_chars=0, more=".:"),
    kinds=frozenset({"function"}),
    servers=frozenset(SERVERS),
    interleaves=False,
    paths=PATHS,
    harmless=HARMLESS,
    mended=mended,
)
