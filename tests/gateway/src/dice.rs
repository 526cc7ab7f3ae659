//! The only source of chance: everything random that the server does grows from one seed, so a run can be played again.

/// xoshiro256**, seeded through splitmix64. Not for secrets: the keys of a test server need not be secret.
#[derive(Clone)]
pub(crate) struct Dice {
    state: [u64; 4],
}

impl Dice {
    pub(crate) fn new(entropy: [u8; 32]) -> Dice {
        let mut mixed = 0u64;
        let mut state = [0u64; 4];
        for (slot, chunk) in state.iter_mut().zip(entropy.as_chunks().0) {
            mixed = splitmix(mixed ^ u64::from_le_bytes(*chunk));
            *slot = mixed;
        }
        Dice { state }
    }

    pub(crate) fn word(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.word() % bound }
    }

    pub(crate) fn chance(&mut self, of_thousand: u16) -> bool {
        of_thousand >= 1000 || (of_thousand > 0 && self.below(1000) < u64::from(of_thousand))
    }

    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0u8; 32];
        for chunk in seed.as_chunks_mut().0 {
            *chunk = self.word().to_le_bytes();
        }
        seed
    }

    pub(crate) fn alphanumeric(&mut self, length: usize) -> String {
        const LETTERS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        (0..length).map(|_| char::from(LETTERS[self.below(62) as usize])).collect()
    }

    /// The server names a message that came without a clientMsgNo: 32 hexadecimal digits and a `0`.
    pub(crate) fn client_msg_no(&mut self) -> String {
        format!("{:016x}{:016x}0", self.word(), self.word())
    }
}

fn splitmix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_rolls_the_same_numbers() {
        let (mut a, mut b, mut c) = (Dice::new([7; 32]), Dice::new([7; 32]), Dice::new([8; 32]));
        let first: Vec<u64> = (0..8).map(|_| a.word()).collect();
        assert_eq!(first, (0..8).map(|_| b.word()).collect::<Vec<_>>());
        assert_ne!(first, (0..8).map(|_| c.word()).collect::<Vec<_>>());
        assert_eq!(a.alphanumeric(16).len(), 16);
    }
}
