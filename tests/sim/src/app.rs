//! The application in a tab: a person who sends, reads, recalls and changes their mind, and what they see meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use jindou::channel::{Channel, ClientMsgNo};
use jindou::client::{Command, Delivery, Input, MessageView, Page, SendOptions, Ticket};
use jindou::id::MessageSeq;
use jindou::request::Target;
use jindou::rows::MessageState;
use jindou::time::Millis;
use serde_json::{Value, json};

use crate::model::Fact;
use crate::reading::Readings;
use crate::world::{GROUP, Happening, PEOPLE, World, tell};

/// A content that is longer is quoted without what it quotes itself.
const MOST_QUOTED: usize = 300;

/// What a ticket waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Connect,
    Send {
        number: ClientMsgNo,
        deadline: bool,
    },
    /// What was sent before.
    Again {
        number: ClientMsgNo,
    },
    Messages {
        channel: Channel,
        limit: usize,
        newest: bool,
    },
    /// Of somebody who reads back to the beginning.
    Page {
        channel: Channel,
        limit: usize,
        before: Option<MessageSeq>,
    },
    Recall {
        number: ClientMsgNo,
    },
    Restore {
        number: ClientMsgNo,
        /// The business server had a mark of it by then.
        is_recorded: bool,
    },
    Reedit {
        number: ClientMsgNo,
    },
    Retry {
        number: ClientMsgNo,
    },
    Discard {
        number: ClientMsgNo,
    },
    /// The conversations, at rest.
    List,
    Close,
    Other,
}

#[derive(Default)]
pub struct App {
    pub tickets: BTreeMap<Ticket, Asked>,
    next_ticket: u64,
    /// What the person sees: by channel and key.
    pub shown: BTreeMap<Channel, BTreeMap<String, MessageView>>,
    /// Whether the newest page of each channel was whole when it was read last.
    pub complete: BTreeMap<Channel, bool>,
    /// A page was not whole, so a `history` event must follow.
    pub promised: BTreeSet<Channel>,
    pub unread: BTreeMap<Channel, u64>,
    pub connected: bool,
    /// It was told that all is here, of this connection.
    pub synced: bool,
    pub closing: bool,
    pub reopens: bool,
    /// The database is to go with it.
    pub wipes: bool,
    next_message: u64,
    pub readings: Readings,
    /// The newest of each channel when the connection became ready.
    pub heads: Vec<(Channel, String, MessageSeq)>,
    /// Groups that the person has left since: the list may have been asked for meanwhile.
    pub left: Vec<Channel>,
    /// Nothing of the connection before waited for the disk then.
    pub begins_afresh: bool,
}

impl App {
    pub fn start(&mut self) {
        self.shown.clear();
        self.complete.clear();
        self.promised.clear();
        self.unread.clear();
        self.readings = Readings::default();
        self.heads.clear();
        self.left.clear();
        self.connected = false;
        self.synced = false;
        self.closing = false;
        self.reopens = false;
    }

    /// The tab died, and its promises with it.
    pub fn vanish(&mut self) {
        self.tickets.clear();
    }

    fn visible(&self, channel: &Channel, fits: impl Fn(&MessageView) -> bool) -> Vec<MessageView> {
        let messages = self.shown.get(channel).into_iter().flat_map(BTreeMap::values);
        messages.filter(|message| fits(message)).cloned().collect()
    }
}

impl World {
    pub fn command(&mut self, device: usize, asked: Asked, command: Command) -> Ticket {
        let it = &mut self.devices[device];
        it.app.next_ticket += 1;
        let ticket = Ticket(it.app.next_ticket);
        if it.client.is_some() {
            it.app.tickets.insert(ticket, asked);
        }
        let life = it.life;
        self.give_to(device, life, Input::Command(ticket, command));
        ticket
    }

    /// What every tab does first.
    pub fn begin(&mut self, device: usize) {
        self.command(device, Asked::Connect, Command::Connect);
        if self.dice.chance(700) {
            let channel = self.some_channel(device);
            self.show(device, channel, 50);
        }
    }

