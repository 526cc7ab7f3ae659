//! A person who reads: back through a timeline to its beginning, page by page, and again whenever there is word of its history.
//!
//! Nothing here is patient with the core: a page that is not whole is read again only when the promised word comes.

use std::collections::{BTreeMap, BTreeSet};

use jindou::channel::Channel;
use jindou::client::{Command, MessageView};
use jindou::id::MessageSeq;

use crate::app::Asked;
use crate::defect::Defect;
use crate::world::{Happening, World, tell};

/// Odd ones, beside those that applications take.
const LIMITS: [usize; 7] = [1, 2, 7, 49, 50, 51, 200];
/// With fewer on a page, only short timelines are read.
const FEW: usize = 10;
const SHORT: usize = 60;
/// An application that reads again at each word of the history does not do so without end.
const MOST_AGAIN: u32 = 300;

pub struct Reading {
    limit: usize,
    before: Option<MessageSeq>,
    /// The page was not whole.
    waits: bool,
}

/// What a person reads in one tab.
#[derive(Default)]
pub struct Readings {
    open: BTreeMap<Channel, Reading>,
    /// Read to the beginning since this was last asked for.
    whole: BTreeSet<Channel>,
    again: BTreeMap<Channel, u32>,
}

impl Readings {
    pub fn is_whole(&self, channel: &Channel) -> bool {
        self.whole.contains(channel)
    }

    pub fn take_whole(&mut self) -> BTreeSet<Channel> {
        core::mem::take(&mut self.whole)
    }

    /// Reading begins anew.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    pub fn waits(&self) -> Option<&Channel> {
        self.open.iter().find(|(_, reading)| reading.waits).map(|(channel, _)| channel)
    }
}

impl World {
    pub fn read_back(&mut self, device: usize, channel: Channel) {
        if self.devices[device].client.is_none() || self.devices[device].app.readings.open.contains_key(&channel) {
            return;
        }
        let limit = self.dice.pick(&LIMITS).copied().unwrap_or(50);
        let is_short = self.gateway.messages(&self.shared(device, &channel)).len() <= SHORT;
        let limit = if limit > FEW || is_short { limit } else { 50 };
        tell!(self, "{} reads {} by {limit}", self.devices[device].name, channel.id);
        let reading = Reading { limit, before: None, waits: false };
        self.devices[device].app.readings.open.insert(channel.clone(), reading);
        self.read_page(device, &channel);
    }

    pub fn read_page(&mut self, device: usize, channel: &Channel) {
        let it = &mut self.devices[device];
        let Some(reading) = it.app.readings.open.get_mut(channel) else { return };
        reading.waits = false;
        let (before, limit) = (reading.before, reading.limit);
        let asked = Asked::Page { channel: channel.clone(), limit, before };
        self.command(device, asked, Command::Messages { channel: channel.clone(), before, limit });
    }

    pub fn page_read(&mut self, device: usize, channel: &Channel, first: Option<MessageSeq>, start: bool, whole: bool) {
        let (at, life) = (self.now + self.dice.between(0, 40), self.devices[device].life);
        let readings = &mut self.devices[device].app.readings;
        let Some(reading) = readings.open.get_mut(channel) else { return };
        if start && whole {
            readings.open.remove(channel);
            readings.whole.insert(channel.clone());
        } else if whole && first.is_some() {
            reading.before = first;
            self.schedule(at, Happening::ReadPage(device, life, channel.clone()));
        } else {
            reading.waits = true;
        }
    }

    pub fn page_failed(&mut self, device: usize, channel: &Channel) {
        self.devices[device].app.readings.open.remove(channel);
    }

    /// Word of the history came.
    pub fn read_again(&mut self, device: usize, channel: &Channel) {
        if !self.plan.reads {
            return;
        }
        let (at, life) = (self.now + self.dice.between(0, 40), self.devices[device].life);
        let it = &mut self.devices[device];
        if let Some(reading) = it.app.readings.open.get_mut(channel).filter(|reading| reading.waits) {
            reading.waits = false;
            self.schedule(at, Happening::ReadPage(device, life, channel.clone()));
        }
        let it = &mut self.devices[device];
        // It may have come to light only now that a list had left the channel out.
        it.app.readings.whole.remove(channel);
        // Whoever looks at a channel sees it anew.
        if it.app.complete.contains_key(channel) {
            let again = it.app.readings.again.entry(channel.clone()).or_default();
            *again += 1;
            if *again > MOST_AGAIN {
                let text = format!("10: {} reads {} again and again", it.name, channel.id);
                return self.fail(text);
            }
            self.schedule(at, Happening::Show(device, life, channel.clone()));
        }
    }

