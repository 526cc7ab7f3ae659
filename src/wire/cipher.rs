//! The cipher of a session: X25519 for the key, AES-128-CBC for payloads, and msgKey, a keyed checksum over what a
//! server or a proxy must not change.
//!
//! ```text
//! key     = first 16 characters of hex(md5(base64(x25519(own secret, peer's public))))
//! iv      = first 16 bytes of CONNACK's salt, the same for every packet in both directions
//! payload = base64(aes-cbc(plaintext))
//! msgKey  = hex(md5(base64(aes-cbc(fields ‖ payload))))
//! ```
//!
//! It is the protocol's scheme and not a good one: equal beginnings of messages look equal, and nobody knows who the
//! peer is. What protects a session is TLS.

use std::fmt;

use aes::Aes128;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use md5::{Digest, Md5};
use x25519_dalek::{PublicKey, StaticSecret, X25519_BASEPOINT_BYTES};

use super::error::CipherError;
use super::lanes;
use super::packet::{Recv, Send};
use super::text::Text;

pub(super) const BLOCK: usize = 16;

/// One side's X25519 key pair, made anew for every connection.
pub struct KeyPair(StaticSecret);

impl KeyPair {
    /// The seed is the secret key; it must be random.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(StaticSecret::from(seed))
    }

    /// What CONNECT or CONNACK carries.
    pub fn public_key(&self) -> Text {
        // The ladder that `accept` needs anyway; `PublicKey::from` would bring the curve's other form along.
        Text::from(STANDARD.encode(self.0.diffie_hellman(&PublicKey::from(X25519_BASEPOINT_BYTES)).as_bytes()))
    }

    /// The client's side: a cipher from what CONNACK carries. An empty server key means that encryption is off.
    pub fn agree(&self, server_key: &Text, salt: &Text) -> Result<Cipher, CipherError> {
        if server_key.is_empty() { Ok(Cipher::plain()) } else { self.accept(server_key, salt) }
    }

    /// The server's side: a cipher from CONNECT's client key and the salt that the server chose.
    pub fn accept(&self, client_key: &Text, salt: &Text) -> Result<Cipher, CipherError> {
        let public = STANDARD.decode(client_key.as_bytes()).map_err(|_| CipherError::KeyEncoding)?;
        let public: [u8; 32] =
            public.try_into().map_err(|bytes: Vec<u8>| CipherError::KeyLength { length: bytes.len() })?;
        let iv = *salt.as_bytes().first_chunk::<BLOCK>().ok_or(CipherError::SaltTooShort { length: salt.len() })?;
        let shared = self.0.diffie_hellman(&PublicKey::from(public));
        if !shared.was_contributory() {
            return Err(CipherError::KeyOfLowOrder);
        }
        let digest = hex(Md5::digest(STANDARD.encode(shared.as_bytes())).into());
        let mut key = [0; BLOCK];
        key.copy_from_slice(&digest[..BLOCK]);
        Ok(Cipher(Some(Sealer { aes: Aes128::new(&key.into()), iv })))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair")
    }
}

/// Seals and opens the payloads of one session, or passes them through where encryption is off.
#[derive(Clone)]
pub struct Cipher(Option<Sealer>);

impl Cipher {
    /// The cipher of a session without encryption.
    pub const fn plain() -> Self {
        Self(None)
    }

    pub const fn is_plain(&self) -> bool {
        self.0.is_none()
    }

    /// Turns the payload from plaintext into what is sent and sets msgKey. The other fields must be final, stream and
    /// topic, setting and expire aside, which msgKey does not cover.
    pub fn seal_send(&self, send: &mut Send) {
        send.msg_key = Text::new();
        if let Some(sealer) = &self.0 {
            send.payload = sealer.seal(&send.payload);
            let mut covered = Vec::new();
            covered_by_send(send, &mut covered);
            send.msg_key = Text::from_bytes(sealer.msg_key(&covered));
        }
    }

