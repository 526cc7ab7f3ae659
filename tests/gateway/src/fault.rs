//! The script of faults: what goes wrong, on whose connection, how often.
//!
//! A fault stands between the server and a socket, or in front of the HTTP API. It is data (and JSON), so that a seed,
//! a file and a person at a control endpoint can all write it. Faults are asked in the order in which they were added,
//! and the first that applies acts.

use crate::dice::Dice;
use crate::ids::{ConnId, Uid};
use crate::node::{Node, Timer};
use crate::time::Millis;
use crate::{CloseHow, HttpRequest, HttpResponse, Output, RequestId};
use jindou::wire::PacketKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(default)]
    pub on: Target,
    #[serde(rename = "do")]
    pub action: Action,
    /// How many fitting messages pass before it begins.
    #[serde(default)]
    pub skip: u32,
    /// How often it acts; for ever if absent.
    #[serde(default)]
    pub count: Option<u32>,
    /// Of a thousand fitting messages it hits so many, by the seed.
    #[serde(default = "always")]
    pub chance: u16,
}

fn always() -> u16 {
    1000
}

impl Fault {
    /// Every fitting message, for ever.
    pub fn new(on: Target, action: Action) -> Fault {
        Fault { on, action, skip: 0, count: None, chance: 1000 }
    }

    /// The next fitting message only.
    pub fn once(on: Target, action: Action) -> Fault {
        Fault { count: Some(1), ..Fault::new(on, action) }
    }
}

/// Which messages a fault fits. What is absent fits all.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// By its name, `RECV`. Of a socket message with several packets the first one counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packet: Option<String>,
    /// The beginning of a path of the HTTP API. Without it a fault is about sockets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("uid", &self.uid)
            .field("connection", &self.connection)
            .field("direction", &self.direction)
            .field("packet", &self.packet)
            .field("path", &self.path)
            .finish()
    }
}

/// As the server sees it: `in` comes from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    In,
    Out,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// The message is lost.
    Drop,
    /// It comes later; others overtake it.
    Delay {
        ms: u64,
    },
    Duplicate,
    /// It changes places with the next message of the same connection and direction, and comes alone after `ms` if there is none.
    Reorder {
        ms: u64,
    },
    /// It becomes two socket messages, the first of `at` bytes.
    Split {
        at: usize,
    },
    /// It waits up to `ms` for the next one and becomes one socket message with it.
    Glue {
        ms: u64,
    },
    /// The connection ends instead, without a word.
    Close,
    /// The connection stands still, both ways, and goes on in order.
    Stall {
        ms: u64,
    },
    /// A SEND gets no SENDACK; `stored` says whether it is stored and delivered all the same.
    ForgetAck {
        stored: bool,
    },
    /// Some bytes are changed.
    Corrupt {
        bytes: u32,
    },
    /// These bytes come in its place, as hexadecimal digits.
    Replace {
        hex: String,
    },
    /// The HTTP call is answered with this status and never reaches the server.
    Answer {
        status: u16,
        body: String,
    },
    /// The HTTP call reaches the server, and the answer is lost: this status comes instead.
    AnswerAfter {
        status: u16,
        body: String,
    },
    /// The HTTP call is never answered.
    Hang,
}

impl Action {
    fn is_http(&self) -> bool {
        matches!(self, Action::Answer { .. } | Action::AnswerAfter { .. } | Action::Hang)
    }
}

/// What a forgotten ack means for the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgotten {
    Stored,
    Lost,
}

struct Entry {
    fault: Fault,
    seen: u32,
    acted: u32,
}

/// A socket message, or the answer to an HTTP call, on its way.
enum Item {
    In(ConnId, Vec<u8>),
    Out(ConnId, Vec<u8>),
    Call(RequestId, HttpRequest),
    Reply(RequestId, HttpResponse),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    In,
    Out,
}

/// A message that waits for its neighbour.
struct Waiting {
    bytes: Vec<u8>,
    until: Millis,
    glue: bool,
}

pub(crate) struct Faults {
    dice: Dice,
    entries: Vec<Entry>,
    held: BTreeMap<(Millis, u64), Item>,
    order: u64,
    waiting: BTreeMap<(ConnId, Side), Waiting>,
    stalled: BTreeMap<ConnId, Millis>,
}