    pub fn channels_of(&self, device: usize) -> Vec<Channel> {
        let me = self.devices[device].person;
        let peers = PEOPLE.iter().filter(|person| **person != me).map(|peer| Channel::person(*peer));
        let groups = self.others.groups.iter().filter(|group| self.business.is_member(group, me));
        let groups = groups.map(|group| Channel::group(group.as_str()));
        peers.chain([Channel::group(GROUP)]).chain(self.others.peers()).chain(groups).collect()
    }

    fn some_channel(&mut self, device: usize) -> Channel {
        let channels = self.channels_of(device);
        self.dice.pick(&channels).cloned().unwrap_or_else(|| Channel::group(GROUP))
    }

    pub fn show(&mut self, device: usize, channel: Channel, limit: usize) {
        let asked = Asked::Messages { channel: channel.clone(), limit, newest: true };
        self.command(device, asked, Command::Messages { channel, before: None, limit });
    }

    /// One act of the person, and the next one's time.
    pub fn act(&mut self, device: usize) {
        let (low, high) = self.plan.pause;
        let next = self.now + self.dice.between(low, high);
        if next < self.plan.chaos {
            self.schedule(next, Happening::Act(device));
        }
        if self.devices[device].client.is_none() || self.devices[device].app.closing {
            return;
        }
        if self.devices[device].doubted {
            self.check_heard(device);
        }
        let channel = self.some_channel(device);
        match self.dice.below(100) {
            0..=33 => self.say(device, channel, false),
            34 => self.say_again(device, channel),
            35..=44 => self.say(device, channel, true),
            45..=54 => self.show(device, channel, 50),
            55..=57 if self.plan.reads => self.read_back(device, channel),
            55..=57 => self.show_older(device, channel),
            58..=63 => self.mark_read(device, channel),
            64..=73 => self.recall(device, &channel),
            74..=77 => self.restore(device, &channel),
            78 => self.reedit(device, &channel),
            79..=80 => self.disconnect(device),
            81..=83 => {
                self.command(device, Asked::Connect, Command::Connect);
            }
            84..=85 => self.close(device, true),
            86..=89 => self.turn_page(device),
            90..=92 => self.tidy_outbox(device),
            93 => {
                self.command(device, Asked::Other, Command::Outbox);
            }
            94 => {
                self.command(device, Asked::Other, Command::Conversations);
            }
            95 => {
                self.command(device, Asked::Other, Command::Audit { limit: 10 });
            }
            96..=97 => self.abort(device),
            _ => self.crash_now(device),
        }
    }

    pub fn say(&mut self, device: usize, channel: Channel, quoting: bool) {
        let it = &mut self.devices[device];
        it.app.next_message += 1;
        // Without the person's name: what prints a clientMsgNo must not be taken for one that prints a uid.
        let number = ClientMsgNo(format!("{}{}-{}", &it.person[..1], it.flag, it.app.next_message));
        let token = format!("<{}>", number.0);
        let mut content = json!({ "type": 1, "content": format!("hello {token}") });
        let quotes = quoting && self.quote(device, &channel, &mut content);
        let no_persist = self.dice.chance(30);
        let deadline = self.dice.chance(150).then(|| Millis(self.dice.between(100, 8_000)));
        let topic = self.dice.chance(100).then(|| format!("topic {token}"));
        let options =
            SendOptions { red_dot: self.dice.chance(900), no_persist, deadline, topic, ..SendOptions::default() };
        let content = content.to_string().into_bytes();
        tell!(self, "{} says {} in {}", self.devices[device].name, number.0, channel.id);
        let fact = Fact::new(Some(device), self.shared(device, &channel), token, no_persist, quotes);
        self.model.facts.insert(number.clone(), fact);
        let asked = Asked::Send { number: number.clone(), deadline: options.deadline.is_some() };
        self.command(device, asked, Command::Send { channel, client_msg_no: number, content, options });
    }

