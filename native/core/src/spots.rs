//! Spots in a text that a matcher of many literals finds dearly, because what stands there has no literal of three bytes: digits in a
//! form (`ddd-dd-dddd`), and values with a digit in them that are assigned to one of many names. Both are looked for where digits begin.

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError};
use wide::u8x16;

/// What may stand at one byte of a form.
pub type Class = [bool; 256];

/// A form of fixed length: one class for each byte.
#[derive(Clone)]
pub struct Form {
    /// What its spots are told by.
    pub number: u32,
    /// One of them at least has digits alone, or the full stop alone: the first of these is the anchor.
    pub classes: Vec<Class>,
    /// Neither a letter nor a digit stands before it.
    pub is_bound: bool,
}

/// One place; for a name's value `start` is 0, and `end` is four bytes behind its first digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Which form, or the values' number.
    pub number: u32,
    /// Its first byte.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
}

/// More forms are refused: a set of them is one word.
pub const MOST_FORMS: usize = 64;
/// What is looked at in one step.
const BLOCK: usize = 64;
/// A longer run of digits counts as this long.
const LONGEST_RUN: usize = 32;
/// Stands for the byte before the text and behind it.
const NO_BYTE: usize = 256;
/// Most bytes between a name and the sign of an assignment, between the sign and the value, and of the value before its first digit.
const TO_SIGN: usize = 34;
const TO_VALUE: usize = 16;
const TO_DIGIT: usize = 23;
/// Least bytes of the value behind its first digit.
const BEHIND_DIGIT: usize = 4;
const SCHEMES: [&[u8]; 2] = [b"bearer ", b"basic "];

/// The forms and names that are looked for.
pub struct Spots {
    forms: Vec<Sought>,
    /// Which forms a run of so many digits can begin, 0 for a full stop; which can have this byte before the anchor's run, and behind it.
    by_length: [u64; LONGEST_RUN + 1],
    by_before: [u64; 257],
    by_behind: [u64; 257],
    values: Option<Values>,
}

struct Sought {
    form: Form,
    /// How many bytes stand before the anchor.
    lead: usize,
    /// The place that the fewest bytes fit: looked at first.
    rarest: usize,
}

struct Values {
    number: u32,
    names: NFA,
    longest: usize,
}

/// Why forms or names are refused.
#[derive(Debug)]
pub enum Refused {
    /// More than [`MOST_FORMS`].
    TooMany,
    /// A form has no class of digits or of the full stop alone, or begins with 32 digits.
    NoAnchor,
    /// The names are too many or too long.
    Names(BuildError),
}

