//! A WuKongIM-compatible gateway for tests and for trying Jindou out.
//!
//! It speaks WKProto over WebSocket messages and answers the part of WuKongIM's HTTP API that a business server needs, as
//! 2.2.5 does, or, by a switch, as 2.1.5 and the rewrite (version 3) do: their traps included, since they are what a client must
//! survive. The library has no clock, no dice and no IO. Whoever drives it follows this contract:
//!
//! 1. wait for one thing: a socket message, an HTTP call, the time of [`Gateway::poll_timeout`];
//! 2. [`Gateway::handle`] it with the current time, which never goes back;
//! 3. perform each [`Gateway::poll_output`] in order until `None`: a row is written before what follows it is done;
//! 4. wait again.
//!
//! The same entropy and the same inputs at the same times give the same outputs. It is not for production: it keeps
//! everything in memory, makes its keys from a seed and models one node of a cluster that never fails by itself. JSON-RPC,
//! streams, webhooks, plugins and TCP are not modelled.
//!
//! ```
//! use jindou_gateway::{Config, ConnId, Gateway, Generation, Input, Millis};
//!
//! let mut gateway = Gateway::new(Config::new(Generation::V22), [7; 32]);
//! gateway.handle(Millis(1_800_000_000_000), Input::Opened(ConnId(1)));
//! assert!(gateway.poll_output().is_none());
//! // Nobody says CONNECT: the socket ends after three seconds.
//! assert!(gateway.poll_timeout().is_some());
//! ```

mod config;
mod conversation;
mod delivery;
mod dice;
mod directory;
mod fault;
mod handshake;
mod http;
mod ids;
mod journal;
mod node;
mod row;
mod send;
mod time;

pub use config::{Addresses, Config, Generation, Idle, Retry};
pub use directory::{ChannelInfo, DeviceLevel, ListChange, ListKind};
pub use fault::{Action, Direction, Fault, Target};
pub use http::{HttpRequest, HttpResponse};
pub use ids::{COMMAND_SUFFIX, Channel, ConnId, ONLINE_COMMANDS, RequestId, SYSTEM_UID, Uid};
pub use journal::Message;
pub use row::{Row, StoredMessage};
pub use time::Millis;

use node::Node;
use std::fmt;

/// What happens to the server. `Debug` prints bytes as their number.
#[derive(Clone, PartialEq, Eq)]
pub enum Input {
    /// A WebSocket is open. An id is used once.
    Opened(ConnId),
    /// One WebSocket message with all its bytes, binary or text.
    Message(ConnId, Vec<u8>),
    /// A ping of the WebSocket itself, which 2.x takes for a sign of life.
    Alive(ConnId),
    /// The socket ended, by either side.
    Closed(ConnId),
    Http(RequestId, HttpRequest),
    /// The time of `poll_timeout` has come. Coming early or late does no harm.
    Timeout,
    /// The process is to end in order. Nothing may be given to it afterwards.
    Stopping,
}

/// What the server does. `Debug` prints bytes as their number.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// One binary WebSocket message.
    Send(ConnId, Vec<u8>),
    Close(ConnId, CloseHow),
    Respond(RequestId, HttpResponse),
    /// To be written before anything behind it is done.
    Persist(Row),
    /// The process dies on the spot, as 2.1.x does of a person channel with nobody in it.
    Crash,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Opened(conn) => write!(f, "Opened({})", conn.0),
            Input::Message(conn, bytes) => write!(f, "Message({}, {} bytes)", conn.0, bytes.len()),
            Input::Alive(conn) => write!(f, "Alive({})", conn.0),
            Input::Closed(conn) => write!(f, "Closed({})", conn.0),
            Input::Http(request, call) => write!(f, "Http({}, {call:?})", request.0),
            Input::Timeout => f.write_str("Timeout"),
            Input::Stopping => f.write_str("Stopping"),
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Send(conn, bytes) => write!(f, "Send({}, {} bytes)", conn.0, bytes.len()),
            Output::Close(conn, how) => write!(f, "Close({}, {how:?})", conn.0),
            Output::Respond(request, response) => write!(f, "Respond({}, {response:?})", request.0),
            Output::Persist(row) => write!(f, "Persist({row:?})"),
            Output::Crash => f.write_str("Crash"),
        }
    }
}

