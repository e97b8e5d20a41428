//! What has been looked at before, by keyed digests of its raw bytes: an agent sends its whole history each time, and many
//! agents send the same instructions and tools. Bodies are not kept.
//!
//! The same bytes are the same item only where they are understood in the same way: dialect and member's name are part of
//! the digest. An item is found without a walk when it is as long as what stood in its place before; that is only a guess of
//! where it ends, its digest decides.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::digest::Key;

/// The known items of one worker, with what was found in them. It is full at `most_items`: then the older half is forgotten.
#[derive(Debug)]
pub struct Memo<N> {
    pub(super) key: Key,
    most: usize,
    generations: Mutex<Generations<N>>,
}

#[derive(Debug)]
struct Generations<N> {
    new: Table<N>,
    old: Table<N>,
}

type Table<N> = HashMap<u128, Known<N>, BuildHasherDefault<OfDigest>>;

/// What is known of an item, or of the place where a list or a member begins.
#[derive(Debug)]
pub(super) struct Known<N> {
    pub(super) note: Option<Arc<N>>,
    pub(super) is_models: bool,
    /// How long the item was that stood next the last time; 0 when none did.
    pub(super) next: usize,
}

impl<N> Clone for Known<N> {
    fn clone(&self) -> Self {
        Self { note: self.note.clone(), ..*self }
    }
}

/// An item that is to be known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) digest: u128,
    pub(super) is_models: bool,
}

/// How long what stood behind an item was, or at the beginning of a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Follows {
    pub(super) digest: u128,
    pub(super) is_place: bool,
    pub(super) length: usize,
}

impl<N> Memo<N> {
    /// With no items. `seed` is secret.
    #[must_use]
    pub fn new(seed: u64, most_items: usize) -> Self {
        let generations = Mutex::new(Generations { new: Table::default(), old: Table::default() });
        Self { key: Key::new(seed), most: most_items.div_ceil(2).max(1), generations }
    }

    /// How many items are known.
    #[must_use]
    pub fn count(&self) -> usize {
        let generations = self.lock();
        generations.new.len() + generations.old.len()
    }

    pub(super) fn known(&self, digest: u128) -> Option<Known<N>> {
        let mut generations = self.lock();
        if let Some(known) = generations.new.get(&digest) {
            return Some(known.clone());
        }
        let known = generations.old.remove(&digest)?;
        let dropped = generations.insert(digest, known.clone(), self.most);
        drop(generations); // notes are freed outside of the lock: they may be anything
        drop(dropped);
        Some(known)
    }

    /// Know `items`; `notes` are by their indices. A note that is there already stays when there is no other.
    pub(super) fn remember(&self, items: &[Item], mut notes: HashMap<usize, N>, follows: &[Follows]) {
        let mut dropped = Vec::new();
        let mut generations = self.lock();
        for (index, item) in items.iter().enumerate() {
            let note = notes.remove(&index).map(Arc::new);
            if let Some(known) = generations.get_mut(item.digest) {
                dropped.extend(note.and_then(|note| known.note.replace(note)).map(Notes::One));
            } else {
                let known = Known { note, is_models: item.is_models, next: 0 };
                dropped.extend(generations.insert(item.digest, known, self.most).map(Notes::All));
            }
        }
        for follow in follows {
            if let Some(known) = generations.get_mut(follow.digest) {
                known.next = follow.length;
            } else if follow.is_place {
                let place = Known { note: None, is_models: false, next: follow.length };
                dropped.extend(generations.insert(follow.digest, place, self.most).map(Notes::All));
            }
        }
        drop(generations);
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, Generations<N>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(dead_code, reason = "held to be dropped")]
enum Notes<N> {
    One(Arc<N>),
    All(Table<N>),
}

impl<N> Generations<N> {
    fn get_mut(&mut self, digest: u128) -> Option<&mut Known<N>> {
        self.new.get_mut(&digest).or_else(|| self.old.get_mut(&digest))
    }

    /// Gives what is forgotten for it.
    fn insert(&mut self, digest: u128, known: Known<N>, most: usize) -> Option<Table<N>> {
        let is_full = self.new.len() >= most;
        let forgotten = is_full.then(|| mem::replace(&mut self.old, mem::take(&mut self.new)));
        self.new.insert(digest, known);
        forgotten
    }
}

/// A digest is its own hash.
#[derive(Default)]
struct OfDigest(u64);

impl Hasher for OfDigest {
    fn write(&mut self, _: &[u8]) {}

    #[expect(clippy::cast_possible_truncation, reason = "half of it will do")]
    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