impl Faults {
    pub(crate) fn new(seed: [u8; 32]) -> Faults {
        Faults {
            dice: Dice::new(seed),
            entries: Vec::new(),
            held: BTreeMap::new(),
            order: 0,
            waiting: BTreeMap::new(),
            stalled: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.entries.push(Entry { fault, seen: 0, acted: 0 });
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn list(&self) -> impl Iterator<Item = (&Fault, u32)> {
        self.entries.iter().map(|entry| (&entry.fault, entry.acted))
    }

    pub(crate) fn forget_connection(&mut self, conn: ConnId) {
        self.stalled.remove(&conn);
        self.waiting.remove(&(conn, Side::In));
        self.waiting.remove(&(conn, Side::Out));
        self.held.retain(|_, item| !matches!(item, Item::In(of, _) | Item::Out(of, _) if *of == conn));
    }

    fn next(&mut self, fits: impl Fn(&Fault) -> bool) -> Option<Action> {
        for entry in &mut self.entries {
            if !fits(&entry.fault) || entry.fault.count.is_some_and(|count| entry.acted >= count) {
                continue;
            }
            entry.seen += 1;
            if entry.seen > entry.fault.skip && self.dice.chance(entry.fault.chance) {
                entry.acted += 1;
                return Some(entry.fault.action.clone());
            }
        }
        None
    }

    fn for_socket(&mut self, conn: ConnId, uid: Option<&Uid>, side: Side, kind: PacketKind) -> Option<Action> {
        if self.entries.is_empty() {
            return None;
        }
        self.next(|fault| {
            let on = &fault.on;
            !fault.action.is_http()
                && !matches!(fault.action, Action::ForgetAck { .. })
                && on.path.is_none()
                && on.uid.as_ref().is_none_or(|wanted| Some(wanted) == uid)
                && on.connection.is_none_or(|wanted| wanted == conn)
                && on.direction.is_none_or(|wanted| (wanted == Direction::In) == (side == Side::In))
                && on.packet.as_deref().is_none_or(|name| kind.name() == Some(name))
        })
    }

    /// Asked for each SEND, since several may come in one socket message.
    pub(crate) fn forget_ack(&mut self, conn: ConnId, uid: &Uid) -> Option<Forgotten> {
        let action = self.next(|fault| {
            matches!(fault.action, Action::ForgetAck { .. })
                && fault.on.uid.as_ref().is_none_or(|wanted| wanted == uid)
                && fault.on.connection.is_none_or(|wanted| wanted == conn)
        })?;
        match action {
            Action::ForgetAck { stored: true } => Some(Forgotten::Stored),
            _ => Some(Forgotten::Lost),
        }
    }

    fn for_call(&mut self, path: &str) -> Option<Action> {
        self.next(|fault| {
            (fault.action.is_http() || matches!(fault.action, Action::Delay { .. } | Action::Drop))
                && fault.on.path.as_deref().is_some_and(|wanted| path.starts_with(wanted))
        })
    }

    fn hold(&mut self, until: Millis, item: Item) {
        self.order += 1;
        self.held.insert((until, self.order), item);
    }
}

impl Node {
    /// A socket message from a client, through the faults.
    pub(crate) fn receive_through_faults(&mut self, conn: ConnId, bytes: Vec<u8>) {
        if !self.sockets.contains_key(&conn) {
            return;
        }
        let uid = self.session(conn).map(|session| session.uid.clone());
        let kind = PacketKind(bytes.first().copied().unwrap_or(0) >> 4);
        self.through(conn, uid.as_ref(), Side::In, kind, bytes);
    }

    /// A packet for a client, through the faults.
    pub(crate) fn send_through_faults(&mut self, conn: ConnId, uid: Option<&Uid>, kind: PacketKind, bytes: Vec<u8>) {
        if self.sockets.contains_key(&conn) {
            self.through(conn, uid, Side::Out, kind, bytes);
        }
    }

    fn through(&mut self, conn: ConnId, uid: Option<&Uid>, side: Side, kind: PacketKind, bytes: Vec<u8>) {
        if let Some(until) = self.faults.stalled.get(&conn).copied() {
            return self.hold(until, item(conn, side, bytes));
        }
        let Some(action) = self.faults.for_socket(conn, uid, side, kind) else {
            return self.pass(conn, side, bytes);
        };
        let later = |ms: u64, now: Millis| now + Millis(ms);
        match action {
            Action::Drop => {}
            Action::Delay { ms } => self.hold(later(ms, self.now), item(conn, side, bytes)),
            Action::Duplicate => {
                self.pass(conn, side, bytes.clone());
                self.pass(conn, side, bytes);
            }
            Action::Reorder { ms } => self.wait(conn, side, bytes, ms, false),
            Action::Glue { ms } => self.wait(conn, side, bytes, ms, true),
            Action::Split { at } => {
                let at = at.min(bytes.len());
                let (head, tail) = bytes.split_at(at);
                let (head, tail) = (head.to_vec(), tail.to_vec());
                for part in [head, tail].into_iter().filter(|part| !part.is_empty()) {
                    self.pass(conn, side, part);
                }
            }
            Action::Close => self.close(conn, CloseHow::Cut),
            Action::Stall { ms } => {
                let until = later(ms, self.now);
                self.faults.stalled.insert(conn, until);
                self.hold(until, item(conn, side, bytes));
            }
            Action::Corrupt { bytes: count } => {
                let spoiled = self.spoil(bytes, count);
                self.pass(conn, side, spoiled);
            }
            Action::Replace { hex } => self.pass(conn, side, unhex(&hex)),
            Action::ForgetAck { .. } | Action::Answer { .. } | Action::AnswerAfter { .. } | Action::Hang => {
                self.pass(conn, side, bytes);
            }
        }
    }

    /// Lets a message through, together with or before the neighbour that waits for it.
    fn pass(&mut self, conn: ConnId, side: Side, bytes: Vec<u8>) {
        match self.faults.waiting.remove(&(conn, side)) {
            Some(mut first) if first.glue => {
                first.bytes.extend_from_slice(&bytes);
                self.carry(item(conn, side, first.bytes));
            }
            Some(first) => {
                self.carry(item(conn, side, bytes));
                self.carry(item(conn, side, first.bytes));
            }
            None => self.carry(item(conn, side, bytes)),
        }
    }

    fn wait(&mut self, conn: ConnId, side: Side, bytes: Vec<u8>, ms: u64, glue: bool) {
        let until = self.now + Millis(ms);
        match self.faults.waiting.remove(&(conn, side)) {
            Some(first) if first.glue => {
                let bytes = [first.bytes, bytes].concat();
                self.faults.waiting.insert((conn, side), Waiting { bytes, until, glue });
            }
            Some(first) => {
                self.faults.waiting.insert((conn, side), Waiting { bytes, until, glue });
                self.carry(item(conn, side, first.bytes));
            }
            None => {
                self.faults.waiting.insert((conn, side), Waiting { bytes, until, glue });
            }
        }
        self.schedule(until, Timer::Release);
    }

    fn hold(&mut self, until: Millis, item: Item) {
        self.faults.hold(until, item);
        self.schedule(until, Timer::Release);
    }

    /// A packet that the server itself is late with.
    pub(crate) fn send_later(&mut self, conn: ConnId, after: Millis, bytes: Vec<u8>) {
        self.hold(self.now + after, Item::Out(conn, bytes));
    }

    pub(crate) fn release_held(&mut self) {
        let now = self.now;
        self.faults.stalled.retain(|_, until| *until > now);
        while let Some(entry) = self.faults.held.first_entry()
            && entry.key().0 <= now
        {
            let item = entry.remove();
            self.carry(item);
        }
        let over: Vec<(ConnId, Side)> =
            self.faults.waiting.iter().filter(|(_, waiting)| waiting.until <= now).map(|(key, _)| *key).collect();
        for (conn, side) in over {
            if let Some(waiting) = self.faults.waiting.remove(&(conn, side)) {
                self.carry(item(conn, side, waiting.bytes));
            }
        }
    }

    fn carry(&mut self, item: Item) {
        match item {
            Item::In(conn, bytes) => self.message(conn, bytes),
            Item::Out(conn, bytes) => self.out.push_back(Output::Send(conn, bytes)),
            Item::Call(request, call) => {
                let response = self.handle_http(&call);
                self.respond(request, response);
            }
            Item::Reply(request, response) => self.respond(request, response),
        }
    }

    /// An HTTP call, through the faults.
    pub(crate) fn call_through_faults(&mut self, request: RequestId, call: HttpRequest) {
        match self.faults.for_call(&call.path) {
            None => self.carry(Item::Call(request, call)),
            Some(Action::Answer { status, body }) => {
                self.carry(Item::Reply(request, HttpResponse::text(status, body)));
            }
            Some(Action::AnswerAfter { status, body }) => {
                self.handle_http(&call);
                self.carry(Item::Reply(request, HttpResponse::text(status, body)));
            }
            Some(Action::Delay { ms }) => self.hold(self.now + Millis(ms), Item::Call(request, call)),
            // Whoever asked gives up some day.
            Some(Action::Hang) => {
                self.handle_http(&call);
            }
            Some(_) => {}
        }
    }

    fn spoil(&mut self, mut bytes: Vec<u8>, count: u32) -> Vec<u8> {
        let length = bytes.len() as u64;
        for _ in 0..count {
            let at = self.faults.dice.below(length) as usize;
            let mask = 1 + self.faults.dice.below(255) as u8;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= mask;
            }
        }
        bytes
    }
}

fn item(conn: ConnId, side: Side, bytes: Vec<u8>) -> Item {
    match side {
        Side::In => Item::In(conn, bytes),
        Side::Out => Item::Out(conn, bytes),
    }
}

/// Digits that are none end the text.
fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map_while(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect()
}
