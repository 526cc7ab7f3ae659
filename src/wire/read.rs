//! Bytes to packets. The only place that takes bytes from the network apart.

use super::codes::{Flags, PacketKind, ProtocolVersion, ReasonCode, Setting};
use super::error::DecodeError;
use super::packet::*;
use super::text::Text;
use super::{MAX_LENGTH_BYTES, MAX_REMAINING};
use crate::id::{ChannelType, ClientSeq, DeviceFlag, MessageId, MessageSeq};

/// What one look at a buffer gave.
#[allow(clippy::large_enum_variant, reason = "taken apart at once; a box would be an allocation a packet")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A packet, and how many bytes it took. What follows was not looked at.
    Packet(Packet, usize),
    /// The packet is not complete. Nothing was consumed.
    NeedMore,
}

/// Reads the packet at the front of `bytes`.
///
/// An error is final for the connection. Bytes behind the last field are ignored, since servers append fields.
pub fn decode(bytes: &[u8], version: ProtocolVersion) -> Result<Decoded, DecodeError> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(Decoded::NeedMore) };
    let kind = PacketKind(first >> 4);
    let flags = Flags::from_bits(first);
    match kind {
        PacketKind(0) => return Err(DecodeError::KindZero),
        PacketKind::PING => return Ok(Decoded::Packet(Packet::Ping, 1)),
        PacketKind::PONG => return Ok(Decoded::Packet(Packet::Pong, 1)),
        _ => {}
    }
    let Some((length, length_bytes)) = remaining_length(kind, rest)? else { return Ok(Decoded::NeedMore) };
    let Some(body) = rest.get(length_bytes..).and_then(|tail| tail.get(..length)) else {
        return Ok(Decoded::NeedMore);
    };
    let packet = read_body(Reader { kind, bytes: body }, flags, version)?;
    Ok(Decoded::Packet(packet, 1 + length_bytes + length))
}

/// The remaining length and how many bytes it took: 7 bits a byte, the lowest first, the high bit goes on.
fn remaining_length(kind: PacketKind, bytes: &[u8]) -> Result<Option<(usize, usize)>, DecodeError> {
    let mut length = 0;
    for (index, byte) in bytes.iter().take(MAX_LENGTH_BYTES).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            // Checked before the body is there: whoever announces more is not waited for.
            if length > MAX_REMAINING {
                return Err(DecodeError::TooLarge { kind, length });
            }
            return Ok(Some((length, index + 1)));
        }
    }
    if bytes.len() >= MAX_LENGTH_BYTES { Err(DecodeError::LengthTooLong { kind }) } else { Ok(None) }
}

fn read_body(mut reader: Reader<'_>, flags: Flags, version: ProtocolVersion) -> Result<Packet, DecodeError> {
    let r = &mut reader;
    Ok(match r.kind {
        PacketKind::CONNECT => Packet::Connect(Connect {
            flags,
            version: ProtocolVersion(r.u8("version")?),
            device_flag: DeviceFlag(r.u8("deviceFlag")?),
            device_id: r.text("deviceId")?,
            uid: r.text("uid")?,
            token: r.text("token")?,
            client_timestamp: r.i64("clientTimestamp")?,
            client_key: r.text("clientKey")?,
        }),
        PacketKind::CONNACK => Packet::Connack(Connack {
            server_version: if flags.no_persist { Some(ProtocolVersion(r.u8("serverVersion")?)) } else { None },
            time_diff: r.i64("timeDiff")?,
            reason: r.reason()?,
            server_key: r.text("serverKey")?,
            salt: r.text("salt")?,
            // Lenient where every server's own decoder is not: a session can do without its node's number.
            node_id: if version >= ProtocolVersion::NODE_ID { r.u64("nodeId").ok() } else { None },
        }),
        PacketKind::SEND => {
            let setting = Setting(r.u8("setting")?);
            Packet::Send(Send {
                flags,
                setting,
                client_seq: ClientSeq(r.u32("clientSeq")?),
                client_msg_no: r.text("clientMsgNo")?,
                stream_no: if has_stream(setting, version) { Some(r.text("streamNo")?) } else { None },
                channel_id: r.text("channelId")?,
                channel_type: r.channel_type()?,
                expire: r.expire(version)?,
                msg_key: r.text("msgKey")?,
                topic: r.topic(setting)?,
                payload: r.rest(),
            })
        }
        PacketKind::SENDACK => Packet::Sendack(Sendack {
            flags,
            message_id: r.message_id()?,
            client_seq: ClientSeq(r.u32("clientSeq")?),
            message_seq: r.message_seq(version)?,
            reason: r.reason()?,
            client_msg_no: r.optional_last_text(),
        }),
        PacketKind::RECV => {
            let setting = Setting(r.u8("setting")?);
            Packet::Recv(Recv {
                flags,
                setting,
                msg_key: r.text("msgKey")?,
                from_uid: r.text("fromUid")?,
                channel_id: r.text("channelId")?,
                channel_type: r.channel_type()?,
                expire: r.expire(version)?,
                client_msg_no: r.text("clientMsgNo")?,
                stream: if has_stream(setting, version) { Some(r.stream()?) } else { None },
                message_id: r.message_id()?,
                message_seq: r.message_seq(version)?,
                timestamp: r.u32("timestamp")? as i32,
                topic: r.topic(setting)?,
                payload: r.rest(),
            })
        }
        PacketKind::RECVACK => {
            Packet::Recvack(Recvack { flags, message_id: r.message_id()?, message_seq: r.message_seq(version)? })
        }
        PacketKind::DISCONNECT => {
            Packet::Disconnect(Disconnect { flags, reason: r.reason()?, reason_text: r.text("reason")? })
        }
        PacketKind::SUB => Packet::Sub(Sub {
            flags,
            setting: Setting(r.u8("setting")?),
            sub_no: r.text("subNo")?,
            channel_id: r.text("channelId")?,
            channel_type: r.channel_type()?,
            action: r.u8("action")?,
            param: r.text("param")?,
        }),
        PacketKind::SUBACK => Packet::Suback(Suback {
            flags,
            sub_no: r.text("subNo")?,
            channel_id: r.text("channelId")?,
            channel_type: r.channel_type()?,
            action: r.u8("action")?,
            reason: r.reason()?,
        }),
        PacketKind::EVENT => Packet::Event(Event {
            flags,
            id: r.text("id")?,
            kind: r.text("type")?,
            timestamp: r.i64("timestamp")?,
            data: r.rest(),
        }),
        kind => Packet::Unknown(Unknown { kind, flags, body: r.rest() }),
    })
}

