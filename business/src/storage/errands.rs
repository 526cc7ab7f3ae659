//! What WuKongIM still has to be told: written with what makes it due, done by the service, in order within a lane.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::{Row, Transaction};

use super::{Db, SessionKey, StorageError, Store, Stored};
use crate::rules::command::Command;
use crate::rules::{Channel, ClientMsgNo, GroupId, Time, Uid};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrandId(i64);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Errand {
    /// Tell a channel's devices that a mark changed.
    Command(CommandErrand),
    /// Look whether it was stored, since WuKongIM answers before it stores. `sent` counts the times it was sent.
    Confirm {
        command: CommandErrand,
        sent: u8,
    },
    /// Say in a group what became of it.
    Notice(NoticeErrand),
    ConfirmNotice {
        notice: NoticeErrand,
        sent: u8,
    },
    /// Tell these people's devices that the group changed, those that are online: the others read it when they are.
    Nudge {
        group: GroupId,
        people: Vec<Uid>,
    },
    CreateGroup {
        group: GroupId,
        members: Vec<Uid>,
    },
    Subscribe {
        group: GroupId,
        members: Vec<Uid>,
    },
    Unsubscribe {
        group: GroupId,
        members: Vec<Uid>,
    },
    /// Take a token away and end the connections that came with it.
    Quit {
        uid: Uid,
        device_flag: u8,
    },
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandErrand {
    lane: String,
    pub from: Uid,
    pub channel_id: String,
    pub channel_type: u8,
    /// JSON.
    pub payload: String,
    pub client_msg_no: String,
}

impl fmt::Debug for CommandErrand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandErrand({} bytes)", self.payload.len())
    }
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeErrand {
    pub group: GroupId,
    /// JSON.
    pub payload: String,
    pub client_msg_no: ClientMsgNo,
}

impl fmt::Debug for NoticeErrand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoticeErrand({} bytes)", self.payload.len())
    }
}

#[derive(Clone, Debug)]
pub struct DueErrand {
    pub id: ErrandId,
    pub attempts: u32,
    /// None where the row cannot be read.
    pub errand: Option<Errand>,
}

pub(super) fn session_lane(key: &SessionKey) -> String {
    format!("session:{}:{}", key.uid.as_str(), key.device_flag.number())
}

impl Errand {
    pub(super) fn quit(key: &SessionKey) -> Errand {
        Errand::Quit { uid: key.uid.clone(), device_flag: key.device_flag.number() }
    }

    pub(super) fn command(channel: &Channel, command: &Command) -> Errand {
        Errand::Command(CommandErrand {
            lane: format!("channel:{}:{}", channel.channel_type(), channel.key()),
            from: command.from.clone(),
            channel_id: command.to.channel_id.clone(),
            channel_type: command.to.channel_type,
            payload: String::from_utf8_lossy(&command.payload).into_owned(),
            client_msg_no: command.client_msg_no.clone(),
        })
    }

    fn lane(&self) -> String {
        match self {
            Errand::Command(command) => command.lane.clone(),
            // What waits to be looked at holds up no other command of its channel.
            Errand::Confirm { command, .. } => format!("confirm:{}:{}", command.lane, command.client_msg_no),
            Errand::ConfirmNotice { notice, .. } => format!("confirm:{}", notice.client_msg_no.as_str()),
            // Behind the change that it tells of.
            Errand::Notice(NoticeErrand { group, .. })
            | Errand::Nudge { group, .. }
            | Errand::CreateGroup { group, .. }
            | Errand::Subscribe { group, .. }
            | Errand::Unsubscribe { group, .. } => format!("group:{}", group.as_str()),
            Errand::Quit { uid, device_flag } => format!("session:{}:{device_flag}", uid.as_str()),
        }
    }

    /// For logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Errand::Command(_) => "command",
            Errand::Confirm { .. } => "confirm",
            Errand::Notice(_) => "notice",
            Errand::ConfirmNotice { .. } => "confirm-notice",
            Errand::Nudge { .. } => "nudge",
            Errand::CreateGroup { .. } => "create-group",
            Errand::Subscribe { .. } => "subscribe",
            Errand::Unsubscribe { .. } => "unsubscribe",
            Errand::Quit { .. } => "quit",
        }
    }
}

/// Due from `at` on.
pub(super) async fn add(tx: &mut Transaction<'static, Db>, errand: &Errand, at: Time) -> Stored<ErrandId> {
    let body = serde_json::to_string(errand).map_err(|_| StorageError::Corrupt("an errand that is no JSON"))?;
    let row = sqlx::query("INSERT INTO errands (lane, body, attempts, next_at) VALUES ($1, $2, 0, $3) RETURNING id")
        .bind(errand.lane())
        .bind(body)
        .bind(at.0)
        .fetch_one(&mut **tx)
        .await?;
    Ok(ErrandId(row.try_get("id")?))
}

impl Store {
    /// The first errand of each lane that is due, at most `limit`.
    pub async fn due_errands(&self, now: Time, limit: u32) -> Stored<Vec<DueErrand>> {
        let rows = sqlx::query(
            "SELECT id, body, attempts FROM errands AS first WHERE next_at <= $1
             AND id = (SELECT MIN(id) FROM errands WHERE lane = first.lane) ORDER BY id LIMIT $2",
        )
        .bind(now.0)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let due = |row: &sqlx::sqlite::SqliteRow| {
            let body: String = row.try_get("body")?;
            let errand = serde_json::from_str(&body).ok();
            let attempts = u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX);
            Ok(DueErrand { id: ErrandId(row.try_get("id")?), attempts, errand })
        };
        rows.iter().map(due).collect()
    }

    /// When the next errand is due, if there is any.
    pub async fn next_errand_at(&self) -> Stored<Option<Time>> {
        let row = sqlx::query("SELECT MIN(next_at) AS next_at FROM errands AS first WHERE id = (SELECT MIN(id) FROM errands WHERE lane = first.lane)")
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get::<Option<i64>, _>("next_at")?.map(Time))
    }

    pub async fn errand_is_open(&self, id: ErrandId) -> Stored<bool> {
        Ok(sqlx::query("SELECT 1 FROM errands WHERE id = $1").bind(id.0).fetch_optional(&self.pool).await?.is_some())
    }

    pub async fn errand_done(&self, id: ErrandId) -> Stored<()> {
        sqlx::query("DELETE FROM errands WHERE id = $1").bind(id.0).execute(&self.pool).await?;
        Ok(())
    }

    /// An errand that is done and leads to another.
    pub async fn errand_followed(&self, id: ErrandId, next: &Errand, at: Time) -> Stored<()> {
        let mut tx = self.write().await?;
        sqlx::query("DELETE FROM errands WHERE id = $1").bind(id.0).execute(&mut *tx).await?;
        add(&mut tx, next, at).await?;
        tx.commit().await?;
        Ok(())
    }

    pub async fn errand_failed(&self, id: ErrandId, next_at: Time) -> Stored<()> {
        sqlx::query("UPDATE errands SET attempts = attempts + 1, next_at = $2 WHERE id = $1")
            .bind(id.0)
            .bind(next_at.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
