//! People and a group to play with, made at the first start of a demo. Their password is public, and the page prints it.

use serde_json::{Value, json};

use super::account;
use super::app::App;
use super::error::ApiError;
use super::groups;
use crate::rules::account::Name;
use crate::rules::{GroupId, Uid};
use crate::storage::Person;

const PASSWORD: &str = "demo";
const PEOPLE: [(&str, &str); 3] = [("alice", "Alice"), ("bob", "Bob"), ("carol", "Carol")];
const GROUP: (&str, &str) = ("demo", "筋斗 Demo");

pub fn about() -> Value {
    let people = PEOPLE.map(|(uid, name)| json!({ "uid": uid, "name": name }));
    json!({ "people": people, "password": PASSWORD })
}

/// Does nothing where it was made, or where anybody else has an account. What a start that broke off has left is made complete.
pub async fn make(app: &App) -> Result<(), ApiError> {
    let (id, name) = (GroupId::try_from(GROUP.0.to_owned())?, Name::parse(GROUP.1)?);
    let there = app.store.people("", PEOPLE.len() + 1).await?;
    let is_ours = |person: &Person| PEOPLE.iter().any(|(uid, _)| *uid == person.uid.as_str());
    if !there.iter().all(is_ours) || app.store.group(&id).await?.is_some() {
        return Ok(());
    }
    let hash = account::hash(app, PASSWORD.to_owned()).await?;
    let mut uids = Vec::new();
    for (uid, name) in PEOPLE {
        let person = Person { uid: Uid::try_from(uid.to_owned())?, name: Name::parse(name)? };
        app.store.create_person(&person, &hash, app.now()).await?;
        uids.push(person.uid);
    }
    if let [owner, others @ ..] = uids.as_slice() {
        app.store.create_group(&id, &name, owner, others, &groups::fresh_name()?, app.now()).await?;
    }
    tracing::info!("made the people and the group of the demo");
    Ok(())
}
