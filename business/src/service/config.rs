//! What an operator can set, by flag or environment. Every default is one that may stand on the open network.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::HeaderValue;
use clap::builder::FalseyValueParser;
use clap::{Parser, ValueEnum};

use super::wukongim::NodeAddress;
use crate::rules::Span;
use crate::rules::recall::Policy;

/// The business server of Jindou: log-in, members, history, recall; and the page.
#[derive(Clone, Debug, Parser)]
#[command(name = "jindou-business", version)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "JINDOU_LISTEN", default_value = "127.0.0.1:8080", value_parser = parse_listen)]
    pub listen: SocketAddr,

    /// The HTTP API of WuKongIM 2.1 or 2.2; several nodes with commas between them.
    #[arg(long, env = "WUKONGIM_API", required = true, value_delimiter = ',', value_parser = NodeAddress::parse)]
    pub wukongim: Vec<NodeAddress>,

    /// WuKongIM's managerToken, if it has one. Better given by the environment, where other processes cannot read it.
    #[arg(long, env = "JINDOU_WUKONGIM_TOKEN", hide_env_values = true)]
    pub wukongim_token: Option<String>,

    /// Socket addresses to give to browsers, in place of those that WuKongIM names.
    #[arg(long, env = "JINDOU_GATEWAY", value_delimiter = ',', value_parser = parse_gateway)]
    pub gateway: Vec<String>,

    /// Where database and secret are kept. It is made if it is missing.
    #[arg(long, env = "JINDOU_DATA", default_value = "business-data")]
    pub data: PathBuf,

    /// The built page. Without it only the API is served.
    #[arg(long, env = "JINDOU_PAGE")]
    pub page: Option<PathBuf>,

    /// At the first start make people and a group to play with. Their password is public.
    #[arg(long, env = "JINDOU_DEMO", value_parser = FalseyValueParser::new())]
    pub demo: bool,

    /// Take no new accounts.
    #[arg(long, env = "JINDOU_NO_SIGNUP", value_parser = FalseyValueParser::new())]
    pub no_signup: bool,

    /// How long after sending an author may recall: 90s, 2m, 24h, 7d, or none for "without limit".
    #[arg(long, env = "JINDOU_RECALL_WINDOW", default_value = "2m", value_parser = parse_window)]
    pub recall_window: Window,

    /// How long after sending an owner or admin may recall a member's message.
    #[arg(long, env = "JINDOU_MANAGER_WINDOW", default_value = "none", value_parser = parse_window)]
    pub manager_window: Window,

    /// How long an author may restore or re-edit what they recalled; then its sealed content is deleted.
    #[arg(long, env = "JINDOU_RESTORE_WINDOW", default_value = "24h", value_parser = parse_window)]
    pub restore_window: Window,

    /// Let authors restore what an owner or admin recalled.
    #[arg(long, env = "JINDOU_RESTORE_MODERATED", value_parser = FalseyValueParser::new())]
    pub restore_moderated: bool,

    /// How long a log-in lasts. Each log-in of the same kind of device prolongs it.
    #[arg(long, env = "JINDOU_SESSION_LIFETIME", default_value = "30d", value_parser = parse_lifetime)]
    pub session_lifetime: Span,

    /// Log-ins and sign-ups that one address may try at once; it gets half of them back each minute.
    #[arg(long, env = "JINDOU_LOGIN_BURST", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub login_burst: u32,

    /// Other origins whose pages may use the API.
    #[arg(long, env = "JINDOU_ALLOW_ORIGIN", value_delimiter = ',', value_parser = parse_origin)]
    pub allow_origin: Vec<HeaderValue>,

    /// Believe X-Forwarded-For. Only behind a proxy that sets it.
    #[arg(long, env = "JINDOU_TRUST_PROXY", value_parser = FalseyValueParser::new())]
    pub trust_proxy: bool,

    #[arg(long, env = "JINDOU_LOG", value_enum, default_value_t = LogFormat::Plain)]
    pub log: LogFormat,

    /// error, warn, info or debug.
    #[arg(long, env = "JINDOU_LOG_LEVEL", default_value = "info")]
    pub log_level: tracing::Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Plain,
    Json,
}

