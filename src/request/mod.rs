//! What the core asks the business server, typed; and how each request looks over HTTP (path, JSON body, JSON answer).
//! An application may answer any of them itself: the same JSON goes to its function and comes back.

use core::fmt;

use serde::Serialize;

use crate::channel::{Channel, ClientMsgNo, Uid};
use crate::error::DenyReason;
use crate::id::{MessageId, MessageSeq};
use crate::redact::Redacted;
use crate::rows::{Copy, Mark, Role};
use crate::time::{Millis, Wall};

mod answer;

pub use answer::failure;

/// A business server that is silent for so long will not answer. It is longer than the 15 s that ours gives WuKongIM, so that the
/// answer that comes last of all is still heard.
pub const HTTP_PATIENCE: Millis = Millis::seconds(20);
/// For a function of the application, which may have to log in first.
pub const FUNCTION_PATIENCE: Millis = Millis::seconds(30);

/// Who wants to be left alone for longer is asked again all the same, now and then.
const MOST_PATIENCE: Millis = Millis::seconds(15 * 60);

/// Why a request got no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// The business server's `code`, or "network", "timeout", "bad-response", "not-supported".
    pub code: String,
    pub message: String,
    pub retryable: bool,
    pub reason: Option<DenyReason>,
    pub deadline: Option<Wall>,
    /// For so long whoever answered wants not to be asked again.
    pub retry_after: Millis,
}

impl FetchFailure {
    pub fn new(code: &str, message: impl Into<String>, retryable: bool) -> Self {
        let (reason, deadline, retry_after) = (None, None, Millis(0));
        Self { code: code.to_owned(), message: message.into(), retryable, reason, deadline, retry_after }
    }

    /// With the seconds of a Retry-After beside it.
    pub fn after(self, seconds: u64) -> Self {
        Self { retry_after: self.retry_after.max(Millis::seconds(seconds)).min(MOST_PATIENCE), ..self }
    }
}

/// A message by any of its names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub client_msg_no: ClientMsgNo,
    pub message_id: Option<MessageId>,
    pub message_seq: Option<MessageSeq>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The application's token, asked anew at each connection; answered by the shell.
    Token,
    /// Addresses of WebSocket gateways; answered by the shell from the application's option, or by the business server.
    Gateway,
    Policy,
    /// Whether WuKongIM knows this device as online.
    Online,
    History(History),
    Conversations(Conversations),
    Read(Read),
    Commands(Commands),
    CommandsAck(CommandsAck),
    Marks(Marks),
    Recall(Act),
    Restore(Act),
    Reedit(Act),
    Lookup(Lookup),
}

