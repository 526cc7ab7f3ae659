//! The oracle: a naive memory of what was said and asked, and what must hold of it, after every step and at rest.
//!
//! It knows the gateway's log and the business server's marks, which are the truth, and never looks into the core. The numbers
//! in its complaints are explained in `lib.rs`.

use std::collections::{BTreeMap, BTreeSet};

use jindou::channel::{Channel, ClientMsgNo};
use jindou::client::{ConnectionView, ConversationView, Delivery, Event, Input, MessageView, Reply, Ticket};
use jindou::error::{DenyReason, Error, ErrorCode};
use jindou::id::MessageSeq;
use jindou::rows::{Answer, Batch, Change, MessageRow, MessageState, OutboxState, Query};
use jindou_business::rules::{self, ChannelRef, Uid};
use jindou_gateway::{Channel as Shared, ConnId, Message};

use crate::app::Asked;
use crate::disk::Disk;
use crate::withdrawn::{Withdrawn, contains};
use crate::world::{Happening, World, tell};

/// Connections closed in silence, from which a core may conclude that its token is wrong.
const SILENCES: u32 = 3;

/// One act of sending.
pub struct Fact {
    /// None: somebody has said it who has none here.
    pub device: Option<usize>,
    pub channel: Shared,
    /// Stands in the content and nowhere else.
    pub token: String,
    pub no_persist: bool,
    pub quotes: bool,
    /// Its row was on the disk at some time, with this place in the outbox.
    pub ordinal: Option<u64>,
    pub parked_once: bool,
    pub discarded: bool,
    pub sent_once: bool,
}

impl Fact {
    pub fn new(device: Option<usize>, channel: Shared, token: String, no_persist: bool, quotes: bool) -> Self {
        Self {
            device,
            channel,
            token,
            no_persist,
            quotes,
            ordinal: None,
            parked_once: false,
            discarded: false,
            sent_once: false,
        }
    }
}

#[derive(Default)]
pub struct Model {
    pub facts: BTreeMap<ClientMsgNo, Fact>,
    /// By device: the keys of messages that were told as new, over all its lives.
    pub told: BTreeMap<usize, BTreeSet<String>>,
    /// By device: commands that were told.
    pub commands: BTreeSet<(usize, i64)>,
    pub commands_sent: Vec<i64>,
    /// By device: what was discarded, and since when the application knows.
    pub discarded: BTreeMap<(usize, ClientMsgNo), u64>,
    pub withdrawn: Withdrawn,
    pub promises: u64,
    pub purged: u64,
    /// Acts of sending whose message was taken back by the server at some time.
    pub taken_back: BTreeSet<ClientMsgNo>,
    /// Under these ids it was stored then.
    pub lost_ids: BTreeSet<i64>,
    /// Channels where that was so.
    pub shortened: BTreeSet<Shared>,
    /// By device: the newest line of its audit.
    pub last_lines: BTreeMap<usize, u64>,
    /// How often a token was looked for in memory.
    pub memory_looks: u64,
}

/// What a timeline must hold at one place.
pub struct Expected {
    pub first: Message,
    pub copies: usize,
    pub state: MessageState,
    /// None: withdrawn.
    pub content: Option<Vec<u8>>,
    /// Quotes of restored messages may be here or not.
    pub quotes_restored: bool,
}

impl World {
    /// The channel as the server keeps it.
    pub fn shared(&self, device: usize, channel: &Channel) -> Shared {
        if channel.kind == Channel::PERSON {
            Shared::between(self.devices[device].person, &channel.id)
        } else {
            Shared::group(channel.id.clone())
        }
    }

    fn in_log(&self, number: &ClientMsgNo) -> bool {
        let Some(fact) = self.model.facts.get(number) else { return false };
        self.gateway.messages(&fact.channel).iter().any(|message| message.client_msg_no == number.0)
    }

    fn owed(&self, device: usize, number: &ClientMsgNo) -> Option<OutboxState> {
        self.devices[device].disk.store.outbox().find(|row| row.client_msg_no == *number).map(|row| row.state)
    }

    // ---- after every step ----

