//! Jindou, the browser client for WuKongIM.

pub mod wire;
