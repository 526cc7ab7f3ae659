//! Messages and marks as they leave.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::rules::message::SeenMessage;
use crate::rules::recall::MarkView;
use crate::rules::{Author, ChannelRef, ClientMsgNo, MessageId, MessageSeq};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    message_id: MessageId,
    message_seq: MessageSeq,
    client_msg_no: ClientMsgNo,
    from_uid: Author,
    timestamp: i64,
    /// Absent where it was recalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    setting: u8,
    expire: u32,
    no_persist: bool,
    red_dot: bool,
    sync_once: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<MarkView>,
    /// Only where the request did not name it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    channel: Option<ChannelRef>,
}

impl MessageView {
    pub fn of(seen: SeenMessage) -> MessageView {
        let SeenMessage { message, recalled, mark } = seen;
        MessageView {
            message_id: message.message_id,
            message_seq: message.message_seq,
            client_msg_no: message.client_msg_no,
            from_uid: message.from_uid,
            timestamp: message.timestamp,
            payload: (!recalled).then(|| STANDARD.encode(&message.payload)),
            setting: message.setting,
            expire: message.expire,
            no_persist: message.no_persist,
            red_dot: message.red_dot,
            sync_once: message.sync_once,
            mark,
            channel: None,
        }
    }

    /// Bytes of its content as it leaves.
    pub fn size(&self) -> usize {
        self.payload.as_ref().map_or(0, String::len)
    }

    pub fn in_channel(self, channel: ChannelRef) -> MessageView {
        MessageView { channel: Some(channel), ..self }
    }
}

pub fn messages(seen: Vec<SeenMessage>) -> Vec<MessageView> {
    seen.into_iter().map(MessageView::of).collect()
}
