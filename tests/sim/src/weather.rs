//! What comes over a device or over the business server for a while: a call that fails in one way and not in another, a full disk, a
//! clock that is put right, a sleep, a move of the gateway, and a person who says much at once without a connection.

use std::collections::VecDeque;

use jindou::client::{Command, Input};
use jindou::request::{FetchFailure, Request, Response, failure};

use crate::app::Asked;
use crate::world::{Happening, World, tell};

const CALLS: [&str; 11] = [
    "policy",
    "online",
    "history",
    "conversations",
    "read",
    "commands",
    "commandsAck",
    "marks",
    "recall",
    "restore",
    "lookup",
];
/// The shell's patience with an answer.
const PATIENCE: u64 = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unavailable,
    Unauthorized,
    Empty,
    Truncated,
    OtherJson,
    TooLate,
}

struct Outage {
    calls: Vec<&'static str>,
    until: u64,
    kind: Kind,
}

#[derive(Default)]
pub struct Weather {
    outages: Vec<Outage>,
}

/// A device that sleeps: its clock for deadlines stands still, and what comes waits.
#[derive(Default)]
pub struct Sleep {
    since: Option<u64>,
    pub waiting: VecDeque<(u32, Input)>,
}

impl Sleep {
    pub fn is_on(&self) -> bool {
        self.since.is_some()
    }
}

impl World {
    pub fn plan_weather(&mut self) {
        let weather = self.plan.weather;
        let chaos = self.plan.chaos;
        let devices = self.devices.len() as u64;
        for _ in 0..weather.outages {
            let at = self.dice.between(0, chaos);
            self.schedule(at, Happening::Outage);
        }
        for _ in 0..weather.clocks {
            let (at, device) = (self.dice.between(1_000, chaos), self.dice.below(devices) as usize);
            self.schedule(at, Happening::Clock(device));
        }
        for _ in 0..weather.sleeps {
            let (at, device) = (self.dice.between(1_000, chaos), self.dice.below(devices) as usize);
            self.schedule(at, Happening::Doze(device));
        }
        for _ in 0..weather.full {
            let (at, device) = (self.dice.between(1_000, chaos), self.dice.below(devices) as usize);
            let until = at + self.dice.between(1_000, 30_000);
            self.schedule(at, Happening::Full(device, true));
            self.schedule(until.min(chaos), Happening::Full(device, false));
            let (at, device) = (self.dice.between(1_000, chaos), self.dice.below(devices) as usize);
            let span = self.dice.between(1_000, 40_000);
            self.schedule(at, Happening::Stall(device, span));
        }
        if weather.moves {
            let at = self.dice.between(1_000, chaos);
            self.schedule(at, Happening::Move);
        }
        for _ in 0..weather.floods {
            let (at, device) = (self.dice.between(1_000, chaos), self.dice.below(devices) as usize);
            self.schedule(at, Happening::Flood(device));
        }
    }

    // ---- the business server ----

    pub fn begin_outage(&mut self) {
        let kinds =
            [Kind::Unavailable, Kind::Unauthorized, Kind::Empty, Kind::Truncated, Kind::OtherJson, Kind::TooLate];
        let kind = self.dice.pick(&kinds).copied().unwrap_or(Kind::Empty);
        let all = self.dice.chance(200);
        let calls: Vec<&'static str> = CALLS.into_iter().filter(|_| all || self.dice.chance(250)).collect();
        let until = (self.now + self.dice.between(1_000, 40_000)).min(self.plan.chaos);
        tell!(self, "until {until} the business server is {kind:?} for {calls:?}");
        self.weather.outages.push(Outage { calls, until, kind });
    }

