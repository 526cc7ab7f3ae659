//! What comes in: once, stored before it is acked, in the order of messageSeq; commands, recalls, and what cannot be read.

use jindou::channel::Channel;
use jindou::client::{Command, ConnectionView, Event, MessageView, Reply};
use jindou::error::ErrorCode;
use jindou::id::{MessageId, MessageSeq};
use jindou::request::{ChannelMarks, FedMark, HistoryPage, Message, Pull, Request, Response, Target};
use jindou::rows::{
    Answer, Batch, Change, ChannelRow, Copy, Epoch, Mark, MarkState, MessageState, Meta, Query, Range, Role,
};
use jindou::time::{Millis, Wall};
use jindou::wire::{Flags, Packet, Recv};

use crate::world::World;

pub fn group() -> Channel {
    Channel::group("g")
}

pub fn seqs(page: &[MessageView]) -> Vec<u64> {
    page.iter().map(|message| message.message_seq.expect("placed").0).collect()
}

pub fn stored(id: i64, seq: u64, number: &str, content: &str) -> Message {
    let json = format!(
        "{{\"messageId\":\"{id}\",\"messageSeq\":{seq},\"clientMsgNo\":\"{number}\",\"fromUid\":\"alice\",\"timestamp\":1700000000}}"
    );
    let page = format!("{{\"messages\":[{json}]}}");
    let history = Request::History(jindou::request::History {
        channel: group(),
        start: MessageSeq(0),
        end: MessageSeq(0),
        limit: 1,
        pull: Pull::Older,
    });
    let Ok(Response::History(HistoryPage { mut messages, .. })) = history.read(page.as_bytes()) else {
        panic!("unreadable")
    };
    let mut message = messages.remove(0);
    message.payload = Some(content.as_bytes().to_vec());
    message
}

/// The answer with nothing in it.
pub fn nothing(request: &Request) -> Response {
    match request {
        Request::Policy => Response::Policy(Default::default()),
        Request::Online => Response::Online(Some(true)),
        Request::Commands(_) => Response::Commands(Vec::new()),
        Request::Conversations(_) => Response::Conversations(Vec::new()),
        Request::Marks(_) => Response::Marks(Vec::new()),
        Request::History(_) => Response::History(HistoryPage { messages: Vec::new(), more: false, marks_version: 0 }),
        _ => Response::Done,
    }
}

/// Answers everything that catching up asks, with nothing in it.
pub fn catch_up(world: &mut World) {
    for _ in 0..50 {
        let Some((_, request)) = world.requests.first() else { return };
        let response = nothing(request);
        world.answer(|_| true, Ok(response));
    }
    panic!("catching up does not end");
}

pub fn online() -> World {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    catch_up(&mut world);
    world.pass(Millis::seconds(16));
    catch_up(&mut world);
    world
}

#[test]
fn it_is_acked_and_shown_only_once_it_is_stored() {
    let mut world = World::new();
    world.connect();
    world.hold_stores = true;
    let recv = world.recv("alice", "a1", 11, 1, "{}");
    world.say(Packet::Recv(recv));
    assert!(world.acks().is_empty() && world.shown().is_empty());
    world.let_stores_go();
    world.pass(Millis(50));
    assert_eq!(world.acks(), [MessageId(11)]);
    assert_eq!(world.shown(), ["a1"]);
}

#[test]
fn a_duplicate_is_acked_and_told_to_nobody_also_after_a_reload() {
    let mut world = World::new();
    world.connect();
    let first = world.recv("alice", "a1", 11, 1, "{}");
    world.say(Packet::Recv(first));
    world.reload();
    world.connect();
    let again = world.recv("alice", "a1", 11, 1, "{}");
    let resent = world.recv("alice", "a1", 12, 2, "{}");
    world.say(Packet::Recv(again));
    world.say(Packet::Recv(resent));
    world.pass(Millis(100));
    assert_eq!(world.shown(), ["a1"]);
    assert_eq!(world.acks(), [11, 11, 12].map(MessageId));
    assert_eq!(seqs(&world.page(group())), [1]);
}

