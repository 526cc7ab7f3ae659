//! What one transaction writes, as data: collected first, then made in one go.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use rexie::{Store, Transaction};
use wasm_bindgen::JsValue;

use crate::sorted::Map;

use super::failure::{self, Failure};

/// In each table everything is deleted first and put then.
#[derive(Default)]
pub struct Writes {
    tables: Map<&'static str, Table>,
}

#[derive(Default)]
struct Table {
    /// Keys and ranges of keys.
    deletions: Vec<JsValue>,
    puts: Vec<(JsValue, Option<JsValue>)>,
}

type Request<'a> = Pin<Box<dyn Future<Output = rexie::Result<()>> + 'a>>;

impl Writes {
    pub fn delete(&mut self, table: &'static str, key_or_range: JsValue) {
        self.tables.entry(table).or_default().deletions.push(key_or_range);
    }

    pub fn put(&mut self, table: &'static str, key: JsValue, value: JsValue) {
        self.tables.entry(table).or_default().puts.push((value, Some(key)));
    }

    /// Makes all requests before it waits for any, since the database answers them in order.
    async fn make(self, tx: &Transaction) -> Result<(), Failure> {
        let mut tables: Vec<(Store, Table)> = Vec::new();
        for (name, table) in self.tables {
            tables.push((tx.store(name)?, table));
        }
        let mut requests: Vec<Request<'_>> = Vec::new();
        for (store, table) in &mut tables {
            for key_or_range in table.deletions.drain(..) {
                requests.push(Box::pin(store.delete(key_or_range)));
            }
            requests.push(Box::pin(store.put_all(table.puts.drain(..))));
        }
        let (mut under_way, mut outcome) = (Vec::new(), Ok(()));
        for mut request in requests {
            match poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await {
                Poll::Ready(made) => outcome = outcome.and(made),
                Poll::Pending => under_way.push(request),
            }
        }
        // All of them, even after a failure: the browser calls each request back.
        for request in under_way {
            outcome = outcome.and(request.await);
        }
        Ok(outcome?)
    }
}

/// Writes and waits for the end of the transaction. Only a commit is success; what failed takes everything with it.
pub async fn commit(tx: Transaction, writes: Result<Writes, Failure>) -> Result<(), Failure> {
    let made = match writes {
        Ok(writes) => writes.make(&tx).await,
        Err(failure) => Err(failure),
    };
    match made {
        Ok(()) => failure::committed(tx.done().await).await,
        Err(failure) => {
            // An error means that it is aborted already.
            let _ = tx.abort().await;
            Err(failure.explained().await)
        }
    }
}
