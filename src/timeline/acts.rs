//! Which acts of sending a channel has seen, by hash, and where their messages are: what dedup asks for every message.
//!
//! Large, and filled in any order, hence not a `sorted::Map`: a long sorted list that is seldom written, and a short one
//! that takes what is new until it is worth a merge. A `BTreeMap` would be 1.4 KB more of the package, compressed.

use crate::id::MessageSeq;
use crate::sorted::Map;

/// What is new is merged from so many on, and a little later where the list is long.
const MANY: usize = 512;
const SHARE: usize = 64;

#[derive(Default)]
pub struct Acts {
    merged: Vec<(u64, MessageSeq)>,
    /// Counts where both have a hash.
    new: Map<u64, MessageSeq>,
}

impl Acts {
    pub fn get(&self, hash: u64) -> Option<MessageSeq> {
        if let Some(placed_at) = self.new.get(&hash) {
            return Some(*placed_at);
        }
        let at = self.merged.binary_search_by(|(known, _)| known.cmp(&hash)).ok()?;
        Some(self.merged[at].1)
    }

    pub fn insert(&mut self, hash: u64, placed_at: MessageSeq) {
        self.new.insert(hash, placed_at);
        if self.new.len() >= MANY + self.merged.len() / SHARE {
            self.merge();
        }
    }

    /// Takes out what is placed from this seq on, and gives its hashes.
    pub fn cut(&mut self, from: MessageSeq) -> Vec<(u64, MessageSeq)> {
        self.merge();
        self.merged.extract_if(.., |(_, placed_at)| *placed_at >= from).collect()
    }

    fn merge(&mut self) {
        let mut merged = Vec::with_capacity(self.merged.len() + self.new.len());
        let mut known = core::mem::take(&mut self.merged).into_iter().peekable();
        for (hash, placed_at) in core::mem::take(&mut self.new) {
            while let Some(lower) = known.next_if(|(known, _)| *known < hash) {
                merged.push(lower);
            }
            known.next_if(|(known, _)| *known == hash);
            merged.push((hash, placed_at));
        }
        merged.extend(known);
        self.merged = merged;
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_knows_what_a_map_knows(
            steps in prop::collection::vec((0u64..3_000, 0u64..9), 0..4_000),
            cut in 0u64..9,
        ) {
            let (mut ours, mut theirs) = (Acts::default(), BTreeMap::new());
            for (hash, seq) in steps {
                ours.insert(hash, MessageSeq(seq));
                theirs.insert(hash, MessageSeq(seq));
            }
            for hash in 0..3_000 {
                prop_assert_eq!(ours.get(hash), theirs.get(&hash).copied());
            }
            let gone: Vec<_> = theirs.extract_if(.., |_, seq| seq.0 >= cut).collect();
            prop_assert_eq!(ours.cut(MessageSeq(cut)), gone);
            for hash in 0..3_000 {
                prop_assert_eq!(ours.get(hash), theirs.get(&hash).copied());
            }
        }
    }
}
