//! How ids look in JSON and in JavaScript: a messageId is a decimal string, since it does not fit a double;
//! a messageSeq is a number while it does (2^53 − 1), else a decimal string too.
//!
//! What others send is read through one dynamic value and not by serde's derived visitors: those are some 5 KB of WebAssembly
//! for each struct.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::channel::{Channel, ClientMsgNo, Uid};
use crate::id::{MessageId, MessageSeq};
pub use crate::surrogates::parse;
use crate::time::{Millis, Wall};

/// The largest integer that a double, and so a JavaScript number, holds exactly.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for MessageSeq {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 <= MAX_SAFE_INTEGER { serializer.serialize_u64(self.0) } else { serializer.collect_str(self) }
    }
}

/// Reads itself; nothing where the value is something else.
pub trait FromJson: Sized {
    fn from_json(value: &Value) -> Option<Self>;
}

/// A field that must be there.
pub fn field<T: FromJson>(object: &Value, name: &str) -> Option<T> {
    T::from_json(object.get(name)?)
}

/// A field that may be absent or null; if it is there, it must be what it should. What is no object has not even left it out.
pub fn optional<T: FromJson>(object: &Value, name: &str) -> Option<Option<T>> {
    match object.as_object()?.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(value) => T::from_json(value).map(Some),
    }
}

/// A field that is what it is by default when it is absent or null.
pub fn or_default<T: FromJson + Default>(object: &Value, name: &str) -> Option<T> {
    optional(object, name).map(Option::unwrap_or_default)
}

impl FromJson for i64 {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_i64().or_else(|| {
            // Some writers give every number a fraction.
            let number = value.as_f64()?;
            (number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64).then_some(number as i64)
        })
    }
}

impl FromJson for u64 {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_u64().or_else(|| i64::from_json(value)?.try_into().ok())
    }
}

macro_rules! smaller {
    ($($name:ty),*) => {$(
        impl FromJson for $name {
            fn from_json(value: &Value) -> Option<Self> {
                u64::from_json(value)?.try_into().ok()
            }
        }
    )*};
}

smaller!(u8, u32, usize);

impl FromJson for bool {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl FromJson for String {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: &Value) -> Option<Self> {
        let mut items = Vec::new();
        for item in value.as_array()? {
            items.push(T::from_json(item)?);
        }
        Some(items)
    }
}

impl FromJson for MessageId {
    fn from_json(value: &Value) -> Option<Self> {
        match value.as_str() {
            Some(text) => text.parse().ok(),
            None => i64::from_json(value).map(Self),
        }
    }
}

impl FromJson for MessageSeq {
    fn from_json(value: &Value) -> Option<Self> {
        match value.as_str() {
            Some(text) => text.parse().ok(),
            None => u64::from_json(value).map(Self),
        }
    }
}

macro_rules! wrapped {
    ($($name:ident),*) => {$(
        impl FromJson for $name {
            fn from_json(value: &Value) -> Option<Self> {
                FromJson::from_json(value).map($name)
            }
        }
    )*};
}

wrapped!(Uid, ClientMsgNo, Wall, Millis);

impl FromJson for Channel {
    fn from_json(value: &Value) -> Option<Self> {
        Some(Self { kind: field(value, "channelType")?, id: field(value, "channelId")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: FromJson>(json: &str) -> Option<T> {
        T::from_json(&parse(json.as_bytes())?)
    }

    #[test]
    fn a_message_id_is_a_decimal_string_and_is_read_from_either_form() {
        assert_eq!(serde_json::to_string(&MessageId(i64::MAX)).unwrap(), "\"9223372036854775807\"");
        assert_eq!(read("\"-3\""), Some(MessageId(-3)));
        assert_eq!(read("7"), Some(MessageId(7)));
        assert_eq!(read::<MessageId>("7.5"), None);
        assert_eq!(read::<MessageId>("18446744073709551615"), None);
        assert_eq!(read::<MessageId>("true"), None);
    }

    #[test]
    fn a_message_seq_is_a_number_while_a_double_holds_it() {
        assert_eq!(serde_json::to_string(&MessageSeq(MAX_SAFE_INTEGER)).unwrap(), "9007199254740991");
        assert_eq!(serde_json::to_string(&MessageSeq(MAX_SAFE_INTEGER + 1)).unwrap(), "\"9007199254740992\"");
        assert_eq!(read("\"18446744073709551615\""), Some(MessageSeq(u64::MAX)));
        assert_eq!(read("18446744073709551615"), Some(MessageSeq(u64::MAX)));
        assert_eq!(read("3.0"), Some(MessageSeq(3)));
        assert_eq!(read::<MessageSeq>("-1"), None);
    }

    #[test]
    fn half_a_character_spoils_no_json() {
        let text = |json: &str| parse(json.as_bytes())?.as_str().map(str::to_owned);
        assert_eq!(text(r#""a\ud83d""#).as_deref(), Some("a\u{fffd}"));
        assert_eq!(text(r#""\ude00\ud83d\ude00\uD83D\n""#).as_deref(), Some("\u{fffd}😀\u{fffd}\n"));
        assert_eq!(text(r#""\ud83d\ud83d\ude00""#).as_deref(), Some("\u{fffd}😀"));
        assert_eq!(text(r#""\\ud83d\ud83d""#).as_deref(), Some("\\ud83d\u{fffd}"));
        for nonsense in [r#""\ud83"#, r#""\ud83d"#, r#""\u+83d""#, "\\", "\\u"] {
            assert_eq!(parse(nonsense.as_bytes()), None, "{nonsense}");
        }
    }

    #[test]
    fn an_absent_field_is_not_a_wrong_one() {
        let object = parse(br#"{"text":"a","nothing":null}"#).unwrap();
        assert_eq!(field::<String>(&object, "text").as_deref(), Some("a"));
        assert_eq!(field::<String>(&object, "nothing"), None);
        assert_eq!(optional::<String>(&object, "nothing"), Some(None));
        assert_eq!(optional::<String>(&object, "missing"), Some(None));
        assert_eq!(optional::<u64>(&object, "text"), None);
        assert_eq!(or_default::<u64>(&object, "missing"), Some(0));
    }

    #[test]
    fn what_is_no_object_has_no_fields_to_leave_out() {
        for other in ["[]", "[1]", "null", "7", "\"text\"", "true"] {
            let value = parse(other.as_bytes()).unwrap();
            assert_eq!(field::<String>(&value, "text"), None, "{other}");
            assert_eq!(optional::<String>(&value, "text"), None, "{other}");
            assert_eq!(or_default::<u64>(&value, "text"), None, "{other}");
        }
    }
}
