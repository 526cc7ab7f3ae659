//! The persistence contract over IndexedDB, by rexie.
//!
//! One transaction a batch, one record a message; dedup information and channel rows go through a journal (`store::journal`),
//! of which memory has a copy. Success is `Committed` and nothing else. The epoch is read in the same transaction that writes.
//!
//! The browser may take the database away at any time (another tab upgrades it, a person clears the site's data, the
//! process that holds it dies). Then the next transaction does not begin; it is opened again, and if it came back
//! empty, that batch fails, so that the core reads it anew.

use std::cell::{Cell, RefCell};

use js_sys::{Reflect, Uint8Array};
use rexie::{KeyRange, Rexie, RexieBuilder, Transaction, TransactionMode};
use wasm_bindgen::{JsCast, JsValue};

use crate::channel::Channel;
use crate::client::StoreFailure;
use crate::id::{MessageId, MessageSeq};
use crate::quotes::quoted;
use crate::rows::{Answer, Batch, ChannelRow, Copy, Epoch, Mark, MessageRow, OutboxRow, Query, Seen};
use crate::sorted::{Map, Set};
use crate::store::codec::{self, Field};
use crate::store::journal::{Journal, Note};
use crate::store::same_message;
use crate::time::Wall;

use super::clock;
use super::failure::Failure;
use super::plan::{MarkChange, Plan};
use super::requests::{Request, Writes, commit, only, read, read_index, read_keys, together};
use super::{keys, schema, seen};

const EPOCH: &str = "epoch";
const META: &str = "meta";
const ROW: &str = "row";
/// Another tab with an older version may keep us out for as long as it likes.
const OPENING: u32 = 10_000;

pub struct IndexedStore {
    name: String,
    /// Not there between a loss and the next use, and once it is closed.
    database: RefCell<Option<Rexie>>,
    closed: Cell<bool>,
    /// Names the runs that this handle writes, so that they never meet those of another.
    handle: f64,
    next_run: Cell<u64>,
    /// As the database had it under this epoch. Nothing where that is not known: before the first use, after a failure, and
    /// while a transaction works on it.
    journal: Cell<Option<(Epoch, Journal)>>,
    epoch: Cell<Epoch>,
    unreadable: Cell<u32>,
}

impl IndexedStore {
    /// Opens the database, and makes it at the first time.
    pub async fn open(name: &str) -> Result<Self, StoreFailure> {
        let database = open(name).await?;
        let [a, b, c, d, e, f, g, ..] = *uuid::Uuid::new_v4().as_bytes();
        // 53 bits, which a key holds.
        let handle = u64::from_le_bytes([a, b, c, d, e, f, g & 0x1f, 0]) as f64;
        Ok(Self {
            name: name.to_owned(),
            database: RefCell::new(Some(database)),
            closed: Cell::new(false),
            handle,
            next_run: Cell::new(0),
            journal: Cell::default(),
            epoch: Cell::default(),
            unreadable: Cell::new(0),
        })
    }

    /// Begins a tenure: from now on batches of older ones are refused, whoever sends them.
    pub async fn claim(&self) -> Result<Epoch, StoreFailure> {
        let tx = self.begin(&[schema::META], TransactionMode::ReadWrite).await?;
        let claimed = stored_epoch(&tx).await.map(|stored| Epoch(stored.0 + 1));
        let epoch = claimed.as_ref().copied().unwrap_or_default();
        commit(tx, claimed.map(remember)).await?;
        self.epoch.set(epoch);
        Ok(epoch)
    }

    /// Where nothing can be written (a full disk): the tenure that the first batch will begin. Until then nobody is kept out, so only
    /// for who is alone by other means.
    pub async fn claim_later(&self) -> Result<Epoch, StoreFailure> {
        let tx = self.begin(&[schema::META], TransactionMode::ReadOnly).await?;
        let stored = stored_epoch(&tx).await?;
        self.epoch.set(stored);
        Ok(Epoch(stored.0 + 1))
    }

    /// How many stored rows could not be read since the last call.
    pub fn unreadable(&self) -> u32 {
        self.unreadable.take()
    }

    /// For good.
    pub fn close(&self) {
        self.closed.set(true);
        if let Some(database) = self.database.take() {
            database.close();
        }
    }

    /// Closes and deletes it.
    pub async fn wipe(&self) -> Result<(), StoreFailure> {
        self.close();
        Ok(clock::within(OPENING, Rexie::delete(&self.name)).await.ok_or_else(blocked)?.map_err(Failure::from)?)
    }

