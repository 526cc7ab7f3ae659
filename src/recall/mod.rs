//! Recalls as facts: the marks of one channel, kept whether or not their message has come, and what they make of a message.
//!
//! A mark of the feed replaces an older one of the same message and is never replaced by a lower or equal version, so any order
//! of arrival ends in the same state. A hint is a command's word: it hides, which can be undone, and gives way to the feed.

use serde_json::Value;

use crate::channel::{ClientMsgNo, Uid};
use crate::id::{MessageId, MessageSeq};
use crate::json;
use crate::rows::{Copy, Mark, MarkState, MessageRow, MessageState};
use crate::sorted::Map;

/// The marks of one channel, found by any name of their message.
#[derive(Default)]
pub struct Marks {
    marks: Map<u64, Mark>,
    by_number: Map<ClientMsgNo, Vec<u64>>,
    by_id: Map<MessageId, u64>,
    /// Only where the mark knows no messageId: a seq may come to belong to another message.
    by_seq: Map<MessageSeq, u64>,
    next: u64,
}

impl Marks {
    pub fn new(marks: Vec<Mark>) -> Self {
        let mut all = Self::default();
        for mark in marks {
            all.insert(mark);
        }
        all
    }

    /// The mark of the message with these names.
    pub fn find(
        &self,
        author: &Uid,
        client_msg_no: &ClientMsgNo,
        copies: impl IntoIterator<Item = Copy>,
    ) -> Option<&Mark> {
        let same_author = |mark: &&Mark| mark.author.is_empty() || mark.author == *author;
        let by_number =
            (!client_msg_no.is_empty()).then(|| self.by_number.get(client_msg_no)).flatten().and_then(|slots| {
                slots.iter().filter_map(|slot| self.marks.get(slot)).find(|mark| {
                    // A command names no author, and another's message may have the same number.
                    if mark.hint { mark.operator == *author } else { same_author(mark) }
                })
            });
        by_number.or_else(|| {
            copies.into_iter().find_map(|copy| {
                let slot = self.by_id.get(&copy.message_id).or_else(|| self.by_seq.get(&copy.message_seq))?;
                self.marks.get(slot).filter(same_author)
            })
        })
    }

    pub fn of_row(&self, row: &MessageRow) -> Option<&Mark> {
        self.find(&row.from, &row.client_msg_no, row.all_copies())
    }

    /// Whether the content of the message with this id must not be quoted.
    pub fn is_recalled(&self, id: MessageId) -> bool {
        let mark = self.by_id.get(&id).and_then(|slot| self.marks.get(slot));
        mark.is_some_and(|mark| !mark.hint && mark.state != MarkState::Restored)
    }

    /// The mark of the same message as `mark`, if there is one.
    pub fn same(&self, mark: &Mark) -> Option<&Mark> {
        self.slot(mark).and_then(|slot| self.marks.get(&slot))
    }

    /// Whether `mark` says something new: a higher version than the feed's known one, or anything from the feed over a hint.
    pub fn is_news(&self, mark: &Mark) -> bool {
        match self.same(mark) {
            None => true,
            Some(known) if known.hint => !mark.hint,
            Some(known) => !mark.hint && mark.version > known.version,
        }
    }

    pub fn insert(&mut self, mut mark: Mark) {
        while let Some(old) = self.slot(&mark).and_then(|slot| self.take(slot)) {
            // What either knew of its copies, both know now. A command may name what it likes, so its word is not taken over.
            for copy in old.copies {
                if !old.hint && !mark.copies.contains(&copy) {
                    mark.copies.push(copy);
                }
            }
        }
        self.next += 1;
        let slot = self.next;
        if !mark.client_msg_no.is_empty() {
            self.by_number.entry(mark.client_msg_no.clone()).or_default().push(slot);
        }
        for copy in &mark.copies {
            if copy.message_id == MessageId(0) {
                self.by_seq.insert(copy.message_seq, slot);
            } else {
                self.by_id.insert(copy.message_id, slot);
            }
        }
        self.marks.insert(slot, mark);
    }

    pub fn remove(&mut self, mark: &Mark) {
        if let Some(slot) = self.slot(mark) {
            self.take(slot);
        }
    }

    pub fn hints(&self) -> impl Iterator<Item = &Mark> {
        self.marks.values().filter(|mark| mark.hint)
    }

