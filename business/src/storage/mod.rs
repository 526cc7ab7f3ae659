//! The rows: people, sessions, groups, marks, what is sealed, the audit, and what WuKongIM still has to be told.
//!
//! Not for deciding anything: where a decision and its rows belong into one transaction, the caller's rule is run inside it.
//!
//! SQLite by default. The statements are portable (`$1`, `ON CONFLICT`, `RETURNING`), and what is SQLite's own stands in this file
//! and in `migrations/sqlite`, so PostgreSQL needs another `open`, another folder and a lock on a channel's version row.

mod errands;
mod groups;
mod marks;
mod pairs;
mod people;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Pool, Sqlite, Transaction};

use crate::rules::InvalidId;

pub use errands::{CommandErrand, DueErrand, Errand, ErrandId, NoticeErrand};
pub use groups::{Group, GroupChange, Member};
pub use marks::{Action, Asked, AuditRow, Decided, Known, Seal};
pub use people::{Person, Session, SessionKey, TokenHash};

/// The database behind all rows.
type Db = Sqlite;

#[derive(Clone)]
pub struct Store {
    pool: Pool<Db>,
}

#[derive(Debug)]
pub enum StorageError {
    /// The disk, the database or a lock: may be tried again.
    Database(sqlx::Error),
    /// A row that no version of this program writes.
    Corrupt(&'static str),
    Migration(sqlx::migrate::MigrateError),
    /// The content that goes with a row could not be sealed, so nothing was written.
    Unsealed,
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::Database(error) => write!(f, "database: {error}"),
            StorageError::Corrupt(what) => write!(f, "corrupt row: {what}"),
            StorageError::Migration(error) => write!(f, "migration: {error}"),
            StorageError::Unsealed => f.write_str("content could not be sealed"),
        }
    }
}

impl std::error::Error for StorageError {}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> StorageError {
        StorageError::Database(error)
    }
}

impl From<InvalidId> for StorageError {
    fn from(InvalidId(what): InvalidId) -> StorageError {
        StorageError::Corrupt(what)
    }
}

pub type Stored<T> = Result<T, StorageError>;

/// In the order in which they are applied, for ever.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "people groups marks", include_str!("../../migrations/sqlite/0001_people_groups_marks.sql")),
    (2, "pairs", include_str!("../../migrations/sqlite/0002_pairs.sql")),
    (3, "searched", include_str!("../../migrations/sqlite/0003_searched.sql")),
];

/// A writer waits this long for another one before it gives up.
const BUSY: Duration = Duration::from_secs(5);

impl Store {
    /// Opens or makes the database in `folder`.
    pub async fn open(folder: &Path) -> Stored<Store> {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("business.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An answer says that it is so; it must be so after a loss of power too.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .foreign_keys(true)
            // What is deleted is overwritten.
            .pragma("secure_delete", "ON");
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        let migrations = MIGRATIONS.iter().map(|(version, description, sql)| {
            Migration::new(*version, (*description).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.collect()).run(&pool).await.map_err(StorageError::Migration)?;
        let store = Store { pool };
        store.fill_searched().await?;
        Ok(store)
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that will write. SQLite has one writer; taking the lock at once keeps a reader from finding out late that
    /// what it read has changed.
    async fn write(&self) -> Stored<Transaction<'static, Db>> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Several reads of one state.
    async fn read(&self) -> Stored<Transaction<'static, Db>> {
        Ok(self.pool.begin().await?)
    }
}

/// Numbers that only grow are u64 with us and i64 in a row.
fn unsigned(number: i64) -> Stored<u64> {
    u64::try_from(number).map_err(|_| StorageError::Corrupt("a number below zero"))
}

fn signed(number: u64) -> i64 {
    // Seqs and versions are safe integers, checked where they come in.
    i64::try_from(number).unwrap_or(i64::MAX)
}
