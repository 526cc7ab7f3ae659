//! The messages of every bench: the n-th one is always the same, and no two have a clientMsgNo in common.

use jindou::channel::{Channel, ClientMsgNo, Uid};
use jindou::id::{MessageId, MessageSeq};
use jindou::rows::MessageRow;
use wasm_bindgen::prelude::*;

const SENDERS: u32 = 10;
/// Beyond what a double holds, as real ones are.
const FIRST_ID: i64 = 2_041_785_329_000_000_000;
const FIRST_TIMESTAMP: i64 = 1_760_000_000;

#[wasm_bindgen]
#[derive(Clone, Copy)]
pub struct Script {
    channels: u32,
    content: usize,
}

#[wasm_bindgen]
impl Script {
    /// Messages with contents of so many bytes, in turn to so many groups.
    #[wasm_bindgen(constructor)]
    pub fn new(channels: u32, content: usize) -> Self {
        Self { channels: channels.max(1), content }
    }
}

impl Script {
    pub fn message(self, number: u32) -> MessageRow {
        MessageRow {
            channel: Channel::new(Channel::GROUP, format!("g{}", number % self.channels)),
            message_seq: MessageSeq(u64::from(number / self.channels) + 1),
            message_id: MessageId(FIRST_ID + i64::from(number)),
            client_msg_no: ClientMsgNo::from(uuid(number).as_str()),
            from: Uid::from(format!("u{}", number % SENDERS).as_str()),
            timestamp: FIRST_TIMESTAMP + i64::from(number / 100),
            setting: 0,
            expire: 0,
            topic: None,
            content: self.content(number),
            state: Default::default(),
            mark: None,
            copies: Vec::new(),
            counted: true,
            unconfirmed: false,
        }
    }

    /// A text message whose letters no compression makes much smaller.
    fn content(self, number: u32) -> Vec<u8> {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
        const HEAD: &[u8] = br#"{"type":1,"content":""#;
        const TAIL: &[u8] = br#""}"#;
        let mut text = HEAD.to_vec();
        let mut dice = u64::from(number) << 32 | 1;
        while text.len() + TAIL.len() < self.content {
            dice += 1;
            let letters = mixed(dice).to_le_bytes();
            text.extend(letters.iter().map(|letter| LETTERS[usize::from(letter % 64)]));
        }
        text.truncate(self.content.saturating_sub(TAIL.len()).max(HEAD.len()));
        text.extend_from_slice(TAIL);
        text
    }
}

/// Two mixed halves: different for different numbers, since the mixing is a bijection.
fn uuid(number: u32) -> String {
    let (high, low) = (mixed(u64::from(number)), mixed(u64::MAX - u64::from(number)));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

/// splitmix64.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
