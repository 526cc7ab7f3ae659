//! Who and where. Parsed once at the edge; past it an id is known to be harmless.
//!
//! WuKongIM gives some characters a meaning: `@` joins two uids to a person channel, `#` and `&` are refused, `:` and `|` part
//! the cursors of a conversation sync, and `____cmd` names another log. An id with one of them would reach a channel that its
//! sender has no business in, so ours have none.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an id was refused. It never repeats the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId(pub &'static str);

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidId {}

/// The longest uid and group id, in bytes. It bounds rows, URLs and the ids that WuKongIM makes of two uids.
pub const MAX_ID: usize = 64;
/// WuKongIM's own uid, who writes notices to people. Nobody can have it.
const SYSTEM: &str = "____system";
/// The longest clientMsgNo, in bytes: a UUID takes 36, and other clients prefix theirs.
pub const MAX_CLIENT_MSG_NO: usize = 128;
/// What a JavaScript number holds exactly.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

fn check_id(id: &str) -> Result<(), InvalidId> {
    if id.is_empty() {
        return Err(InvalidId("an id must not be empty"));
    }
    if id.len() > MAX_ID {
        return Err(InvalidId("an id has at most 64 characters"));
    }
    if !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
        return Err(InvalidId("an id has only letters, digits, '_', '-' and '.'"));
    }
    // Three underscores begin WuKongIM's own names: ____system, ____cmd, ___vstr.
    if id.contains("___") || id == "systemcmdonline" {
        return Err(InvalidId("this id is reserved"));
    }
    Ok(())
}

