//! JSON with half a surrogate pair in it, as JavaScript writes a text that was cut within a character. Every browser reads it and
//! serde_json refuses it. The business server takes this file too: what one of them can read, the other must.

use serde_json::Value;

/// The JSON value in these bytes, with U+FFFD in place of each half that stands alone; nothing where they are none.
pub fn parse(json: &[u8]) -> Option<Value> {
    serde_json::from_slice(json).or_else(|_| serde_json::from_slice(&mended(json))).ok()
}

fn mended(json: &[u8]) -> Vec<u8> {
    const UNIT: usize = 6;
    let unit = |at: usize| {
        let digits = json.get(at..at + UNIT)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
    };
    let is_low = |unit: u16| (0xdc00..0xe000).contains(&unit);
    let mut whole = Vec::with_capacity(json.len());
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        let (kept, length): (&[u8], usize) = match unit(at) {
            Some(0xd800..0xdc00) if unit(at + UNIT).is_some_and(is_low) => (&json[at..at + 2 * UNIT], 2 * UNIT),
            Some(0xd800..0xe000) => (b"\\ufffd", UNIT),
            // Of an escape both bytes, so that what follows an escaped backslash is no escape.
            _ if byte == b'\\' => (&json[at..json.len().min(at + 2)], 2),
            _ => (&json[at..=at], 1),
        };
        whole.extend_from_slice(kept);
        at += length;
    }
    whole
}
