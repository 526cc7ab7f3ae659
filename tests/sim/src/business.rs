//! A business server over the rules of `jindou-business`: the same decisions, with maps for tables and no network of its own.
//!
//! It answers what the core asks, as JSON over the paths of the API, and asks the gateway's HTTP API as the real one does, so
//! that both sides' forms are exercised. Who may call, rates and passwords are not its matter: every caller here is logged in.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jindou_business::rules::identity::{GroupId, TargetName, wukongim_person_channel};
use jindou_business::rules::ledger::Ledger;
use jindou_business::rules::message::{self, StoredMessage};
use jindou_business::rules::reading::{self, Reading};
use jindou_business::rules::recall::{Decision, Denial, Mark, MarkState, Policy, Target};
use jindou_business::rules::{
    Author, Channel, ChannelRef, ClientMsgNo, MessageId, MessageSeq, Role, TargetKey, Time, Uid, Version, command,
};
use jindou_gateway::{Gateway, HttpRequest, Input, Millis, Output, RequestId};
use serde_json::{Value, json};

/// The gateway's HTTP API, and what else the gateway does while it answers.
pub struct Port<'a> {
    pub gateway: &'a mut Gateway,
    pub now: Millis,
    /// It does not answer.
    pub down: bool,
    pub is_v3: bool,
    pub outputs: &'a mut Vec<Output>,
    pub next: &'a mut u64,
}

impl Port<'_> {
    fn call(&mut self, request: HttpRequest) -> Option<Value> {
        if self.down {
            return None;
        }
        *self.next += 1;
        let id = RequestId(*self.next);
        self.gateway.handle(self.now, Input::Http(id, request));
        let mut answer = None;
        while let Some(output) = self.gateway.poll_output() {
            match output {
                Output::Respond(of, response) if of == id => {
                    answer = (response.status == 200).then(|| response.value()).flatten();
                }
                other => self.outputs.push(other),
            }
        }
        answer
    }

    pub fn post(&mut self, path: &str, body: &Value) -> Option<Value> {
        self.call(HttpRequest::post(path, body))
    }

    fn get(&mut self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        self.call(HttpRequest::get(path, query))
    }
}

/// An answer as it goes over the network.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

struct Refused(u16, Value);

type Outcome = Result<Value, Refused>;

/// What a device says it has of a channel.
#[derive(Clone, Default)]
struct Known {
    seq: u64,
    id: Option<String>,
    marks: u64,
}

pub struct Business {
    pub ledger: Ledger,
    policy: Policy,
    groups: BTreeMap<GroupId, BTreeMap<Uid, Role>>,
    pub addresses: Vec<String>,
    /// The gateway is of generation 3: other calls, and commands only reach people who are listed.
    v3: bool,
}

fn refused(status: u16, code: &str, retryable: bool) -> Refused {
    Refused(status, json!({ "code": code, "message": "no", "retryable": retryable }))
}

fn unavailable() -> Refused {
    refused(503, "unavailable", true)
}

fn invalid<T>(_: T) -> Refused {
    refused(400, "invalid", false)
}

fn denied(denial: &Denial) -> Refused {
    let mut body =
        json!({ "code": "recall-denied", "message": "no", "retryable": false, "reason": denial.reason.name() });
    if let Some(deadline) = denial.deadline {
        body["deadline"] = json!(deadline.0);
    }
    Refused(403, body)
}

fn uid(name: &str) -> Uid {
    // Only names of the simulator come here, and those are plain.
    Uid::try_from(name.to_owned()).expect("a plain name")
}

impl Business {
    pub fn new(policy: Policy, addresses: Vec<String>, v3: bool) -> Self {
        Self { ledger: Ledger::default(), policy, groups: BTreeMap::new(), addresses, v3 }
    }

