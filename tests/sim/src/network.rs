//! The network between a tab and the gateway: order, latency, and all that goes wrong with a WebSocket.
//!
//! A connection keeps its order, as TCP does, but for the faults that say otherwise (a proxy may lose, repeat or swap whole
//! messages). A frozen one is dead and tells nobody.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jindou::channel::ClientMsgNo;
use jindou::client::{ConnectionId, Input, Socket};
use jindou::wire::{Deframer, Packet, ProtocolVersion};
use jindou_gateway::{ConnId, Generation, Input as Event};

use crate::world::{Happening, World, tell};

/// What a WebSocket message is at least; a PONG is this byte alone.
const PONG: &[u8] = &[0x80];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Cut,
    Freeze,
    Deaf,
}

pub struct Link {
    pub device: usize,
    pub life: u32,
    pub id: ConnectionId,
    /// The device was told that it is open.
    pub opened: bool,
    /// The gateway knows it.
    pub at_gateway: bool,
    pub gone_at_device: bool,
    pub gone_at_gateway: bool,
    pub frozen: bool,
    /// Answers PINGs and passes nothing else on to the device.
    pub deaf: bool,
    /// Dead once CONNACK has passed.
    pub dead_after_connack: bool,
    up_until: u64,
    down_until: u64,
    /// Waits to change places or to be glued with the next.
    held: Option<(Vec<u8>, bool)>,
    arrived: VecDeque<Vec<u8>>,
    /// What the device has sent, read by the oracle.
    frames: Deframer,
    greeted: bool,
    /// The device was given CONNACK.
    accepted: bool,
    /// When each SEND left.
    pub sent: BTreeMap<ClientMsgNo, u64>,
    /// What the device was given, read by the oracle. None: it is no longer understood.
    pub pushed: Option<Deframer>,
    pub unacked: BTreeSet<i64>,
}

impl World {
    pub fn connect(&mut self, device: usize, id: ConnectionId, address: &str) {
        let faults = self.faults();
        if self.dice.chance(faults.unreachable)
            || self.gateway_is_down()
            || (address.ends_with("two") && self.second_address_is_down)
            || !self.business.addresses.iter().any(|known| known == address)
        {
            let at = self.now + self.dice.between(1, 500);
            let life = self.devices[device].life;
            self.schedule(at, Happening::Refused(device, life, id));
            return;
        }
        self.next_conn += 1;
        let conn = ConnId(self.next_conn);
        let link = Link {
            device,
            life: self.devices[device].life,
            id,
            opened: false,
            at_gateway: false,
            gone_at_device: false,
            gone_at_gateway: false,
            frozen: self.dice.chance(faults.never_opens),
            deaf: false,
            dead_after_connack: self.dice.chance(faults.dead_after_connack),
            up_until: 0,
            down_until: 0,
            held: None,
            arrived: VecDeque::new(),
            frames: Deframer::new(),
            greeted: false,
            accepted: false,
            sent: BTreeMap::new(),
            pushed: Some(Deframer::new()),
            unacked: BTreeSet::new(),
        };
        self.devices[device].connections.insert(id, conn);
        self.links.insert(conn, link);
        let at = self.now + self.latency();
        self.schedule(at, Happening::Knock(conn));
        for (rate, trouble) in
            [(faults.cut, Trouble::Cut), (faults.freeze, Trouble::Freeze), (faults.deaf, Trouble::Deaf)]
        {
            if self.dice.chance(rate) {
                let at = self.now + self.dice.between(1, 20_000);
                self.schedule(at, Happening::Trouble(conn, trouble));
            }
        }
    }

    /// A device's message sets out.
    pub fn transmit(&mut self, device: usize, id: ConnectionId, bytes: Vec<u8>) {
        let Some(conn) = self.devices[device].connections.get(&id).copied() else {
            return self.fail(format!("device {device} transmits on a connection that it never opened"));
        };
        self.read_frames(conn, &bytes);
        let faults = self.faults();
        if self.dice.chance(faults.drop_up) {
            return tell!(self, "network loses {} bytes of #{}", bytes.len(), conn.0);
        }
        let copies = if self.dice.chance(faults.duplicate_up) { 2 } else { 1 };
        for _ in 0..copies {
            if self.dice.chance(faults.split) && bytes.len() > 1 {
                let at = self.dice.between(1, bytes.len() as u64 - 1) as usize;
                let (head, tail) = bytes.split_at(at);
                self.up(conn, head.to_vec());
                self.up(conn, tail.to_vec());
            } else {
                self.up(conn, bytes.clone());
            }
        }
    }

