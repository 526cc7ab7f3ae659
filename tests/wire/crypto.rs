//! Keys, payloads and checksums against those that the servers' functions made.

use aes::Aes128;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use jindou::id::{ChannelType, ClientSeq, MessageId, MessageSeq, person_channel_id};
use jindou::wire::{
    Cipher, CipherError, Flags, KeyPair, Packet, ProtocolVersion, Recv, Send, Setting, Text, encode, encoded_len,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::fixtures::{bytes, cases, list, load, text};
use crate::notation::to_hex;

/// A pair whose secret is written in a fixture.
pub fn key_pair(case: &Value, name: &str) -> KeyPair {
    KeyPair::from_seed(bytes(case, name).try_into().expect("32 bytes"))
}

/// Whether the cipher has this AES key, which it tells nobody.
pub fn has_key(cipher: &Cipher, aes_key: &str, salt: &[u8]) -> bool {
    let iv = <[u8; 16]>::try_from(&salt[..16]).expect("16 bytes");
    let key = <[u8; 16]>::try_from(aes_key.as_bytes()).expect("16 bytes");
    let sealed = cbc::Encryptor::<Aes128>::new(&key.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(b"probe");
    let mut send = send(&Value::Null, b"probe".to_vec());
    cipher.seal_send(&mut send);
    send.payload == STANDARD.encode(sealed).into_bytes()
}

fn send(case: &Value, payload: Vec<u8>) -> Send {
    let string = |name: &str| Text::from(case[name].as_str().unwrap_or_default());
    Send {
        flags: Flags::default(),
        setting: Setting::default(),
        client_seq: ClientSeq(number(case, "clientSeq")),
        client_msg_no: string("clientMsgNo"),
        stream_no: None,
        channel_id: string("channelId"),
        channel_type: ChannelType(number(case, "channelType")),
        expire: 0,
        msg_key: string("msgKey"),
        topic: None,
        payload,
    }
}

fn recv(case: &Value, payload: Vec<u8>) -> Recv {
    Recv {
        flags: Flags::default(),
        setting: Setting::default(),
        msg_key: Text::new(),
        from_uid: text(case, "fromUid").into(),
        channel_id: text(case, "channelId").into(),
        channel_type: ChannelType(number(case, "channelType")),
        expire: 0,
        client_msg_no: text(case, "clientMsgNo").into(),
        stream: None,
        message_id: MessageId(text(case, "messageId").parse().expect("an id")),
        message_seq: MessageSeq(text(case, "messageSeq").parse().expect("a seq")),
        timestamp: number(case, "timestamp"),
        topic: None,
        payload,
    }
}

fn number<T: TryFrom<i64>>(case: &Value, name: &str) -> T {
    T::try_from(case[name].as_i64().unwrap_or_default()).unwrap_or_else(|_| panic!("{name} in {case}"))
}

fn assert_on_wire(case: &Value, payload: &[u8]) {
    match &case["payloadOnWire"] {
        Value::String(expected) => assert_eq!(payload, expected.as_bytes(), "{case}"),
        digest => {
            assert_eq!(digest["length"], payload.len());
            assert_eq!(text(digest, "sha256"), to_hex(&Sha256::digest(payload)));
        }
    }
}

fn assert_frame(case: &Value, packet: &Packet) {
    let version = ProtocolVersion(number(&case["frame"], "version"));
    let mut out = Vec::new();
    encode(packet, version, &mut out).expect("encodes");
    assert_eq!(to_hex(&out), text(&case["frame"], "hex"), "{}", case["name"]);
    assert_eq!(encoded_len(packet, version), Ok(out.len()));
}

#[test]
fn sessions_seal_and_open_as_the_servers_do() {
    let (mut payloads, mut sends, mut recvs) = (0, 0, 0);
    let crypto = load("crypto.json");
    assert_eq!(list(&crypto, "sessions").len(), 6);
    for session in list(&crypto, "sessions") {
        let (client, server) = (key_pair(session, "clientPriv"), key_pair(session, "serverPriv"));
        assert_eq!(client.public_key(), text(session, "clientKey"));
        assert_eq!(server.public_key(), text(session, "serverKey"));
        let salt = text(session, "salt").into();
        let ours = client.agree(&server.public_key(), &salt).expect("a good key");
        let theirs = server.accept(&client.public_key(), &salt).expect("a good key");
        assert!(has_key(&ours, text(session, "aesKey"), salt.as_bytes()));
        assert!(has_key(&theirs, text(session, "aesKey"), salt.as_bytes()));

        for case in list(session, "payloads") {
            let plaintext = bytes(case, "plaintextHex");
            let mut packet = send(case, plaintext.clone());
            ours.seal_send(&mut packet);
            assert_on_wire(case, &packet.payload);
            assert_eq!(theirs.open_send(&packet), Ok(plaintext));
            payloads += 1;
        }
        for case in list(session, "send") {
            let plaintext = bytes(case, "plaintextHex");
            let mut packet = send(case, plaintext.clone());
            ours.seal_send(&mut packet);
            assert_on_wire(case, &packet.payload);
            assert_eq!(packet.msg_key, text(case, "msgKey"), "{}", case["name"]);
            assert_eq!(theirs.open_send(&packet), Ok(plaintext));
            assert_frame(case, &Packet::Send(packet));
            sends += 1;
        }
        let mut sealed = Vec::new();
        let mut plaintexts = Vec::new();
        for case in list(session, "recv") {
            let mut packet = recv(case, bytes(case, "plaintextHex"));
            theirs.seal_recv(&mut packet);
            assert_on_wire(case, &packet.payload);
            assert_eq!(packet.msg_key, text(case, "msgKey"), "{}", case["name"]);
            assert_frame(case, &Packet::Recv(packet.clone()));
            sealed.push(packet);
            plaintexts.push(Ok(bytes(case, "plaintextHex")));
            recvs += 1;
        }
        assert_eq!(ours.open(&sealed), plaintexts);
        for (packet, plaintext) in sealed.iter().zip(plaintexts) {
            assert_eq!(ours.open(std::slice::from_ref(packet)), [plaintext]);
        }
    }
    assert_eq!((payloads, sends, recvs), (60, 34, 62));
}

/// Keys that version 3 takes and we do not: no implementation of X25519 writes its keys so.
const STRICTER_KEYS: [&str; 2] = ["newline-inside", "unused-bits-set"];

#[test]
fn public_keys_are_refused_that_make_no_secret() {
    let salt = Text::from("0123456789ABCDEF");
    let crypto = load("crypto.json");
    let pair = key_pair(&crypto["publicKeys"], "serverPriv");
    let cases = list(&crypto["publicKeys"], "cases");
    assert_eq!(cases.len(), 30);
    let (mut good, mut low_order, mut stricter) = (0, 0, 0);
    for case in cases {
        let name = text(case, "name");
        let key = Text::from(text(case, "clientKey"));
        let accepted = pair.accept(&key, &salt);
        match (&accepted, text(&case["v3"], "outcome")) {
            (Ok(cipher), "session") => {
                assert!(has_key(cipher, text(&case["v3"], "aesKey"), salt.as_bytes()), "{name}");
                good += 1;
            }
            (Err(CipherError::KeyEncoding), "session") if STRICTER_KEYS.contains(&name) => stricter += 1,
            (Err(CipherError::KeyOfLowOrder), "error") if name.starts_with("low-order") => low_order += 1,
            (Err(CipherError::KeyLength { .. } | CipherError::KeyEncoding), "error") => {
                assert!(!name.starts_with("low-order"), "{name}");
            }
            (accepted, theirs) => panic!("{name}: {accepted:?} against {theirs}"),
        }
        // A client meets the same keys as a server does, but an empty one tells it that encryption is off.
        let agreed = pair.agree(&key, &salt);
        if key.is_empty() {
            assert!(agreed.is_ok_and(|cipher| cipher.is_plain()));
        } else {
            assert_eq!(agreed.map(|_| ()), accepted.map(|_| ()), "{name}");
        }
    }
    assert_eq!((good, low_order, stricter), (4, 13, STRICTER_KEYS.len()));
}

#[test]
fn of_a_salt_the_first_16_bytes_count_and_must_be_there() {
    let pair = KeyPair::from_seed([1; 32]);
    let key = KeyPair::from_seed([2; 32]).public_key();
    let sealed = |salt: &str| {
        let mut packet = send(&Value::Null, b"hello".to_vec());
        pair.agree(&key, &salt.into()).expect("a cipher").seal_send(&mut packet);
        packet.payload
    };
    assert_eq!(sealed("0123456789ABCDEF"), sealed("0123456789ABCDEF and more"));
    assert_ne!(sealed("0123456789ABCDEF"), sealed("0123456789ABCDEf"));
    let short = pair.agree(&key, &"0123456789ABCDE".into());
    assert_eq!(short.map(|_| ()), Err(CipherError::SaltTooShort { length: 15 }));
}

/// SENDs that both servers open and we do not: Go's base64 skips line ends.
const STRICTER_PAYLOADS: [&str; 2] = ["base64-with-newline", "base64-with-crlf-at-end"];

#[test]
fn sends_with_wrong_payloads_or_checksums_are_refused() {
    let crypto = load("crypto.json");
    let session = &list(&crypto, "sessions")[0];
    assert_eq!(crypto["openSend"]["session"], session["name"]);
    let cipher = key_pair(session, "serverPriv")
        .accept(&text(session, "clientKey").into(), &text(session, "salt").into())
        .expect("a good key");
    let cases = list(&crypto["openSend"], "cases");
    assert_eq!(cases.len(), 27);
    let (mut opened, mut mismatches, mut stricter) = (0, 0, 0);
    for case in cases {
        let name = text(case, "name");
        let result = cipher.open_send(&send(case, text(case, "payloadOnWire").as_bytes().to_vec()));
        match (result, text(&case["v3"], "outcome")) {
            (Ok(plaintext), "plaintext") => {
                assert_eq!(to_hex(&plaintext), text(&case["v3"], "plaintextHex"), "{name}");
                opened += 1;
            }
            (Err(CipherError::PayloadEncoding), "plaintext") if STRICTER_PAYLOADS.contains(&name) => stricter += 1,
            (Err(error), "error" | "panic") => {
                let mismatch = name.starts_with("msg-key") || name.ends_with("msg-key-not");
                assert_eq!(error == CipherError::MsgKeyMismatch, mismatch, "{name}: {error}");
                mismatches += usize::from(mismatch);
            }
            (result, theirs) => panic!("{name}: {result:?} against {theirs}"),
        }
    }
    assert_eq!((opened, mismatches, stricter), (2, 5, STRICTER_PAYLOADS.len()));
}

#[test]
fn without_encryption_payloads_pass_as_they_are() {
    let cipher = KeyPair::from_seed([1; 32]).agree(&Text::new(), &Text::new()).expect("off");
    assert!(cipher.is_plain());
    let mut packet = send(&Value::Null, b"hello".to_vec());
    cipher.seal_send(&mut packet);
    assert_eq!((packet.payload.as_slice(), packet.msg_key.len()), (b"hello".as_slice(), 0));
    assert_eq!(cipher.open_send(&packet), Ok(b"hello".to_vec()));
}

#[test]
fn person_channels_have_the_ids_that_the_servers_give_them() {
    let cases = cases("person_channel.json");
    assert_eq!(cases.len(), 71);
    let mut ties = 0;
    for case in &cases {
        let (a, b) = (text(case, "a"), text(case, "b"));
        let (ab, ba) = (person_channel_id(a, b), person_channel_id(b, a));
        assert_eq!((ab.as_str(), ba.as_str()), (text(&case["v3"], "ab"), text(&case["v3"], "ba")));
        if case["tie"] == true {
            // Version 2 depends on the order of the two; one of them is ours.
            assert!([&case["v2"]["ab"], &case["v2"]["ba"]].contains(&&Value::from(ab)));
            ties += 1;
        } else {
            assert_eq!((ab.as_str(), ba.as_str()), (text(&case["v2"], "ab"), text(&case["v2"], "ba")));
        }
    }
    assert_eq!(ties, 10);
}
