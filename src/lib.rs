//! Jindou, the browser client for WuKongIM.

pub mod id;
pub mod wire;
