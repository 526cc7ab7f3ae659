//! A message comes in: is it known, is it another copy, what do the marks make of it, does it count as unread.

use crate::channel::ClientMsgNo;
use crate::event::{Event, Trace, key};
use crate::id::MessageSeq;
use crate::recall;
use crate::request::FedMark;
use crate::rows::{
    Change, Copy, Digest, Mark, MarkState, MessageRow, MessageState, Range, act_id, seen_hash, transient_id,
};
use crate::time::Millis;
use crate::turn::{Landed, Turn};

use super::{Arrival, Context, Figure, Have, Span, Timeline, copies_match, ranges, view};

/// Copies of one message that its row remembers. A sender that fails makes some; who makes more makes rows that grow with each.
const COPIES: usize = 200;

impl Timeline {
    /// The rows that decide what these arrivals are.
    pub(super) fn rows_for(&self, arrivals: &[Arrival]) -> Vec<MessageSeq> {
        let mut seqs = Vec::new();
        for arrival in arrivals {
            let row = &arrival.row;
            let unknown = self.lost && row.client_msg_no.is_empty() && !arrival.live;
            if unknown || ranges::contains(&self.row.ranges, row.message_seq) {
                seqs.push(self.placed_at(row.message_seq));
            }
            if !row.client_msg_no.is_empty()
                && let Some(placed_at) = self.seen.get(seen_hash(&row.from, &row.client_msg_no))
            {
                seqs.push(placed_at);
            }
        }
        seqs
    }

    pub(super) fn arrive(&mut self, mut arrival: Arrival, have: &mut Have, context: &Context<'_>, turn: &mut Turn) {
        if let Some((connection, ack)) = &arrival.ack {
            turn.ack(*connection, ack.clone());
        }
        let copy = arrival.row.first_copy();
        match have.rows.get(&self.placed_at(copy.message_seq)) {
            Some(Some(known)) if copies_match(known, copy) => {
                self.agreed = Some(copy.message_seq);
                self.row.doubts.retain(|seq| *seq != copy.message_seq);
                let known = known.clone();
                return self.duplicate(known, arrival, have, context, turn);
            }
            Some(Some(_)) => {
                self.drop_tail(copy.message_seq, turn);
                have.forget_from(copy.message_seq);
            }
            // A seq that the server had no message for, until now.
            _ => {}
        }
        if !arrival.row.client_msg_no.is_empty()
            && let Some(placed_at) = self.seen.get(seen_hash(&arrival.row.from, &arrival.row.client_msg_no))
            && let Some(Some(known)) = have.rows.get(&placed_at)
            && known.from == arrival.row.from
            && known.client_msg_no == arrival.row.client_msg_no
        {
            if is_near(known, &arrival.row, context) || owes(known, context) {
                let known = known.clone();
                return self.another_copy(known, arrival, have, context, turn);
            }
            // A message of its own, which its id alone names: no two in a list may have the same key.
            arrival.row.client_msg_no = ClientMsgNo::default();
        }
        self.insert(arrival, have, context, turn);
    }

    /// The very copy that we have. Told to nobody, but it may know more than we did.
    fn duplicate(
        &mut self,
        mut known: MessageRow,
        arrival: Arrival,
        have: &mut Have,
        context: &Context<'_>,
        turn: &mut Turn,
    ) {
        let certain = arrival.live;
        if certain {
            // History that is read again is no duplicate.
            let (client_msg_no, message_id) = (known.client_msg_no.clone(), arrival.row.message_id);
            turn.trace(|| Trace::Duplicate { client_msg_no, message_id });
        }
        let other_name = (arrival.row.client_msg_no != known.client_msg_no && owes(&arrival.row, context))
            .then(|| arrival.row.client_msg_no.clone());
        let confirmed = arrival.confirms || certain;
        let mut changed = (known.unconfirmed && confirmed) || has_echo(&known, context);
        known.unconfirmed &= !confirmed;
        let payload = restored_content(&arrival);
        changed |= self.apply_marks(&mut known, arrival.mark, payload.as_deref(), turn);
        if changed {
            self.put(known.clone(), have, turn);
            turn.event(Event::MessageChanged { message: view::message(context.own, &known) });
        }
        self.land(&known, certain, context, turn);
        if let Some(client_msg_no) = other_name {
            // The server calls what we owe a message that stands here under another number, or under none: nobody would ever
            // answer for it again. The echo goes, for it is this one.
            let key = key(context.own, &client_msg_no, known.message_id);
            turn.event(Event::MessageRemoved { channel: self.row.channel.clone(), key });
            turn.landed.push(landed(client_msg_no, &known, certain, context));
        }
    }

