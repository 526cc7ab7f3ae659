//! Read positions. WuKongIM keeps them and moves them forward only; it is told a number of unread messages, not a position.

use super::identity::MessageSeq;

/// The unread figure that puts the read position at `seen`, or None where nothing can move. `last` is the channel's newest.
///
/// A figure above `last` would be taken as "all but one read", and 0 reads everything, so neither is ever said by accident.
pub fn unread_for(seen: MessageSeq, last: MessageSeq) -> Option<u32> {
    if seen == MessageSeq::ZERO || last == MessageSeq::ZERO {
        return None;
    }
    u32::try_from(last.number().saturating_sub(seen.number())).ok()
}

/// One person's place in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub unread: u64,
    pub read_to: MessageSeq,
}

/// Whoever has written something has read what stood before it. 2.2.x reckons so by itself, 2.1.x does not.
pub fn beyond_own(told: Reading, last: MessageSeq, own_last: Option<MessageSeq>) -> Reading {
    match own_last {
        Some(own) if own > told.read_to => {
            Reading { unread: told.unread.min(last.number().saturating_sub(own.number())), read_to: own }
        }
        _ => told,
    }
}

/// The cursor that WuKongIM is given for a conversation: one less than what the device has, so that an up-to-date conversation
/// is not left out, and with it the read position that another device has moved.
pub fn cursor_for(have: MessageSeq) -> u64 {
    have.number().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(number: u64) -> MessageSeq {
        MessageSeq::try_from(number).expect("safe")
    }

    #[test]
    fn the_unread_figure_is_exact_and_never_reads_more_by_accident() {
        let table =
            [(8, 12, Some(4)), (12, 12, Some(0)), (20, 12, Some(0)), (1, 12, Some(11)), (0, 12, None), (3, 0, None)];
        for (seen, last, unread) in table {
            assert_eq!(unread_for(seq(seen), seq(last)), unread, "seen {seen} of {last}");
        }
    }

    #[test]
    fn ones_own_message_is_read() {
        let told = Reading { unread: 12, read_to: seq(0) };
        assert_eq!(beyond_own(told, seq(12), Some(seq(12))), Reading { unread: 0, read_to: seq(12) });
        assert_eq!(beyond_own(told, seq(12), Some(seq(10))), Reading { unread: 2, read_to: seq(10) });
        assert_eq!(beyond_own(told, seq(12), None), told);
        let ahead = Reading { unread: 1, read_to: seq(11) };
        assert_eq!(beyond_own(ahead, seq(12), Some(seq(3))), ahead);
    }
}
