//! Deliberate defects, put between the core and its world: each is what the core would do if a rule of it were broken, and the
//! oracle must find it. They stand here and not in the core, which is the same in every build.

use jindou::channel::ClientMsgNo;
use jindou::client::{Command, ConnectionView, Event, Input, Output, Reply, Ticket};
use jindou::error::{DenyReason, Error};
use jindou::request::Response;
use jindou::rows::{Answer, Change, ChannelRow, Mark, OutboxRow, OutboxState, Query};
use jindou::store::MemoryStore;
use jindou::time::Wall;

use crate::damage::damage;

/// The kind of packet, in its first byte.
const RECVACK: u8 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The core is told that a batch is stored as soon as it hands it out.
    AckBeforeCommit,
    /// What recognises a duplicate does not survive a reload.
    DedupInMemoryOnly,
    /// After a reload a message is sent under another clientMsgNo.
    NewNumberOnRetry,
    /// A mark whose message is not here yet is thrown away.
    EarlyRecallDropped,
    /// After a reload the newest goes first.
    ResendOutOfOrder,
    /// A recall leaves what others quote of it.
    QuotesKept,
    /// A recall leaves the last line of the conversation.
    DigestKept,
    /// The core keeps in its memory what a recall takes away.
    MemoryKept,
    /// That one node alone has a message is not written down.
    UnconfirmedForgotten,
    /// After a reload what one node alone has counts as doubted for long enough.
    DoubtForgotten,
    /// What the business server refuses once is never asked for again.
    RefusedForGood,
    /// After its login was ended it connects again by itself.
    BackAfterKick,
    /// A problem is told with the token of the login.
    TokenInProblem,
    /// After a reload a message is sent in other words under its number, which generation 3 takes for another message.
    OtherWordsOnRetry,
    /// Once a connection is gone, it stays away.
    NeverBack,
    /// The application is asked for a token once, and what it gave then is used until the next reload.
    TokenKept,
    /// A person who wants nothing to stay is not obeyed.
    WipeForgotten,
    /// What was read is counted again after a reload.
    UnreadKept,
    /// What a recall did is not written down.
    AuditForgotten,
    /// Catching up is called done when it begins.
    DoneAtOnce,
    /// Every page begins at the start of its timeline.
    StartClaimed,
    /// Every page is whole.
    WholeClaimed,
    /// Nobody is told that a page that was not whole can be read again.
    WordForgotten,
    /// The conversation in which something was said last comes last.
    ListReversed,
    /// What was pushed is never acked.
    AcksForgotten,
    /// Nobody is told that catching up is done.
    EndForgotten,
    /// Nobody is told of a command.
    CommandsUntold,
    /// Every word of the history says that it is whole.
    HistoryClaimed,
    /// The commands that were seen are forgotten by a reload.
    CommandsForgotten,
    /// Of a batch that was told as failed nobody looks whether it was kept.
    KeptUntold,
    /// What is discarded stays in the outbox.
    DiscardForgotten,
    /// A message that was not shown before is called one that changed.
    NewsCalledOld,
    /// What was denied is called done.
    DenialForgotten,
    /// Whatever is denied is denied to somebody who is not the author.
    DenialOfAuthors,
    /// Who asks for the audit never hears.
    AnswerForgotten,
    /// The disk has lost what it knew of every channel, and not their messages: none of the core's defects either.
    ChannelsLost,
    /// The disk gives back other rows than it was given: the one defect that is not the core's.
    DamagedRows,
}

impl Defect {
    /// Spoils what the core is about to be told. `token`: the first that it was given since the reload.
    pub fn spoil(self, input: &mut Input, disk: &MemoryStore, token: &mut Option<String>) {
        match (self, input) {
            (Defect::TokenKept, Input::Fetched(_, Ok(Response::Token(given)))) => {
                given.clone_from(token.get_or_insert_with(|| given.clone()));
            }
            (Defect::CommandsForgotten, Input::Loaded(_, Ok(Answer::Hydrated { commands, .. }))) => commands.clear(),
            (Defect::KeptUntold, Input::Loaded(_, Ok(Answer::Hydrated { meta, .. }))) => meta.last_batch = 0,
            (Defect::ChannelsLost, Input::Loaded(_, Ok(Answer::Hydrated { channels, .. }))) => channels.clear(),
            (Defect::DamagedRows, Input::Loaded(_, Ok(answer))) => damage(answer),
            (Defect::OtherWordsOnRetry, Input::Loaded(_, Ok(Answer::Hydrated { outbox, .. }))) => {
                outbox.iter_mut().for_each(|row| row.content.push(b' '));
            }
            (Defect::UnreadKept, Input::Fetched(_, Ok(Response::Conversations(conversations)))) => {
                for told in conversations {
                    let row = disk.channels().find(|row| row.channel == told.channel);
                    told.unread = told.unread.max(row.map_or(0, |row| row.unread));
                }
            }
            (Defect::DoubtForgotten, Input::Loaded(_, Ok(Answer::Hydrated { outbox, .. }))) => {
                for row in outbox {
                    if let OutboxState::Unconfirmed { since, .. } = &mut row.state {
                        *since = Wall(0);
                    }
                }
            }
            (Defect::RefusedForGood, Input::Fetched(_, Err(failure))) if failure.code == "forbidden" => {
                failure.code = "not-supported".to_owned();
            }
            (Defect::DedupInMemoryOnly, Input::Loaded(_, Ok(Answer::Channel { seen, aliases, .. }))) => {
                seen.clear();
                aliases.clear();
            }
            (Defect::NewNumberOnRetry, Input::Loaded(_, Ok(Answer::Hydrated { outbox, .. }))) => {
                for row in outbox {
                    row.client_msg_no.0.push('r');
                }
            }
            (Defect::ResendOutOfOrder, Input::Loaded(_, Ok(Answer::Hydrated { outbox, .. }))) => {
                let ordinals: Vec<u64> = outbox.iter().map(|row| row.ordinal).collect();
                for (row, ordinal) in outbox.iter_mut().zip(ordinals.into_iter().rev()) {
                    row.ordinal = ordinal;
                }
            }
            (Defect::EarlyRecallDropped, Input::Fetched(_, Ok(Response::Marks(channels)))) => {
                for channel in channels {
                    channel.marks.retain(|fed| is_here(&fed.mark, disk));
                }
            }
            _ => {}
        }
    }

