//! People without a device, and what becomes of groups. They talk, recall and restore by the APIs of both servers, at any pace, so
//! that whoever was away has much to catch up with; groups are made, and people leave them and come back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jindou::channel::{Channel, ClientMsgNo};
use jindou_business::rules::{self, Role};
use jindou_gateway::Channel as Shared;
use serde_json::json;

use crate::model::Fact;
use crate::plan::Society;
use crate::world::{Happening, PEOPLE, World, tell};

/// Of a thousand of their words, so many go where most go.
const WHERE_MOST_GO: u32 = 600;
/// Of a thousand recalls and restores in a group that people leave.
const LEAVES_MEANWHILE: u32 = 250;

#[derive(Default)]
pub struct Others {
    people: Vec<String>,
    pub groups: Vec<String>,
    /// What each of them has said, and where.
    said: BTreeMap<String, Vec<(Shared, String)>>,
    next_message: u64,
}

impl Others {
    pub fn peers(&self) -> impl Iterator<Item = Channel> {
        self.people.iter().map(|person| Channel::person(person.as_str()))
    }
}

impl World {
    /// Who is there, and when they begin.
    pub fn plan_others(&mut self) {
        let Society { people, groups, .. } = self.plan.society;
        self.others.people = (0..people).map(|n| format!("o{n}")).collect();
        for group in 0..groups {
            // Some are made while everybody is at it.
            let at = if self.dice.chance(300) { self.dice.between(1_000, self.plan.chaos) } else { 0 };
            self.schedule(at, Happening::NewGroup(group));
        }
        if people > 0 {
            self.schedule(self.plan.society.since, Happening::Other);
        }
        for _ in 0..self.plan.society.leaves {
            let at = self.dice.between(2_000, self.plan.chaos);
            self.schedule(at, Happening::Leave);
        }
    }

    pub fn new_group(&mut self, number: u64) {
        let id = format!("g{number}");
        if self.gateway_is_down() {
            let at = self.now + 1_000;
            return self.schedule(at, Happening::NewGroup(number));
        }
        tell!(self, "{id} is made");
        let owner = self.others.people.first().cloned().unwrap_or_default();
        let people = self.others.people.clone();
        let mut members = vec![(owner.as_str(), Role::Owner), ("alice", Role::Admin), ("bob", Role::Member)];
        members.extend(people.iter().skip(1).map(|person| (person.as_str(), Role::Member)));
        self.with_port(|business, port| business.add_group(port, &id, &members));
        self.others.groups.push(id);
    }

    /// Somebody with devices leaves a group, and comes back later.
    pub fn leave(&mut self) {
        let person = PEOPLE[self.dice.below(2) as usize];
        let groups = self.others.groups.clone();
        let Some(group) = self.dice.pick(&groups).cloned() else { return };
        self.leave_from(person, group);
    }

    /// Whoever asked for a recall, or a restore, may be gone before it is answered.
    pub fn leave_meanwhile(&mut self, device: usize, channel: &Channel) {
        let is_left = self.plan.society.leaves > 0 && self.others.groups.contains(&channel.id);
        if is_left && self.dice.chance(LEAVES_MEANWHILE) {
            let at = self.now + self.dice.between(0, 400);
            self.schedule(at, Happening::LeaveFrom(self.devices[device].person, channel.id.clone()));
        }
    }

    pub fn leave_from(&mut self, person: &'static str, group: String) {
        if self.now >= self.plan.chaos || self.gateway_is_down() || !self.business.is_member(&group, person) {
            return;
        }
        tell!(self, "{person} leaves {group}");
        for it in self.devices.iter_mut().filter(|it| it.person == person) {
            it.app.left.push(Channel::group(group.as_str()));
        }
        self.with_port(|business, port| business.change_member(port, &group, person, false));
        let at =
            self.now + if self.dice.chance(400) { self.dice.between(1, 500) } else { self.dice.between(500, 20_000) };
        self.schedule(at, Happening::Back(person, group));
    }

    pub fn come_back(&mut self, person: &'static str, group: &str) {
        if self.gateway_is_down() {
            let at = self.now + 1_000;
            self.schedule(at, Happening::Back(person, group.to_owned()));
        } else if !self.business.is_member(group, person) {
            tell!(self, "{person} comes back to {group}");
            self.with_port(|business, port| business.change_member(port, group, person, true));
        }
    }

