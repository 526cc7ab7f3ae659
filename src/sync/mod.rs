//! Catching up: what to ask the business server after a (re)connect and from time to time, in which order, and when it is complete.
//!
//! ```text
//! ready ─► marks of every known channel ─► commands ─► conversations ─► history of what has holes or is open ─► done
//!            ▲ a recall is known before its message is shown              │ again after 2 s and 15 s: a new leader may not answer yet
//!                                                                         └ from then on each minute: is there anything that
//!                                                                           was not pushed? (see `hearing`)
//! ```
//!
//! It decides what is asked and when; a step that fails again and again is asked on, and no longer waited for. What the answers
//! mean is the timelines' business.

mod hearing;

use crate::channel::Channel;
use crate::dice::Dice;
use crate::id::MessageSeq;
use crate::sorted::{Map, Set};
use crate::time::{Earliest, Millis, Mono};

pub use hearing::Find;
use hearing::Hearing;

/// Channels in one request for marks.
const MARKS_AT_ONCE: usize = 100;
/// History requests under way.
const HISTORIES: usize = 4;
/// As long as a hole is held, before it is asked for.
const SOON: Millis = Millis::seconds(1);
const AGAIN: [Millis; 2] = [Millis::seconds(2), Millis::seconds(15)];
/// Whoever is refused today may be a member, or known at all, a little later.
const AFTER_REFUSAL: Millis = Millis::seconds(5 * 60);
/// Whether WuKongIM still knows us as online: PONGs do not tell (a connection may answer every PING and never get a message).
const PRESENCE: Millis = Millis::seconds(45);
/// A first "no" may be a leader that has just moved.
const PRESENCE_AGAIN: Millis = Millis::seconds(5);
/// A channel of a cluster whose messages are stored and pushed to nobody stays so for minutes, and somebody may be talking in it.
const NEWS_AGAIN: Millis = Millis::seconds(15);
const POLICY: Millis = Millis::seconds(30 * 60);
/// Failures in a row after which the next step is not held up any longer: a quarter of a minute. The question itself goes on.
const PATIENCE: u32 = 4;
/// A server that asks for more patience than this does not hold up the next step either.
const SHORT_PATIENCE: Millis = Millis::seconds(10);
const FIRST_PAUSE: Millis = Millis::seconds(1);
const LONGEST_PAUSE: Millis = Millis::seconds(30);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    Policy,
    Online,
    Marks(Vec<Channel>),
    Commands,
    CommandsAck(MessageSeq),
    Conversations,
    /// Only what the conversations have that was not pushed.
    News,
    History(Channel),
    Read(Channel, MessageSeq),
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Answered,
    /// Ask again later, and not before this much time has passed.
    Retry(Millis),
    /// This question is refused; asking again does not help, unless whoever refuses learns better.
    Refused,
    /// Nobody answers this kind of question here, ever.
    Unsupported,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Policy,
    Online,
    Marks,
    Commands,
    CommandsAck,
    Conversations,
    History,
    Read,
}

/// One question: when it is due, and whether it is under way.
#[derive(Default)]
struct Wish {
    due: Option<Mono>,
    /// Whoever answers wants to be left alone until then.
    not_before: Mono,
    under_way: bool,
    failures: u32,
}

impl Wish {
    // Inlined in some twenty places it makes the package larger, and it is never what takes the time.
    #[inline(never)]
    fn want(&mut self, at: Mono) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)).max(self.not_before));
    }

    fn is_due(&self, now: Mono) -> bool {
        !self.under_way && self.due.is_some_and(|due| due <= now)
    }

    fn start(&mut self) {
        self.under_way = true;
        self.due = None;
    }

    fn end(&mut self, now: Mono, ended: Ended) {
        self.under_way = false;
        if let Ended::Retry(patience) = ended {
            self.failures += 1;
            if patience > SHORT_PATIENCE {
                self.failures = self.failures.max(PATIENCE);
            }
            self.not_before = now + patience;
            self.want(now + pause(self.failures));
        } else {
            self.failures = 0;
        }
    }

    fn is_open(&self) -> bool {
        self.under_way || self.due.is_some()
    }

    /// It fails and fails.
    fn is_hopeless(&self) -> bool {
        self.failures >= PATIENCE
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Offline,
    Marks,
    Commands,
    Conversations,
    Steady,
}

