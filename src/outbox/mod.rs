//! What we owe the server: order, window, ack matching, sending again with the same clientMsgNo, and what waits for a person.
//!
//! ```text
//!  accept ─► (stored) ─► Idle ─► InFlight ─► Acked ─► gone, once the timeline has it
//!                         ▲ │        │ reason, silence, connection lost
//!                         │ ▼        ▼
//!                        Asking   Idle in doubt (asked by clientMsgNo before it is sent again)
//!                         │ found, unconfirmed                    Parked (a person retries or drops it)
//!                         ▼
//!                     Unconfirmed ─► looked at after 1, 5, 15 min ─► gone, or Idle again
//! ```
//!
//! One that was recalled while it is unconfirmed is watched on without its content: a restore within the doubt owes it again.
//!
//! Within a channel messages leave in the order in which they were accepted. It knows nothing of timelines: that a message is
//! stored comes from there, by `landed`.

mod form;
mod lookup;
mod reason;
mod withdraw;

use crate::channel::{Channel, ClientMsgNo, Uid};
use crate::dice::Dice;
use crate::error::{Error, ErrorCode};
use crate::event::{Delivery, Event, MessageView, Trace};
use crate::id::{ClientSeq, MessageId, MessageSeq};
use crate::rows::{Change, MessageState, OutboxRow, OutboxState};
use crate::sorted::{Map, Set};
use crate::time::{Earliest, Millis, Mono, Now, Wall};
use crate::turn::{After, Landed, Reply, Ticket, Turn, Unanswered, Waiter};
use crate::wire::{ProtocolVersion, ReasonCode, Send, Sendack};

use form::{packet, view_of};
use lookup::{has_lasted, looks_behind, next_look};
pub use reason::Verdict;
use reason::verdict;

/// No answer for so long: the outcome is unknown. A cluster may take 10 s.
const ANSWER: Millis = Millis::seconds(15);
/// SENDs on the wire at once. After a NodeNotMatch of generation 3 only one: behind it, SENDs to healthy channels fail too.
const WINDOW: usize = 32;
/// Content on the wire at once, unless one message alone is larger: behind more of it a PING comes too late over a slow line, and the
/// connection would be given up, and all of it sent again, for ever.
const BYTES: usize = 24 * 1024;
const FIRST_PAUSE: Millis = Millis(500);
const LONGEST_PAUSE: Millis = Millis::seconds(30);
/// Failed look-ups after which a message is sent again all the same.
const LOOKUPS: u32 = 3;

enum Progress {
    /// Its row is not stored yet.
    Storing,
    Idle {
        not_before: Mono,
    },
    InFlight {
        client_seq: ClientSeq,
        sent_at: Mono,
    },
    /// Looked up; what is found lands by way of the timeline.
    Asking {
        until: Mono,
    },
    /// The server has it; the timeline will say so.
    Acked,
    Parked,
    Unconfirmed {
        look_at: Mono,
        asked: bool,
    },
}

struct Entry {
    row: OutboxRow,
    waiters: Vec<Waiter>,
    progress: Progress,
    attempts: u32,
    /// Under which numbers and when it left on this connection: an answer may come after we have given it up.
    sent_as: Vec<(ClientSeq, Mono)>,
    lookups: u32,
    /// The server may have it already: it is looked up before it is sent again.
    doubt: bool,
    /// If it is found, it may be on one node of a cluster only.
    suspect: bool,
    /// The server could not read it once already.
    unread: bool,
    /// It quotes less than it did when it may have been sent: to a server that compares contents it is not the same message.
    altered: bool,
    /// The channel's log has gone on to here for certain: what is found before it is no longer in doubt.
    witness: Option<MessageSeq>,
}

impl Entry {
    fn new(row: OutboxRow, waiters: Vec<Waiter>, progress: Progress, doubt: bool) -> Self {
        Self {
            row,
            waiters,
            progress,
            attempts: 0,
            sent_as: Vec::new(),
            lookups: 0,
            doubt,
            suspect: false,
            unread: false,
            altered: false,
            witness: None,
        }
    }

    /// The look-up gave no answer. After some of these, or where nobody can be asked, it is sent again: a duplicate is merged, a loss is not.
    fn looked_in_vain(&mut self, now: Now, pause: Millis, retryable: bool) {
        self.lookups += 1;
        self.doubt = retryable && self.lookups < LOOKUPS;
        self.progress = Progress::Idle { not_before: now.mono + pause };
    }
}

