//! Who may do what: tokens by person and device flag, members of channels, black and white lists, bans, system accounts.

use crate::ids::{Channel, SYSTEM_UID, Uid};
use jindou::id::DeviceFlag;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a device may do to others of its flag. Everybody is a slave unless tokens are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeviceLevel {
    #[default]
    Slave,
    Master,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Device {
    /// Empty once the device was made to quit: no token fits any more.
    pub(crate) token: String,
    pub(crate) level: DeviceLevel,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelInfo {
    pub large: bool,
    pub ban: bool,
    pub disband: bool,
    pub send_ban: bool,
    pub allow_stranger: bool,
}

/// One of the three lists of people that a channel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ListKind {
    Subscribers,
    Black,
    White,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListChange {
    Add,
    Remove,
    /// Replaces what was there.
    Set,
}

#[derive(Default)]
struct Members {
    subscribers: BTreeSet<Uid>,
    black: BTreeSet<Uid>,
    white: BTreeSet<Uid>,
}

impl Members {
    fn list(&self, kind: ListKind) -> &BTreeSet<Uid> {
        match kind {
            ListKind::Subscribers => &self.subscribers,
            ListKind::Black => &self.black,
            ListKind::White => &self.white,
        }
    }

    fn list_mut(&mut self, kind: ListKind) -> &mut BTreeSet<Uid> {
        match kind {
            ListKind::Subscribers => &mut self.subscribers,
            ListKind::Black => &mut self.black,
            ListKind::White => &mut self.white,
        }
    }
}

pub(crate) struct Directory {
    devices: BTreeMap<(Uid, u8), Device>,
    system: BTreeSet<Uid>,
    infos: BTreeMap<Channel, ChannelInfo>,
    members: BTreeMap<Channel, Members>,
}

static NOBODY: BTreeSet<Uid> = BTreeSet::new();

impl Directory {
    pub(crate) fn new() -> Directory {
        Directory {
            devices: BTreeMap::new(),
            system: BTreeSet::from([Uid::from(SYSTEM_UID)]),
            infos: BTreeMap::new(),
            members: BTreeMap::new(),
        }
    }

    pub(crate) fn device(&self, uid: &Uid, flag: DeviceFlag) -> Option<&Device> {
        self.devices.get(&(uid.clone(), flag.0))
    }

    pub(crate) fn set_device(&mut self, uid: &Uid, flag: DeviceFlag, device: Device) {
        self.devices.insert((uid.clone(), flag.0), device);
    }

    pub(crate) fn is_system(&self, uid: &Uid) -> bool {
        self.system.contains(uid)
    }

    pub(crate) fn system_uids(&self) -> impl Iterator<Item = &Uid> {
        self.system.iter().filter(|uid| uid.as_str() != SYSTEM_UID)
    }

    pub(crate) fn set_system(&mut self, uid: &Uid, system: bool) {
        if system {
            self.system.insert(uid.clone());
        } else if uid.as_str() != SYSTEM_UID {
            self.system.remove(uid);
        }
    }

    /// What was set for the channel, or nothing.
    pub(crate) fn info(&self, channel: &Channel) -> Option<ChannelInfo> {
        self.infos.get(channel).copied()
    }

    pub(crate) fn set_info(&mut self, channel: &Channel, info: ChannelInfo) {
        self.infos.insert(channel.clone(), info);
    }

    pub(crate) fn list(&self, channel: &Channel, kind: ListKind) -> &BTreeSet<Uid> {
        self.members.get(channel).map_or(&NOBODY, |members| members.list(kind))
    }

    pub(crate) fn change_list(&mut self, channel: &Channel, kind: ListKind, change: ListChange, uids: &[Uid]) {
        let list = self.members.entry(channel.clone()).or_default().list_mut(kind);
        match change {
            ListChange::Add => list.extend(uids.iter().cloned()),
            ListChange::Remove => list.retain(|uid| !uids.contains(uid)),
            ListChange::Set => *list = uids.iter().cloned().collect(),
        }
    }
}
