//! Where a content copies other messages: an object with a `message_id` and a `payload`, wherever it stands. `reply`, at every depth,
//! and each of a merged forward's `msgs` are. A copy that does not name its message cannot be told from words of one's own.
//!
//! The business server takes this file too, and `surrogates`: what one of them finds, the other must.

use serde_json::Value;

use super::surrogates;

/// Hands over the id that each copy names, as `read_id` understands it, and its payload; of what copies each other, the outer comes
/// first. Answers the content as it is then; nothing where it copies nothing for certain, or is no JSON.
pub fn visit<Id>(
    content: &[u8],
    read_id: fn(&Value) -> Option<Id>,
    on_copy: &mut dyn FnMut(Id, &mut Value),
) -> Option<Value> {
    // Most messages copy nothing: do not parse those. A key may be written with escapes.
    if !holds(content, b"message_id") && !holds(content, b"\\u") {
        return None;
    }
    let mut value = surrogates::parse(content)?;
    walk(&mut value, read_id, on_copy);
    Some(value)
}

fn holds(content: &[u8], word: &[u8]) -> bool {
    content.windows(word.len()).any(|window| window == word)
}

/// As deep as the parser goes, which ends long before the stack does.
fn walk<Id>(value: &mut Value, read_id: fn(&Value) -> Option<Id>, on_copy: &mut dyn FnMut(Id, &mut Value)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| walk(value, read_id, on_copy)),
        Value::Object(fields) => {
            let id = fields.get("message_id").and_then(read_id);
            if let (Some(id), Some(payload)) = (id, fields.get_mut("payload")) {
                on_copy(id, payload);
            }
            fields.iter_mut().for_each(|(_, value)| walk(value, read_id, on_copy));
        }
        _ => {}
    }
}
