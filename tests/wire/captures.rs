//! Whole connections to running servers, played again: what came in is understood, and what went out is what we would
//! have sent.

use std::collections::BTreeMap;
use std::path::Path;

use jindou::wire::{
    Cipher, Connect, Deframer, Flags, KeyPair, Packet, ProtocolVersion, ReasonCode, Recv, Send, Text, encode,
};
use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::crypto::{has_key, key_pair};
use crate::fixtures::{bytes, text};
use crate::notation::to_hex;

/// Connections that speak JSON-RPC, which is another protocol.
const NOT_WKPROTO: [&str; 3] = ["v215-jsonrpc", "v225-jsonrpc", "v3-jsonrpc"];

/// Packets that a correct client does not send: how many of a capture we would send otherwise, or not at all.
const NOT_REPLAYED: &[(&str, usize, &str)] = &[
    ("v215-connect-key-short", 1, "a client key of 3 bytes, to see what the server does"),
    ("v215-send-cases", 2, "payloads above 32,767 bytes on the wire, which clusters lose: we refuse to write them"),
    ("v225-connect-key-notbase64", 1, "a client key that is not base64"),
    ("v225-connect-then-send-two-messages", 1, "a SEND before CONNACK, so not sealed"),
    ("v225-encryption-disabled-sender", 1, "a msgKey although encryption is off"),
    ("v225-send-NoEncrypt-plain-no-msgKey", 1, "a SEND that is not sealed, its setting says so"),
    ("v225-send-bad-msgKey", 1, "a msgKey of zeros"),
    ("v225-send-cases", 2, "payloads above 32,767 bytes on the wire"),
    ("v225-send-zero-byte-payload", 1, "no payload at all, where even an empty plaintext has a block"),
    ("v3-connect-key-empty", 1, "no client key"),
    ("v3-connect-key-loworder", 1, "a client key of low order"),
    ("v3-connect-then-send-two-messages", 1, "a SEND before CONNACK, so not sealed"),
    ("v3-send-NoEncrypt-plain-no-msgKey", 1, "a SEND that is not sealed, its setting says so"),
    ("v3-send-bad-msgKey", 1, "a msgKey of zeros"),
    ("v3-send-cases", 2, "payloads above 32,767 bytes on the wire"),
];

/// One end's packets of a connection, and what the capture says of them.
#[derive(Default)]
struct Side {
    messages: Vec<Vec<u8>>,
    expected: Vec<Value>,
}

struct Capture {
    name: String,
    header: Value,
    incoming: Side,
    outgoing: Side,
}

fn captures() -> Vec<Capture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| capture(path)).collect()
}

fn capture(path: &Path) -> Capture {
    let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
    let content = std::fs::read_to_string(path).expect("text");
    let mut lines = content.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let header = lines.next().expect("a first line");
    let (mut incoming, mut outgoing) = (Side::default(), Side::default());
    for line in lines {
        if let Some(expected) = line.get("expect") {
            let ours = ["CONNECT", "SEND", "RECVACK", "PING"].contains(&text(expected, "kind"));
            if ours { &mut outgoing } else { &mut incoming }.expected.push(expected.clone());
        } else if line.get("op").is_none_or(|op| op == "text")
            && line.get("dir").is_some()
            && header["protocol"] != "json"
        {
            let side = if line["dir"] == "out" { &mut outgoing } else { &mut incoming };
            side.messages.push(bytes(&line, "hex"));
        }
    }
    Capture { name, header, incoming, outgoing }
}

/// What a connection agreed on.
struct Session {
    asked: ProtocolVersion,
    version: ProtocolVersion,
    cipher: Cipher,
}

impl Capture {
    fn pair(&self) -> KeyPair {
        key_pair(&self.header, "clientPrivateKey")
    }

    fn asked(&self) -> ProtocolVersion {
        ProtocolVersion(self.header["protocol"].as_u64().and_then(|version| u8::try_from(version).ok()).expect("one"))
    }

