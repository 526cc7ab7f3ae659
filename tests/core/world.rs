//! A client, its disk, and a server at the other end that only does what a story tells it to.

use std::collections::VecDeque;

use jindou::channel::{Channel, ClientMsgNo};
use jindou::client::{
    BatchId, Client, Command, ConnectionId, ConnectionView, Event, FetchFailure, Input, Output, QueryId, Reply,
    RequestId, SendOptions, Socket, Ticket,
};
use jindou::config::Config;
use jindou::error::Error;
use jindou::id::{ChannelType, ClientSeq, MessageId, MessageSeq};
use jindou::request::{Request, Response};
use jindou::rows::{Batch, Epoch, Query, StoreFailure};
use jindou::store::MemoryStore;
use jindou::time::{Millis, Mono, Now, Wall};
use jindou::wire::{
    self, Cipher, Connack, Deframer, Flags, KeyPair, Packet, ProtocolVersion, ReasonCode, Recv, Setting, Text,
};

pub struct World {
    pub client: Client,
    pub disk: MemoryStore,
    pub now: Now,
    pub config: Config,
    epoch: u64,
    inputs: VecDeque<Input>,
    tickets: u64,
    pub settled: Vec<(Ticket, Result<Reply, Error>)>,
    pub events: Vec<Event>,
    /// Addresses that were called, oldest first.
    pub dialled: Vec<String>,
    /// Connections that the client closed.
    pub closed: Vec<ConnectionId>,
    pub connection: Option<ConnectionId>,
    pub requests: Vec<(RequestId, Request)>,
    /// What the disk was asked, since the last reload.
    pub queries: Vec<Query>,
    /// Whole packets that came from the client, of all connections.
    pub sent: Vec<Packet>,
    deframer: Deframer,
    keys: KeyPair,
    cipher: Option<Cipher>,
    /// What the server speaks.
    pub version: ProtocolVersion,
    /// The server answers CONNECT and PING by itself.
    pub polite: bool,
    pub answers_ping: bool,
    /// The server has its encryption switched off.
    pub plain: bool,
    /// How long CONNECT is on its way.
    pub way_up: Millis,
    /// Our clock is put by so much meanwhile.
    pub put_on_the_way: i64,
    /// The server's clock before ours, in milliseconds.
    pub ahead: i64,
    /// Batches wait here in place of being stored.
    pub hold_stores: bool,
    pub held: Vec<(BatchId, Batch)>,
    pub fail_stores: bool,
    /// The disk keeps a batch and tells that it failed.
    pub fail_stored: bool,
    /// Questions to the disk wait.
    pub hold_loads: bool,
    pub fail_loads: bool,
    held_loads: Vec<(QueryId, Query)>,
    pub addresses: Vec<String>,
    /// The one who names the addresses is silent.
    pub hold_addresses: bool,
}

pub const START: i64 = 1_700_000_000_000;

