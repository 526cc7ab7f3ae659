//! What is kept, and the two ways to reach it: a `Batch` of changes, all or nothing, and a `Query`.
//!
//! A row is not a record: a store may pack many rows into one value, so nothing here speaks of keys in a database.
//! The rules that a store must keep are in `store`, and its conformance suite shows them.

use jindou_cipher::md5;
use serde::Serialize;

use crate::channel::{Channel, ClientMsgNo, Uid};
use crate::id::{MessageId, MessageSeq};
use crate::time::Wall;

/// One tenure of the single writer; a batch of an older one is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub u64);

impl Epoch {
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A stored copy of a message. WuKongIM 2.x stores a resend again, so one message may have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copy {
    pub message_id: MessageId,
    pub message_seq: MessageSeq,
}

impl Copy {
    /// By its id. Its place names it only where neither has an id, for it may come to belong to another message.
    pub fn is_same(self, other: Copy) -> bool {
        self.message_id == other.message_id
            && (self.message_id != MessageId(0) || self.message_seq == other.message_seq)
    }
}

/// What a recall, a restore or a deletion made of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkState {
    Recalled,
    Restored,
    Deleted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Author,
    Member,
    Admin,
    Owner,
    System,
    Other,
}

/// A fact about a message, kept whether or not the message has come. The business server's word (`version` grows by one per
/// change in the channel), or, with `hint`, only a command's: that hides the message until the feed has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    pub version: u64,
    pub state: MarkState,
    pub client_msg_no: ClientMsgNo,
    pub copies: Vec<Copy>,
    pub author: Uid,
    pub operator: Uid,
    pub role: Role,
    /// When, on the server's clock.
    pub at: Wall,
    /// Until when its author may restore or edit it again, on the server's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Wall>,
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub hint: bool,
}

impl Mark {
    /// Whose message its clientMsgNo names, if that is known. A command names no author, and another's message may have the same
    /// number, so it counts for the command's own sender.
    pub fn number_of(&self) -> Option<&Uid> {
        if self.hint { Some(&self.operator) } else { Some(&self.author).filter(|author| !author.is_empty()) }
    }

    /// Whether both speak of one message: a copy in common, or the same clientMsgNo of one person, as far as it is known whose. Two
    /// known authors have no message in common.
    pub fn is_of_same_message(&self, other: &Mark) -> bool {
        let two_authors = !self.author.is_empty() && !other.author.is_empty() && self.author != other.author;
        let one_person = || self.number_of().zip(other.number_of()).is_none_or(|(one, other)| one == other);
        let by_number = !self.client_msg_no.is_empty() && self.client_msg_no == other.client_msg_no && one_person();
        let by_copy = || self.copies.iter().any(|copy| other.copies.iter().any(|known| known.is_same(*copy)));
        !two_authors && (by_number || by_copy())
    }
}

/// How a stored message is to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageState {
    #[default]
    Normal,
    /// A command says that it was recalled, and the feed has not answered yet: not shown, but still there.
    Hidden,
    /// The content is gone; who, when and role stay.
    Recalled,
    Deleted,
}

/// One message of a timeline, placed by the seq of its first copy.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageRow {
    pub channel: Channel,
    pub message_seq: MessageSeq,
    pub message_id: MessageId,
    pub client_msg_no: ClientMsgNo,
    pub from: Uid,
    /// Seconds since 1970, by the server; the time of the push where it was pushed, so never an order.
    pub timestamp: i64,
    pub setting: u8,
    /// Seconds after which receivers should forget it; 0 is never.
    pub expire: u32,
    pub topic: Option<String>,
    /// The plaintext as it was sent, usually JSON; empty once purged.
    pub content: Vec<u8>,
    pub state: MessageState,
    /// The mark that made the state.
    pub mark: Option<Mark>,
    /// The copies beyond the first, in any order.
    pub copies: Vec<Copy>,
    /// It stands in the channel's unread figure, so a recall takes it out again.
    pub counted: bool,
    /// Stored on one node of a cluster and not yet by the others; it may be taken back.
    pub unconfirmed: bool,
}

impl MessageRow {
    pub fn first_copy(&self) -> Copy {
        Copy { message_id: self.message_id, message_seq: self.message_seq }
    }

    pub fn all_copies(&self) -> Vec<Copy> {
        let mut copies = vec![self.first_copy()];
        copies.extend_from_slice(&self.copies);
        copies
    }
}