macro_rules! private_name {
    ($name:ident) => {
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        // Ids of people and messages are private: a log tells their length.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({} bytes)", stringify!($name), self.0.len())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

/// A person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uid(String);
private_name!(Uid);

impl TryFrom<String> for Uid {
    type Error = InvalidId;
    fn try_from(id: String) -> Result<Uid, InvalidId> {
        check_id(&id)?;
        Ok(Uid(id))
    }
}

impl Uid {
    /// The peer of the person channel that holds somebody's notices.
    pub fn system() -> Uid {
        Uid(SYSTEM.to_owned())
    }

    pub fn is_system(&self) -> bool {
        self.0 == SYSTEM
    }

    /// Whom a person channel may be with.
    fn peer(id: &str) -> Result<Uid, InvalidId> {
        if id == SYSTEM { Ok(Uid::system()) } else { Uid::try_from(id.to_owned()) }
    }
}

/// A group, which is a channel of type 2.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupId(String);
private_name!(GroupId);

impl TryFrom<String> for GroupId {
    type Error = InvalidId;
    fn try_from(id: String) -> Result<GroupId, InvalidId> {
        check_id(&id)?;
        Ok(GroupId(id))
    }
}

/// Who wrote a stored message, as WuKongIM tells it: any string, and empty for the system.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Author(String);
private_name!(Author);

impl Author {
    pub fn new(from_uid: impl Into<String>) -> Author {
        let from_uid = from_uid.into();
        // Version 3 names the system by its uid where version 2 leaves it out.
        Author(if from_uid == SYSTEM { String::new() } else { from_uid })
    }

    pub fn is(&self, uid: &Uid) -> bool {
        self.0 == uid.0
    }

    pub fn is_system(&self) -> bool {
        self.0.is_empty()
    }

    /// The author as somebody who can be looked up. None for the system and for uids that are not ours.
    pub fn uid(&self) -> Option<Uid> {
        Uid::try_from(self.0.clone()).ok()
    }
}

impl From<&Uid> for Author {
    fn from(uid: &Uid) -> Author {
        Author(uid.0.clone())
    }
}

/// Names one act of sending. Empty for messages of the HTTP API and of some clients; then it names nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientMsgNo(String);
private_name!(ClientMsgNo);

impl ClientMsgNo {
    /// One that WuKongIM has stored: it may be anything.
    pub fn stored(client_msg_no: impl Into<String>) -> ClientMsgNo {
        ClientMsgNo(client_msg_no.into())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for ClientMsgNo {
    type Error = InvalidId;
    fn try_from(name: String) -> Result<ClientMsgNo, InvalidId> {
        if name.len() > MAX_CLIENT_MSG_NO {
            return Err(InvalidId("a clientMsgNo has at most 128 bytes"));
        }
        Ok(ClientMsgNo(name))
    }
}

/// Names a stored copy. A decimal string outside, since JavaScript's numbers end at 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(pub i64);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for MessageId {
    type Error = InvalidId;
    fn try_from(id: String) -> Result<MessageId, InvalidId> {
        let number = id.parse::<i64>().ok().filter(|number| *number > 0);
        number.map(MessageId).ok_or(InvalidId("a messageId is a positive 64-bit number as a decimal string"))
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> String {
        id.0.to_string()
    }
}

/// Places a stored copy in its channel, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct MessageSeq(u64);

impl MessageSeq {
    pub const ZERO: MessageSeq = MessageSeq(0);

    pub fn number(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for MessageSeq {
    type Error = InvalidId;
    fn try_from(seq: u64) -> Result<MessageSeq, InvalidId> {
        if seq > MAX_SAFE_INTEGER { Err(InvalidId("a messageSeq is a safe integer")) } else { Ok(MessageSeq(seq)) }
    }
}

impl From<MessageSeq> for u64 {
    fn from(seq: MessageSeq) -> u64 {
        seq.0
    }
}

/// Counts the changes of marks in one channel, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Version(u64);

impl Version {
    pub const ZERO: Version = Version(0);

    pub fn number(self) -> u64 {
        self.0
    }

    pub fn next(self) -> Version {
        Version(self.0 + 1)
    }
}

impl TryFrom<u64> for Version {
    type Error = InvalidId;
    fn try_from(version: u64) -> Result<Version, InvalidId> {
        if version > MAX_SAFE_INTEGER { Err(InvalidId("a version is a safe integer")) } else { Ok(Version(version)) }
    }
}

impl From<Version> for u64 {
    fn from(version: Version) -> u64 {
        version.0
    }
}

/// Two people, in an order that does not depend on who asks. The two may be one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair(Uid, Uid);

impl Pair {
    pub fn new(one: Uid, other: Uid) -> Pair {
        if one <= other { Pair(one, other) } else { Pair(other, one) }
    }

    pub fn people(&self) -> [&Uid; 2] {
        [&self.0, &self.1]
    }

    /// The other one, or oneself where one talks to oneself. None for a stranger.
    pub fn peer_of(&self, uid: &Uid) -> Option<&Uid> {
        if *uid == self.0 {
            Some(&self.1)
        } else if *uid == self.1 {
            Some(&self.0)
        } else {
            None
        }
    }
}

/// A place where people talk, the same for everybody in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    Person(Pair),
    Group(GroupId),
}

pub const PERSON: u8 = 1;
pub const GROUP: u8 = 2;

/// A channel as one person names it: a person channel by the peer's uid.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelRef {
    pub channel_id: String,
    pub channel_type: u8,
}

impl fmt::Debug for ChannelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelRef({} bytes, type {})", self.channel_id.len(), self.channel_type)
    }
}

impl Channel {
    pub fn person(one: Uid, other: Uid) -> Channel {
        Channel::Person(Pair::new(one, other))
    }

    /// What `caller` means by a channel. A person channel is always the caller's own, so nobody can name that of two others.
    pub fn named(by: &ChannelRef, caller: &Uid) -> Result<Channel, InvalidId> {
        match by.channel_type {
            PERSON => Ok(Channel::person(caller.clone(), Uid::peer(&by.channel_id)?)),
            GROUP => Ok(Channel::Group(GroupId::try_from(by.channel_id.clone())?)),
            _ => Err(InvalidId("only person channels (1) and groups (2) are served")),
        }
    }

    /// How `viewer` names it. A stranger to a person channel gets no name of anybody.
    pub fn seen_by(&self, viewer: &Uid) -> ChannelRef {
        match self {
            Channel::Person(pair) => ChannelRef {
                channel_id: pair.peer_of(viewer).map(|peer| peer.0.clone()).unwrap_or_default(),
                channel_type: PERSON,
            },
            Channel::Group(group) => ChannelRef { channel_id: group.0.clone(), channel_type: GROUP },
        }
    }

    pub fn channel_type(&self) -> u8 {
        match self {
            Channel::Person(_) => PERSON,
            Channel::Group(_) => GROUP,
        }
    }

    /// The key of its rows. No id holds an `@`, so no group can be taken for a pair.
    pub fn key(&self) -> String {
        match self {
            Channel::Person(Pair(one, other)) => format!("{}@{}", one.0, other.0),
            Channel::Group(group) => group.0.clone(),
        }
    }

    /// The channel of a row.
    pub fn from_key(channel_type: u8, key: &str) -> Result<Channel, InvalidId> {
        match (channel_type, key.split_once('@')) {
            (PERSON, Some((one, other))) => Ok(Channel::person(Uid::peer(one)?, Uid::peer(other)?)),
            (GROUP, None) => Ok(Channel::Group(GroupId::try_from(key.to_owned())?)),
            _ => Err(InvalidId("this is no key of a channel")),
        }
    }
}

/// The message that a mark is about: all stored copies of one act of sending by one author.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetKey {
    pub author: Author,
    pub name: TargetName,
}

/// An empty clientMsgNo names nothing, so such a message is known by its messageId alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetName {
    ClientMsgNo(ClientMsgNo),
    MessageId(MessageId),
}

impl TargetKey {
    pub fn of(author: Author, client_msg_no: &ClientMsgNo, message_id: MessageId) -> TargetKey {
        let name = if client_msg_no.is_empty() {
            TargetName::MessageId(message_id)
        } else {
            TargetName::ClientMsgNo(client_msg_no.clone())
        };
        TargetKey { author, name }
    }
}

impl TargetName {
    /// As a row's key.
    pub fn to_key(&self) -> String {
        match self {
            TargetName::ClientMsgNo(name) => format!("c:{}", name.as_str()),
            TargetName::MessageId(id) => format!("m:{id}"),
        }
    }