#[test]
fn the_first_copy_places_a_message_whichever_comes_first() {
    let mut world = World::new();
    world.connect();
    for (number, id, seq) in [("a1", 11, 1), ("b", 13, 3), ("b", 12, 2)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    let page = world.page(group());
    assert_eq!(seqs(&page), [1, 2]);
    assert_eq!(page[1].message_id, Some(MessageId(12)));
}

#[test]
fn the_newest_page_is_the_first_question_and_names_the_end_that_is_known() {
    let mut world = World::new();
    world.connect();
    for seq in 1..=3 {
        let recv = world.recv("alice", &format!("a{seq}"), 10 + seq as i64, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    world.reload();
    assert_eq!(seqs(&world.page(group())), [1, 2, 3]);
    let asked: Vec<_> = world.queries.iter().filter(|query| **query != Query::Hydrate).collect();
    let [Query::Page { before: Some(MessageSeq(4)), .. }] = asked[..] else { panic!("{asked:?}") };
    // What comes is recognised all the same.
    world.connect();
    let again = world.recv("alice", "a3", 14, 4, "{}");
    world.say(Packet::Recv(again));
    assert_eq!(seqs(&world.page(group())), [1, 2, 3]);
}

#[test]
fn whoever_sends_one_message_without_end_makes_no_row_that_grows_without_end() {
    let mut world = online();
    for seq in 1..=300 {
        let recv = world.recv("alice", "a1", 10 + seq, seq as u64, "{}");
        world.say(Packet::Recv(recv));
    }
    assert_eq!(world.disk.messages().map(|row| row.copies.len()).max(), Some(200));
    assert_eq!(world.shown(), ["a1"]);
    assert_eq!(world.acks().len(), 300);
    let page = world.page(group());
    assert_eq!(seqs(&page), [1]);
    for seq in [250, 300, 301] {
        let recv = world.recv("alice", "a1", 10 + seq, seq as u64, "{}");
        world.say(Packet::Recv(recv));
    }
    assert_eq!(world.shown(), ["a1"]);
    let ranges: Vec<_> =
        world.disk.channels().flat_map(|row| &row.ranges).map(|range| (range.first.0, range.last.0)).collect();
    assert_eq!(ranges, [(1, 301)], "nothing is missing");
}

#[test]
fn an_empty_number_is_no_key() {
    let mut world = World::new();
    world.connect();
    for (id, seq) in [(11, 1), (12, 2)] {
        let recv = world.recv("alice", "", id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    assert_eq!(world.page(group()).len(), 2);
}

#[test]
fn another_message_at_a_known_seq_drops_the_tail() {
    let mut world = World::new();
    world.connect();
    for (number, id, seq) in [("a", 11, 1), ("b", 12, 2), ("c", 13, 3), ("x", 22, 2)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    let page = world.page(group());
    assert_eq!(seqs(&page), [1, 2]);
    assert_eq!(page[1].message_id, Some(MessageId(22)));
}

#[test]
fn what_takes_the_place_of_a_dropped_tail_was_read_by_nobody() {
    let mut world = World::new();
    world.connect();
    for (number, id, seq) in [("a", 11, 1), ("b", 12, 2), ("c", 13, 3)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    world.call(Command::MarkRead { channel: group(), message_seq: MessageSeq(3) });
    let recv = world.recv("alice", "x", 22, 2, "{}");
    world.say(Packet::Recv(recv));
    let told = world.events.iter().rev().find_map(|event| match event {
        Event::Conversation { conversation } => Some((conversation.unread, conversation.read_to)),
        _ => None,
    });
    assert_eq!(told, Some((1, MessageSeq(1))));
}

#[test]
fn what_is_read_again_after_a_dropped_tail_is_not_new_once_more() {
    let mut world = online();
    for (number, id, seq) in [("a", 11, 1), ("b", 12, 2), ("c", 13, 3), ("x", 22, 2)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    let messages =
        vec![stored(11, 1, "a", "{}"), stored(22, 2, "x", "{}"), stored(12, 3, "b", "{}"), stored(13, 4, "c", "{}")];
    let page = HistoryPage { messages, more: false, marks_version: 0 };
    world.answer(|request| matches!(request, Request::History(_)), Ok(Response::History(page)));
    assert_eq!(seqs(&world.page(group())), [1, 2, 3, 4]);
    assert_eq!(world.shown(), ["a", "b", "c", "x"]);
}

#[test]
fn what_is_read_again_after_a_dropped_tail_is_not_new_once_more_though_the_database_failed() {
    let mut world = online();
    for (number, id, seq) in [("a", 11, 1), ("b", 12, 2), ("c", 13, 3), ("x", 22, 2)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    let page = || {
        let messages = [(11, "a"), (22, "x"), (12, "b"), (13, "c")];
        let messages = (1..).zip(messages).map(|(seq, (id, number))| stored(id, seq, number, "{}")).collect();
        Response::History(HistoryPage { messages, more: false, marks_version: 0 })
    };
    let history = |request: &Request| matches!(request, Request::History(_));
    // The first time what was read again does not reach the database either.
    world.fail_stores = true;
    world.answer(history, Ok(page()));
    world.fail_stores = false;
    world.pass(Millis::seconds(3));
    catch_up(&mut world);
    assert_eq!(seqs(&world.page(group())), [1, 2], "it is whole up to where the two part");
    world.answer(history, Ok(page()));
    assert_eq!(seqs(&world.page(group())), [1, 2, 3, 4]);
    assert_eq!(world.shown(), ["a", "b", "c", "x"]);
}

#[test]
fn what_comes_again_after_a_dropped_tail_is_not_new_once_more_though_the_tab_was_reloaded() {
    let mut world = online();
    for (number, id, seq) in [("a", 11, 1), ("b", 12, 2), ("c", 13, 3), ("x", 22, 2)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    world.reload();
    world.connect();
    world.events.clear();
    for (number, id, seq) in [("b", 12, 3), ("d", 14, 4)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    assert_eq!(world.shown(), ["d"]);
    assert!(
        world.events.iter().any(|event| matches!(event, Event::History { .. })),
        "whoever dropped it reads it again"
    );
    assert_eq!(seqs(&world.page(group())), [1, 2, 3, 4]);
}

#[test]
fn an_old_answer_that_contradicts_a_push_is_asked_for_again() {
    let mut world = online();
    let first = world.recv("alice", "a", 11, 1, "{}");
    world.say(Packet::Recv(first));
    world.page(group());
    // Read before the log lost its tail, and answered after a push told of the new one.
    let old = vec![stored(11, 1, "a", "{}"), stored(22, 2, "x", "{}")];
    let pushed = world.recv("alice", "y", 32, 2, "{}");
    world.say(Packet::Recv(pushed));
    let new = vec![stored(11, 1, "a", "{}"), stored(32, 2, "y", "{}"), stored(33, 3, "x", "{}")];
    for messages in [old, new.clone(), new] {
        let page = HistoryPage { messages, more: false, marks_version: 0 };
        world.answer(|request| matches!(request, Request::History(_)), Ok(Response::History(page)));
    }
    assert!(!world.requests.iter().any(|(_, request)| matches!(request, Request::History(_))), "nothing is in doubt");
    let ids: Vec<_> = world.page(group()).iter().map(|message| message.message_id.expect("an id").0).collect();
    assert_eq!(ids, [11, 32, 33]);
    assert_eq!(world.shown(), ["a", "y", "x"]);
}

/// Three messages, and a fourth that took the place of another.
fn taken_back_at_four() -> World {
    let mut world = online();
    for (number, id, seq) in [("a", 11, 1), ("b", 12, 2), ("c", 13, 3), ("d", 14, 4), ("w", 24, 4)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    world
}

#[test]
fn what_was_taken_back_below_is_found_too() {
    let mut world = taken_back_at_four();
    let history = |world: &mut World, messages| {
        let page = HistoryPage { messages, more: true, marks_version: 0 };
        let request = world.answer(|request| matches!(request, Request::History(_)), Ok(Response::History(page)));
        let Request::History(asked) = request else { panic!("another question") };
        (asked.start.0, asked.end.0)
    };
    // The newest page does not reach down to where the two part.
    assert_eq!(history(&mut world, vec![stored(24, 4, "w", "{}"), stored(25, 5, "z", "{}")]), (0, 0));
    let below = vec![stored(11, 1, "a", "{}"), stored(22, 2, "x", "{}"), stored(23, 3, "y", "{}")];
    assert_eq!(history(&mut world, below.clone()), (3, 0));
    let newest = [below, vec![stored(24, 4, "w", "{}"), stored(25, 5, "z", "{}")]].concat();
    assert_eq!(history(&mut world, newest), (0, 0));
    assert!(!world.requests.iter().any(|(_, request)| matches!(request, Request::History(_))), "nothing is in doubt");
    let ids: Vec<_> = world.page(group()).iter().map(|message| message.message_id.expect("an id").0).collect();
    assert_eq!(ids, [11, 22, 23, 24, 25]);
}

#[test]
fn what_may_be_taken_back_below_is_in_doubt_also_after_a_reload() {
    let mut world = taken_back_at_four();
    let asks = |request: &Request| matches!(request, Request::History(_));
    let newest = HistoryPage {
        messages: vec![stored(24, 4, "w", "{}"), stored(25, 5, "z", "{}")],
        more: true,
        marks_version: 0,
    };
    world.answer(asks, Ok(Response::History(newest)));
    assert_eq!(seqs(&world.page(group())), [1, 2, 3, 4, 5]);
    world.reload();
    world.connect();
    while !world.requests.iter().any(|(_, request)| asks(request)) {
        let response = nothing(&world.requests.first().expect("it asks").1);
        world.answer(|_| true, Ok(response));
    }
    let below = vec![stored(11, 1, "a", "{}"), stored(22, 2, "x", "{}"), stored(23, 3, "y", "{}")];
    let page = HistoryPage { messages: below, more: false, marks_version: 0 };
    let Request::History(asked) = world.answer(asks, Ok(Response::History(page))) else { panic!("no history") };
    assert_eq!((asked.start, asked.end), (MessageSeq(3), MessageSeq(0)));
}

/// Two messages of a cluster, and then a list of conversations that names only a third.
fn joined_in_a_cluster() -> World {
    let mut world = World::in_a_cluster();
    catch_up(&mut world);
    for (number, id, seq) in [("a", 11, 1), ("b", 12, 2)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    world.close_socket();
    world.pass(Millis::seconds(1));
    let json = "{\"conversations\":[{\"channelId\":\"g\",\"channelType\":2,\"lastMessageSeq\":3,\"recents\":[{\"messageId\":\"23\",\"messageSeq\":3,\"clientMsgNo\":\"z\",\"fromUid\":\"alice\",\"payload\":\"e30=\"}]}]}";
    let asked =
        Request::Conversations(jindou::request::Conversations { cursors: Vec::new(), recents: 20, since: None });
    let recents = asked.read(json.as_bytes()).expect("readable");
    while !world.requests.iter().any(|(_, request)| matches!(request, Request::Conversations(_))) {
        let response = nothing(&world.requests.first().expect("it asks").1);
        world.answer(|_| true, Ok(response));
    }
    world.answer(|request| matches!(request, Request::Conversations(_)), Ok(recents));
    world
}

#[test]
fn a_page_that_only_joins_what_a_cluster_gave_before_is_compared_also_after_a_reload() {
    for reloads in [false, true] {
        let mut world = joined_in_a_cluster();
        let asks = |request: &Request| matches!(request, Request::History(_));
        if reloads {
            world.reload();
            world.connect();
            while !world.requests.iter().any(|(_, request)| asks(request)) {
                let response = nothing(&world.requests.first().expect("it asks").1);
                world.answer(|_| true, Ok(response));
            }
        }
        let messages = vec![stored(21, 1, "x", "{}"), stored(22, 2, "y", "{}")];
        let page = HistoryPage { messages: messages.clone(), more: false, marks_version: 0 };
        let Request::History(asked) = world.answer(asks, Ok(Response::History(page))) else { panic!("no history") };
        assert_eq!((asked.start, asked.end), (MessageSeq(2), MessageSeq(0)));
        let messages = [messages, vec![stored(23, 3, "z", "{}")]].concat();
        let page = HistoryPage { messages, more: false, marks_version: 0 };
        world.answer(asks, Ok(Response::History(page)));
        let ids: Vec<_> = world.page(group()).iter().map(|message| message.message_id.expect("an id").0).collect();
        assert_eq!(ids, [21, 22, 23]);
    }
}

#[test]
fn what_stands_beyond_the_end_of_a_log_was_taken_back_though_nothing_takes_its_place() {
    for (cluster, left) in [(true, vec![1, 2]), (false, vec![1, 2, 5])] {
        let mut world = World::with(|config| config.business = true);
        if cluster {
            world.addresses.push("ws://two".to_owned());
        }
        world.connect();
        for (seq, number) in [(1, "a1"), (5, "a5")] {
            let recv = world.recv("alice", number, 10 + seq, seq as u64, "{}");
            world.say(Packet::Recv(recv));
        }
        assert_eq!(seqs(&world.page(group())), [1, 5]);
        let log = || vec![stored(11, 1, "a1", "{}"), stored(22, 2, "a2", "{}")];
        for _ in 0..20 {
            world.pass(Millis::seconds(1));
            while let Some((_, request)) = world.requests.first() {
                let page = HistoryPage { messages: log(), more: false, marks_version: 0 };
                let is_history = matches!(request, Request::History(_));
                let response = if is_history { Response::History(page) } else { nothing(request) };
                world.answer(|_| true, Ok(response));
            }
        }
        assert_eq!(seqs(&world.page(group())), left, "a cluster: {cluster}");
    }
}

#[test]
fn a_copy_that_was_taken_back_leads_nobody_astray_after_a_reload() {
    let mut world = World::new();
    world.connect();
    // The second copy of a1 is taken back, and its place given to b.
    for (number, id, seq) in [("a1", 11, 1), ("a1", 12, 2), ("b", 22, 2)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    assert_eq!(seqs(&world.page(group())), [1, 2]);
    world.reload();
    world.connect();
    world.events.clear();
    let again = world.recv("alice", "b", 22, 2, "{}");
    world.say(Packet::Recv(again));
    assert!(world.shown().is_empty(), "it is a duplicate");
    assert_eq!(seqs(&world.page(group())), [1, 2]);
}

#[test]
fn a_message_without_a_number_in_the_place_of_a_copy_is_the_one_that_is_meant() {
    // The copy was taken back before the reload, and its place was given away before it, or after it.
    for before in [true, false] {
        let mut world = online();
        let say = |world: &mut World, (number, id, seq)| {
            let recv = world.recv("bob", number, id, seq, "{}");
            world.say(Packet::Recv(recv));
        };
        for message in [("a1", 11, 1), ("a1", 13, 3), ("x", 12, 2), ("y", 22, 2)] {
            say(&mut world, message);
        }
        if before {
            say(&mut world, ("", 23, 3));
        }
        world.reload();
        world.connect();
        catch_up(&mut world);
        if !before {
            say(&mut world, ("", 23, 3));
        }
        world.events.clear();
        say(&mut world, ("", 23, 3));
        let told: Vec<_> = world.events.iter().filter(|event| !matches!(event, Event::Sync { .. })).collect();
        assert!(told.is_empty(), "it is a duplicate: {told:?}");
        let target = Target { message_id: Some(MessageId(23)), message_seq: Some(MessageSeq(3)), ..Target::default() };
        world.call(Command::Recall { channel: group(), target: target.clone() });
        let Some((_, Request::Recall(act))) = world.requests.last() else { panic!("no recall") };
        assert_eq!(act.target, target);
    }
}

#[test]
fn what_cannot_be_read_is_kept_aside_acked_and_reported() {
    let mut world = World::new();
    world.connect();
    let recv = world.recv("alice", "a1", 10, 1, "{}");
    world.say(Packet::Recv(recv));
    let mut recv = world.recv("alice", "a2", 11, 2, "{}");
    recv.timestamp += 1;
    world.say(Packet::Recv(recv));
    world.pass(Millis(50));
    assert_eq!(world.acks(), [MessageId(10), MessageId(11)]);
    assert_eq!(world.shown(), ["a1"]);
    assert!(world.events.iter().any(|event| matches!(event, Event::Quarantined { message_id: MessageId(11), .. })));
}

#[test]
fn a_command_counts_in_another_log_and_is_recognised_by_its_id() {
    let mut world = World::new();
    world.connect();
    let first = world.recv("alice", "a1", 11, 1, "{}");
    world.say(Packet::Recv(first));
    for _ in 0..2 {
        let mut command = world.recv("alice", "k", 50, 900, "");
        command.flags = Flags { sync_once: true, ..Flags::default() };
        command.payload = b"{\"type\":99,\"cmd\":\"typing\",\"param\":{}}".to_vec();
        world.seal(&mut command);
        world.say(Packet::Recv(command));
    }
    let commands = world.events.iter().filter(|event| matches!(event, Event::Command { .. })).count();
    assert_eq!(commands, 1);
    assert_eq!(seqs(&world.page(group())), [1]);
}

#[test]
fn what_nobody_keeps_is_remembered_for_a_day_and_a_command_for_a_month() {
    let remembered = |world: &World| match world.disk.answer(&Query::Hydrate) {
        Answer::Hydrated { commands, .. } => commands.len(),
        other => panic!("not what was asked: {other:?}"),
    };
    let mut world = online();
    let flags = [Flags { no_persist: true, ..Flags::default() }, Flags { sync_once: true, ..Flags::default() }];
    for (id, flags) in [40, 41].into_iter().zip(flags) {
        let recv = Recv { flags, ..world.recv("alice", "t1", id, 0, "{}") };
        world.say(Packet::Recv(recv));
    }
    assert_eq!(remembered(&world), 3, "an id, an act of sending, and a command");
    for (days, left) in [(0, 3), (2, 1), (40, 0)] {
        world.now.wall.0 += days * 24 * 3600 * 1000;
        world.reload();
        world.connect();
        let recv = world.recv("alice", "", 50 + days, 1 + days as u64, "{}");
        world.say(Packet::Recv(recv));
        assert_eq!(remembered(&world), left, "after {days} days more");
    }
}

pub fn mark(version: u64, state: MarkState, number: &str, id: i64, seq: u64) -> Mark {
    Mark {
        version,
        state,
        client_msg_no: number.into(),
        copies: vec![Copy { message_id: MessageId(id), message_seq: MessageSeq(seq) }],
        author: "alice".into(),
        operator: "alice".into(),
        role: Role::Author,
        at: Wall(crate::world::START),
        deadline: None,
        hint: false,
    }
}

/// The server's command, as it comes over the channel itself.
pub fn revoke(world: &mut World, from: &str, id: i64, number: &str, version: u64) {
    let mut command = world.recv(from, "k", id, 900, "");
    command.flags = Flags { sync_once: true, ..Flags::default() };
    let json = format!(
        "{{\"type\":99,\"cmd\":\"messageRevoke\",\"param\":{{\"client_msg_no\":\"{number}\",\"version\":{version}}}}}"
    );
    command.payload = json.into_bytes();
    world.seal(&mut command);
    world.say(Packet::Recv(command));
}

pub fn feed(world: &mut World, version: u64, marks: Vec<Mark>) {
    let marks = marks.into_iter().map(|mark| FedMark { mark, payload: None }).collect();
    let answer = ChannelMarks { channel: group(), version, more: false, marks };
    let asks = |request: &Request| matches!(request, Request::Marks(_));
    // A question that was under way when the command came is followed by another one.
    while world.requests.iter().any(|(_, request)| asks(request)) {
        world.answer(asks, Ok(Response::Marks(vec![answer.clone()])));
    }
}

#[test]
fn a_recall_may_come_before_its_message_and_over_a_reload() {
    let mut world = online();
    revoke(&mut world, "alice", 70, "a1", 1);
    feed(&mut world, 1, vec![mark(1, MarkState::Recalled, "a1", 11, 1)]);
    world.reload();
    world.connect();
    let recv = world.recv("alice", "a1", 11, 1, "{\"type\":1,\"content\":\"secret\"}");
    world.say(Packet::Recv(recv));
    let page = world.page(group());
    assert_eq!((page[0].state.clone(), page[0].content.clone()), (MessageState::Recalled, None));
    let Answer::Messages(rows) = world.disk.answer(&Query::Messages { channel: group(), seqs: vec![MessageSeq(1)] })
    else {
        panic!("no rows")
    };
    assert!(rows[0].content.is_empty(), "nor is it on the disk");
}

#[test]
fn the_authors_command_hides_and_only_the_feed_purges() {
    let mut world = online();
    let recv = world.recv("alice", "a1", 11, 1, "{\"type\":1,\"content\":\"secret\"}");
    world.say(Packet::Recv(recv));
    revoke(&mut world, "alice", 70, "a1", 1);
    assert_eq!(world.page(group())[0].state, MessageState::Hidden);
    feed(&mut world, 1, vec![mark(1, MarkState::Recalled, "a1", 11, 1)]);
    assert_eq!(world.page(group())[0].state, MessageState::Recalled);
}

#[test]
fn a_forged_command_changes_nothing_for_good_and_is_audited() {
    let mut world = online();
    let recv = world.recv("alice", "a1", 11, 1, "{\"type\":1,\"content\":\"hello\"}");
    world.say(Packet::Recv(recv));
    revoke(&mut world, "mallory", 70, "a1", 1);
    assert_eq!(world.page(group())[0].state, MessageState::Normal, "another's word does not even hide");
    feed(&mut world, 0, Vec::new());
    revoke(&mut world, "alice", 71, "a1", 1);
    assert_eq!(world.page(group())[0].state, MessageState::Hidden);
    feed(&mut world, 0, Vec::new());
    assert_eq!(world.page(group())[0].state, MessageState::Normal, "the feed knows nothing of it");
    let Answer::Audit(lines) = world.disk.answer(&Query::Audit { limit: 10 }) else { panic!("no audit") };
    assert_eq!(lines.iter().filter(|line| line.what == "forged").count(), 2);
}

#[test]
fn the_audit_goes_on_behind_its_old_lines_though_the_counter_was_lost() {
    let mut world = online();
    let recv = world.recv("alice", "a1", 11, 1, "{\"type\":1,\"content\":\"hello\"}");
    world.say(Packet::Recv(recv));
    revoke(&mut world, "mallory", 70, "a1", 1);
    feed(&mut world, 0, Vec::new());
    let ordinals = |world: &World| {
        let Answer::Audit(lines) = world.disk.answer(&Query::Audit { limit: 10 }) else { panic!("no audit") };
        lines.iter().map(|line| line.ordinal).collect::<Vec<_>>()
    };
    let before = ordinals(&world);
    assert!(!before.is_empty());
    let lost = Batch { epoch: Epoch(1), changes: vec![Change::Meta(Meta::default())] };
    world.disk.apply(&lost).expect("it is written");
    world.reload();
    world.connect();
    catch_up(&mut world);
    revoke(&mut world, "mallory", 71, "a1", 1);
    feed(&mut world, 0, Vec::new());
    let after = ordinals(&world);
    assert!(after.len() > before.len() && after.ends_with(&before), "{before:?} {after:?}");
}

#[test]
fn a_recall_takes_the_quotes_the_digest_and_the_unread_figure_with_it() {
    let mut world = online();
    let quote =
        "{\"type\":1,\"content\":\"yes\",\"reply\":{\"message_id\":\"11\",\"payload\":{\"content\":\"secret\"}}}";
    for (number, id, seq, content) in [("a1", 11, 1, "{\"type\":1,\"content\":\"secret\"}"), ("a2", 12, 2, quote)] {
        let recv = world.recv("alice", number, id, seq, content);
        world.say(Packet::Recv(recv));
    }
    revoke(&mut world, "alice", 70, "a1", 1);
    feed(&mut world, 1, vec![mark(1, MarkState::Recalled, "a1", 11, 1)]);
    let page = world.page(group());
    let quoting = String::from_utf8(page[1].content.clone().expect("shown")).expect("text");
    assert!(!quoting.contains("secret"), "{quoting}");
    let unread = world.events.iter().rev().find_map(|event| match event {
        Event::Conversation { conversation } => Some(conversation.unread),
        _ => None,
    });
    assert_eq!(unread, Some(1));
}

#[test]
fn an_answer_from_before_a_disconnect_judges_no_command_that_came_after_its_question() {
    let mut world = online();
    let recv = world.recv("alice", "a1", 11, 1, "{\"type\":1,\"content\":\"secret\"}");
    world.say(Packet::Recv(recv));
    revoke(&mut world, "alice", 70, "a0", 1);
    let asks = |request: &Request| matches!(request, Request::Marks(_));
    assert!(world.requests.iter().any(|(_, request)| asks(request)));
    revoke(&mut world, "alice", 71, "a1", 2);
    // After the database had to be read anew, nobody would know which came first.
    world.call(Command::Disconnect);
    assert!(!world.requests.iter().any(|(_, request)| asks(request)), "nobody waits for it");
}

#[test]
fn versions_decide_and_not_the_order_of_arrival() {
    let states = [(1, MarkState::Recalled), (2, MarkState::Restored), (3, MarkState::Recalled)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut world = online();
        let recv = world.recv("alice", "a1", 11, 1, "{\"type\":1}");
        world.say(Packet::Recv(recv));
        for at in order {
            let (version, state) = states[at];
            revoke(&mut world, "alice", 70 + version as i64, "a1", 100 + version);
            feed(&mut world, version, vec![mark(version, state, "a1", 11, 1)]);
        }
        assert_eq!(world.page(group())[0].state, MessageState::Recalled, "{order:?}");
    }
}

#[test]
fn no_more_than_a_slice_of_packets_is_decoded_in_one_go() {
    let mut world = World::new();
    world.connect();
    let first = world.recv("alice", "a0", 9_999, 1, "{}");
    world.say(Packet::Recv(first));
    let mut bytes = Vec::new();
    for n in 2..=600u64 {
        let recv = world.recv("alice", &format!("a{n}"), n as i64, n, "{}");
        jindou::wire::encode(&Packet::Recv(recv), world.version, &mut bytes).expect("encodable");
    }
    world.hold_stores = true;
    let id = world.connection.expect("connected");
    world.feed(jindou::client::Input::Socket(id, jindou::client::Socket::Received(vec![bytes])));
    let rows = |change: &&Change| matches!(change, Change::Message(_));
    assert_eq!(world.held[0].1.changes.iter().filter(rows).count(), 256);
    let (due, timer) = world.client.poll_timeout().expect("a timer");
    assert!(due <= world.now.mono && timer == jindou::client::Timer::Work, "the event loop breathes, and it goes on");
    world.let_stores_go();
    world.pass(Millis(1));
    assert_eq!(world.shown().len(), 600);
}

#[test]
fn what_is_here_is_read_while_nothing_can_be_stored() {
    let mut world = online();
    let recv = world.recv("alice", "a", 11, 1, "{}");
    world.say(Packet::Recv(recv));
    world.fail_stores = true;
    let sending = world.send(group(), "n1", "{}");
    for _ in 0..5 {
        world.pass(Millis::seconds(2));
        assert_eq!(seqs(&world.page(group())), [1]);
    }
    assert!(matches!(world.outcome(sending), Some(Err(error)) if error.code == ErrorCode::Storage));
    world.fail_stores = false;
    world.send(group(), "n2", "{}");
    assert_eq!(world.disk.outbox().count(), 1);
}

#[test]
fn who_can_store_nothing_does_not_come_back_at_once_each_time() {
    let mut world = online();
    world.fail_stores = true;
    let before = world.dialled.len();
    for _ in 0..600 {
        world.pass(Millis(500));
        if world.last_state() == Some(&ConnectionView::Ready) {
            let recv = world.recv("alice", "a", 11, 1, "{}");
            world.say(Packet::Recv(recv));
        }
    }
    let times = world.dialled.len() - before;
    assert!((8..20).contains(&times), "in five minutes: {times}");
    world.fail_stores = false;
    world.pass(Millis::seconds(45));
    let recv = world.recv("alice", "a", 11, 1, "{}");
    world.say(Packet::Recv(recv));
    assert_eq!((world.shown(), world.acks()), (vec!["a".to_owned()], vec![MessageId(11)]));
}

#[test]
fn a_channel_that_was_empty_once_is_read_down_to_its_first_message() {
    let nothing = || Ok(Response::History(HistoryPage { messages: Vec::new(), more: false, marks_version: 0 }));
    let asks = |request: &Request| matches!(request, Request::History(_));
    let older = |world: &mut World| {
        let page = HistoryPage {
            messages: vec![stored(11, 1, "a", "{}"), stored(12, 2, "b", "{}")],
            more: false,
            marks_version: 0,
        };
        let Request::History(asked) = world.answer(asks, Ok(Response::History(page))) else { panic!("no history") };
        assert_eq!((asked.start, asked.end), (MessageSeq(2), MessageSeq(0)));
        assert_eq!(seqs(&world.page(group())), [1, 2, 3]);
    };

    // It is read while it is empty, and of what comes later the newest is here first.
    let mut world = online();
    catch_up(&mut world);
    world.page(group());
    catch_up(&mut world);
    let reading = world.call(Command::Messages { channel: group(), before: None, limit: 50 });
    let Some(Ok(Reply::Messages { reached_start: true, complete: true, .. })) = world.outcome(reading) else {
        panic!("empty")
    };
    let newest = world.recv("alice", "c", 13, 3, "{}");
    world.say(Packet::Recv(newest));
    assert_eq!(seqs(&world.page(group())), [3]);
    older(&mut world);

    // The same, and the answer from when it was empty comes last.
    let mut world = online();
    catch_up(&mut world);
    world.page(group());
    let newest = world.recv("alice", "c", 13, 3, "{}");
    world.say(Packet::Recv(newest));
    world.answer(asks, nothing());
    assert_eq!(seqs(&world.page(group())), [3]);
    older(&mut world);
}

#[test]
fn a_damaged_row_of_a_channel_is_put_in_order() {
    let range = |first, last| Range { first: MessageSeq(first), last: MessageSeq(last) };
    for ranges in [vec![range(1, 20), range(3, 5)], vec![range(9, 2)], vec![range(0, 0), range(7, u64::MAX)]] {
        let mut world = online();
        let row = ChannelRow { ranges, last_seq: MessageSeq(5), ..ChannelRow::new(group()) };
        let batch = Batch { epoch: Epoch(1), changes: vec![Change::Channel(row)] };
        world.disk.apply(&batch).expect("stored");
        world.reload();
        world.connect();
        world.page(group());
        catch_up(&mut world);
        let message = world.recv("alice", "z", 90, 30, "{}");
        world.say(Packet::Recv(message));
        world.pass(Millis::seconds(2));
        catch_up(&mut world);
        assert_eq!(seqs(&world.page(group())), [30]);
    }
}
