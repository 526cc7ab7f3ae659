//! What goes into the core and what comes out: the vocabulary of `lib.rs`'s contract.

use core::fmt;

use crate::channel::{Channel, ClientMsgNo};
use crate::id::MessageSeq;
use crate::redact::Redacted;
use crate::request::{FetchFailure, Request, Response, Target};
use crate::rows::{Answer, Batch, Query};
use crate::time::Millis;

use crate::error::Error;
pub use crate::event::*;
pub use crate::rows::StoreFailure;
pub use crate::turn::{BatchId, ConnectionId, QueryId, Reply, RequestId, Ticket};

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

pub enum Socket {
    Opened,
    /// What came in one turn of the event loop, one item a WebSocket message, in order.
    Received(Vec<Vec<u8>>),
    /// Closed or failed; the shell reports either once.
    Closed,
}

/// Bytes print as their number: a token is among them before the cipher is agreed on.
impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Socket::Opened => f.write_str("Opened"),
            Socket::Received(messages) => {
                f.debug_list().entries(messages.iter().map(|message| Redacted(message))).finish()
            }
            Socket::Closed => f.write_str("Closed"),
        }
    }
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

/// Performed in the order in which they are polled.
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

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id, what): (&str, &dyn fmt::Debug, &dyn fmt::Debug) = match self {
            Output::Store(id, batch) => ("Store", id, batch),
            Output::Load(id, query) => ("Load", id, query),
            Output::Fetch(id, request) => ("Fetch", id, request),
            Output::Cancel(id) => ("Cancel", id, &()),
            Output::Connect(id, address) => ("Connect", id, address),
            Output::Transmit(id, bytes) => ("Transmit", id, &Redacted(bytes)),
            Output::Close(id) => ("Close", id, &()),
            Output::Settle(ticket, outcome) => ("Settle", ticket, outcome),
            Output::Event(event) => ("Event", event, &()),
            Output::Finished { wipe } => ("Finished", wipe, &()),
        };
        f.debug_tuple(kind).field(id).field(what).finish()
    }
}

/// What the application may say of one message.
#[derive(Clone, Default, PartialEq, Eq)]
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

impl fmt::Debug for SendOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendOptions")
            .field("expire", &self.expire)
            .field("deadline", &self.deadline)
            .field("red_dot", &self.red_dot)
            .field("no_persist", &self.no_persist)
            .field("topic", &self.topic.as_ref().map(|topic| Redacted(topic.as_bytes())))
            .finish()
    }
}

#[derive(Clone, PartialEq, Eq)]
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

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, what): (&str, &dyn fmt::Debug) = match self {
            Command::Connect => return f.write_str("Connect"),
            Command::Disconnect => return f.write_str("Disconnect"),
            Command::Conversations => return f.write_str("Conversations"),
            Command::Outbox => return f.write_str("Outbox"),
            Command::Send { channel, client_msg_no, content, options } => {
                let (to, content) = ((channel, client_msg_no), Redacted(content));
                return f.debug_tuple("Send").field(&to).field(&content).field(options).finish();
            }
            Command::Messages { channel, before, limit } => ("Messages", &(channel, before, limit)),
            Command::MarkRead { channel, message_seq } => ("MarkRead", &(channel, message_seq)),
            Command::Recall { channel, target } => ("Recall", &(channel, target)),
            Command::Restore { channel, target } => ("Restore", &(channel, target)),
            Command::Reedit { channel, target } => ("Reedit", &(channel, target)),
            Command::Retry(client_msg_no) => ("Retry", client_msg_no),
            Command::Discard(client_msg_no) => ("Discard", client_msg_no),
            Command::Audit { limit } => ("Audit", limit),
            Command::Abort(ticket) => ("Abort", ticket),
            Command::Close { wipe } => ("Close", wipe),
        };
        f.debug_tuple(kind).field(what).finish()
    }
}