/// What the client must do after a SENDACK.
#[derive(Debug)]
pub enum Answered {
    /// Give it to the timeline.
    Stored {
        row: OutboxRow,
        message_id: MessageId,
        message_seq: MessageSeq,
    },
    /// Sent and not stored anywhere, as asked; the outbox has settled it.
    Transient(OutboxRow),
    /// The server cannot read what is sealed with the keys of this connection; it goes once more.
    Unread,
    Nothing,
}

pub struct Outbox {
    own: Uid,
    entries: Map<u64, Entry>,
    ordinals: Map<ClientMsgNo, u64>,
    /// Dropped by a person while they were on the wire: one that the server takes all the same is shown in the timeline.
    dropped: Vec<(ClientSeq, OutboxRow)>,
    /// Calls whose answer went down with a failed batch; they wait on once the database is read.
    unanswered: Vec<Unanswered>,
    /// The database has been read since it failed last. Before, nobody knows what of this it holds.
    is_read: bool,
    next_client_seq: u32,
    /// One at a time, after a NodeNotMatch.
    careful: bool,
    /// The business server can be asked by clientMsgNo.
    lookups: bool,
    /// The server is a cluster that shows what it may take back: what is merely found there is not certain.
    provisional_log: bool,
    /// Some may be unconfirmed.
    unconfirmed: bool,
    /// When it was last asked what may leave. What was due then and stayed waits for an answer, not for time.
    looked: Mono,
}

impl Outbox {
    pub fn new(own: Uid, lookups: bool) -> Self {
        Self {
            own,
            entries: Map::new(),
            ordinals: Map::new(),
            dropped: Vec::new(),
            unanswered: Vec::new(),
            is_read: true,
            next_client_seq: 1,
            careful: false,
            lookups,
            provisional_log: false,
            unconfirmed: true,
            looked: Mono(0),
        }
    }

    /// What the database holds. All of it may have been sent before the reload.
    /// Returns the answers of the calls that wait no longer: of what did not reach the database, `lost`.
    pub fn hydrate(&mut self, now: Now, rows: Vec<OutboxRow>, lost: &Error) -> Vec<(Ticket, Result<Reply, Error>)> {
        let mut waiting: Map<ClientMsgNo, Vec<Waiter>> = Map::new();
        for (_, entry) in core::mem::take(&mut self.entries) {
            waiting.insert(entry.row.client_msg_no, entry.waiters);
        }
        let mut settled = Vec::new();
        for (client_msg_no, waiter, outcome) in core::mem::take(&mut self.unanswered) {
            let stored = rows.iter().find(|row| row.client_msg_no == client_msg_no);
            if holds_true(&outcome, stored) {
                // The database told a failure and kept the batch all the same.
                settled.push((waiter.ticket, outcome));
            } else {
                waiting.entry(client_msg_no).or_default().push(waiter);
            }
        }
        self.is_read = true;
        self.ordinals.clear();
        for row in rows {
            let progress = match row.state {
                OutboxState::Queued => Progress::Idle { not_before: now.mono },
                OutboxState::Parked { .. } => Progress::Parked,
                OutboxState::Unconfirmed { .. } => Progress::Unconfirmed { look_at: now.mono, asked: false },
            };
            // Who waits for a parked one called `retry`, and that was not kept.
            let retried = matches!(progress, Progress::Parked);
            let waiters = if retried { None } else { waiting.remove(&row.client_msg_no) }.unwrap_or_default();
            self.ordinals.insert(row.client_msg_no.clone(), row.ordinal);
            self.entries.insert(row.ordinal, Entry::new(row, waiters, progress, true));
        }
        for waiters in waiting.into_values() {
            settled.extend(waiters.iter().map(|waiter| (waiter.ticket, Err(lost.clone()))));
        }
        settled
    }

