//! A page of the timeline for the application, and whether it is all there is.

use crate::event::MessageView;
use crate::id::MessageSeq;
use crate::rows::MessageRow;
use crate::turn::{Reply, Ticket, Turn};

use super::{Context, Span, Timeline, Work, fetch, view};

impl Timeline {
    pub(super) fn show(
        &mut self,
        ticket: Ticket,
        before: Option<MessageSeq>,
        limit: usize,
        page: Option<Vec<MessageRow>>,
        context: &Context<'_>,
        turn: &mut Turn,
    ) {
        let mut rows = page.unwrap_or_default();
        rows.reverse();
        let first = rows.first().map(|row| row.message_seq);
        let short = rows.len() < limit;
        let lowest = self.row.ranges.first().map(|range| range.first);
        let reached_start = if context.history {
            fetch::at_start(&self.row) && (short || first <= lowest)
        } else {
            // There is nobody to ask for more.
            short
        };
        let last = self.row.last_seq;
        let top = before.map_or(last, |before| last.min(MessageSeq(before.0.saturating_sub(1))));
        let bottom = if short { lowest.unwrap_or(top) } else { first.unwrap_or(top) };
        let whole =
            self.row.ranges.iter().any(|range| range.first <= bottom && top <= range.last) || top == MessageSeq(0);
        let newest_known = before.is_some() || self.knows_newest(context);
        let complete = whole && (!context.history || (newest_known && (reached_start || !short)));
        self.owes_history_event |= !complete;
        if !complete && context.history {
            if short && !fetch::at_start(&self.row) {
                self.fetch.older();
            }
            if self.row.ranges.is_empty() && !self.row.reached_start {
                self.fetch.probe();
            }
            let after = self.fetch.look();
            self.ask_history(after, turn);
        }
        let mut messages: Vec<MessageView> = rows.iter().map(|row| view::message(context.own, row)).collect();
        if before.is_none() {
            // One that came back to us before its SENDACK stands in both places.
            let mut waiting = (context.waiting)(&self.row.channel);
            waiting.retain(|echo| messages.iter().all(|message| message.key != echo.key));
            messages.append(&mut waiting);
        }
        turn.settle(ticket, Ok(Reply::Messages { messages, reached_start, complete }));
    }

    /// What the list of conversations told is here.
    fn knows_newest(&self, context: &Context<'_>) -> bool {
        context.caught_up && !self.work.iter().any(|work| matches!(work, Work::Page { span: Span::Recents, .. }))
    }

    pub(super) fn reached_start(&self, context: &Context<'_>) -> bool {
        !context.history || fetch::at_start(&self.row)
    }

    pub(super) fn is_complete(&self, context: &Context<'_>) -> bool {
        self.knows_newest(context) && self.row.is_whole()
    }
}
