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

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jindou_cipher::{BLOCK, Broken, Sealed, Sealer, md5_hex};
use x25519_dalek::{PublicKey, StaticSecret, X25519_BASEPOINT_BYTES};

use super::error::CipherError;
use super::packet::{Recv, Send};
use super::text::Text;

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
        let digest = md5_hex(STANDARD.encode(shared.as_bytes()).as_bytes());
        let mut key = [0; BLOCK];
        key.copy_from_slice(&digest[..BLOCK]);
        Ok(Cipher(Some(Sealer::new(key, iv))))
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
            send.payload = sealer.seal(core::mem::take(&mut send.payload));
            let mut covered = Vec::new();
            covered_by_send(send, &mut covered);
            send.msg_key = Text::from_bytes(sealer.msg_key(covered));
        }
    }

    /// The plaintext of a SEND, once its msgKey is found right. A server needs it, a client does not.
    pub fn open_send(&self, send: &Send) -> Result<Vec<u8>, CipherError> {
        let Some(sealer) = &self.0 else { return Ok(send.payload.clone()) };
        let packet = Sealed { msg_key: send.msg_key.as_bytes(), payload: &send.payload };
        let mut opened = sealer.open(&[packet], &|_, out| covered_by_send(send, out));
        Ok(opened.pop().unwrap_or(Err(Broken::MsgKey))?)
    }

    /// Turns the payload from plaintext into what is sent and sets msgKey. A server needs it, a client does not.
    pub fn seal_recv(&self, recv: &mut Recv) {
        recv.msg_key = Text::new();
        if let Some(sealer) = &self.0 {
            recv.payload = sealer.seal(core::mem::take(&mut recv.payload));
            let mut covered = Vec::new();
            covered_by_recv(recv, &mut covered);
            recv.msg_key = Text::from_bytes(sealer.msg_key(covered));
        }
    }

    /// The plaintexts of RECVs, in their order, each once its msgKey is found right. Together they are opened at less
    /// than half the cost of one by one. The setting's NoEncrypt bit is ignored, as by the servers that send it.
    pub fn open(&self, recvs: &[Recv]) -> Vec<Result<Vec<u8>, CipherError>> {
        let Some(sealer) = &self.0 else { return recvs.iter().map(|recv| Ok(recv.payload.clone())).collect() };
        let mut packets = Vec::with_capacity(recvs.len());
        for recv in recvs {
            packets.push(Sealed { msg_key: recv.msg_key.as_bytes(), payload: &recv.payload });
        }
        let opened = sealer.open(&packets, &|index, out| covered_by_recv(&recvs[index], out));
        opened.into_iter().map(|opened| opened.map_err(CipherError::from)).collect()
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_plain() { "Cipher(plain)" } else { "Cipher(sealed)" })
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
fn covered_by_recv(recv: &Recv, out: &mut Vec<u8>) {
    signed_decimal(recv.message_id.0, out);
    decimal(recv.message_seq.0, out);
    out.extend_from_slice(recv.client_msg_no.as_bytes());
    signed_decimal(recv.timestamp.into(), out);
    out.extend_from_slice(recv.from_uid.as_bytes());
    out.extend_from_slice(recv.channel_id.as_bytes());
    decimal(recv.channel_type.0.into(), out);
    out.extend_from_slice(&recv.payload);
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
    use super::*;
    use crate::id::{ChannelType, MessageId, MessageSeq};
    use crate::wire::{Flags, Setting};

    fn cipher() -> Cipher {
        Cipher(Some(Sealer::new([1; 16], [2; 16])))
    }

    fn sealed(plaintext: &[u8]) -> Recv {
        let mut recv = Recv {
            flags: Flags::default(),
            setting: Setting(0),
            msg_key: Text::new(),
            from_uid: "u1".into(),
            channel_id: "g1".into(),
            channel_type: ChannelType::GROUP,
            expire: 0,
            client_msg_no: "n1".into(),
            stream: None,
            message_id: MessageId(-5),
            message_seq: MessageSeq(u64::MAX),
            timestamp: i32::MIN,
            topic: None,
            payload: plaintext.to_vec(),
        };
        cipher().seal_recv(&mut recv);
        recv
    }

    #[test]
    fn every_field_that_the_msg_key_covers_is_checked_and_no_other() {
        let opens = |change: &dyn Fn(&mut Recv)| {
            let mut changed = sealed(b"hello");
            change(&mut changed);
            cipher().open(&[changed])[0].is_ok()
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
    fn a_spoiled_packet_among_others_is_the_only_one_that_does_not_open() {
        let mut recvs: Vec<Recv> = (0..9_u8).map(|number| sealed(&[number; 40])).collect();
        recvs[4].payload[7] ^= 1;
        let opened = cipher().open(&recvs);
        for (number, opened) in opened.into_iter().enumerate() {
            let expected = if number == 4 { Err(CipherError::MsgKeyMismatch) } else { Ok(vec![number as u8; 40]) };
            assert_eq!(opened, expected);
        }
    }

    #[test]
    fn what_holds_keys_prints_none() {
        let pair = KeyPair::from_seed([42; 32]);
        assert_eq!(format!("{pair:?}"), "KeyPair");
        assert_eq!(format!("{:?}", cipher()), "Cipher(sealed)");
    }
}
