//! Time as an input: the core never reads a clock, it is told what time it is.

use core::ops::Add;
use serde::{Serialize, Serializer};

/// A span of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Millis(pub u64);

impl Millis {
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }
}

/// Milliseconds of a clock that never goes back; deadlines live on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(pub u64);

impl Mono {
    /// How long ago `earlier` was; nothing if it lies ahead.
    pub fn since(self, earlier: Mono) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Millis> for Mono {
    type Output = Mono;
    fn add(self, span: Millis) -> Mono {
        Mono(self.0.saturating_add(span.0))
    }
}

/// Of all that is due, the first.
#[derive(Default)]
pub struct Earliest(pub Option<Mono>);

impl Earliest {
    // Inlined where deadlines are gathered, it is more bytes than all the calls of it.
    #[inline(never)]
    pub fn or(&mut self, due: Option<Mono>) {
        if let Some(due) = due {
            self.0 = Some(self.0.map_or(due, |earlier| earlier.min(due)));
        }
    }
}

/// Milliseconds since 1970 by some wall clock (whose, the field says); it may jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(pub i64);

/// The last moment that JavaScript's `Date` knows; the first is as far away.
const LAST_DATE: i64 = 8_640_000_000_000_000;

/// Whatever a server says: an application makes a `Date` of it, and one that is none throws where it is shown.
impl Serialize for Wall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0.clamp(-LAST_DATE, LAST_DATE))
    }
}

/// Both clocks of the device at the moment of one input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub mono: Mono,
    pub wall: Wall,
}
