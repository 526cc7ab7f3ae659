//! A device's database: what is stored, what is under way, and what a crash makes of it.
//!
//! It keeps the shell's promise: stores and loads are done and reported in the order in which they were asked for.

use std::collections::{BTreeSet, VecDeque};

use jindou::client::{BatchId, Input, QueryId, StoreFailure};
use jindou::rows::{Batch, Change, Query, passing_id};
use jindou::store::MemoryStore;

pub enum Pending {
    /// `told`: a defect has told the core already.
    Store {
        id: BatchId,
        batch: Batch,
        told: bool,
    },
    Load(QueryId, Query),
}

#[derive(Default)]
pub struct Disk {
    pub store: MemoryStore,
    pending: VecDeque<Pending>,
    pub busy_until: u64,
    /// Nothing more can be stored; what is there can be read.
    pub full: bool,
    /// Every message, command or unreadable packet that was ever committed here.
    pub committed: BTreeSet<i64>,
}

/// What one finished operation did.
pub struct Done {
    pub input: Option<Input>,
    /// What was stored, if anything.
    pub batch: Option<Batch>,
}

impl Disk {
    pub fn push(&mut self, pending: Pending) {
        self.pending.push_back(pending);
    }

    pub fn is_busy(&self) -> bool {
        !self.pending.is_empty()
    }

    pub fn stores_under_way(&self) -> usize {
        self.pending.iter().filter(|pending| matches!(pending, Pending::Store { .. })).count()
    }

    /// Finishes the oldest operation.
    pub fn finish(&mut self, fails: bool) -> Option<Done> {
        let failure = || StoreFailure::Failed("the disk is full".to_owned());
        Some(match self.pending.pop_front()? {
            Pending::Store { id, batch, told } => {
                let outcome = if (fails || self.full) && !told { Err(failure()) } else { self.store.apply(&batch) };
                let batch = outcome.is_ok().then(|| self.note(batch));
                Done { input: (!told).then_some(Input::Stored(id, outcome)), batch }
            }
            Pending::Load(id, query) => {
                let outcome = if fails { Err(failure()) } else { Ok(self.store.answer(&query)) };
                Done { input: Some(Input::Loaded(id, outcome)), batch: None }
            }
        })
    }

    /// The tab is gone. A store that was under way is either done or not.
    pub fn crash(&mut self, done: bool) -> Option<Batch> {
        let first = self.pending.drain(..).find_map(|pending| match pending {
            Pending::Store { batch, .. } => Some(batch),
            Pending::Load(..) => None,
        });
        self.busy_until = 0;
        let batch = first.filter(|batch| done && self.store.apply(batch).is_ok())?;
        Some(self.note(batch))
    }

    fn note(&mut self, batch: Batch) -> Batch {
        for change in &batch.changes {
            match change {
                Change::Message(row) => self.committed.extend(row.all_copies().iter().map(|copy| copy.message_id.0)),
                Change::Command(id, _) => {
                    // What has no place is remembered under a name of its own, which leads back to the id.
                    self.committed.extend([id.0, passing_id(*id).0]);
                }
                Change::Quarantine(row) => {
                    self.committed.insert(row.message_id.0);
                }
                _ => {}
            }
        }
        batch
    }
}
