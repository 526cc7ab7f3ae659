//! What a group reads of its own changes: messages of the system's, kept in the timeline, with the types and the fields that
//! WuKongIM's clients have in common. A client that knows the type says it in its own words; any other shows `content`, with the
//! names of `extra` in its places.

use serde_json::{Value, json};

use super::account::Name;
use super::identity::Uid;

/// Names in one notice. The longest still keep far below what a message may be; of the rest the number is told.
const MAX_NAMED: usize = 20;

pub type Who<'a> = (&'a Uid, &'a Name);

#[derive(Clone, Debug)]
pub enum Notice<'a> {
    Made {
        by: Who<'a>,
        with: Vec<Who<'a>>,
    },
    Added {
        by: Who<'a>,
        people: Vec<Who<'a>>,
    },
    Removed {
        by: Who<'a>,
        person: Who<'a>,
    },
    Left {
        person: Who<'a>,
    },
    /// The owner has left.
    Follows {
        person: Who<'a>,
    },
    Renamed {
        by: Who<'a>,
        name: &'a Name,
    },
}

impl Notice<'_> {
    /// JSON.
    pub fn payload(&self) -> String {
        let (kind, by, people, content) = match self {
            Notice::Made { by, with } if with.is_empty() => (1001, by, [].as_slice(), "{0}创建了群聊".to_owned()),
            Notice::Made { by, with } => (1001, by, with.as_slice(), format!("{{0}}邀请{}加入群聊", places(with))),
            Notice::Added { by, people } => {
                (1002, by, people.as_slice(), format!("{{0}}邀请{}加入群聊", places(people)))
            }
            Notice::Removed { by, person } => (1003, by, std::slice::from_ref(person), "{0}将{1}移出群聊".to_owned()),
            Notice::Left { person } => (1021, person, [].as_slice(), "{0}退出群聊".to_owned()),
            Notice::Follows { person } => (1008, person, [].as_slice(), "{0}已成为新群主".to_owned()),
            Notice::Renamed { by, name } => (1005, by, [].as_slice(), format!("{{0}}修改群名为“{}”", name.as_str())),
        };
        let extra: Vec<Value> = std::iter::once(by).chain(people.iter().take(MAX_NAMED)).map(named).collect();
        let mut payload = json!({
            "type": kind, "content": content, "from_uid": by.0.as_str(), "from_name": by.1.as_str(), "extra": extra,
        });
        if people.len() > MAX_NAMED {
            payload["count"] = json!(people.len());
        }
        if let Notice::Renamed { name, .. } = self {
            payload["data"] = json!({ "name": name.as_str() });
        }
        payload.to_string()
    }
}

fn named((uid, name): &Who<'_>) -> Value {
    json!({ "uid": uid.as_str(), "name": name.as_str() })
}

fn places(people: &[Who<'_>]) -> String {
    let places: Vec<String> = (1..=people.len().min(MAX_NAMED)).map(|number| format!("{{{number}}}")).collect();
    let all = places.join("、");
    if people.len() > MAX_NAMED { format!("{all}等{}人", people.len()) } else { all }
}

/// Tells devices that are online to read a group again, where no message of it tells them.
pub fn changed(group: &str) -> String {
    json!({ "type": 99, "cmd": "memberUpdate", "param": { "group_no": group } }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::identity::InvalidId;

    fn person(number: usize) -> Result<(Uid, Name), InvalidId> {
        Ok((Uid::try_from(format!("u{number}"))?, Name::parse(&format!("N{number}"))?))
    }

    #[test]
    fn a_notice_names_who_did_it_first_and_of_a_crowd_the_number() -> Result<(), InvalidId> {
        let people = (0..=MAX_NAMED + 1).map(person).collect::<Result<Vec<_>, _>>()?;
        let [by, others @ ..] = people.as_slice() else { panic!("somebody") };
        let few = Notice::Added { by: (&by.0, &by.1), people: others.iter().take(2).map(|(u, n)| (u, n)).collect() };
        let few: Value = serde_json::from_str(&few.payload()).expect("JSON");
        assert_eq!((&few["type"], &few["content"]), (&json!(1002), &json!("{0}邀请{1}、{2}加入群聊")));
        assert_eq!(few["extra"][0], json!({ "uid": "u0", "name": "N0" }));
        assert_eq!((few["extra"].as_array().map(Vec::len), few.get("count")), (Some(3), None));

        let many = Notice::Made { by: (&by.0, &by.1), with: others.iter().map(|(u, n)| (u, n)).collect() };
        let many: Value = serde_json::from_str(&many.payload()).expect("JSON");
        assert_eq!((many["extra"].as_array().map(Vec::len), &many["count"]), (Some(21), &json!(21)));
        assert!(many["content"].as_str().is_some_and(|content| content.ends_with("、{20}等21人加入群聊")));
        Ok(())
    }
}
