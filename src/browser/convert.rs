//! Between JavaScript's values and the core's: arguments to commands with typed errors, replies, events and rows to objects.
//!
//! A content is JSON text on this side. The facade makes it of an object and makes an object of it, so that it crosses the
//! port as one string.

use js_sys::Uint8Array;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};

use crate::channel::{Channel, ClientMsgNo};
use crate::client::{Command, SendOptions, StoreFailure, Target, Ticket};
use crate::config::{Config, SAFE_CONTENT};
use crate::error::{Error, ErrorCode};
use crate::id::MessageSeq;
use crate::time::Millis;

/// A page of history that a person scrolls by.
const PAGE: usize = 50;

/// Plain objects, `null` for nothing, numbers for numbers: what JSON would give, and bytes as a `Uint8Array`.
pub fn to_js<T: Serialize + ?Sized>(value: &T) -> Result<JsValue, serde_wasm_bindgen::Error> {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible().serialize_bytes_as_arrays(false))
}

/// What `JindouError` is made of.
pub fn error(error: &Error) -> JsValue {
    // An error holds nothing that JavaScript cannot.
    to_js(error).unwrap_or_default()
}

pub fn storage_error(failure: &StoreFailure) -> Error {
    match failure {
        StoreFailure::Fenced => Error::new(ErrorCode::InUse, "another tab or window has taken this database over"),
        StoreFailure::Failed(text) => Error::new(ErrorCode::Storage, text.clone()),
    }
}

/// The options of `Client.open` as the facade passes them on; functions stay on its side.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    pub uid: String,
    pub device_flag: Option<u8>,
    pub database: Option<String>,
    pub dedup_window: Option<u64>,
    pub max_content: Option<usize>,
    #[serde(default)]
    pub trace: bool,
    /// The address of the business server.
    pub business: Option<String>,
    /// The application's own functions, by the names of requests.
    #[serde(default)]
    pub functions: Vec<String>,
}

impl Options {
    pub fn read(value: JsValue) -> Result<Self, Error> {
        read("open", value)
    }

    pub fn database(&self) -> String {
        self.database.clone().unwrap_or_else(|| format!("jindou-{}", self.uid))
    }

    pub fn config(&self) -> Result<Config, Error> {
        if self.database.as_deref() == Some("") {
            return Err(Error::invalid("database is empty"));
        }
        let gateway_alone = self.functions.iter().all(|name| name == "gateway");
        let config = Config {
            device_flag: self.device_flag.unwrap_or(1),
            max_content: self.max_content.unwrap_or(SAFE_CONTENT),
            dedup_window: self.dedup_window.map(Millis),
            business: self.business.is_some() || !gateway_alone,
            trace: self.trace,
            ..Config::new(self.uid.as_str())
        };
        config.check()
    }
}

/// The command of this name; `invalid-argument` says what is wrong with its arguments.
pub fn command(name: &str, args: JsValue) -> Result<Command, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Send {
        channel: Channel,
        client_msg_no: Option<ClientMsgNo>,
        #[serde(default)]
        expire: u32,
        deadline: Option<u64>,
        #[serde(default = "yes")]
        red_dot: bool,
        #[serde(default)]
        no_persist: bool,
        topic: Option<String>,
    }
    #[derive(Deserialize)]
    struct Messages {
        channel: Channel,
        before: Option<MessageSeq>,
        limit: Option<usize>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct MarkRead {
        channel: Channel,
        message_seq: MessageSeq,
    }
    #[derive(Deserialize)]
    struct Act {
        channel: Channel,
        target: Target,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Owed {
        client_msg_no: ClientMsgNo,
    }
    #[derive(Deserialize)]
    struct Audit {
        limit: Option<usize>,
    }
    #[derive(Deserialize)]
    struct Abort {
        ticket: u64,
    }
    Ok(match name {
        "connect" => Command::Connect,
        "disconnect" => Command::Disconnect,
        "send" => {
            let content = content(&args)?;
            let Send { channel, client_msg_no, expire, deadline, red_dot, no_persist, topic } = read(name, args)?;
            if client_msg_no.as_ref().is_some_and(ClientMsgNo::is_empty) {
                return Err(Error::invalid("clientMsgNo is empty"));
            }
            Command::Send {
                channel,
                client_msg_no: client_msg_no.unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string().into()),
                content,
                options: SendOptions { expire, deadline: deadline.map(Millis), red_dot, no_persist, topic },
            }
        }
        "messages" => {
            let Messages { channel, before, limit } = read(name, args)?;
            Command::Messages { channel, before, limit: limit.unwrap_or(PAGE) }
        }
        "conversations" => Command::Conversations,
        "markRead" => {
            let MarkRead { channel, message_seq } = read(name, args)?;
            Command::MarkRead { channel, message_seq }
        }
        "recall" | "restore" | "reedit" => {
            let Act { channel, target } = read(name, args)?;
            match name {
                "recall" => Command::Recall { channel, target },
                "restore" => Command::Restore { channel, target },
                _ => Command::Reedit { channel, target },
            }
        }
        "outbox" => Command::Outbox,
        "retry" => Command::Retry(read::<Owed>(name, args)?.client_msg_no),
        "discard" => Command::Discard(read::<Owed>(name, args)?.client_msg_no),
        "audit" => Command::Audit { limit: read::<Audit>(name, args)?.limit.unwrap_or(PAGE) },
        "abort" => Command::Abort(Ticket(read::<Abort>(name, args)?.ticket)),
        "close" => Command::Close { wipe: false },
        "wipe" => Command::Close { wipe: true },
        _ => return Err(Error::invalid("no such call")),
    })
}

fn content(args: &JsValue) -> Result<Vec<u8>, Error> {
    let content = js_sys::Reflect::get(args, &"content".into()).unwrap_or_default();
    if let Some(bytes) = content.dyn_ref::<Uint8Array>() {
        return Ok(bytes.to_vec());
    }
    content.as_string().map(String::into_bytes).ok_or_else(|| Error::invalid("send: no content"))
}

fn read<T: DeserializeOwned>(name: &str, value: JsValue) -> Result<T, Error> {
    serde_wasm_bindgen::from_value(value).map_err(|error| Error::invalid(format!("{name}: {error}")))
}

fn yes() -> bool {
    true
}
