//! The HTTP API against exchanges with running servers: the same calls in the same situations, the same answers.
//!
//! Ids, times and addresses are whatever a server chose that day, so of those only the type is compared. Everything
//! else is: the status, the content type, which keys there are, every value.

mod harness;

use harness::World;
use jindou::id::ChannelType;
use jindou::wire::{Flags, Packet};
use jindou_gateway::{Config, ConnId, Generation, HttpRequest};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

const PERSON: ChannelType = ChannelType::PERSON;
const GROUP: ChannelType = ChannelType::GROUP;

/// Chosen by the server: ids, times, addresses, opaque cursors.
const CHOSEN: &[&str] = &[
    "message_id",
    "message_idstr",
    "timestamp",
    "version",
    "coverage",
    "server_timestamp_ms",
    "next_cursor",
    "id",
    "created_at",
    "updated_at",
    "tcp_addr",
    "ws_addr",
];

/// What is not compared, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("2.1.5-stream-open", STREAMS),
    ("2.1.5-stream-chunk-0", STREAMS),
    ("2.1.5-stream-close", STREAMS),
    ("2.1.5-messagesync-stream", STREAMS),
    ("2.2.5-message-event-person-0-stream-delta", STREAMS),
    ("2.2.5-message-event-person-2-stream-close", STREAMS),
    ("2.2.5-message-event-person-3-stream-finish", STREAMS),
    ("2.2.5-message-event-unknown-message", STREAMS),
    ("2.2.5-message-eventsync-person", STREAMS),
    ("2.2.5-messagesync-stream-full", STREAMS),
    ("v3-message-event", STREAMS),
    ("v3-message-event-close", STREAMS),
    ("v3-messagesync-event-meta", STREAMS),
];

const STREAMS: &str = "streams and their events are not modelled";

struct Exchange {
    request: HttpRequest,
    status: u16,
    content_type: Option<String>,
    body: Value,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/http")
}

fn exchange(name: &str) -> Exchange {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).expect(name);
    let value: Value = serde_json::from_str(&text).expect(name);
    let request = &value["request"];
    let query = request["query"].as_str().unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let headers = request["headers"].as_object().into_iter().flatten();
    Exchange {
        request: HttpRequest {
            method: request["method"].as_str().expect(name).to_owned(),
            path: request["path"].as_str().expect(name).to_owned(),
            query: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap_or_default().to_owned()))
                .collect(),
            body: request.get("body").map_or_else(Vec::new, |body| body.to_string().into_bytes()),
        },
        status: u16::try_from(value["response"]["status"].as_u64().expect(name)).expect(name),
        content_type: value["response"]["contentType"].as_str().map(str::to_owned),
        body: value["response"]["body"].clone(),
    }
}

fn differences(expected: &Value, got: &Value, at: &str, found: &mut Vec<String>) {
    let key = at.rsplit('.').next().unwrap_or_default();
    if CHOSEN.contains(&key) {
        if std::mem::discriminant(expected) != std::mem::discriminant(got) {
            found.push(format!("{at}: {expected} became {got}"));
        }
        return;
    }
    match (expected, got) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (name, value) in wanted {
                match there.get(name) {
                    Some(other) => differences(value, other, &format!("{at}.{name}"), found),
                    None => found.push(format!("{at}.{name} is missing")),
                }
            }
            found.extend(
                there.keys().filter(|name| !wanted.contains_key(*name)).map(|name| format!("{at}.{name} is new")),
            );
        }
        (Value::Array(wanted), Value::Array(there)) => {
            if wanted.len() != there.len() {
                found.push(format!("{at} has {} items instead of {}", there.len(), wanted.len()));
            }
            for (item, (wanted, there)) in wanted.iter().zip(there).enumerate() {
                differences(wanted, there, &format!("{at}.{item}"), found);
            }
        }
        _ if expected != got => found.push(format!("{at}: {expected} became {got}")),
        _ => {}
    }
}