    /// A SEND leaves: it is owed, and nothing older of its channel is still waiting.
    pub fn check_send(&self, device: usize, conn: ConnId, number: &ClientMsgNo) -> Option<String> {
        let name = &self.devices[device].name;
        let Some(fact) = self.model.facts.get(number) else {
            return Some(format!("2: {name} sends {}, which nobody has named", number.0));
        };
        let Some(ordinal) = fact.ordinal else {
            return Some(format!("5: {name} sends {} before it is stored", number.0));
        };
        if let Some(violation) = self.check_discarded(device, number) {
            return Some(violation);
        }
        let sent = &self.links.get(&conn)?.sent;
        let waits = self.devices[device].disk.stores_under_way() > 0;
        let earlier = self.model.facts.iter().find(|(other, older)| {
            older.device == Some(device)
                && older.channel == fact.channel
                && older.ordinal.is_some_and(|older| older < ordinal)
                && !older.parked_once
                && !older.discarded
                // No log tells whether its SENDACK came, or refused it, and its row waits for a slow disk.
                && !(older.sent_once && (older.no_persist || ((self.plan.refusals || self.plan.society.leaves > 0) && waits)))
                && !self.model.taken_back.contains(*other)
                && !sent.contains_key(*other)
                && self.owed(device, other) == Some(OutboxState::Queued)
                && !self.in_log(other)
        });
        earlier.map(|(other, _)| format!("order: {name} sends {} before {}", number.0, other.0))
    }

    pub fn note_stored(&mut self, device: usize, batch: &Batch) {
        let mut touched: BTreeSet<Channel> = BTreeSet::new();
        for change in &batch.changes {
            match change {
                Change::Outbox(row) => {
                    if let Some(fact) = self.model.facts.get_mut(&row.client_msg_no) {
                        fact.ordinal = Some(row.ordinal);
                        fact.parked_once |= matches!(row.state, OutboxState::Parked { .. });
                    }
                }
                Change::OutboxDone(number) if self.is_stranded(number) => {
                    let is_wanted = self.model.facts.get(number).is_some_and(|fact| !fact.discarded);
                    // A recall that came from another device shows that it is stored.
                    let is_recalled = batch.changes.iter().any(
                        |change| matches!(change, Change::Mark(_, mark) if !mark.hint && mark.client_msg_no == *number),
                    );
                    if is_wanted && !is_recalled {
                        let name = &self.devices[device].name;
                        return self.fail(format!("2: {name} takes {} for sent, and one node alone has it", number.0));
                    }
                }
                Change::Audit(line) => self.check_line(device, line),
                Change::Message(row) => {
                    touched.insert(row.channel.clone());
                }
                _ => {}
            }
        }
        for channel in touched {
            self.check_rows(device, &channel);
        }
        self.note_withdrawn(device, batch);
    }

    /// The channel as the business server knows it.
    pub fn ours(&self, device: usize, channel: &Channel) -> Option<rules::Channel> {
        let uid = Uid::try_from(self.devices[device].person.to_owned()).ok()?;
        let named = ChannelRef { channel_id: channel.id.clone(), channel_type: channel.kind };
        rules::Channel::named(&named, &uid).ok()
    }

    fn check_rows(&mut self, device: usize, channel: &Channel) {
        let it = &self.devices[device];
        let mut names: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let mut found = None;
        for row in it.disk.store.messages().filter(|row| row.channel == *channel) {
            if !row.client_msg_no.is_empty() {
                let name = (row.from.as_str(), row.client_msg_no.as_str());
                if let Some(other) = names.insert(name, row.message_seq.0) {
                    let (name, seq) = (&it.name, row.message_seq.0);
                    found = Some(format!("1: {name} has {} at {other} and at {seq}", row.client_msg_no.0));
                }
            }
        }
        if let Some(found) = found {
            self.fail(found);
        }
    }

