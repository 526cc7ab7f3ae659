//! Packets to bytes.
//!
//! What the version does not carry is left out. What the setting demands and the packet has not is written empty, as
//! the servers do. What the setting denies is an error.

use super::codes::{Flags, PacketKind, ProtocolVersion, Setting};
use super::error::EncodeError;
use super::packet::*;
use super::read::has_stream;
use super::text::Text;
use super::{MAX_REMAINING, MAX_SEND_PAYLOAD};
use crate::id::MessageSeq;

/// Appends the packet to `out`. After an error `out` is as it was.
pub fn encode(packet: &Packet, version: ProtocolVersion, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match packet {
        Packet::Send(send) if send.payload.len() > MAX_SEND_PAYLOAD => {
            Err(EncodeError::PayloadTooLarge { length: send.payload.len() })
        }
        _ => encode_for_one_node(packet, version, out),
    }
}

/// As [`encode`], also a SEND with a payload that a server decodes, but no cluster of version 2 passes on between its nodes.
pub fn encode_for_one_node(packet: &Packet, version: ProtocolVersion, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let Some(length) = body_len(packet, version)? else {
        out.push(packet.kind().0 << 4);
        return Ok(());
    };
    out.reserve(1 + length_len(length) + length);
    out.push(packet.kind().0 << 4 | header_flags(packet));
    let mut left = length;
    while left > 0x7f {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
    write_body(packet, version, &mut Writer { kind: packet.kind(), out: Some(out), length: 0 })
}

/// How many bytes [`encode`] appends.
pub fn encoded_len(packet: &Packet, version: ProtocolVersion) -> Result<usize, EncodeError> {
    Ok(body_len(packet, version)?.map_or(1, |length| 1 + length_len(length) + length))
}

/// The remaining length, `None` for the packets that have no such field. All checks happen here.
fn body_len(packet: &Packet, version: ProtocolVersion) -> Result<Option<usize>, EncodeError> {
    let kind = packet.kind();
    match packet {
        Packet::Ping | Packet::Pong => return Ok(None),
        Packet::Unknown(_) if kind.name().is_some() || kind.0 == 0 || kind.0 > 15 => {
            return Err(EncodeError::KindInUse { kind });
        }
        _ => {}
    }
    let mut counter = Writer { kind, out: None, length: 0 };
    write_body(packet, version, &mut counter)?;
    match counter.length {
        length if length > MAX_REMAINING => Err(EncodeError::TooLarge { kind, length }),
        length => Ok(Some(length)),
    }
}

fn length_len(length: usize) -> usize {
    match length {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        _ => 3,
    }
}

fn header_flags(packet: &Packet) -> u8 {
    match packet {
        Packet::Connect(Connect { flags, .. })
        | Packet::Send(Send { flags, .. })
        | Packet::Sendack(Sendack { flags, .. })
        | Packet::Recv(Recv { flags, .. })
        | Packet::Recvack(Recvack { flags, .. })
        | Packet::Disconnect(Disconnect { flags, .. })
        | Packet::Sub(Sub { flags, .. })
        | Packet::Suback(Suback { flags, .. })
        | Packet::Event(Event { flags, .. })
        | Packet::Unknown(Unknown { flags, .. }) => flags.bits(),
        Packet::Connack(connack) => Flags { no_persist: connack.server_version.is_some(), ..Flags::default() }.bits(),
        Packet::Ping | Packet::Pong => 0,
    }
}

fn write_body(packet: &Packet, version: ProtocolVersion, w: &mut Writer<'_>) -> Result<(), EncodeError> {
    match packet {
        Packet::Connect(connect) => {
            w.put(&[connect.version.0, connect.device_flag.0]);
            w.text("deviceId", &connect.device_id)?;
            w.text("uid", &connect.uid)?;
            w.text("token", &connect.token)?;
            w.number(connect.client_timestamp as u64, 8);
            w.text("clientKey", &connect.client_key)
        }
        Packet::Connack(connack) => {
            if let Some(server_version) = connack.server_version {
                w.put(&[server_version.0]);
            }
            w.number(connack.time_diff as u64, 8);
            w.put(&[connack.reason.0]);
            w.text("serverKey", &connack.server_key)?;
            w.text("salt", &connack.salt)?;
            if version >= ProtocolVersion::NODE_ID {
                w.number(connack.node_id.unwrap_or(0), 8);
            }
            Ok(())
        }
        Packet::Send(send) => {
            w.put(&[send.setting.0]);
            w.number(send.client_seq.0.into(), 4);
            w.text("clientMsgNo", &send.client_msg_no)?;
            w.allowed_by(send.setting, Setting::STREAM, "streamNo", send.stream_no.is_some())?;
            if has_stream(send.setting, version) {
                w.text_or_empty("streamNo", send.stream_no.as_ref())?;
            }
            w.text("channelId", &send.channel_id)?;
            w.put(&[send.channel_type.0]);
            w.expire(send.expire, version);
            w.text("msgKey", &send.msg_key)?;
            w.topic(send.setting, send.topic.as_ref())?;
            w.put(&send.payload);
            Ok(())
        }
        Packet::Sendack(sendack) => {
            w.number(sendack.message_id.0 as u64, 8);
            w.number(sendack.client_seq.0.into(), 4);
            w.message_seq(sendack.message_seq, version)?;
            w.put(&[sendack.reason.0]);
            match &sendack.client_msg_no {
                Some(client_msg_no) if !client_msg_no.is_empty() => w.text("clientMsgNo", client_msg_no),
                _ => Ok(()),
            }
        }
        Packet::Recv(recv) => {
            w.put(&[recv.setting.0]);
            w.text("msgKey", &recv.msg_key)?;
            w.text("fromUid", &recv.from_uid)?;
            w.text("channelId", &recv.channel_id)?;
            w.put(&[recv.channel_type.0]);
            w.expire(recv.expire, version);
            w.text("clientMsgNo", &recv.client_msg_no)?;
            w.allowed_by(recv.setting, Setting::STREAM, "stream", recv.stream.is_some())?;
            if has_stream(recv.setting, version) {
                w.put(&[recv.stream.as_ref().map_or(0, |stream| stream.flag)]);
                w.text_or_empty("streamNo", recv.stream.as_ref().map(|stream| &stream.no))?;
                w.number(recv.stream.as_ref().map_or(0, |stream| stream.id), 8);
            }
            w.number(recv.message_id.0 as u64, 8);
            w.message_seq(recv.message_seq, version)?;
            w.number(recv.timestamp as u64, 4);
            w.topic(recv.setting, recv.topic.as_ref())?;
            w.put(&recv.payload);
            Ok(())
        }
        Packet::Recvack(recvack) => {
            w.number(recvack.message_id.0 as u64, 8);
            w.message_seq(recvack.message_seq, version)
        }
        Packet::Disconnect(disconnect) => {
            w.put(&[disconnect.reason.0]);
            w.text("reason", &disconnect.reason_text)
        }
        Packet::Sub(sub) => {
            w.put(&[sub.setting.0]);
            w.text("subNo", &sub.sub_no)?;
            w.text("channelId", &sub.channel_id)?;
            w.put(&[sub.channel_type.0, sub.action]);
            w.text("param", &sub.param)
        }
        Packet::Suback(suback) => {
            w.text("subNo", &suback.sub_no)?;
            w.text("channelId", &suback.channel_id)?;
            w.put(&[suback.channel_type.0, suback.action, suback.reason.0]);
            Ok(())
        }
        Packet::Event(event) => {
            w.text("id", &event.id)?;
            w.text("type", &event.kind)?;
            w.number(event.timestamp as u64, 8);
            w.put(&event.data);
            Ok(())
        }
        Packet::Unknown(unknown) => {
            w.put(&unknown.body);
            Ok(())
        }
        Packet::Ping | Packet::Pong => Ok(()),
    }
}

/// Counts, and writes if it has somewhere to: one list of fields gives both the length and the bytes.
struct Writer<'a> {
    kind: PacketKind,
    out: Option<&'a mut Vec<u8>>,
    length: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.length = self.length.saturating_add(bytes.len());
        if let Some(out) = &mut self.out {
            out.extend_from_slice(bytes);
        }
    }

    /// Its last so many bytes, the most significant first. A loop for all: WebAssembly cannot swap bytes in one instruction.
    #[inline(never)]
    fn number(&mut self, value: u64, width: u32) {
        for place in (0..width).rev() {
            self.put(&[(value >> (8 * place)) as u8]);
        }
    }

    fn text(&mut self, field: &'static str, text: &Text) -> Result<(), EncodeError> {
        let length = i16::try_from(text.len()).map_err(|_| EncodeError::TextTooLong {
            kind: self.kind,
            field,
            length: text.len(),
        })?;
        self.number(length as u64, 2);
        self.put(text.as_bytes());
        Ok(())
    }

    fn text_or_empty(&mut self, field: &'static str, text: Option<&Text>) -> Result<(), EncodeError> {
        match text {
            Some(text) => self.text(field, text),
            None => self.text(field, &Text::new()),
        }
    }

    fn allowed_by(
        &self,
        setting: Setting,
        bit: Setting,
        field: &'static str,
        present: bool,
    ) -> Result<(), EncodeError> {
        if present && !setting.contains(bit) {
            return Err(EncodeError::SettingDenies { kind: self.kind, field });
        }
        Ok(())
    }

    fn topic(&mut self, setting: Setting, topic: Option<&Text>) -> Result<(), EncodeError> {
        self.allowed_by(setting, Setting::TOPIC, "topic", topic.is_some())?;
        if setting.contains(Setting::TOPIC) { self.text_or_empty("topic", topic) } else { Ok(()) }
    }

    fn expire(&mut self, expire: u32, version: ProtocolVersion) {
        if version >= ProtocolVersion::EXPIRE {
            self.number(expire.into(), 4);
        }
    }

    fn message_seq(&mut self, seq: MessageSeq, version: ProtocolVersion) -> Result<(), EncodeError> {
        if version >= ProtocolVersion::U64_SEQ {
            self.number(seq.0, 8);
        } else {
            let seq = u32::try_from(seq.0).map_err(|_| EncodeError::SeqTooLarge { kind: self.kind })?;
            self.number(seq.into(), 4);
        }
        Ok(())
    }
}
