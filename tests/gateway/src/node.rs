//! The server as one value: what it knows, who is connected, what it has to do and when.
//!
//! Behaviour stands in the files named after it (`handshake`, `send`, `delivery`, `http`); here are the sockets' lives,
//! the agenda and the ways out.

use crate::config::{Config, Generation};
use crate::conversation::Conversations;
use crate::dice::Dice;
use crate::directory::{DeviceLevel, Directory};
use crate::fault::Faults;
use crate::ids::{Channel, ConnId, RequestId, Uid};
use crate::journal::Journal;
use crate::row::{self, Row};
use crate::send::{Outcome, Post};
use crate::time::Millis;
use crate::{CloseHow, HttpResponse, Output, Trace};
use jindou::id::DeviceFlag;
use jindou::wire::cipher::Cipher;
use jindou::wire::{Deframer, Packet, PacketKind, ProtocolVersion, Text, encode};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One socket, from its opening until either side ends it.
pub(crate) struct Socket {
    pub(crate) phase: Phase,
    /// Bytes before CONNECT is complete.
    pub(crate) greeting: Vec<u8>,
    pub(crate) deframer: Deframer,
    /// Nothing that comes in is understood any more, and nobody is told.
    pub(crate) deaf: bool,
    last_activity: Millis,
    idle_limit: Millis,
    idle_epoch: u64,
    burst: Burst,
    /// Version 3: socket messages of this instant, read together.
    pub(crate) gathered: Vec<Vec<u8>>,
}

pub(crate) enum Phase {
    Greeting,
    /// CONNECT was refused in silence: the socket waits for its idle limit.
    Refused,
    Ready(Box<Session>),
}

/// Who is at the other end.
pub(crate) struct Session {
    pub(crate) uid: Uid,
    pub(crate) flag: DeviceFlag,
    pub(crate) device_id: Text,
    pub(crate) level: DeviceLevel,
    pub(crate) version: ProtocolVersion,
    pub(crate) cipher: Cipher,
    /// A kicked connection of 2.2.x is no longer registered, and stays open: it gets nothing, its SENDs count.
    pub(crate) registered: bool,
    pub(crate) unacked: BTreeMap<i64, Unacked>,
}

/// A RECV that waits for its RECVACK.
pub(crate) struct Unacked {
    pub(crate) channel: Channel,
    pub(crate) packet: Vec<u8>,
    pub(crate) due: Millis,
    pub(crate) resent: u32,
}

#[derive(Default)]
struct Burst {
    at: Millis,
    messages: u32,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Idle {
        conn: ConnId,
        epoch: u64,
    },
    /// The end of a kicked connection, a while after the kick.
    End(ConnId),
    /// Looks through the RECVs without RECVACK.
    Scan,
    /// Writes new conversations.
    Flush,
    /// Version 3 reads what came together.
    Gather(ConnId),
    /// A fault lets go of what it held.
    Release,
}

pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) dice: Dice,
    pub(crate) now: Millis,
    pub(crate) directory: Directory,
    pub(crate) journal: Journal,
    pub(crate) conversations: Conversations,
    pub(crate) sockets: BTreeMap<ConnId, Socket>,
    pub(crate) online: BTreeMap<Uid, BTreeSet<ConnId>>,
    /// Who listens to a channel that was made for listed people.
    pub(crate) temporary: BTreeMap<String, Vec<Uid>>,
    /// Version 3: who asked for the commands of which channel.
    pub(crate) bound: BTreeSet<(Uid, Channel)>,
    /// Channels whose leader is away.
    pub(crate) stranded: BTreeSet<Channel>,
    pub(crate) faults: Faults,
    pub(crate) out: VecDeque<Output>,
    pub(crate) trace: Vec<Trace>,
    agenda: BTreeSet<(Millis, u64, Timer)>,
    agenda_order: u64,
    armed: BTreeSet<Timer>,
    scan_period: Millis,
    last_message_id: i64,
}

