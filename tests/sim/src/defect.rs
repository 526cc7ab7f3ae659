//! Deliberate defects, put between the core and its world: each is what the core would do if a rule of it were broken, and the
//! oracle must find it. They stand here and not in the core, which is the same in every build.

use jindou::client::{Command, ConnectionView, Event, Input, Output, Ticket};
use jindou::request::Response;
use jindou::rows::{Answer, Change, ChannelRow, Mark, OutboxRow, OutboxState, Query};
use jindou::store::MemoryStore;

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
    /// After its login was ended it connects again by itself.
    BackAfterKick,
    /// A problem is told with the token of the login.
    TokenInProblem,
}

impl Defect {
    /// Spoils what the core is about to be told.
    pub fn spoil(self, input: &mut Input, disk: &MemoryStore) {
        match (self, input) {
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
            (Defect::TokenInProblem, Output::Event(Event::Problem { error })) => error.message.push_str("token-alice"),
            _ => {}
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

fn is_here(mark: &Mark, disk: &MemoryStore) -> bool {
    disk.messages().any(|row| row.client_msg_no == mark.client_msg_no)
}
