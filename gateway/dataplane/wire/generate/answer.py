"""A whole answer → Answer: it is a stream of one chunk."""

from gateway.base.core.errors import UpstreamProtocolError
from gateway.dataplane.wire.canon import Answer, Fault
from gateway.dataplane.wire.generate.reader import GenerateReader
from gateway.dataplane.wire.translate.collect import answer_of


def read_answer(body: bytes) -> Answer | Fault:
    """The answer, or its failure. Raises UpstreamProtocolError for what is neither."""
    reader = GenerateReader()
    events = reader.feed("", body)
    if reader.skipped and not events:
        raise UpstreamProtocolError("the provider's answer is no GenerateContentResponse")
    if events and isinstance(events[-1], Fault):
        return events[-1]
    answer = answer_of([*events, *reader.end()])
    if isinstance(answer, Fault):
        raise UpstreamProtocolError(f"the provider's answer is not complete: {answer.message}")
    return answer