pub struct CatchUp {
    phase: Phase,
    /// There is a business server, or functions in its place.
    business: bool,
    unsupported: Set<Kind>,
    policy: Wish,
    online: Wish,
    offline_once: bool,
    marks: Map<Channel, Wish>,
    commands: Wish,
    /// Once those up to here are acknowledged, there may be more.
    more_commands: MessageSeq,
    ack: Wish,
    ack_seq: MessageSeq,
    conversations: Wish,
    news: Wish,
    hearing: Hearing,
    visible: bool,
    /// Of the newest message that a list of conversations named, in seconds of the server's clock.
    newest: i64,
    history: Map<Channel, Wish>,
    reads: Map<Channel, (MessageSeq, Wish)>,
    again: Vec<Mono>,
    caught_up: bool,
    announced: bool,
}

impl CatchUp {
    pub fn new(business: bool, dice: Dice) -> Self {
        Self {
            phase: Phase::Offline,
            business,
            unsupported: Set::new(),
            policy: Wish::default(),
            online: Wish::default(),
            offline_once: false,
            marks: Map::new(),
            commands: Wish::default(),
            more_commands: MessageSeq(0),
            ack: Wish::default(),
            ack_seq: MessageSeq(0),
            conversations: Wish::default(),
            news: Wish::default(),
            hearing: Hearing::new(dice),
            visible: true,
            newest: 0,
            history: Map::new(),
            reads: Map::new(),
            again: Vec::new(),
            caught_up: false,
            announced: false,
        }
    }

    /// Whether history can be asked for at all.
    pub fn has_history(&self) -> bool {
        self.business && !self.unsupported.contains(&Kind::History)
    }

