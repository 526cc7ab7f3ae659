//! Private text prints as its length, so that no log can give it away.

use core::fmt;

/// Wraps a content, a token or a user id for `Debug`: only its length is printed.
pub struct Redacted<'a>(pub &'a [u8]);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}
