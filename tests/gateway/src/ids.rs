//! Names of connections, people and channels as the server keeps them.

use jindou::id::{ChannelType, person_channel_id};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One socket, named by whoever drives the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnId(pub u64);

/// One HTTP request, named by whoever drives the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A person. Prints as a length, since logs must not say who talks to whom.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(pub String);

impl Uid {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `@`, `#` and `&` build channel ids, so no name of a person or channel may hold them.
    pub(crate) fn is_special(text: &str) -> bool {
        text.contains(['@', '#', '&'])
    }
}

impl From<&str> for Uid {
    fn from(text: &str) -> Uid {
        Uid(text.to_owned())
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uid({} bytes)", self.0.len())
    }
}

/// The sender of API messages without `from_uid`, and of notices.
pub const SYSTEM_UID: &str = "____system";
/// Commands sent by the API to a channel are kept in a log of their own, named by the channel and this.
pub const COMMAND_SUFFIX: &str = "____cmd";
/// Where commands for listed people go that are not kept.
pub const ONLINE_COMMANDS: &str = "systemcmdonline";

/// A channel by its stored id: for two people the id that both share, for commands with the suffix.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    pub id: String,
    pub kind: ChannelType,
}

impl Channel {
    pub fn new(id: impl Into<String>, kind: ChannelType) -> Channel {
        Channel { id: id.into(), kind }
    }

    pub fn group(id: impl Into<String>) -> Channel {
        Channel::new(id, ChannelType::GROUP)
    }

    /// The channel of two people.
    pub fn between(a: &str, b: &str) -> Channel {
        Channel::new(person_channel_id(a, b), ChannelType::PERSON)
    }

    /// What `id` means when `viewer` says it.
    pub(crate) fn seen_by(viewer: &str, id: &str, kind: ChannelType) -> Channel {
        match kind {
            ChannelType::PERSON => Channel::between(viewer, id),
            ChannelType::AGENT => Channel::new(format!("{viewer}@{id}"), kind),
            _ => Channel::new(id, kind),
        }
    }

    pub(crate) fn is_command(&self) -> bool {
        self.id.ends_with(COMMAND_SUFFIX)
    }

    pub(crate) fn command(&self) -> Channel {
        Channel::new(format!("{}{COMMAND_SUFFIX}", self.id), self.kind)
    }

    /// The channel whose members a command log shares.
    pub(crate) fn original(&self) -> Channel {
        Channel::new(self.id.strip_suffix(COMMAND_SUFFIX).unwrap_or(&self.id), self.kind)
    }

    /// The two people of a person (or agent) channel, in the order of its id.
    pub(crate) fn pair(&self) -> Option<(&str, &str)> {
        let mut parts = self.id.strip_suffix(COMMAND_SUFFIX).unwrap_or(&self.id).split('@');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(first), Some(second), None) => Some((first, second)),
            _ => None,
        }
    }

    /// How `uid` names this channel: the other person, or the id itself.
    pub(crate) fn name_for(&self, uid: &str) -> String {
        match (self.kind, self.pair()) {
            (ChannelType::PERSON, Some((first, second))) => if first == uid { second } else { first }.to_owned(),
            _ => self.id.clone(),
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel(type {}, {} bytes)", self.kind.0, self.id.len())
    }
}
