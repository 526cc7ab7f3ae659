//! Groups, their members and roles. WuKongIM is told by errands; a request waits a moment for its own, so that whoever was added
//! can usually write at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::app::App;
use super::errands;
use super::error::ApiError;
use super::input::{Caller, InPath, Input, at_most};
use super::secrets;
use crate::rules::account::{MAX_GROUP_MEMBERS, Name};
use crate::rules::{ClientMsgNo, GroupId, Role, Uid};
use crate::storage::{Group, GroupChange};

const NO_GROUP: ApiError = ApiError::NotFound("there is no such group for you");
const NO_MEMBER: ApiError = ApiError::NotFound("there is no such group for you, or no such member in it");

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupView {
    group_id: GroupId,
    name: String,
    role: Role,
    members: Vec<MemberView>,
}

#[derive(Serialize)]
struct MemberView {
    uid: Uid,
    name: String,
    role: Role,
}

fn view(group: Group, viewer: &Uid) -> Option<GroupView> {
    let role = group.role_of(viewer)?;
    let members = group
        .members
        .into_iter()
        .map(|member| MemberView {
            uid: member.person.uid,
            name: member.person.name.as_str().to_owned(),
            role: member.role,
        })
        .collect();
    Some(GroupView { group_id: group.id, name: group.name.as_str().to_owned(), role, members })
}

async fn shown(app: &App, id: &GroupId, viewer: &Uid) -> Result<Json<GroupView>, ApiError> {
    let group = app.store.group(id).await?;
    group.and_then(|group| view(group, viewer)).map(Json).ok_or(NO_GROUP)
}

/// A group that no group can be is one that is not there.
fn group_id(text: String) -> Result<GroupId, ApiError> {
    GroupId::try_from(text).map_err(|_| NO_GROUP)
}

async fn people(app: &App, uids: Vec<String>) -> Result<Vec<Uid>, ApiError> {
    at_most("the list of people", &uids, MAX_GROUP_MEMBERS)?;
    let mut uids = uids.into_iter().map(Uid::try_from).collect::<Result<Vec<_>, _>>()?;
    uids.sort();
    uids.dedup();
    if app.store.known(&uids).await?.len() < uids.len() {
        return Err(ApiError::NotFound("not everybody in this list has an account"));
    }
    Ok(uids)
}

async fn finish(app: &App, change: GroupChange) -> Result<(), ApiError> {
    match change {
        GroupChange::Done(errand) => match errand {
            Some(errand) => errands::wait_for(app, errand).await,
            None => {
                app.errand_added.notify_one();
                Ok(())
            }
        },
        GroupChange::Forbidden => Err(ApiError::Forbidden("your role in this group does not allow it")),
        GroupChange::NotFound => Err(NO_GROUP),
        GroupChange::TooLarge => {
            Err(ApiError::invalid("a group has at most 500 members, and a person at most 1000 groups"))
        }
    }
}

/// A name for the message that tells the group of a change.
pub fn fresh_name() -> Result<ClientMsgNo, ApiError> {
    Ok(ClientMsgNo::stored(format!("notice-{:032x}", u128::from_le_bytes(secrets::random()?))))
}

/// Whether group or member is missing is not told apart, for strangers.
fn of_member(error: ApiError) -> ApiError {
    if error == NO_GROUP { NO_MEMBER } else { error }
}

pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let groups = app.store.groups_of(caller.uid()).await?;
    let groups: Vec<GroupView> = groups.into_iter().filter_map(|group| view(group, caller.uid())).collect();
    Ok(Json(json!({ "groups": groups })))
}

pub async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<Json<GroupView>, ApiError> {
    shown(&app, &group_id(id)?, caller.uid()).await
}

#[derive(Deserialize)]
pub struct NewGroup {
    name: String,
    #[serde(default)]
    members: Vec<String>,
}

pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Input(asked): Input<NewGroup>,
) -> Result<Json<GroupView>, ApiError> {
    app.limits.change(caller.uid(), app.now())?;
    let name = Name::parse(&asked.name)?;
    let members = people(&app, asked.members).await?;
    let id = GroupId::try_from(format!("g-{:032x}", u128::from_le_bytes(secrets::random()?)))?;
    let change = app.store.create_group(&id, &name, caller.uid(), &members, &fresh_name()?, app.now()).await?;
    finish(&app, change).await?;
    shown(&app, &id, caller.uid()).await
}

#[derive(Deserialize)]
pub struct NewName {
    name: String,
}

pub async fn rename(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath(id): InPath<String>,
    Input(asked): Input<NewName>,
) -> Result<Json<GroupView>, ApiError> {
    app.limits.change(caller.uid(), app.now())?;
    let (id, name) = (group_id(id)?, Name::parse(&asked.name)?);
    let change = app.store.rename_group(&id, caller.uid(), &name, &fresh_name()?, app.now()).await?;
    finish(&app, change).await?;
    shown(&app, &id, caller.uid()).await
}

#[derive(Deserialize)]
pub struct NewMembers {
    uids: Vec<String>,
}

pub async fn add_members(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath(id): InPath<String>,
    Input(asked): Input<NewMembers>,
) -> Result<Json<GroupView>, ApiError> {
    app.limits.change(caller.uid(), app.now())?;
    let id = group_id(id)?;
    // Whoever is no member learns nothing, not even who has an account.
    app.store.role(&id, caller.uid()).await?.ok_or(NO_GROUP)?;
    let uids = people(&app, asked.uids).await?;
    let change = app.store.add_members(&id, caller.uid(), &uids, &fresh_name()?, app.now()).await?;
    finish(&app, change).await?;
    shown(&app, &id, caller.uid()).await
}

#[derive(Deserialize)]
pub struct NewRole {
    role: Role,
}

pub async fn set_role(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath((id, uid)): InPath<(String, String)>,
    Input(asked): Input<NewRole>,
) -> Result<Json<GroupView>, ApiError> {
    app.limits.change(caller.uid(), app.now())?;
    let (id, uid) = (group_id(id)?, Uid::try_from(uid).map_err(|_| NO_MEMBER)?);
    let change = app.store.set_role(&id, caller.uid(), &uid, asked.role, app.now()).await?;
    finish(&app, change).await.map_err(of_member)?;
    shown(&app, &id, caller.uid()).await
}

pub async fn remove_member(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath((id, uid)): InPath<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    app.limits.change(caller.uid(), app.now())?;
    let (id, uid) = (group_id(id)?, Uid::try_from(uid).map_err(|_| NO_MEMBER)?);
    let change = app.store.remove_member(&id, caller.uid(), &uid, &fresh_name()?, app.now()).await?;
    finish(&app, change).await.map_err(of_member)?;
    Ok(Json(json!({})))
}
