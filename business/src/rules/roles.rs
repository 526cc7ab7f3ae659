//! What a member of a group may do to the group and to its members.

use serde::{Deserialize, Serialize};

use super::identity::Uid;

/// Ordered by power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Member,
    Admin,
    Owner,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Role::Member => "member",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }

    pub fn named(name: &str) -> Option<Role> {
        [Role::Member, Role::Admin, Role::Owner].into_iter().find(|role| role.name() == name)
    }
}

pub fn may_add_members(actor: Role) -> bool {
    actor >= Role::Admin
}

pub fn may_rename(actor: Role) -> bool {
    may_add_members(actor)
}

/// Owner and admins may remove whoever has less power than they have. Leaving is not removing.
pub fn may_remove(actor: Role, target: Role) -> bool {
    actor >= Role::Admin && actor > target
}

/// The owner makes and unmakes admins. The owner's own role is not given away by this road.
pub fn may_set_role(actor: Role, target: Role, wanted: Role) -> bool {
    actor == Role::Owner && target != Role::Owner && wanted != Role::Owner
}

/// A group without an owner could never be changed again: who follows, the most powerful first, then who has been there longest.
/// `others` are in the order in which they joined.
pub fn successor(others: &[(Uid, Role)]) -> Option<&Uid> {
    let mut best: Option<&(Uid, Role)> = None;
    for other in others {
        if best.is_none_or(|(_, role)| other.1 > *role) {
            best = Some(other);
        }
    }
    best.map(|(uid, _)| uid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Role::{Admin, Member, Owner};

    #[test]
    fn who_may_do_what_stands_in_one_table() {
        //           actor, target, add, remove, make admin
        let table = [
            (Owner, Admin, true, true, true),
            (Owner, Member, true, true, true),
            (Owner, Owner, true, false, false),
            (Admin, Owner, true, false, false),
            (Admin, Admin, true, false, false),
            (Admin, Member, true, true, false),
            (Member, Member, false, false, false),
            (Member, Owner, false, false, false),
        ];
        for (actor, target, add, remove, promote) in table {
            assert_eq!(may_add_members(actor), add, "{actor:?} adds");
            assert_eq!(may_remove(actor, target), remove, "{actor:?} removes {target:?}");
            assert_eq!(may_set_role(actor, target, Admin), promote, "{actor:?} promotes {target:?}");
            assert!(!may_set_role(actor, target, Owner), "nobody makes an owner");
        }
    }

    #[test]
    fn the_owner_is_followed_by_the_oldest_admin_then_by_the_oldest_member() {
        let uid = |id: &str| Uid::try_from(id.to_owned()).expect(id);
        let members = [(uid("a"), Member), (uid("b"), Admin), (uid("c"), Admin)];
        assert_eq!(successor(&members), Some(&uid("b")));
        assert_eq!(successor(&members[..1]), Some(&uid("a")));
        assert_eq!(successor(&[]), None);
    }
}
