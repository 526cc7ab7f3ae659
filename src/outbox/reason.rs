//! What a SENDACK's reason code means for the message: sent, again, or a person must look.

use crate::time::Millis;
use crate::wire::{ProtocolVersion, ReasonCode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Sent,
    /// Not stored; send it again.
    Retry,
    /// One node of a cluster has probably stored it: looked up before it is sent again.
    Unconfirmed,
    /// The server could not read it. It may have been damaged on its way, or the keys of the connection were.
    Reseal,
    /// Trying again does not cure it.
    Park,
}

/// The codes that time may cure. Everything else, also a code that we do not know, waits for a person.
const RETRIED: &[u8] = &[
    6,  // UserNotOnNode: routing has not settled
    10, // ForwardSendPacketError
    14, // QueryTokenError
    15, // SystemError: an append that failed or timed out
    17, // NodeMatchError
    18, // NodeNotMatch: another node leads the channel now
    22, // RateLimit
    26, // ChannelDeleting
];

/// Seen on a 2.2.5 cluster: a 15 within 3 s was not stored; one after 5 s and more was, on one node.
const STORED_AFTER: Millis = Millis::seconds(4);
/// Generation 3 answers 15 also to what it will never take; it deduplicates, so some patience costs nothing.
pub const PATIENCE: u32 = 8;

pub fn verdict(reason: ReasonCode, waited: Millis, attempts: u32, version: ProtocolVersion) -> Verdict {
    if reason == ReasonCode::SUCCESS {
        return Verdict::Sent;
    }
    if matches!(reason, ReasonCode::MSG_KEY_ERROR | ReasonCode::PAYLOAD_DECODE_ERROR) {
        return Verdict::Reseal;
    }
    if !RETRIED.contains(&reason.0) {
        return Verdict::Park;
    }
    let deduplicates = version >= ProtocolVersion::U64_SEQ;
    match reason {
        ReasonCode::SYSTEM_ERROR if deduplicates && attempts >= PATIENCE => Verdict::Park,
        ReasonCode::SYSTEM_ERROR if !deduplicates && waited >= STORED_AFTER => Verdict::Unconfirmed,
        _ => Verdict::Retry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V5: ProtocolVersion = ProtocolVersion(5);
    const V6: ProtocolVersion = ProtocolVersion(6);

    #[test]
    fn a_late_system_error_of_generation_2_is_stored_on_one_node() {
        assert_eq!(verdict(ReasonCode(15), Millis(100), 0, V5), Verdict::Retry);
        assert_eq!(verdict(ReasonCode(15), Millis::seconds(6), 0, V5), Verdict::Unconfirmed);
        assert_eq!(verdict(ReasonCode(15), Millis::seconds(6), 0, V6), Verdict::Retry);
        assert_eq!(verdict(ReasonCode(15), Millis::seconds(6), PATIENCE, V6), Verdict::Park);
    }

    #[test]
    fn what_the_server_could_not_read_is_sealed_anew() {
        for code in [8, 9] {
            assert_eq!(verdict(ReasonCode(code), Millis(0), 0, V5), Verdict::Reseal, "{code}");
        }
    }

    #[test]
    fn refusals_and_unknown_codes_wait_for_a_person() {
        for code in [0, 3, 4, 5, 11, 13, 19, 24, 25, 28, 200] {
            assert_eq!(verdict(ReasonCode(code), Millis(0), 0, V5), Verdict::Park, "{code}");
        }
        for code in [17, 18, 22] {
            assert_eq!(verdict(ReasonCode(code), Millis(0), 0, V6), Verdict::Retry, "{code}");
        }
    }
}
