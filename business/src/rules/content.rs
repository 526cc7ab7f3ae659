//! What copies a recalled message: an answer quotes it in `reply.payload`, at any depth, and a merged forward in each of its
//! `msgs`. Whatever names a message and copies its payload (see `copied`), a recall must reach.
//!
//! Not for understanding contents: an unknown type passes through untouched, and so does what is no JSON.

use serde_json::Value;

use super::copied::visit;
use super::identity::MessageId;

/// The messages that a payload quotes.
pub fn quoted(payload: &[u8]) -> Vec<MessageId> {
    let mut found = Vec::new();
    visit(payload, message_id, &mut |id, _| found.push(id));
    found
}

/// The payload without the content of withdrawn messages that it quotes, or None where there is nothing to purge.
pub fn purge_quotes(payload: &[u8], withdrawn: &dyn Fn(MessageId) -> bool) -> Option<Vec<u8>> {
    let mut purged = false;
    let value = visit(payload, message_id, &mut |id, quote| {
        if withdrawn(id) {
            *quote = Value::Object(serde_json::Map::new());
            purged = true;
        }
    })?;
    if purged { serde_json::to_vec(&value).ok() } else { None }
}

/// A decimal string; other clients write a number, which may have lost its last digits already, or gained a fraction.
fn message_id(value: &Value) -> Option<MessageId> {
    let exact = |number: &f64| number.fract() == 0.0 && number.abs() <= MAX_SAFE;
    let number = || value.as_i64().or_else(|| value.as_f64().filter(exact).map(|number| number as i64));
    let text = value.as_str().map(str::to_owned).or_else(|| number().map(|id| id.to_string()))?;
    MessageId::try_from(text).ok()
}

/// Up to here a double tells one integer from the next.
const MAX_SAFE: f64 = ((1_u64 << 53) - 1) as f64;

#[cfg(test)]
mod tests {
    use super::*;

    fn purge(payload: &str, withdrawn: i64) -> Option<Value> {
        purge_quotes(payload.as_bytes(), &|id| id == MessageId(withdrawn))
            .map(|bytes| serde_json::from_slice(&bytes).expect("json"))
    }

    #[test]
    fn a_quote_of_a_recalled_message_loses_its_content_and_keeps_who_was_quoted() {
        let payload = r#"{"type":1,"content":"mine","reply":{"message_id":"7","from_uid":"a","payload":{"type":1,"content":"secret"}}}"#;
        let purged = purge(payload, 7).expect("purged");
        assert_eq!(purged["reply"], serde_json::json!({"message_id": "7", "from_uid": "a", "payload": {}}));
        assert_eq!(purged["content"], "mine");
        assert_eq!(purge(payload, 8), None);
    }

    #[test]
    fn a_quote_in_a_quote_and_an_escaped_key_are_found() {
        let nested =
            r#"{"reply":{"message_id":"8","payload":{"content":"kept","reply":{"message_id":7,"payload":"secret"}}}}"#;
        let purged = purge(nested, 7).expect("purged");
        assert_eq!(purged["reply"]["payload"]["content"], "kept");
        assert_eq!(purged["reply"]["payload"]["reply"]["payload"], serde_json::json!({}));
        assert_eq!(quoted(nested.as_bytes()), [MessageId(8), MessageId(7)]);
        let escaped = r#"{"repl\u0079":{"message_id":"7","payload":"secret"}}"#;
        assert_eq!(purge(escaped, 7).expect("purged")["reply"]["payload"], serde_json::json!({}));
    }

    #[test]
    fn a_number_names_a_message_also_with_a_fraction_of_nothing() {
        let payload = |id: &str| format!(r#"{{"reply":{{"message_id":{id},"payload":"secret"}}}}"#);
        assert_eq!(purge(&payload("7.0"), 7).expect("purged")["reply"]["payload"], serde_json::json!({}));
        for other in ["7.5", "1e300", "-1e300"] {
            assert_eq!(quoted(payload(other).as_bytes()), [], "{other}");
        }
    }

    #[test]
    fn a_text_that_was_cut_within_a_character_hides_no_quote() {
        let cut =
            r#"{"content":"\ud83d","reply":{"message_id":"7","payload":{"content":"secret \\ud83d\ude00\ude00"}}}"#;
        let purged = purge(cut, 7).expect("purged");
        assert_eq!(purged, serde_json::json!({"content": "\u{fffd}", "reply": {"message_id": "7", "payload": {}}}));
    }

    #[test]
    fn of_a_merged_forward_only_the_recalled_message_loses_its_content() {
        let forward = r#"{"type":11,"msgs":[{"message_id":"7","payload":{"content":"secret"}},{"message_id":"8","payload":{"content":"kept"}}]}"#;
        let purged = purge(forward, 7).expect("purged");
        assert_eq!(purged["msgs"][0], serde_json::json!({"message_id": "7", "payload": {}}));
        assert_eq!(purged["msgs"][1]["payload"]["content"], "kept");
    }

    #[test]
    fn what_is_no_json_or_has_a_hostile_reply_is_left_alone() {
        for payload in [
            "reply",
            "[\"reply\"]",
            r#"{"reply":3}"#,
            r#"{"reply":{"message_id":{},"payload":1}}"#,
            r#"{"reply":{"message_id":"7"}}"#,
            r#"{"reply":[7]}"#,
        ] {
            assert_eq!(purge(payload, 7), None, "{payload}");
        }
        let deep = format!("{}1{}", "{\"reply\":{\"payload\":".repeat(5000), "}}".repeat(5000));
        assert_eq!(purge(&deep, 7), None);
    }
}
