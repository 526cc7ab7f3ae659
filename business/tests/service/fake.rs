//! A small WuKongIM: its HTTP API with the traps that this server has to know, in memory. Answers are shaped as those recorded of
//! real servers, which another test holds the client to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Json;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jindou_business::rules::identity::wukongim_person_ids;
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[derive(Clone)]
pub struct Fake(Arc<Mutex<Inner>>);

#[derive(Default)]
pub struct Inner {
    /// Under a whitelist, conversations of people are never listed; their messages are kept.
    pub lists_nobody: bool,
    /// 2.1.x has no index by clientMsgNo.
    pub old: bool,
    /// The index of a cluster may lack what one node alone has in its log.
    pub index_is_behind: bool,
    /// Answers as a node whose leader is away.
    pub down: bool,
    /// Something else answers in its place, always this.
    pub foreign: Option<(StatusCode, &'static str)>,
    pub foreign_calls: u32,
    /// So many of the next messages are accepted and lost, as while a channel's leader is dead.
    pub lost: u32,
    /// Paths that are refused for ever.
    pub refused: BTreeSet<&'static str>,
    pub now: i64,
    pub tokens: BTreeMap<(String, u64), String>,
    pub subscribers: BTreeMap<String, BTreeSet<String>>,
    pub online: Vec<(String, u64)>,
    /// Answers an empty list as null, as a node of a cluster does that has to ask another.
    pub asks_another: bool,
    pub calls: Vec<(String, Value)>,
    /// What the system said in groups: apart, so that a test counts what it says itself. Channel, clientMsgNo, payload.
    pub notices: Vec<(String, String, Value)>,
    /// Commands for who is online: to whom, and the payload.
    pub nudges: Vec<(Vec<String>, Value)>,
    logs: BTreeMap<String, Vec<Value>>,
    /// What a cluster has taken back and a node's index by clientMsgNo still names, by log.
    stale: Vec<(String, Value)>,
    read_to: BTreeMap<(String, String), u64>,
    last_id: i64,
}

fn fake_id(a: &str, b: &str) -> String {
    wukongim_person_ids(a, b).remove(0)
}

fn log_of(login_uid: &str, channel_id: &str, channel_type: u64) -> String {
    if channel_type == 1 { fake_id(login_uid, channel_id) } else { channel_id.to_owned() }
}

impl Inner {
    fn store(
        &mut self,
        log: &str,
        from: &str,
        channel_type: u64,
        name: &str,
        payload: &str,
        sync_once: u64,
    ) -> (i64, u64) {
        self.last_id += 1;
        let id = 2_124_349_184_973_737_984 + self.last_id;
        // The person channel's id as the server tells it: the half that is not the sender; in the commands' log the second half.
        let channel_id = match (channel_type, log.strip_suffix("____cmd").unwrap_or(log).split_once('@')) {
            (1, Some((first, second))) if sync_once == 1 => {
                let _ = first;
                format!("{second}____cmd")
            }
            (1, Some((first, second))) => {
                if first == from {
                    second.to_owned()
                } else {
                    first.to_owned()
                }
            }
            _ => log.to_owned(),
        };
        let messages = self.logs.entry(log.to_owned()).or_default();
        let seq = messages.len() as u64 + 1;
        messages.push(json!({
            "header": { "no_persist": 0, "red_dot": 1 - sync_once, "sync_once": sync_once }, "setting": 0, "message_id": id, "message_idstr": id.to_string(),
            "client_msg_no": name, "message_seq": seq, "from_uid": from, "channel_id": channel_id, "channel_type": channel_type, "expire": 0,
            "timestamp": self.now, "payload": payload,
        }));
        (id, seq)
    }
}

/// The part of a log that `/channel/messagesync` answers.
fn range(log: &[Value], start: u64, end: u64, limit: usize, newer: bool) -> Vec<Value> {
    let seq = |message: &Value| message["message_seq"].as_u64().unwrap_or(0);
    let newest = |found: Vec<Value>| {
        let skip = found.len().saturating_sub(limit);
        found.into_iter().skip(skip).collect::<Vec<_>>()
    };
    let within = |low: u64, high: u64| {
        log.iter().filter(|message| seq(message) >= low && seq(message) <= high).cloned().collect::<Vec<_>>()
    };
    let mut found = match (start, end, newer) {
        (0, 0, _) => newest(log.to_vec()),
        (0, _, false) => vec![],
        (start, end, false) if start > log.len() as u64 || end >= start => vec![],
        (start, end, false) => newest(within(end + 1, start)),
        (start, 0, true) => within(start, u64::MAX).into_iter().take(limit).collect(),
        (start, end, true) => within(start, end - 1).into_iter().take(limit).collect(),
    };
    // The first message of a page comes without its flags.
    if let Some(first) = found.first_mut() {
        first["header"] = json!({ "no_persist": 0, "red_dot": 0, "sync_once": 0 });
    }
    found
}

impl Fake {
    pub async fn start() -> (Fake, SocketAddr) {
        let fake = Fake(Arc::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let routes = Router::new()
            .route("/route", get(route))
            .route("/message/byclientmsgno", get(by_client_msg_no))
            .route("/{*path}", post(call))
            .route("/channel/messagesync", post(messages))
            .fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found") })
            .layer(from_fn_with_state(fake.clone(), or_another))
            .with_state(fake.clone());
        tokio::spawn(axum::serve(listener, routes).into_future());
        (fake, address)
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic holds it")
    }

    /// Somebody writes. Returns the messageId.
    pub fn write(&self, from: &str, to: &str, channel_type: u64, name: &str, content: &Value) -> String {
        let log = log_of(from, to, channel_type);
        let payload = STANDARD.encode(content.to_string());
        self.lock().store(&log, from, channel_type, name, &payload, 0).0.to_string()
    }

    /// A cluster takes the end of a log back.
    pub fn take_back(&self, from: &str, to: &str, channel_type: u64, seq: usize) {
        let log = log_of(from, to, channel_type);
        let mut inner = self.lock();
        let gone = inner.logs.get_mut(&log).map(|messages| messages.split_off(seq - 1)).unwrap_or_default();
        inner.stale.extend(gone.into_iter().map(|message| (log.clone(), message)));
    }

    pub fn calls_to(&self, path: &str) -> Vec<Value> {
        self.lock().calls.iter().filter(|(called, _)| called == path).map(|(_, body)| body.clone()).collect()
    }
}

fn away() -> Response {
    let text = r#"{"msg":"Post \"http://10.1.2.3:5001/x\": dial tcp 10.1.2.3:5001: connect: connection refused","status":400}"#;
    (StatusCode::BAD_REQUEST, text).into_response()
}

async fn or_another(State(fake): State<Fake>, request: Request, next: Next) -> Response {
    let foreign = fake.lock().foreign;
    let Some(answer) = foreign else { return next.run(request).await };
    fake.lock().foreign_calls += 1;
    answer.into_response()
}

async fn route(State(fake): State<Fake>) -> Response {
    if fake.lock().down {
        away()
    } else {
        Json(json!({ "tcp_addr": "", "ws_addr": "ws://127.0.0.1:5200", "wss_addr": "" })).into_response()
    }
}

async fn by_client_msg_no(State(fake): State<Fake>, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let inner = fake.lock();
    if inner.old {
        return (StatusCode::NOT_FOUND, "404 page not found").into_response();
    }
    if inner.down {
        return away();
    }
    if inner.index_is_behind {
        return Json(json!({ "status": 404 })).into_response();
    }
    let log = inner.logs.get(&asked["channel_id"]).into_iter().flatten();
    if inner.notices.iter().any(|(group, name, _)| *group == asked["channel_id"] && *name == asked["client_msg_no"]) {
        return Json(json!({ "message_seq": 1, "message_id": 1 })).into_response();
    }
    let stale = inner.stale.iter().filter(|(log, _)| *log == asked["channel_id"]).map(|(_, message)| message);
    let found = stale.chain(log).find(|message| message["client_msg_no"] == asked["client_msg_no"].as_str());
    Json(found.cloned().unwrap_or(json!({ "status": 404 }))).into_response()
}

async fn messages(State(fake): State<Fake>, Json(asked): Json<Value>) -> Response {
    let mut inner = fake.lock();
    inner.calls.push(("/channel/messagesync".to_owned(), asked.clone()));
    if inner.down {
        return (StatusCode::BAD_REQUEST, r#"{"msg":"获取频道所在节点失败！","status":400}"#).into_response();
    }
    let number = |key: &str| asked[key].as_u64().expect(key);
    let log = log_of(
        asked["login_uid"].as_str().expect("login_uid"),
        asked["channel_id"].as_str().expect("channel_id"),
        number("channel_type"),
    );
    let limit = number("limit") as usize;
    let mut all = inner.logs.get(&log).cloned();
    if inner.index_is_behind {
        let said = inner.notices.iter().filter(|(group, ..)| *group == log);
        let said = said.map(|(_, name, _)| json!({ "message_seq": 900, "message_id": 900, "client_msg_no": name }));
        all.get_or_insert_default().extend(said);
    }
    let found = all
        .map(|log| range(&log, number("start_message_seq"), number("end_message_seq"), limit, number("pull_mode") == 1))
        .unwrap_or_default();
    Json(json!({ "start_message_seq": 0, "end_message_seq": 0, "more": u8::from(found.len() == limit), "messages": found })).into_response()
}

async fn call(State(fake): State<Fake>, uri: axum::http::Uri, Json(asked): Json<Value>) -> Response {
    let mut inner = fake.lock();
    let path = uri.path().to_owned();
    let from_system = path == "/message/send" && asked.get("from_uid").is_none();
    if !from_system {
        inner.calls.push((path.clone(), asked.clone()));
    }
    if inner.down {
        return away();
    }
    if from_system {
        return said_by_system(&mut inner, &asked);
    }
    if inner.refused.contains(path.as_str()) {
        return (StatusCode::BAD_REQUEST, r#"{"msg":"不支持个人频道添加订阅者！","status":400}"#).into_response();
    }
    let text = |key: &str| asked[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| asked[key].as_u64().unwrap_or_default();
    let people = || {
        asked["subscribers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|uid| uid.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let done = Json(json!({ "status": 200 })).into_response();
    match path.as_str() {
        "/user/token" => drop(inner.tokens.insert((text("uid"), number("device_flag")), text("token"))),
        "/user/device_quit" => drop(inner.tokens.remove(&(text("uid"), number("device_flag")))),
        "/user/onlinestatus" => {
            let online: Vec<Value> = inner
                .online
                .iter()
                .map(|(uid, flag)| json!({ "uid": uid, "device_flag": flag, "online": 1 }))
                .collect();
            return if inner.asks_another && online.is_empty() { Json(Value::Null) } else { Json(json!(online)) }
                .into_response();
        }
        "/channel" | "/channel/subscriber_add" => {
            inner.subscribers.entry(text("channel_id")).or_default().extend(people())
        }
        "/channel/subscriber_remove" => {
            let gone = people();
            inner.subscribers.entry(text("channel_id")).or_default().retain(|uid| !gone.contains(uid));
        }
        "/message/send" if inner.lost > 0 => {
            inner.lost -= 1;
            return Json(json!({ "data": { "client_msg_no": text("client_msg_no"), "message_id": 1 }, "status": 200 }))
                .into_response();
        }
        "/message/send" => {
            let sync_once = asked["header"]["sync_once"].as_u64().unwrap_or(0);
            let mut log = log_of(&text("from_uid"), &text("channel_id"), number("channel_type"));
            if sync_once == 1 {
                log.push_str("____cmd");
            }
            let (id, _) = inner.store(
                &log,
                &text("from_uid"),
                number("channel_type"),
                &text("client_msg_no"),
                &text("payload"),
                sync_once,
            );
            return Json(
                json!({ "data": { "client_msg_no": text("client_msg_no"), "message_id": id }, "status": 200 }),
            )
            .into_response();
        }
        "/message/sync" => {
            let uid = text("uid");
            let mine = |log: &str| {
                log.strip_suffix("____cmd").is_some_and(|id| match id.split_once('@') {
                    Some((a, b)) => a == uid || b == uid,
                    None => inner.subscribers.get(id).is_some_and(|members| members.contains(&uid)),
                })
            };
            let found: Vec<Value> =
                inner.logs.iter().filter(|(log, _)| mine(log)).flat_map(|(_, messages)| messages.clone()).collect();
            return Json(found).into_response();
        }
        "/message/syncack" if number("last_message_seq") == 0 => {
            return (StatusCode::BAD_REQUEST, r#"{"msg":"不能为0","status":400}"#).into_response();
        }
        "/message/syncack" => {}
        "/conversations/setUnread" => {
            let log = log_of(&text("uid"), &text("channel_id"), number("channel_type"));
            let last = inner.logs.get(&log).map_or(0, |log| log.len() as u64);
            let unread = number("unread");
            let read_to = if unread > last { last - 1 } else { last - unread };
            let position = inner.read_to.entry((text("uid"), log)).or_default();
            *position = read_to.max(*position);
        }
        "/conversation/sync" => {
            return Json(conversations(&inner, &text("uid"), &text("last_msg_seqs"), number("msg_count") as usize))
                .into_response();
        }
        _ => return (StatusCode::NOT_FOUND, "404 page not found").into_response(),
    }
    done
}

fn said_by_system(inner: &mut Inner, asked: &Value) -> Response {
    let text = |key: &str| asked[key].as_str().unwrap_or_default().to_owned();
    let payload = STANDARD.decode(text("payload")).expect("base64");
    let payload = serde_json::from_slice(&payload).expect("JSON");
    if asked["header"]["sync_once"] == 1 {
        let to: Vec<String> = serde_json::from_value(asked["subscribers"].clone()).expect("people");
        inner.nudges.push((to, payload));
        return Json(json!({ "status": 200 })).into_response();
    }
    if inner.lost > 0 {
        inner.lost -= 1;
    } else {
        inner.notices.push((text("channel_id"), text("client_msg_no"), payload));
    }
    Json(json!({ "data": { "client_msg_no": text("client_msg_no"), "message_id": 1 }, "status": 200 })).into_response()
}

fn conversations(inner: &Inner, uid: &str, cursors: &str, count: usize) -> Vec<Value> {
    let mut answer = Vec::new();
    for (log, messages) in inner.logs.iter().filter(|(log, _)| !log.ends_with("____cmd")) {
        let (channel_id, channel_type) = match log.split_once('@') {
            Some(_) if inner.lists_nobody => continue,
            // The system's is kept and never listed.
            Some((a, b)) if [a, b].contains(&"____system") => continue,
            Some((a, b)) if a == uid => (b, 1),
            Some((a, b)) if b == uid => (a, 1),
            Some(_) => continue,
            // A conversation is remembered when its owner has left the group.
            None => (log.as_str(), 2),
        };
        let prefix = format!("{channel_id}:{channel_type}:");
        let cursor: usize = cursors
            .split('|')
            .find_map(|cursor| cursor.strip_prefix(&prefix))
            .map_or(0, |seq| seq.parse().expect("a seq"));
        let newer = &messages[cursor.min(messages.len())..];
        let Some(last) = newer.last() else { continue };
        let recents: Vec<Value> = newer.iter().rev().take(count).cloned().collect();
        let read_to = inner.read_to.get(&(uid.to_owned(), log.clone())).copied().unwrap_or(0);
        answer.push(json!({
            "channel_id": channel_id, "channel_type": channel_type, "unread": messages.len() as u64 - read_to, "timestamp": last["timestamp"],
            "last_msg_seq": messages.len(), "last_client_msg_no": last["client_msg_no"], "offset_msg_seq": 0, "readed_to_msg_seq": read_to,
            "version": 1, "recents": recents,
        }));
    }
    answer
}
