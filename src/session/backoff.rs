//! How long to wait before the next attempt: exponential with full jitter, so that a crowd does not come back as one.

use crate::dice::Dice;
use crate::time::Millis;

/// The first pause is somewhere below this.
const FIRST: Millis = Millis(300);
const LONGEST: Millis = Millis::seconds(10);
/// Even a lucky roll leaves the network this much time.
const SHORTEST: Millis = Millis(50);

#[derive(Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    pub fn next(&mut self, dice: &mut Dice) -> Millis {
        let most = FIRST.0.saturating_mul(1 << self.attempts.min(16)).min(LONGEST.0);
        self.attempts = self.attempts.saturating_add(1);
        Millis(dice.up_to(Millis(most)).0.max(SHORTEST.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_ten_seconds_and_stays_there_without_end() {
        let mut dice = Dice::new([7; 32]);
        let mut backoff = Backoff::default();
        for attempt in 0..10_000u32 {
            let pause = backoff.next(&mut dice);
            assert!(pause >= SHORTEST && pause <= LONGEST, "{pause:?}");
            if attempt == 0 {
                assert!(pause <= FIRST);
            }
        }
        let longest = (0..100).map(|_| backoff.next(&mut dice)).max().unwrap();
        assert!(longest > Millis::seconds(8), "{longest:?}");
    }
}
