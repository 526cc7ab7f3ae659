//! WuKongIM's answers, and what we take from them. A field that is missing is empty; an item that makes no sense is left out and
//! logged, since one bad row must not hide a page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::rules::{Author, ClientMsgNo, MessageId, MessageSeq, StoredMessage};

fn yes(number: u8) -> bool {
    number != 0
}

/// The body of a call that is done or not.
#[derive(Deserialize)]
pub struct Accepted {
    pub status: u16,
}

#[derive(Deserialize)]
pub struct Route {
    #[serde(default)]
    ws_addr: String,
    #[serde(default)]
    wss_addr: String,
}

impl Route {
    /// Encrypted where the node offers it.
    pub fn address(self) -> Option<String> {
        [self.wss_addr, self.ws_addr].into_iter().find(|address| is_socket_address(address))
    }
}

/// It goes into a header and to browsers, so it is what it says and nothing else.
pub fn is_socket_address(address: &str) -> bool {
    let rest = address.strip_prefix("ws://").or_else(|| address.strip_prefix("wss://"));
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'/' | b'~' | b'%')
    };
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain))
}

#[derive(Deserialize)]
pub struct OnlineDevice {
    pub uid: String,
    pub device_flag: u8,
    #[serde(default)]
    pub online: u8,
}

#[derive(Deserialize)]
pub struct MessagesAnswer {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub messages: Vec<MessageAnswer>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<MessageAnswer>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize, Default)]
struct Header {
    #[serde(default)]
    no_persist: u8,
    #[serde(default)]
    red_dot: u8,
    #[serde(default)]
    sync_once: u8,
}

#[derive(Deserialize)]
pub struct MessageAnswer {
    #[serde(default)]
    header: Header,
    #[serde(default)]
    setting: u8,
    #[serde(default)]
    message_id: i64,
    /// The one to be trusted: JSON libraries lose the last digits of the other.
    #[serde(default)]
    message_idstr: String,
    #[serde(default)]
    client_msg_no: String,
    #[serde(default)]
    message_seq: u64,
    #[serde(default)]
    from_uid: String,
    #[serde(default)]
    channel_id: String,
    #[serde(default)]
    channel_type: u8,
    #[serde(default)]
    expire: u32,
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    payload: Option<String>,
}

impl MessageAnswer {
    pub fn stored(self) -> Option<StoredMessage> {
        let id = if self.message_idstr.is_empty() { self.message_id.to_string() } else { self.message_idstr };
        let (Ok(message_id), Ok(message_seq)) = (MessageId::try_from(id), MessageSeq::try_from(self.message_seq))
        else {
            tracing::warn!("a message without a usable id or seq was left out");
            return None;
        };
        let payload = STANDARD.decode(self.payload.unwrap_or_default()).unwrap_or_else(|_| {
            tracing::warn!(%message_id, "a payload that is no base64 is shown empty");
            Vec::new()
        });
        Some(StoredMessage {
            message_id,
            message_seq,
            client_msg_no: ClientMsgNo::stored(self.client_msg_no),
            from_uid: Author::new(self.from_uid),
            timestamp: self.timestamp,
            setting: self.setting,
            expire: self.expire,
            no_persist: yes(self.header.no_persist),
            red_dot: yes(self.header.red_dot),
            sync_once: yes(self.header.sync_once),
            payload,
        })
    }

    pub fn command(self) -> Option<CommandMessage> {
        let (stored_channel_id, channel_type) = (self.channel_id.clone(), self.channel_type);
        Some(CommandMessage { stored_channel_id, channel_type, message: self.stored()? })
    }
}

/// A replayed command. Its seq counts in the log of commands, and its channel id is not what it seems.
pub struct CommandMessage {
    pub stored_channel_id: String,
    pub channel_type: u8,
    pub message: StoredMessage,
}

#[derive(Deserialize)]
pub struct ConversationAnswer {
    channel_id: String,
    channel_type: u8,
    #[serde(default)]
    unread: i64,
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    last_msg_seq: u64,
    #[serde(default)]
    readed_to_msg_seq: u64,
    #[serde(default)]
    recents: Option<Vec<MessageAnswer>>,
}

pub struct Conversation {
    pub channel_id: String,
    pub channel_type: u8,
    pub unread: u64,
    /// Seconds since the epoch, of the newest message.
    pub timestamp: i64,
    pub last: MessageSeq,
    pub read_to: MessageSeq,
    /// Ascending.
    pub recents: Vec<StoredMessage>,
}

impl ConversationAnswer {
    pub fn read(self) -> Option<Conversation> {
        let (Ok(last), Ok(read_to)) =
            (MessageSeq::try_from(self.last_msg_seq), MessageSeq::try_from(self.readed_to_msg_seq))
        else {
            tracing::warn!("a conversation without a usable seq was left out");
            return None;
        };
        let mut recents: Vec<StoredMessage> =
            self.recents.unwrap_or_default().into_iter().filter_map(MessageAnswer::stored).collect();
        recents.sort_by_key(|message| message.message_seq);
        Some(Conversation {
            channel_id: self.channel_id,
            channel_type: self.channel_type,
            unread: u64::try_from(self.unread).unwrap_or_default(),
            timestamp: self.timestamp,
            last,
            read_to,
            recents,
        })
    }
}
