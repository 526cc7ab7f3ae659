//! WuKongIM's answers, and what we take from them. A field that is missing is empty; an item that makes no sense is left out and
//! logged, since one bad row must not hide a page. A list where an object is due is no answer at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};

use crate::rules::{Author, ClientMsgNo, MessageId, MessageSeq, StoredMessage};
use crate::service::object::Object;

fn yes(number: u8) -> bool {
    number != 0
}

/// A list of objects; WuKongIM writes null for an empty one.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub struct List<T>(Option<Vec<Object<T>>>);

impl<T> List<T> {
    pub fn items(self) -> impl ExactSizeIterator<Item = T> {
        self.0.unwrap_or_default().into_iter().map(|Object(item)| item)
    }
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
    #[serde(deserialize_with = "that_is_there")]
    pub messages: List<MessageAnswer>,
}

/// Null is an empty list; a page that names no messages at all is none.
fn that_is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<List<MessageAnswer>, D::Error> {
    List::deserialize(deserializer)
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
    header: Option<Object<Header>>,
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
        let header = self.header.map(|Object(header)| header).unwrap_or_default();
        Some(StoredMessage {
            message_id,
            message_seq,
            client_msg_no: ClientMsgNo::stored(self.client_msg_no),
            from_uid: Author::new(self.from_uid),
            timestamp: self.timestamp,
            setting: self.setting,
            expire: self.expire,
            no_persist: yes(header.no_persist),
            red_dot: yes(header.red_dot),
            sync_once: yes(header.sync_once),
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
    recents: Option<List<MessageAnswer>>,
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
            self.recents.into_iter().flat_map(List::items).filter_map(MessageAnswer::stored).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn a_list_is_no_object_and_a_page_without_messages_is_no_empty_page() {
        assert!(read::<Object<MessagesAnswer>>("[]").is_none());
        assert!(read::<Object<MessagesAnswer>>("[[]]").is_none());
        assert!(read::<Object<MessagesAnswer>>(r#"{"status":200}"#).is_none());
        assert!(read::<Object<MessagesAnswer>>(r#"{"messages":{}}"#).is_none());
        assert!(read::<Object<MessagesAnswer>>(r#"{"messages":[[]]}"#).is_none());
        assert!(read::<Object<MessagesAnswer>>(r#"{"messages":[{"header":[],"message_id":1}]}"#).is_none());
        assert!(read::<Object<Accepted>>("[200]").is_none());
        assert!(read::<Object<Route>>("[]").is_none());
        assert!(read::<List<ConversationAnswer>>(r#"[["a",1]]"#).is_none());
        assert!(read::<List<OnlineDevice>>("{}").is_none());
    }

    #[test]
    fn null_is_an_empty_list_and_a_header_that_is_missing_says_no_to_all() {
        let page: Object<MessagesAnswer> = read(r#"{"more":0,"messages":null}"#).expect("an empty page");
        assert_eq!(page.0.messages.items().len(), 0);
        assert_eq!(read::<List<MessageAnswer>>("null").expect("none").items().len(), 0);
        let page: Object<MessagesAnswer> =
            read(r#"{"messages":[{"message_id":1,"message_seq":2},{"message_id":3,"header":{"red_dot":1}}]}"#)
                .expect("two messages");
        let red: Vec<bool> =
            page.0.messages.items().filter_map(MessageAnswer::stored).map(|message| message.red_dot).collect();
        assert_eq!(red, [false, true]);
        let conversation: Object<ConversationAnswer> =
            read(r#"{"channel_id":"a","channel_type":1,"recents":null}"#).expect("a conversation");
        assert!(conversation.0.read().is_some_and(|conversation| conversation.recents.is_empty()));
    }
}