    /// Spoils what the core says.
    pub fn spoil_output(self, output: &mut Output, disk: &MemoryStore) {
        match (self, output) {
            (Defect::QuotesKept, Output::Load(_, Query::Quoting { copies, .. })) => copies.clear(),
            (Defect::DigestKept, Output::Store(_, batch)) => {
                for change in &mut batch.changes {
                    let Change::Channel(ChannelRow { channel, last: Some(last), .. }) = change else { continue };
                    let old = disk.channels().find(|row| row.channel == *channel).and_then(|row| row.last.as_ref());
                    if let Some(old) = old.filter(|old| old.message_seq == last.message_seq) {
                        last.content.clone_from(&old.content);
                    }
                }
            }
            (Defect::UnconfirmedForgotten, Output::Store(_, batch)) => {
                for change in &mut batch.changes {
                    if let Change::Outbox(OutboxRow { state: OutboxState::Unconfirmed { .. }, client_msg_no, .. }) =
                        change
                    {
                        *change = Change::OutboxDone(client_msg_no.clone());
                    }
                }
            }
            (Defect::DoneAtOnce, Output::Event(Event::Sync { done })) => *done = true,
            (Defect::StartClaimed, Output::Settle(_, Ok(Reply::Messages { reached_start, .. }))) => {
                *reached_start = true
            }
            (Defect::WholeClaimed, Output::Settle(_, Ok(Reply::Messages { complete, .. }))) => *complete = true,
            (Defect::ListReversed, Output::Settle(_, Ok(Reply::Conversations { conversations }))) => {
                conversations.reverse();
            }
            (Defect::WipeForgotten, Output::Finished { wipe }) => *wipe = false,
            (Defect::AuditForgotten, Output::Store(_, batch)) => {
                batch.changes.retain(|change| !matches!(change, Change::Audit(_)));
            }
            (Defect::TokenInProblem, Output::Event(Event::Problem { error })) => error.message.push_str("token-alice"),
            (Defect::HistoryClaimed, Output::Event(Event::History { complete, .. })) => *complete = true,
            (Defect::NewsCalledOld, Output::Event(event)) => {
                if let Event::Message { message, .. } = event
                    && !message.own
                {
                    *event = Event::MessageChanged { message: message.clone() };
                }
            }
            (Defect::DenialForgotten, Output::Settle(_, outcome @ Err(Error { reason: Some(_), .. }))) => {
                *outcome = Ok(Reply::Done);
            }
            (Defect::DenialOfAuthors, Output::Settle(_, Err(Error { reason: Some(reason), .. }))) => {
                *reason = DenyReason::NotAuthor;
            }
            (Defect::DiscardForgotten, Output::Store(_, batch)) => {
                batch.changes.retain(|change| !matches!(change, Change::OutboxDone(number) if is_owed(number, disk)));
            }
            _ => {}
        }
    }

    /// What the core would not do. `has_called`: the gateway, since the reload.
    pub fn omits(self, output: &Output, has_called: bool) -> bool {
        match self {
            Defect::NeverBack => has_called && matches!(output, Output::Connect(..)),
            Defect::WordForgotten => matches!(output, Output::Event(Event::History { .. })),
            Defect::EndForgotten => matches!(output, Output::Event(Event::Sync { done: true })),
            Defect::CommandsUntold => matches!(output, Output::Event(Event::Command { .. })),
            Defect::AnswerForgotten => matches!(output, Output::Settle(_, Ok(Reply::Audit { .. }))),
            Defect::AcksForgotten => {
                matches!(output, Output::Transmit(_, bytes) if bytes.first().is_some_and(|first| first >> 4 == RECVACK))
            }
            _ => false,
        }
    }

    /// What the core does of itself after this.
    pub fn follows(self, output: &Output) -> Option<Input> {
        let kicked = matches!(output, Output::Event(Event::Connection { connection: ConnectionView::Kicked { .. } }));
        (self == Defect::BackAfterKick && kicked).then_some(Input::Command(Ticket(u64::MAX), Command::Connect))
    }

    /// Whether the core is told at once that this is done.
    pub fn answers_at_once(self, output: &Output) -> bool {
        self == Defect::AckBeforeCommit && matches!(output, Output::Store(..))
    }
}

/// In the outbox, and not in any timeline.
fn is_owed(number: &ClientMsgNo, disk: &MemoryStore) -> bool {
    disk.outbox().any(|row| row.client_msg_no == *number) && disk.messages().all(|row| row.client_msg_no != *number)
}

fn is_here(mark: &Mark, disk: &MemoryStore) -> bool {
    disk.messages().any(|row| row.client_msg_no == mark.client_msg_no)
}
