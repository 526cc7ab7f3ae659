//! What the business server decides, and nothing of how it is asked or where it is kept.
//!
//! Everything here is a plain function of a request, the facts that somebody looked up, and the time: no IO, no clock, no
//! dice. So the service, its tests and a simulator in virtual time decide alike. Built alone with `default-features = false`.
//!
//! ```text
//! identity   who and where: uids, groups, channels, the names of a message
//! time       milliseconds since the epoch, and spans of them
//! roles      what a member of a group may do
//! message    a stored message, and what a person is shown of it
//! recall     recall, restore and re-edit: request, facts, now → change or denial
//! feed       the feed of marks, one version per channel
//! content    purging what quotes a recalled message
//! command    telling devices that a mark changed
//! notice     telling a group who came and who went
//! reading    read positions and unread figures
//! account    names, passwords, and what a sign-up must look like
//! rate       how often somebody may try
//! ledger     all of recall over maps: the reference for tests and simulator
//! ```

pub mod account;
pub mod command;
pub mod content;
#[path = "../../../src/copied.rs"]
mod copied;
pub mod feed;
pub mod identity;
pub mod ledger;
pub mod message;
pub mod notice;
pub mod rate;
pub mod reading;
pub mod recall;
pub mod roles;
#[path = "../../../src/surrogates.rs"]
mod surrogates;
pub mod time;

pub use identity::{
    Author, Channel, ChannelRef, ClientMsgNo, GroupId, InvalidId, MessageId, MessageSeq, TargetKey, Uid, Version,
};
pub use message::{SeenMessage, StoredMessage};
pub use roles::Role;
pub use time::{Span, Time};