    /// The same message, stored again by the server. The first copy by messageSeq places it.
    fn another_copy(
        &mut self,
        mut known: MessageRow,
        arrival: Arrival,
        have: &mut Have,
        context: &Context<'_>,
        turn: &mut Turn,
    ) {
        let copy = arrival.row.first_copy();
        let (client_msg_no, message_id) = (known.client_msg_no.clone(), copy.message_id);
        turn.trace(|| Trace::Duplicate { client_msg_no, message_id });
        let certain = arrival.live;
        let confirmed = arrival.confirms || certain;
        let mut changed = (known.unconfirmed && confirmed) || has_echo(&known, context);
        known.unconfirmed &= !confirmed;
        let placed_at = known.message_seq;
        if copy.message_seq < placed_at {
            known.copies.push(known.first_copy());
            known.message_seq = copy.message_seq;
            known.message_id = copy.message_id;
            known.copies.retain(|other| *other != copy);
            if !known.content.is_empty() && !arrival.row.content.is_empty() {
                // Of two messages under one number every device shows the same one, whatever came first.
                known.content.clone_from(&arrival.row.content);
            }
            turn.change(Change::Forget(self.row.channel.clone(), placed_at));
            if self.counted.remove(&placed_at) {
                if copy.message_seq > self.row.read_to {
                    self.counted.insert(copy.message_seq);
                } else {
                    known.counted = false;
                    self.row.unread = self.row.unread.saturating_sub(1);
                }
            }
            if self.row.last.as_ref().is_some_and(|digest| digest.message_seq == placed_at) {
                // What stood before it may now be the newest.
                self.row.last = Some(view::digest(&known));
                self.work.push_front(super::Work::Digest);
            }
            have.rows.insert(placed_at, None);
            for Copy { message_seq, message_id } in &known.copies {
                self.aliases.insert(*message_seq, (*message_id, copy.message_seq));
            }
            self.aliases.remove(&copy.message_seq);
            self.seen.insert(seen_hash(&known.from, &known.client_msg_no), copy.message_seq);
            changed = true;
        } else if !copies_match(&known, copy) && known.copies.len() < COPIES {
            known.copies.push(copy);
            self.aliases.insert(copy.message_seq, (copy.message_id, placed_at));
        }
        self.cover_range(copy.message_seq, copy.message_seq);
        self.row.last_seq = self.row.last_seq.max(copy.message_seq);
        // A command may have named only this copy.
        let payload = restored_content(&arrival);
        changed |= self.apply_marks(&mut known, arrival.mark, payload.as_deref(), turn);
        self.put(known.clone(), have, turn);
        if changed {
            turn.event(Event::MessageChanged { message: view::message(context.own, &known) });
        }
        self.land(&known, certain, context, turn);
    }

