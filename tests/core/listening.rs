//! Whether it hears: what the server stored and did not push is found, and a connection that brings nothing is exchanged.

use std::collections::BTreeMap;

use jindou::channel::{Channel, ClientMsgNo, Uid};
use jindou::client::{FetchFailure, Input, Page, RequestId};
use jindou::id::{MessageId, MessageSeq};
use jindou::request::{self, Conversation, HistoryPage, Message, Policy, Pull, Request, Response};
use jindou::time::Millis;
use jindou::wire::{Flags, Packet};

use crate::world::{START, World};

/// A log of the group `g`, and a business server over it that answers at once, as ours does.
struct Server {
    log: Vec<Message>,
    asked: BTreeMap<&'static str, usize>,
    /// Of questions for news: what they carried and how many conversations the answer named.
    news: Vec<(usize, usize)>,
    /// Questions for news stay unanswered here.
    keeps_news: bool,
    kept: Vec<(RequestId, Request)>,
    fails_news: bool,
    /// It names more messages than it was asked for, the newest first.
    talks: bool,
}

impl Server {
    fn new() -> Self {
        let (log, asked, news, kept) = Default::default();
        Self { log, asked, news, keeps_news: false, kept, fails_news: false, talks: false }
    }

    fn store(&mut self, world: &World, from: &str, id: i64) -> u64 {
        let seq = self.log.len() as u64 + 1;
        self.log.push(message(world, from, id, seq));
        seq
    }

    /// Stored and pushed, as it should be.
    fn tell(&mut self, world: &mut World, from: &str, id: i64) {
        let seq = self.store(world, from, id);
        let recv = world.recv(from, &format!("n{id}"), id, seq, "{}");
        world.say(Packet::Recv(recv));
    }

    fn answer(&mut self, request: &Request) -> Result<Response, FetchFailure> {
        Ok(match request {
            Request::Policy => Response::Policy(Policy::default()),
            Request::Online => Response::Online(Some(true)),
            Request::Commands(_) => Response::Commands(Vec::new()),
            Request::Marks(_) => Response::Marks(Vec::new()),
            Request::Read(_) => Response::Done,
            Request::Lookup(_) => Response::Found(Vec::new()),
            Request::Conversations(asked) if asked.since.is_some() && self.fails_news => {
                return Err(FetchFailure::new("network", "no way", true));
            }
            Request::Conversations(asked) => Response::Conversations(self.conversations(asked)),
            Request::History(asked) => Response::History(self.history(asked)),
            other => panic!("{other:?}"),
        })
    }

    fn conversations(&mut self, asked: &request::Conversations) -> Vec<Conversation> {
        let Some(newest) = self.log.last() else { return Vec::new() };
        let cursor = asked.cursors.first();
        let has_it = cursor.is_some_and(|cursor| cursor.message_id == Some(newest.message_id));
        let named = match asked.since {
            Some(since) => !has_it && newest.timestamp >= since,
            None => true,
        };
        if asked.since.is_some() {
            self.news.push((asked.cursors.len(), usize::from(named)));
        }
        let from = cursor.filter(|_| asked.since.is_none()).map_or(0, |cursor| cursor.message_seq.0);
        let newer = self.log.iter().filter(|message| message.message_seq.0 > from || (!has_it && named));
        let mut recents: Vec<Message> = newer.rev().take(asked.recents).cloned().collect();
        recents.reverse();
        if self.talks {
            recents = self.log.iter().rev().cloned().collect();
        }
        named
            .then(|| Conversation {
                channel: Channel::group("g"),
                unread: 0,
                read_to: MessageSeq(0),
                last_message_seq: newest.message_seq,
                timestamp: newest.timestamp,
                marks_version: 0,
                recents,
            })
            .into_iter()
            .collect()
    }

