//! Conversations and read positions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::app::App;
use super::error::ApiError;
use super::input::{Caller, Input, at_most, bounded};
use super::views::{MessageView, messages};
use super::wukongim::{Conversation, Range, is_command_log};
use crate::rules::identity::PERSON;
use crate::rules::reading::{self, Reading};
use crate::rules::{Channel, ChannelRef, GroupId, MessageId, MessageSeq, StoredMessage, Uid, Version};

/// A device names every channel that it knows. WuKongIM keeps a thousand conversations for one person; a device may remember more.
const MAX_CURSORS: usize = 5000;
/// Person channels that are looked into at one call because WuKongIM does not list them.
const MAX_UNLISTED: usize = 20;
/// Bytes of messages in one answer, in base64: a device reads no more than 32 MB. What does not fit it asks for by channel.
const MAX_RECENTS: usize = 16 << 20;
/// A node that is well answers in milliseconds; the next catching up asks again.
const NOTICES: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
pub struct ConversationsRequest {
    #[serde(default)]
    cursors: Vec<Cursor>,
    recents: u64,
    /// Seconds. Then only what differs from its cursor is named, and what has none only with a message of this time or later: a device
    /// that has everything gets an empty answer. With a cursor it is news however old: a cluster may have kept it back.
    #[serde(default)]
    since: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cursor {
    #[serde(flatten)]
    channel: ChannelRef,
    message_seq: u64,
    #[serde(default)]
    message_id: Option<String>,
    #[serde(default)]
    marks_version: Version,
}

/// What a device has of a channel: its newest message and the marks.
#[derive(Clone, Copy, Default)]
struct Known {
    seq: MessageSeq,
    id: Option<MessageId>,
    marks: Version,
}

impl Known {
    /// A cluster may give a seq to another message; whoever has the old one must see the new one.
    fn lacks(&self, message: &StoredMessage) -> bool {
        let other = self.id.is_some_and(|id| id != message.message_id);
        message.message_seq > self.seq || (message.message_seq == self.seq && other)
    }

