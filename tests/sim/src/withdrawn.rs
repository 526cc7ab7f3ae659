//! Invariant 4: once a recall is applied on a device, what was said is in no row of its database, in no event, in no answer.
//!
//! Every content holds a token that stands nowhere else, so a look for tokens finds it in whatever it was copied into. What is
//! owed is no exception: a recall says that the server has it. The look into the memory of the core is `probe`'s.

use std::collections::{BTreeMap, BTreeSet};

use jindou::channel::{Channel, ClientMsgNo};
use jindou::client::{ConversationView, MessageView, Reply};
use jindou::rows::{
    AuditRow, Batch, Change, ChannelRow, Digest, Mark, MarkState, MessageRow, OutboxRow, QuarantineRow,
};
use jindou_business::rules;

use crate::world::World;

/// A token is this long at most.
const LONGEST: usize = 16;

#[derive(Default)]
pub struct Withdrawn {
    /// By device, channel: how far its feed of marks has been read, as its disk says.
    read_marks: BTreeMap<(usize, Channel), u64>,
    /// By device: tokens whose content is gone there.
    gone: BTreeMap<usize, BTreeSet<String>>,
}

impl Withdrawn {
    /// Its database is gone.
    pub fn forget(&mut self, device: usize) {
        self.read_marks.retain(|(of, _), _| *of != device);
        self.gone.remove(&device);
    }
}

impl World {
    /// A batch is in the database: what it makes known is known, and nothing that it must take away is left.
    pub fn note_withdrawn(&mut self, device: usize, batch: &Batch) {
        let known = self.gone(device).len();
        for change in &batch.changes {
            match change {
                Change::Mark(_, mark) => self.note_mark(device, mark),
                Change::Channel(row) => self.note_feed(device, &row.channel, row.marks_version),
                _ => {}
            }
        }
        let found = if self.gone(device).len() > known {
            self.find_stored(device)
        } else {
            batch.changes.iter().find_map(|change| self.find_in_change(device, change))
        };
        if let Some(found) = found {
            self.fail(found);
        }
    }

    fn note_mark(&mut self, device: usize, mark: &Mark) {
        if mark.hint {
            return;
        }
        if mark.state != MarkState::Restored {
            self.model.purged += 1;
        }
        self.note_token(device, &mark.client_msg_no, mark.state != MarkState::Restored);
    }

    /// What the feed says up to here is known to the device, whatever its rows of marks say.
    fn note_feed(&mut self, device: usize, channel: &Channel, version: u64) {
        let key = (device, channel.clone());
        let read = self.model.withdrawn.read_marks.insert(key, version).unwrap_or(0);
        let (Some(ours), Ok(since)) = (self.ours(device, channel), rules::Version::try_from(read)) else { return };
        if version <= read {
            return;
        }
        for mark in self.business.ledger.feed(&ours, since, usize::MAX - 1).marks {
            if mark.version.number() <= version {
                let number = ClientMsgNo(mark.client_msg_no.as_str().to_owned());
                self.note_token(device, &number, mark.state.is_withdrawn());
            }
        }
    }

    /// Tokens that a batch brings back which the disk has not taken yet.
    fn restored_under_way(&self, device: usize) -> BTreeSet<&str> {
        let mut numbers = BTreeSet::new();
        for change in self.devices[device].disk.batches_under_way().flat_map(|batch| &batch.changes) {
            match change {
                Change::Mark(_, mark) if !mark.hint && mark.state == MarkState::Restored => {
                    numbers.insert(mark.client_msg_no.0.clone());
                }
                Change::Channel(row) => numbers.extend(self.restored_in_feed(device, row)),
                _ => {}
            }
        }
        let tokens = self.model.facts.iter().filter(|(number, _)| numbers.contains(&number.0));
        tokens.map(|(_, fact)| fact.token.as_str()).collect()
    }

    fn restored_in_feed(&self, device: usize, row: &ChannelRow) -> Vec<String> {
        let read = self.model.withdrawn.read_marks.get(&(device, row.channel.clone())).copied().unwrap_or(0);
        let (Some(ours), Ok(since)) = (self.ours(device, &row.channel), rules::Version::try_from(read)) else {
            return Vec::new();
        };
        let marks = self.business.ledger.feed(&ours, since, usize::MAX - 1).marks.into_iter();
        let restored = marks.filter(|mark| mark.version.number() <= row.marks_version && !mark.state.is_withdrawn());
        restored.map(|mark| mark.client_msg_no.as_str().to_owned()).collect()
    }

