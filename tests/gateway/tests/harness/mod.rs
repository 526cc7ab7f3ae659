//! A clock, a few clients and a gateway, for tests: whole connections in virtual time, packets in clear.
#![allow(dead_code)] // Each test file uses its part.

use jindou::id::{ChannelType, ClientSeq, DeviceFlag};
use jindou::wire::cipher::{Cipher, KeyPair};
use jindou::wire::{
    Connack, Connect, Deframer, Flags, Packet, ProtocolVersion, ReasonCode, Recv, Recvack, Send, Sendack, Setting,
    Text, encode,
};
use jindou_gateway::{
    CloseHow, Config, ConnId, Gateway, HttpRequest, HttpResponse, Input, Millis, Output, RequestId, Row,
};
use serde_json::Value;
use std::collections::BTreeMap;

pub const START: Millis = Millis(1_795_308_000_000);

/// What a client saw of its connection.
pub struct Client {
    pub conn: ConnId,
    pub packets: Vec<Packet>,
    pub messages: Vec<Vec<u8>>,
    pub closed: Option<(Millis, CloseHow)>,
    deframer: Deframer,
    version: ProtocolVersion,
    pair: KeyPair,
    cipher: Cipher,
    client_seq: u32,
}

pub struct World {
    pub gateway: Gateway,
    pub now: Millis,
    pub rows: Vec<Row>,
    pub crashed: bool,
    clients: BTreeMap<ConnId, Client>,
    responses: BTreeMap<RequestId, HttpResponse>,
    next: u64,
}

impl World {
    pub fn new(config: Config) -> World {
        World::with_entropy(config, [7; 32])
    }

    pub fn with_entropy(config: Config, entropy: [u8; 32]) -> World {
        World {
            gateway: Gateway::new(config, entropy),
            now: START,
            rows: Vec::new(),
            crashed: false,
            clients: BTreeMap::new(),
            responses: BTreeMap::new(),
            next: 0,
        }
    }

    pub fn input(&mut self, input: Input) {
        self.gateway.handle(self.now, input);
        while let Some(output) = self.gateway.poll_output() {
            match output {
                Output::Send(conn, bytes) => {
                    self.clients.get_mut(&conn).expect("a message for an open connection").receive(&bytes);
                }
                Output::Close(conn, how) => {
                    let now = self.now;
                    self.clients.get_mut(&conn).expect("an open connection is closed").closed = Some((now, how));
                }
                Output::Respond(request, response) => {
                    self.responses.insert(request, response);
                }
                Output::Persist(row) => self.rows.push(row),
                Output::Crash => self.crashed = true,
            }
        }
    }

    /// Lets the clock run, from one deadline of the gateway to the next.
    pub fn wait(&mut self, ms: u64) {
        let until = self.now + Millis(ms);
        while let Some(at) = self.gateway.poll_timeout()
            && at <= until
        {
            self.now = self.now.max(at);
            self.input(Input::Timeout);
        }
        self.now = until;
    }

    pub fn wait_until_closed(&mut self, conn: ConnId, most: u64) -> Option<(Millis, CloseHow)> {
        let until = self.now + Millis(most);
        while self.client(conn).closed.is_none()
            && let Some(at) = self.gateway.poll_timeout()
            && at <= until
        {
            self.now = self.now.max(at);
            self.input(Input::Timeout);
        }
        self.client(conn).closed
    }

    pub fn open(&mut self) -> ConnId {
        self.next += 1;
        let conn = ConnId(self.next);
        let mut seed = [3; 32];
        seed[..8].copy_from_slice(&self.next.to_le_bytes());
        self.clients.insert(conn, Client::new(conn, KeyPair::from_seed(seed)));
        self.input(Input::Opened(conn));
        conn
    }

    /// As `open`, with a key pair of the caller's.
    pub fn open_with(&mut self, pair: KeyPair) -> ConnId {
        let conn = self.open();
        self.client_mut(conn).pair = pair;
        conn
    }

    pub fn connect(&mut self, uid: &str, device: &str) -> ConnId {
        self.connect_as(uid, device, "", 1, 6)
    }

    pub fn connect_as(&mut self, uid: &str, device: &str, token: &str, flag: u8, version: u8) -> ConnId {
        let conn = self.open();
        let connect = self.connect_packet(conn, uid, device, token, flag, version);
        self.send_packet(conn, &connect);
        conn
    }

    pub fn connect_packet(&self, conn: ConnId, uid: &str, device: &str, token: &str, flag: u8, version: u8) -> Packet {
        Packet::Connect(Connect {
            flags: Flags::default(),
            version: ProtocolVersion(version),
            device_flag: DeviceFlag(flag),
            device_id: Text::from(device),
            uid: Text::from(uid),
            token: Text::from(token),
            client_timestamp: i64::try_from(self.now.0).expect("a time of our days"),
            client_key: self.client(conn).pair.public_key(),
        })
    }

    pub fn client(&self, conn: ConnId) -> &Client {
        &self.clients[&conn]
    }

    pub fn client_mut(&mut self, conn: ConnId) -> &mut Client {
        self.clients.get_mut(&conn).expect("a client of this world")
    }

