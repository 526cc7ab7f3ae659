//! The object stores of `records::schema` as rexie declares them, and at which version they must be opened.

use rexie::{Index, ObjectStore, Rexie, RexieBuilder, TransactionMode};

use crate::store::records::schema::{COPIED, MESSAGES, META, OUTBOX, QUOTES, TABLES, VERSION};

use super::failure::Failure;

/// A database that lacks something is opened at a version that is higher by this, so that it is made.
const MENDED: u32 = 1 << 16;

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
