//! The persistence contract, and the memory store that keeps it natively. IndexedDB keeps it in `browser::store`;
//! one conformance suite, as data, holds both (`suite`).
//!
//! * A `Batch` is applied whole or not at all, its changes in order. Only a committed transaction is success.
//! * Isolation: one writer. A `Query` sees every batch that was handed over before it and nothing of one handed over after it;
//!   answers and outcomes are reported in the order of the calls.
//! * A batch whose epoch is below the newest epoch seen in the database changes nothing: `StoreFailure::Fenced`. A higher one is remembered.
//! * `Change::Message` puts the row at (channel, message_seq). Together with the row the store keeps its dedup information, so that
//!   `Query::Channel` can answer without reading the rows: one `Seen { seen_hash(from, client_msg_no), placed_at }`, since all copies share
//!   it (none for an empty clientMsgNo), and for each copy beyond the first an alias, unless another message has taken that place.
//!   `seen` is a hint: where another message has taken a row's place, the old one's may still be there.
//! * `Change::Forget` and `Change::ForgetFrom` take rows, their dedup information, aliases and quotes away, at, or at and above,
//!   the seq. What a row was *aliased* by goes with its row.
//! * `Query::Quoting` finds rows whose content copies words of one of these, by the copies' ids: see `quotes`.
//! * `Change::Mark` replaces the marks of the same message (`Mark::is_of_same_message`), `Change::MarkGone` takes them away.
//! * Of one command seen twice the later time counts. Rows with a key of their own (outbox by clientMsgNo, audit by ordinal,
//!   quarantine by messageId) replace the one with the same key.
//! * Durability: after success it survives the death of tab, browser and renderer; against loss of power it is as good as the
//!   browser's relaxed commits.

pub mod codec;
pub mod journal;
mod memory;
pub mod records;
pub mod suite;

pub use memory::MemoryStore;
