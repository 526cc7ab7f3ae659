//! Channels, their members and their lists.

use super::{Answer, Form, HttpRequest, HttpResponse, required};
use crate::config::Generation;
use crate::conversation::Conversation;
use crate::directory::{ChannelInfo, ListChange, ListKind};
use crate::ids::{Channel, Uid};
use crate::node::Node;
use crate::row::Row;
use jindou::id::ChannelType;
use serde_json::{Value, json};

const NO_PERSON: &str = "个人频道不支持添加订阅者！";

/// `/channel/blacklist_add` and its like: which list, what change.
pub(super) fn list_call(path: &str) -> Option<(ListKind, ListChange)> {
    let (list, change) = path.strip_prefix("/channel/")?.split_once('_')?;
    let list = match list {
        "blacklist" => ListKind::Black,
        "whitelist" => ListKind::White,
        "subscriber" if change == "remove_all" => ListKind::Subscribers,
        _ => return None,
    };
    let change = match change {
        "add" => ListChange::Add,
        "remove" => ListChange::Remove,
        "set" | "remove_all" => ListChange::Set,
        _ => return None,
    };
    Some((list, change))
}

fn info(form: &Form) -> Result<ChannelInfo, HttpResponse> {
    Ok(ChannelInfo {
        large: form.flag("large")?,
        ban: form.flag("ban")?,
        disband: form.flag("disband")?,
        send_ban: form.flag("send_ban")?,
        allow_stranger: form.flag("allow_stranger")?,
    })
}

fn named(form: &Form) -> Result<Channel, HttpResponse> {
    let channel = form.channel()?;
    required(&channel.id, "频道ID不能为空！")?;
    if Uid::is_special(&channel.id) {
        return Err(HttpResponse::refuse("频道ID不能包含特殊字符！"));
    }
    Ok(channel)
}

fn some(uids: Vec<Uid>, otherwise: &str) -> Result<Vec<Uid>, HttpResponse> {
    if uids.iter().all(|uid| uid.as_str().trim().is_empty()) { Err(HttpResponse::refuse(otherwise)) } else { Ok(uids) }
}

impl Node {
    fn write_info(&mut self, channel: &Channel, mut info: ChannelInfo) {
        // On version 3 a disbanded channel stays disbanded.
        let disbanded = self.directory.info(channel).is_some_and(|known| known.disband);
        info.disband |= self.config.generation.is_v3() && disbanded;
        self.directory.set_info(channel, info);
        self.persist(Row::Channel { id: channel.id.clone(), kind: channel.kind.0, info });
    }

    fn change_list(&mut self, channel: &Channel, list: ListKind, change: ListChange, uids: &[Uid]) {
        self.directory.change_list(channel, list, change, uids);
        let (id, kind) = (channel.id.clone(), channel.kind.0);
        self.persist(Row::List { id, kind, list, change, uids: uids.to_vec() });
    }

    pub(super) fn channel_create(&mut self, request: &HttpRequest) -> Answer {
        let wrong = |text| HttpResponse::refuse(&format!("数据格式有误！: {text}"));
        let form = Form::parse(request).map_err(wrong)?;
        let channel = named(&form)?;
        if channel.kind == ChannelType(0) {
            return Err(HttpResponse::refuse("频道类型错误！"));
        }
        let uids = form.uids("subscribers")?;
        let v21 = self.config.generation == Generation::V21;
        if channel.kind == ChannelType::PERSON && (v21 || !uids.is_empty()) {
            return Err(HttpResponse::refuse(if v21 {
                "暂不支持个人频道！"
            } else {
                "不支持个人频道添加订阅者！"
            }));
        }
        self.write_info(&channel, info(&form)?);
        self.subscribe(&channel, &uids, form.flag("reset")?);
        Ok(HttpResponse::ok())
    }

    pub(super) fn channel_info(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        self.write_info(&form.channel()?, info(&form)?);
        Ok(HttpResponse::ok())
    }

    /// Nobody can write any more. What was said stays, to be read by whoever asks.
    pub(super) fn channel_delete(&mut self, request: &HttpRequest) -> Answer {
        let channel = Form::read(request)?.channel()?;
        if channel.kind == ChannelType::PERSON {
            return Err(HttpResponse::refuse(NO_PERSON));
        }
        if let Some(info) = self.directory.info(&channel) {
            self.write_info(&channel, ChannelInfo { disband: true, ..info });
        }
        Ok(HttpResponse::ok())
    }

    pub(super) fn channel_subscriber_add(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let mut channel = named(&form)?;
        let uids = some(form.uids("subscribers")?, "订阅者不能为空！")?;
        if channel.kind == ChannelType::PERSON {
            return Err(HttpResponse::refuse(NO_PERSON));
        }
        if form.flag("temp_subscriber")? {
            return Err(HttpResponse::refuse("新版本临时订阅者已不支持！"));
        }
        if channel.kind == ChannelType(0) {
            channel.kind = ChannelType::GROUP;
        }
        if self.directory.info(&channel).is_none() {
            self.write_info(&channel, ChannelInfo::default());
        }
        self.subscribe(&channel, &uids, form.flag("reset")?);
        Ok(HttpResponse::ok())
    }

