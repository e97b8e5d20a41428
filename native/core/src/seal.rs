//! Sealing: small texts that travel through a client and must come back unread and unchanged.
//!
//! ChaCha20-Poly1305. The nonce is the start of a keyed hash of what is sealed, so that equal texts give equal tokens (a prompt
//! cache sees no difference between two turns) and no random source is needed; one nonce is used twice for one text only.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

/// Length of a sealer's key.
pub const KEY_BYTES: usize = 32;

/// Seals and opens texts under one key.
pub struct Sealer {
    cipher: LessSafeKey,
    nonces: hmac::Key,
}

impl Sealer {
    /// `None` when `key` has another length than `KEY_BYTES`.
    #[must_use]
    pub fn new(key: &[u8]) -> Option<Self> {
        if key.len() != KEY_BYTES {
            return None;
        }
        let root = hmac::Key::new(hmac::HMAC_SHA256, key);
        let cipher = UnboundKey::new(&CHACHA20_POLY1305, hmac::sign(&root, b"cipher").as_ref()).ok()?;
        let nonces = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, b"nonces").as_ref());
        Some(Self { cipher: LessSafeKey::new(cipher), nonces })
    }

    /// Nonce, cipher text and tag. `label` is authenticated with it but not part of it.
    ///
    /// # Panics
    /// Never: only a text of 256 GiB would be too long for the cipher.
    #[must_use]
    pub fn seal(&self, label: &[u8], text: &[u8]) -> Vec<u8> {
        let nonce = self.nonce(label, text);
        let mut sealed = text.to_vec();
        let tag = self
            .cipher
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(label), &mut sealed)
            .expect("a text in memory is shorter than what the cipher takes");
        [&nonce, &sealed[..], tag.as_ref()].concat()
    }

    /// What was sealed under the same key and label; `None` for anything else.
    #[must_use]
    pub fn open(&self, label: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        let text = self.cipher.open_in_place(nonce, Aad::from(label), &mut rest).ok()?;
        Some(text.to_vec())
    }

    fn nonce(&self, label: &[u8], text: &[u8]) -> [u8; NONCE_LEN] {
        let mut context = hmac::Context::with_key(&self.nonces);
        context.update(&(label.len() as u64).to_le_bytes());
        context.update(label);
        context.update(text);
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&context.sign().as_ref()[..NONCE_LEN]);
        nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_only_under_the_same_key_and_label() {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let token = sealer.seal(b"acme", b"a thought");
        assert_eq!(sealer.open(b"acme", &token).as_deref(), Some(&b"a thought"[..]));
        assert_eq!(sealer.seal(b"acme", b"a thought"), token);
        assert_ne!(sealer.seal(b"acme", b"another"), token);
        assert_eq!(sealer.open(b"evil", &token), None);
        assert_eq!(Sealer::new(&[8; 32]).unwrap().open(b"acme", &token), None);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let token = sealer.seal(b"", b"a thought");
        for bit in 0..token.len() * 8 {
            let mut broken = token.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(sealer.open(b"", &broken), None);
        }
        for end in 0..token.len() {
            assert_eq!(sealer.open(b"", &token[..end]), None);
        }
        assert!(Sealer::new(b"short").is_none());
    }
}
