//! The client's database alone, fed with batches as the core makes them.

use std::collections::BTreeMap;
use std::rc::Rc;

use jindou::browser::store::IndexedStore;
use jindou::channel::Channel;
use jindou::client::StoreFailure;
use jindou::id::MessageSeq;
use jindou::rows::{Answer, Batch, Change, ChannelRow, Digest, Epoch, MessageRow, Query, Range};
use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::script::Script;

#[wasm_bindgen]
pub struct Store {
    store: Rc<IndexedStore>,
    epoch: Epoch,
    /// Where each channel ended when the store was opened: the core reads it at its start, and asks for pages by it.
    ends: BTreeMap<Channel, MessageSeq>,
}

/// A batch that is ready to be stored: messages, and the row of every channel in which they are.
#[wasm_bindgen]
pub struct Ready(Rc<Batch>);

#[wasm_bindgen]
impl Store {
    pub fn open(name: String) -> Promise {
        future_to_promise(async move {
            let store = IndexedStore::open(&name).await.map_err(failed)?;
            let epoch = store.claim().await.map_err(failed)?;
            let ends = match store.answer(&Query::Hydrate).await.map_err(failed)? {
                Answer::Hydrated { channels, .. } => channels.into_iter().filter_map(end).collect(),
                _ => BTreeMap::new(),
            };
            Ok(Self { store: Rc::new(store), epoch, ends }.into())
        })
    }

    pub fn batch(&self, script: &Script, first: u32, count: u32) -> Ready {
        let messages: Vec<MessageRow> = (first..first + count).map(|number| script.message(number)).collect();
        let mut channels = BTreeMap::new();
        for message in &messages {
            channels.insert(message.channel.clone(), conversation(message));
        }
        let messages = messages.into_iter().map(Change::Message);
        let changes = messages.chain(channels.into_values().map(Change::Channel)).collect();
        Ready(Rc::new(Batch { epoch: self.epoch, changes }))
    }

    pub fn apply(&self, ready: &Ready) -> Promise {
        let (store, batch) = (Rc::clone(&self.store), Rc::clone(&ready.0));
        future_to_promise(async move {
            store.apply(&batch).await.map_err(failed)?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// How many messages the newest page of a group has. They stay in WebAssembly.
    pub fn newest(&self, group: &str, limit: usize) -> Promise {
        let store = Rc::clone(&self.store);
        let channel = Channel::new(Channel::GROUP, group);
        let before = self.ends.get(&channel).copied();
        let query = Query::Page { channel, before, limit };
        future_to_promise(async move {
            match store.answer(&query).await.map_err(failed)? {
                Answer::Messages(rows) => Ok(rows.len().into()),
                _ => Ok(0.into()),
            }
        })
    }

    pub fn close(self) {
        self.store.close();
    }
}

fn end(row: ChannelRow) -> Option<(Channel, MessageSeq)> {
    Some((row.channel, MessageSeq(row.ranges.last()?.last.0 + 1)))
}

/// The conversation as it stands after this message, when everything before it is here.
fn conversation(message: &MessageRow) -> ChannelRow {
    ChannelRow {
        ranges: vec![Range { first: MessageSeq(1), last: message.message_seq }],
        last_seq: message.message_seq,
        unread: message.message_seq.0,
        last: Some(Digest {
            message_seq: message.message_seq,
            message_id: message.message_id,
            client_msg_no: message.client_msg_no.clone(),
            from: message.from.clone(),
            timestamp: message.timestamp,
            content: message.content.clone(),
            state: message.state.clone(),
            mark: None,
        }),
        reached_start: true,
        ..ChannelRow::new(message.channel.clone())
    }
}

/// The same messages as objects that somebody has decoded already, for those who store them by hand.
#[wasm_bindgen]
pub fn records(script: &Script, first: u32, count: u32) -> Array {
    (first..first + count).map(|number| record(&script.message(number))).collect()
}

fn record(message: &MessageRow) -> Object {
    let record = Object::new();
    let content = String::from_utf8_lossy(&message.content);
    let fields: [(&str, JsValue); 8] = [
        ("channel", message.channel.id.as_str().into()),
        ("channelType", message.channel.kind.into()),
        ("seq", (message.message_seq.0 as f64).into()),
        ("messageId", message.message_id.to_string().into()),
        ("clientMsgNo", message.client_msg_no.as_str().into()),
        ("from", message.from.as_str().into()),
        ("timestamp", (message.timestamp as f64).into()),
        ("content", (&*content).into()),
    ];
    for (name, value) in fields {
        // A fresh object takes every field.
        let _ = Reflect::set(&record, &name.into(), &value);
    }
    record
}

fn failed(failure: StoreFailure) -> JsValue {
    JsError::new(&format!("{failure:?}")).into()
}