/// A server in the situation of a recording, and what has been compared.
struct Stage {
    world: World,
    prefix: &'static str,
    conns: BTreeMap<String, ConnId>,
    compared: BTreeSet<String>,
}

impl Stage {
    fn new(prefix: &'static str, config: Config) -> Stage {
        Stage { world: World::new(config), prefix, conns: BTreeMap::new(), compared: BTreeSet::new() }
    }

    fn connect(&mut self, uid: &str) -> ConnId {
        let conn = self.world.connect(uid, &format!("dev-{uid}"));
        self.conns.insert(uid.to_owned(), conn);
        conn
    }

    fn say(&mut self, from: &str, to: &str, kind: ChannelType, client_msg_no: &str, text: &str) {
        let conn = self.conns[from];
        self.world.say(conn, to, kind, client_msg_no, text).expect("SENDACK");
    }

    /// One of the numbered text messages of the recordings.
    fn ht(&mut self, number: u32) {
        self.say("htA", "htB", PERSON, &format!("ht-{number}"), &format!(r#"{{"type":1,"content":"m{number}"}}"#));
    }

    fn check(&mut self, name: &str) {
        self.check_with(name, |_| {});
    }

    /// Compares, after putting in order what a server may answer in any order.
    fn check_with(&mut self, name: &str, arrange: impl Fn(&mut Value)) {
        let full = format!("{}-{name}", self.prefix);
        let exchange = exchange(&full);
        let id = self.world.ask(exchange.request);
        let response = self.world.answer(id).expect("an answer").clone();
        let mut found = Vec::new();
        if response.status != exchange.status {
            found.push(format!("status {} became {}", exchange.status, response.status));
        }
        if response.content_type != exchange.content_type.as_deref() {
            found.push(format!("{:?} became {:?}", exchange.content_type, response.content_type));
        }
        let text = String::from_utf8(response.body.clone()).expect("text");
        let mut got = response.value().unwrap_or_else(|| json!(text));
        let mut expected = exchange.body;
        arrange(&mut expected);
        arrange(&mut got);
        differences(&expected, &got, "", &mut found);
        assert!(found.is_empty(), "{full}:\n{}\nexpected {expected}\ngot {got}", found.join("\n"));
        self.compared.insert(full);
    }
}

fn history_2_2(compared: &mut BTreeSet<String>) {
    let mut stage = Stage::new("2.2.5", Config::new(Generation::V22));
    for name in ["user-token-master", "user-token-empty-token", "user-token-special-uid"] {
        stage.check(name);
    }
    stage.connect("htA");
    for number in 1..=12 {
        stage.ht(number);
    }
    for name in [
        "messagesync-newest",
        "messagesync-newest-up",
        "messagesync-down-8",
        "messagesync-down-8-end-5",
        "messagesync-down-beyond",
        "messagesync-down-end-only",
        "messagesync-up-3",
        "messagesync-up-3-end-6",
        "messagesync-up-8-limit0",
        "messagesync-up-13",
        "messagesync-limit-exact",
        "messagesync-limit-negative",
        "messagesync-limit0",
        "messagesync-unknown-channel",
        "messagesync-no-login-uid",
        "messages-by-seq",
        "message-byclientmsgno-htA-at-htB",
        "message-byclientmsgno-peer",
        "conversation-sync-new-client",
        "conversation-sync-last-10",
        "conversation-sync-last-12",
        "conversation-sync-msg-count-0",
        "conversation-sync-empty-uid",
        "conversation-channels",
        "conversation-syncmessages",
        "conversations-setunread-4",
        "conversation-sync-after-setunread-4",
        "conversation-sync-only-unread-4",
    ] {
        stage.check(name);
    }
    stage.ht(13);
    stage.check("conversations-clearunread");
    stage.check("conversation-sync-after-clearunread");
    stage.check("conversation-sync-only-unread-none");
    stage.check("conversation-sync-version-all-read");
    quietly(&mut stage, "ht-14", r#"{"type":1,"content":"m14 no red dot"}"#);
    stage.check("conversation-sync-after-no-reddot");
    stage.connect("htB");
    stage.say("htB", "htA", PERSON, "ht-15", r#"{"type":1,"content":"m15 from B"}"#);
    stage.check("conversation-sync-after-own-message");
    stage.check("conversations-delete");
    stage.check("conversation-sync-after-delete");
    stage.ht(16);
    stage.check("conversation-sync-after-delete-new-message");
    stage.check("channel-last-message");
    stage.check("channel-max-message-seq");
    stage.check("channel-max-message-seq-unknown");
    let gone = stage.conns["htB"];
    stage.world.close(gone);
    for name in [
        "user-onlinestatus",
        "user-onlinestatus-none",
        "user-device-quit",
        "route",
        "route-batch",
        "route-intranet",
        "channel-create",
        "channel-create-person",
        "channel-no-body",
        "channel-subscriber-add",
        "channel-blacklist-add",
        "channel-whitelist-add-person",
        "channel-whitelist-get",
        "cors-preflight",
    ] {
        stage.check(name);
    }
    stage.world.post("/channel/info", json!({ "channel_id": "snBAN", "channel_type": 1, "ban": 1 }));
    stage.check("user-token-banned");
    compared.append(&mut stage.compared);
}

/// A SEND of htA to htB without a red dot.
fn quietly(stage: &mut Stage, client_msg_no: &str, text: &str) {
    let conn = stage.conns["htA"];
    let Packet::Send(mut send) = stage.world.message(conn, "htB", PERSON, client_msg_no, text) else {
        panic!("a SEND");
    };
    send.flags = Flags::default();
    stage.world.send_packet(conn, &Packet::Send(send));
}

fn sends_2_2(compared: &mut BTreeSet<String>) {
    let mut stage = Stage::new("2.2.5", Config::new(Generation::V22));
    let group = json!({ "channel_id": "rvG", "channel_type": 2, "subscribers": ["rvA", "rvB", "rvC"] });
    stage.world.post("/channel", group);
    stage.connect("rvA");
    stage.say("rvA", "rvG", GROUP, "rv2", r#"{"type":1,"content":"hi group 👋"}"#);
    stage.check("message-byclientmsgno-group");
    for name in [
        "message-send-person",
        "message-send-group",
        "message-send-system-person",
        "message-send-nopersist",
        "message-send-repeated-client-msg-no",
        "message-send-cmd-person",
        "message-send-cmd-subscribers",
        "message-send-subscribers-not-synconce",
        "message-send-payload-not-base64",
        "message-sendbatch",
        "message-send-stream-person",
    ] {
        stage.check(name);
    }
    stage.check_with("message-send-generated-client-msg-no", |value| {
        let name = value["data"]["client_msg_no"].as_str().expect("a name").to_owned();
        assert!(name.len() == 33 && name.ends_with('0'), "{name}");
        value["data"]["client_msg_no"] = json!("");
    });
    for (from, name, payload) in [("____system", "api-4", SYSG), ("rvZ", "api-5", OUTSIDER)] {
        let mut body = exchange("2.2.5-message-send-group").request.body;
        let mut call: Value = serde_json::from_slice(&body).expect("a call");
        call["from_uid"] = json!(from);
        call["client_msg_no"] = json!(name);
        call["payload"] = json!(payload);
        body = call.to_string().into_bytes();
        stage.world.call(HttpRequest { body, ..HttpRequest::post("/message/send", &json!({})) });
    }
    let conn = stage.conns["rvA"];
    let text = r#"{"type":99,"cmd":"client"}"#;
    let Packet::Send(mut send) = stage.world.message(conn, "rvG", GROUP, "rv10", text) else { panic!("a SEND") };
    send.flags = Flags { sync_once: true, ..Flags::default() };
    stage.world.send_packet(conn, &Packet::Send(send));
    stage.check("messagesync-not-member-group");
    compared.append(&mut stage.compared);
}

const SYSG: &str = "eyJ0eXBlIjoxMDA2LCJjb250ZW50Ijoic3lzZyJ9";
const OUTSIDER: &str = "eyJ0eXBlIjoxLCJjb250ZW50Ijoib3V0c2lkZXIifQ==";

fn commands(prefix: &'static str, suffix: &str, config: Config, compared: &mut BTreeSet<String>) {
    let mut stage = Stage::new(prefix, config);
    let recorded = exchange(&format!("{prefix}-message-sync")).body;
    let group = json!({ "channel_id": format!("cmG{suffix}"), "channel_type": 2,
        "subscribers": [format!("cmA{suffix}"), format!("cmB{suffix}")] });
    stage.world.post("/channel", group);
    for message in recorded.as_array().expect("commands") {
        let system = message["from_uid"] == json!("");
        let person = message["channel_type"] == json!(1);
        let to = if person { format!("cmB{suffix}") } else { format!("cmG{suffix}") };
        stage.world.post(
            "/message/send",
            json!({
                "header": { "sync_once": 1 },
                "from_uid": if system { "" } else { message["from_uid"].as_str().expect("a sender") },
                "channel_id": to,
                "channel_type": message["channel_type"],
                "client_msg_no": message["client_msg_no"],
                "payload": message["payload"],
            }),
        );
    }
    // In which order the logs come is the server's.
    stage.check_with("message-sync", |value| {
        value.as_array_mut().expect("commands").sort_by_key(|message| message["client_msg_no"].to_string());
    });
    if prefix == "2.2.5" {
        stage.check("message-syncack");
        stage.check("message-syncack-zero");
    }
    compared.append(&mut stage.compared);
}

fn first_messages(prefix: &'static str, generation: Generation, compared: &mut BTreeSet<String>) {
    for (strangers_may_write, name) in [(true, "whitelistoff"), (false, "whiteliston")] {
        let mut stage = Stage::new(prefix, Config { strangers_may_write, ..Config::new(generation) });
        if !strangers_may_write {
            stage
                .world
                .post("/channel/whitelist_add", json!({ "channel_id": "foB", "channel_type": 1, "uids": ["foA"] }));
        }
        stage.connect("foA");
        stage.say("foA", "foB", PERSON, "fo1", r#"{"type":1,"content":"first"}"#);
        stage.check(&format!("first-offline-{name}-conversation-sync"));
        if folder().join(format!("{prefix}-first-offline-{name}-messagesync.json")).exists() {
            stage.check(&format!("first-offline-{name}-messagesync"));
        }
        compared.append(&mut stage.compared);
    }
}

fn history_2_1(compared: &mut BTreeSet<String>) {
    let mut stage = Stage::new("2.1.5", Config::new(Generation::V21));
    stage.check("user-token-master");
    stage.check("channel-create-person");
    stage.check("message-byclientmsgno-group");
    stage.check("message-send-person");
    stage.connect("htA");
    for number in 1..=12 {
        stage.ht(number);
    }
    stage.check("messagesync-newest");
    stage.check("conversation-sync-new-client");
    stage.ht(13);
    stage.world.post("/conversations/clearUnread", json!({ "uid": "htB", "channel_id": "htA", "channel_type": 1 }));
    quietly(&mut stage, "ht-14", r#"{"type":1,"content":"m14 no red dot"}"#);
    stage.connect("htB");
    stage.say("htB", "htA", PERSON, "ht-15", r#"{"type":1,"content":"m15 from B"}"#);
    stage.check("conversation-sync-after-own-message");
    stage.check("channel-max-message-seq");
    compared.append(&mut stage.compared);
}

fn history_3(compared: &mut BTreeSet<String>) {
    let mut stage = Stage::new("v3", Config::new(Generation::V3));
    stage.check("user-token");
    stage.check("route");
    stage.check("route-bad-node");
    stage.check("cors-preflight");
    stage.check("removed-conversation-sync");
    stage.connect("htA");
    for number in 1..=12 {
        stage.ht(number);
    }
    for name in [
        "messagesync-newest",
        "messagesync-newest-up",
        "messagesync-down-beyond",
        "messagesync-down-end-only",
        "messagesync-limit-exact",
        "messagesync-limit0",
        "messagesync-unknown-channel",
        "messagesyncbatch",
        "conversation-list-new",
        "conversation-list-unknown-uid",
        "conversation-list-limit1",
    ] {
        stage.check(name);
    }
    // A cursor is opaque: ours takes the place of theirs.
    let first = stage.world.post("/conversation/list", json!({ "uid": "htA", "limit": 1 }));
    let call = json!({ "uid": "htA", "limit": 1, "cursor": first["next_cursor"] });
    let (_, got) = stage.world.call(HttpRequest::post("/conversation/list", &call));
    let mut found = Vec::new();
    differences(&exchange("v3-conversation-list-cursor").body, &got, "", &mut found);
    assert!(found.is_empty(), "{found:?}");
    stage.compared.insert("v3-conversation-list-cursor".to_owned());
    stage
        .world
        .post("/conversations/setUnread", json!({ "uid": "htB", "channel_id": "htA", "channel_type": 1, "unread": 4 }));
    stage.check("conversation-list-after-setunread");
    stage.check("conversations-clearunread");
    stage.check("conversations-delete");
    stage.check("conversation-list-after-delete");
    stage.check("messagesync-after-conversation-delete");
    stage.ht(13);
    stage.check("conversation-list-after-delete-new-message");
    stage.check("message-syncack-zero");
    stage.check("message-cmd-bind");
    compared.append(&mut stage.compared);
}

fn sends_3(compared: &mut BTreeSet<String>) {
    let mut stage = Stage::new("v3", Config::new(Generation::V3));
    let group = json!({ "channel_id": "rvG", "channel_type": 2, "subscribers": ["rvA", "rvB", "rvC"] });
    stage.world.post("/channel", group);
    stage.connect("rvA");
    stage.connect("rvB");
    stage.say("rvA", "rvB", PERSON, "rv1", "{}");
    stage.say("rvA", "rvG", GROUP, "rv2", "{}");
    stage.say("rvB", "rvA", PERSON, "rv3", "{}");
    for name in [
        "message-send-person",
        "message-send-group",
        "message-send-repeated-client-msg-no",
        "message-send-outsider-group",
        "message-send-nopersist",
        "message-send-cmd-person",
        "message-send-payload-not-base64",
        "message-send-system-person",
        "message-send-system-person-explicit",
    ] {
        stage.check(name);
    }
    compared.append(&mut stage.compared);
}

fn manager_token(compared: &mut BTreeSet<String>) {
    let config = Config { manager_token: Some("secret".to_owned()), ..Config::new(Generation::V22) };
    let mut stage = Stage::new("2.2.5", config);
    stage.check("manager-token-missing");
    stage.check("cors-preflight-with-manager-token");
    compared.append(&mut stage.compared);
}

#[test]
fn every_recorded_exchange_is_answered_alike_or_excepted() {
    let mut compared = BTreeSet::new();
    history_2_2(&mut compared);
    sends_2_2(&mut compared);
    commands("2.2.5", "225a", Config::new(Generation::V22), &mut compared);
    commands("2.1.5", "215a", Config::new(Generation::V21), &mut compared);
    history_2_1(&mut compared);
    history_3(&mut compared);
    sends_3(&mut compared);
    for (prefix, generation) in [("2.1.5", Generation::V21), ("2.2.5", Generation::V22)] {
        first_messages(prefix, generation, &mut compared);
    }
    manager_token(&mut compared);
    let excepted: BTreeSet<String> = EXCEPTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut left = Vec::new();
    for entry in std::fs::read_dir(folder()).expect("the recorded exchanges") {
        let name = entry.expect("a file").file_name().to_string_lossy().into_owned();
        let name = name.trim_end_matches(".json").to_owned();
        if !compared.contains(&name) && !excepted.contains(&name) {
            left.push(name);
        }
    }
    left.sort();
    assert!(left.is_empty(), "not compared: {left:?}");
}
