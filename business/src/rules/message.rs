//! A stored message, and what a person is shown of it once the marks are merged in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::content;
use super::identity::{Author, ClientMsgNo, MessageId, MessageSeq, TargetKey, Uid};
use super::recall::{Mark, MarkState, MarkView, StoredCopy};

/// One stored copy, as WuKongIM has it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredMessage {
    pub message_id: MessageId,
    pub message_seq: MessageSeq,
    pub client_msg_no: ClientMsgNo,
    pub from_uid: Author,
    /// Whole seconds since the epoch.
    pub timestamp: i64,
    pub setting: u8,
    pub expire: u32,
    pub no_persist: bool,
    pub red_dot: bool,
    pub sync_once: bool,
    pub payload: Vec<u8>,
}

impl fmt::Debug for StoredMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredMessage({}, {:?}, {} bytes)", self.message_id, self.message_seq, self.payload.len())
    }
}

impl StoredMessage {
    pub fn target(&self) -> TargetKey {
        TargetKey::of(self.from_uid.clone(), &self.client_msg_no, self.message_id)
    }
}

/// A message as one person is shown it. The payload is missing where it was recalled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenMessage {
    pub message: StoredMessage,
    pub recalled: bool,
    pub mark: Option<MarkView>,
}

/// What has to be looked up before messages may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarksNeeded {
    pub targets: Vec<TargetKey>,
    pub quoted: Vec<MessageId>,
}

/// The marks that bear on some messages.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    by_target: BTreeMap<TargetKey, Mark>,
    withdrawn_copies: BTreeSet<MessageId>,
}

impl Marks {
    pub fn new(marks: impl IntoIterator<Item = Mark>) -> Marks {
        let mut found = Marks::default();
        for mark in marks {
            if mark.state.is_withdrawn() {
                found.withdrawn_copies.extend(mark.copies.iter().map(|copy| copy.message_id));
            }
            found.by_target.insert(mark.key.clone(), mark);
        }
        found
    }

    /// Adds copies that turned up, so that what quotes them is purged as well.
    pub fn learn(&mut self, copies: &[(TargetKey, StoredCopy)]) {
        for (key, copy) in copies {
            if self.by_target.get(key).is_some_and(|mark| mark.state.is_withdrawn()) {
                self.withdrawn_copies.insert(copy.message_id);
            }
        }
    }

    pub fn withdraws(&self, message: MessageId) -> bool {
        self.withdrawn_copies.contains(&message)
    }
}

pub fn marks_needed(messages: &[StoredMessage]) -> MarksNeeded {
    let mut needed = MarksNeeded::default();
    for message in messages {
        needed.targets.push(message.target());
        needed.quoted.extend(content::quoted(&message.payload));
    }
    needed.targets.sort();
    needed.targets.dedup();
    needed.quoted.sort();
    needed.quoted.dedup();
    needed
}

/// Takes out what was recalled, and what quotes it. `marks` are those of the messages' channel.
pub fn merge(messages: Vec<StoredMessage>, marks: &Marks, viewer: &Uid) -> Vec<SeenMessage> {
    messages.into_iter().map(|message| merge_one(message, marks, viewer)).collect()
}

fn merge_one(mut message: StoredMessage, marks: &Marks, viewer: &Uid) -> SeenMessage {
    let mark = marks.by_target.get(&message.target());
    let recalled = mark.is_some_and(|mark| mark.state.is_withdrawn());
    if recalled {
        message.payload = Vec::new();
    } else if let Some(purged) = content::purge_quotes(&message.payload, &|id| marks.withdraws(id)) {
        message.payload = purged;
    }
    SeenMessage { message, recalled, mark: mark.map(|mark| mark.seen_by(viewer)) }
}

/// Copies of marked messages that the mark does not know yet, a resend that came after the recall say. They are to be added, so
/// that what quotes them is purged as well.
pub fn unknown_copies(messages: &[StoredMessage], marks: &Marks) -> Vec<(TargetKey, StoredCopy)> {
    let unknown = |message: &StoredMessage| {
        let mark = marks.by_target.get(&message.target())?;
        let copy = StoredCopy { message_id: message.message_id, message_seq: message.message_seq };
        (mark.state != MarkState::Restored && !mark.copies.contains(&copy)).then(|| (mark.key.clone(), copy))
    };
    messages.iter().filter_map(unknown).collect()
}
