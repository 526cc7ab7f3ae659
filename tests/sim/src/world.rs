//! The simulated world: devices, network, gateway and business server, and one agenda that moves time on.
//!
//! One step: the earliest thing on the agenda happens, or the earliest timer fires; then whatever it set in motion is performed
//! at once. Everything is ordered by (time, order of scheduling), so the same seed gives the same story.

use std::collections::BTreeMap;

use jindou::channel::Channel;
use jindou::client::{Client, Command, ConnectionId, Input, Output, RequestId};
use jindou::config::Config;
use jindou::request::{FetchFailure, Request, Response};
use jindou::rows::Answer;
use jindou_business::rules::recall::Policy;
use jindou_business::rules::{Role, Span};
use jindou_gateway::{Channel as Shared, ConnId, Gateway, Generation, Input as Event, Millis, Output as Effect};

use crate::app::{App, Asked};
use crate::business::{Business, Port};
use crate::defect::Defect;
use crate::device::{Device, EPOCH};
use crate::dice::Dice;
use crate::disk::{Disk, Pending};
use crate::model::Model;
use crate::network::{Link, Trouble};
use crate::others::Others;
use crate::plan::{Faults, Plan};
use crate::privacy::Privacy;
use crate::probe::Probe;
use crate::server::{self, Server};
use crate::story::Story;
use crate::weather::{Sleep, Weather};

pub const PEOPLE: [&str; 2] = ["alice", "bob"];
pub const GROUP: &str = "team";
/// More steps than any run needs: a world that never comes to rest ends here.
const MOST_STEPS: u64 = 400_000;
/// Steps from one look into the memory to the next.
const MEMORY_EVERY: u64 = 16;
/// Timers at one instant; work that is due at once takes some.
const MOST_SPINS: u32 = 200;

/// One line of the story; a macro, so that it may name what else the world holds.
macro_rules! tell {
    ($world:expr, $($words:tt)*) => {
        $world.story.tell($world.now, format_args!($($words)*))
    };
}
pub(crate) use tell;