    pub fn bytes_of(&self, conn: ConnId, packet: &Packet) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(packet, self.client(conn).version, &mut bytes).expect("a packet that can be encoded");
        bytes
    }

    pub fn send_packet(&mut self, conn: ConnId, packet: &Packet) {
        let bytes = self.bytes_of(conn, packet);
        self.input(Input::Message(conn, bytes));
    }

    /// A SEND of text, sealed, ready to go.
    pub fn message(&mut self, conn: ConnId, to: &str, kind: ChannelType, client_msg_no: &str, text: &str) -> Packet {
        let client = self.client_mut(conn);
        client.client_seq += 1;
        let mut send = Send {
            flags: Flags { red_dot: true, ..Flags::default() },
            setting: Setting(0),
            client_seq: ClientSeq(client.client_seq),
            client_msg_no: Text::from(client_msg_no),
            stream_no: None,
            channel_id: Text::from(to),
            channel_type: kind,
            expire: 0,
            msg_key: Text::new(),
            topic: None,
            payload: text.as_bytes().to_vec(),
        };
        client.cipher.seal_send(&mut send);
        Packet::Send(send)
    }

    pub fn say(
        &mut self,
        conn: ConnId,
        to: &str,
        kind: ChannelType,
        client_msg_no: &str,
        text: &str,
    ) -> Option<Sendack> {
        let packet = self.message(conn, to, kind, client_msg_no, text);
        let before = self.client(conn).packets.len();
        self.send_packet(conn, &packet);
        // Version 3 reads after a millisecond.
        self.wait(1);
        self.client(conn).packets[before..].iter().find_map(|packet| match packet {
            Packet::Sendack(ack) => Some(ack.clone()),
            _ => None,
        })
    }

    pub fn ack(&mut self, conn: ConnId, recv: &Recv) {
        let ack = Recvack { flags: recv.flags, message_id: recv.message_id, message_seq: recv.message_seq };
        self.send_packet(conn, &Packet::Recvack(ack));
    }

    pub fn close(&mut self, conn: ConnId) {
        self.input(Input::Closed(conn));
    }

    pub fn call(&mut self, request: HttpRequest) -> (u16, Value) {
        let id = self.ask(request);
        let response = self.answer(id).expect("an answer at once");
        (response.status, response.value().unwrap_or(Value::Null))
    }

    pub fn ask(&mut self, request: HttpRequest) -> RequestId {
        self.next += 1;
        let id = RequestId(self.next);
        self.input(Input::Http(id, request));
        id
    }

    pub fn answer(&self, request: RequestId) -> Option<&HttpResponse> {
        self.responses.get(&request)
    }

    pub fn post(&mut self, path: &str, body: Value) -> Value {
        let (status, value) = self.call(HttpRequest::post(path, &body));
        assert_eq!(status, 200, "{path}: {value}");
        value
    }
}

impl Client {
    fn new(conn: ConnId, pair: KeyPair) -> Client {
        Client {
            conn,
            packets: Vec::new(),
            messages: Vec::new(),
            closed: None,
            deframer: Deframer::new(),
            version: ProtocolVersion::LATEST,
            pair,
            cipher: Cipher::plain(),
            client_seq: 0,
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.messages.push(bytes.to_vec());
        self.deframer.push(bytes);
        // Bytes that a fault has spoiled are for the test to look at.
        while let Ok(Some(packet)) = self.deframer.next(self.version) {
            let packet = match packet {
                Packet::Recv(mut recv) => {
                    let opened = self.cipher.open(std::slice::from_ref(&recv));
                    recv.payload = opened.into_iter().next().expect("one for one").expect("a RECV that can be opened");
                    Packet::Recv(recv)
                }
                Packet::Connack(connack) => {
                    self.established(&connack);
                    Packet::Connack(connack)
                }
                other => other,
            };
            self.packets.push(packet);
        }
    }

    fn established(&mut self, connack: &Connack) {
        if connack.reason == ReasonCode::SUCCESS {
            self.version = connack.server_version.unwrap_or(self.version);
            self.cipher = self.pair.agree(&connack.server_key, &connack.salt).expect("a fair key");
        }
    }

    /// Speaks an older version from CONNECT on.
    pub fn speak(&mut self, version: u8) {
        self.version = ProtocolVersion(version);
    }

    pub fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    pub fn connack(&self) -> Option<&Connack> {
        self.packets.iter().find_map(|packet| match packet {
            Packet::Connack(connack) => Some(connack),
            _ => None,
        })
    }

    pub fn is_connected(&self) -> bool {
        self.connack().is_some_and(|connack| connack.reason == ReasonCode::SUCCESS)
    }

    pub fn recvs(&self) -> Vec<&Recv> {
        self.packets
            .iter()
            .filter_map(|packet| match packet {
                Packet::Recv(recv) => Some(recv),
                _ => None,
            })
            .collect()
    }

    pub fn texts(&self) -> Vec<String> {
        self.recvs().iter().map(|recv| String::from_utf8_lossy(&recv.payload).into_owned()).collect()
    }

    pub fn count(&self, wanted: &Packet) -> usize {
        self.packets.iter().filter(|packet| *packet == wanted).count()
    }
}
