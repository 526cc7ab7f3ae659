//! One channel as a person sees it: which messages it has, each once, in the order of messageSeq, with what recalls made of them.
//!
//! It works like this: everything that concerns the channel is a piece of `Work`, done one after the other. A piece names the rows
//! that it must see (`step` answers `Need`); when they are there it is applied at once, to memory and to the turn's batch. So two
//! pieces never race, and nothing of the timeline itself is held in memory: only which seqs are here, the dedup set, the marks.
//!
//! ```text
//! arrive ─► known seq? ─ same id ─► duplicate (acked, told to nobody)
//!                └ other id ─► the server gave the seq away: the tail is dropped and read again
//!        ─► known (sender, clientMsgNo)? ─► another copy of a message that we have
//!        ─► marks ─► insert ─► unread, digest, hole?
//! ```

mod acts;
mod arrive;
mod fetch;
mod marks;
pub mod ranges;
mod show;
mod view;

use std::collections::VecDeque;

use crate::channel::{Channel, ClientMsgNo, Uid};
use crate::error::Error;
use crate::event::{Event, MessageView};
use crate::id::{MessageId, MessageSeq};
use crate::recall::Marks;
use crate::request::{self, FedMark, Policy, Target};
use crate::rows::{
    Answer, AuditRow, Change, ChannelRow, Copy, Mark, MarkState, MessageRow, MessageState, Query, Range, Seen, act_id,
    channel_salt, seen_hash,
};
use crate::sorted::{Map, Set};
use crate::time::{Millis, Wall};
use crate::turn::{Action, Ask, ConnectionId, Ticket, Turn};
use crate::wire::Recvack;

use acts::Acts;

pub use fetch::HOLD;
pub use view::conversation as conversation_view;

/// What a timeline must know of the world around it.
pub struct Context<'a> {
    pub own: &'a Uid,
    /// Whether the outbox holds this, so that its echo is shown already.
    pub owed: &'a dyn Fn(&ClientMsgNo) -> bool,
    /// Whether the outbox waits for news of this, though it may show no echo.
    pub watched: &'a dyn Fn(&ClientMsgNo) -> bool,
    /// What the outbox holds of a channel and no timeline has, in order.
    pub waiting: &'a dyn Fn(&Channel) -> Vec<MessageView>,
    pub server_time: Option<Wall>,
    pub policy: &'a Policy,
    pub dedup_window: Option<Millis>,
    /// The business server can be asked for history.
    pub history: bool,
    /// Since the connection is ready, the conversations were read once.
    pub caught_up: bool,
    /// A page of history may show what is taken back later.
    pub provisional_log: bool,
    /// Whether this act of sending, this command or this copy (`transient_id`) was told to the application, though no row holds it.
    pub told: &'a dyn Fn(MessageId) -> bool,
}

/// One message on its way in.
#[derive(Debug)]
pub struct Arrival {
    pub row: MessageRow,
    /// Pushed just now.
    pub live: bool,
    pub red_dot: bool,
    pub ack: Option<(ConnectionId, Recvack)>,
    /// What the business server said of it, with the content that a restore gives back.
    pub mark: Option<FedMark>,
    /// The content is not there, though no mark says why.
    pub withheld: bool,
    /// It was looked at often enough: every node has it.
    pub confirms: bool,
    /// A command that took a place of the channel's, as generation 2 stores those that clients send.
    pub command: bool,
}

impl Arrival {
    /// Pushed to us, or our own as a SENDACK places it.
    pub fn live(row: MessageRow) -> Self {
        Self {
            row,
            live: true,
            red_dot: false,
            ack: None,
            mark: None,
            withheld: false,
            confirms: false,
            command: false,
        }
    }
}

/// Which stretch a history page answers for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// The newest of the channel; `top` was the newest that was here when they were asked for.
    Newest { limit: usize, top: MessageSeq },
    /// As `Newest`, but the list may have been cut by a cursor, so its beginning says nothing.
    Recents,
    /// From this seq on.
    Newer { start: MessageSeq },
    /// Down from `start` to just above `end`.
    Older { start: MessageSeq, end: MessageSeq, limit: usize },
    /// Single messages, found by name.
    Single,
}

