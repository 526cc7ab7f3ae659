//! Commands that were kept, and their read positions.
//!
//! An ack moves what the last sync returned, and only conversations that were written: for up to a minute the same
//! commands come back however often they are acked. With a limit hit before a later log, that log is recorded with the
//! place of an earlier one, and an ack may pass over commands that nobody has seen.

use super::{Answer, Form, HttpRequest, HttpResponse, required};
use crate::config::Generation;
use crate::conversation::SyncRecord;
use crate::node::Node;
use serde_json::Value;

impl Node {
    pub(super) fn message_sync(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let uid = form.uid("uid")?;
        required(uid.as_str(), "用户uid不能为空！")?;
        let limit = match form.number("limit")? {
            ..0 => return Err(HttpResponse::refuse("limit不能为负数！")),
            0 => 200,
            limit => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let mut found: Vec<Value> = Vec::new();
        let mut records = Vec::new();
        let mut stale = Vec::new();
        let mut last_taken = 0;
        for (channel, conversation) in self.conversations.of(&uid, true) {
            let Some(log) = self.journal.log(&channel) else { continue };
            let page = log.range(conversation.read_to.saturating_add(1), u64::MAX);
            let page = &page[..page.len().min(limit)];
            let Some(last) = page.last() else {
                stale.push(channel);
                continue;
            };
            let taken = &page[..page.len().min(limit - found.len())];
            found.extend(self.page_json(taken));
            if let Some(message) = taken.last() {
                last_taken = message.message_seq;
            }
            let last_seq = if taken.len() < page.len() { last_taken } else { last.message_seq };
            records.push(SyncRecord { channel, last_seq });
        }
        self.conversations.remember_sync(&uid, records);
        if self.config.generation == Generation::V21 {
            // 2.1.x drops logs without anything new; the next command brings all the old ones back.
            stale.iter().for_each(|channel| self.forget_conversation(&uid, channel));
        }
        Ok(HttpResponse::json(&Value::Array(found)))
    }

    pub(super) fn message_sync_ack(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let uid = form.uid("uid")?;
        let v3 = self.config.generation.is_v3();
        required(uid.as_str(), if v3 { "uid不能为空！" } else { "用户UID不能为空！" })?;
        if form.seq("last_message_seq")? == 0 {
            let text = if v3 { "last_message_seq不能为空！" } else { "最后一次messageSeq不能为0！" };
            return Err(HttpResponse::refuse(text));
        }
        for record in self.conversations.take_sync(&uid) {
            self.read_commands(&uid, &record.channel, record.last_seq);
        }
        Ok(HttpResponse::ok())
    }
}
