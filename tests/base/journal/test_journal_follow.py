"""The follower: sees every line once, whatever the reads, rotations and restarts in between."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.base.journal import Follower, JournalWriter, Position, read_frames, read_runs

Start = Callable[..., JournalWriter]


def drain(follower: Follower, batch_bytes: int = 1 << 20) -> list[bytes]:
    found: list[bytes] = []
    while batches := follower.poll(batch_bytes):
        found += [line.payload for batch in batches for line in batch.lines]
        assert not [bad for batch in batches for bad in batch.bad]
        follower.accept(batches)
    return found


def spoil_last_line(path: Path) -> None:
    """Put a character that no hash has into the last line's."""
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(data.rfind(b"\n", 0, data.rfind(b"\n")) + 1)
        file.write(b"-")


def test_new_lines_come_once_and_half_lines_wait(tmp_path: Path, start: Start) -> None:
    """A line that is still being written is not returned; it comes when its newline is there."""
    writer, follower = start(1), Follower(tmp_path)
    assert len(drain(follower)) == 1
    writer.append(b'{"k":"a"}')
    assert drain(follower) == [b'{"k":"a"}']
    assert drain(follower) == []
    path = Path(read_runs(tmp_path)[0].segments[0].path)
    whole = b"0" * 64 + b' {"k":"b"}\n'
    end = len(path.read_bytes().rstrip(b"\0"))
    with path.open("r+b", buffering=0) as file:
        for i in [*range(5, len(whole)), *range(5)]:  # in any order: NULs are not there yet
            assert drain(follower) == []
            file.seek(end + i)
            file.write(whole[i : i + 1])
    assert drain(follower) == [b'{"k":"b"}']
    writer.abandon()


def test_what_was_not_accepted_comes_again(tmp_path: Path, start: Start) -> None:
    """A projection that could not store a batch gets the same batch once more."""
    start(1).close()
    follower = Follower(tmp_path)
    first = follower.poll()
    assert follower.poll() == first
    follower.accept(first)
    assert follower.poll() == []


def test_a_run_is_done_at_its_end_or_once_adopted(tmp_path: Path, start: Start) -> None:
    """A finished run is looked at no more; a dead one is kept until a successor names it."""
    start(1, slot=1).close()
    start(2, slot=0).abandon()
    follower = Follower(tmp_path)
    batches = follower.poll()
    assert [b.position.is_done for b in batches] == [True, False]
    follower.accept(batches)
    start(3, slot=0).close()
    batches = follower.poll()
    assert [(b.run.slot, b.position.is_done) for b in batches] == [(0, True), (0, True)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batch_bytes=st.integers(1, 5000),
    segment_bytes=st.integers(200, 2000),
    steps=st.lists(st.sampled_from(["append", "poll", "restart"]), max_size=80),
)
def test_any_mix_of_writes_reads_and_restarts_sees_each_line_once(
    tmp_path_factory: object, batch_bytes: int, segment_bytes: int, steps: list[str]
) -> None:
    """Rotation, batch sizes and restarts at stored positions neither lose nor repeat a line; hashes stay linked."""
    directory = tmp_path_factory.mktemp("journal")  # type: ignore[attr-defined]
    writer = JournalWriter(directory, slot=0, run_id="a" * 12, version="t", segment_bytes=segment_bytes)
    positions: dict[str, Position] = {}
    follower, seen = Follower(directory), []
    for number, step in enumerate([*steps, "poll"]):
        if step == "append":
            writer.append(b'{"k":"x","i":%d}' % number)
            if number % 5 == 0:
                writer.sync()
        elif step == "restart":
            follower = Follower(directory, positions.values())
        else:
            while batches := follower.poll(batch_bytes):
                for batch in batches:
                    positions[batch.run.run] = batch.position
                    seen += batch.lines
                follower.accept(batches)
    writer.close()
    follower = Follower(directory, positions.values())
    while batches := follower.poll(batch_bytes):
        seen += [line for batch in batches for line in batch.lines]
        follower.accept(batches)
    (run,) = read_runs(directory)
    assert seen == list(read_frames(run, is_verified=True))
    assert follower.lag_bytes() == 0


