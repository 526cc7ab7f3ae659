//! The persistence contract, and the memory store that keeps it natively. IndexedDB keeps it in `browser::store`;
//! one conformance suite, as data, holds both (`suite`).
//!
//! * A `Batch` is applied whole or not at all, its changes in order. Only a committed transaction is success.
//! * Isolation: one writer. A `Query` sees every batch that was handed over before it and nothing of one handed over after it;
//!   answers and outcomes are reported in the order of the calls.
//! * A batch whose epoch is below the newest epoch seen in the database changes nothing: `StoreFailure::Fenced`. A higher one is remembered.
//! * `Change::Message` puts the row at (channel, message_seq). Together with the row the store keeps its dedup information, so that
//!   `Query::Channel` can answer without reading the rows: for the row and for each of its copies `Seen { seen_hash(from, client_msg_no), placed_at }`
//!   (none for an empty clientMsgNo), and for each copy beyond the first an alias.
//! * `Change::ForgetFrom` takes rows, their dedup information, aliases and quotes away, at and above the seq. What a row was *aliased* by
//!   goes with its row.
//! * `Query::Quoting` finds rows whose content is JSON with `reply.message_id` (string or number) naming one of the copies' ids.
//! * `Change::Mark` replaces the mark of the same message: same clientMsgNo where that is not empty, else a copy in common.
//! * Durability: after success it survives the death of tab, browser and renderer; against loss of power it is as good as the
//!   browser's relaxed commits.
