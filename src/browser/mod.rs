//! The shell: performs the core's outputs in a browser and reports inputs. It decides nothing.
//!
//! It lives in a dedicated worker or on a page, so nothing here touches `window` or `document`; what only a page knows comes
//! through the facade in `index.js`:
//!
//! ```text
//!  index.js (the public class, on the page) ══ port ══ engine.js ── api ── driver ── the core
//!                                                                            └── store, socket, http, tabs, clock
//! ```

pub mod api;
pub mod clock;
pub mod convert;
pub mod driver;
mod failure;
pub mod host;
pub mod http;
pub mod requests;
pub mod schema;
mod socket;
pub mod store;
pub mod tabs;
mod yielder;