impl World {
    /// Without a business server, so that nothing is asked but token and gateway.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// With a business server, and connected to one of several nodes.
    pub fn in_a_cluster() -> Self {
        let mut world = Self::with(|config| config.business = true);
        world.addresses.push("ws://two".to_owned());
        world.connect();
        world
    }

    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new("bob");
        config.business = false;
        change(&mut config);
        let config = config.check().expect("a good configuration");
        let mut world = Self {
            client: Client::new(config.clone(), Epoch(1), [5; 32]),
            disk: MemoryStore::default(),
            now: Now { mono: Mono(1_000), wall: Wall(START) },
            config,
            epoch: 1,
            inputs: VecDeque::new(),
            tickets: 0,
            settled: Vec::new(),
            events: Vec::new(),
            dialled: Vec::new(),
            closed: Vec::new(),
            connection: None,
            requests: Vec::new(),
            queries: Vec::new(),
            sent: Vec::new(),
            deframer: Deframer::new(),
            keys: KeyPair::from_seed([9; 32]),
            cipher: None,
            version: ProtocolVersion(5),
            polite: true,
            answers_ping: true,
            plain: false,
            way_up: Millis(0),
            put_on_the_way: 0,
            ahead: 0,
            hold_stores: false,
            held: Vec::new(),
            fail_stores: false,
            fail_stored: false,
            hold_loads: false,
            fail_loads: false,
            held_loads: Vec::new(),
            addresses: vec!["ws://one".to_owned()],
            hold_addresses: false,
        };
        world.run();
        world
    }

    /// The tab dies and comes back; the disk stays.
    pub fn reload(&mut self) {
        self.epoch += 1;
        self.client = Client::new(self.config.clone(), Epoch(self.epoch), [6; 32]);
        self.inputs.clear();
        self.held.clear();
        self.requests.clear();
        self.queries.clear();
        self.connection = None;
        self.run();
    }

    pub fn call(&mut self, command: Command) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.feed(Input::Command(ticket, command));
        ticket
    }

    pub fn connect(&mut self) -> Ticket {
        self.call(Command::Connect)
    }

    pub fn send(&mut self, channel: Channel, number: &str, content: &str) -> Ticket {
        self.call(Command::Send {
            channel,
            client_msg_no: ClientMsgNo::from(number),
            content: content.as_bytes().to_vec(),
            options: SendOptions { red_dot: true, ..SendOptions::default() },
        })
    }

    pub fn outcome(&self, ticket: Ticket) -> Option<&Result<Reply, Error>> {
        self.settled.iter().find(|(settled, _)| *settled == ticket).map(|(_, outcome)| outcome)
    }

    pub fn feed(&mut self, input: Input) {
        self.inputs.push_back(input);
        self.run();
    }

    /// Lets time pass, timer by timer.
    pub fn pass(&mut self, span: Millis) {
        let until = self.now.mono + span;
        for _ in 0..100_000 {
            match self.client.poll_timeout() {
                Some((due, _)) if due <= until => {
                    self.advance(due.max(self.now.mono));
                    self.feed(Input::Timeout);
                }
                _ => return self.advance(until),
            }
        }
        panic!("the timers spin");
    }

    fn advance(&mut self, to: Mono) {
        self.now.wall.0 += (to.0 - self.now.mono.0) as i64;
        self.now.mono = to;
    }

    pub fn run(&mut self) {
        loop {
            while let Some(output) = self.client.poll_output() {
                self.perform(output);
            }
            let Some(input) = self.inputs.pop_front() else { return };
            self.client.handle(self.now, input);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Store(id, batch) if self.hold_stores => self.held.push((id, batch)),
            Output::Store(id, batch) => self.store(id, &batch),
            Output::Load(id, query) if self.hold_loads => self.held_loads.push((id, query)),
            Output::Load(id, _) if self.fail_loads => {
                let failure = StoreFailure::Failed("the disk cannot be read".to_owned());
                self.inputs.push_back(Input::Loaded(id, Err(failure)));
            }
            Output::Load(id, query) => {
                let answer = self.disk.answer(&query);
                self.inputs.push_back(Input::Loaded(id, Ok(answer)));
                self.queries.push(query);
            }
            Output::Fetch(id, Request::Token) => {
                self.inputs.push_back(Input::Fetched(id, Ok(Response::Token("token".to_owned()))));
            }
            Output::Fetch(id, Request::Gateway) if !self.hold_addresses => {
                self.inputs.push_back(Input::Fetched(id, Ok(Response::Gateway(self.addresses.clone()))));
            }
            Output::Fetch(id, request) => self.requests.push((id, request)),
            Output::Cancel(id) => self.requests.retain(|(open, _)| *open != id),
            Output::Connect(id, address) => {
                self.dialled.push(address);
                self.connection = Some(id);
                self.deframer = Deframer::new();
                if self.polite {
                    self.inputs.push_back(Input::Socket(id, Socket::Opened));
                }
            }
            Output::Transmit(id, bytes) => self.take(id, &bytes),
            Output::Close(id) => self.closed.push(id),
            Output::Settle(ticket, outcome) => {
                assert!(self.outcome(ticket).is_none(), "a promise settles once");
                self.settled.push((ticket, outcome));
            }
            Output::Event(event) => self.events.push(event),
            Output::Finished { .. } => {}
        }
    }

    fn store(&mut self, id: BatchId, batch: &Batch) {
        let outcome = if self.fail_stores {
            Err(StoreFailure::Failed("the disk is full".to_owned()))
        } else {
            self.disk.apply(batch)
        };
        let outcome = if self.fail_stored {
            outcome.and(Err(StoreFailure::Failed("the disk is gone".to_owned())))
        } else {
            outcome
        };
        self.inputs.push_back(Input::Stored(id, outcome));
    }

    /// Stores what was held back.
    pub fn let_stores_go(&mut self) {
        self.hold_stores = false;
        for (id, batch) in std::mem::take(&mut self.held) {
            self.store(id, &batch);
        }
        self.run();
    }

    /// Answers what was held back.
    pub fn let_loads_go(&mut self) {
        self.hold_loads = false;
        for (id, query) in std::mem::take(&mut self.held_loads) {
            self.perform(Output::Load(id, query));
        }
        self.run();
    }

    fn take(&mut self, id: ConnectionId, bytes: &[u8]) {
        self.deframer.push(bytes);
        while let Some(packet) = self.deframer.next(self.version).expect("the client sends packets") {
            match &packet {
                Packet::Connect(connect) if self.polite => {
                    self.advance(self.now.mono + self.way_up);
                    self.now.wall.0 += self.put_on_the_way;
                    let salt = Text::from("0123456789abcdef");
                    // An empty key is agreed upon by using none.
                    let key = if self.plain { Text::new() } else { connect.client_key.clone() };
                    self.cipher = Some(self.keys.agree(&key, &salt).expect("a good key"));
                    let server_key = if self.plain { Text::new() } else { self.keys.public_key() };
                    let connack = Packet::Connack(Connack {
                        server_version: Some(self.version),
                        time_diff: self.ahead + self.way_up.0 as i64,
                        reason: ReasonCode::SUCCESS,
                        server_key,
                        salt,
                        node_id: Some(1),
                    });
                    self.push(id, &connack);
                }
                Packet::Ping if self.polite && self.answers_ping => self.push(id, &Packet::Pong),
                _ => {}
            }
            self.sent.push(packet);
        }
    }

    fn push(&mut self, id: ConnectionId, packet: &Packet) {
        let mut bytes = Vec::new();
        wire::encode(packet, self.version, &mut bytes).expect("encodable");
        self.inputs.push_back(Input::Socket(id, Socket::Received(vec![bytes])));
    }

    /// The server says this on the present connection.
    pub fn say(&mut self, packet: Packet) {
        let id = self.connection.expect("a connection");
        self.push(id, &packet);
        self.run();
    }

    pub fn close_socket(&mut self) {
        let id = self.connection.expect("a connection");
        self.feed(Input::Socket(id, Socket::Closed));
    }

    /// A message of the group `g`, sealed for this connection.
    pub fn recv(&self, from: &str, number: &str, id: i64, seq: u64, content: &str) -> Recv {
        let mut recv = Recv {
            flags: Flags { red_dot: true, ..Flags::default() },
            setting: Setting(0),
            msg_key: Text::new(),
            from_uid: Text::from(from),
            channel_id: Text::from("g"),
            channel_type: ChannelType::GROUP,
            expire: 0,
            client_msg_no: Text::from(number),
            stream: None,
            message_id: MessageId(id),
            message_seq: MessageSeq(seq),
            timestamp: (START / 1000) as i32,
            topic: None,
            payload: content.as_bytes().to_vec(),
        };
        self.seal(&mut recv);
        recv
    }

    pub fn seal(&self, recv: &mut Recv) {
        self.cipher.as_ref().expect("a session").seal_recv(recv);
    }

    pub fn sends(&self) -> Vec<&wire::Send> {
        self.sent.iter().filter_map(|packet| if let Packet::Send(send) = packet { Some(send) } else { None }).collect()
    }

    pub fn acks(&self) -> Vec<MessageId> {
        let ack = |packet: &Packet| if let Packet::Recvack(ack) = packet { Some(ack.message_id) } else { None };
        self.sent.iter().filter_map(ack).collect()
    }

    pub fn ack(&mut self, client_seq: ClientSeq, id: i64, seq: u64, reason: u8) {
        self.say(Packet::Sendack(wire::Sendack {
            flags: Flags::default(),
            message_id: MessageId(id),
            client_seq,
            message_seq: MessageSeq(seq),
            reason: ReasonCode(reason),
            client_msg_no: None,
        }));
    }

    /// What the application was shown as new, by clientMsgNo.
    pub fn shown(&self) -> Vec<String> {
        let message = |event: &Event| match event {
            Event::Message { message, .. } => Some(message.client_msg_no.0.clone()),
            _ => None,
        };
        self.events.iter().filter_map(message).collect()
    }

    pub fn last_state(&self) -> Option<&ConnectionView> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Connection { connection } => Some(connection),
            _ => None,
        })
    }

    /// The newest page of a channel.
    pub fn page(&mut self, channel: Channel) -> Vec<jindou::client::MessageView> {
        let ticket = self.call(Command::Messages { channel, before: None, limit: 50 });
        match self.outcome(ticket) {
            Some(Ok(Reply::Messages { messages, .. })) => messages.clone(),
            other => panic!("no page: {other:?}"),
        }
    }

    /// Answers the oldest open request that the picker takes.
    pub fn answer(&mut self, pick: impl Fn(&Request) -> bool, response: Result<Response, FetchFailure>) -> Request {
        let at = self.requests.iter().position(|(_, request)| pick(request)).expect("nobody asked that");
        let (id, request) = self.requests.remove(at);
        self.feed(Input::Fetched(id, response));
        request
    }
}
