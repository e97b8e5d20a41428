//! Framing gives the same events however the bytes are cut.

use proptest::prelude::*;

use super::*;

/// Events for `wire` fed in the given pieces, and the tail `finish` gave.
fn frame<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
    feed(SseFramer::new(1000, false), pieces)
}

fn frame_bare<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
    feed(SseFramer::new(1000, true), pieces)
}

fn feed<'a>(mut framer: SseFramer, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
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
    let wires: [(&[u8], bool); 3] = [
        (b"data: 4\n\ndata: 12345678\n\n", false),
        (b"data: 4\n\n{\"error\":12}", true),
        (b"data: 4\n\n{\"other\":1234", true),
    ];
    for ((wire, bare), size) in wires.into_iter().flat_map(|wire| (1..30).map(move |size| (wire, size))) {
        let mut framer = SseFramer::new(10, bare);
        let mut events = 0;
        let fed: Result<Vec<()>, _> = wire.chunks(size).map(|c| framer.feed(c, |_| events += 1)).collect();
        assert_eq!((fed.is_err(), events), (true, 1), "{} in pieces of {size}", wire.escape_ascii());
    }
}

const BARE: &[(&[u8], &[&[u8]])] = &[
    (b"{\"error\":1}", &[b"{\"error\":1}"]),
    (
        b"data: a\n\n{\"error\":{\"a\":\"}\\\"{\\\\\"}}\r\n\r\n",
        &[b"data: a\n\n", b"{\"error\":{\"a\":\"}\\\"{\\\\\"}}", b"\r\n", b"\r\n"],
    ),
    (
        b"{\n \"a\": [{}],\r\n \"error\": {\r}\n}data: b\n\n",
        &[b"{\n \"a\": [{}],\r\n \"error\": {\r}\n}", b"data: b\n\n"],
    ),
    (b"{\"error\":1}{\"error\":2}\n{\"error\":3}", &[b"{\"error\":1}", b"{\"error\":2}", b"\n", b"{\"error\":3}"]),
    // What is no error is lines, as everywhere.
    (b"{\"a\":{\"error\":1}}\n\ndata: b\n\n", &[b"{\"a\":{\"error\":1}}\n\n", b"data: b\n\n"]),
    (b"{\"error\":tru}\n\n{\"error\"\n\n:1}", &[b"{\"error\":tru}\n\n", b"{\"error\"\n\n"]),
    (b"data: {\"error\":1}\n{\"error\":1}\n\n {\"error\":1}", &[b"data: {\"error\":1}\n{\"error\":1}\n\n"]),
    (b"{]}\n\n}\n\n", &[b"{]}\n\n", b"}\n\n"]),
    (b"{\"error\":1", &[]),
];

#[test]
fn bare_errors_are_events_however_they_are_cut() {
    for (wire, want) in BARE {
        let want: Vec<_> = want.iter().map(|e| e.to_vec()).collect();
        for size in 1..=wire.len() {
            assert_eq!(frame_bare(wire.chunks(size)).0, want, "{} in pieces of {size}", wire.escape_ascii());
        }
        for cut in 0..=wire.len() {
            let framed = frame_bare([&wire[..cut], &wire[cut..]]).0;
            assert_eq!(framed, want, "{} cut at {cut}", wire.escape_ascii());
        }
        assert_eq!(events(wire, true).collect::<Vec<_>>(), want);
        assert_eq!(frame([*wire]), frame_plainly(wire), "{} where none are taken", wire.escape_ascii());
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
        prop_assert_eq!(events(wire, false).collect::<Vec<_>>(), known);
        prop_assert_eq!(frame(pieces), plainly);
    }

    #[test]
    fn any_cuts_give_the_same_bare_errors(wire in "([{}]|\"error\":1|\"|\\\\|\n|\r|data: a|\\{\"error\":\\{\\}\\}){0,12}", at in any::<prop::sample::Index>()) {
        let wire = wire.as_bytes();
        let (first, second) = wire.split_at(at.index(wire.len() + 1));
        let whole = frame_bare([wire]);
        prop_assert_eq!(&frame_bare([first, second]), &whole);
        prop_assert_eq!(&frame_bare(wire.chunks(1)), &whole);
        let known: Vec<_> = whole.0.iter().chain(&whole.1).map(Vec::as_slice).collect();
        prop_assert_eq!(events(wire, true).collect::<Vec<_>>(), known);
    }
}
