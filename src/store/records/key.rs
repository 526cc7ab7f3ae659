//! How records are named: keys that sort as their values do.
//!
//! Messages stand in falling order, since the newest are wanted and only a cursor reads backwards, at many times the cost.
//! A number holds safe integers only: of greater seqs several share one, and how far each is from it stands behind it.

use std::rc::Rc;

use crate::channel::Channel;
use crate::id::{MessageId, MessageSeq};
use crate::json::MAX_SAFE_INTEGER;
use crate::time::Wall;

/// A key as IndexedDB has them. Numbers sort before texts, and lists after both.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    Number(f64),
    Text(Rc<str>),
    List(Vec<Key>),
}

/// Some keys of an object store that stand side by side.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyRange {
    Only(Key),
    Between { lower: Key, upper: Key, lower_open: bool, upper_open: bool },
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Key::Text(text.into())
    }
}

impl From<&Rc<str>> for Key {
    fn from(text: &Rc<str>) -> Self {
        Key::Text(Rc::clone(text))
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Key::Text(text.into())
    }
}

/// Epochs, ordinals and run numbers are counted up from 1 and never leave the safe integers.
impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Key::Number(number as f64)
    }
}

impl<const N: usize> From<[Key; N]> for Key {
    fn from(keys: [Key; N]) -> Self {
        Key::List(keys.into())
    }
}

/// The kind first and in full, so that no id can look like another channel.
pub fn channel(channel: &Channel) -> Rc<str> {
    format!("{}:{}", channel.kind, channel.id).into()
}

/// The key of the message at this seq.
pub fn message(channel: &Rc<str>, seq: MessageSeq) -> Key {
    let number = seq.0 as f64;
    let mut key = vec![channel.into(), Key::Number(-number)];
    if seq.0 > MAX_SAFE_INTEGER {
        let beyond = seq.0.wrapping_sub(number as u64) as i64;
        key.push(Key::Number(-beyond as f64));
    }
    Key::List(key)
}

/// The field of the index `quotes`.
pub fn quote(channel: &str, id: MessageId) -> Rc<str> {
    format!("{channel}:{id}").into()
}

/// The field of what quotes several messages: a record stands at one place in the index.
pub fn quotes_several(channel: &str) -> Rc<str> {
    format!("{channel}:*").into()
}

/// A clock that is wrong by more than a safe integer stays at its end.
pub fn time(at: Wall) -> Key {
    let end = MAX_SAFE_INTEGER as i64;
    Key::Number(at.0.clamp(-end, end) as f64)
}

/// Every list that begins with this: a list sorts after all other kinds of keys.
pub fn all_of(first: &Rc<str>) -> KeyRange {
    range([first.into()].into(), end_of(first))
}

/// The messages from this seq on.
pub fn from_seq(channel: &Rc<str>, first: MessageSeq) -> KeyRange {
    let (lower, upper) = ([channel.into()].into(), message(channel, first));
    KeyRange::Between { lower, upper, lower_open: false, upper_open: false }
}

/// The messages below this seq.
pub fn below_seq(channel: &Rc<str>, end: MessageSeq) -> KeyRange {
    let (lower, upper) = (message(channel, end), end_of(channel));
    KeyRange::Between { lower, upper, lower_open: true, upper_open: true }
}

/// The first included, the second not.
pub fn range(lower: Key, upper: Key) -> KeyRange {
    KeyRange::Between { lower, upper, lower_open: false, upper_open: true }
}

/// Every key that is a number from 0 on.
pub fn numbers() -> KeyRange {
    range(Key::Number(0.0), Key::Number(f64::INFINITY))
}

fn end_of(first: &Rc<str>) -> Key {
    [first.into(), Key::List(Vec::new())].into()
}
