//! What is sealed and opened together, against the same done one by one with the cipher's own functions.

use aes::Aes128;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use jindou_cipher::{Broken, Sealed, Sealer, md5_hex};
use proptest::collection::vec;
use proptest::prelude::*;

type Packet = (Vec<u8>, [u8; 32], Vec<u8>);

/// How a packet is spoiled between its sender and us.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    ChangePayload,
    ChangeMsgKey,
    CutPayload,
    ChangeCovered,
    /// Sealed anew by someone who has the key, over a payload that is no ciphertext.
    Reseal(&'static [u8]),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(Fault::None),
        1 => Just(Fault::ChangePayload),
        1 => Just(Fault::ChangeMsgKey),
        1 => Just(Fault::CutPayload),
        1 => Just(Fault::ChangeCovered),
        1 => prop::sample::select(vec![
            b"".as_slice(),
            b"!!!!",
            b"AAAAAAAAAAAAAAAAAAAA",
            b"AAAAAAAAAAAAAAAAAAAAAA==",
            b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ])
        .prop_map(Fault::Reseal),
    ]
}

/// The fields, then the payload, as a msgKey covers them.
fn covered(fields: &[u8], payload: &[u8]) -> Vec<u8> {
    [fields, payload].concat()
}

fn open(sealer: &Sealer, packets: &[Packet]) -> Vec<Result<Vec<u8>, Broken>> {
    let sealed: Vec<Sealed<'_>> = packets.iter().map(|(payload, msg_key, _)| Sealed { msg_key, payload }).collect();
    sealer.open(&sealed, &|index, out| {
        let (payload, _, fields) = &packets[index];
        out.extend_from_slice(&covered(fields, payload));
    })
}

fn open_naively(key: [u8; 16], iv: [u8; 16], (payload, msg_key, fields): &Packet) -> Result<Vec<u8>, Broken> {
    let encrypted =
        cbc::Encryptor::<Aes128>::new(&key.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(&covered(fields, payload));
    if md5_hex(STANDARD.encode(encrypted).as_bytes()) != *msg_key {
        return Err(Broken::MsgKey);
    }
    let ciphertext = STANDARD.decode(payload).map_err(|_| Broken::Encoding)?;
    if ciphertext.is_empty() || ciphertext.len() % 16 != 0 {
        return Err(Broken::Length(ciphertext.len()));
    }
    cbc::Decryptor::<Aes128>::new(&key.into(), &iv.into())
        .decrypt_padded_vec::<Pkcs7>(&ciphertext)
        .map_err(|_| Broken::Padding)
}

fn packet(sealer: &Sealer, plaintext: Vec<u8>, fields: Vec<u8>) -> Packet {
    let payload = sealer.seal(plaintext);
    let msg_key = sealer.msg_key(covered(&fields, &payload));
    (payload, msg_key, fields)
}

proptest! {
    #[test]
    fn packets_opened_side_by_side_are_as_if_opened_one_by_one(
        key: [u8; 16],
        iv: [u8; 16],
        given in vec((vec(any::<u8>(), 0..700), vec(any::<u8>(), 0..90), fault()), 0..40),
    ) {
        let sealer = Sealer::new(key, iv);
        let (mut packets, mut expected) = (Vec::new(), Vec::new());
        for (plaintext, fields, fault) in given {
            let mut packet = packet(&sealer, plaintext.clone(), fields);
            match fault {
                Fault::None => {}
                Fault::ChangePayload => packet.0[3] ^= 1,
                Fault::ChangeMsgKey => packet.1[31] ^= 1,
                Fault::CutPayload => { packet.0.pop(); }
                Fault::ChangeCovered => packet.2.insert(0, b'1'),
                Fault::Reseal(payload) => {
                    packet.0 = payload.to_vec();
                    packet.1 = sealer.msg_key(covered(&packet.2, payload));
                }
            }
            expected.push((fault, plaintext));
            packets.push(packet);
        }
        let opened = open(&sealer, &packets);
        prop_assert_eq!(opened.len(), packets.len());
        for ((packet, opened), (fault, plaintext)) in packets.iter().zip(opened).zip(expected) {
            prop_assert_eq!(&opened, &open_naively(key, iv, packet));
            match fault {
                Fault::None => prop_assert_eq!(opened, Ok(plaintext)),
                // Whole blocks of nonsense may happen to end like a padding.
                Fault::Reseal(_) => {}
                _ => prop_assert_eq!(opened, Err(Broken::MsgKey)),
            }
        }
    }
}

#[test]
fn a_hand_over_larger_than_one_group_opens() {
    let sealer = Sealer::new([7; 16], [9; 16]);
    let plaintexts: Vec<Vec<u8>> = (0..60_usize).map(|n| vec![n as u8; n * 97 % 5000]).collect();
    let packets: Vec<Packet> =
        plaintexts.iter().map(|plaintext| packet(&sealer, plaintext.clone(), b"u1".to_vec())).collect();
    let opened: Result<Vec<_>, _> = open(&sealer, &packets).into_iter().collect();
    assert_eq!(opened, Ok(plaintexts));
}

#[test]
fn a_padding_is_checked_to_its_first_byte() {
    let (key, iv) = ([3; 16], [4; 16]);
    let sealer = Sealer::new(key, iv);
    let with_tail = |tail: &[u8]| {
        let mut block = [0x41; 16];
        block[16 - tail.len()..].copy_from_slice(tail);
        // The first block of a longer encryption is the encryption of the first block.
        let ciphertext = cbc::Encryptor::<Aes128>::new(&key.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(&block);
        let payload = STANDARD.encode(&ciphertext[..16]).into_bytes();
        let msg_key = sealer.msg_key(payload.clone());
        open(&sealer, &[(payload, msg_key, Vec::new())]).remove(0)
    };
    assert_eq!(with_tail(&[1]), Ok(vec![0x41; 15]));
    assert_eq!(with_tail(&[2, 2]), Ok(vec![0x41; 14]));
    assert_eq!(with_tail(&[16; 16]), Ok(Vec::new()));
    for wrong in [&[0][..], &[3, 2], &[17], &[255], &[16], &[1, 3, 3]] {
        assert_eq!(with_tail(wrong), Err(Broken::Padding), "{wrong:?}");
    }
}

#[test]
fn what_holds_keys_prints_none() {
    assert_eq!(format!("{:?}", Sealer::new([1; 16], [2; 16])), "Sealer");
}
