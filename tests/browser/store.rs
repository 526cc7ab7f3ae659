//! The IndexedDB store against the contract's suite, and against what browsers do to a database.

use jindou::browser::store::IndexedStore;
use jindou::browser::{clock, requests, schema as declared};
use jindou::channel::Channel;
use jindou::client::StoreFailure;
use jindou::id::{MessageId, MessageSeq};
use jindou::rows::{Answer, Batch, Change, Epoch, MessageRow, MessageState, Meta, OutboxRow, OutboxState, Query, Seen};
use jindou::store::codec;
use jindou::store::records::{key, schema};
use jindou::store::suite::{self, Step};
use jindou::time::Wall;
use rexie::{Index, ObjectStore, Rexie, TransactionMode};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

/// A database that no other test and no earlier run has seen.
pub fn fresh_name(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::new_v4())
}

fn device(name: &str) -> Change {
    Change::Meta(Meta { device_id: name.to_owned(), last_ordinal: 1, ..Meta::default() })
}

fn batch(epoch: Epoch, changes: Vec<Change>) -> Batch {
    Batch { epoch, changes }
}

async fn stored_device(store: &IndexedStore) -> String {
    match store.answer(&Query::Hydrate).await.expect("the database answers") {
        Answer::Hydrated { meta, .. } => meta.device_id,
        other => panic!("not what was asked: {other:?}"),
    }
}

async fn stored_seen(store: &IndexedStore, channel: &Channel) -> Vec<Seen> {
    match store.answer(&Query::Channel(channel.clone())).await.expect("the database answers") {
        Answer::Channel { seen, .. } => seen,
        other => panic!("not what was asked: {other:?}"),
    }
}

fn places(seen: &[Seen]) -> Vec<u64> {
    let mut places: Vec<_> = seen.iter().map(|seen| seen.placed_at.0).collect();
    places.sort_unstable();
    places
}

fn message(channel: &Channel, seq: u64) -> Change {
    Change::Message(MessageRow {
        channel: channel.clone(),
        message_seq: MessageSeq(seq),
        message_id: MessageId(seq as i64),
        client_msg_no: format!("n-{seq}").into(),
        from: "somebody".into(),
        timestamp: 1_700_000_000,
        setting: 0,
        expire: 0,
        topic: None,
        content: b"{}".to_vec(),
        state: MessageState::Normal,
        mark: None,
        copies: vec![],
        counted: false,
        unconfirmed: false,
    })
}

#[wasm_bindgen_test]
async fn the_indexeddb_store_keeps_the_contract() {
    for case in suite::cases() {
        let name = fresh_name("suite");
        let mut store = IndexedStore::open(&name).await.expect("opens");
        for (number, step) in case.steps.iter().enumerate() {
            let told = match step {
                Step::Apply(batch, expected) => suite::compare_outcome(expected, &store.apply(batch).await),
                Step::Ask(query, expected) => {
                    suite::compare(expected, &store.answer(query).await.expect("the database answers"))
                }
                Step::Reopen => {
                    store.close();
                    store = IndexedStore::open(&name).await.expect("opens again");
                    Ok(())
                }
            };
            if let Err(difference) = told {
                panic!("{}, step {number}: {difference}", case.name);
            }
        }
        assert_eq!(store.unreadable(), 0, "{}: every row can be read", case.name);
        store.wipe().await.expect("is deleted");
    }
}

#[wasm_bindgen_test]
async fn a_database_that_was_closed_under_us_is_opened_again() {
    let name = fresh_name("closed");
    let store = IndexedStore::open(&name).await.expect("opens");
    let epoch = store.claim().await.expect("is claimed");
    let group = Channel::group("g");
    store.apply(&batch(epoch, vec![device("kept"), message(&group, 1)])).await.expect("writes");
    // Somebody clears the site's data: rexie closes in silence, and what we knew is gone.
    Rexie::delete(&name).await.expect("is deleted under us");
    let failed = store.apply(&batch(epoch, vec![device("lost")])).await;
    assert!(matches!(failed, Err(StoreFailure::Failed(_))), "an emptied database fails once: {failed:?}");
    assert_eq!(stored_device(&store).await, "");
    assert_eq!(stored_seen(&store, &group).await, []);
    store.apply(&batch(epoch, vec![device("anew")])).await.expect("then it is as good as any");
    assert_eq!(stored_device(&store).await, "anew");
    store.apply(&batch(epoch, vec![message(&group, 2)])).await.expect("and keeps what comes");
    assert_eq!(places(&stored_seen(&store, &group).await), [2]);
    store.wipe().await.expect("is deleted");
}

