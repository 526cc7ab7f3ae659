//! What the core owes to others beside the timelines: an ack for each push, word of each command once and of the end of catching
//! up, and nothing more of what was discarded.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jindou::channel::{Channel, ClientMsgNo};
use jindou::client::{Event, MessageView};
use jindou::error::{DenyReason, Error};
use jindou::id::MessageSeq;
use jindou::rows::{Batch, Change};
use jindou::wire::Packet;
use jindou_business::rules;
use jindou_gateway::{ConnId, Generation};
use serde_json::json;

use crate::app::Asked;
use crate::defect::Defect;
use crate::model::key_of;
use crate::world::{GROUP, Happening, PEOPLE, World, tell};

/// Between two commands of an application.
const PACE: (u64, u64) = (500, 4_000);
/// What was handed to the connection when it was discarded leaves until then.
const ON_ITS_WAY: u64 = 1_000;

impl World {
    // ---- acks ----

    /// What reaches the device by this connection; each RECV must be acked.
    pub fn note_pushed(&mut self, conn: ConnId, messages: &[Vec<u8>]) {
        let version = self.protocol();
        let Some(link) = self.links.get_mut(&conn) else { return };
        let Some(frames) = &mut link.pushed else { return };
        messages.iter().for_each(|message| frames.push(message));
        loop {
            match frames.next(version) {
                Ok(Some(Packet::Recv(recv))) => _ = link.unacked.insert(recv.message_id.0),
                Ok(Some(_)) => {}
                Ok(None) => return,
                // What is no packet ends the connection.
                Err(_) => return link.pushed = None,
            }
        }
    }

    /// At rest nothing waits for an ack.
    pub fn check_acks(&mut self) {
        let open = self.links.values().filter(|link| {
            let it = &self.devices[link.device];
            let is_here = it.life == link.life && !link.gone_at_device && !link.gone_at_gateway;
            is_here && !link.frozen && !link.deaf && link.pushed.is_some()
        });
        let waiting = open.filter_map(|link| Some((link.device, *link.unacked.first()?))).next();
        if let Some((device, id)) = waiting {
            self.fail(format!("5: {} never acks {id}", self.devices[device].name));
        }
    }

    // ---- commands ----

    pub fn plan_commands(&mut self) {
        let at = self.dice.between(PACE.0, PACE.1);
        self.schedule(at, Happening::AppCommand);
    }

    /// The application's own server tells something to whoever is in a channel.
    pub fn app_command(&mut self) {
        let next = self.now + self.dice.between(PACE.0, PACE.1);
        if next < self.plan.chaos {
            self.schedule(next, Happening::AppCommand);
        }
        if self.gateway_is_down() {
            return;
        }
        let to_group = self.dice.chance(500);
        let (from, to, kind) = if to_group { (PEOPLE[0], GROUP, 2) } else { (PEOPLE[0], PEOPLE[1], 1) };
        tell!(self, "a command goes to {to}");
        let payload = json!({ "type": 99, "cmd": "typing", "param": {} });
        let body = json!({
            "header": { "no_persist": 0, "red_dot": 0, "sync_once": 1 },
            "from_uid": from,
            "channel_id": to,
            "channel_type": kind,
            "payload": STANDARD.encode(payload.to_string()),
        });
        let answer = self.with_port(|_, port| port.post("/message/send", &body));
        let id =
            answer.and_then(|answer| answer["message_id"].as_i64().or_else(|| answer["data"]["message_id"].as_i64()));
        self.model.commands_sent.extend(id);
    }

    /// Who has not sent them hears of each by some device: WuKongIM keeps them until one of a person's devices has acknowledged them.
    pub fn check_commands(&mut self) {
        let others = || (0..self.devices.len()).filter(|device| self.devices[*device].person != PEOPLE[0]);
        let died = others().any(|device| self.devices[device].life > 1);
        if died || self.plan.generation == Generation::V3 || self.plan.restarts > 0 {
            return;
        }
        let is_heard = |id: &&i64| others().any(|device| self.model.commands.contains(&(device, **id)));
        if let Some(id) = self.model.commands_sent.iter().find(|id| !is_heard(id)) {
            self.fail(format!("10: no device of {} hears of command {id}", PEOPLE[1]));
        }
    }

