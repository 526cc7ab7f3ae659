//! Sending by the API. On 2.x the answer says only that the call was understood.

use super::{Answer, Form, HttpRequest, HttpResponse, required};
use crate::ids::{Channel, ONLINE_COMMANDS, SYSTEM_UID, Uid};
use crate::node::Node;
use crate::send::Post;
use jindou::id::ChannelType;
use jindou::wire::{Flags, ReasonCode, Setting, Text};
use serde_json::{Value, json};

impl Form {
    pub(super) fn header(&self) -> Result<Flags, HttpResponse> {
        let header = self.form("header")?;
        Ok(Flags {
            dup: false,
            sync_once: header.flag("sync_once")?,
            red_dot: header.flag("red_dot")?,
            no_persist: header.flag("no_persist")?,
        })
    }

    pub(super) fn expire(&self) -> Result<u32, HttpResponse> {
        u32::try_from(self.number("expire")?).map_err(|_| Form::wrong("expire"))
    }
}

/// The name of the channel that is made for listed people: FNV-1a over their names.
pub(super) fn channel_of_listed(uids: &[Uid]) -> String {
    let joined = uids.iter().map(Uid::as_str).collect::<Vec<_>>().join(",");
    let hash = joined
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash.to_string()
}

impl Node {
    pub(super) fn message_send(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::bound(request)?;
        let payload = form.bytes("payload")?;
        if payload.is_empty() {
            return Err(HttpResponse::refuse("payload不能为空！"));
        }
        let from = form.uid("from_uid")?;
        let from = if from.as_str().trim().is_empty() { Uid::from(SYSTEM_UID) } else { from };
        let flags = form.header()?;
        let (named, kind) = (form.text("channel_id")?, form.kind()?);
        let listed = form.uids("subscribers")?;
        // Either a channel or people, and people only with a command.
        if named.trim().is_empty() == listed.is_empty() || (!listed.is_empty() && !flags.sync_once) {
            return Err(HttpResponse::refuse("无法处理发送消息请求！"));
        }
        let given = form.text("client_msg_no")?;
        // For listed people the given name is not used.
        let unnamed = given.trim().is_empty() || !listed.is_empty();
        let client_msg_no = if unnamed { self.dice.client_msg_no() } else { given };
        let post = Post {
            message_id: self.next_message_id(),
            from,
            origin: None,
            flags,
            setting: if form.flag("is_stream")? { Setting::STREAM } else { Setting(0) },
            client_msg_no: Text::from(client_msg_no.as_str()),
            named: Text::from(named.as_str()),
            kind,
            expire: form.expire()?,
            topic: None,
            payload,
        };
        if !listed.is_empty() {
            self.post_to_listed(post, listed);
            return Ok(HttpResponse::ok());
        }
        let message_id = post.message_id;
        self.post_by_api(&named, post)?;
        Ok(HttpResponse::data(&json!({ "message_id": message_id, "client_msg_no": client_msg_no })))
    }

    fn post_by_api(&mut self, named: &str, post: Post) -> Result<(), HttpResponse> {
        if Uid::is_special(named) {
            return Err(HttpResponse::refuse("频道ID不合法！"));
        }
        let command = post.flags.sync_once && post.kind != ChannelType::TEMP && named != ONLINE_COMMANDS;
        let (outcome, delivery) = if command {
            // The log of commands has no bans of its own.
            let log = Channel::seen_by(post.from.as_str(), named, post.kind).command();
            (self.keep(&log, &post), Some((log, post)))
        } else {
            self.post_v2(post)
        };
        if let Some((channel, post)) = delivery.filter(|_| outcome.reason == ReasonCode::SUCCESS)
            && !self.strands(&channel, &post, outcome)
        {
            self.deliver(&channel, &post, outcome.message_seq);
        }
        Ok(())
    }

    fn post_to_listed(&mut self, mut post: Post, listed: Vec<Uid>) {
        post.kind = ChannelType::TEMP;
        let channel = if post.flags.no_persist {
            Channel::new(ONLINE_COMMANDS, ChannelType::TEMP)
        } else {
            Channel::new(channel_of_listed(&listed), ChannelType::TEMP).command()
        };
        post.named = Text::from(channel.id.as_str());
        let outcome = self.keep(&channel, &post);
        self.deliver_to(&listed, &channel, &post, outcome.message_seq);
        self.temporary.insert(channel.id, listed);
    }

    /// One message to each, in their own channels.
    pub(super) fn message_send_batch(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::bound(request)?;
        let (from, listed, payload) = (form.uid("from_uid")?, form.uids("subscribers")?, form.bytes("payload")?);
        required(from.as_str(), "from_uid不能为空！")?;
        if listed.is_empty() {
            return Err(HttpResponse::refuse("subscribers不能为空！"));
        }
        if payload.is_empty() {
            return Err(HttpResponse::refuse("payload不能为空！"));
        }
        let flags = form.header()?;
        let (mut failed, mut reasons): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
        for uid in listed {
            let post = Post {
                message_id: self.next_message_id(),
                from: from.clone(),
                origin: None,
                flags,
                setting: Setting(0),
                client_msg_no: Text::from(self.dice.client_msg_no()),
                named: Text::from(uid.as_str()),
                kind: ChannelType::PERSON,
                expire: 0,
                topic: None,
                payload: payload.clone(),
            };
            if self.post_by_api(uid.as_str(), post).is_err() {
                failed.push(json!(uid.as_str()));
                reasons.push(json!("频道ID不合法！"));
            }
        }
        Ok(HttpResponse::json(&json!({ "fail_uids": failed, "reason": reasons })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channel_of_listed_people_is_named_as_the_server_names_it() {
        assert_eq!(channel_of_listed(&[Uid::from("rvB"), Uid::from("rvC")]), "15161695022442331096");
    }
}
