//! Time as the server's own clock tells it: milliseconds since the Unix epoch. Whoever drives the library owns the clock.

use serde::{Deserialize, Serialize};

/// A moment or a span, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    pub const fn from_secs(seconds: u64) -> Millis {
        Millis(seconds * 1000)
    }

    /// Seconds since the epoch as RECV and the HTTP API carry them.
    pub fn timestamp(self) -> i32 {
        i32::try_from(self.0 / 1000).unwrap_or(i32::MAX)
    }

    pub fn since(self, earlier: Millis) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add for Millis {
    type Output = Millis;

    fn add(self, span: Millis) -> Millis {
        Millis(self.0.saturating_add(span.0))
    }
}
