//! The business server of Jindou: who a person is, what they may read, who may recall and until when.
//!
//! Three layers. [`rules`] decides and does nothing else; [`storage`] keeps rows; [`service`] listens, asks WuKongIM's HTTP API,
//! and serves the page and its own API on one origin. Each knows the ones named before it.
//!
//! Messages do not pass through it: they go between browser and WuKongIM.

pub mod rules;
#[cfg(feature = "server")]
pub mod service;
#[cfg(feature = "server")]
pub mod storage;
