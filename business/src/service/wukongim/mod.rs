//! WuKongIM's HTTP API, as much of it as we use, of 2.1.x and 2.2.x.
//!
//! It is a server-to-server API without any right of its own: whoever asks may read every channel. So nothing that a person says
//! goes into a call before `rules` has read it, and nothing of an answer's text goes out: it holds inner addresses.
//!
//! Several nodes may be named. While a leader is away, calls fail for some seconds or hang; they are tried again, on the next node.

mod answers;
mod transport;

use serde::Serialize;
use serde_json::{Map, Value, json};

pub use answers::{CommandMessage, Conversation, is_socket_address};
pub use transport::{NodeAddress, Patience, WukongimError};

use super::object::Object;
use crate::rules::account::DeviceFlag;
use crate::rules::command::COMMAND_SUFFIX;
use crate::rules::identity::{GROUP, PERSON, leading_to, wukongim_person_channel};
use crate::rules::{Channel, ChannelRef, ClientMsgNo, GroupId, MessageSeq, StoredMessage, Uid};
use answers::{Accepted, ConversationAnswer, List, MessageAnswer, MessagesAnswer, OnlineDevice, Route};
use transport::Transport;

pub struct Wukongim {
    transport: Transport,
}

/// Which part of a channel's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    Newest,
    /// Towards older: `(end, start]`.
    Older {
        start: MessageSeq,
        end: MessageSeq,
    },
    /// Towards newer: `[start, end)`, end 0 is open.
    Newer {
        start: MessageSeq,
        end: MessageSeq,
    },
}

/// The bug that loses commands needs an answer that fills its limit exactly, so no answer ever should.
const COMMAND_LIMIT: u32 = 10_000;
/// Among so many is one that was sent within the last minute.
const NEWEST: u32 = 250;
/// A web or PC session is a slave: a master's token would end the person's other connections.
const SLAVE: u8 = 0;

impl Wukongim {
    pub fn new(nodes: Vec<NodeAddress>, manager_token: Option<String>, patience: Patience) -> Wukongim {
        Wukongim { transport: Transport::new(nodes, manager_token, patience) }
    }

    /// The socket addresses that each node gives out, and the nodes that gave none. One try, since a dead node has no address.
    pub async fn gateways(&self) -> (Vec<String>, Vec<NodeAddress>) {
        let mut addresses = Vec::new();
        let mut silent = Vec::new();
        for (node, answer) in self.transport.ask_each::<Object<Route>>("/route").await {
            match answer.ok().and_then(|Object(route)| route.address()) {
                Some(address) => addresses.push(address),
                None => silent.push(node),
            }
        }
        (addresses, silent)
    }

    /// A person waits for this at a log-in, so where all nodes are dead it says so early.
    pub async fn register_token(&self, uid: &Uid, device_flag: DeviceFlag, token: &str) -> Result<(), WukongimError> {
        let body = registration(uid, device_flag, token);
        accepted(self.transport.post_while_somebody_waits("/user/token", &body).await?)
    }

    /// As `register_token`, each node once: for who tries again, and whom others wait for.
    pub async fn try_to_register_token(
        &self,
        uid: &Uid,
        device_flag: DeviceFlag,
        token: &str,
    ) -> Result<(), WukongimError> {
        accepted(self.transport.post_once("/user/token", &registration(uid, device_flag, token)).await?)
    }

    /// Each node once: it is an errand, and a log-in waits for it.
    pub async fn quit_device(&self, uid: &Uid, device_flag: u8) -> Result<(), WukongimError> {
        let body = json!({ "uid": uid.as_str(), "device_flag": device_flag });
        accepted(self.transport.post_once("/user/device_quit", &body).await?)
    }

    /// One try: an answer that comes late says nothing about now.
    pub async fn online(&self, uid: &Uid, device_flag: DeviceFlag) -> Result<bool, WukongimError> {
        // A node of a cluster that has to ask another answers null for nobody, and an empty list only where it leads itself.
        let devices: List<OnlineDevice> =
            self.transport.post_once("/user/onlinestatus", &json!([uid.as_str()])).await?;
        Ok(devices.items().any(|device| {
            device.uid == uid.as_str() && device.device_flag == device_flag.number() && device.online == 1
        }))
    }

    pub async fn create_group(&self, group: &GroupId, members: &[Uid]) -> Result<(), WukongimError> {
        let body = json!({ "channel_id": group.as_str(), "channel_type": 2, "subscribers": names(members) });
        self.command("/channel", &body).await
    }

    pub async fn subscribe(&self, group: &GroupId, members: &[Uid]) -> Result<(), WukongimError> {
        let body =
            json!({ "channel_id": group.as_str(), "channel_type": 2, "reset": 0, "subscribers": names(members) });
        self.command("/channel/subscriber_add", &body).await
    }

