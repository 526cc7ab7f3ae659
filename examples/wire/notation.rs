//! Packets as JSON, for people and for test data.
//!
//! * Always 64 bits, or 64 bits in some version: a decimal string. Other numbers: a number.
//! * Bytes: hex in lower case. Strings: strings; one that is not UTF-8: `{"hex":"…"}`.
//! * `kind`, then `flags` (all five, always), then the fields in wire order. A field that is not on the wire at this
//!   version and setting is missing.
//! * A packet of no known kind: `kind` is `UNKNOWN`, and `type` and `body` tell the rest.

use jindou::id::{ChannelType, ClientSeq, DeviceFlag, MessageId, MessageSeq};
use jindou::wire::{
    Connack, Connect, Decoded, Disconnect, Event, Flags, KeyPair, Packet, PacketKind, ProtocolVersion, ReasonCode,
    Recv, Recvack, Send, Sendack, Setting, Stream, Sub, Suback, Text, Unknown, decode, encode,
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// Answers one line of JSON with another.
pub fn answer(line: &[u8]) -> String {
    let answer = serde_json::from_slice(line)
        .map_err(|error| error.to_string())
        .and_then(|request: Value| perform(&request))
        .unwrap_or_else(|error| Object::new("outcome", "error").with("error", error));
    // Our own objects have string keys and finite numbers, which is all that can go wrong.
    let line = serde_json::to_string(&answer).unwrap_or_else(|_| r#"{"outcome":"error","error":"unwritable"}"#.into());
    // Some readers take these for the end of a line.
    line.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn perform(request: &Value) -> Result<Object, String> {
    let request = Fields(request.as_object().ok_or("the line is not an object")?);
    let version = ProtocolVersion(request.small("version")?);
    if !(1..=ProtocolVersion::LATEST.0).contains(&version.0) {
        return Err(format!("version {} is not one of 1 to {}", version.0, ProtocolVersion::LATEST.0));
    }
    match request.str("op")? {
        "decode" => {
            let bytes = request.bytes("hex")?;
            Ok(match decode(&bytes, version).map_err(|error| error.to_string())? {
                Decoded::Packet(packet, consumed) => Object::new("outcome", "packet")
                    .with("packet", packet_to_json(&packet, bytes[0], version))
                    .with("consumed", consumed),
                Decoded::NeedMore => Object::new("outcome", "needMore"),
            })
        }
        "encode" => {
            let packet = packet_from_json(request.value("packet")?, version)?;
            let mut bytes = Vec::new();
            encode(&packet, version, &mut bytes).map_err(|error| error.to_string())?;
            Ok(Object::new("outcome", "bytes").with("hex", to_hex(&bytes)))
        }
        "open" => {
            let bytes = request.bytes("hex")?;
            let secret = <[u8; 32]>::try_from(request.bytes("clientPriv")?)
                .map_err(|bytes| format!("clientPriv has {} bytes instead of 32", bytes.len()))?;
            let cipher = KeyPair::from_seed(secret)
                .agree(&request.text("serverKey")?, &request.text("salt")?)
                .map_err(|error| error.to_string())?;
            match decode(&bytes, version).map_err(|error| error.to_string())? {
                Decoded::Packet(Packet::Recv(recv), _) => {
                    let plaintext = cipher.open(std::slice::from_ref(&recv)).pop().ok_or("nothing was opened")?;
                    let plaintext = plaintext.map_err(|error| error.to_string())?;
                    Ok(Object::new("outcome", "opened")
                        .with("packet", packet_to_json(&Packet::Recv(recv), bytes[0], version))
                        .with("plaintextHex", to_hex(&plaintext)))
                }
                Decoded::Packet(packet, _) => Err(format!("{} is not a RECV", packet.kind())),
                Decoded::NeedMore => Err("the packet is not complete".into()),
            }
        }
        op => Err(format!("there is no op {op:?}")),
    }
}

/// A JSON object that keeps the order in which its fields were added.
pub struct Object(Vec<(&'static str, Node)>);

enum Node {
    Leaf(Value),
    Object(Object),
}

impl Object {
    fn new(key: &'static str, value: impl Into<Node>) -> Self {
        Self(Vec::new()).with(key, value)
    }

    fn with(mut self, key: &'static str, value: impl Into<Node>) -> Self {
        self.0.push((key, value.into()));
        self
    }

    fn with_some(self, key: &'static str, value: Option<impl Into<Node>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }
}

macro_rules! leaves {
    ($($kind:ty)*) => {$(
        impl From<$kind> for Node {
            fn from(value: $kind) -> Self {
                Self::Leaf(value.into())
            }
        }
    )*};
}

leaves!(bool u8 u32 i32 usize String &str);

impl From<Object> for Node {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl From<&Text> for Node {
    fn from(text: &Text) -> Self {
        match text.to_str() {
            Some(text) => Self::Leaf(text.into()),
            None => Self::Object(Object::new("hex", to_hex(text.as_bytes()))),
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            match value {
                Node::Leaf(leaf) => map.serialize_entry(key, leaf)?,
                Node::Object(object) => map.serialize_entry(key, object)?,
            }
        }
        map.end()
    }
}

/// A packet in this notation. `first` is its first byte: a `Packet` keeps no flags where they mean nothing, but
/// whoever looks at a dump wants to see them.
pub fn packet_to_json(packet: &Packet, first: u8, version: ProtocolVersion) -> Object {
    let kind = packet.kind();
    let bits = Flags::from_bits(first);
    let flags = Object::new("dup", bits.dup)
        .with("syncOnce", bits.sync_once)
        .with("redDot", bits.red_dot)
        .with("noPersist", bits.no_persist)
        .with("hasServerVersion", kind == PacketKind::CONNACK && bits.no_persist);
    let object = Object::new("kind", kind.name().unwrap_or("UNKNOWN")).with("flags", flags);
    let expire = |expire: u32| (version >= ProtocolVersion::EXPIRE).then_some(expire);
    match packet {
        Packet::Connect(connect) => object
            .with("version", connect.version.0)
            .with("deviceFlag", connect.device_flag.0)
            .with("deviceId", &connect.device_id)
            .with("uid", &connect.uid)
            .with("token", &connect.token)
            .with("clientTimestamp", connect.client_timestamp.to_string())
            .with("clientKey", &connect.client_key),
        Packet::Connack(connack) => object
            .with_some("serverVersion", connack.server_version.map(|version| version.0))
            .with("timeDiff", connack.time_diff.to_string())
            .with("reasonCode", connack.reason.0)
            .with("serverKey", &connack.server_key)
            .with("salt", &connack.salt)
            .with_some("nodeId", connack.node_id.map(|id| id.to_string())),
        Packet::Send(send) => object
            .with("setting", send.setting.0)
            .with("clientSeq", send.client_seq.0)
            .with("clientMsgNo", &send.client_msg_no)
            .with_some("streamNo", send.stream_no.as_ref())
            .with("channelId", &send.channel_id)
            .with("channelType", send.channel_type.0)
            .with_some("expire", expire(send.expire))
            .with("msgKey", &send.msg_key)
            .with_some("topic", send.topic.as_ref())
            .with("payload", to_hex(&send.payload)),
        Packet::Sendack(sendack) => object
            .with("messageId", sendack.message_id.to_string())
            .with("clientSeq", sendack.client_seq.0)
            .with("messageSeq", sendack.message_seq.to_string())
            .with("reasonCode", sendack.reason.0)
            .with_some("clientMsgNo", sendack.client_msg_no.as_ref()),
        Packet::Recv(recv) => object
            .with("setting", recv.setting.0)
            .with("msgKey", &recv.msg_key)
            .with("fromUid", &recv.from_uid)
            .with("channelId", &recv.channel_id)
            .with("channelType", recv.channel_type.0)
            .with_some("expire", expire(recv.expire))
            .with("clientMsgNo", &recv.client_msg_no)
            .with_some("streamFlag", recv.stream.as_ref().map(|stream| stream.flag))
            .with_some("streamNo", recv.stream.as_ref().map(|stream| &stream.no))
            .with_some("streamId", recv.stream.as_ref().map(|stream| stream.id.to_string()))
            .with("messageId", recv.message_id.to_string())
            .with("messageSeq", recv.message_seq.to_string())
            .with("timestamp", recv.timestamp)
            .with_some("topic", recv.topic.as_ref())
            .with("payload", to_hex(&recv.payload)),
        Packet::Recvack(recvack) => {
            object.with("messageId", recvack.message_id.to_string()).with("messageSeq", recvack.message_seq.to_string())
        }
        Packet::Ping | Packet::Pong => object,
        Packet::Disconnect(disconnect) => {
            object.with("reasonCode", disconnect.reason.0).with("reason", &disconnect.reason_text)
        }
        Packet::Sub(sub) => object
            .with("setting", sub.setting.0)
            .with("subNo", &sub.sub_no)
            .with("channelId", &sub.channel_id)
            .with("channelType", sub.channel_type.0)
            .with("action", sub.action)
            .with("param", &sub.param),
        Packet::Suback(suback) => object
            .with("subNo", &suback.sub_no)
            .with("channelId", &suback.channel_id)
            .with("channelType", suback.channel_type.0)
            .with("action", suback.action)
            .with("reasonCode", suback.reason.0),
        Packet::Event(event) => object
            .with("id", &event.id)
            .with("type", &event.kind)
            .with("timestamp", event.timestamp.to_string())
            .with("data", to_hex(&event.data)),
        Packet::Unknown(unknown) => object.with("type", unknown.kind.0).with("body", to_hex(&unknown.body)),
    }
}

/// A packet from this notation. Fields that the version does not carry are ignored.
pub fn packet_from_json(packet: &Value, version: ProtocolVersion) -> Result<Packet, String> {
    let packet = Fields(packet.as_object().ok_or("the packet is not an object")?);
    let given = packet.optional("flags").map(|flags| flags.as_object().ok_or("flags is not an object"));
    let given = given.transpose()?.map(Fields);
    let flag = |name| given.as_ref().map_or(Ok(false), |flags| flags.flag(name));
    let flags = Flags {
        dup: flag("dup")?,
        sync_once: flag("syncOnce")?,
        red_dot: flag("redDot")?,
        no_persist: flag("noPersist")?,
    };
    let streams = |setting: Setting| version.carries_stream() && setting.contains(Setting::STREAM);
    let expire = || if version >= ProtocolVersion::EXPIRE { packet.integer("expire") } else { Ok(0) };
    let reason = || packet.small("reasonCode").map(ReasonCode);
    let channel_type = || packet.small("channelType").map(ChannelType);
    let message_id = || packet.integer("messageId").map(MessageId);
    let message_seq = || packet.integer("messageSeq").map(MessageSeq);
    Ok(match packet.str("kind")? {
        "CONNECT" => Packet::Connect(Connect {
            flags,
            version: ProtocolVersion(packet.small("version")?),
            device_flag: DeviceFlag(packet.small("deviceFlag")?),
            device_id: packet.text("deviceId")?,
            uid: packet.text("uid")?,
            token: packet.text("token")?,
            client_timestamp: packet.integer("clientTimestamp")?,
            client_key: packet.text("clientKey")?,
        }),
        "CONNACK" => Packet::Connack(Connack {
            server_version: if given.is_none() && packet.optional("serverVersion").is_none()
                || given.is_some() && !flag("hasServerVersion")?
            {
                None
            } else {
                Some(ProtocolVersion(packet.small("serverVersion")?))
            },
            time_diff: packet.integer("timeDiff")?,
            reason: reason()?,
            server_key: packet.text("serverKey")?,
            salt: packet.text("salt")?,
            node_id: packet.optional("nodeId").map(|_| packet.integer("nodeId")).transpose()?,
        }),
        "SEND" => {
            let setting = Setting(packet.small("setting")?);
            Packet::Send(Send {
                flags,
                setting,
                client_seq: ClientSeq(packet.integer("clientSeq")?),
                client_msg_no: packet.text("clientMsgNo")?,
                stream_no: packet.text_if(streams(setting), "streamNo")?,
                channel_id: packet.text("channelId")?,
                channel_type: channel_type()?,
                expire: expire()?,
                msg_key: packet.text("msgKey")?,
                topic: packet.text_if(setting.contains(Setting::TOPIC), "topic")?,
                payload: packet.bytes("payload")?,
            })
        }
        "SENDACK" => Packet::Sendack(Sendack {
            flags,
            message_id: message_id()?,
            client_seq: ClientSeq(packet.integer("clientSeq")?),
            message_seq: message_seq()?,
            reason: reason()?,
            client_msg_no: packet.text_if(false, "clientMsgNo")?,
        }),
        "RECV" => {
            let setting = Setting(packet.small("setting")?);
            Packet::Recv(Recv {
                flags,
                setting,
                msg_key: packet.text("msgKey")?,
                from_uid: packet.text("fromUid")?,
                channel_id: packet.text("channelId")?,
                channel_type: channel_type()?,
                expire: expire()?,
                client_msg_no: packet.text("clientMsgNo")?,
                stream: if streams(setting) {
                    Some(Stream {
                        flag: packet.small("streamFlag")?,
                        no: packet.text("streamNo")?,
                        id: packet.integer("streamId")?,
                    })
                } else {
                    None
                },
                message_id: message_id()?,
                message_seq: message_seq()?,
                timestamp: packet.integer("timestamp")?,
                topic: packet.text_if(setting.contains(Setting::TOPIC), "topic")?,
                payload: packet.bytes("payload")?,
            })
        }
        "RECVACK" => Packet::Recvack(Recvack { flags, message_id: message_id()?, message_seq: message_seq()? }),
        "PING" => Packet::Ping,
        "PONG" => Packet::Pong,
        "DISCONNECT" => {
            Packet::Disconnect(Disconnect { flags, reason: reason()?, reason_text: packet.text("reason")? })
        }
        "SUB" => Packet::Sub(Sub {
            flags,
            setting: Setting(packet.small("setting")?),
            sub_no: packet.text("subNo")?,
            channel_id: packet.text("channelId")?,
            channel_type: channel_type()?,
            action: packet.small("action")?,
            param: packet.text("param")?,
        }),
        "SUBACK" => Packet::Suback(Suback {
            flags,
            sub_no: packet.text("subNo")?,
            channel_id: packet.text("channelId")?,
            channel_type: channel_type()?,
            action: packet.small("action")?,
            reason: reason()?,
        }),
        "EVENT" => Packet::Event(Event {
            flags,
            id: packet.text("id")?,
            kind: packet.text("type")?,
            timestamp: packet.integer("timestamp")?,
            data: packet.bytes("data")?,
        }),
        "UNKNOWN" => {
            Packet::Unknown(Unknown { kind: PacketKind(packet.small("type")?), flags, body: packet.bytes("body")? })
        }
        kind => return Err(format!("there is no kind {kind:?}")),
    })
}

/// The fields of an object, each by name and type.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn optional(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    fn value(&self, name: &str) -> Result<&'a Value, String> {
        self.optional(name).ok_or_else(|| format!("{name} is missing"))
    }

    fn str(&self, name: &str) -> Result<&'a str, String> {
        self.value(name)?.as_str().ok_or_else(|| format!("{name} is not a string"))
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        match self.optional(name) {
            Some(value) => value.as_bool().ok_or_else(|| format!("{name} is neither true nor false")),
            None => Ok(false),
        }
    }

    fn text(&self, name: &str) -> Result<Text, String> {
        match self.value(name)? {
            Value::String(text) => Ok(text.as_str().into()),
            Value::Object(object) => Fields(object).bytes("hex").map(Text::from_bytes),
            _ => Err(format!("{name} is not a string")),
        }
    }

    fn text_if(&self, required: bool, name: &str) -> Result<Option<Text>, String> {
        if required || self.optional(name).is_some() { self.text(name).map(Some) } else { Ok(None) }
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        from_hex(self.str(name)?).ok_or_else(|| format!("{name} is not hex"))
    }

    fn small(&self, name: &str) -> Result<u8, String> {
        self.integer(name)
    }

    /// A number, or a decimal string, that fits.
    fn integer<T: TryFrom<i128>>(&self, name: &str) -> Result<T, String> {
        let number = match self.value(name)? {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_i128(),
            _ => None,
        };
        number
            .and_then(|number: i128| T::try_from(number).ok())
            .ok_or_else(|| format!("{name} is not an integer that fits"))
    }
}

pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}