    fn history(&self, asked: &request::History) -> HistoryPage {
        let (start, end) = (asked.start.0, asked.end.0);
        let newest = start == 0 && end == 0;
        let wanted = |seq: u64| match asked.pull {
            _ if newest => true,
            Pull::Older => seq <= start && seq > end,
            Pull::Newer => seq >= start && (end == 0 || seq < end),
        };
        let messages: Vec<Message> = self.log.iter().filter(|message| wanted(message.message_seq.0)).cloned().collect();
        HistoryPage { messages, more: false, marks_version: 0 }
    }

    /// Lets time pass and answers whatever is asked meanwhile.
    fn pass(&mut self, world: &mut World, seconds: u64) {
        for _ in 0..=seconds {
            while let Some((id, request)) = (!world.requests.is_empty()).then(|| world.requests.remove(0)) {
                let is_news = matches!(&request, Request::Conversations(asked) if asked.since.is_some());
                *self.asked.entry(if is_news { "news" } else { request.name() }).or_default() += 1;
                if is_news && self.keeps_news {
                    self.kept.push((id, request));
                    continue;
                }
                let answer = self.answer(&request);
                world.feed(Input::Fetched(id, answer));
            }
            world.pass(Millis::seconds(1));
        }
    }

    fn asked(&self, name: &str) -> usize {
        self.asked.get(name).copied().unwrap_or(0)
    }
}

fn message(world: &World, from: &str, id: i64, seq: u64) -> Message {
    Message {
        message_id: MessageId(id),
        message_seq: MessageSeq(seq),
        client_msg_no: ClientMsgNo(format!("n{id}")),
        from_uid: Uid::from(from),
        timestamp: world.now.wall.0 / 1000,
        payload: Some(b"{}".to_vec()),
        setting: 0,
        expire: 0,
        no_persist: false,
        red_dot: true,
        sync_once: false,
        mark: None,
        channel_id: None,
        channel_type: None,
    }
}

/// Connected and caught up, with one message.
fn listening() -> (World, Server) {
    let mut world = World::with(|config| config.business = true);
    let mut server = Server::new();
    server.store(&world, "alice", 1);
    world.connect();
    server.pass(&mut world, 20);
    assert_eq!(world.shown(), ["n1"]);
    server.asked.clear();
    (world, server)
}

const HOUR: u64 = 3600;

#[test]
fn a_quiet_hour_takes_a_small_question_a_minute() {
    let (mut world, mut server) = listening();
    server.pass(&mut world, HOUR);
    assert!((50..=66).contains(&server.asked("news")), "{:?}", server.asked);
    assert!(server.news.iter().all(|sizes| *sizes == (1, 0)), "one cursor there, nothing back: {:?}", server.news);
    assert_eq!((server.asked("conversations"), server.asked("history"), server.asked("marks")), (0, 0, 0));
    assert_eq!(world.dialled.len(), 1);
    let quiet = world.queries.len();
    server.pass(&mut world, HOUR);
    assert_eq!(world.queries.len(), quiet, "and the database is not asked at all");
}

#[test]
fn a_hidden_page_asks_less_and_asks_when_it_is_seen_again() {
    let (mut world, mut server) = listening();
    world.feed(Input::Page(Page::Hidden));
    server.pass(&mut world, HOUR);
    assert!((9..=14).contains(&server.asked("news")), "{:?}", server.asked);
    server.pass(&mut world, 120);
    let before = server.asked("news");
    world.feed(Input::Page(Page::Visible));
    server.pass(&mut world, 70);
    assert!(server.asked("news") > before);
}

#[test]
fn nothing_is_asked_without_a_connection() {
    let (mut world, mut server) = listening();
    world.polite = false;
    world.close_socket();
    server.pass(&mut world, HOUR);
    assert_eq!(server.asked("news"), 0);
}

#[test]
fn what_was_pushed_is_no_news() {
    let (mut world, mut server) = listening();
    for id in 2..=120 {
        server.tell(&mut world, "alice", id);
        server.pass(&mut world, 29);
    }
    assert_eq!(server.asked("conversations"), 0);
    assert_eq!(server.asked("history"), 0);
    assert_eq!(world.dialled.len(), 1);
}

