//! Sign up, log in, log out, who am I, and who else is here.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::app::App;
use super::error::ApiError;
use super::input::{Address, Caller, Input, bounded};
use super::secrets;
use crate::rules::account::{self, DeviceFlag, Name};
use crate::rules::identity::MAX_ID;
use crate::rules::{Time, Uid};
use crate::storage::Person;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignUp {
    uid: String,
    name: String,
    password: String,
    device_flag: Option<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogIn {
    uid: String,
    password: String,
    device_flag: Option<u8>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionAnswer {
    uid: Uid,
    name: String,
    token: String,
    device_flag: u8,
    expires_at: Time,
}

#[derive(Serialize)]
pub struct PersonView {
    pub uid: Uid,
    pub name: String,
}

impl From<Person> for PersonView {
    fn from(person: Person) -> PersonView {
        PersonView { uid: person.uid, name: person.name.as_str().to_owned() }
    }
}

fn device(flag: Option<u8>) -> Result<DeviceFlag, ApiError> {
    Ok(flag.map_or(Ok(DeviceFlag::WEB), DeviceFlag::parse)?)
}

pub async fn sign_up(
    State(app): State<Arc<App>>,
    Address(address): Address,
    Input(asked): Input<SignUp>,
) -> Result<Json<SessionAnswer>, ApiError> {
    if app.config.no_signup {
        return Err(ApiError::SignupDisabled);
    }
    app.limits.address(address, app.now())?;
    let person = Person { uid: Uid::try_from(asked.uid)?, name: Name::parse(&asked.name)? };
    account::check_new_uid(&person.uid)?;
    account::check_new_password(&asked.password)?;
    let device = device(asked.device_flag)?;
    let hash = hash(&app, asked.password).await?;
    if !app.store.create_person(&person, &hash, app.now()).await? {
        return Err(ApiError::Conflict("this uid is taken"));
    }
    open(&app, person, device).await
}

pub async fn log_in(
    State(app): State<Arc<App>>,
    Address(address): Address,
    Input(asked): Input<LogIn>,
) -> Result<Json<SessionAnswer>, ApiError> {
    app.limits.address(address, app.now())?;
    account::check_password_size(&asked.password)?;
    let device = device(asked.device_flag)?;
    // A uid that cannot be has no account, and that is all a stranger learns.
    let uid = Uid::try_from(asked.uid).map_err(|_| ApiError::WrongPassword)?;
    app.limits.login(&uid, app.now())?;
    let found = app.store.person_with_password(&uid).await?;
    let hash = found.as_ref().map_or_else(|| app.nobodys_hash.clone(), |(_, hash)| hash.clone());
    let right = verify(&app, asked.password, hash).await?;
    match found {
        Some((person, _)) if right => {
            app.limits.right_password(&uid);
            open(&app, person, device).await
        }
        _ => Err(ApiError::WrongPassword),
    }
}

/// Opens a session and answers only when WuKongIM knows its token.
async fn open(app: &App, person: Person, device: DeviceFlag) -> Result<Json<SessionAnswer>, ApiError> {
    let _one_at_a_time = app.token_lock(&person.uid).lock().await;
    let hash = |key: &_| app.secrets.hash_of(key);
    let session = app.store.open_session(&person.uid, device, app.now(), app.config.session_lifetime, &hash).await?;
    app.register(&session.key).await?;
    Ok(Json(SessionAnswer {
        token: app.secrets.token(&session.key).reveal().to_owned(),
        uid: person.uid,
        name: person.name.as_str().to_owned(),
        device_flag: device.number(),
        expires_at: session.expires_at,
    }))
}

pub async fn hash(app: &App, password: String) -> Result<String, ApiError> {
    let _permit = app.hashing.acquire().await.map_err(|_| ApiError::Unavailable)?;
    tokio::task::spawn_blocking(move || secrets::hash_password(&password))
        .await
        .map_err(|_| ApiError::Internal)?
        .map_err(ApiError::from)
}

async fn verify(app: &App, password: String, hash: String) -> Result<bool, ApiError> {
    let _permit = app.hashing.acquire().await.map_err(|_| ApiError::Unavailable)?;
    tokio::task::spawn_blocking(move || secrets::verify_password(&password, &hash))
        .await
        .map_err(|_| ApiError::Internal)
}

pub async fn log_out(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, ApiError> {
    app.store.close_session(&caller.session.key, app.now()).await?;
    app.errand_added.notify_one();
    Ok(Json(json!({})))
}

pub async fn me(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<PersonView>, ApiError> {
    let person = app.store.person(caller.uid()).await?.ok_or(ApiError::Unauthorized)?;
    Ok(Json(person.into()))
}

#[derive(Deserialize)]
pub struct PeopleQuery {
    #[serde(default)]
    query: String,
    limit: Option<u64>,
}

pub async fn people(
    State(app): State<Arc<App>>,
    _caller: Caller,
    query: Result<Query<PeopleQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(asked) = query.map_err(|_| ApiError::invalid("query must be a text and limit a number"))?;
    if asked.query.len() > MAX_ID {
        return Err(ApiError::invalid("query must not be longer than 64 bytes"));
    }
    let limit = bounded("limit", asked.limit.unwrap_or(50), 1, 200)?;
    let people = app.store.people(&asked.query, limit as usize).await?;
    Ok(Json(json!({ "people": people.into_iter().map(PersonView::from).collect::<Vec<_>>() })))
}

/// What a page wants to know before anybody has logged in.
pub async fn about(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({ "signup": !app.config.no_signup, "demo": app.config.demo.then(super::demo::about) }))
}
