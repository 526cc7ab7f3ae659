//! The object stores of the database, in one list, and what is read from them and written.
//!
//! The browser deletes every object store and index that is not declared when it upgrades, so this list is all there is, and
//! a name leaves it only when its rows may go. How to change it: add or remove here, raise `VERSION`, and where rows must be
//! rewritten, do it after opening, guarded by a row in `meta`. Browser tests open a database as version 1 made it.

/// Raised with every change of `TABLES`. Up to 2 messages stood in rising order. Their rows go, with all that says which
/// messages are stored: the server gives them again. Hence the names with a 3.
pub const VERSION: u32 = 3;

pub const META: &str = "meta";
pub const CHANNELS: &str = "channels.3";
pub const MESSAGES: &str = "messages.3";
pub const SEEN: &str = "seen.3";
pub const JOURNAL: &str = "journal.3";
pub const MARKS: &str = "marks";
pub const OUTBOX: &str = "outbox";
pub const COMMANDS: &str = "commands";
pub const QUARANTINE: &str = "quarantine";
pub const AUDIT: &str = "audit.3";

/// Messages by what they quote; a record without the field is not in it.
pub const QUOTES: &str = "quotes";
/// Messages with copies beyond the first, by channel.
pub const COPIED: &str = "copied";

pub struct Table {
    pub name: &'static str,
    /// Each with a field of its own name as the key path.
    pub indexes: &'static [&'static str],
}

/// All keys are out of line: see `key`.
pub const TABLES: &[Table] = &[
    Table { name: META, indexes: &[] },
    Table { name: CHANNELS, indexes: &[] },
    Table { name: MESSAGES, indexes: &[QUOTES, COPIED] },
    Table { name: SEEN, indexes: &[] },
    Table { name: JOURNAL, indexes: &[] },
    Table { name: MARKS, indexes: &[] },
    Table { name: OUTBOX, indexes: &[] },
    Table { name: COMMANDS, indexes: &[] },
    Table { name: QUARANTINE, indexes: &[] },
    Table { name: AUDIT, indexes: &[] },
];
