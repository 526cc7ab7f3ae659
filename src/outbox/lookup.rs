//! Looking up by clientMsgNo: what may be at the server before it is sent again, and what one node of a cluster alone may have.

use crate::channel::{Channel, ClientMsgNo};
use crate::dice::Dice;
use crate::id::{MessageId, MessageSeq};
use crate::rows::{Change, OutboxState};
use crate::time::{Millis, Mono, Now, Wall};
use crate::turn::{After, Turn};
use crate::wire::ProtocolVersion;

use super::{Entry, Outbox, Progress};

/// After this a look-up is over though what it found never reached the timeline, or it would wait for ever. Longer than any answer takes.
const LANDING: Millis = Millis::seconds(90);
/// Most names in one look-up.
const ASKED_AT_ONCE: usize = 100;
/// When an unconfirmed message is looked at again: so long after it was sent, or after the look before.
const LOOKS: [Millis; 3] = [Millis::seconds(60), Millis::seconds(5 * 60), Millis::seconds(15 * 60)];

impl Outbox {
    /// What is to be looked up by clientMsgNo now, one channel at a time.
    pub fn take_lookup(&mut self, now: Now, version: ProtocolVersion) -> Option<(Channel, Vec<ClientMsgNo>)> {
        if !self.lookups {
            return None;
        }
        let asks = self.asks(version);
        let due = |entry: &Entry| match entry.progress {
            _ if !asks && !entry.altered => false,
            Progress::Idle { not_before } => entry.doubt && not_before <= now.mono,
            Progress::Unconfirmed { look_at, asked } => !asked && look_at <= now.mono,
            _ => false,
        };
        let channel = self.entries.values().find(|entry| due(entry))?.row.channel.clone();
        let mut asked = Vec::new();
        for entry in self.entries.values_mut() {
            if entry.row.channel == channel && due(entry) && asked.len() < ASKED_AT_ONCE {
                entry.progress = match entry.progress {
                    Progress::Unconfirmed { look_at, .. } => Progress::Unconfirmed { look_at, asked: true },
                    _ => Progress::Asking { until: now.mono + LANDING },
                };
                asked.push(entry.row.client_msg_no.clone());
            }
        }
        Some((channel, asked))
    }

    /// The look-up's answer for what was not found: it may be sent. (What was found goes through the timeline and lands.)
    /// Returns the unconfirmed ones that were taken back.
    pub fn not_found(
        &mut self,
        turn: &mut Turn,
        time: Wall,
        asked: &[ClientMsgNo],
    ) -> Vec<(Channel, MessageId, MessageSeq)> {
        let mut taken_back = Vec::new();
        for client_msg_no in asked {
            let Some(entry) = self.entry(client_msg_no) else { continue };
            match (&entry.progress, entry.row.state) {
                (Progress::Asking { .. }, _) => {
                    entry.doubt = false;
                    entry.suspect = false;
                    entry.progress = Progress::Idle { not_before: turn.now.mono };
                }
                (Progress::Unconfirmed { .. }, OutboxState::Unconfirmed { message_id, message_seq, since, .. })
                    if entry.row.is_withdrawn() =>
                {
                    // Nothing is owed unless it is restored, and that is waited for no longer than it is watched.
                    taken_back.push((entry.row.channel.clone(), message_id, message_seq));
                    if has_lasted(since, time) {
                        turn.change(Change::OutboxDone(client_msg_no.clone()));
                        self.remove(client_msg_no);
                    } else {
                        let look_at = next_look(since, time, turn.now.mono);
                        entry.progress = Progress::Unconfirmed { look_at, asked: false };
                    }
                }
                (Progress::Unconfirmed { .. }, OutboxState::Unconfirmed { message_id, message_seq, .. }) => {
                    taken_back.push((entry.row.channel.clone(), message_id, message_seq));
                    entry.doubt = false;
                    entry.witness = None;
                    entry.row.state = OutboxState::Queued;
                    entry.progress = Progress::Storing;
                    turn.change(Change::Outbox(entry.row.clone()));
                    turn.after.push(After::Owed(client_msg_no.clone()));
                }
                _ => {}
            }
        }
        taken_back
    }

