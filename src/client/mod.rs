//! Composes the parts; the only module that knows all of them, and the only one that hands out batches.
//!
//! Each input is handled, and then everything that it set in motion is run until nothing moves: timelines do their work, the
//! session and the catching up say what they want, the outbox gives what may leave, and one batch goes to the store.

mod batches;
mod commands;
mod database;
mod interface;
mod news;
mod receive;
mod recent;
mod requests;

use std::collections::VecDeque;

use crate::channel::{Channel, ClientMsgNo};
use crate::config::Config;
use crate::dice::Dice;
use crate::error::{Error, ErrorCode};
use crate::id::MessageId;
use crate::outbox::Outbox;
use crate::request::Policy;
use crate::rows::{ChannelRow, Epoch, Meta};
use crate::session::{Effect, Session};
use crate::sorted::{Map, Set};
use crate::sync::CatchUp;
use crate::time::{Millis, Mono, Now};
use crate::timeline::{Context, Step, Timeline, Work};
use crate::turn::{Ask, Turn};

pub use crate::request::{self, FetchFailure, Target};
pub use interface::*;

use batches::Batches;
use database::{Hydration, LoadFor};
use recent::Recent;
use requests::Requests;

/// Packets decoded in one `handle`; the rest waits for a timer that is due at once, so that the event loop breathes.
const PACKETS: usize = 256;
/// Received and not committed: beyond it the socket is closed until the store has caught up, for a WebSocket has no brake.
const UNCOMMITTED: usize = 16 * 1024 * 1024;
/// Questions at once for what may be at the server already; each may name a hundred.
const LOOKUPS: usize = 4;
/// How long a command is recognised, in milliseconds. Generation 2.1 brings older ones back, but those are hints about what is long known.
const COMMANDS_KEPT: i64 = 30 * 24 * 3600 * 1000;

struct Closing {
    tickets: Vec<Ticket>,
    wipe: bool,
    finished: bool,
}

/// What `poll_timeout` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    Session,
    Outbox,
    CatchUp,
    Request,
    Rehydrate,
    /// More packets are waiting.
    Work,
}

pub struct Client {
    config: Config,
    epoch: Epoch,
    dice: Dice,
    session: Session,
    outbox: Outbox,
    timelines: Map<Channel, Timeline>,
    sync: CatchUp,
    policy: Policy,
    meta: Meta,
    /// Commands and messages without a seq that were seen.
    seen: Recent,
    hydration: Hydration,
    hydrate_failures: u32,
    /// How often the database failed in a row, and when last.
    failures: u32,
    failed_at: Option<Mono>,
    /// No connection before this: what it brings could not be stored.
    offline_until: Option<Mono>,
    /// Commands that wait until the database is read, or the marks of the channel to which one of them sends.
    waiting: Vec<(Ticket, Command)>,
    connecting: Vec<Ticket>,
    batches: Batches,
    loads: Map<QueryId, LoadFor>,
    requests: Requests,
    /// Channels that may have something to do.
    stirred: Set<Channel>,
    /// Channels whose next query must wait until the store was given what is gathered for them.
    awaiting_store: Set<Channel>,
    /// Channels that the application looked at, the latest first; their newest page is read after a reconnect.
    watched: Vec<Channel>,
    more_packets: bool,
    /// Bytes that wait in timelines.
    queued: usize,
    throttled: bool,
    closing: Option<Closing>,
    next_query: u64,
    outputs: VecDeque<Output>,
}

impl Client {
    /// `entropy` must be random: key pairs and ids grow from it. `config` has passed `Config::check`.
    pub fn new(config: Config, epoch: Epoch, entropy: [u8; 32]) -> Self {
        let mut dice = Dice::new(entropy);
        let session = Session::new(Dice::new(dice.seed()), config.trace);
        let sync = CatchUp::new(config.business, Dice::new(dice.seed()));
        let mut client = Self {
            epoch,
            session,
            outbox: Outbox::new(config.uid.clone(), config.business),
            timelines: Map::new(),
            sync,
            policy: Policy::default(),
            meta: Meta::default(),
            seen: Recent::new(Vec::new()),
            hydration: Hydration::Failed { retry_at: Mono(0) },
            hydrate_failures: 0,
            failures: 0,
            failed_at: None,
            offline_until: None,
            waiting: Vec::new(),
            connecting: Vec::new(),
            batches: Batches::default(),
            loads: Map::new(),
            requests: Requests::default(),
            stirred: Set::new(),
            awaiting_store: Set::new(),
            watched: Vec::new(),
            more_packets: false,
            queued: 0,
            throttled: false,
            closing: None,
            next_query: 0,
            outputs: VecDeque::new(),
            dice,
            config,
        };
        client.hydrate();
        client
    }

