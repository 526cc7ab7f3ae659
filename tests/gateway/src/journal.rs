//! The messages of each channel, as stored: one log a channel, places from 1 without holes.

use crate::ids::{Channel, Uid};
use crate::time::Millis;
use std::collections::BTreeMap;
use std::fmt;

/// A stored message. Its place and its id never change.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub message_id: i64,
    pub message_seq: u64,
    /// Empty when the sender gave none.
    pub client_msg_no: String,
    pub from: Uid,
    pub channel: Channel,
    pub red_dot: bool,
    pub sync_once: bool,
    pub setting: u8,
    pub topic: String,
    /// Seconds, carried and never acted on.
    pub expire: u32,
    /// When it was stored; a RECV carries the time of its push instead.
    pub stored_at: Millis,
    pub payload: Vec<u8>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("message_id", &self.message_id)
            .field("message_seq", &self.message_seq)
            .field("channel", &self.channel)
            .field("payload_len", &self.payload.len())
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
pub(crate) struct Log {
    messages: Vec<Message>,
    by_client_msg_no: BTreeMap<String, Vec<u64>>,
    last_of: BTreeMap<Uid, u64>,
}

impl Log {
    pub(crate) fn last_seq(&self) -> u64 {
        self.messages.len() as u64
    }

    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub(crate) fn at(&self, seq: u64) -> Option<&Message> {
        self.messages.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// All copies under one clientMsgNo, oldest first.
    pub(crate) fn copies<'a>(&'a self, client_msg_no: &str) -> impl Iterator<Item = &'a Message> + use<'a> {
        self.by_client_msg_no.get(client_msg_no).into_iter().flatten().filter_map(|seq| self.at(*seq))
    }

    pub(crate) fn by_id(&self, message_id: i64) -> Option<&Message> {
        self.messages.iter().find(|message| message.message_id == message_id)
    }

    /// The place of the last message that `uid` sent, 0 for none.
    pub(crate) fn last_of(&self, uid: &Uid) -> u64 {
        self.last_of.get(uid).copied().unwrap_or(0)
    }

    /// Messages from `first` (inclusive) to `end` (exclusive), oldest first.
    pub(crate) fn range(&self, first: u64, end: u64) -> &[Message] {
        let clamp = |seq: u64| usize::try_from(seq.saturating_sub(1)).unwrap_or(usize::MAX);
        let (from, to) = (clamp(first).min(self.messages.len()), clamp(end).min(self.messages.len()));
        self.messages.get(from..to).unwrap_or_default()
    }

    fn take_back(&mut self, from: u64) {
        let kept = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut messages = std::mem::take(&mut self.messages);
        messages.truncate(kept);
        *self = Log::default();
        messages.into_iter().for_each(|message| self.push(message));
    }

    fn push(&mut self, message: Message) {
        if !message.client_msg_no.is_empty() {
            self.by_client_msg_no.entry(message.client_msg_no.clone()).or_default().push(message.message_seq);
        }
        self.last_of.insert(message.from.clone(), message.message_seq);
        self.messages.push(message);
    }
}

#[derive(Default)]
pub(crate) struct Journal {
    logs: BTreeMap<Channel, Log>,
}

impl Journal {
    pub(crate) fn log(&self, channel: &Channel) -> Option<&Log> {
        self.logs.get(channel)
    }

    pub(crate) fn last_seq(&self, channel: &Channel) -> u64 {
        self.log(channel).map_or(0, Log::last_seq)
    }

    /// Gives the message its place. Answers the place.
    pub(crate) fn append(&mut self, mut message: Message) -> u64 {
        let log = self.logs.entry(message.channel.clone()).or_default();
        message.message_seq = log.last_seq() + 1;
        let seq = message.message_seq;
        log.push(message);
        seq
    }

    /// Takes back a message that was written earlier. Rows come in the order they were written, so a place that does
    /// not follow the last one means that rows between are lost: what is missing stays missing.
    pub(crate) fn restore(&mut self, message: Message) {
        let log = self.logs.entry(message.channel.clone()).or_default();
        if message.message_seq == log.last_seq() + 1 {
            log.push(message);
        }
    }

    /// Forgets everything from this place on.
    pub(crate) fn take_back(&mut self, channel: &Channel, from: u64) {
        if let Some(log) = self.logs.get_mut(channel) {
            log.take_back(from);
        }
    }

    pub(crate) fn channels(&self) -> impl Iterator<Item = (&Channel, &Log)> {
        self.logs.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(client_msg_no: &str) -> Message {
        Message {
            message_id: 1,
            message_seq: 0,
            client_msg_no: client_msg_no.to_owned(),
            from: Uid::from("a"),
            channel: Channel::group("g"),
            red_dot: false,
            sync_once: false,
            setting: 0,
            topic: String::new(),
            expire: 0,
            stored_at: Millis(0),
            payload: Vec::new(),
        }
    }

    #[test]
    fn places_that_were_taken_back_are_given_again() {
        let mut journal = Journal::default();
        let channel = Channel::group("g");
        for name in ["m0", "m1", "m2"] {
            journal.append(message(name));
        }
        journal.take_back(&channel, 2);
        assert_eq!(journal.append(message("m3")), 2);
        let log = journal.log(&channel).expect("written above");
        assert_eq!((log.copies("m1").count(), log.copies("m3").count(), log.last_seq()), (0, 1, 2));
    }

    #[test]
    fn places_are_contiguous_and_ranges_are_half_open() {
        let mut journal = Journal::default();
        let seqs: Vec<u64> = (0..4).map(|n| journal.append(message(&format!("m{n}")))).collect();
        assert_eq!(seqs, [1, 2, 3, 4]);
        let log = journal.log(&Channel::group("g")).expect("written above");
        assert_eq!(log.range(2, 4).iter().map(|m| m.message_seq).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(log.range(3, u64::MAX).len(), 2);
        assert!(log.range(9, 3).is_empty());
        assert_eq!(log.last_of(&Uid::from("a")), 4);
    }
}
