//! What happened, told line by line: hashed always, so that two runs can be compared, and kept for whoever replays one seed.

use std::fmt::Write as _;

pub struct Story {
    hash: u64,
    line: String,
    lines: Option<Vec<String>>,
    pub steps: u64,
}

impl Story {
    pub fn new(kept: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, line: String::new(), lines: kept.then(Vec::new), steps: 0 }
    }

    pub fn tell(&mut self, at: u64, what: core::fmt::Arguments<'_>) {
        self.line.clear();
        // Writing to a String cannot fail.
        let _ = write!(self.line, "{:>9.3} {what}", at as f64 / 1000.0);
        for byte in self.line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if let Some(lines) = &mut self.lines {
            lines.push(self.line.clone());
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
