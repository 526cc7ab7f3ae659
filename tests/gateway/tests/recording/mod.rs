//! Recorded connections: reading them, playing them to a gateway, comparing what comes back.

use crate::harness::{START, World};
use jindou::id::{ChannelType, MessageId};
use jindou::wire::cipher::{Cipher, KeyPair};
use jindou::wire::{Decoded, Flags, Packet, ProtocolVersion, Send, Setting, Text, decode};
use jindou_gateway::{CloseHow, ConnId, HttpRequest, Input, Millis};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/captures")
}

pub fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).expect("the recordings");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".jsonl")?.to_owned())).collect();
    names.sort();
    names
}

/// One connection of a recording.
pub struct Recording {
    name: String,
    uid: String,
    private: [u8; 32],
    /// The version that its CONNECT asks for.
    asked: u8,
    /// When the client wrote, and which part of its stream.
    out: Vec<(u64, Range<usize>)>,
    stream: Vec<u8>,
    /// Up to here the stream is adapted to this session.
    adapted: usize,
    /// What it got, decoded, with the time of its socket message.
    got: Vec<(u64, Value)>,
    closed: Option<(u64, String)>,
    /// The session as it was.
    version: ProtocolVersion,
    cipher: Cipher,
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).expect("hexadecimal") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

impl Recording {
    pub fn read(name: &str) -> Recording {
        let text = std::fs::read_to_string(folder().join(format!("{name}.jsonl"))).expect(name);
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let head = lines.next().expect("a first line");
        let private = unhex(head["clientPrivateKey"].as_str().expect("a key")).try_into().expect("32 bytes");
        let asked = head["protocol"].as_u64().expect("a version") as u8;
        let mut recording = Recording {
            name: name.to_owned(),
            uid: head["uid"].as_str().expect("a uid").to_owned(),
            private,
            asked,
            out: Vec::new(),
            stream: Vec::new(),
            adapted: 0,
            got: Vec::new(),
            closed: None,
            version: ProtocolVersion(asked),
            cipher: Cipher::plain(),
        };
        let mut at = (0, false);
        for line in lines {
            let ms = line["ms"].as_u64().unwrap_or(0);
            if let Some(closed) = line.get("closed") {
                assert!(closed.is_object());
                recording.closed = Some((ms, line["how"].as_str().expect("how").to_owned()));
            } else if let Some(expect) = line.get("expect") {
                if at.1 && SERVER.contains(&expect["kind"].as_str().unwrap_or_default()) {
                    recording.expect(at.0, expect);
                }
            } else if let Some(hex) = line.get("hex") {
                let inbound = line["dir"] == json!("in");
                // Decoded views follow the lines that they belong to, and a line out may come between.
                at = (ms, inbound || at.1);
                if !inbound && !line["op"].as_str().is_some_and(|op| op.starts_with("ws")) {
                    let start = recording.stream.len();
                    recording.stream.extend(unhex(hex.as_str().expect("hexadecimal")));
                    recording.out.push((ms, start..recording.stream.len()));
                }
            }
        }
        recording
    }

    fn expect(&mut self, ms: u64, expect: &Value) {
        if expect["kind"] == json!("CONNACK") && expect["reasonCode"] == json!(1) {
            if let Some(version) = expect["serverVersion"].as_u64() {
                self.version = ProtocolVersion(version as u8);
            }
            let text = |name: &str| Text::from(expect[name].as_str().expect("text"));
            let pair = KeyPair::from_seed(self.private);
            self.cipher = pair.agree(&text("serverKey"), &text("salt")).expect("a fair key");
        }
        self.got.push((ms, expect.clone()));
    }

    fn recvs(&self) -> impl Iterator<Item = (u64, &Value)> {
        self.got.iter().filter(|(_, value)| value["kind"] == json!("RECV")).map(|(ms, value)| (*ms, value))
    }
}

/// The kinds that a server sends.
const SERVER: &[&str] = &["CONNACK", "SENDACK", "RECV", "PONG", "DISCONNECT", "EVENT"];

/// What is due when the clock gets there.
enum Action {
    Open(usize),
    Write(usize, Range<usize>),
    HangUp(usize),
    Call(HttpRequest),
    Connect { uid: String, device: String, token: String },
    Ghost(Box<Send>, String),
}