    /// Every ticket that waits; at the end.
    pub fn take_tickets(&mut self) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        for entry in self.entries.values_mut() {
            tickets.extend(entry.waiters.drain(..).map(|waiter| waiter.ticket));
        }
        tickets.extend(self.unanswered.drain(..).map(|(_, waiter, _)| waiter.ticket));
        tickets
    }

    /// The database failed, and the answers to these went down with a batch.
    pub fn wait_on(&mut self, unanswered: Vec<Unanswered>) {
        self.is_read = false;
        self.unanswered.extend(unanswered);
    }

    pub fn holds(&self, client_msg_no: &ClientMsgNo) -> bool {
        self.peek(client_msg_no).is_some_and(|entry| !entry.row.is_withdrawn())
    }

    /// Whether this very message is owed. Another channel may have another one under the same number, from another device.
    pub fn owes(&self, channel: &Channel, client_msg_no: &ClientMsgNo) -> bool {
        self.watches(channel, client_msg_no) && self.holds(client_msg_no)
    }

    /// Whether this very message is owed, or was recalled before it was certain that the server keeps it.
    pub fn watches(&self, channel: &Channel, client_msg_no: &ClientMsgNo) -> bool {
        self.peek(client_msg_no).is_some_and(|entry| entry.row.channel == *channel)
    }

    /// Writes the row and shows the echo; what leaves waits for `stored`.
    /// `doubt`: it may be stored already, and is shown then.
    pub fn accept(&mut self, turn: &mut Turn, ticket: Ticket, row: OutboxRow, deadline: Option<Millis>, doubt: bool) {
        turn.change(Change::Outbox(row.clone()));
        if !doubt {
            turn.event(Event::Message { message: self.view(&row), live: true });
        }
        turn.after.push(After::Owed(row.client_msg_no.clone()));
        let deadline = deadline.map(|span| turn.now.mono + span);
        // One that is watched after its recall stands under the same number.
        self.remove(&row.client_msg_no);
        self.ordinals.insert(row.client_msg_no.clone(), row.ordinal);
        let waiters = vec![Waiter { ticket, deadline }];
        self.entries.insert(row.ordinal, Entry::new(row, waiters, Progress::Storing, doubt));
    }

    pub fn stored(&mut self, now: Now, client_msg_no: &ClientMsgNo) {
        if let Some(entry) = self.entry(client_msg_no)
            && matches!(entry.progress, Progress::Storing)
        {
            entry.progress = Progress::Idle { not_before: now.mono };
        }
    }

    /// A person wants a parked message sent after all; the ticket waits as `send`'s does.
    pub fn retry(&mut self, turn: &mut Turn, ticket: Ticket, client_msg_no: &ClientMsgNo) {
        let own = self.own.clone();
        let Some(entry) = self.entry(client_msg_no).filter(|entry| !entry.row.is_withdrawn()) else {
            return turn
                .settle(ticket, Err(Error::new(ErrorCode::NotFound, "nothing in the outbox under that number")));
        };
        if matches!(entry.row.state, OutboxState::Unconfirmed { .. }) {
            // As `send` settles; the next look may be far away.
            return turn.settle(ticket, Ok(Reply::Sent { message: view_of(&own, &entry.row), unconfirmed: true }));
        }
        entry.waiters.push(Waiter { ticket, deadline: None });
        if matches!(entry.progress, Progress::Parked) {
            entry.row.state = OutboxState::Queued;
            entry.progress = Progress::Storing;
            entry.attempts = 0;
            entry.unread = false;
            turn.change(Change::Outbox(entry.row.clone()));
            turn.event(Event::MessageChanged { message: view_of(&own, &entry.row) });
            turn.after.push(After::Owed(client_msg_no.clone()));
        }
    }

    /// A person drops it. What is on the wire already may still reach the server; then it is shown again, as sent. Returns its
    /// place where it is shown by the timeline, unconfirmed: that must take it away, until the server shows it.
    pub fn discard(
        &mut self,
        turn: &mut Turn,
        ticket: Ticket,
        client_msg_no: &ClientMsgNo,
    ) -> Option<(Channel, MessageId, MessageSeq)> {
        let held = self.holds(client_msg_no);
        let Some(entry) = held.then(|| self.remove(client_msg_no)).flatten() else {
            turn.settle(ticket, Err(Error::new(ErrorCode::NotFound, "nothing in the outbox under that number")));
            return None;
        };
        turn.change(Change::OutboxDone(client_msg_no.clone()));
        for waiter in entry.waiters {
            let error = Error::new(ErrorCode::Aborted, "the message was dropped from the outbox");
            turn.answer(client_msg_no, waiter, Err(error));
        }
        let channel = entry.row.channel.clone();
        let shown = match entry.row.state {
            OutboxState::Unconfirmed { message_id, message_seq, .. } => Some((channel, message_id, message_seq)),
            _ => {
                let key = crate::event::key(&self.own, &entry.row.client_msg_no, MessageId(0));
                turn.event(Event::MessageRemoved { channel, key });
                None
            }
        };
        self.remember_dropped(&entry.row, &entry.sent_as);
        turn.settle(ticket, Ok(Reply::Done));
        shown
    }

    /// What was recalled is quoted no more by what is owed in the channel. `without` gives a content without such a quote.
    pub fn purge_quotes(&mut self, turn: &mut Turn, channel: &Channel, without: impl Fn(&[u8]) -> Option<Vec<u8>>) {
        let own = self.own.clone();
        for entry in self.entries.values_mut().filter(|entry| entry.row.channel == *channel) {
            let Some(content) = without(&entry.row.content) else { continue };
            entry.row.content = content;
            entry.altered |= entry.doubt || entry.attempts > 0;
            turn.change(Change::Outbox(entry.row.clone()));
            if !matches!(entry.row.state, OutboxState::Unconfirmed { .. }) {
                turn.event(Event::MessageChanged { message: view_of(&own, &entry.row) });
            }
        }
        for (_, row) in self.dropped.iter_mut().filter(|(_, row)| row.channel == *channel) {
            if let Some(content) = without(&row.content) {
                row.content = content;
            }
        }
    }

    /// After a reload: these may have been sent before their quotes went.
    pub fn note_altered(&mut self, quotes_nothing: impl Fn(&[u8]) -> bool) {
        for entry in self.entries.values_mut() {
            entry.altered = quotes_nothing(&entry.row.content);
        }
    }

    /// The application waits no longer; the message stays. True if the ticket was here.
    pub fn abort(&mut self, ticket: Ticket) -> bool {
        let mut found = false;
        for entry in self.entries.values_mut() {
            let before = entry.waiters.len();
            entry.waiters.retain(|waiter| waiter.ticket != ticket);
            found |= entry.waiters.len() < before;
        }
        let before = self.unanswered.len();
        self.unanswered.retain(|(_, waiter, _)| waiter.ticket != ticket);
        found || self.unanswered.len() < before
    }

    /// What may leave now, in order, unsealed.
    pub fn take_sends(&mut self, now: Now, version: ProtocolVersion, turn: &mut Turn) -> Vec<Send> {
        self.looked = now.mono;
        let window = if self.careful { 1 } else { WINDOW };
        let in_flight = self.entries.values().filter(|entry| matches!(entry.progress, Progress::InFlight { .. }));
        let sizes = in_flight.map(|entry| entry.row.content.len());
        let (mut under_way, mut bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
        let (lookups, asks) = (self.lookups, self.asks(version));
        let mut blocked: Set<Channel> = Set::new();
        let mut sends = Vec::new();
        for entry in self.entries.values_mut() {
            let channel = &entry.row.channel;
            match entry.progress {
                Progress::Idle { not_before } => {
                    if under_way >= window {
                        break;
                    }
                    let ready = not_before <= now.mono
                        && !(entry.doubt && (asks || (lookups && entry.altered)))
                        && (under_way == 0 || bytes + entry.row.content.len() <= BYTES);
                    let behind = blocked.contains(channel);
                    if behind || !ready {
                        if !behind {
                            blocked.insert(channel.clone());
                        }
                        continue;
                    }
                    let client_seq = ClientSeq(self.next_client_seq);
                    self.next_client_seq = self.next_client_seq.wrapping_add(1).max(1);
                    under_way += 1;
                    bytes += entry.row.content.len();
                    entry.attempts += 1;
                    entry.progress = Progress::InFlight { client_seq, sent_at: now.mono };
                    entry.sent_as.push((client_seq, now.mono));
                    if entry.attempts > 1 {
                        let (client_msg_no, attempt) = (entry.row.client_msg_no.clone(), entry.attempts);
                        turn.trace(|| Trace::Retry { client_msg_no, attempt });
                    }
                    sends.push(packet(&entry.row, client_seq));
                }
                Progress::Storing | Progress::Asking { .. } if !blocked.contains(channel) => {
                    blocked.insert(channel.clone());
                }
                Progress::Storing
                | Progress::Asking { .. }
                | Progress::InFlight { .. }
                | Progress::Acked
                | Progress::Parked
                | Progress::Unconfirmed { .. } => {}
            }
        }
        sends
    }

    pub fn handle_sendack(
        &mut self,
        turn: &mut Turn,
        ack: &Sendack,
        version: ProtocolVersion,
        dice: &mut Dice,
    ) -> Answered {
        let now = turn.now;
        let own = self.own.clone();
        let awaits = |entry: &&mut Entry| {
            let open =
                matches!(entry.progress, Progress::Idle { .. } | Progress::InFlight { .. } | Progress::Asking { .. });
            open && entry.sent_as.iter().any(|(client_seq, _)| *client_seq == ack.client_seq)
        };
        let Some(entry) = self.entries.values_mut().find(awaits) else { return self.dropped_after_all(ack) };
        let Some((_, sent_at)) = entry.sent_as.iter().find(|(client_seq, _)| *client_seq == ack.client_seq) else {
            return Answered::Nothing;
        };
        let verdict = verdict(ack.reason, now.mono.since(*sent_at), entry.attempts, version);
        // Not the attempt that we wait for: it tells what became of the message, and not when to send it again.
        let late = !matches!(entry.progress, Progress::InFlight { client_seq, .. } if client_seq == ack.client_seq);
        match verdict {
            Verdict::Sent if ack.message_seq == MessageSeq(0) => {
                let row = entry.row.clone();
                self.settle_transient(turn, &row, ack.message_id);
                Answered::Transient(row)
            }
            Verdict::Sent => {
                entry.progress = Progress::Acked;
                // This copy is stored on more than one node, whatever became of another.
                entry.suspect = false;
                self.careful = false;
                Answered::Stored { row: entry.row.clone(), message_id: ack.message_id, message_seq: ack.message_seq }
            }
            Verdict::Unconfirmed if late => {
                entry.doubt = true;
                entry.suspect = true;
                Answered::Nothing
            }
            _ if late => Answered::Nothing,
            Verdict::Reseal if !entry.unread => {
                entry.unread = true;
                entry.progress = Progress::Idle { not_before: now.mono + pause(entry.attempts, dice) };
                Answered::Unread
            }
            Verdict::Park | Verdict::Reseal => {
                park(&own, entry, turn, ack.reason);
                Answered::Nothing
            }
            verdict => {
                self.careful |= ack.reason == ReasonCode::NODE_NOT_MATCH;
                entry.doubt |= verdict == Verdict::Unconfirmed;
                entry.suspect = verdict == Verdict::Unconfirmed;
                entry.lookups = 0;
                entry.progress = Progress::Idle { not_before: now.mono + pause(entry.attempts, dice) };
                Answered::Nothing
            }
        }
    }

    fn dropped_after_all(&mut self, ack: &Sendack) -> Answered {
        let Some(at) = self.dropped.iter().position(|(client_seq, _)| *client_seq == ack.client_seq) else {
            return Answered::Nothing;
        };
        let (_, row) = self.dropped.remove(at);
        if ack.reason != ReasonCode::SUCCESS || ack.message_seq == MessageSeq(0) {
            return Answered::Nothing;
        }
        Answered::Stored { row, message_id: ack.message_id, message_seq: ack.message_seq }
    }

    /// A server that answers nothing must not make us keep all that a person ever dropped: what is forgotten, the history shows.
    fn remember_dropped(&mut self, row: &OutboxRow, sent_as: &[(ClientSeq, Mono)]) {
        self.dropped.extend(sent_as.iter().map(|(client_seq, _)| (*client_seq, row.clone())));
        self.dropped.drain(..self.dropped.len().saturating_sub(WINDOW));
    }

    /// The timeline has it now; `time` is the server's.
    pub fn landed(&mut self, turn: &mut Turn, time: Wall, landed: Landed) {
        let Landed { client_msg_no, mut message, certain, unconfirmed } = landed;
        let client_msg_no = &client_msg_no;
        let (now, provisional_log) = (turn.now, self.provisional_log);
        if !certain {
            match message.state {
                MessageState::Recalled | MessageState::Deleted => self.withdraw_landed(turn, time, &message),
                MessageState::Normal => {
                    let content = message.content.as_deref().unwrap_or_default();
                    self.give_back(turn, &message.channel, client_msg_no, content);
                }
                MessageState::Hidden => {}
            }
        }
        let Some(entry) = self.entry(client_msg_no) else { return };
        let (Some(message_id), Some(message_seq)) = (message.message_id, message.message_seq) else { return };
        let settles = certain || entry.witness.is_some_and(|witness| message_seq < witness);
        let since = match entry.row.state {
            _ if certain => None,
            // Seen in a page of history, which shows uncommitted messages too: only our own look-ups count.
            OutboxState::Unconfirmed { .. } if !matches!(entry.progress, Progress::Unconfirmed { asked: true, .. }) => {
                return;
            }
            // A page of history that comes while we look; the look itself confirms what it settles.
            OutboxState::Unconfirmed { .. } if settles && unconfirmed => return,
            OutboxState::Unconfirmed { .. } if settles => None,
            // From a clock that was ahead, time is reckoned anew.
            OutboxState::Unconfirmed { since, .. } => Some(since.min(time)),
            _ if entry.suspect => Some(time),
            // An earlier copy of what was refused later: no answer will tell more.
            _ if provisional_log && matches!(entry.progress, Progress::Asking { .. } | Progress::Parked) => Some(time),
            // The answer to the SEND or the look-up will tell more.
            _ if provisional_log => return,
            _ => None,
        };
        match since {
            Some(since) if !has_lasted(since, time) || unconfirmed => {
                let looks = looks_behind(since, time);
                entry.row.state = OutboxState::Unconfirmed { message_id, message_seq, since, looks: looks as u8 };
                entry.progress = Progress::Unconfirmed { look_at: next_look(since, time, now.mono), asked: false };
                entry.witness = None;
                message.delivery = Delivery::Unconfirmed;
                turn.change(Change::Outbox(entry.row.clone()));
                for waiter in core::mem::take(&mut entry.waiters) {
                    let reply = Reply::Sent { message: message.clone(), unconfirmed: true };
                    turn.answer(client_msg_no, waiter, Ok(reply));
                }
                self.unconfirmed = true;
            }
            _ => {
                turn.change(Change::OutboxDone(client_msg_no.clone()));
                if let Some(entry) = self.remove(client_msg_no) {
                    for waiter in entry.waiters {
                        let reply = Reply::Sent { message: message.clone(), unconfirmed: false };
                        turn.answer(client_msg_no, waiter, Ok(reply));
                    }
                }
            }
        }
    }

    /// Nothing is on its way to the server.
    pub fn is_idle(&self) -> bool {
        !self.entries.values().any(|entry| matches!(entry.progress, Progress::InFlight { .. }))
    }

    /// The connection is gone: whatever was on it may or may not have arrived.
    pub fn handle_lost(&mut self, now: Now) {
        self.careful = false;
        self.next_client_seq = 1;
        self.dropped.clear();
        for entry in self.entries.values_mut() {
            entry.sent_as.clear();
            if matches!(entry.progress, Progress::InFlight { .. }) {
                entry.doubt = true;
                entry.lookups = 0;
                entry.progress = Progress::Idle { not_before: now.mono };
            }
        }
    }

    /// A connection is ready: what paused because of the last one need not wait; unconfirmed messages are looked at.
    pub fn handle_ready(&mut self, now: Now) {
        for entry in self.entries.values_mut() {
            match &mut entry.progress {
                Progress::Idle { not_before } => *not_before = now.mono,
                Progress::Unconfirmed { look_at, asked } => (*look_at, *asked) = (now.mono, false),
                _ => {}
            }
        }
    }

    pub fn poll_timeout(&self, ready: bool) -> Option<Mono> {
        let mut earliest = Earliest::default();
        for entry in self.entries.values() {
            earliest.or(match entry.progress {
                Progress::Idle { not_before } if ready && not_before > self.looked => Some(not_before),
                Progress::InFlight { sent_at, .. } => Some(sent_at + ANSWER),
                Progress::Asking { until } => Some(until),
                Progress::Unconfirmed { look_at, asked: false } if ready && look_at > self.looked => Some(look_at),
                _ => None,
            });
            if self.is_read {
                entry.waiters.iter().for_each(|waiter| earliest.or(waiter.deadline));
            }
        }
        earliest.0
    }

    pub fn handle_timeout(&mut self, turn: &mut Turn, dice: &mut Dice) {
        let (now, is_read) = (turn.now, self.is_read);
        for entry in self.entries.values_mut() {
            match entry.progress {
                Progress::InFlight { sent_at, .. } if sent_at + ANSWER <= now.mono => {
                    entry.doubt = true;
                    entry.lookups = 0;
                    entry.progress = Progress::Idle { not_before: now.mono + pause(entry.attempts, dice) };
                }
                Progress::Asking { until } if until <= now.mono => entry.looked_in_vain(now, Millis(0), true),
                _ => {}
            }
            let client_msg_no = &entry.row.client_msg_no;
            entry.waiters.retain(|waiter| {
                let over = is_read && waiter.deadline.is_some_and(|deadline| deadline <= now.mono);
                if over {
                    let reply = Reply::Pending { client_msg_no: client_msg_no.clone() };
                    turn.answer(client_msg_no, *waiter, Ok(reply));
                }
                !over
            });
        }
    }

    /// What is not in the timeline: of one channel, or all, in order.
    pub fn views(&self, channel: Option<&Channel>) -> Vec<MessageView> {
        let mut views = Vec::new();
        for row in self.entries.values().map(|entry| &entry.row).filter(|row| !row.is_withdrawn()) {
            let confirmed = !matches!(row.state, OutboxState::Unconfirmed { .. });
            if channel.is_none_or(|channel| row.channel == *channel && confirmed) {
                views.push(self.view(row));
            }
        }
        views
    }

    fn view(&self, row: &OutboxRow) -> MessageView {
        view_of(&self.own, row)
    }

    /// Parks what this server must not be sent.
    pub fn refuse_to_self(&mut self, turn: &mut Turn) {
        let own = self.own.clone();
        for entry in self.entries.values_mut() {
            if matches!(entry.progress, Progress::Idle { .. }) && entry.row.channel == Channel::person(own.as_str()) {
                park(&own, entry, turn, ReasonCode::CHANNEL_ID_ERROR);
            }
        }
    }

    fn settle_transient(&mut self, turn: &mut Turn, row: &OutboxRow, message_id: MessageId) {
        turn.change(Change::OutboxDone(row.client_msg_no.clone()));
        let mut message = self.view(row);
        message.delivery = Delivery::Sent;
        message.message_id = (message_id != MessageId(0)).then_some(message_id);
        message.transient = true;
        turn.event(Event::MessageChanged { message: message.clone() });
        if let Some(entry) = self.remove(&row.client_msg_no) {
            for waiter in entry.waiters {
                let reply = Reply::Sent { message: message.clone(), unconfirmed: false };
                turn.answer(&row.client_msg_no, waiter, Ok(reply));
            }
        }
    }

    fn peek(&self, client_msg_no: &ClientMsgNo) -> Option<&Entry> {
        self.ordinals.get(client_msg_no).and_then(|ordinal| self.entries.get(ordinal))
    }

    fn entry(&mut self, client_msg_no: &ClientMsgNo) -> Option<&mut Entry> {
        self.ordinals.get(client_msg_no).and_then(|ordinal| self.entries.get_mut(ordinal))
    }

    fn remove(&mut self, client_msg_no: &ClientMsgNo) -> Option<Entry> {
        self.ordinals.remove(client_msg_no).and_then(|ordinal| self.entries.remove(&ordinal))
    }
}

