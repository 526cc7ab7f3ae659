//! Marks, their feed, what is sealed, and the audit.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Transaction};

use super::errands::{self, Errand, ErrandId};
use super::groups::role_in;
use super::{Db, StorageError, Store, Stored, signed, unsigned};
use crate::rules::feed::{self, Page};
use crate::rules::identity::TargetName;
use crate::rules::message::{Marks, MarksNeeded};
use crate::rules::recall::{Capacity, ContentChange, Decision, Mark, MarkState, StoredCopy};
use crate::rules::{Author, Channel, ClientMsgNo, MessageId, MessageSeq, Role, TargetKey, Time, Uid, Version, command};

/// What somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Recall,
    Restore,
    Reedit,
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Action::Recall => "recall",
            Action::Restore => "restore",
            Action::Reedit => "re-edit",
        }
    }
}

/// A request about one message, as the audit will have it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub action: Action,
    /// By which way the request came, as the audit will have it.
    pub road: &'static str,
    pub caller: &'a Uid,
    pub channel: &'a Channel,
    /// None where no message could be told from the request; `named` is what the request said.
    pub key: Option<&'a TargetKey>,
    pub named: &'a TargetName,
    pub now: Time,
}

/// What the database knows, read in the transaction that writes.
#[derive(Clone, Debug)]
pub struct Known {
    pub caller: Option<Role>,
    pub author: Option<Role>,
    pub existing: Option<Mark>,
    pub version: Version,
}

#[derive(Clone, Debug)]
pub struct Decided {
    pub decision: Decision,
    /// The command that tells the devices, until it has been sent.
    pub errand: Option<ErrandId>,
}

/// Encrypts content to the mark that it belongs to. None where it cannot; then nothing is written.
pub type Seal<'a> = dyn Fn(&Mark, &[u8]) -> Option<Vec<u8>> + Sync + 'a;

/// A row of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    pub at: Time,
    pub actor: String,
    pub action: String,
    pub road: String,
    pub author: String,
    pub target: String,
    pub version: Option<u64>,
    pub outcome: String,
}

/// Values in one statement. SQLite takes 32,766, and the messages of one page may quote more.
const BOUND_AT_ONCE: usize = 1000;

const MARK: &str = "SELECT channel_type, channel_key, author, target, client_msg_no, version, state, operator, capacity, changed_at, deadline FROM marks ";

fn key(row: &SqliteRow) -> Stored<TargetKey> {
    let author: String = row.try_get("author")?;
    let target: String = row.try_get("target")?;
    Ok(TargetKey { author: Author::new(author), name: TargetName::from_key(&target)? })
}

fn copy(row: &SqliteRow) -> Stored<StoredCopy> {
    let message_seq = MessageSeq::try_from(unsigned(row.try_get("message_seq")?)?)?;
    Ok(StoredCopy { message_id: MessageId(row.try_get("message_id")?), message_seq })
}

/// A mark without its copies.
fn mark(row: &SqliteRow, channel: &Channel) -> Stored<Mark> {
    Ok(Mark {
        channel: channel.clone(),
        key: key(row)?,
        version: Version::try_from(unsigned(row.try_get("version")?)?)?,
        state: MarkState::named(row.try_get("state")?).ok_or(StorageError::Corrupt("an unknown state of a mark"))?,
        client_msg_no: ClientMsgNo::stored(row.try_get::<String, _>("client_msg_no")?),
        copies: Vec::new(),
        operator: Uid::try_from(row.try_get::<String, _>("operator")?)?,
        capacity: Capacity::named(row.try_get("capacity")?).ok_or(StorageError::Corrupt("an unknown capacity"))?,
        at: Time(row.try_get("changed_at")?),
        deadline: row.try_get::<Option<i64>, _>("deadline")?.map(Time),
    })
}

fn of_channel(start: &str, channel: &Channel) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::<Db>::new(start);
    query.push("WHERE channel_type = ").push_bind(i64::from(channel.channel_type()));
    query.push(" AND channel_key = ").push_bind(channel.key());
    query
}

