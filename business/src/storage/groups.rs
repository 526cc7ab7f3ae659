//! Groups and their members. Each change is decided on the roles as they are when it is written.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Transaction};

use super::errands::{self, Errand, ErrandId, NoticeErrand};
use super::{Db, Person, StorageError, Store, Stored};
use crate::rules::account::{MAX_GROUP_MEMBERS, MAX_GROUPS, Name};
use crate::rules::notice::{Notice, Who};
use crate::rules::{ClientMsgNo, GroupId, Role, Time, Uid, roles};

#[derive(Clone, Debug)]
pub struct Group {
    pub id: GroupId,
    pub name: Name,
    pub members: Vec<Member>,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub person: Person,
    pub role: Role,
}

impl Group {
    pub fn role_of(&self, uid: &Uid) -> Option<Role> {
        self.members.iter().find(|member| member.person.uid == *uid).map(|member| member.role)
    }
}

/// How a change of a group went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupChange {
    Done(Option<ErrandId>),
    Forbidden,
    /// The group, or the person in it, is not there for the caller.
    NotFound,
    TooLarge,
}

fn role(row: &SqliteRow) -> Stored<Role> {
    Role::named(row.try_get("role")?).ok_or(StorageError::Corrupt("an unknown role"))
}

fn member(row: &SqliteRow) -> Stored<Member> {
    let uid = Uid::try_from(row.try_get::<String, _>("uid")?)?;
    Ok(Member { person: Person { uid, name: Name::parse(row.try_get("name")?)? }, role: role(row)? })
}

