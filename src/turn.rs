//! What one turn of the core collects: changes for the next batch, and what may leave only once that batch is stored.
//! Every part appends to it; the client alone hands it out.

use core::fmt;

use serde::Serialize;

use crate::channel::{Channel, ClientMsgNo};
use crate::error::Error;
use crate::event::{ConversationView, Event, MessageView, Trace};
use crate::id::MessageSeq;
use crate::redact::Redacted;
use crate::request::Target;
use crate::rows::{AuditRow, Change, Mark};
use crate::time::{Millis, Mono, Now};
use crate::wire::Recvack;

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

#[derive(Clone, PartialEq, Eq, Serialize)]
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
    /// Ascending, what is not acknowledged yet at the end of the newest page. `complete`: no hole in it and nothing newer at the server,
    /// as far as somebody can be asked; else a `history` event follows once what is missing has come.
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

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, what): (&str, &dyn fmt::Debug) = match self {
            Reply::Done => return f.write_str("Done"),
            Reply::Sent { message, .. } => ("Sent", message),
            Reply::Pending { client_msg_no } => ("Pending", client_msg_no),
            Reply::Messages { messages, .. } => ("Messages", messages),
            Reply::Conversations { conversations } => ("Conversations", conversations),
            Reply::Outbox { messages } => ("Outbox", messages),
            Reply::Message { message } => ("Message", message),
            Reply::Content { content } => ("Content", &Redacted(content)),
            Reply::Audit { lines } => ("Audit", lines),
        };
        f.debug_tuple(kind).field(what).finish()
    }
}

/// Something to ask the business server, found necessary by a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The channel has a hole, or a page of it is wanted: history, `after` a while.
    History { channel: Channel, after: Millis },
    /// A command says that the channel has new marks.
    Marks(Channel),
    /// Somebody's role decided, and may have changed since it was told.
    Policy,
    /// The application's recall, restore or re-edit, found possible as far as we can tell.
    Action(Ticket, Action, Channel, Target),
    /// The read position moved here.
    Read(Channel, MessageSeq),
}

/// What a person does to a message that is sent already. (An *act*, as in `act_id`, is an act of sending.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Recall,
    Restore,
    Reedit,
}

impl Action {
    /// The audit's word for it, `allowed` as far as whoever judged it can tell.
    pub fn audit_word(self, allowed: bool) -> &'static str {
        match (self, allowed) {
            (Action::Recall, true) => "requested",
            (Action::Recall, false) => "denied",
            (Action::Restore, true) => "restore-requested",
            (Action::Restore, false) => "restore-denied",
            (Action::Reedit, true) => "reedit-requested",
            (Action::Reedit, false) => "reedit-denied",
        }
    }
}

/// One's own message was found stored: whatever the outbox holds of it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    pub client_msg_no: ClientMsgNo,
    pub message: MessageView,
    /// By a push or a SENDACK. A page of history shows also what a cluster may still take back.
    pub certain: bool,
    /// Its row is still in doubt, also where it is recalled and shows nothing of that.
    pub unconfirmed: bool,
}

/// A call that waits for a message in the outbox, until its deadline where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    pub ticket: Ticket,
    pub deadline: Option<Mono>,
}

/// A call that waits for a message in the outbox, and the answer that it did not get.
pub type Unanswered = (ClientMsgNo, Waiter, Result<Reply, Error>);

/// What leaves once the turn's changes are stored, in this order.
#[derive(Debug)]
pub enum After {
    Ack(ConnectionId, Recvack),
    Settle(Ticket, Result<Reply, Error>),
    /// As `Settle`, of a call that waits for a message in the outbox. If the batch fails, the message is still owed and the call
    /// waits on.
    Answer(ClientMsgNo, Waiter, Result<Reply, Error>),
    Event(Event),
    /// The outbox row is stored and may be sent.
    Owed(ClientMsgNo),
    /// All that was at the server when this connection became ready is stored. Of one that is gone it is told to nobody.
    CaughtUp(ConnectionId),
    /// The commands up to here are stored and may be acknowledged to the business server.
    CommandsSeen(MessageSeq),
}

#[derive(Debug)]
pub struct Turn {
    pub now: Now,
    pub changes: Vec<Change>,
    pub after: Vec<After>,
    pub asks: Vec<Ask>,
    pub landed: Vec<Landed>,
    /// Recalls, or deletions, that the feed told of; and whether the message is in the timeline.
    pub withdrawn: Vec<(Mark, bool)>,
    /// A recalled message was found to have one more copy, which may be quoted.
    pub late_copy: bool,
    /// Messages of ours whose recall was undone, and what they say.
    pub restored: Vec<(ClientMsgNo, Vec<u8>)>,
    /// Whether an inspector listens.
    pub trace: bool,
}

impl Turn {
    // Inlined, each of some twenty places would clear all these fields itself and make the package larger.
    #[inline(never)]
    pub fn new(now: Now, trace: bool) -> Self {
        Self {
            now,
            changes: Vec::new(),
            after: Vec::new(),
            asks: Vec::new(),
            landed: Vec::new(),
            withdrawn: Vec::new(),
            late_copy: false,
            restored: Vec::new(),
            trace,
        }
    }

    pub fn change(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub fn event(&mut self, event: Event) {
        self.after.push(After::Event(event));
    }

    pub fn settle(&mut self, ticket: Ticket, outcome: Result<Reply, Error>) {
        self.after.push(After::Settle(ticket, outcome));
    }

    pub fn answer(&mut self, client_msg_no: &ClientMsgNo, waiter: Waiter, outcome: Result<Reply, Error>) {
        self.after.push(After::Answer(client_msg_no.clone(), waiter, outcome));
    }

    pub fn ack(&mut self, connection: ConnectionId, ack: Recvack) {
        self.after.push(After::Ack(connection, ack));
    }

    /// `line` is made only if somebody listens.
    pub fn trace(&mut self, line: impl FnOnce() -> Trace) {
        if self.trace {
            self.after.push(After::Event(Event::Trace { line: line() }));
        }
    }
}