    fn slot(&self, mark: &Mark) -> Option<u64> {
        let by_number = self.by_number.get(&mark.client_msg_no).into_iter().flatten();
        let by_copy = mark.copies.iter().filter_map(|copy| {
            if copy.message_id == MessageId(0) {
                self.by_seq.get(&copy.message_seq)
            } else {
                self.by_id.get(&copy.message_id)
            }
        });
        let is_same = |slot: &u64| self.marks.get(slot).is_some_and(|known| known.is_of_same_message(mark));
        by_number.chain(by_copy).copied().find(is_same)
    }

    fn take(&mut self, slot: u64) -> Option<Mark> {
        let mark = self.marks.remove(&slot)?;
        if let Some(slots) = self.by_number.get_mut(&mark.client_msg_no) {
            slots.retain(|other| *other != slot);
        }
        self.by_id.retain(|_, other| *other != slot);
        self.by_seq.retain(|_, other| *other != slot);
        Some(mark)
    }
}

/// What a mark makes of a message. `content`: what a restore gives back. True if the row changed.
pub fn apply(row: &mut MessageRow, mark: &Mark, content: Option<&[u8]>) -> bool {
    let before = (row.state.clone(), row.mark.clone(), row.content.len());
    if mark.hint {
        // Only the author's own word, or the system's, hides; anybody else's waits for the feed.
        if row.state == MessageState::Normal && (mark.operator == row.from || mark.operator.is_empty()) {
            row.state = MessageState::Hidden;
        }
        return row.state != before.0;
    }
    row.mark = Some(Mark { copies: Vec::new(), ..mark.clone() });
    match (mark.state, content) {
        (MarkState::Recalled, _) => purge(row, MessageState::Recalled),
        (MarkState::Deleted, _) => purge(row, MessageState::Deleted),
        (MarkState::Restored, Some(content)) => {
            row.content = content.to_vec();
            row.state = MessageState::Normal;
        }
        (MarkState::Restored, None) if row.content.is_empty() => row.state = MessageState::Recalled,
        (MarkState::Restored, None) => row.state = MessageState::Normal,
    }
    (row.state.clone(), row.mark.clone(), row.content.len()) != before
}

/// Shows again what only a hint had hidden.
pub fn unhide(row: &mut MessageRow) -> bool {
    let hidden = row.state == MessageState::Hidden;
    if hidden {
        row.state = MessageState::Normal;
    }
    hidden
}

fn purge(row: &mut MessageRow, state: MessageState) {
    row.content = Vec::new();
    row.topic = None;
    row.state = state;
}

/// What our commands say: `messageRevoke`, as other clients know it, and `messageRestore`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    pub state: MarkState,
    pub client_msg_no: ClientMsgNo,
    pub message_id: Option<MessageId>,
    pub message_seq: Option<MessageSeq>,
    pub version: u64,
    /// The channel, where the command came by another road than the channel itself.
    pub channel: Option<(u8, String)>,
    pub people: Vec<Uid>,
}

/// Whether it calls itself a command.
pub fn is_command(content: &[u8]) -> bool {
    command(content).is_some()
}

fn command(content: &[u8]) -> Option<Value> {
    json::parse(content).filter(|content| json::field::<i64>(content, "type") == Some(99))
}

/// Reads a command's content; `None` if it is not about recalls.
pub fn hint(content: &[u8]) -> Option<Hint> {
    let command = command(content)?;
    let state = match command.get("cmd")?.as_str()? {
        "messageRevoke" => MarkState::Recalled,
        "messageRestore" => MarkState::Restored,
        "messageDelete" => MarkState::Deleted,
        _ => return None,
    };
    let param = command.get("param")?;
    let channel: (Option<String>, Option<u8>) =
        (json::optional(param, "channel_id")?, json::optional(param, "channel_type")?);
    let hint = Hint {
        state,
        client_msg_no: json::or_default(param, "client_msg_no")?,
        message_id: json::optional(param, "message_id")?,
        message_seq: json::optional(param, "message_seq")?,
        version: json::or_default(param, "version")?,
        channel: channel.0.zip(channel.1).map(|(id, kind)| (kind, id)),
        people: json::or_default(param, "uids")?,
    };
    let named = !hint.client_msg_no.is_empty() || hint.message_id.is_some() || hint.message_seq.is_some();
    named.then_some(hint)
}
