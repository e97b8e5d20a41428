//! Framing gives the same events however the bytes are cut.

use proptest::prelude::*;

use super::*;

/// Events for `wire` fed in the given pieces, and the tail `finish` gave.
fn frame<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
    let mut framer = SseFramer::new(1000);
    let mut events = Vec::new();
    for piece in pieces {
        framer.feed(piece, |e| events.push(e.to_vec())).unwrap();
    }
    (events, framer.finish())
}

/// The rule once more, as slowly and plainly as possible, over the whole wire.
fn frame_plainly(wire: &[u8]) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
    let (mut events, mut event, mut line_is_empty, mut at) = (Vec::new(), Vec::new(), true, 0);
    while at < wire.len() {
        let ending: &[u8] = match &wire[at..] {
            [b'\r', b'\n', ..] => b"\r\n",
            [b'\n', ..] => b"\n",
            [b'\r', ..] => b"\r",
            _ => b"",
        };
        if ending.is_empty() {
            event.push(wire[at]);
            line_is_empty = false;
            at += 1;
            continue;
        }
        event.extend_from_slice(ending);
        at += ending.len();
        if line_is_empty {
            let event = std::mem::take(&mut event);
            if at == wire.len() && ending == b"\r" {
                return (events, Some(event));
            }
            events.push(event);
        }
        line_is_empty = true;
    }
    (events, None)
}

const WIRES: &[(&[u8], &[&[u8]])] = &[
    (b"data: a\n\ndata: b\n\n", &[b"data: a\n\n", b"data: b\n\n"]),
    (b"data: a\r\n\r\ndata: b\r\n\r\nx", &[b"data: a\r\n\r\n", b"data: b\r\n\r\n"]),
    (b"data: a\r\rdata: b\r\rx", &[b"data: a\r\r", b"data: b\r\r"]),
    (b"a\n\r\nb\r\n\nc\r\n\rd\n\re", &[b"a\n\r\n", b"b\r\n\n", b"c\r\n\r", b"d\n\r"]),
    (b"\xef\xbb\xbfdata: a\n\n", &[b"\xef\xbb\xbfdata: a\n\n"]),
    (
        b": ping\n\n\n\nevent: x\ndata: 1\ndata: 2\n\n",
        &[b": ping\n\n", b"\n", b"\n", b"event: x\ndata: 1\ndata: 2\n\n"],
    ),
    (b"data: a\n", &[]),
];

#[test]
fn known_wires_frame_alike_whole_and_in_pieces_of_every_size() {
    for (wire, want) in WIRES {
        let want: Vec<_> = want.iter().map(|e| e.to_vec()).collect();
        for size in 1..=wire.len() {
            let (events, tail) = frame(wire.chunks(size));
            assert_eq!(events, want, "{} in pieces of {size}", wire.escape_ascii());
            assert_eq!(tail, None);
        }
        for cut in 0..=wire.len() {
            assert_eq!(frame([&wire[..cut], &wire[cut..]]).0, want, "{} cut at {cut}", wire.escape_ascii());
        }
    }
}

#[test]
fn an_event_that_ends_in_a_bare_cr_is_given_at_the_end_of_the_stream() {
    let (events, tail) = frame([&b"data: a\r\r"[..]]);
    assert_eq!((events.len(), tail.as_deref()), (0, Some(&b"data: a\r\r"[..])));
}

#[test]
fn an_event_past_the_limit_is_refused_after_those_before_it() {
    for size in 1..30 {
        let mut framer = SseFramer::new(10);
        let mut events = 0;
        let fed: Result<Vec<()>, _> =
            b"data: 4\n\ndata: 12345678\n\n".chunks(size).map(|c| framer.feed(c, |_| events += 1)).collect();
        assert_eq!((fed.is_err(), events), (true, 1), "pieces of {size}");
    }
}

proptest! {
    #[test]
    fn any_cuts_of_any_wire_give_the_same_events(wire in "[a\r\n:]{0,40}", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let wire = wire.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|i| i.index(wire.len() + 1)).collect();
        cuts.sort_unstable();
        let (mut pieces, mut last) = (Vec::new(), 0);
        for cut in cuts { pieces.push(&wire[last..cut]); last = cut; }
        pieces.push(&wire[last..]);
        let plainly = frame_plainly(wire);
        let known: Vec<_> = plainly.0.iter().chain(&plainly.1).map(Vec::as_slice).collect();
        prop_assert_eq!(events(wire).collect::<Vec<_>>(), known);
        prop_assert_eq!(frame(pieces), plainly);
    }
}
