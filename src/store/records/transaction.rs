//! The transactions, each in its rounds of reading, and what is known from one to the next.

use std::rc::Rc;

use crate::channel::Channel;
use crate::id::{MessageId, MessageSeq};
use crate::quotes::quoted;
use crate::rows::{Answer, Batch, ChannelRow, Copy, Epoch, Mark, MessageRow, OutboxRow, Query, Seen, StoreFailure};
use crate::sorted::{Map, Set};
use crate::store::codec::{self, Field};
use crate::store::journal::Journal;

use super::change::{self, Runs, remember};
use super::plan::Plan;
use super::{Read, Value, What, Writes, key, schema, seen};

/// What is to be done in one transaction.
pub enum Task<'a> {
    /// Begin a tenure: from then on batches of older ones are refused, whoever sends them.
    Claim,
    /// Where nothing can be written (a full disk): learn the tenure that the first batch will begin. Until then nobody is kept
    /// out, so only for who is alone by other means.
    ClaimLater,
    /// After the object stores were opened anew under us: are they what they were?
    Reopen,
    Apply(&'a Batch),
    Answer(&'a Query),
    /// Write a channel's many dedup runs as one.
    Merge(Channel, Vec<Seen>),
}

/// One transaction on its way.
pub struct Transaction<'a> {
    task: Task<'a>,
    /// Of a batch.
    plan: Plan<'a>,
    stage: Stage,
    /// How many rows of a page, once some could not be read.
    asked: usize,
    stored: Epoch,
    /// As it will be once this is committed.
    journal: Journal,
}

/// What has been read of it.
#[derive(Default)]
enum Stage {
    #[default]
    Nothing,
    First {
        with_journal: bool,
    },
    Aliases {
        seen: Vec<Seen>,
        aliases: Vec<(Copy, MessageSeq)>,
        marks: Vec<Mark>,
    },
}

/// What comes next in a transaction.
#[derive(Debug)]
pub enum Next {
    /// All at once; then go on with what was found, a list for each.
    Read(Vec<Read>),
    /// And commit.
    Write(Writes),
    /// Nothing more, and nothing was written.
    Found(Option<Answer>),
}

/// What one handle of the database knows of it.
pub struct Records {
    runs: Runs,
    /// As the database had it under this epoch. Nothing where that is not known: before the first use, after a failure, and
    /// while a transaction works on it.
    journal: Option<(Epoch, Journal)>,
    epoch: Epoch,
    unreadable: u32,
    chore: Option<(Channel, Vec<Seen>)>,
}

impl<'a> Transaction<'a> {
    pub fn new(task: Task<'a>) -> Self {
        let plan = if let Task::Apply(batch) = &task { Plan::new(&batch.changes) } else { Plan::default() };
        Self { task, plan, stage: Stage::Nothing, asked: 0, stored: Epoch::default(), journal: Journal::default() }
    }

    /// The object stores over which it goes.
    pub fn tables(&self) -> Vec<&'static str> {
        match &self.task {
            Task::Claim | Task::ClaimLater | Task::Reopen => vec![schema::META],
            Task::Apply(_) => self.plan.tables(),
            Task::Merge(..) => vec![schema::META, schema::SEEN],
            Task::Answer(query) => match query {
                Query::Hydrate => {
                    vec![schema::META, schema::JOURNAL, schema::OUTBOX, schema::CHANNELS, schema::COMMANDS]
                }
                Query::Channel(_) => {
                    vec![schema::META, schema::JOURNAL, schema::SEEN, schema::MESSAGES, schema::MARKS]
                }
                Query::Page { .. } | Query::Messages { .. } | Query::Quoting { .. } => vec![schema::MESSAGES],
                Query::Audit { .. } => vec![schema::AUDIT],
            },
        }
    }

    pub fn writes(&self) -> bool {
        !matches!(self.task, Task::Answer(_) | Task::ClaimLater)
    }

    fn wants_epoch(&self) -> bool {
        !matches!(self.task, Task::Answer(_)) || self.wants_journal()
    }

    fn wants_journal(&self) -> bool {
        matches!(self.task, Task::Apply(_) | Task::Answer(Query::Hydrate | Query::Channel(_)))
    }
}

impl Records {
    /// `handle` names it among all that ever have the database, within the safe integers.
    pub fn new(handle: u64) -> Self {
        Self {
            runs: Runs { handle: handle as f64, last: 0 },
            journal: None,
            epoch: Epoch::default(),
            unreadable: 0,
            chore: None,
        }
    }

