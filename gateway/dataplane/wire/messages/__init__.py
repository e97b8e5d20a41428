"""Anthropic Messages for translation: the client side (Claude Code, the SDKs) and the provider side (Anthropic and its imitations).

Names of tools and ids of calls are kept to 64 characters: Anthropic takes longer names, but Bedrock and most imitations do not.
"""

from gateway.dataplane.wire.codec import Codec, NameRule
from gateway.dataplane.wire.messages.answer import read_answer, write_answer
from gateway.dataplane.wire.messages.error import read_error
from gateway.dataplane.wire.messages.mended import mended
from gateway.dataplane.wire.messages.names import NAME
from gateway.dataplane.wire.messages.read_turn import HARMLESS, PATHS, read_turn
from gateway.dataplane.wire.messages.reader import Reader
from gateway.dataplane.wire.messages.write_tools import SERVERS
from gateway.dataplane.wire.messages.write_turn import write_turn
from gateway.dataplane.wire.messages.writer import Writer

CODEC = Codec(
    name=NAME,
    read_turn=read_turn,
    write_turn=write_turn,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=Reader,
    writer=Writer,
    read_error=read_error,
    rule=NameRule(name_chars=64, id_chars=64),
    kinds=frozenset({"function"}),
    servers=frozenset(SERVERS),
    interleaves=False,
    paths=PATHS,
    harmless=HARMLESS,
    mended=mended,
)

__all__ = ["CODEC"]
