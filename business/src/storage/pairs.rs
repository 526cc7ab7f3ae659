//! Person channels that are known to have messages, whatever WuKongIM's conversation list says.

use sqlx::Row;

use super::{Store, Stored};
use crate::rules::Uid;

impl Store {
    /// Both sides at once; nothing where one of them has no account.
    pub async fn remember_pair(&self, one: &Uid, other: &Uid) -> Stored<()> {
        let mut tx = self.write().await?;
        for (uid, peer) in [(one, other), (other, one)] {
            sqlx::query(
                "INSERT INTO pairs (uid, peer) SELECT $1, $2
                 WHERE EXISTS (SELECT 1 FROM people WHERE uid = $1) AND EXISTS (SELECT 1 FROM people WHERE uid = $2)
                 ON CONFLICT DO NOTHING",
            )
            .bind(uid.as_str())
            .bind(peer.as_str())
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    pub async fn is_pair(&self, uid: &Uid, peer: &Uid) -> Stored<bool> {
        let row =
            sqlx::query("SELECT 1 FROM pairs WHERE uid = $1 AND peer = $2").bind(uid.as_str()).bind(peer.as_str());
        Ok(row.fetch_optional(&self.pool).await?.is_some())
    }

    pub async fn peers_of(&self, uid: &Uid) -> Stored<Vec<Uid>> {
        let rows = sqlx::query("SELECT peer FROM pairs WHERE uid = $1 ORDER BY peer")
            .bind(uid.as_str())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok(Uid::try_from(row.try_get::<String, _>("peer")?)?)).collect()
    }
}