    /// What a page claims, against the log: nothing lies before the start, and a whole page leaves nothing out.
    pub fn check_page(
        &self,
        device: usize,
        channel: &Channel,
        messages: &[MessageView],
        before: Option<MessageSeq>,
        (start, whole): (bool, bool),
    ) -> Option<String> {
        let shared = self.shared(device, channel);
        let spoiled =
            |defect: Defect| !matches!(defect, Defect::StartClaimed | Defect::WholeClaimed | Defect::WordForgotten);
        if self.model.shortened.contains(&shared) || self.plan.defect.is_some_and(spoiled) {
            return None;
        }
        let it = &self.devices[device];
        let log = self.gateway.messages(&shared);
        let seqs: Vec<u64> = messages.iter().filter_map(|message| message.message_seq).map(|seq| seq.0).collect();
        let lowest = seqs.first().copied().or(before.map(|before| before.0)).unwrap_or(u64::MAX);
        if let Some(first) = log.first().filter(|first| start && first.message_seq < lowest) {
            let seq = first.message_seq;
            // What is pushed while an empty page is on its way is not before it.
            return (lowest < u64::MAX)
                .then(|| format!("3: {} calls {lowest} the start of {}, and {seq} is", it.name, channel.id));
        }
        if !whole {
            return None;
        }
        let (Some(low), Some(high)) = (seqs.first(), seqs.last()) else { return None };
        let shown: BTreeSet<&str> = messages.iter().map(|message| message.client_msg_no.as_str()).collect();
        let missing = log.iter().filter(|message| (*low..=*high).contains(&message.message_seq)).find(|message| {
            let is_copy = || {
                log.iter().any(|other| {
                    other.client_msg_no == message.client_msg_no && other.message_seq < message.message_seq
                })
            };
            !shown.contains(message.client_msg_no.as_str()) && !is_copy()
        });
        missing.map(|message| {
            format!("3: {} calls a page of {} whole, without {}", it.name, channel.id, message.client_msg_no)
        })
    }

    /// Everything that was at the server when the connection became ready is here, but for what lies before the oldest that is: that
    /// is read by whoever wants it.
    pub fn note_heads(&mut self, device: usize) {
        let heads = self.channels_of(device).into_iter().filter_map(|channel| {
            let head = self.gateway.messages(&self.shared(device, &channel)).last()?;
            let seq = MessageSeq(head.message_seq);
            (head.from.as_str() != self.devices[device].person).then(|| (channel, head.client_msg_no.clone(), seq))
        });
        self.devices[device].app.heads = heads.collect();
        self.devices[device].app.left.clear();
        self.devices[device].app.begins_afresh = !self.devices[device].disk.is_busy();
    }

    pub fn check_heads(&mut self, device: usize) {
        if self.plan.restarts > 0 {
            // A server that was killed no longer lists conversations that were young then.
            return;
        }
        let it = &self.devices[device];
        let members = self.channels_of(device);
        let missing = it.app.heads.iter().find(|(channel, number, seq)| {
            let row = it.disk.store.channels().find(|row| row.channel == *channel);
            let is_older = row.and_then(|row| row.ranges.first()).is_some_and(|range| *seq < range.first);
            !is_older
                && members.contains(channel)
                && !it.app.left.contains(channel)
                && !self.model.shortened.contains(&self.shared(device, channel))
                && it.disk.store.messages().all(|row| row.channel != *channel || row.client_msg_no.0 != *number)
        });
        if let Some((channel, number, _)) = missing {
            let text = format!("10: {} calls catching up done without {number} of {}", it.name, channel.id);
            self.fail(text);
        }
    }
}