#[wasm_bindgen_test]
async fn a_database_that_could_not_be_opened_again_is_tried_the_next_time_too() {
    let name = fresh_name("away");
    let store = IndexedStore::open(&name).await.expect("opens");
    let epoch = store.claim().await.expect("is claimed");
    // A later build of the application has it, and then it is gone.
    let newer = declared::builder(&name).version(schema::VERSION + 1).build().await.expect("is upgraded under us");
    newer.close();
    let failed = store.apply(&batch(epoch, vec![device("lost")])).await;
    assert!(matches!(&failed, Err(StoreFailure::Failed(text)) if text.starts_with("VersionError")), "{failed:?}");
    Rexie::delete(&name).await.expect("is deleted");
    let emptied = store.apply(&batch(epoch, vec![device("lost")])).await;
    assert!(matches!(emptied, Err(StoreFailure::Failed(_))), "an emptied database fails once: {emptied:?}");
    store.apply(&batch(epoch, vec![device("anew")])).await.expect("then it is as good as any");
    assert_eq!(stored_device(&store).await, "anew");
    store.wipe().await.expect("is deleted");
    let closed = store.apply(&batch(epoch, vec![device("late")])).await;
    assert!(matches!(closed, Err(StoreFailure::Failed(_))), "what was closed stays closed: {closed:?}");
}

#[wasm_bindgen_test]
async fn a_row_that_cannot_be_read_is_counted_and_not_shown() {
    let name = fresh_name("damaged");
    let store = IndexedStore::open(&name).await.expect("opens");
    let raw = declared::builder(&name).build().await.expect("opens beside it");
    let tx = raw.transaction(&[schema::OUTBOX], TransactionMode::ReadWrite).expect("begins");
    let outbox = tx.store(schema::OUTBOX).expect("is there");
    outbox.put(&JsValue::from_f64(7.0), Some(&"n".into())).await.expect("is put");
    // Nothing would ever take a row away from under another's number.
    let owed = js_sys::Uint8Array::from(codec::encode(&owed(&Channel::group("g"))).as_slice());
    outbox.put(&owed, Some(&"m".into())).await.expect("is put");
    assert!(tx.done().await.expect("ends").is_committed());
    let answer = store.answer(&Query::Hydrate).await.expect("the database answers");
    assert!(matches!(answer, Answer::Hydrated { outbox, .. } if outbox.is_empty()));
    assert_eq!((store.unreadable(), store.unreadable()), (2, 0));
    raw.close();
    store.wipe().await.expect("is deleted");
}

#[wasm_bindgen_test]
async fn a_page_is_full_and_in_order_whatever_stands_between_its_rows() {
    let name = fresh_name("holes");
    let store = IndexedStore::open(&name).await.expect("opens");
    let epoch = store.claim().await.expect("is claimed");
    let (group, other) = (Channel::group("g"), Channel::group("h"));
    let mut changes: Vec<Change> = (1..=9).map(|seq| message(&group, seq)).collect();
    changes.push(message(&other, 1));
    store.apply(&batch(epoch, changes)).await.expect("writes");
    let raw = declared::builder(&name).build().await.expect("opens beside it");
    let tx = raw.transaction(&[schema::MESSAGES], TransactionMode::ReadWrite).expect("begins");
    let table = tx.store(schema::MESSAGES).expect("is there");
    let key = |channel: &Channel, seq| requests::key(&key::message(&key::channel(channel), MessageSeq(seq)));
    let five = table.get(key(&group, 5)).await.expect("is read");
    let six = table.get(key(&group, 6)).await.expect("is read");
    let others = table.get(key(&other, 1)).await.expect("is read");
    let puts = [(9, Some(JsValue::NULL)), (8, Some("x".into())), (7, others), (6, five), (5, six)];
    for (seq, value) in puts {
        table.put(&value.expect("was there"), Some(&key(&group, seq))).await.expect("is put");
    }
    assert!(tx.done().await.expect("ends").is_committed());
    raw.close();
    for (limit, expected) in [(4, &[6, 5, 4, 3][..]), (6, &[6, 5, 4, 3, 2, 1]), (7, &[6, 5, 4, 3, 2, 1]), (0, &[])] {
        let page = Query::Page { channel: group.clone(), before: None, limit };
        let Ok(Answer::Messages(rows)) = store.answer(&page).await else { panic!("a page of {limit}") };
        assert_eq!(rows.iter().map(|row| row.message_seq.0).collect::<Vec<_>>(), expected);
        assert!(rows.iter().all(|row| row.channel == group));
        assert_eq!(store.unreadable(), if limit == 0 { 0 } else { 2 });
    }
    store.wipe().await.expect("is deleted");
}