    pub fn event(&mut self, device: usize, event: Event) {
        self.note_word(device, &event);
        match event {
            Event::Message { message, .. } => self.told(device, message),
            Event::MessageChanged { message } => {
                if let Some(violation) = self.find_in_view(device, &message) {
                    return self.fail(violation);
                }
                self.see(device, message);
            }
            Event::MessageRemoved { channel, key } => {
                self.model.told.entry(device).or_default().remove(&key);
                if let Some(shown) = self.devices[device].app.shown.get_mut(&channel) {
                    shown.remove(&key);
                }
            }
            Event::Conversation { conversation } => self.conversation(device, conversation),
            Event::History { channel, complete, .. } => {
                tell!(self, "{} hears of history in {}: {complete}", self.devices[device].name, channel.id);
                let is_shortened = self.model.shortened.contains(&self.shared(device, &channel));
                let app = &mut self.devices[device].app;
                app.promised.remove(&channel);
                if is_shortened {
                    // The page is read again: something of it may have been taken back.
                    app.complete.insert(channel.clone(), false);
                }
                self.read_again(device, &channel);
            }
            Event::Connection { connection } => {
                tell!(self, "{} is {connection:?}", self.devices[device].name);
                self.devices[device].app.connected = connection == ConnectionView::Ready;
                if connection == ConnectionView::Ready {
                    self.note_heads(device);
                }
                let it = &mut self.devices[device];
                let fits = match connection {
                    ConnectionView::Kicked { .. } => {
                        it.kicked = true;
                        it.may_be_kicked
                    }
                    ConnectionView::Refused { .. } => it.may_be_refused || it.silences >= SILENCES,
                    _ => true,
                };
                if !fits {
                    return self.fail(format!("10: {} was turned away: {connection:?}", self.devices[device].name));
                }
                if let ConnectionView::Kicked { .. } | ConnectionView::Refused { .. } = connection {
                    self.log_in_again(device);
                }
            }
            Event::Problem { error } => {
                self.devices[device].reading |= error.code == ErrorCode::Storage;
                tell!(self, "{} has a problem: {}", self.devices[device].name, error.message);
            }
            Event::Quarantined { why, .. } => {
                tell!(self, "{} quarantines: {why}", self.devices[device].name);
            }
            Event::Recall { .. } | Event::Command { .. } | Event::Stream { .. } => {}
            Event::Sync { done: true } => self.check_heads(device),
            Event::Sync { done: false } | Event::Trace { .. } => {}
        }
    }

    /// A message that was not shown before.
    fn told(&mut self, device: usize, message: MessageView) {
        tell!(self, "{} sees {}", self.devices[device].name, message.key);
        if let Some(violation) = self.find_in_view(device, &message) {
            return self.fail(violation);
        }
        let it = &self.devices[device];
        let stored = match message.message_seq {
            _ if message.transient => true,
            Some(seq) => self.is_here(device, &message, seq),
            None => self.owed(device, &message.client_msg_no).is_some(),
        };
        if !stored && self.plan.defect.is_none() {
            return self.fail(format!("5: {} is told {} before it is stored", it.name, message.key));
        }
        if !self.model.told.entry(device).or_default().insert(message.key.clone()) {
            let name = &self.devices[device].name;
            return self.fail(format!("1: {name} is told {} twice", message.key));
        }
        self.see(device, message);
    }

    fn is_here(&self, device: usize, message: &MessageView, seq: MessageSeq) -> bool {
        let store = &self.devices[device].disk.store;
        let query = Query::Messages { channel: message.channel.clone(), seqs: vec![seq] };
        let at_its_place =
            matches!(store.answer(&query), Answer::Messages(rows) if rows.iter().any(|row| key_of(row) == message.key));
        at_its_place || store.messages().any(|row| key_of(row) == message.key)
    }

    fn see(&mut self, device: usize, message: MessageView) {
        let shown = self.devices[device].app.shown.entry(message.channel.clone()).or_default();
        shown.insert(message.key.clone(), message);
    }

    fn conversation(&mut self, device: usize, view: ConversationView) {
        let it = &mut self.devices[device];
        it.app.unread.insert(view.channel.clone(), view.unread);
        if let Some(violation) = self.find_in_conversation(device, &view) {
            self.fail(violation);
        }
    }

