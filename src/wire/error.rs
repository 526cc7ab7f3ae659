//! What can be wrong with bytes, with a packet and with a key.

use std::fmt;

use super::codes::PacketKind;

/// The peer sent what is not WKProto. The stream has no next packet after it: close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A first byte of kind 0. The servers wait for more behind it, for ever.
    KindZero,
    /// The remaining length is above 1 MiB.
    TooLarge { kind: PacketKind, length: usize },
    /// The remaining length has more than four bytes.
    LengthTooLong { kind: PacketKind },
    /// The packet ends within this field.
    Truncated { kind: PacketKind, field: &'static str },
    /// A string whose length is negative.
    NegativeLength { kind: PacketKind, field: &'static str },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KindZero => f.write_str("a packet of kind 0"),
            Self::TooLarge { kind, length } => write!(f, "{kind} of {length} bytes, more than 1 MiB"),
            Self::LengthTooLong { kind } => write!(f, "{kind} with a remaining length of more than four bytes"),
            Self::Truncated { kind, field } => write!(f, "{kind} ends within {field}"),
            Self::NegativeLength { kind, field } => write!(f, "{kind} has a negative length of {field}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A packet that the protocol cannot carry. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A string above 32,767 bytes.
    TextTooLong { kind: PacketKind, field: &'static str, length: usize },
    /// A SEND whose payload, as on the wire, is above 32,767 bytes.
    PayloadTooLarge { length: usize },
    /// The packet would be above 1 MiB, and no decoder would take it.
    TooLarge { kind: PacketKind, length: usize },
    /// A messageSeq above 32 bits at a version below 6.
    SeqTooLarge { kind: PacketKind },
    /// A field is given which the setting byte denies.
    SettingDenies { kind: PacketKind, field: &'static str },
    /// An unknown packet under the number of a known kind, or of none.
    KindInUse { kind: PacketKind },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TextTooLong { kind, field, length } => {
                write!(f, "{field} of {kind} has {length} bytes, more than 32767")
            }
            Self::PayloadTooLarge { length } => write!(f, "the payload of SEND has {length} bytes, more than 32767"),
            Self::TooLarge { kind, length } => write!(f, "{kind} of {length} bytes, more than 1 MiB"),
            Self::SeqTooLarge { kind } => write!(f, "{kind} has a messageSeq above 32 bits, which needs version 6"),
            Self::SettingDenies { kind, field } => write!(f, "{kind} has a {field} without its bit in the setting"),
            Self::KindInUse { kind } => write!(f, "{kind} is not an unknown kind"),
        }
    }
}

impl std::error::Error for EncodeError {}
