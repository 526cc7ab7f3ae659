//! What a seed decides before anything happens: which server, which faults at what rate, for how long.
//!
//! Most faults are off in most plans ("swarm testing"): where everything fails at once, little is reached.

use jindou_gateway::Generation;

use crate::defect::Defect;
use crate::dice::Dice;

/// Each so often of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    // Of a socket message.
    pub drop_up: u32,
    pub drop_down: u32,
    pub duplicate_up: u32,
    pub duplicate_down: u32,
    pub swap_down: u32,
    pub split: u32,
    pub glue: u32,
    pub delay: u32,
    // Of a connection.
    pub cut: u32,
    pub freeze: u32,
    pub deaf: u32,
    pub dead_after_connack: u32,
    pub unreachable: u32,
    pub never_opens: u32,
    // Of a SEND at the server.
    pub ack_lost: u32,
    pub send_lost: u32,
    // Of the disk.
    pub store_fails: u32,
    pub load_fails: u32,
    pub slow_disk: u32,
    // Of the business server.
    pub error: u32,
    pub hang: u32,
    pub slow: u32,
    pub answer_lost: u32,
    /// Between two outputs.
    pub crash: u32,
}

impl Faults {
    fn each(&mut self) -> [(&mut u32, u64); 23] {
        // The highest rate of each: as much as leaves the world alive.
        [
            (&mut self.drop_up, 40),
            (&mut self.drop_down, 40),
            (&mut self.duplicate_up, 40),
            (&mut self.duplicate_down, 80),
            (&mut self.swap_down, 120),
            (&mut self.split, 200),
            (&mut self.glue, 200),
            (&mut self.delay, 60),
            (&mut self.cut, 600),
            (&mut self.freeze, 300),
            (&mut self.deaf, 300),
            (&mut self.dead_after_connack, 300),
            (&mut self.unreachable, 300),
            (&mut self.never_opens, 200),
            (&mut self.ack_lost, 150),
            (&mut self.send_lost, 100),
            (&mut self.store_fails, 60),
            (&mut self.load_fails, 40),
            (&mut self.slow_disk, 200),
            (&mut self.error, 200),
            (&mut self.hang, 60),
            (&mut self.slow, 200),
            (&mut self.answer_lost, 100),
        ]
    }
}

/// Who is there beside two people with two devices each, and who comes and goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Society {
    /// Without a device.
    pub people: u64,
    pub groups: u64,
    /// When they begin to talk, and the pause between two acts.
    pub since: u64,
    pub pace: (u64, u64),
    /// Of a thousand acts.
    pub recalls: u32,
    /// How often somebody leaves a group for a while.
    pub leaves: u64,
}

/// How often something comes over a device or a server for a while.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spells {
    pub outages: u64,
    pub clocks: u64,
    pub sleeps: u64,
    pub full: u64,
    pub floods: u64,
    pub moves: bool,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub generation: Generation,
    pub faults: Faults,
    /// Until the network is whole, in milliseconds.
    pub chaos: u64,
    /// One way, in milliseconds.
    pub latency: (u64, u64),
    /// Between two acts of one person at one device.
    pub pause: (u64, u64),
    /// Whether somebody forges commands.
    pub forged: bool,
    /// Whether somebody is refused for a while.
    pub refusals: bool,
    /// How often the gateway ends and begins anew.
    pub restarts: u64,
    /// How often somebody logs in with another device of the same kind.
    pub kicks: u64,
    /// Whether the application has an old token for a while.
    pub bad_tokens: bool,
    /// Whether a channel is without its leader for a while.
    pub stranded: bool,
    /// Several are, people talk there, and it lasts for so long after all else is whole, in milliseconds.
    pub leaderless: Option<u64>,
    /// One device reads the conversations before anybody says something, and then is away for long.
    pub sleeper: bool,
    /// When that one comes back while all else still fails; else once the network is whole.
    pub back: Option<u64>,
    pub society: Society,
    pub weather: Spells,
    /// How long a message may be recalled, and a recall undone, in milliseconds; else as long as the rules say.
    pub windows: Option<(u64, u64)>,
    /// People read back to the beginning, and again at each word of the history.
    pub reads: bool,
    /// Whether an inspector listens.
    pub traced: bool,
    pub defect: Option<Defect>,
}

