//! Dedup information as small binary runs: a few records for a channel, however many messages it has.
//!
//! A run is a list of (hash, placed_at), 16 bytes each. A batch adds its own to the channel's *tail*, which is written anew
//! until it is full; a large batch makes runs of its own. A channel with many runs is merged when it is loaded.

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

use crate::id::MessageSeq;
use crate::rows::Seen;

const ENTRY: usize = 16;
/// What a tail holds: 2 KB, which a message that comes alone rewrites.
const TAIL: usize = 128;
/// Browsers keep values above some 60 KB in files of their own, which clean-up tools delete.
const RUN: usize = 56 * 1024 / ENTRY;
/// From this many runs on a channel is merged.
pub const MANY: usize = 32;

/// The run that a channel's next messages join. Its number is its key.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    pub number: u64,
    pub entries: Vec<Seen>,
}

/// A record to be written.
pub struct Run {
    pub number: u64,
    pub entries: Vec<Seen>,
}

impl Tail {
    /// The records that keep these too, and the tail from then on.
    pub fn join(&self, added: Vec<Seen>, next_number: &mut u64) -> (Vec<Run>, Tail) {
        if added.len() > TAIL {
            return (runs(added, next_number), self.clone());
        }
        let mut tail = self.clone();
        if tail.entries.is_empty() || tail.entries.len() + added.len() > TAIL {
            tail = Tail { number: take(next_number), entries: Vec::new() };
        }
        tail.entries.extend(added);
        (vec![Run { number: tail.number, entries: tail.entries.clone() }], tail)
    }
}

/// As few runs as may be.
pub fn runs(entries: Vec<Seen>, next_number: &mut u64) -> Vec<Run> {
    entries.chunks(RUN).map(|entries| Run { number: take(next_number), entries: entries.to_vec() }).collect()
}

fn take(next_number: &mut u64) -> u64 {
    *next_number += 1;
    *next_number
}

pub fn to_value(entries: &[Seen]) -> JsValue {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY);
    for entry in entries {
        bytes.extend_from_slice(&entry.hash.to_le_bytes());
        bytes.extend_from_slice(&entry.placed_at.0.to_le_bytes());
    }
    Uint8Array::from(bytes.as_slice()).into()
}

/// Sorted, each once; what is no run is nothing.
pub fn from_values(values: &[JsValue]) -> Vec<Seen> {
    let mut entries = Vec::new();
    for value in values {
        let Some(bytes) = value.dyn_ref::<Uint8Array>() else { continue };
        entries.extend(bytes.to_vec().chunks_exact(ENTRY).map(|entry| {
            let number = |half: &[u8]| half.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
            Seen { hash: number(&entry[..8]), placed_at: MessageSeq(number(&entry[8..])) }
        }));
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}
