//! Values with a digit in them, behind a sign of an assignment and one of many names.

use std::collections::HashMap;

use super::{Refused, Spot};

/// Most bytes between a name and the sign, between the sign and the value, and of the value before its first digit.
const TO_SIGN: usize = 34;
const TO_VALUE: usize = 16;
const TO_DIGIT: usize = 23;
/// Least bytes of the value behind its first digit.
const BEHIND_DIGIT: usize = 4;
const SCHEMES: [&[u8]; 2] = [b"bearer ", b"basic "];
/// Names are looked up by so many of their last bytes.
const TAIL: usize = 3;
/// Bits of a tail's place among those that a name has.
const PLACE_BITS: u32 = 13;

pub(super) struct Values {
    number: u32,
    least_bytes: usize,
    /// Which places of tails a name has: most tails are no name's.
    places: Box<[u64; 1 << (PLACE_BITS - 6)]>,
    /// Names by their tails.
    by_tail: HashMap<u32, Vec<Vec<u8>>>,
}

impl Values {
    pub(super) fn new(number: u32, names: &[Vec<u8>], least_bytes: usize) -> Result<Self, Refused> {
        let mut values = Self { number, least_bytes, places: Box::new([0; _]), by_tail: HashMap::new() };
        for name in names {
            let tail = tail_of(*name.last_chunk().ok_or(Refused::ShortName)?);
            let (word, bit) = place_of(tail);
            values.places[word] |= bit;
            values.by_tail.entry(tail).or_default().push(name.clone());
        }
        Ok(values)
    }

    /// The spot, when the digit at `at` may be the first of a value that a name stands before; a caller that is told so looks closer.
    pub(super) fn at(&self, text: &[u8], at: usize) -> Option<Spot> {
        let behind = text.get(at + 1..at + 1 + BEHIND_DIGIT)?;
        // one branch: where a word ends no processor foretells
        if behind.iter().fold(VALUE, |kinds, &byte| kinds & BYTES[usize::from(byte)]) == 0 {
            return None;
        }
        let (start, mut signs) = signs_before(text, at);
        let value = text[start..].iter().take(self.least_bytes);
        if signs == 0 || value.take_while(|&&byte| is(byte, VALUE)).count() < self.least_bytes {
            return None;
        }
        while signs != 0 {
            if self.is_named(&text[..at - signs.trailing_zeros() as usize]) {
                return Some(Spot { number: self.number, start: 0, end: at + 1 + BEHIND_DIGIT });
            }
            signs &= signs - 1;
        }
        None
    }

    /// Whether one of the names ends in the last bytes of what stands before a sign.
    fn is_named(&self, before: &[u8]) -> bool {
        let mut end = before.len();
        loop {
            let Some(bytes) = before[..end].last_chunk() else { return false };
            let tail = tail_of(*bytes);
            let (word, bit) = place_of(tail);
            if self.places[word] & bit != 0 && self.has_name(&before[..end], tail) {
                return true;
            }
            end -= 1;
            if before.len() - end > TO_SIGN || !is(before[end], BEHIND_NAME) {
                return false;
            }
        }
    }

    fn has_name(&self, before: &[u8], tail: u32) -> bool {
        self.by_tail.get(&tail).is_some_and(|names| {
            names.iter().any(|name| {
                before.len().checked_sub(name.len()).is_some_and(|start| before[start..].eq_ignore_ascii_case(name))
            })
        })
    }
}

/// The last bytes of a name in one number, letters in lower case; other bytes may be taken for each other.
#[inline]
fn tail_of([first, second, third]: [u8; TAIL]) -> u32 {
    u32::from_le_bytes([first, second, third, 0]) | 0x0020_2020
}

#[inline]
fn place_of(tail: u32) -> (usize, u64) {
    let place = tail.wrapping_mul(0x9E37_79B1) >> (32 - PLACE_BITS);
    ((place >> 6) as usize, 1 << (place & 63))
}

#[inline]
fn is(byte: u8, kind: u8) -> bool {
    BYTES[usize::from(byte)] & kind != 0
}

/// Where the value may begin whose first digit is at `at`, and where signs of an assignment stand before it: bit `n` is the byte `n` before `at`.
#[inline]
fn signs_before(text: &[u8], at: usize) -> (usize, u64) {
    let (mut signs, mut low) = (0, at);
    while low > 0 && at - low < TO_DIGIT && is(text[low - 1], VALUE) && !text[low - 1].is_ascii_digit() {
        low -= 1;
        signs |= u64::from(is(text[low], SIGN)) << (at - low);
    }
    let (value, inside) = (low, signs);
    if text[..low].last() == Some(&b' ') {
        let scheme = SCHEMES.iter().find(|scheme| {
            low.checked_sub(scheme.len()).is_some_and(|start| text[start..low].eq_ignore_ascii_case(scheme))
        });
        low -= scheme.map_or(0, |scheme| scheme.len());
    }
    for _ in 0..=TO_VALUE {
        let Some(place) = low.checked_sub(1).filter(|&place| is(text[place], SIGN | BEFORE_VALUE)) else { break };
        low = place;
        signs |= u64::from(is(text[low], SIGN)) << (at - low);
        if !is(text[low], BEFORE_VALUE) {
            break;
        }
    }
    // with no sign before all of it, the first one inside ends what is no part of the value
    let is_cut = signs == inside && signs != 0;
    (if is_cut { at + 1 - signs.ilog2() as usize } else { value }, signs)
}

/// The bytes that say that something is assigned.
pub(super) const SIGNS: [u8; 6] = *b"=:>(,|";

/// Of a value.
const VALUE: u8 = 1;
/// Between the sign of an assignment and its value.
const BEFORE_VALUE: u8 = 2;
/// One of `SIGNS`.
const SIGN: u8 = 4;
/// Between a name and the sign.
const BEHIND_NAME: u8 = 8;
const BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        bytes[byte as usize] = match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'+' | b'.' | b'~' | b'-' => VALUE | BEHIND_NAME,
            b'/' | b'%' => VALUE,
            b'=' => VALUE | BEFORE_VALUE,
            b'|' | b')' | b']' | b'?' => BEHIND_NAME,
            b':' | b'>' | b'(' | b'[' | b'{' | b'@' | b'$' => BEFORE_VALUE,
            b'\\' | b'\'' | b'"' | b'`' | b' ' | b'\t' | b'\n' | b'\r' | 11 | 12 => BEFORE_VALUE | BEHIND_NAME,
            _ => 0,
        };
        byte += 1u8;
    }
    let mut sign = 0;
    while sign < SIGNS.len() {
        bytes[SIGNS[sign] as usize] |= SIGN;
        sign += 1;
    }
    bytes
};
