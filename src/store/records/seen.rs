//! A channel's dedup information as small binary runs: a list of (hash, placed_at), 16 bytes each.
//!
//! The journal's folds write them. A channel with many runs is merged when it is loaded.

use crate::id::MessageSeq;
use crate::rows::Seen;

use super::Value;

const ENTRY: usize = 16;
/// Browsers keep values above some 60 KB in files of their own, which clean-up tools delete.
const RUN: usize = 56 * 1024 / ENTRY;
/// From this many runs on a channel is merged.
pub const MANY: usize = 32;

/// As few runs as may be.
pub fn to_runs(entries: &[Seen]) -> impl Iterator<Item = Vec<u8>> + '_ {
    entries.chunks(RUN).map(|run| {
        let mut bytes = Vec::with_capacity(run.len() * ENTRY);
        for entry in run {
            bytes.extend_from_slice(&entry.hash.to_le_bytes());
            bytes.extend_from_slice(&entry.placed_at.0.to_le_bytes());
        }
        bytes
    })
}

/// Sorted, each once; what is no run is nothing.
pub fn from_runs(runs: &[Value]) -> Vec<Seen> {
    let mut entries = Vec::new();
    for run in runs {
        let Value::Bytes(bytes) = run else { continue };
        entries.extend(bytes.as_chunks::<ENTRY>().0.iter().map(|entry| {
            let number = |half: &[u8]| half.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
            Seen { hash: number(&entry[..8]), placed_at: MessageSeq(number(&entry[8..])) }
        }));
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}
