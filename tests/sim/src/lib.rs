//! The simulator: whole clients, their disks, a network, a gateway and a business server in virtual time, from one seed.
//!
//! Two people with two devices each talk, recall and change their minds while everything fails that a seed has chosen. Then the
//! network becomes whole, and what must be true is checked: see `model` for the oracle and `plan` for the faults. The core is the
//! one that runs in browsers; nothing of it is replaced. The same seed gives the same story, to the millisecond.
//!
//! A complaint begins with the number of what does not hold, after a step or at rest:
//!
//! 1. A message is shown once, whatever its copies are, and so is a command.
//! 2. What a promise says is true: what was accepted is sent, what is called sent is in the server's log and at every member.
//! 3. Rows are in the order of messageSeq, echoes follow, keys stay, and a page is called whole only when it is.
//! 4. Once a recall is applied the content is in no row, no event and no memory.
//! 5. Nothing is acked, sent or told before it is stored; and what is stored is acked.
//! 6. A reload leads to what a quiet client would have: states, copies, figures, conversations.
//! 7. Every promise settles once, on closing too.
//! 8. No panic, no error in the log, no private text in any print.
//! 9. (Two tabs of one account converge. Not played yet: a second tab is refused.)
//! 10. Nothing is stuck, and nothing is asked without end, once the network is whole.
//! 11. A database keeps the contract of `jindou::store`: the object stores of a browser answer as the store in memory does.

mod app;
mod business;
mod damage;
mod defect;
mod device;
mod dice;
mod disk;
mod duty;
mod model;
mod network;
mod others;
mod plan;
mod privacy;
mod probe;
mod reading;
mod rest;
mod rogue;
mod server;
mod story;
mod weather;
mod withdrawn;
mod world;

pub use defect::Defect;
pub use plan::{Faults, Plan, Society, Spells};
pub use probe::{Allocations, Look, Probe};

use jindou::client::{Command, Page};
use jindou::rows::OutboxState;
use world::World;

/// Until everything owed is delivered once the network is whole: a silent connection of a hidden page is noticed within 65 s,
/// one that is deaf by two questions, 45 s after it became ready and 5 s later, and both may follow each other.
const REST: u64 = 180_000;
/// Until what a cluster might have taken back is believed, where nothing comes behind it.
const DOUBT: u64 = 22 * 60_000;
/// A timeline is asked for so often until it is whole.
const LOOKS: u32 = 6;
/// And is read back for so many times 4 s.
const MOST_READING: u32 = 30;
/// Timers of one tab in the time of rest. A heartbeat and the pace of sending take some hundred.
const MOST_TIMERS: u32 = 2_000;

/// What a run was like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Of the whole story.
    pub hash: u64,
    pub steps: u64,
    pub messages: usize,
    /// Stored beyond the first of each message.
    pub copies: usize,
    pub promises: u64,
    pub purged: u64,
    pub crashes: u32,
    pub memory_looks: u64,
}

#[derive(Clone, Debug)]
pub struct Failure {
    pub seed: u64,
    /// Begins with the number of the invariant, as above.
    pub what: String,
    pub story: Vec<String>,
}

/// Plays one plan. With `keep_story` a failure tells everything that led to it.
pub fn run(plan: Plan, keep_story: bool) -> Result<Outcome, Failure> {
    run_probed(plan, keep_story, Probe::default())
}

/// The same, with looks into the memory of the core.
pub fn run_probed(plan: Plan, keep_story: bool, probe: Probe) -> Result<Outcome, Failure> {
    let seed = plan.seed;
    let mut world = World::new(plan, keep_story, probe);
    world.play();
    match world.violation.take() {
        Some(what) => Err(Failure { seed, what, story: world.story.into_lines() }),
        None => Ok(Outcome {
            hash: world.story.hash(),
            steps: world.story.steps,
            messages: world.gateway.channels().map(|(_, messages)| messages.len()).sum(),
            copies: world.second_copies(),
            promises: world.model.promises,
            purged: world.model.purged,
            crashes: world.devices.iter().map(|device| device.life).sum(),
            memory_looks: world.model.memory_looks,
        }),
    }
}

