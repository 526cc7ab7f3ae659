//! Recall, restore and re-edit: a request, what is known, and the time go in; a change of one mark, or a denial, comes out.
//!
//! ```text
//! normal ── recall ──► recalled ── restore ──► restored (= normal, and may be recalled again)
//! ```
//!
//! Nothing is deleted by a recall: state and time are marked, and the content is kept sealed until the deadline. Every change
//! takes the channel's next version, so a device that has seen a version ignores all up to it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::identity::{Author, Channel, ClientMsgNo, MessageId, MessageSeq, TargetKey, Uid, Version};
use super::message::StoredMessage;
use super::roles::Role;
use super::time::{Span, Time};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkState {
    Recalled,
    Restored,
}

impl MarkState {
    /// Whether the content must not leave the server.
    pub fn is_withdrawn(self) -> bool {
        self != MarkState::Restored
    }

    pub fn name(self) -> &'static str {
        match self {
            MarkState::Recalled => "recalled",
            MarkState::Restored => "restored",
        }
    }

    pub fn named(name: &str) -> Option<MarkState> {
        [MarkState::Recalled, MarkState::Restored].into_iter().find(|state| state.name() == name)
    }
}

/// In which capacity somebody changed a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capacity {
    Author,
    Admin,
    Owner,
}

impl Capacity {
    pub fn name(self) -> &'static str {
        match self {
            Capacity::Author => "author",
            Capacity::Admin => "admin",
            Capacity::Owner => "owner",
        }
    }

    pub fn named(name: &str) -> Option<Capacity> {
        [Capacity::Author, Capacity::Admin, Capacity::Owner].into_iter().find(|it| it.name() == name)
    }
}

/// A stored copy of a marked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredCopy {
    pub message_id: MessageId,
    pub message_seq: MessageSeq,
}

/// The row: the newest state of one message's mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub channel: Channel,
    pub key: TargetKey,
    pub version: Version,
    pub state: MarkState,
    pub client_msg_no: ClientMsgNo,
    /// Ascending by messageSeq; the first one places the message.
    pub copies: Vec<StoredCopy>,
    pub operator: Uid,
    pub capacity: Capacity,
    pub at: Time,
    /// Until when the content is kept, and given to its author. None while nothing is withdrawn, or where it is kept without end.
    pub deadline: Option<Time>,
}

/// The mark as one person is shown it. The deadline is the author's business.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkView {
    pub version: Version,
    pub state: MarkState,
    pub client_msg_no: ClientMsgNo,
    pub copies: Vec<StoredCopy>,
    pub author: Author,
    pub operator: Uid,
    pub role: Capacity,
    pub at: Time,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deadline: Option<Time>,
    /// Standard base64, only with `restored`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payload: Option<String>,
}

impl fmt::Debug for MarkView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MarkView({:?}, {:?}, {:?})", self.version, self.state, self.copies)
    }
}

impl Mark {
    pub fn seen_by(&self, viewer: &Uid) -> MarkView {
        MarkView {
            version: self.version,
            state: self.state,
            client_msg_no: self.client_msg_no.clone(),
            copies: self.copies.clone(),
            author: self.key.author.clone(),
            operator: self.operator.clone(),
            role: self.capacity,
            at: self.at,
            deadline: self.deadline.filter(|_| self.key.author.is(viewer)),
            payload: None,
        }
    }
}

/// What the operator of the server has decided. `None` is "without limit".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long after sending an author may recall.
    pub recall_window: Option<Span>,
    /// How long after sending an owner or admin may.
    pub manager_window: Option<Span>,
    /// How long after a recall its author may restore or re-edit; then the sealed content is deleted.
    pub restore_window: Option<Span>,
    /// Whether an author may restore what an owner or admin has recalled.
    pub restore_moderated: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            recall_window: Some(Span::seconds(120)),
            manager_window: None,
            restore_window: Some(Span::hours(24)),
            restore_moderated: false,
        }
    }
}

/// Which message a person means. Version 2 of WuKongIM may store several copies under one clientMsgNo; id and seq are those of
/// any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub channel: Channel,
    pub client_msg_no: ClientMsgNo,
    pub message_id: Option<MessageId>,
    pub message_seq: Option<MessageSeq>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenyReason {
    Window,
    NotAuthor,
    NotMember,
    UnknownMessage,
    NotRecalled,
}

