//! A tool for whoever has a packet dump: one JSON object a line comes in, one goes out.
//!
//! ```text
//! {"op":"decode","version":5,"hex":"…"}      → {"outcome":"packet","packet":{…},"consumed":n}
//!                                              {"outcome":"needMore"}
//! {"op":"encode","version":5,"packet":{…}}   → {"outcome":"bytes","hex":"…"}
//! {"op":"open","version":5,"clientPriv":"…","serverKey":"…","salt":"…","hex":"…"}
//!                                            → {"outcome":"opened","packet":{…},"plaintextHex":"…"}
//! anything that is wrong                     → {"outcome":"error","error":"…"}
//! ```
//!
//! `open` checks the msgKey of a RECV and decrypts it; `clientPriv` is hex, `serverKey` and `salt` are as in CONNACK.
//! How packets are written down is told in `notation.rs`.

mod notation;

use std::io::{self, BufRead, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().split(b'\n') {
        let answer = notation::answer(&line?);
        match writeln!(out, "{answer}").and_then(|()| out.flush()) {
            // The reader has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(())
}