    pub async fn apply(&self, batch: &Batch) -> Result<(), StoreFailure> {
        let plan = Plan::new(&batch.changes);
        let tx = self.begin(&plan.tables(), TransactionMode::ReadWrite).await?;
        let mut journal = Journal::default();
        let writes = self.writes(&tx, batch.epoch, &plan, &mut journal).await;
        commit(tx, writes).await?;
        self.epoch.set(self.epoch.get().max(batch.epoch));
        self.journal.set(Some((batch.epoch, journal)));
        Ok(())
    }

    pub async fn answer(&self, query: &Query) -> Result<Answer, StoreFailure> {
        let tx = self.begin(tables(query), TransactionMode::ReadOnly).await?;
        Ok(self.found(tx, query).await?)
    }

    /// What a transaction of this batch writes, and the journal as it is then.
    async fn writes(
        &self,
        tx: &Transaction,
        epoch: Epoch,
        plan: &Plan<'_>,
        journal: &mut Journal,
    ) -> Result<Writes, Failure> {
        let stored;
        (stored, *journal) = self.journal(tx).await?;
        if epoch < stored {
            return Err(Failure::Fenced);
        }
        let mut writes = if epoch > stored { remember(epoch) } else { Writes::default() };
        let mut known = together(what_it_changes(tx, plan)?).await?.into_iter();
        let left = left_of_seen(plan, journal, &mut known);
        let records = journal.add(plan.notes());
        if left.is_empty() && !journal.is_full() {
            for (number, value) in records {
                writes.put(schema::JOURNAL, from_number(number), Uint8Array::from(value.as_slice()).into());
            }
        } else {
            self.fold(journal, left, &mut writes)?;
        }
        for ((channel, changes), stored) in plan.marks.iter().zip(known) {
            write_marks(channel, changes, self.read(stored), &mut writes);
        }
        write_rest(plan, &mut writes)?;
        Ok(writes)
    }

    /// The journal, read again where it is not known or another writer came between, and the epoch under which it stands.
    async fn journal(&self, tx: &Transaction) -> Result<(Epoch, Journal), Failure> {
        let stored = stored_epoch(tx).await?;
        if let Some(known) = self.journal.take().filter(|(epoch, _)| *epoch == stored) {
            return Ok(known);
        }
        let records = one(read(tx, schema::JOURNAL, None, None)?).await?;
        Ok((stored, Journal::read(records.iter().map(|record| self.read_one(record)))))
    }

    /// Writes what the journal holds into the channels' own records; those in `left` replace all runs of their channels.
    fn fold(&self, journal: &mut Journal, left: Vec<Note>, writes: &mut Writes) -> Result<(), Failure> {
        for note in &left {
            writes.delete(schema::SEEN, keys::all_of(&keys::channel(&note.channel).into())?.into());
        }
        if journal.records() > 0 {
            writes.delete(schema::JOURNAL, keys::numbers()?.into());
        }
        for (channel, note) in journal.fold(left) {
            let name = JsValue::from_str(&keys::channel(&channel));
            self.write_runs(&name, &note.seen, writes);
            if let Some(row) = note.row {
                writes.put(schema::CHANNELS, name, Uint8Array::from(row.as_slice()).into());
            }
        }
        Ok(())
    }

    fn write_runs(&self, channel: &JsValue, seen: &[Seen], writes: &mut Writes) {
        for run in seen::to_values(seen) {
            // Numbers are never given twice, even if this transaction fails.
            let number = self.next_run.get() + 1;
            self.next_run.set(number);
            writes.put(schema::SEEN, keys::triple(channel, &self.handle.into(), &from_number(number)), run);
        }
    }

    async fn found(&self, tx: Transaction, query: &Query) -> Result<Answer, Failure> {
        let journal = match query {
            Query::Hydrate | Query::Channel(_) => self.journal(&tx).await?,
            _ => Default::default(),
        };
        let found = together(requests(&tx, query)?).await?;
        Ok(match query {
            Query::Hydrate => self.hydrated(found, journal),
            Query::Channel(channel) => self.channel(tx, channel, found, journal).await?,
            Query::Audit { .. } => Answer::Audit(self.read(found.concat())),
            Query::Quoting { channel, copies } => self.quoting(channel, found, copies),
            Query::Page { channel, before, limit } => self.page(&tx, channel, *before, *limit, found).await?,
            Query::Messages { channel, .. } => Answer::Messages(self.messages(channel, found).into_values().collect()),
        })
    }