    pub fn settled(&mut self, device: usize, ticket: Ticket, outcome: Result<Reply, Error>) {
        let name = self.devices[device].name.clone();
        let Some(asked) = self.devices[device].app.tickets.remove(&ticket) else {
            return self.fail(format!("7: {name} settles ticket {} again", ticket.0));
        };
        self.model.promises += 1;
        if let Ok(reply) = &outcome
            && let Some(violation) = self.find_in_reply(device, reply)
        {
            return self.fail(violation);
        }
        match &outcome {
            Ok(_) => tell!(self, "{name} settles {asked:?}"),
            Err(error) => tell!(self, "{name} settles {asked:?}: {:?} {}", error.code, error.message),
        }
        if let Asked::Recall { number } | Asked::Restore { number, .. } = &asked {
            self.check_act(device, number, &asked, outcome.as_ref().map(|_| ()));
        }
        match (asked, outcome) {
            (Asked::Discard { number }, Ok(_)) => _ = self.model.discarded.insert((device, number), self.now),
            (Asked::Send { number, deadline }, Ok(reply)) => self.sent(device, &number, deadline, reply),
            (Asked::Again { number } | Asked::Retry { number }, Ok(reply)) => self.sent(device, &number, false, reply),
            // "Nothing of this was kept."
            (Asked::Send { number, .. }, Err(error))
                if error.code == ErrorCode::Storage && self.keeps(device, &number) =>
            {
                self.fail(format!("2: {name} says that {} was not kept, and it is", number.0));
            }
            (Asked::Again { number }, Err(error))
                if error.code == ErrorCode::Storage && self.owed(device, &number).is_some() =>
            {
                self.fail(format!("2: {name} says that {} was not kept, and it is", number.0));
            }
            // The author's own words, as they were sent.
            (Asked::Reedit { number }, Ok(Reply::Content { content })) => {
                let token = self.model.facts.get(&number).map(|fact| fact.token.clone()).unwrap_or_default();
                if !contains(&content, token.as_bytes()) {
                    self.fail(format!("2: {name} is given another draft of {}", number.0));
                }
            }
            (Asked::Messages { channel, newest, limit }, Ok(Reply::Messages { messages, complete, reached_start })) => {
                if let Some(lie) = self.check_page(device, &channel, &messages, None, (reached_start, complete)) {
                    return self.fail(lie);
                }
                let lowest = messages.iter().find_map(|message| message.message_seq);
                if complete && newest && lowest.is_some() {
                    self.check_whole(device, &channel, lowest);
                }
                self.page_shown(device, &channel, limit, newest, messages, complete);
            }
            (Asked::Page { channel, limit, before }, Ok(Reply::Messages { messages, complete, reached_start })) => {
                if let Some(lie) = self.check_page(device, &channel, &messages, before, (reached_start, complete)) {
                    return self.fail(lie);
                }
                let first = messages.iter().find_map(|message| message.message_seq);
                self.page_shown(device, &channel, limit, before.is_none(), messages, complete);
                self.page_read(device, &channel, first, reached_start, complete);
            }
            (Asked::Recall { number } | Asked::Restore { number, .. }, Err(error))
                if error.reason == Some(DenyReason::Window) =>
            {
                self.check_window(device, &number, error.deadline.map(|deadline| deadline.0));
            }
            (Asked::List, Ok(Reply::Conversations { conversations })) => self.check_list(device, &conversations),
            (Asked::Page { channel, .. }, Err(_)) => self.page_failed(device, &channel),
            _ => {}
        }
    }

    /// It is owed, or in the timeline.
    fn keeps(&self, device: usize, number: &ClientMsgNo) -> bool {
        let it = &self.devices[device];
        let is_it = |row: &MessageRow| row.client_msg_no == *number && row.from.as_str() == it.person;
        self.owed(device, number).is_some() || it.disk.store.messages().any(is_it)
    }

    fn sent(&mut self, device: usize, number: &ClientMsgNo, deadline: bool, reply: Reply) {
        let name = self.devices[device].name.clone();
        let violation = match reply {
            Reply::Pending { .. } if deadline => self.check_pending(device, number),
            Reply::Sent { message, unconfirmed } if message.transient || unconfirmed => None,
            Reply::Sent { .. } if self.is_stranded(number) || self.model.taken_back.contains(number) => None,
            Reply::Sent { message, .. } => {
                let fact = self.model.facts.get(number);
                let log = fact.map(|fact| self.gateway.messages(&fact.channel)).unwrap_or_default();
                let is_there = log.iter().any(|stored| {
                    stored.client_msg_no == number.0
                        && Some(stored.message_id) == message.message_id.map(|id| id.0)
                        && Some(stored.message_seq) == message.message_seq.map(|seq| seq.0)
                });
                let rows = &self.devices[device].disk.store;
                let is_here = rows.messages().any(|row| row.client_msg_no == *number);
                if !is_there {
                    Some(format!("2: {name} says that {} is sent, and the server has no such message", number.0))
                } else if !is_here && message.state == MessageState::Normal && self.plan.defect.is_none() {
                    Some(format!("2: {name} says that {} is sent, and does not have it", number.0))
                } else {
                    None
                }
            }
            other => Some(format!("7: {name} answers a send with {other:?}")),
        };
        if let Some(violation) = violation {
            self.fail(violation);
        }
    }

