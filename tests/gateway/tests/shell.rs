//! The process: real sockets, real calls, a disk, signals.

use jindou::id::{ChannelType, ClientSeq, DeviceFlag};
use jindou::wire::cipher::{Cipher, KeyPair};
use jindou::wire::{
    Connect, Deframer, Flags, Packet, PacketKind, ProtocolVersion, Send, Sendack, Setting, Text, encode,
};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tungstenite::{Message, WebSocket};

/// A running gateway; it is killed when the test ends.
struct Process {
    child: Child,
    ws: String,
    api: String,
}

impl Process {
    fn start(arguments: &[&str]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_jindou-gateway"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the gateway starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("one line");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        let address = |name: &str, scheme: &str| {
            let text = ready[name].as_str().expect("an address");
            text.strip_prefix(scheme).expect("a scheme").to_owned()
        };
        Process { ws: address("ws", "ws://"), api: address("api", "http://"), child }
    }

    fn with_data(folder: &Path) -> Process {
        Process::start(&["--data", folder.to_str().expect("a path in UTF-8")])
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.api).expect("the API listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    fn post(&self, path: &str, body: Value) -> Value {
        let (status, value) = self.call("POST", path, &body);
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    fn connect(&self, uid: &str) -> Client {
        let stream = TcpStream::connect(&self.ws).expect("the gateway listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let (socket, _) = tungstenite::client(format!("ws://{}/", self.ws), stream).expect("a WebSocket");
        let mut client =
            Client { socket, deframer: Deframer::new(), version: ProtocolVersion(5), cipher: Cipher::plain(), seq: 0 };
        let pair = KeyPair::from_seed([9; 32]);
        client.send(&Packet::Connect(Connect {
            flags: Flags::default(),
            version: client.version,
            device_flag: DeviceFlag::WEB,
            device_id: Text::from(uid),
            uid: Text::from(uid),
            token: Text::from("t"),
            client_timestamp: 0,
            client_key: pair.public_key(),
        }));
        let Packet::Connack(connack) = client.next(PacketKind::CONNACK) else { panic!("no CONNACK") };
        client.cipher = pair.agree(&connack.server_key, &connack.salt).expect("a fair key");
        client
    }

    fn terminate(mut self) -> Option<i32> {
        let killed = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().expect("kill");
        assert!(killed.success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client {
    socket: WebSocket<TcpStream>,
    deframer: Deframer,
    version: ProtocolVersion,
    cipher: Cipher,
    seq: u32,
}

impl Client {
    fn send(&mut self, packet: &Packet) {
        let mut bytes = Vec::new();
        encode(packet, self.version, &mut bytes).expect("a packet");
        self.socket.send(Message::Binary(bytes.into())).expect("an open socket");
    }

    fn say(&mut self, to: &str, client_msg_no: &str, text: &str) -> Sendack {
        self.seq += 1;
        let mut send = Send {
            flags: Flags::default(),
            setting: Setting(0),
            client_seq: ClientSeq(self.seq),
            client_msg_no: Text::from(client_msg_no),
            stream_no: None,
            channel_id: Text::from(to),
            channel_type: ChannelType::PERSON,
            expire: 0,
            msg_key: Text::new(),
            topic: None,
            payload: text.as_bytes().to_vec(),
        };
        self.cipher.seal_send(&mut send);
        self.send(&Packet::Send(send));
        let Packet::Sendack(ack) = self.next(PacketKind::SENDACK) else { panic!("no SENDACK") };
        ack
    }

    /// The next packet of this kind; others are passed over.
    fn next(&mut self, kind: PacketKind) -> Packet {
        loop {
            while let Some(packet) = self.deframer.next(self.version).expect("a good stream") {
                if packet.kind() == kind {
                    return packet;
                }
            }
            match self.socket.read().expect("an open socket") {
                Message::Binary(bytes) => self.deframer.push(&bytes),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn history(process: &Process, of: &str, with: &str) -> Vec<Value> {
    let page = process
        .post("/channel/messagesync", json!({ "login_uid": of, "channel_id": with, "channel_type": 1, "limit": 100 }));
    page["messages"].as_array().expect("messages").clone()
}

#[test]
fn two_people_talk_over_real_sockets() {
    let process = Process::start(&[]);
    let (mut alice, mut bob) = (process.connect("alice"), process.connect("bob"));
    let ack = alice.say("bob", "m1", "你好");
    assert_eq!(ack.message_seq.0, 1);
    let Packet::Recv(recv) = bob.next(PacketKind::RECV) else { panic!("no RECV") };
    let opened = bob.cipher.open(std::slice::from_ref(&recv)).remove(0).expect("a sealed payload");
    assert_eq!(opened, "你好".as_bytes());
    let route = process.call("GET", "/route?uid=alice", &Value::Null).1;
    assert_eq!(route["ws_addr"], json!(format!("ws://{}", process.ws)));
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_a_torn_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::with_data(folder.path());
    process.post("/user/token", json!({ "uid": "alice", "token": "t", "device_flag": 1, "device_level": 0 }));
    process.post("/channel", json!({ "channel_id": "g", "channel_type": 2, "subscribers": ["alice"] }));
    let mut alice = process.connect("alice");
    let first = alice.say("bob", "m1", "one");
    drop(process);

    let rows = folder.path().join("rows.jsonl");
    let mut file = std::fs::OpenOptions::new().append(true).open(&rows).expect("the rows");
    file.write_all(br#"{"row":"message","id":"x"#).expect("a torn line");
    drop(file);

    let process = Process::with_data(folder.path());
    let messages = history(&process, "bob", "alice");
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["message_idstr"], json!(first.message_id.to_string()));
    let mut alice = process.connect("alice");
    let second = alice.say("bob", "m2", "two");
    assert_eq!(second.message_seq.0, 2);
    assert!(second.message_id > first.message_id);
    // An orderly end also keeps conversations that were not written yet.
    let unwritten = |process: &Process| {
        process.post("/conversation/sync", json!({ "uid": "alice", "msg_count": 1, "version": 0, "last_msg_seqs": "" }))
    };
    alice.say("carol", "m3", "three");
    assert_eq!(unwritten(&process).as_array().map(Vec::len), Some(1));
    assert_eq!(process.terminate(), Some(0));
    let process = Process::with_data(folder.path());
    assert_eq!(unwritten(&process).as_array().map(Vec::len), Some(1));
    assert_eq!(history(&process, "alice", "bob").len(), 2);
}

#[test]
fn faults_are_posted_listed_and_ended() {
    let process = Process::start(&["--seed", "1"]);
    let fault = json!({ "on": { "uid": "alice", "packet": "PING", "direction": "in" }, "do": "close", "count": 1 });
    process.post("/_faults", fault);
    let mut alice = process.connect("alice");
    alice.send(&Packet::Ping);
    // Cut without a Close frame.
    assert!(!matches!(alice.socket.read(), Ok(Message::Close(_))));
    let (_, faults) = process.call("GET", "/_faults", &Value::Null);
    assert_eq!(faults[0]["acted"], json!(1));
    assert_eq!(process.call("DELETE", "/_faults", &Value::Null).0, 200);
    assert_eq!(process.call("GET", "/_faults", &Value::Null).1, json!([]));
    assert_eq!(process.call("POST", "/_faults", &json!({ "do": "nonsense" })).0, 400);
    process
        .post("/_faults", json!([{ "on": { "path": "/route" }, "do": { "answer": { "status": 503, "body": "no" } } }]));
    assert_eq!(process.call("GET", "/route", &Value::Null).0, 503);
}

#[test]
fn version_3_closes_with_a_frame() {
    let process = Process::start(&["--generation", "3"]);
    let mut alice = process.connect("alice");
    alice.send(&Packet::Pong);
    let Ok(Message::Close(Some(frame))) = alice.socket.read() else { panic!("no Close frame") };
    assert_eq!(u16::from(frame.code), 1000);
    let stream = TcpStream::connect(&process.ws).expect("the gateway listens");
    assert!(tungstenite::client(format!("ws://{}/elsewhere", process.ws), stream).is_err());
}

#[test]
fn an_address_in_use_is_one_clear_sentence() {
    let process = Process::start(&[]);
    let started = Instant::now();
    let output =
        Command::new(env!("CARGO_BIN_EXE_jindou-gateway")).args(["--ws", &process.ws]).output().expect("it runs");
    assert!(!output.status.success() && started.elapsed() < Duration::from_secs(5));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("--ws") && text.trim().lines().count() == 1, "{text}");
}
