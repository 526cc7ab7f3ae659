//! A message on its way out: who gets it, what it looks like to each, and until when it is sent again.

use crate::Trace;
use crate::directory::{DeviceLevel, ListKind};
use crate::ids::{Channel, ConnId, SYSTEM_UID, Uid};
use crate::node::{Node, Unacked};
use crate::send::Post;
use jindou::id::{ChannelType, MessageId, MessageSeq};
use jindou::wire::{Flags, Packet, PacketKind, Recv, Recvack, Setting, Stream, Text, encode};

impl Node {
    /// Whom a message in this channel concerns. One's channel with oneself names its person twice, and so it is delivered.
    pub(crate) fn audience(&self, channel: &Channel) -> Vec<Uid> {
        let two = [ChannelType::PERSON, ChannelType::AGENT].contains(&channel.kind);
        if channel.kind == ChannelType::TEMP {
            return self.temporary.get(&channel.id).cloned().unwrap_or_default();
        }
        if two {
            let Some((first, second)) = channel.pair() else { return Vec::new() };
            return vec![Uid::from(first), Uid::from(second)];
        }
        let original = channel.original();
        let mut uids: Vec<Uid> = self.directory.list(&original, ListKind::Subscribers).iter().cloned().collect();
        if channel.kind == ChannelType::VISITORS && !uids.iter().any(|uid| uid.as_str() == original.id) {
            uids.push(Uid(original.id));
        }
        uids
    }

    pub(crate) fn deliver(&mut self, channel: &Channel, post: &Post, seq: u64) {
        let mut audience = self.audience(channel);
        if self.config.generation.is_v3() && channel.is_command() && channel.kind != ChannelType::TEMP {
            // Of two people only the first in the channel's id hears of a command, of a group nobody.
            audience.truncate(usize::from(channel.kind == ChannelType::PERSON));
        }
        self.deliver_to(&audience, channel, post, seq);
    }

    pub(crate) fn deliver_to(&mut self, audience: &[Uid], channel: &Channel, post: &Post, seq: u64) {
        for uid in audience {
            // System accounts have no devices, even where somebody connects as one.
            if self.directory.is_system(uid) {
                continue;
            }
            for conn in self.connections(uid, None) {
                if post.origin != Some(conn) {
                    self.push(conn, uid, channel, post, seq);
                }
            }
        }
    }

    fn push(&mut self, conn: ConnId, uid: &Uid, channel: &Channel, post: &Post, seq: u64) {
        let mut recv =
            if self.config.generation.is_v3() { self.recv_v3(uid, post, seq) } else { self.recv_v2(uid, post, seq) };
        let interval = self.config.retry.interval;
        let due = self.now + interval;
        let Some(session) = self.session_mut(conn) else { return };
        session.cipher.seal_recv(&mut recv);
        let version = session.version;
        if !(version.carries_stream() && recv.setting.contains(Setting::STREAM)) {
            recv.stream = None;
        }
        let mut bytes = Vec::new();
        if encode(&Packet::Recv(recv), version, &mut bytes).is_err() {
            return;
        }
        if !self.config.generation.is_v3() && !post.flags.no_persist {
            let waiting = Unacked { channel: channel.clone(), packet: bytes.clone(), due, resent: 0 };
            if let Some(session) = self.session_mut(conn) {
                session.unacked.entry(post.message_id).or_insert(waiting);
            }
            self.arm_scan();
        }
        self.transmit_bytes(conn, PacketKind::RECV, bytes);
    }

    fn recv_v2(&self, uid: &Uid, post: &Post, seq: u64) -> Recv {
        let from = if self.directory.is_system(&post.from) { Text::new() } else { Text::from(post.from.as_str()) };
        let own = from == *uid.as_str();
        let to_me = post.kind == ChannelType::PERSON && post.named == *uid.as_str();
        Recv {
            // One's own devices show no dot.
            flags: Flags { dup: false, red_dot: post.flags.red_dot && !own, ..post.flags },
            setting: post.setting,
            msg_key: Text::new(),
            channel_id: if to_me { from.clone() } else { post.named.clone() },
            from_uid: from,
            channel_type: post.kind,
            expire: post.expire,
            client_msg_no: post.client_msg_no.clone(),
            stream: Some(Stream { flag: 0, no: Text::new(), id: u64::from_ne_bytes(post.message_id.to_ne_bytes()) }),
            message_id: MessageId(post.message_id),
            message_seq: MessageSeq(seq),
            timestamp: self.now.timestamp(),
            topic: post.topic.clone(),
            payload: post.payload.clone(),
        }
    }

