//! A channel's history, for its members only, and what became of one's own messages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::app::App;
use super::error::ApiError;
use super::find;
use super::input::{Caller, Input, at_most, bounded};
use super::views::{MessageView, messages};
use super::wukongim::Range;
use crate::rules::{Channel, ChannelRef, ClientMsgNo, MessageSeq, Version};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryRequest {
    #[serde(flatten)]
    channel: ChannelRef,
    #[serde(default)]
    start: u64,
    #[serde(default)]
    end: u64,
    limit: u64,
    pull: Pull,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Pull {
    Older,
    Newer,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryAnswer {
    messages: Vec<MessageView>,
    more: bool,
    marks_version: Version,
}

pub async fn history(
    State(app): State<Arc<App>>,
    caller: Caller,
    Input(asked): Input<HistoryRequest>,
) -> Result<Json<HistoryAnswer>, ApiError> {
    let channel = app.channel(caller.uid(), &asked.channel).await?;
    let limit = bounded("limit", asked.limit, 1, 200)? as usize;
    let (start, end) = (MessageSeq::try_from(asked.start)?, MessageSeq::try_from(asked.end)?);
    let range = match asked.pull {
        _ if start == MessageSeq::ZERO && end == MessageSeq::ZERO => Range::Newest,
        // WuKongIM would answer nothing.
        Pull::Older if start == MessageSeq::ZERO => Range::Newest,
        Pull::Older => Range::Older { start, end },
        Pull::Newer => Range::Newer { start, end },
    };
    // One more than was asked tells whether there are more; WuKongIM itself only guesses.
    let mut page = app.wukongim.messages(&channel, caller.uid(), range, limit as u32 + 1).await?;
    if matches!((range, asked.pull), (Range::Newest, Pull::Older)) {
        page.retain(|message| message.message_seq > end);
    }
    if !page.is_empty() {
        app.remember(caller.uid(), &channel).await?;
    }
    let more = page.len() > limit;
    match range {
        Range::Newer { .. } => page.truncate(limit),
        Range::Newest | Range::Older { .. } => drop(page.drain(..page.len().saturating_sub(limit))),
    }
    let (seen, marks_version) = app.show(&channel, caller.uid(), page).await?;
    Ok(Json(HistoryAnswer { messages: messages(seen), more, marks_version }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LookupRequest {
    #[serde(flatten)]
    channel: ChannelRef,
    client_msg_nos: Vec<String>,
}

/// Whether one's own messages were stored, after an answer that leaves it open. Whoever was put out meanwhile still hears of what
/// stands; to everybody else who is no member it says nothing.
pub async fn lookup(
    State(app): State<Arc<App>>,
    caller: Caller,
    Input(asked): Input<LookupRequest>,
) -> Result<Json<Value>, ApiError> {
    let channel = Channel::named(&asked.channel, caller.uid())?;
    at_most("clientMsgNos", &asked.client_msg_nos, 100)?;
    let names = asked.client_msg_nos.into_iter().map(ClientMsgNo::try_from).collect::<Result<BTreeSet<_>, _>>()?;
    let found: BTreeMap<_, _> = find::own(&app, caller.uid(), &channel, names).await?;
    if found.is_empty() {
        app.channel(caller.uid(), &asked.channel).await?;
    } else {
        app.remember(caller.uid(), &channel).await?;
    }
    let (seen, _) = app.show(&channel, caller.uid(), found.into_values().collect()).await?;
    Ok(Json(json!({ "found": messages(seen) })))
}
