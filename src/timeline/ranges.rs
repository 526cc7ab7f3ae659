//! Which seqs of a channel are here: ascending, disjoint ranges, never adjacent.

use crate::id::MessageSeq;
use crate::rows::Range;

pub fn contains(ranges: &[Range], seq: MessageSeq) -> bool {
    let at = ranges.partition_point(|range| range.last < seq);
    ranges.get(at).is_some_and(|range| range.first <= seq)
}

/// Adds first..=last, joining what it touches.
pub fn cover(ranges: &mut Vec<Range>, first: MessageSeq, last: MessageSeq) {
    if first > last || first == MessageSeq(0) {
        return;
    }
    let from = ranges.partition_point(|range| range.last.0.saturating_add(1) < first.0);
    let to = ranges.partition_point(|range| range.first.0 <= last.0.saturating_add(1));
    let mut joined = Range { first, last };
    if from < to {
        joined.first = joined.first.min(ranges[from].first);
        joined.last = joined.last.max(ranges[to - 1].last);
    }
    ranges.drain(from..to.max(from));
    ranges.insert(from, joined);
}

/// Whether `seq` lies so far beyond what is known that the newest page must show it, before it is believed: a server that once
/// gave a wrong seq would else hide for ever what comes below it.
pub fn is_far(known: MessageSeq, seq: MessageSeq) -> bool {
    const FAR: u64 = 10_000;
    seq.0.saturating_sub(known.0) > FAR
}

/// As they must be, whatever a damaged row says.
pub fn orderly(told: &[Range]) -> Vec<Range> {
    let mut ranges = Vec::with_capacity(told.len());
    for range in told {
        cover(&mut ranges, range.first, range.last);
    }
    ranges
}

/// Drops everything from `seq` on.
pub fn cut(ranges: &mut Vec<Range>, seq: MessageSeq) {
    ranges.retain(|range| range.first < seq);
    if let Some(range) = ranges.last_mut() {
        range.last = range.last.min(MessageSeq(seq.0.saturating_sub(1)));
    }
}

/// The newest stretch that is missing between what is here and `top`, both ends included.
pub fn newest_hole(ranges: &[Range], top: MessageSeq) -> Option<Range> {
    let newest = ranges.last()?;
    if newest.last < top {
        return Some(Range { first: MessageSeq(newest.last.0.saturating_add(1)), last: top });
    }
    let [.., below, above] = ranges else { return None };
    Some(Range { first: MessageSeq(below.last.0.saturating_add(1)), last: MessageSeq(above.first.0.saturating_sub(1)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(pairs: &[(u64, u64)]) -> Vec<Range> {
        pairs.iter().map(|&(first, last)| Range { first: MessageSeq(first), last: MessageSeq(last) }).collect()
    }

    #[test]
    fn covering_agrees_with_a_set_of_numbers() {
        // Every pair of ranges in a small world, against the plain truth.
        for a in 1..8u64 {
            for b in a..8 {
                for c in 1..8 {
                    for d in c..8 {
                        for e in 1..8 {
                            for f in e..8 {
                                let mut list = Vec::new();
                                for (first, last) in [(a, b), (c, d), (e, f)] {
                                    cover(&mut list, MessageSeq(first), MessageSeq(last));
                                }
                                for seq in 0..10 {
                                    let truth = [(a, b), (c, d), (e, f)].iter().any(|&(x, y)| x <= seq && seq <= y);
                                    assert_eq!(contains(&list, MessageSeq(seq)), truth, "{list:?} {seq}");
                                }
                                assert!(list.windows(2).all(|pair| pair[0].last.0 + 1 < pair[1].first.0), "{list:?}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_newest_hole_is_asked_for_first() {
        assert_eq!(newest_hole(&[], MessageSeq(9)), None);
        assert_eq!(newest_hole(&ranges(&[(1, 3), (6, 9)]), MessageSeq(9)), Some(ranges(&[(4, 5)])[0]));
        assert_eq!(newest_hole(&ranges(&[(1, 3), (6, 9)]), MessageSeq(12)), Some(ranges(&[(10, 12)])[0]));
        assert_eq!(
            newest_hole(&ranges(&[(4, 9)]), MessageSeq(9)),
            None,
            "what lies before the first range is read on demand"
        );
    }

    #[test]
    fn cutting_leaves_what_is_below() {
        let mut list = ranges(&[(1, 3), (6, 9), (12, 14)]);
        cut(&mut list, MessageSeq(8));
        assert_eq!(list, ranges(&[(1, 3), (6, 7)]));
        cut(&mut list, MessageSeq(1));
        assert!(list.is_empty());
        cover(&mut list, MessageSeq(u64::MAX), MessageSeq(u64::MAX));
        cover(&mut list, MessageSeq(u64::MAX - 1), MessageSeq(u64::MAX - 1));
        assert_eq!(list.len(), 1);
    }
}