pub struct Play {
    world: World,
    recordings: Vec<Recording>,
    actions: BTreeMap<(u64, usize), VecDeque<Action>>,
    conns: Vec<Option<ConnId>>,
    ghosts: BTreeMap<String, ConnId>,
    until: u64,
}

impl Play {
    pub fn new(world: World, recordings: Vec<Recording>) -> Play {
        let mut play = Play {
            world,
            conns: vec![None; recordings.len()],
            recordings: Vec::new(),
            actions: BTreeMap::new(),
            ghosts: BTreeMap::new(),
            until: 0,
        };
        play.summon(&recordings);
        for (at, recording) in recordings.iter().enumerate() {
            play.add(0, 0, Action::Open(at));
            for (ms, part) in &recording.out {
                play.add(*ms, 2, Action::Write(at, part.clone()));
            }
            let last = recording.out.iter().map(|(ms, _)| *ms).chain(recording.got.iter().map(|(ms, _)| *ms)).max();
            match &recording.closed {
                Some((ms, how)) if how == "local" => play.add(*ms, 3, Action::HangUp(at)),
                Some((ms, _)) => play.until = play.until.max(ms + ms / 10 + 100),
                None => {}
            }
            play.until = play.until.max(last.unwrap_or(0) + 100);
        }
        play.recordings = recordings;
        play
    }

    fn add(&mut self, ms: u64, order: usize, action: Action) {
        self.actions.entry((ms, order)).or_default().push_back(action);
        self.until = self.until.max(ms);
    }

    pub fn call_at(&mut self, ms: u64, call: HttpRequest) {
        self.add(ms, 1, Action::Call(call));
    }

    pub fn connect_at(&mut self, ms: u64, uid: &str, device: &str, token: &str) {
        let (uid, device, token) = (uid.to_owned(), device.to_owned(), token.to_owned());
        self.add(ms, 1, Action::Connect { uid, device, token });
    }

    /// Messages whose senders were not recorded are sent by ghosts: by the API where it was the API, else by a
    /// connection of the sender.
    fn summon(&mut self, recordings: &[Recording]) {
        let sendacks = recordings.iter().flat_map(|recording| &recording.got);
        let own: BTreeSet<&str> = sendacks
            .filter(|(_, value)| value["kind"] == json!("SENDACK") && value["reasonCode"] == json!(1))
            .filter_map(|(_, value)| value["messageID"].as_str())
            .collect();
        let mut seen: BTreeMap<&str, (u64, Vec<View>)> = BTreeMap::new();
        for recording in recordings {
            for (ms, recv) in recording.recvs() {
                let id = recv["messageID"].as_str().expect("an id");
                if !own.contains(id) {
                    let entry = seen.entry(id).or_insert((ms, Vec::new()));
                    entry.0 = entry.0.min(ms);
                    entry.1.push((recording, recv));
                }
            }
        }
        // A little before it was seen, since every connection has a clock of its own, and in the order of their ids.
        let mut latest = u64::MAX;
        let mut ghosts: Vec<(u64, Ghost)> = Vec::new();
        for (ms, views) in seen.into_values().rev() {
            latest = latest.min(ms.saturating_sub(2).max(1));
            ghosts.push((latest, Ghost::of(&views)));
        }
        for (ms, ghost) in ghosts.into_iter().rev() {
            if ghost.by_api {
                self.add(ms, 1, Action::Call(ghost.call(recordings[0].name.starts_with("v3"))));
            } else {
                let (send, from) = ghost.send();
                self.add(ms, 1, Action::Ghost(Box::new(send), from));
            }
        }
    }

    /// Plays everything, and says what differs.
    pub fn run(mut self) -> Vec<String> {
        let ghosts: BTreeSet<String> = self
            .actions
            .values()
            .flatten()
            .filter_map(|action| match action {
                Action::Ghost(_, from) => Some(from.clone()),
                _ => None,
            })
            .collect();
        for uid in ghosts {
            let conn = self.world.connect(&uid, "a ghost");
            self.ghosts.insert(uid, conn);
        }
        let begin = self.world.now;
        while let Some(((ms, _), actions)) = self.actions.pop_first() {
            self.advance_to(begin + Millis(ms));
            for action in actions {
                self.perform(action);
            }
        }
        self.advance_to(begin + Millis(self.until));
        assert!(begin >= START);
        self.compare(begin)
    }

