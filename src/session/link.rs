//! An accepted connection: deframing and opening what comes, gathering what goes, and the heartbeat.
//!
//! What goes leaves as one socket message at a time, of whole packets: separate messages in a burst make servers of generation 2
//! deaf and make generation 3 lose SENDs. The next one leaves after any answer, or 20 ms later.

use std::collections::VecDeque;

use crate::channel::ClientMsgNo;
use crate::event::Trace;
use crate::time::{Millis, Mono};
use crate::turn::ConnectionId;
use crate::wire::cipher::Cipher;
use crate::wire::{
    CipherError, DecodeError, Deframer, Event, Packet, PacketKind, ProtocolVersion, ReasonCode, Recv, Sendack,
    encode_for_one_node, encoded_len,
};

use super::Effect;

/// All of a PING: its kind, and no flags.
const PING: u8 = PacketKind::PING.0 << 4;
/// Servers read 32 KiB at a time; a message cut at that border sets generation 2 out of step.
const MESSAGE: usize = 24 * 1024;
const PACE: Millis = Millis(20);
const PING_VISIBLE: Millis = Millis::seconds(10);
/// Browsers run the timers of a hidden page once a minute; the server closes after three.
const PING_HIDDEN: Millis = Millis::seconds(60);
/// The first one decides whether the connection lives at all.
const FIRST_PONG: Millis = Millis::seconds(3);
const PONG: Millis = Millis::seconds(5);
/// A line that is slow and not dead brings something else meanwhile. But what comes says nothing of what goes, so not for long.
const SLOW_PONG: Millis = Millis::seconds(30);
/// A connection that ends sooner was none: whoever ends each at once (a server that fails, another device under our name) is
/// not called without a pause.
const LASTS: Millis = Millis::seconds(10);
/// What the slowest line that is still of use carries in a millisecond; a PING behind a large SEND waits for that.
const SLOWEST: usize = 2;

#[derive(Debug)]
pub enum Incoming {
    Recv(Box<Recv>, Result<Vec<u8>, CipherError>),
    Sendack(Sendack),
    Event(Event),
    /// The server ended this login. Always the last.
    Kick {
        reason: String,
    },
}

pub struct Link {
    id: ConnectionId,
    version: ProtocolVersion,
    cipher: Cipher,
    deframer: Deframer,
    /// Since the first PONG.
    proven: Option<Mono>,
    /// What one side sealed the other has read.
    keys_work: bool,
    outgoing: VecDeque<Vec<u8>>,
    /// Until then nothing leaves, unless the server says something first.
    quiet_until: Option<Mono>,
    /// Bytes that left since the server last answered anything that we sent.
    unanswered: usize,
    last_ping: Mono,
    pong_due: Option<Mono>,
    ping_every: Millis,
}

impl Link {
    pub fn new(id: ConnectionId, version: ProtocolVersion, cipher: Cipher, deframer: Deframer) -> Self {
        Self {
            id,
            version,
            cipher,
            deframer,
            proven: None,
            keys_work: false,
            outgoing: VecDeque::new(),
            quiet_until: None,
            unanswered: 0,
            last_ping: Mono(0),
            pong_due: None,
            ping_every: PING_VISIBLE,
        }
    }

    pub fn id(&self) -> ConnectionId {
        self.id
    }

    pub fn version(&self) -> ProtocolVersion {
        self.version
    }

    pub fn is_proven(&self) -> bool {
        self.proven.is_some()
    }

    pub fn has_lasted(&self, now: Mono) -> bool {
        self.proven.is_some_and(|since| now.since(since) >= LASTS)
    }

    pub fn keys_work(&self) -> bool {
        self.keys_work
    }

    pub fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    pub fn push(&mut self, now: Mono, bytes: &[u8]) {
        if self.is_proven()
            && let Some(due) = &mut self.pong_due
        {
            *due = (now + PONG).min(self.last_ping + SLOW_PONG).max(*due);
        }
        self.deframer.push(bytes);
    }

    pub fn buffered(&self) -> usize {
        self.deframer.buffered()
    }

    /// Asks for a sign of life now, unless one is awaited already.
    pub fn ping(&mut self, now: Mono) {
        if self.pong_due.is_none() {
            let before_it: usize = self.unanswered + self.outgoing.iter().map(Vec::len).sum::<usize>();
            let on_its_way = Millis((before_it / SLOWEST) as u64).min(SLOW_PONG);
            self.outgoing.push_back(vec![PING]);
            self.last_ping = now;
            self.pong_due = Some(now + if self.is_proven() { PONG } else { FIRST_PONG } + on_its_way);
        }
    }

    pub fn poll_timeout(&self) -> Option<Mono> {
        let heartbeat = self.pong_due.unwrap_or(self.last_ping + self.ping_every);
        match self.quiet_until {
            Some(until) if !self.outgoing.is_empty() => Some(until.min(heartbeat)),
            _ => Some(heartbeat),
        }
    }

