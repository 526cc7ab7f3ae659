//! What each person has heard of: conversations with a read position, and the same for logs of commands.
//!
//! New ones wait in memory (`pending`) and are written together, every minute. Until then a kill forgets them, their
//! read position counts as 0, and an ack of commands finds nothing to move.

use crate::ids::{Channel, Uid};
use crate::time::Millis;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conversation {
    pub(crate) read_to: u64,
    /// Deleted up to here: hidden until something newer comes.
    pub(crate) deleted_to: u64,
    pub(crate) updated_at: Millis,
}

/// What the last `/message/sync` of a person returned of one log, for the ack that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyncRecord {
    pub(crate) channel: Channel,
    pub(crate) last_seq: u64,
}

#[derive(Default)]
pub(crate) struct Conversations {
    written: BTreeMap<Uid, BTreeMap<Channel, Conversation>>,
    /// By channel: who will hear of it, and up to where each has read.
    pending: BTreeMap<Channel, BTreeMap<Uid, u64>>,
    records: BTreeMap<Uid, Vec<SyncRecord>>,
}

impl Conversations {
    /// The written conversation, as acks and read positions see it.
    pub(crate) fn written(&self, uid: &Uid, channel: &Channel) -> Option<Conversation> {
        self.written.get(uid)?.get(channel).copied()
    }

    pub(crate) fn write(&mut self, uid: &Uid, channel: &Channel, conversation: Conversation) {
        self.written.entry(uid.clone()).or_default().insert(channel.clone(), conversation);
    }

    pub(crate) fn forget(&mut self, uid: &Uid, channel: &Channel) {
        if let Some(channels) = self.written.get_mut(uid) {
            channels.remove(channel);
        }
        if let Some(readers) = self.pending.get_mut(channel) {
            readers.remove(uid);
        }
    }

    /// Notes that these people will hear of the channel. What waits for the same people stays as it is; where they are
    /// others by now, who left will not hear of it, and who joined hears of everything.
    pub(crate) fn announce(&mut self, channel: &Channel, readers: BTreeMap<Uid, u64>) {
        let waiting = self.pending.entry(channel.clone()).or_default();
        if !waiting.keys().eq(readers.keys()) {
            *waiting = readers;
        }
    }

    pub(crate) fn pending(&self) -> impl Iterator<Item = (&Channel, &BTreeMap<Uid, u64>)> {
        self.pending.iter()
    }

    /// Takes out what waits; an entry that exists already is not touched by it.
    pub(crate) fn flush(&mut self, now: Millis) -> Vec<(Uid, Channel, Conversation)> {
        let mut new = Vec::new();
        for (channel, readers) in std::mem::take(&mut self.pending) {
            for (uid, read_to) in readers {
                if uid.as_str().is_empty() || self.written(&uid, &channel).is_some() {
                    continue;
                }
                let conversation = Conversation { read_to, deleted_to: 0, updated_at: now };
                self.write(&uid, &channel, conversation);
                new.push((uid, channel.clone(), conversation));
            }
        }
        new
    }

    /// Written ones, the most recently touched first, then those that wait.
    pub(crate) fn of(&self, uid: &Uid, commands: bool) -> Vec<(Channel, Conversation)> {
        let mut all: Vec<(Channel, Conversation)> = self
            .written
            .get(uid)
            .into_iter()
            .flatten()
            .filter(|(channel, _)| channel.is_command() == commands)
            .map(|(channel, conversation)| (channel.clone(), *conversation))
            .collect();
        all.sort_by_key(|(_, conversation)| std::cmp::Reverse(conversation.updated_at));
        for (channel, readers) in &self.pending {
            if channel.is_command() == commands
                && readers.contains_key(uid)
                && !all.iter().any(|(known, _)| known == channel)
            {
                all.push((channel.clone(), Conversation::default()));
            }
        }
        all
    }

    pub(crate) fn remember_sync(&mut self, uid: &Uid, records: Vec<SyncRecord>) {
        self.records.insert(uid.clone(), records);
    }

    pub(crate) fn take_sync(&mut self, uid: &Uid) -> Vec<SyncRecord> {
        self.records.remove(uid).unwrap_or_default()
    }
}
