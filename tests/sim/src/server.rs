//! What happens to the server: it restarts, somebody logs in elsewhere, a token no longer fits, and a channel's leader dies and
//! takes what nobody had confirmed with it.

use std::collections::BTreeMap;

use jindou::channel::ClientMsgNo;
use jindou_gateway::{
    Action, Channel as Shared, Config as GatewayConfig, ConnId, Fault, Gateway, Generation, Input as Event, Millis,
    Retry, Row, Target,
};
use serde_json::json;

use crate::dice::Dice;
use crate::plan::Plan;
use crate::world::{Happening, World, tell};

/// What the world knows of its servers beside the gateway itself.
#[derive(Default)]
pub struct Server {
    /// Everything that the gateway has written.
    pub rows: Vec<Row>,
    /// Nothing answers before this.
    pub down_until: u64,
    /// What the application gives is not what is registered.
    pub bad_token: bool,
    /// Channels without a leader, and how long they were then.
    stranded: BTreeMap<Shared, u64>,
    /// Channels that were without a leader: what was stored then is pushed to nobody.
    troubled: Vec<Shared>,
}

pub fn gateway(plan: &Plan, dice: &mut Dice) -> Gateway {
    let config = GatewayConfig {
        token_auth: true,
        retry: Retry { interval: Millis::from_secs(12), scan: Millis::from_secs(6), limit: 5 },
        trace: true,
        ..GatewayConfig::new(plan.generation)
    };
    Gateway::new(config, dice.entropy())
}

impl World {
    pub fn add_gateway_faults(&mut self) {
        for (rate, stored) in [(self.faults().ack_lost, true), (self.faults().send_lost, false)] {
            if rate > 0 {
                let chance = u16::try_from(rate).unwrap_or(0);
                let fault = Fault::new(Target::default(), Action::ForgetAck { stored });
                self.gateway.add_fault(Fault { chance, ..fault });
            }
        }
    }

    /// What will go wrong with the server, and when.
    pub fn plan_server(&mut self) {
        let chaos = self.plan.chaos;
        let some_time = |dice: &mut Dice| dice.between(1_000, chaos);
        for _ in 0..self.plan.restarts {
            let at = some_time(&mut self.dice);
            self.schedule(at, Happening::Restart);
        }
        for _ in 0..self.plan.kicks {
            let at = some_time(&mut self.dice);
            self.schedule(at, Happening::Kick);
        }
        if self.plan.bad_tokens {
            let at = some_time(&mut self.dice);
            self.schedule(at, Happening::BadToken(true));
            self.schedule(at + 30_000, Happening::BadToken(false));
        }
        let stranded =
            if self.plan.leaderless.is_some() { self.dice.between(1, 4) } else { u64::from(self.plan.stranded) };
        for _ in 0..stranded {
            let at = some_time(&mut self.dice);
            self.schedule(at, Happening::Strand);
        }
    }

    /// In order or not: a kill forgets what waits to be written.
    pub fn restart(&mut self) {
        if self.now < self.server.down_until || self.now >= self.plan.chaos {
            return;
        }
        let killed = self.dice.chance(500);
        tell!(self, "the gateway {}", if killed { "is killed" } else { "restarts" });
        if !killed {
            self.gateway_event(Event::Stopping);
        }
        self.server.down_until = self.now + self.dice.between(200, 8_000);
        let conns: Vec<ConnId> = self.links.keys().copied().collect();
        for conn in conns {
            self.close_down(conn);
        }
        self.gateway = gateway(&self.plan, &mut self.dice);
        for row in self.server.rows.clone() {
            self.gateway.restore(row);
        }
        self.add_gateway_faults();
        for channel in self.server.stranded.keys().cloned().collect::<Vec<_>>() {
            self.gateway.strand(&channel, true);
        }
    }

    pub fn gateway_is_down(&self) -> bool {
        self.now < self.server.down_until
    }

    /// The person logs in with another device of the same kind, which ends this one's login.
    pub fn kick(&mut self) {
        if self.now >= self.plan.chaos {
            return;
        }
        let device = self.dice.below(self.devices.len() as u64) as usize;
        let it = &mut self.devices[device];
        it.may_be_kicked = true;
        let (person, flag) = (it.person, it.flag);
        tell!(self, "{person} logs in elsewhere");
        let body = json!({ "uid": person, "token": format!("token-{person}"), "device_flag": flag, "device_level": 1 });
        self.call_gateway("/user/token", &body);
    }

    /// The person notices, and wants this device back.
    pub fn log_in_again(&mut self, device: usize) {
        let at = self.now + self.dice.between(500, 10_000);
        self.schedule(at, Happening::LogIn(device));
    }

