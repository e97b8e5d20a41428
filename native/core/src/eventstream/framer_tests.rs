//! Framing gives the same messages however the bytes are cut.

use proptest::prelude::*;

use super::super::message::encode;
use super::*;

fn message(length: usize) -> Vec<u8> {
    encode([], &vec![b'x'; length]).unwrap()
}

fn frame<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, usize, Result<(), FrameError>) {
    let mut framer = EventStreamFramer::new(1000);
    let mut messages = Vec::new();
    for piece in pieces {
        if let Err(error) = framer.feed(piece, |m| messages.push(m.to_vec())) {
            return (messages, 0, Err(error));
        }
    }
    (messages, framer.held_bytes(), Ok(()))
}

#[test]
fn messages_come_out_whole_in_pieces_of_every_size() {
    let wanted = vec![message(0), message(100), message(3)];
    let wire = [wanted.concat(), b"\x00\x00\x00".to_vec()].concat();
    for size in 1..=wire.len() {
        assert_eq!(frame(wire.chunks(size)), (wanted.clone(), 3, Ok(())), "pieces of {size}");
    }
}

#[test]
fn what_is_broken_or_too_long_is_refused_after_those_before_it() {
    let mut broken = message(10);
    broken[20] ^= 1;
    let too_large = FrameError::TooLarge { max_event_bytes: 1000 };
    let cases = [
        (broken, FrameError::Broken(BrokenMessage::Checksum)),
        (b"event: x\ndata: 1\n\n".to_vec(), FrameError::Broken(BrokenMessage::PreludeChecksum)),
        (message(985), too_large),
    ];
    for (bad, error) in cases {
        let wire = [message(984), bad].concat();
        for size in [1, 7, wire.len()] {
            assert_eq!(frame(wire.chunks(size)), (vec![message(984)], 0, Err(error)), "pieces of {size}");
        }
    }
}

proptest! {
    #[test]
    fn any_cuts_give_the_same_messages(
        lengths in prop::collection::vec(0usize..80, 0..5),
        noise in prop::collection::vec(any::<u8>(), 0..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut wire: Vec<u8> = lengths.iter().flat_map(|length| message(*length)).collect();
        wire.extend(noise);
        let mut cuts: Vec<usize> = cuts.iter().map(|i| i.index(wire.len() + 1)).collect();
        cuts.sort_unstable();
        let (mut pieces, mut last) = (Vec::new(), 0);
        for cut in cuts { pieces.push(&wire[last..cut]); last = cut; }
        pieces.push(&wire[last..]);
        prop_assert_eq!(frame(pieces), frame([&wire[..]]));
    }
}
