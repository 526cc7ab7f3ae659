//! Where to connect, whether one is connected, and what the server allows.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};

use super::app::App;
use super::error::ApiError;
use super::input::Caller;
use crate::rules::identity::GROUP;
use crate::rules::{GroupId, Role, Span, Time};

pub async fn gateway(State(app): State<Arc<App>>, _caller: Caller) -> Result<Json<Value>, ApiError> {
    let addresses = app.gateways.living(&app.wukongim, app.now()).await;
    if addresses.is_empty() { Err(ApiError::Unavailable) } else { Ok(Json(json!({ "addresses": addresses }))) }
}

/// An open socket proves nothing, so a client asks from time to time whether WuKongIM still knows it.
pub async fn online(State(app): State<Arc<App>>, caller: Caller) -> Json<Value> {
    let key = &caller.session.key;
    // While a leader is away it cannot be told, and that is an answer too.
    Json(json!({ "online": app.wukongim.online(&key.uid, key.device_flag).await.ok() }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyAnswer {
    server_time: Time,
    recall_window: Option<Span>,
    restore_window: Option<Span>,
    restore_moderated: bool,
    roles: Vec<RoleView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoleView {
    channel_id: GroupId,
    channel_type: u8,
    role: Role,
}

pub async fn policy(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<PolicyAnswer>, ApiError> {
    let roles = app.store.roles_of(caller.uid()).await?;
    Ok(Json(PolicyAnswer {
        server_time: app.now(),
        recall_window: app.config.recall_window.0,
        restore_window: app.config.restore_window.0,
        restore_moderated: app.config.restore_moderated,
        roles: roles
            .into_iter()
            .map(|(group, role)| RoleView { channel_id: group, channel_type: GROUP, role })
            .collect(),
    }))
}