    /// The newest tenure that it has seen in the database.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How many stored rows could not be read since the last call.
    pub fn unreadable(&mut self) -> u32 {
        core::mem::take(&mut self.unreadable)
    }

    /// What may be done before anything else comes. If it fails, it comes another time.
    pub fn chore(&mut self) -> Option<Task<'static>> {
        self.chore.take().map(|(channel, seen)| Task::Merge(channel, seen))
    }

    pub fn go_on(&mut self, transaction: &mut Transaction<'_>, found: Vec<Vec<Value>>) -> Result<Next, StoreFailure> {
        let mut found = found.into_iter();
        match core::mem::take(&mut transaction.stage) {
            Stage::Nothing => Ok(Next::Read(self.begin(transaction))),
            Stage::First { with_journal } => {
                if transaction.wants_epoch() {
                    transaction.stored = change::epoch_of(&found.next().unwrap_or_default());
                }
                if with_journal {
                    let records = found.next().unwrap_or_default();
                    transaction.journal = Journal::read(records.iter().map(|record| self.read_one(record)));
                } else if transaction.wants_journal() {
                    match self.journal.take() {
                        Some((epoch, journal)) if epoch == transaction.stored => transaction.journal = journal,
                        // Another writer came between: once more, with the journal as it left it.
                        _ => return Ok(Next::Read(self.begin(transaction))),
                    }
                }
                self.decide(transaction, found)
            }
            Stage::Aliases { seen, mut aliases, marks } => {
                // The copies beyond the first, as far as no other message has their places.
                aliases.retain(|_| found.next().is_none_or(|row| row.is_empty()));
                Ok(Next::Found(Some(Answer::Channel { seen, aliases, marks })))
            }
        }
    }

    /// Its writes were committed.
    pub fn committed(&mut self, transaction: Transaction<'_>) -> Result<(), StoreFailure> {
        let Transaction { task, stored, journal, .. } = transaction;
        match task {
            Task::Claim => self.epoch = stored.next(),
            Task::Reopen if stored < self.epoch => {
                return Err(StoreFailure::Failed("the browser emptied the database".to_owned()));
            }
            Task::Apply(batch) => {
                self.epoch = self.epoch.max(batch.epoch);
                self.journal = Some((batch.epoch, journal));
            }
            Task::Reopen | Task::Merge(..) | Task::ClaimLater | Task::Answer(_) => {}
        }
        Ok(())
    }

    fn begin(&mut self, transaction: &mut Transaction<'_>) -> Vec<Read> {
        // It would write what was read before this.
        self.chore = None;
        let mut reads = Vec::new();
        if transaction.wants_epoch() {
            reads.push(change::read_epoch());
        }
        let with_journal = transaction.wants_journal() && self.journal.is_none();
        if with_journal {
            reads.push(Read::all(schema::JOURNAL));
        }
        transaction.stage = Stage::First { with_journal };
        match &transaction.task {
            Task::Reopen => self.journal = None,
            Task::Apply(_) => reads.extend(change::what_it_changes(&transaction.plan)),
            Task::Answer(query) => reads.extend(reads_for(query)),
            Task::Claim | Task::ClaimLater | Task::Merge(..) => {}
        }
        reads
    }

    /// Everything that was asked for at first is there.
    fn decide(
        &mut self,
        transaction: &mut Transaction<'_>,
        mut found: impl Iterator<Item = Vec<Value>>,
    ) -> Result<Next, StoreFailure> {
        let stored = transaction.stored;
        let journal = &mut transaction.journal;
        Ok(match &transaction.task {
            Task::Claim => Next::Write(remember(stored.next())),
            Task::ClaimLater => {
                self.epoch = stored;
                Next::Found(None)
            }
            Task::Reopen => Next::Write(remember(stored.max(self.epoch))),
            Task::Merge(..) if self.epoch < stored => return Err(StoreFailure::Fenced),
            Task::Merge(channel, seen) => {
                let name = key::channel(channel);
                let mut writes = Writes::default();
                writes.delete(schema::SEEN, key::all_of(&name));
                self.runs.write(&name, seen, &mut writes);
                Next::Write(writes)
            }
            Task::Apply(batch) if batch.epoch < stored => return Err(StoreFailure::Fenced),
            Task::Apply(batch) => {
                let plan = &transaction.plan;
                let mut writes = if batch.epoch > stored { remember(batch.epoch) } else { Writes::default() };
                let left = change::left_of_seen(plan, journal, &mut found);
                let records = journal.add(plan.notes());
                if left.is_empty() && !journal.is_full() && !plan.withdraws() {
                    for (number, record) in records {
                        writes.put(schema::JOURNAL, number.into(), Value::Bytes(record));
                    }
                } else {
                    self.runs.fold(journal, left, &mut writes);
                }
                for ((channel, changes), stored) in plan.marks.iter().zip(found) {
                    change::write_marks(channel, changes, self.read(&stored), &mut writes);
                }
                change::write_rest(plan, &mut writes);
                Next::Write(writes)
            }
            Task::Answer(Query::Hydrate) => {
                let journal = core::mem::take(journal);
                Next::Found(Some(self.hydrated(found, stored, journal)))
            }
            Task::Answer(Query::Channel(channel)) => {
                let journal = core::mem::take(journal);
                let (stage, places) = self.channel(channel, found, stored, journal);
                transaction.stage = stage;
                Next::Read(places)
            }
            Task::Answer(Query::Audit { .. }) => {
                Next::Found(Some(Answer::Audit(self.read(&found.next().unwrap_or_default()))))
            }
            Task::Answer(Query::Page { channel, before, limit }) => {
                let rows = found.next().unwrap_or_default();
                let asked = transaction.asked.max(*limit);
                let all = rows.len() < asked;
                let rows = self.messages(channel, rows);
                // What cannot be read must not look like the start of the channel.
                if !all && rows.len() < *limit {
                    self.unreadable = 0;
                    transaction.asked = asked * 2;
                    transaction.stage = Stage::First { with_journal: false };
                    return Ok(Next::Read(vec![page(channel, *before, transaction.asked)]));
                }
                Next::Found(Some(Answer::Messages(rows.into_values().rev().take(*limit).collect())))
            }
            Task::Answer(Query::Messages { channel, .. }) => {
                let rows = self.messages(channel, found.collect::<Vec<_>>().concat());
                Next::Found(Some(Answer::Messages(rows.into_values().collect())))
            }
            Task::Answer(Query::Quoting { channel, copies }) => {
                let mut rows = self.messages(channel, found.collect::<Vec<_>>().concat());
                let is_meant = |id: &MessageId| copies.iter().any(|copy| copy.message_id == *id);
                rows.retain(|_, row| quoted(&row.content).iter().any(is_meant));
                Next::Found(Some(Answer::Messages(rows.into_values().collect())))
            }
        })
    }

    fn hydrated(&mut self, found: impl Iterator<Item = Vec<Value>>, epoch: Epoch, journal: Journal) -> Answer {
        let mut found = found;
        let mut next = || found.next().unwrap_or_default();
        let meta = self.read(&next()).pop().unwrap_or_default();
        let owed = next();
        let folded: Vec<ChannelRow> = self.read(&next());
        let mut commands: Vec<MessageId> = Vec::new();
        for id in next() {
            let Value::Text(id) = id else { continue };
            commands.extend(id.parse::<MessageId>().ok());
        }
        commands.sort_unstable();
        commands.dedup();
        let mut outbox: Map<u64, OutboxRow> = Map::new();
        for (value, key) in owed.iter().zip(next()) {
            match (self.read_one::<OutboxRow>(value), key) {
                (Some(row), Value::Text(key)) if *key == *row.client_msg_no.as_str() => {
                    outbox.insert(row.ordinal, row);
                }
                // Under another's number it would never leave the outbox.
                (Some(_), _) => self.unreadable += 1,
                (None, _) => {}
            }
        }
        let mut channels: Map<Channel, ChannelRow> = Map::new();
        for row in folded {
            channels.insert(row.channel.clone(), row);
        }
        for row in journal.rows() {
            if let Some(newer) = self.decoded::<ChannelRow>(Some(row)) {
                channels.insert(newer.channel.clone(), newer);
            }
        }
        self.journal = Some((epoch, journal));
        let (outbox, channels) = (outbox.into_values().collect(), channels.into_values().collect());
        Answer::Hydrated { meta, outbox, channels, commands }
    }

    /// What is known of a channel, and the places to look at before its copies are.
    fn channel(
        &mut self,
        channel: &Channel,
        found: impl Iterator<Item = Vec<Value>>,
        epoch: Epoch,
        journal: Journal,
    ) -> (Stage, Vec<Read>) {
        let name = key::channel(channel);
        let mut found = found;
        let mut next = || found.next().unwrap_or_default();
        let (runs, copied, marks) = (next(), next(), next());
        let mut seen = seen::from_runs(&runs);
        if runs.len() >= seen::MANY {
            self.chore = Some((channel.clone(), seen.clone()));
        }
        seen.extend(journal.seen(channel));
        self.journal = Some((epoch, journal));
        let (mut aliases, mut places) = (Vec::new(), Vec::new());
        for row in self.read::<MessageRow>(&copied) {
            for copy in row.copies {
                places.push(place(&name, copy.message_seq));
                aliases.push((copy, row.message_seq));
            }
        }
        (Stage::Aliases { seen, aliases, marks: self.read(&marks) }, places)
    }

    /// Those of this channel, by their places. What another one's record holds is as good as unreadable.
    fn messages(&mut self, channel: &Channel, found: Vec<Value>) -> Map<MessageSeq, MessageRow> {
        let mut rows = Map::new();
        // The newest come first, and the map grows at its end.
        for value in found.iter().rev() {
            let Some(row) = self.read_one::<MessageRow>(value) else { continue };
            if row.channel == *channel {
                rows.insert(row.message_seq, row);
            }
        }
        rows
    }

    /// The rows that can be read; the others are counted, stay where they are and are not shown.
    fn read<T: Field>(&mut self, values: &[Value]) -> Vec<T> {
        let mut rows = Vec::new();
        for value in values {
            rows.extend(self.read_one(value));
        }
        rows
    }

    fn read_one<T: Field>(&mut self, value: &Value) -> Option<T> {
        self.decoded(if let Value::Bytes(bytes) = value { Some(bytes) } else { None })
    }

    fn decoded<T: Field>(&mut self, bytes: Option<&[u8]>) -> Option<T> {
        let row = bytes.and_then(codec::decode);
        if row.is_none() {
            self.unreadable += 1;
        }
        row
    }
}