/// How a server ends a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseHow {
    /// The TCP connection ends without a Close frame: 1006 in a browser.
    Cut,
    /// A Close frame with this code and no reason.
    Frame(u16),
}

/// What a test wants to know beyond bytes. Kept with [`Config::trace`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    Connected {
        conn: ConnId,
        uid: Uid,
    },
    Stored(Box<Message>),
    /// A RECVACK came; `flags` is its low nibble.
    Acked {
        conn: ConnId,
        uid: Uid,
        message_id: i64,
        flags: u8,
    },
}

/// The server. See the contract above.
pub struct Gateway {
    node: Node,
}

impl Gateway {
    pub fn new(config: Config, entropy: [u8; 32]) -> Gateway {
        Gateway { node: Node::new(config, entropy) }
    }

    /// Gives back a row of an earlier life, in the order in which they were written, before the first input.
    pub fn restore(&mut self, row: Row) {
        self.node.restore(row);
    }

    /// `now` does not go back; if it does, the server's clock stands still.
    pub fn handle(&mut self, now: Millis, input: Input) {
        let node = &mut self.node;
        node.now = node.now.max(now);
        node.fire_due();
        match input {
            Input::Opened(conn) => node.open(conn),
            Input::Message(conn, bytes) => node.receive_through_faults(conn, bytes),
            Input::Alive(conn) => {
                if !node.config.generation.is_v3() {
                    node.alive(conn);
                }
            }
            Input::Closed(conn) => {
                node.gone(conn);
            }
            Input::Http(request, call) => node.call_through_faults(request, call),
            Input::Timeout => {}
            Input::Stopping => node.stop(),
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.node.out.pop_front()
    }

    /// When `handle` wants to be called with [`Input::Timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Millis> {
        self.node.next_timer()
    }

    /// Adds a fault behind those that are there.
    pub fn add_fault(&mut self, fault: Fault) {
        self.node.faults.add(fault);
    }

    /// Ends all faults. What they hold back still comes at its time.
    pub fn clear_faults(&mut self) {
        self.node.faults.clear();
    }

    /// The faults in their order, each with how often it has acted.
    pub fn faults(&self) -> impl Iterator<Item = (&Fault, u32)> {
        self.node.faults.list()
    }

    /// The channels that hold messages, logs of commands among them, each with its messages in order.
    pub fn channels(&self) -> impl Iterator<Item = (&Channel, &[Message])> {
        self.node.journal.channels().map(|(channel, log)| (channel, log.messages()))
    }

    /// The messages of one channel, in order.
    pub fn messages(&self, channel: &Channel) -> &[Message] {
        self.node.journal.log(channel).map_or(&[], |log| log.messages())
    }

    /// The channel's leader has died, or is back: meanwhile a SEND is stored on one node, pushed to nobody and answered with
    /// SENDACK 15 some seconds later, as 2.2.5 does in a cluster.
    pub fn strand(&mut self, channel: &Channel, stranded: bool) {
        self.node.strand(channel, stranded);
    }

    /// What stands in the channel from this place on was never confirmed: it is gone, and its places go to other messages.
    pub fn take_back(&mut self, channel: &Channel, from: u64) {
        self.node.take_back(channel, from);
    }

    /// The registered connections of a person.
    pub fn connections(&self, uid: &Uid) -> Vec<ConnId> {
        self.node.connections(uid, None)
    }

    /// Who is at the other end of a socket, once CONNACK has gone out.
    pub fn uid(&self, conn: ConnId) -> Option<&Uid> {
        self.node.session(conn).map(|session| &session.uid)
    }

    /// What happened since the last call.
    pub fn take_trace(&mut self) -> Vec<Trace> {
        std::mem::take(&mut self.node.trace)
    }
}