    fn up(&mut self, conn: ConnId, bytes: Vec<u8>) {
        let at = self.now + self.latency();
        let Some(link) = self.links.get_mut(&conn) else { return };
        link.up_until = link.up_until.max(at);
        let at = link.up_until;
        self.schedule(at, Happening::Up(conn, bytes));
    }

    /// What both sides speak in the end.
    pub fn protocol(&self) -> ProtocolVersion {
        match self.plan.generation {
            Generation::V21 => ProtocolVersion(4),
            Generation::V22 => ProtocolVersion(5),
            Generation::V3 => ProtocolVersion(6),
        }
    }

    /// What the device says, as the oracle reads it: acks only for what is stored, SENDs only of what is owed, in order.
    fn read_frames(&mut self, conn: ConnId, bytes: &[u8]) {
        let version = self.protocol();
        let Some(link) = self.links.get_mut(&conn) else { return };
        if !link.greeted {
            link.greeted = true;
            return;
        }
        link.frames.push(bytes);
        let device = link.device;
        loop {
            let Some(link) = self.links.get_mut(&conn) else { return };
            match link.frames.next(version) {
                Ok(Some(Packet::Send(send))) => {
                    let number = ClientMsgNo::from(send.client_msg_no.to_string_lossy().as_ref());
                    tell!(self, "{} sends {}", self.devices[device].name, number.0);
                    if let Some(violation) = self.check_send(device, conn, &number) {
                        self.fail(violation);
                    }
                    if let Some(link) = self.links.get_mut(&conn) {
                        if let Some(fact) = self.model.facts.get_mut(&number) {
                            fact.sent_once = true;
                        }
                        link.sent.insert(number, self.now);
                    }
                }
                Ok(Some(Packet::Recvack(ack))) => {
                    tell!(self, "{} acks {}", self.devices[device].name, ack.message_id.0);
                    link.unacked.remove(&ack.message_id.0);
                    if !self.devices[device].disk.committed.contains(&ack.message_id.0) {
                        self.fail(format!("5: {} acks what it has not stored", self.devices[device].name));
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => return self.fail(format!("device {device} sends what is no packet: {error}")),
            }
        }
    }

    /// The gateway's message sets out.
    pub fn down(&mut self, conn: ConnId, bytes: Vec<u8>) {
        let faults = self.faults();
        let greets = bytes.first().is_some_and(|first| first >> 4 == 2);
        if !greets {
            if self.dice.chance(faults.drop_down) {
                return tell!(self, "network loses {} bytes for #{}", bytes.len(), conn.0);
            }
            let glue = self.dice.chance(faults.glue);
            if glue || self.dice.chance(faults.swap_down) {
                let Some(link) = self.links.get_mut(&conn) else { return };
                if link.held.is_none() {
                    link.held = Some((bytes, glue));
                    let at = self.now + self.dice.between(1, 800);
                    return self.schedule(at, Happening::LetGo(conn));
                }
            }
        }
        let Some(link) = self.links.get_mut(&conn) else { return };
        match link.held.take() {
            Some((mut first, true)) => {
                first.extend_from_slice(&bytes);
                self.send_down(conn, first);
            }
            Some((first, false)) => {
                self.send_down(conn, bytes);
                self.send_down(conn, first);
            }
            None if self.dice.chance(faults.duplicate_down) => {
                self.send_down(conn, bytes.clone());
                self.send_down(conn, bytes);
            }
            None => self.send_down(conn, bytes),
        }
    }

    pub fn let_go(&mut self, conn: ConnId) {
        if let Some((bytes, _)) = self.links.get_mut(&conn).and_then(|link| link.held.take()) {
            self.send_down(conn, bytes);
        }
    }

    fn send_down(&mut self, conn: ConnId, bytes: Vec<u8>) {
        let latency = self.latency();
        let split = self.dice.chance(self.faults().split) && bytes.len() > 1;
        let at = if split { self.dice.between(1, bytes.len() as u64 - 1) as usize } else { 0 };
        let Some(link) = self.links.get_mut(&conn) else { return };
        link.down_until = link.down_until.max(self.now + latency);
        let when = link.down_until;
        if split {
            let (head, tail) = bytes.split_at(at);
            let (head, tail) = (head.to_vec(), tail.to_vec());
            self.schedule(when, Happening::Down(conn, head));
            self.schedule(when + 1, Happening::Down(conn, tail));
            if let Some(link) = self.links.get_mut(&conn) {
                link.down_until = when + 1;
            }
        } else {
            self.schedule(when, Happening::Down(conn, bytes));
        }
    }

    /// The gateway ends it.
    pub fn close_down(&mut self, conn: ConnId) {
        let latency = self.latency();
        self.let_go(conn);
        let Some(link) = self.links.get_mut(&conn) else { return };
        link.gone_at_gateway = true;
        link.down_until = link.down_until.max(self.now + latency);
        let at = link.down_until;
        self.schedule(at, Happening::DownClosed(conn));
    }

    /// The device ends it, or its tab is gone.
    pub fn close_up(&mut self, conn: ConnId) {
        let latency = self.latency();
        let Some(link) = self.links.get_mut(&conn) else { return };
        if link.gone_at_device {
            return;
        }
        link.gone_at_device = true;
        link.up_until = link.up_until.max(self.now + latency);
        let at = link.up_until;
        self.schedule(at, Happening::UpClosed(conn));
    }

    pub fn trouble(&mut self, conn: ConnId, trouble: Trouble) {
        if self.now >= self.plan.chaos {
            return;
        }
        let Some(link) = self.links.get_mut(&conn) else { return };
        if link.gone_at_device || link.gone_at_gateway {
            return;
        }
        match trouble {
            Trouble::Freeze => link.frozen = true,
            Trouble::Deaf => link.deaf = true,
            Trouble::Cut => {
                let (one, other) = (self.now + self.dice.between(0, 200), self.now + self.dice.between(0, 3_000));
                self.schedule(one, Happening::DownClosed(conn));
                self.schedule(other, Happening::UpClosed(conn));
            }
        }
        tell!(self, "#{} gets {trouble:?}", conn.0);
    }

    /// It reaches the gateway.
    pub fn knock(&mut self, conn: ConnId) {
        let latency = self.latency();
        let is_down = self.gateway_is_down();
        let Some(link) = self.links.get_mut(&conn) else { return };
        if is_down {
            return self.close_down(conn);
        }
        if link.frozen || link.gone_at_device {
            return;
        }
        link.at_gateway = true;
        link.down_until = self.now + latency;
        let at = link.down_until;
        self.schedule(at, Happening::DownOpened(conn));
        self.gateway_event(Event::Opened(conn));
    }

    pub fn arrive_up(&mut self, conn: ConnId, bytes: Vec<u8>) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        if link.frozen || link.gone_at_gateway || !link.at_gateway {
            return;
        }
        self.gateway_event(Event::Message(conn, bytes));
    }

    pub fn arrive_up_closed(&mut self, conn: ConnId) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        if link.frozen || link.gone_at_gateway {
            return;
        }
        link.gone_at_gateway = true;
        if link.at_gateway {
            self.gateway_event(Event::Closed(conn));
        }
    }

