//! A message on its way in, from a socket or from the HTTP API: may it, where does it go, what is the sender told.

use crate::Trace;
use crate::config::Generation;
use crate::directory::ListKind;
use crate::fault::Forgotten;
use crate::ids::{COMMAND_SUFFIX, Channel, ConnId, Uid};
use crate::journal::Message;
use crate::node::Node;
use crate::row::Row;
use crate::time::Millis;
use jindou::id::{ChannelType, MessageId, MessageSeq};
use jindou::wire::cipher::Cipher;
use jindou::wire::{CipherError, Flags, Packet, ReasonCode, Send, Sendack, Setting, Text, encode};

/// A message before it has a place.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) message_id: i64,
    pub(crate) from: Uid,
    /// The socket it came by, which does not get it back. `None`: the API, which is trusted.
    pub(crate) origin: Option<ConnId>,
    pub(crate) flags: Flags,
    pub(crate) setting: Setting,
    pub(crate) client_msg_no: Text,
    /// The channel as the sender names it.
    pub(crate) named: Text,
    pub(crate) kind: ChannelType,
    pub(crate) expire: u32,
    pub(crate) topic: Option<Text>,
    pub(crate) payload: Vec<u8>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) message_id: i64,
    pub(crate) message_seq: u64,
    pub(crate) reason: ReasonCode,
}

impl Outcome {
    fn refused(message_id: i64, reason: ReasonCode) -> Outcome {
        Outcome { message_id, message_seq: 0, reason }
    }
}

impl Node {
    pub(crate) fn handle_send(&mut self, conn: ConnId, send: Send) {
        let Some(session) = self.session(conn) else { return };
        let uid = session.uid.clone();
        let forgotten = self.faults.forget_ack(conn, &uid);
        if forgotten == Some(Forgotten::Lost) {
            return;
        }
        let v3 = self.config.generation.is_v3();
        let message_id = if v3 { 0 } else { self.next_message_id() };
        let refused = |reason| Outcome::refused(message_id, reason);
        let mut posted = None;
        let outcome = if self.config.generation == Generation::V22 && self.is_silenced(&uid) {
            refused(ReasonCode::SEND_BAN)
        } else {
            let opened = match self.session(conn) {
                Some(session) => open(&session.cipher, &send, v3),
                None => return,
            };
            match opened {
                // Without a whole block the server's worker falls over, and nobody is told.
                Err(CipherError::PayloadLength { .. } | CipherError::Padding) if !v3 => return,
                Err(_) if v3 => return self.close(conn, self.end_of_connection()),
                Err(_) => refused(ReasonCode::PAYLOAD_DECODE_ERROR),
                Ok(payload) => {
                    let post = Post {
                        message_id,
                        from: uid.clone(),
                        origin: Some(conn),
                        flags: send.flags,
                        setting: send.setting,
                        client_msg_no: send.client_msg_no.clone(),
                        named: send.channel_id.clone(),
                        kind: send.channel_type,
                        expire: send.expire,
                        topic: send.topic.clone(),
                        payload,
                    };
                    let (outcome, delivery) = if v3 { self.post_v3(post) } else { self.post_v2(post) };
                    let strands = |(channel, post): &(Channel, Post)| self.strands(channel, post, outcome);
                    if !v3 && delivery.as_ref().is_some_and(strands) {
                        let reason = ReasonCode::SYSTEM_ERROR;
                        return self.answer_late(conn, &send, Outcome { message_seq: 0, reason, ..outcome });
                    }
                    posted = delivery;
                    outcome
                }
            }
        };
        if forgotten.is_none() {
            let ack = self.sendack(&send, outcome);
            self.transmit(conn, &ack);
        }
        if let Some((channel, post)) = posted {
            self.deliver(&channel, &post, outcome.message_seq);
        }
    }

    fn sendack(&self, send: &Send, outcome: Outcome) -> Packet {
        let v3 = self.config.generation.is_v3();
        let named = v3 && !send.client_msg_no.is_empty();
        Packet::Sendack(Sendack {
            flags: if v3 { Flags::default() } else { send.flags },
            message_id: MessageId(outcome.message_id),
            client_seq: send.client_seq,
            message_seq: MessageSeq(outcome.message_seq),
            reason: outcome.reason,
            client_msg_no: named.then(|| send.client_msg_no.clone()),
        })
    }

    /// The append of a channel whose leader is away is given up after 5 to 10 s.
    fn answer_late(&mut self, conn: ConnId, send: &Send, outcome: Outcome) {
        let after = Millis(5_000 + self.dice.below(5_000));
        let ack = self.sendack(send, outcome);
        let mut bytes = Vec::new();
        if let Some(version) = self.session(conn).map(|session| session.version)
            && encode(&ack, version, &mut bytes).is_ok()
        {
            self.send_later(conn, after, bytes);
        }
    }