    /// The packets that came in, with the session that CONNACK made. The messages are glued or cut as the caller likes.
    fn received(&self, messages: &[&[u8]]) -> (Session, Vec<Packet>) {
        let asked = self.asked();
        let mut session = Session { asked, version: asked, cipher: Cipher::plain() };
        let mut deframer = Deframer::new();
        let mut packets = Vec::new();
        for message in messages {
            deframer.push(message);
            while let Some(packet) = deframer.next(session.version).expect(&self.name) {
                if let Packet::Connack(connack) = &packet {
                    session.version = connack.server_version.unwrap_or(session.version);
                    session.cipher = self.pair().agree(&connack.server_key, &connack.salt).expect(&self.name);
                }
                packets.push(packet);
            }
        }
        assert_eq!(deframer.buffered(), 0, "{}", self.name);
        (session, packets)
    }

    /// The packets that went out: CONNECT at the version that was asked for, the rest at the one that was agreed on.
    fn sent(&self, session: &Session) -> Vec<Packet> {
        let mut deframer = Deframer::new();
        let mut packets = Vec::new();
        for message in &self.outgoing.messages {
            deframer.push(message);
            loop {
                let version = if packets.is_empty() { session.asked } else { session.version };
                let Some(packet) = deframer.next(version).expect(&self.name) else { break };
                packets.push(packet);
            }
        }
        assert_eq!(deframer.buffered(), 0, "{}", self.name);
        packets
    }
}

/// Names and values as the captures have them, for the fields that a capture expects.
fn view(packet: &Packet, plaintext: Option<&[u8]>) -> BTreeMap<&'static str, Value> {
    let string = |text: &Text| json!(text.to_str().expect("UTF-8"));
    let mut view = BTreeMap::from([("kind", json!(packet.kind().name()))]);
    let mut flags = |flags: &Flags| drop(view.insert("flags", json!(flags.bits())));
    match packet {
        Packet::Connect(connect) => view.extend([
            ("version", json!(connect.version.0)),
            ("deviceFlag", json!(connect.device_flag.0)),
            ("deviceID", string(&connect.device_id)),
            ("uid", string(&connect.uid)),
            ("token", string(&connect.token)),
        ]),
        Packet::Connack(connack) => view.extend([
            ("flags", json!(u8::from(connack.server_version.is_some()))),
            ("serverVersion", json!(connack.server_version.map(|version| version.0))),
            ("timeDiff", json!(connack.time_diff)),
            ("reasonCode", json!(connack.reason.0)),
            ("serverKey", string(&connack.server_key)),
            ("salt", string(&connack.salt)),
            ("nodeId", json!(connack.node_id)),
        ]),
        Packet::Send(send) => {
            flags(&send.flags);
            view.extend([
                ("setting", json!(send.setting.0)),
                ("clientSeq", json!(send.client_seq.0)),
                ("clientMsgNo", string(&send.client_msg_no)),
                ("channelID", string(&send.channel_id)),
                ("channelType", json!(send.channel_type.0)),
                ("expire", json!(send.expire)),
                ("msgKey", string(&send.msg_key)),
                ("topic", json!(send.topic.as_ref().map(string))),
            ]);
        }
        Packet::Sendack(sendack) => {
            flags(&sendack.flags);
            view.extend([
                ("messageID", json!(sendack.message_id.to_string())),
                ("clientSeq", json!(sendack.client_seq.0)),
                ("messageSeq", json!(sendack.message_seq.0)),
                ("reasonCode", json!(sendack.reason.0)),
                ("trailingClientMsgNo", json!(sendack.client_msg_no.as_ref().map(string))),
            ]);
        }
        Packet::Recv(recv) => {
            flags(&recv.flags);
            view.extend([
                ("setting", json!(recv.setting.0)),
                ("msgKey", string(&recv.msg_key)),
                ("fromUID", string(&recv.from_uid)),
                ("channelID", string(&recv.channel_id)),
                ("channelType", json!(recv.channel_type.0)),
                ("expire", json!(recv.expire)),
                ("clientMsgNo", string(&recv.client_msg_no)),
                ("streamFlag", json!(recv.stream.as_ref().map(|stream| stream.flag))),
                ("streamNo", json!(recv.stream.as_ref().map(|stream| string(&stream.no)))),
                ("streamId", json!(recv.stream.as_ref().map(|stream| stream.id.to_string()))),
                ("messageID", json!(recv.message_id.to_string())),
                ("messageSeq", json!(recv.message_seq.0)),
                ("timestamp", json!(recv.timestamp)),
                ("topic", json!(recv.topic.as_ref().map(string))),
                ("msgKeyOk", json!(plaintext.is_some())),
            ]);
        }
        Packet::Recvack(recvack) => {
            flags(&recvack.flags);
            view.extend([
                ("messageID", json!(recvack.message_id.to_string())),
                ("messageSeq", json!(recvack.message_seq.0)),
            ]);
        }
        Packet::Ping => {}
        // Not kept, since a PONG has none: what the captures have is what we would write.
        Packet::Pong => drop(view.insert("flags", json!(0))),
        Packet::Disconnect(disconnect) => {
            flags(&disconnect.flags);
            view.extend([("reasonCode", json!(disconnect.reason.0)), ("reason", string(&disconnect.reason_text))]);
        }
        Packet::Event(event) => {
            flags(&event.flags);
            view.extend([
                ("id", string(&event.id)),
                ("type", string(&event.kind)),
                ("timestamp", json!(event.timestamp)),
                ("data", json!(String::from_utf8_lossy(&event.data))),
            ]);
        }
        Packet::Sub(_) | Packet::Suback(_) | Packet::Unknown(_) => panic!("no capture has {packet:?}"),
    }
    if let Some(plaintext) = plaintext {
        view.extend([
            ("plaintext", json!(String::from_utf8_lossy(plaintext))),
            ("plaintextHex", json!(to_hex(plaintext))),
            ("plaintextLen", json!(plaintext.len())),
            ("plaintextMd5", json!(to_hex(&Md5::digest(plaintext)))),
        ]);
    }
    view
}