    pub fn all_come_back(&mut self) {
        for group in self.others.groups.clone() {
            PEOPLE.into_iter().for_each(|person| self.come_back(person, &group));
        }
    }

    /// One act of one of them, and when the next comes.
    pub fn other_acts(&mut self) {
        let (low, high) = self.plan.society.pace;
        let next = self.now + self.dice.between(low, high);
        if next < self.plan.chaos {
            self.schedule(next, Happening::Other);
        }
        let people = self.others.people.clone();
        let Some(person) = self.dice.pick(&people).cloned() else { return };
        match self.dice.below(1000) as u32 {
            lot if lot < self.plan.society.recalls => self.other_recalls(&person, "/v1/recall"),
            lot if lot < self.plan.society.recalls * 3 / 2 => self.other_recalls(&person, "/v1/restore"),
            _ => self.other_says(&person),
        }
    }

    fn other_says(&mut self, person: &str) {
        let groups = self.others.groups.clone();
        let favourite = self.dice.chance(WHERE_MOST_GO);
        let group = if favourite { groups.first().cloned() } else { self.dice.pick(&groups).cloned() };
        let to_group = group.filter(|_| favourite || self.dice.chance(400));
        let (to, kind, shared) = match to_group {
            Some(group) => (group.clone(), 2, Shared::group(group)),
            None => {
                let peer = PEOPLE[self.dice.below(2) as usize];
                (peer.to_owned(), 1, Shared::between(person, peer))
            }
        };
        self.others.next_message += 1;
        let number = format!("{person}-{}", self.others.next_message);
        let token = format!("<{number}>");
        let mut content = json!({ "type": 1, "content": format!("hello {token}") });
        let mut quotes = false;
        if self.dice.chance(150) {
            let log = self.gateway.messages(&shared);
            let recent = &log[log.len().saturating_sub(40)..];
            if let Some(quoted) = self.dice.pick(recent).filter(|quoted| !self.is_recalled(&shared, quoted)) {
                let payload: serde_json::Value = serde_json::from_slice(&quoted.payload).unwrap_or_default();
                if payload.get("reply").is_none() && payload.get("msgs").is_none() {
                    let id = quoted.message_id.to_string();
                    content["reply"] =
                        json!({ "message_id": id, "from_uid": quoted.from.as_str(), "payload": payload });
                    quotes = true;
                }
            }
        }
        tell!(self, "{person} says {number} in {to}");
        let fact = Fact::new(None, shared.clone(), token, false, quotes);
        self.model.facts.insert(ClientMsgNo(number.clone()), fact);
        let body = json!({
            "header": { "no_persist": 0, "red_dot": 1, "sync_once": 0 },
            "client_msg_no": number,
            "from_uid": person,
            "channel_id": to,
            "channel_type": kind,
            "payload": STANDARD.encode(content.to_string()),
        });
        self.call_gateway("/message/send", &body);
        self.others.said.entry(person.to_owned()).or_default().push((shared, number));
    }

    fn is_recalled(&self, shared: &Shared, message: &jindou_gateway::Message) -> bool {
        let found = (0..self.devices.len()).find_map(|device| {
            let channel =
                self.channels_of(device).into_iter().find(|channel| self.shared(device, channel) == *shared)?;
            self.ours(device, &channel)
        });
        let Some(ours) = found else { return true };
        let key = rules::TargetKey::of(
            rules::Author::new(message.from.as_str()),
            &rules::ClientMsgNo::stored(message.client_msg_no.clone()),
            rules::MessageId(message.message_id),
        );
        self.business.ledger.mark(&ours, &key).is_some()
    }

    fn other_recalls(&mut self, person: &str, path: &str) {
        let said = self.others.said.get(person).cloned().unwrap_or_default();
        let Some((shared, number)) = self.dice.pick(&said).cloned() else { return };
        let (id, kind) = if shared.id.contains('@') {
            let peer = PEOPLE.into_iter().find(|peer| Shared::between(person, peer) == shared);
            (peer.unwrap_or_default().to_owned(), 1)
        } else {
            (shared.id.clone(), 2)
        };
        tell!(self, "{person} asks {path} of {number}");
        let body = json!({ "channelId": id, "channelType": kind, "clientMsgNo": number }).to_string();
        self.with_port(|business, port| business.answer(port, person, 1, false, path, Some(&body)));
    }
}