    /// False when the connection is dead.
    pub fn handle_timeout(&mut self, now: Mono, visible: bool) -> bool {
        if self.pong_due.is_some_and(|due| due <= now) {
            return false;
        }
        self.ping_every = if visible { PING_VISIBLE } else { PING_HIDDEN };
        if self.pong_due.is_none() && self.last_ping + self.ping_every <= now {
            self.ping(now);
        }
        true
    }

    pub fn queue(&mut self, packet: Packet, trace: bool, effects: &mut VecDeque<Effect>) {
        let mut bytes = Vec::with_capacity(encoded_len(&packet, self.version).unwrap_or(64));
        // The outbox and the commands are checked before they come here, so an encoder error means a value that the negotiated
        // version has no room for; such a packet has no meaning to this server.
        if encode_for_one_node(&packet, self.version, &mut bytes).is_ok() {
            if trace {
                effects.push_back(Effect::Trace(line(&packet, true, bytes.len())));
            }
            self.outgoing.push_back(bytes);
        }
    }

    /// One socket message, if it is time for one.
    pub fn flush(&mut self, now: Mono) -> Option<Vec<u8>> {
        if self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        let mut message = self.outgoing.pop_front()?;
        while let Some(next) = self.outgoing.front() {
            if message.len() + next.len() > MESSAGE {
                break;
            }
            message.extend_from_slice(next);
            self.outgoing.pop_front();
        }
        self.quiet_until = Some(now + PACE);
        self.unanswered += message.len();
        Some(message)
    }

    pub fn take(
        &mut self,
        now: Mono,
        limit: usize,
        trace: bool,
        effects: &mut VecDeque<Effect>,
    ) -> Result<(Vec<Incoming>, bool), DecodeError> {
        let mut incoming = Vec::new();
        // RECVs wait here so that the cipher sees them together; anything else lets them out first, so the order stays.
        let mut recvs: Vec<Recv> = Vec::new();
        let mut count = 0;
        while count < limit {
            let Some(packet) = self.deframer.next(self.version)? else {
                self.open(&mut recvs, &mut incoming);
                return Ok((incoming, false));
            };
            count += 1;
            self.quiet_until = None;
            if trace {
                effects.push_back(Effect::Trace(line(&packet, false, encoded_len(&packet, self.version).unwrap_or(0))));
            }
            if let Packet::Recv(recv) = packet {
                recvs.push(recv);
                continue;
            }
            self.open(&mut recvs, &mut incoming);
            match packet {
                Packet::Pong => {
                    self.unanswered = 0;
                    self.pong_due = None;
                    self.proven.get_or_insert(now);
                    self.last_ping = now;
                }
                Packet::Sendack(ack) => {
                    self.unanswered = 0;
                    self.keys_work |= ack.reason == ReasonCode::SUCCESS;
                    incoming.push(Incoming::Sendack(ack));
                }
                Packet::Event(event) => incoming.push(Incoming::Event(event)),
                Packet::Disconnect(packet) => {
                    incoming.push(Incoming::Kick { reason: packet.reason_text.to_string_lossy().into_owned() });
                    return Ok((incoming, false));
                }
                // Kinds that only clients send, or that a newer server may have.
                _ => {}
            }
        }
        self.open(&mut recvs, &mut incoming);
        Ok((incoming, self.deframer.buffered() > 0))
    }

    fn open(&mut self, recvs: &mut Vec<Recv>, incoming: &mut Vec<Incoming>) {
        if recvs.is_empty() {
            return;
        }
        let opened = self.cipher.open(recvs);
        for (recv, plaintext) in recvs.drain(..).zip(opened) {
            self.keys_work |= plaintext.is_ok();
            incoming.push(Incoming::Recv(Box::new(recv), plaintext));
        }
    }
}

fn line(packet: &Packet, sent: bool, bytes: usize) -> Trace {
    let (mut message_id, mut message_seq, mut client_msg_no, mut reason_code) = (None, None, None, None);
    let number = |text: &crate::wire::Text| Some(ClientMsgNo(text.to_string_lossy().into_owned()));
    match packet {
        Packet::Send(send) => client_msg_no = number(&send.client_msg_no),
        Packet::Sendack(ack) => {
            (message_id, message_seq, reason_code) = (Some(ack.message_id), Some(ack.message_seq), Some(ack.reason.0));
        }
        Packet::Recv(recv) => {
            (message_id, message_seq) = (Some(recv.message_id), Some(recv.message_seq));
            client_msg_no = number(&recv.client_msg_no);
        }
        Packet::Recvack(ack) => (message_id, message_seq) = (Some(ack.message_id), Some(ack.message_seq)),
        Packet::Disconnect(disconnect) => reason_code = Some(disconnect.reason.0),
        _ => {}
    }
    let kind = packet.kind().name().unwrap_or("unknown");
    Trace::Packet { sent, kind, bytes, message_id, message_seq, client_msg_no, reason_code }
}
