//! Spots in a text that a matcher of many literals finds dearly, because what stands there has no literal of three bytes: digits in a
//! form (`ddd-dd-dddd`), and values with a digit in them that are assigned to one of many names. Both are looked for where digits begin.

mod values;

#[cfg(test)]
mod tests;

use values::{SIGNS, Values};
use wide::u8x16;

use crate::json::block::is_among;

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

/// One place; for a name's value `start` is 0, and `end` is five bytes behind where its first digit begins.
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
/// How far before a full stop a form is asked first.
const LEADS: [usize; 2] = [4, 8];

/// The forms and names that are looked for.
pub struct Spots {
    forms: Vec<Sought>,
    /// Which forms a run of so many digits can begin, 0 for a full stop; which can have this byte before the anchor's run, and behind it.
    by_length: [u64; LONGEST_RUN + 1],
    by_before: [u64; 257],
    by_behind: [u64; 257],
    /// Which can have this byte so many of `LEADS` before their full stop.
    by_lead: [[u64; 257]; LEADS.len()],
    values: Option<Values>,
}

struct Sought {
    form: Form,
    /// How many bytes stand before the anchor.
    lead: usize,
    /// The place that the fewest bytes fit: looked at first.
    rarest: usize,
}

/// Why forms or names are refused.
#[derive(Debug)]
pub enum Refused {
    /// More than [`MOST_FORMS`].
    TooMany,
    /// A form has no class of digits or of the full stop alone, or begins with 32 digits.
    NoAnchor,
    /// A name has less than three bytes.
    ShortName,
}

/// What is looked at closer.
#[derive(Default)]
struct Places {
    /// Where a run of digits or a full stop may be a form's anchor, and which forms'.
    anchors: Vec<(usize, u64)>,
    /// Digits with a sign of an assignment behind the digits before them.
    assigned: Vec<usize>,
}

impl Spots {
    /// `names` are told without regard to case; their values of `least_bytes` and more are told as `number`.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn new(forms: Vec<Form>, number: u32, names: &[Vec<u8>], least_bytes: usize) -> Result<Self, Refused> {
        if forms.len() > MOST_FORMS {
            return Err(Refused::TooMany);
        }
        let mut spots = Self {
            forms: Vec::with_capacity(forms.len()),
            by_length: [0; LONGEST_RUN + 1],
            by_before: [0; 257],
            by_behind: [0; 257],
            by_lead: [[0; 257]; LEADS.len()],
            values: if names.is_empty() { None } else { Some(Values::new(number, names, least_bytes)?) },
        };
        for form in forms {
            spots.add(form)?;
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
        let may_be = |class: Option<&Class>, byte: usize| class.is_none_or(|class| byte < NO_BYTE && class[byte]);
        for byte in 0..=NO_BYTE {
            let is_letter = u8::try_from(byte).is_ok_and(|byte| byte.is_ascii_alphanumeric());
            let before = lead.checked_sub(1).map(|before| &classes[before]);
            let may_precede = may_be(before, byte) && !(lead == 0 && form.is_bound && is_letter);
            self.by_before[byte] |= if may_precede { bit } else { 0 };
            self.by_behind[byte] |= if may_be(behind.filter(|_| is_whole), byte) { bit } else { 0 };
            for (set, far) in self.by_lead.iter_mut().zip(LEADS) {
                set[byte] |= if may_be(lead.checked_sub(far).map(|at| &classes[at]), byte) { bit } else { 0 };
            }
        }
        let rarest = (0..classes.len()).filter(|&place| place < lead || place >= lead + run.max(1));
        let rarest = rarest.min_by_key(|&place| classes[place].iter().filter(|&&may| may).count()).unwrap_or(lead);
        self.forms.push(Sought { form, lead, rarest });
        Ok(())
    }

