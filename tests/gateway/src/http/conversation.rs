//! Conversations: who has what to read. The server's figures are lengths of intervals, not counts of messages.

use super::history::newest_after;
use super::{Answer, Form, HttpRequest, HttpResponse, required};
use crate::config::Generation;
use crate::conversation::Conversation;
use crate::ids::{Channel, SYSTEM_UID, Uid};
use crate::node::Node;
use jindou::id::ChannelType;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `channelID:channelType:seq|…`, each as its reader names it. What cannot be read is skipped.
fn cursors(text: &str) -> BTreeMap<(String, u8), u64> {
    let entries = text.split('|').filter_map(|entry| {
        let parts: Vec<&str> = entry.split(':').collect();
        let [id, kind, seq] = parts.as_slice() else { return None };
        Some((((*id).to_owned(), kind.parse().unwrap_or(0)), seq.parse().unwrap_or(0)))
    });
    entries.collect()
}

impl Node {
    pub(super) fn conversation_sync(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let uid = form.uid("uid")?;
        if uid.as_str().is_empty() {
            // The handler panics.
            return Err(HttpResponse::empty(500));
        }
        let v22 = self.config.generation == Generation::V22;
        let known = cursors(&form.text("last_msg_seqs")?);
        let only_new = form.number("version")? > 0 || form.flag("only_unread")?;
        let Ok(count @ 1..) = usize::try_from(form.number("msg_count")?) else {
            return Ok(HttpResponse::json(&json!([])));
        };
        let excluded: Vec<u64> = form.list("exclude_channel_types")?.iter().filter_map(Value::as_u64).collect();
        let mut conversations = self.conversations.of(&uid, false);
        if v22 && let Ok(page @ 1..) = usize::try_from(form.number("page")?) {
            // Pages are cut before anything is left out, so an empty one is not the last.
            let size = match form.number("page_size")? {
                ..=0 => 100,
                size => usize::try_from(size).unwrap_or(500).min(500),
            };
            conversations = conversations.into_iter().skip((page - 1).saturating_mul(size)).take(size).collect();
        }
        let mut found = Vec::new();
        for (channel, conversation) in conversations {
            let name = channel.name_for(uid.as_str());
            let cursor = known.get(&(name.clone(), channel.kind.0)).copied().unwrap_or(0);
            let system = channel.kind == ChannelType::PERSON && name == SYSTEM_UID;
            let unwanted = v22 && cursor == 0 && excluded.contains(&u64::from(channel.kind.0));
            if system || unwanted {
                continue;
            }
            // Behind the highest position there is comes the first message again.
            let asked = match cursor {
                0 if only_new => conversation.read_to.wrapping_add(1),
                0 => 0,
                cursor => cursor.wrapping_add(1),
            };
            // A deletion does not hide its last message from who asks from just there on.
            let first = if conversation.deleted_to > asked { conversation.deleted_to + 1 } else { asked };
            let after = first.saturating_sub(1);
            found.extend(self.conversation_json(&uid, &channel, &name, conversation, after, count));
        }
        Ok(HttpResponse::json(&Value::Array(found)))
    }

    /// `None` where nothing is above `after`: such conversations are left out.
    fn conversation_json(
        &self,
        uid: &Uid,
        channel: &Channel,
        name: &str,
        conversation: Conversation,
        after: u64,
        count: usize,
    ) -> Option<Value> {
        let log = self.journal.log(channel)?;
        let last = log.messages().last()?;
        let recents = newest_after(log, after, count);
        let (newest, oldest) = (recents.last()?, recents.first()?);
        let last_seq = last.message_seq;
        let mut read_to = conversation.read_to;
        let mut unread = last_seq.saturating_sub(read_to);
        if self.config.generation == Generation::V21 {
            // It means to look whether the last message is one's own, and looks at the oldest that it returns.
            if oldest.from == *uid {
                (read_to, unread) = (oldest.message_seq, 0);
            }
        } else {
            let own = log.last_of(uid);
            if own > read_to && last_seq - own < unread {
                (read_to, unread) = (own, last_seq - own);
            }
            if newest.from == *uid {
                (read_to, unread) = (last_seq, 0);
            }
        }
        Some(json!({
            "channel_id": name,
            "channel_type": channel.kind.0,
            "unread": unread,
            "timestamp": last.stored_at.timestamp(),
            "last_msg_seq": last_seq,
            "last_client_msg_no": last.client_msg_no,
            "offset_msg_seq": 0,
            "readed_to_msg_seq": read_to & u64::from(u32::MAX),
            "version": i64::from(last.stored_at.timestamp()) * 1_000_000_000,
            "recents": self.recents_json(log, after, count),
        }))
    }

    /// By their stored ids, unlike everywhere else.
    pub(super) fn conversation_channels(&mut self, request: &HttpRequest) -> Answer {
        let uid = Form::read(request)?.uid("uid")?;
        let channels = self.conversations.of(&uid, false);
        let value = |(channel, _): (Channel, _)| json!({ "channel_id": channel.id, "channel_type": channel.kind.0 });
        Ok(HttpResponse::json(&channels.into_iter().map(value).collect()))
    }

