//! The debugging tool answers every line, whatever is in it.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::{ask, list, load, text};
use crate::notation::answer;

fn error_of(line: &[u8]) -> String {
    let answer = answer(line);
    assert!(!answer.contains('\n'));
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["outcome"], "error", "{answer}");
    text(&answer, "error").into()
}

#[test]
fn a_line_that_is_no_question_gets_an_error() {
    for line in [
        "",
        "\u{feff}{}",
        "decode",
        "[]",
        "null",
        "{}",
        r#"{"op":"decode"}"#,
        r#"{"op":"decode","version":5}"#,
        r#"{"op":"decode","version":5,"hex":5}"#,
        r#"{"op":"decode","version":5,"hex":"7"}"#,
        r#"{"op":"decode","version":5,"hex":"7g"}"#,
        r#"{"op":"decode","version":5,"hex":"é"}"#,
        r#"{"op":"decode","version":5.5,"hex":"70"}"#,
        r#"{"op":"decode","version":-1,"hex":"70"}"#,
        r#"{"op":"decode","version":0,"hex":"70"}"#,
        r#"{"op":"decode","version":7,"hex":"70"}"#,
        r#"{"op":"decode","version":300,"hex":"70"}"#,
        r#"{"op":"code","version":5,"hex":"70"}"#,
        r#"{"op":"encode","version":5}"#,
        r#"{"op":"encode","version":5,"packet":7}"#,
        r#"{"op":"encode","version":5,"packet":{}}"#,
        r#"{"op":"encode","version":5,"packet":{"kind":"HELLO"}}"#,
        r#"{"op":"encode","version":5,"packet":{"kind":"PING","flags":7}}"#,
        r#"{"op":"encode","version":5,"packet":{"kind":"PING","flags":{"dup":1}}}"#,
        r#"{"op":"encode","version":5,"packet":{"kind":"DISCONNECT","reasonCode":256,"reason":""}}"#,
        r#"{"op":"encode","version":5,"packet":{"kind":"DISCONNECT","reasonCode":1,"reason":{"hex":"x"}}}"#,
        r#"{"op":"encode","version":5,"packet":{"kind":"RECVACK","messageId":"9223372036854775808","messageSeq":"1"}}"#,
        r#"{"op":"encode","version":5,"packet":{"kind":"RECVACK","messageId":"1","messageSeq":"99999999999999999999999999999999999999999"}}"#,
        r#"{"op":"encode","version":5,"packet":{"kind":"UNKNOWN","type":5,"body":""}}"#,
        r#"{"op":"open","version":5,"hex":"70"}"#,
        r#"{"op":"open","version":5,"clientPriv":"00","serverKey":"","salt":"","hex":"70"}"#,
    ] {
        assert!(!error_of(line.as_bytes()).is_empty());
    }
    error_of(b"\xff\xfe");
    error_of("[".repeat(100_000).as_bytes());
}

#[test]
fn open_verifies_and_decrypts_the_recvs_of_the_vectors() {
    let crypto = load("crypto.json");
    let mut opened = 0;
    for session in list(&crypto, "sessions") {
        for case in list(session, "recv") {
            let mut question = json!({
                "op": "open",
                "version": case["frame"]["version"],
                "clientPriv": session["clientPriv"],
                "serverKey": session["serverKey"],
                "salt": session["salt"],
                "hex": case["frame"]["hex"],
            });
            let answer = ask(&question);
            assert_eq!(answer["outcome"], "opened", "{answer}");
            assert_eq!(answer["plaintextHex"], case["plaintextHex"]);
            assert_eq!(answer["packet"]["msgKey"], case["msgKey"]);
            opened += 1;

            question["salt"] = json!("another salt, ok");
            error_of(question.to_string().as_bytes());
            question["salt"] = json!("short");
            assert_eq!(error_of(question.to_string().as_bytes()), "the salt has 5 bytes, less than 16");
            question["serverKey"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
            question["salt"] = session["salt"].clone();
            assert_eq!(error_of(question.to_string().as_bytes()), "the public key is of low order");
            question["serverKey"] = json!("");
            assert_eq!(ask(&question)["plaintextHex"], answer["packet"]["payload"]);
            question["hex"] = json!("80");
            assert_eq!(error_of(question.to_string().as_bytes()), "PONG is not a RECV");
            question["hex"] = json!("5274");
            assert_eq!(error_of(question.to_string().as_bytes()), "the packet is not complete");
        }
    }
    assert_eq!(opened, 62);
}

#[test]
fn a_packet_of_no_known_kind_comes_through_both_ways() {
    let answer = ask(&json!({ "op": "decode", "version": 6, "hex": "dd03616263ff" }));
    let flags = json!({ "dup": true, "syncOnce": true, "redDot": false, "noPersist": true, "hasServerVersion": false });
    let packet = json!({ "kind": "UNKNOWN", "flags": flags, "type": 13, "body": "616263" });
    assert_eq!(answer, json!({ "outcome": "packet", "packet": packet, "consumed": 5 }));
    let answer = ask(&json!({ "op": "encode", "version": 6, "packet": packet }));
    assert_eq!(answer, json!({ "outcome": "bytes", "hex": "dd03616263" }));
}

#[test]
fn an_answer_is_one_line_for_every_reader() {
    let reason = "a\nb\r\u{85}c\u{2028}d\u{2029}\u{c}e";
    let packet = json!({ "kind": "DISCONNECT", "reasonCode": 12, "reason": reason });
    let encoded = ask(&json!({ "op": "encode", "version": 5, "packet": packet }));
    let line = answer(json!({ "op": "decode", "version": 5, "hex": encoded["hex"] }).to_string().as_bytes());
    assert!(line.chars().all(|c| !c.is_control() && c != '\u{2028}' && c != '\u{2029}'), "{line}");
    let decoded: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(decoded["packet"]["reason"], reason);
}

proptest! {
    #[test]
    fn random_bytes_in_hex_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..80), version in 1..7_u8) {
        let hex = crate::notation::to_hex(&bytes);
        let decoded = ask(&json!({ "op": "decode", "version": version, "hex": hex }));
        prop_assert!(["packet", "needMore", "error"].contains(&text(&decoded, "outcome")));
        if decoded["outcome"] == "packet" {
            let encoded = ask(&json!({ "op": "encode", "version": version, "packet": decoded["packet"] }));
            prop_assert!(["bytes", "error"].contains(&text(&encoded, "outcome")));
        }
    }

    #[test]
    fn random_lines_are_answered(line in proptest::collection::vec(any::<u8>(), 0..60)) {
        error_of(&line);
    }
}
