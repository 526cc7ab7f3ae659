//! The object stores of the database, in one list.
//!
//! rexie deletes every object store and index that is not declared when it upgrades, so this list is all there is, and a
//! name leaves it only when its rows may go. How to change it: add or remove here, raise `VERSION`, and where rows must be
//! rewritten, do it after opening, guarded by a row in `meta`. Browser tests open a database as version 1 made it.

use rexie::{Index, ObjectStore, Rexie, RexieBuilder, TransactionMode};

use super::failure::Failure;

/// Raised with every change of `TABLES`. Up to 2 messages stood in rising order. Their rows go, with all that says which
/// messages are stored: the server gives them again. Hence the names with a 3.
pub const VERSION: u32 = 3;
/// A database that lacks something is opened at a version that is higher by this, so that it is made.
const MENDED: u32 = 1 << 16;

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

/// All keys are out of line: see `keys`.
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

/// At the version that it has; one that is not there yet begins with 1.
pub fn builder(database: &str) -> RexieBuilder {
    TABLES.iter().fold(Rexie::builder(database), |builder, table| {
        let store = table.indexes.iter().fold(ObjectStore::new(table.name), |store, name| {
            // None is unique: a conflict would abort the whole transaction, and the single writer is unique.
            store.add_index(Index::new(name, name).unique(false))
        });
        builder.add_object_store(store)
    })
}

/// The version at which it must be opened to be as declared; nothing where it is. An upgrade of what is none of ours would empty it.
pub fn wanted(database: &Rexie) -> Result<Option<u32>, Failure> {
    let names = database.store_names();
    let there = |table: &str| names.iter().any(|name| name == table);
    let version = database.version()?;
    let built = version % MENDED;
    if built > VERSION {
        return Err(refused("a newer version of this application wrote the database: load the page anew"));
    }
    // Every version has had these two.
    let ours = names.is_empty() || (there(META) && there(OUTBOX));
    if !ours {
        return Err(refused("the database of this name is none of Jindou's: choose another name"));
    }
    Ok(if built < VERSION {
        Some(version - built + VERSION)
    } else if TABLES.iter().all(|table| there(table.name)) && indexed(database)? {
        None
    } else {
        Some(version + MENDED)
    })
}

fn indexed(database: &Rexie) -> Result<bool, Failure> {
    let names = database.transaction(&[MESSAGES], TransactionMode::ReadOnly)?.store(MESSAGES)?.index_names();
    Ok(names == [COPIED, QUOTES])
}

/// As the browser itself refuses what is newer: it will be so however often it is asked.
fn refused(why: &str) -> Failure {
    Failure::Failed(format!("VersionError: {why}"))
}
