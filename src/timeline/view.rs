//! How a stored message and a conversation look to the application.

use crate::channel::Uid;
use crate::event::{ConversationView, Delivery, MessageView, RecallView, key};
use crate::rows::{ChannelRow, Digest, Mark, MessageRow, MessageState};

pub fn message(own: &Uid, row: &MessageRow) -> MessageView {
    let shown = row.state == MessageState::Normal;
    let gone = matches!(row.state, MessageState::Recalled | MessageState::Deleted);
    MessageView {
        key: key(&row.from, &row.client_msg_no, row.message_id),
        channel: row.channel.clone(),
        client_msg_no: row.client_msg_no.clone(),
        message_id: Some(row.message_id),
        message_seq: Some(row.message_seq),
        from: row.from.clone(),
        own: row.from == *own,
        timestamp: row.timestamp.saturating_mul(1000),
        // Of what was recalled nobody waits to hear whether the cluster keeps it.
        delivery: if row.unconfirmed && !gone { Delivery::Unconfirmed } else { Delivery::Sent },
        reason_code: None,
        recall: if shown { None } else { row.mark.as_ref().filter(|mark| !mark.hint).map(recall) },
        state: row.state.clone(),
        content: shown.then(|| row.content.clone()),
        expire: row.expire,
        topic: row.topic.clone(),
        transient: false,
    }
}

fn recall(mark: &Mark) -> RecallView {
    RecallView { operator: mark.operator.clone(), role: mark.role, at: mark.at, deadline: mark.deadline }
}

pub fn digest(row: &MessageRow) -> Digest {
    Digest {
        message_seq: row.message_seq,
        message_id: row.message_id,
        client_msg_no: row.client_msg_no.clone(),
        from: row.from.clone(),
        timestamp: row.timestamp,
        content: if row.state == MessageState::Normal { row.content.clone() } else { Vec::new() },
        state: row.state.clone(),
        mark: row.mark.clone(),
    }
}

pub fn conversation(own: &Uid, row: &ChannelRow) -> ConversationView {
    let last_message = row.last.as_ref().map(|digest| {
        let as_row = MessageRow {
            channel: row.channel.clone(),
            message_seq: digest.message_seq,
            message_id: digest.message_id,
            client_msg_no: digest.client_msg_no.clone(),
            from: digest.from.clone(),
            timestamp: digest.timestamp,
            setting: 0,
            expire: 0,
            topic: None,
            content: digest.content.clone(),
            state: digest.state.clone(),
            mark: digest.mark.clone(),
            copies: Vec::new(),
            counted: false,
            unconfirmed: false,
        };
        message(own, &as_row)
    });
    ConversationView {
        channel: row.channel.clone(),
        unread: row.unread,
        read_to: row.read_to,
        last_seq: row.last_seq,
        last_message,
    }
}