    /// What a call comes to in place of its answer, and after how long.
    pub fn outage(&mut self, request: &Request) -> Option<(u64, Result<Response, FetchFailure>)> {
        let (now, name) = (self.now, request.name());
        let kind = self.weather.outages.iter().find(|outage| now < outage.until && outage.calls.contains(&name))?.kind;
        let outcome = match kind {
            Kind::Unavailable => Err(failure(500, b"")),
            Kind::Unauthorized => Err(failure(401, b"{\"code\":\"unauthorized\",\"message\":\"log in\"}")),
            Kind::Empty => request.read(b""),
            Kind::Truncated => request.read(b"{\"messages\":[{\"messageId\":\"12\",\"mess"),
            Kind::OtherJson => request.read(b"{\"messages\":7,\"channels\":{},\"conversations\":null}"),
            Kind::TooLate => Err(FetchFailure::new("timeout", "the business server did not answer in time", true)),
        };
        Some((if kind == Kind::TooLate { PATIENCE } else { 0 }, outcome))
    }

    /// The gateway is reached by other addresses from now on.
    pub fn move_gateway(&mut self) {
        tell!(self, "the gateway moves");
        self.business.addresses = vec!["ws://three".to_owned()];
        if self.plan.leaderless.is_some() {
            // A cluster moves as one.
            self.business.addresses.push("ws://four".to_owned());
        }
        let conns: Vec<_> = self.links.keys().copied().collect();
        conns.into_iter().for_each(|conn| self.close_down(conn));
    }

    // ---- a device ----

    pub fn put_clock(&mut self, device: usize) {
        let hours = self.dice.between(0, 10) as i64 - 5;
        tell!(self, "{}'s clock is put by {hours} hours", self.devices[device].name);
        self.devices[device].skew += hours * 3_600_000;
    }

    pub fn doze(&mut self, device: usize) {
        let it = &mut self.devices[device];
        if it.sleep.is_on() || it.client.is_none() {
            return;
        }
        it.sleep.since = Some(self.now);
        it.timer = None;
        tell!(self, "{} sleeps", self.devices[device].name);
        let at = self.now + self.dice.between(100, 40_000);
        self.schedule(at, Happening::Wake(device));
    }

    pub fn wake(&mut self, device: usize) {
        let now = self.now;
        let it = &mut self.devices[device];
        let Some(since) = it.sleep.since.take() else { return };
        it.born += now - since;
        tell!(self, "{} wakes", self.devices[device].name);
        while let Some((life, input)) = self.devices[device].sleep.waiting.pop_front() {
            self.give_to(device, life, input);
        }
        self.drain(device);
    }

    pub fn fill_disk(&mut self, device: usize, full: bool) {
        tell!(self, "{}'s disk is {}", self.devices[device].name, if full { "full" } else { "free again" });
        self.devices[device].disk.full = full;
    }

    pub fn stall_disk(&mut self, device: usize, span: u64) {
        tell!(self, "{}'s disk hangs for {span}", self.devices[device].name);
        let disk = &mut self.devices[device].disk;
        disk.busy_until = disk.busy_until.max(self.now + span);
    }

    /// Until then nobody can be expected to have stored anything.
    pub fn disks_hang_until(&self) -> u64 {
        self.devices.iter().map(|device| device.disk.busy_until).fold(self.now, u64::max)
    }

    /// Much is said at once without a connection, and the tab may be gone before it comes back.
    pub fn flood(&mut self, device: usize) {
        if self.devices[device].client.is_none() || self.devices[device].app.closing {
            return;
        }
        self.command(device, Asked::Other, Command::Disconnect);
        let channels = self.channels_of(device);
        for _ in 0..self.dice.between(20, 150) {
            let channel = self.dice.pick(&channels).cloned();
            if let Some(channel) = channel.filter(|_| self.violation.is_none() && self.devices[device].client.is_some())
            {
                let quoting = self.dice.chance(100);
                self.say(device, channel, quoting);
            }
        }
        if self.dice.chance(500) {
            self.crash(device);
        } else {
            let at = self.now + self.dice.between(0, 5_000);
            self.schedule(at, Happening::LogIn(device));
        }
    }
}