    /// Version 3 loses setting, topic, expire and every flag but the dot; a command keeps the suffix of its log.
    fn recv_v3(&self, uid: &Uid, post: &Post, seq: u64) -> Recv {
        let from = if post.from.as_str().is_empty() { SYSTEM_UID } else { post.from.as_str() };
        let named = post.named.to_string_lossy();
        let (name, suffix) = match named.strip_suffix(crate::ids::COMMAND_SUFFIX) {
            Some(name) => (name, crate::ids::COMMAND_SUFFIX),
            None => (named.as_ref(), ""),
        };
        let to_me = post.kind == ChannelType::PERSON && name == uid.as_str();
        let channel_id = format!("{}{suffix}", if to_me { from } else { name });
        Recv {
            flags: Flags { red_dot: post.flags.red_dot && post.origin.is_some(), ..Flags::default() },
            setting: Setting(0),
            msg_key: Text::new(),
            from_uid: Text::from(from),
            channel_id: Text::from(channel_id),
            channel_type: post.kind,
            expire: 0,
            client_msg_no: post.client_msg_no.clone(),
            stream: None,
            message_id: MessageId(post.message_id),
            message_seq: MessageSeq(seq),
            timestamp: self.now.timestamp(),
            topic: None,
            payload: post.payload.clone(),
        }
    }

    pub(crate) fn handle_recvack(&mut self, conn: ConnId, ack: &Recvack) {
        let Some(session) = self.session_mut(conn) else { return };
        let uid = session.uid.clone();
        // With NoPersist in the ack nothing is looked up, so nothing is taken from the table.
        if !ack.flags.no_persist {
            let waiting = session.unacked.remove(&ack.message_id.0);
            let clears = ack.flags.sync_once && session.level == DeviceLevel::Master;
            if let Some(waiting) = waiting.filter(|_| clears) {
                self.read_commands(&uid, &waiting.channel, ack.message_seq.0);
            }
        }
        let (message_id, flags) = (ack.message_id.0, ack.flags.bits());
        self.note(|| Trace::Acked { conn, uid, message_id, flags });
    }

    /// Moves the read position of a log of commands, if it was written already; before that an ack does nothing.
    pub(crate) fn read_commands(&mut self, uid: &Uid, channel: &Channel, seq: u64) {
        if let Some(mut conversation) = self.conversations.written(uid, channel)
            && seq > conversation.read_to
        {
            conversation.read_to = seq;
            conversation.updated_at = self.now;
            self.write_conversation(uid, channel, conversation);
        }
    }

    /// Sends what was not acknowledged again: the same bytes, without DUP, a few times and only to the same connection.
    pub(crate) fn resend_unacked(&mut self) {
        let retry = self.config.retry;
        let now = self.now;
        let mut due = Vec::new();
        let mut waiting = false;
        for (conn, socket) in &mut self.sockets {
            let crate::node::Phase::Ready(session) = &mut socket.phase else { continue };
            session.unacked.retain(|_, unacked| {
                if unacked.due > now {
                    return true;
                }
                unacked.resent += 1;
                unacked.due = now + retry.interval;
                if unacked.resent <= retry.limit {
                    due.push((*conn, unacked.packet.clone()));
                }
                unacked.resent <= retry.limit
            });
            waiting |= !session.unacked.is_empty();
        }
        for (conn, bytes) in due {
            self.transmit_bytes(conn, PacketKind::RECV, bytes);
        }
        if waiting {
            self.arm_scan();
        }
    }
}