    fn insert(&mut self, arrival: Arrival, have: &mut Have, context: &Context<'_>, turn: &mut Turn) {
        let Arrival { mut row, live, red_dot, mark, confirms, .. } = arrival;
        let seq = row.message_seq;
        let payload = mark.as_ref().and_then(|fed| fed.payload.clone());
        self.apply_marks(&mut row, mark, payload.as_deref(), turn);
        let own = row.from == *context.own;
        let owed = owes(&row, context);
        row.unconfirmed |= owed && !live && !confirms && context.provisional_log;
        if live && self.baseline.is_none() {
            self.baseline = Some(MessageSeq(seq.0.saturating_sub(1)));
        }
        let beyond = self.baseline.is_some_and(|baseline| seq > baseline);
        let gone = matches!(row.state, MessageState::Recalled | MessageState::Deleted);
        row.counted = !own && !gone && seq > self.row.read_to && (!live || red_dot);
        if row.counted && beyond && self.counted.insert(seq) {
            self.row.unread = self.row.unread.saturating_add(1);
        }
        let mut told = (context.told)(transient_id(row.message_id));
        if !row.client_msg_no.is_empty() {
            let hash = seen_hash(&row.from, &row.client_msg_no);
            self.seen.insert(hash, seq);
            told |= self.dropped.contains(&hash) || (context.told)(act_id(self.salt, hash));
        }
        // A copy that was taken back may have had this place, and may still stand in its message's row.
        self.aliases.remove(&seq);
        self.cover_range(seq, seq);
        self.row.last_seq = self.row.last_seq.max(seq);
        let message = view::message(context.own, &row);
        if told || owed {
            turn.event(Event::MessageChanged { message });
        } else {
            turn.event(Event::Message { message, live });
        }
        if told && live {
            // Whoever has dropped it reads it again; behind a page a `history` event comes anyway.
            self.tell_history(context, turn);
        }
        self.land(&row, live, context, turn);
        // The server may never list a conversation that began under a whitelist: let the business server see that it has.
        let begins = own && seq == MessageSeq(1);
        // Said later, and stored below what is here: that was taken back, and nothing stands at this place to show it.
        let later = |digest: &Digest| digest.message_seq > seq && digest.timestamp < row.timestamp;
        let falls_below = context.provisional_log && self.row.last.as_ref().is_some_and(later);
        if live && context.history && (begins || falls_below) {
            self.fetch.probe();
            self.ask_history(Millis(0), turn);
        }
        self.put(row, have, turn);
    }

    /// Takes over the mark that came along, and leaves in the row what the marks let stand. `payload`: what a restore gives back. True if
    /// the row changed.
    fn apply_marks(
        &mut self,
        row: &mut MessageRow,
        fed: Option<FedMark>,
        payload: Option<&[u8]>,
        turn: &mut Turn,
    ) -> bool {
        if let Some(fed) = fed
            && self.marks.is_news(&fed.mark)
        {
            self.remember(fed.mark, turn);
        }
        let mut changed = false;
        if let Some(mark) = self.marks.of_row(row).cloned() {
            changed = recall::apply(row, &mark, payload);
            self.learn_copies(row, mark, turn);
        }
        if let Some(content) = self.without_quote(&row.content) {
            row.content = content;
            changed = true;
        }
        changed
    }

    /// A copy that was stored after the recall is quoted no more than those that the recall names.
    fn learn_copies(&mut self, row: &MessageRow, mut mark: Mark, turn: &mut Turn) {
        if mark.hint || mark.state == MarkState::Restored {
            return;
        }
        let mut copies = row.all_copies();
        copies.retain(|copy| !mark.copies.contains(copy));
        if !copies.is_empty() {
            mark.copies.append(&mut copies);
            turn.late_copy = true;
            self.remember(mark, turn);
        }
    }

    /// Writes the row, and the digest where it is the newest.
    pub(super) fn put(&mut self, row: MessageRow, have: &mut Have, turn: &mut Turn) {
        if self.row.last.as_ref().is_none_or(|digest| digest.message_seq <= row.message_seq) {
            self.row.last = Some(view::digest(&row));
        }
        if have.keeps {
            have.rows.insert(row.message_seq, Some(row.clone()));
        }
        turn.change(Change::Message(row));
    }

