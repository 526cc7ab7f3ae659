//! One browser tab: a core client, its disk, its clocks, and what it waits for.

use std::collections::BTreeMap;

use jindou::client::{Client, ConnectionId, RequestId};
use jindou::request::Request;
use jindou::rows::OutboxState;
use jindou::time::{Mono, Now, Wall};
use jindou_gateway::ConnId;

use crate::app::App;
use crate::disk::Disk;
use crate::weather::Sleep;

/// When the simulated world begins, by the servers' clock.
pub const EPOCH: u64 = 1_800_000_000_000;

pub struct Device {
    pub name: String,
    pub person: &'static str,
    pub flag: u8,
    /// None: the tab is not open.
    pub client: Option<Client>,
    /// Counts the tabs that this device had; what belongs to an older one is void.
    pub life: u32,
    pub disk: Disk,
    pub connections: BTreeMap<ConnectionId, ConnId>,
    pub requests: BTreeMap<RequestId, Request>,
    pub app: App,
    pub timer: Option<u64>,
    /// What its wall clock is wrong by.
    pub skew: i64,
    /// The world's time at which its monotonic clock began.
    pub born: u64,
    pub visible: bool,
    /// Timers that came one after the other without time passing: a core that asks for them for ever would burn a CPU.
    pub spins: u32,
    pub timers: u32,
    /// The person logged in elsewhere at some time.
    pub may_be_kicked: bool,
    /// Its login was ended, and nobody has asked it to connect since.
    pub kicked: bool,
    /// The application gave a token that does not fit at some time.
    pub may_be_refused: bool,
    /// Connections that were closed before CONNACK, since the last one that had it or the reload.
    pub silences: u32,
    /// Its database is not read yet, or failed: what comes meanwhile waits.
    pub reading: bool,
    /// The first that the application gave since the reload.
    pub token: Option<String>,
    /// It has called the gateway since the reload.
    pub has_called: bool,
    /// It did something since its memory was looked into.
    pub stirred: bool,
    pub sleep: Sleep,
    /// Commands that were stored while this tab is open.
    pub commands: Vec<i64>,
    /// A commit was told to this tab as a failure and kept all the same.
    pub doubted: bool,
}

impl Device {
    /// Something may still be on one node only.
    pub fn doubts(&self) -> bool {
        self.disk.store.outbox().any(|row| matches!(row.state, OutboxState::Unconfirmed { .. }))
    }

    pub fn now(&self, now: u64) -> Now {
        let wall = i64::try_from(EPOCH + now).unwrap_or(i64::MAX).saturating_add(self.skew);
        Now { mono: Mono(now - self.born), wall: Wall(wall) }
    }
}