    fn advance_to(&mut self, at: Millis) {
        let span = at.since(self.world.now);
        self.world.wait(span.0);
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Open(at) => {
                let pair = KeyPair::from_seed(self.recordings[at].private);
                let conn = self.world.open_with(pair);
                self.world.client_mut(conn).speak(self.recordings[at].asked);
                self.conns[at] = Some(conn);
            }
            Action::Write(at, part) => {
                let Some(conn) = self.conns[at] else { return };
                if self.world.client(conn).closed.is_none() {
                    self.adapt(at, conn, part.end);
                    let bytes = self.recordings[at].stream[part].to_vec();
                    self.world.input(Input::Message(conn, bytes));
                }
            }
            Action::HangUp(at) => {
                let Some(conn) = self.conns[at] else { return };
                if self.world.client(conn).closed.is_none() {
                    self.world.close(conn);
                }
            }
            Action::Call(call) => {
                self.world.call(call);
            }
            Action::Connect { uid, device, token } => {
                self.world.connect_as(&uid, &device, &token, 1, 5);
            }
            Action::Ghost(mut send, from) => {
                let conn = self.ghosts[&from];
                self.world.client(conn).cipher().seal_send(&mut send);
                self.world.send_packet(conn, &Packet::Send(*send));
            }
        }
    }

    /// Makes the packets that begin before `end` fit this session: SENDs are sealed anew if they could be opened in
    /// theirs, RECVACKs get the id that the message has here. Lengths do not change, so nothing else does.
    fn adapt(&mut self, at: usize, conn: ConnId, end: usize) {
        let ids = self.ids(at, conn);
        let cipher = self.world.client(conn).cipher();
        let recording = &mut self.recordings[at];
        while recording.adapted < end
            && let Ok(Decoded::Packet(packet, consumed)) =
                decode(&recording.stream[recording.adapted..], recording.version)
        {
            let part = &mut recording.stream[recording.adapted..recording.adapted + consumed];
            match packet {
                Packet::Send(send) => {
                    if let Ok(plaintext) = recording.cipher.open_send(&send) {
                        let mut anew = Send { payload: plaintext, ..send.clone() };
                        cipher.seal_send(&mut anew);
                        replace(part, send.msg_key.as_bytes(), anew.msg_key.as_bytes());
                        replace(part, &send.payload, &anew.payload);
                    }
                }
                Packet::Recvack(ack) => {
                    let here = ids.get(&ack.message_id).copied().unwrap_or(ack.message_id);
                    replace(part, &ack.message_id.0.to_be_bytes(), &here.0.to_be_bytes());
                }
                _ => {}
            }
            recording.adapted += consumed;
        }
    }

    /// The messages of one connection, there and here, by what they say.
    fn ids(&self, at: usize, conn: ConnId) -> BTreeMap<MessageId, MessageId> {
        let here = self.world.client(conn);
        let there = self.recordings[at].recvs().filter_map(|(_, value)| value["messageID"].as_str()?.parse().ok());
        there.zip(here.recvs()).map(|(there, here)| (there, here.message_id)).collect()
    }

    fn compare(&self, begin: Millis) -> Vec<String> {
        let mut found = Vec::new();
        let mut same: BTreeMap<String, String> = BTreeMap::new();
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for (at, recording) in self.recordings.iter().enumerate() {
            let Some(conn) = self.conns[at] else { continue };
            let client = self.world.client(conn);
            for kind in SERVER {
                let there: Vec<&Value> =
                    recording.got.iter().map(|(_, value)| value).filter(|value| value["kind"] == json!(kind)).collect();
                let here: Vec<Value> =
                    client.packets.iter().map(view).filter(|value| value["kind"] == json!(kind)).collect();
                if there.len() != here.len() {
                    found.push(format!("{}: {} {kind} instead of {}", recording.name, here.len(), there.len()));
                }
                for (number, (there, here)) in there.iter().zip(&here).enumerate() {
                    let mut differences = Vec::new();
                    differ(there, here, &mut differences);
                    if let (Some(a), Some(b)) = (there["messageID"].as_str(), here["messageID"].as_str()) {
                        let known = same.entry(a.to_owned()).or_insert_with(|| b.to_owned()).clone();
                        let new = taken.insert(b.to_owned());
                        if known != b || (new && same.values().filter(|id| *id == b).count() > 1) {
                            differences.push(format!("messageID {a} is {b} here and {known} before"));
                        }
                    }
                    for difference in differences {
                        found.push(format!("{}: {kind} {}: {difference}", recording.name, number + 1));
                    }
                }
            }
            let closed = client.closed.map(|(when, how)| (when.since(begin).0, how));
            if let Some(difference) = compare_close(recording, closed) {
                found.push(format!("{}: {difference}", recording.name));
            }
        }
        found
    }
}

