//! A device's database: what is stored, what is under way, and what a crash makes of it.
//!
//! It keeps the shell's promise: stores and loads are done and reported in the order in which they were asked for. What is
//! stored and told goes through the object stores of a browser, as far as they are ours; the store in memory is the oracle
//! beside them.

use std::collections::{BTreeSet, VecDeque};

use jindou::client::{BatchId, Input, QueryId, StoreFailure};
use jindou::rows::{Answer, Batch, Change, Epoch, Query, transient_id};
use jindou::store::records::{MemoryTables, Records, Task, Value, schema};
use jindou::store::{MemoryStore, suite};

/// Of so many commits that fail one is kept all the same.
const KEPT: u64 = 3;

pub enum Pending {
    /// `told`: a defect has told the core already.
    Store {
        id: BatchId,
        batch: Batch,
        told: bool,
    },
    Load(QueryId, Query),
}

pub struct Disk {
    pub store: MemoryStore,
    tables: MemoryTables,
    /// What the tab knows of them.
    records: Records,
    handles: u64,
    /// What the tables and the store in memory do not agree on.
    pub disagreement: Option<String>,
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

impl Default for Disk {
    fn default() -> Self {
        Self {
            store: MemoryStore::new(),
            tables: MemoryTables::default(),
            records: Records::new(0),
            handles: 0,
            disagreement: None,
            pending: VecDeque::new(),
            busy_until: 0,
            full: false,
            committed: BTreeSet::new(),
        }
    }
}

impl Disk {
    /// A tab opens it and begins a tenure.
    pub fn claim(&mut self) -> Epoch {
        self.open_anew();
        let epoch = self.store.claim();
        let claimed = self.tables.perform(&mut self.records, Task::Claim, false);
        self.compare(claimed.map(|_| self.records.epoch()).map_or_else(
            |failure| Err(format!("claimed {epoch:?}, got {failure:?}")),
            |told| if told == epoch { Ok(()) } else { Err(format!("claimed {epoch:?}, got {told:?}")) },
        ));
        epoch
    }

    /// Every byte that is kept, record by record.
    pub fn raw(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        schema::TABLES.iter().flat_map(|table| {
            self.tables.records(table.name).filter_map(|(_, value)| match value {
                Value::Bytes(bytes) => Some((table.name, bytes.as_slice())),
                _ => None,
            })
        })
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreFailure> {
        let expected = self.store.apply(batch);
        let told = self.tables.perform(&mut self.records, Task::Apply(batch), false).map(|_| ());
        self.compare(suite::compare_outcome(&expected, &told));
        told
    }

    fn answer(&mut self, query: &Query) -> Result<Answer, StoreFailure> {
        let expected = self.store.answer(query);
        let told = self.tables.perform(&mut self.records, Task::Answer(query), false)?;
        let told = told.ok_or_else(|| StoreFailure::Failed("a query without an answer".to_owned()))?;
        self.compare(suite::compare(&expected, &told));
        if let Some(chore) = self.records.chore() {
            let done = self.tables.perform(&mut self.records, chore, false);
            self.compare(done.map(|_| ()).map_err(|failure| format!("a chore failed: {failure:?}")));
        }
        if self.records.unreadable() > 0 {
            self.compare(Err("a row cannot be read".to_owned()));
        }
        Ok(told)
    }

    /// `keeps`: it is there all the same, and the tab does not know.
    fn fail(&mut self, batch: &Batch, keeps: bool) -> StoreFailure {
        let failed = self.tables.perform(&mut self.records, Task::Apply(batch), true);
        if failed.is_ok() {
            self.compare(Err("a commit that failed was told as one".to_owned()));
        }
        if keeps {
            self.handles += 1;
            let told = self.tables.perform(&mut Records::new(self.handles), Task::Apply(batch), false).map(|_| ());
            let expected = self.store.apply(batch);
            self.compare(suite::compare_outcome(&expected, &told));
        }
        StoreFailure::Failed("the disk is full".to_owned())
    }

    fn open_anew(&mut self) {
        self.handles += 1;
        self.records = Records::new(self.handles);
    }

    fn compare(&mut self, told: Result<(), String>) {
        if let Err(difference) = told {
            self.disagreement.get_or_insert(difference);
        }
    }

    pub fn push(&mut self, pending: Pending) {
        self.pending.push_back(pending);
    }

    pub fn is_busy(&self) -> bool {
        !self.pending.is_empty()
    }

    pub fn batches_under_way(&self) -> impl Iterator<Item = &Batch> {
        self.pending.iter().filter_map(|pending| match pending {
            Pending::Store { batch, .. } => Some(batch),
            Pending::Load(..) => None,
        })
    }

    pub fn stores_under_way(&self) -> usize {
        self.batches_under_way().count()
    }

    /// Finishes the oldest operation.
    pub fn finish(&mut self, fails: bool) -> Option<Done> {
        Some(match self.pending.pop_front()? {
            Pending::Store { id, batch, told } => {
                let fails = (fails || self.full) && !told;
                let keeps = fails && !self.full && (id.0 + self.handles).is_multiple_of(KEPT);
                let outcome = if fails { Err(self.fail(&batch, keeps)) } else { self.apply(&batch) };
                let batch = (keeps || outcome.is_ok()).then(|| self.note(batch));
                Done { input: (!told).then_some(Input::Stored(id, outcome)), batch }
            }
            Pending::Load(id, query) => {
                let outcome = if fails {
                    Err(StoreFailure::Failed("the disk cannot be read".to_owned()))
                } else {
                    self.answer(&query)
                };
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
        let batch = first.filter(|batch| done && self.apply(batch).is_ok())?;
        Some(self.note(batch))
    }

    fn note(&mut self, batch: Batch) -> Batch {
        for change in &batch.changes {
            match change {
                Change::Message(row) => self.committed.extend(row.all_copies().iter().map(|copy| copy.message_id.0)),
                Change::Command(id, _) => {
                    // What has no place is remembered under a name of its own, which leads back to the id.
                    self.committed.extend([id.0, transient_id(*id).0]);
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
