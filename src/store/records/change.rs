//! What a batch puts and deletes, table by table.

use std::rc::Rc;

use crate::channel::{Channel, Uid};
use crate::id::MessageId;
use crate::quotes::quoted;
use crate::rows::{Copy, Epoch, Mark, MessageRow, Seen};
use crate::store::codec::{self, Field};
use crate::store::journal::{Journal, Note};
use crate::time::Wall;

use super::plan::{MarkChange, Plan};
use super::{Key, KeyRange, Put, Read, Value, Writes, key, schema, seen};

const EPOCH: &str = "epoch";
const META: &str = "meta";

pub fn read_epoch() -> Read {
    Read::only(schema::META, EPOCH.into())
}

pub fn read_meta() -> Read {
    Read::only(schema::META, META.into())
}

pub fn epoch_of(found: &[Value]) -> Epoch {
    match found {
        [Value::Number(stored), ..] => Epoch(*stored as u64),
        _ => Epoch::default(),
    }
}

pub fn remember(epoch: Epoch) -> Writes {
    let mut writes = Writes::default();
    writes.put(schema::META, EPOCH.into(), Value::Number(epoch.0 as f64));
    writes
}

/// The dedup runs of the channels from which the batch takes messages away, then the marks of those whose marks it changes.
pub fn what_it_changes(plan: &Plan<'_>) -> Vec<Read> {
    let mut reads = Vec::new();
    for (channel, _) in plan.takes_away() {
        reads.push(Read::range(schema::SEEN, key::all_of(&key::channel(channel))));
    }
    for channel in plan.marks.keys() {
        reads.push(Read::range(schema::MARKS, key::all_of(&key::channel(channel))));
    }
    reads
}

/// For each channel from which the batch takes messages away: what remains of its dedup information, wherever it was.
pub fn left_of_seen(plan: &Plan<'_>, journal: &mut Journal, runs: &mut impl Iterator<Item = Vec<Value>>) -> Vec<Note> {
    let mut left = Vec::new();
    for (channel, timeline) in plan.takes_away() {
        let mut seen = journal.take_seen(channel);
        seen.extend(seen::from_runs(&runs.next().unwrap_or_default()));
        seen.retain(|seen| timeline.keeps(seen.placed_at));
        left.push(Note { channel: channel.clone(), seen, row: None });
    }
    left
}

/// Names the runs that one handle writes, so that they never meet those of another.
pub struct Runs {
    pub handle: f64,
    pub last: u64,
}

impl Runs {
    pub fn write(&mut self, channel: &Rc<str>, seen: &[Seen], writes: &mut Writes) {
        for run in seen::to_runs(seen) {
            // Numbers are never given twice, even if this transaction fails.
            self.last += 1;
            let key = [channel.into(), Key::Number(self.handle), self.last.into()];
            writes.put(schema::SEEN, key.into(), Value::Bytes(run));
        }
    }

    /// Writes what the journal holds into the channels' own records; those in `left` replace all runs of their channels.
    pub fn fold(&mut self, journal: &mut Journal, left: Vec<Note>, writes: &mut Writes) {
        for note in &left {
            writes.delete(schema::SEEN, key::all_of(&key::channel(&note.channel)));
        }
        if journal.records() > 0 {
            writes.delete(schema::JOURNAL, key::numbers());
        }
        for (channel, note) in journal.fold(left) {
            let name = key::channel(&channel);
            self.write(&name, &note.seen, writes);
            if let Some(row) = note.row {
                writes.put(schema::CHANNELS, Key::Text(name), Value::Bytes(row));
            }
        }
    }
}

pub fn write_marks(channel: &Channel, changes: &[MarkChange<'_>], mut stored: Vec<Mark>, writes: &mut Writes) {
    let name = key::channel(channel);
    let mut put: Vec<&Mark> = Vec::new();
    for change in changes {
        let (MarkChange::Put(mark) | MarkChange::Gone(mark)) = change;
        for gone in stored.extract_if(.., |known| known.is_of_same_message(mark)) {
            writes.delete(schema::MARKS, KeyRange::Only(mark_key(&name, &gone)));
        }
        put.retain(|known| !known.is_of_same_message(mark));
        if let MarkChange::Put(mark) = change {
            put.push(mark);
        }
    }
    for mark in put {
        writes.put(schema::MARKS, mark_key(&name, mark), bytes(mark));
    }
}

/// What is written as the batch has it, whatever is stored.
pub fn write_rest(plan: &Plan<'_>, writes: &mut Writes) {
    if let Some(row) = plan.meta {
        writes.put(schema::META, META.into(), bytes(row));
    }
    for (channel, timeline) in &plan.timelines {
        let name = key::channel(channel);
        if let Some(first) = timeline.forget {
            writes.delete(schema::MESSAGES, key::from_seq(&name, first));
        }
        for (seq, row) in &timeline.rows {
            let key = key::message(&name, *seq);
            match row {
                Some(row) => writes.put_indexed(schema::MESSAGES, message(&name, key, row)),
                None => writes.delete(schema::MESSAGES, KeyRange::Only(key)),
            }
        }
    }
    if let Some(before) = plan.commands_before {
        let earlier = key::range([key::time(Wall(i64::MIN))].into(), [key::time(before)].into());
        writes.delete(schema::COMMANDS, earlier);
    }
    for (at, id) in plan.commands.iter() {
        let id: Rc<str> = id.to_string().into();
        writes.put(schema::COMMANDS, [key::time(*at), Key::from(&id)].into(), Value::Text(id));
    }
    for (client_msg_no, row) in &plan.outbox {
        let key = client_msg_no.as_str().into();
        match row {
            Some(row) => writes.put(schema::OUTBOX, key, bytes(*row)),
            None => writes.delete(schema::OUTBOX, KeyRange::Only(key)),
        }
    }
    for (id, row) in &plan.quarantine {
        writes.put(schema::QUARANTINE, id.to_string().into(), bytes(*row));
    }
    for (ordinal, row) in &plan.audit {
        writes.put(schema::AUDIT, Key::Number(-(*ordinal as f64)), bytes(*row));
    }
}

fn bytes<T: Field>(row: &T) -> Value {
    Value::Bytes(codec::encode(row))
}

fn message(channel: &Rc<str>, key: Key, row: &MessageRow) -> Put {
    let mut indexed = Vec::new();
    match quoted(&row.content)[..] {
        [] => {}
        [id] => indexed.push((schema::QUOTES, key::quote(channel, id))),
        _ => indexed.push((schema::QUOTES, key::quotes_several(channel))),
    }
    if !row.copies.is_empty() {
        indexed.push((schema::COPIED, Rc::clone(channel)));
    }
    Put { key, value: bytes(row), indexed }
}

fn mark_key(channel: &Rc<str>, mark: &Mark) -> Key {
    let (person, number) = (mark.number_of().map_or("", Uid::as_str), mark.client_msg_no.as_str());
    let name = match mark.copies.iter().min() {
        // Two people may use the same number.
        _ if !number.is_empty() => format!("n:{}:{person}{number}", person.len()),
        Some(Copy { message_id: MessageId(0), message_seq }) => format!("s:{message_seq}"),
        Some(copy) => format!("i:{}", copy.message_id),
        None => format!("v:{}", mark.version),
    };
    [channel.into(), Key::from(name)].into()
}
