//! What the server has and this connection did not bring: asked for cheaply, again and again, while the connection lives.

use crate::id::{MessageId, MessageSeq};
use crate::request::{self, Conversation};
use crate::rows::ChannelRow;
use crate::sync::Find;
use crate::time::Now;
use crate::timeline::{Span, arrival, ranges};

use super::Client;

/// Newest messages of each conversation, when catching up.
const RECENTS: usize = 20;
/// Seconds by which the clocks of a cluster's nodes may differ, and a push may be later than what it brings.
const CLOCKS: i64 = 60;

impl Client {
    pub(super) fn conversations_request(&self) -> request::Conversations {
        request::Conversations { cursors: self.cursors(&|_| true), recents: RECENTS, since: None }
    }

    /// With cursors only where the answer might name what is here already. So while nothing is new the answer is empty, and the question
    /// nearly so.
    pub(super) fn news_request(&self, now: Now) -> request::Conversations {
        // One clock that is far ahead must not hide what the others say.
        let newest = self.session.server_time(now).map_or(i64::MAX, |time| time.0 / 1000).min(self.sync.newest());
        let since = newest.saturating_sub(CLOCKS).max(0);
        let fresh = |row: &ChannelRow| {
            let of = row.last.as_ref().map_or(0, |digest| digest.timestamp);
            // Generation 3 gives no time to history.
            of == 0 || of >= since || self.watched.contains(&row.channel)
        };
        request::Conversations { cursors: self.cursors(&fresh), recents: 1, since: Some(since) }
    }

    fn cursors(&self, which: &dyn Fn(&ChannelRow) -> bool) -> Vec<request::Cursor> {
        let mut cursors = Vec::new();
        for row in self.timelines.values().map(crate::timeline::Timeline::row) {
            if row.last_seq > MessageSeq(0) && which(row) {
                // From here on without a hole; the server names what lies beyond.
                let message_seq = row.ranges.last().map_or(MessageSeq(0), |range| range.last);
                let (channel, message_id) = (row.channel.clone(), id_at(row, message_seq));
                cursors.push(request::Cursor { channel, message_seq, message_id, marks_version: row.marks_version });
            }
        }
        cursors
    }

    pub(super) fn news_came(&mut self, now: Now, conversations: Vec<Conversation>) {
        let mut finds = Vec::new();
        for conversation in conversations {
            let Conversation { channel, timestamp, marks_version, recents, .. } = conversation;
            if crate::config::name("channelId", &channel.id).is_err() {
                continue;
            }
            self.sync.note_newest(timestamp);
            let row = self.timelines.get(&channel).map(crate::timeline::Timeline::row);
            if row.is_some_and(|row| marks_version > row.marks_version) {
                self.sync.want_marks(now.mono, channel.clone());
            }
            let mut newest = None;
            let mut top = MessageSeq(0);
            for message in recents {
                if message.message_seq >= top && message.message_seq > MessageSeq(0) {
                    top = message.message_seq;
                    newest = Some(message);
                }
            }
            let Some(newest) = newest else { continue };
            let (seq, id) = (newest.message_seq, newest.message_id);
            if row.is_some_and(|row| ranges::contains(&row.ranges, seq)) {
                if row.is_none_or(|row| id_at(row, seq) != Some(id)) {
                    // The seq may have been given to another message.
                    let arrivals = vec![arrival(&channel, newest)];
                    self.push_page(&channel, arrivals, Span::Single, true, None);
                }
                continue;
            }
            let ours = newest.from_uid == self.config.uid && self.outbox.holds(&newest.client_msg_no);
            if !ours {
                // Whoever has just joined a group was never sent what is in it, and a command is in no timeline.
                let owed = row.is_some_and(|row| !row.ranges.is_empty()) && !self.seen.contains(id);
                finds.push(Find { channel, seq, owed });
            }
        }
        self.sync.found(now.mono, finds);
    }

    /// False if the connection is given up because it does not hear.
    pub(super) fn listen(&mut self, now: Now) -> bool {
        let mut finds = self.sync.take_finds(now.mono);
        finds.retain(|find| {
            let timeline = self.timelines.get(&find.channel);
            // What waits for the database is not missing.
            timeline
                .is_none_or(|timeline| timeline.queued() == 0 && !ranges::contains(&timeline.row().ranges, find.seq))
        });
        if !finds.is_empty() && self.sync.missed(now.mono, finds) {
            self.session.reconnect(now, "the server has messages that it did not push to this connection");
            return false;
        }
        if self.sync.is_silent(now.mono, self.outbox.is_idle()) {
            self.session.reconnect(now, "nothing came for long, and nobody can tell whether something should have");
            return false;
        }
        true
    }
}

/// Which message stands there, where that is known without reading it.
fn id_at(row: &ChannelRow, seq: MessageSeq) -> Option<MessageId> {
    row.last.as_ref().filter(|digest| digest.message_seq == seq).map(|digest| digest.message_id)
}
