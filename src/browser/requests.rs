//! Reads and writes as requests of one transaction, all made before any is awaited, since the database answers them in order.
//!
//! Of one type, so that a transaction is data and all wait at one place: a future of its own for each kind is code for each.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use std::rc::Rc;

use js_sys::{Array, Object, Reflect, Uint8Array};
use rexie::Transaction;
use wasm_bindgen::{JsCast, JsValue};

use crate::store::records::{Key, KeyRange, Put, Read, TableWrites, Value, What, Writes};

use super::failure::{self, Failure};

/// Where a record has fields of indexes, its value stands beside them.
const ROW: &str = "row";

/// Begins when it is polled, and gives the values that it read.
type Request = Pin<Box<dyn Future<Output = rexie::Result<Vec<JsValue>>>>>;

/// What is found, a list for each.
pub async fn read(tx: &Transaction, reads: Vec<Read>) -> Result<Vec<Vec<Value>>, Failure> {
    let mut names = Names::default();
    let mut requests = Vec::with_capacity(reads.len());
    for Read { table, what, range, limit } in reads {
        let table = tx.store(table)?;
        let range = range.as_ref().map(|range| names.range(range)).transpose()?;
        requests.push(match what {
            What::Values => request(async move { table.get_all(range, limit).await }),
            What::Keys => request(async move { table.get_all_keys(range, limit).await }),
            What::Indexed(index) => {
                let index = table.index(index)?;
                request(async move { index.get_all(range, limit).await })
            }
        });
    }
    let mut found = Vec::with_capacity(requests.len());
    for values in together(requests).await? {
        found.push(values.iter().map(value).collect());
    }
    Ok(found)
}

/// Writes and waits for the end of the transaction. Only a commit is success; what failed takes everything with it.
pub async fn commit(tx: Transaction, writes: Writes) -> Result<(), Failure> {
    let made = match requests(&tx, writes) {
        Ok(requests) => together(requests).await,
        Err(failure) => Err(failure),
    };
    match made {
        Ok(_) => failure::committed(tx.done().await).await,
        Err(failure) => Err(abort(tx, failure).await),
    }
}

/// Takes back what was written of it, because of this.
pub async fn abort(tx: Transaction, failure: Failure) -> Failure {
    // An error means that it is aborted already.
    let _ = tx.abort().await;
    failure.explained().await
}

fn requests(tx: &Transaction, writes: Writes) -> Result<Vec<Request>, Failure> {
    let mut names = Names::default();
    let mut requests = Vec::new();
    for (name, TableWrites { deletions, puts }) in writes.tables {
        for range in &deletions {
            let table = tx.store(name)?;
            let range = match range {
                KeyRange::Only(key) => names.key(key),
                range => names.range(range)?.into(),
            };
            requests.push(request(async move { table.delete(range).await.map(|()| Vec::new()) }));
        }
        let table = tx.store(name)?;
        let mut records = Vec::with_capacity(puts.len());
        for put in &puts {
            records.push((record(put), Some(names.key(&put.key))));
        }
        requests.push(request(async move { table.put_all(records.into_iter()).await.map(|()| Vec::new()) }));
    }
    Ok(requests)
}

fn request(request: impl Future<Output = rexie::Result<Vec<JsValue>>> + 'static) -> Request {
    Box::pin(request)
}

/// Makes them in their order. After a failure the others are awaited too: the browser calls each back.
async fn together(requests: Vec<Request>) -> Result<Vec<Vec<JsValue>>, Failure> {
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

/// Keys for JavaScript. Those of one channel follow each other, so its name is made once.
#[derive(Default)]
struct Names {
    last: Option<(Rc<str>, JsValue)>,
}

impl Names {
    fn key(&mut self, key: &Key) -> JsValue {
        match key {
            Key::Number(number) => JsValue::from_f64(*number),
            Key::Text(text) => match &self.last {
                Some((last, name)) if Rc::ptr_eq(last, text) => name.clone(),
                _ => {
                    let name = JsValue::from_str(text);
                    self.last = Some((Rc::clone(text), name.clone()));
                    name
                }
            },
            Key::List(keys) => {
                let list = Array::new();
                for key in keys {
                    list.push(&self.key(key));
                }
                list.into()
            }
        }
    }

    fn range(&mut self, range: &KeyRange) -> Result<rexie::KeyRange, Failure> {
        let made = match range {
            KeyRange::Only(key) => rexie::KeyRange::only(&self.key(key)),
            KeyRange::Between { lower, upper, lower_open, upper_open } => {
                rexie::KeyRange::bound(&self.key(lower), &self.key(upper), Some(*lower_open), Some(*upper_open))
            }
        };
        Ok(made.map_err(rexie::Error::from)?)
    }
}

fn value(found: &JsValue) -> Value {
    if let Some(bytes) = found.dyn_ref::<Uint8Array>() {
        return Value::Bytes(bytes.to_vec());
    }
    if let Some(number) = found.as_f64() {
        return Value::Number(number);
    }
    if let Some(text) = found.as_string() {
        return Value::Text(text.into());
    }
    let row = Reflect::get(found, &ROW.into()).map(JsCast::dyn_into::<Uint8Array>);
    if let Ok(Ok(bytes)) = row { Value::Bytes(bytes.to_vec()) } else { Value::Foreign }
}

fn record(Put { value, indexed, .. }: &Put) -> JsValue {
    let value = match value {
        Value::Bytes(bytes) => Uint8Array::from(bytes.as_slice()).into(),
        Value::Text(text) => JsValue::from_str(text),
        Value::Number(number) => JsValue::from_f64(*number),
        Value::Foreign => JsValue::UNDEFINED,
    };
    if indexed.is_empty() {
        return value;
    }
    let record = Object::new();
    // An object that we have just made takes any field.
    let _ = Reflect::set(&record, &ROW.into(), &value);
    for (name, field) in indexed {
        let _ = Reflect::set(&record, &(*name).into(), &JsValue::from_str(field));
    }
    record.into()
}

/// A key as the database has it, for tests.
pub fn key(key: &Key) -> JsValue {
    Names::default().key(key)
}