    fn note_token(&mut self, device: usize, number: &ClientMsgNo, withdrawn: bool) {
        let Some(fact) = self.model.facts.get(number) else { return };
        let gone = self.model.withdrawn.gone.entry(device).or_default();
        if withdrawn {
            gone.insert(fact.token.clone());
        } else {
            gone.remove(&fact.token);
        }
    }

    fn gone(&self, device: usize) -> &BTreeSet<String> {
        static NOTHING: BTreeSet<String> = BTreeSet::new();
        self.model.withdrawn.gone.get(&device).unwrap_or(&NOTHING)
    }

    /// What must not be in the core's memory either. What was taken back may be quoted there under an id that it has no more.
    pub fn gone_from_memory(&self, device: usize) -> BTreeSet<String> {
        let mut gone = self.gone(device).clone();
        let taken_back = self.model.taken_back.iter().filter_map(|number| self.model.facts.get(number));
        taken_back.for_each(|fact| _ = gone.remove(&fact.token));
        gone
    }

    /// Looks through the whole database.
    pub fn find_stored(&self, device: usize) -> Option<String> {
        let store = &self.devices[device].disk.store;
        let messages = store.messages().find_map(|row| self.find_in_row(device, row));
        messages
            .or_else(|| store.outbox().find_map(|row| self.find_in_owed(device, row)))
            .or_else(|| store.channels().find_map(|row| self.find_in_channel(device, row)))
            .or_else(|| store.quarantine().find_map(|row| self.find_in_quarantine(device, row)))
            .or_else(|| store.audit().find_map(|row| self.find_in_audit(device, row)))
            .or_else(|| {
                self.devices[device].disk.raw().find_map(|(table, bytes)| {
                    let token = self.find(device, bytes)?;
                    Some(format!("4: {} keeps {token} in a record of {table}", self.devices[device].name))
                })
            })
    }

    fn find_in_change(&self, device: usize, change: &Change) -> Option<String> {
        match change {
            Change::Message(row) => self.find_in_row(device, row),
            Change::Outbox(row) => self.find_in_owed(device, row),
            Change::Channel(row) => self.find_in_channel(device, row),
            Change::Quarantine(row) => self.find_in_quarantine(device, row),
            Change::Audit(row) => self.find_in_audit(device, row),
            // Names, versions and times.
            Change::Mark(..) | Change::MarkGone(..) | Change::Meta(_) | Change::Command(..) => None,
            Change::Forget(..) | Change::ForgetFrom(..) | Change::CommandsBefore(_) | Change::OutboxDone(_) => None,
        }
    }

    // Every field is named, so that a new one is thought of.

    fn find_in_row(&self, device: usize, row: &MessageRow) -> Option<String> {
        #[rustfmt::skip]
        let MessageRow {
            content, topic, client_msg_no, channel: _, message_seq: _, message_id: _, from: _, timestamp: _, setting: _,
            expire: _, state: _, mark: _, copies: _, counted: _, unconfirmed: _,
        } = row;
        let topic = topic.as_deref().unwrap_or_default();
        let token = self.find(device, content).or_else(|| self.find(device, topic.as_bytes()))?;
        Some(format!("4: {} keeps {token} in the row of {}", self.devices[device].name, client_msg_no.0))
    }

    fn find_in_owed(&self, device: usize, row: &OutboxRow) -> Option<String> {
        #[rustfmt::skip]
        let OutboxRow {
            content, topic, client_msg_no, ordinal: _, channel: _, created_at: _, expire: _, flags: _, setting: _,
            state: _,
        } = row;
        let topic = topic.as_deref().unwrap_or_default();
        let token = self.find(device, content).or_else(|| self.find(device, topic.as_bytes()))?;
        Some(format!("4: {} keeps {token} in what is owed, {}", self.devices[device].name, client_msg_no.0))
    }

    fn find_in_channel(&self, device: usize, row: &ChannelRow) -> Option<String> {
        #[rustfmt::skip]
        let ChannelRow {
            last, channel: _, ranges: _, last_seq: _, read_to: _, unread: _, marks_version: _, reached_start: _,
            doubts: _,
        } = row;
        #[rustfmt::skip]
        let Digest {
            content, message_seq: _, message_id: _, client_msg_no: _, from: _, timestamp: _, state: _, mark: _,
        } = last.as_ref()?;
        let token = self.find(device, content)?;
        Some(format!("4: {} keeps {token} in a conversation", self.devices[device].name))
    }

