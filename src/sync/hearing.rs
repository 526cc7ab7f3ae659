//! Whether what the server stores is pushed to us too. PONGs do not tell: after a move of slots in a cluster a connection may answer
//! every PING and never bring a message again; and a single message may be stored and pushed to nobody while all else is well.
//!
//! ```text
//! asked for news ─► named, and not here ─► still not here after a while ─► read, as after a reconnect
//!                                                                       └► and nothing was pushed for a minute, nor since
//!                                                                          the question before: deaf, another is made
//! ```
//!
//! A server that pushes nothing at all is no reason to call it each minute: without a push in between, the pauses double.
//! Where nobody can be asked, silence is all there is to judge by, and a long one is answered with a new connection.

use crate::channel::Channel;
use crate::dice::Dice;
use crate::id::MessageSeq;
use crate::sorted::Map;
use crate::time::{Millis, Mono};

/// Between two questions.
const VISIBLE: Millis = Millis::seconds(55);
const HIDDEN: Millis = Millis::seconds(5 * 60);
/// A push may be on its way when the list names its message, and in a cluster it may take seconds.
const ON_ITS_WAY: Millis = Millis::seconds(5);
/// From one connection that was given up as deaf to the next.
const FIRST_PAUSE: Millis = Millis::seconds(5 * 60);
const LONGEST_PAUSE: Millis = Millis::seconds(60 * 60);
/// A push proves for this long that the connection hears. One that comes this long after the connection was made proves that it goes on
/// hearing.
const HEARS: Millis = Millis::seconds(60);
/// Silence, where nobody can be asked.
const SILENCE: Millis = Millis::seconds(10 * 60);
/// Something is on its way to the server; a new connection can wait for its end.
const BUSY: Millis = Millis::seconds(10);

/// A message that the server has and we do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Find {
    pub channel: Channel,
    pub seq: MessageSeq,
    /// It should have come by this connection.
    pub owed: bool,
}

pub struct Hearing {
    dice: Dice,
    ready: Mono,
    heard: Option<Mono>,
    /// When news was asked for last, and the time before.
    asked: [Mono; 2],
    /// When something had not come at all.
    missed: Option<Mono>,
    finds: Vec<Find>,
    look_at: Option<Mono>,
    /// What was read once because of a find. If it is still named it cannot be had, and is no news.
    read: Map<Channel, MessageSeq>,
    given_up: u32,
    not_before: Mono,
    silence: Millis,
    silent_at: Mono,
}

impl Hearing {
    pub fn new(dice: Dice) -> Self {
        Self {
            dice,
            ready: Mono(0),
            heard: None,
            asked: [Mono(0); 2],
            missed: None,
            finds: Vec::new(),
            look_at: None,
            read: Map::new(),
            given_up: 0,
            not_before: Mono(0),
            silence: SILENCE,
            silent_at: Mono(0),
        }
    }

    /// Until the next question; not the same for everybody, for a crowd comes back as one when a node ends.
    pub fn pause(&mut self, visible: bool) -> Millis {
        let shortest = if visible { VISIBLE } else { HIDDEN };
        Millis(shortest.0 + self.dice.up_to(Millis(shortest.0 / 4)).0)
    }

    pub fn handle_ready(&mut self, now: Mono) {
        self.ready = now;
        self.heard = None;
        self.asked = [now; 2];
        self.silence = Millis(SILENCE.0 + self.dice.up_to(Millis(SILENCE.0 / 2)).0);
        self.silent_at = now + self.silence;
    }

    pub fn handle_lost(&mut self) {
        self.finds.clear();
        self.look_at = None;
    }

    /// Something was pushed.
    pub fn handle_heard(&mut self, now: Mono) {
        self.heard = Some(now);
        self.silent_at = now + self.silence;
        if now.since(self.ready) >= HEARS {
            self.given_up = 0;
            self.not_before = Mono(0);
        }
    }

    pub fn asked(&mut self, now: Mono) {
        self.asked = [now, self.asked[0]];
    }

    /// When news was asked for last; at first, when the connection became ready.
    pub fn last_asked(&self) -> Mono {
        self.asked[0]
    }

    pub fn found(&mut self, now: Mono, finds: Vec<Find>) {
        self.finds = finds;
        self.finds.retain(|find| self.read.get(&find.channel) != Some(&find.seq));
        self.look_at = (!self.finds.is_empty()).then_some(now + ON_ITS_WAY);
    }

    /// What was found a while ago, to be looked for once more.
    pub fn take_finds(&mut self, now: Mono) -> Vec<Find> {
        if self.look_at.is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.look_at = None;
        core::mem::take(&mut self.finds)
    }

    /// Something was missed a while ago, and may be again.
    pub fn has_missed(&self, now: Mono) -> bool {
        self.missed.is_some_and(|missed| now.since(missed) < HEARS)
    }

    /// These never came. True if the connection is to be given up.
    pub fn missed(&mut self, now: Mono, finds: Vec<Find>) -> bool {
        self.missed = Some(now);
        let owed = finds.iter().any(|find| find.owed);
        self.read.extend(finds.into_iter().map(|find| (find.channel, find.seq)));
        // What was pushed lately was pushed to somebody who hears, and a single message went astray.
        let silent = self.heard.is_none_or(|heard| heard < self.asked[1] && now.since(heard) >= HEARS);
        if !owed || !silent || now < self.not_before {
            return false;
        }
        let pause = FIRST_PAUSE.0.saturating_mul(1 << self.given_up.min(10)).min(LONGEST_PAUSE.0);
        self.given_up = self.given_up.saturating_add(1);
        self.not_before = now + Millis(pause);
        true
    }

    pub fn look_at(&self) -> Option<Mono> {
        self.look_at
    }

    /// When the silence has lasted long enough.
    pub fn silent_at(&self) -> Mono {
        self.silent_at
    }

    /// True if it was silent for long and nothing would be cut off by a new connection.
    pub fn is_silent(&mut self, now: Mono, idle: bool) -> bool {
        if self.silent_at > now {
            return false;
        }
        if !idle {
            self.silent_at = now + BUSY;
        }
        idle
    }
}