    /// The plaintext of a SEND, once its msgKey is found right. A server needs it, a client does not.
    pub fn open_send(&self, send: &Send) -> Result<Vec<u8>, CipherError> {
        let Some(sealer) = &self.0 else { return Ok(send.payload.clone()) };
        let mut covered = Vec::new();
        covered_by_send(send, &mut covered);
        sealer.verify(&covered, &send.msg_key)?;
        sealer.unseal(&send.payload)
    }

    /// Turns the payload from plaintext into what is sent and sets msgKey. A server needs it, a client does not.
    pub fn seal_recv(&self, recv: &mut Recv) {
        recv.msg_key = Text::new();
        if let Some(sealer) = &self.0 {
            recv.payload = sealer.seal(&recv.payload);
            let mut covered = Vec::new();
            covered_by_recv(recv, &mut covered);
            recv.msg_key = Text::from_bytes(sealer.msg_key(&covered));
        }
    }

    /// The plaintexts of RECVs, in their order, each once its msgKey is found right. Together they are opened at less
    /// than half the cost of one by one. The setting's NoEncrypt bit is ignored, as by the servers that send it.
    pub fn open(&self, recvs: &[Recv]) -> Vec<Result<Vec<u8>, CipherError>> {
        match &self.0 {
            Some(sealer) => lanes::open(&sealer.aes, &sealer.iv, recvs),
            None => recvs.iter().map(|recv| Ok(recv.payload.clone())).collect(),
        }
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_plain() { "Cipher(plain)" } else { "Cipher(sealed)" })
    }
}

/// The key schedule, made once, and the initial vector.
#[derive(Clone)]
struct Sealer {
    aes: Aes128,
    iv: [u8; BLOCK],
}

impl Sealer {
    fn encrypt(&self, plaintext: &[u8]) -> Vec<u8> {
        cbc::Encryptor::inner_iv_init(&self.aes, &self.iv.into()).encrypt_padded_vec::<Pkcs7>(plaintext)
    }

    fn seal(&self, plaintext: &[u8]) -> Vec<u8> {
        STANDARD.encode(self.encrypt(plaintext)).into_bytes()
    }

    fn msg_key(&self, covered: &[u8]) -> [u8; 32] {
        hex(Md5::digest(STANDARD.encode(self.encrypt(covered))).into())
    }

    fn verify(&self, covered: &[u8], msg_key: &Text) -> Result<(), CipherError> {
        if same(&self.msg_key(covered), msg_key.as_bytes()) { Ok(()) } else { Err(CipherError::MsgKeyMismatch) }
    }

    fn unseal(&self, payload: &[u8]) -> Result<Vec<u8>, CipherError> {
        let ciphertext = STANDARD.decode(payload).map_err(|_| CipherError::PayloadEncoding)?;
        let length = ciphertext.len();
        if length == 0 || length % BLOCK != 0 {
            return Err(CipherError::PayloadLength { length });
        }
        cbc::Decryptor::inner_iv_init(&self.aes, &self.iv.into())
            .decrypt_padded_vec::<Pkcs7>(&ciphertext)
            .map_err(|_| CipherError::Padding)
    }
}

/// Appends what the msgKey of a SEND covers.
fn covered_by_send(send: &Send, out: &mut Vec<u8>) {
    decimal(send.client_seq.0.into(), out);
    out.extend_from_slice(send.client_msg_no.as_bytes());
    out.extend_from_slice(send.channel_id.as_bytes());
    decimal(send.channel_type.0.into(), out);
    out.extend_from_slice(&send.payload);
}

/// Appends what the msgKey of a RECV covers.
pub(super) fn covered_by_recv(recv: &Recv, out: &mut Vec<u8>) {
    signed_decimal(recv.message_id.0, out);
    decimal(recv.message_seq.0, out);
    out.extend_from_slice(recv.client_msg_no.as_bytes());
    signed_decimal(recv.timestamp.into(), out);
    out.extend_from_slice(recv.from_uid.as_bytes());
    out.extend_from_slice(recv.channel_id.as_bytes());
    decimal(recv.channel_type.0.into(), out);
    out.extend_from_slice(&recv.payload);
}

