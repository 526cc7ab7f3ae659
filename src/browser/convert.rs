//! Between JavaScript's values and the core's: arguments to commands with typed errors, replies, events and rows to objects.

use serde::Serialize;
use wasm_bindgen::JsValue;

/// Plain objects, `null` for nothing, numbers for numbers: what JSON would give, and bytes as a `Uint8Array`.
pub fn to_js<T: Serialize + ?Sized>(value: &T) -> Result<JsValue, serde_wasm_bindgen::Error> {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible().serialize_bytes_as_arrays(false))
}
