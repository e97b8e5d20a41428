"""From a header to a principal: keys of the file, keys of the store, keys that nobody knows."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import bodies
from benchmarks.answer import Answer, Options
from benchmarks.rounds import Case, answer_cases
from gateway.base.config import KeyConfig
from gateway.base.core.errors import GatewayError
from gateway.base.storage import NewKey, open_keys
from gateway.dataplane.identity import Identity, credential

label = "key look-up, CPU-µs per request"


@contextlib.contextmanager
def setup(_options: Options) -> Iterator[list[Case]]:
    """A store with 1,000 keys and a file with 1,000 more."""
    with tempfile.TemporaryDirectory() as home:
        store = open_keys(Path(home))
        now_ms = int(time.time() * 1000)
        secrets = [store.create(NewKey(name=f"stored-{n}", team="t"), now_ms)[1] for n in range(1000)]
        small = Identity(store, {"alice": KeyConfig(key=bodies.KEY, team="platform")})
        many = {f"file-{n}": KeyConfig(key=f"sk-agentcc-bench-{n:06d}") for n in range(1000)}
        large = Identity(store, {"alice": KeyConfig(key=bodies.KEY, team="platform"), **many})
        header = dict(bodies.headers()).get

        def unknown() -> None:
            with contextlib.suppress(GatewayError):
                small.identify("sk-nobody-knows-this", None, "127.0.0.1", now_ms)

        yield [
            Case("credential from headers", lambda: credential(header, "")),
            Case("key of the file, 1 key", lambda: small.identify(bodies.KEY, None, "127.0.0.1", now_ms)),
            Case("key of the file, 1,001 keys", lambda: large.identify(bodies.KEY, None, "127.0.0.1", now_ms)),
            Case("key of the store, 1,000 keys", lambda: small.identify(secrets[500], None, "127.0.0.1", now_ms)),
            Case("unknown key, refusal built", unknown),
        ]
        store.close()


def run(cases: list[Case], options: Options) -> Answer:
    """Time them side by side."""
    return answer_cases("keys", label, cases, options)
