"""What keeps a ConverseStream alive while its provider is silent is no part of it for those who read it."""

from collections.abc import Iterator

import pytest

from gateway import _native
from gateway.dataplane.wire import CODECS
from gateway.dataplane.wire.bedrock_converse import BEDROCK_CONVERSE

KEEP_ALIVE = BEDROCK_CONVERSE.keep_alive
START = _native.eventstream_message(
    [(":event-type", "messageStart"), (":content-type", "application/json"), (":message-type", "event")],
    b'{"role":"assistant"}',
)


class _Body:
    """The body of an answer, as botocore's HTTP client gives it."""

    def stream(self) -> Iterator[bytes]:
        yield KEEP_ALIVE + START + KEEP_ALIVE


def test_the_aws_sdk_passes_over_it() -> None:
    """As Smithy asks of all: "clients SHOULD NOT fail when an unknown event is received" (streaming, client behavior)."""
    botocore = pytest.importorskip("botocore.eventstream", reason="NOT RUN: botocore is not installed here")
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.parsers import EventStreamJSONParser

    model = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))
    shape = model.operation_model("ConverseStream").get_event_stream_output()
    read = botocore.EventStream(_Body(), shape, EventStreamJSONParser(), "ConverseStream")
    assert KEEP_ALIVE
    assert list(read) == [{"messageStart": {"role": "assistant"}}]


def test_our_own_reader_passes_over_it() -> None:
    reader = CODECS["bedrock.converse"].reader()
    messages = _native.split_eventstream(KEEP_ALIVE + START)
    assert [kind for kind, _, _ in messages] == ["event", "event"]
    assert len([event for _, name, payload in messages for event in reader.feed(name, payload)]) == 1