fn compare_close(recording: &Recording, here: Option<(u64, CloseHow)>) -> Option<String> {
    let there = recording.closed.as_ref().filter(|(_, how)| how != "local");
    match (there, here) {
        (None, None) => None,
        (None, Some(_)) => Some("closed here".to_owned()),
        // The process died a minute or less after the message that kills it.
        (Some(_), None) if recording.name == "v215-send-empty-channel-id" => None,
        (Some((ms, how)), None) => Some(format!("not closed, there after {ms} ms by {how}")),
        (Some((ms, how)), Some((here, by))) => {
            let expected = if how == "closeframe" { CloseHow::Frame(1000) } else { CloseHow::Cut };
            // A refusal takes a loaded machine up to 60 ms.
            let near = here.abs_diff(*ms) <= 70 + ms / 50;
            (by != expected || !near).then(|| format!("closed {by:?} after {here} ms, there {how} after {ms}"))
        }
    }
}

/// Exactly one place, unless there is nothing to look for.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    if old.is_empty() || old.len() != new.len() {
        return;
    }
    if let Some(at) = bytes.windows(old.len()).rposition(|window| window == old) {
        bytes[at..at + old.len()].copy_from_slice(new);
    }
}

/// A packet in the notation of the recordings.
fn view(packet: &Packet) -> Value {
    let text = |text: &Text| json!(text.to_string_lossy());
    match packet {
        Packet::Connack(connack) => json!({
            "kind": "CONNACK",
            "serverVersion": connack.server_version.map(|version| version.0),
            "reasonCode": connack.reason.0,
            "nodeId": connack.node_id,
        }),
        Packet::Sendack(ack) => json!({
            "kind": "SENDACK",
            "flags": ack.flags.bits(),
            "messageID": ack.message_id.to_string(),
            "clientSeq": ack.client_seq.0,
            "messageSeq": ack.message_seq.0,
            "reasonCode": ack.reason.0,
            "trailingClientMsgNo": ack.client_msg_no.as_ref().map(text),
        }),
        Packet::Recv(recv) => json!({
            "kind": "RECV",
            "flags": recv.flags.bits(),
            "setting": recv.setting.0,
            "fromUID": text(&recv.from_uid),
            "channelID": text(&recv.channel_id),
            "channelType": recv.channel_type.0,
            "expire": recv.expire,
            "clientMsgNo": text(&recv.client_msg_no),
            "messageID": recv.message_id.to_string(),
            "messageSeq": recv.message_seq.0,
            "topic": recv.topic.as_ref().map(text),
            "plaintext": String::from_utf8_lossy(&recv.payload),
            "plaintextLen": recv.payload.len(),
        }),
        Packet::Disconnect(disconnect) => json!({
            "kind": "DISCONNECT",
            "flags": disconnect.flags.bits(),
            "reasonCode": disconnect.reason.0,
            "reason": text(&disconnect.reason_text),
        }),
        Packet::Pong => json!({ "kind": "PONG", "flags": 0 }),
        other => json!({ "kind": other.kind().to_string() }),
    }
}

/// What a server chooses, and what the reader of the recording added.
const CHOSEN: &[&str] = &[
    "timeDiff",
    "serverKey",
    "salt",
    "aesKey",
    "msgKey",
    "msgKeyOk",
    "timestamp",
    "plaintextMd5",
    "streamId",
    "streamNo",
    "streamFlag",
];

