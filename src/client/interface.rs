//! What goes into the core and what comes out: the vocabulary of `lib.rs`'s contract.

use serde::{Deserialize, Serialize};

use crate::channel::{Channel, ClientMsgNo, Uid};
use crate::error::{DenyReason, Error};
use crate::id::{MessageId, MessageSeq};
use crate::rows::{Answer, AuditRow, Batch, Mark, MessageState, OutboxState, Query, Role};
use crate::time::{Millis, Wall};

use super::request::{Request, Response};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);
    };
}

number! {
    /// A call of the application that waits for its `Settle`.
    Ticket
}
number! {
    /// One WebSocket.
    ConnectionId
}
number! {
    BatchId
}
number! {
    QueryId
}
number! {
    RequestId
}

#[derive(Debug)]
pub enum Input {
    Command(Ticket, Command),
    Socket(ConnectionId, Socket),
    Stored(BatchId, Result<(), StoreFailure>),
    Loaded(QueryId, Result<Answer, StoreFailure>),
    Fetched(RequestId, Result<Response, FetchFailure>),
    Page(Page),
    /// The deadline of `poll_timeout` has come.
    Timeout,
}

#[derive(Debug)]
pub enum Socket {
    Opened,
    /// What came in one turn of the event loop, one item a WebSocket message, in order.
    Received(Vec<Vec<u8>>),
    /// Closed or failed; the shell reports either once.
    Closed,
}

/// What the page around us did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Visible,
    Hidden,
    Online,
    Offline,
    /// Back from the back-forward cache: the socket may be long dead.
    Shown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreFailure {
    /// Another tab took the database over; a newer epoch is in it.
    Fenced,
    /// Whatever IndexedDB said; the text goes into `error.message`.
    Failed(String),
}

/// Why a request got no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// The business server's `code`, or "network", "timeout", "bad-response", "not-supported".
    pub code: String,
    pub message: String,
    pub retryable: bool,
    pub reason: Option<DenyReason>,
    pub deadline: Option<Wall>,
}

impl FetchFailure {
    pub fn new(code: &str, message: impl Into<String>, retryable: bool) -> Self {
        Self { code: code.to_owned(), message: message.into(), retryable, reason: None, deadline: None }
    }
}

/// Performed in the order in which they are polled.
#[derive(Debug)]
pub enum Output {
    /// One transaction. At most one is under way.
    Store(BatchId, Batch),
    /// Started after every Store that was polled before it, so it sees them; reported in order too.
    Load(QueryId, Query),
    Fetch(RequestId, Request),
    /// Nobody waits for it any more; an answer is ignored.
    Cancel(RequestId),
    Connect(ConnectionId, String),
    /// One binary WebSocket message.
    Transmit(ConnectionId, Vec<u8>),
    /// Close it and forget it; nothing is reported of it afterwards.
    Close(ConnectionId),
    Settle(Ticket, Result<Reply, Error>),
    Event(Event),
    /// Everything is settled and stored: release the database and the lock; with `wipe`, delete the database first.
    Finished {
        wipe: bool,
    },
}

/// What the application may say of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// Seconds after which receivers should forget it; 0 is never. WuKongIM only carries it.
    pub expire: u32,
    /// The promise settles as `pending` after this; the message stays in the outbox.
    pub deadline: Option<Millis>,
    /// It raises the receivers' unread figure.
    pub red_dot: bool,
    /// Not stored by the server, only passed to who is online.
    pub no_persist: bool,
    pub topic: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Settles when the connection is ready.
    Connect,
    /// Stays offline until the next `Connect`.
    Disconnect,
    /// Settles when the server has it (`Sent`), refused it, or the deadline has passed (`Pending`).
    Send {
        channel: Channel,
        client_msg_no: ClientMsgNo,
        content: Vec<u8>,
        options: SendOptions,
    },
    Messages {
        channel: Channel,
        before: Option<MessageSeq>,
        limit: usize,
    },
    Conversations,
    MarkRead {
        channel: Channel,
        message_seq: MessageSeq,
    },
    Recall {
        channel: Channel,
        target: Target,
    },
    Restore {
        channel: Channel,
        target: Target,
    },
    /// The content of one's own recalled message, for editing it again.
    Reedit {
        channel: Channel,
        target: Target,
    },
    Outbox,
    Retry(ClientMsgNo),
    Discard(ClientMsgNo),
    Audit {
        limit: usize,
    },
    /// The application no longer waits for this ticket.
    Abort(Ticket),
    /// Ends everything; what waits settles with `closed`. With `wipe` the database is deleted.
    Close {
        wipe: bool,
    },
}

/// A message by any of its names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Target {
    pub client_msg_no: ClientMsgNo,
    pub message_id: Option<MessageId>,
    pub message_seq: Option<MessageSeq>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "type")]
pub enum Reply {
    Done,
    /// `message_seq` 0: not stored by the server, as asked. `unconfirmed`: one node of the cluster has it, the others not yet.
    Sent {
        message: MessageView,
        unconfirmed: bool,
    },
    /// The deadline passed; it stays in the outbox.
    Pending {
        client_msg_no: ClientMsgNo,
    },
    /// Ascending, what is not acknowledged yet at the end of the newest page. `complete`: no hole in it and nothing newer at the server;
    /// else a `history` event follows.
    Messages {
        messages: Vec<MessageView>,
        reached_start: bool,
        complete: bool,
    },
    Conversations {
        conversations: Vec<ConversationView>,
    },
    Outbox {
        messages: Vec<MessageView>,
    },
    Message {
        message: MessageView,
    },
    Content {
        #[serde(with = "crate::rows::content")]
        content: Vec<u8>,
    },
    Audit {
        lines: Vec<AuditRow>,
    },
}

/// Where a message is on its way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    Queued,
    Sent,
    Unconfirmed,
    Parked,
    Expired,
}

/// A message as the application sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// Milliseconds since 1970.
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
    pub expire: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Passed on to who was online and stored nowhere, here neither.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub transient: bool,
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    #[serde(flatten)]
    pub channel: Channel,
    pub unread: u64,
    pub read_to: MessageSeq,
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
    /// Final: the token is refused.
    Refused {
        error: Error,
    },
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// Gone for good: dropped from the outbox, or its place was given to others by the server.
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

impl From<OutboxState> for Delivery {
    fn from(state: OutboxState) -> Self {
        match state {
            OutboxState::Queued => Delivery::Queued,
            OutboxState::Parked(_) => Delivery::Parked,
            OutboxState::Expired => Delivery::Expired,
        }
    }
}
