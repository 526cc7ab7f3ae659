//! The IndexedDB store against the contract's suite, and against what browsers do to a database.

use jindou::browser::schema;
use jindou::browser::store::IndexedStore;
use jindou::client::StoreFailure;
use jindou::rows::{Answer, Batch, Change, Epoch, Meta, Query};
use jindou::store::suite::{self, Step};
use rexie::{ObjectStore, Rexie, TransactionMode};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

/// A database that no other test and no earlier run has seen.
pub fn fresh_name(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::new_v4())
}

fn device(name: &str) -> Change {
    Change::Meta(Meta { device_id: name.to_owned(), next_ordinal: 1 })
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
async fn a_second_handle_that_claims_fences_the_first() {
    let name = fresh_name("fence");
    let first = IndexedStore::open(&name).await.expect("opens");
    let old = first.claim().await.expect("is claimed");
    first.apply(&batch(old, vec![device("first")])).await.expect("the only writer writes");
    let second = IndexedStore::open(&name).await.expect("opens beside it");
    let new = second.claim().await.expect("is claimed");
    assert!(new > old);
    assert_eq!(first.apply(&batch(old, vec![device("late")])).await, Err(StoreFailure::Fenced));
    assert_eq!(stored_device(&second).await, "first");
    second.apply(&batch(new, vec![device("second")])).await.expect("the newer writer writes");
    first.close();
    second.wipe().await.expect("is deleted");
}

#[wasm_bindgen_test]
async fn a_database_that_was_closed_under_us_is_opened_again() {
    let name = fresh_name("closed");
    let store = IndexedStore::open(&name).await.expect("opens");
    let epoch = store.claim().await.expect("is claimed");
    store.apply(&batch(epoch, vec![device("kept")])).await.expect("writes");
    // Somebody clears the site's data: rexie closes in silence, and what we knew is gone.
    Rexie::delete(&name).await.expect("is deleted under us");
    let failed = store.apply(&batch(epoch, vec![device("lost")])).await;
    assert!(matches!(failed, Err(StoreFailure::Failed(_))), "an emptied database fails once: {failed:?}");
    assert_eq!(stored_device(&store).await, "");
    store.apply(&batch(epoch, vec![device("anew")])).await.expect("then it is as good as any");
    assert_eq!(stored_device(&store).await, "anew");
    store.wipe().await.expect("is deleted");
}

#[wasm_bindgen_test]
async fn a_row_that_cannot_be_read_is_counted_and_not_shown() {
    let name = fresh_name("damaged");
    let store = IndexedStore::open(&name).await.expect("opens");
    let raw = schema::builder(&name).build().await.expect("opens beside it");
    let tx = raw.transaction(&[schema::OUTBOX], TransactionMode::ReadWrite).expect("begins");
    tx.store(schema::OUTBOX).expect("is there").put(&JsValue::from_f64(7.0), Some(&"n".into())).await.expect("is put");
    assert!(tx.done().await.expect("ends").is_committed());
    let answer = store.answer(&Query::Hydrate).await.expect("the database answers");
    assert!(matches!(answer, Answer::Hydrated { outbox, .. } if outbox.is_empty()));
    assert_eq!((store.unreadable(), store.unreadable()), (1, 0));
    raw.close();
    store.wipe().await.expect("is deleted");
}

/// rexie deletes what is not declared, so a name that is missing here would cost a person the rows.
#[wasm_bindgen_test]
async fn every_object_store_of_version_1_is_declared_and_survives_an_upgrade() {
    let version_1 = [
        ("audit", vec![]),
        ("channels", vec![]),
        ("commands", vec![]),
        ("marks", vec![]),
        ("messages", vec!["copied", "quotes"]),
        ("meta", vec![]),
        ("outbox", vec![]),
        ("quarantine", vec![]),
        ("seen", vec![]),
    ];
    let name = fresh_name("schema");
    let database = schema::builder(&name).build().await.expect("opens");
    let names: Vec<_> = version_1.iter().map(|(name, _)| *name).collect();
    assert_eq!(database.store_names(), names);
    let tx = database.transaction(&names, TransactionMode::ReadWrite).expect("begins");
    for (name, indexes) in &version_1 {
        let store = tx.store(name).expect("is there");
        assert_eq!(store.index_names(), *indexes, "{name}");
        assert_eq!(store.key_path().expect("is told"), None, "{name}");
        store.put(&js_sys::Object::new(), Some(&"kept".into())).await.expect("is put");
    }
    assert!(tx.done().await.expect("ends").is_committed());
    database.close();
    let upgraded = schema::builder(&name).version(schema::VERSION + 1).build().await.expect("is upgraded");
    let tx = upgraded.transaction(&names, TransactionMode::ReadOnly).expect("begins");
    for name in &names {
        assert_eq!(tx.store(name).expect("is there").count(None).await, Ok(1), "{name}");
    }
    upgraded.close();
    // The trap itself, so that we notice when rexie changes.
    let careless = Rexie::builder(&name).version(schema::VERSION + 2).add_object_store(ObjectStore::new("meta"));
    let careless = careless.build().await.expect("is upgraded");
    assert_eq!(careless.store_names(), ["meta"]);
    careless.close();
    Rexie::delete(&name).await.expect("is deleted");
}
