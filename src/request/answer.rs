//! What the business server, or an application's function in its place, answers: its JSON, read.

use serde_json::Value;

use crate::error::DenyReason;
use crate::json::{FromJson, field, optional, or_default, parse};
use crate::rows::{Copy, Mark, MarkState, Role};
use crate::time::Millis;

use super::{
    ChannelMarks, ChannelRole, Conversation, FedMark, FetchFailure, HistoryPage, MOST_PATIENCE, Message, Policy,
    Request, Response, Target,
};

impl Request {
    /// Reads the JSON of a successful answer; `bad-response` where it is not what was asked for.
    pub fn read(&self, json: &[u8]) -> Result<Response, FetchFailure> {
        // Where it differs is not told: it might quote the answer.
        self.understand(json).ok_or_else(|| {
            FetchFailure::new("bad-response", format!("the answer to {} is not what it should be", self.name()), true)
        })
    }

    fn understand(&self, json: &[u8]) -> Option<Response> {
        if matches!(self, Request::Read(_) | Request::CommandsAck(_)) {
            return Some(Response::Done);
        }
        let json = &parse(json)?;
        Some(match self {
            Request::Token => Response::Token(String::from_json(json)?),
            Request::Gateway => Response::Gateway(field(json, "addresses")?),
            Request::Policy => Response::Policy(Policy::from_json(json)?),
            Request::Online => Response::Online(optional(json, "online")?),
            Request::History(_) => Response::History(HistoryPage::from_json(json)?),
            Request::Conversations(_) => Response::Conversations(field(json, "conversations")?),
            Request::Read(_) | Request::CommandsAck(_) => Response::Done,
            Request::Commands(_) => Response::Commands(field(json, "commands")?),
            Request::Marks(_) => Response::Marks(field(json, "channels")?),
            Request::Recall(_) | Request::Restore(_) => Response::Mark(field(json, "mark")?),
            Request::Reedit(_) => Response::Content(field::<Payload>(json, "payload")?.0),
            Request::Lookup(_) => Response::Found(field(json, "found")?),
        })
    }
}

/// Reads the business server's JSON error; whatever cannot be read is judged by the HTTP status alone.
pub fn failure(status: u16, json: &[u8]) -> FetchFailure {
    let later = status >= 500 || status == 408 || status == 429;
    match FetchFailure::read(json) {
        Some(failure) => FetchFailure { retryable: failure.retryable || later, ..failure },
        None => {
            let code = match status {
                401 => "unauthorized",
                403 => "forbidden",
                404 => "not-found",
                429 => "rate-limited",
                500.. => "unavailable",
                _ => "invalid",
            };
            FetchFailure::new(code, format!("the business server answered {status}"), later)
        }
    }
}

impl FetchFailure {
    /// Reads an error of the business server, or of an application's function in its place.
    pub fn read(json: &[u8]) -> Option<Self> {
        let json = &parse(json)?;
        Some(Self {
            code: field(json, "code")?,
            message: or_default(json, "message")?,
            retryable: or_default(json, "retryable")?,
            reason: optional(json, "reason")?,
            deadline: optional(json, "deadline")?,
            retry_after: Millis(optional(json, "retryAfter").flatten().unwrap_or_default()).min(MOST_PATIENCE),
        })
    }
}

/// Bytes in base64.
struct Payload(Vec<u8>);

impl FromJson for Payload {
    fn from_json(value: &Value) -> Option<Self> {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.decode(value.as_str()?).ok().map(Self)
    }
}

fn payload(object: &Value) -> Option<Option<Vec<u8>>> {
    Some(optional::<Payload>(object, "payload")?.map(|payload| payload.0))
}

impl FromJson for Policy {
    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            server_time: optional(value, "serverTime")?,
            recall_window: optional(value, "recallWindow")?,
            restore_window: optional(value, "restoreWindow")?,
            roles: or_default(value, "roles")?,
        })
    }
}

impl FromJson for ChannelRole {
    fn from_json(value: &Value) -> Option<Self> {
        Some(Self { channel: FromJson::from_json(value)?, role: field(value, "role")? })
    }
}

impl FromJson for HistoryPage {
    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            messages: field(value, "messages")?,
            more: or_default(value, "more")?,
            marks_version: or_default(value, "marksVersion")?,
        })
    }
}

impl FromJson for Message {
    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            message_id: field(value, "messageId")?,
            message_seq: or_default(value, "messageSeq")?,
            client_msg_no: or_default(value, "clientMsgNo")?,
            from_uid: or_default(value, "fromUid")?,
            timestamp: or_default(value, "timestamp")?,
            payload: payload(value)?,
            setting: or_default(value, "setting")?,
            expire: or_default(value, "expire")?,
            no_persist: or_default(value, "noPersist")?,
            red_dot: or_default(value, "redDot")?,
            sync_once: or_default(value, "syncOnce")?,
            mark: optional(value, "mark")?,
            channel_id: optional(value, "channelId")?,
            channel_type: optional(value, "channelType")?,
        })
    }
}