    pub async fn unsubscribe(&self, group: &GroupId, members: &[Uid]) -> Result<(), WukongimError> {
        let body = json!({ "channel_id": group.as_str(), "channel_type": 2, "subscribers": names(members) });
        self.command("/channel/subscriber_remove", &body).await
    }

    /// Sends a command: stored for those who are offline, shown to nobody. An answer proves nothing on 2.x; the feed of marks does.
    pub async fn send_command(
        &self,
        from: &Uid,
        to: &ChannelRef,
        payload_base64: &str,
        client_msg_no: &str,
    ) -> Result<(), WukongimError> {
        let body = json!({
            "header": { "no_persist": 0, "red_dot": 0, "sync_once": 1 },
            "client_msg_no": client_msg_no,
            "from_uid": from.as_str(),
            "channel_id": to.channel_id,
            "channel_type": to.channel_type,
            "payload": payload_base64,
        });
        self.command("/message/send", &body).await
    }

    /// Says something in a group as the system.
    pub async fn send_notice(
        &self,
        group: &GroupId,
        payload_base64: &str,
        client_msg_no: &ClientMsgNo,
    ) -> Result<(), WukongimError> {
        let body = json!({
            // WuKongIM counts what is stored, so a device that is online is to count it too.
            "header": { "no_persist": 0, "red_dot": 1, "sync_once": 0 },
            "client_msg_no": client_msg_no.as_str(),
            "channel_id": group.as_str(),
            "channel_type": 2,
            "payload": payload_base64,
        });
        self.command("/message/send", &body).await
    }

    /// Sends a command to those of these people who are online; it is stored nowhere.
    pub async fn command_online(&self, people: &[Uid], payload_base64: &str) -> Result<(), WukongimError> {
        let body = json!({
            "header": { "no_persist": 1, "red_dot": 0, "sync_once": 1 },
            "subscribers": names(people),
            "payload": payload_base64,
        });
        self.command("/message/send", &body).await
    }

    /// A part of a channel's log, ascending, at most `limit` messages. Nobody's membership is checked here.
    pub async fn messages(
        &self,
        channel: &Channel,
        reader: &Uid,
        range: Range,
        limit: u32,
    ) -> Result<Vec<StoredMessage>, WukongimError> {
        self.log(reader.as_str(), &channel.seen_by(reader), range, limit).await
    }

    async fn log(
        &self,
        reader: &str,
        named: &ChannelRef,
        range: Range,
        limit: u32,
    ) -> Result<Vec<StoredMessage>, WukongimError> {
        let (start, end, pull_mode) = match range {
            Range::Newest => (0, 0, 0),
            Range::Older { start, end } => (start.number(), end.number(), 0),
            Range::Newer { start, end } => (start.number(), end.number(), 1),
        };
        let body = json!({
            "login_uid": reader,
            "channel_id": named.channel_id,
            "channel_type": named.channel_type,
            "start_message_seq": start,
            "end_message_seq": end,
            "limit": limit,
            "pull_mode": pull_mode,
        });
        let Object(answer): Object<MessagesAnswer> = self.transport.post("/channel/messagesync", &body).await?;
        let mut messages: Vec<StoredMessage> = answer.messages.items().filter_map(MessageAnswer::stored).collect();
        messages.sort_by_key(|message| message.message_seq);
        Ok(messages)
    }

    /// The first stored copy under a clientMsgNo, whoever wrote it, by the index that 2.2.x has. `Missing` on 2.1.x.
    pub async fn first_copy(
        &self,
        channel: &Channel,
        name: &ClientMsgNo,
    ) -> Result<Option<StoredMessage>, WukongimError> {
        for id in stored_ids(channel) {
            if let Some(message) = self.indexed(&id, channel.channel_type(), name.as_str()).await? {
                return Ok(message.stored());
            }
        }
        Ok(None)
    }

