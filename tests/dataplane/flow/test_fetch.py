"""What clients name by URL is fetched within bounds: of bytes, of time, of exchanges at once, and of what may be reached."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing

import pytest

from gateway.base.core.errors import BadRequest, Overloaded
from gateway.dataplane.flow.fetch import Fetcher
from tests.fakes.upstream import Answer, FakeUpstream

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
IMAGE = ("content-type", "image/png")
PATIENCE_S = 5.0
"""Only a failing test waits so long."""


@pytest.fixture
def peers() -> Iterator[Callable[[Answer], FakeUpstream]]:
    """Makes a server that always gives the same answer."""
    made: list[FakeUpstream] = []

    def peer(answer: Answer) -> FakeUpstream:
        made.append(FakeUpstream())
        made[-1].default = answer
        return made[-1]

    yield peer
    for one in made:
        one.close()


Peers = Callable[[Answer], FakeUpstream]


def picture(*pieces: bytes | threading.Event, headers: tuple[tuple[str, str], ...] = (IMAGE,)) -> Answer:
    return Answer(200, list(headers), list(pieces))


def redirect(to: str) -> Answer:
    return Answer(302, [("location", to)], [b"elsewhere"])


def run(
    test: Callable[[Fetcher], Awaitable[None]], *, most_exchanges: int = 8, turn_s: float = 10, all_s: float = 20
) -> None:
    """Runs a test on a loop of its own."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with closing(Fetcher(loop, most_exchanges=most_exchanges, turn_s=turn_s, all_s=all_s)) as fetcher:
            async with asyncio.timeout(PATIENCE_S):
                await test(fetcher)

    asyncio.run(main())


async def left(peer: FakeUpstream) -> bool:
    """Whether a server's client has gone in the middle of its answer."""
    return await asyncio.to_thread(peer.disconnected.acquire, timeout=PATIENCE_S)


def refused(url: str, *, max_bytes: int = 1 << 20, is_private: bool = True) -> str:
    """What is said of one URL that cannot be fetched."""
    said = ""

    async def test(fetcher: Fetcher) -> None:
        nonlocal said
        with pytest.raises(BadRequest) as info:
            await fetcher.fetch([url], max_bytes, is_private=is_private)
        said = info.value.message
        assert info.value.details["param"] == url[:200]

    run(test)
    return said


def test_kinds_are_told_by_the_first_bytes_or_the_server(peers: Peers) -> None:
    """In the order of the URLs; a wrong or missing type does not matter where the bytes tell."""
    png = peers(picture(PNG, headers=(("content-type", "application/octet-stream"),)))
    text = peers(picture(b"words", headers=(("content-type", "text/plain; charset=utf-8"),)))

    async def test(fetcher: Fetcher) -> None:
        found = await fetcher.fetch([png.url, text.url], 1 << 20, is_private=True)
        assert list(found.items()) == [(png.url, ("image/png", PNG)), (text.url, ("text/plain", b"words"))]

    run(test)
    assert png.received[0].header("accept-encoding") == "identity"


# === bytes ===


def test_the_bytes_of_all_urls_are_bounded_while_they_arrive(peers: Peers) -> None:
    """None of four pictures is larger than the bound, and none has ended: together they are too much."""
    piece = PNG + b"x" * 40_000
    held = [peers(picture(piece, threading.Event())) for _ in range(4)]

    async def test(fetcher: Fetcher) -> None:
        with pytest.raises(BadRequest, match="larger than 100000 bytes together"):
            await fetcher.fetch([one.url for one in held], 100_000, is_private=True)
        assert all([await left(one) for one in held])

    run(test)


def test_what_just_fits_is_taken(peers: Peers) -> None:
    one, two = (peers(picture(PNG)) for _ in range(2))

    async def test(fetcher: Fetcher) -> None:
        found = await fetcher.fetch([one.url, two.url], 2 * len(PNG), is_private=True)
        assert [data for _, data in found.values()] == [PNG, PNG]

    run(test)


def test_a_large_picture_comes_whole(peers: Peers) -> None:
    """Larger than what is read ahead of the event loop."""
    data = PNG + bytes(range(256)) * 8192
    peer = peers(picture(*(data[at : at + 100_000] for at in range(0, len(data), 100_000))))

    async def test(fetcher: Fetcher) -> None:
        assert (await fetcher.fetch([peer.url], len(data), is_private=True))[peer.url] == ("image/png", data)

    run(test)


def test_a_compressed_body_is_refused(peers: Peers) -> None:
    """It was asked not to be; its size says nothing of what is in it."""
    peer = peers(picture(b"\x1f\x8b", headers=(IMAGE, ("content-encoding", "gzip"))))
    assert "compressed" in refused(peer.url)


# === time and turns ===


def test_the_first_that_fails_ends_the_others(peers: Peers) -> None:
    """At once: their connections are closed."""
    missing = peers(Answer(404, [], [b"no"]))
    held = peers(picture(PNG, threading.Event()))

    async def test(fetcher: Fetcher) -> None:
        with pytest.raises(BadRequest, match="answered 404"):
            await fetcher.fetch([held.url, missing.url], 1 << 20, is_private=True)
        assert await left(held)

    run(test)


def test_there_is_one_deadline_for_all(peers: Peers) -> None:
    """Redirects and slow servers do not add up."""
    held = peers(picture(PNG, threading.Event()))
    peer = peers(redirect(held.url))

    async def test(fetcher: Fetcher) -> None:
        with pytest.raises(BadRequest, match="did not arrive within"):
            await fetcher.fetch([peer.url], 1 << 20, is_private=True)
        assert await left(held)

    run(test, all_s=0.2)