impl Spots {
    /// `names` are told without regard to case; their values are told as `number`.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn new(forms: Vec<Form>, number: u32, names: &[Vec<u8>]) -> Result<Self, Refused> {
        if forms.len() > MOST_FORMS {
            return Err(Refused::TooMany);
        }
        let mut spots = Self {
            forms: Vec::with_capacity(forms.len()),
            by_length: [0; LONGEST_RUN + 1],
            by_before: [0; 257],
            by_behind: [0; 257],
            values: None,
        };
        for form in forms {
            spots.add(form)?;
        }
        if !names.is_empty() {
            let built = NFA::builder().ascii_case_insensitive(true).build(names).map_err(Refused::Names)?;
            let longest = names.iter().map(Vec::len).max().unwrap_or(0);
            spots.values = Some(Values { number, names: built, longest });
        }
        Ok(spots)
    }

    fn add(&mut self, form: Form) -> Result<(), Refused> {
        let classes = &form.classes;
        let lead = classes.iter().position(|class| is_digits(class) || is_stop(class)).ok_or(Refused::NoAnchor)?;
        let run = classes[lead..].iter().take_while(|class| is_digits(class)).count();
        if run >= LONGEST_RUN {
            return Err(Refused::NoAnchor);
        }
        let bit = 1u64 << self.forms.len();
        let behind = classes.get(lead + run.max(1));
        // a class that has digits among others may be part of the run
        let is_whole = behind.is_some_and(|class| !(b'0'..=b'9').any(|digit| class[usize::from(digit)]));
        let longest = if is_whole || run == 0 { run } else { LONGEST_RUN };
        self.by_length[run..=longest].iter_mut().for_each(|set| *set |= bit);
        for byte in 0..=NO_BYTE {
            let is_letter = u8::try_from(byte).is_ok_and(|byte| byte.is_ascii_alphanumeric());
            let may_precede = match lead.checked_sub(1) {
                Some(before) => byte < NO_BYTE && classes[before][byte],
                None => !(form.is_bound && is_letter),
            };
            self.by_before[byte] |= if may_precede { bit } else { 0 };
            let may_follow = if is_whole { byte < NO_BYTE && behind.is_some_and(|class| class[byte]) } else { true };
            self.by_behind[byte] |= if may_follow { bit } else { 0 };
        }
        let rarest = (0..classes.len()).filter(|&place| place < lead || place >= lead + run.max(1));
        let rarest = rarest.min_by_key(|&place| classes[place].iter().filter(|&&may| may).count()).unwrap_or(lead);
        self.forms.push(Sought { form, lead, rarest });
        Ok(())
    }

    /// All spots of `text`, in the order of their anchors.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Vec<Spot> {
        let mut found = Vec::new();
        let mut named = Named::default();
        let mut was_digit = 0;
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        for (index, block) in blocks.iter().chain([&last]).enumerate() {
            let (digits, stops) = anchors(block);
            let mut starts = digits & !(digits << 1 | was_digit) | stops;
            was_digit = digits >> (BLOCK - 1);
            while starts != 0 {
                let at = starts.trailing_zeros();
                starts &= starts - 1;
                let run = (digits >> at).trailing_ones() as usize;
                self.look(text, index * BLOCK + at as usize, run, &mut named, &mut found);
            }
        }
        found
    }

    #[inline]
    fn look(&self, text: &[u8], at: usize, mut run: usize, named: &mut Named, found: &mut Vec<Spot>) {
        // the run may go on in the next block
        while run > 0 && run < LONGEST_RUN && text.get(at + run).is_some_and(u8::is_ascii_digit) {
            run += 1;
        }
        run = run.min(LONGEST_RUN);
        let before = at.checked_sub(1).map_or(NO_BYTE, |before| usize::from(text[before]));
        let behind = text.get(at + run.max(1)).map_or(NO_BYTE, |&byte| usize::from(byte));
        let mut forms = self.by_length[run] & self.by_before[before] & self.by_behind[behind];
        while forms != 0 {
            let Sought { form, lead, rarest } = &self.forms[forms.trailing_zeros() as usize];
            forms &= forms - 1;
            let fits = |(class, &byte): (&Class, &u8)| class[usize::from(byte)];
            if let Some(start) = at.checked_sub(*lead)
                && let Some(bytes) = text.get(start..start + form.classes.len())
                && fits((&form.classes[*rarest], &bytes[*rarest]))
                && form.classes.iter().zip(bytes).all(fits)
            {
                found.push(Spot { number: form.number, start, end: start + bytes.len() });
            }
        }
        if run > 0
            && let Some(values) = &self.values
            && values.is_at(text, at, named)
        {
            found.push(Spot { number: values.number, start: 0, end: at + 1 + BEHIND_DIGIT });
        }
    }
}

/// How far names have been looked for, and where some end: bit `n` is the place `n` bytes before `looked`.
#[derive(Default)]
struct Named {
    looked: usize,
    state: StateID,
    ends: u128,
}

impl Values {
    /// Whether the digit at `at` may be the first of a value that a name stands before; a caller that is told so looks closer.
    fn is_at(&self, text: &[u8], at: usize, named: &mut Named) -> bool {
        let is = |byte: u8, kind: u8| BYTES[usize::from(byte)] & kind != 0;
        let Some(behind) = text.get(at + 1..at + 1 + BEHIND_DIGIT) else { return false };
        // one branch: where a word ends no processor foretells
        if behind.iter().fold(VALUE, |kinds, &byte| kinds & BYTES[usize::from(byte)]) == 0 {
            return false;
        }
        let signs = signs_before(text, at);
        let Some(first) = signs.checked_ilog2() else { return false };
        self.look_for_names(text, at, at.saturating_sub(first as usize + TO_SIGN + self.longest), named);
        named.ends >> signs.trailing_zeros() != 0
            && (1..64).filter(|bit| signs >> bit & 1 == 1).any(|bit| {
                let between = text[..at - bit].iter().rev().take(TO_SIGN);
                let reach = between.take_while(|&&byte| is(byte, BEHIND_NAME)).count();
                named.ends >> bit & ((2 << reach) - 1) != 0
            })
    }

