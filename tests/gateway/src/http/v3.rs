//! What version 3 has in place of 2.x's calls, with its own shapes.

use super::history::{Header, page_answer};
use super::message::channel_of_listed;
use super::{Answer, Form, HttpRequest, HttpResponse, required};
use crate::conversation::{Conversation, SyncRecord};
use crate::directory::ListKind;
use crate::ids::{Channel, Uid};
use crate::journal::Message;
use crate::node::Node;
use crate::send::Post;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jindou::id::ChannelType;
use jindou::wire::{Flags, ReasonCode, Setting, Text};
use serde_json::{Value, json};

const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 10_000;

/// One page of a log, and what it was asked for.
struct Page {
    start: u64,
    end: u64,
    more: bool,
    messages: Vec<Value>,
}

impl Node {
    pub(super) fn route_v3(&mut self, request: &HttpRequest) -> Answer {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/healthz") => Ok(HttpResponse::json(&json!({ "status": "ok" }))),
            ("GET", "/readyz") => Ok(HttpResponse::json(&json!({ "ready": true }))),
            ("POST", "/message/send") => self.message_send_v3(request),
            ("POST", "/message/sync") => self.message_sync_v3(request),
            ("POST", "/message/syncack") => self.message_sync_ack(request),
            ("POST", "/message/cmd/bind") => self.command_bind(request, true),
            ("POST", "/message/cmd/unbind") => self.command_bind(request, false),
            ("POST", "/channel/messagesync") => self.channel_message_sync_v3(request),
            ("POST", "/channel/messagesyncbatch") => self.channel_message_sync_batch(request),
            ("POST", "/conversation/list") => self.conversation_list(request),
            _ => Ok(HttpResponse::unknown()),
        }
    }

    /// Asks for permission, and answers with the truth. A repeated clientMsgNo finds the first message again.
    fn message_send_v3(&mut self, request: &HttpRequest) -> Answer {
        let invalid = || HttpResponse::error(400, "invalid request");
        let form = Form::parse(request).map_err(|_| invalid())?;
        let payload =
            STANDARD.decode(form.text("payload")?).map_err(|_| HttpResponse::error(400, "invalid payload"))?;
        let given = form.uid("from_uid")?;
        let from = if given.as_str().is_empty() { form.uid("sender_uid")? } else { given };
        let listed = form.uids("subscribers")?;
        let named = form.text("channel_id")?;
        let kind = form.kind()?;
        let nowhere = listed.is_empty() && (named.is_empty() || kind == ChannelType(0));
        if from.as_str().is_empty() || payload.is_empty() || nowhere {
            return Err(invalid());
        }
        if kind == ChannelType::PERSON && named.contains('@') {
            return Err(HttpResponse::error(400, "invalid channel id"));
        }
        let header = form.header()?;
        let flags = Flags {
            dup: false,
            red_dot: false,
            sync_once: header.sync_once || form.flag("sync_once")?,
            no_persist: header.no_persist || form.flag("no_persist")?,
        };
        if !listed.is_empty() && !flags.sync_once {
            return Err(HttpResponse::error(400, "request subscribers require sync_once"));
        }
        let mut post = Post {
            message_id: 0,
            from,
            origin: None,
            flags,
            setting: Setting(form.byte("setting")?),
            client_msg_no: Text::from(form.text("client_msg_no")?),
            named: Text::from(named),
            kind,
            expire: form.expire()?,
            topic: None,
            payload,
        };
        let (outcome, delivery) = if listed.is_empty() {
            self.post_v3(post)
        } else {
            let channel = Channel::new(channel_of_listed(&listed), ChannelType::TEMP).command();
            self.temporary.insert(channel.id.clone(), listed);
            post.message_id = self.next_message_id();
            post.kind = ChannelType::TEMP;
            post.named = Text::from(channel.id.as_str());
            (self.keep(&channel, &post), Some((channel, post)))
        };
        if let Some((channel, post)) = delivery {
            self.deliver(&channel, &post, outcome.message_seq);
        } else if outcome.reason == ReasonCode::SYSTEM_ERROR {
            // The name was used for other words.
            return Err(HttpResponse::error(500, "internal/message: append failed: channel: log conflict"));
        }
        Ok(HttpResponse::json(&json!({
            "message_id": outcome.message_id,
            "message_seq": outcome.message_seq,
            "reason": outcome.reason.0,
        })))
    }

    fn channel_message_sync_v3(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let page = self.page_v3(&form, &form.uid("login_uid")?)?;
        Ok(page_answer(page.start, page.end, page.more, page.messages))
    }

    /// One item that may not be read fails all.
    fn channel_message_sync_batch(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let viewer = form.uid("login_uid")?;
        let mut items = Vec::new();
        for item in form.forms("items")? {
            let page = self.page_v3(&item, &viewer)?;
            items.push(json!({
                "channel_id": item.text("channel_id")?,
                "channel_type": item.kind()?.0,
                "start_message_seq": page.start,
                "end_message_seq": page.end,
                "more": u8::from(page.more),
                "messages": page.messages,
            }));
        }
        Ok(HttpResponse::json(&json!({ "items": items })))
    }

    /// Up to where the channel is hidden from the reader, if he is a member at all.
    fn hidden_to(&self, uid: &Uid, channel: &Channel) -> Result<u64, HttpResponse> {
        let conversation = self.conversations.written(uid, channel);
        if self.is_disbanded(channel) {
            return Err(HttpResponse::refuse("internal/message: channel disbanded"));
        }
        if conversation.is_none() || self.has_left(uid, channel) {
            return Err(HttpResponse::refuse("internal/message: valid channel membership required"));
        }
        Ok(conversation.map_or(0, |conversation| conversation.deleted_to))
    }

    fn is_disbanded(&self, channel: &Channel) -> bool {
        self.directory.info(channel).is_some_and(|info| info.disband)
    }

    /// A conversation outlives the membership.
    fn has_left(&self, uid: &Uid, channel: &Channel) -> bool {
        channel.kind != ChannelType::PERSON && !self.directory.list(channel, ListKind::Subscribers).contains(uid)
    }

    fn page_v3(&self, form: &Form, viewer: &Uid) -> Result<Page, HttpResponse> {
        required(&form.text("channel_id")?, "channel_id不能为空！")?;
        required(viewer.as_str(), "login_uid不能为空！")?;
        let channel = form.channel_for(viewer)?;
        let hidden_to = self.hidden_to(viewer, &channel)?;
        let (start, end) = (form.seq("start_message_seq")?, form.seq("end_message_seq")?);
        let limit = match usize::try_from(form.number("limit")?) {
            Ok(limit @ 1..) => limit.min(MOST),
            _ => DEFAULT_LIMIT,
        };
        let Some(log) = self.journal.log(&channel) else {
            return Ok(Page { start, end, more: false, messages: Vec::new() });
        };
        let upwards = form.number("pull_mode")? == 1;
        let all = if upwards {
            log.range(start.max(hidden_to + 1), if end == 0 { u64::MAX } else { end })
        } else {
            let newest = if start == 0 { log.last_seq() } else { start.min(log.last_seq()) };
            log.range(end.max(hidden_to).saturating_add(1), newest + 1)
        };
        let page = if upwards { &all[..all.len().min(limit)] } else { &all[all.len().saturating_sub(limit)..] };
        let messages = page.iter().map(|message| self.message_json_v3(message, viewer)).collect();
        Ok(Page { start, end, more: all.len() > limit, messages })
    }

    /// Without flags and without a time; the channel is named as the reader names it.
    fn message_json_v3(&self, message: &Message, viewer: &Uid) -> Value {
        let mut value = self.message_json(message, Header::Lost);
        value["from_uid"] = json!(message.from.as_str());
        value["channel_id"] = json!(message.channel.original().name_for(viewer.as_str()));
        value["timestamp"] = json!(0);
        value
    }

    fn conversation_list(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let uid = form.uid("uid")?;
        required(uid.as_str(), "uid不能为空！")?;
        let limit = match usize::try_from(form.number("limit")?) {
            Ok(limit @ 1..) => limit,
            _ => DEFAULT_LIMIT,
        };
        let cursor = URL_SAFE_NO_PAD.decode(form.text("cursor")?).unwrap_or_default();
        let mut rest = self.conversations.of(&uid, false);
        rest.retain(|(channel, _)| cursor.is_empty() || place(channel) > cursor);
        rest.sort_by_key(|(channel, _)| place(channel));
        let page = &rest[..rest.len().min(limit)];
        let (lost, kept): (Vec<_>, Vec<_>) =
            page.iter().partition(|(channel, _)| self.is_disbanded(channel) || self.has_left(&uid, channel));
        let kept = kept.into_iter().filter_map(|(channel, at)| self.conversation_json_v3(&uid, channel, *at));
        let lost = lost.into_iter().map(
            |(channel, _)| json!({ "channel_id": channel.name_for(uid.as_str()), "channel_type": channel.kind.0 }),
        );
        let mut value = json!({
            "conversations": kept.collect::<Vec<Value>>(),
            "deletes": lost.collect::<Vec<Value>>(),
            "unresolved": [],
            "done": page.len() == rest.len(),
            "coverage": self.now.0.saturating_mul(1_000_000),
            "tombstones_retained_since": 0,
            "reset_required": false,
        });
        if let Some((last, _)) = page.last() {
            value["next_cursor"] = json!(URL_SAFE_NO_PAD.encode(place(last)));
        }
        Ok(HttpResponse::json(&value))
    }

    fn conversation_json_v3(&self, uid: &Uid, channel: &Channel, conversation: Conversation) -> Option<Value> {
        let log = self.journal.log(channel)?;
        let last = log.messages().last().filter(|last| last.message_seq > conversation.deleted_to)?;
        let read_to = conversation.read_to.max(log.last_of(uid));
        Some(json!({
            "channel_id": channel.name_for(uid.as_str()),
            "channel_type": channel.kind.0,
            "active_at": 0,
            "read_seq": conversation.read_to,
            "deleted_to_seq": conversation.deleted_to,
            "unread": last.message_seq.saturating_sub(read_to),
            "last_message": {
                "message_id": last.message_id,
                "message_idstr": last.message_id.to_string(),
                "message_seq": last.message_seq,
                "from_uid": last.from.as_str(),
                "client_msg_no": last.client_msg_no,
                "server_timestamp_ms": last.stored_at.0,
                "payload": STANDARD.encode(&last.payload),
            },
        }))
    }

    /// Commands are kept for those who asked for them.
    fn command_bind(&mut self, request: &HttpRequest, bind: bool) -> Answer {
        let form = Form::read(request)?;
        let (uid, channel) = (form.uid("uid")?, form.channel()?);
        if uid.as_str().is_empty() || channel.id.is_empty() || channel.kind == ChannelType(0) {
            return Err(HttpResponse::refuse("uid、channel_id和channel_type不能为空！"));
        }
        if !bind {
            self.bound.remove(&(uid, channel));
            return Ok(HttpResponse::ok());
        }
        let log = channel.command();
        if self.conversations.written(&uid, &log).is_none() {
            let read_to = self.journal.last_seq(&log);
            self.write_conversation(&uid, &log, Conversation { read_to, deleted_to: 0, updated_at: self.now });
        }
        self.bound.insert((uid, channel));
        Ok(HttpResponse::ok())
    }

    fn message_sync_v3(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let uid = form.uid("uid")?;
        required(uid.as_str(), "uid不能为空！")?;
        let limit = match usize::try_from(form.number("limit")?) {
            Ok(limit @ 1..) => limit.min(MOST),
            _ => 200,
        };
        let bound: Vec<Channel> =
            self.bound.iter().filter(|(of, _)| *of == uid).map(|(_, channel)| channel.clone()).collect();
        if bound.iter().any(|channel| channel.kind == ChannelType::PERSON) {
            // Bound under the peer's name, which is no channel; and then nothing of this person can be read.
            return Err(HttpResponse::refuse("channel not found"));
        }
        let (mut found, mut records) = (Vec::new(), Vec::new());
        for channel in bound.iter().map(Channel::command) {
            let Some(log) = self.journal.log(&channel) else { continue };
            let read_to = self.conversations.written(&uid, &channel).map_or(0, |conversation| conversation.read_to);
            let page = log.range(read_to.saturating_add(1), u64::MAX);
            let page = &page[..page.len().min(limit - found.len())];
            found.extend(page.iter().map(|message| {
                let mut value = self.message_json_v3(message, &uid);
                value["header"]["sync_once"] = json!(1);
                value
            }));
            if let Some(last) = page.last() {
                records.push(SyncRecord { channel, last_seq: last.message_seq });
            }
        }
        self.conversations.remember_sync(&uid, records);
        Ok(HttpResponse::json(&Value::Array(found)))
    }
}

/// The order of a conversation list, as bytes: groups before people.
fn place(channel: &Channel) -> Vec<u8> {
    let mut place = vec![u8::MAX - channel.kind.0];
    place.extend_from_slice(channel.id.as_bytes());
    place
}
