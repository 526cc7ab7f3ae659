//! The wire module against bytes that it did not make, and against bytes that nobody would.
#![cfg(not(target_family = "wasm"))]

mod captures;
mod crypto;
mod decode;
mod fixtures;
mod frames;
#[path = "../../examples/wire/notation.rs"]
mod notation;
mod notes;
mod properties;
mod tool;
