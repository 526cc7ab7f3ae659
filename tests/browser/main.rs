//! What only a browser can show: IndexedDB by rexie, promises, timers, sockets.
//! `wasm-pack test --headless --chrome -- --test browser`
#![cfg(target_family = "wasm")]

mod driver;
mod store;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
