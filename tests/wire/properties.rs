//! What holds for every packet and for every byte string.

use jindou::id::{ChannelType, ClientSeq, DeviceFlag, MessageId, MessageSeq};
use jindou::wire::{
    Connack, Connect, Decoded, Deframer, Disconnect, Event, Flags, Packet, PacketKind, ProtocolVersion, ReasonCode,
    Recv, Recvack, Send, Sendack, Setting, Stream, Sub, Suback, Text, Unknown, decode, encode, encoded_len,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        4 => "[a-z0-9-]{0,12}".prop_map(Text::from),
        1 => ".{0,8}".prop_map(Text::from),
        1 => vec(any::<u8>(), 0..20).prop_map(Text::from_bytes),
        1 => (0..200_usize).prop_map(|length| Text::from("x".repeat(length))),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => vec(any::<u8>(), 0..60), 1 => (0..20_000_usize).prop_map(|length| vec![7; length])]
}

fn flags() -> impl Strategy<Value = Flags> {
    (0..16_u8).prop_map(Flags::from_bits)
}

fn channel_type() -> impl Strategy<Value = ChannelType> {
    any::<u8>().prop_map(ChannelType)
}

fn reason() -> impl Strategy<Value = ReasonCode> {
    any::<u8>().prop_map(ReasonCode)
}

fn message_seq(version: ProtocolVersion) -> BoxedStrategy<MessageSeq> {
    if version >= ProtocolVersion::U64_SEQ {
        any::<u64>().prop_map(MessageSeq).boxed()
    } else {
        any::<u32>().prop_map(|seq| MessageSeq(seq.into())).boxed()
    }
}

fn expire(version: ProtocolVersion) -> BoxedStrategy<u32> {
    if version >= ProtocolVersion::EXPIRE { any::<u32>().boxed() } else { Just(0).boxed() }
}

fn only_if<T: Clone + std::fmt::Debug + 'static>(
    condition: bool,
    value: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    if condition { value.prop_map(Some).boxed() } else { Just(None).boxed() }
}

fn streams(setting: Setting, version: ProtocolVersion) -> bool {
    version.carries_stream() && setting.contains(Setting::STREAM)
}

/// Any packet that the version can carry in full.
fn packet(version: ProtocolVersion) -> BoxedStrategy<Packet> {
    prop_oneof![connect(), connack(version), send(version), sendack(version), recv(version), small(version)].boxed()
}

fn connect() -> impl Strategy<Value = Packet> {
    (flags(), any::<u8>(), any::<u8>(), vec(text(), 4), any::<i64>()).prop_map(|(flags, version, flag, texts, time)| {
        Packet::Connect(Connect {
            flags,
            version: ProtocolVersion(version),
            device_flag: DeviceFlag(flag),
            device_id: texts[0].clone(),
            uid: texts[1].clone(),
            token: texts[2].clone(),
            client_timestamp: time,
            client_key: texts[3].clone(),
        })
    })
}

fn connack(version: ProtocolVersion) -> impl Strategy<Value = Packet> {
    let node_id = only_if(version >= ProtocolVersion::NODE_ID, any::<u64>());
    (any::<Option<u8>>(), any::<i64>(), reason(), text(), text(), node_id).prop_map(
        |(server_version, time_diff, reason, server_key, salt, node_id)| {
            Packet::Connack(Connack {
                server_version: server_version.map(ProtocolVersion),
                time_diff,
                reason,
                server_key,
                salt,
                node_id,
            })
        },
    )
}

fn send(version: ProtocolVersion) -> impl Strategy<Value = Packet> {
    any::<u8>().prop_map(Setting).prop_flat_map(move |setting| {
        let stream_no = only_if(streams(setting, version), text());
        let topic = only_if(setting.contains(Setting::TOPIC), text());
        (flags(), any::<u32>(), vec(text(), 3), stream_no, channel_type(), expire(version), topic, body()).prop_map(
            move |(flags, seq, texts, stream_no, channel_type, expire, topic, payload)| {
                Packet::Send(Send {
                    flags,
                    setting,
                    client_seq: ClientSeq(seq),
                    client_msg_no: texts[0].clone(),
                    stream_no,
                    channel_id: texts[1].clone(),
                    channel_type,
                    expire,
                    msg_key: texts[2].clone(),
                    topic,
                    payload,
                })
            },
        )
    })
}

fn sendack(version: ProtocolVersion) -> impl Strategy<Value = Packet> {
    let client_msg_no = proptest::option::of(text().prop_filter("empty is none", |text| !text.is_empty()));
    (flags(), any::<i64>(), any::<u32>(), message_seq(version), reason(), client_msg_no).prop_map(
        |(flags, id, seq, message_seq, reason, client_msg_no)| {
            Packet::Sendack(Sendack {
                flags,
                message_id: MessageId(id),
                client_seq: ClientSeq(seq),
                message_seq,
                reason,
                client_msg_no,
            })
        },
    )
}

