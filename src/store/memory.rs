//! The store in memory: what the core's own tests and the simulator run on, and the reference for the IndexedDB store.
//!
//! Not a cache and not a fallback in the browser: what it holds is gone with it.

use std::collections::BTreeMap;

use crate::channel::{Channel, ClientMsgNo};
use crate::id::{MessageId, MessageSeq};
use crate::quotes::quoted;
use crate::rows::StoreFailure;
use crate::rows::{
    Answer, AuditRow, Batch, Change, ChannelRow, Epoch, Mark, MessageRow, Meta, OutboxRow, QuarantineRow, Query, Seen,
    seen_hash,
};
use crate::time::Wall;

/// A whole database. Its clone is a disk at that moment, so a simulator may crash and start from it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    epoch: Epoch,
    meta: Meta,
    outbox: BTreeMap<ClientMsgNo, OutboxRow>,
    channels: BTreeMap<Channel, ChannelRow>,
    timelines: BTreeMap<Channel, Timeline>,
    commands: BTreeMap<MessageId, Wall>,
    quarantine: BTreeMap<MessageId, QuarantineRow>,
    audit: BTreeMap<u64, AuditRow>,
}

#[derive(Clone, Debug, Default)]
struct Timeline {
    rows: BTreeMap<MessageSeq, Kept>,
    marks: Vec<Mark>,
}

/// A row with what is asked of it without reading it.
#[derive(Clone, Debug)]
struct Kept {
    row: MessageRow,
    /// None for an empty clientMsgNo.
    hash: Option<u64>,
    quotes: Vec<MessageId>,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a tenure: from now on batches of older ones are refused.
    pub fn claim(&mut self) -> Epoch {
        self.epoch = Epoch(self.epoch.0 + 1);
        self.epoch
    }