    /// Channels are named by their stored ids here: a peer's uid finds nothing.
    pub(super) fn conversation_sync_messages(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::bound(request)?;
        let uid = form.uid("uid")?;
        let count = usize::try_from(form.number("msg_count")?).ok().filter(|count| *count > 0).unwrap_or(15);
        let newest_first = form.flag("order_by_last")?;
        let mut found = Vec::new();
        for wanted in form.forms("channels")? {
            let channel = wanted.channel()?;
            let seq = wanted.seq("last_msg_seq")?;
            let log = self.journal.log(&channel);
            let messages = match log {
                Some(log) if newest_first => self.recents_json(log, seq.saturating_sub(1), count),
                Some(log) => {
                    let page = log.range(seq, u64::MAX);
                    self.page_json(&page[..page.len().min(count)])
                }
                None => Vec::new(),
            };
            let mut value = json!({ "channel_id": channel.id, "channel_type": channel.kind.0, "messages": messages });
            if self.config.generation == Generation::V22 {
                value["user_last_msg_seq"] = json!(log.map_or(0, |log| log.last_of(&uid)));
            }
            found.push(value);
        }
        Ok(HttpResponse::json(&Value::Array(found)))
    }

    /// The channels that are named, whether the person has a conversation there or not.
    pub(super) fn conversation_sync_by_channels(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let uid = form.uid("uid")?;
        required(uid.as_str(), "uid cannot be empty")?;
        let wanted = form.forms("channels")?;
        if wanted.is_empty() {
            return Err(HttpResponse::refuse("channels cannot be empty"));
        }
        let count = usize::try_from(form.number("msg_count")?).ok().filter(|count| *count > 0).unwrap_or(15);
        let mut found = Vec::new();
        for wanted in wanted {
            let channel = wanted.channel_for(&uid)?;
            let name = channel.name_for(uid.as_str());
            let conversation = self.conversations.written(&uid, &channel).unwrap_or_default();
            let value = self.conversation_json(&uid, &channel, &name, conversation, 0, count);
            found.push(value.unwrap_or_else(|| {
                json!({
                    "channel_id": name,
                    "channel_type": channel.kind.0,
                    "unread": 0,
                    "timestamp": 0,
                    "last_msg_seq": 0,
                    "last_client_msg_no": "",
                    "offset_msg_seq": 0,
                    "readed_to_msg_seq": conversation.read_to & u64::from(u32::MAX),
                    "version": 0,
                    "recents": [],
                })
            }));
        }
        Ok(HttpResponse::json(&Value::Array(found)))
    }

    /// Everything that is there now counts as read; the `message_seq` of the call is ignored.
    pub(super) fn conversations_clear_unread(&mut self, request: &HttpRequest) -> Answer {
        self.move_read_position(&Form::read(request)?, "uid cannot be empty", |last_seq, _| last_seq)
    }

    pub(super) fn conversations_set_unread(&mut self, request: &HttpRequest) -> Answer {
        let v3 = self.config.generation.is_v3();
        self.move_read_position(&Form::read(request)?, "UID cannot be empty", |last_seq, unread| match unread {
            0 => last_seq,
            unread if unread > last_seq && v3 => last_seq.saturating_sub(1),
            // In a log without messages that is the highest number there is, and nothing is ever unread.
            unread if unread > last_seq => last_seq.wrapping_sub(1),
            unread => last_seq - unread,
        })
    }

    /// Forwards only.
    fn move_read_position(&mut self, form: &Form, nobody: &str, position: impl Fn(u64, u64) -> u64) -> Answer {
        let uid = form.uid("uid")?;
        let channel = named_by(form, &uid, nobody)?;
        let unread = u64::try_from(form.number("unread")?).unwrap_or(0);
        let read_to = position(self.journal.last_seq(&channel), unread);
        let mut conversation = self.conversations.written(&uid, &channel).unwrap_or_default();
        if read_to > conversation.read_to {
            conversation.read_to = read_to;
            conversation.updated_at = self.now;
            self.write_conversation(&uid, &channel, conversation);
        }
        Ok(HttpResponse::ok())
    }

    /// Hidden until something newer comes. The messages stay, except for this reader on version 3. In the others a
    /// conversation that is not written yet stays as it is.
    pub(super) fn conversations_delete(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let uid = form.uid("uid")?;
        let v3 = self.config.generation.is_v3();
        let channel = named_by(&form, &uid, if v3 { "uid cannot be empty" } else { "Uid cannot be empty" })?;
        let written = self.conversations.written(&uid, &channel);
        if written.is_none() && !v3 {
            return Ok(HttpResponse::ok());
        }
        let mut conversation = written.unwrap_or_default();
        conversation.deleted_to = self.journal.last_seq(&channel);
        if v3 {
            conversation.read_to = conversation.deleted_to;
        }
        self.write_conversation(&uid, &channel, conversation);
        Ok(HttpResponse::ok())
    }
}

fn named_by(form: &Form, uid: &Uid, nobody: &str) -> Result<Channel, HttpResponse> {
    required(uid.as_str(), nobody)?;
    let channel = form.channel_for(uid)?;
    if form.text("channel_id")?.is_empty() || channel.kind == ChannelType(0) {
        return Err(HttpResponse::refuse("channel_id or channel_type cannot be empty"));
    }
    Ok(channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_that_cannot_be_read_are_skipped() {
        let read = cursors("a:1:10|nonsense|b:2:3|c:2");
        assert_eq!(read.len(), 2);
        assert_eq!(read[&("a".to_owned(), 1)], 10);
        assert_eq!(read[&("b".to_owned(), 2)], 3);
    }
}
