//! The command line.

use clap::Parser;
use jindou_gateway::{Addresses, Config, Generation};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A WuKongIM-compatible gateway for tests and for trying Jindou out. Not for production.
///
/// When it is ready it prints one line of JSON: {"ws":"ws://…","api":"http://…"}.
#[derive(Parser)]
#[command(name = "jindou-gateway", version)]
pub struct Options {
    /// Where WebSockets are accepted; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub ws: SocketAddr,
    /// Where the HTTP API answers; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub api: SocketAddr,
    /// Keeps what must survive a restart in this folder; without it nothing is kept.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// The WuKongIM to behave like: 2.1, 2.2 or 3.
    #[arg(long, default_value = "2.2")]
    pub generation: Generation,
    /// CONNECT needs the token that was registered for its uid and device flag.
    #[arg(long)]
    pub token_auth: bool,
    /// Strangers may not write to each other.
    #[arg(long)]
    pub no_strangers: bool,
    /// Payloads travel in clear.
    #[arg(long)]
    pub no_encryption: bool,
    /// Every call of the HTTP API needs this in its header `token`.
    #[arg(long, value_name = "TOKEN")]
    pub manager_token: Option<String>,
    /// What `/route` names as the WebSocket's address, where it is not the one listened on.
    #[arg(long, value_name = "URL")]
    pub external_ws: Option<String>,
    /// A JSON file with a list of faults. Others may be posted to `/_faults` of the HTTP API.
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Makes keys, salts, jitter and chances repeat.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
}

impl Options {
    pub fn config(&self, ws: SocketAddr) -> Config {
        Config {
            token_auth: self.token_auth,
            encryption: !self.no_encryption,
            strangers_may_write: !self.no_strangers,
            manager_token: self.manager_token.clone(),
            addresses: Addresses {
                tcp: String::new(),
                ws: self.external_ws.clone().unwrap_or_else(|| format!("ws://{ws}")),
                wss: String::new(),
            },
            ..Config::new(self.generation)
        }
    }
}