    /// Since the connection is ready, the conversations were read.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up || (self.phase != Phase::Offline && !self.business)
    }

    pub fn handle_ready(&mut self, now: Mono, known: impl Iterator<Item = Channel>) {
        self.announced = false;
        self.hearing.handle_ready(now);
        if !self.business {
            self.phase = Phase::Steady;
            return;
        }
        self.again = AGAIN.iter().map(|span| now + *span).collect();
        self.policy.want(now);
        self.online.want(now + PRESENCE);
        self.offline_once = false;
        // The last round of catching up comes after a quarter of a minute.
        let again = Millis(AGAIN[1].0 + NEWS_AGAIN.0);
        let pause = if self.hearing.has_missed(now) { again } else { self.hearing.pause(self.visible) };
        self.news.want(now + pause);
        self.round(now, known);
    }

    /// One round of catching up.
    pub fn round(&mut self, now: Mono, known: impl Iterator<Item = Channel>) {
        self.phase = Phase::Marks;
        for channel in known {
            self.marks.entry(channel).or_default().want(now);
        }
        self.commands.want(now);
        self.conversations.want(now);
    }

    /// The connection is gone; what was asked is asked anew.
    pub fn handle_lost(&mut self) {
        self.phase = Phase::Offline;
        self.caught_up = false;
        self.more_commands = MessageSeq(0);
        self.again.clear();
        self.hearing.handle_lost();
        let Self { policy, online, commands, ack, conversations, news, .. } = self;
        for wish in [policy, online, commands, ack, conversations, news] {
            *wish = Wish::default();
        }
        self.marks.clear();
        self.history.clear();
        for (_, wish) in self.reads.values_mut() {
            wish.under_way = false;
            wish.due = Some(Mono(0));
        }
    }

    pub fn handle_visible(&mut self, now: Mono, visible: bool) {
        self.visible = visible;
        if visible && self.news.due.is_some() {
            let due = self.hearing.last_asked() + self.hearing.pause(visible);
            self.news.want(due.max(now));
        }
    }

    /// Something was pushed.
    pub fn handle_heard(&mut self, now: Mono) {
        self.hearing.handle_heard(now);
    }

    /// A list of conversations named a message of this time, in seconds.
    pub fn note_newest(&mut self, timestamp: i64) {
        self.newest = self.newest.max(timestamp);
    }

    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// The answer to `News` named these.
    pub fn found(&mut self, now: Mono, finds: Vec<Find>) {
        self.hearing.found(now, finds);
    }

    /// What was found a while ago: the caller looks whether it is here by now.
    pub fn take_finds(&mut self, now: Mono) -> Vec<Find> {
        self.hearing.take_finds(now)
    }

    /// These never came, and are read now. True if the connection must be given up: it is deaf.
    pub fn missed(&mut self, now: Mono, finds: Vec<Find>) -> bool {
        self.conversations.want(now);
        if self.visible {
            self.news.want(now + NEWS_AGAIN);
        }
        self.hearing.missed(now, finds)
    }

    /// True if nothing was pushed for long, nobody can tell whether it should have been, and a new connection cuts nothing off.
    pub fn is_silent(&mut self, now: Mono, idle: bool) -> bool {
        self.phase != Phase::Offline && self.is_blind() && self.hearing.is_silent(now, idle)
    }

    fn is_blind(&self) -> bool {
        !self.business || (!self.supports(Kind::Online) && !self.supports(Kind::Conversations))
    }

    /// Due rounds of catching up; the caller starts them with the channels it knows.
    pub fn take_round(&mut self, now: Mono) -> bool {
        let before = self.again.len();
        self.again.retain(|due| *due > now);
        self.again.len() < before && self.phase == Phase::Steady
    }

    pub fn want_marks(&mut self, now: Mono, channel: Channel) {
        self.marks.entry(channel).or_default().want(now);
    }

    pub fn want_policy(&mut self, now: Mono) {
        self.policy.want(now);
    }

    pub fn want_ack(&mut self, now: Mono, seq: MessageSeq) {
        self.ack_seq = self.ack_seq.max(seq);
        self.ack.want(now);
    }

    pub fn expect_commands(&mut self, behind: MessageSeq) {
        self.more_commands = behind;
    }

    pub fn want_history(&mut self, now: Mono, channel: Channel, after: Millis) {
        self.history.entry(channel).or_default().want(now + after);
    }

    pub fn want_read(&mut self, now: Mono, channel: Channel, seq: MessageSeq) {
        let (known, wish) = self.reads.entry(channel).or_default();
        *known = (*known).max(seq);
        wish.want(now);
    }

    /// The next question, if one is due.
    pub fn poll(&mut self, now: Mono) -> Option<Job> {
        if !self.business || self.phase == Phase::Offline {
            return None;
        }
        if self.policy.is_due(now) && self.supports(Kind::Policy) {
            self.policy.start();
            return Some(Job::Policy);
        }
        if self.online.is_due(now) && self.supports(Kind::Online) {
            self.online.start();
            return Some(Job::Online);
        }
        if let Some(job) = self.poll_marks(now) {
            return Some(job);
        }
        self.advance();
        if self.phase >= Phase::Commands && self.commands.is_due(now) && self.supports(Kind::Commands) {
            self.commands.start();
            return Some(Job::Commands);
        }
        if self.ack.is_due(now) && self.supports(Kind::CommandsAck) {
            self.ack.start();
            return Some(Job::CommandsAck(self.ack_seq));
        }
        if self.phase >= Phase::Conversations && self.conversations.is_due(now) && self.supports(Kind::Conversations) {
            self.conversations.start();
            return Some(Job::Conversations);
        }
        if self.may_ask_news() && self.news.is_due(now) {
            self.news.start();
            self.hearing.asked(now);
            return Some(Job::News);
        }
        if self.phase == Phase::Steady && self.supports(Kind::History) {
            let under_way = self.history.values().filter(|wish| wish.under_way).count();
            if under_way < HISTORIES
                && let Some((channel, wish)) = self.history.iter_mut().find(|(_, wish)| wish.is_due(now))
            {
                wish.start();
                return Some(Job::History(channel.clone()));
            }
        }
        if self.supports(Kind::Read)
            && let Some((channel, (seq, wish))) = self.reads.iter_mut().find(|(_, (_, wish))| wish.is_due(now))
        {
            wish.start();
            return Some(Job::Read(channel.clone(), *seq));
        }
        None
    }

    fn poll_marks(&mut self, now: Mono) -> Option<Job> {
        if !self.supports(Kind::Marks) {
            self.marks.clear();
            return None;
        }
        let mut channels = Vec::new();
        for (channel, wish) in self.marks.iter_mut().filter(|(_, wish)| wish.is_due(now)).take(MARKS_AT_ONCE) {
            wish.start();
            channels.push(channel.clone());
        }
        (!channels.is_empty()).then_some(Job::Marks(channels))
    }

    pub fn handle_ended(&mut self, now: Mono, job: &Job, ended: Ended) {
        if ended == Ended::Unsupported {
            self.unsupported.insert(kind(job));
        }
        let of_round = matches!(job, Job::Marks(_) | Job::Commands | Job::Conversations | Job::News | Job::History(_));
        if ended == Ended::Refused && of_round && self.again.iter().all(|due| *due <= now + AGAIN[1]) {
            self.again.push(now + AFTER_REFUSAL);
        }
        match job {
            Job::Policy => {
                self.policy.end(now, ended);
                if !matches!(ended, Ended::Retry(_)) {
                    self.policy.want(now + POLICY);
                }
            }
            Job::Online => {
                self.online.end(now, ended);
                self.online.want(now + PRESENCE);
            }
            Job::Marks(channels) => {
                for channel in channels {
                    if let Some(wish) = self.marks.get_mut(channel) {
                        wish.end(now, ended);
                        if !wish.is_open() {
                            self.marks.remove(channel);
                        }
                    }
                }
            }
            Job::Commands => self.commands.end(now, ended),
            Job::CommandsAck(seq) => {
                self.ack.end(now, ended);
                let waits = (MessageSeq(1)..=*seq).contains(&self.more_commands);
                if waits && !matches!(ended, Ended::Retry(_)) {
                    self.more_commands = MessageSeq(0);
                    if ended == Ended::Answered {
                        self.commands.want(now);
                    }
                }
            }
            Job::Conversations => {
                self.conversations.end(now, ended);
                self.caught_up |= matches!(ended, Ended::Answered | Ended::Unsupported);
            }
            Job::News => {
                // What could not be answered is asked the next time.
                self.news.end(now, Ended::Answered);
                if let Ended::Retry(patience) = ended {
                    self.news.not_before = now + patience;
                }
                self.news.want(now + self.hearing.pause(self.visible));
            }
            Job::History(channel) => {
                if let Some(wish) = self.history.get_mut(channel) {
                    wish.end(now, ended);
                    if !wish.is_open() {
                        self.history.remove(channel);
                    }
                }
            }
            Job::Read(channel, asked) => {
                if let Some((seq, wish)) = self.reads.get_mut(channel) {
                    wish.end(now, ended);
                    if *seq > *asked {
                        wish.want(now);
                    }
                    if !wish.is_open() {
                        self.reads.remove(channel);
                    }
                }
            }
        }
        self.advance();
    }

    /// The answer to `Online`. True if the connection must be given up: WuKongIM does not know it, twice.
    pub fn handle_presence(&mut self, now: Mono, online: Option<bool>) -> bool {
        match online {
            Some(false) if self.offline_once => {
                self.offline_once = false;
                true
            }
            Some(false) => {
                self.offline_once = true;
                self.online.want(now + PRESENCE_AGAIN);
                false
            }
            _ => {
                self.offline_once = false;
                false
            }
        }
    }

    /// True until `announce`, when nothing is left to be asked. What fails, and is asked again only much later, holds nothing up.
    pub fn is_done(&self, now: Mono) -> bool {
        let soon = |wish: &Wish| wish.under_way || wish.failures > 0 || wish.is_due(now + SOON);
        self.phase == Phase::Steady
            && !self.announced
            && (!self.business
                || (self.marks.is_empty()
                    && !self.commands.is_open()
                    && self.more_commands == MessageSeq(0)
                    && !self.conversations.is_open()
                    && !self.history.values().any(soon)))
    }

    pub fn announce(&mut self) {
        self.announced = true;
    }

    pub fn poll_timeout(&self) -> Option<Mono> {
        if self.phase == Phase::Offline {
            return None;
        }
        let silent = self.is_blind().then(|| self.hearing.silent_at());
        if !self.business {
            return silent;
        }
        let mut earliest = Earliest(silent);
        let mut wish = |kind, wish: &Wish| earliest.or(wish.due.filter(|_| !wish.under_way && self.may(kind)));
        wish(Kind::Policy, &self.policy);
        wish(Kind::Online, &self.online);
        wish(Kind::Commands, &self.commands);
        wish(Kind::CommandsAck, &self.ack);
        wish(Kind::Conversations, &self.conversations);
        self.marks.values().for_each(|marks| wish(Kind::Marks, marks));
        self.history.values().for_each(|history| wish(Kind::History, history));
        self.reads.values().for_each(|(_, read)| wish(Kind::Read, read));
        earliest.or(self.news.due.filter(|_| self.may_ask_news() && !self.news.under_way));
        self.again.iter().for_each(|due| earliest.or(Some(*due)));
        earliest.or(self.hearing.look_at());
        earliest.0
    }

    /// Not while the conversations themselves are asked for.
    fn may_ask_news(&self) -> bool {
        self.phase == Phase::Steady && !self.conversations.is_open() && self.supports(Kind::Conversations)
    }

    fn may(&self, kind: Kind) -> bool {
        let phase = match kind {
            Kind::Commands => Phase::Commands,
            Kind::Conversations => Phase::Conversations,
            Kind::History => Phase::Steady,
            _ => Phase::Marks,
        };
        let crowded = kind == Kind::History && self.history.values().filter(|wish| wish.under_way).count() >= HISTORIES;
        self.phase >= phase && self.supports(kind) && !crowded
    }

    fn advance(&mut self) {
        if self.phase == Phase::Marks && self.marks.values().all(Wish::is_hopeless) {
            self.phase = Phase::Commands;
        }
        if self.phase == Phase::Commands && (!self.commands.is_open() || !self.supports(Kind::Commands)) {
            self.commands.due = None;
            self.phase = Phase::Conversations;
        } else if self.phase == Phase::Commands && self.commands.is_hopeless() {
            self.phase = Phase::Conversations;
        }
        if self.phase == Phase::Conversations && (!self.conversations.is_open() || !self.supports(Kind::Conversations))
        {
            self.conversations.due = None;
            self.caught_up |= !self.supports(Kind::Conversations);
            self.phase = Phase::Steady;
        } else if self.phase == Phase::Conversations && self.conversations.is_hopeless() {
            self.phase = Phase::Steady;
        }
        if !self.supports(Kind::History) {
            self.history.clear();
        }
    }

    fn supports(&self, kind: Kind) -> bool {
        !self.unsupported.contains(&kind)
    }
}

fn kind(job: &Job) -> Kind {
    match job {
        Job::Policy => Kind::Policy,
        Job::Online => Kind::Online,
        Job::Marks(_) => Kind::Marks,
        Job::Commands => Kind::Commands,
        Job::CommandsAck(_) => Kind::CommandsAck,
        Job::Conversations | Job::News => Kind::Conversations,
        Job::History(_) => Kind::History,
        Job::Read(..) => Kind::Read,
    }
}

fn pause(failures: u32) -> Millis {
    Millis(FIRST_PAUSE.0.saturating_mul(1 << (failures - 1).min(10)).min(LONGEST_PAUSE.0))
}
