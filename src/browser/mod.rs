//! The shell: performs the core's outputs in a browser and reports inputs. It decides nothing.
//!
//! It lives in a dedicated worker or on a page, so nothing here touches `window` or `document`; what only a page knows comes
//! through the facade in `index.js`.

pub mod clock;
pub mod convert;
mod failure;
mod keys;
mod plan;
pub mod schema;
mod seen;
pub mod store;
