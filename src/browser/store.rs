//! The persistence contract over IndexedDB, by rexie.
//!
//! One transaction a batch, one record a message. Of its requests only the last is awaited, and success is `Committed` and
//! nothing else. The epoch is read in the same transaction that writes.
//!
//! The browser may take the database away at any time (another tab upgrades it, a person clears the site's data, the
//! process that holds it dies). Then the next transaction does not begin; it is opened again, and if it came back
//! empty, that batch fails, so that the core reads it anew.

use std::cell::{Cell, RefCell};

use futures::future::{join3, join4, try_join_all};
use js_sys::{Reflect, Uint8Array};
use rexie::{Direction, KeyRange, Rexie, Store, Transaction, TransactionMode};
use wasm_bindgen::{JsCast, JsValue};

use crate::channel::Channel;
use crate::client::StoreFailure;
use crate::id::{MessageId, MessageSeq};
use crate::json::MAX_SAFE_INTEGER;
use crate::rows::{Answer, Batch, Copy, Epoch, Mark, MessageRow, OutboxRow, Query, Seen, seen_hash};
use crate::sorted::{Map, Set};
use crate::store::codec::{self, Field};
use crate::store::{quoted, same_message};
use crate::time::Wall;

use super::clock;
use super::failure::{self, Failure};
use super::plan::{MarkChange, Plan, Timeline};
use super::seen::{self, Tail};
use super::{keys, schema};

const EPOCH: &str = "epoch";
const META: &str = "meta";
const ROW: &str = "row";
/// Another tab with an older version may keep us out for as long as it likes.
const OPENING: u32 = 10_000;

