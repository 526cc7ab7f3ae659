//! Asking one of several nodes, with deadlines and patience.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Method, Request, StatusCode, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

/// The API of one node: `http://host:port`, and a path before all others if it stands behind something.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeAddress {
    base: String,
    host: String,
}

impl fmt::Debug for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl NodeAddress {
    pub fn parse(text: &str) -> Result<NodeAddress, String> {
        let base = text.trim().trim_end_matches('/');
        let uri: Uri =
            base.parse().map_err(|_| "an address of WuKongIM's API looks like http://127.0.0.1:5001".to_owned())?;
        match (uri.scheme_str(), uri.host(), uri.query()) {
            (Some("http"), Some(host), None) if is_port(uri.authority().map_or("", |all| all.as_str()), host) => {
                Ok(NodeAddress { base: base.to_owned(), host: host.to_owned() })
            }
            (Some("http"), Some(_), None) => Err("behind the host stands nothing or a port from 1 to 65535".to_owned()),
            _ => Err("an address of WuKongIM's API begins with http:// and names a host".to_owned()),
        }
    }

    /// A host for a socket address that is not known yet.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// The parser takes any digits for a port, and a name before the host.
fn is_port(authority: &str, host: &str) -> bool {
    match authority.strip_prefix(host) {
        Some("") => true,
        Some(port) => port.strip_prefix(':').and_then(|port| port.parse().ok()).is_some_and(|port: u16| port > 0),
        None => false,
    }
}

/// How long a caller waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For one node's answer: a paused node hangs where a dead one refuses.
    pub attempt: Duration,
    /// For the whole: a cluster has a new leader within ten seconds.
    pub total: Duration,
    /// Before the nodes are asked once more.
    pub pause: Duration,
    /// For a person who waits while no node even takes a connection: one that is started anew does within a second or two.
    pub dead: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            attempt: Duration::from_secs(2),
            total: Duration::from_secs(15),
            pause: Duration::from_millis(300),
            dead: Duration::from_secs(4),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WukongimError {
    /// No node answered in time, or none could just now.
    Unavailable,
    /// It was understood and refused, by a status inside the answer or by 400; trying again does not help.
    Refused { status: u16 },
    /// This version has no such call.
    Missing,
    /// Not what the call answers: another program's page, a redirect, the wish for another manager token. Somebody must look, and
    /// then it may be well again.
    Unreadable,
}

enum Attempt {
    Done(Bytes),
    Temporary,
    /// It took no connection.
    Dead,
    Failed(WukongimError),
}

/// Every node, asked once.
enum Round {
    Answered(Result<Bytes, WukongimError>),
    /// All failed for the moment, and whether none took a connection.
    Failed {
        dead: bool,
    },
}

/// Two hundred messages of 32 KiB in base64 take 9 MB; ten thousand commands less than that.
const MAX_ANSWER: usize = 64 << 20;

/// What 2.x says to a request that it will never take: an id, a token or a body that it does not like. Everything else that comes
/// with 400 tells of a node or leader that is away, in words that change with each place in its source, and hold inner addresses.
const FOR_EVER: [&str; 12] = [
    "不能为",
    "不能包含",
    "不能大于",
    "不支持",
    "不合法",
    "不允许",
    "设备信息不存在",
    "无法处理发送消息请求",
    "cannot be empty",
    "illegal base64",
    "数据格式有误",
    "not found",
];

pub struct Transport {
    nodes: Vec<NodeAddress>,
    /// The node that answered last.
    preferred: AtomicUsize,
    http: Client<HttpConnector, Full<Bytes>>,
    manager_token: Option<String>,
    patience: Patience,
}

impl Transport {
    pub fn new(nodes: Vec<NodeAddress>, manager_token: Option<String>, patience: Patience) -> Transport {
        let mut connector = HttpConnector::new();
        // Before the whole attempt ends, which would not tell why.
        connector.set_connect_timeout(Some(patience.attempt * 3 / 4));
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(20)).build(connector);
        Transport { nodes, preferred: AtomicUsize::new(0), http, manager_token, patience }
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, WukongimError> {
        let body = serde_json::to_vec(body).map_err(|_| WukongimError::Unreadable)?;
        read(&self.patiently(Method::POST, path, body.into(), self.patience.total).await?)
    }

