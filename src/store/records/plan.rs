//! A batch as the transaction sees it: what is deleted first, and what is put then.
//!
//! The changes of a batch take effect in order, but a transaction is quickest as one run of deletions and one of puts, so
//! the order is folded here into what remains of it.

use crate::channel::{Channel, ClientMsgNo};
use crate::id::{MessageId, MessageSeq};
use crate::rows::{
    AuditRow, Change, ChannelRow, Mark, MarkState, MessageRow, Meta, OutboxRow, QuarantineRow, Seen, seen_hash,
};
use crate::sorted::{Map, Set};
use crate::store::codec;
use crate::store::journal::Note;
use crate::time::Wall;

use super::schema;

#[derive(Default)]
pub struct Plan<'a> {
    pub timelines: Map<&'a Channel, Timeline<'a>>,
    pub channels: Map<&'a Channel, &'a ChannelRow>,
    pub outbox: Map<&'a ClientMsgNo, Option<&'a OutboxRow>>,
    pub marks: Map<&'a Channel, Vec<MarkChange<'a>>>,
    pub commands: Set<(Wall, MessageId)>,
    pub commands_before: Option<Wall>,
    pub quarantine: Map<MessageId, &'a QuarantineRow>,
    pub audit: Map<u64, &'a AuditRow>,
    pub meta: Option<&'a Meta>,
}

/// First everything from `forget` on goes, then the `None`s, then the rows are put.
#[derive(Default)]
pub struct Timeline<'a> {
    pub forget: Option<MessageSeq>,
    pub rows: Map<MessageSeq, Option<&'a MessageRow>>,
}

pub enum MarkChange<'a> {
    Put(&'a Mark),
    Gone(&'a Mark),
}

impl<'a> Plan<'a> {
    pub fn new(changes: &'a [Change]) -> Self {
        let mut plan = Self::default();
        for change in changes {
            plan.add(change);
        }
        plan
    }

    fn add(&mut self, change: &'a Change) {
        match change {
            Change::Message(row) => {
                self.timelines.entry(&row.channel).or_default().rows.insert(row.message_seq, Some(row));
            }
            Change::Forget(channel, seq) => {
                self.timelines.entry(channel).or_default().rows.insert(*seq, None);
            }
            Change::ForgetFrom(channel, seq) => {
                let timeline = self.timelines.entry(channel).or_default();
                timeline.rows.split_off(seq);
                timeline.forget = Some(timeline.forget.map_or(*seq, |earlier| earlier.min(*seq)));
            }
            Change::Channel(row) => {
                self.channels.insert(&row.channel, row);
            }
            Change::Outbox(row) => {
                self.outbox.insert(&row.client_msg_no, Some(row));
            }
            Change::OutboxDone(client_msg_no) => {
                self.outbox.insert(client_msg_no, None);
            }
            Change::Mark(channel, mark) => self.marks.entry(channel).or_default().push(MarkChange::Put(mark)),
            Change::MarkGone(channel, mark) => self.marks.entry(channel).or_default().push(MarkChange::Gone(mark)),
            Change::Command(id, at) => {
                self.commands.insert((*at, *id));
            }
            Change::CommandsBefore(at) => {
                self.commands.retain(|(seen, _)| seen >= at);
                self.commands_before = Some(self.commands_before.map_or(*at, |later| later.max(*at)));
            }
            Change::Quarantine(row) => {
                self.quarantine.insert(row.message_id, row);
            }
            Change::Audit(row) => {
                self.audit.insert(row.ordinal, row);
            }
            Change::Meta(meta) => self.meta = Some(meta),
        }
    }

    /// What the journal keeps of it, one note a channel.
    pub fn notes(&self) -> Vec<Note> {
        let mut rows = self.channels.clone();
        let mut notes = Vec::new();
        for (channel, timeline) in &self.timelines {
            let (seen, row) = (timeline.seen(), rows.remove(*channel));
            if !seen.is_empty() || row.is_some() {
                notes.push(Note { channel: (*channel).clone(), seen, row: row.map(codec::encode) });
            }
        }
        notes.extend(rows.into_values().map(|row| Note {
            channel: row.channel.clone(),
            seen: Vec::new(),
            row: Some(codec::encode(row)),
        }));
        notes
    }

    /// The channels from which it takes messages away.
    pub fn takes_away(&self) -> impl Iterator<Item = (&'a Channel, &Timeline<'a>)> {
        let channels = self.timelines.iter().map(|(channel, timeline)| (*channel, timeline));
        channels.filter(|(_, timeline)| timeline.takes_away())
    }

    /// Whether it withdraws what somebody said, so that no older row may be kept that still says it.
    pub fn withdraws(&self) -> bool {
        let mut changes = self.marks.values().flatten();
        changes.any(|change| matches!(change, MarkChange::Put(mark) if !mark.hint && mark.state != MarkState::Restored))
    }

    /// The object stores that the transaction needs; `meta` always, for the epoch, and `journal`, which may be read anew.
    pub fn tables(&self) -> Vec<&'static str> {
        let timelines = !self.timelines.is_empty();
        let folds = timelines || !self.channels.is_empty() || self.withdraws();
        let wanted = [
            (schema::META, true),
            (schema::JOURNAL, true),
            (schema::MESSAGES, timelines),
            // A batch that fills the journal, or takes or withdraws something, writes what the journal holds into these two.
            (schema::SEEN, folds),
            (schema::CHANNELS, folds),
            (schema::OUTBOX, !self.outbox.is_empty()),
            (schema::MARKS, !self.marks.is_empty()),
            (schema::COMMANDS, !self.commands.is_empty() || self.commands_before.is_some()),
            (schema::QUARANTINE, !self.quarantine.is_empty()),
            (schema::AUDIT, !self.audit.is_empty()),
        ];
        let mut tables = Vec::new();
        for (name, _) in wanted.iter().filter(|(_, wanted)| *wanted) {
            tables.push(*name);
        }
        tables
    }
}

impl Timeline<'_> {
    /// The dedup information of the rows that are put.
    fn seen(&self) -> Vec<Seen> {
        let rows = self.rows.iter().filter_map(|(seq, row)| Some((seq, (*row)?)));
        let mut seen = Vec::new();
        for (seq, row) in rows.filter(|(_, row)| !row.client_msg_no.is_empty()) {
            seen.push(Seen { hash: seen_hash(&row.from, &row.client_msg_no), placed_at: *seq });
        }
        seen
    }

    /// Whether a row that may be stored leaves its place, so that its dedup information must go too.
    fn takes_away(&self) -> bool {
        self.forget.is_some() || self.rows.values().any(Option::is_none)
    }

    /// Whether what is stored at this seq stays, or comes back with this batch.
    pub fn keeps(&self, seq: MessageSeq) -> bool {
        self.forget.is_none_or(|first| seq < first) && !matches!(self.rows.get(&seq), Some(None))
    }
}
