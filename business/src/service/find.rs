//! Finding stored messages by clientMsgNo.
//!
//! WuKongIM stores a resend as a second copy under the same clientMsgNo. 2.2.x has an index that gives the first copy; 2.1.x has
//! none. `/messages` searches all of a channel for each name, looks for ids in other channels too, and gives one copy, so it is
//! not used: what the index does not tell is read from the log, near where the message must be, and no further.

use std::collections::{BTreeMap, BTreeSet};

use super::app::App;
use super::error::ApiError;
use super::wukongim::{Range, WukongimError};
use crate::rules::recall::Target;
use crate::rules::{Channel, ClientMsgNo, MessageSeq, StoredMessage, Uid};

/// Messages read at once, and the most that are read for one question.
const STRIDE: u32 = 250;
const REACH: u32 = 1000;
/// How far before a known copy an earlier one is looked for where there is no index.
const BEFORE: u32 = 250;

/// All copies that can be found of what a target names, whoever wrote them.
pub async fn copies(app: &App, caller: &Uid, target: &Target) -> Result<Vec<StoredMessage>, ApiError> {
    let named = |message: &StoredMessage| {
        message.client_msg_no == target.client_msg_no
            && (!target.client_msg_no.is_empty() || Some(message.message_id) == target.message_id)
    };
    let mut found = Found::default();
    if let Some(seq) = target.message_seq.filter(|seq| *seq > MessageSeq::ZERO) {
        found.add(at(app, caller, &target.channel, seq).await?, &named);
    }
    if target.client_msg_no.is_empty() {
        // It has one copy, and that is the one named by its id.
        if found.is_empty() {
            found.add(newest(app, caller, &target.channel, &mut |_| false).await?, &named);
        }
        return Ok(found.into_copies());
    }
    let indexed = match app.wukongim.first_copy(&target.channel, &target.client_msg_no).await {
        Ok(first) => {
            if let Some(first) = first
                && !is_displaced(&at(app, caller, &target.channel, first.message_seq).await?, &first)
            {
                found.add(vec![first], &named);
            }
            true
        }
        Err(WukongimError::Missing) => false,
        Err(error) => return Err(error.into()),
    };
    match found.first_seq() {
        None => found.add(newest(app, caller, &target.channel, &mut |_| false).await?, &named),
        Some(first) => {
            if !indexed {
                let before = Range::Older { start: first, end: MessageSeq::ZERO };
                found.add(app.wukongim.messages(&target.channel, caller, before, BEFORE).await?, &named);
            }
            found.add(from(app, caller, &target.channel, first).await?, &named);
        }
    }
    Ok(found.into_copies())
}

/// The caller's own messages under these names: the first copy of each that is there.
pub async fn own(
    app: &App,
    caller: &Uid,
    channel: &Channel,
    mut names: BTreeSet<ClientMsgNo>,
) -> Result<BTreeMap<ClientMsgNo, StoredMessage>, ApiError> {
    names.retain(|name| !name.is_empty());
    let mut found = BTreeMap::new();
    let mut unindexed = BTreeSet::new();
    for name in names {
        match app.wukongim.first_copy(channel, &name).await {
            Ok(Some(message)) if message.from_uid.is(caller) => {
                found.insert(name, message);
            }
            // Somebody else has used this name before, or there is no index; or a cluster's index lacks what its log has: whoever
            // took that for lost would send it again and again.
            Ok(_) | Err(WukongimError::Missing) => {
                unindexed.insert(name);
            }
            Err(error) => return Err(error.into()),
        }
    }
    for name in gone(app, caller, channel, &found).await? {
        found.remove(&name);
        unindexed.insert(name);
    }
    if !unindexed.is_empty() {
        let is_wanted =
            |message: &StoredMessage| message.from_uid.is(caller) && unindexed.contains(&message.client_msg_no);
        let mut missing = unindexed.clone();
        let mut stop = |page: &[StoredMessage]| {
            for message in page.iter().filter(|message| is_wanted(message)) {
                missing.remove(&message.client_msg_no);
            }
            missing.is_empty()
        };
        for message in newest(app, caller, channel, &mut stop).await?.into_iter().filter(is_wanted) {
            found.entry(message.client_msg_no.clone()).or_insert(message);
        }
    }
    Ok(found)
}

