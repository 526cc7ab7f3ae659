//! The core's only dice: AES-128 in counter mode over the entropy that the driver gave, so that a seed replays everything.

use jindou_cipher::Blocks;

use crate::time::Millis;

pub struct Dice {
    cipher: Blocks,
    counter: u128,
}

impl Dice {
    pub fn new(entropy: [u8; 32]) -> Self {
        let (mut key, mut start) = ([0; 16], [0; 16]);
        key.copy_from_slice(&entropy[..16]);
        start.copy_from_slice(&entropy[16..]);
        Self { cipher: Blocks::new(key), counter: u128::from_le_bytes(start) }
    }

    fn block(&mut self) -> [u8; 16] {
        self.counter = self.counter.wrapping_add(1);
        self.cipher.encrypt(self.counter.to_le_bytes())
    }

    /// For a key pair.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(&self.block());
        seed[16..].copy_from_slice(&self.block());
        seed
    }

    /// Uniform in 0..=most.
    pub fn up_to(&mut self, most: Millis) -> Millis {
        let [a, b, c, d, e, f, g, h, ..] = self.block();
        let roll = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        // Multiply and shift: no modulo bias worth speaking of, and no division by zero.
        Millis(((u128::from(roll) * (u128::from(most.0) + 1)) >> 64) as u64)
    }

    pub fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.block()).into_uuid().to_string()
    }
}