    pub fn command_told(&mut self, device: usize, id: i64) {
        tell!(self, "{} hears command {id}", self.devices[device].name);
        if !self.model.commands.insert((device, id)) {
            self.fail(format!("1: {} is told command {id} twice", self.devices[device].name));
        }
    }

    // ---- messages ----

    /// A message of somebody else's that changes is one that was told, or stood on a page.
    pub fn check_changed(&mut self, device: usize, message: &MessageView) {
        let is_known = message.own || self.model.told.get(&device).is_some_and(|told| told.contains(&message.key));
        if !is_known {
            self.fail(format!("1: {} changes {}, and never told it", self.devices[device].name, message.key));
        }
    }

    /// Once it is discarded, and the application was told so, nothing of it leaves.
    pub fn check_discarded(&self, device: usize, number: &ClientMsgNo) -> Option<String> {
        let since = self.model.discarded.get(&(device, number.clone()))?;
        (self.now > since + ON_ITS_WAY)
            .then(|| format!("2: {} sends {}, which was discarded", self.devices[device].name, number.0))
    }

    // ---- recalls ----

    /// Whether the business server has a mark of this message of the device's person.
    pub fn is_recorded(&self, device: usize, channel: &Channel, number: &ClientMsgNo) -> bool {
        let person = self.devices[device].person;
        let Some(ours) = self.ours(device, channel) else { return false };
        let marks = self.business.ledger.feed(&ours, rules::Version::default(), usize::MAX - 1).marks;
        marks.iter().any(|mark| mark.client_msg_no.as_str() == number.0 && mark.key.author.as_str() == person)
    }