    pub fn add_group(&mut self, port: &mut Port<'_>, id: &str, members: &[(&str, Role)]) {
        let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
        let body = json!({ "channel_id": id, "channel_type": 2, "subscribers": names });
        port.post("/channel", &body);
        let group = GroupId::try_from(id.to_owned()).expect("a plain name");
        self.groups.insert(group, members.iter().map(|(name, role)| (uid(name), *role)).collect());
    }

    pub fn change_member(&mut self, port: &mut Port<'_>, id: &str, who: &str, comes: bool) {
        let path = if comes { "/channel/subscriber_add" } else { "/channel/subscriber_remove" };
        port.post(path, &json!({ "channel_id": id, "channel_type": 2, "subscribers": [who] }));
        let members = GroupId::try_from(id.to_owned()).ok().and_then(|group| self.groups.get_mut(&group));
        if let Some(members) = members {
            if comes {
                members.insert(uid(who), Role::Member);
            } else {
                members.remove(&uid(who));
            }
        }
    }

    pub fn is_member(&self, id: &str, who: &str) -> bool {
        let group = GroupId::try_from(id.to_owned()).ok();
        group.and_then(|group| self.groups.get(&group)).is_some_and(|members| members.contains_key(&uid(who)))
    }

    pub fn register(&mut self, port: &mut Port<'_>, who: &str, flag: u8, token: &str) {
        let body = json!({ "uid": who, "token": token, "device_flag": flag, "device_level": 0 });
        port.post("/user/token", &body);
    }

    pub fn answer(
        &mut self,
        port: &mut Port<'_>,
        caller: &str,
        flag: u8,
        deaf: bool,
        path: &str,
        body: Option<&str>,
    ) -> Answer {
        let caller = uid(caller);
        let body: Value = body.and_then(|body| serde_json::from_str(body).ok()).unwrap_or(Value::Null);
        let now = Time(i64::try_from(port.now.0).unwrap_or(i64::MAX));
        let outcome = match path {
            "/v1/gateway" => Ok(json!({ "addresses": self.addresses })),
            "/v1/policy" => Ok(self.policy_for(&caller, now)),
            "/v1/online" => online(port, &caller, flag, deaf),
            "/v1/history" => self.history(port, &caller, &body),
            "/v1/conversations" => self.conversations(port, &caller, &body),
            "/v1/read" => self.read(port, &caller, &body),
            "/v1/commands" => self.commands(port, &caller),
            "/v1/commands/ack" => acknowledge(port, &caller, &body),
            "/v1/marks" => self.feed(&caller, &body),
            "/v1/recall" => self.recall(port, &caller, &body, now),
            "/v1/restore" => self.restore(port, &caller, &body, now),
            "/v1/reedit" => self.reedit(&caller, &body, now),
            "/v1/lookup" => self.lookup(port, &caller, &body),
            _ => Err(refused(404, "not-found", false)),
        };
        match outcome {
            Ok(value) => Answer { status: 200, body: value.to_string().into_bytes() },
            Err(Refused(status, value)) => Answer { status, body: value.to_string().into_bytes() },
        }
    }

    fn role(&self, channel: &Channel, who: &Uid) -> Option<Role> {
        match channel {
            Channel::Person(pair) => pair.peer_of(who).map(|_| Role::Member),
            Channel::Group(group) => self.groups.get(group)?.get(who).copied(),
        }
    }

    fn channel(&self, body: &Value, caller: &Uid) -> Result<Channel, Refused> {
        let named: ChannelRef = serde_json::from_value(body.clone()).map_err(invalid)?;
        let channel = Channel::named(&named, caller).map_err(invalid)?;
        self.role(&channel, caller).map(|_| channel).ok_or_else(|| refused(403, "forbidden", false))
    }

    fn policy_for(&self, caller: &Uid, now: Time) -> Value {
        let roles: Vec<Value> = self
            .groups
            .iter()
            .filter_map(|(group, members)| {
                let role = members.get(caller)?;
                Some(json!({ "channelId": group.as_str(), "channelType": 2, "role": role.name() }))
            })
            .collect();
        json!({
            "serverTime": now.0,
            "recallWindow": self.policy.recall_window.map(|span| span.0),
            "restoreWindow": self.policy.restore_window.map(|span| span.0),
            "restoreModerated": self.policy.restore_moderated,
            "roles": roles,
        })
    }