    /// Up to `at`, from the place `from` on or where the last look ended: rows of numbers cost no more than their bytes.
    fn look_for_names(&self, text: &[u8], at: usize, from: usize, named: &mut Named) {
        if from > named.looked || named.looked == 0 {
            let state = self.names.start_state(Anchored::No).unwrap_or_default();
            *named = Named { looked: from, state, ends: 0 };
        }
        for &byte in &text[named.looked..at] {
            named.state = self.names.next_state(Anchored::No, named.state, byte);
            named.ends = named.ends << 1 | u128::from(self.names.is_match(named.state));
        }
        named.looked = at;
    }
}

/// Where signs of an assignment stand before a value whose first digit is at `at`: bit `n` is the byte `n` before it.
#[inline]
fn signs_before(text: &[u8], at: usize) -> u64 {
    let is = |place: usize, kind: u8| BYTES[usize::from(text[place])] & kind != 0;
    let (mut signs, mut low) = (0, at);
    while low > 0 && at - low < TO_DIGIT && is(low - 1, VALUE) && !text[low - 1].is_ascii_digit() {
        low -= 1;
        signs |= u64::from(is(low, SIGN)) << (at - low);
    }
    let scheme = SCHEMES.iter().find(|scheme| {
        text[..low].last_chunk::<1>() == Some(b" ")
            && low.checked_sub(scheme.len()).is_some_and(|start| text[start..low].eq_ignore_ascii_case(scheme))
    });
    low -= scheme.map_or(0, |scheme| scheme.len());
    for _ in 0..=TO_VALUE {
        let Some(place) = low.checked_sub(1).filter(|&place| is(place, SIGN | BEFORE_VALUE)) else { break };
        low = place;
        signs |= u64::from(is(low, SIGN)) << (at - low);
        if !is(low, BEFORE_VALUE) {
            break;
        }
    }
    signs
}

/// Which bytes are digits, and which are full stops.
#[inline]
fn anchors(block: &[u8; BLOCK]) -> (u64, u64) {
    let (mut digits, mut stops) = (0, 0);
    for (index, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::from(*bytes);
        let from_zero = bytes - u8x16::splat(b'0');
        let are_digits = from_zero.min(u8x16::splat(9)).simd_eq(from_zero);
        digits |= u64::from(are_digits.to_bitmask()) << (index * 16);
        stops |= u64::from(bytes.simd_eq(u8x16::splat(b'.')).to_bitmask()) << (index * 16);
    }
    (digits, stops)
}

fn is_digits(class: &Class) -> bool {
    class.contains(&true) && (0..=255u8).all(|byte| !class[usize::from(byte)] || byte.is_ascii_digit())
}

fn is_stop(class: &Class) -> bool {
    (0..=255u8).all(|byte| class[usize::from(byte)] == (byte == b'.'))
}

/// Of a value.
const VALUE: u8 = 1;
/// Between the sign of an assignment and its value.
const BEFORE_VALUE: u8 = 2;
/// A sign that something is assigned.
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
            b'=' => VALUE | BEFORE_VALUE | SIGN,
            b':' | b'>' | b'(' => BEFORE_VALUE | SIGN,
            b',' => SIGN,
            b'|' => SIGN | BEHIND_NAME,
            b'[' | b'{' | b'@' | b'$' => BEFORE_VALUE,
            b'\\' | b'\'' | b'"' | b'`' | b' ' | b'\t' | b'\n' | b'\r' | 11 | 12 => BEFORE_VALUE | BEHIND_NAME,
            b')' | b']' | b'?' => BEHIND_NAME,
            _ => 0,
        };
        byte += 1u8;
    }
    bytes
};

#[cfg(test)]
#[path = "spots_tests.rs"]
mod tests;
