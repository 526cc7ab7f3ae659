//! Recall, restore and re-edit. The rules decide inside the transaction that records; the command follows by an errand.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::app::App;
use super::commands;
use super::error::ApiError;
use super::find;
use super::input::{Caller, Input};
use crate::rules::identity::TargetName;
use crate::rules::recall::{self, Decision, Denial, DenyReason, Facts, Mark, MarkState, Target};
use crate::rules::{Author, Channel, ChannelRef, ClientMsgNo, MessageId, MessageSeq, StoredMessage, TargetKey, Uid};
use crate::storage::{Action, Asked, Decided, Known};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetRequest {
    #[serde(flatten)]
    channel: ChannelRef,
    #[serde(default)]
    client_msg_no: String,
    message_id: Option<String>,
    message_seq: Option<u64>,
}

/// By which way requests come here, for the audit.
const ROAD: &str = "api";

struct Wanted {
    target: Target,
    name: TargetName,
}

impl Wanted {
    /// A stranger's request is read as well, so that the audit has it; the rules refuse it.
    fn read(asked: TargetRequest, caller: &Uid) -> Result<Wanted, ApiError> {
        let target = Target {
            channel: Channel::named(&asked.channel, caller)?,
            client_msg_no: ClientMsgNo::try_from(asked.client_msg_no)?,
            message_id: asked.message_id.map(MessageId::try_from).transpose()?,
            message_seq: asked.message_seq.map(MessageSeq::try_from).transpose()?,
        };
        let name = match target.message_id {
            _ if !target.client_msg_no.is_empty() => TargetName::ClientMsgNo(target.client_msg_no.clone()),
            Some(id) => TargetName::MessageId(id),
            None => {
                return Err(ApiError::invalid(
                    "a message is named by its clientMsgNo, or by its messageId where it has none",
                ));
            }
        };
        Ok(Wanted { target, name })
    }
}

pub async fn recall(
    State(app): State<Arc<App>>,
    caller: Caller,
    Input(asked): Input<TargetRequest>,
) -> Result<Json<Value>, ApiError> {
    app.limits.change(caller.uid(), app.now())?;
    let wanted = Wanted::read(asked, caller.uid())?;
    if !app.is_member(caller.uid(), &wanted.target.channel).await? {
        let decided = decide_recall(&app, &caller, &wanted, None, &[]).await?;
        return answer(&app, decided, caller.uid()).await;
    }
    let decided = match recalled(&app, caller.uid(), &wanted).await? {
        Some(key) => {
            let decided = decide_recall(&app, &caller, &wanted, Some(&key), &[]).await?;
            if !matches!(decided.decision, Decision::Denied(Denial { reason: DenyReason::UnknownMessage, .. })) {
                return answer(&app, decided, caller.uid()).await;
            }
            // Restored in between: so it is to be recalled anew, and for that it must be found.
            found_and_decided(&app, &caller, &wanted).await?
        }
        None => found_and_decided(&app, &caller, &wanted).await?,
    };
    answer(&app, decided, caller.uid()).await
}

async fn found_and_decided(app: &App, caller: &Caller, wanted: &Wanted) -> Result<Decided, ApiError> {
    let mut copies = find::copies(app, caller.uid(), &wanted.target).await?;
    let key = recall::identify(&wanted.target, caller.uid(), &copies);
    copies.retain(|message| Some(message.target()) == key);
    decide_recall(app, caller, wanted, key.as_ref(), &copies).await
}

async fn decide_recall(
    app: &App,
    caller: &Caller,
    wanted: &Wanted,
    key: Option<&TargetKey>,
    copies: &[StoredMessage],
) -> Result<Decided, ApiError> {
    let (now, policy, channel) = (app.now(), app.config.policy(), &wanted.target.channel);
    let rule = |known: &Known| {
        let facts = Facts {
            caller: known.caller,
            author: known.author,
            existing: known.existing.as_ref(),
            copies,
            version: known.version,
        };
        recall::recall(caller.uid(), channel, key, &facts, &policy, now)
    };
    decide(app, Action::Recall, caller, wanted, key, rule).await
}