    fn is_silenced(&self, uid: &Uid) -> bool {
        let person = Channel::new(uid.as_str(), ChannelType::PERSON);
        self.directory.info(&person).is_some_and(|info| info.send_ban)
    }

    /// 2.x: permission, place, and what is to be delivered. A resend is a new message.
    pub(crate) fn post_v2(&mut self, post: Post) -> (Outcome, Option<(Channel, Post)>) {
        let Some(named) = post.named.to_str() else {
            return (Outcome::refused(post.message_id, ReasonCode::SYSTEM_ERROR), None);
        };
        let channel = Channel::seen_by(post.from.as_str(), named, post.kind);
        let reason = self.may_send(&channel, &post);
        if reason != ReasonCode::SUCCESS {
            return (Outcome::refused(post.message_id, reason), None);
        }
        let outcome = self.keep(&channel, &post);
        (outcome, Some((channel, post)))
    }

    /// Stores the post, unless it is not to be kept, and notes who will find it in a conversation.
    pub(crate) fn keep(&mut self, channel: &Channel, post: &Post) -> Outcome {
        let mut outcome = Outcome { message_id: post.message_id, message_seq: 0, reason: ReasonCode::SUCCESS };
        if post.flags.no_persist {
            return outcome;
        }
        let mut message = Message {
            message_id: post.message_id,
            message_seq: 0,
            client_msg_no: post.client_msg_no.to_string_lossy().into_owned(),
            from: post.from.clone(),
            channel: channel.clone(),
            red_dot: post.flags.red_dot,
            sync_once: post.flags.sync_once,
            setting: post.setting.0,
            topic: post.topic.as_ref().map(|topic| topic.to_string_lossy().into_owned()).unwrap_or_default(),
            expire: post.expire,
            stored_at: self.now,
            payload: post.payload.clone(),
        };
        message.message_seq = self.journal.append(message.clone());
        outcome.message_seq = message.message_seq;
        self.persist(Row::message(&message));
        self.note(|| Trace::Stored(Box::new(message.clone())));
        if self.config.generation.is_v3() {
            self.touch_conversation_v3(channel);
        } else {
            self.announce(channel, &post.from, message.message_seq);
        }
        outcome
    }

    /// Who finds the channel in `/conversation/sync` or `/message/sync` later on.
    fn announce(&mut self, channel: &Channel, from: &Uid, seq: u64) {
        let kind = channel.kind;
        if [ChannelType::DATA, ChannelType::TEMP, ChannelType::LIVE].contains(&kind) {
            return;
        }
        // People get a conversation by the first message of their channel, or, where strangers may not write, by the
        // white list. A group's members got theirs when they joined.
        let person_like = [ChannelType::PERSON, ChannelType::CUSTOMER_SERVICE].contains(&kind);
        let closed = kind == ChannelType::PERSON && !self.config.strangers_may_write;
        if !channel.is_command() && (!person_like || closed || seq != 1) {
            return;
        }
        let reads_own = self.config.generation != Generation::V21;
        let readers = self
            .audience(channel)
            .into_iter()
            .map(|uid| {
                let read_to = if reads_own && uid == *from { seq } else { 0 };
                (uid, read_to)
            })
            .filter(|(uid, _)| channel.is_command() || !self.directory.is_system(uid) || uid.as_str() == from.as_str())
            .collect();
        self.conversations.announce(channel, readers);
        self.arm_flush();
    }

    /// Version 3 keeps a membership for everybody who has heard of a channel.
    fn touch_conversation_v3(&mut self, channel: &Channel) {
        if channel.is_command() {
            return;
        }
        for uid in self.audience(channel) {
            self.begin_conversation(&uid, channel);
        }
    }

    /// The rules of 2.x, in their order. The API asks nobody.
    fn may_send(&self, channel: &Channel, post: &Post) -> ReasonCode {
        let v22 = self.config.generation == Generation::V22;
        let kind = channel.kind;
        let public = kind == ChannelType::INFO
            || kind == ChannelType::CUSTOMER_SERVICE
            || (v22 && (kind == ChannelType::VISITORS || kind == ChannelType::AGENT));
        if !public && let Some(info) = self.directory.info(channel) {
            if info.ban {
                return ReasonCode::BAN;
            }
            if info.disband {
                return ReasonCode::DISBAND;
            }
        }
        let party = channel.pair().is_some_and(|(a, b)| a == post.from.as_str() || b == post.from.as_str());
        let welcome = kind == ChannelType::INFO
            || kind == ChannelType::CUSTOMER_SERVICE
            || (v22 && kind == ChannelType::AGENT && party)
            || (v22 && kind == ChannelType::VISITORS && channel.id == post.from.as_str())
            || post.origin.is_none()
            || self.directory.is_system(&post.from);
        if welcome {
            return ReasonCode::SUCCESS;
        }
        if kind == ChannelType::PERSON {
            return self.may_write_to_person(channel, &post.from);
        }
        self.may_write_to_members(channel, &post.from)
    }