    pub fn from_key(key: &str) -> Result<TargetName, InvalidId> {
        match key.split_once(':') {
            Some(("c", name)) => Ok(TargetName::ClientMsgNo(ClientMsgNo::stored(name))),
            Some(("m", id)) => Ok(TargetName::MessageId(MessageId::try_from(id.to_owned())?)),
            _ => Err(InvalidId("this is no key of a message")),
        }
    }
}

/// WuKongIM's own id of a person channel: the uid with the greater CRC-32 stands first. Where both are equal version 2 depends
/// on the order in which it is asked, so both orders are given.
pub fn wukongim_person_channel(pair: &Pair) -> Vec<String> {
    let Pair(a, b) = pair;
    wukongim_person_ids(a.as_str(), b.as_str())
}

/// Whose channel with whom WuKongIM is to be asked for, so that it comes to this id, though these need not be people. None if no
/// two names lead there.
pub fn leading_to(stored_id: &str) -> Option<(&str, &str)> {
    let (a, b) = stored_id.split_once('@')?;
    (wukongim_person_ids(a, b) == [stored_id]).then_some((a, b))
}

/// As `wukongim_person_channel`, of anything that takes the place of a uid.
pub fn wukongim_person_ids(a: &str, b: &str) -> Vec<String> {
    let (crc_a, crc_b) = (crc32(a.as_bytes()), crc32(b.as_bytes()));
    let (ab, ba) = (format!("{a}@{b}"), format!("{b}@{a}"));
    match crc_a.cmp(&crc_b) {
        std::cmp::Ordering::Greater => vec![ab],
        std::cmp::Ordering::Less => vec![ba],
        std::cmp::Ordering::Equal if a == b => vec![ab],
        std::cmp::Ordering::Equal => vec![ab, ba],
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(id: &str) -> Uid {
        Uid::try_from(id.to_owned()).expect(id)
    }

    #[test]
    fn ids_that_reach_another_channel_are_refused() {
        for id in [
            "",
            "a@b",
            "a#b",
            "a&b",
            "a:1",
            "a|b",
            "____system",
            "g____cmd",
            "x___vstr",
            "systemcmdonline",
            "a b",
            "ü",
            &"x".repeat(65),
        ] {
            assert!(Uid::try_from(id.to_owned()).is_err(), "{id:?} as a uid");
            assert!(GroupId::try_from(id.to_owned()).is_err(), "{id:?} as a group");
        }
        for id in ["a", "alice", "A-1_b.c", "__x", &"x".repeat(64)] {
            assert!(Uid::try_from(id.to_owned()).is_ok(), "{id:?}");
        }
    }

    #[test]
    fn a_person_channel_is_one_for_both_and_named_by_the_peer() {
        let (alice, bob) = (uid("alice"), uid("bob"));
        let by_alice = ChannelRef { channel_id: "bob".into(), channel_type: PERSON };
        let by_bob = ChannelRef { channel_id: "alice".into(), channel_type: PERSON };
        let channel = Channel::named(&by_alice, &alice).expect("valid");
        assert_eq!(Channel::named(&by_bob, &bob), Ok(channel.clone()));
        assert_eq!((channel.seen_by(&alice), channel.seen_by(&bob)), (by_alice, by_bob));
        assert_eq!(Channel::from_key(PERSON, &channel.key()), Ok(channel));
    }

    #[test]
    fn the_log_of_a_person_channels_commands_is_asked_for_as_if_its_halves_were_people() {
        assert_eq!(leading_to("bob@alice____cmd"), Some(("bob", "alice____cmd")));
        assert_eq!(leading_to("carol@alice____cmd"), None, "it would be taken for alice____cmd@carol");
        assert_eq!(leading_to("g____cmd"), None);
    }

    #[test]
    fn the_system_is_a_peer_and_nobody() {
        let notices = ChannelRef { channel_id: "____system".into(), channel_type: PERSON };
        let channel = Channel::named(&notices, &uid("alice")).expect("her notices");
        assert_eq!(channel.seen_by(&uid("alice")), notices);
        assert_eq!(channel.seen_by(&uid("bob")).channel_id, "", "nobody else's");
        assert_eq!(Channel::from_key(PERSON, &channel.key()), Ok(channel));
        assert!(Channel::named(&ChannelRef { channel_type: GROUP, ..notices }, &uid("alice")).is_err());
    }

    #[test]
    fn crc_order_is_wukongims() {
        assert_eq!(crc32(b"u1"), 1112514422);
        assert_eq!(wukongim_person_channel(&Pair::new(uid("alice"), uid("bob"))), ["bob@alice"]);
        assert_eq!(wukongim_person_channel(&Pair::new(uid("plumless"), uid("buckeroo"))).len(), 2, "equal CRCs");
    }

    #[test]
    fn private_names_print_as_a_length() {
        let printed = format!("{:?} {:?}", uid("alice"), Channel::person(uid("alice"), uid("bob")));
        assert!(!printed.contains("alice") && !printed.contains("bob"), "{printed}");
    }
}
