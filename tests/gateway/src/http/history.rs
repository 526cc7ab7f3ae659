//! Reading a channel's log: pages, the last message, the highest place. And the form of a message in JSON.

use super::{Answer, Form, HttpRequest, HttpResponse, required};
use crate::config::Generation;
use crate::ids::{Channel, SYSTEM_UID};
use crate::journal::{Log, Message};
use crate::node::Node;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jindou::id::ChannelType;
use serde_json::{Value, json};

const MOST: i64 = 10_000;

/// Whether a message keeps its flags in an answer. 2.x forgets those of the first message that it reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    Kept,
    Lost,
}

impl Node {
    pub(super) fn message_json(&self, message: &Message, header: Header) -> Value {
        let flag = |flag: bool| u8::from(flag && header == Header::Kept);
        let from = if message.from.as_str() == SYSTEM_UID { "" } else { message.from.as_str() };
        // For people the server takes the last part of the stored id that is not the sender, which for a received
        // message is the reader.
        let mut channel_id = message.channel.id.as_str();
        if message.channel.kind == ChannelType::PERSON {
            channel_id = channel_id.split('@').rfind(|part| *part != from).unwrap_or(channel_id);
        }
        let mut value = json!({
            "header": {
                "no_persist": 0,
                "red_dot": flag(message.red_dot),
                "sync_once": flag(message.sync_once),
            },
            "setting": message.setting,
            "message_id": message.message_id,
            "message_idstr": message.message_id.to_string(),
            "client_msg_no": message.client_msg_no,
            "message_seq": message.message_seq,
            "from_uid": from,
            "channel_id": channel_id,
            "channel_type": message.channel.kind.0,
            "expire": message.expire,
            "timestamp": message.stored_at.timestamp(),
            "payload": STANDARD.encode(&message.payload),
        });
        if !message.topic.is_empty() {
            value["topic"] = json!(message.topic);
        }
        if self.config.generation == Generation::V21 {
            value["stream_idstr"] = json!("0");
        }
        value
    }

    /// A page, ascending. The first of it has lost its flags.
    pub(super) fn page_json(&self, page: &[Message]) -> Vec<Value> {
        let header = |at| if at == 0 { Header::Lost } else { Header::Kept };
        page.iter().enumerate().map(|(at, message)| self.message_json(message, header(at))).collect()
    }

    /// Newest first; the last of them has lost its flags.
    pub(super) fn recents_json(&self, log: &Log, seq: u64, count: usize) -> Vec<Value> {
        let mut recents = self.page_json(newest_after(log, seq, count));
        recents.reverse();
        recents
    }

    /// Anybody may read anything: nobody's membership is looked at.
    pub(super) fn channel_message_sync(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let viewer = form.uid("login_uid")?;
        required(&form.text("channel_id")?, "channel_id不能为空！")?;
        required(viewer.as_str(), "login_uid不能为空！")?;
        let channel = form.channel_for(&viewer)?;
        let (start, end) = (form.seq("start_message_seq")?, form.seq("end_message_seq")?);
        let limit = form.number("limit")?.min(MOST);
        let upwards = form.number("pull_mode")? == 1;
        let page = self.journal.log(&channel).map_or(&[][..], |log| read_page(log, start, end, limit, upwards));
        let more = i64::try_from(page.len()).unwrap_or(i64::MAX) >= limit;
        Ok(page_answer(start, end, more, self.page_json(page)))
    }

    pub(super) fn channel_max_message_seq(&self, request: &HttpRequest) -> Answer {
        let channel = self.queried(request)?;
        match self.journal.last_seq(&channel) {
            0 => Err(HttpResponse::refuse("not found")),
            seq => Ok(HttpResponse::json(&json!({ "message_seq": seq }))),
        }
    }

    pub(super) fn channel_last_message(&self, request: &HttpRequest) -> Answer {
        let channel = self.queried(request)?;
        let last = self.journal.log(&channel).and_then(|log| log.messages().last());
        Ok(match last {
            Some(message) => HttpResponse::json(&self.message_json(message, Header::Lost)),
            None => HttpResponse::status(404),
        })
    }

    /// The channel in a query: with `login_uid` as that person names it (2.2 only), else by its stored id.
    fn queried(&self, request: &HttpRequest) -> Result<Channel, HttpResponse> {
        let id = request.param("channel_id");
        let kind = ChannelType(request.param("channel_type").parse().unwrap_or(0));
        required(id, "channel_id不能为空")?;
        let viewer = request.param("login_uid");
        if self.config.generation == Generation::V21 {
            return Ok(Channel::new(id, kind));
        }
        if kind == ChannelType::PERSON {
            required(viewer, "login_uid不能为空")?;
        }
        Ok(Channel::seen_by(viewer, id, kind))
    }