pub(super) fn has_stream(setting: Setting, version: ProtocolVersion) -> bool {
    version.carries_stream() && setting.contains(Setting::STREAM)
}

/// The body of one packet; its methods take fields off the front.
struct Reader<'a> {
    kind: PacketKind,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) =
            self.bytes.split_at_checked(length).ok_or(DecodeError::Truncated { kind: self.kind, field })?;
        self.bytes = rest;
        Ok(taken)
    }

    /// Of so many bytes, the most significant first. A loop for all: WebAssembly cannot swap bytes in one instruction.
    #[inline(never)]
    fn number(&mut self, width: usize, field: &'static str) -> Result<u64, DecodeError> {
        Ok(self.take(width, field)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.number(1, field).map(|number| number as u8)
    }

    fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.number(4, field).map(|number| number as u32)
    }

    fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.number(8, field)
    }

    fn i64(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        self.number(8, field).map(|number| number as i64)
    }

    fn text(&mut self, field: &'static str) -> Result<Text, DecodeError> {
        let length = self.number(2, field)? as i16;
        let length = usize::try_from(length).map_err(|_| DecodeError::NegativeLength { kind: self.kind, field })?;
        self.take(length, field).map(Text::from_bytes)
    }

    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes).to_vec()
    }

    fn reason(&mut self) -> Result<ReasonCode, DecodeError> {
        self.u8("reasonCode").map(ReasonCode)
    }

    fn channel_type(&mut self) -> Result<ChannelType, DecodeError> {
        self.u8("channelType").map(ChannelType)
    }

    fn message_id(&mut self) -> Result<MessageId, DecodeError> {
        self.i64("messageId").map(MessageId)
    }

    fn message_seq(&mut self, version: ProtocolVersion) -> Result<MessageSeq, DecodeError> {
        if version >= ProtocolVersion::U64_SEQ {
            self.u64("messageSeq").map(MessageSeq)
        } else {
            self.u32("messageSeq").map(|seq| MessageSeq(seq.into()))
        }
    }

    fn expire(&mut self, version: ProtocolVersion) -> Result<u32, DecodeError> {
        if version >= ProtocolVersion::EXPIRE { self.u32("expire") } else { Ok(0) }
    }

    fn topic(&mut self, setting: Setting) -> Result<Option<Text>, DecodeError> {
        if setting.contains(Setting::TOPIC) { self.text("topic").map(Some) } else { Ok(None) }
    }

    fn stream(&mut self) -> Result<Stream, DecodeError> {
        Ok(Stream { flag: self.u8("streamFlag")?, no: self.text("streamNo")?, id: self.u64("streamId")? })
    }

    /// A string that fills the rest exactly. Anything else behind the last field is of no interest.
    fn optional_last_text(&mut self) -> Option<Text> {
        let text = self.text("clientMsgNo").ok()?;
        (self.bytes.is_empty() && !text.is_empty()).then_some(text)
    }
}
