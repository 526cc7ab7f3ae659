//! Which message another one quotes, so that a recall can take the quotation out too.

use crate::id::MessageId;
use crate::json;

/// The id in `reply.message_id` of a content that is JSON, as a string or a number.
pub fn quoted(content: &[u8]) -> Option<MessageId> {
    // Most contents quote nothing; a look for the word spares them the parser.
    content.windows(7).any(|word| word == b"\"reply\"").then_some(())?;
    json::field(json::parse(content)?.get("reply")?, "message_id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_found_by_a_string_or_a_number_and_nowhere_else() {
        let id = Some(MessageId(42));
        assert_eq!(quoted(br#"{"type":1,"reply":{"message_id":"42"}}"#), id);
        assert_eq!(quoted(br#"{"reply":{"message_id":42,"payload":{}}}"#), id);
        for content in [
            &br#"{"type":1,"content":"\"reply\""}"#[..],
            br#"{"reply":{}}"#,
            br#"{"reply":{"message_id":"x"}}"#,
            br#"{"reply":{"message_id":1.5}}"#,
            br#"["reply"]"#,
            b"\xff\"reply\"",
            b"",
        ] {
            assert_eq!(quoted(content), None);
        }
    }
}
