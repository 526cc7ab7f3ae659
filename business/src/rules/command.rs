//! The command that tells devices that a mark changed, and where commands that WuKongIM replays belong.
//!
//! No command is proof: it names channel, target and version, and makes a device read the feed.

use serde_json::{Value, json};

use super::identity::{Channel, ChannelRef, PERSON, Uid};
use super::recall::{Mark, MarkState};

/// Where WuKongIM is to send it: to the group, or from the operator to the peer, so that both sides get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub from: Uid,
    pub to: ChannelRef,
    pub payload: Vec<u8>,
    /// The same for every attempt.
    pub client_msg_no: String,
}

/// None for an operator who is no part of the channel.
pub fn for_mark(mark: &Mark) -> Option<Command> {
    let name = match mark.state {
        MarkState::Recalled => "messageRevoke",
        MarkState::Restored => "messageRestore",
    };
    let to = mark.channel.seen_by(&mark.operator);
    if to.channel_id.is_empty() {
        return None;
    }
    let first = mark.copies.first();
    let mut param = json!({
        "message_id": first.map(|copy| copy.message_id.to_string()).unwrap_or_default(),
        "message_seq": first.map_or(0, |copy| copy.message_seq.number()),
        "client_msg_no": mark.client_msg_no.as_str(),
        "channel_id": to.channel_id,
        "channel_type": to.channel_type,
        "version": mark.version.number(),
        "operator": mark.operator.as_str(),
    });
    if let Channel::Person(pair) = &mark.channel {
        // Each side names the channel by the other, so the command names both.
        param["uids"] = json!(pair.people().map(Uid::as_str));
    }
    let payload = json!({ "type": 99, "cmd": name, "param": param });
    let client_msg_no = format!("mark-{:08x}-{}", fingerprint(&mark.channel.key()), mark.version.number());
    Some(Command { from: mark.operator.clone(), to, payload: payload.to_string().into_bytes(), client_msg_no })
}

/// FNV-1a; only to tell the commands of two channels apart.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The log in which WuKongIM keeps commands.
pub const COMMAND_SUFFIX: &str = "____cmd";

/// The channel of a replayed command, as `viewer` names it. WuKongIM gives a person channel by one half of its own id, whoever
/// sent it, so sender and payload decide. An empty id: it cannot be told.
pub fn channel_of(stored_id: &str, channel_type: u8, from_uid: &str, payload: &[u8], viewer: &Uid) -> ChannelRef {
    let id = stored_id.strip_suffix(COMMAND_SUFFIX).unwrap_or(stored_id);
    if channel_type != PERSON {
        return ChannelRef { channel_id: id.to_owned(), channel_type };
    }
    let channel_id = if from_uid.is_empty() {
        String::new()
    } else if from_uid != viewer.as_str() {
        from_uid.to_owned()
    } else if id != viewer.as_str() {
        id.to_owned()
    } else {
        peer_in(payload, viewer).unwrap_or_default()
    };
    ChannelRef { channel_id, channel_type }
}

fn peer_in(payload: &[u8], viewer: &Uid) -> Option<String> {
    let payload: Value = serde_json::from_slice(payload).ok()?;
    let uids = payload.get("param")?.get("uids")?.as_array()?;
    let [one, other] = uids.as_slice() else { return None };
    let (one, other) = (one.as_str()?, other.as_str()?);
    match viewer.as_str() {
        viewer if viewer == one => Some(other.to_owned()),
        viewer if viewer == other => Some(one.to_owned()),
        _ => None,
    }
}