#[derive(Clone, PartialEq, Eq)]
pub enum Response {
    Token(String),
    Gateway(Vec<String>),
    Policy(Policy),
    Online(Option<bool>),
    History(HistoryPage),
    Conversations(Vec<Conversation>),
    Done,
    Commands(Vec<Message>),
    Marks(Vec<ChannelMarks>),
    Mark(FedMark),
    Content(Vec<u8>),
    Found(Vec<Message>),
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, what): (&str, &dyn fmt::Debug) = match self {
            Response::Done => return f.write_str("Done"),
            Response::Token(token) => ("Token", &Redacted(token.as_bytes())),
            Response::Gateway(addresses) => ("Gateway", addresses),
            Response::Policy(policy) => ("Policy", policy),
            Response::Online(online) => ("Online", online),
            Response::History(page) => ("History", page),
            Response::Conversations(conversations) => ("Conversations", conversations),
            Response::Commands(messages) => ("Commands", messages),
            Response::Found(messages) => ("Found", messages),
            Response::Marks(channels) => ("Marks", channels),
            Response::Mark(mark) => ("Mark", mark),
            Response::Content(content) => ("Content", &Redacted(content)),
        };
        f.debug_tuple(kind).field(what).finish()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pull {
    /// (end, start], or the newest where both are 0.
    Older,
    /// [start, end), without an end where it is 0.
    Newer,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct History {
    #[serde(flatten)]
    pub channel: Channel,
    pub start: MessageSeq,
    pub end: MessageSeq,
    pub limit: usize,
    pub pull: Pull,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cursor {
    #[serde(flatten)]
    pub channel: Channel,
    pub message_seq: MessageSeq,
    /// Of the message there, where it is known: a server that has another one there must name it.
    pub message_id: Option<MessageId>,
    pub marks_version: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conversations {
    pub cursors: Vec<Cursor>,
    pub recents: usize,
    /// Only those that differ from their cursor; and without one, only those with a message of this time or later, in seconds.
    pub since: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Read {
    #[serde(flatten)]
    pub channel: Channel,
    pub message_seq: MessageSeq,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Commands {
    pub limit: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandsAck {
    pub message_seq: MessageSeq,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarksOf {
    #[serde(flatten)]
    pub channel: Channel,
    pub since: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Marks {
    pub channels: Vec<MarksOf>,
    pub limit: usize,
}

/// Recall, restore or re-edit this message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    #[serde(flatten)]
    pub channel: Channel,
    #[serde(flatten)]
    pub target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lookup {
    #[serde(flatten)]
    pub channel: Channel,
    pub client_msg_nos: Vec<ClientMsgNo>,
}

/// What the business server allows, and the clock by which it judges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub server_time: Option<Wall>,
    /// In milliseconds, from sending, within which an author may recall. None: without limit.
    pub recall_window: Option<i64>,
    /// In milliseconds, from a recall, within which its author may restore it.
    pub restore_window: Option<i64>,
    pub roles: Vec<ChannelRole>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRole {
    pub channel: Channel,
    pub role: Role,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    pub messages: Vec<Message>,
    pub more: bool,
    pub marks_version: u64,
}

/// A message as the business server gives it.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub message_id: MessageId,
    pub message_seq: MessageSeq,
    pub client_msg_no: ClientMsgNo,
    pub from_uid: Uid,
    /// Seconds since 1970, by the server; 0 where it gives none.
    pub timestamp: i64,
    /// Absent when recalled.
    pub payload: Option<Vec<u8>>,
    pub setting: u8,
    pub expire: u32,
    pub no_persist: bool,
    pub red_dot: bool,
    pub sync_once: bool,
    pub mark: Option<FedMark>,
    /// Of commands only.
    pub channel_id: Option<String>,
    pub channel_type: Option<u8>,
}

impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Message({:?}, {:?})", self.message_id, self.message_seq)
    }
}

/// A mark of the feed, with the content that a restore gives back.
#[derive(Clone, PartialEq, Eq)]
pub struct FedMark {
    pub mark: Mark,
    pub payload: Option<Vec<u8>>,
}

impl core::fmt::Debug for FedMark {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "FedMark({:?})", self.mark)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    pub channel: Channel,
    pub unread: u64,
    pub read_to: MessageSeq,
    pub last_message_seq: MessageSeq,
    /// Seconds since 1970, of the newest message.
    pub timestamp: i64,
    pub marks_version: u64,
    pub recents: Vec<Message>,
}

/// One channel's part of the feed of marks. `version`: what the answer is complete up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelMarks {
    pub channel: Channel,
    pub version: u64,
    pub more: bool,
    pub marks: Vec<FedMark>,
}

/// How a request is made over HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct Http {
    pub method: &'static str,
    /// Below the business server's address.
    pub path: &'static str,
    /// JSON; none for GET.
    pub body: Option<String>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body.as_deref().map(|body| Redacted(body.as_bytes()));
        f.debug_struct("Http").field("method", &self.method).field("path", &self.path).field("body", &body).finish()
    }
}

impl Request {
    /// The name under which an application may answer it itself.
    pub fn name(&self) -> &'static str {
        match self {
            Request::Token => "token",
            Request::Gateway => "gateway",
            Request::Policy => "policy",
            Request::Online => "online",
            Request::History(_) => "history",
            Request::Conversations(_) => "conversations",
            Request::Read(_) => "read",
            Request::Commands(_) => "commands",
            Request::CommandsAck(_) => "commandsAck",
            Request::Marks(_) => "marks",
            Request::Recall(_) => "recall",
            Request::Restore(_) => "restore",
            Request::Reedit(_) => "reedit",
            Request::Lookup(_) => "lookup",
        }
    }

    /// `None` for the token, which is the application's alone.
    pub fn http(&self) -> Option<Http> {
        fn post<T: Serialize>(path: &'static str, body: &T) -> Option<Http> {
            // These types have string keys and no fallible serializer, so there is always a text.
            let body = serde_json::to_string(body).unwrap_or_default();
            Some(Http { method: "POST", path, body: Some(body) })
        }
        let get = |path| Some(Http { method: "GET", path, body: None });
        match self {
            Request::Token => None,
            Request::Gateway => get("/v1/gateway"),
            Request::Policy => get("/v1/policy"),
            Request::Online => get("/v1/online"),
            Request::History(body) => post("/v1/history", body),
            Request::Conversations(body) => post("/v1/conversations", body),
            Request::Read(body) => post("/v1/read", body),
            Request::Commands(body) => post("/v1/commands", body),
            Request::CommandsAck(body) => post("/v1/commands/ack", body),
            Request::Marks(body) => post("/v1/marks", body),
            Request::Recall(body) => post("/v1/recall", body),
            Request::Restore(body) => post("/v1/restore", body),
            Request::Reedit(body) => post("/v1/reedit", body),
            Request::Lookup(body) => post("/v1/lookup", body),
        }
    }
}

impl Act {
    pub fn new(channel: Channel, target: Target) -> Self {
        Self { channel, target }
    }
}

impl Target {
    /// The copy that it names, as far as it does.
    pub fn copies(&self) -> Vec<Copy> {
        match (self.message_id, self.message_seq) {
            (None, None) => Vec::new(),
            (id, seq) => {
                vec![Copy { message_id: id.unwrap_or_default(), message_seq: seq.unwrap_or_default() }]
            }
        }
    }
}

impl From<Copy> for Target {
    fn from(copy: Copy) -> Self {
        Target { message_id: Some(copy.message_id), message_seq: Some(copy.message_seq), ..Target::default() }
    }
}
