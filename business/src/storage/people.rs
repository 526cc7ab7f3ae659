//! People, and the sessions of their devices.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row};

use super::errands::{self, Errand};
use super::{Db, Store, Stored, signed, unsigned};
use crate::rules::account::{DeviceFlag, Name};
use crate::rules::{Span, Time, Uid};

#[derive(Clone, Debug)]
pub struct Person {
    pub uid: Uid,
    pub name: Name,
}

/// SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

/// What a token is derived from, beside the server's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey {
    pub uid: Uid,
    pub device_flag: DeviceFlag,
    pub generation: u64,
}

#[derive(Clone, Debug)]
pub struct Session {
    pub key: SessionKey,
    pub expires_at: Time,
}

fn person(row: &SqliteRow) -> Stored<Person> {
    Ok(Person { uid: Uid::try_from(row.try_get::<String, _>("uid")?)?, name: Name::parse(row.try_get("name")?)? })
}

/// What a search looks at. Neither holds a line break, so nothing is found across the two.
fn searched(uid: &str, name: &str) -> String {
    format!("{uid}\n{name}").to_lowercase()
}

fn session(row: &SqliteRow) -> Stored<Session> {
    let device_flag = u8::try_from(row.try_get::<i64, _>("device_flag")?)
        .map_err(|_| super::StorageError::Corrupt("a device flag beyond 255"))?;
    Ok(Session {
        key: SessionKey {
            uid: Uid::try_from(row.try_get::<String, _>("uid")?)?,
            device_flag: DeviceFlag::parse(device_flag)?,
            generation: unsigned(row.try_get("generation")?)?,
        },
        expires_at: Time(row.try_get("expires_at")?),
    })
}

impl Store {
    /// False where the uid is taken. So is one that differs only in capitals: to a person it is the same.
    pub async fn create_person(&self, person: &Person, password_hash: &str, now: Time) -> Stored<bool> {
        let made = sqlx::query(
            "INSERT INTO people (uid, name, password_hash, created_at, searched) SELECT $1, $2, $3, $4, $5
             WHERE NOT EXISTS (SELECT 1 FROM people WHERE lower(uid) = lower($1))",
        )
        .bind(person.uid.as_str())
        .bind(person.name.as_str())
        .bind(password_hash)
        .bind(now.0)
        .bind(searched(person.uid.as_str(), person.name.as_str()))
        .execute(&self.pool)
        .await?;
        Ok(made.rows_affected() == 1)
    }

