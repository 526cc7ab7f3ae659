//! The names of people, channels and messages that every part of the core uses.

use core::fmt;
use serde::Serialize;

use crate::redact::Redacted;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "{:?}"), Redacted(self.0.as_bytes()))
            }
        }
    };
}

name! {
    /// A person. Empty: the system.
    Uid
}
name! {
    /// Names one act of sending; kept over every retry, reload and reconnect. Empty (other clients, the HTTP API): no key.
    ClientMsgNo
}

/// A conversation as this person sees it: for a person channel `id` is the peer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    #[serde(rename = "channelType")]
    pub kind: u8,
    #[serde(rename = "channelId")]
    pub id: String,
}

impl Channel {
    pub const PERSON: u8 = 1;
    pub const GROUP: u8 = 2;

    pub fn new(kind: u8, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    pub fn person(peer: impl Into<String>) -> Self {
        Self::new(Self::PERSON, peer)
    }

    pub fn group(id: impl Into<String>) -> Self {
        Self::new(Self::GROUP, id)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({}, {:?})", self.kind, Redacted(self.id.as_bytes()))
    }
}
