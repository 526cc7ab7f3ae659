//! How what is owed looks: on the wire as a SEND, and to the application as a message.

use crate::channel::Uid;
use crate::event::MessageView;
use crate::id::{ChannelType, ClientSeq, MessageId};
use crate::rows::{MessageState, OutboxRow, OutboxState};
use crate::wire::{Flags, Send, Setting, Text};

pub(super) fn packet(row: &OutboxRow, client_seq: ClientSeq) -> Send {
    Send {
        flags: Flags::from_bits(row.flags),
        setting: Setting(row.setting),
        client_seq,
        client_msg_no: Text::from(row.client_msg_no.as_str()),
        stream_no: None,
        channel_id: Text::from(row.channel.id.as_str()),
        channel_type: ChannelType(row.channel.kind),
        expire: row.expire,
        msg_key: Text::new(),
        topic: row.topic.as_deref().map(Text::from),
        payload: row.content.clone(),
    }
}

pub(super) fn view_of(own: &Uid, row: &OutboxRow) -> MessageView {
    let (mut message_id, mut message_seq, mut reason_code) = (None, None, None);
    match row.state {
        OutboxState::Unconfirmed { message_id: id, message_seq: seq, .. } => {
            (message_id, message_seq) = (Some(id), Some(seq));
        }
        OutboxState::Parked { reason_code: code } => reason_code = Some(code),
        OutboxState::Queued => {}
    }
    MessageView {
        key: crate::event::key(own, &row.client_msg_no, MessageId(0)),
        channel: row.channel.clone(),
        client_msg_no: row.client_msg_no.clone(),
        message_id,
        message_seq,
        from: own.clone(),
        own: true,
        timestamp: row.created_at.0,
        delivery: row.state.into(),
        reason_code,
        state: MessageState::Normal,
        recall: None,
        content: Some(row.content.clone()),
        expire: row.expire,
        topic: row.topic.clone(),
        transient: Flags::from_bits(row.flags).no_persist,
    }
}
