//! A look into the memory of the core, without its help: which of its allocations holds what a recall has taken away.
//!
//! The look itself is an allocator's, which only a test binary of its own has (`tests/memory.rs`). Here it is told whose
//! allocations are the core's: all that are made while the core works, and what it is handed. So what goes in is copied
//! inside, and what comes out is copied outside, where the original dies.

use jindou::client::{Input, Output, Socket};

use crate::withdrawn::tokens;
use crate::world::World;

/// What a test binary with such an allocator offers.
#[derive(Clone, Copy)]
pub struct Allocations {
    /// From now on, what this thread allocates belongs to this owner, or to nobody.
    pub owner: fn(Option<u32>),
    /// Shows every live allocation of this owner.
    pub show: fn(u32, Look<'_>),
}

/// Is given the bytes of one allocation after the other.
pub type Look<'a> = &'a mut dyn FnMut(&[u8]);

#[derive(Clone, Copy, Default)]
pub struct Probe(pub Option<Allocations>);

impl Probe {
    /// Lets the core of this device work.
    pub fn within<T>(self, device: usize, work: impl FnOnce() -> T) -> T {
        let Some(allocations) = self.0 else { return work() };
        (allocations.owner)(u32::try_from(device).ok());
        let done = work();
        (allocations.owner)(None);
        done
    }

    /// The input, as the core's own.
    pub fn hand_over(self, device: usize, input: Input) -> Input {
        if self.0.is_none() {
            return input;
        }
        self.within(device, || match &input {
            Input::Command(ticket, command) => Input::Command(*ticket, command.clone()),
            Input::Socket(id, Socket::Received(messages)) => Input::Socket(*id, Socket::Received(messages.clone())),
            Input::Socket(id, Socket::Opened) => Input::Socket(*id, Socket::Opened),
            Input::Socket(id, Socket::Closed) => Input::Socket(*id, Socket::Closed),
            Input::Stored(id, outcome) => Input::Stored(*id, outcome.clone()),
            Input::Loaded(id, outcome) => Input::Loaded(*id, outcome.clone()),
            Input::Fetched(id, outcome) => Input::Fetched(*id, outcome.clone()),
            Input::Page(page) => Input::Page(*page),
            Input::Timeout => Input::Timeout,
        })
    }

    /// The output, as the world's own.
    pub fn own_output(self, output: Output) -> Output {
        if self.0.is_none() {
            return output;
        }
        match &output {
            Output::Store(id, batch) => Output::Store(*id, batch.clone()),
            Output::Load(id, query) => Output::Load(*id, query.clone()),
            Output::Fetch(id, request) => Output::Fetch(*id, request.clone()),
            Output::Cancel(id) => Output::Cancel(*id),
            Output::Connect(id, address) => Output::Connect(*id, address.clone()),
            Output::Transmit(id, bytes) => Output::Transmit(*id, bytes.clone()),
            Output::Close(id) => Output::Close(*id),
            Output::Settle(ticket, outcome) => Output::Settle(*ticket, outcome.clone()),
            Output::Event(event) => Output::Event(event.clone()),
            Output::Finished { wipe } => Output::Finished { wipe: *wipe },
        }
    }
}

impl World {
    /// Looks into the memory of every core that has nothing under way: no batch, no question, nothing that waits.
    pub fn check_memory(&mut self) {
        let Some(allocations) = self.probe.0 else { return };
        for device in 0..self.devices.len() {
            let it = &self.devices[device];
            if it.client.is_none() || it.reading || it.disk.is_busy() || !it.requests.is_empty() {
                continue;
            }
            let gone = self.gone_from_memory(device);
            if gone.is_empty() || !core::mem::take(&mut self.devices[device].stirred) {
                continue;
            }
            self.model.memory_looks += 1;
            let mut found: Option<String> = None;
            (allocations.show)(u32::try_from(device).unwrap_or_default(), &mut |bytes| {
                let token = tokens(bytes).find(|token| gone.contains(*token));
                found = found.take().or(token.map(str::to_owned));
            });
            if let Some(token) = found {
                let what = format!("4: {} holds {token} in memory", self.devices[device].name);
                self.fail(what);
            }
        }
    }
}
