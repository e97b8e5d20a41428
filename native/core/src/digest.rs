//! A quick digest that tells bodies apart: XXH3-128 with a seed.
//!
//! Not cryptographic: a secret seed keeps strangers from guessing collisions, no more. Nothing that grants access may rest
//! on it. The bytes are those of XXH128's canonical form (big-endian), as in xxHash's own tools.

use ring::digest::{Context, SHA256};
use twox_hash::XxHash3_128;

/// The digest of `data` in one go.
#[must_use]
pub fn digest(data: &[u8], seed: u64) -> [u8; 16] {
    XxHash3_128::oneshot_with_seed(seed, data).to_be_bytes()
}

/// The same, of bytes that come in pieces: their borders do not count.
pub struct Digest(XxHash3_128);

impl Digest {
    /// Of no bytes yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(XxHash3_128::with_seed(seed))
    }

    /// The next bytes.
    #[inline]
    pub fn add(&mut self, piece: &[u8]) {
        self.0.write(piece);
    }

    /// Of all bytes so far.
    #[must_use]
    pub fn finish(&self) -> [u8; 16] {
        self.0.finish_128().to_be_bytes()
    }
}

/// A secret for digests that a stranger's bytes are compared by: spread from a seed, so that one lane tells nothing of
/// another, and none is spread again for each digest.
#[derive(Clone, Debug)]
pub struct Key {
    seed: u64,
    secret: [u8; 192],
}

impl Key {
    /// The key of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut secret = [0; 192];
        for (part, count) in secret.as_chunks_mut::<32>().0.iter_mut().zip(0u8..) {
            let mut hash = Context::new(&SHA256);
            hash.update(&seed.to_le_bytes());
            hash.update(&[count]);
            part.copy_from_slice(hash.finish().as_ref());
        }
        Self { seed, secret }
    }

    /// The digest of `data`. Not that of [`digest`].
    #[inline]
    #[must_use]
    pub fn digest(&self, data: &[u8]) -> u128 {
        // it only fails for a secret that is too short
        XxHash3_128::oneshot_with_seed_and_secret(self.seed, &self.secret, data)
            .unwrap_or_else(|_| XxHash3_128::oneshot_with_seed(self.seed, data))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_digested_like_the_whole(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..8), seed: u64) {
            let mut stream = Digest::new(seed);
            for piece in &pieces {
                stream.add(piece);
            }
            prop_assert_eq!(stream.finish(), digest(&pieces.concat(), seed));
        }
    }
}
