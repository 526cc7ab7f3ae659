//! Object stores in memory, as far as `Records` uses them: for tests and the simulator, which play natively what a browser's
//! database would be asked for.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::rows::{Answer, StoreFailure};

use super::{Key, KeyRange, Next, Put, Read, Records, Task, Transaction, Value, What, Writes};

/// A whole database. Its clone is a disk at that moment.
#[derive(Clone, Debug, Default)]
pub struct MemoryTables {
    tables: BTreeMap<&'static str, BTreeMap<Ordered, Record>>,
}

#[derive(Clone, Debug)]
struct Record {
    value: Value,
    indexed: Vec<(&'static str, Rc<str>)>,
}

/// As IndexedDB orders keys; texts by their UTF-16 units.
#[derive(Clone, Debug, PartialEq)]
struct Ordered(Key);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

fn compare(one: &Key, other: &Key) -> Ordering {
    let kind = |key: &Key| match key {
        Key::Number(_) => 0,
        Key::Text(_) => 1,
        Key::List(_) => 2,
    };
    match (one, other) {
        // Zero is one key, whatever its sign.
        (Key::Number(one), Key::Number(other)) => (one + 0.0).total_cmp(&(other + 0.0)),
        (Key::Text(one), Key::Text(other)) => one.encode_utf16().cmp(other.encode_utf16()),
        (Key::List(one), Key::List(other)) => {
            let differing = one.iter().zip(other).map(|(one, other)| compare(one, other)).find(|order| order.is_ne());
            differing.unwrap_or_else(|| one.len().cmp(&other.len()))
        }
        _ => kind(one).cmp(&kind(other)),
    }
}

impl KeyRange {
    fn contains(&self, key: &Key) -> bool {
        match self {
            KeyRange::Only(only) => compare(key, only).is_eq(),
            KeyRange::Between { lower, upper, lower_open, upper_open } => {
                let (above, below) = (compare(key, lower), compare(key, upper));
                above.is_gt() && below.is_lt() || above.is_eq() && !lower_open || below.is_eq() && !upper_open
            }
        }
    }
}

impl MemoryTables {
    /// The whole transaction. With `fails` its commit fails.
    pub fn perform(
        &mut self,
        records: &mut Records,
        task: Task<'_>,
        fails: bool,
    ) -> Result<Option<Answer>, StoreFailure> {
        let mut transaction = Transaction::new(task);
        let tables = transaction.tables();
        let mut found = Vec::new();
        loop {
            match records.go_on(&mut transaction, found)? {
                Next::Read(reads) => found = reads.iter().map(|read| self.read(&tables, read)).collect(),
                Next::Found(answer) => return Ok(answer),
                Next::Write(_) if fails => return Err(StoreFailure::Failed("the disk is full".to_owned())),
                Next::Write(writes) => {
                    assert!(transaction.writes(), "a transaction that only reads wrote");
                    self.write(&tables, writes);
                    return records.committed(transaction).map(|()| None);
                }
            }
        }
    }

    /// Every record of the object store, in the order of the keys.
    pub fn records(&self, table: &str) -> impl Iterator<Item = (&Key, &Value)> {
        let records = self.tables.get(table).into_iter().flatten();
        records.map(|(key, record)| (&key.0, &record.value))
    }

    pub(super) fn read(&self, tables: &[&str], read: &Read) -> Vec<Value> {
        assert!(tables.contains(&read.table), "{} is not in the transaction", read.table);
        assert_ne!(read.limit, Some(0), "which is all of them in a browser");
        let Some(table) = self.tables.get(read.table) else { return Vec::new() };
        let within = |key: &Key| read.range.as_ref().is_none_or(|range| range.contains(key));
        let wanted = table.iter().filter(|(key, record)| match read.what {
            What::Values | What::Keys => within(&key.0),
            What::Indexed(index) => {
                record.indexed.iter().any(|(name, field)| *name == index && within(&Key::Text(Rc::clone(field))))
            }
        });
        let limit = read.limit.map_or(usize::MAX, |limit| limit as usize);
        let values = wanted.take(limit).map(|(key, record)| match (read.what, &key.0) {
            (What::Keys, Key::Text(text)) => Value::Text(Rc::clone(text)),
            (What::Keys, Key::Number(number)) => Value::Number(*number),
            (What::Keys, Key::List(_)) => Value::Foreign,
            _ => record.value.clone(),
        });
        values.collect()
    }

    fn write(&mut self, tables: &[&str], writes: Writes) {
        for (name, changes) in writes.tables {
            assert!(tables.contains(&name), "{name} is not in the transaction");
            let table = self.tables.entry(name).or_default();
            for range in changes.deletions {
                table.retain(|key, _| !range.contains(&key.0));
            }
            for Put { key, value, indexed } in changes.puts {
                table.insert(Ordered(key), Record { value, indexed });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_in_the_order_of_a_browser() {
        let rising = [
            Key::Number(-1.0),
            Key::Number(0.0),
            Key::Number(2.0),
            "".into(),
            "a".into(),
            "a\u{10000}".into(),
            "a\u{ffff}".into(),
            Key::List(Vec::new()),
            [Key::Number(1.0)].into(),
            ["a".into()].into(),
            ["a".into(), Key::Number(1.0)].into(),
            ["a".into(), Key::List(Vec::new())].into(),
            ["b".into()].into(),
        ];
        for pair in rising.windows(2) {
            assert_eq!(compare(&pair[0], &pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(compare(&Key::Number(0.0), &Key::Number(-0.0)), Ordering::Equal);
    }
}