    /// The look-up is refused for good, as to whoever was put out of the group: what is withdrawn is watched no longer than it is in doubt.
    pub fn lookup_refused(&mut self, turn: &mut Turn, time: Wall, asked: &[ClientMsgNo]) {
        for client_msg_no in asked {
            let Some(entry) = self.peek(client_msg_no).filter(|entry| entry.row.is_withdrawn()) else { continue };
            if let OutboxState::Unconfirmed { since, .. } = entry.row.state
                && has_lasted(since, time)
            {
                turn.change(Change::OutboxDone(client_msg_no.clone()));
                self.remove(client_msg_no);
            }
        }
    }

    /// No answer to the look-up.
    pub fn lookup_failed(
        &mut self,
        now: Now,
        asked: &[ClientMsgNo],
        retryable: bool,
        patience: Millis,
        dice: &mut Dice,
    ) {
        for client_msg_no in asked {
            let pause = dice.up_to(Millis::seconds(3)).max(patience);
            let Some(entry) = self.entry(client_msg_no) else { continue };
            match entry.progress {
                Progress::Asking { .. } => entry.looked_in_vain(now, pause, retryable),
                Progress::Unconfirmed { .. } => {
                    entry.progress = Progress::Unconfirmed { look_at: now.mono + LOOKS[0].max(patience), asked: false };
                }
                _ => {}
            }
        }
    }

    /// Whether a message that is merely found, without a SENDACK or a push, counts as unconfirmed.
    pub fn set_provisional_log(&mut self, provisional: bool) {
        self.provisional_log = provisional;
    }

    /// A message at this place of the channel is stored for certain, and so is everything before it that is still there: looking
    /// again tells.
    pub fn witnessed(&mut self, now: Now, channel: &Channel, seq: MessageSeq) {
        if !self.unconfirmed {
            return;
        }
        self.unconfirmed = false;
        for entry in self.entries.values_mut() {
            let OutboxState::Unconfirmed { message_seq, .. } = entry.row.state else { continue };
            self.unconfirmed = true;
            if entry.row.channel == *channel && message_seq < seq && entry.witness.is_none() {
                entry.witness = Some(seq);
                entry.progress = Progress::Unconfirmed { look_at: now.mono, asked: false };
            }
        }
    }

    /// Whether what a look-up finds of it may be on one node only.
    pub fn is_suspect(&self, client_msg_no: &ClientMsgNo) -> bool {
        self.peek(client_msg_no).is_some_and(|entry| {
            self.provisional_log || entry.suspect || matches!(entry.row.state, OutboxState::Unconfirmed { .. })
        })
    }

    /// Whether finding it here and now settles it: the log has gone on since, or it has been there for as long as we doubt.
    pub fn is_last_look(&self, time: Wall, client_msg_no: &ClientMsgNo, found_at: MessageSeq) -> bool {
        self.peek(client_msg_no).is_some_and(|entry| match entry.row.state {
            OutboxState::Unconfirmed { since, .. } => {
                has_lasted(since, time) || entry.witness.is_some_and(|witness| found_at < witness)
            }
            _ => false,
        })
    }

    pub(super) fn asks(&self, version: ProtocolVersion) -> bool {
        self.lookups && version < ProtocolVersion::U64_SEQ
    }
}

/// How many of `LOOKS` are behind a message. Time decides and not how often we looked: each reconnect is a look besides, and a
/// connection that comes and goes proves nothing. The server's time, for our clock may be put forward.
pub fn looks_behind(since: Wall, time: Wall) -> usize {
    let ends = LOOKS.iter().scan(since.0, |end, span| {
        *end = end.saturating_add(span.0 as i64);
        Some(*end)
    });
    ends.take_while(|end| *end <= time.0).count()
}

pub fn has_lasted(since: Wall, time: Wall) -> bool {
    looks_behind(since, time) == LOOKS.len()
}

pub fn next_look(since: Wall, time: Wall, now: Mono) -> Mono {
    let behind = looks_behind(since, time);
    let Some(next) = LOOKS.get(behind) else { return now + LOOKS[0] };
    let end: u64 = LOOKS[..=behind].iter().map(|span| span.0).sum();
    let left = since.0.saturating_add(end as i64).saturating_sub(time.0);
    // A clock that was set back must not make it wait for longer than the pause itself.
    now + Millis((left.max(0) as u64).min(next.0))
}