    /// As many as are wanted, if there are so many: what cannot be read must not look like the start of the channel.
    async fn page(
        &self,
        tx: &Transaction,
        channel: &Channel,
        before: Option<MessageSeq>,
        limit: usize,
        mut found: Vec<Vec<JsValue>>,
    ) -> Result<Answer, Failure> {
        let mut asked = limit;
        loop {
            let all = found.iter().map(Vec::len).sum::<usize>() < asked;
            let rows = self.messages(channel, found);
            if all || rows.len() >= limit {
                return Ok(Answer::Messages(rows.into_values().rev().take(limit).collect()));
            }
            self.unreadable.take();
            asked *= 2;
            let query = Query::Page { channel: channel.clone(), before, limit: asked };
            found = together(requests(tx, &query)?).await?;
        }
    }

    /// Those of this channel, by their places. What another one's record holds is as good as unreadable.
    fn messages(&self, channel: &Channel, found: Vec<Vec<JsValue>>) -> Map<MessageSeq, MessageRow> {
        let mut rows = Map::new();
        // The newest come first, and the map grows at its end.
        for row in found.concat().iter().rev().filter_map(|value| self.read_one::<MessageRow>(value)) {
            if row.channel == *channel {
                rows.insert(row.message_seq, row);
            }
        }
        rows
    }

