//! The commit barrier: changes gather while one batch is under way, and what depends on them leaves when they are stored.
//!
//! Pieces keep their order. At most one Store is in flight; what comes meanwhile joins the next.

use std::collections::VecDeque;

use crate::channel::Channel;
use crate::event::{Event, MessageView, Trace};
use crate::rows::{Batch, Change, Epoch, Meta};
use crate::sorted::{Map, Set};
use crate::turn::{After, BatchId, Reply, Ticket, Unanswered};

use super::Output;

/// Rows in one transaction, and bytes: beyond it the transaction itself would make the page wait.
const ROWS: usize = 2_000;
const BYTES: usize = 4 * 1024 * 1024;

struct Piece {
    changes: Vec<Change>,
    after: Vec<After>,
    bytes: usize,
}

/// Who waited for rows that were not stored.
#[derive(Default)]
pub struct Dropped {
    pub tickets: Vec<Ticket>,
    /// Calls that wait for a message in the outbox.
    pub answers: Vec<Unanswered>,
    /// The channels whose `history` event went down with it.
    pub history_events: Vec<Channel>,
}

impl Dropped {
    /// Gives back what else was to be told.
    fn take(&mut self, after: Vec<After>) -> Vec<After> {
        let mut events = Vec::new();
        for after in after {
            match after {
                After::Settle(ticket, _) => self.tickets.push(ticket),
                After::Answer(client_msg_no, waiter, outcome) => self.answers.push((client_msg_no, waiter, outcome)),
                After::Event(Event::History { channel, .. }) => self.history_events.push(channel),
                After::Event(_) => events.push(after),
                _ => {}
            }
        }
        events
    }
}

#[derive(Default)]
pub struct Batches {
    pieces: VecDeque<Piece>,
    /// How many gathered changes concern a channel.
    held: Map<Channel, usize>,
    under_way: Option<(BatchId, Vec<After>, usize)>,
    /// The batch that failed last, and its events: it may be kept all the same, and then nobody else would ever tell them.
    doubtful: Option<(BatchId, Vec<After>)>,
    released: Vec<After>,
    /// What only tidies up and is no reason for a batch of its own.
    beside: Option<Change>,
    bytes: usize,
    last: u64,
}

impl Batches {
    pub fn add(&mut self, mut changes: Vec<Change>, after: Vec<After>) {
        if changes.is_empty() && self.pieces.is_empty() && self.under_way.is_none() {
            self.released.extend(after);
            return;
        }
        if changes.is_empty() && after.is_empty() {
            return;
        }
        if !changes.is_empty() {
            changes.extend(self.beside.take());
        }
        for channel in changes.iter().filter_map(channel_of) {
            *self.held.entry(channel.clone()).or_default() += 1;
        }
        let bytes = changes.iter().map(change_size).chain(after.iter().map(event_size)).sum();
        self.bytes += bytes;
        self.pieces.push_back(Piece { changes, after, bytes });
    }

    /// Goes with the next batch, and is no reason for one: a database that cannot be written can still be read.
    pub fn beside(&mut self, change: Change) {
        self.beside = Some(change);
    }

    /// The store has not been given everything that concerns this channel.
    pub fn holds(&self, channel: &Channel) -> bool {
        self.held.contains_key(channel)
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.under_way.is_none() && self.released.is_empty()
    }

    /// Bytes that are not committed.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_under_way(&self, id: BatchId) -> bool {
        matches!(&self.under_way, Some((under_way, ..)) if *under_way == id)
    }

    /// Hands the next batch out, if none is under way. Answers in which channels the word of the history was taken back: it was told
    /// complete, and the same batch leaves a hole.
    #[must_use]
    pub fn emit(&mut self, epoch: Epoch, meta: &Meta, outputs: &mut VecDeque<Output>, trace: bool) -> Vec<Channel> {
        if self.under_way.is_some() {
            return Vec::new();
        }
        let (mut changes, mut after, mut bytes): (Vec<Change>, _, _) = (Vec::new(), Vec::new(), 0);
        let (mut rows, mut channels) = (0, Set::new());
        while let Some(piece) = self.pieces.front() {
            rows += piece.changes.iter().filter(|change| is_row(change, &mut channels)).count();
            let full = rows > ROWS || bytes + piece.bytes > BYTES;
            if full && !changes.is_empty() {
                break;
            }
            if let Some(piece) = self.pieces.pop_front() {
                changes.extend(piece.changes);
                after.extend(piece.after);
                bytes += piece.bytes;
            }
        }
        for channel in changes.iter().filter_map(channel_of) {
            if let Some(count) = self.held.get_mut(channel) {
                *count -= 1;
                if *count == 0 {
                    self.held.remove(channel);
                }
            }
        }
        keep_last_views(&mut after);
        show_last_states(&mut after);
        if changes.is_empty() {
            self.bytes -= bytes;
            self.released.extend(after);
            return Vec::new();
        }
        keep_last_rows(&mut changes);
        let taken_back = take_back_words(&mut after, &changes);
        if trace {
            after.push(After::Event(Event::Trace { line: Trace::Stored { changes: changes.len() } }));
        }
        self.last += 1;
        let id = BatchId(self.last);
        changes.push(Change::Meta(Meta { last_batch: self.last, ..meta.clone() }));
        self.under_way = Some((id, after, bytes));
        outputs.push_back(Output::Store(id, Batch { epoch, changes }));
        taken_back
    }

    pub fn stored(&mut self, id: BatchId) {
        if self.is_under_way(id)
            && let Some((_, after, bytes)) = self.under_way.take()
        {
            self.bytes = self.bytes.saturating_sub(bytes);
            self.released.extend(after);
        }
    }

    pub fn take_released(&mut self) -> Vec<After> {
        core::mem::take(&mut self.released)
    }

    /// The batch that was under way failed, as far as one is told.
    pub fn failed(&mut self) -> Dropped {
        let mut dropped = Dropped::default();
        if let Some((id, after, _)) = self.under_way.take() {
            self.doubtful = Some((id, dropped.take(after)));
        }
        dropped
    }

    /// The database was read, and this is the last batch in it.
    pub fn resolve(&mut self, last: u64) {
        self.last = self.last.max(last);
        if let Some((id, events)) = self.doubtful.take()
            && id == BatchId(last)
        {
            self.released.extend(events);
        }
    }

    /// What is gathered will not be stored. A batch that is under way may still be.
    pub fn drop_gathered(&mut self) -> Dropped {
        let mut dropped = Dropped::default();
        for piece in core::mem::take(&mut self.pieces) {
            dropped.take(piece.after);
        }
        self.held.clear();
        self.bytes = self.under_way.as_ref().map_or(0, |(_, _, bytes)| *bytes);
        dropped
    }
}

