"""What this process makes of some requests and answers, as a digest: run as a program under another hash seed by test_same_bytes.

All of `own`, and every twentieth recorded request and answer.
"""

import hashlib
import json

from gateway.base.core.errors import BadRequest, Unsupported, UpstreamProtocolError
from gateway.dataplane.wire import CODECS
from tests.dataplane.wire.cross.asking import asked
from tests.dataplane.wire.cross.corpus import Answering, answers, apis, requests
from tests.dataplane.wire.cross.road import joined, read, translation
from tests.dataplane.wire.cross.targets import TARGETS, target
from tests.dataplane.wire.cross.test_answers import truth_of


def digest() -> tuple[int, str]:
    """How many exchanges, and the hash of all bytes that they became."""
    made = hashlib.sha256()
    count = 0
    for dialect in CODECS:
        for api in apis(dialect):
            step = 1 if api == "own" else 20
            for other in CODECS:
                if other != dialect:
                    for asking in requests(api, dialect)[::step]:
                        try:
                            for one in TARGETS[other]:
                                exchange = translation(read(dialect, asking.raw, asking.path), one)
                                made.update(exchange.body + exchange.report.header().encode())
                                count += 1
                        except (BadRequest, Unsupported) as exc:
                            made.update(exc.message.encode())
                    for answer in answers(api, dialect)[::step]:
                        made.update(_answered(answer, other))
                        count += 1
    return count, made.hexdigest()


def _answered(answer: Answering, client: str) -> bytes:
    turn = asked(client, truth_of(answer).calls, is_stream=answer.events is not None)
    exchange = translation(turn, target(answer.dialect, "lab", answer.model))
    try:
        if answer.events is None:
            return exchange.whole(json.dumps(answer.body).encode())
        return exchange.stream(joined(answer.dialect, answer.events)) + exchange.end()
    except UpstreamProtocolError as exc:
        return exc.message.encode()


if __name__ == "__main__":
    print(*digest())
