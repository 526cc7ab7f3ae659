//! What the application chose, checked once; past `Config::check` every value is usable.

use crate::channel::Uid;
use crate::error::{Error, ErrorCode};
use crate::time::Millis;

/// A 2.2.5 cluster loses larger contents in silence (the SEND is encoded again between nodes, with the ciphertext in place of the text).
pub const SAFE_CONTENT: usize = 24_559;
/// What one node is known to take from other clients too.
pub const MOST_CONTENT: usize = 32_767;

#[derive(Clone)]
pub struct Config {
    pub uid: Uid,
    /// 0 app, 1 web, 2 PC; the token is registered for one of them.
    pub device_flag: u8,
    /// Largest content of a message, in bytes.
    pub max_content: usize,
    /// How long a duplicate is recognised by its clientMsgNo; `None` is for ever.
    pub dedup_window: Option<Millis>,
    /// A business server, or functions in its place, were given.
    pub business: bool,
    /// Report every packet, ack, retry and duplicate as an `Event::Trace`.
    pub trace: bool,
}

impl Config {
    pub fn new(uid: impl Into<Uid>) -> Self {
        Self {
            uid: uid.into(),
            device_flag: 1,
            max_content: SAFE_CONTENT,
            dedup_window: None,
            business: true,
            trace: false,
        }
    }

    /// `invalid-argument` names the first value that cannot be.
    pub fn check(self) -> Result<Self, Error> {
        name("uid", self.uid.as_str())?;
        if self.max_content == 0 || self.max_content > MOST_CONTENT {
            return Err(Error::invalid(format!("maxContent must be between 1 and {MOST_CONTENT} bytes")));
        }
        Ok(self)
    }
}

/// WuKongIM takes no name that is empty, contains one of `@ # &` or is longer than a string on the wire.
pub fn name(what: &str, text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::invalid(format!("{what} is empty")));
    }
    if text.contains(['@', '#', '&']) {
        return Err(Error::invalid(format!("{what} contains one of @ # &")));
    }
    if text.len() > 1024 {
        return Err(Error::new(ErrorCode::TooLarge, format!("{what} is longer than 1024 bytes")));
    }
    Ok(())
}