/// What the server's conversation list says.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub last_seq: MessageSeq,
    pub read_to: MessageSeq,
    pub unread: u64,
}

#[derive(Debug)]
pub enum Work {
    Arrived(Box<Arrival>),
    Page {
        arrivals: Vec<Arrival>,
        span: Span,
        more: bool,
        figure: Option<Figure>,
    },
    /// The answer of the feed, or of a recall that we asked for (`single`: then it says nothing of what lies before it).
    /// `hints_until`: the feed was asked after so many hints, and has nothing more to say about those.
    Marks {
        marks: Vec<FedMark>,
        version: u64,
        single: bool,
        more: bool,
        hints_until: Option<u64>,
        ticket: Option<Ticket>,
        by: &'static str,
    },
    Hint(Mark),
    Read {
        seq: MessageSeq,
        ticket: Ticket,
    },
    Show {
        ticket: Ticket,
        before: Option<MessageSeq>,
        limit: usize,
    },
    Action {
        ticket: Ticket,
        action: Action,
        target: Target,
    },
    /// An unconfirmed message is no longer there, or its author wants it away.
    TakenBack {
        seq: MessageSeq,
        id: MessageId,
    },
    /// A message that nobody keeps, and that quotes another: shown without what was recalled of that.
    Transient(Box<MessageView>),
    /// The newest message may be another one now: the conversation is shown with what is stored.
    Digest,
    /// Nothing is missing any more, or it cannot be had: the `history` event that is owed is told.
    Whole,
}

/// What the store was asked and answered for the piece at the front.
#[derive(Default)]
struct Have {
    /// More messages follow in this piece, and may be copies of those that it brings.
    keeps: bool,
    rows: Map<MessageSeq, Option<MessageRow>>,
    quoting: Option<Vec<MessageRow>>,
    page: Option<Vec<MessageRow>>,
}

