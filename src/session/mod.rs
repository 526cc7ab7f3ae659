//! One connection's life: who to call, the handshake, the heartbeat, when to try again, and when to stop.
//!
//! ```text
//!            connect()                  token + addresses            opened             CONNACK 1
//!   Idle ───────────────► Preparing ─────────────────────► Opening ────────► Greeting ───────────┐
//!    ▲                        ▲                               │                  │                ▼
//!    │ disconnect()           │ time, online, visible         │ failure          │ silence     Proving
//!    │                        │                               ▼                  ▼                │ first PONG
//!  (any)                   Waiting ◄───────────────────────────────────────────── ◄──── lost ◄── Ready
//!                                                                                                 │ DISCONNECT
//!                                                                                               Kicked
//! ```
//!
//! It knows packets and time, and nothing of messages: what it receives it hands on, what it is given it sends. An open socket
//! proves nothing (a connection may be dead after CONNACK), so the first PONG makes it ready, and a PONG that does not come
//! makes it lost. Servers of generation 2 answer a wrong token with silence, and so does a leader that is away; therefore only
//! repeated silence over a while is called a refusal, and even then we go on asking, slowly.

mod backoff;
mod link;
mod server_clock;

use std::collections::VecDeque;

use crate::dice::Dice;
use crate::error::{Error, ErrorCode};
use crate::event::{ConnectionView, Trace};
use crate::request::FetchFailure;
use crate::time::{Millis, Mono, Now, Wall};
use crate::turn::ConnectionId;
use crate::wire::cipher::KeyPair;
use crate::wire::{Connack, Connect, Deframer, Flags, Packet, ProtocolVersion, ReasonCode, Text, encode};

use backoff::Backoff;
pub use link::{Incoming, Link};
use server_clock::ServerClock;

/// Until the socket is open. A browser gives up only after minutes.
const OPENING: Millis = Millis::seconds(10);
/// Until CONNACK: longer than the 4 to 6 s after which generation 2 closes a refused socket, so that its close is seen.
const GREETING: Millis = Millis::seconds(8);
/// A close after CONNECT that comes sooner is a failing node, not a refusal: generation 2 takes 4 s and more to refuse.
const SILENCE_AT_LEAST: Millis = Millis::seconds(2);
/// How often and for how long it must be silent before it is called a wrong token.
const SILENCES: u32 = 3;
const SILENT_FOR: Millis = Millis::seconds(15);
/// Between attempts with a token that was refused; a person must act, but a leader may also come back.
const REFUSED_PAUSE: Millis = Millis::seconds(60);

/// What the session wants done.
#[derive(Debug)]
pub enum Effect {
    AskToken,
    AskGateway,
    Connect(ConnectionId, String),
    Transmit(ConnectionId, Vec<u8>),
    Close(ConnectionId),
    State(ConnectionView),
    /// The first PONG came: everything owed may leave.
    Ready,
    /// The connection that was ready is gone.
    Lost,
    Trace(Trace),
}

pub struct Identity {
    pub uid: String,
    pub device_flag: u8,
    pub device_id: String,
}

enum State {
    Idle,
    Preparing { token: Option<String>, addresses: bool },
    Opening { id: ConnectionId, token: String, deadline: Mono },
    Greeting { id: ConnectionId, keys: KeyPair, deframer: Deframer, since: Now, deadline: Mono },
    Live(Box<Link>),
    Waiting { until: Mono },
    Kicked,
}

pub struct Session {
    identity: Option<Identity>,
    state: State,
    addresses: Vec<String>,
    next_address: usize,
    backoff: Backoff,
    silences: u32,
    silent_since: Option<Mono>,
    /// Generation 3 holds a dead session of the same device for up to 90 s, so after CONNACK 15 we come as another.
    device_suffix: u32,
    visible: bool,
    /// The core has more uncommitted than it may hold; no new connection until it has drained.
    held: bool,
    /// A connection was exchanged for new keys, and none of the keys since has worked yet.
    rekeyed: bool,
    /// The node that accepted us last.
    node: Option<u64>,
    /// More than one address was named, or more than one node has accepted us.
    cluster: bool,
    server_clock: Option<ServerClock>,
    connections: u64,
    trace: bool,
    effects: VecDeque<Effect>,
    dice: Dice,
}