pub enum Happening {
    Knock(ConnId),
    Refused(usize, u32, ConnectionId),
    Up(ConnId, Vec<u8>),
    UpClosed(ConnId),
    DownOpened(ConnId),
    Down(ConnId, Vec<u8>),
    DownClosed(ConnId),
    HandOver(ConnId),
    LetGo(ConnId),
    Trouble(ConnId, Trouble),
    Disk(usize, u32),
    Request(usize, u32, RequestId),
    Response(usize, u32, RequestId, Box<Result<Response, FetchFailure>>),
    Act(usize),
    Open(usize),
    /// Reads every conversation.
    Look(usize),
    /// Is away until the network is whole.
    Sleep(usize),
    Rogue,
    AppCommand,
    /// A disk that answers nothing for so long.
    Stall(usize, u64),
    Bar(bool),
    SecondAddress(bool),
    Restart,
    Kick,
    LogIn(usize),
    BadToken(bool),
    Strand,
    Unstrand(Shared),
    TalkWithoutLeader(Shared),
    Other,
    NewGroup(u64),
    Leave,
    LeaveFrom(&'static str, String),
    Back(&'static str, String),
    Outage,
    Clock(usize),
    Doze(usize),
    Wake(usize),
    Full(usize, bool),
    Move,
    Flood(usize),
    ReadPage(usize, u32, Channel),
    Show(usize, u32, Channel),
}

pub struct World {
    pub plan: Plan,
    pub now: u64,
    pub dice: Dice,
    pub gateway: Gateway,
    pub server: Server,
    pub others: Others,
    pub weather: Weather,
    pub business: Business,
    pub devices: Vec<Device>,
    pub links: BTreeMap<ConnId, Link>,
    pub next_conn: u64,
    pub second_address_is_down: bool,
    pub model: Model,
    pub privacy: Privacy,
    pub probe: Probe,
    pub story: Story,
    pub violation: Option<String>,
    agenda: BTreeMap<(u64, u64), Happening>,
    order: u64,
    next_call: u64,
    /// What is to be given to a device once its outputs are performed.
    at_once: Vec<(usize, u32, Input)>,
}

impl World {
    pub fn new(plan: Plan, keep_story: bool, probe: Probe) -> World {
        let mut dice = Dice::new(plan.seed);
        let gateway = server::gateway(&plan, &mut dice);
        let addresses = vec!["ws://one".to_owned(), "ws://two".to_owned()];
        let spans = plan.windows.map(|(recall, restore)| (Span(recall as i64), Span(restore as i64)));
        let policy = spans.map_or_else(Policy::default, |(recall, restore)| Policy {
            recall_window: Some(recall),
            restore_window: Some(restore),
            ..Policy::default()
        });
        let business = Business::new(policy, addresses, plan.generation == Generation::V3);
        let mut world = World {
            now: 0,
            gateway,
            server: Server::default(),
            others: Others::default(),
            weather: Weather::default(),
            business,
            devices: Vec::new(),
            links: BTreeMap::new(),
            next_conn: 0,
            second_address_is_down: false,
            model: Model::default(),
            privacy: Privacy::default(),
            probe,
            story: Story::new(keep_story),
            violation: None,
            agenda: BTreeMap::new(),
            order: 0,
            next_call: 0,
            at_once: Vec::new(),
            dice,
            plan,
        };
        world.set_up();
        world
    }

    fn set_up(&mut self) {
        for person in PEOPLE {
            for flag in [1, 2] {
                self.with_port(|business, port| business.register(port, person, flag, &format!("token-{person}")));
                let skew = if self.dice.chance(500) { 0 } else { self.dice.between(0, 600_000) as i64 - 300_000 };
                let device = Device {
                    name: format!("{person}{flag}"),
                    person,
                    flag,
                    client: None,
                    life: 0,
                    disk: Disk::default(),
                    connections: BTreeMap::new(),
                    requests: BTreeMap::new(),
                    app: App::default(),
                    timer: None,
                    skew,
                    born: 0,
                    visible: true,
                    spins: 0,
                    timers: 0,
                    reading: false,
                    may_be_kicked: false,
                    kicked: false,
                    may_be_refused: false,
                    silences: 0,
                    token: None,
                    has_called: false,
                    stirred: false,
                    sleep: Sleep::default(),
                    commands: Vec::new(),
                    doubted: false,
                };
                self.devices.push(device);
            }
        }
        let members = [("alice", Role::Owner), ("bob", Role::Member)];
        self.with_port(|business, port| business.add_group(port, GROUP, &members));
        self.add_gateway_faults();
        self.plan_server();
        self.plan_others();
        self.plan_weather();
        self.plan_commands();
        let sleeper = self.plan.sleeper.then_some(self.devices.len() - 1);
        for device in 0..self.devices.len() {
            let at = self.dice.between(0, 2_000);
            if sleeper == Some(device) {
                self.schedule(0, Happening::Open(device));
                self.schedule(2_000, Happening::Look(device));
                self.schedule(3_000, Happening::Sleep(device));
                if let Some(back) = self.plan.back {
                    self.schedule(back, Happening::Open(device));
                    self.schedule(back + 1, Happening::Act(device));
                }
                continue;
            }
            let at = if sleeper.is_some() { at + 3_000 } else { at };
            self.schedule(at, Happening::Open(device));
            self.schedule(at + 1, Happening::Act(device));
        }
        if self.plan.forged {
            let at = self.dice.between(3_000, self.plan.chaos);
            self.schedule(at, Happening::Rogue);
        }
        if self.plan.refusals {
            let at = self.dice.between(2_000, self.plan.chaos / 2);
            self.schedule(at, Happening::Bar(true));
            let until = at + self.dice.between(1_000, self.plan.chaos / 2);
            self.schedule(until, Happening::Bar(false));
        }
        if self.dice.chance(200) {
            let at = self.dice.between(0, self.plan.chaos);
            self.schedule(at, Happening::SecondAddress(true));
        }
    }

    // ---- time ----

    pub fn schedule(&mut self, at: u64, happening: Happening) {
        self.order += 1;
        self.agenda.insert((at.max(self.now), self.order), happening);
    }

    /// Lets the world go on until `until`, or until something is wrong.
    pub fn run(&mut self, until: u64) {
        while self.violation.is_none() {
            let planned = self.agenda.keys().next().map(|(at, _)| *at);
            let gateway = self.gateway.poll_timeout().map(|at| at.0.saturating_sub(EPOCH));
            let awake = self.devices.iter().enumerate().filter(|(_, device)| !device.sleep.is_on());
            let device = awake.filter_map(|(d, device)| Some((device.timer?, d))).min();
            let next = [planned, gateway, device.map(|(at, _)| at)].into_iter().flatten().min();
            let Some(next) = next.map(|at| at.max(self.now)).filter(|at| *at <= until) else { break };
            if next > self.now {
                self.now = next;
                self.devices.iter_mut().for_each(|device| device.spins = 0);
            }
            if planned == Some(next) || planned.is_some_and(|at| at <= self.now) {
                if let Some((_, happening)) = self.agenda.pop_first() {
                    self.happen(happening);
                }
            } else if let Some((at, device)) = device
                && at <= self.now
            {
                self.fire(device);
            } else {
                self.gateway_event(Event::Timeout);
            }
            self.settle();
            self.story.steps += 1;
            if self.story.steps.is_multiple_of(MEMORY_EVERY) {
                self.check_memory();
            }
            if self.story.steps > MOST_STEPS {
                self.fail("10: the world does not come to rest".to_owned());
            }
        }
        self.now = self.now.max(until);
    }

    fn fire(&mut self, device: usize) {
        let it = &mut self.devices[device];
        it.timer = None;
        it.spins += 1;
        it.timers += 1;
        if it.spins > MOST_SPINS {
            let what = it.client.as_ref().and_then(Client::poll_timeout);
            let text = format!("10: {} asks for a timer that is due again and again: {what:?}", it.name);
            return self.fail(text);
        }
        let life = it.life;
        self.give_to(device, life, Input::Timeout);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Knock(conn) => self.knock(conn),
            Happening::Refused(device, life, id) => {
                self.give_to(device, life, Input::Socket(id, jindou::client::Socket::Closed));
            }
            Happening::Up(conn, bytes) => self.arrive_up(conn, bytes),
            Happening::UpClosed(conn) => self.arrive_up_closed(conn),
            Happening::DownOpened(conn) => self.arrive_opened(conn),
            Happening::Down(conn, bytes) => self.arrive_down(conn, bytes),
            Happening::DownClosed(conn) => self.arrive_down_closed(conn),
            Happening::HandOver(conn) => self.hand_over(conn),
            Happening::LetGo(conn) => self.let_go(conn),
            Happening::Trouble(conn, trouble) => self.trouble(conn, trouble),
            Happening::Disk(device, life) => self.disk_done(device, life),
            Happening::Request(device, life, id) => self.ask_business(device, life, id),
            Happening::Response(device, life, id, outcome) => self.respond(device, life, id, *outcome),
            Happening::Act(device) => self.act(device),
            Happening::Open(device) => self.open(device),
            Happening::Look(device) => {
                self.channels_of(device).into_iter().for_each(|channel| self.show(device, channel, 50));
            }
            Happening::Sleep(device) => self.close(device, false),
            Happening::Rogue => self.forge(),
            Happening::AppCommand => self.app_command(),
            Happening::Stall(device, span) => self.stall_disk(device, span),
            Happening::Bar(barred) => self.bar(barred),
            Happening::SecondAddress(down) => self.second_address_is_down = down,
            Happening::Restart => self.restart(),
            Happening::Kick => self.kick(),
            Happening::LogIn(device) => {
                self.command(device, Asked::Connect, Command::Connect);
            }
            Happening::BadToken(bad) => self.bad_token(bad),
            Happening::Strand => self.strand(),
            Happening::Unstrand(channel) => self.unstrand(&channel),
            Happening::TalkWithoutLeader(channel) => self.talk_without_leader(&channel),
            Happening::Other => self.other_acts(),
            Happening::NewGroup(number) => self.new_group(number),
            Happening::Leave => self.leave(),
            Happening::LeaveFrom(person, group) => self.leave_from(person, group),
            Happening::Back(person, group) => self.come_back(person, &group),
            Happening::Outage => self.begin_outage(),
            Happening::Clock(device) => self.put_clock(device),
            Happening::Doze(device) => self.doze(device),
            Happening::Wake(device) => self.wake(device),
            Happening::Full(device, full) => self.fill_disk(device, full),
            Happening::Move => self.move_gateway(),
            Happening::Flood(device) => self.flood(device),
            Happening::ReadPage(device, life, channel) if self.devices[device].life == life => {
                self.read_page(device, &channel);
            }
            Happening::Show(device, life, channel) if self.devices[device].life == life => {
                self.show(device, channel, 50);
            }
            Happening::ReadPage(..) | Happening::Show(..) => {}
        }
    }

    // ---- devices ----

    pub fn open(&mut self, device: usize) {
        if self.devices[device].client.is_some() {
            return;
        }
        self.forget_unkept(device);
        let entropy = self.dice.entropy();
        let now = self.now;
        let it = &mut self.devices[device];
        it.life += 1;
        it.reading = true;
        it.kicked = false;
        it.silences = 0;
        it.token = None;
        it.has_called = false;
        it.born = now;
        let config = Config { device_flag: it.flag, trace: self.plan.traced, ..Config::new(it.person) };
        let epoch = it.disk.claim();
        it.client = Some(self.probe.within(device, || Client::new(config, epoch, entropy)));
        it.connections.clear();
        it.requests.clear();
        it.app.start();
        it.commands.clear();
        it.doubted = false;
        it.visible = true;
        tell!(self, "{} opens", self.devices[device].name);
        self.check_disk(device);
        self.drain(device);
        self.begin(device);
    }

    /// The tab is gone between two instructions.
    pub fn crash(&mut self, device: usize) {
        let done = self.dice.chance(500);
        let it = &mut self.devices[device];
        if it.client.take().is_none() {
            return;
        }
        it.timer = None;
        it.life += 1;
        let stored = it.disk.crash(done);
        it.sleep = Sleep::default();
        let connections: Vec<ConnId> = it.connections.values().copied().collect();
        it.app.vanish();
        tell!(self, "{} crashes", self.devices[device].name);
        self.check_disk(device);
        if let Some(batch) = stored {
            self.note_stored(device, &batch);
        }
        for conn in connections {
            self.close_up(conn);
        }
        let at = self.now + self.dice.between(50, 4_000);
        self.schedule(at, Happening::Open(device));
    }

    pub fn give_to(&mut self, device: usize, life: u32, mut input: Input) {
        let it = &mut self.devices[device];
        if it.life != life {
            return;
        }
        if it.sleep.is_on() {
            return it.sleep.waiting.push_back((life, input));
        }
        // Only now: what a person asked of one that slept comes behind what waited for it.
        it.kicked &= !matches!(&input, Input::Command(ticket, Command::Connect) if it.app.tickets.contains_key(ticket));
        if let Some(defect) = self.plan.defect {
            defect.spoil(&mut input, &it.disk.store, &mut it.token);
        }
        let now = it.now(self.now);
        if it.client.is_some() {
            self.check_print(device, &input);
        }
        let it = &mut self.devices[device];
        let Some(client) = &mut it.client else { return };
        it.stirred = true;
        it.reading &= !matches!(input, Input::Loaded(_, Ok(Answer::Hydrated { .. })));
        let input = self.probe.hand_over(device, input);
        if self.plan.defect == Some(Defect::MemoryKept)
            && let Input::Loaded(_, Ok(Answer::Messages(rows))) = &input
        {
            self.probe.within(device, || rows.iter().for_each(|row| core::mem::forget(row.content.clone())));
        }
        self.probe.within(device, || client.handle(now, input));
        self.drain(device);
    }

    /// What was put off is given to its device.
    fn settle(&mut self) {
        while !self.at_once.is_empty() && self.violation.is_none() {
            let (device, life, input) = self.at_once.remove(0);
            self.give_to(device, life, input);
        }
    }

    pub fn drain(&mut self, device: usize) {
        let rate = self.faults().crash;
        loop {
            let it = &mut self.devices[device];
            let Some(client) = &mut it.client else { return };
            let Some(output) = self.probe.within(device, || client.poll_output()) else { break };
            if self.dice.chance(rate) {
                return self.crash(device);
            }
            let mut output = self.probe.own_output(output);
            if let Some(defect) = self.plan.defect {
                let it = &self.devices[device];
                if defect.omits(&output, it.has_called) {
                    continue;
                }
                defect.spoil_output(&mut output, &it.disk.store);
                self.at_once.extend(defect.follows(&output).map(|input| (device, it.life, input)));
            }
            self.perform(device, output);
            if self.violation.is_some() {
                return;
            }
        }
        let it = &mut self.devices[device];
        let due = it.client.as_ref().and_then(Client::poll_timeout);
        it.timer = due.map(|(at, _)| (at.0 + it.born).max(self.now));
    }

    fn perform(&mut self, device: usize, output: Output) {
        let life = self.devices[device].life;
        let told = self.plan.defect.is_some_and(|defect| defect.answers_at_once(&output));
        self.check_print(device, &output);
        self.check_texts_of(device, &output);
        match output {
            Output::Store(id, batch) => {
                let it = &self.devices[device];
                tell!(self, "{} stores {} changes", it.name, batch.changes.len());
                if it.disk.stores_under_way() > 0 && self.plan.defect.is_none() {
                    self.fail(format!("{} has two stores under way", self.devices[device].name));
                }
                self.devices[device].disk.push(Pending::Store { id, batch, told });
                self.plan_disk(device);
                if told {
                    self.at_once.push((device, life, Input::Stored(id, Ok(()))));
                }
            }
            Output::Load(id, query) => {
                self.devices[device].disk.push(Pending::Load(id, query));
                self.plan_disk(device);
            }
            Output::Fetch(id, request) => {
                tell!(self, "{} asks {}", self.devices[device].name, request.name());
                self.devices[device].requests.insert(id, request);
                let at = self.now + self.latency();
                self.schedule(at, Happening::Request(device, life, id));
            }
            Output::Cancel(id) => {
                self.devices[device].requests.remove(&id);
            }
            Output::Connect(..) if self.devices[device].kicked => {
                let text = format!("10: {} connects though its login was ended", self.devices[device].name);
                self.fail(text);
            }
            Output::Connect(id, address) => {
                self.devices[device].has_called = true;
                self.connect(device, id, &address);
            }
            Output::Transmit(id, bytes) => self.transmit(device, id, bytes),
            Output::Close(id) => {
                if let Some(conn) = self.devices[device].connections.get(&id).copied() {
                    self.close_up(conn);
                }
            }
            Output::Settle(ticket, outcome) => self.settled(device, ticket, outcome),
            Output::Event(event) => self.event(device, event),
            Output::Finished { wipe } => self.finished(device, wipe),
        }
    }

    fn plan_disk(&mut self, device: usize) {
        let takes = if self.dice.chance(self.faults().slow_disk) {
            self.dice.between(50, 3_000)
        } else {
            self.dice.between(0, 12)
        };
        let it = &mut self.devices[device];
        let at = it.disk.busy_until.max(self.now) + takes;
        it.disk.busy_until = at;
        let life = it.life;
        self.schedule(at, Happening::Disk(device, life));
    }

    fn disk_done(&mut self, device: usize, life: u32) {
        let faults = self.faults();
        let fails = self.dice.chance(faults.store_fails.max(faults.load_fails));
        let it = &mut self.devices[device];
        if it.life != life {
            return;
        }
        let Some(done) = it.disk.finish(fails) else { return };
        self.check_disk(device);
        if fails {
            tell!(self, "{}'s disk fails", self.devices[device].name);
        }
        if let Some(batch) = done.batch {
            self.note_stored(device, &batch);
            self.note_commands(device, &batch);
            self.devices[device].doubted |= fails;
        }
        if let Some(input) = done.input {
            self.give_to(device, life, input);
        }
    }

    /// What a browser's database does is what the contract says.
    fn check_disk(&mut self, device: usize) {
        if let Some(difference) = self.devices[device].disk.disagreement.take() {
            self.fail(format!("11: {}'s database: {difference}", self.devices[device].name));
        }
    }

    // ---- business server ----

    pub fn with_port<T>(&mut self, call: impl FnOnce(&mut Business, &mut Port<'_>) -> T) -> T {
        let mut outputs = Vec::new();
        let mut port = Port {
            gateway: &mut self.gateway,
            now: Millis(EPOCH + self.now),
            down: self.now < self.server.down_until,
            is_v3: self.plan.generation == Generation::V3,
            outputs: &mut outputs,
            next: &mut self.next_call,
        };
        let answer = call(&mut self.business, &mut port);
        for output in outputs {
            self.effect(output);
        }
        answer
    }

    /// A call of the gateway's HTTP API by somebody else.
    pub fn call_gateway(&mut self, path: &str, body: &serde_json::Value) {
        self.with_port(|_, port| port.post(path, body));
    }

    fn ask_business(&mut self, device: usize, life: u32, id: RequestId) {
        let it = &self.devices[device];
        let Some(request) = it.requests.get(&id).filter(|_| it.life == life).cloned() else { return };
        if let Some((after, outcome)) = self.outage(&request) {
            let at = self.now + self.latency() + after;
            return self.schedule(at, Happening::Response(device, life, id, Box::new(outcome)));
        }
        let faults = self.faults();
        if self.dice.chance(faults.hang) {
            return tell!(self, "business hangs");
        }
        let mut at = self.now + self.latency();
        if self.dice.chance(faults.slow) {
            at += self.dice.between(500, 12_000);
        }
        let network = || FetchFailure::new("network", "no connection", true);
        let outcome = if self.dice.chance(faults.error) {
            match self.dice.below(4) {
                0 => Err(network()),
                1 => Err(jindou::request::failure(503, b"{\"code\":\"unavailable\",\"message\":\"later\"}")),
                2 => Err(jindou::request::failure(502, b"<html>bad gateway</html>")),
                _ if matches!(request, Request::Token) => Err(network()),
                _ => request.read(b"{\"nonsense\":"),
            }
        } else {
            let outcome = self.answer(device, &request);
            if self.dice.chance(faults.answer_lost) { Err(network()) } else { outcome }
        };
        self.schedule(at, Happening::Response(device, life, id, Box::new(outcome)));
    }

    pub fn answer(&mut self, device: usize, request: &Request) -> Result<Response, FetchFailure> {
        let (person, flag) = (self.devices[device].person, self.devices[device].flag);
        let Some(http) = request.http() else {
            if self.server.bad_token && self.dice.chance(300) {
                return Err(FetchFailure::new("unauthorized", "log in again", false));
            }
            let old = if self.server.bad_token { "-old" } else { "" };
            return request.read(serde_json::json!(format!("token-{person}{old}")).to_string().as_bytes());
        };
        let connections = self.devices[device].connections.values();
        let deaf = connections.filter_map(|conn| self.links.get(conn)).any(|link| link.deaf && !link.gone_at_device);
        let answer =
            self.with_port(|business, port| business.answer(port, person, flag, deaf, http.path, http.body.as_deref()));
        match answer.status {
            200 => request.read(&answer.body),
            status => Err(jindou::request::failure(status, &answer.body)),
        }
    }

    fn respond(&mut self, device: usize, life: u32, id: RequestId, outcome: Result<Response, FetchFailure>) {
        if self.devices[device].life != life {
            return;
        }
        if let Some(request) = self.devices[device].requests.remove(&id) {
            let verdict = outcome.as_ref().map_or_else(|failure| failure.code.as_str(), |_| "answered");
            tell!(self, "{} has {} {verdict}", self.devices[device].name, request.name());
            self.give_to(device, life, Input::Fetched(id, outcome));
        }
    }

    // ---- gateway ----

    pub fn gateway_event(&mut self, event: Event) {
        self.gateway.handle(Millis(EPOCH + self.now), event);
        while let Some(output) = self.gateway.poll_output() {
            self.effect(output);
        }
    }

    pub fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Send(conn, bytes) => self.down(conn, bytes),
            Effect::Close(conn, _) => self.close_down(conn),
            Effect::Persist(row) if self.plan.restarts > 0 => self.server.rows.push(row),
            Effect::Respond(..) | Effect::Persist(_) => {}
            Effect::Crash => self.fail("the gateway died".to_owned()),
        }
    }

    // ---- words ----

    /// The faults of this moment.
    pub fn faults(&self) -> Faults {
        if self.now < self.plan.chaos { self.plan.faults } else { Faults::default() }
    }

    pub fn latency(&mut self) -> u64 {
        let (low, high) = self.plan.latency;
        let late = if self.dice.chance(self.faults().delay) { self.dice.between(200, 6_000) } else { 0 };
        self.dice.between(low, high) + late
    }

    pub fn fail(&mut self, what: String) {
        // From a disk that tells something else, no core can know what is true.
        if self.plan.defect == Some(Defect::DamagedRows) && !["5: ", "8: "].iter().any(|rule| what.starts_with(rule)) {
            return;
        }
        tell!(self, "VIOLATION {what}");
        self.violation.get_or_insert(what);
    }
}
