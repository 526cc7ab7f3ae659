//! Commands that a device missed, and the feed of marks, which is what they are about.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::app::App;
use super::error::ApiError;
use super::input::{Caller, Input, at_most, bounded};
use super::views::MessageView;
use crate::rules::feed::{MAX_CHANNELS, MAX_MARKS};
use crate::rules::message::SeenMessage;
use crate::rules::recall::{Mark, MarkState, MarkView};
use crate::rules::{Channel, ChannelRef, MessageSeq, Uid, Version, command};

#[derive(Deserialize)]
pub struct CommandsRequest {
    limit: u64,
}

/// All that WuKongIM holds back, whatever `limit` says: an acknowledgement covers what WuKongIM answered, so what were left out
/// here would be lost.
pub async fn commands(
    State(app): State<Arc<App>>,
    caller: Caller,
    Input(asked): Input<CommandsRequest>,
) -> Result<Json<Value>, ApiError> {
    bounded("limit", asked.limit, 1, 10_000)?;
    let uid = caller.uid();
    let mut answer: Vec<MessageView> = Vec::new();
    for command in app.wukongim.commands(uid).await? {
        let from = command.message.from_uid.as_str();
        let named =
            command::channel_of(&command.stored_channel_id, command.channel_type, from, &command.message.payload, uid);
        let seen = match Channel::named(&named, uid) {
            Ok(channel) if !app.is_member(uid, &channel).await? => continue,
            Ok(channel) => app.show(&channel, uid, vec![command.message]).await?.0,
            // A temporary channel of WuKongIM's, or one that cannot be told: it was sent to this person by somebody who may.
            Err(_) => vec![SeenMessage { message: command.message, recalled: false, mark: None }],
        };
        answer.extend(seen.into_iter().map(|seen| MessageView::of(seen).in_channel(named.clone())));
    }
    Ok(Json(json!({ "commands": answer })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcknowledgeRequest {
    message_seq: u64,
}

pub async fn acknowledge(
    State(app): State<Arc<App>>,
    caller: Caller,
    Input(asked): Input<AcknowledgeRequest>,
) -> Result<Json<Value>, ApiError> {
    let seq = MessageSeq::try_from(asked.message_seq)?;
    if seq == MessageSeq::ZERO {
        return Err(ApiError::invalid("messageSeq must be above 0"));
    }
    app.wukongim.acknowledge_commands(caller.uid(), seq).await?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
pub struct MarksRequest {
    channels: Vec<Since>,
    limit: u64,
}

#[derive(Deserialize)]
struct Since {
    #[serde(flatten)]
    channel: ChannelRef,
    #[serde(default)]
    since: u64,
}

#[derive(Serialize)]
struct ChannelMarks {
    #[serde(flatten)]
    channel: ChannelRef,
    version: Version,
    more: bool,
    marks: Vec<MarkView>,
}

pub async fn marks(
    State(app): State<Arc<App>>,
    caller: Caller,
    Input(asked): Input<MarksRequest>,
) -> Result<Json<Value>, ApiError> {
    at_most("channels", &asked.channels, MAX_CHANNELS)?;
    let limit = bounded("limit", asked.limit, 1, 500)? as usize;
    let mut left = MAX_MARKS;
    let mut answer = Vec::new();
    for since in &asked.channels {
        let version = Version::try_from(since.since)?;
        let channel = match Channel::named(&since.channel, caller.uid()) {
            Ok(channel) if app.is_member(caller.uid(), &channel).await? => channel,
            // Not the caller's, or nobody's.
            _ => continue,
        };
        let page = app.store.feed(&channel, version, limit.min(left)).await?;
        left -= page.marks.len();
        let mut marks = Vec::with_capacity(page.marks.len());
        for mark in &page.marks {
            marks.push(view(&app, mark, caller.uid()).await?);
        }
        answer.push(ChannelMarks {
            channel: channel.seen_by(caller.uid()),
            version: page.version,
            more: page.more,
            marks,
        });
    }
    Ok(Json(json!({ "channels": answer })))
}

/// A mark with the content that came back, if it did.
pub async fn view(app: &App, mark: &Mark, viewer: &Uid) -> Result<MarkView, ApiError> {
    let mut view = mark.seen_by(viewer);
    if mark.state == MarkState::Restored {
        view.payload = content(app, mark).await?.map(|content| STANDARD.encode(content));
    }
    Ok(view)
}

/// The sealed content of a mark, without what it quotes and was recalled since. None where it is deleted already.
pub async fn content(app: &App, mark: &Mark) -> Result<Option<Vec<u8>>, ApiError> {
    let Some(sealed) = app.store.sealed(&mark.channel, &mark.key).await? else { return Ok(None) };
    let Some(content) = app.secrets.open(mark, &sealed) else {
        tracing::error!("sealed content does not open; was the secret replaced?");
        return Ok(None);
    };
    Ok(Some(app.without_withdrawn_quotes(&mark.channel, content).await?))
}