impl core::fmt::Debug for MessageRow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MessageRow")
            .field("channel", &self.channel)
            .field("message_seq", &self.message_seq)
            .field("message_id", &self.message_id)
            .field("state", &self.state)
            .field("content", &crate::redact::Redacted(&self.content))
            .finish_non_exhaustive()
    }
}

/// What is known of the outcome of a send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutboxState {
    /// Not answered yet.
    #[default]
    Queued,
    /// The server refused it for a reason that trying again does not cure; a person retries or drops it.
    Parked { reason_code: u8 },
    /// One node of a cluster has it, the others not yet (SENDACK 15 after 5 s, see `outbox::reason`). It stands in the timeline; looked at
    /// again after 1, 5 and 15 minutes, and sent again if it was taken back.
    Unconfirmed { message_id: MessageId, message_seq: MessageSeq, since: Wall, looks: u8 },
}

/// A message that we owe the server.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub client_msg_no: ClientMsgNo,
    /// The order of sending, over all channels of this database.
    pub ordinal: u64,
    pub channel: Channel,
    pub content: Vec<u8>,
    /// On the server's clock, where that is known.
    pub created_at: Wall,
    /// Seconds.
    pub expire: u32,
    /// The flag nibble and the setting byte of its SEND.
    pub flags: u8,
    pub setting: u8,
    pub topic: Option<String>,
    pub state: OutboxState,
}

impl OutboxRow {
    /// Recalled while it is unconfirmed. No message has an empty content.
    pub fn is_withdrawn(&self) -> bool {
        self.content.is_empty()
    }

    /// What was recalled is kept nowhere.
    pub fn empty(&mut self) {
        (self.content, self.topic, self.setting) = (Vec::new(), None, 0);
    }
}

impl core::fmt::Debug for OutboxRow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OutboxRow")
            .field("ordinal", &self.ordinal)
            .field("channel", &self.channel)
            .field("state", &self.state)
            .field("content", &crate::redact::Redacted(&self.content))
            .finish_non_exhaustive()
    }
}

/// A run of seqs without a hole, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    pub first: MessageSeq,
    pub last: MessageSeq,
}

/// What a conversation list shows of the newest message.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest {
    pub message_seq: MessageSeq,
    pub message_id: MessageId,
    pub client_msg_no: ClientMsgNo,
    pub from: Uid,
    /// Seconds, as the message's own.
    pub timestamp: i64,
    /// Empty once recalled.
    pub content: Vec<u8>,
    pub state: MessageState,
    /// The mark that made the state.
    pub mark: Option<Mark>,
}

impl core::fmt::Debug for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Digest({:?})", self.message_seq)
    }
}

/// A channel and its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRow {
    pub channel: Channel,
    /// Which seqs are here, ascending and disjoint, never adjacent.
    pub ranges: Vec<Range>,
    /// The newest seq that the server is known to have.
    pub last_seq: MessageSeq,
    pub read_to: MessageSeq,
    pub unread: u64,
    /// How far the feed of marks has been read.
    pub marks_version: u64,
    pub last: Option<Digest>,
    /// Nothing lies before the first range: the server was asked.
    pub reached_start: bool,
    /// Seqs, ascending, where it is in doubt whether the server still has what we have, and so is what lies below. On disk, since
    /// after a reload nothing else would lead there.
    pub doubts: Vec<MessageSeq>,
}

impl ChannelRow {
    pub fn new(channel: Channel) -> Self {
        Self {
            channel,
            ranges: Vec::new(),
            last_seq: MessageSeq(0),
            read_to: MessageSeq(0),
            unread: 0,
            marks_version: 0,
            last: None,
            reached_start: false,
            doubts: Vec::new(),
        }
    }

    /// No hole is in it, and nothing newer is known of, as far as what is here reaches back.
    pub fn is_whole(&self) -> bool {
        self.ranges.len() <= 1 && self.ranges.last().is_none_or(|range| range.last >= self.last_seq)
    }
}

/// A message that could not be read; acked, so that it makes no loop, and kept, so that nothing is lost.
#[derive(Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    pub message_id: MessageId,
    pub message_seq: MessageSeq,
    pub at: Wall,
    pub why: String,
    /// The payload as it was on the wire.
    pub raw: Vec<u8>,
}

impl core::fmt::Debug for QuarantineRow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "QuarantineRow({:?}, {})", self.message_id, self.why)
    }
}

/// One line of the local audit, append-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRow {
    /// Its order; unique in this database.
    pub ordinal: u64,
    pub at: Wall,
    pub channel: Channel,
    pub operator: Uid,
    pub client_msg_no: ClientMsgNo,
    pub copies: Vec<Copy>,
    /// "recalled", "restored", "deleted", "hidden", "forged", or what `Action::audit_word` says.
    pub what: String,
    /// "command", "feed", "history", "application", "business".
    pub by: String,
}

