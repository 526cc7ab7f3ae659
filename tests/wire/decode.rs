//! What the servers' decoders say to bytes, right and wrong; and where we say something else.

use std::collections::BTreeMap;

use jindou::wire::{DecodeError, Deframer, ProtocolVersion};
use serde_json::{Value, json};

use crate::fixtures::{ask, bytes, cases, list, text};
use crate::notation::from_hex;

/// One way in which we differ on purpose.
struct Difference {
    what: &'static str,
    #[expect(dead_code, reason = "for whoever reads the table")]
    why: &'static str,
    /// How many of the cases it accounts for.
    count: usize,
    /// From the case (bytes, codec, the decoder's outcome) and our answer.
    applies: fn(&Case, &Value) -> bool,
}

/// One call of a decoder.
struct Case {
    codec: String,
    version: u64,
    bytes: Vec<u8>,
    theirs: Value,
}

impl Case {
    fn kind(&self) -> u8 {
        self.bytes.first().map_or(0, |first| first >> 4)
    }

    fn says(&self, outcome: &str) -> bool {
        self.theirs["outcome"] == outcome
    }
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        what: "no bytes at all",
        why: "their panic is an accident",
        count: 3,
        applies: |case, ours| case.bytes.is_empty() && case.says("panic") && ours["outcome"] == "needMore",
    },
    Difference {
        what: "stricter: kind 0",
        why: "they wait for more for ever, so that the stream is dead and nobody knows; we close and reconnect",
        count: 63,
        applies: |case, ours| {
            !case.bytes.is_empty()
                && case.kind() == 0
                && case.says("needMore")
                && ours["error"] == DecodeError::KindZero.to_string()
        },
    },
    Difference {
        what: "stricter: a length of more than four bytes",
        why: "they skip a byte and disagree among themselves on how many; no encoder writes it",
        count: 12,
        applies: |case, ours| {
            case.bytes.len() > 4
                && case.bytes[1..5].iter().all(|byte| byte & 0x80 != 0)
                && ours["error"].as_str().is_some_and(|error| error.ends_with("length of more than four bytes"))
        },
    },
    Difference {
        what: "more lenient: kinds 13 to 15",
        why: "a newer server may have them; they are skipped",
        count: 23,
        applies: |case, ours| {
            case.kind() > 12
                && case.says("error")
                && text(&case.theirs, "error").starts_with("不支持")
                && ours["packet"]["kind"] == "UNKNOWN"
        },
    },
    Difference {
        what: "more lenient: CONNACK without a whole node id",
        why: "a session can do without it, and a refusal should be read, whoever wrote it at whatever version",
        count: 46,
        applies: |case, ours| {
            case.kind() == 2
                && case.says("error")
                && text(&case.theirs, "error").contains("NodeId")
                && ours["outcome"] == "packet"
                && ours["packet"].get("nodeId").is_none()
        },
    },
    Difference {
        what: "more lenient: SENDACK with a clientMsgNo, for the codecs that ignore what follows",
        why: "version 3 servers send it at every protocol version",
        count: 8,
        applies: |case, ours| {
            let mut without = ours.clone();
            let packet = without["packet"].as_object_mut();
            let removed = packet.and_then(|packet| packet.remove("clientMsgNo"));
            case.kind() == 4 && case.codec != "v3" && removed.is_some() && same(&case.theirs, &without)
        },
    },
    Difference {
        what: "more lenient: SENDACK with other bytes behind its core, for version 3",
        why: "what follows is no reason to lose the acknowledgement; version 3 refuses it, or guesses another order",
        count: 22,
        applies: |case, ours| {
            if case.bytes.len() <= 2 + if case.version >= 6 { 21 } else { 17 } {
                return false;
            }
            // Whatever follows, the core is read from its fixed place.
            let (_, core) = case.bytes.split_at(2);
            let (id, rest) = core.split_at(8);
            let (client_seq, rest) = rest.split_at(4);
            let (seq, rest) = rest.split_at(if case.version >= 6 { 8 } else { 4 });
            let number = |bytes: &[u8]| bytes.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
            case.kind() == 4
                && case.codec == "v3"
                && ours["packet"]["messageId"] == json!(number(id).cast_signed().to_string())
                && ours["packet"]["clientSeq"] == number(client_seq)
                && ours["packet"]["messageSeq"] == json!(number(seq).to_string())
                && ours["packet"]["reasonCode"] == rest[0]
                && ours["packet"].get("clientMsgNo").is_none()
        },
    },
];

/// Whether two answers say the same; the text of an error is everybody's own.
fn same(theirs: &Value, ours: &Value) -> bool {
    ["outcome", "packet", "consumed"].iter().all(|name| theirs.get(name) == ours.get(name))
}

#[test]
fn bytes_are_read_as_the_servers_decoders_read_them_but_for_the_differences_in_the_table() {
    let mut equal = 0;
    let mut differences: BTreeMap<&str, usize> = DIFFERENCES.iter().map(|row| (row.what, 0)).collect();
    for case in cases("decode.json") {
        let mut rest = bytes(&case, "hex");
        let then = case.get("then").map_or(&[][..], |_| list(&case, "then"));
        for theirs in std::iter::once(&case).chain(then) {
            let call = Case {
                codec: text(&case, "codec").into(),
                version: case["version"].as_u64().expect("a version"),
                bytes: rest.clone(),
                theirs: theirs.clone(),
            };
            let ours = ask(&json!({
                "op": "decode", "version": case["version"], "hex": crate::notation::to_hex(&rest),
            }));
            if same(theirs, &ours) {
                equal += 1;
            } else {
                let rows: Vec<_> = DIFFERENCES.iter().filter(|row| (row.applies)(&call, &ours)).collect();
                assert_eq!(rows.len(), 1, "{}: {theirs} against {ours}", case["name"]);
                *differences.entry(rows[0].what).or_default() += 1;
            }
            match theirs["consumed"].as_u64() {
                Some(consumed) => drop(rest.drain(..usize::try_from(consumed).expect("small"))),
                None => break,
            }
        }
    }
    assert_eq!(differences, DIFFERENCES.iter().map(|row| (row.what, row.count)).collect());
    assert_eq!(equal, 2085);
}

#[test]
fn a_deframer_skips_nothing_and_repeats_its_error() {
    let version = ProtocolVersion(5);
    let mut deframer = Deframer::new();
    deframer.push(&from_hex("80d003616263809018").expect("hex"));
    let kinds = std::iter::from_fn(|| deframer.next(version).expect("no error yet"));
    assert_eq!(kinds.map(|packet| packet.kind().0).collect::<Vec<_>>(), [8, 13, 8]);
    assert_eq!(deframer.buffered(), 2);
    deframer.push(&from_hex("0c00156c6f67696e20696e206f74686572206465766963650080").expect("hex"));
    assert!(matches!(deframer.next(version), Ok(Some(_))));
    assert_eq!(deframer.next(version), Err(DecodeError::KindZero));
    deframer.push(b"\x80\x80");
    assert_eq!(deframer.next(version), Err(DecodeError::KindZero));
    assert_eq!(deframer.buffered(), 0);
}

#[test]
fn a_length_above_a_mebibyte_is_refused_before_its_body_is_waited_for() {
    let mut deframer = Deframer::new();
    deframer.push(&[0x52, 0x80, 0x80]);
    assert_eq!(deframer.next(ProtocolVersion(5)), Ok(None));
    deframer.push(&[0x41]);
    assert!(matches!(deframer.next(ProtocolVersion(5)), Err(DecodeError::TooLarge { length: 1_064_960, .. })));
}