/// The message that is meant, if it is recalled already: a repeated request needs no look at WuKongIM, so it is answered while that
/// is away.
async fn recalled(app: &App, caller: &Uid, wanted: &Wanted) -> Result<Option<TargetKey>, ApiError> {
    let marks = app.store.marks_named(&wanted.target.channel, &wanted.name).await?;
    let names_it = |mark: &Mark| {
        mark.state != MarkState::Restored
            && wanted
                .target
                .message_id
                .map_or(mark.key.author.is(caller), |id| mark.copies.iter().any(|copy| copy.message_id == id))
    };
    Ok(marks.into_iter().find(names_it).map(|mark| mark.key))
}

pub async fn restore(
    State(app): State<Arc<App>>,
    caller: Caller,
    Input(asked): Input<TargetRequest>,
) -> Result<Json<Value>, ApiError> {
    app.limits.change(caller.uid(), app.now())?;
    let wanted = Wanted::read(asked, caller.uid())?;
    let key = marked(&app, caller.uid(), &wanted).await?;
    let (now, policy) = (app.now(), app.config.policy());
    let rule = |known: &Known| recall::restore(caller.uid(), &of_mark(known), &policy, now);
    let decided = decide(&app, Action::Restore, &caller, &wanted, Some(&key), rule).await?;
    answer(&app, decided, caller.uid()).await
}

pub async fn reedit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Input(asked): Input<TargetRequest>,
) -> Result<Json<Value>, ApiError> {
    app.limits.change(caller.uid(), app.now())?;
    let wanted = Wanted::read(asked, caller.uid())?;
    let key = marked(&app, caller.uid(), &wanted).await?;
    let now = app.now();
    let rule = |known: &Known| match (recall::reedit(caller.uid(), &of_mark(known), now), &known.existing) {
        (Ok(()), Some(mark)) => Decision::Already(mark.clone()),
        (Ok(()), None) => Decision::Denied(DenyReason::NotRecalled.into()),
        (Err(denial), _) => Decision::Denied(denial),
    };
    let decided = decide(&app, Action::Reedit, &caller, &wanted, Some(&key), rule).await?;
    let mark = match decided.decision {
        Decision::Already(mark) | Decision::Change(recall::Change { mark, .. }) => mark,
        Decision::Denied(denial) => return Err(denial.into()),
    };
    // Deleted between the decision and here: the deadline has passed.
    let gone = Denial { reason: DenyReason::Window, deadline: mark.deadline };
    let content = commands::content(&app, &mark).await?.ok_or(gone)?;
    Ok(Json(json!({ "payload": STANDARD.encode(content) })))
}

/// Whose mark a restore or re-edit is about: one's own, or else the one that is there, which is then refused.
async fn marked(app: &App, caller: &Uid, wanted: &Wanted) -> Result<TargetKey, ApiError> {
    let own = TargetKey { author: Author::from(caller), name: wanted.name.clone() };
    let marks = app.store.marks_named(&wanted.target.channel, &wanted.name).await?;
    if marks.iter().any(|mark| mark.key == own) {
        return Ok(own);
    }
    Ok(marks.into_iter().next().map_or(own, |mark| mark.key))
}

fn of_mark(known: &Known) -> Facts<'_> {
    Facts {
        caller: known.caller,
        author: known.author,
        existing: known.existing.as_ref(),
        copies: &[],
        version: known.version,
    }
}

async fn decide(
    app: &App,
    action: Action,
    caller: &Caller,
    wanted: &Wanted,
    key: Option<&TargetKey>,
    rule: impl FnOnce(&Known) -> Decision + Send,
) -> Result<Decided, ApiError> {
    let asked = Asked {
        action,
        road: ROAD,
        caller: caller.uid(),
        channel: &wanted.target.channel,
        key,
        named: &wanted.name,
        now: app.now(),
    };
    let seal = |mark: &Mark, content: &[u8]| app.secrets.seal(mark, content).ok();
    Ok(app.store.decide(asked, rule, &seal).await?)
}

async fn answer(app: &App, decided: Decided, viewer: &Uid) -> Result<Json<Value>, ApiError> {
    if decided.errand.is_some() {
        app.errand_added.notify_one();
    }
    match decided.decision {
        Decision::Already(mark) | Decision::Change(recall::Change { mark, .. }) => {
            Ok(Json(json!({ "mark": commands::view(app, &mark, viewer).await? })))
        }
        Decision::Denied(denial) => Err(denial.into()),
    }
}
