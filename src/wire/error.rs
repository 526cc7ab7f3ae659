//! What can be wrong with bytes, with a packet and with a key.

use std::fmt;

use jindou_cipher::Broken;

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

/// A key that cannot be used, or a payload that is not what its sender sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CipherError {
    /// The peer's public key is not base64.
    KeyEncoding,
    /// The peer's public key has not 32 bytes.
    KeyLength { length: usize },
    /// The peer's public key is of low order: everybody would know the shared secret.
    KeyOfLowOrder,
    /// The salt, which is the initial vector, has less than 16 bytes.
    SaltTooShort { length: usize },
    /// The msgKey is not that of the packet: something in it was changed.
    MsgKeyMismatch,
    /// The payload is not base64.
    PayloadEncoding,
    /// The ciphertext is empty or does not consist of whole blocks.
    PayloadLength { length: usize },
    /// The padding is not that of PKCS #7.
    Padding,
}

impl fmt::Display for CipherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyEncoding => f.write_str("the public key is not base64"),
            Self::KeyLength { length } => write!(f, "the public key has {length} bytes instead of 32"),
            Self::KeyOfLowOrder => f.write_str("the public key is of low order"),
            Self::SaltTooShort { length } => write!(f, "the salt has {length} bytes, less than 16"),
            Self::MsgKeyMismatch => f.write_str("the msgKey does not belong to the packet"),
            Self::PayloadEncoding => f.write_str("the payload is not base64"),
            Self::PayloadLength { length } => write!(f, "the ciphertext has {length} bytes, no whole blocks"),
            Self::Padding => f.write_str("the padding is wrong"),
        }
    }
}

impl std::error::Error for CipherError {}

impl From<Broken> for CipherError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::MsgKey => Self::MsgKeyMismatch,
            Broken::Encoding => Self::PayloadEncoding,
            Broken::Length(length) => Self::PayloadLength { length },
            Broken::Padding => Self::Padding,
        }
    }
}