impl FromJson for FedMark {
    fn from_json(value: &Value) -> Option<Self> {
        Some(Self { mark: FromJson::from_json(value)?, payload: payload(value)? })
    }
}

impl FromJson for Conversation {
    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            channel: FromJson::from_json(value)?,
            unread: or_default(value, "unread")?,
            read_to: or_default(value, "readTo")?,
            last_message_seq: or_default(value, "lastMessageSeq")?,
            timestamp: or_default(value, "timestamp")?,
            marks_version: or_default(value, "marksVersion")?,
            recents: or_default(value, "recents")?,
        })
    }
}

impl FromJson for ChannelMarks {
    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            channel: FromJson::from_json(value)?,
            version: field(value, "version")?,
            more: or_default(value, "more")?,
            marks: or_default(value, "marks")?,
        })
    }
}

impl FromJson for Mark {
    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            version: field(value, "version")?,
            state: field(value, "state")?,
            client_msg_no: or_default(value, "clientMsgNo")?,
            copies: or_default(value, "copies")?,
            author: or_default(value, "author")?,
            operator: or_default(value, "operator")?,
            role: field(value, "role")?,
            at: field(value, "at")?,
            deadline: optional(value, "deadline")?,
            // The feed's word is never a hint.
            hint: false,
        })
    }
}

impl FromJson for Copy {
    fn from_json(value: &Value) -> Option<Self> {
        Some(Self { message_id: field(value, "messageId")?, message_seq: field(value, "messageSeq")? })
    }
}

impl FromJson for Target {
    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            client_msg_no: or_default(value, "clientMsgNo")?,
            message_id: optional(value, "messageId")?,
            message_seq: optional(value, "messageSeq")?,
        })
    }
}

impl FromJson for MarkState {
    fn from_json(value: &Value) -> Option<Self> {
        Some(match value.as_str()? {
            "recalled" => Self::Recalled,
            "restored" => Self::Restored,
            "deleted" => Self::Deleted,
            _ => return None,
        })
    }
}

impl FromJson for Role {
    fn from_json(value: &Value) -> Option<Self> {
        Some(match value.as_str()? {
            "author" => Self::Author,
            "member" => Self::Member,
            "admin" => Self::Admin,
            "owner" => Self::Owner,
            "system" => Self::System,
            _ => Self::Other,
        })
    }
}

impl FromJson for DenyReason {
    fn from_json(value: &Value) -> Option<Self> {
        Some(match value.as_str()? {
            "window" => Self::Window,
            "not-author" => Self::NotAuthor,
            "not-member" => Self::NotMember,
            "unknown-message" => Self::UnknownMessage,
            "deleted" => Self::Deleted,
            "not-recalled" => Self::NotRecalled,
            "not-supported" => Self::NotSupported,
            _ => Self::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;
    use crate::request::{Act, Commands, Conversations, Lookup, Marks};

    fn requests() -> [Request; 11] {
        let channel = Channel { kind: 1, id: "peer".into() };
        let act = || Act { channel: channel.clone(), target: Target::default() };
        [
            Request::Token,
            Request::Gateway,
            Request::Policy,
            Request::Online,
            Request::Conversations(Conversations { cursors: Vec::new(), recents: 1, since: None }),
            Request::Commands(Commands { limit: 1 }),
            Request::Marks(Marks { channels: Vec::new(), limit: 1 }),
            Request::Recall(act()),
            Request::Restore(act()),
            Request::Reedit(act()),
            Request::Lookup(Lookup { channel: channel.clone(), client_msg_nos: Vec::new() }),
        ]
    }

    #[test]
    fn an_answer_of_another_shape_is_a_failure_and_never_an_empty_answer() {
        for request in requests() {
            for json in ["[]", "[[]]", "null", "7", "true", "", "<html>"] {
                let failure = request.read(json.as_bytes()).expect_err("nothing to read");
                assert_eq!((failure.code.as_str(), failure.retryable), ("bad-response", true), "{request:?} {json}");
            }
        }
    }

    #[test]
    fn a_list_for_an_object_within_an_answer_spoils_it() {
        let [.., lookup] = requests();
        assert!(lookup.read(br#"{"found":[]}"#).is_ok());
        assert!(lookup.read(br#"{"found":[{"messageId":"1"}]}"#).is_ok());
        for json in [r#"{"found":[[]]}"#, r#"{"found":{}}"#, r#"{"found":[{"messageId":"1","mark":[]}]}"#] {
            assert!(lookup.read(json.as_bytes()).is_err(), "{json}");
        }
        assert!(Request::Policy.read(br#"{"roles":[[]]}"#).is_err());
        assert!(Request::Policy.read(b"{}").is_ok(), "an application may answer nothing of it");
    }
}