/// Whether all that is expected of a packet is so.
fn agrees(expected: &Value, view: &BTreeMap<&str, Value>) -> bool {
    let expected = expected.as_object().expect("an object");
    expected.iter().filter(|(name, _)| *name != "aesKey").all(|(name, value)| view.get(name.as_str()) == Some(value))
}

#[test]
fn what_the_servers_sent_is_understood_however_it_was_cut_into_messages() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let (mut keys, mut skipped) = (0, 0);
    for capture in captures() {
        if NOT_WKPROTO.contains(&capture.name.as_str()) {
            assert_eq!(capture.header["protocol"], "json");
            skipped += 1;
            continue;
        }
        let messages: Vec<&[u8]> = capture.incoming.messages.iter().map(Vec::as_slice).collect();
        let (session, packets) = capture.received(&messages);
        let glued = messages.concat();
        assert_eq!(capture.received(&[&glued]).1, packets, "{}", capture.name);
        assert_eq!(capture.received(&glued.chunks(1).collect::<Vec<_>>()).1, packets, "{}", capture.name);

        // All RECVs at once, as after a flood.
        let recvs: Vec<Recv> = packets
            .iter()
            .filter_map(|packet| if let Packet::Recv(recv) = packet { Some(recv.clone()) } else { None })
            .collect();
        let mut opened = session.cipher.open(&recvs).into_iter();
        assert_eq!(packets.len(), capture.incoming.expected.len(), "{}", capture.name);
        for (packet, expected) in packets.iter().zip(&capture.incoming.expected) {
            let mut plaintext = None;
            if let Packet::Recv(recv) = packet {
                plaintext = Some(opened.next().expect("one each").expect(&capture.name));
                // Nothing to check where encryption is off.
                assert_eq!(recv.msg_key.is_empty(), session.cipher.is_plain());
            }
            let view = view(packet, plaintext.as_deref());
            assert!(agrees(expected, &view), "{}: {expected} against {view:?}", capture.name);
            if let (Packet::Connack(connack), Some(aes_key)) = (packet, expected["aesKey"].as_str()) {
                assert!(has_key(&session.cipher, aes_key, connack.salt.as_bytes()), "{}", capture.name);
                keys += 1;
            }
            *seen.entry(packet.kind().to_string()).or_default() += 1;
        }
    }
    let expected = [("CONNACK", 79), ("DISCONNECT", 5), ("EVENT", 26), ("PONG", 126), ("RECV", 414), ("SENDACK", 318)];
    assert_eq!(seen, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
    assert_eq!((keys, skipped), (74, NOT_WKPROTO.len()));
}

