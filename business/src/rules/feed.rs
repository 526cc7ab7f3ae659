//! The feed of marks: each channel counts its changes, and a device asks for what is newer than it has seen.
//!
//! A mark stands in the feed once, at its newest version, so whoever reads from 0 learns the present state of every mark.

use super::identity::Version;
use super::recall::Mark;

/// How many marks one answer holds at most, over all its channels: it bounds memory and the time of one request.
pub const MAX_MARKS: usize = 2000;
/// How many channels one request may name.
pub const MAX_CHANNELS: usize = 200;

/// One channel's part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What the answer is complete up to; the next question's `since`.
    pub version: Version,
    pub more: bool,
    /// Ascending by version.
    pub marks: Vec<Mark>,
}

/// `newer` holds marks beyond `since`, ascending, and one more than `limit` where there are more. `newest` is the channel's
/// version, read together with them.
pub fn page(since: Version, mut newer: Vec<Mark>, newest: Version, limit: usize) -> Page {
    let more = newer.len() > limit;
    newer.truncate(limit);
    let version = match newer.last() {
        Some(last) if more => last.version,
        _ if more => since,
        _ => newest,
    };
    Page { version, more, marks: newer }
}