    /// It waits in the outbox, or was sent since; who dropped it knows, and what is stored nowhere leaves no trace.
    fn check_pending(&self, device: usize, number: &ClientMsgNo) -> Option<String> {
        let leaves_a_trace = self.model.facts.get(number).is_some_and(|fact| !fact.no_persist && !fact.discarded);
        (leaves_a_trace && !self.keeps(device, number)).then(|| {
            let name = &self.devices[device].name;
            format!("2: {name} says that {} waits in the outbox, and nothing of it was kept", number.0)
        })
    }

    fn page_shown(
        &mut self,
        device: usize,
        channel: &Channel,
        limit: usize,
        newest: bool,
        messages: Vec<MessageView>,
        complete: bool,
    ) {
        let name = self.devices[device].name.clone();
        let seqs: Vec<u64> = messages.iter().filter_map(|message| message.message_seq).map(|seq| seq.0).collect();
        if !seqs.is_sorted_by(|a, b| a < b) {
            return self.fail(format!("3: {name} shows a page out of order: {seqs:?}"));
        }
        let echoes = messages.iter().skip_while(|message| message.message_seq.is_some());
        if echoes.clone().any(|message| message.message_seq.is_some() && message.delivery == Delivery::Sent) {
            return self.fail(format!("3: {name} shows an echo before a message"));
        }
        if seqs.len() > limit {
            return self.fail(format!("3: {name} shows {} messages where {limit} were asked for", seqs.len()));
        }
        let keys: BTreeSet<&String> = messages.iter().map(|message| &message.key).collect();
        if keys.len() < messages.len() {
            return self.fail(format!("1: {name} shows a message twice on one page"));
        }
        if newest {
            let app = &mut self.devices[device].app;
            app.complete.insert(channel.clone(), complete);
            tell!(self, "{name} shows {} in {}: {complete}", keys.len(), channel.id);
            let app = &mut self.devices[device].app;
            if !complete {
                app.promised.insert(channel.clone());
            }
        }
        if newest && self.model.shortened.contains(&self.shared(device, channel)) {
            // What was taken back is told by word of the history; then a page is read again, and what stands above it stays.
            let lowest = messages.iter().find_map(|message| message.message_seq);
            let above = |message: &MessageView| {
                message.message_seq.is_some_and(|seq| lowest.is_some_and(|lowest| seq < lowest))
            };
            if let Some(shown) = self.devices[device].app.shown.get_mut(channel) {
                shown.retain(|_, message| above(message));
            }
        }
        for message in messages {
            self.model.told.entry(device).or_default().insert(message.key.clone());
            self.see(device, message);
        }
    }

    pub fn finished(&mut self, device: usize, wipe: bool) {
        if wipe != self.devices[device].app.wipes {
            let text = format!("7: {} wipes its database: {wipe}", self.devices[device].name);
            return self.fail(text);
        }
        let it = &mut self.devices[device];
        it.client = None;
        it.timer = None;
        it.life += 1;
        if it.app.reopens {
            self.schedule(self.now + 100, Happening::Open(device));
        }
        let it = &mut self.devices[device];
        if it.disk.stores_under_way() > 0 && self.plan.defect.is_none() {
            let text = format!("7: {} is closed before its last batch is stored", it.name);
            return self.fail(text);
        }
        it.disk.crash(false);
        let (name, open) = (it.name.clone(), it.app.tickets.len());
        if wipe {
            self.wipe(device);
        }
        let it = &mut self.devices[device];
        // What was asked while it slept, and after it was closed, the shell refuses by itself.
        for (_, input) in core::mem::take(&mut it.sleep.waiting) {
            if let Input::Command(ticket, _) = input {
                it.app.tickets.remove(&ticket);
            }
        }
        if let Some((_, asked)) = it.app.tickets.pop_first() {
            self.fail(format!("7: {name} is closed and {open} promises hang: {asked:?}"));
        }
    }

