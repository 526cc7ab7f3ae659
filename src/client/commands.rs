//! What the application asks for: checked first, then handed to the part that does it.

use crate::channel::{Channel, ClientMsgNo};
use crate::config;
use crate::error::{Error, ErrorCode};
use crate::rows::{ChannelRow, OutboxRow, OutboxState, Query};
use crate::time::{Millis, Now};
use crate::timeline::{Work, conversation_view};
use crate::turn::{Action, Reply, Ticket};
use crate::wire::{Flags, Setting};

use super::{Client, Command, ConversationView, LoadFor, SendOptions, closed};

/// Messages in one page, at most.
const PAGE: usize = 500;
/// Lines of the audit that one answer has, at most.
const AUDIT: usize = 1000;
/// Bytes, as the business server takes it: what it cannot look up must not be sent.
const CLIENT_MSG_NO: usize = 128;
/// Channels whose newest page is read after a reconnect.
const WATCHED: usize = 8;

impl Client {
    pub(super) fn command(&mut self, now: Now, ticket: Ticket, command: Command) {
        if self.closing.is_some() {
            if let Command::Close { wipe } = command {
                self.close(vec![ticket], wipe, &closed());
            } else {
                self.settle(ticket, Err(closed()));
            }
            return;
        }
        match command {
            Command::Close { wipe } => return self.close(vec![ticket], wipe, &closed()),
            Command::Abort(aborted) => return self.abort(ticket, aborted),
            // Whoever is logged in elsewhere, or leaves, does so now and not when the disk has been read.
            Command::Connect | Command::Disconnect if self.is_hydrated() => {}
            command if !self.is_hydrated() || !self.waiting.is_empty() => {
                return self.waiting.push((ticket, command));
            }
            _ => {}
        }
        match command {
            Command::Connect => self.connect(now, ticket),
            Command::Disconnect => self.disconnect(now, ticket),
            Command::Send { channel, client_msg_no, content, options } => {
                self.accept_send(now, ticket, channel, client_msg_no, content, options);
            }
            Command::Messages { channel, before, limit } => {
                if let Err(error) = check_channel(&channel) {
                    return self.settle(ticket, Err(error));
                }
                if limit == 0 || limit > PAGE {
                    return self.settle(ticket, Err(Error::invalid(format!("limit must be between 1 and {PAGE}"))));
                }
                self.watch(now, &channel);
                self.push_work(&channel, Work::Show { ticket, before, limit });
            }
            Command::Conversations => {
                let conversations = self.conversations();
                self.settle(ticket, Ok(Reply::Conversations { conversations }));
            }
            Command::MarkRead { channel, message_seq } => {
                if let Err(error) = check_channel(&channel) {
                    return self.settle(ticket, Err(error));
                }
                self.push_work(&channel, Work::Read { seq: message_seq, ticket });
            }
            Command::Recall { channel, target } => self.act_on(ticket, Action::Recall, channel, target),
            Command::Restore { channel, target } => self.act_on(ticket, Action::Restore, channel, target),
            Command::Reedit { channel, target } => self.act_on(ticket, Action::Reedit, channel, target),
            Command::Outbox => {
                let messages = self.outbox.views(None);
                self.settle(ticket, Ok(Reply::Outbox { messages }));
            }
            Command::Retry(client_msg_no) => {
                let mut turn = self.turn(now);
                self.outbox.retry(&mut turn, ticket, &client_msg_no);
                self.absorb(turn);
            }
            Command::Discard(client_msg_no) => {
                let mut turn = self.turn(now);
                let shown = self.outbox.discard(&mut turn, ticket, &client_msg_no);
                self.absorb(turn);
                if let Some((channel, id, seq)) = shown {
                    self.push_work(&channel, Work::TakenBack { seq, id });
                }
            }
            Command::Audit { limit: 0 } => self.settle(ticket, Err(Error::invalid("limit must be at least 1"))),
            Command::Audit { limit } => {
                self.load(LoadFor::Audit(ticket), Query::Audit { limit: limit.min(AUDIT) });
            }
            Command::Close { .. } | Command::Abort(_) => {}
        }
    }

    fn connect(&mut self, now: Now, ticket: Ticket) {
        if self.session.is_ready() {
            return self.settle(ticket, Ok(Reply::Done));
        }
        self.connecting.push(ticket);
        self.session.connect(now);
    }

    fn disconnect(&mut self, now: Now, ticket: Ticket) {
        self.session.disconnect();
        self.connection_lost(now);
        for waiting in core::mem::take(&mut self.connecting) {
            self.settle(waiting, Err(Error::new(ErrorCode::Aborted, "disconnect() was called")));
        }
        self.settle(ticket, Ok(Reply::Done));
    }