impl Session {
    pub fn new(dice: Dice, trace: bool) -> Self {
        Self {
            identity: None,
            state: State::Idle,
            addresses: Vec::new(),
            next_address: 0,
            backoff: Backoff::default(),
            silences: 0,
            silent_since: None,
            device_suffix: 0,
            visible: true,
            held: false,
            rekeyed: false,
            node: None,
            cluster: false,
            server_clock: None,
            connections: 0,
            trace,
            effects: VecDeque::new(),
            dice,
        }
    }

    /// Before `connect`: who we are, known once the database is read.
    pub fn identify(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    pub fn connect(&mut self, now: Now) {
        if !matches!(self.state, State::Idle | State::Kicked | State::Waiting { .. }) {
            return;
        }
        self.forget_failures();
        if self.held {
            return self.wait(now, None);
        }
        self.prepare();
    }

    pub fn disconnect(&mut self) {
        self.drop_socket();
        self.go(State::Idle, ConnectionView::Idle);
    }

    pub fn is_ready(&self) -> bool {
        matches!(&self.state, State::Live(link) if link.is_proven())
    }

    /// Whether messages may be stored on one node and then be taken back: there was more than one address, or more than one node.
    pub fn is_cluster(&self) -> bool {
        self.cluster
    }

    /// Whether there is something to call without asking anybody.
    pub fn knows_addresses(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// The version that CONNACK settled on. The connection need not be ready yet.
    pub fn version(&self) -> Option<ProtocolVersion> {
        match &self.state {
            State::Live(link) => Some(link.version()),
            _ => None,
        }
    }

    /// Of the connection that CONNACK accepted.
    pub fn connection(&self) -> Option<ConnectionId> {
        match &self.state {
            State::Live(link) => Some(link.id()),
            _ => None,
        }
    }

    /// The time on the server's clock, as far as a CONNACK or the business server told, and our own was not put right since.
    pub fn server_time(&self, now: Now) -> Option<Wall> {
        self.server_clock.as_ref()?.time(now)
    }

    /// The server's time for what must last: late rather than early.
    pub fn steady_time(&self, now: Now) -> Wall {
        self.server_clock.as_ref().map_or(now.wall, |clock| clock.steady(now))
    }

    /// When the server stored what it acks now, as far as we can tell. The device may have slept for a moment, and the connection with it.
    pub fn stored_at(&self, now: Now) -> Wall {
        let steady = self.steady_time(now);
        self.server_time(now).map_or(steady, |time| time.max(steady))
    }

    pub fn set_server_time(&mut self, now: Now, server: Wall) {
        if self.server_time(now).is_none() {
            self.server_clock = Some(ServerClock::new(now, server.0.saturating_sub(now.wall.0)));
        }
    }

    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub fn has_no_effects(&self) -> bool {
        self.effects.is_empty()
    }

    pub fn poll_timeout(&self) -> Option<Mono> {
        match &self.state {
            State::Idle | State::Preparing { .. } | State::Kicked => None,
            State::Opening { deadline, .. } | State::Greeting { deadline, .. } => Some(*deadline),
            State::Live(link) => link.poll_timeout(),
            State::Waiting { until } => (!self.held).then_some(*until),
        }
    }

    pub fn handle_timeout(&mut self, now: Now) {
        match &mut self.state {
            State::Opening { deadline, .. } if *deadline <= now.mono => self.lose(now, "the socket did not open"),
            State::Greeting { deadline, .. } if *deadline <= now.mono => self.lose(now, "no CONNACK"),
            State::Live(link) => {
                if !link.handle_timeout(now.mono, self.visible) {
                    self.lose(now, "no PONG");
                } else {
                    self.transmit(now);
                }
            }
            State::Waiting { until } if *until <= now.mono && !self.held => self.prepare(),
            _ => {}
        }
    }

    pub fn handle_token(&mut self, now: Now, answer: Result<String, FetchFailure>) {
        let State::Preparing { token, .. } = &mut self.state else { return };
        match answer {
            Ok(text) if text.is_empty() => self.refuse(now, "the token is empty"),
            Ok(text) => {
                *token = Some(text);
                self.open_when_prepared(now);
            }
            Err(failure) if failure.code == "unauthorized" => self.refuse(now, "the token is refused"),
            Err(failure) => self.wait_after(now, failure),
        }
    }

    pub fn handle_gateway(&mut self, now: Now, answer: Result<Vec<String>, FetchFailure>) {
        let State::Preparing { addresses, .. } = &mut self.state else { return };
        match answer {
            Ok(list) if !list.is_empty() => {
                // The same ones in another order are nothing new: the turn of each goes on.
                let same = list.len() == self.addresses.len() && list.iter().all(|one| self.addresses.contains(one));
                if !same {
                    self.next_address = 0;
                    self.addresses = list;
                }
            }
            Err(failure) if failure.code == "unauthorized" => {
                return self.refuse(now, "the business server refused the token");
            }
            // The addresses of last time are better than none.
            _ if !self.addresses.is_empty() => {}
            Ok(_) => return self.wait(now, Some(Error::new(ErrorCode::Unavailable, "there is no gateway address"))),
            Err(failure) => return self.wait_after(now, failure),
        }
        *addresses = true;
        self.cluster |= self.addresses.len() > 1;
        self.open_when_prepared(now);
    }

    pub fn handle_opened(&mut self, now: Now, opened: ConnectionId) {
        let (State::Opening { id, token, .. }, Some(identity)) = (&mut self.state, &self.identity) else { return };
        if *id != opened {
            return;
        }
        let (id, token) = (*id, core::mem::take(token));
        let keys = KeyPair::from_seed(self.dice.seed());
        let mut device_id = identity.device_id.clone();
        if self.device_suffix > 0 {
            device_id.push_str(&format!("-{}", self.device_suffix));
        }
        let connect = Packet::Connect(Connect {
            flags: Flags::default(),
            version: ProtocolVersion::LATEST,
            device_flag: crate::id::DeviceFlag(identity.device_flag),
            device_id: Text::from(device_id),
            uid: Text::from(identity.uid.as_str()),
            token: Text::from(token),
            client_timestamp: now.wall.0,
            client_key: keys.public_key(),
        });
        let mut bytes = Vec::new();
        if encode(&connect, ProtocolVersion::LATEST, &mut bytes).is_err() {
            return self.refuse(now, "the token is too long for the protocol");
        }
        self.trace(|| Trace::Packet {
            sent: true,
            kind: "CONNECT",
            bytes: bytes.len(),
            message_id: None,
            message_seq: None,
            client_msg_no: None,
            reason_code: None,
        });
        self.effects.push_back(Effect::Transmit(id, bytes));
        let state = State::Greeting { id, keys, deframer: Deframer::new(), since: now, deadline: now.mono + GREETING };
        self.go(state, ConnectionView::Authenticating);
    }

    pub fn handle_closed(&mut self, now: Now, closed: ConnectionId) {
        match &self.state {
            State::Opening { id, .. } if *id == closed => self.lose_quietly(now, "the gateway cannot be reached"),
            State::Greeting { id, since, .. } if *id == closed => {
                let since = since.mono;
                self.lose_in_silence(now, since);
            }
            State::Live(link) if link.id() == closed => self.lose_quietly(now, "the connection was closed"),
            _ => {}
        }
    }

    pub fn handle_bytes(&mut self, now: Now, from: ConnectionId, messages: Vec<Vec<u8>>) {
        match &mut self.state {
            State::Greeting { id, deframer, .. } if *id == from => {
                for message in &messages {
                    deframer.push(message);
                }
                self.greet(now);
            }
            State::Live(link) if link.id() == from => {
                for message in &messages {
                    link.push(now.mono, message);
                }
            }
            _ => {}
        }
    }

    pub fn handle_visible(&mut self, now: Now, visible: bool) {
        self.visible = visible;
        if visible {
            self.wake(now);
        }
    }

    /// Something suggests that the world changed: the network came back, the page is shown again.
    pub fn wake(&mut self, now: Now) {
        match &mut self.state {
            State::Waiting { .. } if !self.held => {
                self.backoff.reset();
                self.prepare();
            }
            State::Live(link) => {
                link.ping(now.mono);
                self.transmit(now);
            }
            _ => {}
        }
    }

    /// The connection cannot be trusted any more, whatever its socket says; nor can one that is still being made.
    pub fn reconnect(&mut self, now: Now, why: &str) {
        match self.state {
            State::Preparing { .. } | State::Opening { .. } | State::Greeting { .. } | State::Live(_) => {
                if self.is_ready() {
                    // Our own wish, and no failure.
                    self.backoff.reset();
                }
                self.lose(now, why);
            }
            State::Idle | State::Waiting { .. } | State::Kicked => {}
        }
    }

    /// One side could not read what the other sealed. If nothing was read on this connection, new keys may cure that; once, until keys work.
    pub fn doubt_keys(&mut self, now: Now) {
        let State::Live(link) = &self.state else { return };
        if !link.keys_work() && !core::mem::replace(&mut self.rekeyed, true) {
            self.reconnect(now, "the gateway and the client cannot read each other");
        }
    }

    /// The database takes nothing: whatever connection there is ends, and the next one is not made before `pause` is over.
    pub fn rest(&mut self, now: Now, pause: Millis, why: Error) {
        if matches!(self.state, State::Idle | State::Kicked) {
            return;
        }
        if self.is_ready() {
            self.backoff.reset();
        }
        self.drop_socket();
        self.wait_for(now, pause, ConnectionView::Waiting { retry_in: pause.0, error: Some(why) });
    }

    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Up to `limit` packets that have come, decoded and opened; and whether more are waiting.
    pub fn take_packets(&mut self, now: Now, limit: usize) -> (Vec<Incoming>, bool) {
        let State::Live(link) = &mut self.state else { return (Vec::new(), false) };
        let was_proven = link.is_proven();
        let taken = link.take(now.mono, limit, self.trace, &mut self.effects);
        let proven = link.is_proven();
        self.rekeyed &= !link.keys_work();
        if proven && !was_proven {
            self.effects.push_back(Effect::State(ConnectionView::Ready));
            self.effects.push_back(Effect::Ready);
        }
        match taken {
            Ok((incoming, more)) => {
                if let Some(Incoming::Kick { reason }) = incoming.last() {
                    let reason = reason.clone();
                    self.kick(reason);
                    return (incoming, false);
                }
                (incoming, more)
            }
            Err(_) => {
                self.lose(now, "the server sent what is no packet");
                (Vec::new(), false)
            }
        }
    }

    /// Queues a packet; `transmit` sends what is queued. Nothing without a connection.
    pub fn send(&mut self, packet: Packet) {
        if let State::Live(link) = &mut self.state {
            link.queue(packet, self.trace, &mut self.effects);
        }
    }

    /// The accepted connection: its cipher, to seal a SEND, and what it has not decoded yet.
    pub fn link(&self) -> Option<&Link> {
        match &self.state {
            State::Live(link) => Some(link),
            _ => None,
        }
    }

    pub fn transmit(&mut self, now: Now) {
        if let State::Live(link) = &mut self.state
            && let Some(bytes) = link.flush(now.mono)
        {
            let id = link.id();
            self.effects.push_back(Effect::Transmit(id, bytes));
        }
    }

    fn prepare(&mut self) {
        self.effects.push_back(Effect::AskToken);
        self.effects.push_back(Effect::AskGateway);
        self.go(State::Preparing { token: None, addresses: false }, ConnectionView::Connecting);
    }

    fn open_when_prepared(&mut self, now: Now) {
        let State::Preparing { token, addresses: true } = &mut self.state else { return };
        let Some(token) = token.take() else { return };
        self.connections += 1;
        let id = ConnectionId(self.connections);
        let address = self.addresses[self.next_address % self.addresses.len()].clone();
        self.effects.push_back(Effect::Connect(id, address));
        self.state = State::Opening { id, token, deadline: now.mono + OPENING };
    }

    fn greet(&mut self, now: Now) {
        let State::Greeting { deframer, .. } = &mut self.state else { return };
        // What comes before CONNACK cannot be decrypted; the server sends it again, or catching up finds it.
        let connack = loop {
            match deframer.next(ProtocolVersion::LATEST) {
                Ok(Some(Packet::Connack(connack))) => break connack,
                Ok(Some(Packet::Disconnect(packet))) => {
                    return self.kick(packet.reason_text.to_string_lossy().into_owned());
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(_) => return self.lose(now, "the server sent what is no packet"),
            }
        };
        self.trace(|| Trace::Packet {
            sent: false,
            kind: "CONNACK",
            bytes: 0,
            message_id: None,
            message_seq: None,
            client_msg_no: None,
            reason_code: Some(connack.reason.0),
        });
        match connack.reason {
            ReasonCode::SUCCESS => self.accept(now, connack),
            ReasonCode::AUTH_FAIL | ReasonCode::BAN | ReasonCode::CONNECT_KICK => {
                self.refuse(now, "the gateway refused the token")
            }
            ReasonCode::SYSTEM_ERROR => {
                self.device_suffix = self.device_suffix.wrapping_add(1);
                self.lose(now, "the gateway is busy, or still holds an older session of this device");
            }
            _ => self.lose(now, "the gateway refused the connection"),
        }
    }

    fn accept(&mut self, now: Now, connack: Connack) {
        let State::Greeting { id, keys, deframer, since, .. } = core::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        // The token is right, whatever becomes of the connection.
        (self.silences, self.silent_since) = (0, None);
        // It counts the way of CONNECT too, as if our clock were behind by that; rather too early than too late by it.
        let ahead = connack.time_diff.saturating_sub_unsigned(now.mono.since(since.mono).0);
        // It is what our clock said then that the server has compared.
        self.server_clock = Some(ServerClock::new(since, ahead));
        if let Some(node) = connack.node_id {
            self.cluster |= self.node.is_some_and(|known| known != node);
            self.node = Some(node);
        }
        let version = connack.server_version.map_or(ProtocolVersion::LATEST, |v| v.min(ProtocolVersion::LATEST));
        match keys.agree(&connack.server_key, &connack.salt) {
            Ok(cipher) => {
                let mut link = Link::new(id, version, cipher, deframer);
                link.ping(now.mono);
                self.state = State::Live(Box::new(link));
                self.transmit(now);
            }
            Err(_) => {
                self.effects.push_back(Effect::Close(id));
                self.lose_quietly(now, "the gateway's key cannot be used");
            }
        }
    }

    fn forget_failures(&mut self) {
        self.backoff.reset();
        self.silences = 0;
        self.silent_since = None;
    }

    fn lose_in_silence(&mut self, now: Now, asked: Mono) {
        if now.mono.since(asked) >= SILENCE_AT_LEAST {
            self.silences += 1;
            let since = *self.silent_since.get_or_insert(asked);
            if self.silences >= SILENCES && now.mono.since(since) >= SILENT_FOR {
                return self.refuse(now, "the gateway closes without an answer: the token is probably wrong");
            }
        }
        self.lose_quietly(now, "the gateway closed without an answer");
    }

    /// Closes the socket and tries again later.
    fn lose(&mut self, now: Now, why: &str) {
        self.drop_socket();
        self.lose_quietly(now, why);
    }

    /// As `lose`, when the socket is closed already.
    fn lose_quietly(&mut self, now: Now, why: &str) {
        self.next_address = self.next_address.wrapping_add(1);
        self.wait(now, Some(Error::new(ErrorCode::Unavailable, why)));
    }

    fn wait(&mut self, now: Now, error: Option<Error>) {
        if matches!(&self.state, State::Live(link) if link.has_lasted(now.mono)) {
            self.backoff.reset();
        }
        let pause = self.backoff.next(&mut self.dice);
        self.wait_for(now, pause, ConnectionView::Waiting { retry_in: pause.0, error });
    }

    fn wait_after(&mut self, now: Now, failure: FetchFailure) {
        let pause = self.backoff.next(&mut self.dice).max(failure.retry_after);
        let error = Some(Error::new(ErrorCode::Unavailable, failure.message));
        self.wait_for(now, pause, ConnectionView::Waiting { retry_in: pause.0, error });
    }

    fn wait_for(&mut self, now: Now, pause: Millis, view: ConnectionView) {
        let lost = matches!(self.state, State::Live(_));
        self.go(State::Waiting { until: now.mono + pause }, view);
        if lost {
            self.effects.push_back(Effect::Lost);
        }
    }

    fn refuse(&mut self, now: Now, why: &str) {
        self.drop_socket();
        // Another gateway may know better.
        self.next_address = self.next_address.wrapping_add(1);
        let error = Error::new(ErrorCode::Unauthorized, why);
        self.wait_for(now, REFUSED_PAUSE, ConnectionView::Refused { error });
    }

    fn kick(&mut self, reason: String) {
        let lost = matches!(self.state, State::Live(_));
        self.drop_socket();
        self.go(State::Kicked, ConnectionView::Kicked { reason });
        if lost {
            self.effects.push_back(Effect::Lost);
        }
    }

    fn drop_socket(&mut self) {
        let id = match &self.state {
            State::Opening { id, .. } | State::Greeting { id, .. } => *id,
            State::Live(link) => link.id(),
            _ => return,
        };
        self.effects.push_back(Effect::Close(id));
    }

    fn go(&mut self, state: State, view: ConnectionView) {
        self.state = state;
        self.effects.push_back(Effect::State(view));
    }

    fn trace(&mut self, line: impl FnOnce() -> Trace) {
        if self.trace {
            self.effects.push_back(Effect::Trace(line()));
        }
    }
}