    /// Tells the outbox that this one is at the server.
    pub(super) fn land(&self, row: &MessageRow, certain: bool, context: &Context<'_>, turn: &mut Turn) {
        if row.from == *context.own && !row.client_msg_no.is_empty() && (context.watched)(&row.client_msg_no) {
            turn.landed.push(landed(row.client_msg_no.clone(), row, certain, context));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one kind of Work")]
    pub(super) fn page(
        &mut self,
        arrivals: Vec<Arrival>,
        span: Span,
        more: bool,
        figure: Option<Figure>,
        have: &mut Have,
        context: &Context<'_>,
        turn: &mut Turn,
    ) {
        if let Some(figure) = &figure {
            self.row.read_to = self.row.read_to.max(figure.read_to);
            self.baseline = Some(figure.last_seq);
        }
        have.keeps = true;
        let (known, reached_start) = (self.row.ranges.clone(), self.row.reached_start);
        let compared = match span {
            Span::Older { start, .. } if self.row.doubts.contains(&start) => Some(start),
            _ => None,
        };
        let (shown, whole) = self.arrive_all(arrivals, have, context, turn);
        if whole
            && let (Span::Newest { top, .. }, Some(last)) = (&span, shown.iter().max())
            && let Some(from) = self.beyond_log(*last, *top, context)
        {
            self.drop_tail(from, turn);
            have.forget_from(from);
        }
        self.cover(&span, &shown, more, whole);
        if let (Span::Newest { .. }, Some(top)) = (&span, self.row.ranges.last())
            && ranges::is_far(top.last, self.row.last_seq)
        {
            self.row.last_seq = top.last;
        }
        if context.provisional_log
            && let (Some(top), Some(first)) = (known.last(), shown.iter().min())
            && top.last.0.checked_add(1) == Some(first.0)
        {
            // It joins what we have without a message in common that could show a log that was taken back meanwhile.
            self.row.doubts.retain(|seq| *seq < top.last);
            self.row.doubts.push(top.last);
        }
        if let Some(figure) = figure {
            self.take_figure(figure, turn);
        }
        let progressed = self.row.ranges != known;
        match compared {
            // The same, or the server has nothing there, and nothing to compare.
            Some(start) => self.row.doubts.retain(|seq| *seq != start),
            None => self.fetch.answered(&span, progressed),
        }
        self.fetch.disagrees(!self.dropped.is_empty());
        if context.history && self.fetch.wants(&self.row) {
            self.ask_history(Millis(0), turn);
        }
        // Who was shown everything reads nothing again for a page that says the same: with more channels on show than are kept
        // fresh, each look at one would lead to the next without end.
        if self.owes_history_event || progressed || self.row.reached_start != reached_start {
            self.tell_history(context, turn);
        }
    }

    /// The messages of a page come in. Answers the seqs that it has, and whether it has the content of all of them.
    fn arrive_all(
        &mut self,
        arrivals: Vec<Arrival>,
        have: &mut Have,
        context: &Context<'_>,
        turn: &mut Turn,
    ) -> (Vec<MessageSeq>, bool) {
        let mut shown = Vec::new();
        let mut whole = true;
        for arrival in arrivals {
            if arrival.row.message_seq == MessageSeq(0) {
                continue;
            }
            let lacks_content = arrival.withheld
                || (arrival.row.content.is_empty()
                    && arrival.mark.as_ref().is_some_and(|fed| self.restored_since(&fed.mark)));
            if lacks_content {
                // An older answer than what we know: the content will come with the next one.
                whole = false;
                continue;
            }
            shown.push(arrival.row.message_seq);
            // History does not flag the first of a page, so one that was pushed is known by its id. Its flags may have been changed
            // on the way, and a message told as a command: then its content says otherwise.
            let command =
                arrival.command || ((context.told)(arrival.row.message_id) && recall::is_command(&arrival.row.content));
            if !command {
                self.arrive(arrival, have, context, turn);
            }
        }
        (shown, whole)
    }

    /// From where on what is here is not in the server's log, whose newest message is `last`. `top`: the newest that was here when it was
    /// asked for.
    fn beyond_log(&self, last: MessageSeq, top: MessageSeq, context: &Context<'_>) -> Option<MessageSeq> {
        if context.provisional_log && last < top {
            // The log ends below what was here already: that was taken back, and nobody may ever write there again.
            return Some(MessageSeq(last.0.saturating_add(1)));
        }
        // It never was there, where it is alone and so far away. Of more than one message the page may be an old answer.
        let alone = [Range { first: top, last: top }];
        (ranges::is_far(last, top) && self.row.ranges.ends_with(&alone)).then_some(top)
    }

    fn restored_since(&self, mark: &crate::rows::Mark) -> bool {
        self.marks
            .same(mark)
            .is_some_and(|known| known.state == crate::rows::MarkState::Restored && known.version > mark.version)
    }

    /// Which seqs the page answers for, also where it has no message for them.
    fn cover(&mut self, span: &Span, shown: &[MessageSeq], more: bool, whole: bool) {
        let (first, last) = (shown.iter().min().copied(), shown.iter().max().copied());
        if !whole {
            return;
        }
        match *span {
            Span::Newest { limit, .. } => {
                if let (Some(first), Some(last)) = (first, last) {
                    self.cover_range(first, last);
                }
                // A page of nothing, where something is here, is an old answer.
                let tells = first.is_some() || self.row.ranges.is_empty();
                self.row.reached_start |= tells && !more && shown.len() < limit;
            }
            Span::Recents => {
                if let (Some(first), Some(last)) = (first, last) {
                    self.cover_range(first, last);
                }
            }
            Span::Newer { start } => {
                if let Some(last) = last {
                    self.cover_range(start, last);
                }
            }
            Span::Older { start, end, limit } => {
                if !more && shown.len() < limit {
                    self.cover_range(MessageSeq(end.0.saturating_add(1)), start);
                    self.row.reached_start |= end == MessageSeq(0);
                } else if let Some(first) = first {
                    self.cover_range(first, start);
                }
            }
            Span::Single => {}
        }
    }

    /// Adds to what is here. That an empty channel has reached its start says nothing once a message comes: it may be a later one.
    fn cover_range(&mut self, first: MessageSeq, last: MessageSeq) {
        self.row.reached_start &= !self.row.ranges.is_empty();
        ranges::cover(&mut self.row.ranges, first, last);
    }

    fn take_figure(&mut self, figure: Figure, turn: &mut Turn) {
        self.row.last_seq = self.row.last_seq.max(figure.last_seq);
        self.counted.retain(|seq| *seq > figure.last_seq && *seq > self.row.read_to);
        let by_server = if self.row.read_to > figure.read_to {
            turn.asks.push(crate::turn::Ask::Read(self.row.channel.clone(), self.row.read_to));
            figure.unread.min(figure.last_seq.0.saturating_sub(self.row.read_to.0))
        } else {
            figure.unread
        };
        self.row.unread = by_server.saturating_add(self.counted.len() as u64);
    }
}

/// What a restore gives back: history of a restored message has the content itself.
fn restored_content(arrival: &Arrival) -> Option<Vec<u8>> {
    let payload = arrival.mark.as_ref().and_then(|fed| fed.payload.clone());
    payload.or_else(|| (!arrival.row.content.is_empty()).then(|| arrival.row.content.clone()))
}

/// Whether it is our own and the outbox still holds it: then its echo is on show, and a call may wait for it.
fn owes(row: &MessageRow, context: &Context<'_>) -> bool {
    row.from == *context.own && !row.client_msg_no.is_empty() && (context.owed)(&row.client_msg_no)
}

fn landed(client_msg_no: ClientMsgNo, row: &MessageRow, certain: bool, context: &Context<'_>) -> Landed {
    Landed { client_msg_no, message: view::message(context.own, row), certain, unconfirmed: row.unconfirmed }
}

/// Whether it is on show as one that is not answered yet. Of an unconfirmed one the row itself is.
fn has_echo(row: &MessageRow, context: &Context<'_>) -> bool {
    owes(row, context) && (context.waiting)(&row.channel).iter().any(|echo| echo.client_msg_no == row.client_msg_no)
}

fn is_near(known: &MessageRow, row: &MessageRow, context: &Context<'_>) -> bool {
    let apart = known.timestamp.abs_diff(row.timestamp).saturating_mul(1000);
    context.dedup_window.is_none_or(|window| apart <= window.0)
}