    /// A recall that was granted is recorded, none of one's own is refused for being somebody else's (but what another has recalled is
    /// another's to restore), and none that is recorded for being none.
    pub fn check_act(&mut self, device: usize, number: &ClientMsgNo, asked: &Asked, outcome: Result<(), &Error>) {
        let (restores, was_recorded) = match asked {
            Asked::Restore { is_recorded, .. } => (true, *is_recorded),
            _ => (false, false),
        };
        let Some(fact) = self.model.facts.get(number) else { return };
        let author = number.0.split(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']).next().unwrap_or_default();
        let is_own = fact.device.is_some() && self.devices[device].person.starts_with(author);
        let channels = self.channels_of(device);
        let channel = channels.iter().find(|channel| self.shared(device, channel) == fact.channel);
        let Some(ours) = channel.and_then(|channel| self.ours(device, channel)) else { return };
        let marks = self.business.ledger.feed(&ours, rules::Version::default(), usize::MAX - 1).marks;
        let is_recorded = marks.iter().any(|mark| mark.client_msg_no.as_str() == number.0);
        let name = &self.devices[device].name;
        let lie = match outcome {
            Ok(()) if !is_recorded => format!("2: {name} says that {} is done, and no mark tells so", number.0),
            Err(error) if error.reason == Some(DenyReason::NotAuthor) && is_own && !restores => {
                format!("window: {name} is told that {} is somebody else's", number.0)
            }
            Err(error) if error.reason == Some(DenyReason::NotRecalled) && was_recorded => {
                format!("2: {name} is told that {} is not recalled, and it was", number.0)
            }
            _ => return,
        };
        self.fail(lie);
    }

    // ---- history ----

    /// What word of the history, or a newest page, claims, against the log: nothing is missing from here up to what was newest when the
    /// connection became ready. None: from the oldest that is here.
    pub fn check_whole(&mut self, device: usize, channel: &Channel, lowest: Option<MessageSeq>) {
        let shared = self.shared(device, channel);
        let it = &self.devices[device];
        let row = it.disk.store.channels().find(|row| row.channel == *channel);
        let lowest = lowest.or_else(|| row.and_then(|row| row.ranges.first()).map(|range| range.first));
        let lowest = lowest.map(|seq| seq.0);
        let head = it.app.heads.iter().find(|(of, ..)| of == channel).map(|(.., seq)| seq.0);
        let (Some(lowest), Some(head)) = (lowest, head) else { return };
        let spoiled = self.plan.defect.is_some_and(|defect| defect != Defect::HistoryClaimed);
        if spoiled || !it.app.begins_afresh || self.plan.restarts > 0 || self.model.shortened.contains(&shared) {
            return;
        }
        let here: BTreeSet<&str> = it.disk.store.messages().map(|row| row.client_msg_no.as_str()).collect();
        let claimed = lowest..=head;
        let log = self.gateway.messages(&shared).iter();
        let missing = log
            .filter(|message| claimed.contains(&message.message_seq))
            .find(|message| !message.sync_once && !here.contains(message.client_msg_no.as_str()));
        if let Some(number) = missing.map(|message| message.client_msg_no.clone()) {
            self.fail(format!("3: {} calls {} complete without {number}", it.name, channel.id));
        }
    }

    // ---- events ----

    pub fn note_word(&mut self, device: usize, event: &Event) {
        match event {
            Event::MessageChanged { message } => self.check_changed(device, message),
            Event::Command { message_id, .. } => self.command_told(device, message_id.0),
            Event::History { channel, reached_start, complete: true } => {
                self.check_whole(device, channel, reached_start.then_some(MessageSeq(1)));
            }
            Event::Sync { done } => self.devices[device].app.synced = *done,
            _ => {}
        }
    }

    /// What is stored while a tab is open is told to it, also where its commit was told as a failure: each message and command is
    /// known, and what the person sees is as it is stored. To be asked before anything is read again.
    pub fn check_heard(&mut self, device: usize) {
        let it = &self.devices[device];
        if it.client.is_none() || it.app.closing || it.reading || it.disk.is_busy() || it.sleep.is_on() {
            return;
        }
        let told = self.model.told.get(&device);
        let unheard = it.disk.store.messages().find_map(|row| {
            let key = key_of(row);
            let shown = it.app.shown.get(&row.channel).and_then(|shown| shown.get(&key));
            // What this device has said itself may stand in the outbox since before the tab was opened.
            let said_here = self.model.facts.get(&row.client_msg_no).is_some_and(|fact| fact.device == Some(device));
            match shown {
                _ if !said_here && !told.is_some_and(|told| told.contains(&key)) => {
                    Some(format!("is never told {key}"))
                }
                Some(shown) if shown.state != row.state => {
                    Some(format!("shows {key} as {:?}, and it is {:?}", shown.state, row.state))
                }
                _ => None,
            }
        });
        let sent = |id: &&i64| self.model.commands_sent.contains(id) && !self.model.commands.contains(&(device, **id));
        let unheard = unheard.or_else(|| it.commands.iter().find(sent).map(|id| format!("is never told command {id}")));
        if let Some(unheard) = unheard {
            self.fail(format!("6: {} {unheard}", self.devices[device].name));
        }
    }

    /// Commands that are stored while this tab is open; those of an earlier one are told to nobody.
    pub fn note_commands(&mut self, device: usize, batch: &Batch) {
        let commands = batch.changes.iter().filter_map(|change| match change {
            Change::Command(id, _) => Some(id.0),
            _ => None,
        });
        self.devices[device].commands.extend(commands);
    }

    /// What the disk has is known to whoever opens it.
    pub fn note_kept(&mut self, device: usize, kept: BTreeSet<String>) {
        self.model.told.entry(device).or_default().extend(kept);
    }
}