    /// As `post`, but dead nodes are waited for less long.
    pub async fn post_while_somebody_waits<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, WukongimError> {
        let body = serde_json::to_vec(body).map_err(|_| WukongimError::Unreadable)?;
        read(&self.patiently(Method::POST, path, body.into(), self.patience.dead).await?)
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, WukongimError> {
        read(&self.patiently(Method::GET, path, Bytes::new(), self.patience.total).await?)
    }

    /// Asks each node once, until one answers.
    pub async fn post_once<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, WukongimError> {
        let body = serde_json::to_vec(body).map_err(|_| WukongimError::Unreadable)?;
        match self.round(&Method::POST, path, &body.into()).await {
            Round::Answered(answer) => read(&answer?),
            Round::Failed { .. } => Err(WukongimError::Unavailable),
        }
    }

    /// Asks every node, each for itself and all at once: one that is frozen keeps nobody waiting for the others.
    pub async fn ask_each<T: DeserializeOwned>(&self, path: &str) -> Vec<(NodeAddress, Result<T, WukongimError>)> {
        let ask = async |node: &NodeAddress| {
            let answer = match self.attempt(node, &Method::GET, path, &Bytes::new()).await {
                Attempt::Done(answer) => read(&answer),
                Attempt::Temporary | Attempt::Dead => Err(WukongimError::Unavailable),
                Attempt::Failed(error) => Err(error),
            };
            (node.clone(), answer)
        };
        futures_util::future::join_all(self.nodes.iter().map(ask)).await
    }

    /// Round after round, until one is answered. `dead` is how long nodes that take no connection are waited for.
    async fn patiently(&self, method: Method, path: &str, body: Bytes, dead: Duration) -> Result<Bytes, WukongimError> {
        let give_up = Instant::now() + self.patience.total;
        let mut dead_at = None;
        loop {
            let until = match self.round(&method, path, &body).await {
                Round::Answered(answer) => return answer,
                Round::Failed { dead: true } => give_up.min(*dead_at.get_or_insert_with(|| Instant::now() + dead)),
                Round::Failed { dead: false } => {
                    dead_at = None;
                    give_up
                }
            };
            if Instant::now() + self.patience.pause >= until {
                tracing::warn!(call = without_query(path), "no node of WuKongIM answered in time");
                return Err(WukongimError::Unavailable);
            }
            sleep(self.patience.pause).await;
        }
    }

    /// Every node once, the one that answered last first.
    async fn round(&self, method: &Method, path: &str, body: &Bytes) -> Round {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut all_dead = true;
        for turn in 0..self.nodes.len() {
            let index = (first + turn) % self.nodes.len();
            match self.attempt(&self.nodes[index], method, path, body).await {
                Attempt::Done(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Round::Answered(Ok(answer));
                }
                Attempt::Failed(error) => return Round::Answered(Err(error)),
                Attempt::Dead => {}
                Attempt::Temporary => all_dead = false,
            }
            tracing::debug!(call = without_query(path), node = index, "a node cannot answer now");
        }
        Round::Failed { dead: all_dead }
    }

    async fn attempt(&self, node: &NodeAddress, method: &Method, path: &str, body: &Bytes) -> Attempt {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", node.base));
        if *method == Method::POST {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.manager_token {
            request = request.header("token", token);
        }
        let Ok(request) = request.body(Full::new(body.clone())) else {
            return Attempt::Failed(WukongimError::Unreadable);
        };
        let exchange = async {
            let response = match self.http.request(request).await {
                Ok(response) => response,
                Err(error) if error.is_connect() => return Attempt::Dead,
                Err(_) => return Attempt::Temporary,
            };
            let status = response.status();
            match Limited::new(response.into_body(), MAX_ANSWER).collect().await {
                Ok(body) => judge(status, body.to_bytes()),
                Err(error) if error.is::<LengthLimitError>() => {
                    // It would be as large the next time.
                    tracing::error!(call = without_query(path), "an answer is larger than {MAX_ANSWER} bytes");
                    Attempt::Failed(WukongimError::Unreadable)
                }
                Err(_) => Attempt::Temporary,
            }
        };
        timeout(self.patience.attempt, exchange).await.unwrap_or(Attempt::Temporary)
    }
}

fn judge(status: StatusCode, body: Bytes) -> Attempt {
    if status.is_success() {
        return Attempt::Done(body);
    }
    match status {
        StatusCode::NOT_FOUND => Attempt::Failed(WukongimError::Missing),
        StatusCode::BAD_REQUEST => {
            let text = String::from_utf8_lossy(&body);
            if FOR_EVER.iter().any(|part| text.contains(part)) {
                Attempt::Failed(WukongimError::Refused { status: status.as_u16() })
            } else {
                Attempt::Temporary
            }
        }
        StatusCode::UNAUTHORIZED => {
            tracing::error!("WuKongIM wants another manager token");
            Attempt::Failed(WukongimError::Unreadable)
        }
        status
            if status.is_server_error()
                || status == StatusCode::REQUEST_TIMEOUT
                || status == StatusCode::TOO_MANY_REQUESTS =>
        {
            Attempt::Temporary
        }
        _ => Attempt::Failed(WukongimError::Unreadable),
    }
}

fn read<T: DeserializeOwned>(answer: &Bytes) -> Result<T, WukongimError> {
    serde_json::from_slice(answer).map_err(|_| WukongimError::Unreadable)
}

/// For logs: the query of a lookup names people.
fn without_query(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_http_address_with_a_host_is_a_node() {
        assert_eq!(
            NodeAddress::parse("http://127.0.0.1:5001/").map(|node| (node.base, node.host)),
            Ok(("http://127.0.0.1:5001".into(), "127.0.0.1".into()))
        );
        for wrong in [
            "",
            "127.0.0.1:5001",
            "https://x",
            "ftp://x",
            "http://",
            "http://x/?a=1",
            "http://x:0",
            "http://x:65536",
            "http://x:",
        ] {
            assert!(NodeAddress::parse(wrong).is_err(), "{wrong}");
        }
    }

    /// A node that takes connections and never answers.
    async fn silent() -> (tokio::net::TcpListener, NodeAddress) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        (listener, NodeAddress::parse(&address).expect("an address"))
    }

    #[tokio::test]
    async fn somebody_who_waits_hears_early_that_all_nodes_are_dead_and_late_that_one_is_slow() {
        let patience = Patience {
            attempt: Duration::from_millis(40),
            total: Duration::from_secs(2),
            pause: Duration::from_millis(20),
            dead: Duration::from_millis(200),
        };
        let waited = async |nodes: Vec<NodeAddress>| {
            let transport = Transport::new(nodes, None, patience);
            let since = Instant::now();
            let answer = transport.post_while_somebody_waits::<serde_json::Value>("/user/token", &"").await;
            assert_eq!(answer, Err(WukongimError::Unavailable));
            since.elapsed()
        };
        let (listener, dead) = silent().await;
        drop(listener);
        let (_listener, slow) = silent().await;
        let early = waited(vec![dead.clone(), dead.clone()]).await;
        assert!(early < Duration::from_secs(1), "{early:?}");
        let late = waited(vec![dead, slow]).await;
        assert!(late > Duration::from_secs(1), "{late:?}");
    }

    #[tokio::test]
    async fn an_answer_without_end_is_refused_and_not_asked_for_again() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (listener, node) = silent().await;
        let endless = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await?;
            socket.read_exact(&mut [0; 4]).await?;
            socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            let part = [b"100000\r\n", vec![b' '; 1 << 20].as_slice(), b"\r\n"].concat();
            loop {
                socket.write_all(&part).await?;
            }
            #[expect(unreachable_code, reason = "the type of what fails")]
            std::io::Result::Ok(())
        });
        let patience = Patience { attempt: Duration::from_secs(20), ..Patience::default() };
        let answer = Transport::new(vec![node], None, patience).get::<serde_json::Value>("/route").await;
        assert_eq!(answer, Err(WukongimError::Unreadable));
        assert!(endless.await.is_ok_and(|ended| ended.is_err()), "nobody listens to the rest");
    }

    #[test]
    fn what_is_temporary_is_told_from_what_is_refused() {
        let temporary = |status, body: &str| matches!(judge(status, Bytes::from(body.to_owned())), Attempt::Temporary);
        let away = [
            r#"{"msg":"Post \"http://10.0.0.1\": dial tcp: refused","status":400}"#,
            r#"{"msg":"Post \"/user/token\": unsupported protocol scheme \"\"","status":400}"#,
            r#"{"msg":"获取频道所在节点失败！","status":400}"#,
            r#"{"msg":"槽的领导节点不存在","status":400}"#,
            r#"{"msg":"receive propose resp error","status":400}"#,
            r#"{"msg":"context deadline exceeded","status":400}"#,
        ];
        assert!(away.iter().all(|text| temporary(StatusCode::BAD_REQUEST, text)));
        assert!(temporary(StatusCode::SERVICE_UNAVAILABLE, r#"{"error":"retry required"}"#));
        for refused in [
            "uid不能包含特殊字符！",
            "channel_id不能为空！",
            "暂不支持个人频道！",
            "not found",
            "illegal base64 data at input byte 0",
        ] {
            assert!(
                !temporary(StatusCode::BAD_REQUEST, &format!(r#"{{"msg":"{refused}","status":400}}"#)),
                "{refused}"
            );
        }
        assert!(!temporary(StatusCode::NOT_FOUND, "404 page not found"));
        for foreign in [StatusCode::FOUND, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
            let judged = judge(foreign, Bytes::new());
            assert!(matches!(judged, Attempt::Failed(WukongimError::Unreadable)), "{foreign}");
        }
    }
}