def test_exchanges_wait_for_their_turn(peers: Peers) -> None:
    """One at a time here: the second begins when the first has ended."""
    gate = threading.Event()
    first, second = peers(picture(PNG, gate)), peers(picture(PNG))

    async def test(fetcher: Fetcher) -> None:
        one = asyncio.ensure_future(fetcher.fetch([first.url], 1 << 20, is_private=True))
        await asyncio.to_thread(first.got_request.acquire, timeout=PATIENCE_S)
        two = asyncio.ensure_future(fetcher.fetch([second.url], 1 << 20, is_private=True))
        assert not await asyncio.to_thread(second.got_request.acquire, timeout=0.1)
        gate.set()
        await asyncio.gather(one, two)

    run(test, most_exchanges=1)


def test_nobody_waits_for_ever(peers: Peers) -> None:
    held = peers(picture(PNG, threading.Event()))

    async def test(fetcher: Fetcher) -> None:
        one = asyncio.ensure_future(fetcher.fetch([held.url], 1 << 20, is_private=True))
        await asyncio.to_thread(held.got_request.acquire, timeout=PATIENCE_S)
        with pytest.raises(Overloaded):
            await fetcher.fetch([held.url], 1 << 20, is_private=True)
        one.cancel()
        await asyncio.wait([one])

    run(test, most_exchanges=1, turn_s=0.05)


def test_who_is_cancelled_leaves_nothing_behind(peers: Peers) -> None:
    """Its connections are closed, and its turn is another's."""
    held, other = peers(picture(PNG, threading.Event())), peers(picture(PNG))

    async def test(fetcher: Fetcher) -> None:
        one = asyncio.ensure_future(fetcher.fetch([held.url], 1 << 20, is_private=True))
        await asyncio.to_thread(held.got_request.acquire, timeout=PATIENCE_S)
        one.cancel()
        await asyncio.wait([one])
        assert one.cancelled()
        assert await left(held)
        assert await fetcher.fetch([other.url], 1 << 20, is_private=True)

    run(test, most_exchanges=1)


def test_too_many_urls_are_refused() -> None:
    async def test(fetcher: Fetcher) -> None:
        with pytest.raises(BadRequest, match="at most 20"):
            await fetcher.fetch([f"http://h/{at}" for at in range(21)], 1 << 20, is_private=True)

    run(test)


# === where it leads ===


def test_redirects_are_followed(peers: Peers) -> None:
    """To another host, in either case of the scheme."""
    last = peers(picture(PNG))
    first = peers(redirect(last.url.replace("http", "HTTP") + "/picture"))

    async def test(fetcher: Fetcher) -> None:
        url = first.url.replace("http", "HTTP")
        assert await fetcher.fetch([url], 1 << 20, is_private=True) == {url: ("image/png", PNG)}

    run(test)
    assert last.received[0].path == "/picture"


@pytest.mark.parametrize("target", ["http://[", "ftp://h/x", "file:///etc/passwd", "http://h:99999/"])
def test_a_redirect_to_what_is_no_url_is_the_requests_fault(peers: Peers, target: str) -> None:
    """400, as everything else that is wrong with a URL."""
    assert "could not be fetched" in refused(peers(redirect(target)).url)


def test_redirects_have_an_end(peers: Peers) -> None:
    peer = peers(redirect("/again"))
    assert "answered 302" in refused(peer.url)
    assert len(peer.received) == 4


def test_inside_and_outside_nothing_tells_what_is_there(peers: Peers) -> None:
    """Names and addresses of our own that exist, that do not, and that refuse: one text (else a client could map them)."""
    peer = peers(picture(PNG))
    port = peer.url.rpartition(":")[2]
    hidden = [
        peer.url,
        f"http://localhost:{port}/",
        "http://localhost:1/",
        "http://127.0.0.1:1/",
        "http://10.255.255.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://no-such-name.invalid/",
        f"https://localhost:{port}/",
        f"http://[::ffff:127.0.0.1]:{port}/",
        f"http://2130706433:{port}/",
    ]
    said = {refused(url, is_private=False).replace(url, "URL") for url in hidden}
    assert said == {"`URL` could not be fetched for the model's provider: it cannot be reached from here"}
    assert peer.received == []


def test_a_redirect_leads_no_further_inside(peers: Peers) -> None:
    """What a server outside may say of our inside is told with the same words (here both are inside, and the first is let in)."""
    inside = peers(Answer(status=0))
    assert refused(peers(redirect(inside.url)).url).endswith("it cannot be reached from here")


def test_private_addresses_are_reached_by_whoever_may(peers: Peers) -> None:
    """One worker serves configurations of both kinds, before and after a reload."""
    peer = peers(picture(PNG))

    async def test(fetcher: Fetcher) -> None:
        for _ in range(2):
            with pytest.raises(BadRequest, match="cannot be reached"):
                await fetcher.fetch([peer.url], 1 << 20, is_private=False)
            assert await fetcher.fetch([peer.url], 1 << 20, is_private=True)

    run(test)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(200, [("content-type", "text/html")], [b"<html>"], is_cut=True), "did not send all of it"),
        (Answer(200, [("content-type", "application/zip")], [b"PK"]), "neither an image nor a document"),
        (Answer(200, [], [b"?"]), "of no known type"),
        (Answer(200, [("content-type", "text/event-stream")], [b"data: 1\n\n", threading.Event()]), "an event stream"),
    ],
    ids=["cut", "zip", "no type", "events"],
)
def test_what_is_no_document_is_refused(peers: Peers, answer: Answer, words: str) -> None:
    assert words in refused(peers(answer).url)
