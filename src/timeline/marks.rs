//! Marks and hints meet the messages of the channel; and what the application may ask for is judged before a round trip.

use crate::channel::Channel;
use crate::error::{DenyReason, Error, ErrorCode};
use crate::event::Event;
use crate::id::MessageSeq;
use crate::quotes;
use crate::recall;
use crate::request::{FedMark, Target};
use crate::rows::{Change, Copy, Mark, MarkState, MessageRow, MessageState, Role};
use crate::time::Wall;
use crate::turn::{Action, Ask, Reply, Ticket, Turn};

use super::{Arrival, Context, Have, Timeline, view};

impl Timeline {
    /// Every copy whose quotes must go.
    pub(super) fn recalled_copies(&self, marks: &[FedMark]) -> Vec<Copy> {
        let news = marks
            .iter()
            .map(|fed| &fed.mark)
            .filter(|mark| mark.state != MarkState::Restored && self.marks.is_news(mark));
        let mut copies: Vec<Copy> = Vec::new();
        for mark in news {
            copies.extend(&mark.copies);
            for place in self.places_of(mark) {
                if let Some(Some(row)) = self.have.rows.get(&place)
                    && is_of(mark, row)
                {
                    copies.extend(row.all_copies());
                }
            }
        }
        copies.sort_unstable();
        copies.dedup();
        copies
    }

    /// Copies of recalled messages that nobody knew of: they may have been quoted before they were stored.
    pub(super) fn late_copies(&self, arrivals: &[Arrival]) -> Vec<Copy> {
        let mut copies = Vec::new();
        for Arrival { row, .. } in arrivals {
            let copy = row.first_copy();
            if !self.marks.is_recalled(copy.message_id)
                && let Some(mark) = self.marks.of_row(row)
                && !mark.hint
                && mark.state != MarkState::Restored
            {
                copies.push(copy);
            }
        }
        copies
    }

    /// What was found to quote recalled messages does so no more.
    pub(super) fn purge_quotes(&mut self, have: &mut Have, context: &Context<'_>, turn: &mut Turn) {
        for quoting in have.quoting.take().unwrap_or_default() {
            let mut row = match have.rows.get(&quoting.message_seq) {
                Some(Some(row)) => row.clone(),
                _ => quoting,
            };
            if let Some(content) = self.without_quote(&row.content) {
                row.content = content;
                self.rewrite(row, have, context, turn);
            }
        }
    }

    /// A content without what it quotes of a recalled message; `None` if it quotes none.
    pub fn without_quote(&self, content: &[u8]) -> Option<Vec<u8>> {
        quotes::without(content, &|id| self.marks.is_recalled(id))
    }

    pub(super) fn remember(&mut self, mark: Mark, turn: &mut Turn) {
        self.marks.insert(mark.clone());
        // The stored mark carries every copy that is known of it.
        let merged = self.marks.same(&mark).cloned().unwrap_or(mark);
        turn.change(Change::Mark(self.row.channel.clone(), merged));
    }

    /// `hints_until`: the feed was asked after that many hints, and those that it does not confirm are void.
    pub(super) fn marks(
        &mut self,
        marks: Vec<FedMark>,
        by: &'static str,
        hints_until: Option<u64>,
        have: &mut Have,
        context: &Context<'_>,
        turn: &mut Turn,
    ) {
        have.keeps = true;
        for fed in marks {
            let places = self.places_of(&fed.mark);
            if !self.marks.is_news(&fed.mark) {
                self.give_back(&fed, &places, have, context, turn);
                continue;
            }
            self.remember(fed.mark.clone(), turn);
            self.owe_again(&fed, context, turn);
            let what = match fed.mark.state {
                MarkState::Recalled => "recalled",
                MarkState::Restored => "restored",
                MarkState::Deleted => "deleted",
            };
            self.audit_mark(turn, &fed.mark, what, by);
            let mut is_here = false;
            for place in places {
                if let Some(Some(row)) = have.rows.get(&place)
                    && is_of(&fed.mark, row)
                {
                    is_here = true;
                    let mut row = row.clone();
                    let changed = recall::apply(&mut row, &fed.mark, fed.payload.as_deref());
                    // What comes back may quote what was recalled meanwhile.
                    if let Some(content) = self.without_quote(&row.content) {
                        row.content = content;
                    }
                    if changed {
                        self.uncount(&mut row);
                        self.rewrite(row, have, context, turn);
                    }
                }
            }
            if fed.mark.state != MarkState::Restored {
                turn.withdrawn.push((fed.mark.clone(), is_here));
            }
            turn.event(Event::Recall { channel: self.row.channel.clone(), mark: fed.mark });
        }
        self.purge_quotes(have, context, turn);
        if let Some(until) = hints_until {
            self.judge_hints(until, have, context, turn);
        }
    }

