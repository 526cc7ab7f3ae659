//! What a restart must find again, as rows of an append-only log.
//!
//! The shell writes each row before it performs the outputs behind it, and gives them back in order. Tokens stand in
//! the rows: the file is as private as the server.

use crate::directory::{ChannelInfo, DeviceLevel, ListChange, ListKind};
use crate::ids::{Channel, Uid};
use crate::journal::Message;
use crate::time::Millis;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jindou::id::ChannelType;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One change. `Debug` names the kind only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum Row {
    Device {
        uid: Uid,
        flag: u8,
        token: String,
        level: DeviceLevel,
    },
    System {
        uid: Uid,
        system: bool,
    },
    Channel {
        id: String,
        kind: u8,
        info: ChannelInfo,
    },
    List {
        id: String,
        kind: u8,
        list: ListKind,
        change: ListChange,
        uids: Vec<Uid>,
    },
    Message {
        id: String,
        kind: u8,
        #[serde(flatten)]
        stored: StoredMessage,
    },
    /// Messages that were never confirmed, from this place on.
    TakenBack {
        id: String,
        kind: u8,
        from: u64,
    },
    Conversation {
        uid: Uid,
        id: String,
        kind: u8,
        read_to: u64,
        deleted_to: u64,
        updated_at: Millis,
    },
    Forgotten {
        uid: Uid,
        id: String,
        kind: u8,
    },
    /// A conversation that waits to be written, saved at an orderly end.
    Pending {
        id: String,
        kind: u8,
        readers: Vec<(Uid, u64)>,
    },
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    message_id: i64,
    message_seq: u64,
    client_msg_no: String,
    from: Uid,
    red_dot: bool,
    sync_once: bool,
    setting: u8,
    topic: String,
    expire: u32,
    stored_at: Millis,
    payload: String,
}

impl Row {
    pub(crate) fn message(message: &Message) -> Row {
        Row::Message {
            id: message.channel.id.clone(),
            kind: message.channel.kind.0,
            stored: StoredMessage {
                message_id: message.message_id,
                message_seq: message.message_seq,
                client_msg_no: message.client_msg_no.clone(),
                from: message.from.clone(),
                red_dot: message.red_dot,
                sync_once: message.sync_once,
                setting: message.setting,
                topic: message.topic.clone(),
                expire: message.expire,
                stored_at: message.stored_at,
                payload: STANDARD.encode(&message.payload),
            },
        }
    }
}

impl StoredMessage {
    /// `None` if the payload is not base64: somebody else wrote the row.
    pub(crate) fn into_message(self, channel: Channel) -> Option<Message> {
        Some(Message {
            message_id: self.message_id,
            message_seq: self.message_seq,
            client_msg_no: self.client_msg_no,
            from: self.from,
            channel,
            red_dot: self.red_dot,
            sync_once: self.sync_once,
            setting: self.setting,
            topic: self.topic,
            expire: self.expire,
            stored_at: self.stored_at,
            payload: STANDARD.decode(self.payload).ok()?,
        })
    }
}

pub(crate) fn channel(id: String, kind: u8) -> Channel {
    Channel::new(id, ChannelType(kind))
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Row::Device { .. } => "Device",
            Row::System { .. } => "System",
            Row::Channel { .. } => "Channel",
            Row::List { .. } => "List",
            Row::Message { .. } => "Message",
            Row::TakenBack { .. } => "TakenBack",
            Row::Conversation { .. } => "Conversation",
            Row::Forgotten { .. } => "Forgotten",
            Row::Pending { .. } => "Pending",
        })
    }
}