    fn may_write_to_person(&self, channel: &Channel, from: &Uid) -> ReasonCode {
        let peer = match channel.pair() {
            Some((first, second)) if first == from.as_str() => second,
            Some((first, _)) => first,
            None => "",
        };
        let to = Channel::new(peer, ChannelType::PERSON);
        if self.directory.is_system(&Uid::from(peer)) {
            ReasonCode::SUCCESS
        } else if self.directory.list(&to, ListKind::Black).contains(from) {
            ReasonCode::IN_BLACKLIST
        } else if !self.config.strangers_may_write && !self.directory.list(&to, ListKind::White).contains(from) {
            ReasonCode::NOT_IN_WHITELIST
        } else {
            ReasonCode::SUCCESS
        }
    }

    fn may_write_to_members(&self, channel: &Channel, from: &Uid) -> ReasonCode {
        let channel = channel.original();
        let white = self.directory.list(&channel, ListKind::White);
        if self.directory.list(&channel, ListKind::Black).contains(from) {
            ReasonCode::IN_BLACKLIST
        } else if !self.directory.list(&channel, ListKind::Subscribers).contains(from) {
            ReasonCode::SUBSCRIBER_NOT_EXIST
        } else if !white.is_empty() && !white.contains(from) {
            ReasonCode::NOT_IN_WHITELIST
        } else {
            ReasonCode::SUCCESS
        }
    }

    /// Version 3: a resend is found again, and a refusal names no message.
    pub(crate) fn post_v3(&mut self, mut post: Post) -> (Outcome, Option<(Channel, Post)>) {
        let no = |reason| (Outcome::refused(0, reason), None);
        if self.is_silenced(&post.from) {
            return no(ReasonCode::SEND_BAN);
        }
        let Some(named) = post.named.to_str().map(str::to_owned) else { return no(ReasonCode::SYSTEM_ERROR) };
        if post.kind == ChannelType(0) || post.payload.is_empty() {
            return no(ReasonCode::PAYLOAD_DECODE_ERROR);
        }
        let person = post.kind == ChannelType::PERSON;
        if named.is_empty() || (person && named.contains('@')) || post.kind == ChannelType::AGENT {
            return no(ReasonCode::SYSTEM_ERROR);
        }
        let channel = Channel::seen_by(post.from.as_str(), &named, post.kind);
        let reason = self.may_send_v3(&channel, &post.from);
        if reason != ReasonCode::SUCCESS {
            return no(reason);
        }
        let flags = post.flags;
        if flags.no_persist && flags.sync_once && person && post.origin.is_some() {
            return no(ReasonCode::SYSTEM_ERROR);
        }
        if flags.no_persist && !flags.sync_once {
            // Acknowledged, and delivered to nobody.
            return (Outcome { message_id: 0, message_seq: 0, reason: ReasonCode::SUCCESS }, None);
        }
        let command = flags.sync_once && post.kind != ChannelType::TEMP;
        let log = if command { channel.command() } else { channel };
        if let Some(outcome) = self.sent_before(&log, &post) {
            return (outcome, None);
        }
        post.message_id = self.next_message_id();
        let outcome = self.keep(&log, &post);
        if command {
            post.named = Text::from(format!("{named}{COMMAND_SUFFIX}"));
        }
        (outcome, Some((log, post)))
    }

    fn may_send_v3(&self, channel: &Channel, from: &Uid) -> ReasonCode {
        match channel.kind {
            ChannelType::PERSON => self.may_write_to_person(channel, from),
            ChannelType::GROUP if !self.directory.is_system(from) => {
                let Some(info) = self.directory.info(channel) else { return ReasonCode::CHANNEL_NOT_EXIST };
                if info.ban {
                    ReasonCode::BAN
                } else if info.disband {
                    ReasonCode::DISBAND
                } else {
                    self.may_write_to_members(channel, from)
                }
            }
            ChannelType::VISITORS => self.may_write_to_members(channel, from),
            _ => ReasonCode::SUCCESS,
        }
    }

    /// The first copy under this clientMsgNo by this sender; with another payload it is a conflict.
    fn sent_before(&self, channel: &Channel, post: &Post) -> Option<Outcome> {
        let name = post.client_msg_no.to_string_lossy();
        let earlier = self.journal.log(channel)?.copies(&name).find(|message| message.from == post.from)?;
        Some(if earlier.payload == post.payload {
            let (message_id, message_seq) = (earlier.message_id, earlier.message_seq);
            Outcome { message_id, message_seq, reason: ReasonCode::SUCCESS }
        } else {
            Outcome::refused(0, ReasonCode::SYSTEM_ERROR)
        })
    }
}

fn open(cipher: &Cipher, send: &Send, v3: bool) -> Result<Vec<u8>, CipherError> {
    // 2.x knows the bit and ignores it.
    if v3 && send.setting.contains(Setting::NO_ENCRYPT) {
        return Ok(send.payload.clone());
    }
    cipher.open_send(send)
}