    fn hydrated(&self, found: Vec<Vec<JsValue>>, (epoch, journal): (Epoch, Journal)) -> Answer {
        let mut found = found.into_iter();
        let mut next = || found.next().unwrap_or_default();
        let meta = self.read(next()).pop().unwrap_or_default();
        let owed = next();
        let folded: Vec<ChannelRow> = self.read(next());
        let mut commands: Vec<MessageId> = Vec::new();
        for id in next() {
            commands.extend(id.as_string().and_then(|id| id.parse::<MessageId>().ok()));
        }
        commands.sort_unstable();
        commands.dedup();
        let mut outbox: Map<u64, OutboxRow> = Map::new();
        for (value, key) in owed.iter().zip(next()) {
            match self.read_one::<OutboxRow>(value) {
                Some(row) if key.as_string().as_deref() == Some(row.client_msg_no.as_str()) => {
                    outbox.insert(row.ordinal, row);
                }
                // Under another's number it would never leave the outbox.
                Some(_) => self.unreadable.set(self.unreadable.get() + 1),
                None => {}
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
        self.journal.set(Some((epoch, journal)));
        let (outbox, channels) = (outbox.into_values().collect(), channels.into_values().collect());
        Answer::Hydrated { meta, outbox, channels, commands }
    }

    async fn channel(
        &self,
        tx: Transaction,
        channel: &Channel,
        found: Vec<Vec<JsValue>>,
        (epoch, journal): (Epoch, Journal),
    ) -> Result<Answer, Failure> {
        let name = JsValue::from_str(&keys::channel(channel));
        let mut found = found.into_iter();
        let mut next = || found.next().unwrap_or_default();
        let (runs, copied, marks) = (next(), next(), next());
        let aliases = self.aliases(&tx, &name, self.read(copied)).await?;
        let mut seen = seen::from_values(&runs);
        let in_journal = journal.seen(channel);
        self.journal.set(Some((epoch, journal)));
        if runs.len() >= seen::MANY {
            let tx = self.begin(&[schema::META, schema::SEEN], TransactionMode::ReadWrite).await?;
            // A failure leaves the runs as they were, and they are merged another time.
            let _ = self.merge(tx, &name, &seen).await;
        }
        seen.extend(in_journal);
        Ok(Answer::Channel { seen, aliases, marks: self.read(marks) })
    }

    fn quoting(&self, channel: &Channel, found: Vec<Vec<JsValue>>, copies: &[Copy]) -> Answer {
        let mut rows = self.messages(channel, found);
        let is_meant = |id: &MessageId| copies.iter().any(|copy| copy.message_id == *id);
        rows.retain(|_, row| quoted(&row.content).iter().any(is_meant));
        Answer::Messages(rows.into_values().collect())
    }

    /// The copies beyond the first of these rows, as far as no other message has their places.
    async fn aliases(
        &self,
        tx: &Transaction,
        channel: &JsValue,
        copied: Vec<MessageRow>,
    ) -> Result<Vec<(Copy, MessageSeq)>, Failure> {
        let (mut aliases, mut requests) = (Vec::new(), Vec::new());
        for row in copied {
            for copy in row.copies {
                requests.push(place(tx, channel, copy.message_seq)?);
                aliases.push((copy, row.message_seq));
            }
        }
        let mut found = together(requests).await?.into_iter();
        aliases.retain(|_| found.next().is_none_or(|row| row.is_empty()));
        Ok(aliases)
    }

    /// Writes a channel's runs as one. Nothing comes between the reading and this: calls follow each other.
    async fn merge(&self, tx: Transaction, channel: &JsValue, seen: &[Seen]) -> Result<(), Failure> {
        let all = keys::all_of(channel)?;
        let writes = stored_epoch(&tx).await.and_then(|stored| {
            if self.epoch.get() < stored {
                return Err(Failure::Fenced);
            }
            let mut writes = Writes::default();
            writes.delete(schema::SEEN, all.into());
            self.write_runs(channel, seen, &mut writes);
            Ok(writes)
        });
        commit(tx, writes).await
    }

    /// The rows that can be read; the others are counted, stay where they are and are not shown.
    fn read<T: Field>(&self, values: Vec<JsValue>) -> Vec<T> {
        let mut rows = Vec::new();
        for value in &values {
            rows.extend(self.read_one(value));
        }
        rows
    }

    fn read_one<T: Field>(&self, value: &JsValue) -> Option<T> {
        self.decoded(row_of(value).map(|row| row.to_vec()).as_deref())
    }

    fn decoded<T: Field>(&self, bytes: Option<&[u8]>) -> Option<T> {
        let row = bytes.and_then(codec::decode);
        if row.is_none() {
            self.unreadable.set(self.unreadable.get() + 1);
        }
        row
    }

    async fn begin(&self, tables: &[&str], mode: TransactionMode) -> Result<Transaction, Failure> {
        if let Some(database) = &*self.database.borrow()
            && let Ok(tx) = database.transaction(tables, mode)
        {
            return Ok(tx);
        }
        self.reopen().await?;
        match &*self.database.borrow() {
            Some(database) => Ok(database.transaction(tables, mode)?),
            None => Err(Failure::Failed("the database is closed".to_owned())),
        }
    }

    async fn reopen(&self) -> Result<(), Failure> {
        if self.closed.get() {
            return Err(Failure::Failed("the database is closed".to_owned()));
        }
        // It may have failed to open the last time, too.
        if let Some(old) = self.database.take() {
            old.close();
        }
        self.journal.take();
        let database = open(&self.name).await?;
        let begun = database.transaction(&[schema::META], TransactionMode::ReadWrite);
        // Ours to close, whatever becomes of it.
        self.database.replace(Some(database));
        let tx = begun?;
        let epoch = self.epoch.get();
        let stored = stored_epoch(&tx).await;
        let emptied = stored.as_ref().is_ok_and(|stored| *stored < epoch);
        commit(tx, stored.map(|stored| remember(stored.max(epoch)))).await?;
        if emptied {
            return Err(Failure::Failed("the browser emptied the database".to_owned()));
        }
        Ok(())
    }
}

/// Also one that never came so far as to be used: what stays open keeps others from deleting the database.
impl Drop for IndexedStore {
    fn drop(&mut self) {
        self.close();
    }
}

async fn open(name: &str) -> Result<Rexie, Failure> {
    // First as it is: what is none of ours stays so.
    let database = build(schema::builder(name)).await?;
    let wanted = schema::wanted(&database);
    if let Ok(None) = wanted {
        return Ok(database);
    }
    database.close();
    let builder = schema::builder(name);
    build(wanted?.into_iter().fold(builder, RexieBuilder::version)).await
}

async fn build(builder: RexieBuilder) -> Result<Rexie, Failure> {
    Ok(clock::within(OPENING, builder.build()).await.ok_or_else(blocked)??)
}

fn blocked() -> Failure {
    Failure::Failed("another tab keeps an older version of the database open".to_owned())
}

async fn stored_epoch(tx: &Transaction) -> Result<Epoch, Failure> {
    let stored = one(read(tx, schema::META, Some(only(&EPOCH.into())?), None)?).await?;
    let stored = stored.first().and_then(JsValue::as_f64);
    Ok(Epoch(stored.unwrap_or_default() as u64))
}

async fn one(request: Request) -> Result<Vec<JsValue>, Failure> {
    Ok(together(vec![request]).await?.pop().unwrap_or_default())
}

/// The message placed at this seq.
fn place(tx: &Transaction, channel: &JsValue, seq: MessageSeq) -> Result<Request, Failure> {
    read(tx, schema::MESSAGES, Some(only(&keys::message(channel, seq))?), None)
}

fn remember(epoch: Epoch) -> Writes {
    let mut writes = Writes::default();
    writes.put(schema::META, EPOCH.into(), from_number(epoch.0));
    writes
}

/// The object stores from which this is answered.
fn tables(query: &Query) -> &'static [&'static str] {
    match query {
        Query::Hydrate => &[schema::META, schema::JOURNAL, schema::OUTBOX, schema::CHANNELS, schema::COMMANDS],
        Query::Channel(_) => &[schema::META, schema::JOURNAL, schema::SEEN, schema::MESSAGES, schema::MARKS],
        Query::Page { .. } | Query::Messages { .. } | Query::Quoting { .. } => &[schema::MESSAGES],
        Query::Audit { .. } => &[schema::AUDIT],
    }
}

/// What is read for it, beside the journal.
fn requests(tx: &Transaction, query: &Query) -> Result<Vec<Request>, Failure> {
    let mut requests = Vec::new();
    match query {
        Query::Hydrate => {
            requests.push(read(tx, schema::META, Some(only(&META.into())?), None)?);
            for table in [schema::OUTBOX, schema::CHANNELS, schema::COMMANDS] {
                requests.push(read(tx, table, None, None)?);
            }
            requests.push(read_keys(tx, schema::OUTBOX)?);
        }
        Query::Channel(channel) => {
            let name = JsValue::from_str(&keys::channel(channel));
            requests.push(read(tx, schema::SEEN, Some(keys::all_of(&name)?), None)?);
            requests.push(read_index(tx, schema::MESSAGES, schema::COPIED, &name)?);
            requests.push(read(tx, schema::MARKS, Some(keys::all_of(&name)?), None)?);
        }
        Query::Page { channel, before, limit } => {
            let name = JsValue::from_str(&keys::channel(channel));
            let range = match before {
                Some(before) => keys::below_seq(&name, *before)?,
                None => keys::all_of(&name)?,
            };
            requests.extend(newest(tx, schema::MESSAGES, Some(range), *limit)?);
        }
        Query::Messages { channel, seqs } => {
            let name = JsValue::from_str(&keys::channel(channel));
            let seqs: Set<MessageSeq> = seqs.iter().copied().collect();
            for seq in seqs {
                requests.push(place(tx, &name, seq)?);
            }
        }
        Query::Quoting { channel, copies } => {
            let name = keys::channel(channel);
            for copy in copies {
                requests.push(read_index(tx, schema::MESSAGES, schema::QUOTES, &keys::quote(&name, copy.message_id))?);
            }
            requests.push(read_index(tx, schema::MESSAGES, schema::QUOTES, &keys::quotes_several(&name))?);
        }
        Query::Audit { limit } => requests.extend(newest(tx, schema::AUDIT, None, *limit)?),
    }
    Ok(requests)
}

/// The first so many, which are the newest where keys fall. For the database a limit of zero is none.
fn newest(tx: &Transaction, table: &str, range: Option<KeyRange>, limit: usize) -> Result<Option<Request>, Failure> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    if limit == 0 { Ok(None) } else { read(tx, table, range, Some(limit)).map(Some) }
}