impl World {
    fn play(&mut self) {
        self.run(self.plan.chaos);
        self.become_whole();
        let until = self.now + REST;
        self.run(until);
        self.check(World::check_timers);
        if self.devices.iter().any(device::Device::doubts) {
            let until = self.now + DOUBT;
            self.run(until);
        }
        self.check(World::check_delivered);
        self.check(World::check_acks);
        self.check(World::check_commands);
        for device in 0..self.devices.len() {
            self.check(|world| world.check_heard(device));
        }
        self.check(World::check_memory);
        self.read_and_check(true);
        self.check(World::check_memory);
        // A reload leads to the state that a quiet client would have had.
        for device in 0..self.devices.len() {
            self.check(|world| world.crash(device));
        }
        let until = self.now + 40_000;
        self.run(until);
        self.read_and_check(false);
        for device in 0..self.devices.len() {
            self.check(|world| world.check_figures(device));
            self.check(|world| _ = world.command(device, app::Asked::List, Command::Conversations));
            self.check(|world| world.check_audit(device));
        }
        for device in 0..self.devices.len() {
            self.check(|world| world.close(device, false));
        }
        let until = self.now + 10_000;
        self.run(until);
        if let Some(open) = self.devices.iter().find(|device| device.client.is_some()) {
            let what = format!("7: {} does not finish closing", open.name);
            self.check(|world| world.fail(what));
        }
    }

    fn check(&mut self, check: impl FnOnce(&mut World)) {
        if self.violation.is_none() {
            check(self);
        }
    }

    fn become_whole(&mut self) {
        if self.violation.is_some() {
            return;
        }
        self.gateway.clear_faults();
        self.second_address_is_down = false;
        self.become_whole_at_the_server();
        self.bar(false);
        self.all_come_back();
        for device in 0..self.devices.len() {
            self.wake(device);
            self.devices[device].disk.full = false;
        }
        world::tell!(self, "the network is whole");
        // Some are still closing, with a slow disk, or with one that hangs.
        let patience = self.disks_hang_until() + 20_000;
        while self.now < patience {
            self.reopen_all();
            let until = self.now + 1_000;
            self.run(until);
            if self.devices.iter().all(|device| device.client.is_some() && !device.app.closing) {
                break;
            }
        }
        for device in 0..self.devices.len() {
            if self.violation.is_some() {
                return;
            }
            self.command(device, app::Asked::Connect, Command::Connect);
            if self.dice.chance(800) {
                self.page(device, Page::Visible);
            }
        }
        if let Some(span) = self.plan.leaderless {
            let until = self.now + span;
            self.run(until);
            self.unstrand_all();
        }
        self.devices.iter_mut().for_each(|device| device.timers = 0);
        self.talk_after_loss();
        // A refusal may still be on its way, or wait for a slow disk, or for one that hangs.
        let until = self.disks_hang_until() + 20_000;
        self.run(until);
        for device in 0..self.devices.len() {
            let owed: Vec<_> = self.devices[device].disk.store.outbox().cloned().collect();
            for row in owed {
                if matches!(row.state, OutboxState::Parked { .. }) {
                    self.check(|world| world.retry(device, row.client_msg_no));
                }
            }
        }
    }

    fn check_timers(&mut self) {
        if let Some(busy) = self.devices.iter().find(|device| device.timers > MOST_TIMERS) {
            let what = format!("10: {} asked for {} timers while at rest", busy.name, busy.timers);
            self.fail(what);
        }
    }

    /// Every device reads every timeline back to its beginning, page by page.
    fn read_everything(&mut self) {
        for device in &mut self.devices {
            device.app.readings.forget();
            device.app.complete.clear();
        }
        for _ in 0..MOST_READING {
            let mut open = false;
            for device in 0..self.devices.len() {
                for channel in self.channels_of(device) {
                    if !self.devices[device].app.readings.is_whole(&channel) {
                        open = true;
                        self.check(|world| world.read_back(device, channel));
                    }
                }
            }
            if !open || self.violation.is_some() {
                break;
            }
            let until = self.now + 4_000;
            self.run(until);
        }
        for device in &mut self.devices {
            for channel in device.app.readings.take_whole() {
                device.app.complete.insert(channel, true);
            }
        }
    }

    /// Every device reads every timeline until it is whole, and has the truth.
    fn read_and_check(&mut self, quiet: bool) {
        if self.plan.reads {
            self.read_everything();
        }
        for _ in 0..if self.plan.reads { 0 } else { LOOKS } {
            for device in 0..self.devices.len() {
                for channel in self.channels_of(device) {
                    self.check(|world| world.show(device, channel, 500));
                }
            }
            let until = self.now + 4_000;
            self.run(until);
            let is_whole = |device: usize| {
                let app = &self.devices[device].app;
                self.channels_of(device).iter().all(|channel| app.complete.get(channel) == Some(&true))
            };
            if self.violation.is_some() || (0..self.devices.len()).all(is_whole) {
                break;
            }
        }
        for device in 0..self.devices.len() {
            for channel in self.channels_of(device) {
                let complete = self.devices[device].app.complete.get(&channel) == Some(&true);
                let name = self.devices[device].name.clone();
                self.check(|world| {
                    if complete {
                        world.check_timeline(device, &channel, quiet);
                    } else {
                        world.fail(format!("10: {name} never has {} complete", channel.id));
                    }
                });
            }
        }
    }
}
