//! The contract over records with keys, as IndexedDB has them, without IndexedDB: what each transaction reads and writes.
//!
//! One transaction a batch, one record a message; dedup information and channel rows go through a journal (`journal`), of
//! which memory has a copy. The epoch is read in the same transaction that writes.
//!
//! Whoever has the object stores performs a transaction so:
//!
//! 1. begin one over [`Transaction::tables`];
//! 2. call [`Records::go_on`] with what was found, at first nothing;
//! 3. on `Next::Read` make all of these reads at once, and go to 2 with the answers;
//! 4. on `Next::Write` write it and wait for the end; a commit, and nothing else, is told by [`Records::committed`];
//! 5. on `Next::Found` that is all, and on a failure nothing may stay of what it did.
//!
//! One after the other, as they come. In a browser that is `browser::store`, natively `MemoryTables`, for tests.

mod change;
pub mod key;
#[cfg(not(target_family = "wasm"))]
mod memory;
mod plan;
pub mod schema;
mod seen;
#[cfg(all(test, not(target_family = "wasm")))]
mod tests;
mod transaction;

use std::rc::Rc;

use crate::sorted::Map;

pub use key::{Key, KeyRange};
#[cfg(not(target_family = "wasm"))]
pub use memory::MemoryTables;
pub use transaction::{Next, Records, Task, Transaction};

/// What a record holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bytes(Vec<u8>),
    Text(Rc<str>),
    Number(f64),
    /// Nothing that we ever wrote.
    Foreign,
}

/// Values, or keys, in the order of their keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub table: &'static str,
    pub what: What,
    /// All, where there is none.
    pub range: Option<KeyRange>,
    /// The first so many. For IndexedDB zero would be all.
    pub limit: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    Values,
    Keys,
    /// The values, by their field in this index.
    Indexed(&'static str),
}

impl Read {
    fn all(table: &'static str) -> Self {
        Self { table, what: What::Values, range: None, limit: None }
    }

    fn range(table: &'static str, range: KeyRange) -> Self {
        Self { range: Some(range), ..Self::all(table) }
    }

    fn only(table: &'static str, key: Key) -> Self {
        Self::range(table, KeyRange::Only(key))
    }

    fn indexed(table: &'static str, index: &'static str, field: &Rc<str>) -> Self {
        Self { what: What::Indexed(index), ..Self::only(table, field.into()) }
    }
}

/// What a transaction writes. In each table everything is deleted first and put then.
#[derive(Debug, Default)]
pub struct Writes {
    pub tables: Map<&'static str, TableWrites>,
}

#[derive(Debug, Default)]
pub struct TableWrites {
    pub deletions: Vec<KeyRange>,
    pub puts: Vec<Put>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    pub key: Key,
    pub value: Value,
    /// The fields by which indexes find it.
    pub indexed: Vec<(&'static str, Rc<str>)>,
}

impl Writes {
    fn delete(&mut self, table: &'static str, range: KeyRange) {
        self.tables.entry(table).or_default().deletions.push(range);
    }

    fn put(&mut self, table: &'static str, key: Key, value: Value) {
        self.put_indexed(table, Put { key, value, indexed: Vec::new() });
    }

    fn put_indexed(&mut self, table: &'static str, put: Put) {
        self.tables.entry(table).or_default().puts.push(put);
    }
}