/// Whether an answer that went down with a failed batch is true by what the database holds of its message.
fn holds_true(outcome: &Result<Reply, Error>, stored: Option<&OutboxRow>) -> bool {
    match (outcome, stored.map(|row| row.state)) {
        // It stays in the outbox.
        (Ok(Reply::Pending { .. }), _) => false,
        // It left the outbox: the server has it, or a person dropped it.
        (_, None) => true,
        (Err(error), Some(OutboxState::Parked { .. })) => error.code == ErrorCode::Refused,
        _ => false,
    }
}

fn park(own: &Uid, entry: &mut Entry, turn: &mut Turn, reason: ReasonCode) {
    entry.row.state = OutboxState::Parked { reason_code: reason.0 };
    entry.progress = Progress::Parked;
    entry.doubt = false;
    turn.change(Change::Outbox(entry.row.clone()));
    turn.event(Event::MessageChanged { message: view_of(own, &entry.row) });
    let mut error = Error::new(
        ErrorCode::Refused,
        format!("the server refused the message: {}", reason.name().unwrap_or("unknown reason")),
    );
    error.reason_code = Some(reason.0);
    for waiter in core::mem::take(&mut entry.waiters) {
        turn.answer(&entry.row.client_msg_no, waiter, Err(error.clone()));
    }
}

fn pause(attempts: u32, dice: &mut Dice) -> Millis {
    let most = FIRST_PAUSE.0.saturating_mul(1 << attempts.min(10)).min(LONGEST_PAUSE.0);
    Millis(most / 2 + dice.up_to(Millis(most / 2)).0)
}