#[test]
fn what_is_stored_and_never_pushed_is_there_within_two_minutes() {
    let (mut world, mut server) = listening();
    server.tell(&mut world, "alice", 2);
    for id in 3..=40 {
        server.store(&world, "alice", id);
    }
    server.pass(&mut world, 80);
    assert_eq!(world.page(Channel::group("g")).len(), 40);
    assert_eq!(world.dialled.len(), 1, "something was pushed on this connection not long ago");
}

#[test]
fn news_are_found_in_an_answer_that_names_more_than_was_asked_for() {
    let (mut world, mut server) = listening();
    server.talks = true;
    server.tell(&mut world, "alice", 2);
    for id in 3..=40 {
        server.store(&world, "alice", id);
    }
    server.pass(&mut world, 80);
    assert_eq!(world.page(Channel::group("g")).len(), 40);
}

#[test]
fn while_somebody_talks_unpushed_it_asks_more_often_and_no_longer_than_that() {
    let (mut world, mut server) = listening();
    for id in 2..=90 {
        server.store(&world, "alice", id);
        server.pass(&mut world, 9);
    }
    let (news, minutes) = (server.asked("news"), 15);
    assert!((2 * minutes..=4 * minutes).contains(&news), "{news}");
    server.pass(&mut world, 60);
    let before = server.asked("news");
    server.pass(&mut world, 600);
    assert!((8..=11).contains(&(server.asked("news") - before)), "{:?}", server.asked);
}

#[test]
fn a_channel_that_is_not_pushed_ends_no_connection_that_brings_others() {
    let (mut world, mut server) = listening();
    for id in 2..=90 {
        server.store(&world, "alice", id);
        server.pass(&mut world, 9);
        if id % 4 == 0 {
            let mut recv = world.recv("carol", &format!("other{id}"), 1000 + id, id as u64 / 4, "{}");
            recv.channel_id = "other".into();
            world.seal(&mut recv);
            world.say(Packet::Recv(recv));
        }
    }
    assert_eq!(world.dialled.len(), 1);
}

#[test]
fn a_connection_that_brings_nothing_although_there_is_something_is_exchanged() {
    let (mut world, mut server) = listening();
    server.pass(&mut world, 300);
    server.store(&world, "alice", 2);
    server.pass(&mut world, 80);
    assert_eq!(world.shown(), ["n1", "n2"]);
    assert_eq!(world.dialled.len(), 2);
}

#[test]
fn a_server_that_never_pushes_is_not_called_each_minute() {
    let (mut world, mut server) = listening();
    for id in 2..=400 {
        server.store(&world, "alice", id);
        server.pass(&mut world, 29);
    }
    // At once, after 5, 10, 20, 40 minutes, and each hour from then on.
    assert!((4..=8).contains(&world.dialled.len()), "{}", world.dialled.len());
    let shown = world.shown().len();
    assert!(shown > 390, "each is shown all the same, a minute late: {shown}");
    assert_eq!(shown, world.shown().iter().collect::<std::collections::BTreeSet<_>>().len());
}

#[test]
fn while_somebody_talks_unpushed_a_new_connection_is_not_trusted_for_a_minute() {
    let (mut world, mut server) = listening();
    for id in 2..=40 {
        server.store(&world, "alice", id);
        server.pass(&mut world, 9);
        if world.dialled.len() == 2 {
            break;
        }
    }
    assert_eq!(world.dialled.len(), 2);
    server.pass(&mut world, 16);
    server.store(&world, "alice", 50);
    server.pass(&mut world, 20);
    assert!(world.shown().contains(&"n50".to_owned()), "{:?}", world.shown());
}