    /// All of the batch or, when a newer epoch was seen, nothing of it.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), StoreFailure> {
        if batch.epoch < self.epoch {
            return Err(StoreFailure::Fenced);
        }
        self.epoch = batch.epoch;
        for change in &batch.changes {
            self.change(change);
        }
        Ok(())
    }

    pub fn answer(&self, query: &Query) -> Answer {
        match query {
            Query::Hydrate => self.hydrated(),
            Query::Channel(channel) => self.channel(channel),
            Query::Page { channel, before, limit } => {
                let Some(timeline) = self.timelines.get(channel) else { return Answer::Messages(Vec::new()) };
                let rows = match before {
                    Some(before) => timeline.rows.range(..*before),
                    None => timeline.rows.range(..),
                };
                Answer::Messages(rows.rev().take(*limit).map(|(_, kept)| kept.row.clone()).collect())
            }
            Query::Messages { channel, seqs } => {
                let mut seqs = seqs.clone();
                seqs.sort_unstable();
                seqs.dedup();
                let timeline = self.timelines.get(channel);
                let kept = seqs.iter().filter_map(|seq| timeline?.rows.get(seq));
                Answer::Messages(kept.map(|kept| kept.row.clone()).collect())
            }
            Query::Quoting { channel, copies } => {
                let rows = self.timelines.get(channel).into_iter().flat_map(|timeline| timeline.rows.values());
                let quoting = rows.filter(|kept| {
                    kept.quotes.iter().any(|quoted| copies.iter().any(|copy| copy.message_id == *quoted))
                });
                Answer::Messages(quoting.map(|kept| kept.row.clone()).collect())
            }
            Query::Audit { limit } => Answer::Audit(self.audit.values().rev().take(*limit).cloned().collect()),
        }
    }

    /// What could not be read and was kept aside; for tests and inspectors.
    pub fn quarantine(&self) -> impl Iterator<Item = &QuarantineRow> {
        self.quarantine.values()
    }

    /// Every message of every channel, in order; for oracles.
    pub fn messages(&self) -> impl Iterator<Item = &MessageRow> {
        self.timelines.values().flat_map(|timeline| timeline.rows.values().map(|kept| &kept.row))
    }

    /// What is owed to the server, in no order; for oracles.
    pub fn outbox(&self) -> impl Iterator<Item = &OutboxRow> {
        self.outbox.values()
    }

    /// Every conversation, in order; for oracles.
    pub fn channels(&self) -> impl Iterator<Item = &ChannelRow> {
        self.channels.values()
    }

    /// Every line of the audit, oldest first; for oracles.
    pub fn audit(&self) -> impl Iterator<Item = &AuditRow> {
        self.audit.values()
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Message(row) => {
                let hash = (!row.client_msg_no.is_empty()).then(|| seen_hash(&row.from, &row.client_msg_no));
                let kept = Kept { row: row.clone(), hash, quotes: quoted(&row.content) };
                self.timeline(&row.channel).rows.insert(row.message_seq, kept);
            }
            Change::Forget(channel, seq) => {
                self.timeline(channel).rows.remove(seq);
            }
            Change::ForgetFrom(channel, seq) => {
                self.timeline(channel).rows.split_off(seq);
            }
            Change::Channel(row) => {
                self.channels.insert(row.channel.clone(), row.clone());
            }
            Change::Outbox(row) => {
                self.outbox.insert(row.client_msg_no.clone(), row.clone());
            }
            Change::OutboxDone(client_msg_no) => {
                self.outbox.remove(client_msg_no);
            }
            Change::Mark(channel, mark) => {
                let marks = &mut self.timeline(channel).marks;
                marks.retain(|known| !known.is_of_same_message(mark));
                marks.push(mark.clone());
            }
            Change::MarkGone(channel, mark) => {
                self.timeline(channel).marks.retain(|known| !known.is_of_same_message(mark));
            }
            Change::Command(id, at) => {
                let seen = self.commands.entry(*id).or_insert(*at);
                *seen = (*seen).max(*at);
            }
            Change::CommandsBefore(at) => self.commands.retain(|_, seen| *seen >= *at),
            Change::Quarantine(row) => {
                self.quarantine.insert(row.message_id, row.clone());
            }
            Change::Audit(row) => {
                self.audit.insert(row.ordinal, row.clone());
            }
            Change::Meta(meta) => self.meta = meta.clone(),
        }
    }

    fn timeline(&mut self, channel: &Channel) -> &mut Timeline {
        self.timelines.entry(channel.clone()).or_default()
    }

    fn hydrated(&self) -> Answer {
        let mut outbox: Vec<_> = self.outbox.values().cloned().collect();
        outbox.sort_by_key(|row| row.ordinal);
        Answer::Hydrated {
            meta: self.meta.clone(),
            outbox,
            channels: self.channels.values().cloned().collect(),
            commands: self.commands.keys().copied().collect(),
        }
    }

    fn channel(&self, channel: &Channel) -> Answer {
        let Some(timeline) = self.timelines.get(channel) else {
            return Answer::Channel { seen: Vec::new(), aliases: Vec::new(), marks: Vec::new() };
        };
        let mut seen: Vec<_> =
            timeline.rows.iter().filter_map(|(seq, kept)| Some(Seen { hash: kept.hash?, placed_at: *seq })).collect();
        seen.sort_unstable();
        let aliases = timeline.rows.values().flat_map(|kept| {
            let placed_at = kept.row.message_seq;
            kept.row.copies.iter().map(move |copy| (*copy, placed_at))
        });
        let aliases = aliases.filter(|(copy, _)| !timeline.rows.contains_key(&copy.message_seq));
        Answer::Channel { seen, aliases: aliases.collect(), marks: timeline.marks.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite;

    #[test]
    fn the_memory_store_keeps_the_contract() {
        for case in suite::cases() {
            let mut store = MemoryStore::new();
            for (number, step) in case.steps.iter().enumerate() {
                let told = match step {
                    suite::Step::Apply(batch, expected) => suite::compare_outcome(expected, &store.apply(batch)),
                    suite::Step::Ask(query, expected) => suite::compare(expected, &store.answer(query)),
                    suite::Step::Reopen => Ok(()),
                };
                if let Err(difference) = told {
                    panic!("{}, step {number}: {difference}", case.name);
                }
            }
        }
    }
}
