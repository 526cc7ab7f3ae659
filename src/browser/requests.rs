//! Requests of one transaction, all made before any is awaited, since the database answers them in order.
//!
//! Of one type, so that a transaction is data and all wait at one place: a future of its own for each kind is code for each.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use rexie::{KeyRange, Transaction};
use wasm_bindgen::JsValue;

use crate::sorted::Map;

use super::failure::{self, Failure};

/// Begins when it is polled, and gives the values that it read.
pub type Request = Pin<Box<dyn Future<Output = rexie::Result<Vec<JsValue>>>>>;

/// The values of the range, in the order of their keys: all, or the first so many.
pub fn read(tx: &Transaction, table: &str, range: Option<KeyRange>, limit: Option<u32>) -> Result<Request, Failure> {
    let table = tx.store(table)?;
    Ok(Box::pin(async move { table.get_all(range, limit).await }))
}

/// All keys.
pub fn read_keys(tx: &Transaction, table: &str) -> Result<Request, Failure> {
    let table = tx.store(table)?;
    Ok(Box::pin(async move { table.get_all_keys(None, None).await }))
}

/// All values whose field of this name is the key.
pub fn read_index(tx: &Transaction, table: &str, index: &str, key: &JsValue) -> Result<Request, Failure> {
    let (index, range) = (tx.store(table)?.index(index)?, only(key)?);
    Ok(Box::pin(async move { index.get_all(Some(range), None).await }))
}

pub fn only(key: &JsValue) -> Result<KeyRange, Failure> {
    Ok(KeyRange::only(key).map_err(rexie::Error::from)?)
}

/// Makes them in their order. After a failure the others are awaited too: the browser calls each back.
pub async fn together(requests: Vec<Request>) -> Result<Vec<Vec<JsValue>>, Failure> {
    let mut under_way = Vec::with_capacity(requests.len());
    for mut request in requests {
        let begun = poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await;
        under_way.push((begun, request));
    }
    let (mut answers, mut failed) = (Vec::with_capacity(under_way.len()), None);
    for (begun, request) in under_way {
        let answer = match begun {
            Poll::Ready(answer) => answer,
            Poll::Pending => request.await,
        };
        match answer {
            Ok(values) => answers.push(values),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(answers),
    }
}

/// What a transaction writes. In each table everything is deleted first and put then.
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

impl Writes {
    pub fn delete(&mut self, table: &'static str, key_or_range: JsValue) {
        self.tables.entry(table).or_default().deletions.push(key_or_range);
    }

    pub fn put(&mut self, table: &'static str, key: JsValue, value: JsValue) {
        self.tables.entry(table).or_default().puts.push((value, Some(key)));
    }

    fn requests(self, tx: &Transaction) -> Result<Vec<Request>, Failure> {
        let mut requests: Vec<Request> = Vec::new();
        for (name, Table { deletions, puts }) in self.tables {
            for key_or_range in deletions {
                let table = tx.store(name)?;
                requests.push(Box::pin(async move { table.delete(key_or_range).await.map(|()| Vec::new()) }));
            }
            let table = tx.store(name)?;
            requests.push(Box::pin(async move { table.put_all(puts.into_iter()).await.map(|()| Vec::new()) }));
        }
        Ok(requests)
    }
}

/// Writes and waits for the end of the transaction. Only a commit is success; what failed takes everything with it.
pub async fn commit(tx: Transaction, writes: Result<Writes, Failure>) -> Result<(), Failure> {
    let made = match writes.and_then(|writes| writes.requests(&tx)) {
        Ok(requests) => together(requests).await,
        Err(failure) => Err(failure),
    };
    match made {
        Ok(_) => failure::committed(tx.done().await).await,
        Err(failure) => {
            // An error means that it is aborted already.
            let _ = tx.abort().await;
            Err(failure.explained().await)
        }
    }
}
