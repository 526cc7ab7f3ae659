//! What becomes of a message that we owe, or may owe again, when it is recalled and when that is undone.

use crate::channel::{Channel, ClientMsgNo};
use crate::event::{Delivery, Event, MessageView};
use crate::rows::{Change, Mark, MarkState, MessageState, OutboxRow, OutboxState};
use crate::time::Wall;
use crate::turn::{Reply, Turn};

use super::lookup::next_look;
use super::{Entry, Outbox, Progress};

impl Outbox {
    /// Our own message was recalled, from another device it may be: so the server has it, and nothing is owed. `time` is the server's.
    pub fn withdraw(&mut self, turn: &mut Turn, time: Wall, channel: &Channel, mark: &Mark, is_in_timeline: bool) {
        if mark.author != self.own {
            return;
        }
        for (_, row) in &mut self.dropped {
            if row.channel == *channel && row.client_msg_no == mark.client_msg_no {
                row.empty();
            }
        }
        let Some(entry) = self.peek(&mark.client_msg_no).filter(|entry| entry.row.channel == *channel) else { return };
        let message = self.recalled(&entry.row, mark);
        if !is_in_timeline && !entry.row.is_withdrawn() {
            // The echo goes; the message comes with its place.
            turn.event(Event::MessageRemoved { channel: channel.clone(), key: message.key.clone() });
        }
        self.withdraw_landed(turn, time, &message);
    }

    /// How a message of ours that is recalled looks.
    pub fn recalled(&self, row: &OutboxRow, mark: &Mark) -> MessageView {
        let mut message = self.view(row);
        (message.content, message.topic) = (None, None);
        let is_deleted = mark.state == MarkState::Deleted;
        message.state = if is_deleted { MessageState::Deleted } else { MessageState::Recalled };
        message.delivery = Delivery::Sent;
        if let Some(copy) = mark.copies.first() {
            (message.message_id, message.message_seq) = (Some(copy.message_id), Some(copy.message_seq));
        }
        message
    }

    /// As `withdraw`, where it stands in the timeline as recalled.
    pub(super) fn withdraw_landed(&mut self, turn: &mut Turn, time: Wall, message: &MessageView) {
        let client_msg_no = &message.client_msg_no;
        let provisional_log = self.provisional_log;
        let Some(mut entry) = self.remove(client_msg_no) else { return };
        let is_deleted = message.state == MessageState::Deleted;
        if entry.row.is_withdrawn() && !is_deleted {
            self.put_back(entry);
            return;
        }
        for waiter in core::mem::take(&mut entry.waiters) {
            let reply = Reply::Sent { message: message.clone(), unconfirmed: false };
            turn.answer(client_msg_no, waiter, Ok(reply));
        }
        entry.row.empty();
        self.remember_dropped(&entry.row, &entry.sent_as);
        match (entry.row.state, &entry.progress, message.message_id.zip(message.message_seq)) {
            // Nobody can restore it.
            _ if is_deleted => return turn.change(Change::OutboxDone(client_msg_no.clone())),
            (OutboxState::Unconfirmed { .. }, ..) => {}
            // Only a node's word says that it is there.
            (_, Progress::Idle { .. } | Progress::InFlight { .. } | Progress::Asking { .. }, Some(place))
                if provisional_log || entry.suspect =>
            {
                let (message_id, message_seq) = place;
                entry.row.state = OutboxState::Unconfirmed { message_id, message_seq, since: time, looks: 0 };
                let look_at = next_look(time, time, turn.now.mono);
                entry.progress = Progress::Unconfirmed { look_at, asked: false };
            }
            _ => return turn.change(Change::OutboxDone(client_msg_no.clone())),
        }
        turn.change(Change::Outbox(entry.row.clone()));
        self.unconfirmed = true;
        self.put_back(entry);
    }

    /// Its recall was undone while nobody knows whether the server keeps it: it is owed again, and looked at now.
    pub fn give_back(&mut self, turn: &mut Turn, channel: &Channel, client_msg_no: &ClientMsgNo, content: &[u8]) {
        let now = turn.now.mono;
        let is_it = |entry: &&mut Entry| entry.row.channel == *channel && entry.row.is_withdrawn();
        let Some(entry) = self.entry(client_msg_no).filter(is_it) else { return };
        if content.is_empty() {
            return;
        }
        entry.row.content = content.to_vec();
        entry.altered = true;
        entry.progress = Progress::Unconfirmed { look_at: now, asked: false };
        turn.change(Change::Outbox(entry.row.clone()));
    }

    fn put_back(&mut self, entry: Entry) {
        self.ordinals.insert(entry.row.client_msg_no.clone(), entry.row.ordinal);
        self.entries.insert(entry.row.ordinal, entry);
    }
}
