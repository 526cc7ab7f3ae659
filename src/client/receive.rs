//! Packets come in: acks to the outbox, messages to their timelines, commands to recalls, and what cannot be read to quarantine.

use crate::channel::{Channel, ClientMsgNo, Uid};
use crate::event::{Event, Trace, key};
use crate::id::{MessageId, MessageSeq};
use crate::outbox::Answered;
use crate::quotes;
use crate::recall;
use crate::request;
use crate::rows::{self, Change, Mark, MessageRow, QuarantineRow, Role, transient_id};
use crate::session::Incoming;
use crate::time::{Now, Wall};
use crate::timeline::{Arrival, HOLD, SYSTEM, Work};
use crate::turn::{After, ConnectionId};
use crate::wire::{Recv, Recvack, Sendack};

use super::requests::COMMANDS;
use super::{COMMANDS_KEPT, Client, Delivery, MessageView, Target, UNCOMMITTED};

/// The suffix of a command log, which version 3 leaves on the channelId.
const COMMAND_SUFFIX: &str = "____cmd";
const ONLINE_COMMANDS: &str = "systemcmdonline";
/// What is kept of a payload that cannot be read.
const QUARANTINE: usize = 48 * 1024;

impl Client {
    pub(super) fn take_packets(&mut self, now: Now, limit: usize) {
        if !self.more_packets {
            return;
        }
        let Some(connection) = self.session.connection() else {
            self.more_packets = false;
            return;
        };
        let (packets, more) = self.session.take_packets(now, limit);
        self.more_packets = more;
        for packet in packets {
            match packet {
                Incoming::Recv(recv, plaintext) => {
                    self.sync.handle_heard(now.mono);
                    match plaintext {
                        Ok(plaintext) => self.receive(now, connection, *recv, plaintext),
                        Err(error) => {
                            self.quarantine(now, connection, &recv, error.to_string());
                            self.session.doubt_keys(now);
                        }
                    }
                }
                Incoming::Sendack(ack) => self.acked(now, &ack),
                Incoming::Event(event) => {
                    let event = Event::Stream {
                        id: event.id.to_string_lossy().into_owned(),
                        kind: event.kind.to_string_lossy().into_owned(),
                        timestamp: event.timestamp,
                        data: event.data,
                    };
                    let mut turn = self.turn(now);
                    turn.event(event);
                    self.absorb(turn);
                }
                Incoming::Kick { .. } => {}
            }
        }
        let waiting = self.session.link().map_or(0, crate::session::Link::buffered);
        if self.batches.bytes() + self.queued + waiting > UNCOMMITTED && !self.throttled {
            self.throttled = true;
            self.session.hold(true);
            self.session.reconnect(now, "more came than the database could take");
        }
    }

    fn acked(&mut self, now: Now, ack: &Sendack) {
        let Some(version) = self.session.version() else { return };
        let mut turn = self.turn(now);
        let answered = self.outbox.handle_sendack(&mut turn, ack, version, &mut self.dice);
        if let Answered::Transient(row) = &answered {
            // Another connection of this device may bring it back.
            let act = act_id(&row.channel, &self.config.uid, &row.client_msg_no);
            if let Some(act) = act.filter(|act| self.seen.insert(*act)) {
                turn.change(transient_seen(act, now));
            }
        }
        self.absorb(turn);
        if matches!(answered, Answered::Unread) {
            self.session.doubt_keys(now);
        }
        if let Answered::Stored { row, message_id, message_seq } = answered {
            self.outbox.witnessed(now, &row.channel, message_seq);
            // Not by our wall clock, which may have been changed since the connection began.
            let timestamp = self.session.stored_at(now).0 / 1000;
            let channel = row.channel.clone();
            let row = MessageRow {
                channel: row.channel,
                message_seq,
                message_id,
                client_msg_no: row.client_msg_no,
                from: self.config.uid.clone(),
                timestamp,
                setting: row.setting,
                expire: row.expire,
                topic: row.topic,
                content: row.content,
                state: Default::default(),
                mark: None,
                copies: Vec::new(),
                counted: false,
                unconfirmed: false,
            };
            self.push_work(&channel, Work::Arrived(Box::new(Arrival::live(row))));
        }
    }

    fn quarantine(&mut self, now: Now, connection: ConnectionId, recv: &Recv, why: String) {
        let mut turn = self.turn(now);
        let raw = recv.payload[..recv.payload.len().min(QUARANTINE)].to_vec();
        let (message_id, message_seq) = (recv.message_id, recv.message_seq);
        turn.change(Change::Quarantine(QuarantineRow { message_id, message_seq, at: now.wall, why: why.clone(), raw }));
        turn.ack(connection, ack_of(recv));
        turn.event(Event::Quarantined { message_id, why });
        self.absorb(turn);
        // The business server may still give it in clear; the hole that it leaves is asked for.
        if let Some(channel_id) = recv.channel_id.to_str()
            && !recv.flags.sync_once
            && message_seq > MessageSeq(0)
            && crate::config::name("channelId", channel_id).is_ok()
        {
            let channel = Channel::new(recv.channel_type.0, channel_id);
            self.timeline(&channel).refresh(true);
            self.sync.want_history(now.mono, channel, HOLD);
        }
    }

