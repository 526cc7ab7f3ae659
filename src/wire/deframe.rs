//! From socket messages to packets.
//!
//! A packet may be split over socket messages and a message may hold several packets, so the bytes are one stream.

use super::codes::ProtocolVersion;
use super::error::DecodeError;
use super::packet::Packet;
use super::read::{Decoded, decode};

/// A buffer that was needed once, for a flood or one large packet, is not kept for ever.
const KEEP_CAPACITY: usize = 256 * 1024;

/// Collects bytes and gives packets. It never holds more than one incomplete packet (1 MiB and its header) beyond what
/// was pushed since the last [`Deframer::next`] that gave `None`.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    start: usize,
    broken: Option<DecodeError>,
}

impl Deframer {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the bytes of one socket message. After an error they are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.compact();
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next packet, or `None` until more bytes are pushed. An error comes again at each further call: there is no
    /// way back into step.
    ///
    /// The version is the session's at this packet: CONNACK changes it for what follows, even in the same message.
    pub fn next(&mut self, version: ProtocolVersion) -> Result<Option<Packet>, DecodeError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        match decode(self.buffer.get(self.start..).unwrap_or_default(), version) {
            Ok(Decoded::Packet(packet, consumed)) => {
                self.start += consumed;
                Ok(Some(packet))
            }
            Ok(Decoded::NeedMore) => {
                self.compact();
                Ok(None)
            }
            Err(error) => {
                self.broken = Some(error);
                self.buffer = Vec::new();
                self.start = 0;
                Err(error)
            }
        }
    }

    /// How many bytes wait for the rest of their packet, or for `next`.
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    fn compact(&mut self) {
        // Wiped and not only moved away: topics are not sealed, and a recall takes them too.
        let rest = self.buffered();
        self.buffer.copy_within(self.start.., 0);
        self.buffer[rest..].fill(0);
        self.buffer.truncate(rest);
        self.start = 0;
        if self.buffer.len() < KEEP_CAPACITY && self.buffer.capacity() > KEEP_CAPACITY {
            self.buffer.shrink_to(KEEP_CAPACITY);
        }
    }
}