pub(super) async fn role_in(tx: &mut Transaction<'static, Db>, group: &GroupId, uid: &Uid) -> Stored<Option<Role>> {
    let row = sqlx::query("SELECT role FROM members WHERE group_id = $1 AND uid = $2")
        .bind(group.as_str())
        .bind(uid.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    row.as_ref().map(role).transpose()
}

async fn insert_member(
    tx: &mut Transaction<'static, Db>,
    group: &GroupId,
    uid: &Uid,
    role: Role,
    now: Time,
) -> Stored<bool> {
    let added = sqlx::query(
        "INSERT INTO members (group_id, uid, role, joined_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(group.as_str())
    .bind(uid.as_str())
    .bind(role.name())
    .bind(now.0)
    .execute(&mut **tx)
    .await?;
    Ok(added.rows_affected() == 1)
}

async fn update_role(tx: &mut Transaction<'static, Db>, group: &GroupId, uid: &Uid, role: Role) -> Stored<()> {
    sqlx::query("UPDATE members SET role = $3 WHERE group_id = $1 AND uid = $2")
        .bind(group.as_str())
        .bind(uid.as_str())
        .bind(role.name())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn name_of(tx: &mut Transaction<'static, Db>, uid: &Uid) -> Stored<Name> {
    let row = sqlx::query("SELECT name FROM people WHERE uid = $1").bind(uid.as_str()).fetch_one(&mut **tx).await?;
    Ok(Name::parse(row.try_get("name")?)?)
}

async fn with_names(tx: &mut Transaction<'static, Db>, uids: &[Uid]) -> Stored<Vec<(Uid, Name)>> {
    let mut named = Vec::with_capacity(uids.len());
    for uid in uids {
        named.push((uid.clone(), name_of(tx, uid).await?));
    }
    Ok(named)
}

fn each(people: &[(Uid, Name)]) -> Vec<Who<'_>> {
    people.iter().map(|(uid, name)| (uid, name)).collect()
}

async fn tell(
    tx: &mut Transaction<'static, Db>,
    group: &GroupId,
    notice: &Notice<'_>,
    told: ClientMsgNo,
    now: Time,
) -> Stored<()> {
    let errand = Errand::Notice(NoticeErrand { group: group.clone(), payload: notice.payload(), client_msg_no: told });
    errands::add(tx, &errand, now).await?;
    Ok(())
}

async fn nudge(tx: &mut Transaction<'static, Db>, group: &GroupId, people: Vec<Uid>, now: Time) -> Stored<()> {
    errands::add(tx, &Errand::Nudge { group: group.clone(), people }, now).await?;
    Ok(())
}

async fn members_of(tx: &mut Transaction<'static, Db>, group: &GroupId) -> Stored<Vec<(Uid, Role)>> {
    let rows = sqlx::query("SELECT uid, role FROM members WHERE group_id = $1 ORDER BY joined_at, uid")
        .bind(group.as_str())
        .fetch_all(&mut **tx)
        .await?;
    rows.iter().map(|row| Ok((Uid::try_from(row.try_get::<String, _>("uid")?)?, role(row)?))).collect()
}

async fn count(tx: &mut Transaction<'static, Db>, statement: &'static str, id: &str) -> Stored<usize> {
    let row = sqlx::query(statement).bind(id).fetch_one(&mut **tx).await?;
    Ok(usize::try_from(row.try_get::<i64, _>("number")?).unwrap_or(usize::MAX))
}

const COUNT_MEMBERS: &str = "SELECT COUNT(*) AS number FROM members WHERE group_id = $1";
const COUNT_GROUPS: &str = "SELECT COUNT(*) AS number FROM members WHERE uid = $1";

/// Whether the group has too many members with these, or one of them too many groups with this.
async fn is_too_large(tx: &mut Transaction<'static, Db>, group: &GroupId, added: &[Uid]) -> Stored<bool> {
    if count(tx, COUNT_MEMBERS, group.as_str()).await? > MAX_GROUP_MEMBERS {
        return Ok(true);
    }
    for uid in added {
        if count(tx, COUNT_GROUPS, uid.as_str()).await? > MAX_GROUPS {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Store {
    /// `members` beside the owner; all have an account. `told` names the message that tells the group, here and below.
    pub async fn create_group(
        &self,
        id: &GroupId,
        name: &Name,
        owner: &Uid,
        members: &[Uid],
        told: &ClientMsgNo,
        now: Time,
    ) -> Stored<GroupChange> {
        let mut tx = self.write().await?;
        sqlx::query("INSERT INTO chat_groups (group_id, name, created_at) VALUES ($1, $2, $3)")
            .bind(id.as_str())
            .bind(name.as_str())
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
        insert_member(&mut tx, id, owner, Role::Owner, now).await?;
        let mut all = vec![owner.clone()];
        for uid in members {
            if insert_member(&mut tx, id, uid, Role::Member, now).await? {
                all.push(uid.clone());
            }
        }
        if is_too_large(&mut tx, id, &all).await? {
            return Ok(GroupChange::TooLarge);
        }
        let people = with_names(&mut tx, &all).await?;
        let errand = errands::add(&mut tx, &Errand::CreateGroup { group: id.clone(), members: all }, now).await?;
        if let [(uid, name), others @ ..] = people.as_slice() {
            let made = Notice::Made { by: (uid, name), with: each(others) };
            tell(&mut tx, id, &made, told.clone(), now).await?;
        }
        tx.commit().await?;
        Ok(GroupChange::Done(Some(errand)))
    }

    pub async fn role(&self, group: &GroupId, uid: &Uid) -> Stored<Option<Role>> {
        role_in(&mut self.read().await?, group, uid).await
    }

    pub async fn roles_of(&self, uid: &Uid) -> Stored<Vec<(GroupId, Role)>> {
        let rows = sqlx::query("SELECT group_id, role FROM members WHERE uid = $1 ORDER BY group_id")
            .bind(uid.as_str())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((GroupId::try_from(row.try_get::<String, _>("group_id")?)?, role(row)?))).collect()
    }

    pub async fn group(&self, id: &GroupId) -> Stored<Option<Group>> {
        let mut tx = self.read().await?;
        let row = sqlx::query("SELECT name FROM chat_groups WHERE group_id = $1")
            .bind(id.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let members = sqlx::query(
            "SELECT people.uid, people.name, members.role FROM members JOIN people ON people.uid = members.uid
             WHERE members.group_id = $1 ORDER BY members.joined_at, people.uid",
        )
        .bind(id.as_str())
        .fetch_all(&mut *tx)
        .await?;
        let members = members.iter().map(member).collect::<Stored<_>>()?;
        Ok(Some(Group { id: id.clone(), name: Name::parse(row.try_get("name")?)?, members }))
    }

    pub async fn groups_of(&self, uid: &Uid) -> Stored<Vec<Group>> {
        let mut tx = self.read().await?;
        let rows = sqlx::query(
            "SELECT chat_groups.group_id, chat_groups.name AS group_name, people.uid, people.name, members.role
             FROM members AS own JOIN chat_groups ON chat_groups.group_id = own.group_id
             JOIN members ON members.group_id = own.group_id JOIN people ON people.uid = members.uid
             WHERE own.uid = $1 ORDER BY chat_groups.created_at, chat_groups.group_id, members.joined_at, people.uid",
        )
        .bind(uid.as_str())
        .fetch_all(&mut *tx)
        .await?;
        let mut groups: Vec<Group> = Vec::new();
        for row in &rows {
            let id = GroupId::try_from(row.try_get::<String, _>("group_id")?)?;
            let member = member(row)?;
            match groups.last_mut().filter(|group| group.id == id) {
                Some(group) => group.members.push(member),
                None => {
                    groups.push(Group { id, name: Name::parse(row.try_get("group_name")?)?, members: vec![member] })
                }
            }
        }
        Ok(groups)
    }

    pub async fn add_members(
        &self,
        group: &GroupId,
        caller: &Uid,
        uids: &[Uid],
        told: &ClientMsgNo,
        now: Time,
    ) -> Stored<GroupChange> {
        let mut tx = self.write().await?;
        let Some(role) = role_in(&mut tx, group, caller).await? else { return Ok(GroupChange::NotFound) };
        if !roles::may_add_members(role) {
            return Ok(GroupChange::Forbidden);
        }
        let mut added = Vec::new();
        for uid in uids {
            if insert_member(&mut tx, group, uid, Role::Member, now).await? {
                added.push(uid.clone());
            }
        }
        if added.is_empty() {
            return Ok(GroupChange::Done(None));
        }
        if is_too_large(&mut tx, group, &added).await? {
            return Ok(GroupChange::TooLarge);
        }
        let (name, people) = (name_of(&mut tx, caller).await?, with_names(&mut tx, &added).await?);
        let errand = errands::add(&mut tx, &Errand::Subscribe { group: group.clone(), members: added }, now).await?;
        let notice = Notice::Added { by: (caller, &name), people: each(&people) };
        tell(&mut tx, group, &notice, told.clone(), now).await?;
        tx.commit().await?;
        Ok(GroupChange::Done(Some(errand)))
    }

    pub async fn set_role(
        &self,
        group: &GroupId,
        caller: &Uid,
        uid: &Uid,
        wanted: Role,
        now: Time,
    ) -> Stored<GroupChange> {
        let mut tx = self.write().await?;
        let (Some(caller), Some(target)) =
            (role_in(&mut tx, group, caller).await?, role_in(&mut tx, group, uid).await?)
        else {
            return Ok(GroupChange::NotFound);
        };
        if !roles::may_set_role(caller, target, wanted) {
            return Ok(GroupChange::Forbidden);
        }
        if target != wanted {
            update_role(&mut tx, group, uid, wanted).await?;
            let members = members_of(&mut tx, group).await?;
            nudge(&mut tx, group, members.into_iter().map(|(uid, _)| uid).collect(), now).await?;
        }
        tx.commit().await?;
        Ok(GroupChange::Done(None))
    }

    pub async fn rename_group(
        &self,
        group: &GroupId,
        caller: &Uid,
        name: &Name,
        told: &ClientMsgNo,
        now: Time,
    ) -> Stored<GroupChange> {
        let mut tx = self.write().await?;
        let Some(role) = role_in(&mut tx, group, caller).await? else { return Ok(GroupChange::NotFound) };
        if !roles::may_rename(role) {
            return Ok(GroupChange::Forbidden);
        }
        let renamed = sqlx::query("UPDATE chat_groups SET name = $2 WHERE group_id = $1 AND name <> $2")
            .bind(group.as_str())
            .bind(name.as_str())
            .execute(&mut *tx)
            .await?;
        if renamed.rows_affected() == 1 {
            let caller_name = name_of(&mut tx, caller).await?;
            tell(&mut tx, group, &Notice::Renamed { by: (caller, &caller_name), name }, told.clone(), now).await?;
        }
        tx.commit().await?;
        Ok(GroupChange::Done(None))
    }

    /// Removes somebody, or lets them leave. From here on none of our roads gives them the group; WuKongIM is told by an errand.
    pub async fn remove_member(
        &self,
        group: &GroupId,
        caller: &Uid,
        uid: &Uid,
        told: &ClientMsgNo,
        now: Time,
    ) -> Stored<GroupChange> {
        let mut tx = self.write().await?;
        let (Some(actor), Some(target)) = (role_in(&mut tx, group, caller).await?, role_in(&mut tx, group, uid).await?)
        else {
            return Ok(GroupChange::NotFound);
        };
        if caller != uid && !roles::may_remove(actor, target) {
            return Ok(GroupChange::Forbidden);
        }
        sqlx::query("DELETE FROM members WHERE group_id = $1 AND uid = $2")
            .bind(group.as_str())
            .bind(uid.as_str())
            .execute(&mut *tx)
            .await?;
        let unsubscribe = Errand::Unsubscribe { group: group.clone(), members: vec![uid.clone()] };
        let errand = errands::add(&mut tx, &unsubscribe, now).await?;
        let (caller_name, name) = (name_of(&mut tx, caller).await?, name_of(&mut tx, uid).await?);
        let notice = if caller == uid {
            Notice::Left { person: (uid, &name) }
        } else {
            Notice::Removed { by: (caller, &caller_name), person: (uid, &name) }
        };
        let others = members_of(&mut tx, group).await?;
        if !others.is_empty() {
            tell(&mut tx, group, &notice, told.clone(), now).await?;
        }
        if target == Role::Owner
            && let Some(next) = roles::successor(&others)
        {
            update_role(&mut tx, group, next, Role::Owner).await?;
            let name = name_of(&mut tx, next).await?;
            let follows = Notice::Follows { person: (next, &name) };
            tell(&mut tx, group, &follows, ClientMsgNo::stored(format!("{}-owner", told.as_str())), now).await?;
        }
        // Whoever is out hears nothing of the group any more, this neither.
        nudge(&mut tx, group, vec![uid.clone()], now).await?;
        tx.commit().await?;
        Ok(GroupChange::Done(Some(errand)))
    }
}
