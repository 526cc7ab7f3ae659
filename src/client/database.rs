//! The database as the core meets it: read at the start, asked by timelines, and read anew after a failure, as by a reload.

use crate::channel::Channel;
use crate::error::{Error, ErrorCode};
use crate::event::Event;
use crate::id::MessageId;
use crate::rows::{Answer, Change, ChannelRow, Meta, OutboxRow, Query, StoreFailure};
use crate::session::Identity;
use crate::time::{Millis, Mono, Now, Wall};
use crate::timeline::{self, Timeline};
use crate::turn::{BatchId, QueryId, Reply, Ticket};

use super::batches::Dropped;
use super::commands::sent_already;
use super::recent::Recent;
use super::{COMMANDS_KEPT, Client, Command, Output, closed};

/// From a failure to the next reading; twice as long after each that fails.
const REHYDRATE: Millis = Millis::seconds(1);
const LONGEST_REHYDRATE: Millis = Millis::seconds(30);
/// A database that fails again so soon after a failure has not recovered: on a full disk each connection would bring the same messages
/// to the same end.
const FAILS_AGAIN: Millis = Millis::seconds(60);
/// Lines of the audit that are read to learn the last ordinal: several, since one of them may be unreadable.
const NEWEST: usize = 10;

pub(super) enum Hydration {
    Asked,
    Done,
    Failed { retry_at: Mono },
}

pub(super) enum LoadFor {
    Hydrate,
    /// The newest lines of the audit, for a hydration without `meta` (it is new, or was lost): the ordinals go on behind theirs.
    Ordinals(Box<Answer>),
    Timeline(Channel),
    Audit(Ticket),
}

impl Client {
    pub(super) fn is_hydrated(&self) -> bool {
        matches!(self.hydration, Hydration::Done)
    }

    pub(super) fn hydrate(&mut self) {
        self.hydration = Hydration::Asked;
        self.load(LoadFor::Hydrate, Query::Hydrate);
    }

    pub(super) fn load(&mut self, load: LoadFor, query: Query) {
        self.next_query += 1;
        let id = QueryId(self.next_query);
        self.loads.insert(id, load);
        self.outputs.push_back(Output::Load(id, query));
    }

    pub(super) fn loaded(&mut self, now: Now, id: QueryId, outcome: Result<Answer, StoreFailure>) {
        let Some(load) = self.loads.remove(&id) else { return };
        let answer = match outcome {
            Ok(answer) => answer,
            Err(failure) => {
                if let LoadFor::Audit(ticket) = load {
                    self.outputs.push_back(Output::Settle(ticket, Err(timeline::storage_error())));
                }
                return self.storage_failed(now, failure, Dropped::default());
            }
        };
        match (load, answer) {
            (LoadFor::Hydrate, Answer::Hydrated { meta, outbox, channels, commands }) if meta.device_id.is_empty() => {
                let answer = Answer::Hydrated { meta, outbox, channels, commands };
                self.load(LoadFor::Ordinals(Box::new(answer)), Query::Audit { limit: NEWEST });
            }
            (LoadFor::Hydrate, Answer::Hydrated { meta, outbox, channels, commands }) => {
                self.hydrated(now, meta, outbox, channels, commands);
            }
            (LoadFor::Ordinals(hydrated), Answer::Audit(lines)) => {
                let Answer::Hydrated { mut meta, outbox, channels, commands } = *hydrated else { return };
                meta.last_ordinal = lines.iter().map(|line| line.ordinal).fold(meta.last_ordinal, u64::max);
                self.hydrated(now, meta, outbox, channels, commands);
            }
            (LoadFor::Timeline(channel), answer) => {
                let mut turn = self.turn(now);
                let timeline = self.timeline(&channel);
                let was_ready = timeline.is_ready();
                timeline.handle_loaded(answer);
                let is_news = timeline.is_ready() && !was_ready;
                if let Some(timeline) = self.timelines.get(&channel).filter(|_| is_news) {
                    // Accepted before anybody could tell what was recalled.
                    self.outbox.purge_quotes(&mut turn, &channel, |content| timeline.without_quote(content));
                }
                self.absorb(turn);
                self.stirred.insert(channel);
                if is_news {
                    self.go_on(now);
                }
            }
            (LoadFor::Audit(ticket), Answer::Audit(lines)) => {
                self.outputs.push_back(Output::Settle(ticket, Ok(Reply::Audit { lines })));
            }
            (LoadFor::Audit(ticket), _) => {
                self.outputs.push_back(Output::Settle(ticket, Err(timeline::storage_error())));
            }
            (LoadFor::Hydrate | LoadFor::Ordinals(_), _) => {
                let failure = StoreFailure::Failed("the database gave no answer".to_owned());
                self.storage_failed(now, failure, Dropped::default());
            }
        }
    }

