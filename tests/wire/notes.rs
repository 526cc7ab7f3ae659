//! The literal bytes of the protocol's description.

use jindou::id::{MessageId, MessageSeq, person_channel_id};
use jindou::wire::{Decoded, Disconnect, Flags, Packet, ProtocolVersion, ReasonCode, Recvack, decode, encode};

fn bytes(packet: &Packet, version: u8) -> Vec<u8> {
    let mut out = Vec::new();
    encode(packet, ProtocolVersion(version), &mut out).expect("encodes");
    assert_eq!(decode(&out, ProtocolVersion(version)), Ok(Decoded::Packet(packet.clone(), out.len())));
    out
}

#[test]
fn a_recvack_of_version_5_has_a_short_seq_and_of_version_6_a_long_one() {
    let packet = Packet::Recvack(Recvack {
        flags: Flags::default(),
        message_id: MessageId(1_230_126_361_870_762_001),
        message_seq: MessageSeq(7),
    });
    assert_eq!(bytes(&packet, 5).len(), 14);
    assert_eq!(bytes(&packet, 6).len(), 18);
}

#[test]
fn a_disconnect_is_laid_out_as_described() {
    let packet = Packet::Disconnect(Disconnect {
        flags: Flags::default(),
        reason: ReasonCode::CONNECT_KICK,
        reason_text: "login in other device".into(),
    });
    assert_eq!(bytes(&packet, 5), b"\x90\x18\x0c\x00\x15login in other device");
}

#[test]
fn the_person_channel_puts_the_greater_checksum_first() {
    assert_eq!(person_channel_id("u1", "u2"), "u2@u1");
    assert_eq!(person_channel_id("bob", "alice"), "bob@alice");
}