/// The dedup runs of the channels from which the batch takes messages away, then the marks of those whose marks it changes.
fn what_it_changes(tx: &Transaction, plan: &Plan<'_>) -> Result<Vec<Request>, Failure> {
    let mut requests = Vec::new();
    for (channel, _) in plan.takes_away() {
        requests.push(read(tx, schema::SEEN, Some(keys::all_of(&keys::channel(channel).into())?), None)?);
    }
    for channel in plan.marks.keys() {
        requests.push(read(tx, schema::MARKS, Some(keys::all_of(&keys::channel(channel).into())?), None)?);
    }
    Ok(requests)
}

/// For each channel from which the batch takes messages away: what remains of its dedup information, wherever it was.
fn left_of_seen(plan: &Plan<'_>, journal: &mut Journal, runs: &mut impl Iterator<Item = Vec<JsValue>>) -> Vec<Note> {
    let mut left = Vec::new();
    for (channel, timeline) in plan.takes_away() {
        let mut seen = journal.take_seen(channel);
        seen.extend(seen::from_values(&runs.next().unwrap_or_default()));
        seen.retain(|seen| timeline.keeps(seen.placed_at));
        left.push(Note { channel: channel.clone(), seen, row: None });
    }
    left
}

fn write_marks(channel: &Channel, changes: &[MarkChange<'_>], mut stored: Vec<Mark>, writes: &mut Writes) {
    let key = JsValue::from_str(&keys::channel(channel));
    let mut put: Vec<&Mark> = Vec::new();
    for change in changes {
        let (MarkChange::Put(mark) | MarkChange::Gone(mark)) = change;
        for gone in stored.extract_if(.., |known| same_message(known, mark)) {
            writes.delete(schema::MARKS, mark_key(&key, &gone));
        }
        put.retain(|known| !same_message(known, mark));
        if let MarkChange::Put(mark) = change {
            put.push(mark);
        }
    }
    for mark in put {
        writes.put(schema::MARKS, mark_key(&key, mark), bytes(mark));
    }
}

/// What is written as the batch has it, whatever is stored.
fn write_rest(plan: &Plan<'_>, writes: &mut Writes) -> Result<(), Failure> {
    if let Some(row) = plan.meta {
        writes.put(schema::META, META.into(), bytes(row));
    }
    for (channel, timeline) in &plan.timelines {
        let name = keys::channel(channel);
        let key = JsValue::from_str(&name);
        if let Some(first) = timeline.forget {
            writes.delete(schema::MESSAGES, keys::from_seq(&key, first)?.into());
        }
        for (seq, row) in &timeline.rows {
            let place = keys::message(&key, *seq);
            match row {
                Some(row) => writes.put(schema::MESSAGES, place, record(&name, row)),
                None => writes.delete(schema::MESSAGES, place),
            }
        }
    }
    if let Some(before) = plan.commands_before {
        let earlier = keys::range(&keys::one(&keys::time(Wall(i64::MIN))), &keys::one(&keys::time(before)))?;
        writes.delete(schema::COMMANDS, earlier.into());
    }
    for (at, id) in plan.commands.iter() {
        let id = JsValue::from_str(&id.to_string());
        writes.put(schema::COMMANDS, keys::pair(&keys::time(*at), &id), id);
    }
    for (client_msg_no, row) in &plan.outbox {
        let key = client_msg_no.as_str().into();
        match row {
            Some(row) => writes.put(schema::OUTBOX, key, bytes(*row)),
            None => writes.delete(schema::OUTBOX, key),
        }
    }
    for (id, row) in &plan.quarantine {
        writes.put(schema::QUARANTINE, id.to_string().into(), bytes(*row));
    }
    for (ordinal, row) in &plan.audit {
        writes.put(schema::AUDIT, JsValue::from_f64(-(*ordinal as f64)), bytes(*row));
    }
    Ok(())
}

fn bytes<T: Field>(row: &T) -> JsValue {
    Uint8Array::from(codec::encode(row).as_slice()).into()
}

/// A row's bytes, which are the value, or stand in it beside the fields of indexes.
fn row_of(value: &JsValue) -> Option<Uint8Array> {
    let row =
        if value.is_instance_of::<Uint8Array>() { value.clone() } else { Reflect::get(value, &ROW.into()).ok()? };
    row.dyn_into().ok()
}

/// A message, with the fields of its indexes where it has any.
fn record(channel: &str, row: &MessageRow) -> JsValue {
    let quotes = match quoted(&row.content)[..] {
        [] => None,
        [id] => Some(keys::quote(channel, id)),
        _ => Some(keys::quotes_several(channel)),
    };
    let copied = (!row.copies.is_empty()).then(|| JsValue::from_str(channel));
    if quotes.is_none() && copied.is_none() {
        return bytes(row);
    }
    let value = js_sys::Object::new();
    let fields = [(ROW, Some(bytes(row))), (schema::QUOTES, quotes), (schema::COPIED, copied)];
    for (name, field) in fields {
        // An object that we have just made takes any field.
        let _ = field.map(|field| Reflect::set(&value, &name.into(), &field));
    }
    value.into()
}

fn mark_key(channel: &JsValue, mark: &Mark) -> JsValue {
    let (author, number) = (mark.author.as_str(), mark.client_msg_no.as_str());
    let name = match mark.copies.iter().map(|copy| copy.message_id).min() {
        // Two people may use the same number.
        _ if !number.is_empty() => format!("n:{}:{author}{number}", author.len()),
        Some(id) => format!("i:{id}"),
        None => format!("v:{}", mark.version),
    };
    keys::pair(channel, &name.into())
}

/// Epochs, ordinals and run numbers are counted up from 1 and never leave the safe integers.
fn from_number(value: u64) -> JsValue {
    JsValue::from_f64(value as f64)
}