#[test]
fn a_connection_that_went_deaf_again_after_it_heard_is_exchanged_again() {
    let (mut world, mut server) = listening();
    for round in 0..3 {
        server.pass(&mut world, 200);
        server.tell(&mut world, "alice", 10 * round + 10);
        server.pass(&mut world, 200);
        server.store(&world, "alice", 10 * round + 11);
        server.pass(&mut world, 80);
        assert_eq!(world.dialled.len() as i64, round + 2);
    }
}

#[test]
fn a_push_that_is_only_slow_is_waited_for() {
    let (mut world, mut server) = listening();
    server.pass(&mut world, 300);
    let before = server.news.len();
    let seq = server.store(&world, "alice", 2);
    while server.news.len() == before {
        server.pass(&mut world, 0);
    }
    let recv = world.recv("alice", "n2", 2, seq, "{}");
    world.say(Packet::Recv(recv));
    server.pass(&mut world, 30);
    assert_eq!((server.asked("conversations"), world.dialled.len()), (0, 1));
    assert_eq!(world.shown(), ["n1", "n2"]);
}

#[test]
fn a_group_that_one_was_taken_into_is_read_and_says_nothing_of_the_connection() {
    let mut world = World::with(|config| config.business = true);
    let mut server = Server::new();
    world.connect();
    server.pass(&mut world, 300);
    server.store(&world, "alice", 1);
    server.pass(&mut world, 80);
    assert_eq!(world.shown(), ["n1"]);
    assert_eq!(world.dialled.len(), 1);
}

#[test]
fn ones_own_message_on_its_way_is_no_news() {
    let (mut world, mut server) = listening();
    server.pass(&mut world, 300);
    let before = server.asked("conversations");
    world.send(Channel::group("g"), "n2", "{}");
    server.store(&world, "bob", 2);
    while server.asked("lookup") == 0 {
        server.pass(&mut world, 0);
    }
    assert_eq!((server.asked("conversations"), world.dialled.len()), (before, 1));
}

#[test]
fn a_find_that_cannot_be_had_is_looked_for_once() {
    let (mut world, mut server) = listening();
    let mut withheld = message(&world, "alice", 2, 2);
    withheld.payload = None;
    server.log.push(withheld);
    server.pass(&mut world, HOUR);
    assert!(server.asked("conversations") <= 5, "{:?}", server.asked);
    assert!(world.dialled.len() <= 2, "{}", world.dialled.len());
}

#[test]
fn an_answer_that_fails_or_never_comes_is_asked_for_the_next_time_and_one_at_a_time() {
    let (mut world, mut server) = listening();
    server.fails_news = true;
    server.pass(&mut world, 600);
    assert!((8..=11).contains(&server.asked("news")), "{:?}", server.asked);
    server.fails_news = false;
    server.keeps_news = true;
    let before = server.asked("news");
    server.pass(&mut world, 600);
    assert!((3..=6).contains(&(server.asked("news") - before)), "each is given its time: {:?}", server.asked);
    server.keeps_news = false;
    server.store(&world, "alice", 2);
    server.pass(&mut world, 160);
    assert_eq!(world.shown(), ["n1", "n2"]);
    assert!(world.events.iter().all(|event| !matches!(event, jindou::client::Event::Problem { .. })));
}

#[test]
fn an_answer_that_comes_late_changes_nothing() {
    let (mut world, mut server) = listening();
    server.keeps_news = true;
    let seq = server.store(&world, "alice", 2);
    server.pass(&mut world, 75);
    let (id, request) = server.kept.pop().expect("it asked");
    let late = server.answer(&request);
    let recv = world.recv("alice", "n2", 2, seq, "{}");
    world.say(Packet::Recv(recv));
    server.tell(&mut world, "alice", 3);
    world.feed(Input::Fetched(id, late));
    server.pass(&mut world, 20);
    assert_eq!((server.asked("conversations"), world.dialled.len()), (0, 1));
    assert_eq!(world.shown(), ["n1", "n2", "n3"]);
}