impl Plan {
    pub fn of(seed: u64) -> Plan {
        let mut dice = Dice::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ 0x6a69_6e64_6f75);
        let mut faults = Faults::default();
        if !dice.chance(80) {
            for (rate, most) in faults.each() {
                if dice.chance(350) {
                    *rate = dice.between(1, most) as u32;
                }
            }
            if dice.chance(500) {
                faults.crash = dice.between(1, 8) as u32;
            }
        }
        // People who hurry do as much in a shorter time.
        let hurried = dice.chance(300);
        let seconds = if hurried { dice.between(5, 15) } else { dice.between(15, 60) };
        let generation = match dice.below(1000) {
            0..600 => Generation::V22,
            600..850 => Generation::V21,
            _ => Generation::V3,
        };
        Plan {
            seed,
            generation,
            faults,
            chaos: seconds * 1000,
            latency: if dice.chance(300) { (50, 400) } else { (1, 40) },
            pause: if hurried { (20, 500) } else { (200, 4_000) },
            forged: dice.chance(300),
            refusals: dice.chance(300),
            traced: dice.chance(200),
            restarts: if dice.chance(200) { dice.between(1, 2) } else { 0 },
            kicks: if dice.chance(200) { dice.between(1, 3) } else { 0 },
            bad_tokens: dice.chance(100),
            stranded: dice.chance(150),
            leaderless: None,
            sleeper: false,
            back: None,
            society: Society::default(),
            weather: Spells::default(),
            windows: None,
            reads: false,
            defect: None,
        }
    }

    /// Nothing goes wrong.
    pub fn calm(seed: u64) -> Plan {
        let of = Plan { faults: Faults::default(), forged: false, refusals: false, ..Plan::of(seed) };
        Plan { restarts: 0, kicks: 0, bad_tokens: false, stranded: false, ..of }
    }

    /// People who talk without pause, while somebody is away.
    pub fn crowd(seed: u64) -> Plan {
        Plan { pause: (10, 120), chaos: 15_000, sleeper: true, ..Plan::of(seed) }
    }

    /// Many conversations, much to catch up with, and all that comes over devices and servers for a while.
    pub fn town(seed: u64) -> Plan {
        let mut dice = Dice::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x746f_776e);
        let quiet = |dice: &mut Dice, most: u64| if dice.chance(350) { dice.between(1, most) } else { 0 };
        let of = Plan::of(seed);
        let chaos = dice.between(12_000, 30_000);
        // Either few conversations with very much in them, or many.
        let few = dice.chance(500);
        let society = Society {
            people: if few { dice.between(1, 3) } else { dice.between(5, 30) },
            groups: if few { dice.between(0, 2) } else { dice.between(1, 25) },
            since: dice.between(0, 4_000),
            pace: if dice.chance(500) { (5, 40) } else { (20, 300) },
            recalls: if dice.chance(400) { 400 } else { dice.between(0, 200) as u32 },
            leaves: quiet(&mut dice, 4),
        };
        let weather = Spells {
            outages: quiet(&mut dice, 6),
            clocks: quiet(&mut dice, 3),
            sleeps: quiet(&mut dice, 3),
            full: quiet(&mut dice, 3),
            floods: quiet(&mut dice, 2),
            moves: dice.chance(150),
        };
        // Where all of it comes at once, little is reached.
        let faults = if dice.chance(300) { Faults::default() } else { of.faults };
        let sleeper = dice.chance(700);
        let back = dice.chance(600).then(|| dice.between(chaos / 2, chaos));
        let windows = dice.chance(400).then(|| (dice.between(2_000, 10_000), dice.between(2_000, 10_000)));
        let leaderless = dice.chance(250).then(|| dice.between(1_000, 480_000));
        let of = Plan { stranded: leaderless.is_some(), leaderless, pause: (300, 3_000), ..of };
        Plan { chaos, society, weather, faults, sleeper, back, windows, reads: true, ..of }
    }

    /// The same, but with another server.
    pub fn at(self, generation: Generation) -> Plan {
        Plan { generation, ..self }
    }

    /// The same, but with a core that breaks a rule.
    pub fn with(self, defect: Defect) -> Plan {
        Plan { defect: Some(defect), ..self }
    }
}
