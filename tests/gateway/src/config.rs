//! Which WuKongIM the double is, and how it is set up. Values that differ between generations, or that a test wants
//! smaller, stand here and nowhere else.

use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The three servers that a client meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Generation {
    /// 2.1.x: protocol 4, kicks really close.
    #[serde(rename = "2.1")]
    V21,
    /// 2.2.x: protocol 5, a kicked connection stays open and deaf.
    #[serde(rename = "2.2")]
    V22,
    /// The rewrite: protocol 6, resends are deduplicated, another HTTP API.
    #[serde(rename = "3")]
    V3,
}

impl Generation {
    /// The highest protocol version that this generation speaks.
    pub fn latest_version(self) -> u8 {
        match self {
            Generation::V21 => 4,
            Generation::V22 => 5,
            Generation::V3 => 6,
        }
    }

    pub(crate) fn is_v3(self) -> bool {
        self == Generation::V3
    }
}

impl std::str::FromStr for Generation {
    type Err = String;

    fn from_str(text: &str) -> Result<Generation, String> {
        match text {
            "2.1" => Ok(Generation::V21),
            "2.2" => Ok(Generation::V22),
            "3" => Ok(Generation::V3),
            other => Err(format!("unknown generation {other:?}: expected 2.1, 2.2 or 3")),
        }
    }
}

/// What `/route` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    pub tcp: String,
    pub ws: String,
    pub wss: String,
}

/// How a RECV without a RECVACK is sent again on 2.x; version 3 never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// A RECV is due again this long after it was last sent.
    pub interval: Millis,
    /// How often the table of open RECVs is looked through. The server adds a jitter of up to the same span, once.
    pub scan: Millis,
    /// After this many resends the server gives up.
    pub limit: u32,
}

/// How long a silent connection lives. The check ticks at half of each limit, so it ends between once and 1.5 times it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    pub before_connect: Millis,
    /// From CONNECT until CONNACK: what a refused CONNECT waits for, in silence.
    pub before_connack: Millis,
    pub ready: Millis,
}

/// `Debug` leaves the manager token out.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    pub generation: Generation,
    /// Off, as in WuKongIM's defaults: anybody may be anybody, and every device is a slave. Version 3 never checks.
    pub token_auth: bool,
    pub encryption: bool,
    /// WuKongIM's `whitelistOffOfPerson`: strangers may write to each other.
    pub strangers_may_write: bool,
    /// Every HTTP call must carry it in the header `token`, preflights included.
    pub manager_token: Option<String>,
    pub node_id: u64,
    pub addresses: Addresses,
    pub idle: Idle,
    pub retry: Retry,
    /// New conversations live in memory for up to this long: until then a kill forgets them, and acks of commands do nothing.
    pub conversation_flush: Millis,
    /// More than this many bytes in separate socket messages at one instant make a 2.x connection deaf. `None`: a healthy server.
    pub deaf_after_burst: Option<usize>,
    /// Of a thousand neighbouring SENDs in separate socket messages at one instant, so many are overwritten on version 3.
    pub lost_in_burst: u16,
    /// Keeps what happened for [`crate::Gateway::take_trace`].
    pub trace: bool,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("generation", &self.generation)
            .field("token_auth", &self.token_auth)
            .field("encryption", &self.encryption)
            .field("strangers_may_write", &self.strangers_may_write)
            .finish_non_exhaustive()
    }
}

impl Config {
    pub fn new(generation: Generation) -> Config {
        Config {
            generation,
            token_auth: false,
            encryption: true,
            strangers_may_write: true,
            manager_token: None,
            node_id: 1,
            addresses: Addresses::default(),
            idle: Idle {
                before_connect: Millis::from_secs(2),
                before_connack: Millis::from_secs(4),
                ready: Millis::from_secs(180),
            },
            retry: Retry { interval: Millis::from_secs(60), scan: Millis::from_secs(30), limit: 5 },
            conversation_flush: Millis::from_secs(60),
            // 200 messages of 0.4 KB at once pass, 50 of 27 KB end after 11 to 15.
            deaf_after_burst: Some(256 * 1024),
            lost_in_burst: 50,
            trace: false,
        }
    }
}
