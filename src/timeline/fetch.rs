//! What of a channel is worth asking the business server for next: the newest page, a hole, or older messages that somebody wants.

use crate::id::MessageSeq;
use crate::request::{History, Pull};
use crate::rows::{ChannelRow, Range};
use crate::time::Millis;

use super::{Span, Timeline, Work, ranges};

/// Messages in one history page.
pub const PAGE: usize = 200;
/// The newest page of a channel that was never read: what a screen shows, and some.
const FIRST_PAGE: usize = 50;
/// Messages read again at once, to find where a log that was taken back parts from ours.
const CHECK: usize = 50;
/// Answers without progress after which a hole waits for news: generation 3 may lack the newest message for long.
const STALLS: u8 = 3;
/// Before a question is repeated that has brought nothing STALLS times; each time twice as long.
const FIRST_PAUSE: Millis = Millis::seconds(1);
const LONGEST_PAUSE: Millis = Millis::seconds(60);

/// Neighbours arrive swapped in a cluster; a hole is given this long to close by itself.
pub const HOLD: Millis = Millis::seconds(1);

#[derive(Default)]
pub struct Fetch {
    /// The newest page is wanted, whatever we have.
    probe: bool,
    /// Messages before the first range are wanted.
    older: bool,
    stalled: u8,
    /// Answers in a row that brought nothing, also to those who look again and again.
    vain: u8,
    /// Pages in a row that had other messages than we.
    disagreed: u8,
}

impl Fetch {
    pub fn probe(&mut self) {
        self.probe = true;
        self.stalled = 0;
    }

    pub fn older(&mut self) {
        self.older = true;
    }

    /// Somebody looks, and sees less than there is: one more question, and after how long. An application reads again at each
    /// `history` event, so a question that brings nothing must not be asked as fast as it is answered.
    pub fn look(&mut self) -> Millis {
        self.stalled = self.stalled.min(STALLS - 1);
        let Some(again) = self.vain.checked_sub(STALLS) else { return Millis(0) };
        Millis((FIRST_PAUSE.0 << again.min(10)).min(LONGEST_PAUSE.0))
    }

    /// Whoever looked is told, and there was nothing to ask for.
    pub fn in_vain(&mut self) {
        self.vain = self.vain.saturating_add(1);
    }

    /// The page that was answered last took the place of what was here, or did not. It may be an old answer, and what was
    /// pushed meanwhile be the truth: the next one tells.
    pub fn disagrees(&mut self, disagrees: bool) {
        self.disagreed = if disagrees { self.disagreed.saturating_add(1) } else { 0 };
        if disagrees && self.disagreed <= STALLS {
            self.probe();
        }
    }

    /// Something new suggests that a hole can be filled now.
    pub fn nudge(&mut self) {
        self.stalled = 0;
        self.vain = 0;
    }

    pub fn hole(&self, row: &ChannelRow) -> Option<Range> {
        if row.ranges.is_empty() {
            // Nothing is here, and the server has something.
            return (row.last_seq > MessageSeq(0)).then_some(Range { first: MessageSeq(1), last: row.last_seq });
        }
        ranges::newest_hole(&row.ranges, row.last_seq)
    }

    pub fn wants(&self, row: &ChannelRow) -> bool {
        self.stalled < STALLS
            && (self.probe || doubt(row).is_some() || self.hole(row).is_some() || (self.older && !at_start(row)))
    }

    pub fn answered(&mut self, span: &Span, progressed: bool) {
        let mut beside = false;
        match span {
            Span::Newest { .. } => beside = core::mem::take(&mut self.probe),
            Span::Older { end: MessageSeq(0), .. } => self.older = false,
            Span::Recents | Span::Single if progressed => {}
            Span::Recents | Span::Single => return,
            _ => {}
        }
        if progressed {
            return self.nudge();
        }
        // A look at the newest says nothing of a hole below.
        self.stalled = self.stalled.saturating_add(u8::from(!beside));
        self.vain = self.vain.saturating_add(1);
    }
}

fn doubt(row: &ChannelRow) -> Option<MessageSeq> {
    row.doubts.iter().rev().copied().find(|seq| ranges::contains(&row.ranges, *seq))
}

pub fn at_start(row: &ChannelRow) -> bool {
    row.reached_start || row.ranges.first().is_some_and(|range| range.first <= MessageSeq(1))
}

impl Timeline {
    /// After a reconnect: whatever stalled is tried again, and with `probe` the newest page is read.
    pub fn refresh(&mut self, probe: bool) {
        self.fetch.nudge();
        if probe {
            self.fetch.probe();
        }
    }

    /// History of this channel is refused; not asked again before something new suggests it.
    pub fn give_up(&mut self) {
        self.fetch.stalled = STALLS;
        self.fetch.vain = self.fetch.vain.saturating_add(1).max(STALLS);
    }

    pub fn next_history(&self) -> Option<(History, Span)> {
        let ask = |start: MessageSeq, end: MessageSeq, limit: usize, pull: Pull| History {
            channel: self.row.channel.clone(),
            start,
            end,
            limit,
            pull,
        };
        let zero = MessageSeq(0);
        // A page that waits for the store asks for what is missing behind it.
        if !self.fetch.wants(&self.row) || self.work.iter().any(|work| matches!(work, Work::Page { .. })) {
            return None;
        }
        let top = self.row.ranges.last().map_or(zero, |range| range.last);
        let newest = |limit| Some((ask(zero, zero, limit, Pull::Older), Span::Newest { limit, top }));
        if self.fetch.probe || self.row.ranges.is_empty() {
            return newest(FIRST_PAGE);
        }
        if let Some(seq) = doubt(&self.row) {
            let end = MessageSeq(seq.0.saturating_sub(CHECK as u64));
            let span = Span::Older { start: seq, end, limit: CHECK };
            return Some((ask(seq, end, CHECK, Pull::Older), span));
        }
        if let Some(hole) = self.fetch.hole(&self.row) {
            // With the message below it: if the server has another one there, more of what we have is no longer true.
            let below = MessageSeq(hole.first.0.saturating_sub(1).max(1));
            let at_top = self.row.ranges.last().is_some_and(|range| range.last < hole.first);
            if at_top && hole.last.0 - hole.first.0 >= PAGE as u64 {
                return newest(PAGE);
            }
            if at_top {
                return Some((ask(below, zero, PAGE, Pull::Newer), Span::Newer { start: below }));
            }
            let end = MessageSeq(below.0 - 1);
            let span = Span::Older { start: hole.last, end, limit: PAGE };
            return Some((ask(hole.last, end, PAGE, Pull::Older), span));
        }
        let start = MessageSeq(self.row.ranges.first()?.first.0.checked_sub(1)?);
        Some((ask(start, zero, FIRST_PAGE, Pull::Older), Span::Older { start, end: zero, limit: FIRST_PAGE }))
    }
}