    /// A page tells that a message is restored before it brings the content; where the tab was closed between the two, the feed has it.
    fn give_back(
        &mut self,
        fed: &FedMark,
        places: &[MessageSeq],
        have: &mut Have,
        context: &Context<'_>,
        turn: &mut Turn,
    ) {
        let Some(payload) = fed.payload.as_deref() else { return };
        if self.marks.same(&fed.mark).is_none_or(|known| known.version != fed.mark.version) {
            return;
        }
        self.owe_again(fed, context, turn);
        for place in places {
            let Some(Some(row)) = have.rows.get(place) else { continue };
            if row.state != MessageState::Recalled || !is_of(&fed.mark, row) {
                continue;
            }
            let mut row = row.clone();
            recall::apply(&mut row, &fed.mark, Some(payload));
            if let Some(content) = self.without_quote(&row.content) {
                row.content = content;
            }
            self.rewrite(row, have, context, turn);
        }
    }

    /// Tells the outbox what a restore gives back: it may have to be sent again.
    fn owe_again(&self, fed: &FedMark, context: &Context<'_>, turn: &mut Turn) {
        if let (MarkState::Restored, Some(content)) = (fed.mark.state, &fed.payload)
            && fed.mark.author == *context.own
            && (context.watched)(&fed.mark.client_msg_no)
        {
            let content = self.without_quote(content).unwrap_or_else(|| content.clone());
            turn.restored.push((fed.mark.client_msg_no.clone(), content));
        }
    }