    /// Checks a message and queues it: from here on it is owed, or its call has its answer.
    fn accept_send(
        &mut self,
        now: Now,
        ticket: Ticket,
        channel: Channel,
        client_msg_no: ClientMsgNo,
        content: Vec<u8>,
        options: SendOptions,
    ) {
        if let Err(error) = self.check_send(&channel, client_msg_no.as_str(), &content, &options) {
            return self.settle(ticket, Err(error));
        }
        if !self.timeline(&channel).read_marks() {
            // What it quotes may be recalled, and it may have been sent before. All that is asked for later waits behind it.
            self.stirred.insert(channel.clone());
            let command = Command::Send { channel, client_msg_no, content, options };
            return self.waiting.push((ticket, command));
        }
        let quotes_less = self.timelines.get(&channel).and_then(|timeline| timeline.without_quote(&content));
        let content = quotes_less.unwrap_or(content);
        // An application that does not know what became of it asks for the same once more.
        let again = self.config.dedup_window.is_none()
            && self.timelines.get(&channel).is_some_and(|timeline| timeline.has_seen(&self.config.uid, &client_msg_no));
        self.meta.last_ordinal = self.meta.last_ordinal.saturating_add(1);
        let flags = Flags { red_dot: options.red_dot, no_persist: options.no_persist, ..Flags::default() };
        let row = OutboxRow {
            client_msg_no,
            ordinal: self.meta.last_ordinal,
            channel,
            content,
            created_at: self.session.server_time(now).unwrap_or(now.wall),
            expire: options.expire,
            flags: flags.bits(),
            setting: if options.topic.is_some() { Setting::TOPIC.0 } else { 0 },
            topic: options.topic,
            state: OutboxState::Queued,
        };
        let timeline = self.timelines.get(&row.channel);
        let mark = timeline.and_then(|timeline| timeline.withdrawn(&self.config.uid, &row.client_msg_no)).cloned();
        let mut turn = self.turn(now);
        if let Some(mark) = mark {
            // It was sent and recalled since: its content must not even be stored.
            let message = self.outbox.recalled(&row, &mark);
            turn.settle(ticket, Ok(Reply::Sent { message, unconfirmed: false }));
        } else {
            self.outbox.accept(&mut turn, ticket, row, options.deadline, again);
        }
        self.absorb(turn);
    }

    /// Every conversation that is known here, the newest first.
    fn conversations(&self) -> Vec<ConversationView> {
        let rows = self.timelines.values().map(crate::timeline::Timeline::row);
        let rows: Vec<_> = rows.filter(|row| row.last.is_some() || row.last_seq.0 > 0).collect();
        let newest = |row: &ChannelRow| row.last.as_ref().map_or(0, |last| last.timestamp);
        // Places are sorted in place of rows: sorting is compiled for each type.
        let mut order: Vec<_> =
            rows.iter().enumerate().map(|(at, row)| (newest(row).saturating_neg(), at as i64)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, at)| conversation_view(&self.config.uid, rows[at as usize])).collect()
    }

    fn act_on(&mut self, ticket: Ticket, action: Action, channel: Channel, target: super::Target) {
        if self.lacks_business(ticket) {
            return;
        }
        if let Err(error) = check_channel(&channel) {
            return self.settle(ticket, Err(error));
        }
        if self.outbox.owes(&channel, &target.client_msg_no) && target.message_seq.is_none() {
            let text = "the message is not sent yet: discard it from the outbox instead";
            return self.settle(ticket, Err(Error::invalid(text)));
        }
        self.push_work(&channel, Work::Action { ticket, action, target });
    }

    /// The application shows this channel: its newest page is read now and after each reconnect.
    fn watch(&mut self, now: Now, channel: &Channel) {
        if self.watched.contains(channel) {
            return;
        }
        self.watched.insert(0, channel.clone());
        self.watched.truncate(WATCHED);
        self.timeline(channel).refresh(true);
        self.sync.want_history(now.mono, channel.clone(), Millis(0));
        self.sync.want_marks(now.mono, channel.clone());
    }

    fn abort(&mut self, ticket: Ticket, aborted: Ticket) {
        let waiting = self.waiting.len() + self.connecting.len();
        self.waiting.retain(|(ticket, _)| *ticket != aborted);
        self.connecting.retain(|ticket| *ticket != aborted);
        let mut found = waiting > self.waiting.len() + self.connecting.len();
        found |= self.outbox.abort(aborted);
        found |= self.requests.abort(aborted);
        for timeline in self.timelines.values_mut() {
            found |= timeline.abort(aborted);
        }
        if found {
            self.settle(aborted, Err(Error::new(ErrorCode::Aborted, "the call was aborted")));
        }
        self.settle(ticket, Ok(Reply::Done));
    }

    fn check_send(&self, channel: &Channel, number: &str, content: &[u8], options: &SendOptions) -> Result<(), Error> {
        check_channel(channel)?;
        if number.is_empty() || number.len() > CLIENT_MSG_NO {
            return Err(Error::invalid(format!("clientMsgNo must have between 1 and {CLIENT_MSG_NO} bytes")));
        }
        if self.outbox.holds(&number.into()) {
            return Err(sent_already());
        }
        if content.is_empty() {
            return Err(Error::invalid("the content is empty"));
        }
        if content.len() > self.config.max_content {
            let text = format!("the content has {} bytes; the most is {}", content.len(), self.config.max_content);
            return Err(Error::new(ErrorCode::TooLarge, text));
        }
        if options.topic.as_ref().is_some_and(|topic| topic.len() > 1024) {
            return Err(Error::new(ErrorCode::TooLarge, "the topic is longer than 1024 bytes"));
        }
        let to_self = channel.kind == Channel::PERSON && channel.id == self.config.uid.as_str();
        if to_self && self.session.version().is_some_and(|version| version >= crate::wire::ProtocolVersion::U64_SEQ) {
            return Err(Error::invalid("a server of version 3 must not be sent messages to oneself"));
        }
        Ok(())
    }
}

pub(super) fn sent_already() -> Error {
    Error::invalid("a message with this clientMsgNo is in the outbox already")
}

fn check_channel(channel: &Channel) -> Result<(), Error> {
    if channel.kind == 0 {
        return Err(Error::invalid("channelType must not be 0"));
    }
    config::name("channelId", &channel.id)
}
