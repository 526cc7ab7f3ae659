//! Jindou, the browser client for WuKongIM: a pure core, and a thin browser shell around it.
//!
//! # The contract
//!
//! Everything that decides is plain Rust without IO. Bytes, rows and time go in by [`client::Client::handle`], and what to do
//! comes out of [`client::Client::poll_output`]. Whoever drives it (the browser shell, the simulator, a test) does this:
//!
//! 1. wait for one thing: a command, a socket, a finished batch, an answer, or the deadline;
//! 2. [`handle`](client::Client::handle) it with the current [`time::Now`];
//! 3. perform each [`poll_output`](client::Client::poll_output) in order until `None`;
//! 4. set one timer for [`poll_timeout`](client::Client::poll_timeout);
//! 5. go to 1.
//!
//! Nothing in the core awaits, reads a clock, rolls dice or touches JavaScript; a panic in it is a bug. So every race that a
//! browser can produce can be produced natively, in virtual time, from a seed.
//!
//! What depends on a batch of rows (an ack, a promise, an event that says "received") stays inside the core until that batch
//! is [`Stored`](client::Input::Stored). A batch that fails takes everything with it: the core reads the database anew, as
//! after a reload, and catches up.
//!
//! # Where to read
//!
//! | module | what it is |
//! |---|---|
//! | [`client`] | the core as a whole: takes inputs apart, asks the parts, hands out batches |
//! | `session` | one connection's life: handshake, heartbeat, when to try again |
//! | `outbox` | what we owe the server, until it has it |
//! | `timeline` | one channel: which messages it has, each once and in order; holes, unread |
//! | `recall` | marks and hints, and what they make of a message |
//! | `sync` | catching up: what is asked of the business server, when, and when that is complete |
//! | [`request`] | the questions to the business server and their answers, as JSON |
//! | [`rows`], [`store`] | what is kept, and the contract of whoever keeps it |
//! | [`wire`] | WKProto: bytes, packets, cipher |
//! | `browser` | performs the outputs in a browser; the public class is `index.js` there |
//!
//! The rest are small words that all of these use: [`channel`], [`id`] and [`time`]; [`config`]; [`event`] (what an application
//! sees), [`error`] and [`redact`] (what a log sees); [`turn`] (what one step collects); `dice`; `json`, `quotes`, `copied` and
//! `surrogates` for contents; `sorted` for maps that take less room.
//! Which module may know which stands in `tests/edges.rs`.

#[cfg(target_family = "wasm")]
pub mod browser;
pub mod channel;
pub mod client;
pub mod config;
mod copied;
mod dice;
pub mod error;
pub mod event;
pub mod id;
mod json;
mod outbox;
mod quotes;
mod recall;
pub mod redact;
pub mod request;
pub mod rows;
mod session;
mod sorted;
pub mod store;
mod surrogates;
mod sync;
pub mod time;
mod timeline;
pub mod turn;
pub mod wire;