    /// The server has lost these: they may come again, and are no news then.
    pub fn note_taken_back(&mut self, lost: &[(ClientMsgNo, i64)]) {
        for (number, id) in lost {
            self.model.lost_ids.insert(*id);
            self.model.taken_back.insert(number.clone());
        }
    }

    /// The database is deleted, and what it owed with it.
    fn wipe(&mut self, device: usize) {
        tell!(self, "{} is wiped", self.devices[device].name);
        for row in self.devices[device].disk.store.outbox() {
            if let Some(fact) = self.model.facts.get_mut(&row.client_msg_no) {
                fact.discarded = true;
            }
        }
        self.devices[device].disk = Disk::default();
        self.model.told.remove(&device);
        self.model.last_lines.remove(&device);
        self.model.commands.retain(|(of, _)| *of != device);
        self.model.withdrawn.forget(device);
    }

    // ---- at rest ----

    fn is_withdrawn(&self, number: &ClientMsgNo, fact: &Fact) -> bool {
        let Some(device) = fact.device else { return false };
        let channels = self.channels_of(device);
        let channel = channels.iter().find(|channel| self.shared(device, channel) == fact.channel);
        let Some(ours) = channel.and_then(|channel| self.ours(device, channel)) else { return false };
        let author = rules::Author::new(self.devices[device].person);
        let key = rules::TargetKey::of(author, &rules::ClientMsgNo::stored(number.0.clone()), rules::MessageId(0));
        self.business.ledger.mark(&ours, &key).is_some_and(|mark| mark.state.is_withdrawn())
    }

    /// What everybody in the channel must see.
    pub fn expected(&self, device: usize, channel: &Channel) -> Vec<Expected> {
        let Some(ours) = self.ours(device, channel) else { return Vec::new() };
        let marks = self.business.ledger.marks(&ours);
        let mut expected: Vec<Expected> = Vec::new();
        for message in self.gateway.messages(&self.shared(device, channel)) {
            let same = |other: &Expected| {
                !message.client_msg_no.is_empty()
                    && other.first.client_msg_no == message.client_msg_no
                    && other.first.from == message.from
            };
            if let Some(first) = expected.iter_mut().find(|other| same(other)) {
                first.copies += 1;
                continue;
            }
            let key = rules::TargetKey::of(
                rules::Author::new(message.from.as_str()),
                &rules::ClientMsgNo::stored(message.client_msg_no.clone()),
                rules::MessageId(message.message_id),
            );
            let mark = self.business.ledger.mark(&ours, &key);
            let withdrawn = mark.is_some_and(|mark| mark.state.is_withdrawn());
            let fact = self.model.facts.get(&ClientMsgNo(message.client_msg_no.clone()));
            let purged = rules::content::purge_quotes(&message.payload, &|id| marks.withdraws(id));
            let content = purged.unwrap_or_else(|| message.payload.clone());
            expected.push(Expected {
                first: message.clone(),
                copies: 1,
                state: if withdrawn { MessageState::Recalled } else { MessageState::Normal },
                content: (!withdrawn).then_some(content),
                quotes_restored: fact.is_some_and(|fact| fact.quotes),
            });
        }
        expected
    }