/// A window, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(pub Option<Span>);

impl Config {
    pub fn policy(&self) -> Policy {
        Policy {
            recall_window: self.recall_window.0,
            manager_window: self.manager_window.0,
            restore_window: self.restore_window.0,
            restore_moderated: self.restore_moderated,
        }
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "an address to listen on looks like 127.0.0.1:8080 or [::1]:8080; 0.0.0.0:8080 is everywhere".to_owned()
    })
}

fn parse_window(text: &str) -> Result<Window, String> {
    if text == "none" { Ok(Window(None)) } else { parse_span(text).map(|span| Window(Some(span))) }
}

fn parse_span(text: &str) -> Result<Span, String> {
    let wrong = || "a span looks like 90s, 2m, 24h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    Ok(Span::seconds(i64::from(number) * seconds))
}

/// One that is over before it begins would let nobody in.
fn parse_lifetime(text: &str) -> Result<Span, String> {
    match parse_span(text)? {
        lifetime if lifetime < Span::seconds(60) => Err("a log-in lasts for a minute or more".to_owned()),
        lifetime => Ok(lifetime),
    }
}

fn parse_gateway(text: &str) -> Result<String, String> {
    if super::wukongim::is_socket_address(text) {
        Ok(text.to_owned())
    } else {
        Err("a gateway's address begins with ws:// or wss://".to_owned())
    }
}

/// As browsers send it, so that it is compared byte by byte.
fn parse_origin(text: &str) -> Result<HeaderValue, String> {
    let wrong =
        || "an origin looks like https://app.example or http://localhost:3000, without a path; * is none".to_owned();
    let origin = text.trim().trim_end_matches('/').to_ascii_lowercase();
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).ok_or_else(wrong)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(wrong());
    }
    HeaderValue::try_from(&origin).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_safe() {
        let config =
            Config::try_parse_from(["jindou-business", "--wukongim", "http://a:1,http://b:2"]).expect("parsed");
        assert!(config.listen.ip().is_loopback());
        assert_eq!(config.wukongim.len(), 2);
        assert!(!config.demo && !config.trust_proxy && config.allow_origin.is_empty());
        assert_eq!(config.policy(), Policy::default());
    }

    #[test]
    fn who_gives_a_port_or_a_name_to_listen_on_hears_how_it_is_written() {
        assert_eq!(parse_listen("[::1]:80"), Ok(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 80))));
        for wrong in ["", "8080", "localhost:8080", ":8080", "127.0.0.1", "127.0.0.1:99999"] {
            assert!(parse_listen(wrong).is_err_and(|sentence| sentence.contains("127.0.0.1:8080")), "{wrong}");
        }
    }

    #[test]
    fn an_origin_is_as_browsers_send_it_or_refused() {
        assert_eq!(parse_origin("https://App.example/"), Ok(HeaderValue::from_static("https://app.example")));
        assert_eq!(parse_origin("http://localhost:3000"), Ok(HeaderValue::from_static("http://localhost:3000")));
        for wrong in ["", "*", "https://*", "app.example", "https://", "https://a/b", "https://a b", "null"] {
            assert!(parse_origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_and_windows_are_read() {
        assert_eq!(parse_window("90s"), Ok(Window(Some(Span::seconds(90)))));
        assert_eq!(parse_window("7d"), Ok(Window(Some(Span::hours(168)))));
        assert_eq!(parse_window("none"), Ok(Window(None)));
        for wrong in ["", "m", "2", "-2m", "2w", "2 m", "１m", "九"] {
            assert!(parse_window(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_lifetime("1m"), Ok(Span::seconds(60)));
        assert!(parse_lifetime("0s").is_err() && parse_lifetime("none").is_err());
    }
}