pub struct IndexedStore {
    name: String,
    database: RefCell<Option<Rexie>>,
    /// Names the runs that this handle writes, so that they never meet those of another.
    handle: f64,
    next_run: Cell<u64>,
    tails: RefCell<Map<Channel, Tail>>,
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
            handle,
            next_run: Cell::new(0),
            tails: RefCell::default(),
            epoch: Cell::default(),
            unreadable: Cell::new(0),
        })
    }

    /// Begins a tenure: from now on batches of older ones are refused, whoever sends them.
    pub async fn claim(&self) -> Result<Epoch, StoreFailure> {
        let tx = self.begin(&[schema::META], TransactionMode::ReadWrite).await?;
        let claimed = async {
            let meta = tx.store(schema::META)?;
            let epoch = Epoch(stored_epoch(&meta).await?.0 + 1);
            meta.put(&number(epoch.0), Some(&EPOCH.into())).await?;
            Ok(epoch)
        };
        let claimed = claimed.await;
        let epoch = finish(tx, claimed).await?;
        self.epoch.set(epoch);
        Ok(epoch)
    }

    /// How many stored rows could not be read since the last call.
    pub fn unreadable(&self) -> u32 {
        self.unreadable.take()
    }

    pub fn close(&self) {
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
        let mut tails = Map::new();
        let written = self.write(&tx, batch.epoch, &plan, &mut tails).await;
        finish(tx, written).await?;
        self.epoch.set(self.epoch.get().max(batch.epoch));
        self.tails.borrow_mut().append(&mut tails);
        Ok(())
    }

    pub async fn answer(&self, query: &Query) -> Result<Answer, StoreFailure> {
        Ok(match query {
            Query::Hydrate => self.hydrated().await,
            Query::Channel(channel) => self.channel(channel).await,
            Query::Page { channel, before, limit } => self.page(channel, *before, *limit).await,
            Query::Messages { channel, seqs } => self.messages(channel, seqs).await,
            Query::Quoting { channel, copies } => self.quoting(channel, copies).await,
            Query::Audit { limit } => self.audit(*limit).await,
        }?)
    }

    async fn write(
        &self,
        tx: &Transaction,
        epoch: Epoch,
        plan: &Plan<'_>,
        tails: &mut Map<Channel, Tail>,
    ) -> Result<(), Failure> {
        let meta = tx.store(schema::META)?;
        let stored = stored_epoch(&meta).await?;
        if epoch < stored {
            return Err(Failure::Fenced);
        }
        if epoch > stored {
            meta.put_all(core::iter::once((number(epoch.0), Some(EPOCH.into())))).await?;
        }
        if let Some(row) = plan.meta {
            meta.put_all(core::iter::once((bytes(row), Some(META.into())))).await?;
        }
        self.write_timelines(tx, &plan.timelines, tails).await?;
        self.write_marks(tx, plan).await?;
        let channels = plan.channels.values().map(|row| (bytes(*row), Some(keys::channel(&row.channel).into())));
        put(tx, schema::CHANNELS, channels).await?;
        if let Some(before) = plan.commands_before {
            let earlier = keys::range(&keys::one(&keys::time(Wall(i64::MIN))), &keys::one(&keys::time(before)))?;
            tx.store(schema::COMMANDS)?.delete(earlier.into()).await?;
        }
        let commands = plan.commands.iter().map(|(at, id)| {
            let id = JsValue::from_str(&id.to_string());
            (id.clone(), Some(keys::pair(&keys::time(*at), &id)))
        });
        put(tx, schema::COMMANDS, commands).await?;
        for client_msg_no in plan.outbox.iter().filter(|(_, row)| row.is_none()).map(|(key, _)| key) {
            tx.store(schema::OUTBOX)?.delete(client_msg_no.as_str().into()).await?;
        }
        let outbox = plan.outbox.values().flatten();
        let outbox = outbox.map(|row| (bytes(*row), Some(row.client_msg_no.as_str().into())));
        put(tx, schema::OUTBOX, outbox).await?;
        let quarantine = plan.quarantine.values();
        let quarantine = quarantine.map(|row| (bytes(*row), Some(row.message_id.to_string().into())));
        put(tx, schema::QUARANTINE, quarantine).await?;
        put(tx, schema::AUDIT, plan.audit.values().map(|row| (bytes(*row), Some(number(row.ordinal))))).await
    }

    async fn write_timelines(
        &self,
        tx: &Transaction,
        timelines: &Map<&Channel, Timeline<'_>>,
        tails: &mut Map<Channel, Tail>,
    ) -> Result<(), Failure> {
        if timelines.is_empty() {
            return Ok(());
        }
        let (messages, runs) = (tx.store(schema::MESSAGES)?, tx.store(schema::SEEN)?);
        let (mut rows, mut records) = (Vec::new(), Vec::new());
        for (channel, timeline) in timelines {
            let name = keys::channel(channel);
            let key = JsValue::from_str(&name);
            let mut added = Vec::new();
            for (seq, row) in &timeline.rows {
                let Some(row) = row else { continue };
                if !row.client_msg_no.is_empty() {
                    added.push(Seen { hash: seen_hash(&row.from, &row.client_msg_no), placed_at: *seq });
                }
                rows.push((record(&name, row), Some(keys::pair(&key, &keys::seq(*seq)))));
            }
            let mut next = self.next_run.get();
            let written = if timeline.takes_away() {
                if let Some(first) = timeline.forget {
                    messages.delete(keys::from_seq(&key, first)?.into()).await?;
                }
                for seq in timeline.rows.iter().filter(|(_, row)| row.is_none()).map(|(seq, _)| seq) {
                    messages.delete(keys::pair(&key, &keys::seq(*seq))).await?;
                }
                let mut left = seen::from_values(&runs.get_all(Some(keys::all_of(&key)?), None).await?);
                left.retain(|seen| timeline.keeps(seen.placed_at));
                left.extend(added);
                runs.delete(keys::all_of(&key)?.into()).await?;
                tails.insert((*channel).clone(), Tail::default());
                seen::runs(left, &mut next)
            } else if added.is_empty() {
                Vec::new()
            } else {
                let tail = self.tails.borrow().get(*channel).cloned().unwrap_or_default();
                let (written, tail) = tail.join(added, &mut next);
                tails.insert((*channel).clone(), tail);
                written
            };
            // Numbers are never given twice, even if this transaction fails.
            self.next_run.set(next);
            records.extend(written.into_iter().map(|run| self.run(&key, &run)));
        }
        runs.put_all(records.into_iter()).await?;
        Ok(messages.put_all(rows.into_iter()).await?)
    }

    async fn write_marks(&self, tx: &Transaction, plan: &Plan<'_>) -> Result<(), Failure> {
        for (channel, changes) in &plan.marks {
            let table = tx.store(schema::MARKS)?;
            let key = JsValue::from_str(&keys::channel(channel));
            let mut marks: Vec<Mark> = self.read(table.get_all(Some(keys::all_of(&key)?), None).await?);
            for change in changes {
                let (MarkChange::Put(mark) | MarkChange::Gone(mark)) = change;
                for known in marks.extract_if(.., |known| same_message(known, mark)) {
                    table.delete(mark_key(&key, &known)).await?;
                }
                if let MarkChange::Put(mark) = change {
                    table.put(&bytes(*mark), Some(&mark_key(&key, mark))).await?;
                    marks.push((*mark).clone());
                }
            }
        }
        Ok(())
    }

    async fn hydrated(&self) -> Result<Answer, Failure> {
        let tables = [schema::META, schema::OUTBOX, schema::CHANNELS, schema::COMMANDS];
        let tx = self.begin(&tables, TransactionMode::ReadOnly).await?;
        let [meta, outbox, channels, commands] = [
            tx.store(schema::META)?,
            tx.store(schema::OUTBOX)?,
            tx.store(schema::CHANNELS)?,
            tx.store(schema::COMMANDS)?,
        ];
        let (meta, outbox, channels, commands) = join4(
            meta.get(META.into()),
            outbox.get_all(None, None),
            channels.get_all(None, None),
            commands.get_all(None, None),
        )
        .await;
        let meta = self.read(meta?.into_iter().collect()).pop().unwrap_or_default();
        let outbox: Vec<OutboxRow> = self.read(outbox?);
        let outbox: Map<u64, OutboxRow> = outbox.into_iter().map(|row| (row.ordinal, row)).collect();
        let commands = commands?.into_iter().filter_map(|id| id.as_string()?.parse().ok());
        let mut commands: Vec<MessageId> = commands.collect();
        commands.sort_unstable();
        commands.dedup();
        Ok(Answer::Hydrated { meta, outbox: outbox.into_values().collect(), channels: self.read(channels?), commands })
    }

    async fn channel(&self, channel: &Channel) -> Result<Answer, Failure> {
        let name = JsValue::from_str(&keys::channel(channel));
        let tx = self.begin(&[schema::SEEN, schema::MESSAGES, schema::MARKS], TransactionMode::ReadOnly).await?;
        let runs = tx.store(schema::SEEN)?;
        let copied = tx.store(schema::MESSAGES)?.index(schema::COPIED)?;
        let marks = tx.store(schema::MARKS)?;
        let (runs, copied, marks) = join3(
            runs.get_all(Some(keys::all_of(&name)?), None),
            copied.get_all(Some(only(&name)?), None),
            marks.get_all(Some(keys::all_of(&name)?), None),
        )
        .await;
        let runs = runs?;
        let seen = seen::from_values(&runs);
        if runs.len() >= seen::MANY {
            // A failure leaves the runs as they were, and they are merged another time.
            let _ = self.merge(channel, &name, seen.clone()).await;
        }
        let copied: Vec<MessageRow> = self.read(copied?);
        let aliases = copied.iter().flat_map(|row| row.copies.iter().map(|copy| (*copy, row.message_seq))).collect();
        Ok(Answer::Channel { seen, aliases, marks: self.read(marks?) })
    }

    /// Writes a channel's runs as one. Nothing comes between the reading and this: calls follow each other.
    async fn merge(&self, channel: &Channel, name: &JsValue, seen: Vec<Seen>) -> Result<(), StoreFailure> {
        let tx = self.begin(&[schema::META, schema::SEEN], TransactionMode::ReadWrite).await?;
        let merged = async {
            if self.epoch.get() < stored_epoch(&tx.store(schema::META)?).await? {
                return Err(Failure::Fenced);
            }
            let table = tx.store(schema::SEEN)?;
            table.delete(keys::all_of(name)?.into()).await?;
            let mut next = self.next_run.get();
            let runs = seen::runs(seen, &mut next);
            self.next_run.set(next);
            table.put_all(runs.iter().map(|run| self.run(name, run))).await?;
            Ok(())
        };
        let merged = merged.await;
        finish(tx, merged).await?;
        self.tails.borrow_mut().remove(channel);
        Ok(())
    }

    async fn page(&self, channel: &Channel, before: Option<MessageSeq>, limit: usize) -> Result<Answer, Failure> {
        let name = JsValue::from_str(&keys::channel(channel));
        let tx = self.begin(&[schema::MESSAGES], TransactionMode::ReadOnly).await?;
        let table = tx.store(schema::MESSAGES)?;
        let mut rows: Vec<MessageRow> = Vec::new();
        let mut end = before;
        if end.is_none() && limit > 0 {
            rows = self.newest(&table, keys::all_of(&name)?, 1).await?;
            end = rows.first().map(|row| row.message_seq);
        }
        // One request where the seqs are dense, which they usually are: a cursor costs three times as much.
        let wanted = limit.saturating_sub(rows.len());
        let Some(mut end) = end.filter(|_| wanted > 0) else { return Ok(Answer::Messages(rows)) };
        if end.0 <= MAX_SAFE_INTEGER {
            let first = MessageSeq(end.0.saturating_sub(wanted as u64));
            if first < end {
                let range = keys::range(&keys::pair(&name, &keys::seq(first)), &keys::pair(&name, &keys::seq(end)))?;
                let mut dense: Vec<MessageRow> = self.read(table.get_all(Some(range), None).await?);
                dense.reverse();
                rows.append(&mut dense);
            }
            end = first;
        }
        let wanted = limit.saturating_sub(rows.len());
        if wanted > 0 && end > MessageSeq(1) {
            rows.append(&mut self.newest(&table, keys::below_seq(&name, end)?, wanted).await?);
        }
        Ok(Answer::Messages(rows))
    }

    async fn newest(&self, table: &Store, range: KeyRange, limit: usize) -> Result<Vec<MessageRow>, Failure> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let found = table.scan(Some(range), Some(limit), None, Some(Direction::Prev)).await?;
        Ok(self.read(found.into_iter().map(|(_, value)| value).collect()))
    }

    async fn messages(&self, channel: &Channel, seqs: &[MessageSeq]) -> Result<Answer, Failure> {
        let seqs: Set<MessageSeq> = seqs.iter().copied().collect();
        let name = JsValue::from_str(&keys::channel(channel));
        let tx = self.begin(&[schema::MESSAGES], TransactionMode::ReadOnly).await?;
        let table = tx.store(schema::MESSAGES)?;
        let found = try_join_all(seqs.iter().map(|seq| table.get(keys::pair(&name, &keys::seq(*seq))))).await?;
        Ok(Answer::Messages(self.read(found.into_iter().flatten().collect())))
    }

    async fn quoting(&self, channel: &Channel, copies: &[Copy]) -> Result<Answer, Failure> {
        let name = keys::channel(channel);
        let tx = self.begin(&[schema::MESSAGES], TransactionMode::ReadOnly).await?;
        let index = tx.store(schema::MESSAGES)?.index(schema::QUOTES)?;
        let mut ranges = Vec::new();
        for copy in copies {
            ranges.push(only(&keys::quote(&name, copy.message_id))?);
        }
        let found = try_join_all(ranges.into_iter().map(|range| index.get_all(Some(range), None))).await?;
        let rows: Vec<MessageRow> = self.read(found.into_iter().flatten().collect());
        let rows: Map<MessageSeq, MessageRow> = rows.into_iter().map(|row| (row.message_seq, row)).collect();
        Ok(Answer::Messages(rows.into_values().collect()))
    }

    async fn audit(&self, limit: usize) -> Result<Answer, Failure> {
        let tx = self.begin(&[schema::AUDIT], TransactionMode::ReadOnly).await?;
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let found = tx.store(schema::AUDIT)?.scan(None, Some(limit), None, Some(Direction::Prev)).await?;
        Ok(Answer::Audit(self.read(found.into_iter().map(|(_, value)| value).collect())))
    }

    /// The rows that can be read; the others are counted, stay where they are and are not shown.
    fn read<T: Field>(&self, values: Vec<JsValue>) -> Vec<T> {
        let all = values.len();
        let rows: Vec<T> = values.iter().filter_map(|value| codec::decode(&row_of(value)?.to_vec())).collect();
        self.unreadable.set(self.unreadable.get() + (all - rows.len()) as u32);
        rows
    }

    fn run(&self, channel: &JsValue, run: &seen::Run) -> (JsValue, Option<JsValue>) {
        let key = keys::triple(channel, &JsValue::from_f64(self.handle), &number(run.number));
        (seen::to_value(&run.entries), Some(key))
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
        let Some(old) = self.database.take() else {
            return Err(Failure::Failed("the database is closed".to_owned()));
        };
        old.close();
        let database = open(&self.name).await?;
        let tx = database.transaction(&[schema::META], TransactionMode::ReadWrite)?;
        let epoch = self.epoch.get();
        let stored = async {
            let meta = tx.store(schema::META)?;
            let stored = stored_epoch(&meta).await?;
            if stored < epoch {
                meta.put(&number(epoch.0), Some(&EPOCH.into())).await?;
            }
            Ok(stored)
        };
        let stored = stored.await;
        let stored = finish(tx, stored).await;
        self.database.replace(Some(database));
        if stored? < epoch {
            self.tails.borrow_mut().clear();
            return Err(Failure::Failed("the browser emptied the database".to_owned()));
        }
        Ok(())
    }
}

