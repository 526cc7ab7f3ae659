//! Deliberate defects, put between the core and its world: each is what the core would do if a rule of it were broken, and the
//! oracle must find it. They stand here and not in the core, which is the same in every build.

use jindou::client::{Input, Output};
use jindou::request::Response;
use jindou::rows::{Answer, Mark};
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
}

impl Defect {
    pub const ALL: [Defect; 5] = [
        Defect::AckBeforeCommit,
        Defect::DedupInMemoryOnly,
        Defect::NewNumberOnRetry,
        Defect::EarlyRecallDropped,
        Defect::ResendOutOfOrder,
    ];

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

    /// Whether the core is told at once that this is done.
    pub fn answers_at_once(self, output: &Output) -> bool {
        self == Defect::AckBeforeCommit && matches!(output, Output::Store(..))
    }
}

fn is_here(mark: &Mark, disk: &MemoryStore) -> bool {
    disk.messages().any(|row| row.client_msg_no == mark.client_msg_no)
}