impl Have {
    fn forget_from(&mut self, from: MessageSeq) {
        self.rows.retain(|seq, _| *seq < from);
        if let Some(quoting) = &mut self.quoting {
            quoting.retain(|row| row.message_seq < from);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Loading {
    No,
    Channel,
    Rows,
    Quoting,
    Page,
    /// Of a piece that was aborted: the answer is thrown away.
    Void,
}

pub enum Step {
    Idle,
    /// The store must answer this first; give it to `handle_loaded`.
    Need(Query),
    Did,
}

pub struct Timeline {
    row: ChannelRow,
    ready: bool,
    /// Its marks are wanted though no work waits for them.
    wants_marks: bool,
    /// It was shown with something missing, so a `history` event must follow.
    owes_history_event: bool,
    loading: Loading,
    /// When its marks were read no message was known to be here; but that may be because its row was lost.
    lost: bool,
    asked_rows: Vec<MessageSeq>,
    seen: Acts,
    /// Makes an act's name among all channels (`act_id`) of a hash in `seen`.
    salt: u64,
    /// In the piece of work that is being done: the last seq at which the server had the same message as we.
    agreed: Option<MessageSeq>,
    /// In the piece of work that is being done: the hashes of the messages that were dropped.
    dropped: Set<u64>,
    /// A copy that is not first: its id, and where its message is placed.
    aliases: Map<MessageSeq, (MessageId, MessageSeq)>,
    marks: Marks,
    /// Hints in the order in which they came, so that a feed answer judges only those that came before it was asked.
    hints: Vec<(u64, Mark)>,
    hint_count: u64,
    /// The server's unread figure covers what stands up to here; what is beyond we count ourselves.
    baseline: Option<MessageSeq>,
    counted: Set<MessageSeq>,
    work: VecDeque<Work>,
    /// Bytes of content that wait in `work`.
    queued: usize,
    have: Have,
    fetch: fetch::Fetch,
}

impl Timeline {
    pub fn new(mut row: ChannelRow) -> Self {
        row.ranges = ranges::orderly(&row.ranges);
        let baseline = (row.last_seq > MessageSeq(0)).then_some(row.last_seq);
        // A message that moved, or was taken back, is followed by a look for the newest; a crash may have come between.
        let top = row.ranges.last().map(|range| range.last);
        let looks = top.is_some_and(|top| row.last.as_ref().is_none_or(|digest| digest.message_seq < top));
        let salt = channel_salt(&row.channel);
        Self {
            row,
            ready: false,
            wants_marks: false,
            owes_history_event: false,
            loading: Loading::No,
            lost: false,
            asked_rows: Vec::new(),
            seen: Acts::default(),
            salt,
            agreed: None,
            dropped: Set::new(),
            aliases: Map::new(),
            marks: Marks::default(),
            hints: Vec::new(),
            hint_count: 0,
            baseline,
            counted: Set::new(),
            work: if looks { VecDeque::from([Work::Digest]) } else { VecDeque::new() },
            queued: 0,
            have: Have::default(),
            fetch: fetch::Fetch::default(),
        }
    }

    pub fn row(&self) -> &ChannelRow {
        &self.row
    }

    /// Its marks are read.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Its marks are read, or will be now.
    pub fn read_marks(&mut self) -> bool {
        self.wants_marks = true;
        self.ready
    }

    /// Whether a message with this number is stored, as far as the channel has been read.
    pub fn has_seen(&self, from: &Uid, client_msg_no: &ClientMsgNo) -> bool {
        self.seen.get(seen_hash(from, client_msg_no)).is_some()
    }

    /// The feed's word that this was recalled, or deleted.
    pub fn withdrawn(&self, from: &Uid, client_msg_no: &ClientMsgNo) -> Option<&Mark> {
        let mark = self.marks.find(from, client_msg_no, None)?;
        (!mark.hint && mark.state != MarkState::Restored).then_some(mark)
    }

    /// Whether somebody was shown less than there is, and has not been told of more since.
    pub fn owes_history_event(&self) -> bool {
        self.owes_history_event
    }

    pub fn owe_history_event(&mut self) {
        self.owes_history_event = true;
    }

    /// Answers of the business server wait for the store before they take effect.
    pub fn is_reading(&self) -> bool {
        self.work.iter().any(|work| matches!(work, Work::Page { .. } | Work::Marks { .. }))
    }

    /// Hints that came so far; a feed request remembers it.
    pub fn hint_count(&self) -> u64 {
        self.hint_count
    }

    /// Something is stored of it, or is about to be.
    pub fn is_known(&self) -> bool {
        self.row.last_seq > MessageSeq(0) || self.row.marks_version > 0
    }

    /// Bytes of messages that wait for the store.
    pub fn queued(&self) -> usize {
        self.queued
    }

    pub fn push(&mut self, work: Work) {
        self.queued += size(&work);
        self.work.push_back(work);
    }

    /// Every ticket whose work is not done; at the end, or when the database failed.
    pub fn take_tickets(&mut self) -> Vec<Ticket> {
        let tickets = self.work.iter().filter_map(|work| match work {
            Work::Read { ticket, .. } | Work::Show { ticket, .. } | Work::Action { ticket, .. } => Some(*ticket),
            Work::Marks { ticket, .. } => *ticket,
            _ => None,
        });
        let tickets = tickets.collect();
        self.work.clear();
        self.queued = 0;
        tickets
    }

    /// Work that came, and the event that was owed, before the database was read.
    pub fn take_work_of(&mut self, other: Timeline) {
        self.owes_history_event |= other.owes_history_event;
        self.queued += other.queued;
        for work in other.work {
            self.work.push_back(work);
        }
    }

    /// The application waits no longer. Work that was accepted goes on. True if the ticket was here.
    pub fn abort(&mut self, aborted: Ticket) -> bool {
        let is_it =
            |work: &Work| matches!(work, Work::Show { ticket, .. } | Work::Action { ticket, .. } if *ticket == aborted);
        let Some(at) = self.work.iter().position(is_it) else { return false };
        self.work.remove(at);
        if at == 0 {
            // What was read for it is not what the next piece needs.
            self.have = Have::default();
            if matches!(self.loading, Loading::Rows | Loading::Quoting | Loading::Page) {
                self.loading = Loading::Void;
            }
        }
        true
    }

    pub fn step(&mut self, context: &Context<'_>, turn: &mut Turn) -> Step {
        if self.loading != Loading::No {
            return Step::Idle;
        }
        let work = self.work.front();
        // What is only read back was stored as it is to be seen, and needs no marks.
        let reads_back = work.map_or(!self.wants_marks, |work| matches!(work, Work::Show { .. } | Work::Digest));
        if !self.ready && !reads_back {
            return Step::Need(Query::Channel(self.row.channel.clone()));
        }
        let Some(work) = work else { return Step::Idle };
        if let Some(query) = self.missing(work) {
            return Step::Need(query);
        }
        let Some(work) = self.work.pop_front() else { return Step::Idle };
        self.queued = self.queued.saturating_sub(size(&work));
        let have = core::mem::take(&mut self.have);
        self.apply(work, have, context, turn);
        Step::Did
    }

    /// The query that `step` named is under way.
    pub fn loading(&mut self, query: &Query) {
        self.loading = match query {
            Query::Channel(_) => Loading::Channel,
            Query::Messages { seqs, .. } => {
                self.asked_rows = seqs.clone();
                Loading::Rows
            }
            Query::Quoting { .. } => Loading::Quoting,
            _ => Loading::Page,
        };
    }

    pub fn handle_loaded(&mut self, answer: Answer) {
        let loading = core::mem::replace(&mut self.loading, Loading::No);
        match (loading, answer) {
            (Loading::Channel, Answer::Channel { seen, aliases, marks }) => {
                self.ready = true;
                self.lost = self.row.ranges.is_empty();
                let mut here = Vec::new();
                for Seen { hash, placed_at } in seen {
                    self.seen.insert(hash, placed_at);
                    if self.lost {
                        here.push(Copy { message_id: MessageId(0), message_seq: placed_at });
                    }
                }
                for (copy, placed_at) in aliases {
                    self.aliases.insert(copy.message_seq, (copy.message_id, placed_at));
                    if self.lost {
                        here.push(Copy { message_id: MessageId(0), ..copy });
                    }
                }
                self.recover(here);
                self.marks = Marks::new(marks);
                self.hints.clear();
                for hint in self.marks.hints() {
                    self.hints.push((0, hint.clone()));
                }
            }
            (Loading::Rows, Answer::Messages(rows)) => {
                for seq in core::mem::take(&mut self.asked_rows) {
                    self.have.rows.insert(seq, None);
                }
                for row in rows {
                    self.have.rows.insert(row.message_seq, Some(row));
                }
            }
            (Loading::Quoting, Answer::Messages(rows)) => self.have.quoting = Some(rows),
            (Loading::Page, Answer::Messages(rows)) => self.have.page = Some(rows),
            // A store that answers something else is broken; the work stays and asks again.
            _ => {}
        }
    }

    /// The disk has lost the channel's row and not its messages. These must be known, or what a cluster has in their places would
    /// be written over them.
    fn recover(&mut self, mut here: Vec<Copy>) {
        here.sort_unstable();
        for copy in &here {
            ranges::cover(&mut self.row.ranges, copy.message_seq, copy.message_seq);
        }
        if !here.is_empty() {
            self.work.push_front(Work::Digest);
        }
    }

    /// What the piece at the front must still see.
    fn missing(&self, work: &Work) -> Option<Query> {
        let seqs: Vec<MessageSeq> = match work {
            Work::Arrived(arrival) => self.rows_for(core::slice::from_ref(arrival.as_ref())),
            Work::Page { arrivals, .. } => self.rows_for(arrivals),
            Work::Marks { marks, hints_until, .. } => {
                let mut places = Vec::new();
                for fed in marks {
                    places.append(&mut self.places_of(&fed.mark));
                }
                for (_, hint) in self.hints.iter().filter(|(n, _)| hints_until.is_some_and(|until| *n <= until)) {
                    places.append(&mut self.places_of(hint));
                }
                places
            }
            Work::Hint(mark) => self.places_of(mark),
            Work::Action { target, .. } => self.place_of_target(target).into_iter().collect(),
            Work::TakenBack { seq, .. } => vec![self.placed_at(*seq)],
            Work::Show { before, limit, .. } => return self.missing_page(*before, *limit),
            Work::Digest => {
                let query = Query::Page { channel: self.row.channel.clone(), before: None, limit: 1 };
                return self.have.page.is_none().then_some(query);
            }
            Work::Read { .. } | Work::Transient(_) | Work::Whole => Vec::new(),
        };
        let seqs: Set<MessageSeq> = seqs.into_iter().filter(|seq| !self.have.rows.contains_key(seq)).collect();
        if !seqs.is_empty() {
            let seqs = seqs.into_iter().collect();
            return Some(Query::Messages { channel: self.row.channel.clone(), seqs });
        }
        let copies = match work {
            _ if self.have.quoting.is_some() => Vec::new(),
            Work::Marks { marks, .. } => self.recalled_copies(marks),
            Work::Arrived(arrival) => self.late_copies(core::slice::from_ref(arrival.as_ref())),
            Work::Page { arrivals, .. } => self.late_copies(arrivals),
            _ => Vec::new(),
        };
        (!copies.is_empty()).then(|| Query::Quoting { channel: self.row.channel.clone(), copies })
    }

    fn missing_page(&self, before: Option<MessageSeq>, limit: usize) -> Option<Query> {
        // Nothing is stored beyond the last range, and from a known end on the store reads without looking for it.
        let end = self.row.ranges.last().and_then(|range| range.last.0.checked_add(1)).map(MessageSeq);
        let before = before.into_iter().chain(end).min();
        let query = Query::Page { channel: self.row.channel.clone(), before, limit };
        self.have.page.is_none().then_some(query)
    }

    /// Where the message with a copy at this seq is placed.
    fn placed_at(&self, seq: MessageSeq) -> MessageSeq {
        self.aliases.get(&seq).map_or(seq, |(_, placed_at)| *placed_at)
    }

    fn places_of(&self, mark: &Mark) -> Vec<MessageSeq> {
        let mut places = Vec::new();
        for copy in mark.copies.iter().filter(|copy| ranges::contains(&self.row.ranges, copy.message_seq)) {
            places.push(self.placed_at(copy.message_seq));
        }
        if !mark.client_msg_no.is_empty() {
            for author in [&mark.author, &mark.operator] {
                places.extend(self.seen.get(seen_hash(author, &mark.client_msg_no)));
            }
        }
        places
    }

    fn place_of_target(&self, target: &Target) -> Option<MessageSeq> {
        target.message_seq.filter(|seq| ranges::contains(&self.row.ranges, *seq)).map(|seq| self.placed_at(seq))
    }

    fn apply(&mut self, work: Work, mut have: Have, context: &Context<'_>, turn: &mut Turn) {
        let before = Glance::of(&self.row);
        self.agreed = None;
        self.dropped.clear();
        match work {
            Work::Arrived(arrival) => {
                let hole = self.fetch.hole(&self.row);
                have.keeps |= have.quoting.is_some();
                self.arrive(*arrival, &mut have, context, turn);
                self.purge_quotes(&mut have, context, turn);
                let left = self.fetch.hole(&self.row);
                if context.history && left != hole {
                    self.fetch.nudge();
                    if left.is_some_and(|left| ranges::is_far(left.first, left.last)) {
                        self.fetch.probe();
                    }
                    self.ask_history(HOLD, turn);
                } else if !context.history && left.is_none() && self.owes_history_event {
                    self.tell_history(context, turn);
                }
            }
            Work::Page { arrivals, span, more, figure } => {
                self.page(arrivals, span, more, figure, &mut have, context, turn);
                self.purge_quotes(&mut have, context, turn);
            }
            Work::Marks { marks, version, single, more, hints_until, ticket, by } => {
                let names = marks.first().map(|fed| fed.mark.clone());
                self.marks(marks, by, hints_until, &mut have, context, turn);
                if !single {
                    self.row.marks_version = self.row.marks_version.max(version);
                    if more {
                        turn.asks.push(Ask::Marks(self.row.channel.clone()));
                    }
                }
                if let (Some(ticket), Some(mark)) = (ticket, names) {
                    self.settle_with_row(ticket, &mark, &have, context, turn);
                }
            }
            Work::Hint(mark) => self.hint(mark, &mut have, context, turn),
            Work::Read { seq, ticket } => {
                self.read(seq, turn);
                turn.settle(ticket, Ok(crate::turn::Reply::Done));
            }
            Work::Show { ticket, before, limit } => {
                self.show(ticket, before, limit, have.page, context, turn);
            }
            Work::Action { ticket, action, target } => self.act(ticket, action, target, &have, context, turn),
            Work::Transient(mut message) => {
                let content = message.content.as_deref().and_then(|content| self.without_quote(content));
                message.content = content.or(message.content);
                turn.event(Event::Message { message: *message, live: true });
            }
            Work::Digest => {
                let newest = have.page.as_ref().and_then(|rows| rows.first());
                self.row.last = newest.map(view::digest);
                if let Some(digest) = &self.row.last {
                    self.row.last_seq = self.row.last_seq.max(digest.message_seq);
                    ranges::cover(&mut self.row.ranges, digest.message_seq, digest.message_seq);
                }
            }
            // Where more can be had, the event comes with it.
            Work::Whole if self.owes_history_event && !(context.history && self.fetch.wants(&self.row)) => {
                self.tell_history(context, turn);
                self.fetch.in_vain();
            }
            Work::Whole => {}
            Work::TakenBack { seq, id } => {
                let placed = self.placed_at(seq);
                if let Some(Some(row)) = have.rows.get(&placed)
                    && row.message_id == id
                {
                    self.drop_tail(placed, turn);
                }
            }
        }
        let after = Glance::of(&self.row);
        if after != before {
            turn.change(Change::Channel(self.row.clone()));
            if (&after.figures, &after.last) != (&before.figures, &before.last) {
                turn.event(Event::Conversation { conversation: view::conversation(context.own, &self.row) });
            }
        }
    }

    fn read(&mut self, seq: MessageSeq, turn: &mut Turn) {
        let seq = seq.min(self.row.last_seq);
        if seq <= self.row.read_to {
            return;
        }
        self.row.read_to = seq;
        let counted_before = self.counted.len() as u64;
        self.counted.retain(|counted| *counted > seq);
        let by_us = self.counted.len() as u64;
        let by_server = if self.baseline.is_some_and(|baseline| seq < baseline) {
            let left = self.baseline.map_or(0, |baseline| baseline.0 - seq.0);
            self.row.unread.saturating_sub(counted_before).min(left)
        } else {
            0
        };
        self.row.unread = by_server.saturating_add(by_us);
        turn.asks.push(Ask::Read(self.row.channel.clone(), seq));
    }

    /// The server gave the seqs from here on to other messages: what we have of them was taken back.
    fn drop_tail(&mut self, from: MessageSeq, turn: &mut Turn) {
        turn.change(Change::ForgetFrom(self.row.channel.clone(), from));
        let top = self.row.ranges.last().map_or(0, |range| range.last.0);
        let newest = from.max(MessageSeq(top.saturating_sub(TAIL)));
        for (hash, placed_at) in self.seen.cut(from) {
            if placed_at >= newest {
                self.dropped.insert(hash);
                turn.change(Change::Command(act_id(self.salt, hash), turn.now.wall));
            }
        }
        self.aliases.retain(|seq, (_, placed_at)| *seq < from && *placed_at < from);
        ranges::cut(&mut self.row.ranges, from);
        // What was taken back may begin further below, where nothing was compared yet.
        let below = MessageSeq(from.0.saturating_sub(1));
        self.row.doubts.retain(|seq| *seq < below);
        if self.agreed != Some(below) && below > MessageSeq(0) {
            self.row.doubts.push(below);
        }
        let counted = self.counted.len();
        self.counted.retain(|seq| *seq < from);
        self.row.unread = self.row.unread.saturating_sub((counted - self.counted.len()) as u64);
        let last = self.row.ranges.last().map_or(MessageSeq(0), |range| range.last);
        self.row.last_seq = last;
        // Nobody has read what takes these places. Where somebody has, the server's figure says so.
        self.row.read_to = self.row.read_to.min(below);
        if self.row.last.as_ref().is_some_and(|digest| digest.message_seq >= from) {
            self.row.last = None;
            self.work.push_front(Work::Digest);
        }
        self.fetch.probe();
        self.ask_history(Millis(0), turn);
        turn.event(Event::History { channel: self.row.channel.clone(), reached_start: false, complete: false });
    }

    fn tell_history(&mut self, context: &Context<'_>, turn: &mut Turn) {
        self.owes_history_event = false;
        let (reached_start, complete) = (self.reached_start(context), self.is_complete(context));
        turn.event(Event::History { channel: self.row.channel.clone(), reached_start, complete });
    }

    fn ask_history(&self, after: Millis, turn: &mut Turn) {
        turn.asks.push(Ask::History { channel: self.row.channel.clone(), after });
    }

    fn audit_mark(&self, turn: &mut Turn, mark: &Mark, what: &str, by: &str) {
        self.audit(turn, &mark.operator, mark.client_msg_no.clone(), mark.copies.clone(), what, by);
    }

    fn audit(
        &self,
        turn: &mut Turn,
        operator: &Uid,
        client_msg_no: ClientMsgNo,
        copies: Vec<Copy>,
        what: &str,
        by: &str,
    ) {
        let (channel, operator, at) = (self.row.channel.clone(), operator.clone(), turn.now.wall);
        let (what, by) = (what.to_owned(), by.to_owned());
        turn.change(Change::Audit(AuditRow { ordinal: 0, at, channel, operator, client_msg_no, copies, what, by }));
    }
}

/// A message of the business server's, as a row of this channel.
pub fn arrival(channel: &Channel, message: request::Message) -> Arrival {
    let from = if message.from_uid.0 == SYSTEM { Uid::default() } else { message.from_uid };
    let withheld = message.payload.is_none() && message.mark.is_none();
    Arrival {
        row: MessageRow {
            channel: channel.clone(),
            message_seq: message.message_seq,
            message_id: message.message_id,
            client_msg_no: message.client_msg_no,
            from,
            timestamp: message.timestamp,
            setting: message.setting,
            expire: message.expire,
            topic: None,
            content: message.payload.unwrap_or_default(),
            state: Default::default(),
            mark: None,
            copies: Vec::new(),
            counted: false,
            unconfirmed: false,
        },
        live: false,
        red_dot: message.red_dot,
        ack: None,
        mark: message.mark,
        withheld,
        confirms: false,
        command: message.sync_once,
    }
}

/// How many of the newest messages of a dropped tail are remembered, so that they are not told as new again. A leader that dies
/// takes fewer with it, and a server that begins anew has other messages.
const TAIL: u64 = 1_000;

/// The system's uid, where a server tells it.
pub const SYSTEM: &str = "____system";

/// Enough of a channel's row to see whether it changed, without copying what it quotes.
#[derive(PartialEq)]
struct Glance {
    ranges: Vec<Range>,
    marks_version: u64,
    reached_start: bool,
    doubts: Vec<MessageSeq>,
    /// Unread, read position, newest seq.
    figures: (u64, MessageSeq, MessageSeq),
    /// Which message stands last, in which state and how long.
    last: Option<(MessageSeq, MessageId, MessageState, usize)>,
}

impl Glance {
    fn of(row: &ChannelRow) -> Self {
        let last = row.last.as_ref();
        let last = last.map(|last| (last.message_seq, last.message_id, last.state.clone(), last.content.len()));
        Self {
            ranges: row.ranges.clone(),
            marks_version: row.marks_version,
            reached_start: row.reached_start,
            doubts: row.doubts.clone(),
            figures: (row.unread, row.read_to, row.last_seq),
            last,
        }
    }
}

/// What a pushed message takes while it waits; the rest is bounded by what we asked for.
fn size(work: &Work) -> usize {
    match work {
        Work::Arrived(arrival) => arrival.row.content.len() + 200,
        Work::Transient(message) => message.content.as_ref().map_or(0, Vec::len),
        _ => 0,
    }
}

fn copies_match(row: &MessageRow, copy: Copy) -> bool {
    row.all_copies().contains(&copy)
}

/// Settles what cannot go on because the database failed.
pub fn storage_error() -> Error {
    Error::new(crate::error::ErrorCode::Storage, "the database failed; nothing of this was kept")
}
