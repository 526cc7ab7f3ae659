//! Opening many packets side by side.
//!
//! Checking a msgKey is CBC *encryption*, where each block waits for the one before it, while the portable AES that
//! runs in WebAssembly computes four blocks in the time of one. So four packets are checked at once, each in a lane of
//! its own; a lane that is done takes the next packet. Decryption has no such chain: the payloads go through it as one
//! stream, and afterwards the first block of each is put right, since it was chained to its neighbour's last one.
//!
//! Scratch memory is bounded by four packets and one group of payloads, however many packets come together.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::{BlockModeDecrypt, InnerIvInit};

use crate::{BLOCK, Broken, Sealed, Sealer, md5_hex, pad, same};

/// The blocks that the portable AES computes together.
const LANES: usize = 4;
/// Payloads are decrypted in groups of about this size, which stay in the fast part of the memory.
const GROUP: usize = 32 * 1024;

type Opened = Result<Vec<u8>, Broken>;
/// Appends what the msgKey of the packet at this index covers.
type Cover<'a> = &'a dyn Fn(usize, &mut Vec<u8>);

pub fn open(sealer: &Sealer, packets: &[Sealed<'_>], cover: Cover<'_>) -> Vec<Opened> {
    let mut results = vec![Err(Broken::MsgKey); packets.len()];
    let genuine = verify(sealer, packets, cover);
    let mut group = Group::default();
    for (index, (packet, _)) in packets.iter().zip(genuine).enumerate().filter(|(_, (_, genuine))| *genuine) {
        if let Err(error) = group.add(index, packet.payload) {
            results[index] = Err(error);
        }
        if group.ciphertext.len() >= GROUP {
            group.decrypt(sealer, &mut results);
        }
    }
    group.decrypt(sealer, &mut results);
    results
}

/// Says of each packet whether its msgKey is right.
fn verify(sealer: &Sealer, packets: &[Sealed<'_>], cover: Cover<'_>) -> Vec<bool> {
    let mut genuine = vec![false; packets.len()];
    let mut waiting = 0..packets.len();
    let mut lanes: [Lane; LANES] = Default::default();
    let mut heads = [aes::Block::default(); LANES];
    let mut encoded = Vec::new();
    loop {
        for (lane, head) in lanes.iter_mut().zip(&mut heads).filter(|(lane, _)| lane.packet.is_none()) {
            if let Some(packet) = waiting.next() {
                lane.load(packet, cover);
                *head = sealer.iv.into();
            }
        }
        let Some(steps) = lanes.iter().filter_map(Lane::blocks_left).min() else { return genuine };
        if lanes.iter().filter(|lane| lane.packet.is_some()).count() == 1 {
            // The last one has nobody to share a round with.
            for (lane, head) in lanes.iter_mut().zip(&heads).filter(|(lane, _)| lane.packet.is_some()) {
                lane.finish_alone(sealer, head.0);
            }
        } else {
            for _ in 0..steps {
                side_by_side(&sealer.aes, &mut lanes, &mut heads);
            }
        }
        for lane in lanes.iter_mut().filter(|lane| lane.blocks_left() == Some(0)) {
            if let Some(index) = lane.packet.take() {
                genuine[index] = same(&msg_key(&lane.text, &mut encoded), packets[index].msg_key);
            }
        }
    }
}

/// One block of every lane. An idle lane computes garbage, which costs nothing.
fn side_by_side(aes: &Aes128, lanes: &mut [Lane; LANES], heads: &mut [aes::Block; LANES]) {
    for (lane, head) in lanes.iter_mut().zip(&mut *heads) {
        if let Some(block) = lane.block() {
            xor(&mut head.0, block);
        }
    }
    aes.encrypt_blocks(heads);
    for (lane, head) in lanes.iter_mut().zip(heads) {
        if let Some(block) = lane.block() {
            *block = head.0;
            lane.done += BLOCK;
        }
    }
}

/// One chain: the padded text that a msgKey covers, of which the first `done` bytes are encrypted.
#[derive(Default)]
struct Lane {
    packet: Option<usize>,
    text: Vec<u8>,
    done: usize,
}

impl Lane {
    fn load(&mut self, packet: usize, cover: Cover<'_>) {
        self.text.clear();
        cover(packet, &mut self.text);
        pad(&mut self.text);
        self.done = 0;
        self.packet = Some(packet);
    }

    fn finish_alone(&mut self, sealer: &Sealer, head: [u8; BLOCK]) {
        sealer.encrypt_blocks(self.text.get_mut(self.done..).unwrap_or_default(), head);
        self.done = self.text.len();
    }

    fn block(&mut self) -> Option<&mut [u8; BLOCK]> {
        self.text.get_mut(self.done..)?.first_chunk_mut()
    }

    fn blocks_left(&self) -> Option<usize> {
        self.packet.map(|_| (self.text.len() - self.done) / BLOCK)
    }
}

fn msg_key(ciphertext: &[u8], encoded: &mut Vec<u8>) -> [u8; 32] {
    encoded.resize(ciphertext.len().div_ceil(3) * 4, 0);
    // The buffer is as large as the text becomes, so it always fits.
    let length = STANDARD.encode_slice(ciphertext, encoded).unwrap_or(0);
    md5_hex(&encoded[..length])
}

/// Ciphertexts one behind the other.
#[derive(Default)]
struct Group {
    ciphertext: Vec<u8>,
    members: Vec<Member>,
}

struct Member {
    index: usize,
    length: usize,
    /// The last block before decryption, to which the next member's first is chained by mistake.
    last: [u8; BLOCK],
}

impl Group {
    fn add(&mut self, index: usize, payload: &[u8]) -> Result<(), Broken> {
        let start = self.ciphertext.len();
        self.ciphertext.resize(start + base64::decoded_len_estimate(payload.len()), 0);
        let decoded = STANDARD.decode_slice(payload, &mut self.ciphertext[start..]);
        self.ciphertext.truncate(start + decoded.as_ref().unwrap_or(&0));
        let length = decoded.map_err(|_| Broken::Encoding)?;
        match self.ciphertext[start..].as_chunks::<BLOCK>() {
            ([.., last], []) => {
                self.members.push(Member { index, length, last: *last });
                Ok(())
            }
            _ => {
                self.ciphertext.truncate(start);
                Err(Broken::Length(length))
            }
        }
    }

    /// Decrypts all members, writes their results and becomes empty.
    fn decrypt(&mut self, sealer: &Sealer, results: &mut [Opened]) {
        // Whole rounds of parallel blocks: blocks of an incomplete one would be computed one by one.
        self.ciphertext.resize(self.ciphertext.len().next_multiple_of(LANES * BLOCK), 0);
        let (blocks, _) = Array::slice_as_chunks_mut(&mut self.ciphertext);
        cbc::Decryptor::inner_iv_init(&sealer.aes, &sealer.iv.into()).decrypt_blocks(blocks);
        let mut rest = self.ciphertext.as_mut_slice();
        let mut before = sealer.iv;
        for member in self.members.drain(..) {
            let (text, others) = rest.split_at_mut(member.length);
            rest = others;
            if let Some(first) = text.first_chunk_mut::<BLOCK>() {
                xor(first, &before);
                xor(first, &sealer.iv);
            }
            before = member.last;
            results[member.index] = unpadded(text).map(<[u8]>::to_vec).ok_or(Broken::Padding);
        }
        self.ciphertext.clear();
    }
}

/// The text without its PKCS #7 padding, if that is right to the last byte.
fn unpadded(text: &[u8]) -> Option<&[u8]> {
    let padding = *text.last()?;
    if padding == 0 || usize::from(padding) > BLOCK {
        return None;
    }
    let (text, tail) = text.split_at_checked(text.len().checked_sub(padding.into())?)?;
    tail.iter().all(|byte| *byte == padding).then_some(text)
}

fn xor(target: &mut [u8; BLOCK], mask: &[u8; BLOCK]) {
    *target = (u128::from_ne_bytes(*target) ^ u128::from_ne_bytes(*mask)).to_ne_bytes();
}