#[test]
fn what_a_correct_client_sent_is_what_we_would_have_sent() {
    let mut replayed: BTreeMap<String, usize> = BTreeMap::new();
    let mut deviations: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut expected_seen = 0;
    for capture in captures() {
        if NOT_WKPROTO.contains(&capture.name.as_str()) {
            continue;
        }
        let messages: Vec<&[u8]> = capture.incoming.messages.iter().map(Vec::as_slice).collect();
        let (session, _) = capture.received(&messages);
        let packets = capture.sent(&session);
        let mut bytes_sent = &capture.outgoing.messages.concat()[..];
        let mut expected = capture.outgoing.expected.iter().peekable();
        for (index, packet) in packets.iter().enumerate() {
            let version = if index == 0 { session.asked } else { session.version };
            let (again, plaintext) = rebuilt(&capture, &session, packet);
            let mut out = Vec::new();
            let same = encode(&again, version, &mut out).is_ok() && bytes_sent.starts_with(&out) && again == *packet;
            // Where we differ, the length of what was sent comes from the header.
            bytes_sent = &bytes_sent[if same { out.len() } else { packet_len(bytes_sent) }..];
            if same {
                *replayed.entry(packet.kind().to_string()).or_default() += 1;
            } else {
                deviations.entry(capture.name.clone()).or_default().push(format!("{packet:?}"));
            }
            // Hand-made packets have no expectation, so the expected are some of those that were sent, in order.
            let agrees = |expected: &&Value| {
                let mut expected = (*expected).clone();
                if !same {
                    // What its own session cannot open has no plaintext.
                    expected.as_object_mut().expect("an object").retain(|name, _| !name.starts_with("plaintext"));
                }
                agrees(&expected, &view(packet, plaintext.as_deref()))
            };
            if expected.next_if(agrees).is_some() {
                expected_seen += 1;
            }
        }
        assert_eq!(bytes_sent, b"", "{}", capture.name);
        assert_eq!(expected.peek(), None, "{}", capture.name);
    }
    let deviations: Vec<_> = deviations.iter().map(|(name, packets)| (name.as_str(), packets.len())).collect();
    assert_eq!(deviations, NOT_REPLAYED.iter().map(|row| (row.0, row.1)).collect::<Vec<_>>());
    let expected = [("CONNECT", 84), ("PING", 145), ("RECVACK", 384), ("SEND", 314)];
    assert_eq!(replayed, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
    assert_eq!(expected_seen, 921);
}

/// The packet made anew as our client makes it, from what it means: a SEND from its plaintext, a CONNECT with our key.
fn rebuilt(capture: &Capture, session: &Session, packet: &Packet) -> (Packet, Option<Vec<u8>>) {
    match packet {
        Packet::Connect(connect) => {
            let client_key = capture.pair().public_key();
            (Packet::Connect(Connect { client_key, ..connect.clone() }), None)
        }
        Packet::Send(send) => {
            let plaintext = session.cipher.open_send(send).unwrap_or_default();
            let mut again = Send { payload: plaintext.clone(), ..send.clone() };
            session.cipher.seal_send(&mut again);
            (Packet::Send(again), Some(plaintext))
        }
        other => (other.clone(), None),
    }
}

fn packet_len(bytes: &[u8]) -> usize {
    if bytes[0] >> 4 == 7 {
        return 1;
    }
    let last = 1 + bytes[1..].iter().position(|byte| byte & 0x80 == 0).expect("a length");
    let length = bytes[1..=last].iter().rev().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
    1 + last + length
}

#[test]
fn a_refusal_of_version_3_is_read_at_any_version_that_was_asked_for() {
    // 21 bytes, written at version 5 without saying so.
    let mut refusal = vec![0x20, 21];
    refusal.extend([0; 8]);
    refusal.push(21);
    refusal.extend([0; 12]);
    for version in 1..=6 {
        let mut deframer = Deframer::new();
        deframer.push(&refusal);
        match deframer.next(ProtocolVersion(version)) {
            Ok(Some(Packet::Connack(connack))) => assert_eq!(connack.reason, ReasonCode::CLIENT_KEY_IS_EMPTY),
            other => panic!("{other:?}"),
        }
        assert_eq!(deframer.buffered(), 0);
    }
}