def test_a_line_that_is_none_is_reported_and_passed(tmp_path: Path, start: Start) -> None:
    """One spoilt line stops nothing."""
    writer = start(1)
    writer.append(b'{"k":"spoilt"}')
    spoil_last_line(Path(read_runs(tmp_path)[0].segments[0].path))
    writer.append(b'{"k":"a"}')
    (batch,) = Follower(tmp_path).poll()
    assert "not a journal line" in batch.bad[0]
    assert batch.lines[-1].payload == b'{"k":"a"}'
    writer.abandon()


def test_the_lag_counts_what_is_not_yet_accepted(tmp_path: Path, start: Start) -> None:
    """`lag_bytes` is what the runs hold beyond the positions that were accepted, in whichever segment."""
    writer = start(1, segment_bytes=500)
    for i in range(40):
        writer.append(b'{"k":"x","i":%d}' % i)
    total = sum(len(f.read_bytes().rstrip(b"\0")) for f in tmp_path.iterdir())
    follower = Follower(tmp_path)
    batches = follower.poll(600)
    assert follower.lag_bytes() == total
    follower.accept(batches)
    taken = sum(len(line.payload) + 66 for batch in batches for line in batch.lines)
    assert follower.lag_bytes() == total - taken == total - sum(batch.read_bytes for batch in batches)
    drain(follower)
    assert follower.lag_bytes() == 0
    writer.append(b'{"k":"y"}')
    follower.poll()
    assert follower.lag_bytes() >= 66 + len(b'{"k":"y"}')
    writer.close()


def test_skipped_frames_are_passed_over_and_no_more(tmp_path: Path, start: Start) -> None:
    """They are missing from the lines, not from the chain, the positions, the bytes read or what is reported as bad."""
    writer = start(1, segment_bytes=200_000)
    for i in range(60):
        writer.append(b'{"k":"%b","x":"%b","i":%d}' % (b"even" if i % 5 else b"odd", b"x" * 8000, i))
    writer.append(b'{"k":"even","i":"spoilt"}')
    spoil_last_line(Path(read_runs(tmp_path)[0].segments[-1].path))
    writer.append(b'{"k":"even","i":60}')
    writer.append(b'{"k":"odd","i":61}')
    plain, skipping = Follower(tmp_path), Follower(tmp_path, skipped=(b'{"k":"even",',))
    all_of_it, rest = plain.poll(), skipping.poll()
    lines = [line for batch in all_of_it for line in batch.lines]
    assert [line for batch in rest for line in batch.lines] == [x for x in lines if b'"even"' not in x.payload]
    assert [(b.position, b.bad, b.read_bytes) for b in rest] == [(b.position, b.bad, b.read_bytes) for b in all_of_it]
    assert sum(len(batch.bad) for batch in rest) == 1
    writer.abandon()


def test_long_runs_come_in_pieces_from_each_of_which_one_can_go_on(tmp_path: Path, start: Start) -> None:
    """A piece is small whatever the batch; its position is where the next piece begins, also after a restart."""
    writer = start(1, segment_bytes=300_000)
    for i in range(900):
        writer.append(b'{"k":"x","i":%d,"x":"%b"}' % (i, b"x" * (i if i % 100 else 150_000)))
    (run,) = read_runs(tmp_path)
    pieces = list(Follower(tmp_path).read(64 << 20))
    assert len(pieces) > 10
    lines = [line for piece in pieces for line in piece.lines]
    assert lines == list(read_frames(run, is_verified=True))
    for number in range(0, len(pieces), 5):
        follower = Follower(tmp_path, [pieces[number].position])
        rest = [line for piece in follower.read(64 << 20) for line in piece.lines]
        assert rest == [line for piece in pieces[number + 1 :] for line in piece.lines]
    writer.abandon()