/// Compares in a time that does not tell where the first difference is.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

pub(super) fn hex(digest: [u8; 16]) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

fn signed_decimal(number: i64, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    decimal(number.unsigned_abs(), out);
}

/// Digits without the formatting machinery: it runs several times a packet.
fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::id::{ChannelType, MessageId, MessageSeq};
    use crate::wire::{Flags, Setting};

    /// How a packet is spoiled between its sender and us.
    #[derive(Clone, Copy, Debug)]
    enum Fault {
        None,
        ChangePayload,
        ChangeMsgKey,
        CutPayload,
        /// Sealed anew by someone who has the key, over a payload that is no ciphertext.
        Reseal(&'static [u8]),
    }

    fn fault() -> impl Strategy<Value = Fault> {
        prop_oneof![
            6 => Just(Fault::None),
            1 => Just(Fault::ChangePayload),
            1 => Just(Fault::ChangeMsgKey),
            1 => Just(Fault::CutPayload),
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

    fn recv(plaintext: Vec<u8>, names: Vec<u8>, id: i64, seq: u64, timestamp: i32) -> Recv {
        Recv {
            flags: Flags::default(),
            setting: Setting(0),
            msg_key: Text::new(),
            from_uid: Text::from_bytes(names.clone()),
            channel_id: "g1".into(),
            channel_type: ChannelType::GROUP,
            expire: 0,
            client_msg_no: Text::from_bytes(names),
            stream: None,
            message_id: MessageId(id),
            message_seq: MessageSeq(seq),
            timestamp,
            topic: None,
            payload: plaintext,
        }
    }

    fn sealer(key: [u8; 16], iv: [u8; 16]) -> Sealer {
        Sealer { aes: Aes128::new(&key.into()), iv }
    }

    fn open_naively(sealer: &Sealer, recv: &Recv) -> Result<Vec<u8>, CipherError> {
        let mut covered = Vec::new();
        covered_by_recv(recv, &mut covered);
        sealer.verify(&covered, &recv.msg_key)?;
        sealer.unseal(&recv.payload)
    }

    proptest! {
        #[test]
        fn packets_opened_side_by_side_are_as_if_opened_one_by_one(
            key: [u8; 16],
            iv: [u8; 16],
            packets in vec(
                (vec(any::<u8>(), 0..700), vec(any::<u8>(), 0..40), any::<i64>(), any::<u64>(), any::<i32>(), fault()),
                0..40,
            ),
        ) {
            let sealer = sealer(key, iv);
            let cipher = Cipher(Some(sealer.clone()));
            let mut expected = Vec::new();
            let mut recvs = Vec::new();
            for (plaintext, names, id, seq, timestamp, fault) in packets {
                let mut recv = recv(plaintext.clone(), names, id, seq, timestamp);
                cipher.seal_recv(&mut recv);
                match fault {
                    Fault::None => {}
                    Fault::ChangePayload => recv.payload[3] ^= 1,
                    Fault::ChangeMsgKey => recv.msg_key = "ed750d0dad1c8f6993e6d4081b1b3fdb".into(),
                    Fault::CutPayload => { recv.payload.pop(); }
                    Fault::Reseal(payload) => {
                        recv.payload = payload.to_vec();
                        let mut covered = Vec::new();
                        covered_by_recv(&recv, &mut covered);
                        recv.msg_key = Text::from_bytes(sealer.msg_key(&covered));
                    }
                }
                expected.push((fault, plaintext));
                recvs.push(recv);
            }
            let opened = cipher.open(&recvs);
            prop_assert_eq!(opened.len(), recvs.len());
            for ((recv, opened), (fault, plaintext)) in recvs.iter().zip(opened).zip(expected) {
                prop_assert_eq!(&opened, &open_naively(&sealer, recv));
                match fault {
                    Fault::None => prop_assert_eq!(opened, Ok(plaintext)),
                    // Whole blocks of nonsense may happen to end like a padding.
                    Fault::Reseal(_) => {}
                    _ => prop_assert_eq!(opened, Err(CipherError::MsgKeyMismatch)),
                }
            }
        }
    }

    #[test]
    fn a_hand_over_larger_than_one_group_opens() {
        let cipher = Cipher(Some(sealer([7; 16], [9; 16])));
        let plaintexts: Vec<Vec<u8>> = (0..60_usize).map(|n| vec![n as u8; n * 97 % 5000]).collect();
        let recvs: Vec<Recv> = plaintexts
            .iter()
            .map(|plaintext| {
                let mut recv = recv(plaintext.clone(), b"u1".to_vec(), 1, 1, 1);
                cipher.seal_recv(&mut recv);
                recv
            })
            .collect();
        let opened: Result<Vec<_>, _> = cipher.open(&recvs).into_iter().collect();
        assert_eq!(opened, Ok(plaintexts));
    }

    #[test]
    fn every_field_that_the_msg_key_covers_is_checked_and_no_other() {
        let cipher = Cipher(Some(sealer([1; 16], [2; 16])));
        let mut sealed = recv(b"hello".to_vec(), b"u1".to_vec(), -5, u64::MAX, i32::MIN);
        cipher.seal_recv(&mut sealed);
        let opens = |change: &dyn Fn(&mut Recv)| {
            let mut changed = sealed.clone();
            change(&mut changed);
            cipher.open(&[changed])[0].is_ok()
        };
        assert!(opens(&|_| {}));
        let covered: [&dyn Fn(&mut Recv); 8] = [
            &|recv| recv.message_id = MessageId(5),
            &|recv| recv.message_seq = MessageSeq(1),
            &|recv| recv.client_msg_no = "u2".into(),
            &|recv| recv.timestamp = 0,
            &|recv| recv.from_uid = Text::new(),
            &|recv| recv.channel_id = "g2".into(),
            &|recv| recv.channel_type = ChannelType::PERSON,
            &|recv| recv.payload.clear(),
        ];
        assert!(covered.iter().all(|change| !opens(change)));
        let free: [&dyn Fn(&mut Recv); 5] = [
            &|recv| recv.setting = Setting::NO_ENCRYPT,
            &|recv| recv.flags.dup = true,
            &|recv| recv.expire = 9,
            &|recv| recv.topic = Some("t".into()),
            &|recv| recv.stream = None,
        ];
        assert!(free.iter().all(|change| opens(change)));
    }

    #[test]
    fn a_padding_is_checked_to_its_first_byte() {
        let sealer = sealer([3; 16], [4; 16]);
        let cipher = Cipher(Some(sealer.clone()));
        let with_tail = |tail: &[u8]| {
            let mut block = [0x41; 16];
            block[16 - tail.len()..].copy_from_slice(tail);
            // The first block of a longer encryption is the encryption of the first block.
            let ciphertext = &sealer.encrypt(&block)[..16];
            let mut recv = recv(Vec::new(), Vec::new(), 1, 1, 1);
            recv.payload = STANDARD.encode(ciphertext).into_bytes();
            let mut covered = Vec::new();
            covered_by_recv(&recv, &mut covered);
            recv.msg_key = Text::from_bytes(sealer.msg_key(&covered));
            cipher.open(&[recv]).remove(0)
        };
        assert_eq!(with_tail(&[1]), Ok(vec![0x41; 15]));
        assert_eq!(with_tail(&[2, 2]), Ok(vec![0x41; 14]));
        assert_eq!(with_tail(&[16; 16]), Ok(Vec::new()));
        for wrong in [&[0][..], &[3, 2], &[17], &[255], &[16], &[1, 3, 3]] {
            assert_eq!(with_tail(wrong), Err(CipherError::Padding), "{wrong:?}");
        }
    }

    #[test]
    fn what_holds_keys_prints_none() {
        let pair = KeyPair::from_seed([42; 32]);
        assert_eq!(format!("{pair:?}"), "KeyPair");
        assert_eq!(format!("{:?}", Cipher(Some(sealer([1; 16], [2; 16])))), "Cipher(sealed)");
    }
}
