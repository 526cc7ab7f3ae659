//! The words by which WuKongIM names things: messages, their places, channels, devices.
//!
//! Small values that every module passes around. What they mean for dedup and order is decided elsewhere.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// A stored copy of a message, named by the server. Signed on the wire; JavaScript sees a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub i64);

/// The place of a message in its channel, from 1; 0 means that it has none (not persisted, or refused).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageSeq(pub u64);

/// Names a SEND within one connection, so that its SENDACK finds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientSeq(pub u32);

macro_rules! decimal {
    ($name:ident, $inner:ty) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse::<$inner>().map($name)
            }
        }
    };
}

decimal!(MessageId, i64);
decimal!(MessageSeq, u64);
decimal!(ClientSeq, u32);

/// What kind of channel an id belongs to. Open: a server may know more kinds than we do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelType(pub u8);

impl ChannelType {
    pub const PERSON: Self = Self(1);
    pub const GROUP: Self = Self(2);
    pub const CUSTOMER_SERVICE: Self = Self(3);
    pub const COMMUNITY: Self = Self(4);
    pub const COMMUNITY_TOPIC: Self = Self(5);
    pub const INFO: Self = Self(6);
    pub const DATA: Self = Self(7);
    pub const TEMP: Self = Self(8);
    pub const LIVE: Self = Self(9);
    pub const VISITORS: Self = Self(10);
    pub const AGENT: Self = Self(11);
    pub const AGENT_GROUP: Self = Self(12);
}

/// The family of a device. A token is registered for one (uid, device flag), and kicks stay within one flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceFlag(pub u8);

impl DeviceFlag {
    pub const APP: Self = Self(0);
    pub const WEB: Self = Self(1);
    pub const PC: Self = Self(2);
    pub const SYSTEM: Self = Self(99);
}

/// The id under which the servers store the person channel of two users: the uid with the greater CRC-32 first.
///
/// Equal checksums put the bytewise greater uid first, as version 3 does. Version 2 then depends on the order of its
/// arguments and keeps two channels, which no client can undo.
pub fn person_channel_id(a: &str, b: &str) -> String {
    let (first, second) = if (crc32(a.as_bytes()), a) > (crc32(b.as_bytes()), b) { (a, b) } else { (b, a) };
    let mut id = String::with_capacity(first.len() + 1 + second.len());
    id.push_str(first);
    id.push('@');
    id.push_str(second);
    id
}

/// CRC-32 (IEEE), bit by bit: uids are short and a table would be larger than what it saves.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