impl Node {
    pub(crate) fn new(config: Config, entropy: [u8; 32]) -> Node {
        let mut dice = Dice::new(entropy);
        let scan = config.retry.scan;
        let scan_period = Millis(scan.0 + dice.below(scan.0)).max(Millis(1));
        Node {
            faults: Faults::new(dice.seed()),
            config,
            dice,
            now: Millis(0),
            directory: Directory::new(),
            journal: Journal::default(),
            conversations: Conversations::default(),
            sockets: BTreeMap::new(),
            online: BTreeMap::new(),
            temporary: BTreeMap::new(),
            bound: BTreeSet::new(),
            stranded: BTreeSet::new(),
            out: VecDeque::new(),
            trace: Vec::new(),
            agenda: BTreeSet::new(),
            agenda_order: 0,
            armed: BTreeSet::new(),
            scan_period,
            last_message_id: 0,
        }
    }

    // ---- time ----

    pub(crate) fn schedule(&mut self, at: Millis, timer: Timer) {
        self.agenda_order += 1;
        self.agenda.insert((at, self.agenda_order, timer));
    }

    /// Schedules the next tick of a clock that runs while there is something to do for it.
    fn arm(&mut self, timer: Timer, period: Millis) {
        if self.armed.insert(timer) {
            let period = period.0.max(1);
            self.schedule(Millis((self.now.0 / period + 1) * period), timer);
        }
    }

    pub(crate) fn arm_scan(&mut self) {
        self.arm(Timer::Scan, self.scan_period);
    }

    pub(crate) fn arm_flush(&mut self) {
        self.arm(Timer::Flush, self.config.conversation_flush);
    }

    pub(crate) fn next_timer(&self) -> Option<Millis> {
        self.agenda.first().map(|(at, _, _)| *at)
    }

    pub(crate) fn fire_due(&mut self) {
        while let Some((at, order, timer)) = self.agenda.first().copied()
            && at <= self.now
        {
            self.agenda.remove(&(at, order, timer));
            self.armed.remove(&timer);
            match timer {
                Timer::Idle { conn, epoch } => self.check_idle(conn, epoch, at),
                Timer::End(conn) => self.end_kicked(conn),
                Timer::Scan => self.resend_unacked(),
                Timer::Flush => self.flush_conversations(),
                Timer::Gather(conn) => self.read_gathered(conn),
                Timer::Release => self.release_held(),
            }
        }
    }

    // ---- sockets ----

    pub(crate) fn open(&mut self, conn: ConnId) {
        let socket = Socket {
            phase: Phase::Greeting,
            greeting: Vec::new(),
            deframer: Deframer::new(),
            deaf: false,
            last_activity: self.now,
            idle_limit: Millis(0),
            idle_epoch: 0,
            burst: Burst::default(),
            gathered: Vec::new(),
        };
        self.sockets.insert(conn, socket);
        // Version 3 knows one limit for all.
        let idle = self.config.idle;
        self.set_idle(conn, if self.config.generation.is_v3() { idle.ready } else { idle.before_connect });
    }