    fn history(&self, port: &mut Port<'_>, caller: &Uid, body: &Value) -> Outcome {
        let channel = self.channel(body, caller)?;
        let number = |name: &str| body[name].as_u64().unwrap_or(0);
        let (start, end, limit) = (number("start"), number("end"), number("limit"));
        let newer = body["pull"] == "newer";
        let newest = start == 0 && (end == 0 || !newer);
        let mut page = messages(port, &channel, caller, if newest { (0, 0) } else { (start, end) }, limit + 1, newer)
            .ok_or_else(unavailable)?;
        if newest && !newer {
            page.retain(|message| message.message_seq.number() > end);
        }
        let limit = limit as usize;
        let more = page.len() > limit;
        if newer && !newest {
            page.truncate(limit);
        } else {
            page.drain(..page.len().saturating_sub(limit));
        }
        let version = self.ledger.version(&channel);
        Ok(json!({ "messages": self.show(&channel, caller, page), "more": more, "marksVersion": version }))
    }

    fn conversations(&self, port: &mut Port<'_>, caller: &Uid, body: &Value) -> Outcome {
        let since = body["since"].as_i64();
        let mut have: BTreeMap<Channel, Known> = BTreeMap::new();
        for cursor in body["cursors"].as_array().into_iter().flatten() {
            let named: ChannelRef = serde_json::from_value(cursor.clone()).map_err(invalid)?;
            let channel = Channel::named(&named, caller).map_err(invalid)?;
            let number = |name: &str| cursor[name].as_u64().unwrap_or(0);
            let id = cursor["messageId"].as_str().map(str::to_owned);
            have.insert(channel, Known { seq: number("messageSeq"), id, marks: number("marksVersion") });
        }
        let cursors: Vec<String> = have
            .iter()
            .map(|(channel, known)| (channel.seen_by(caller), known.seq.saturating_sub(1)))
            .filter(|(_, seq)| *seq > 0 && since.is_none())
            .map(|(named, seq)| format!("{}:{}:{seq}", named.channel_id, named.channel_type))
            .collect();
        let request = json!({
            "uid": caller.as_str(), "version": 0, "last_msg_seqs": cursors.join("|"), "msg_count": body["recents"],
        });
        let told = if self.v3 {
            let request = json!({ "uid": caller.as_str(), "limit": 100 });
            let listed = port.post("/conversation/list", &request).ok_or_else(unavailable)?;
            as_of_generation_2(&listed)
        } else {
            port.post("/conversation/sync", &request).ok_or_else(unavailable)?
        };
        let mut groups: BTreeSet<GroupId> = self.groups.keys().cloned().collect();
        let mut answer = Vec::new();
        for conversation in told.as_array().into_iter().flatten() {
            let id = conversation["channel_id"].as_str().unwrap_or_default();
            if id.ends_with(command::COMMAND_SUFFIX) {
                continue;
            }
            let channel_type = conversation["channel_type"].as_u64().unwrap_or(0) as u8;
            let named = ChannelRef { channel_id: id.to_owned(), channel_type };
            let Ok(channel) = Channel::named(&named, caller) else { continue };
            if self.role(&channel, caller).is_none() {
                continue;
            }
            if let Channel::Group(group) = &channel {
                groups.remove(group);
            }
            let recents: Vec<StoredMessage> =
                conversation["recents"].as_array().into_iter().flatten().filter_map(stored).collect();
            let known = have.get(&channel);
            let number = |name: &str| conversation[name].as_u64().unwrap_or(0);
            let last = seq(number("last_msg_seq"));
            let told = Reading { unread: number("unread"), read_to: seq(number("readed_to_msg_seq")) };
            answer.extend(self.conversation(caller, &channel, recents, known, last, told, since));
        }
        for group in groups.into_iter().filter(|_| since.is_none()) {
            let channel = Channel::Group(group);
            if self.role(&channel, caller).is_some() {
                let none = Reading { unread: 0, read_to: MessageSeq::ZERO };
                answer.extend(self.conversation(caller, &channel, Vec::new(), None, MessageSeq::ZERO, none, None));
            }
        }
        Ok(json!({ "conversations": answer }))
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a conversation")]
    fn conversation(
        &self,
        caller: &Uid,
        channel: &Channel,
        mut recents: Vec<StoredMessage>,
        cursor: Option<&Known>,
        last: MessageSeq,
        told: Reading,
        since: Option<i64>,
    ) -> Option<Value> {
        recents.sort_by_key(|message| message.message_seq);
        let known = cursor.cloned().unwrap_or_default();
        let same = |message: &StoredMessage| known.id.as_ref() == Some(&message.message_id.to_string());
        let has_it = recents.last().is_some_and(|newest| newest.message_seq.number() == known.seq && same(newest));
        // Generation 3 gives no time to its messages here.
        let is_old = |since| recents.last().is_none_or(|newest| newest.timestamp > 0 && newest.timestamp < since);
        let knows_marks = self.ledger.version(channel).number() <= known.marks;
        let is_known = |since| if cursor.is_some() { has_it && knows_marks } else { is_old(since) };
        if recents.is_empty() && since.is_some() || since.is_some_and(is_known) {
            return None;
        }
        let own_last =
            recents.iter().filter(|message| message.from_uid.is(caller)).map(|message| message.message_seq).max();
        let reading = reading::beyond_own(told, last, own_last);
        recents.retain(|message| match message.message_seq.number() {
            _ if since.is_some() => !has_it,
            seq => seq > known.seq || (seq == known.seq && known.id.is_some() && !same(message)),
        });
        let named = channel.seen_by(caller);
        let timestamp = recents.last().map_or(0, |message| message.timestamp);
        Some(json!({
            "channelId": named.channel_id,
            "channelType": named.channel_type,
            "unread": reading.unread,
            "readTo": reading.read_to,
            "lastMessageSeq": last,
            "timestamp": timestamp,
            "marksVersion": self.ledger.version(channel),
            "recents": self.show(channel, caller, recents),
        }))
    }

    fn read(&self, port: &mut Port<'_>, caller: &Uid, body: &Value) -> Outcome {
        let channel = self.channel(body, caller)?;
        let seen = seq(body["messageSeq"].as_u64().unwrap_or(0));
        let page = messages(port, &channel, caller, (0, 0), 1, false).ok_or_else(unavailable)?;
        let last = page.last().map(|message| message.message_seq).unwrap_or_default();
        if let Some(unread) = reading::unread_for(seen, last) {
            let named = channel.seen_by(caller);
            let call = json!({
                "uid": caller.as_str(), "channel_id": named.channel_id, "channel_type": named.channel_type, "unread": unread,
            });
            port.post("/conversations/setUnread", &call).ok_or_else(unavailable)?;
        }
        Ok(json!({}))
    }

    fn commands(&self, port: &mut Port<'_>, caller: &Uid) -> Outcome {
        let call = json!({ "uid": caller.as_str(), "message_seq": 0, "limit": 10_000 });
        let found = port.post("/message/sync", &call).ok_or_else(unavailable)?;
        let mut answer = Vec::new();
        for item in found.as_array().into_iter().flatten() {
            let Some(message) = stored(item) else { continue };
            let id = item["channel_id"].as_str().unwrap_or_default();
            let kind = item["channel_type"].as_u64().unwrap_or(0) as u8;
            let named = command::channel_of(id, kind, message.from_uid.as_str(), &message.payload, caller);
            let mut view = plain(&message);
            view["payload"] = json!(STANDARD.encode(&message.payload));
            view["channelId"] = json!(named.channel_id);
            view["channelType"] = json!(named.channel_type);
            answer.push(view);
        }
        Ok(json!({ "commands": answer }))
    }

    fn feed(&self, caller: &Uid, body: &Value) -> Outcome {
        let limit = body["limit"].as_u64().unwrap_or(1) as usize;
        let mut answer = Vec::new();
        for asked in body["channels"].as_array().into_iter().flatten() {
            let Ok(channel) = self.channel(asked, caller) else { continue };
            let since = Version::try_from(asked["since"].as_u64().unwrap_or(0)).map_err(invalid)?;
            let page = self.ledger.feed(&channel, since, limit);
            let marks: Vec<Value> = page.marks.iter().map(|mark| self.mark_view(mark, caller)).collect();
            let named = channel.seen_by(caller);
            answer.push(json!({
                "channelId": named.channel_id,
                "channelType": named.channel_type,
                "version": page.version,
                "more": page.more,
                "marks": marks,
            }));
        }
        Ok(json!({ "channels": answer }))
    }

    fn mark_view(&self, mark: &Mark, viewer: &Uid) -> Value {
        let mut view = mark.seen_by(viewer);
        if mark.state == MarkState::Restored {
            let content = self.ledger.content(mark).map(|content| self.without_quotes(&mark.channel, content));
            view.payload = content.map(|content| STANDARD.encode(content));
        }
        serde_json::to_value(view).unwrap_or_default()
    }

    fn without_quotes(&self, channel: &Channel, content: &[u8]) -> Vec<u8> {
        let marks = self.ledger.marks(channel);
        jindou_business::rules::content::purge_quotes(content, &|id| marks.withdraws(id))
            .unwrap_or_else(|| content.to_vec())
    }

    fn recall(&mut self, port: &mut Port<'_>, caller: &Uid, body: &Value, now: Time) -> Outcome {
        let target = target(body, caller)?;
        let all = all_messages(port, &target.channel, caller).ok_or_else(unavailable)?;
        let groups = &self.groups;
        let role = |who: &Uid| match &target.channel {
            Channel::Person(pair) => pair.peer_of(who).map(|_| Role::Member),
            Channel::Group(group) => groups.get(group)?.get(who).copied(),
        };
        let decision = self.ledger.recall(caller, &target, &all, &role, &self.policy, now);
        self.decided(port, caller, decision)
    }

    fn restore(&mut self, port: &mut Port<'_>, caller: &Uid, body: &Value, now: Time) -> Outcome {
        let target = target(body, caller)?;
        let key = own_key(caller, &target);
        let role = self.role(&target.channel, caller);
        let decision = self.ledger.restore(caller, &target.channel, &key, role, &self.policy, now);
        self.decided(port, caller, decision)
    }

    fn reedit(&self, caller: &Uid, body: &Value, now: Time) -> Outcome {
        let target = target(body, caller)?;
        let key = own_key(caller, &target);
        let role = self.role(&target.channel, caller);
        match self.ledger.reedit(caller, &target.channel, &key, role, now) {
            Ok(Some(content)) => Ok(json!({ "payload": STANDARD.encode(content) })),
            Ok(None) => Err(refused(404, "not-found", false)),
            Err(denial) => Err(denied(&denial)),
        }
    }

    fn decided(&mut self, port: &mut Port<'_>, caller: &Uid, decision: Decision) -> Outcome {
        let mark = match decision {
            Decision::Denied(denial) => return Err(denied(&denial)),
            Decision::Already(mark) => mark,
            Decision::Change(change) => {
                if let Some(command) = command::for_mark(&change.mark) {
                    let mut call = json!({
                        "header": { "no_persist": 0, "red_dot": 0, "sync_once": 1 },
                        "client_msg_no": command.client_msg_no,
                        "from_uid": command.from.as_str(),
                        "channel_id": command.to.channel_id,
                        "channel_type": command.to.channel_type,
                        "payload": STANDARD.encode(&command.payload),
                    });
                    if self.v3 {
                        // A command to a group reaches nobody, one to a person one of the two.
                        call["channel_id"] = json!("");
                        call["subscribers"] = json!(self.people_of(&change.mark.channel));
                    }
                    port.post("/message/send", &call);
                }
                change.mark
            }
        };
        Ok(json!({ "mark": self.mark_view(&mark, caller) }))
    }

    fn people_of(&self, channel: &Channel) -> Vec<String> {
        match channel {
            Channel::Person(pair) => pair.people().into_iter().map(|uid| uid.as_str().to_owned()).collect(),
            Channel::Group(group) => {
                self.groups.get(group).into_iter().flat_map(BTreeMap::keys).map(|uid| uid.as_str().to_owned()).collect()
            }
        }
    }

    fn lookup(&self, port: &mut Port<'_>, caller: &Uid, body: &Value) -> Outcome {
        let named: ChannelRef = serde_json::from_value(body.clone()).map_err(invalid)?;
        let channel = Channel::named(&named, caller).map_err(invalid)?;
        let wanted: BTreeSet<&str> =
            body["clientMsgNos"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut found: BTreeMap<String, StoredMessage> = BTreeMap::new();
        let ids = match &channel {
            Channel::Person(pair) => wukongim_person_channel(pair),
            Channel::Group(group) => vec![group.as_str().to_owned()],
        };
        let kind = channel.channel_type().to_string();
        let mut unindexed = false;
        for name in &wanted {
            for id in &ids {
                let query = [("channel_id", id.as_str()), ("channel_type", kind.as_str()), ("client_msg_no", *name)];
                match port.get("/message/byclientmsgno", &query) {
                    Some(answer) => match stored(&answer) {
                        Some(message) if message.from_uid.is(caller) => {
                            found.entry((*name).to_owned()).or_insert(message);
                        }
                        Some(_) => unindexed = true,
                        None => {}
                    },
                    None => unindexed = true,
                }
            }
        }
        if unindexed {
            for message in all_messages(port, &channel, caller).ok_or_else(unavailable)? {
                let name = message.client_msg_no.as_str();
                if message.from_uid.is(caller) && wanted.contains(name) {
                    found.entry(name.to_owned()).or_insert(message);
                }
            }
        }
        if found.is_empty() {
            self.channel(body, caller)?;
        }
        Ok(json!({ "found": self.show(&channel, caller, found.into_values().collect()) }))
    }

    fn show(&self, channel: &Channel, viewer: &Uid, messages: Vec<StoredMessage>) -> Vec<Value> {
        let marks = self.ledger.marks(channel);
        let seen = message::merge(messages, &marks, viewer);
        let view = |seen: message::SeenMessage| {
            let mut view = plain(&seen.message);
            if !seen.recalled {
                view["payload"] = json!(STANDARD.encode(&seen.message.payload));
            }
            if let Some(mark) = seen.mark {
                view["mark"] = serde_json::to_value(mark).unwrap_or_default();
            }
            view
        };
        seen.into_iter().map(view).collect()
    }
}

fn own_key(caller: &Uid, target: &Target) -> TargetKey {
    let name = match target.message_id {
        Some(id) if target.client_msg_no.is_empty() => TargetName::MessageId(id),
        _ => TargetName::ClientMsgNo(target.client_msg_no.clone()),
    };
    TargetKey { author: Author::from(caller), name }
}

fn target(body: &Value, caller: &Uid) -> Result<Target, Refused> {
    let named: ChannelRef = serde_json::from_value(body.clone()).map_err(invalid)?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    Ok(Target {
        channel: Channel::named(&named, caller).map_err(invalid)?,
        client_msg_no: ClientMsgNo::try_from(text("clientMsgNo").unwrap_or_default()).map_err(invalid)?,
        message_id: text("messageId").map(MessageId::try_from).transpose().map_err(invalid)?,
        message_seq: body["messageSeq"].as_u64().map(MessageSeq::try_from).transpose().map_err(invalid)?,
    })
}

fn online(port: &mut Port<'_>, caller: &Uid, flag: u8, deaf: bool) -> Outcome {
    let answer = port.post("/user/onlinestatus", &json!([caller.as_str()])).ok_or_else(unavailable)?;
    let online = answer.as_array().into_iter().flatten().any(|device| device["device_flag"] == flag);
    Ok(json!({ "online": online && !deaf }))
}

fn acknowledge(port: &mut Port<'_>, caller: &Uid, body: &Value) -> Outcome {
    let call = json!({ "uid": caller.as_str(), "last_message_seq": body["messageSeq"] });
    port.post("/message/syncack", &call).map(|_| json!({})).ok_or_else(unavailable)
}

fn messages(
    port: &mut Port<'_>,
    channel: &Channel,
    reader: &Uid,
    (start, end): (u64, u64),
    limit: u64,
    newer: bool,
) -> Option<Vec<StoredMessage>> {
    let named = channel.seen_by(reader);
    let call = json!({
        "login_uid": reader.as_str(),
        "channel_id": named.channel_id,
        "channel_type": named.channel_type,
        "start_message_seq": start,
        "end_message_seq": end,
        "limit": limit,
        "pull_mode": u8::from(newer),
    });
    let answer = match port.post("/channel/messagesync", &call) {
        // Generation 3 knows nobody in a channel that nobody has written to.
        None if port.is_v3 && !port.down => return Some(Vec::new()),
        answer => answer?,
    };
    let mut found: Vec<StoredMessage> =
        answer["messages"].as_array().into_iter().flatten().filter_map(stored).collect();
    found.sort_by_key(|message| message.message_seq);
    Some(found)
}

fn all_messages(port: &mut Port<'_>, channel: &Channel, reader: &Uid) -> Option<Vec<StoredMessage>> {
    messages(port, channel, reader, (0, 0), 1000, false)
}

fn seq(number: u64) -> MessageSeq {
    MessageSeq::try_from(number).unwrap_or_default()
}

/// A message of the gateway's, from its JSON.
fn stored(item: &Value) -> Option<StoredMessage> {
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let yes = |name: &str| item["header"][name].as_u64() == Some(1);
    Some(StoredMessage {
        message_id: MessageId::try_from(text("message_idstr")).ok()?,
        message_seq: MessageSeq::try_from(item["message_seq"].as_u64()?).ok()?,
        client_msg_no: ClientMsgNo::stored(text("client_msg_no")),
        from_uid: Author::new(text("from_uid")),
        timestamp: item["timestamp"].as_i64().unwrap_or(0),
        setting: item["setting"].as_u64().unwrap_or(0) as u8,
        expire: item["expire"].as_u64().unwrap_or(0) as u32,
        no_persist: yes("no_persist"),
        red_dot: yes("red_dot"),
        sync_once: yes("sync_once"),
        payload: STANDARD.decode(text("payload")).ok()?,
    })
}

/// What generation 3 lists, in the words of generation 2.
fn as_of_generation_2(listed: &Value) -> Value {
    let conversations = listed["conversations"].as_array().into_iter().flatten().map(|item| {
        json!({
            "channel_id": item["channel_id"],
            "channel_type": item["channel_type"],
            "unread": item["unread"],
            "readed_to_msg_seq": item["read_seq"],
            "last_msg_seq": item["last_message"]["message_seq"],
            "recents": [item["last_message"]],
        })
    });
    Value::Array(conversations.collect())
}

fn plain(message: &StoredMessage) -> Value {
    json!({
        "messageId": message.message_id,
        "messageSeq": message.message_seq,
        "clientMsgNo": message.client_msg_no,
        "fromUid": message.from_uid,
        "timestamp": message.timestamp,
        "setting": message.setting,
        "expire": message.expire,
        "noPersist": message.no_persist,
        "redDot": message.red_dot,
        "syncOnce": message.sync_once,
    })
}