    pub fn handle(&mut self, now: Now, input: Input) {
        if self.closing.as_ref().is_some_and(|closing| closing.finished) {
            if let Input::Command(ticket, _) = input {
                self.outputs.push_back(Output::Settle(ticket, Err(closed())));
            }
            return;
        }
        match input {
            Input::Command(ticket, command) => self.command(now, ticket, command),
            Input::Socket(id, Socket::Opened) => self.session.handle_opened(now, id),
            Input::Socket(id, Socket::Received(messages)) => {
                self.session.handle_bytes(now, id, messages);
                self.more_packets = true;
            }
            Input::Socket(id, Socket::Closed) => {
                // What came before the close is still good.
                self.take_packets(now, usize::MAX);
                self.session.handle_closed(now, id);
            }
            Input::Stored(id, outcome) => self.stored(now, id, outcome),
            Input::Loaded(id, outcome) => self.loaded(now, id, outcome),
            Input::Fetched(id, outcome) => self.fetched(now, id, outcome),
            Input::Page(page) => self.page(now, page),
            Input::Timeout => self.timeout(now),
        }
        self.run(now);
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call `handle` with `Input::Timeout`, and what for.
    pub fn poll_timeout(&self) -> Option<(Mono, Timer)> {
        if self.closing.is_some() {
            return None;
        }
        let rehydrate = match self.hydration {
            Hydration::Failed { retry_at } => Some(retry_at),
            _ => None,
        };
        let recovered = self.offline_until.filter(|_| self.is_hydrated());
        let timers = [
            (recovered, Timer::Rehydrate),
            (self.more_packets.then_some(Mono(0)), Timer::Work),
            (rehydrate, Timer::Rehydrate),
            (self.session.poll_timeout(), Timer::Session),
            (self.outbox.poll_timeout(self.session.is_ready()), Timer::Outbox),
            (self.sync.poll_timeout(), Timer::CatchUp),
            (self.requests.poll_timeout(), Timer::Request),
        ];
        let mut first = None;
        for (at, timer) in timers {
            if let Some(at) = at
                && first.is_none_or(|(earlier, _)| at < earlier)
            {
                first = Some((at, timer));
            }
        }
        first
    }

    fn timeout(&mut self, now: Now) {
        if let Hydration::Failed { retry_at } = self.hydration
            && retry_at <= now.mono
        {
            self.hydrate();
        }
        self.allow_connections(now);
        for (id, task) in self.requests.take_late(now.mono) {
            self.outputs.push_back(Output::Cancel(id));
            self.answered(now, task, Err(FetchFailure::new("timeout", "no answer in time", true)));
        }
        self.session.handle_timeout(now);
        let mut turn = self.turn(now);
        self.outbox.handle_timeout(&mut turn, &mut self.dice);
        self.absorb(turn);
    }

    fn page(&mut self, now: Now, page: Page) {
        match page {
            Page::Visible | Page::Hidden => {
                let visible = page == Page::Visible;
                self.session.handle_visible(now, visible);
                self.sync.handle_visible(now.mono, visible);
            }
            Page::Online | Page::Shown => self.session.wake(now),
            // A dead network shows itself by a missing PONG; believing this event would cut connections that live.
            Page::Offline => {}
        }
    }

    /// Runs what the input set in motion until nothing moves any more.
    fn run(&mut self, now: Now) {
        let mut taken = false;
        loop {
            self.session_effects(now);
            if self.more_packets && !taken {
                taken = true;
                self.take_packets(now, PACKETS);
            }
            if self.is_hydrated() {
                self.step_timelines(now);
                self.catch_up(now);
                self.send(now);
            }
            if self.is_hydrated() || self.closing.is_some() {
                // Behind a batch that failed, none may hide whether it was kept before that is read.
                let owing = self.batches.emit(self.epoch, &self.meta, &mut self.outputs, self.config.trace);
                for channel in owing {
                    self.timeline(&channel).owe_history_event();
                }
            }
            self.stir_awaiting();
            self.release(now);
            self.session.transmit(now);
            // What came while the database is being read waits for it.
            let quiet = self.session.has_no_effects() && (self.stirred.is_empty() || !self.is_hydrated());
            if quiet {
                break;
            }
        }
        self.finish();
    }

    fn session_effects(&mut self, now: Now) {
        while let Some(effect) = self.session.poll_effect() {
            match effect {
                Effect::AskToken => self.ask_token(now),
                Effect::AskGateway => self.ask_gateway(now),
                Effect::Connect(id, address) => self.outputs.push_back(Output::Connect(id, address)),
                Effect::Transmit(id, bytes) => self.outputs.push_back(Output::Transmit(id, bytes)),
                Effect::Close(id) => self.outputs.push_back(Output::Close(id)),
                Effect::Trace(line) => self.outputs.push_back(Output::Event(Event::Trace { line })),
                Effect::State(connection) => self.connection(connection),
                Effect::Ready => {
                    self.outbox.handle_ready(now);
                    for timeline in self.timelines.values_mut() {
                        timeline.refresh(false);
                    }
                    let known: Vec<Channel> = self.known_channels();
                    self.sync.handle_ready(now.mono, known.into_iter());
                    for channel in self.watched.clone() {
                        self.timeline(&channel).refresh(true);
                        self.sync.want_history(now.mono, channel, Millis(0));
                    }
                    // Whoever was shown less than there is still waits: what was asked for them was lost with the connection.
                    for timeline in self.timelines.values() {
                        if timeline.owes_history_event() || !timeline.row().doubts.is_empty() {
                            self.sync.want_history(now.mono, timeline.row().channel.clone(), Millis(0));
                        }
                    }
                    self.outputs.push_back(Output::Event(Event::Sync { done: false }));
                }
                Effect::Lost => {
                    self.more_packets = false;
                    self.connection_lost(now);
                }
            }
        }
    }

    /// The outbox and catching up begin anew with the next connection.
    fn connection_lost(&mut self, now: Now) {
        self.outbox.handle_lost(now);
        self.sync.handle_lost();
        for id in self.requests.forget_jobs() {
            self.outputs.push_back(Output::Cancel(id));
        }
    }

    fn connection(&mut self, connection: ConnectionView) {
        let outcome = match &connection {
            ConnectionView::Ready => Some(Ok(Reply::Done)),
            ConnectionView::Kicked { reason } => {
                let text = if reason.is_empty() { "logged in elsewhere".to_owned() } else { reason.clone() };
                Some(Err(Error::new(ErrorCode::Kicked, text)))
            }
            ConnectionView::Refused { error } => Some(Err(error.clone())),
            _ => None,
        };
        self.outputs.push_back(Output::Event(Event::Connection { connection }));
        if let Some(outcome) = outcome {
            for ticket in self.connecting.drain(..) {
                self.outputs.push_back(Output::Settle(ticket, outcome.clone()));
            }
        }
    }

    fn known_channels(&self) -> Vec<Channel> {
        let known = self.timelines.iter().filter(|(_, timeline)| timeline.is_known());
        known.map(|(channel, _)| channel.clone()).collect()
    }

    fn timeline(&mut self, channel: &Channel) -> &mut Timeline {
        self.timelines.entry(channel.clone()).or_insert_with(|| Timeline::new(ChannelRow::new(channel.clone())))
    }

    fn push_work(&mut self, channel: &Channel, work: Work) {
        let timeline = self.timeline(channel);
        let before = timeline.queued();
        timeline.push(work);
        let added = timeline.queued() - before;
        self.queued += added;
        self.stirred.insert(channel.clone());
    }

    fn step_timelines(&mut self, now: Now) {
        while let Some(channel) = self.stirred.pop_first() {
            let before = self.timelines.get(&channel).map_or(0, Timeline::queued);
            self.step_timeline(now, &channel);
            let after = self.timelines.get(&channel).map_or(0, Timeline::queued);
            self.queued = (self.queued + after).saturating_sub(before);
        }
    }

    fn step_timeline(&mut self, now: Now, channel: &Channel) {
        let provisional_log = self.has_provisional_log();
        loop {
            let mut turn = Turn::new(now, self.config.trace);
            let Some(timeline) = self.timelines.get_mut(channel) else { break };
            let outbox = &self.outbox;
            let owed = |client_msg_no: &ClientMsgNo| outbox.owes(channel, client_msg_no);
            let watched = |client_msg_no: &ClientMsgNo| outbox.watches(channel, client_msg_no);
            let waiting = |channel: &Channel| outbox.views(Some(channel));
            let seen = &self.seen;
            let told = |act: MessageId| seen.contains(act);
            let context = Context {
                own: &self.config.uid,
                owed: &owed,
                watched: &watched,
                waiting: &waiting,
                server_time: self.session.server_time(now),
                policy: &self.policy,
                dedup_window: self.config.dedup_window,
                history: self.sync.has_history(),
                caught_up: self.sync.is_caught_up() && self.session.is_ready(),
                provisional_log,
                told: &told,
            };
            match timeline.step(&context, &mut turn) {
                Step::Idle => break,
                Step::Did => {
                    let withdrawn = core::mem::take(&mut turn.withdrawn);
                    let time = self.session.steady_time(now);
                    for (mark, is_here) in &withdrawn {
                        self.outbox.withdraw(&mut turn, time, channel, mark, *is_here);
                    }
                    for (client_msg_no, content) in core::mem::take(&mut turn.restored) {
                        self.outbox.give_back(&mut turn, channel, &client_msg_no, &content);
                    }
                    if turn.late_copy || !withdrawn.is_empty() {
                        self.outbox.purge_quotes(&mut turn, channel, |content| timeline.without_quote(content));
                    }
                    self.absorb(turn);
                }
                Step::Need(_) if self.batches.holds(channel) => {
                    // The store must see it first: the query goes out behind the batch.
                    self.awaiting_store.insert(channel.clone());
                    break;
                }
                Step::Need(query) => {
                    timeline.loading(&query);
                    self.load(LoadFor::Timeline(channel.clone()), query);
                    break;
                }
            }
        }
    }

    /// What waited for the store to be given a batch goes on once it was.
    fn stir_awaiting(&mut self) {
        let batches = &self.batches;
        let stirred = &mut self.stirred;
        self.awaiting_store.retain(|channel| {
            let held = batches.holds(channel);
            if !held {
                stirred.insert(channel.clone());
            }
            held
        });
    }

    fn turn(&self, now: Now) -> Turn {
        Turn::new(now, self.config.trace)
    }

    /// Takes over what a turn collected.
    fn absorb(&mut self, mut turn: Turn) {
        let now = turn.now;
        let time = self.session.steady_time(now);
        for landed in core::mem::take(&mut turn.landed) {
            self.outbox.landed(&mut turn, time, landed);
        }
        for ask in core::mem::take(&mut turn.asks) {
            match ask {
                Ask::History { channel, after } => self.sync.want_history(now.mono, channel, after),
                Ask::Marks(channel) => self.sync.want_marks(now.mono, channel),
                Ask::Policy => self.sync.want_policy(now.mono),
                Ask::Read(channel, seq) => self.sync.want_read(now.mono, channel, seq),
                Ask::Action(ticket, action, channel, target) => self.ask_action(now, ticket, action, channel, target),
            }
        }
        for change in &mut turn.changes {
            match change {
                crate::rows::Change::Audit(line) => {
                    self.meta.last_ordinal = self.meta.last_ordinal.saturating_add(1);
                    line.ordinal = self.meta.last_ordinal;
                }
                crate::rows::Change::Command(id, _) => _ = self.seen.insert(*id),
                _ => {}
            }
        }
        self.batches.add(turn.changes, turn.after);
    }

    fn send(&mut self, now: Now) {
        let Some(version) = self.session.version().filter(|_| self.session.is_ready()) else { return };
        let mut turn = self.turn(now);
        if version >= crate::wire::ProtocolVersion::U64_SEQ {
            // A message to oneself breaks the membership of new person channels on that whole server.
            self.outbox.refuse_to_self(&mut turn);
        }
        self.outbox.set_provisional_log(self.has_provisional_log());
        let sends = self.outbox.take_sends(now, version, &mut turn);
        self.absorb(turn);
        for mut send in sends {
            if let Some(link) = self.session.link() {
                link.cipher().seal_send(&mut send);
                self.session.send(crate::wire::Packet::Send(send));
            }
        }
        while self.requests.lookups() < LOOKUPS
            && let Some((channel, asked)) = self.outbox.take_lookup(now, version)
        {
            self.ask_lookup(now, channel, asked);
        }
    }

    /// Whether what the server's log shows may be taken back: clusters of generation 2 show what only one node has.
    fn has_provisional_log(&self) -> bool {
        self.session.is_cluster()
            && self.session.version().is_none_or(|version| version < crate::wire::ProtocolVersion::U64_SEQ)
    }

    /// What waited for a batch that is now stored leaves.
    fn release(&mut self, now: Now) {
        for after in self.batches.take_released() {
            match after {
                crate::turn::After::Ack(connection, ack) => {
                    if self.session.connection() == Some(connection) {
                        self.session.send(crate::wire::Packet::Recvack(ack));
                    }
                }
                crate::turn::After::Settle(ticket, outcome)
                | crate::turn::After::Answer(_, crate::turn::Waiter { ticket, .. }, outcome) => {
                    self.outputs.push_back(Output::Settle(ticket, outcome))
                }
                crate::turn::After::Event(event) => self.outputs.push_back(Output::Event(event)),
                crate::turn::After::Owed(client_msg_no) => {
                    self.outbox.stored(now, &client_msg_no);
                    self.send(now);
                }
                crate::turn::After::CaughtUp(connection) => {
                    if self.session.connection() == Some(connection) {
                        self.outputs.push_back(Output::Event(Event::Sync { done: true }));
                    }
                }
                crate::turn::After::CommandsSeen(seq) => self.sync.want_ack(now.mono, seq),
            }
        }
        if self.throttled && self.batches.bytes() + self.queued == 0 {
            self.throttled = false;
            self.allow_connections(now);
        }
    }

    /// Once the database can take what they bring.
    fn allow_connections(&mut self, now: Now) {
        if self.is_hydrated() && !self.throttled && self.offline_until.is_none_or(|until| until <= now.mono) {
            self.offline_until = None;
            self.session.hold(false);
        }
    }

    /// Ends everything; `Finished` follows once what is under way is stored.
    fn close(&mut self, tickets: Vec<Ticket>, wipe: bool, error: &Error) {
        if let Some(closing) = &mut self.closing {
            closing.tickets.extend(tickets);
            closing.wipe |= wipe;
            return;
        }
        let mut orphans: Vec<Ticket> = self.outbox.take_tickets();
        for timeline in self.timelines.values_mut() {
            orphans.extend(timeline.take_tickets());
        }
        orphans.extend(core::mem::take(&mut self.waiting).into_iter().map(|(ticket, _)| ticket));
        orphans.append(&mut self.connecting);
        for (id, ticket) in self.requests.drain() {
            self.outputs.push_back(Output::Cancel(id));
            orphans.extend(ticket);
        }
        for (_, load) in core::mem::take(&mut self.loads) {
            if let LoadFor::Audit(ticket) = load {
                orphans.push(ticket);
            }
        }
        for ticket in orphans {
            self.outputs.push_back(Output::Settle(ticket, Err(error.clone())));
        }
        self.session.disconnect();
        while let Some(effect) = self.session.poll_effect() {
            if let Effect::Close(id) = effect {
                self.outputs.push_back(Output::Close(id));
            }
        }
        self.stirred.clear();
        self.outputs.push_back(Output::Event(Event::Connection { connection: ConnectionView::Closed }));
        self.closing = Some(Closing { tickets, wipe, finished: false });
    }

    fn finish(&mut self) {
        let Some(closing) = &mut self.closing else { return };
        if closing.finished || !self.batches.is_empty() {
            return;
        }
        closing.finished = true;
        for ticket in core::mem::take(&mut closing.tickets) {
            self.outputs.push_back(Output::Settle(ticket, Ok(Reply::Done)));
        }
        self.outputs.push_back(Output::Finished { wipe: closing.wipe });
    }
}

fn closed() -> Error {
    Error::new(ErrorCode::Closed, "the client is closed")
}