    /// What a server from before `searched` has left empty.
    pub(super) async fn fill_searched(&self) -> Stored<()> {
        let mut tx = self.write().await?;
        let rows = sqlx::query("SELECT uid, name FROM people WHERE searched IS NULL").fetch_all(&mut *tx).await?;
        for row in &rows {
            let (uid, name): (&str, &str) = (row.try_get("uid")?, row.try_get("name")?);
            sqlx::query("UPDATE people SET searched = $2 WHERE uid = $1")
                .bind(uid)
                .bind(searched(uid, name))
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    pub async fn person(&self, uid: &Uid) -> Stored<Option<Person>> {
        let row = sqlx::query("SELECT uid, name FROM people WHERE uid = $1")
            .bind(uid.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(person).transpose()
    }

    pub async fn person_with_password(&self, uid: &Uid) -> Stored<Option<(Person, String)>> {
        let row = sqlx::query("SELECT uid, name, password_hash FROM people WHERE uid = $1")
            .bind(uid.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok((person(&row)?, row.try_get("password_hash")?))).transpose()
    }

    /// Those whose uid or name holds `query`: whose uid it is first, the others ordered by uid.
    pub async fn people(&self, query: &str, limit: usize) -> Stored<Vec<Person>> {
        let escaped = query.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let rows = sqlx::query(
            "SELECT uid, name FROM people WHERE searched LIKE $1 ESCAPE '\\' ORDER BY uid <> $3, uid LIMIT $2",
        )
        .bind(format!("%{escaped}%"))
        .bind(signed(limit as u64))
        .bind(query)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(person).collect()
    }

    /// Those of `uids` who have an account.
    pub async fn known(&self, uids: &[Uid]) -> Stored<Vec<Uid>> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::<Db>::new("SELECT uid FROM people WHERE uid IN (");
        let mut list = query.separated(", ");
        for uid in uids {
            list.push_bind(uid.as_str());
        }
        list.push_unseparated(")");
        let rows = query.build().fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(Uid::try_from(row.try_get::<String, _>("uid")?)?)).collect()
    }

    /// The session of a person's kind of device: the one that is valid, prolonged, or a new generation.
    pub async fn open_session(
        &self,
        uid: &Uid,
        device_flag: DeviceFlag,
        now: Time,
        lifetime: Span,
        hash: &(dyn Fn(&SessionKey) -> TokenHash + Sync),
    ) -> Stored<Session> {
        let mut tx = self.write().await?;
        let row = sqlx::query("SELECT uid, device_flag, generation, expires_at, token_hash FROM sessions WHERE uid = $1 AND device_flag = $2")
            .bind(uid.as_str())
            .bind(i64::from(device_flag.number()))
            .fetch_optional(&mut *tx)
            .await?;
        let generation = match &row {
            None => 1,
            Some(row) => {
                let old = session(row)?;
                let valid = row.try_get::<Option<Vec<u8>>, _>("token_hash")?.is_some() && old.expires_at > now;
                old.key.generation + u64::from(!valid)
            }
        };
        let key = SessionKey { uid: uid.clone(), device_flag, generation };
        let opened = Session { expires_at: now.plus(lifetime), key };
        sqlx::query(
            "INSERT INTO sessions (uid, device_flag, generation, token_hash, expires_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (uid, device_flag) DO UPDATE SET generation = excluded.generation, token_hash = excluded.token_hash,
             expires_at = excluded.expires_at",
        )
        .bind(uid.as_str())
        .bind(i64::from(device_flag.number()))
        .bind(signed(generation))
        .bind(hash(&opened.key).0.to_vec())
        .bind(opened.expires_at.0)
        .execute(&mut *tx)
        .await?;
        // A token that is registered now must not be taken away by a log-out from before.
        sqlx::query("DELETE FROM errands WHERE lane = $1")
            .bind(errands::session_lane(&opened.key))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(opened)
    }

    pub async fn session(&self, token: TokenHash, now: Time) -> Stored<Option<Session>> {
        let row = sqlx::query(
            "SELECT uid, device_flag, generation, expires_at FROM sessions WHERE token_hash = $1 AND expires_at > $2",
        )
        .bind(token.0.to_vec())
        .bind(now.0)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(session).transpose()
    }

    pub async fn live_sessions(&self, now: Time) -> Stored<Vec<Session>> {
        let rows =
            sqlx::query("SELECT uid, device_flag, generation, expires_at FROM sessions WHERE token_hash IS NOT NULL AND expires_at > $1")
                .bind(now.0)
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(session).collect()
    }

    /// Ends a session here at once; WuKongIM is told by an errand.
    pub async fn close_session(&self, key: &SessionKey, now: Time) -> Stored<()> {
        let mut tx = self.write().await?;
        let closed = sqlx::query(
            "UPDATE sessions SET token_hash = NULL WHERE uid = $1 AND device_flag = $2 AND generation = $3 AND token_hash IS NOT NULL",
        )
        .bind(key.uid.as_str())
        .bind(i64::from(key.device_flag.number()))
        .bind(signed(key.generation))
        .execute(&mut *tx)
        .await?;
        if closed.rows_affected() == 1 {
            errands::add(&mut tx, &Errand::quit(key), now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Ends what has expired. Returns how many.
    pub async fn expire_sessions(&self, now: Time) -> Stored<usize> {
        let mut tx = self.write().await?;
        let rows = sqlx::query(
            "UPDATE sessions SET token_hash = NULL WHERE token_hash IS NOT NULL AND expires_at <= $1
             RETURNING uid, device_flag, generation, expires_at",
        )
        .bind(now.0)
        .fetch_all(&mut *tx)
        .await?;
        for row in &rows {
            errands::add(&mut tx, &Errand::quit(&session(row)?.key), now).await?;
        }
        tx.commit().await?;
        Ok(rows.len())
    }
}