    pub fn arrive_opened(&mut self, conn: ConnId) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        if link.frozen || link.gone_at_device {
            return;
        }
        link.opened = true;
        let (device, life, id) = (link.device, link.life, link.id);
        self.give_to(device, life, Input::Socket(id, Socket::Opened));
    }

    pub fn arrive_down(&mut self, conn: ConnId, bytes: Vec<u8>) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        if link.frozen || link.gone_at_device || (link.deaf && bytes != PONG) {
            return;
        }
        if bytes.first().is_some_and(|first| first >> 4 == 2) {
            link.accepted = true;
            link.frozen |= link.dead_after_connack;
            let device = link.device;
            self.devices[device].silences = 0;
        }
        let first = link.arrived.is_empty();
        link.arrived.push_back(bytes);
        if first {
            // What comes in one turn of the event loop is handed over together.
            let at = self.now + if self.dice.chance(300) { self.dice.between(1, 30) } else { 0 };
            self.schedule(at, Happening::HandOver(conn));
        }
    }

    pub fn hand_over(&mut self, conn: ConnId) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        let messages: Vec<Vec<u8>> = link.arrived.drain(..).collect();
        if messages.is_empty() || link.gone_at_device {
            return;
        }
        let (device, life, id) = (link.device, link.life, link.id);
        self.note_pushed(conn, &messages);
        self.give_to(device, life, Input::Socket(id, Socket::Received(messages)));
    }

    pub fn arrive_down_closed(&mut self, conn: ConnId) {
        self.hand_over(conn);
        let Some(link) = self.links.get_mut(&conn) else { return };
        if link.gone_at_device || link.frozen {
            return;
        }
        link.gone_at_device = true;
        let (device, life, id) = (link.device, link.life, link.id);
        // By silence a server of generation 2 refuses a token, and nobody can tell that from a network which lost the answer.
        let is_silence = link.greeted && !link.accepted && self.devices[device].life == life;
        self.devices[device].silences += u32::from(is_silence);
        self.give_to(device, life, Input::Socket(id, Socket::Closed));
    }
}