#[test]
fn a_closed_channel_whose_tail_was_given_away_is_mended_too() {
    let (mut world, mut server) = listening();
    for id in 2..=4 {
        server.tell(&mut world, "alice", id);
    }
    server.pass(&mut world, 5);
    // A new leader knows nothing of 3 and 4, and gives their places away without a push.
    server.log.truncate(2);
    server.store(&world, "carol", 33);
    server.pass(&mut world, 90);
    let ids: Vec<i64> =
        world.page(Channel::group("g")).iter().filter_map(|message| message.message_id.map(|id| id.0)).collect();
    assert_eq!(ids, [1, 2, 33]);
}

#[test]
fn after_a_reconnect_the_list_shows_a_tail_that_was_given_away_meanwhile() {
    let (mut world, mut server) = listening();
    for id in 2..=4 {
        server.tell(&mut world, "alice", id);
    }
    world.close_socket();
    server.log.truncate(2);
    server.store(&world, "carol", 33);
    server.store(&world, "carol", 34);
    server.pass(&mut world, 30);
    let ids: Vec<i64> =
        world.page(Channel::group("g")).iter().filter_map(|message| message.message_id.map(|id| id.0)).collect();
    assert_eq!(ids, [1, 2, 33, 34]);
}

#[test]
fn where_nobody_can_be_asked_a_long_silence_ends_a_connection_at_a_quiet_moment() {
    let mut world = World::new();
    world.connect();
    world.pass(Millis::seconds(HOUR));
    assert!((5..=7).contains(&world.dialled.len()), "{}", world.dialled.len());

    let calls = world.dialled.len();
    for seq in 1..=60 {
        let recv = world.recv("alice", &format!("n{seq}"), seq, seq as u64, "{}");
        world.say(Packet::Recv(recv));
        world.pass(Millis::seconds(60));
    }
    assert_eq!(world.dialled.len(), calls, "what comes shows that it hears");
    assert_eq!(world.now.wall.0 - START, 2 * HOUR as i64 * 1000);
}

#[test]
fn a_message_on_its_way_is_no_quiet_moment() {
    let mut world = World::new();
    world.connect();
    let mut silence = 0;
    while world.dialled.len() == 1 {
        world.pass(Millis::seconds(1));
        silence += 1;
    }
    let mut world = World::new();
    world.connect();
    world.pass(Millis::seconds(silence - 5));
    world.send(Channel::group("g"), "n1", "{}");
    world.pass(Millis::seconds(9));
    assert_eq!(world.dialled.len(), 1);
    let client_seq = world.sends()[0].client_seq;
    world.ack(client_seq, 1, 1, 1);
    world.pass(Millis::seconds(10));
    assert_eq!(world.dialled.len(), 2);
}

#[test]
fn what_was_given_other_flags_on_the_way_is_here_once_history_names_it() {
    let flags = [(true, false), (false, true), (true, true)];
    for ((sync_once, no_persist), before) in flags.into_iter().flat_map(|flags| [(flags, 0), (flags, 1)]) {
        let mut world = World::with(|config| config.business = true);
        let mut server = Server::new();
        world.connect();
        server.pass(&mut world, 3);
        for id in 0..before {
            server.tell(&mut world, "alice", 100 + id);
        }
        let seq = server.store(&world, "alice", 200);
        let mut recv = world.recv("alice", "n200", 200, seq, "{}");
        recv.flags = Flags { sync_once, no_persist, ..recv.flags };
        world.say(Packet::Recv(recv));
        server.pass(&mut world, 120);
        let shown = world.shown();
        assert_eq!(shown.iter().filter(|number| *number == "n200").count(), 1, "told once: {sync_once} {no_persist}");
        let seqs = crate::receiving::seqs(&world.page(Channel::group("g")));
        assert_eq!(seqs.last(), Some(&seq), "{sync_once} {no_persist}");
    }
}