/// What is read for it, beside the journal.
fn reads_for(query: &Query) -> Vec<Read> {
    match query {
        Query::Hydrate => vec![
            change::read_meta(),
            Read::all(schema::OUTBOX),
            Read::all(schema::CHANNELS),
            Read::all(schema::COMMANDS),
            Read { what: What::Keys, ..Read::all(schema::OUTBOX) },
        ],
        Query::Channel(channel) => {
            let name = key::channel(channel);
            vec![
                Read::range(schema::SEEN, key::all_of(&name)),
                Read::indexed(schema::MESSAGES, schema::COPIED, &name),
                Read::range(schema::MARKS, key::all_of(&name)),
            ]
        }
        Query::Page { limit: 0, .. } | Query::Audit { limit: 0 } => Vec::new(),
        Query::Page { channel, before, limit } => vec![page(channel, *before, *limit)],
        Query::Messages { channel, seqs } => {
            let name = key::channel(channel);
            let seqs: Set<MessageSeq> = seqs.iter().copied().collect();
            seqs.iter().map(|seq| place(&name, *seq)).collect()
        }
        Query::Quoting { channel, copies } => {
            let name = key::channel(channel);
            let indexed = |field| Read::indexed(schema::MESSAGES, schema::QUOTES, &field);
            let mut reads: Vec<Read> = copies.iter().map(|copy| indexed(key::quote(&name, copy.message_id))).collect();
            reads.push(indexed(key::quotes_several(&name)));
            reads
        }
        Query::Audit { limit } => vec![Read { limit: Some(limited(*limit)), ..Read::all(schema::AUDIT) }],
    }
}

/// The first so many, which are the newest since keys fall.
fn page(channel: &Channel, before: Option<MessageSeq>, limit: usize) -> Read {
    let name = key::channel(channel);
    let range = match before {
        Some(before) => key::below_seq(&name, before),
        None => key::all_of(&name),
    };
    Read { limit: Some(limited(limit)), ..Read::range(schema::MESSAGES, range) }
}

fn limited(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// The message placed at this seq.
fn place(channel: &Rc<str>, seq: MessageSeq) -> Read {
    Read::only(schema::MESSAGES, key::message(channel, seq))
}