async fn version_of(tx: &mut Transaction<'static, Db>, channel: &Channel) -> Stored<Version> {
    let row = of_channel("SELECT version FROM channel_versions ", channel).build().fetch_optional(&mut **tx).await?;
    match row {
        Some(row) => Ok(Version::try_from(unsigned(row.try_get("version")?)?)?),
        None => Ok(Version::ZERO),
    }
}

async fn with_copies(tx: &mut Transaction<'static, Db>, channel: &Channel, rows: &[SqliteRow]) -> Stored<Vec<Mark>> {
    let mut marks = rows.iter().map(|row| mark(row, channel)).collect::<Stored<Vec<Mark>>>()?;
    for mark in &mut marks {
        let mut query = of_channel("SELECT message_id, message_seq FROM mark_copies ", channel);
        query.push(" AND author = ").push_bind(mark.key.author.as_str());
        query.push(" AND target = ").push_bind(mark.key.name.to_key());
        query.push(" ORDER BY message_seq, message_id");
        let copies = query.build().fetch_all(&mut **tx).await?;
        mark.copies = copies.iter().map(copy).collect::<Stored<_>>()?;
    }
    Ok(marks)
}

async fn mark_of(tx: &mut Transaction<'static, Db>, channel: &Channel, key: &TargetKey) -> Stored<Option<Mark>> {
    let mut query = of_channel(MARK, channel);
    query.push(" AND author = ").push_bind(key.author.as_str());
    query.push(" AND target = ").push_bind(key.name.to_key());
    let row = query.build().fetch_all(&mut **tx).await?;
    Ok(with_copies(tx, channel, &row).await?.pop())
}

async fn role_of(tx: &mut Transaction<'static, Db>, channel: &Channel, uid: &Uid) -> Stored<Option<Role>> {
    match channel {
        Channel::Group(group) => role_in(tx, group, uid).await,
        Channel::Person(pair) => Ok(pair.peer_of(uid).map(|_| Role::Member)),
    }
}

async fn write_mark(tx: &mut Transaction<'static, Db>, mark: &Mark) -> Stored<()> {
    let (channel_type, channel_key) = (i64::from(mark.channel.channel_type()), mark.channel.key());
    let (author, target) = (mark.key.author.as_str(), mark.key.name.to_key());
    sqlx::query(
        "INSERT INTO channel_versions (channel_type, channel_key, version) VALUES ($1, $2, $3)
         ON CONFLICT (channel_type, channel_key) DO UPDATE SET version = excluded.version",
    )
    .bind(channel_type)
    .bind(&channel_key)
    .bind(signed(mark.version.number()))
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "INSERT INTO marks (channel_type, channel_key, author, target, client_msg_no, version, state, operator, capacity, changed_at, deadline)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (channel_type, channel_key, author, target) DO UPDATE SET version = excluded.version, state = excluded.state,
         operator = excluded.operator, capacity = excluded.capacity, changed_at = excluded.changed_at, deadline = excluded.deadline",
    )
    .bind(channel_type)
    .bind(&channel_key)
    .bind(author)
    .bind(&target)
    .bind(mark.client_msg_no.as_str())
    .bind(signed(mark.version.number()))
    .bind(mark.state.name())
    .bind(mark.operator.as_str())
    .bind(mark.capacity.name())
    .bind(mark.at.0)
    .bind(mark.deadline.map(|deadline| deadline.0))
    .execute(&mut **tx)
    .await?;
    for copy in &mark.copies {
        add_copy(tx, &mark.channel, &mark.key, copy).await?;
    }
    Ok(())
}