    /// Any sign of life; on 2.x also a ping of the WebSocket itself.
    pub(crate) fn alive(&mut self, conn: ConnId) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.last_activity = self.now;
        }
    }

    pub(crate) fn message(&mut self, conn: ConnId, bytes: Vec<u8>) {
        self.alive(conn);
        let Some(socket) = self.sockets.get_mut(&conn) else { return };
        if socket.deaf || bytes.is_empty() {
            return;
        }
        if socket.burst.at != self.now {
            socket.burst = Burst { at: self.now, messages: 0, bytes: 0 };
        }
        socket.burst.messages += 1;
        socket.burst.bytes += bytes.len();
        let v3 = self.config.generation.is_v3();
        if !v3
            && socket.burst.messages > 1
            && self.config.deaf_after_burst.is_some_and(|limit| socket.burst.bytes > limit)
        {
            // The last socket message was cut by a read, its bytes are thrown away, and the stream is out of step.
            socket.deaf = true;
            return;
        }
        match socket.phase {
            Phase::Greeting => self.greet(conn, &bytes),
            Phase::Refused => {
                if PacketKind(bytes[0] >> 4) != PacketKind::CONNECT {
                    self.close(conn, CloseHow::Cut);
                }
            }
            Phase::Ready(_) if v3 && self.config.lost_in_burst > 0 => {
                socket.gathered.push(bytes);
                if socket.gathered.len() == 1 {
                    self.schedule(self.now + Millis(1), Timer::Gather(conn));
                }
            }
            Phase::Ready(_) => {
                socket.deframer.push(&bytes);
                for packet in self.packets(conn) {
                    self.handle_packet(conn, packet);
                }
            }
        }
    }

    /// Version 3 lets a SEND be overwritten by the one behind it, if both came in socket messages of their own and were
    /// read together: the second is handled twice, the first never.
    fn read_gathered(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(&conn) else { return };
        let mut reads: Vec<Vec<Packet>> = Vec::new();
        for bytes in std::mem::take(&mut socket.gathered) {
            let Some(socket) = self.sockets.get_mut(&conn) else { return };
            socket.deframer.push(&bytes);
            let packets = self.packets(conn);
            reads.push(packets);
        }
        for at in 1..reads.len() {
            let next = match reads[at].first() {
                Some(Packet::Send(next)) => Packet::Send(next.clone()),
                _ => continue,
            };
            if let Some(last @ Packet::Send(_)) = reads[at - 1].last_mut()
                && self.dice.chance(self.config.lost_in_burst)
            {
                *last = next;
            }
        }
        for packet in reads.into_iter().flatten() {
            self.handle_packet(conn, packet);
        }
    }

    /// The complete packets that have come. A stream that cannot be read ends the connection.
    fn packets(&mut self, conn: ConnId) -> Vec<Packet> {
        let mut packets = Vec::new();
        let Some(socket) = self.sockets.get_mut(&conn) else { return packets };
        let Phase::Ready(session) = &socket.phase else { return packets };
        loop {
            match socket.deframer.next(session.version) {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => return packets,
                // The server takes a packet of kind 0 for an incomplete one, and waits for its rest for ever.
                Err(jindou::wire::DecodeError::KindZero) => {
                    socket.deaf = true;
                    return packets;
                }
                Err(_) => {
                    let how = self.end_of_connection();
                    self.close(conn, how);
                    return Vec::new();
                }
            }
        }
    }

    fn handle_packet(&mut self, conn: ConnId, packet: Packet) {
        let generation = self.config.generation;
        match packet {
            Packet::Send(send) => self.handle_send(conn, send),
            Packet::Recvack(ack) => self.handle_recvack(conn, &ack),
            Packet::Ping => self.transmit(conn, &Packet::Pong),
            Packet::Unknown(_) => self.close(conn, self.end_of_connection()),
            Packet::Event(_) if generation == Generation::V21 => self.close(conn, CloseHow::Cut),
            // What a client has no business to send: 2.x looks away, version 3 hangs up.
            _ if generation.is_v3() => self.close(conn, self.end_of_connection()),
            _ => {}
        }
    }

    /// How this generation ends a connection: 2.x without a word, version 3 with a Close frame that says nothing.
    pub(crate) fn end_of_connection(&self) -> CloseHow {
        if self.config.generation.is_v3() { CloseHow::Frame(1000) } else { CloseHow::Cut }
    }

    pub(crate) fn close(&mut self, conn: ConnId, how: CloseHow) {
        if self.gone(conn) {
            self.out.push_back(Output::Close(conn, how));
        }
    }

    /// The socket is no more, by either side. Answers whether it was there.
    pub(crate) fn gone(&mut self, conn: ConnId) -> bool {
        self.unregister(conn);
        self.faults.forget_connection(conn);
        self.sockets.remove(&conn).is_some()
    }

    /// The connection is no longer one of its person's; the socket stays.
    pub(crate) fn unregister(&mut self, conn: ConnId) {
        let Some(Socket { phase: Phase::Ready(session), .. }) = self.sockets.get_mut(&conn) else { return };
        session.registered = false;
        session.unacked.clear();
        if let Some(conns) = self.online.get_mut(&session.uid) {
            conns.remove(&conn);
            if conns.is_empty() {
                self.online.remove(&session.uid);
            }
        }
    }

    fn end_kicked(&mut self, conn: ConnId) {
        match self.config.generation {
            Generation::V22 => self.unregister(conn),
            Generation::V21 => self.close(conn, CloseHow::Cut),
            Generation::V3 => self.close(conn, CloseHow::Frame(1000)),
        }
    }

    pub(crate) fn set_idle(&mut self, conn: ConnId, limit: Millis) {
        let Some(socket) = self.sockets.get_mut(&conn) else { return };
        socket.idle_limit = limit;
        socket.idle_epoch += 1;
        let timer = Timer::Idle { conn, epoch: socket.idle_epoch };
        self.schedule(self.now + Millis(limit.0 / 2), timer);
    }

    /// `tick` is when the check was due: a clock that fires late must not make the silence longer than the limit.
    fn check_idle(&mut self, conn: ConnId, epoch: u64, tick: Millis) {
        let Some(socket) = self.sockets.get(&conn) else { return };
        if socket.idle_epoch != epoch {
            return;
        }
        let silent = tick.since(socket.last_activity);
        // Version 3 keeps to its limit, 2.x notices at the tick behind it.
        let over =
            if self.config.generation.is_v3() { silent >= socket.idle_limit } else { silent > socket.idle_limit };
        if over {
            self.close(conn, self.end_of_connection());
        } else {
            let limit = socket.idle_limit;
            self.schedule(tick + Millis((limit.0 / 2).max(1)), Timer::Idle { conn, epoch });
        }
    }

    pub(crate) fn session(&self, conn: ConnId) -> Option<&Session> {
        match self.sockets.get(&conn)?.phase {
            Phase::Ready(ref session) => Some(session),
            _ => None,
        }
    }

    pub(crate) fn session_mut(&mut self, conn: ConnId) -> Option<&mut Session> {
        match self.sockets.get_mut(&conn)?.phase {
            Phase::Ready(ref mut session) => Some(session),
            _ => None,
        }
    }

    /// The registered connections of a person, all of them or those of one device flag.
    pub(crate) fn connections(&self, uid: &Uid, flag: Option<DeviceFlag>) -> Vec<ConnId> {
        let conns = self.online.get(uid).into_iter().flatten().copied();
        conns.filter(|conn| flag.is_none_or(|flag| self.session(*conn).is_some_and(|s| s.flag == flag))).collect()
    }

    // ---- ways out ----

    /// Writes a packet to a registered connection. To others nothing is written, as if they were gone.
    pub(crate) fn transmit(&mut self, conn: ConnId, packet: &Packet) {
        let Some(session) = self.session(conn) else { return };
        if !session.registered {
            return;
        }
        let mut bytes = Vec::new();
        // What cannot be encoded for this session (a place above 32 bits) is not sent; the server does no better.
        if encode(packet, session.version, &mut bytes).is_ok() {
            self.transmit_bytes(conn, packet.kind(), bytes);
        }
    }

    pub(crate) fn transmit_bytes(&mut self, conn: ConnId, kind: PacketKind, bytes: Vec<u8>) {
        let uid = self.session(conn).map(|session| session.uid.clone());
        self.send_through_faults(conn, uid.as_ref(), kind, bytes);
    }

    pub(crate) fn persist(&mut self, row: Row) {
        self.out.push_back(Output::Persist(row));
    }

    pub(crate) fn respond(&mut self, request: RequestId, response: HttpResponse) {
        self.out.push_back(Output::Respond(request, response));
    }

    pub(crate) fn note(&mut self, trace: impl FnOnce() -> Trace) {
        if self.config.trace {
            self.trace.push(trace());
        }
    }

    /// Ids are made as snowflakes: time, node, counter. They grow, which those of a cluster do not.
    pub(crate) fn next_message_id(&mut self) -> i64 {
        const EPOCH: u64 = 1_288_834_974_657;
        let time = self.now.0.saturating_sub(EPOCH);
        let id = i64::try_from((time << 22) | ((self.config.node_id & 0x3ff) << 12)).unwrap_or(i64::MAX - 1);
        self.last_message_id = if id > self.last_message_id { id } else { self.last_message_id + 1 };
        self.last_message_id
    }

    // ---- restarts ----

    pub(crate) fn restore(&mut self, row: Row) {
        match row {
            Row::Device { uid, flag, token, level } => {
                self.directory.set_device(&uid, DeviceFlag(flag), crate::directory::Device { token, level });
            }
            Row::System { uid, system } => self.directory.set_system(&uid, system),
            Row::Channel { id, kind, info } => self.directory.set_info(&row::channel(id, kind), info),
            Row::List { id, kind, list, change, uids } => {
                self.directory.change_list(&row::channel(id, kind), list, change, &uids);
            }
            Row::Message { id, kind, stored } => {
                if let Some(message) = stored.into_message(row::channel(id, kind)) {
                    self.last_message_id = self.last_message_id.max(message.message_id);
                    self.journal.restore(message);
                }
            }
            Row::TakenBack { id, kind, from } => self.journal.take_back(&row::channel(id, kind), from),
            Row::Conversation { uid, id, kind, read_to, deleted_to, updated_at } => {
                let conversation = crate::conversation::Conversation { read_to, deleted_to, updated_at };
                self.conversations.write(&uid, &row::channel(id, kind), conversation);
            }
            Row::Forgotten { uid, id, kind } => self.conversations.forget(&uid, &row::channel(id, kind)),
            Row::Pending { id, kind, readers } => {
                self.conversations.announce(&row::channel(id, kind), readers.into_iter().collect());
                self.arm_flush();
            }
        }
    }

    /// Without a leader it is stored, and pushed to nobody.
    pub(crate) fn strands(&self, channel: &Channel, post: &Post, outcome: Outcome) -> bool {
        self.stranded.contains(channel) && !post.flags.no_persist && outcome.message_seq > 0
    }

    pub(crate) fn strand(&mut self, channel: &Channel, stranded: bool) {
        if stranded {
            self.stranded.insert(channel.clone());
        } else {
            self.stranded.remove(channel);
        }
    }

    pub(crate) fn take_back(&mut self, channel: &Channel, from: u64) {
        self.journal.take_back(channel, from);
        self.persist(Row::TakenBack { id: channel.id.clone(), kind: channel.kind.0, from });
    }

    /// An orderly end keeps what waits to be written.
    pub(crate) fn stop(&mut self) {
        let rows: Vec<Row> = self
            .conversations
            .pending()
            .map(|(channel, readers)| Row::Pending {
                id: channel.id.clone(),
                kind: channel.kind.0,
                readers: readers.iter().map(|(uid, read_to)| (uid.clone(), *read_to)).collect(),
            })
            .collect();
        rows.into_iter().for_each(|row| self.persist(row));
        let conns: Vec<ConnId> = self.sockets.keys().copied().collect();
        for conn in conns {
            self.close(conn, CloseHow::Cut);
        }
    }

    pub(crate) fn flush_conversations(&mut self) {
        let kills = self.config.generation == Generation::V21
            && self.conversations.pending().any(|(channel, readers)| {
                channel.id.split('@').any(str::is_empty) && readers.keys().any(|uid| uid.as_str().is_empty())
            });
        if kills {
            // A person channel with nobody at the other end ends the process of 2.1.x ("shardId key is empty").
            self.out.push_back(Output::Crash);
            return;
        }
        for (uid, channel, conversation) in self.conversations.flush(self.now) {
            self.persist_conversation(&uid, &channel, conversation);
        }
    }

    pub(crate) fn write_conversation(
        &mut self,
        uid: &Uid,
        channel: &Channel,
        conversation: crate::conversation::Conversation,
    ) {
        self.conversations.write(uid, channel, conversation);
        self.persist_conversation(uid, channel, conversation);
    }

    fn persist_conversation(&mut self, uid: &Uid, channel: &Channel, conversation: crate::conversation::Conversation) {
        self.persist(Row::Conversation {
            uid: uid.clone(),
            id: channel.id.clone(),
            kind: channel.kind.0,
            read_to: conversation.read_to,
            deleted_to: conversation.deleted_to,
            updated_at: conversation.updated_at,
        });
    }

    pub(crate) fn forget_conversation(&mut self, uid: &Uid, channel: &Channel) {
        self.conversations.forget(uid, channel);
        self.persist(Row::Forgotten { uid: uid.clone(), id: channel.id.clone(), kind: channel.kind.0 });
    }
}