fn channel_of(change: &Change) -> Option<&Channel> {
    match change {
        Change::Message(row) => Some(&row.channel),
        Change::ForgetFrom(channel, _)
        | Change::Forget(channel, _)
        | Change::Mark(channel, _)
        | Change::MarkGone(channel, _) => Some(channel),
        Change::Channel(row) => Some(&row.channel),
        _ => None,
    }
}

/// What the other fields of a row take, roughly.
const ROW: usize = 200;

fn change_size(change: &Change) -> usize {
    ROW + match change {
        Change::Message(row) => row.content.len(),
        Change::Outbox(row) => row.content.len(),
        Change::Quarantine(row) => row.raw.len(),
        _ => 0,
    }
}

/// What an event holds that came from the server and stands in no row.
fn event_size(after: &After) -> usize {
    match after {
        After::Event(Event::Message { message, .. }) if message.transient => {
            message.content.as_ref().map_or(0, Vec::len)
        }
        After::Event(Event::Command { content: bytes, .. } | Event::Stream { data: bytes, .. }) => ROW + bytes.len(),
        _ => 0,
    }
}

/// Whether a change counts as a row. Of those that `keep_last_rows` reduces to one, only the first does.
fn is_row(change: &Change, channels: &mut Set<Channel>) -> bool {
    match change {
        Change::Channel(row) => !channels.contains(&row.channel) && channels.insert(row.channel.clone()),
        Change::Meta(_) => false,
        _ => true,
    }
}

/// A channel's row is written once a batch: the newest. Meta comes with every batch.
fn keep_last_rows(changes: &mut Vec<Change>) {
    let mut channels = Set::new();
    let mut kept: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes.drain(..).rev() {
        let keep = match &change {
            Change::Channel(row) => channels.insert(row.channel.clone()),
            Change::Meta(_) => false,
            _ => true,
        };
        if keep {
            kept.push(change);
        }
    }
    kept.reverse();
    *changes = kept;
}

/// What is told of a message that the same batch changes again is its last state: an echo that quoted what is recalled by now
/// is never shown with those words.
fn show_last_states(after: &mut [After]) {
    let mut last: Map<String, (usize, MessageView)> = Map::new();
    for (at, item) in after.iter().enumerate() {
        if let After::Event(Event::MessageChanged { message }) = item {
            last.insert(message.key.clone(), (at, message.clone()));
        }
    }
    if last.is_empty() {
        return;
    }
    for (at, item) in after.iter_mut().enumerate() {
        for view in views(item) {
            // In a page, one that is placed and one that waits stand in different places.
            if let Some((changed_at, message)) = last.get(&view.key)
                && at < *changed_at
                && view.message_seq == message.message_seq
            {
                view.clone_from(message);
            }
        }
    }
}

/// What was complete when it was told, and no longer is by the end of the batch: an old message of one's own, acknowledged only now,
/// lies beyond a hole that nobody knew of.
fn take_back_words(after: &mut [After], changes: &[Change]) -> Vec<Channel> {
    let mut taken_back = Vec::new();
    for item in after {
        if let After::Event(Event::History { channel, complete, .. }) = item
            && *complete
            && changes
                .iter()
                .any(|change| matches!(change, Change::Channel(row) if row.channel == *channel && !row.is_whole()))
        {
            *complete = false;
            taken_back.push(channel.clone());
        }
    }
    taken_back
}

fn views(item: &mut After) -> &mut [MessageView] {
    match item {
        After::Event(Event::Message { message, .. } | Event::MessageChanged { message })
        | After::Settle(_, Ok(Reply::Sent { message, .. } | Reply::Message { message }))
        | After::Answer(_, _, Ok(Reply::Sent { message, .. } | Reply::Message { message })) => {
            core::slice::from_mut(message)
        }
        After::Settle(_, Ok(Reply::Messages { messages, .. })) => messages,
        _ => &mut [],
    }
}

/// Of a burst, only the last state of a conversation is told.
fn keep_last_views(after: &mut Vec<After>) {
    let mut told = Set::new();
    let mut kept: Vec<After> = Vec::with_capacity(after.len());
    for item in after.drain(..).rev() {
        let keep = match &item {
            After::Event(Event::Conversation { conversation }) => told.insert(conversation.channel.clone()),
            _ => true,
        };
        if keep {
            kept.push(item);
        }
    }
    kept.reverse();
    *after = kept;
}