impl DenyReason {
    pub fn name(self) -> &'static str {
        match self {
            DenyReason::Window => "window",
            DenyReason::NotAuthor => "not-author",
            DenyReason::NotMember => "not-member",
            DenyReason::UnknownMessage => "unknown-message",
            DenyReason::NotRecalled => "not-recalled",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    pub reason: DenyReason,
    /// When the window closed, where that is the reason.
    pub deadline: Option<Time>,
}

impl From<DenyReason> for Denial {
    fn from(reason: DenyReason) -> Denial {
        Denial { reason, deadline: None }
    }
}

/// What is known when somebody asks. All of it is read in the transaction that writes the answer, but for the copies, which are
/// WuKongIM's and never change.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The caller's role in the channel; in a person channel both are members. None for a stranger.
    pub caller: Option<Role>,
    /// The author's role now. None for one who has left, and for the system.
    pub author: Option<Role>,
    pub existing: Option<&'a Mark>,
    /// The stored copies of the target, all of one author and name.
    pub copies: &'a [StoredMessage],
    /// The newest version in the channel.
    pub version: Version,
}

/// What is to be written, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub mark: Mark,
    pub content: ContentChange,
}

#[derive(Clone, PartialEq, Eq)]
pub enum ContentChange {
    /// Seal this and keep it until the mark's deadline.
    Seal(Vec<u8>),
    /// Keep the sealed content without a deadline: it is shown again.
    Release,
}

impl fmt::Debug for ContentChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContentChange::Seal(content) => write!(f, "Seal({} bytes)", content.len()),
            ContentChange::Release => f.write_str("Release"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is so already: a repeated request. Nothing is written and nobody told.
    Already(Mark),
    Change(Change),
    Denied(Denial),
}

/// Which of the messages found is meant: by id, then by seq, then one's own, then the only one. A clientMsgNo is made by its
/// author, so two people may use the same, and an id that does not fit the clientMsgNo names nothing.
pub fn identify(target: &Target, caller: &Uid, found: &[StoredMessage]) -> Option<TargetKey> {
    let named = |message: &&StoredMessage| message.client_msg_no == target.client_msg_no;
    let mut authors = Vec::new();
    for message in found.iter().filter(named) {
        let fits_id = target.message_id.is_none_or(|id| id == message.message_id);
        let fits_seq = target.message_id.is_some() || target.message_seq.is_none_or(|seq| seq == message.message_seq);
        if fits_id && fits_seq && !authors.contains(&message.target()) {
            authors.push(message.target());
        }
    }
    if let Some(own) = authors.iter().find(|key| key.author.is(caller)) {
        return Some(own.clone());
    }
    if authors.len() == 1 { authors.pop() } else { None }
}

/// In which capacity the caller may recall, leaving the window aside.
fn capacity(
    caller: &Uid,
    role: Role,
    author: &Author,
    author_role: Option<Role>,
    channel: &Channel,
) -> Option<Capacity> {
    let by_role = match (channel, role) {
        (Channel::Person(_), _) | (_, Role::Member) => None,
        _ if author.is_system() => None,
        (Channel::Group(_), Role::Admin) => {
            (author_role.unwrap_or(Role::Member) < Role::Admin).then_some(Capacity::Admin)
        }
        (Channel::Group(_), Role::Owner) => Some(Capacity::Owner),
    };
    if author.is(caller) { Some(Capacity::Author) } else { by_role }
}

pub fn recall(
    caller: &Uid,
    channel: &Channel,
    key: Option<&TargetKey>,
    facts: &Facts<'_>,
    policy: &Policy,
    now: Time,
) -> Decision {
    match decide_recall(caller, channel, key, facts, policy, now) {
        Ok(decision) => decision,
        Err(denial) => Decision::Denied(denial),
    }
}