#[wasm_bindgen_test]
async fn a_database_that_is_none_of_ours_is_refused_and_loses_nothing() {
    for version in 1..=schema::VERSION {
        let name = fresh_name("foreign");
        made(&name, version, &[("meta", &[]), ("theirs", &[])], Vec::new()).await;
        assert!(matches!(IndexedStore::open(&name).await, Err(StoreFailure::Failed(_))));
        let theirs = Rexie::builder(&name).build().await.expect("opens");
        assert_eq!((theirs.version(), theirs.store_names().len()), (Ok(version), 2));
        theirs.close();
        let deleted = clock::within(5_000, Rexie::delete(&name)).await;
        assert!(matches!(deleted, Some(Ok(()))), "nobody has it open: {deleted:?}");
    }
}

#[wasm_bindgen_test]
async fn what_a_database_lacks_is_made_again_and_the_rest_stays() {
    // One thing each: what is made for the one must not hide that the other is missed.
    for missing in ["audit.3", "copied", "quotes"] {
        let name = fresh_name("lacking");
        let mut tables: Vec<(&str, Vec<&str>)> = Vec::new();
        for (table, indexes) in VERSION_3.iter().filter(|(table, _)| *table != missing) {
            tables.push((table, indexes.iter().copied().filter(|index| *index != missing).collect()));
        }
        let tables: Vec<(&str, &[&str])> = tables.iter().map(|(table, indexes)| (*table, &indexes[..])).collect();
        let kept = ("outbox", "n".into(), JsValue::from(7));
        made(&name, schema::VERSION, &tables, vec![kept]).await;
        for _ in 0..2 {
            let store = IndexedStore::open(&name).await.expect("opens");
            store.claim().await.expect("is claimed");
            let audit = store.answer(&Query::Audit { limit: 1 }).await;
            assert!(matches!(audit, Ok(Answer::Audit(lines)) if lines.is_empty()), "{missing}");
            let channel = Channel::group("g");
            let group = store.answer(&Query::Channel(channel.clone())).await;
            assert!(matches!(group, Ok(Answer::Channel { .. })), "{missing}");
            let quoting = store.answer(&Query::Quoting { channel, copies: Vec::new() }).await;
            assert!(matches!(quoting, Ok(Answer::Messages(rows)) if rows.is_empty()), "{missing}");
            let owed = store.answer(&Query::Hydrate).await;
            assert!(matches!(owed, Ok(Answer::Hydrated { .. })), "{missing}");
            assert_eq!(store.unreadable(), 1, "what was there is there");
            store.close();
        }
        Rexie::delete(&name).await.expect("is deleted");
    }
}

/// The object stores of version 1, which never had an index that is still read. Version 2 added `journal`.
const VERSION_1: [&str; 9] =
    ["audit", "channels", "commands", "marks", "messages", "meta", "outbox", "quarantine", "seen"];

/// The object stores and indexes of version 3.
const VERSION_3: [(&str, &[&str]); 10] = [
    ("audit.3", &[]),
    ("channels.3", &[]),
    ("commands", &[]),
    ("journal.3", &[]),
    ("marks", &[]),
    ("messages.3", &["copied", "quotes"]),
    ("meta", &[]),
    ("outbox", &[]),
    ("quarantine", &[]),
    ("seen.3", &[]),
];

