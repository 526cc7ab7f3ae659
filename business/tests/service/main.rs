//! The whole server over a small WuKongIM.

mod accounts;
mod channels;
mod fake;
mod faults;
mod logs;
mod page;
mod recalls;
mod recorded;
mod schema;
mod strangers;
mod world;
