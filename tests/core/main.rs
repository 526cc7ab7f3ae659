//! Stories of the core, one rule each: a client over the memory store, with a server that does what the story says.
#![cfg(not(target_family = "wasm"))]

mod astray;
mod catching_up;
mod connecting;
mod crowd;
mod doubting;
mod forgetting;
mod keeping;
mod listening;
mod numbers;
mod owning;
mod printing;
mod promising;
mod receiving;
mod restoring;
mod sealing;
mod sending;
mod window;
mod withdrawing;
mod world;