    pub(super) fn hydrated(
        &mut self,
        now: Now,
        meta: Meta,
        outbox: Vec<OutboxRow>,
        channels: Vec<ChannelRow>,
        commands: Vec<MessageId>,
    ) {
        if !meta.uid.is_empty() && meta.uid != self.config.uid {
            return self.close(Vec::new(), false, &Error::invalid("the database belongs to another account"));
        }
        self.hydration = Hydration::Done;
        self.hydrate_failures = 0;
        // A line of the audit that waits for the next batch has its ordinal already.
        let given = core::mem::replace(&mut self.meta, meta).last_ordinal;
        let newest = outbox.iter().map(|row| row.ordinal).fold(given, u64::max);
        self.meta.last_ordinal = self.meta.last_ordinal.max(newest);
        // Before anything that the application does with what is read.
        self.batches.resolve(self.meta.last_batch);
        self.release(now);
        for (ticket, outcome) in self.outbox.hydrate(now, outbox, &timeline::storage_error()) {
            self.outputs.push_back(Output::Settle(ticket, outcome));
        }
        self.outbox.note_altered(crate::quotes::quotes_nothing);
        for row in channels {
            // Work that came while the database was read waits in its timeline.
            let channel = row.channel.clone();
            let mut timeline = Timeline::new(row);
            if let Some(old) = self.timelines.remove(&channel) {
                timeline.take_work_of(old);
            }
            self.timelines.insert(channel, timeline);
        }
        self.stirred.extend(self.timelines.keys().cloned());
        self.seen = Recent::new(commands);
        let keep_from = Wall(now.wall.0 - COMMANDS_KEPT);
        self.batches.beside(Change::CommandsBefore(keep_from));
        if self.meta.uid.is_empty() {
            self.meta.uid = self.config.uid.clone();
            if self.meta.device_id.is_empty() {
                self.meta.device_id = self.dice.uuid();
            }
            let mut turn = self.turn(now);
            turn.change(Change::Meta(self.meta.clone()));
            self.absorb(turn);
        }
        self.session.identify(Identity {
            uid: self.config.uid.0.clone(),
            device_flag: self.config.device_flag,
            device_id: self.meta.device_id.clone(),
        });
        self.allow_connections(now);
        self.go_on(now);
    }

    /// What waited for the database, or for the marks of a channel.
    pub(super) fn go_on(&mut self, now: Now) {
        for (ticket, command) in core::mem::take(&mut self.waiting) {
            self.command(now, ticket, command);
        }
    }

    pub(super) fn stored(&mut self, now: Now, id: BatchId, outcome: Result<(), StoreFailure>) {
        match outcome {
            Ok(()) => self.batches.stored(id),
            Err(failure) => {
                if self.batches.is_under_way(id) {
                    let dropped = self.batches.failed();
                    self.storage_failed(now, failure, dropped);
                }
            }
        }
    }

    /// The database failed: everything that it does not hold is forgotten, as by a reload, and it is read anew.
    pub(super) fn storage_failed(&mut self, now: Now, failure: StoreFailure, dropped: Dropped) {
        let error = match &failure {
            StoreFailure::Fenced => Error::new(ErrorCode::InUse, "another tab took this database over"),
            StoreFailure::Failed(text) => Error::new(ErrorCode::Storage, format!("the database failed: {text}")),
        };
        self.outputs.push_back(Output::Event(Event::Problem { error: error.clone() }));
        let gathered = self.batches.drop_gathered();
        let mut tickets = dropped.tickets;
        tickets.extend(gathered.tickets);
        self.outbox.wait_on(dropped.answers);
        self.outbox.wait_on(gathered.answers);
        if self.closing.is_some() {
            // The message may well be in the database, and nobody will see what becomes of it.
            for ticket in self.outbox.take_tickets() {
                self.outputs.push_back(Output::Settle(ticket, Err(closed())));
            }
        }
        for timeline in self.timelines.values_mut() {
            tickets.extend(timeline.take_tickets());
        }
        let owing = self.timelines.iter().filter(|(_, timeline)| timeline.owes_history_event());
        let mut owing: Vec<Channel> = owing.map(|(channel, _)| channel.clone()).collect();
        owing.extend(dropped.history_events.into_iter().chain(gathered.history_events));
        self.timelines.clear();
        for channel in owing {
            self.timeline(&channel).owe_history_event();
        }
        self.queued = 0;
        self.stirred.clear();
        self.awaiting_store.clear();
        for (_, load) in core::mem::take(&mut self.loads) {
            if let LoadFor::Audit(ticket) = load {
                tickets.push(ticket);
            }
        }
        for (ticket, command) in core::mem::take(&mut self.waiting) {
            match command {
                // Kept is what the first call owes.
                Command::Send { client_msg_no, .. } if self.outbox.holds(&client_msg_no) => {
                    self.settle(ticket, Err(sent_already()));
                }
                _ => tickets.push(ticket),
            }
        }
        for ticket in tickets {
            self.outputs.push_back(Output::Settle(ticket, Err(error.clone())));
        }
        if failure == StoreFailure::Fenced {
            self.close(Vec::new(), false, &error);
            return;
        }
        self.session.hold(true);
        self.throttled = false;
        let pause = |failures: u32| Millis(REHYDRATE.0.saturating_mul(1 << failures.min(10)).min(LONGEST_REHYDRATE.0));
        // It is read soon, for whoever only looks, and what needs a connection waits for longer.
        self.hydration = Hydration::Failed { retry_at: now.mono + pause(self.hydrate_failures) };
        self.hydrate_failures = self.hydrate_failures.saturating_add(1);
        if self.failed_at.replace(now.mono).is_none_or(|last| now.mono.since(last) > FAILS_AGAIN) {
            self.failures = 0;
        }
        let offline = pause(self.failures);
        self.offline_until = Some(now.mono + offline);
        self.session.rest(now, offline, error);
        self.failures = self.failures.saturating_add(1);
    }
}