fn decide_recall(
    caller: &Uid,
    channel: &Channel,
    key: Option<&TargetKey>,
    facts: &Facts<'_>,
    policy: &Policy,
    now: Time,
) -> Result<Decision, Denial> {
    let role = facts.caller.ok_or(DenyReason::NotMember)?;
    let key = key.ok_or(DenyReason::UnknownMessage)?;
    let mut capacity = capacity(caller, role, &key.author, facts.author, channel).ok_or(DenyReason::NotAuthor)?;
    if let Some(mark) = facts.existing {
        match mark.state {
            MarkState::Recalled => return Ok(Decision::Already(mark.clone())),
            MarkState::Restored => {}
        }
    }
    let first =
        facts.copies.iter().min_by_key(|copy| (copy.message_seq, copy.message_id)).ok_or(DenyReason::UnknownMessage)?;
    let sent = Time::from_seconds(first.timestamp);
    let closes = |window: Option<Span>| window.map(|window| sent.plus(window));
    let open = |window: Option<Span>| closes(window).is_none_or(|closes| now <= closes);
    if capacity == Capacity::Author && !open(policy.recall_window) {
        // Who may recall everybody's messages may recall their own, too late as an author but not as an owner.
        capacity = match (channel, role) {
            (Channel::Group(_), Role::Owner) => Capacity::Owner,
            (Channel::Group(_), Role::Admin) => Capacity::Admin,
            _ => return Err(Denial { reason: DenyReason::Window, deadline: closes(policy.recall_window) }),
        };
    }
    if capacity != Capacity::Author && !open(policy.manager_window) {
        return Err(Denial { reason: DenyReason::Window, deadline: closes(policy.manager_window) });
    }
    let mut copies: Vec<StoredCopy> = facts
        .copies
        .iter()
        .map(|copy| StoredCopy { message_id: copy.message_id, message_seq: copy.message_seq })
        .collect();
    copies.extend(facts.existing.iter().flat_map(|mark| mark.copies.iter().copied()));
    copies.sort_by_key(|copy| (copy.message_seq, copy.message_id));
    copies.dedup();
    let mark = Mark {
        channel: channel.clone(),
        key: key.clone(),
        version: facts.version.next(),
        state: MarkState::Recalled,
        client_msg_no: first.client_msg_no.clone(),
        copies,
        operator: caller.clone(),
        capacity,
        at: now,
        deadline: policy.restore_window.map(|window| now.plus(window)),
    };
    Ok(Decision::Change(Change { mark, content: ContentChange::Seal(first.payload.clone()) }))
}

/// The facts of a restore hold no copies: the mark has them.
pub fn restore(caller: &Uid, facts: &Facts<'_>, policy: &Policy, now: Time) -> Decision {
    match decide_restore(caller, facts, policy, now) {
        Ok(decision) => decision,
        Err(denial) => Decision::Denied(denial),
    }
}

fn decide_restore(caller: &Uid, facts: &Facts<'_>, policy: &Policy, now: Time) -> Result<Decision, Denial> {
    let mark = own_mark(caller, facts)?;
    if mark.state == MarkState::Restored {
        return Ok(Decision::Already(mark.clone()));
    }
    if mark.operator != *caller && !policy.restore_moderated {
        return Err(DenyReason::NotAuthor.into());
    }
    within_deadline(mark, now)?;
    let mark = Mark {
        version: facts.version.next(),
        state: MarkState::Restored,
        operator: caller.clone(),
        capacity: Capacity::Author,
        at: now,
        deadline: None,
        ..mark.clone()
    };
    Ok(Decision::Change(Change { mark, content: ContentChange::Release }))
}

/// Whether the caller may have the content of what was recalled, to write it anew.
pub fn reedit(caller: &Uid, facts: &Facts<'_>, now: Time) -> Result<(), Denial> {
    let mark = own_mark(caller, facts)?;
    if mark.state == MarkState::Restored {
        return Err(DenyReason::NotRecalled.into());
    }
    within_deadline(mark, now)
}

fn own_mark<'a>(caller: &Uid, facts: &Facts<'a>) -> Result<&'a Mark, Denial> {
    facts.caller.ok_or(DenyReason::NotMember)?;
    let mark = facts.existing.ok_or(DenyReason::NotRecalled)?;
    if !mark.key.author.is(caller) {
        return Err(DenyReason::NotAuthor.into());
    }
    Ok(mark)
}

fn within_deadline(mark: &Mark, now: Time) -> Result<(), Denial> {
    match mark.deadline {
        Some(deadline) if now > deadline => Err(Denial { reason: DenyReason::Window, deadline: Some(deadline) }),
        _ => Ok(()),
    }
}
