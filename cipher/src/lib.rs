//! AES-128-CBC and MD5 as WKProto uses them: payloads sealed and opened, and msgKey, the keyed checksum beside them.
//!
//! ```text
//! payload = base64(aes-cbc(plaintext))
//! msgKey  = hex(md5(base64(aes-cbc(covered))))
//! ```
//!
//! A crate of its own, since generic code is compiled as the crate that uses it: the client for size, this for speed. So
//! nothing that it exports is generic. Which fields a msgKey covers and where the key comes from, `jindou::wire` knows.

mod lanes;

use std::fmt;

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::{BlockModeEncrypt, InnerIvInit, KeyInit};
use md5::{Digest, Md5};

/// The length of a key, of an initial vector and of a block.
pub const BLOCK: usize = 16;

/// AES-128 under one key, whose schedule is made once.
#[derive(Clone)]
pub struct Blocks(Aes128);

impl Blocks {
    pub fn new(key: [u8; BLOCK]) -> Self {
        Self(Aes128::new(&key.into()))
    }

    pub fn encrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = block.into();
        self.0.encrypt_block(&mut block);
        block.into()
    }
}

/// A key and an initial vector, the same for every packet of a session.
#[derive(Clone)]
pub struct Sealer {
    aes: Aes128,
    iv: [u8; BLOCK],
}

/// A packet as its receiver has it, but for what its msgKey covers.
pub struct Sealed<'a> {
    pub msg_key: &'a [u8],
    pub payload: &'a [u8],
}

/// A payload that is not what its sender sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It, or a field that msgKey covers, was changed, or the key is another.
    MsgKey,
    /// It is not base64.
    Encoding,
    /// The ciphertext has so many bytes, which are no whole blocks.
    Length(usize),
    Padding,
}

impl Sealer {
    pub fn new(key: [u8; BLOCK], iv: [u8; BLOCK]) -> Self {
        Self { aes: Aes128::new(&key.into()), iv }
    }

    /// A payload as it is sent.
    pub fn seal(&self, mut plaintext: Vec<u8>) -> Vec<u8> {
        self.encrypt(&mut plaintext);
        STANDARD.encode(plaintext).into_bytes()
    }

    pub fn msg_key(&self, mut covered: Vec<u8>) -> [u8; 32] {
        self.encrypt(&mut covered);
        md5_hex(STANDARD.encode(covered).as_bytes())
    }

    /// The plaintexts of packets, in their order, each once its msgKey is found right. `cover` appends what the msgKey of the packet
    /// at an index covers. Together they are opened at less than half the cost of one by one.
    pub fn open(&self, packets: &[Sealed<'_>], cover: &dyn Fn(usize, &mut Vec<u8>)) -> Vec<Result<Vec<u8>, Broken>> {
        lanes::open(self, packets, cover)
    }

    fn encrypt(&self, text: &mut Vec<u8>) {
        pad(text);
        self.encrypt_blocks(text, self.iv);
    }

    /// What is no whole block at the end stays as it is.
    fn encrypt_blocks(&self, text: &mut [u8], iv: [u8; BLOCK]) {
        let (blocks, _) = Array::slice_as_chunks_mut(text);
        cbc::Encryptor::inner_iv_init(&self.aes, &iv.into()).encrypt_blocks(blocks);
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

/// Of these parts as one text.
pub fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

/// As keys and msgKeys are written.
pub fn md5_hex(text: &[u8]) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; 32];
    for (pair, byte) in hex.as_chunks_mut::<2>().0.iter_mut().zip(md5(&[text])) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    hex
}

/// PKCS #7.
fn pad(text: &mut Vec<u8>) {
    let padding = BLOCK - text.len() % BLOCK;
    text.resize(text.len() + padding, padding as u8);
}

/// Compares in a time that does not tell where the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}