    /// Whether a command that was sent a moment ago is in the channel's log of commands. `Missing` on 2.1.x.
    pub async fn command_is_stored(
        &self,
        from: &Uid,
        to: &ChannelRef,
        client_msg_no: &str,
    ) -> Result<bool, WukongimError> {
        let channel = Channel::named(to, from).map_err(|_| WukongimError::Unreadable)?;
        for id in stored_ids(&channel) {
            let log = format!("{id}{COMMAND_SUFFIX}");
            if self.is_stored(from.as_str(), &log, channel.channel_type(), client_msg_no).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// As `command_is_stored`, of what the system said in a group.
    pub async fn notice_is_stored(&self, group: &GroupId, name: &ClientMsgNo) -> Result<bool, WukongimError> {
        self.is_stored(Uid::system().as_str(), group.as_str(), GROUP, name.as_str()).await
    }

    /// In the index, or in the log: a cluster reads the index on another node, which lacks what one node alone has.
    async fn is_stored(
        &self,
        reader: &str,
        stored_id: &str,
        channel_type: u8,
        client_msg_no: &str,
    ) -> Result<bool, WukongimError> {
        if self.indexed(stored_id, channel_type, client_msg_no).await?.is_some() {
            return Ok(true);
        }
        let (reader, channel_id) = if channel_type == PERSON {
            // What leads to no such id cannot be read; then the index has the last word.
            let Some(names) = leading_to(stored_id) else { return Ok(false) };
            names
        } else {
            (reader, stored_id)
        };
        let named = ChannelRef { channel_id: channel_id.to_owned(), channel_type };
        let newest = self.log(reader, &named, Range::Newest, NEWEST).await?;
        Ok(newest.iter().any(|message| message.client_msg_no.as_str() == client_msg_no))
    }

    async fn indexed(
        &self,
        stored_id: &str,
        channel_type: u8,
        client_msg_no: &str,
    ) -> Result<Option<MessageAnswer>, WukongimError> {
        let path = format!(
            "/message/byclientmsgno?channel_id={}&channel_type={channel_type}&client_msg_no={}",
            percent_encoded(stored_id),
            percent_encoded(client_msg_no)
        );
        let Object(answer): Object<Map<String, Value>> = self.transport.get(&path).await?;
        // "Not found" comes as a status inside an answer that is fine.
        if !answer.contains_key("message_seq") {
            return if answer.contains_key("status") { Ok(None) } else { Err(WukongimError::Unreadable) };
        }
        serde_json::from_value(answer.into()).map(Some).map_err(|_| WukongimError::Unreadable)
    }

    pub async fn conversations(
        &self,
        uid: &Uid,
        cursors: &[(ChannelRef, u64)],
        recents: u32,
    ) -> Result<Vec<Conversation>, WukongimError> {
        let cursors: Vec<String> = cursors
            .iter()
            .map(|(channel, seq)| format!("{}:{}:{seq}", channel.channel_id, channel.channel_type))
            .collect();
        let body =
            json!({ "uid": uid.as_str(), "version": 0, "last_msg_seqs": cursors.join("|"), "msg_count": recents });
        let answers: List<ConversationAnswer> = self.transport.post("/conversation/sync", &body).await?;
        Ok(answers.items().filter_map(ConversationAnswer::read).collect())
    }

    pub async fn set_unread(&self, uid: &Uid, channel: &Channel, unread: u32) -> Result<(), WukongimError> {
        let named = channel.seen_by(uid);
        let body = json!({ "uid": uid.as_str(), "channel_id": named.channel_id, "channel_type": named.channel_type, "unread": unread });
        self.command("/conversations/setUnread", &body).await
    }

    pub async fn commands(&self, uid: &Uid) -> Result<Vec<CommandMessage>, WukongimError> {
        let mut limit = COMMAND_LIMIT;
        loop {
            let body = json!({ "uid": uid.as_str(), "message_seq": 0, "limit": limit });
            let answers: List<MessageAnswer> = self.transport.post("/message/sync", &body).await?;
            let answers = answers.items();
            // An answer of just that length may make the next acknowledgement skip commands.
            if answers.len() >= limit as usize && limit < COMMAND_LIMIT * 10 {
                limit *= 10;
                continue;
            }
            return Ok(answers.filter_map(MessageAnswer::command).collect());
        }
    }

    pub async fn acknowledge_commands(&self, uid: &Uid, message_seq: MessageSeq) -> Result<(), WukongimError> {
        self.command("/message/syncack", &json!({ "uid": uid.as_str(), "last_message_seq": message_seq.number() }))
            .await
    }

    /// A call that is done or not. "Not" may come with HTTP 200.
    async fn command(&self, path: &str, body: &impl Serialize) -> Result<(), WukongimError> {
        accepted(self.transport.post(path, body).await?)
    }
}

fn accepted(Object(answer): Object<Accepted>) -> Result<(), WukongimError> {
    if answer.status == 200 { Ok(()) } else { Err(WukongimError::Refused { status: answer.status }) }
}

fn registration(uid: &Uid, device_flag: DeviceFlag, token: &str) -> Value {
    json!({ "uid": uid.as_str(), "token": token, "device_flag": device_flag.number(), "device_level": SLAVE })
}

/// The id under which a channel is stored, or both that it may have.
fn stored_ids(channel: &Channel) -> Vec<String> {
    match channel {
        Channel::Person(pair) => wukongim_person_channel(pair),
        Channel::Group(group) => vec![group.as_str().to_owned()],
    }
}

fn names(uids: &[Uid]) -> Vec<&str> {
    uids.iter().map(Uid::as_str).collect()
}

/// Everything but letters and digits, so a clientMsgNo of another client cannot become another parameter.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Whether an id names the log of commands rather than the channel.
pub fn is_command_log(channel_id: &str) -> bool {
    channel_id.ends_with(COMMAND_SUFFIX)
}