    fn has(&self, message: &StoredMessage) -> bool {
        message.message_seq == self.seq && self.id == Some(message.message_id)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    #[serde(flatten)]
    channel: ChannelRef,
    unread: u64,
    read_to: MessageSeq,
    last_message_seq: MessageSeq,
    timestamp: i64,
    marks_version: Version,
    recents: Vec<MessageView>,
}

pub async fn conversations(
    State(app): State<Arc<App>>,
    caller: Caller,
    Input(asked): Input<ConversationsRequest>,
) -> Result<Json<Value>, ApiError> {
    let uid = caller.uid();
    at_most("cursors", &asked.cursors, MAX_CURSORS)?;
    let recents = bounded("recents", asked.recents, 1, 50)?;
    let mut have = BTreeMap::new();
    for cursor in &asked.cursors {
        // A device may know channels that are not ours; they are no reason to answer nothing.
        if let Ok(channel) = Channel::named(&cursor.channel, uid) {
            let seq = MessageSeq::try_from(cursor.message_seq)?;
            let id = cursor.message_id.as_ref().and_then(|id| MessageId::try_from(id.clone()).ok());
            have.insert(channel, Known { seq, id, marks: cursor.marks_version });
        }
    }
    let cursors: Vec<(ChannelRef, u64)> = have
        .iter()
        .map(|(channel, known)| (channel.seen_by(uid), reading::cursor_for(known.seq)))
        // Beyond a cursor a log that has become shorter would not be named.
        .filter(|(channel, seq)| *seq > 0 && asked.since.is_none() && !is_system(channel))
        .collect();
    let told = app.wukongim.conversations(uid, &cursors, recents as u32).await?;
    let mut groups: BTreeSet<GroupId> = app.store.roles_of(uid).await?.into_iter().map(|(group, _)| group).collect();
    let mut unlisted: BTreeSet<Uid> = app.store.peers_of(uid).await?.into_iter().collect();
    let mut answer = Vec::new();
    for conversation in told {
        // WuKongIM remembers conversations of groups that somebody has left; commands and other kinds of channel are not ours.
        let channel = match named(&conversation, uid) {
            Some(Channel::Group(group)) => {
                if !groups.remove(&group) {
                    continue;
                }
                Channel::Group(group)
            }
            Some(Channel::Person(pair)) => {
                if let Some(peer) = pair.peer_of(uid) {
                    unlisted.remove(peer);
                }
                Channel::Person(pair)
            }
            None => continue,
        };
        let known = have.get(&channel).copied();
        answer.extend(view(&app, uid, &channel, conversation, known, asked.since).await?);
    }
    // A group that WuKongIM does not name yet is one's group all the same.
    for group in groups.into_iter().filter(|_| asked.since.is_none()) {
        let channel = Channel::Group(group);
        let empty = Conversation {
            channel_id: String::new(),
            channel_type: channel.channel_type(),
            unread: 0,
            timestamp: 0,
            last: MessageSeq::ZERO,
            read_to: MessageSeq::ZERO,
            recents: Vec::new(),
        };
        answer.extend(view(&app, uid, &channel, empty, None, None).await?);
    }
    for peer in unlisted.into_iter().take(MAX_UNLISTED) {
        let channel = Channel::person(uid.clone(), peer);
        let known = have.get(&channel).copied();
        let looking = unlisted_conversation(&app, uid, &channel, known.unwrap_or_default(), recents as u32);
        if let Some(conversation) = looking.await? {
            answer.extend(view(&app, uid, &channel, conversation, known, asked.since).await?);
        }
    }
    if asked.since.is_some() {
        for marked in marked(&app, uid, &have).await? {
            if answer.iter().all(|named: &ConversationView| named.channel != marked.channel) {
                answer.push(marked);
            }
        }
    } else {
        // Notices: WuKongIM keeps that channel and never lists it. Where its leader is away, the rest is not kept waiting for it.
        let channel = Channel::person(uid.clone(), Uid::system());
        let known = have.get(&channel).copied();
        let looking = unlisted_conversation(&app, uid, &channel, known.unwrap_or_default(), recents as u32);
        if let Ok(Ok(Some(conversation))) = timeout(NOTICES, looking).await {
            answer.extend(view(&app, uid, &channel, conversation, known, None).await?);
        }
    }
    let mut left = MAX_RECENTS;
    for conversation in &mut answer {
        let size = conversation.recents.iter().map(MessageView::size).sum();
        match left.checked_sub(size) {
            Some(rest) => left = rest,
            None => conversation.recents.clear(),
        }
    }
    Ok(Json(json!({ "conversations": answer })))
}

/// A person channel that WuKongIM keeps and does not list. It has no read position of it either, so all of it is unread that
/// somebody else wrote since one's own last message.
async fn unlisted_conversation(
    app: &App,
    uid: &Uid,
    channel: &Channel,
    known: Known,
    recents: u32,
) -> Result<Option<Conversation>, ApiError> {
    let messages = app.wukongim.messages(channel, uid, Range::Newest, recents).await?;
    let Some(newest) = messages.last() else { return Ok(None) };
    // A device that has it all keeps its own figures.
    if !known.lacks(newest) {
        return Ok(None);
    }
    Ok(Some(Conversation {
        channel_id: String::new(),
        channel_type: channel.channel_type(),
        unread: newest.message_seq.number(),
        timestamp: newest.timestamp,
        last: newest.message_seq,
        read_to: MessageSeq::ZERO,
        recents: messages,
    }))
}

/// The channels with marks that their cursor lacks, whatever WuKongIM says of them: its list may lack a channel, and a recall brings
/// no message.
async fn marked(app: &App, uid: &Uid, have: &BTreeMap<Channel, Known>) -> Result<Vec<ConversationView>, ApiError> {
    let versions = app.store.versions(have.keys()).await?;
    let mut news = Vec::new();
    for ((channel, known), marks_version) in have.iter().zip(versions) {
        if marks_version > known.marks && app.is_member(uid, channel).await? {
            news.push(ConversationView {
                channel: channel.seen_by(uid),
                unread: 0,
                read_to: MessageSeq::ZERO,
                last_message_seq: MessageSeq::ZERO,
                timestamp: 0,
                marks_version,
                recents: Vec::new(),
            });
        }
    }
    Ok(news)
}

fn is_system(channel: &ChannelRef) -> bool {
    channel.channel_type == PERSON && channel.channel_id == Uid::system().as_str()
}

fn named(conversation: &Conversation, uid: &Uid) -> Option<Channel> {
    if is_command_log(&conversation.channel_id) {
        return None;
    }
    let named = ChannelRef { channel_id: conversation.channel_id.clone(), channel_type: conversation.channel_type };
    Channel::named(&named, uid).ok()
}

/// `None` where there is no news `since` then.
async fn view(
    app: &App,
    uid: &Uid,
    channel: &Channel,
    mut conversation: Conversation,
    cursor: Option<Known>,
    since: Option<i64>,
) -> Result<Option<ConversationView>, ApiError> {
    let newest = conversation.recents.last();
    let is_known = |since| match (cursor, newest) {
        (_, None) => true,
        (Some(known), Some(newest)) => known.has(newest),
        (None, Some(newest)) => newest.timestamp.max(conversation.timestamp) < since,
    };
    if since.is_some_and(is_known) {
        return Ok(None);
    }
    let known = cursor.unwrap_or_default();
    let own_last =
        conversation.recents.iter().filter(|message| message.from_uid.is(uid)).map(|message| message.message_seq).max();
    let told = Reading { unread: conversation.unread, read_to: conversation.read_to };
    let reading = reading::beyond_own(told, conversation.last, own_last);
    conversation.recents.retain(|message| since.is_some() || known.lacks(message));
    let (seen, marks_version) = app.show(channel, uid, conversation.recents).await?;
    Ok(Some(ConversationView {
        channel: channel.seen_by(uid),
        unread: reading.unread,
        read_to: reading.read_to,
        last_message_seq: conversation.last,
        timestamp: conversation.timestamp,
        marks_version,
        recents: messages(seen),
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadRequest {
    #[serde(flatten)]
    channel: ChannelRef,
    message_seq: u64,
}

/// Moves the read position to a message: WuKongIM's own "clear" would read all there is. It takes a number of unread messages, so
/// only one that is stored in the instant between our two calls is read along.
pub async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Input(asked): Input<ReadRequest>,
) -> Result<Json<Value>, ApiError> {
    let channel = app.channel(caller.uid(), &asked.channel).await?;
    let seen = MessageSeq::try_from(asked.message_seq)?;
    let last = app.wukongim.messages(&channel, caller.uid(), Range::Newest, 1).await?;
    let last = last.last().map(|message| message.message_seq).unwrap_or_default();
    if let Some(unread) = reading::unread_for(seen, last) {
        app.wukongim.set_unread(caller.uid(), &channel, unread).await?;
    }
    Ok(Json(json!({})))
}
