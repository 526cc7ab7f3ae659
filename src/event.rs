//! What the application sees: messages, conversations, the connection, and the events that tell of them.

use serde::Serialize;

use core::fmt;

use crate::channel::{Channel, ClientMsgNo, Uid};
use crate::error::Error;
use crate::id::{MessageId, MessageSeq};
use crate::redact::Redacted;
use crate::rows::{Mark, MessageState, OutboxState, Role};
use crate::time::Wall;

/// Where a message is on its way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    Queued,
    Sent,
    Unconfirmed,
    Parked,
}

/// A message as the application sees it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// Never changes, for a list's key: the clientMsgNo with its sender, or the messageId where there is none.
    pub key: String,
    #[serde(flatten)]
    pub channel: Channel,
    pub client_msg_no: ClientMsgNo,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_seq: Option<MessageSeq>,
    pub from: Uid,
    pub own: bool,
    /// Milliseconds since 1970, on the server's clock as far as that is known.
    #[serde(serialize_with = "moment")]
    pub timestamp: i64,
    pub delivery: Delivery,
    /// `parked`: the server's reason code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<u8>,
    pub state: MessageState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<RecallView>,
    /// Text (JSON, usually) as it was sent; absent when hidden, recalled or deleted.
    #[serde(serialize_with = "optional_content", skip_serializing_if = "Option::is_none")]
    pub content: Option<Vec<u8>>,
    /// Seconds after which receivers should forget it; 0 is never.
    pub expire: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Passed on to who was online and stored nowhere, here neither.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub transient: bool,
}

/// What was said, and the key, in which a uid stands, are left out.
impl fmt::Debug for MessageView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageView")
            .field("channel", &self.channel)
            .field("client_msg_no", &self.client_msg_no)
            .field("message_id", &self.message_id)
            .field("message_seq", &self.message_seq)
            .field("delivery", &self.delivery)
            .field("state", &self.state)
            .field("content", &self.content.as_deref().map(Redacted))
            .finish_non_exhaustive()
    }
}

fn moment<S: serde::Serializer>(millis: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    Wall(*millis).serialize(serializer)
}

fn optional_content<S: serde::Serializer>(content: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    match content {
        Some(bytes) => crate::rows::content::serialize(bytes, serializer),
        None => serializer.serialize_none(),
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecallView {
    pub operator: Uid,
    pub role: Role,
    /// Milliseconds, on the server's clock.
    pub at: Wall,
    /// Until when its author may restore or edit it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Wall>,
}

/// A line of a conversation list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    #[serde(flatten)]
    pub channel: Channel,
    pub unread: u64,
    pub read_to: MessageSeq,
    /// The newest that the server is known to have.
    pub last_seq: MessageSeq,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message: Option<MessageView>,
}

/// The connection as a person would put it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "state")]
pub enum ConnectionView {
    /// Not asked to connect.
    Idle,
    Connecting,
    /// The socket is open; CONNACK or the first PONG is awaited.
    Authenticating,
    Ready,
    /// Between two attempts; `retry_in` milliseconds. `error`: what went wrong last, if a person should know.
    Waiting {
        retry_in: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    },
    /// Final: logged in elsewhere.
    Kicked {
        reason: String,
    },
    /// The token is refused, as far as can be told; calls of `connect` fail, and it is tried again once a minute.
    Refused {
        error: Error,
    },
    Closed,
}

/// What the application hears without having asked.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "type")]
pub enum Event {
    Connection {
        connection: ConnectionView,
    },
    /// A message that was not shown before. `live`: pushed just now, not found while catching up.
    Message {
        message: MessageView,
        live: bool,
    },
    /// The same `key`, changed: sent, parked, recalled, restored, …
    MessageChanged {
        message: MessageView,
    },
    /// Nothing has this key any more: dropped from the outbox, recalled before it had a place, or the same as a message under another
    /// number. (What a cluster takes back is told by `History`.)
    MessageRemoved {
        channel: Channel,
        key: String,
    },
    Conversation {
        conversation: ConversationView,
    },
    /// Older or missing messages have come into the store; read the page again.
    History {
        channel: Channel,
        reached_start: bool,
        complete: bool,
    },
    /// A recall, a restore or a deletion took effect.
    Recall {
        channel: Channel,
        mark: Mark,
    },
    /// A command that is not ours: `content` is its JSON.
    Command {
        channel: Channel,
        from: Uid,
        message_id: MessageId,
        #[serde(with = "crate::rows::content")]
        content: Vec<u8>,
    },
    /// An EVENT packet: a piece of a stream of WuKongIM 2.2. `data` is its JSON.
    Stream {
        id: String,
        kind: String,
        /// Milliseconds since 1970, or 0.
        timestamp: i64,
        #[serde(with = "crate::rows::content")]
        data: Vec<u8>,
    },
    /// Everything that the server had is here (`done`), or catching up has begun.
    Sync {
        done: bool,
    },
    /// A message could not be read; it was kept aside and acked.
    Quarantined {
        message_id: MessageId,
        why: String,
    },
    /// Something failed that no call waits for.
    Problem {
        error: Error,
    },
    Trace {
        line: Trace,
    },
}

/// One line for an inspector; no content, no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "what")]
pub enum Trace {
    Packet {
        sent: bool,
        kind: &'static str,
        bytes: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<MessageId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_seq: Option<MessageSeq>,
        #[serde(skip_serializing_if = "Option::is_none")]
        client_msg_no: Option<ClientMsgNo>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason_code: Option<u8>,
    },
    Duplicate {
        client_msg_no: ClientMsgNo,
        message_id: MessageId,
    },
    Retry {
        client_msg_no: ClientMsgNo,
        attempt: u32,
    },
    Gap {
        channel: Channel,
        first: MessageSeq,
        last: MessageSeq,
    },
    Stored {
        changes: usize,
    },
    Request {
        path: &'static str,
    },
}

/// The kind of the event, and what of it is nobody's secret.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, what): (&str, &dyn fmt::Debug) = match self {
            Event::Connection { connection } => ("Connection", connection),
            Event::Message { message, .. } => ("Message", message),
            Event::MessageChanged { message } => ("MessageChanged", message),
            Event::MessageRemoved { channel, .. } => ("MessageRemoved", channel),
            Event::Conversation { conversation } => ("Conversation", conversation),
            Event::History { channel, .. } => ("History", channel),
            Event::Recall { mark, .. } => ("Recall", mark),
            Event::Command { message_id, .. } => ("Command", message_id),
            Event::Stream { timestamp, .. } => ("Stream", timestamp),
            Event::Sync { done } => ("Sync", done),
            Event::Quarantined { why, .. } => ("Quarantined", why),
            Event::Problem { error } => ("Problem", error),
            Event::Trace { line } => ("Trace", line),
        };
        f.debug_tuple(kind).field(what).finish()
    }
}

impl From<OutboxState> for Delivery {
    fn from(state: OutboxState) -> Self {
        match state {
            OutboxState::Queued => Delivery::Queued,
            OutboxState::Parked { .. } => Delivery::Parked,
            OutboxState::Unconfirmed { .. } => Delivery::Unconfirmed,
        }
    }
}

/// The key of a list item: the same for the echo, every copy and every state of a message.
pub fn key(from: &Uid, client_msg_no: &ClientMsgNo, id: MessageId) -> String {
    if client_msg_no.is_empty() { format!("#{id}") } else { format!("{}#{}", from.0, client_msg_no.0) }
}
