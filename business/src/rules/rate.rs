//! How often somebody may try: a bucket for each name, filled as time goes by.

use std::collections::HashMap;
use std::hash::Hash;

use super::time::{Span, Time};

/// So many tries at once, and one more each time the span has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub burst: u32,
    pub refill: Span,
}

/// Counts tries by name. Its size is bounded: names whose bucket is full again are forgotten, and when there is still no room
/// the whole is judged by one shared bucket rather than growing.
#[derive(Debug)]
pub struct Limiter<K> {
    rate: Rate,
    capacity: usize,
    buckets: HashMap<K, Bucket>,
    shared: Bucket,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// When the bucket is full again if nobody tries.
    full_at: Time,
}

impl<K: Eq + Hash> Limiter<K> {
    pub fn new(rate: Rate, capacity: usize) -> Limiter<K> {
        Limiter { rate, capacity, buckets: HashMap::new(), shared: Bucket { full_at: Time(i64::MIN) } }
    }

    /// Takes one try. An error says after how long the next one is allowed.
    pub fn take(&mut self, name: K, now: Time) -> Result<(), Span> {
        if !self.buckets.contains_key(&name) && self.buckets.len() >= self.capacity {
            self.buckets.retain(|_, bucket| bucket.full_at > now);
            if self.buckets.len() >= self.capacity {
                return self.shared.take(self.rate, now);
            }
        }
        self.buckets.entry(name).or_insert(Bucket { full_at: now }).take(self.rate, now)
    }

    /// Gives back a try that turned out to be no attack.
    pub fn give_back(&mut self, name: &K) {
        if let Some(bucket) = self.buckets.get_mut(name) {
            bucket.full_at = Time(bucket.full_at.0.saturating_sub(self.rate.refill.0));
        }
    }
}

impl Bucket {
    fn take(&mut self, rate: Rate, now: Time) -> Result<(), Span> {
        let full_at = self.full_at.max(now).plus(rate.refill);
        let allowed = now.plus(Span(rate.refill.0.saturating_mul(i64::from(rate.burst))));
        if full_at > allowed {
            return Err(full_at.since(allowed));
        }
        self.full_at = full_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, refill: Span(1000) };

    #[test]
    fn a_burst_passes_then_one_try_each_span() {
        let mut limiter = Limiter::new(RATE, 10);
        let tries: Vec<bool> = (0..5).map(|_| limiter.take("a", Time(0)).is_ok()).collect();
        assert_eq!(tries, [true, true, true, false, false]);
        assert_eq!(limiter.take("a", Time(400)), Err(Span(600)));
        assert!(limiter.take("a", Time(1000)).is_ok());
        assert!(limiter.take("a", Time(1000)).is_err());
        assert!(limiter.take("b", Time(1000)).is_ok(), "another name has its own bucket");
    }

    #[test]
    fn it_never_grows_beyond_its_capacity() {
        let mut limiter = Limiter::new(RATE, 2);
        let allowed = (0..100).filter(|name| limiter.take(*name, Time(0)).is_ok()).count();
        assert_eq!((allowed, limiter.buckets.len()), (2 + 3, 2));
        assert!(limiter.take(7, Time(10_000)).is_ok(), "old names are forgotten");
    }

    #[test]
    fn a_try_given_back_may_be_taken_again() {
        let mut limiter = Limiter::new(RATE, 2);
        for _ in 0..50 {
            assert!(limiter.take("a", Time(0)).is_ok());
            limiter.give_back(&"a");
        }
    }
}
