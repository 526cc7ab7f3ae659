//! Telling WuKongIM what it still has to be told, again and again until it has been; and what has to be done from time to time.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::app::App;
use super::error::ApiError;
use super::wukongim::WukongimError;
use crate::rules::{ChannelRef, Span, notice};
use crate::storage::{CommandErrand, DueErrand, Errand, ErrandId, NoticeErrand, SessionKey, Stored};

/// Lanes that are served side by side.
const LANES: u32 = 16;
/// An errand that failed is tried again after one second, then two, up to this.
const LONGEST_WAIT: Span = Span(60_000);
/// While the leader of a channel is dead, WuKongIM takes a command and loses it. So it is looked for, and sent again.
const FIRST_LOOK: Span = Span(2_000);
const LATER_LOOKS: Span = Span(15_000);
const SENDS: u8 = 4;
/// A day of trying.
const ATTEMPTS: u32 = 1500;
/// How long a request waits for its own errand before it answers all the same.
const REQUEST_WAITS: Duration = Duration::from_secs(3);
/// Expired sessions and sealed content go within this time.
const TIDY_EVERY: Duration = Duration::from_secs(30);

/// Runs errands until told to stop; what is under way is finished.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match round(&app).await {
            Ok(0) => {
                let wait = idle_time(&app).await;
                tokio::select! {
                    _ = app.errand_added.notified() => {}
                    _ = stop.changed() => {}
                    () = sleep(wait) => {}
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "errands cannot be read");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn idle_time(app: &App) -> Duration {
    let next = app.store.next_errand_at().await.ok().flatten();
    let millis = next.map_or(1000, |at| at.since(app.now()).0.clamp(20, 1000));
    Duration::from_millis(millis.unsigned_abs())
}

/// Does what is due, the lanes side by side. Returns how much was.
async fn round(app: &Arc<App>) -> Stored<usize> {
    let due = app.store.due_errands(app.now(), LANES).await?;
    let number = due.len();
    let mut under_way = JoinSet::new();
    for errand in due {
        let app = app.clone();
        under_way.spawn(async move { finish(&app, errand).await });
    }
    while let Some(finished) = under_way.join_next().await {
        match finished {
            Ok(result) => result?,
            Err(error) => tracing::error!(%error, "an errand panicked"),
        }
    }
    app.errand_done.notify_waiters();
    Ok(number)
}

async fn finish(app: &App, due: DueErrand) -> Stored<()> {
    let Some(errand) = &due.errand else {
        tracing::error!("an errand cannot be read; it is dropped");
        return app.store.errand_done(due.id).await;
    };
    let kind = errand.kind();
    match perform(app, due.id, errand).await {
        Ok(Next::Nothing) => app.store.errand_done(due.id).await,
        Ok(Next::Look { errand, after }) => app.store.errand_followed(due.id, &errand, app.now().plus(after)).await,
        // Whatever answers in WuKongIM's place, it is not WuKongIM that has refused.
        Err(WukongimError::Unavailable | WukongimError::Unreadable | WukongimError::Missing)
            if due.attempts < ATTEMPTS =>
        {
            let wait = LONGEST_WAIT.0.min(1000 << due.attempts.min(10));
            app.store.errand_failed(due.id, app.now().plus(Span(wait))).await
        }
        Err(error) => {
            // It would fail for ever, and hold up what comes after it.
            tracing::error!(kind, ?error, "WuKongIM does not take an errand; it is dropped");
            app.store.errand_done(due.id).await
        }
    }
}

enum Next {
    Nothing,
    Look { errand: Errand, after: Span },
}

async fn perform(app: &App, id: ErrandId, errand: &Errand) -> Result<Next, WukongimError> {
    match errand {
        Errand::Command(command) => {
            send(app, command).await?;
            return Ok(look_at_command(command, 1));
        }
        Errand::Confirm { command, sent } => return confirm(app, command, *sent).await,
        Errand::Notice(notice) => {
            say(app, notice).await?;
            return Ok(look_at_notice(notice, 1));
        }
        Errand::ConfirmNotice { notice, sent } => return confirm_notice(app, notice, *sent).await,
        Errand::Nudge { group, people } => {
            app.wukongim.command_online(people, &STANDARD.encode(notice::changed(group.as_str()))).await?
        }
        Errand::CreateGroup { group, members } => app.wukongim.create_group(group, members).await?,
        Errand::Subscribe { group, members } => app.wukongim.subscribe(group, members).await?,
        Errand::Unsubscribe { group, members } => app.wukongim.unsubscribe(group, members).await?,
        Errand::Quit { uid, device_flag } => {
            let _one_at_a_time = app.token_lock(uid).lock().await;
            // A log-in since then has taken this errand back.
            let open = app.store.errand_is_open(id).await.map_err(|_| WukongimError::Unavailable)?;
            if open {
                app.wukongim.quit_device(uid, *device_flag).await?;
            }
        }
    }
    Ok(Next::Nothing)
}

async fn send(app: &App, command: &CommandErrand) -> Result<(), WukongimError> {
    let payload = STANDARD.encode(&command.payload);
    app.wukongim.send_command(&command.from, &channel_of(command), &payload, &command.client_msg_no).await
}

fn channel_of(command: &CommandErrand) -> ChannelRef {
    ChannelRef { channel_id: command.channel_id.clone(), channel_type: command.channel_type }
}

fn look_at_command(command: &CommandErrand, sent: u8) -> Next {
    Next::Look { errand: Errand::Confirm { command: command.clone(), sent }, after: until_look(sent) }
}

fn look_at_notice(notice: &NoticeErrand, sent: u8) -> Next {
    Next::Look { errand: Errand::ConfirmNotice { notice: notice.clone(), sent }, after: until_look(sent) }
}

fn until_look(sent: u8) -> Span {
    if sent == 1 { FIRST_LOOK } else { LATER_LOOKS }
}

async fn confirm(app: &App, command: &CommandErrand, sent: u8) -> Result<Next, WukongimError> {
    match app.wukongim.command_is_stored(&command.from, &channel_of(command), &command.client_msg_no).await {
        Ok(true) => Ok(Next::Nothing),
        Ok(false) if sent < SENDS => {
            send(app, command).await?;
            Ok(look_at_command(command, sent + 1))
        }
        Ok(false) => {
            // Devices learn of the mark from the feed when they catch up.
            tracing::warn!("a command was sent several times and is not stored");
            Ok(Next::Nothing)
        }
        // 2.1.x has no index to look into.
        Err(WukongimError::Missing) => Ok(Next::Nothing),
        Err(error) => Err(error),
    }
}

async fn say(app: &App, notice: &NoticeErrand) -> Result<(), WukongimError> {
    let payload = STANDARD.encode(&notice.payload);
    app.wukongim.send_notice(&notice.group, &payload, &notice.client_msg_no).await
}

async fn confirm_notice(app: &App, notice: &NoticeErrand, sent: u8) -> Result<Next, WukongimError> {
    match app.wukongim.notice_is_stored(&notice.group, &notice.client_msg_no).await {
        Ok(false) if sent < SENDS => {
            say(app, notice).await?;
            Ok(look_at_notice(notice, sent + 1))
        }
        Ok(false) => {
            // Devices read the group when they connect.
            tracing::warn!("a notice was sent several times and is not stored");
            Ok(Next::Nothing)
        }
        Ok(true) | Err(WukongimError::Missing) => Ok(Next::Nothing),
        Err(error) => Err(error),
    }
}

/// Waits a moment until WuKongIM has been told. Later is not an error: what was recorded is true, and is told as soon as possible.
pub async fn wait_for(app: &App, errand: ErrandId) -> Result<(), ApiError> {
    app.errand_added.notify_one();
    let until = Instant::now() + REQUEST_WAITS;
    loop {
        let done = app.errand_done.notified();
        if !app.store.errand_is_open(errand).await? || Instant::now() >= until {
            return Ok(());
        }
        // A notification may have gone by between two looks.
        let _ = timeout_at(until.min(Instant::now() + Duration::from_millis(200)), done).await;
    }
}

/// Registers all living sessions' tokens again, since WuKongIM may have lost them while nobody looked.
pub async fn register_sessions(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut left: Vec<SessionKey> = match app.store.live_sessions(app.now()).await {
        Ok(sessions) => sessions.into_iter().map(|session| session.key).collect(),
        Err(error) => {
            tracing::error!(%error, "sessions cannot be read");
            return;
        }
    };
    while !left.is_empty() && !*stop.borrow() {
        let mut failed = Vec::new();
        for batch in left.chunks(8) {
            let mut under_way = JoinSet::new();
            for key in batch.iter().cloned() {
                let app = app.clone();
                under_way.spawn(async move {
                    let registered = register_if_valid(&app, &key).await;
                    (key, registered)
                });
            }
            while let Some(Ok((key, registered))) = under_way.join_next().await {
                if !registered {
                    failed.push(key);
                }
            }
            if *stop.borrow() {
                return;
            }
        }
        left = failed;
        if !left.is_empty() {
            let _ = timeout(Duration::from_secs(2), stop.changed()).await;
        }
    }
}

async fn register_if_valid(app: &App, key: &SessionKey) -> bool {
    let _one_at_a_time = app.token_lock(&key.uid).lock().await;
    match app.store.session(app.secrets.hash_of(key), app.now()).await {
        Ok(Some(_)) => app.try_to_register(key).await,
        Ok(None) => true,
        Err(_) => false,
    }
}

/// Ends what has expired and deletes what was kept long enough.
pub async fn tidy(app: &App) -> Stored<()> {
    let sessions = app.store.expire_sessions(app.now()).await?;
    let contents = app.store.delete_expired(app.now()).await?;
    if sessions > 0 || contents > 0 {
        tracing::info!(sessions, contents, "ended expired sessions, deleted sealed contents");
        app.errand_added.notify_one();
    }
    Ok(())
}

pub async fn tidy_for_ever(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = tidy(&app).await {
            tracing::error!(%error, "tidying failed");
        }
        let _ = timeout(TIDY_EVERY, stop.changed()).await;
    }
}