    /// By place, by id and by clientMsgNo, in this order. Of copies under one clientMsgNo it finds the last.
    pub(super) fn messages(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let viewer = form.uid("login_uid")?;
        required(&form.text("channel_id")?, "channel_id不能为空！")?;
        let channel = form.channel_for(&viewer)?;
        let mut found = Vec::new();
        if let Some(log) = self.journal.log(&channel) {
            let seqs = form.list("message_seqs")?.iter().filter_map(Value::as_u64).filter_map(|seq| log.at(seq));
            found.extend(seqs.map(|message| self.message_json(message, Header::Lost)));
            let ids = form.list("message_ids")?.iter().filter_map(Value::as_i64).filter_map(|id| log.by_id(id));
            found.extend(ids.map(|message| self.message_json(message, Header::Kept)));
            let names = form.list("client_msg_nos")?.iter().filter_map(Value::as_str);
            let named = names.filter_map(|name| log.copies(name).last());
            found.extend(named.map(|message| self.message_json(message, Header::Kept)));
        }
        Ok(page_answer(0, 0, false, found))
    }

    pub(super) fn message_search(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let (viewer, kind) = (form.uid("login_uid")?, form.kind()?);
        required(&form.text("channel_id")?, "channel_id不能为空！")?;
        if kind == ChannelType(0) {
            return Err(HttpResponse::refuse("channel_type不能为0"));
        }
        if kind == ChannelType::PERSON {
            required(viewer.as_str(), "login_uid不能为空！")?;
        }
        let channel = form.channel_for(&viewer)?;
        // By clientMsgNo alone it finds nothing.
        let id = form.number("message_id")?;
        let found = self.journal.log(&channel).and_then(|log| log.by_id(id));
        Ok(match found {
            Some(message) => HttpResponse::json(&self.message_json(message, Header::Kept)),
            None => HttpResponse::status(404),
        })
    }

    /// By the stored id of the channel alone: a peer's uid, or the two uids the wrong way round, find nothing.
    pub(super) fn message_by_client_msg_no(&self, request: &HttpRequest) -> Answer {
        let (id, name) = (request.param("channel_id"), request.param("client_msg_no"));
        let kind = ChannelType(request.param("channel_type").parse().unwrap_or(0));
        required(id, "channel_id不能为空")?;
        if kind == ChannelType(0) {
            return Err(HttpResponse::refuse("channel_type不能为0"));
        }
        required(name, "client_msg_no不能为空")?;
        let found = self.journal.log(&Channel::new(id, kind)).and_then(|log| log.copies(name).next());
        Ok(match found {
            Some(message) => HttpResponse::json(&self.message_json(message, Header::Lost)),
            None => HttpResponse::status(404),
        })
    }
}

pub(super) fn page_answer(start: u64, end: u64, more: bool, messages: Vec<Value>) -> HttpResponse {
    HttpResponse::json(&json!({
        "start_message_seq": start,
        "end_message_seq": end,
        "more": u8::from(more),
        "messages": messages,
    }))
}

/// 2.x: `[start, end)` towards newer, `(end, start]` towards older, the newest where both are 0. A limit of 0 is no
/// limit towards newer and nothing otherwise; a negative one gives a single message.
fn read_page(log: &Log, start: u64, end: u64, limit: i64, upwards: bool) -> &[Message] {
    let count = u64::try_from(limit).ok();
    let newest = (start, end) == (0, 0);
    if !newest && !upwards && end > start {
        return &[];
    }
    let page = if newest {
        let first = count.map_or(1, |count| (log.last_seq() + 1).saturating_sub(count).max(1));
        log.range(first, u64::MAX)
    } else if upwards {
        log.range(start, if end == 0 { u64::MAX } else { end })
    } else {
        let oldest = count.map_or(1, |count| start.saturating_add(1).saturating_sub(count));
        log.range(oldest.max(end + 1), start.saturating_add(1))
    };
    let most = match count {
        Some(0) if upwards && !newest => page.len(),
        Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
        None => 1,
    };
    &page[..page.len().min(most)]
}

/// The newest `count` messages above `seq`, oldest first.
pub(super) fn newest_after(log: &Log, seq: u64, count: usize) -> &[Message] {
    let page = log.range(seq.saturating_add(1), u64::MAX);
    &page[page.len().saturating_sub(count)..]
}
