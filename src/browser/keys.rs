//! How rows are named in IndexedDB: keys that sort as their values do.
//!
//! Messages stand in falling order, since the newest are wanted and only a cursor reads backwards, at many times the cost.
//! A number holds safe integers only: of greater seqs several share one, and how far each is from it stands behind it.

use js_sys::Array;
use rexie::KeyRange;
use wasm_bindgen::JsValue;

use crate::channel::Channel;
use crate::id::{MessageId, MessageSeq};
use crate::json::MAX_SAFE_INTEGER;
use crate::time::Wall;

/// The kind first and in full, so that no id can look like another channel.
pub fn channel(channel: &Channel) -> String {
    format!("{}:{}", channel.kind, channel.id)
}

/// The key of the message at this seq.
pub fn message(channel: &JsValue, seq: MessageSeq) -> JsValue {
    let number = seq.0 as f64;
    if seq.0 <= MAX_SAFE_INTEGER {
        pair(channel, &JsValue::from_f64(-number))
    } else {
        let beyond = seq.0.wrapping_sub(number as u64) as i64;
        triple(channel, &JsValue::from_f64(-number), &JsValue::from_f64(-beyond as f64))
    }
}

pub fn one(first: &JsValue) -> JsValue {
    Array::of1(first).into()
}

pub fn pair(first: &JsValue, second: &JsValue) -> JsValue {
    Array::of2(first, second).into()
}

pub fn triple(first: &JsValue, second: &JsValue, third: &JsValue) -> JsValue {
    Array::of3(first, second, third).into()
}

/// The field of the index `quotes`.
pub fn quote(channel: &str, id: MessageId) -> JsValue {
    JsValue::from_str(&format!("{channel}:{id}"))
}

/// The field of what quotes several messages: a record stands at one place in the index.
pub fn quotes_several(channel: &str) -> JsValue {
    JsValue::from_str(&format!("{channel}:*"))
}

/// A clock that is wrong by more than a safe integer stays at its end.
pub fn time(at: Wall) -> JsValue {
    let end = MAX_SAFE_INTEGER as i64;
    JsValue::from_f64(at.0.clamp(-end, end) as f64)
}

/// Everything whose key begins with this: an array sorts after all other kinds of keys.
pub fn all_of(first: &JsValue) -> Result<KeyRange, rexie::Error> {
    range(&Array::of1(first), &Array::of2(first, &Array::new()))
}

/// From this seq on.
pub fn from_seq(channel: &JsValue, first: MessageSeq) -> Result<KeyRange, rexie::Error> {
    Ok(KeyRange::bound(&Array::of1(channel), &message(channel, first), Some(false), Some(false))?)
}

/// Below this seq.
pub fn below_seq(channel: &JsValue, end: MessageSeq) -> Result<KeyRange, rexie::Error> {
    Ok(KeyRange::bound(&message(channel, end), &Array::of2(channel, &Array::new()), Some(true), Some(true))?)
}

/// The first included, the second not.
pub fn range(first: &JsValue, end: &JsValue) -> Result<KeyRange, rexie::Error> {
    Ok(KeyRange::bound(first, end, Some(false), Some(true))?)
}

/// Every key that is a number.
pub fn numbers() -> Result<KeyRange, rexie::Error> {
    range(&0.into(), &f64::INFINITY.into())
}
