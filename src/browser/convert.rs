//! Between JavaScript's values and the core's: arguments to commands with typed errors, replies, events and rows to objects.
//!
//! A content is JSON text on this side. The facade makes it of an object and makes an object of it, so that it crosses the
//! port as one string.

use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::JsValue;

use crate::client::{Command, SendOptions, StoreFailure, Ticket};
use crate::config::{Config, SAFE_CONTENT};
use crate::error::{Error, ErrorCode};
use crate::json::{self, FromJson};

/// A page of history that a person scrolls by.
const PAGE: usize = 50;

/// Replies and events cross the port as one JSON text: that is made, copied and parsed several times as fast as objects are
/// made and cloned field by field.
pub fn json_text<T: Serialize>(value: &T) -> String {
    // All keys are strings, and nothing that is shown fails to serialise.
    serde_json::to_string(value).unwrap_or_default()
}

/// What `JindouError` is made of: a plain object.
pub fn error(error: &Error) -> JsValue {
    // An error holds nothing that JavaScript cannot.
    error.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).unwrap_or_default()
}

pub fn storage_error(failure: &StoreFailure) -> Error {
    match failure {
        StoreFailure::Fenced => Error::new(ErrorCode::InUse, "another tab or window has taken this database over"),
        StoreFailure::Failed(text) => {
            Error { retryable: !text.starts_with("VersionError"), ..Error::new(ErrorCode::Storage, text.clone()) }
        }
    }
}

/// The options of `Client.open` as the facade passes them on; functions stay on its side.
pub struct Options {
    uid: String,
    device_flag: Option<u8>,
    database: Option<String>,
    dedup_window: Option<u64>,
    max_content: Option<usize>,
    trace: bool,
    /// The address of the business server.
    pub business: Option<String>,
    /// The application's own functions, by the names of requests.
    pub functions: Vec<String>,
}

impl Options {
    pub fn read(json: &str) -> Result<Self, Error> {
        let args = Args::new("open", json)?;
        Ok(Self {
            uid: args.field("uid")?,
            device_flag: args.optional("deviceFlag")?,
            database: args.optional("database")?,
            dedup_window: args.optional("dedupWindow")?,
            max_content: args.optional("maxContent")?,
            trace: args.optional("trace")?.unwrap_or(false),
            business: args.optional("business")?,
            functions: args.optional("functions")?.unwrap_or_default(),
        })
    }

    pub fn database(&self) -> String {
        self.database.clone().unwrap_or_else(|| format!("jindou-{}", self.uid))
    }

    pub fn config(&self) -> Result<Config, Error> {
        if self.database.as_deref() == Some("") {
            return Err(Error::invalid("the name of the database is empty"));
        }
        let gateway_alone = self.functions.iter().all(|name| name == "gateway");
        let config = Config {
            device_flag: self.device_flag.unwrap_or(1),
            max_content: self.max_content.unwrap_or(SAFE_CONTENT),
            dedup_window: self.dedup_window.map(crate::time::Millis),
            business: self.business.is_some() || !gateway_alone,
            trace: self.trace,
            ..Config::new(self.uid.as_str())
        };
        config.check()
    }
}

/// The command of this name, from the JSON of its arguments; `invalid-argument` says which of them is wrong.
/// A content comes beside them, so that its JSON is not quoted in JSON.
pub fn command(name: &str, args: &str, content: Option<String>) -> Result<Command, Error> {
    let args = Args::new(name, args)?;
    Ok(match name {
        "connect" => Command::Connect,
        "disconnect" => Command::Disconnect,
        "send" => {
            let number: Option<String> = args.optional("clientMsgNo")?;
            Command::Send {
                channel: args.field("channel")?,
                client_msg_no: number.unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string()).into(),
                content: content.ok_or_else(|| Error::invalid("send: no content"))?.into_bytes(),
                options: SendOptions {
                    expire: args.optional("expire")?.unwrap_or_default(),
                    deadline: args.optional("deadline")?,
                    red_dot: args.optional("redDot")?.unwrap_or(true),
                    no_persist: args.optional("noPersist")?.unwrap_or_default(),
                    topic: args.optional("topic")?,
                },
            }
        }
        "messages" => Command::Messages {
            channel: args.field("channel")?,
            before: args.optional("before")?,
            limit: args.optional("limit")?.unwrap_or(PAGE),
        },
        "conversations" => Command::Conversations,
        "markRead" => Command::MarkRead { channel: args.field("channel")?, message_seq: args.field("messageSeq")? },
        "recall" => Command::Recall { channel: args.field("channel")?, target: args.field("target")? },
        "restore" => Command::Restore { channel: args.field("channel")?, target: args.field("target")? },
        "reedit" => Command::Reedit { channel: args.field("channel")?, target: args.field("target")? },
        "outbox" => Command::Outbox,
        "retry" => Command::Retry(args.field("clientMsgNo")?),
        "discard" => Command::Discard(args.field("clientMsgNo")?),
        "audit" => Command::Audit { limit: args.optional("limit")?.unwrap_or(PAGE) },
        "abort" => Command::Abort(Ticket(args.field("ticket")?)),
        "close" => Command::Close { wipe: false },
        "wipe" => Command::Close { wipe: true },
        _ => return Err(Error::invalid("no such call")),
    })
}

struct Args<'a> {
    call: &'a str,
    value: Value,
}

impl<'a> Args<'a> {
    fn new(call: &'a str, json: &str) -> Result<Self, Error> {
        let value = json::parse(json.as_bytes()).ok_or_else(|| Error::invalid(format!("{call}: no arguments")))?;
        Ok(Self { call, value })
    }

    fn field<T: FromJson>(&self, name: &str) -> Result<T, Error> {
        json::field(&self.value, name).ok_or_else(|| self.wrong(name))
    }

    fn optional<T: FromJson>(&self, name: &str) -> Result<Option<T>, Error> {
        json::optional(&self.value, name).ok_or_else(|| self.wrong(name))
    }

    fn wrong(&self, name: &str) -> Error {
        Error::invalid(format!("{}: {name} is missing, or is not of its type or range", self.call))
    }
}
