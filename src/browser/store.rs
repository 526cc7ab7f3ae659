//! IndexedDB by rexie: performs the transactions of `store::records`.
//!
//! The browser may take the database away at any time (another tab upgrades it, a person clears the site's data, the
//! process that holds it dies). Then the next transaction does not begin; it is opened again, and if it came back
//! empty, that batch fails, so that the core reads it anew.

use std::cell::{Cell, RefCell};

use rexie::{Rexie, RexieBuilder, Transaction as IdbTransaction, TransactionMode};

use crate::client::StoreFailure;
use crate::rows::{Answer, Batch, Epoch, Query};
use crate::store::records::{Next, Records, Task, Transaction};

use super::failure::Failure;
use super::{clock, requests, schema};

/// Another tab with an older version may keep us out for as long as it likes.
const OPENING: u32 = 10_000;

pub struct IndexedStore {
    name: String,
    /// Not there between a loss and the next use, and once it is closed.
    database: RefCell<Option<Rexie>>,
    closed: Cell<bool>,
    records: RefCell<Records>,
}

impl IndexedStore {
    /// Opens the database, and makes it at the first time.
    pub async fn open(name: &str) -> Result<Self, StoreFailure> {
        let database = open(name).await?;
        let [a, b, c, d, e, f, g, ..] = *uuid::Uuid::new_v4().as_bytes();
        // 53 bits, which a key holds.
        let handle = u64::from_le_bytes([a, b, c, d, e, f, g & 0x1f, 0]);
        Ok(Self {
            name: name.to_owned(),
            database: RefCell::new(Some(database)),
            closed: Cell::new(false),
            records: RefCell::new(Records::new(handle)),
        })
    }

    /// See `Task::Claim`.
    pub async fn claim(&self) -> Result<Epoch, StoreFailure> {
        self.perform(Task::Claim).await?;
        Ok(self.records.borrow().epoch())
    }

    /// See `Task::ClaimLater`.
    pub async fn claim_later(&self) -> Result<Epoch, StoreFailure> {
        self.perform(Task::ClaimLater).await?;
        Ok(self.records.borrow().epoch().next())
    }

    /// How many stored rows could not be read since the last call.
    pub fn unreadable(&self) -> u32 {
        self.records.borrow_mut().unreadable()
    }

    /// For good.
    pub fn close(&self) {
        self.closed.set(true);
        if let Some(database) = self.database.take() {
            database.close();
        }
    }

    /// Closes and deletes it.
    pub async fn wipe(&self) -> Result<(), StoreFailure> {
        self.close();
        Ok(clock::within(OPENING, Rexie::delete(&self.name)).await.ok_or_else(blocked)?.map_err(Failure::from)?)
    }

    pub async fn apply(&self, batch: &Batch) -> Result<(), StoreFailure> {
        self.perform(Task::Apply(batch)).await?;
        Ok(())
    }

    pub async fn answer(&self, query: &Query) -> Result<Answer, StoreFailure> {
        let answer = self.perform(Task::Answer(query)).await?;
        let chore = self.records.borrow_mut().chore();
        if let Some(chore) = chore {
            // A failure leaves everything as it was, and it is done another time.
            let _ = self.perform(chore).await;
        }
        answer.ok_or_else(|| StoreFailure::Failed("a query without an answer".to_owned()))
    }

    async fn perform(&self, task: Task<'_>) -> Result<Option<Answer>, Failure> {
        let transaction = Transaction::new(task);
        let begun = self.begin(&transaction);
        let tx = match begun {
            Ok(tx) => tx,
            Err(_) => {
                self.reopen().await?;
                self.begin(&transaction)?
            }
        };
        self.run(tx, transaction).await
    }

    fn begin(&self, transaction: &Transaction<'_>) -> Result<IdbTransaction, Failure> {
        let mode = if transaction.writes() { TransactionMode::ReadWrite } else { TransactionMode::ReadOnly };
        match &*self.database.borrow() {
            Some(database) => Ok(database.transaction(&transaction.tables(), mode)?),
            None => Err(closed()),
        }
    }

    /// As `store::records` says.
    async fn run(&self, tx: IdbTransaction, mut transaction: Transaction<'_>) -> Result<Option<Answer>, Failure> {
        let mut found = Vec::new();
        loop {
            let next = self.records.borrow_mut().go_on(&mut transaction, found);
            let read = match next {
                Ok(Next::Read(reads)) => requests::read(&tx, reads).await,
                Ok(Next::Found(answer)) => return Ok(answer),
                Ok(Next::Write(writes)) => {
                    requests::commit(tx, writes).await?;
                    self.records.borrow_mut().committed(transaction)?;
                    return Ok(None);
                }
                Err(failure) => Err(failure.into()),
            };
            found = match read {
                Ok(found) => found,
                Err(failure) => return Err(requests::abort(tx, failure).await),
            };
        }
    }

    async fn reopen(&self) -> Result<(), Failure> {
        if self.closed.get() {
            return Err(closed());
        }
        // It may have failed to open the last time, too.
        if let Some(old) = self.database.take() {
            old.close();
        }
        self.database.replace(Some(open(&self.name).await?));
        let transaction = Transaction::new(Task::Reopen);
        let tx = self.begin(&transaction)?;
        self.run(tx, transaction).await?;
        Ok(())
    }
}

/// Also one that never came so far as to be used: what stays open keeps others from deleting the database.
impl Drop for IndexedStore {
    fn drop(&mut self) {
        self.close();
    }
}

async fn open(name: &str) -> Result<Rexie, Failure> {
    // First as it is: what is none of ours stays so.
    let database = build(schema::builder(name)).await?;
    let wanted = schema::wanted(&database);
    if let Ok(None) = wanted {
        return Ok(database);
    }
    database.close();
    let builder = schema::builder(name);
    build(wanted?.into_iter().fold(builder, RexieBuilder::version)).await
}

async fn build(builder: RexieBuilder) -> Result<Rexie, Failure> {
    Ok(clock::within(OPENING, builder.build()).await.ok_or_else(blocked)??)
}

fn blocked() -> Failure {
    Failure::Failed("another tab keeps an older version of the database open".to_owned())
}

fn closed() -> Failure {
    Failure::Failed("the database is closed".to_owned())
}
