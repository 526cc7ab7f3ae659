//! What the benches need of Jindou inside a browser: the other end of a connection, which seals messages as a server does,
//! and two parts of the client alone, its decoding and its database.
//!
//! It measures nothing. Whoever calls it holds the clock.
#![cfg(target_family = "wasm")]

mod gateway;
mod receiver;
mod script;
mod store;