    /// All spots of `text`: first those of forms, then values, each in the order of their digits.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Vec<Spot> {
        let places = self.places(text);
        let mut found = Vec::new();
        for (at, forms) in places.anchors {
            self.look(text, at, forms, &mut found);
        }
        if let Some(values) = &self.values {
            found.extend(places.assigned.into_iter().filter_map(|at| values.at(text, at)));
        }
        found
    }

    /// One pass over all bytes. Where digits stand no processor foretells, so what is no place is written too, and written over.
    fn places(&self, text: &[u8]) -> Places {
        let mut places = Places::default();
        let (mut was_digit, mut was_signed) = (0, false);
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let mut anchors = [(0, 0); BLOCK];
        for (index, block) in blocks.iter().chain([&last]).enumerate() {
            let Marks { digits, stops, signs } = Marks::of(block);
            let starts = digits & !(digits << 1 | was_digit);
            was_digit = digits >> (BLOCK - 1);
            // a sign is carried over all that is no digit, to the next that is one
            let (sum, carried) = (!digits).overflowing_add(signs);
            let (sum, carried_on) = sum.overflowing_add(u64::from(was_signed));
            was_signed = carried || carried_on;
            let mut assigned = starts & sum;
            while assigned != 0 {
                places.assigned.push(index * BLOCK + assigned.trailing_zeros() as usize);
                assigned &= assigned - 1;
            }
            let mut count = 0;
            let mut left = starts;
            while left != 0 {
                let at = left.trailing_zeros() as usize;
                left &= left - 1;
                let run = (digits >> at).trailing_ones() as usize;
                let forms = self.by_run(text, index * BLOCK + at, run);
                anchors[count] = (index * BLOCK + at, forms);
                count += usize::from(forms != 0);
            }
            let mut left = stops;
            while left != 0 {
                let at = index * BLOCK + left.trailing_zeros() as usize;
                left &= left - 1;
                let forms = self.by_stop(text, at);
                anchors[count] = (at, forms);
                count += usize::from(forms != 0);
            }
            places.anchors.extend_from_slice(&anchors[..count]);
        }
        places
    }

    /// Which forms a run of digits may be the anchor of; `run` is its length up to the end of its block.
    #[inline]
    fn by_run(&self, text: &[u8], at: usize, mut run: usize) -> u64 {
        if (at + run).is_multiple_of(BLOCK) {
            run += text[at + run..].iter().take(LONGEST_RUN).take_while(|byte| byte.is_ascii_digit()).count();
        }
        let run = run.min(LONGEST_RUN);
        self.by_length[run] & self.by_before[byte_before(text, at, 1)] & self.by_behind[byte_at(text, at + run)]
    }

    /// Which forms a full stop may be the anchor of.
    #[inline]
    fn by_stop(&self, text: &[u8], at: usize) -> u64 {
        let leads =
            self.by_lead.iter().zip(LEADS).fold(!0, |forms, (set, far)| forms & set[byte_before(text, at, far)]);
        leads & self.by_length[0] & self.by_before[byte_before(text, at, 1)] & self.by_behind[byte_at(text, at + 1)]
    }

    fn look(&self, text: &[u8], at: usize, mut forms: u64, found: &mut Vec<Spot>) {
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
    }
}

#[inline]
fn byte_at(text: &[u8], at: usize) -> usize {
    text.get(at).map_or(NO_BYTE, |&byte| usize::from(byte))
}

#[inline]
fn byte_before(text: &[u8], at: usize, far: usize) -> usize {
    at.checked_sub(far).map_or(NO_BYTE, |before| usize::from(text[before]))
}

/// What stands at which byte of a block.
struct Marks {
    digits: u64,
    stops: u64,
    /// Of an assignment.
    signs: u64,
}

impl Marks {
    #[inline]
    fn of(block: &[u8; BLOCK]) -> Self {
        let (mut digits, mut stops, mut signs) = (0, 0, 0);
        for (index, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::from(*bytes);
            let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
            let are_signs = SIGNS.map(is).into_iter().fold(u8x16::splat(0), |all, one| all | one);
            digits |= u64::from(is_among(bytes, b'0', b'9').to_bitmask()) << (index * 16);
            stops |= u64::from(is(b'.').to_bitmask()) << (index * 16);
            signs |= u64::from(are_signs.to_bitmask()) << (index * 16);
        }
        Self { digits, stops, signs }
    }
}

fn is_digits(class: &Class) -> bool {
    class.contains(&true) && (0..=255u8).all(|byte| !class[usize::from(byte)] || byte.is_ascii_digit())
}

fn is_stop(class: &Class) -> bool {
    (0..=255u8).all(|byte| class[usize::from(byte)] == (byte == b'.'))
}