    /// Members see the channel at once, and what was said before counts as read.
    fn subscribe(&mut self, channel: &Channel, uids: &[Uid], reset: bool) {
        if reset {
            self.change_list(channel, ListKind::Subscribers, ListChange::Set, &[]);
        }
        if uids.is_empty() {
            return;
        }
        let members = self.directory.list(channel, ListKind::Subscribers).clone();
        self.change_list(channel, ListKind::Subscribers, ListChange::Add, uids);
        if channel.kind == ChannelType::LIVE {
            return;
        }
        let (read_to, updated_at) = (self.journal.last_seq(channel), self.now);
        for uid in uids {
            let known = self.conversations.written(uid, channel);
            let conversation = match self.config.generation {
                Generation::V21 if members.contains(uid) => continue,
                // On 2.2 also who was a member already starts anew.
                Generation::V21 | Generation::V22 => Conversation { read_to, deleted_to: 0, updated_at },
                // What was said before is hidden, as if it had been deleted.
                Generation::V3 => known.unwrap_or(Conversation { read_to, deleted_to: read_to, updated_at }),
            };
            self.write_conversation(uid, channel, conversation);
        }
    }

    pub(super) fn channel_subscriber_remove(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let channel = named(&form)?;
        let uids = some(form.uids("subscribers")?, "订阅者不能为空！")?;
        if channel.kind == ChannelType::PERSON {
            return Err(HttpResponse::refuse(NO_PERSON));
        }
        self.change_list(&channel, ListKind::Subscribers, ListChange::Remove, &uids);
        // Version 3 keeps the conversation, to say that it is gone.
        if channel.kind != ChannelType::LIVE && !self.config.generation.is_v3() {
            uids.iter().for_each(|uid| self.forget_conversation(uid, &channel));
        }
        Ok(HttpResponse::ok())
    }

    pub(super) fn channel_list(&mut self, request: &HttpRequest) -> Answer {
        let Some((list, change)) = list_call(&request.path) else { return Ok(HttpResponse::unknown()) };
        let form = Form::read(request)?;
        let channel = form.channel()?;
        let set = request.path.ends_with("_set");
        required(&channel.id, if set { "频道ID不能为空！" } else { "channel_id不能为空！" })?;
        if !set && channel.kind == ChannelType(0) {
            return Err(HttpResponse::refuse("频道类型不能为0！"));
        }
        let all = request.path.ends_with("_remove_all");
        let uids = if all { Vec::new() } else { form.uids("uids")? };
        if change != ListChange::Set && uids.is_empty() {
            return Err(HttpResponse::refuse("uids不能为空！"));
        }
        self.change_list(&channel, list, change, &uids);
        if channel.kind == ChannelType::LIVE {
            return Ok(HttpResponse::ok());
        }
        let v21 = self.config.generation == Generation::V21;
        match (list, change) {
            // 2.1.x takes the conversation from who is let in again, and not from who is shut out.
            (ListKind::Black, ListChange::Remove) if v21 => {
                uids.iter().for_each(|uid| self.forget_conversation(uid, &channel));
            }
            (ListKind::Black, _) if v21 => {}
            (ListKind::Black, ListChange::Add | ListChange::Set) => {
                uids.iter().for_each(|uid| self.forget_conversation(uid, &channel));
            }
            (ListKind::Black, ListChange::Remove) => {
                uids.iter().for_each(|uid| self.begin_conversation(uid, &channel));
            }
            // The one who is let in gets the conversation, not the one who lets in; `set` gives none to anybody.
            (ListKind::White, ListChange::Add) if channel.kind == ChannelType::PERSON => {
                for uid in uids.iter().filter(|uid| uid.as_str() != channel.id) {
                    self.begin_conversation(uid, &Channel::between(uid.as_str(), &channel.id));
                }
            }
            _ => {}
        }
        Ok(HttpResponse::ok())
    }

    pub(crate) fn begin_conversation(&mut self, uid: &Uid, channel: &Channel) {
        if self.conversations.written(uid, channel).is_none() {
            let new = Conversation { updated_at: self.now, ..Conversation::default() };
            self.write_conversation(uid, channel, new);
        }
    }

    pub(super) fn channel_whitelist(&self, request: &HttpRequest) -> Answer {
        let kind = ChannelType(request.param("channel_type").parse().unwrap_or(0));
        let channel = Channel::new(request.param("channel_id"), kind);
        // When somebody was added is not kept.
        let added = "1970-01-01T00:00:00Z";
        let members = self.directory.list(&channel, ListKind::White).iter().enumerate();
        let members: Vec<Value> = members
            .map(|(at, uid)| json!({ "id": at + 1, "uid": uid.as_str(), "created_at": added, "updated_at": added }))
            .collect();
        Ok(HttpResponse::json(&Value::Array(members)))
    }
}