fn differ(there: &Value, here: &Value, found: &mut Vec<String>) {
    for (name, wanted) in there.as_object().into_iter().flatten() {
        let got = &here[name.as_str()];
        let generated = |value: &Value| value.as_str().is_some_and(is_generated);
        let fine = CHOSEN.contains(&name.as_str())
            || wanted == got
            || (name == "flags" && there["kind"] == json!("CONNACK"))
            || (name == "clientMsgNo" && generated(wanted) && generated(got))
            || (name == "messageID" && (wanted == &json!("0")) == (got == &json!("0")));
        if !fine {
            found.push(format!("{name} is {got} instead of {wanted}"));
        }
    }
    for name in ["topic", "trailingClientMsgNo", "serverVersion", "nodeId"] {
        if there.get(name).is_none() && here.get(name).is_some_and(|value| !value.is_null()) {
            found.push(format!("{name} is new"));
        }
    }
}

fn is_generated(name: &str) -> bool {
    name.len() == 33 && name.chars().all(|c| c.is_ascii_hexdigit())
}

/// A message as one receiver saw it.
type View<'a> = (&'a Recording, &'a Value);

/// A message as its receivers saw it, and so as it must have been sent.
struct Ghost {
    by_api: bool,
    from: String,
    to: String,
    kind: u8,
    flags: Flags,
    recv: Value,
}

impl Ghost {
    fn of(views: &[View]) -> Ghost {
        let recv = views[0].1;
        let from = recv["fromUID"].as_str().expect("a sender").to_owned();
        let name = recv["clientMsgNo"].as_str().expect("a name");
        let kind = recv["channelType"].as_u64().expect("a type") as u8;
        let bits = views.iter().fold(0, |bits, (_, view)| bits | view["flags"].as_u64().expect("flags") as u8);
        let named = recv["channelID"].as_str().expect("a channel");
        let channel = named.trim_end_matches("____cmd");
        // To a person: whoever got it and did not send it, else the one whom the sender's other device names.
        let other = views.iter().map(|(recording, _)| recording.uid.as_str()).find(|uid| *uid != from);
        let to = if kind == 1 { other.unwrap_or(channel) } else { channel };
        let unnamed = name.is_empty() && recv["plaintext"].as_str().is_some_and(|text| text.contains("\"gen\""));
        let by_api = name.starts_with("api-")
            || name.starts_with("cmd-")
            || is_generated(name)
            || unnamed
            || from.is_empty()
            || from == "____system";
        let mut flags = Flags::from_bits(bits);
        flags.sync_once |= named != channel;
        Ghost { by_api, to: to.to_owned(), from, kind, flags, recv: recv.clone() }
    }

    fn text(&self, name: &str) -> String {
        self.recv[name].as_str().unwrap_or_default().to_owned()
    }

    fn call(&self, v3: bool) -> HttpRequest {
        let name = self.text("clientMsgNo");
        let command = self.flags.sync_once;
        let lost = self.flags.no_persist || (v3 && command && self.recv["messageSeq"] == json!(0));
        let mut body = json!({
            "header": {
                "no_persist": u8::from(lost),
                "red_dot": u8::from(self.flags.red_dot),
                "sync_once": u8::from(command),
            },
            "from_uid": self.from,
            "client_msg_no": if is_generated(&name) { "" } else { &name },
            "expire": self.recv["expire"],
            "payload": base64(self.text("plaintext").as_bytes()),
        });
        if self.kind == 8 {
            body["subscribers"] = json!(["rvB", "rvC"]);
        } else {
            body["channel_id"] = json!(self.to);
            body["channel_type"] = json!(self.kind);
        }
        HttpRequest::post("/message/send", &body)
    }

    fn send(&self) -> (Send, String) {
        let topic = self.recv["topic"].as_str();
        let send = Send {
            flags: Flags { dup: false, ..self.flags },
            setting: Setting(self.recv["setting"].as_u64().unwrap_or(0) as u8),
            client_seq: jindou::id::ClientSeq(1),
            client_msg_no: Text::from(self.text("clientMsgNo")),
            stream_no: None,
            channel_id: Text::from(self.to.as_str()),
            channel_type: ChannelType(self.kind),
            expire: self.recv["expire"].as_u64().unwrap_or(0) as u32,
            msg_key: Text::new(),
            topic: topic.map(Text::from),
            payload: self.text("plaintext").into_bytes(),
        };
        (send, self.from.clone())
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