fn recv(version: ProtocolVersion) -> impl Strategy<Value = Packet> {
    any::<u8>().prop_map(Setting).prop_flat_map(move |setting| {
        let stream = (any::<u8>(), text(), any::<u64>()).prop_map(|(flag, no, id)| Stream { flag, no, id });
        let stream = only_if(streams(setting, version), stream);
        let topic = only_if(setting.contains(Setting::TOPIC), text());
        let numbers = (any::<i64>(), message_seq(version), any::<i32>(), expire(version));
        (flags(), vec(text(), 4), channel_type(), stream, numbers, topic, body()).prop_map(
            move |(flags, texts, channel_type, stream, (id, message_seq, timestamp, expire), topic, payload)| {
                Packet::Recv(Recv {
                    flags,
                    setting,
                    msg_key: texts[0].clone(),
                    from_uid: texts[1].clone(),
                    channel_id: texts[2].clone(),
                    channel_type,
                    expire,
                    client_msg_no: texts[3].clone(),
                    stream,
                    message_id: MessageId(id),
                    message_seq,
                    timestamp,
                    topic,
                    payload,
                })
            },
        )
    })
}

fn small(version: ProtocolVersion) -> impl Strategy<Value = Packet> {
    prop_oneof![
        Just(Packet::Ping),
        Just(Packet::Pong),
        (flags(), any::<i64>(), message_seq(version)).prop_map(|(flags, id, message_seq)| {
            Packet::Recvack(Recvack { flags, message_id: MessageId(id), message_seq })
        }),
        (flags(), reason(), text())
            .prop_map(|(flags, reason, reason_text)| { Packet::Disconnect(Disconnect { flags, reason, reason_text }) }),
        (flags(), any::<u8>(), vec(text(), 3), channel_type(), any::<u8>()).prop_map(
            |(flags, setting, texts, channel_type, action)| {
                Packet::Sub(Sub {
                    flags,
                    setting: Setting(setting),
                    sub_no: texts[0].clone(),
                    channel_id: texts[1].clone(),
                    channel_type,
                    action,
                    param: texts[2].clone(),
                })
            }
        ),
        (flags(), vec(text(), 2), channel_type(), any::<u8>(), reason()).prop_map(
            |(flags, texts, channel_type, action, reason)| {
                Packet::Suback(Suback {
                    flags,
                    sub_no: texts[0].clone(),
                    channel_id: texts[1].clone(),
                    channel_type,
                    action,
                    reason,
                })
            }
        ),
        (flags(), text(), text(), any::<i64>(), body()).prop_map(|(flags, id, kind, timestamp, data)| {
            Packet::Event(Event { flags, id, kind, timestamp, data })
        }),
        (13..16_u8, flags(), body()).prop_map(|(kind, flags, body)| Packet::Unknown(Unknown {
            kind: PacketKind(kind),
            flags,
            body
        })),
    ]
}

fn version() -> impl Strategy<Value = ProtocolVersion> {
    (1..=6_u8).prop_map(ProtocolVersion)
}

fn packets() -> impl Strategy<Value = (ProtocolVersion, Vec<Packet>)> {
    version().prop_flat_map(|version| (Just(version), vec(packet(version), 1..8)))
}

fn encoded(version: ProtocolVersion, packets: &[Packet]) -> Vec<u8> {
    let mut out = Vec::new();
    for packet in packets {
        encode(packet, version, &mut out).expect("the version can carry it");
    }
    out
}

