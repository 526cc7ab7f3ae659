//! The other end of the port, as Rust sees it: whom events are told, and who answers for the application.

use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// An object of `engine.js`.
    pub type Host;

    /// Learns from its own trace how this module is named in others.
    #[wasm_bindgen(method)]
    pub fn recognise(this: &Host);

    /// Takes the JSON of a list of them and returns; listeners are called later.
    #[wasm_bindgen(method)]
    pub fn events(this: &Host, events: &str);

    /// Calls the application's function of this name with JSON text; the promise gives JSON text.
    #[wasm_bindgen(method)]
    pub fn ask(this: &Host, name: &str, body: &str) -> Promise;
}
