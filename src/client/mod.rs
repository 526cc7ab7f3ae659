//! Composes the parts; the only module that knows all of them.

mod interface;

pub use crate::request;
pub use crate::request::FetchFailure;
pub use crate::request::Target;
pub use interface::*;
