//! How ids look in JSON and in JavaScript: a messageId is a decimal string, since it does not fit a double;
//! a messageSeq is a number while it does (2^53 − 1), else a decimal string too.

use core::fmt;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{MessageId, MessageSeq};

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

struct Number<T>(core::marker::PhantomData<T>);

/// Accepts numbers and decimal strings for both; what is not a whole number in range is an error.
trait FromNumber: Sized + core::str::FromStr {
    fn from_signed(value: i64) -> Option<Self>;
    fn from_unsigned(value: u64) -> Option<Self>;
}

impl FromNumber for MessageId {
    fn from_signed(value: i64) -> Option<Self> {
        Some(MessageId(value))
    }
    fn from_unsigned(value: u64) -> Option<Self> {
        i64::try_from(value).ok().map(MessageId)
    }
}

impl FromNumber for MessageSeq {
    fn from_signed(value: i64) -> Option<Self> {
        u64::try_from(value).ok().map(MessageSeq)
    }
    fn from_unsigned(value: u64) -> Option<Self> {
        Some(MessageSeq(value))
    }
}

impl<T: FromNumber> Visitor<'_> for Number<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or its decimal string")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        T::from_signed(value).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        T::from_unsigned(value).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        if value.fract() == 0.0 && value.abs() <= MAX_SAFE_INTEGER as f64 {
            self.visit_i64(value as i64)
        } else {
            Err(E::custom("not a safe whole number"))
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<T, E> {
        value.parse().map_err(|_| E::custom("not a decimal number"))
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number(core::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for MessageSeq {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number(core::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_a_decimal_string_and_is_read_from_either_form() {
        assert_eq!(serde_json::to_string(&MessageId(i64::MAX)).unwrap(), "\"9223372036854775807\"");
        assert_eq!(serde_json::from_str::<MessageId>("\"-3\"").unwrap(), MessageId(-3));
        assert_eq!(serde_json::from_str::<MessageId>("7").unwrap(), MessageId(7));
        assert!(serde_json::from_str::<MessageId>("7.5").is_err());
        assert!(serde_json::from_str::<MessageId>("18446744073709551615").is_err());
    }

    #[test]
    fn a_message_seq_is_a_number_while_a_double_holds_it() {
        assert_eq!(serde_json::to_string(&MessageSeq(MAX_SAFE_INTEGER)).unwrap(), "9007199254740991");
        assert_eq!(serde_json::to_string(&MessageSeq(MAX_SAFE_INTEGER + 1)).unwrap(), "\"9007199254740992\"");
        assert_eq!(serde_json::from_str::<MessageSeq>("\"18446744073709551615\"").unwrap(), MessageSeq(u64::MAX));
        assert!(serde_json::from_str::<MessageSeq>("-1").is_err());
    }
}