/// A database as a build of an earlier version made it.
async fn made(name: &str, version: u32, tables: &[(&str, &[&str])], rows: Vec<(&str, JsValue, JsValue)>) {
    let builder = tables.iter().fold(Rexie::builder(name).version(version), |builder, (table, indexes)| {
        let index = |store: ObjectStore, name: &&str| store.add_index(Index::new(name, name).unique(false));
        builder.add_object_store(indexes.iter().fold(ObjectStore::new(table), index))
    });
    let database = builder.build().await.expect("opens");
    let names: Vec<&str> = tables.iter().map(|(name, _)| *name).collect();
    let tx = database.transaction(&names, TransactionMode::ReadWrite).expect("begins");
    for (table, key, value) in rows {
        tx.store(table).expect("is there").put(&value, Some(&key)).await.expect("is put");
    }
    assert!(tx.done().await.expect("ends").is_committed());
    database.close();
}

/// rexie deletes what is not declared, so a name that is missing here would cost a person the rows.
#[wasm_bindgen_test]
async fn every_object_store_of_version_3_is_declared_and_survives_an_upgrade() {
    let name = fresh_name("schema");
    let kept = |table| (table, JsValue::from("kept"), js_sys::Object::new().into());
    made(&name, 3, &VERSION_3, VERSION_3.iter().map(|(table, _)| kept(*table)).collect()).await;
    for version in [schema::VERSION, schema::VERSION + 1] {
        let database = declared::builder(&name).version(version).build().await.expect("is upgraded");
        let names = VERSION_3.map(|(name, _)| name);
        assert_eq!(database.store_names(), names);
        let tx = database.transaction(&names, TransactionMode::ReadOnly).expect("begins");
        for (name, indexes) in &VERSION_3 {
            let store = tx.store(name).expect("is there");
            assert_eq!(store.index_names(), *indexes, "{name}");
            assert_eq!(store.key_path().expect("is told"), None, "{name}");
            assert_eq!(store.count(None).await, Ok(1), "{name}");
        }
        database.close();
    }
    // The trap itself, so that we notice when rexie changes.
    let careless = Rexie::builder(&name).version(schema::VERSION + 2).add_object_store(ObjectStore::new("meta"));
    let careless = careless.build().await.expect("is upgraded");
    assert_eq!(careless.store_names(), ["meta"]);
    careless.close();
    Rexie::delete(&name).await.expect("is deleted");
}

fn owed(channel: &Channel) -> OutboxRow {
    OutboxRow {
        client_msg_no: "owed".into(),
        ordinal: 1,
        channel: channel.clone(),
        content: b"{}".to_vec(),
        created_at: Wall(1_700_000_000_000),
        expire: 0,
        flags: 0,
        setting: 0,
        topic: None,
        state: OutboxState::Queued,
    }
}

/// What is owed to the server stays; what is the server's is read anew, and nothing says that it is here.
#[wasm_bindgen_test]
async fn of_what_version_1_wrote_the_outbox_stays() {
    let name = fresh_name("version-1");
    let bytes = |bytes: &[u8]| JsValue::from(js_sys::Uint8Array::from(bytes));
    let group = Channel::group("g");
    let owed = owed(&group);
    let row = b"\x01\x02\x01g\x01\x01\x08\x08\x00\x00\x00\x00\x00";
    let run = js_sys::Array::of3(&"2:g".into(), &7.into(), &1.into());
    made(
        &name,
        1,
        &VERSION_1.map(|name| (name, &[] as &[&str])),
        vec![
            ("meta", "epoch".into(), 3.into()),
            ("outbox", "owed".into(), bytes(&codec::encode(&owed))),
            ("channels", "2:g".into(), bytes(row)),
            ("messages", js_sys::Array::of2(&"2:g".into(), &7.into()).into(), bytes(b"\x01")),
            ("seen", run.into(), bytes(b"\x54\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0")),
        ],
    )
    .await;
    let store = IndexedStore::open(&name).await.expect("opens");
    assert_eq!(store.claim().await.expect("is claimed"), Epoch(4));
    let Answer::Hydrated { outbox, channels, .. } = store.answer(&Query::Hydrate).await.expect("answers") else {
        panic!("not what was asked");
    };
    assert_eq!((outbox, channels), (vec![owed], vec![]));
    assert_eq!(stored_seen(&store, &group).await, []);
    let page = Query::Page { channel: group, before: None, limit: 50 };
    assert_eq!(store.answer(&page).await.expect("answers"), Answer::Messages(vec![]));
    assert_eq!(store.unreadable(), 0);
    store.wipe().await.expect("is deleted");
}
