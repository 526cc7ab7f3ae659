//! The packets of WKProto as values, fields in wire order.
//!
//! A value holds what any version may carry. The encoder leaves out what the session's version does not know, and the
//! decoder fills it with nothing: `None`, or `expire` 0.

use std::fmt;

use super::codes::{Flags, PacketKind, ProtocolVersion, ReasonCode, Setting};
use super::text::Text;
use crate::id::{ChannelType, ClientSeq, DeviceFlag, MessageId, MessageSeq};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    Connect(Connect),
    Connack(Connack),
    Send(Send),
    Sendack(Sendack),
    Recv(Recv),
    Recvack(Recvack),
    /// One byte. Flag bits are tolerated and not kept.
    Ping,
    /// One byte. Flag bits are tolerated and not kept.
    Pong,
    Disconnect(Disconnect),
    Sub(Sub),
    Suback(Suback),
    Event(Event),
    /// A kind that a newer server may have. To be skipped.
    Unknown(Unknown),
}

impl Packet {
    pub const fn kind(&self) -> PacketKind {
        match self {
            Self::Connect(_) => PacketKind::CONNECT,
            Self::Connack(_) => PacketKind::CONNACK,
            Self::Send(_) => PacketKind::SEND,
            Self::Sendack(_) => PacketKind::SENDACK,
            Self::Recv(_) => PacketKind::RECV,
            Self::Recvack(_) => PacketKind::RECVACK,
            Self::Ping => PacketKind::PING,
            Self::Pong => PacketKind::PONG,
            Self::Disconnect(_) => PacketKind::DISCONNECT,
            Self::Sub(_) => PacketKind::SUB,
            Self::Suback(_) => PacketKind::SUBACK,
            Self::Event(_) => PacketKind::EVENT,
            Self::Unknown(unknown) => unknown.kind,
        }
    }
}

/// The first packet of a client. Nothing may follow it before CONNACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    pub flags: Flags,
    pub version: ProtocolVersion,
    pub device_flag: DeviceFlag,
    pub device_id: Text,
    pub uid: Text,
    pub token: Text,
    /// Milliseconds since 1970 by the client's clock; the server only subtracts it.
    pub client_timestamp: i64,
    /// The client's X25519 public key in base64.
    pub client_key: Text,
}

/// The server's answer. It has no flags: the lowest header bit says whether `server_version` is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connack {
    pub server_version: Option<ProtocolVersion>,
    /// Server's clock minus `client_timestamp`, in milliseconds.
    pub time_diff: i64,
    pub reason: ReasonCode,
    /// The server's X25519 public key in base64. Empty: this session is not encrypted.
    pub server_key: Text,
    pub salt: Text,
    /// From version 4 on; `None` where a server left it out.
    pub node_id: Option<u64>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Send {
    pub flags: Flags,
    pub setting: Setting,
    pub client_seq: ClientSeq,
    pub client_msg_no: Text,
    /// Versions 2 to 4, with [`Setting::STREAM`].
    pub stream_no: Option<Text>,
    pub channel_id: Text,
    pub channel_type: ChannelType,
    /// Seconds; from version 3 on. The servers only carry it.
    pub expire: u32,
    pub msg_key: Text,
    /// With [`Setting::TOPIC`].
    pub topic: Option<Text>,
    /// As on the wire: sealed, unless the session is not encrypted.
    pub payload: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sendack {
    pub flags: Flags,
    pub message_id: MessageId,
    pub client_seq: ClientSeq,
    pub message_seq: MessageSeq,
    pub reason: ReasonCode,
    /// Only version 3 servers send it, at any protocol version.
    pub client_msg_no: Option<Text>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Recv {
    pub flags: Flags,
    pub setting: Setting,
    pub msg_key: Text,
    pub from_uid: Text,
    pub channel_id: Text,
    pub channel_type: ChannelType,
    /// Seconds; from version 3 on.
    pub expire: u32,
    pub client_msg_no: Text,
    /// Versions 2 to 4, with [`Setting::STREAM`].
    pub stream: Option<Stream>,
    pub message_id: MessageId,
    pub message_seq: MessageSeq,
    /// Seconds since 1970, of the push, not of the message: no identity and no order.
    pub timestamp: i32,
    /// With [`Setting::TOPIC`].
    pub topic: Option<Text>,
    /// As on the wire: sealed, unless the session is not encrypted.
    pub payload: Vec<u8>,
}

/// A message that grows, as versions 2 to 4 carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// 0 starts, 1 goes on, 2 ends.
    pub flag: u8,
    pub no: Text,
    pub id: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recvack {
    /// A copy of the RECV's: version 2 servers act on them.
    pub flags: Flags,
    pub message_id: MessageId,
    pub message_seq: MessageSeq,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    pub flags: Flags,
    pub reason: ReasonCode,
    pub reason_text: Text,
}

/// Subscribe (0) or unsubscribe (1). The servers ignore it or close; a client does not use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sub {
    pub flags: Flags,
    pub setting: Setting,
    pub sub_no: Text,
    pub channel_id: Text,
    pub channel_type: ChannelType,
    pub action: u8,
    pub param: Text,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suback {
    pub flags: Flags,
    pub sub_no: Text,
    pub channel_id: Text,
    pub channel_type: ChannelType,
    pub action: u8,
    pub reason: ReasonCode,
}

/// Something that happened to a message, for instance a piece of a stream. Never encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    pub flags: Flags,
    pub id: Text,
    pub kind: Text,
    /// Milliseconds since 1970; servers also send 0.
    pub timestamp: i64,
    pub data: Vec<u8>,
}

/// A packet of kind 13 to 15, which no server has yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Unknown {
    pub kind: PacketKind,
    pub flags: Flags,
    pub body: Vec<u8>,
}

/// Prints a body as its length.
struct Body<'a>(&'a [u8]);

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

impl fmt::Debug for Send {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send")
            .field("flags", &self.flags)
            .field("setting", &self.setting)
            .field("client_seq", &self.client_seq)
            .field("client_msg_no", &self.client_msg_no)
            .field("stream_no", &self.stream_no)
            .field("channel_id", &self.channel_id)
            .field("channel_type", &self.channel_type)
            .field("expire", &self.expire)
            .field("topic", &self.topic)
            .field("payload", &Body(&self.payload))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Recv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv")
            .field("flags", &self.flags)
            .field("setting", &self.setting)
            .field("from_uid", &self.from_uid)
            .field("channel_id", &self.channel_id)
            .field("channel_type", &self.channel_type)
            .field("expire", &self.expire)
            .field("client_msg_no", &self.client_msg_no)
            .field("stream", &self.stream)
            .field("message_id", &self.message_id)
            .field("message_seq", &self.message_seq)
            .field("timestamp", &self.timestamp)
            .field("topic", &self.topic)
            .field("payload", &Body(&self.payload))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("flags", &self.flags)
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("timestamp", &self.timestamp)
            .field("data", &Body(&self.data))
            .finish()
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unknown")
            .field("kind", &self.kind)
            .field("flags", &self.flags)
            .field("body", &Body(&self.body))
            .finish()
    }
}