    /// Gives a message that is sent once more, as an application may that died before it learned so.
    fn say_again(&mut self, device: usize, channel: Channel) {
        let facts = &self.model.facts;
        let again = |message: &MessageView| {
            let fact = facts.get(&message.client_msg_no);
            message.own
                && message.message_seq.is_some()
                && message.delivery == Delivery::Sent
                && message.content.is_some()
                && fact.is_some_and(|fact| fact.device == Some(device) && !fact.quotes && !fact.discarded)
        };
        let candidates = self.devices[device].app.visible(&channel, again);
        let Some(message) = self.dice.pick(&candidates).cloned() else { return };
        let (number, content) = (message.client_msg_no, message.content.unwrap_or_default());
        tell!(self, "{} says {} again in {}", self.devices[device].name, number.0, channel.id);
        let asked = Asked::Again { number: number.clone() };
        let options = SendOptions { red_dot: true, topic: message.topic, ..SendOptions::default() };
        self.command(device, asked, Command::Send { channel, client_msg_no: number, content, options });
    }

    /// Puts what others have said into a content: as an answer, which may quote what that one quotes, or several together.
    fn quote(&mut self, device: usize, channel: &Channel, content: &mut Value) -> bool {
        let quotable = |message: &MessageView| message.content.is_some() && message.message_id.is_some();
        let candidates = self.devices[device].app.visible(channel, quotable);
        let forwards = self.dice.chance(100);
        let mut copies = Vec::new();
        for _ in 0..if forwards { 3 } else { 1 } {
            let Some(message) = self.dice.pick(&candidates) else { return false };
            let text = message.content.as_deref().unwrap_or_default();
            let mut payload: Value = serde_json::from_slice(text).unwrap_or_default();
            let is_long = text.len() > MOST_QUOTED;
            if let Some(fields) = payload.as_object_mut().filter(|_| is_long || self.dice.chance(600)) {
                fields.remove("reply");
                fields.remove("msgs");
            }
            let id = message.message_id;
            copies.push(json!({ "message_id": id, "from_uid": message.from, "payload": payload }));
        }
        match copies.pop() {
            Some(copy) if !forwards => content["reply"] = copy,
            last => {
                copies.extend(last);
                content["type"] = json!(11);
                content["msgs"] = json!(copies);
            }
        }
        true
    }

    fn show_older(&mut self, device: usize, channel: Channel) {
        let shown = self.devices[device].app.visible(&channel, |message| message.message_seq.is_some());
        let before = self.dice.pick(&shown).and_then(|message| message.message_seq);
        let limit = self.dice.between(1, 20) as usize;
        let asked = Asked::Messages { channel: channel.clone(), limit, newest: before.is_none() };
        self.command(device, asked, Command::Messages { channel, before, limit });
    }

    fn mark_read(&mut self, device: usize, channel: Channel) {
        let shown = self.devices[device].app.visible(&channel, |message| message.message_seq.is_some());
        if let Some(message_seq) = self.dice.pick(&shown).and_then(|message| message.message_seq) {
            self.command(device, Asked::Other, Command::MarkRead { channel, message_seq });
        }
    }

    fn recall(&mut self, device: usize, channel: &Channel) {
        // The owner tries others' messages too, and everybody sometimes tries what is hopeless.
        let any = self.dice.chance(200);
        let stored = |message: &MessageView| {
            message.message_seq.is_some() && message.state == MessageState::Normal && (message.own || any)
        };
        let candidates = self.devices[device].app.visible(channel, stored);
        let Some(message) = self.dice.pick(&candidates).cloned() else { return };
        tell!(self, "{} recalls {}", self.devices[device].name, message.client_msg_no.0);
        let asked = Asked::Recall { number: message.client_msg_no.clone() };
        self.leave_meanwhile(device, channel);
        self.command(device, asked, Command::Recall { channel: channel.clone(), target: target(&message) });
    }

    fn restore(&mut self, device: usize, channel: &Channel) {
        let Some(message) = self.recalled(device, channel) else { return };
        tell!(self, "{} restores {}", self.devices[device].name, message.client_msg_no.0);
        let number = message.client_msg_no.clone();
        let is_recorded = self.is_recorded(device, channel, &number);
        let asked = Asked::Restore { number, is_recorded };
        self.leave_meanwhile(device, channel);
        self.command(device, asked, Command::Restore { channel: channel.clone(), target: target(&message) });
    }