    pub fn bad_token(&mut self, bad: bool) {
        tell!(self, "the application's tokens are {}", if bad { "old" } else { "good" });
        self.server.bad_token = bad;
        for device in &mut self.devices {
            device.may_be_refused |= bad;
        }
    }

    /// A channel loses its leader for a while.
    pub fn strand(&mut self) {
        if self.now >= self.plan.chaos || self.plan.generation == Generation::V3 {
            return;
        }
        let channel = self.some_shared();
        let length = self.gateway.messages(&channel).len() as u64;
        if self.server.stranded.contains_key(&channel) {
            return;
        }
        tell!(self, "{} loses its leader at {length}", channel.id);
        self.server.troubled.push(channel.clone());
        self.gateway.strand(&channel, true);
        self.server.stranded.insert(channel.clone(), length);
        if self.plan.leaderless.is_some() {
            return self.talk_without_leader(&channel);
        }
        let at = self.now + self.dice.between(2_000, 30_000);
        self.schedule(at, Happening::Unstrand(channel));
    }

    /// Somebody says something there, again and again.
    pub fn talk_without_leader(&mut self, channel: &Shared) {
        if !self.server.stranded.contains_key(channel) {
            return;
        }
        let whole = self.now >= self.plan.chaos;
        let at = self.now + if whole { self.dice.between(5_000, 120_000) } else { self.dice.between(200, 6_000) };
        self.schedule(at, Happening::TalkWithoutLeader(channel.clone()));
        let device = self.dice.below(self.devices.len() as u64) as usize;
        let there = self.channels_of(device).into_iter().find(|there| self.shared(device, there) == *channel);
        let it = &self.devices[device];
        if let Some(there) = there.filter(|_| it.client.is_some() && !it.app.closing) {
            self.say(device, there, false);
        }
    }

    /// There is a leader again: another one, which knows nothing of what was not confirmed, or the same.
    pub fn unstrand(&mut self, channel: &Shared) {
        let Some(length) = self.server.stranded.remove(channel) else { return };
        self.gateway.strand(channel, false);
        let takes_back = self.dice.chance(600);
        tell!(
            self,
            "{} has a leader, and {}",
            channel.id,
            if takes_back { "loses its tail" } else { "keeps its tail" }
        );
        if !takes_back {
            return;
        }
        let lost: Vec<(ClientMsgNo, i64)> = self
            .gateway
            .messages(channel)
            .iter()
            .filter(|message| message.message_seq > length)
            .map(|message| (ClientMsgNo(message.client_msg_no.clone()), message.message_id))
            .collect();
        self.gateway.take_back(channel, length + 1);
        self.model.shortened.insert(channel.clone());
        self.note_taken_back(&lost);
        self.collect_rows();
    }

    /// One node alone has it.
    pub fn is_stranded(&self, number: &ClientMsgNo) -> bool {
        self.server.stranded.iter().any(|(channel, length)| {
            let tail = self.gateway.messages(channel).iter().filter(|message| message.message_seq > *length);
            tail.map(|message| &message.client_msg_no).any(|stored| *stored == number.0)
        })
    }

    /// The leaders come back.
    pub fn unstrand_all(&mut self) {
        for channel in self.server.stranded.keys().cloned().collect::<Vec<_>>() {
            self.unstrand(&channel);
        }
    }

    pub fn become_whole_at_the_server(&mut self) {
        self.server.down_until = 0;
        if self.plan.leaderless.is_none() {
            self.unstrand_all();
        }
        if self.server.bad_token {
            self.bad_token(false);
        }
    }

    fn some_shared(&mut self) -> Shared {
        let device = self.dice.below(self.devices.len() as u64) as usize;
        let channels = self.channels_of(device);
        let at = self.dice.below(channels.len() as u64) as usize;
        self.shared(device, &channels[at])
    }

    /// One more message in every such channel: whoever has the old tail, or nothing of the new one, learns of it by that.
    pub fn talk_after_loss(&mut self) {
        for shared in core::mem::take(&mut self.server.troubled) {
            // Alice's first device where she is in it, or else Bob's.
            let speaks = (0..self.devices.len()).find_map(|device| {
                let channel =
                    self.channels_of(device).into_iter().find(|channel| self.shared(device, channel) == shared);
                channel.map(|channel| (device, channel))
            });
            if let Some((device, channel)) = speaks {
                self.say(device, channel, false);
            }
        }
    }

    fn collect_rows(&mut self) {
        while let Some(output) = self.gateway.poll_output() {
            self.effect(output);
        }
    }
}