    /// Every promise about sending is kept, and nothing is owed any more.
    pub fn check_delivered(&mut self) {
        let mut found: Option<String> = None;
        for it in &self.devices {
            if let Some(row) = it.disk.store.outbox().next() {
                found.get_or_insert(format!("10: {} still owes {} ({:?})", it.name, row.client_msg_no.0, row.state));
            }
            if let Some(asked) = it.app.tickets.values().next() {
                found.get_or_insert(format!("10: {} still waits for {asked:?}", it.name));
            }
            if let Some(channel) = it.app.promised.first() {
                found.get_or_insert(format!("10: {} was promised history of {} and got none", it.name, channel.id));
            }
            if let Some(channel) = it.app.readings.waits() {
                found.get_or_insert(format!("10: {} reads {} and gets no word of it", it.name, channel.id));
            }
            if !it.app.connected {
                found.get_or_insert(format!("10: {} is not connected", it.name));
            } else if !it.app.synced {
                found.get_or_insert(format!("10: {} never says that all is here", it.name));
            }
        }
        for (number, fact) in &self.model.facts {
            let stored = self.gateway.messages(&fact.channel);
            let copies = stored.iter().filter(|message| message.client_msg_no == number.0);
            let Some(device) = fact.device else { continue };
            let name = &self.devices[device].name;
            // Recalled while one node alone had it, it is owed no more, whatever became of that node.
            let is_done_with = || self.model.taken_back.contains(number) && self.is_withdrawn(number, fact);
            let may_be_lost = fact.discarded || fact.no_persist || is_done_with();
            if fact.ordinal.is_some() && !may_be_lost && copies.clone().count() == 0 {
                found.get_or_insert(format!("2: {} of {name} was accepted and is nowhere", number.0));
            }
            let token = fact.token.as_bytes();
            let own = format!("hello {}", fact.token);
            let twin = stored.iter().find(|message| {
                message.client_msg_no != number.0 && contains(&message.payload, own.as_bytes()) && !quotes(message)
            });
            if let Some(twin) = twin {
                found.get_or_insert(format!("2: {} is stored as {} too", number.0, twin.client_msg_no));
            }
            if copies.clone().any(|message| !contains(&message.payload, token)) {
                found.get_or_insert(format!("2: {} has another content at the server", number.0));
            }
        }
        if let Some(found) = found {
            self.fail(found);
        }
    }

    /// One device's timeline of one channel is the truth.
    /// `quiet`: its connection has not changed since the last act.
    pub fn check_timeline(&mut self, device: usize, channel: &Channel, quiet: bool) {
        let expected = self.expected(device, channel);
        let it = &self.devices[device];
        let mut rows: Vec<&MessageRow> = it.disk.store.messages().filter(|row| row.channel == *channel).collect();
        rows.sort_by_key(|row| row.message_seq);
        let name = format!("{} in {}", it.name, channel.id);
        let seqs: Vec<u64> = rows.iter().map(|row| row.message_seq.0).collect();
        let all = expected.len();
        // Dropped by its author while it was on the way: where no answer came, a quiet connection does not learn of it.
        let expected: Vec<Expected> = expected
            .into_iter()
            .filter(|expected| {
                let fact = self.model.facts.get(&ClientMsgNo(expected.first.client_msg_no.clone()));
                let dropped = fact.is_some_and(|fact| fact.discarded && fact.device == Some(device));
                !dropped || !quiet || seqs.contains(&expected.first.message_seq)
            })
            .collect();
        let truth: Vec<u64> = expected.iter().map(|expected| expected.first.message_seq).collect();
        if seqs != truth {
            return self.fail(format!("2: {name} has {seqs:?}, the server {truth:?}"));
        }
        // A copy that was taken back may still be named.
        let is_shortened = self.model.shortened.contains(&self.shared(device, channel));
        let found = rows.iter().zip(&expected).find_map(|(row, expected)| {
            let number = &row.client_msg_no.0;
            if row.message_id.0 != expected.first.message_id || *number != expected.first.client_msg_no {
                return Some(format!("2: {name} has another message at {}", row.message_seq.0));
            }
            if row.state != expected.state {
                return Some(format!("6: {name} has {number} as {:?}, not {:?}", row.state, expected.state));
            }
            if row.copies.len() + 1 > expected.copies && !is_shortened {
                return Some(format!("6: {name} has more copies of {number} than there are"));
            }
            let wanted = expected.content.as_deref().unwrap_or_default();
            let fits = row.content == wanted
                || same_json(&row.content, wanted)
                || (expected.quotes_restored && same_but_quotes(&row.content, wanted));
            (!fits).then(|| format!("6: {name} has another content of {number}"))
        });
        if let Some(found) = found {
            return self.fail(found);
        }
        self.check_rows(device, channel);
        if seqs.len() == all {
            self.check_digest(device, channel);
        }
        self.check_shown(device, channel);
    }

