//! What time it is at the server, reckoned from what it told once and from our own wall clock.
//!
//! A wall clock may be put right (or wrong) at any time; the clock that deadlines live on is not, but some browsers stop it while
//! the device sleeps. Once the two have parted nobody knows which one is to be believed, so there is no answer until the server
//! tells again: better let the server judge than deny a recall that is still in time.

use crate::time::{Now, Wall};

/// In milliseconds. Clocks that are slowly adjusted part by less in hours.
const PARTED: u64 = 30_000;

pub struct ServerClock {
    /// Server's clock minus ours, in milliseconds.
    ahead: i64,
    learned: Now,
}

impl ServerClock {
    pub fn new(now: Now, ahead: i64) -> Self {
        Self { ahead, learned: now }
    }

    pub fn time(&self, now: Now) -> Option<Wall> {
        let passed = now.mono.since(self.learned.mono).0;
        let expected = self.learned.wall.0.saturating_add_unsigned(passed);
        (now.wall.0.abs_diff(expected) <= PARTED).then(|| Wall(now.wall.0.saturating_add(self.ahead)))
    }

    /// It goes on whatever becomes of our wall clock, and may fall behind while the device sleeps.
    pub fn steady(&self, now: Now) -> Wall {
        let passed = now.mono.since(self.learned.mono).0;
        Wall(self.learned.wall.0.saturating_add(self.ahead).saturating_add_unsigned(passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Mono;

    #[test]
    fn it_goes_with_our_clock_until_that_is_put_right() {
        let at = |mono, wall| Now { mono: Mono(mono), wall: Wall(wall) };
        let clock = ServerClock::new(at(1_000, 500_000), -7_000);
        assert_eq!(clock.time(at(61_000, 560_000)), Some(Wall(553_000)));
        assert_eq!(clock.time(at(3_601_000, 4_110_000)), Some(Wall(4_103_000)), "a little adjusted over an hour");
        assert_eq!(clock.time(at(61_000, 4_160_000)), None, "an hour ahead at once");
        assert_eq!(clock.time(at(61_000, -4_160_000)), None, "far behind");
        assert_eq!(clock.steady(at(61_000, -4_160_000)), Wall(553_000));
    }
}
