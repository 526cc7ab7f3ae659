//! Composes the parts; the only module that knows all of them.

mod interface;
pub mod request;

pub use interface::*;