async fn add_copy(
    tx: &mut Transaction<'static, Db>,
    channel: &Channel,
    key: &TargetKey,
    copy: &StoredCopy,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO mark_copies (channel_type, channel_key, message_id, message_seq, author, target) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT DO NOTHING",
    )
    .bind(i64::from(channel.channel_type()))
    .bind(channel.key())
    .bind(copy.message_id.0)
    .bind(signed(copy.message_seq.number()))
    .bind(key.author.as_str())
    .bind(key.name.to_key())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn write_content(tx: &mut Transaction<'static, Db>, mark: &Mark, content: Option<Vec<u8>>) -> Stored<()> {
    let delete_at = mark.deadline.map(|deadline| deadline.0);
    let statement = match content {
        Some(_) => {
            "INSERT INTO sealed (channel_type, channel_key, author, target, delete_at, content) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (channel_type, channel_key, author, target) DO UPDATE SET content = excluded.content, delete_at = excluded.delete_at"
        }
        None => {
            "UPDATE sealed SET delete_at = $5, content = COALESCE($6, content)
             WHERE channel_type = $1 AND channel_key = $2 AND author = $3 AND target = $4"
        }
    };
    sqlx::query(statement)
        .bind(i64::from(mark.channel.channel_type()))
        .bind(mark.channel.key())
        .bind(mark.key.author.as_str())
        .bind(mark.key.name.to_key())
        .bind(delete_at)
        .bind(content)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn write_audit(tx: &mut Transaction<'static, Db>, asked: &Asked<'_>, decision: &Decision) -> Stored<()> {
    let (version, outcome) = match decision {
        Decision::Already(mark) if asked.action == Action::Reedit => (Some(mark.version), "given"),
        // A repeated request changes nothing and says nothing new.
        Decision::Already(_) => return Ok(()),
        Decision::Change(change) => (Some(change.mark.version), change.mark.capacity.name()),
        Decision::Denied(denial) => (None, denial.reason.name()),
    };
    sqlx::query(
        "INSERT INTO audit (at, actor, action, road, channel_type, channel_key, author, target, version, outcome)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(asked.now.0)
    .bind(asked.caller.as_str())
    .bind(asked.action.name())
    .bind(asked.road)
    .bind(i64::from(asked.channel.channel_type()))
    .bind(asked.channel.key())
    .bind(asked.key.map_or("", |key| key.author.as_str()))
    .bind(asked.key.map_or_else(|| asked.named.to_key(), |key| key.name.to_key()))
    .bind(version.map(|version| signed(version.number())))
    .bind(outcome)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl Store {
    /// Runs a rule on what is known and writes what it says: mark, version, sealed content, audit and the command, all or none.
    pub async fn decide(
        &self,
        asked: Asked<'_>,
        rule: impl FnOnce(&Known) -> Decision + Send,
        seal: &Seal<'_>,
    ) -> Stored<Decided> {
        let mut tx = self.write().await?;
        let author = match asked.key.and_then(|key| key.author.uid()) {
            Some(author) => role_of(&mut tx, asked.channel, &author).await?,
            None => None,
        };
        let existing = match asked.key {
            Some(key) => mark_of(&mut tx, asked.channel, key).await?,
            None => None,
        };
        let caller = role_of(&mut tx, asked.channel, asked.caller).await?;
        let decision = rule(&Known { caller, author, existing, version: version_of(&mut tx, asked.channel).await? });
        let mut errand = None;
        if let Decision::Change(change) = &decision {
            write_mark(&mut tx, &change.mark).await?;
            let content = match &change.content {
                ContentChange::Seal(content) => Some(seal(&change.mark, content).ok_or(StorageError::Unsealed)?),
                ContentChange::Release => None,
            };
            write_content(&mut tx, &change.mark, content).await?;
            if let Some(command) = command::for_mark(&change.mark) {
                errand =
                    Some(errands::add(&mut tx, &Errand::command(&change.mark.channel, &command), asked.now).await?);
            }
        }
        write_audit(&mut tx, &asked, &decision).await?;
        tx.commit().await?;
        Ok(Decided { decision, errand })
    }

    /// The marks of a channel that go by this name, one for each author who used it.
    pub async fn marks_named(&self, channel: &Channel, name: &TargetName) -> Stored<Vec<Mark>> {
        let mut tx = self.read().await?;
        let mut query = of_channel(MARK, channel);
        query.push(" AND target = ").push_bind(name.to_key());
        let rows = query.build().fetch_all(&mut *tx).await?;
        with_copies(&mut tx, channel, &rows).await
    }

    /// The marks that bear on some messages, and the channel's version with them.
    pub async fn marks_for(&self, channel: &Channel, needed: &MarksNeeded) -> Stored<(Marks, Version)> {
        let mut tx = self.read().await?;
        let version = version_of(&mut tx, channel).await?;
        if version == Version::ZERO {
            return Ok((Marks::default(), version));
        }
        let mut names: BTreeSet<String> = needed.targets.iter().map(|key| key.name.to_key()).collect();
        for quoted in needed.quoted.chunks(BOUND_AT_ONCE) {
            let mut query = of_channel("SELECT target FROM mark_copies ", channel);
            query.push(" AND message_id IN (");
            let mut list = query.separated(", ");
            for id in quoted {
                list.push_bind(id.0);
            }
            list.push_unseparated(")");
            for row in query.build().fetch_all(&mut *tx).await? {
                names.insert(row.try_get("target")?);
            }
        }
        let mut marks = Vec::new();
        for names in Vec::from_iter(names).chunks(BOUND_AT_ONCE) {
            let mut query = of_channel(MARK, channel);
            query.push(" AND target IN (");
            let mut list = query.separated(", ");
            for name in names {
                list.push_bind(name.as_str());
            }
            list.push_unseparated(")");
            let rows = query.build().fetch_all(&mut *tx).await?;
            marks.extend(with_copies(&mut tx, channel, &rows).await?);
        }
        Ok((Marks::new(marks), version))
    }

    /// The newest version in each of these channels.
    pub async fn versions(&self, channels: impl Iterator<Item = &Channel>) -> Stored<Vec<Version>> {
        let mut tx = self.read().await?;
        let mut versions = Vec::new();
        for channel in channels {
            versions.push(version_of(&mut tx, channel).await?);
        }
        Ok(versions)
    }

    /// A copy that turned up after its mark was made.
    pub async fn add_copies(&self, channel: &Channel, copies: &[(TargetKey, StoredCopy)]) -> Stored<()> {
        let mut tx = self.write().await?;
        for (key, copy) in copies {
            add_copy(&mut tx, channel, key, copy).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    pub async fn feed(&self, channel: &Channel, since: Version, limit: usize) -> Stored<Page> {
        let mut tx = self.read().await?;
        let newest = version_of(&mut tx, channel).await?;
        let mut query = of_channel(MARK, channel);
        query.push(" AND version > ").push_bind(signed(since.number()));
        query.push(" ORDER BY version LIMIT ").push_bind(signed(limit as u64 + 1));
        let rows = query.build().fetch_all(&mut *tx).await?;
        let marks = with_copies(&mut tx, channel, &rows).await?;
        Ok(feed::page(since, marks, newest, limit))
    }

    /// The sealed content of a marked message, until it is deleted.
    pub async fn sealed(&self, channel: &Channel, key: &TargetKey) -> Stored<Option<Vec<u8>>> {
        let mut query = of_channel("SELECT content FROM sealed ", channel);
        query.push(" AND author = ").push_bind(key.author.as_str());
        query.push(" AND target = ").push_bind(key.name.to_key());
        let row = query.build().fetch_optional(&self.pool).await?;
        row.map(|row| Ok(row.try_get("content")?)).transpose()
    }

    /// Deletes what was kept past its deadline. Returns how much.
    pub async fn delete_expired(&self, now: Time) -> Stored<u64> {
        let deleted = sqlx::query("DELETE FROM sealed WHERE delete_at < $1")
            .bind(now.0)
            .execute(&self.pool)
            .await?
            .rows_affected();
        if deleted > 0 {
            // What was overwritten in the database still stands in its log.
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.pool).await?;
        }
        Ok(deleted)
    }

    /// The audit of a channel, oldest first.
    pub async fn audit(&self, channel: &Channel, limit: u32) -> Stored<Vec<AuditRow>> {
        let mut query =
            of_channel("SELECT at, actor, action, road, author, target, version, outcome FROM audit ", channel);
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&self.pool).await?;
        let audit = |row: &SqliteRow| {
            Ok(AuditRow {
                at: Time(row.try_get("at")?),
                actor: row.try_get("actor")?,
                action: row.try_get("action")?,
                road: row.try_get("road")?,
                author: row.try_get("author")?,
                target: row.try_get("target")?,
                version: row.try_get::<Option<i64>, _>("version")?.map(unsigned).transpose()?,
                outcome: row.try_get("outcome")?,
            })
        };
        rows.iter().map(audit).collect()
    }
}