    fn receive(&mut self, now: Now, connection: ConnectionId, recv: Recv, plaintext: Vec<u8>) {
        let names = (recv.channel_id.to_str(), recv.from_uid.to_str(), recv.client_msg_no.to_str());
        let (Some(channel_id), Some(from), Some(client_msg_no)) = names else {
            return self.quarantine(now, connection, &recv, "a name in it is not UTF-8".to_owned());
        };
        let from = person(from);
        let client_msg_no = ClientMsgNo::from(client_msg_no);
        let (channel, is_command) = self.channel_of(recv.channel_type.0, channel_id, recv.flags.sync_once);
        let ack = ack_of(&recv);
        if is_command {
            return self.command_came(now, channel, from, recv.message_id, plaintext, Some((connection, ack)), false);
        }
        let row = MessageRow {
            channel,
            message_seq: recv.message_seq,
            message_id: recv.message_id,
            client_msg_no,
            from,
            timestamp: i64::from(recv.timestamp),
            setting: recv.setting.0,
            expire: recv.expire,
            topic: recv.topic.as_ref().map(|topic| topic.to_string_lossy().into_owned()),
            content: plaintext,
            state: Default::default(),
            mark: None,
            copies: Vec::new(),
            counted: false,
            unconfirmed: false,
        };
        if recv.flags.no_persist || recv.message_seq == MessageSeq(0) {
            return self.transient(now, row, connection, ack);
        }
        let channel = row.channel.clone();
        self.outbox.witnessed(now, &channel, row.message_seq);
        let red_dot = recv.flags.red_dot;
        let arrival = Arrival { red_dot, ack: Some((connection, ack)), ..Arrival::live(row) };
        self.push_work(&channel, Work::Arrived(Box::new(arrival)));
    }

    /// Where a RECV belongs, and whether it is a command: those count in another log.
    fn channel_of(&self, kind: u8, id: &str, sync_once: bool) -> (Channel, bool) {
        if let Some(plain) = id.strip_suffix(COMMAND_SUFFIX) {
            // Version 3 shows the stored name of a person channel, both uids; the peer is the other one.
            let plain = match plain.split_once('@') {
                Some((a, b)) if kind == Channel::PERSON => {
                    if a == self.config.uid.as_str() {
                        b
                    } else {
                        a
                    }
                }
                _ => plain,
            };
            return (Channel::new(kind, plain), true);
        }
        // The system's own messages come without a channelId on generation 2.
        let id = if id.is_empty() { SYSTEM } else { id };
        (Channel::new(kind, id), sync_once || id == ONLINE_COMMANDS)
    }