    fn find_in_quarantine(&self, device: usize, row: &QuarantineRow) -> Option<String> {
        let QuarantineRow { message_id: _, message_seq: _, at: _, why, raw } = row;
        let token = self.find(device, raw).or_else(|| self.find(device, why.as_bytes()))?;
        Some(format!("4: {} keeps {token} in quarantine", self.devices[device].name))
    }

    fn find_in_audit(&self, device: usize, row: &AuditRow) -> Option<String> {
        let AuditRow { ordinal: _, at: _, channel: _, operator: _, client_msg_no: _, copies: _, what, by } = row;
        let token = self.find(device, what.as_bytes()).or_else(|| self.find(device, by.as_bytes()))?;
        Some(format!("4: {} keeps {token} in the audit", self.devices[device].name))
    }

    // ---- what the core says ----

    pub fn find_in_view(&self, device: usize, message: &MessageView) -> Option<String> {
        let content = message.content.as_deref().unwrap_or_default();
        let topic = message.topic.as_deref().unwrap_or_default().as_bytes();
        if message.own && message.transient {
            // It was shown when it was said, and nothing of it is kept: nobody can take it back.
            return None;
        }
        let token = self.find(device, content).or_else(|| self.find(device, topic))?;
        Some(format!("4: {} shows {token} in {}", self.devices[device].name, message.key))
    }

    pub fn find_in_conversation(&self, device: usize, view: &ConversationView) -> Option<String> {
        view.last_message.as_ref().and_then(|message| self.find_in_view(device, message))
    }

    pub fn find_in_reply(&self, device: usize, reply: &Reply) -> Option<String> {
        // The lists of what is owed and of conversations are as the core knows them, ahead of a slow disk.
        let restored = || self.restored_under_way(device);
        let is_new = |found: &String| !restored().iter().any(|token| found.contains(token));
        match reply {
            Reply::Outbox { messages } => {
                messages.iter().filter_map(|message| self.find_in_view(device, message)).find(is_new)
            }
            Reply::Messages { messages, .. } => messages.iter().find_map(|message| self.find_in_view(device, message)),
            Reply::Sent { message, .. } | Reply::Message { message } => self.find_in_view(device, message),
            Reply::Conversations { conversations } => {
                conversations.iter().filter_map(|view| self.find_in_conversation(device, view)).find(is_new)
            }
            Reply::Audit { lines } => lines.iter().find_map(|line| self.find_in_audit(device, line)),
            // The draft of a re-edit is its author's.
            Reply::Content { .. } | Reply::Pending { .. } | Reply::Done => None,
        }
    }

    // ---- tokens ----

    /// The first token in the text that is gone from this device.
    fn find<'a>(&self, device: usize, text: &'a [u8]) -> Option<&'a str> {
        let gone = self.gone(device);
        let found = tokens(text).find(|token| gone.contains(*token));
        // Nobody can tell whose words these are where a server took the message back under whose id they are quoted.
        found
            .filter(|_| !self.model.lost_ids.iter().any(|id| contains(text, id.to_string().as_bytes())))
            .filter(|token| !self.came_again(device, token))
    }

    /// Whether it was taken back, restored, and sent again under an id that no recall has named: whoever has not heard of the restore
    /// cannot know whose words are quoted under it.
    fn came_again(&self, device: usize, token: &str) -> bool {
        let Some((number, _)) = self.model.facts.iter().find(|(_, fact)| fact.token == token) else { return false };
        let Ok(start) = rules::Version::try_from(0) else { return false };
        let is_restored = |channel: &Channel| {
            let feed = self.ours(device, channel).map(|ours| self.business.ledger.feed(&ours, start, usize::MAX - 1));
            feed.is_some_and(|feed| {
                let mut marks = feed.marks.iter();
                marks.any(|mark| mark.client_msg_no.as_str() == number.as_str() && !mark.state.is_withdrawn())
            })
        };
        let mut channels = self.devices[device].disk.store.channels();
        self.model.taken_back.contains(number) && channels.any(|row| is_restored(&row.channel))
    }
}

/// Every `<…>` in the bytes that may be a token.
pub fn tokens(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let begins = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'<');
    begins.filter_map(move |(at, _)| {
        let longest = &bytes[at..bytes.len().min(at + LONGEST)];
        let end = longest.iter().position(|byte| *byte == b'>')?;
        core::str::from_utf8(&longest[..=end]).ok()
    })
}

pub fn contains(content: &[u8], part: &[u8]) -> bool {
    // The search for text is the quick one, in an unoptimised build above all.
    match (core::str::from_utf8(content), core::str::from_utf8(part)) {
        (Ok(content), Ok(part)) => content.contains(part),
        _ => content.windows(part.len()).any(|window| window == part),
    }
}