fn drained(deframer: &mut Deframer, version: ProtocolVersion) -> Vec<Packet> {
    std::iter::from_fn(|| deframer.next(version).expect("good bytes")).collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read_back((version, packets) in packets()) {
        for packet in &packets {
            let bytes = encoded(version, std::slice::from_ref(packet));
            prop_assert_eq!(encoded_len(packet, version), Ok(bytes.len()));
            prop_assert_eq!(decode(&bytes, version), Ok(Decoded::Packet(packet.clone(), bytes.len())));
        }
    }

    #[test]
    fn a_packet_that_is_cut_needs_more_and_nothing_else(
        (version, packets) in packets(),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = encoded(version, &packets[..1]);
        prop_assert_eq!(decode(&bytes[..cut.index(bytes.len())], version), Ok(Decoded::NeedMore));
    }

    #[test]
    fn it_does_not_matter_how_a_stream_is_cut_into_messages(
        (version, packets) in packets(),
        sizes in vec(1..300_usize, 1..50),
    ) {
        let bytes = encoded(version, &packets);
        let mut deframer = Deframer::new();
        let (mut rest, mut seen) = (bytes.as_slice(), Vec::new());
        for size in sizes.into_iter().chain([usize::MAX]) {
            let (message, after) = rest.split_at(size.min(rest.len()));
            deframer.push(message);
            rest = after;
            // Sometimes several messages wait before anybody looks.
            if size % 3 != 0 {
                seen.extend(drained(&mut deframer, version));
            }
        }
        seen.extend(drained(&mut deframer, version));
        prop_assert_eq!(deframer.buffered(), 0);
        prop_assert_eq!(seen, packets);
    }

    /// An error or a packet. And a packet, however odd, is written as a length that is true and read back as itself.
    #[test]
    fn a_flipped_bit_gives_an_error_or_a_valid_packet(
        (version, packets) in packets(),
        position in any::<prop::sample::Index>(),
        bit in 0..8_u32,
        other in version(),
    ) {
        let mut bytes = encoded(version, &packets[..1]);
        let position = position.index(bytes.len());
        bytes[position] ^= 1 << bit;
        survives(&bytes, version)?;
        survives(&bytes, other)?;
    }

    #[test]
    fn random_bytes_give_an_error_or_a_valid_packet(bytes in vec(any::<u8>(), 0..200), version in any::<u8>()) {
        survives(&bytes, ProtocolVersion(version))?;
    }

    #[test]
    fn random_bodies_under_a_right_header_give_an_error_or_a_valid_packet(
        body in vec(prop_oneof![Just(0_u8), 1..5_u8, any::<u8>()], 0..127),
        first: u8,
        version in any::<u8>(),
    ) {
        let length = u8::try_from(body.len()).expect("short");
        survives(&[&[first, length], body.as_slice()].concat(), ProtocolVersion(version))?;
    }

    #[test]
    fn whatever_is_refused_by_the_encoder_leaves_no_byte(
        (version, packets) in packets(),
        length in 32_760..32_775_usize,
    ) {
        let mut out = b"before".to_vec();
        let event = Event {
            flags: Flags::default(),
            id: Text::from("x".repeat(length)),
            kind: Text::new(),
            timestamp: 0,
            data: Vec::new(),
        };
        let refused = encode(&Packet::Event(event), version, &mut out).is_err();
        prop_assert_eq!(refused, length > Text::MAX_LEN);
        if refused {
            prop_assert_eq!(&out, b"before");
        }
        let length = out.len();
        encode(&packets[0], version, &mut out).expect("the version can carry it");
        prop_assert_eq!(out.len(), length + encoded_len(&packets[0], version).unwrap_or(0));
    }
}

fn survives(bytes: &[u8], version: ProtocolVersion) -> Result<(), TestCaseError> {
    let Ok(Decoded::Packet(packet, consumed)) = decode(bytes, version) else { return Ok(()) };
    prop_assert!(0 < consumed && consumed <= bytes.len());
    // A SEND may be longer than we would write it.
    let Ok(length) = encoded_len(&packet, version) else { return Ok(()) };
    let mut again = Vec::new();
    prop_assert_eq!(encode(&packet, version, &mut again), Ok(()));
    prop_assert_eq!(again.len(), length);
    let read = decode(&again, version);
    match (&packet, &read) {
        // Written with a node id of zero where it was missing.
        (Packet::Connack(Connack { node_id: None, .. }), Ok(Decoded::Packet(_, read))) => {
            prop_assert_eq!(*read, length);
        }
        _ => prop_assert_eq!(read, Ok(Decoded::Packet(packet, length))),
    }
    // Whoever looks at it in a log sees its size and never panics.
    let _ = format!("{:?}", decode(bytes, version));
    Ok(())
}

#[test]
fn a_packet_prints_no_body_no_token_and_no_uid() {
    let secret = "s3cret-s3cret";
    let mut shown = String::new();
    for packet in [
        Packet::Connect(Connect {
            flags: Flags::default(),
            version: ProtocolVersion::LATEST,
            device_flag: DeviceFlag::WEB,
            device_id: secret.into(),
            uid: secret.into(),
            token: secret.into(),
            client_timestamp: 0,
            client_key: secret.into(),
        }),
        Packet::Event(Event {
            flags: Flags::default(),
            id: secret.into(),
            kind: secret.into(),
            timestamp: 0,
            data: secret.into(),
        }),
        Packet::Unknown(Unknown { kind: PacketKind(13), flags: Flags::default(), body: secret.into() }),
    ] {
        shown += &format!("{packet:?}");
    }
    assert!(shown.contains("token: <13 bytes>") && shown.contains("body: <13 bytes>"), "{shown}");
    assert!(!shown.contains("s3cret") && !shown.contains("115, 51"), "{shown}");
}
