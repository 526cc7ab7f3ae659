//! What goes into the core and what comes out: the vocabulary of `lib.rs`'s contract.

use crate::channel::{Channel, ClientMsgNo};
use crate::id::MessageSeq;
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
