//! The numbers of the protocol. All of them are open: what we do not know is kept, not refused.

use std::fmt;

/// The protocol version of a session: what CONNECT advertises until CONNACK names another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion(pub u8);

impl ProtocolVersion {
    /// The highest version that we speak; servers answer with the lower of the two.
    pub const LATEST: Self = Self(6);
    /// From here on SEND and RECV carry `expire`.
    pub const EXPIRE: Self = Self(3);
    /// From here on CONNACK carries the node id, and servers name the version in it.
    pub const NODE_ID: Self = Self(4);
    /// From here on messageSeq has 64 bits.
    pub const U64_SEQ: Self = Self(6);

    /// Stream fields exist in versions 2 to 4 only.
    pub const fn carries_stream(self) -> bool {
        2 <= self.0 && self.0 < 5
    }
}

/// The low nibble of a packet's first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    pub dup: bool,
    pub sync_once: bool,
    pub red_dot: bool,
    pub no_persist: bool,
}

impl Flags {
    /// From the low four bits; the others are ignored.
    pub const fn from_bits(bits: u8) -> Self {
        Self { dup: bits & 8 != 0, sync_once: bits & 4 != 0, red_dot: bits & 2 != 0, no_persist: bits & 1 != 0 }
    }

    pub const fn bits(self) -> u8 {
        (self.dup as u8) << 3 | (self.sync_once as u8) << 2 | (self.red_dot as u8) << 1 | self.no_persist as u8
    }
}

/// The setting byte of SEND, RECV and SUB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Setting(pub u8);

impl Setting {
    pub const RECEIPT: Self = Self(0x80);
    pub const SIGNAL: Self = Self(0x20);
    pub const NO_ENCRYPT: Self = Self(0x10);
    pub const TOPIC: Self = Self(0x08);
    pub const STREAM: Self = Self(0x02);

    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The kind of a packet: the high nibble of its first byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketKind(pub u8);

impl PacketKind {
    pub const CONNECT: Self = Self(1);
    pub const CONNACK: Self = Self(2);
    pub const SEND: Self = Self(3);
    pub const SENDACK: Self = Self(4);
    pub const RECV: Self = Self(5);
    pub const RECVACK: Self = Self(6);
    pub const PING: Self = Self(7);
    pub const PONG: Self = Self(8);
    pub const DISCONNECT: Self = Self(9);
    pub const SUB: Self = Self(10);
    pub const SUBACK: Self = Self(11);
    pub const EVENT: Self = Self(12);

    /// The name in the protocol's own documentation.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "CONNECT",
            2 => "CONNACK",
            3 => "SEND",
            4 => "SENDACK",
            5 => "RECV",
            6 => "RECVACK",
            7 => "PING",
            8 => "PONG",
            9 => "DISCONNECT",
            10 => "SUB",
            11 => "SUBACK",
            12 => "EVENT",
            _ => return None,
        })
    }
}

impl fmt::Display for PacketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "packet kind {}", self.0),
        }
    }
}

impl fmt::Debug for PacketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a server accepted or refused. Success is 1, not 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonCode(pub u8);

macro_rules! reasons {
    ($($constant:ident = $number:literal $name:literal;)*) => {
        impl ReasonCode {
            $(pub const $constant: Self = Self($number);)*

            /// The server's name for it, if we know it.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    UNKNOWN = 0 "Unknown";
    SUCCESS = 1 "Success";
    AUTH_FAIL = 2 "AuthFail";
    SUBSCRIBER_NOT_EXIST = 3 "SubscriberNotExist";
    IN_BLACKLIST = 4 "InBlacklist";
    CHANNEL_NOT_EXIST = 5 "ChannelNotExist";
    USER_NOT_ON_NODE = 6 "UserNotOnNode";
    SENDER_OFFLINE = 7 "SenderOffline";
    MSG_KEY_ERROR = 8 "MsgKeyError";
    PAYLOAD_DECODE_ERROR = 9 "PayloadDecodeError";
    FORWARD_SEND_PACKET_ERROR = 10 "ForwardSendPacketError";
    NOT_ALLOW_SEND = 11 "NotAllowSend";
    CONNECT_KICK = 12 "ConnectKick";
    NOT_IN_WHITELIST = 13 "NotInWhitelist";
    QUERY_TOKEN_ERROR = 14 "QueryTokenError";
    SYSTEM_ERROR = 15 "SystemError";
    CHANNEL_ID_ERROR = 16 "ChannelIDError";
    NODE_MATCH_ERROR = 17 "NodeMatchError";
    NODE_NOT_MATCH = 18 "NodeNotMatch";
    BAN = 19 "Ban";
    NOT_SUPPORT_HEADER = 20 "NotSupportHeader";
    CLIENT_KEY_IS_EMPTY = 21 "ClientKeyIsEmpty";
    RATE_LIMIT = 22 "RateLimit";
    NOT_SUPPORT_CHANNEL_TYPE = 23 "NotSupportChannelType";
    DISBAND = 24 "Disband";
    SEND_BAN = 25 "SendBan";
    CHANNEL_DELETING = 26 "ChannelDeleting";
    PROTOCOL_UPGRADE_REQUIRED = 27 "ProtocolUpgradeRequired";
    IDEMPOTENCY_CONFLICT = 28 "IdempotencyConflict";
    MESSAGE_SEQ_EXHAUSTED = 29 "MessageSeqExhausted";
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
