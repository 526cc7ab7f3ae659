//! What a content copies of other messages: the one that it replies to, what that one quotes in turn, and those that are forwarded
//! together. A recall must reach all of these. What counts as a copy stands in `copied`.

use serde_json::{Map, Value};

use crate::copied;
use crate::id::MessageId;
use crate::json::FromJson as _;

/// The messages whose words are in the content.
pub fn quoted(content: &[u8]) -> Vec<MessageId> {
    let mut found = Vec::new();
    visit(content, &mut |id, payload| {
        if !is_empty(payload) {
            found.push(id);
        }
    });
    found
}

/// The content without the words of these messages; `None` if it has none of them.
pub fn without(content: &[u8], is_recalled: &dyn Fn(MessageId) -> bool) -> Option<Vec<u8>> {
    let mut changed = false;
    let value = visit(content, &mut |id, payload| {
        if !is_empty(payload) && is_recalled(id) {
            *payload = Value::Object(Map::new());
            changed = true;
        }
    })?;
    changed.then(|| serde_json::to_vec(&value).ok()).flatten()
}

/// Whether the content quotes a message without its words.
pub fn quotes_nothing(content: &[u8]) -> bool {
    let mut found = false;
    visit(content, &mut |_, payload| found |= is_empty(payload));
    found
}

fn is_empty(payload: &Value) -> bool {
    payload.as_object().is_some_and(Map::is_empty)
}

fn visit(content: &[u8], on_copy: &mut dyn FnMut(MessageId, &mut Value)) -> Option<Value> {
    copied::visit(content, MessageId::from_json, on_copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purged(content: &str, id: i64) -> Option<String> {
        without(content.as_bytes(), &|recalled| recalled == MessageId(id))
            .map(|content| String::from_utf8(content).unwrap())
    }

    #[test]
    fn a_quotation_is_found_by_a_string_or_a_number_and_nowhere_else() {
        let id = [MessageId(42)];
        assert_eq!(quoted(br#"{"type":1,"reply":{"message_id":"42","payload":{"content":"a"}}}"#), id);
        assert_eq!(quoted(br#"{"reply":{"message_id":42,"payload":"a"}}"#), id);
        assert_eq!(quoted(br#"{"repl\u0079":{"messag\u0065_id":42,"payload":"a"}}"#), id);
        for content in [
            &br#"{"type":1,"content":"\"message_id\""}"#[..],
            br#"{"reply":{"message_id":"42","payload":{}}}"#,
            br#"{"reply":{"message_id":"42"}}"#,
            br#"{"reply":{"message_id":"x","payload":"a"}}"#,
            br#"{"reply":{"message_id":1.5,"payload":"a"}}"#,
            br#"["message_id"]"#,
            b"\xff\"message_id\"",
            b"",
        ] {
            assert_eq!(quoted(content), []);
        }
    }

    #[test]
    fn a_quotation_within_a_quotation_goes_alone_and_the_outer_one_takes_it_along() {
        let content = r#"{"reply":{"message_id":"8","payload":{"content":"kept","reply":{"message_id":"7","payload":{"content":"secret"}}}}}"#;
        assert_eq!(quoted(content.as_bytes()), [MessageId(8), MessageId(7)]);
        let inner = purged(content, 7).unwrap();
        assert!(inner.contains("kept") && !inner.contains("secret"), "{inner}");
        assert_eq!(purged(content, 8).unwrap(), r#"{"reply":{"message_id":"8","payload":{}}}"#);
        assert_eq!(purged(&inner, 7), None, "it is gone already");
        assert!(quotes_nothing(inner.as_bytes()) && !quotes_nothing(content.as_bytes()));
    }

    #[test]
    fn of_messages_that_are_forwarded_together_the_recalled_one_loses_its_words() {
        let content = r#"{"msgs":[{"from_uid":"a","message_id":"7","payload":{"content":"secret"}},{"message_id":"8","payload":{"content":"kept"}},{"payload":{"content":"nameless"}}],"type":11}"#;
        assert_eq!(quoted(content.as_bytes()), [MessageId(7), MessageId(8)]);
        assert_eq!(purged(content, 7).unwrap(), content.replace(r#"{"content":"secret"}"#, "{}"));
        assert_eq!(purged(content, 9), None);
    }

    #[test]
    fn a_text_that_was_cut_within_a_character_hides_no_quotation() {
        let cut = r#"{"content":"\ud83d","reply":{"message_id":"7","payload":{"content":"secret"}}}"#;
        assert_eq!(quoted(cut.as_bytes()), [MessageId(7)]);
        assert!(!purged(cut, 7).unwrap().contains("secret"));
    }

    #[test]
    fn what_is_nested_beyond_reason_is_left_alone() {
        let deep = format!("{}1{}", "{\"reply\":{\"message_id\":7,\"payload\":".repeat(5_000), "}}".repeat(5_000));
        assert_eq!((quoted(deep.as_bytes()), purged(&deep, 7)), (Vec::new(), None));
    }
}