/// Those of the found in whose place the log has another message.
async fn gone(
    app: &App,
    caller: &Uid,
    channel: &Channel,
    found: &BTreeMap<ClientMsgNo, StoredMessage>,
) -> Result<Vec<ClientMsgNo>, ApiError> {
    let mut by_seq: Vec<(&ClientMsgNo, &StoredMessage)> = found.iter().collect();
    by_seq.sort_by_key(|(_, message)| message.message_seq);
    let mut gone = Vec::new();
    let mut rest = by_seq.as_slice();
    while let Some((_, first)) = rest.first() {
        let start = first.message_seq;
        let end = MessageSeq::try_from(start.number() + u64::from(STRIDE))?;
        let here = rest.partition_point(|(_, message)| message.message_seq < end);
        let log = app.wukongim.messages(channel, caller, Range::Newer { start, end }, STRIDE).await?;
        gone.extend(
            rest[..here].iter().filter(|(_, message)| is_displaced(&log, message)).map(|(name, _)| (*name).clone()),
        );
        rest = &rest[here..];
    }
    Ok(gone)
}

/// Another message stands in its place. A log that ends before it tells nothing: a new leader may still be behind the index, and
/// whoever took the message for lost would send it again and again.
fn is_displaced(log: &[StoredMessage], message: &StoredMessage) -> bool {
    log.iter().any(|stored| stored.message_seq == message.message_seq && stored.message_id != message.message_id)
}

async fn at(app: &App, caller: &Uid, channel: &Channel, seq: MessageSeq) -> Result<Vec<StoredMessage>, ApiError> {
    let end = MessageSeq::try_from(seq.number().saturating_sub(1))?;
    Ok(app.wukongim.messages(channel, caller, Range::Older { start: seq, end }, 1).await?)
}

/// From a place in the log towards its end, ascending, as far as the reach goes.
async fn from(app: &App, caller: &Uid, channel: &Channel, first: MessageSeq) -> Result<Vec<StoredMessage>, ApiError> {
    let mut all = Vec::new();
    let mut start = first;
    while all.len() < REACH as usize {
        let page =
            app.wukongim.messages(channel, caller, Range::Newer { start, end: MessageSeq::ZERO }, STRIDE).await?;
        let full = page.len() >= STRIDE as usize;
        let Some(last) = page.last().map(|message| message.message_seq) else { break };
        start = MessageSeq::try_from(last.number() + 1)?;
        all.extend(page);
        if !full {
            break;
        }
    }
    Ok(all)
}

/// From the end of the log towards older, ascending in the result, until `enough` or as far as the reach goes.
async fn newest(
    app: &App,
    caller: &Uid,
    channel: &Channel,
    enough: &mut (dyn FnMut(&[StoredMessage]) -> bool + Send),
) -> Result<Vec<StoredMessage>, ApiError> {
    let mut all: Vec<StoredMessage> = Vec::new();
    let mut range = Range::Newest;
    while all.len() < REACH as usize {
        let mut page = app.wukongim.messages(channel, caller, range, STRIDE).await?;
        let full = page.len() >= STRIDE as usize;
        let done = enough(&page);
        let Some(first) = page.first().map(|message| message.message_seq.number()) else { break };
        page.append(&mut all);
        all = page;
        if !full || done || first <= 1 {
            break;
        }
        range = Range::Older { start: MessageSeq::try_from(first - 1)?, end: MessageSeq::ZERO };
    }
    Ok(all)
}

#[derive(Default)]
struct Found(BTreeMap<crate::rules::MessageId, StoredMessage>);

impl Found {
    fn add(&mut self, messages: Vec<StoredMessage>, named: &(dyn Fn(&StoredMessage) -> bool + Sync)) {
        self.0
            .extend(messages.into_iter().filter(|message| named(message)).map(|message| (message.message_id, message)));
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn first_seq(&self) -> Option<MessageSeq> {
        self.0.values().map(|message| message.message_seq).min()
    }

    fn into_copies(self) -> Vec<StoredMessage> {
        self.0.into_values().collect()
    }
}