    fn judge_hints(&mut self, until: u64, have: &mut Have, context: &Context<'_>, turn: &mut Turn) {
        let (judged, later): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.hints).into_iter().partition(|(n, _)| *n <= until);
        self.hints = later;
        for (_, hint) in judged {
            if self.marks.same(&hint).is_some_and(|mark| mark.hint) {
                self.marks.remove(&hint);
                turn.change(Change::MarkGone(self.row.channel.clone(), hint.clone()));
                self.audit_mark(turn, &hint, "forged", "command");
            }
            // Of two messages that it named, the feed may have confirmed one.
            for place in self.places_of(&hint) {
                if let Some(Some(row)) = have.rows.get(&place)
                    && is_of(&hint, row)
                {
                    let mut row = row.clone();
                    if recall::unhide(&mut row) {
                        self.rewrite(row, have, context, turn);
                    }
                }
            }
        }
    }

    pub(super) fn hint(&mut self, mark: Mark, have: &mut Have, context: &Context<'_>, turn: &mut Turn) {
        // The feed has been read beyond this already.
        if mark.version > 0 && mark.version <= self.row.marks_version {
            return;
        }
        turn.asks.push(Ask::Marks(self.row.channel.clone()));
        // Only what hides may act before the feed has spoken.
        if mark.state == MarkState::Restored || !self.marks.is_news(&mark) {
            return;
        }
        self.hint_count += 1;
        self.hints.push((self.hint_count, mark.clone()));
        self.marks.insert(mark.clone());
        turn.change(Change::Mark(self.row.channel.clone(), mark.clone()));
        self.audit_mark(turn, &mark, "hidden", "command");
        for place in self.places_of(&mark) {
            if let Some(Some(row)) = have.rows.get(&place)
                && is_of(&mark, row)
            {
                let mut row = row.clone();
                if recall::apply(&mut row, &mark, None) {
                    self.rewrite(row, have, context, turn);
                }
            }
        }
    }

    /// What we know already must not be asked: whose it is, whether it is deleted, whether the time has passed.
    pub(super) fn act(
        &mut self,
        ticket: Ticket,
        action: Action,
        target: Target,
        have: &Have,
        context: &Context<'_>,
        turn: &mut Turn,
    ) {
        let row = self.place_of_target(&target).and_then(|place| have.rows.get(&place)).and_then(Option::as_ref);
        // The server may have given the place to another message since the application looked.
        let row = row.filter(|row| names(&target, row));
        let judged = row.map_or(Ok(()), |row| self.judge(action, row, context));
        if target == Target::default() {
            return turn.settle(ticket, Err(Error::invalid("the message has no clientMsgNo, messageId or messageSeq")));
        }
        let (client_msg_no, copies) = row.map_or_else(
            || (target.client_msg_no.clone(), target.copies()),
            |row| (row.client_msg_no.clone(), row.all_copies()),
        );
        self.audit(turn, context.own, client_msg_no, copies, action.audit_word(judged.is_ok()), "application");
        if let Err(error) = judged {
            if error.reason == Some(DenyReason::NotAuthor) {
                turn.asks.push(Ask::Policy);
            }
            return turn.settle(ticket, Err(error));
        }
        let target = match row {
            Some(row) => Target {
                client_msg_no: row.client_msg_no.clone(),
                message_id: Some(row.message_id),
                message_seq: Some(row.message_seq),
            },
            None => target,
        };
        turn.asks.push(Ask::Action(ticket, action, self.row.channel.clone(), target));
    }

    fn judge(&self, action: Action, row: &MessageRow, context: &Context<'_>) -> Result<(), Error> {
        let own = row.from == *context.own;
        let deadline = |window: Option<i64>, since: i64| window.map(|window| since.saturating_add(window));
        let passed = |deadline: Option<i64>| match (deadline, context.server_time) {
            (Some(deadline), Some(now)) if now.0 > deadline => Some(Wall(deadline)),
            _ => None,
        };
        if row.state == MessageState::Deleted {
            return Err(Error::denied(DenyReason::Deleted, None));
        }
        match action {
            Action::Recall => {
                let role =
                    context.policy.roles.iter().find(|role| role.channel == self.row.channel).map(|role| role.role);
                let may_all = matches!(role, Some(Role::Admin | Role::Owner));
                // A group that the policy does not name yet is the business server's to judge.
                let unknown = role.is_none() && self.row.channel.kind != Channel::PERSON;
                if !own && !may_all && !unknown {
                    return Err(Error::denied(DenyReason::NotAuthor, None));
                }
                // Generation 3 gives no time to history; then only the business server can tell.
                if !may_all && !unknown && row.timestamp > 0 && row.state == MessageState::Normal {
                    let deadline = deadline(context.policy.recall_window, row.timestamp.saturating_mul(1000));
                    // A second of grace: the row's time is in whole seconds, and the push may be later than the message.
                    if let Some(deadline) = passed(deadline.map(|deadline| deadline.saturating_add(1000))) {
                        return Err(Error::denied(DenyReason::Window, Some(Wall(deadline.0 - 1000))));
                    }
                }
            }
            Action::Restore | Action::Reedit => {
                if !own {
                    return Err(Error::denied(DenyReason::NotAuthor, None));
                }
                // Whether it is recalled only the business server knows: another device may have done it just now.
                // A normal one may still carry the deadline of an earlier recall, which says nothing of that one.
                let mark = row.mark.as_ref().filter(|_| row.state != MessageState::Normal);
                let until = mark.and_then(|mark| mark.deadline).map(|deadline| deadline.0);
                if let Some(deadline) = passed(until) {
                    return Err(Error::denied(DenyReason::Window, Some(deadline)));
                }
            }
        }
        Ok(())
    }

    pub(super) fn settle_with_row(
        &self,
        ticket: Ticket,
        mark: &Mark,
        have: &Have,
        context: &Context<'_>,
        turn: &mut Turn,
    ) {
        let row = have.rows.values().flatten().find(|row| is_of(mark, row));
        let reply = match row {
            Some(row) => Ok(Reply::Message { message: view::message(context.own, row) }),
            None => Err(Error::new(ErrorCode::NotFound, "it is done, but the message is not in this database")),
        };
        turn.settle(ticket, reply);
    }

    /// A recalled message is not unread any more.
    fn uncount(&mut self, row: &mut MessageRow) {
        if row.counted && matches!(row.state, MessageState::Recalled | MessageState::Deleted) {
            row.counted = false;
            if row.message_seq > self.row.read_to {
                self.counted.remove(&row.message_seq);
                self.row.unread = self.row.unread.saturating_sub(1);
            }
        }
    }

    fn rewrite(&mut self, row: MessageRow, have: &mut Have, context: &Context<'_>, turn: &mut Turn) {
        turn.event(Event::MessageChanged { message: view::message(context.own, &row) });
        if matches!(row.state, MessageState::Recalled | MessageState::Deleted) {
            self.land(&row, false, context, turn);
        }
        self.put(row, have, turn);
    }
}

/// Whether the mark speaks of this message.
fn is_of(mark: &Mark, row: &MessageRow) -> bool {
    let by_number = !mark.client_msg_no.is_empty() && mark.client_msg_no == row.client_msg_no;
    let by_copy = || {
        row.all_copies().iter().any(|copy| {
            mark.copies.iter().any(|named| {
                named.message_id == copy.message_id
                    || (named.message_id.0 == 0 && named.message_seq == copy.message_seq)
            })
        })
    };
    (mark.author.is_empty() || mark.author == row.from) && (by_number || by_copy())
}

/// Whether a message that stands where the application says is the one that it means.
fn names(target: &Target, row: &MessageRow) -> bool {
    let by_number = !target.client_msg_no.is_empty() && target.client_msg_no == row.client_msg_no;
    let by_id = |id| row.all_copies().iter().any(|copy| copy.message_id == id);
    by_number || target.message_id.map_or(target.client_msg_no.is_empty(), by_id)
}
