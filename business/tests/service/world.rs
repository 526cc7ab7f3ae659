//! A business server over a small WuKongIM, with a clock that a test turns, and calls that are held to the API's description.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jindou_business::rules::Time;
use jindou_business::service::config::Config;
use jindou_business::service::wukongim::Patience;
use jindou_business::service::{self, Running, StartError};
use serde_json::{Value, json};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::fake::Fake;
use crate::logs;
use crate::schema;

pub const NOW: i64 = 1_795_319_288_000;

pub struct World {
    pub fake: Fake,
    pub server: Running,
    wukongim: SocketAddr,
    folder: PathBuf,
    flags: Vec<String>,
    now: Arc<AtomicI64>,
    http: Client<HttpConnector, Full<Bytes>>,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// The body of what was done.
    pub fn done(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body
    }

    /// Status and code of what was refused.
    pub fn refused(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or("no code"))
    }

    pub fn reason(&self) -> &str {
        self.body["reason"].as_str().unwrap_or("no reason")
    }
}

static FOLDERS: AtomicU64 = AtomicU64::new(0);

impl World {
    pub async fn new(flags: &[&str]) -> World {
        logs::keep();
        let (fake, wukongim) = Fake::start().await;
        fake.lock().now = NOW / 1000;
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("jindou-business-{}-{number}", std::process::id()));
        let now = Arc::new(AtomicI64::new(NOW));
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let server = start(wukongim, &folder, &flags, &now).await.expect("started");
        let http = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        World { fake, server, wukongim, folder, flags, now, http }
    }

    /// As after a crash or a new version: the same folder, a new process.
    pub async fn restart(self) -> World {
        self.server.stop().await;
        let server = start(self.wukongim, &self.folder, &self.flags, &self.now).await.expect("started");
        World { server, ..self }
    }

    /// Another one beside this one, on the same folder.
    pub async fn second(&self, more: &[&str]) -> Result<Running, StartError> {
        let flags: Vec<String> = self.flags.iter().cloned().chain(more.iter().map(|flag| (*flag).to_owned())).collect();
        start(self.wukongim, &self.folder, &flags, &self.now).await
    }

    pub async fn end(self) {
        self.server.stop().await;
        std::fs::remove_dir_all(&self.folder).expect("our own folder");
    }

    pub fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// The database, beside the server that has it open.
    pub async fn database(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new().filename(self.folder.join("business.sqlite"));
        SqlitePool::connect_with(options).await.expect("the database")
    }

    pub fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::Relaxed);
        self.fake.lock().now += seconds;
    }

    pub async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.raw(method, path, token, bytes, &[]).await
    }

    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.server.address()));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response =
            self.http.request(request.body(Full::new(body.into())).expect("a request")).await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if path.starts_with("/v1") && method != "OPTIONS" {
            schema::check(method, path, status, &body);
        }
        Answer { status, headers, body, text }
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call("POST", path, Some(token), Some(body)).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call("GET", path, Some(token), None).await
    }

    pub async fn sign_up(&self, uid: &str) -> String {
        let body = json!({ "uid": uid, "name": uid.to_uppercase(), "password": "correct horse" });
        let session = self.call("POST", "/v1/signup", None, Some(body)).await.done();
        session["token"].as_str().expect("a token").to_owned()
    }

    /// A group of the owner and these members.
    pub async fn group(&self, owner: &str, members: &[&str]) -> String {
        let group = self.post("/v1/groups", owner, json!({ "name": "a group", "members": members })).await.done();
        group["groupId"].as_str().expect("an id").to_owned()
    }

    pub async fn newest(&self, token: &str, channel: &Value) -> Value {
        self.post("/v1/history", token, with(channel, json!({ "limit": 100, "pull": "older" }))).await.done()
    }

    /// Lets time pass until WuKongIM is owed nothing.
    pub async fn settle(&self) {
        while self.server.store().next_errand_at().await.expect("a look").is_some() {
            self.pass(16);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until WuKongIM was called so often, for what happens after an answer.
    pub async fn until_called(&self, path: &str, times: usize) -> Vec<Value> {
        for _ in 0..3000 {
            let calls = self.fake.calls_to(path);
            if calls.len() >= times {
                return calls;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{path} was called {} times, not {times}", self.fake.calls_to(path).len());
    }
}

async fn start(
    wukongim: SocketAddr,
    folder: &std::path::Path,
    flags: &[String],
    now: &Arc<AtomicI64>,
) -> Result<Running, StartError> {
    let address = format!("http://{wukongim}");
    let folder = folder.to_str().expect("a path in UTF-8");
    let ours = ["jindou-business", "--listen", "127.0.0.1:0", "--wukongim", &address, "--data", folder];
    let config = Config::try_parse_from(ours.into_iter().chain(flags.iter().map(String::as_str))).expect("valid flags");
    let now = now.clone();
    let patience = Patience {
        attempt: Duration::from_secs(2),
        total: Duration::from_secs(1),
        pause: Duration::from_millis(20),
        dead: Duration::from_millis(500),
    };
    service::start(config, Arc::new(move || Time(now.load(Ordering::Relaxed))), patience).await
}

pub fn person(uid: &str) -> Value {
    json!({ "channelId": uid, "channelType": 1 })
}

pub fn group(id: &str) -> Value {
    json!({ "channelId": id, "channelType": 2 })
}

/// One object of two.
pub fn with(one: &Value, other: Value) -> Value {
    let mut all = one.clone();
    all.as_object_mut().expect("an object").extend(other.as_object().expect("an object").clone());
    all
}

pub fn text(content: &str) -> Value {
    json!({ "type": 1, "content": content })
}

/// What a message shows, or its mark's state.
pub fn shown(message: &Value) -> String {
    match message.get("payload").and_then(Value::as_str) {
        Some(payload) => String::from_utf8(STANDARD.decode(payload).expect("base64")).expect("text"),
        None => format!("<{}>", message["mark"]["state"].as_str().expect("a mark")),
    }
}