    fn check_digest(&mut self, device: usize, channel: &Channel) {
        let newest = self.expected(device, channel).pop();
        let it = &self.devices[device];
        let Answer::Hydrated { channels, .. } = it.disk.store.answer(&Query::Hydrate) else { return };
        let row = channels.into_iter().find(|row| row.channel == *channel);
        let digest = row.and_then(|row| row.last).map(|digest| (digest.client_msg_no.0, digest.state));
        let truth = newest.map(|newest| (newest.first.client_msg_no, newest.state));
        if digest != truth {
            self.fail(format!("6: {} in {} ends with {digest:?}, not {truth:?}", it.name, channel.id));
        }
    }

    /// What the person sees is what is stored.
    fn check_shown(&mut self, device: usize, channel: &Channel) {
        let it = &self.devices[device];
        let shown = it.app.shown.get(channel);
        let stored: BTreeMap<String, MessageState> = it
            .disk
            .store
            .messages()
            .filter(|row| row.channel == *channel)
            .map(|row| (key_of(row), row.state.clone()))
            .collect();
        let seen: BTreeMap<String, MessageState> = shown
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter(|message| !message.transient)
            .map(|message| (message.key.clone(), message.state.clone()))
            .collect();
        if stored != seen {
            let missing: Vec<_> = stored.iter().filter(|(key, state)| seen.get(*key) != Some(state)).collect();
            let extra: Vec<_> = seen.iter().filter(|(key, state)| stored.get(*key) != Some(state)).collect();
            let text = format!("6: {} in {} does not show {missing:?} and shows {extra:?}", it.name, channel.id);
            self.fail(text);
        }
    }

    /// Messages that the server has stored again.
    pub fn second_copies(&self) -> usize {
        let log = self.gateway.channels().flat_map(|(_, messages)| messages);
        let mut names: BTreeSet<(&str, &str)> = BTreeSet::new();
        log.filter(|message| !names.insert((message.from.as_str(), &message.client_msg_no))).count()
    }

    /// A tab opens with what is stored: an echo that is no more, or was recalled, and whose end nobody saw, may come again as a message.
    pub fn forget_unkept(&mut self, device: usize) {
        let store = &self.devices[device].disk.store;
        let rows: BTreeSet<String> = store.messages().map(key_of).collect();
        let mut kept = rows.clone();
        let person = self.devices[device].person;
        let owed = store.outbox().filter(|row| !row.is_withdrawn());
        kept.extend(owed.map(|row| format!("{person}#{}", row.client_msg_no.0)));
        let unkept: Vec<String> = self
            .model
            .facts
            .iter()
            .filter(|(_, fact)| fact.device == Some(device))
            .map(|(number, _)| format!("{person}#{}", number.0))
            .filter(|key| !kept.contains(key))
            .collect();
        if let Some(told) = self.model.told.get_mut(&device) {
            told.retain(|key| !unkept.contains(key));
        }
        self.note_kept(device, rows);
    }

    /// A tab that is closed, or was killed, opens again.
    pub fn reopen_all(&mut self) {
        for device in 0..self.devices.len() {
            let at = self.now + 10;
            self.schedule(at, Happening::Open(device));
        }
    }
}

pub fn key_of(row: &MessageRow) -> String {
    if row.client_msg_no.is_empty() {
        format!("#{}", row.message_id)
    } else {
        format!("{}#{}", row.from.0, row.client_msg_no.0)
    }
}

fn quotes(message: &Message) -> bool {
    contains(&message.payload, b"\"message_id\"")
}

fn json(content: &[u8]) -> serde_json::Value {
    serde_json::from_slice(content).unwrap_or_default()
}

fn same_json(one: &[u8], other: &[u8]) -> bool {
    !one.is_empty() && !other.is_empty() && json(one) == json(other)
}

fn same_but_quotes(one: &[u8], other: &[u8]) -> bool {
    let without = |content: &[u8]| {
        let mut value = json(content);
        forget_quotes(&mut value);
        value
    };
    !one.is_empty() && without(one) == without(other)
}

fn forget_quotes(value: &mut serde_json::Value) {
    if let Some(copy) = value.as_object_mut().filter(|fields| fields.contains_key("message_id")) {
        copy.remove("payload");
    }
    if let Some(fields) = value.as_object_mut() {
        fields.values_mut().for_each(forget_quotes);
    } else if let Some(values) = value.as_array_mut() {
        values.iter_mut().for_each(forget_quotes);
    }
}
