//! Time as a value: the service reads the clock, the rules are told.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, by the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Time {
    /// WuKongIM stamps messages with whole seconds.
    pub fn from_seconds(seconds: i64) -> Time {
        Time(seconds.saturating_mul(1000))
    }

    pub fn plus(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }

    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    pub const fn seconds(seconds: i64) -> Span {
        Span(seconds.saturating_mul(1000))
    }

    pub const fn hours(hours: i64) -> Span {
        Span::seconds(hours.saturating_mul(3600))
    }
}
