//! What the servers' codecs write, and what they refuse to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fixtures::{ask, cases, text};

/// Packets that those codecs write and do not read back. Where we differ from the bytes, and why.
const QUIRKS: &[(&str, usize, Encoded, &str)] = &[
    ("CONNACK writes only hasServerVersion", 3, Encoded::Same, "we have no such flags to write"),
    ("PING is always the one byte 70", 3, Encoded::Same, "nor here"),
    ("PONG is always the one byte 80", 3, Encoded::Same, "nor here"),
    ("clientSeq is 64 bits in the Go struct", 3, Encoded::Refused, "a number that is cut is another number"),
    ("SENDACK of GoProto has the field clientMsgNo", 2, Encoded::Other, "version 3 servers do write it"),
    ("a SEND with setting Stream at v5", 3, Encoded::Other, "their length counts a streamNo that is not there"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Encoded {
    Same,
    Other,
    Refused,
}

fn encode(case: &Value) -> Value {
    ask(&json!({ "op": "encode", "version": case["version"], "packet": case["packet"] }))
}

fn decode(version: &Value, hex: &Value) -> Value {
    ask(&json!({ "op": "decode", "version": version, "hex": hex }))
}

#[test]
fn packets_become_the_bytes_that_the_servers_codecs_write_and_come_back() {
    let mut quirks = BTreeMap::new();
    let mut plain = 0;
    for case in cases("frames.json") {
        let name = text(&case, "name");
        let encoded = encode(&case);
        let outcome = match encoded["outcome"].as_str() {
            Some("bytes") if encoded["hex"] == case["hex"] => Encoded::Same,
            Some("bytes") => Encoded::Other,
            _ => Encoded::Refused,
        };
        if let Some(quirk) = case["quirk"].as_str() {
            let row = QUIRKS.iter().find(|row| quirk.starts_with(row.0)).expect(name);
            assert_eq!(outcome, row.2, "{name}: {encoded}");
            *quirks.entry(row.0).or_insert(0) += 1;
            // Whatever we do write comes back as what it says.
            if outcome == Encoded::Other {
                let decoded = decode(&case["version"], &encoded["hex"]);
                assert_eq!(decoded["outcome"], "packet", "{name}");
                assert_eq!(decoded["consumed"], text(&encoded, "hex").len() / 2, "{name}");
            }
            continue;
        }
        assert_eq!(outcome, Encoded::Same, "{name}: {encoded}");
        let mut packet = case["packet"].clone();
        // One bit, two names.
        packet["flags"]["noPersist"] =
            json!(packet["flags"]["noPersist"] == true || packet["flags"]["hasServerVersion"] == true);
        let expected = json!({ "outcome": "packet", "packet": packet, "consumed": text(&case, "hex").len() / 2 });
        assert_eq!(decode(&case["version"], &case["hex"]), expected, "{name}");
        plain += 1;
    }
    assert_eq!(plain, 1266);
    assert_eq!(quirks, QUIRKS.iter().map(|row| (row.0, row.1)).collect());
}

#[test]
fn packets_that_the_servers_codecs_refuse_are_refused() {
    let cases = cases("encode_errors.json");
    assert_eq!(cases.len(), 18);
    for case in cases {
        let encoded = encode(&case);
        assert_eq!(encoded["outcome"], "error", "{}", case["name"]);
        let expected = match text(&case, "name").rsplit('/').next().unwrap_or_default() {
            "payload-32768" => "the payload of SEND has 32768 bytes, more than 32767",
            name if name.starts_with("seq-") => "has a messageSeq above 32 bits, which needs version 6",
            _ => "has 32768 bytes, more than 32767",
        };
        assert!(text(&encoded, "error").ends_with(expected), "{encoded}");
    }
}