async fn open(name: &str) -> Result<Rexie, Failure> {
    Ok(clock::within(OPENING, schema::builder(name).build()).await.ok_or_else(blocked)??)
}

fn blocked() -> Failure {
    Failure::Failed("another tab keeps an older version of the database open".to_owned())
}

/// Only a commit is success; what failed takes everything with it.
async fn finish<T>(tx: Transaction, written: Result<T, Failure>) -> Result<T, Failure> {
    match written {
        Ok(value) => {
            failure::committed(tx.done().await).await?;
            Ok(value)
        }
        Err(failure) => {
            // An error means that it is aborted already.
            let _ = tx.abort().await;
            Err(failure.explained().await)
        }
    }
}

async fn stored_epoch(meta: &Store) -> Result<Epoch, Failure> {
    let stored = meta.get(EPOCH.into()).await?.and_then(|value| value.as_f64());
    Ok(Epoch(stored.unwrap_or_default() as u64))
}

/// All rows of one table, of which only the last is awaited.
async fn put(
    tx: &Transaction,
    table: &str,
    rows: impl Iterator<Item = (JsValue, Option<JsValue>)>,
) -> Result<(), Failure> {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    Ok(tx.store(table)?.put_all(rows.into_iter()).await?)
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
    let quotes = quoted(&row.content).map(|id| keys::quote(channel, id));
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
    let name = match mark.copies.iter().map(|copy| copy.message_id).min() {
        _ if !mark.client_msg_no.is_empty() => format!("n:{}", mark.client_msg_no.as_str()),
        Some(id) => format!("i:{id}"),
        None => format!("v:{}", mark.version),
    };
    keys::pair(channel, &name.into())
}

fn only(key: &JsValue) -> Result<KeyRange, Failure> {
    Ok(KeyRange::only(key).map_err(rexie::Error::from)?)
}

/// Epochs, ordinals and run numbers are counted up from 1 and never leave the safe integers.
fn number(value: u64) -> JsValue {
    JsValue::from_f64(value as f64)
}