/// What one database knows beyond its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Stable for this database, so that a reconnect replaces our own old connection and nobody else's. Empty before the first start.
    pub device_id: String,
    /// That an outbox row or a line of the audit was given.
    pub last_ordinal: u64,
    /// The number of the last batch that was stored: one that was told as failed may be it.
    pub last_batch: u64,
    /// Whose it is: of who opened it first. Empty before that, and in what was written before this was kept.
    pub uid: Uid,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Puts the message at (channel, message_seq), in place of what was there. Its dedup information is part of it.
    Message(MessageRow),
    /// Takes back every message of the channel from this seq on: the server gave these seqs to others.
    ForgetFrom(Channel, MessageSeq),
    /// Takes back the one message placed at this seq: an older copy of it was found, and it is placed there.
    Forget(Channel, MessageSeq),
    Channel(ChannelRow),
    Outbox(OutboxRow),
    /// The message reached the server, or a person dropped it.
    OutboxDone(ClientMsgNo),
    Mark(Channel, Mark),
    /// Takes back a hint that the feed did not confirm.
    MarkGone(Channel, Mark),
    /// A command, by its id: seen.
    Command(MessageId, Wall),
    /// Commands seen before this are forgotten.
    CommandsBefore(Wall),
    Quarantine(QuarantineRow),
    Audit(AuditRow),
    Meta(Meta),
}

/// All of it or nothing, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub epoch: Epoch,
    pub changes: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// At the start: meta, outbox in order, every channel row, the commands seen.
    Hydrate,
    /// On a channel's first use: its dedup information and its marks.
    Channel(Channel),
    /// Newest first: messages with seq below `before` (all, if none), at most `limit`.
    Page { channel: Channel, before: Option<MessageSeq>, limit: usize },
    /// The messages placed at these seqs, ascending, as far as they are there.
    Messages { channel: Channel, seqs: Vec<MessageSeq> },
    /// The messages of the channel that quote one of these copies, ascending.
    Quoting { channel: Channel, copies: Vec<Copy> },
    /// The newest lines of the audit, newest first.
    Audit { limit: usize },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreFailure {
    /// Another tab took the database over; a newer epoch is in it.
    Fenced,
    /// Whatever IndexedDB said; the text goes into `error.message`.
    Failed(String),
}

/// The dedup information of one message: the `seen_hash` of its sender and clientMsgNo, and where it is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub hash: u64,
    pub placed_at: MessageSeq,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Hydrated {
        meta: Meta,
        outbox: Vec<OutboxRow>,
        channels: Vec<ChannelRow>,
        commands: Vec<MessageId>,
    },
    /// `aliases`: copies that are not first: (the copy, where its message is placed).
    Channel {
        seen: Vec<Seen>,
        aliases: Vec<(Copy, MessageSeq)>,
        marks: Vec<Mark>,
    },
    Messages(Vec<MessageRow>),
    Audit(Vec<AuditRow>),
}

/// Bytes that are usually JSON text: a string in JavaScript where they are UTF-8, else bytes.
pub(crate) mod content {
    use serde::Serializer;

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match core::str::from_utf8(bytes) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.serialize_bytes(bytes),
        }
    }
}

/// The dedup key of (sender, clientMsgNo) within a channel, in 64 bits. A hit is only a hint: the rows are compared.
pub fn seen_hash(from: &Uid, client_msg_no: &ClientMsgNo) -> u64 {
    let length = (from.0.len() as u64).to_le_bytes();
    let [a, b, c, d, e, f, g, h, ..] = md5(&[&length, from.0.as_bytes(), client_msg_no.0.as_bytes()]);
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Joined to a `seen_hash`, which is of one channel, it makes an `act_id`, which is of all.
pub fn channel_salt(channel: &Channel) -> u64 {
    seen_hash(&Uid(channel.id.clone()), &ClientMsgNo(channel.kind.to_string()))
}

/// Names an act of sending (of one channel, sender and clientMsgNo) in the set of ids that were seen. Negative, as no server's ids are.
pub fn act_id(salt: u64, hash: u64) -> MessageId {
    MessageId(!(((hash ^ salt) >> 1) as i64))
}

/// Names a transient message in the set of ids that were seen, where its own id would say that it was a command.
pub fn transient_id(id: MessageId) -> MessageId {
    MessageId(!id.0)
}