    /// A message that nobody keeps: recognised by its id, and by its act of sending where it comes as another copy.
    fn transient(&mut self, now: Now, row: MessageRow, connection: ConnectionId, ack: Recvack) {
        let mut turn = self.turn(now);
        turn.ack(connection, ack);
        // Not under its messageId, which would say that it was a command: it may be stored after all.
        let copy = transient_id(row.message_id);
        let new_copy = self.seen.insert(copy);
        if new_copy {
            turn.change(transient_seen(copy, now));
        }
        // A resend is another copy of the same act of sending, with an id of its own.
        let act = act_id(&row.channel, &row.from, &row.client_msg_no);
        // What the outbox holds is shown already.
        let owed = row.from == self.config.uid && self.outbox.owes(&row.channel, &row.client_msg_no);
        let new_act = !owed && act.is_none_or(|act| self.seen.insert(act));
        if let Some(act) = act.filter(|_| new_act) {
            turn.change(transient_seen(act, now));
        }
        if new_copy && new_act {
            let message = MessageView {
                key: key(&row.from, &row.client_msg_no, row.message_id),
                channel: row.channel,
                client_msg_no: row.client_msg_no,
                message_id: Some(row.message_id),
                message_seq: None,
                own: row.from == self.config.uid,
                from: row.from,
                timestamp: row.timestamp.saturating_mul(1000),
                delivery: Delivery::Sent,
                reason_code: None,
                state: Default::default(),
                recall: None,
                content: Some(row.content),
                expire: row.expire,
                topic: row.topic,
                transient: true,
            };
            let quotes = message.content.as_deref().is_some_and(|content| !quotes::quoted(content).is_empty());
            if quotes {
                // What it quotes may be recalled: the channel's marks know.
                self.push_work(&message.channel.clone(), Work::Transient(Box::new(message)));
            } else {
                turn.event(Event::Message { message, live: true });
            }
        } else {
            let (client_msg_no, message_id) = (row.client_msg_no, row.message_id);
            turn.trace(|| Trace::Duplicate { client_msg_no, message_id });
        }
        self.absorb(turn);
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one command")]
    fn command_came(
        &mut self,
        now: Now,
        channel: Channel,
        from: Uid,
        id: MessageId,
        content: Vec<u8>,
        ack: Option<(ConnectionId, Recvack)>,
        synced: bool,
    ) {
        let mut turn = self.turn(now);
        if let Some((connection, ack)) = ack {
            turn.ack(connection, ack);
        }
        let first = self.seen.insert(id);
        if first {
            turn.change(Change::Command(id, now.wall));
        } else {
            turn.trace(|| Trace::Duplicate { client_msg_no: ClientMsgNo::default(), message_id: id });
        }
        let hint = first.then(|| recall::hint(&content)).flatten();
        if first && hint.is_none() {
            turn.event(Event::Command { channel: channel.clone(), from: from.clone(), message_id: id, content });
        }
        self.absorb(turn);
        if let Some(hint) = hint {
            self.hint_came(channel, from, hint, synced, now);
        }
    }

    fn hint_came(&mut self, came_by: Channel, from: Uid, hint: recall::Hint, synced: bool, now: Now) {
        let peer = || hint.people.iter().find(|uid| **uid != self.config.uid).map(|uid| Channel::person(uid.as_str()));
        let service = came_by.kind == SERVICE || came_by.id == SYSTEM || synced;
        let named = match &hint.channel {
            Some((Channel::PERSON, _)) => peer(),
            Some((kind, id)) => Some(Channel::new(*kind, id.as_str())),
            None => None,
        };
        // The channel by which it came cannot be forged as easily as what it says.
        let channel = if service { named.unwrap_or(came_by) } else { came_by };
        if crate::config::name("channelId", &channel.id).is_err() {
            return;
        }
        let (message_id, message_seq) = (hint.message_id, hint.message_seq);
        let copies = Target { message_id, message_seq, ..Target::default() }.copies();
        let mark = Mark {
            version: hint.version,
            state: hint.state,
            client_msg_no: hint.client_msg_no,
            copies,
            author: Uid::default(),
            role: if from.is_empty() { Role::System } else { Role::Other },
            operator: from,
            at: self.session.server_time(now).unwrap_or(Wall(now.wall.0)),
            deadline: None,
            hint: true,
        };
        self.push_work(&channel, Work::Hint(mark));
    }

    /// Commands that were stored while we were away.
    pub(super) fn commands_synced(&mut self, now: Now, commands: Vec<request::Message>) {
        let mut last = MessageSeq(0);
        // A server that gives only what we know already has missed the acknowledgement, or has nothing more.
        let more = commands.len() >= COMMANDS && commands.iter().any(|command| !self.seen.contains(command.message_id));
        for command in commands {
            last = last.max(command.message_seq);
            let id = command.channel_id.as_deref().unwrap_or_default();
            let (channel, _) = self.channel_of(command.channel_type.unwrap_or(SERVICE), id, true);
            let from = person(command.from_uid.as_str());
            self.command_came(now, channel, from, command.message_id, command.payload.unwrap_or_default(), None, true);
        }
        self.sync.expect_commands(if more { last } else { MessageSeq(0) });
        if last > MessageSeq(0) {
            let mut turn = self.turn(now);
            turn.after.push(After::CommandsSeen(last));
            self.absorb(turn);
        }
    }
}

/// Names an act of sending among the ids that were seen. Negative, as no server's ids are.
fn act_id(channel: &Channel, from: &Uid, client_msg_no: &ClientMsgNo) -> Option<MessageId> {
    let hash = rows::seen_hash(from, client_msg_no);
    (!client_msg_no.is_empty()).then(|| rows::act_id(rows::channel_salt(channel), hash))
}

/// Remembers a transient message for a day, and not as long as a command: such are sent often ("is typing"), and never again from a store.
fn transient_seen(id: MessageId, now: Now) -> Change {
    const DAY: i64 = 24 * 3600 * 1000;
    Change::Command(id, Wall(now.wall.0 - COMMANDS_KEPT + DAY))
}

/// The channel type of what WuKongIM sends to a list of people.
const SERVICE: u8 = 8;

fn person(uid: &str) -> Uid {
    if uid == SYSTEM { Uid::default() } else { Uid::from(uid) }
}

/// The flags of the RECV, for servers of generation 2 act on them.
fn ack_of(recv: &Recv) -> Recvack {
    Recvack { flags: recv.flags, message_id: recv.message_id, message_seq: recv.message_seq }
}