    /// A message of its person's that is recalled, though this device may not have heard of it yet.
    fn recalled(&mut self, device: usize, channel: &Channel) -> Option<MessageView> {
        let recalled = |message: &MessageView| {
            message.own
                && message.message_seq.is_some()
                && (message.state == MessageState::Recalled
                    || self.is_recorded(device, channel, &message.client_msg_no))
        };
        let candidates = self.devices[device].app.visible(channel, recalled);
        self.dice.pick(&candidates).cloned()
    }

    fn reedit(&mut self, device: usize, channel: &Channel) {
        let Some(message) = self.recalled(device, channel) else { return };
        let asked = Asked::Reedit { number: message.client_msg_no.clone() };
        self.command(device, asked, Command::Reedit { channel: channel.clone(), target: target(&message) });
    }

    fn disconnect(&mut self, device: usize) {
        tell!(self, "{} disconnects", self.devices[device].name);
        self.command(device, Asked::Other, Command::Disconnect);
    }

    pub fn close(&mut self, device: usize, reopens: bool) {
        tell!(self, "{} closes", self.devices[device].name);
        self.devices[device].app.closing = true;
        self.devices[device].app.reopens = reopens;
        // Sometimes a person wants nothing to stay.
        let wipe = reopens && self.dice.chance(200);
        self.devices[device].app.wipes = wipe;
        self.command(device, Asked::Close, Command::Close { wipe });
    }

    fn turn_page(&mut self, device: usize) {
        let page = match self.dice.below(4) {
            0 => Page::Online,
            1 => Page::Offline,
            2 => Page::Shown,
            _ => {
                self.devices[device].visible = !self.devices[device].visible;
                if self.devices[device].visible { Page::Visible } else { Page::Hidden }
            }
        };
        self.page(device, page);
    }

    pub fn page(&mut self, device: usize, page: Page) {
        tell!(self, "{} is told {page:?}", self.devices[device].name);
        let life = self.devices[device].life;
        self.give_to(device, life, Input::Page(page));
    }

    fn tidy_outbox(&mut self, device: usize) {
        let is_open = |delivery: Delivery| matches!(delivery, Delivery::Parked | Delivery::Queued);
        let channels = self.channels_of(device);
        let open: Vec<MessageView> = channels
            .iter()
            .flat_map(|channel| self.devices[device].app.visible(channel, |message| is_open(message.delivery)))
            .collect();
        let Some(message) = self.dice.pick(&open).cloned() else { return };
        if self.dice.chance(500) {
            self.retry(device, message.client_msg_no);
        } else {
            self.discard(device, message.client_msg_no);
        }
    }

    pub fn retry(&mut self, device: usize, number: ClientMsgNo) {
        tell!(self, "{} retries {}", self.devices[device].name, number.0);
        let asked = Asked::Retry { number: number.clone() };
        self.command(device, asked, Command::Retry(number));
    }

    fn discard(&mut self, device: usize, number: ClientMsgNo) {
        tell!(self, "{} discards {}", self.devices[device].name, number.0);
        if let Some(fact) = self.model.facts.get_mut(&number) {
            fact.discarded = true;
        }
        let asked = Asked::Discard { number: number.clone() };
        self.command(device, asked, Command::Discard(number));
    }

    fn abort(&mut self, device: usize) {
        let tickets: Vec<Ticket> = self.devices[device].app.tickets.keys().copied().collect();
        if let Some(ticket) = self.dice.pick(&tickets).copied() {
            tell!(self, "{} aborts {}", self.devices[device].name, ticket.0);
            self.command(device, Asked::Other, Command::Abort(ticket));
        }
    }

    fn crash_now(&mut self, device: usize) {
        if self.plan.faults.crash > 0 {
            self.crash(device);
        }
    }
}

fn target(message: &MessageView) -> Target {
    Target {
        client_msg_no: message.client_msg_no.clone(),
        message_id: message.message_id,
        message_seq: message.message_seq,
    }
}
