//! What was missed: holes, what the business server answers, and what the application is told of it.

use jindou::channel::Channel;
use jindou::client::{Command, Event, FetchFailure, Reply};
use jindou::error::ErrorCode;
use jindou::id::MessageSeq;
use jindou::request::{ChannelMarks, FedMark, HistoryPage, Message, Request, Response, Target};
use jindou::rows::{Mark, MarkState};
use jindou::time::Millis;
use jindou::wire::{Flags, Packet};

use crate::receiving::{catch_up, group, mark, nothing, online, revoke, seqs, stored};
use crate::world::{START, World};

#[test]
fn a_hole_is_held_for_a_second_and_then_asked_for() {
    let mut world = online();
    for (number, id, seq) in [("a", 11, 1), ("c", 13, 3)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    let asks = |request: &Request| matches!(request, Request::History(_));
    assert!(!world.requests.iter().any(|(_, request)| asks(request)), "neighbours may only be swapped");
    world.pass(Millis::seconds(1));
    let page = HistoryPage { messages: vec![stored(12, 2, "b", "{}")], more: false, marks_version: 0 };
    let request = world.answer(asks, Ok(Response::History(page)));
    let Request::History(asked) = request else { panic!("another question") };
    assert_eq!((asked.start, asked.end), (MessageSeq(2), MessageSeq(0)), "and the one below it, to compare");
    assert_eq!(seqs(&world.page(group())), [1, 2, 3]);
}

#[test]
fn what_is_asked_beside_a_hole_takes_nothing_of_its_patience() {
    let mut world = online();
    // Twice a place is given to another message, so that what stands below it is compared: three pages that bring nothing new.
    for (number, id, seq) in
        [("a", 11, 1), ("c", 13, 3), ("d", 14, 4), ("w", 24, 4), ("e", 15, 5), ("f", 16, 6), ("z", 26, 6)]
    {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    let log = [(11, 1, "a"), (12, 2, "b"), (13, 3, "c"), (24, 4, "w"), (15, 5, "e"), (26, 6, "z")];
    let mut asked = Vec::new();
    while let Some((_, Request::History(open))) = world.requests.first() {
        let start = open.start.0;
        asked.push(start);
        let (id, seq, number) = log[if start == 0 { log.len() } else { start as usize } - 1];
        let page = HistoryPage { messages: vec![stored(id, seq, number, "{}")], more: seq > 1, marks_version: 0 };
        world.answer(|_| true, Ok(Response::History(page)));
    }
    assert_eq!(asked, [0, 5, 3, 2]);
    assert_eq!(seqs(&world.page(group())), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn nothing_is_asked_twice_because_its_answer_waits_for_the_disk() {
    let mut world = online();
    for (number, id, seq) in [("a", 11, 1), ("c", 13, 3)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    world.page(group());
    let asks = |request: &Request| matches!(request, Request::History(_));
    let page = |id, seq, number| {
        Ok(Response::History(HistoryPage {
            messages: vec![stored(id, seq, number, "{}")],
            more: true,
            marks_version: 0,
        }))
    };
    world.close_socket();
    world.pass(Millis::seconds(1));
    while !world.requests.iter().any(|(_, request)| asks(request)) {
        let response = nothing(&world.requests.first().expect("it asks").1);
        world.answer(|_| true, Ok(response));
    }
    world.hold_loads = true;
    world.answer(asks, page(13, 3, "c"));
    // The next round of catching up looks at what is on show too.
    world.pass(Millis::seconds(2));
    while let Some((_, request)) = world.requests.first().filter(|(_, request)| !asks(request)) {
        let response = nothing(request);
        world.answer(|_| true, Ok(response));
    }
    assert!(world.requests.is_empty(), "{:?}", world.requests);
    world.let_loads_go();
    world.answer(asks, page(12, 2, "b"));
    assert_eq!(seqs(&world.page(group())), [1, 2, 3]);
}

#[test]
fn what_was_pushed_without_a_place_takes_it_once_history_knows_it() {
    let mut world = online();
    // Generation 2.1 pushes the first message of a stream like this, though it is stored; the second has no number.
    for (number, id, seq) in [("a1", 11, 1), ("s2", 12, 0), ("", 13, 0), ("a4", 14, 4)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    world.pass(Millis::seconds(1));
    let messages = vec![stored(12, 2, "s2", "{}"), stored(13, 3, "", "{}")];
    let page = HistoryPage { messages, more: false, marks_version: 0 };
    world.answer(|request| matches!(request, Request::History(_)), Ok(Response::History(page)));
    assert_eq!(seqs(&world.page(group())), [1, 2, 3, 4]);
    assert_eq!(world.shown(), ["a1", "s2", "", "a4"], "none is new a second time");
}

#[test]
fn a_swapped_neighbour_closes_the_hole_by_itself() {
    let mut world = online();
    for (number, id, seq) in [("a", 11, 1), ("c", 13, 3), ("b", 12, 2)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    world.pass(Millis::seconds(3));
    assert!(!world.requests.iter().any(|(_, request)| matches!(request, Request::History(_))));
}

#[test]
fn where_nobody_can_be_asked_a_hole_is_not_called_complete_and_pushes_may_close_it() {
    let mut world = World::new();
    world.connect();
    let say = |world: &mut World, number: &str, id: i64, seq: u64| {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    };
    let look = |world: &mut World, limit: usize| {
        let reading = world.call(Command::Messages { channel: group(), before: None, limit });
        match world.outcome(reading) {
            Some(Ok(Reply::Messages { reached_start, complete, .. })) => (*reached_start, *complete),
            other => panic!("no page: {other:?}"),
        }
    };
    say(&mut world, "a", 11, 5);
    assert_eq!(look(&mut world, 50), (true, true), "what lies before it cannot be had");
    say(&mut world, "c", 13, 7);
    assert_eq!(look(&mut world, 50), (true, false));
    assert_eq!(look(&mut world, 1), (false, true), "this page has no hole");
    world.events.clear();
    say(&mut world, "d", 14, 8);
    say(&mut world, "b", 12, 6);
    let history = |event: &Event| match event {
        Event::History { reached_start, complete, .. } => Some((*reached_start, *complete)),
        _ => None,
    };
    assert_eq!(world.events.iter().filter_map(history).collect::<Vec<_>>(), [(true, true)]);
    assert_eq!(look(&mut world, 50), (true, true));
}

#[test]
fn a_command_that_took_a_place_of_the_channels_is_no_message_of_it() {
    let mut world = online();
    let first = world.recv("alice", "a", 11, 1, "{}");
    world.say(Packet::Recv(first));
    let mut command = world.recv("alice", "typing", 12, 2, "");
    command.flags = Flags { sync_once: true, ..Flags::default() };
    command.payload = b"{\"type\":99,\"cmd\":\"typing\"}".to_vec();
    world.seal(&mut command);
    world.say(Packet::Recv(command));
    let last = world.recv("alice", "d", 14, 4, "{}");
    world.say(Packet::Recv(last));
    world.pass(Millis::seconds(1));
    world.events.clear();
    // The first of a page comes without its flags, and the other one was never pushed.
    let pushed = stored(12, 2, "typing", "{\"type\":99}");
    let other = Message { sync_once: true, ..stored(13, 3, "t2", "{\"type\":99}") };
    let page = HistoryPage { messages: vec![pushed, other], more: false, marks_version: 0 };
    world.answer(|request| matches!(request, Request::History(_)), Ok(Response::History(page)));
    assert!(world.shown().is_empty(), "neither is shown");
    let reading = world.call(Command::Messages { channel: group(), before: None, limit: 50 });
    let Some(Ok(Reply::Messages { messages, complete: true, .. })) = world.outcome(reading) else {
        panic!("their places are no holes")
    };
    assert_eq!(seqs(messages), [1, 4]);
}

#[test]
fn a_question_that_always_fails_does_not_hold_up_the_others() {
    let names = ["marks", "commands", "conversations"];
    for (broken, retryable) in names.into_iter().flat_map(|name| [(name, true), (name, false)]) {
        let mut world = World::with(|config| config.business = true);
        world.connect();
        let recv = world.recv("alice", "a1", 11, 1, "{}");
        world.say(Packet::Recv(recv));
        world.page(group());
        world.close_socket();
        let mut asked = Vec::new();
        for _ in 0..60 {
            world.pass(Millis::seconds(1));
            while let Some((_, request)) = world.requests.first() {
                let name = request.name();
                asked.push(name);
                if name == broken {
                    world.answer(|_| true, Err(FetchFailure::new("unavailable", "always", retryable)));
                    continue;
                }
                let response = nothing(request);
                world.answer(|_| true, Ok(response));
            }
        }
        for name in names.iter().chain(&["history"]) {
            assert!(asked.contains(name), "{broken} fails, and {name} is not asked: {asked:?}");
        }
        let goes_on = asked.iter().filter(|name| **name == broken).count() > 4;
        assert!(goes_on || !retryable, "it is asked on: {asked:?}");
        let reading = world.call(Command::Messages { channel: group(), before: None, limit: 50 });
        let Some(Ok(Reply::Messages { complete, .. })) = world.outcome(reading) else { panic!("no page") };
        assert_eq!(*complete, broken != "conversations", "what is newer at the server is known, or not");
    }
}

#[test]
fn a_feed_is_read_to_its_end_and_no_further_than_it_goes() {
    let mut world = online();
    revoke(&mut world, "alice", 70, "a1", 2);
    let page = |version, more, marks: Vec<Mark>| {
        let marks = marks.into_iter().map(|mark| FedMark { mark, payload: None }).collect();
        Ok(Response::Marks(vec![ChannelMarks { channel: group(), version, more, marks }]))
    };
    let asks = |request: &Request| matches!(request, Request::Marks(_));
    let since = |request| match request {
        Request::Marks(asked) => asked.channels[0].since,
        _ => panic!("another question"),
    };
    let first = mark(1, MarkState::Recalled, "a0", 10, 1);
    assert_eq!(since(world.answer(asks, page(1, true, vec![first.clone()]))), 0);
    assert_eq!(since(world.answer(asks, page(2, false, vec![mark(2, MarkState::Recalled, "a1", 11, 2)]))), 1);
    // One that always has more and gives nothing, or the same.
    for marks in [Vec::new(), vec![first]] {
        revoke(&mut world, "alice", 71 + marks.len() as i64, "a2", 3);
        assert_eq!(since(world.answer(asks, page(2, true, marks))), 2);
        assert!(!world.requests.iter().any(|(_, request)| asks(request)), "not at once");
    }
}

#[test]
fn numbers_at_their_limits_are_numbers() {
    let mut world = World::in_a_cluster();
    let policy = format!("{{\"recallWindow\":{},\"restoreWindow\":{}}}", i64::MAX, i64::MIN);
    world.answer(|request| matches!(request, Request::Policy), Request::Policy.read(policy.as_bytes()));
    let figures = |id: &str, kind: u8, seq: u64, at: i64| {
        let recents = format!(
            "{{\"messageId\":\"{}\",\"messageSeq\":{seq},\"clientMsgNo\":\"c{seq}\",\"fromUid\":\"bob\",\"timestamp\":{at},\"payload\":\"e30=\"}}",
            i64::MAX
        );
        format!(
            "{{\"channelId\":\"{id}\",\"channelType\":{kind},\"unread\":{0},\"readTo\":0,\"lastMessageSeq\":{seq},\"timestamp\":{at},\"marksVersion\":{0},\"recents\":[{recents}]}}",
            u64::MAX
        )
    };
    let json = format!(
        "{{\"conversations\":[{},{}]}}",
        figures("g", 2, u64::MAX, i64::MIN),
        figures("alice", 1, 7, START / 1000)
    );
    let asked =
        Request::Conversations(jindou::request::Conversations { cursors: Vec::new(), recents: 20, since: None });
    let answer = asked.read(json.as_bytes());
    while !world.requests.iter().any(|(_, request)| matches!(request, Request::Conversations(_))) {
        let response = match &world.requests.first().expect("it asks").1 {
            Request::Commands(_) => Response::Commands(Vec::new()),
            _ => Response::Done,
        };
        world.answer(|_| true, Ok(response));
    }
    world.answer(|request| matches!(request, Request::Conversations(_)), answer);
    let recv = world.recv("alice", "a1", 11, 1, "{}");
    world.say(Packet::Recv(recv));
    world.call(Command::MarkRead { channel: group(), message_seq: MessageSeq(u64::MAX) });
    catch_up(&mut world);
    let listing = world.call(Command::Conversations);
    let Some(Ok(Reply::Conversations { conversations })) = world.outcome(listing) else { panic!("no list") };
    assert_eq!(conversations.iter().map(|one| one.last_seq.0).collect::<Vec<_>>(), [7, u64::MAX]);
    assert_eq!(conversations[0].unread, u64::MAX);
    let target = Target { message_seq: Some(MessageSeq(7)), ..Target::default() };
    let recalling = world.call(Command::Recall { channel: Channel::person("alice"), target });
    assert!(world.outcome(recalling).is_none(), "a window without an end has not passed");
}

#[test]
fn a_business_server_that_answers_nonsense_is_told_of_once_and_asked_again() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    let policy = |request: &Request| matches!(request, Request::Policy);
    for _ in 0..3 {
        let nonsense = Request::Policy.read(b"<html>");
        world.answer(policy, nonsense);
        world.pass(Millis::seconds(40));
        assert!(world.requests.iter().any(|(_, request)| policy(request)), "it asks again");
    }
    let told = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::Problem { error } if error.code == ErrorCode::BadResponse));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_page_that_was_not_whole_is_followed_by_word_of_the_history_also_when_pushes_close_the_hole() {
    let mut world = online();
    let say = |world: &mut World, seq: u64| {
        let recv = world.recv("alice", &format!("a{seq}"), 10 + seq as i64, seq, "{}");
        world.say(Packet::Recv(recv));
    };
    say(&mut world, 1);
    world.page(group());
    catch_up(&mut world);
    world.hold_stores = true;
    // The page is read behind what is gathered, and the missing one comes behind the page.
    say(&mut world, 3);
    say(&mut world, 4);
    let reading = world.call(Command::Messages { channel: group(), before: None, limit: 50 });
    say(&mut world, 2);
    world.events.clear();
    while !world.held.is_empty() {
        world.let_stores_go();
    }
    let Some(Ok(Reply::Messages { complete: false, .. })) = world.outcome(reading) else { panic!("whole") };
    assert!(!world.requests.iter().any(|(_, request)| matches!(request, Request::History(_))));
    assert!(world.events.iter().any(|event| matches!(event, Event::History { complete: true, .. })));
}

fn is_conversations(request: &Request) -> bool {
    matches!(request, Request::Conversations(_))
}

/// Answers what catching up asks, and the conversations with a failure; how often they were asked for.
fn play(world: &mut World, span: Millis, failure: &FetchFailure) -> usize {
    let (mut asked, step) = (0, Millis(500));
    for _ in 0..span.0 / step.0 {
        world.pass(step);
        while let Some((_, request)) = world.requests.first() {
            let refused = is_conversations(request);
            asked += usize::from(refused);
            let answer = if refused { Err(failure.clone()) } else { Ok(nothing(request)) };
            world.answer(|_| true, answer);
        }
    }
    asked
}

fn problems(world: &World) -> usize {
    world.events.iter().filter(|event| matches!(event, Event::Problem { .. })).count()
}

#[test]
fn whoever_asks_for_patience_is_left_alone_for_so_long() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    let failure = jindou::request::failure(429, b"{\"code\":\"rate-limited\",\"retryAfter\":100000}");
    assert!(failure.retryable);
    assert_eq!(play(&mut world, Millis::seconds(99), &failure), 1, "the rounds after 2 s and 15 s wait too");
    assert_eq!(play(&mut world, Millis::seconds(3), &failure), 1);
    catch_up(&mut world);
    let without = jindou::request::failure(408, b"");
    let mut world = World::with(|config| config.business = true);
    world.connect();
    let asked = play(&mut world, Millis::seconds(60), &without);
    assert!((4..10).contains(&asked), "asked {asked} times");
    assert_eq!(problems(&world), 0);
}

#[test]
fn a_step_that_asks_for_patience_holds_up_no_other() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    let recv = world.recv("alice", "a", 11, 1, "{}");
    world.say(Packet::Recv(recv));
    world.reload();
    world.connect();
    let limited = jindou::request::failure(429, b"").after(300);
    world.answer(|request| matches!(request, Request::Marks(_)), Err(limited));
    world.pass(Millis::seconds(1));
    world.answer(|request| matches!(request, Request::Commands(_)), Ok(Response::Commands(Vec::new())));
    assert!(world.requests.iter().any(|(_, request)| is_conversations(request)));
}

#[test]
fn a_gateway_that_asks_for_patience_is_left_alone_for_so_long() {
    let mut world = World::with(|config| config.business = true);
    world.hold_addresses = true;
    world.connect();
    let failure = jindou::request::failure(503, b"<html>").after(60);
    let is_gateway = |request: &Request| matches!(request, Request::Gateway);
    world.answer(is_gateway, Err(failure));
    world.pass(Millis::seconds(59));
    assert!(!world.requests.iter().any(|(_, request)| is_gateway(request)));
    world.pass(Millis::seconds(2));
    assert!(world.requests.iter().any(|(_, request)| is_gateway(request)));
}

#[test]
fn a_patience_without_end_or_sense_is_not_believed() {
    let told = |json: &str| jindou::request::failure(429, json.as_bytes());
    assert_eq!(told("{\"code\":\"rate-limited\",\"retryAfter\":99999999999}").retry_after, Millis::seconds(15 * 60));
    for odd in ["-1", "\"soon\"", "null", "{}", "1e300"] {
        let failure = told(&format!("{{\"code\":\"rate-limited\",\"retryAfter\":{odd}}}"));
        assert_eq!((failure.code.as_str(), failure.retry_after), ("rate-limited", Millis(0)), "{odd}");
    }
}

#[test]
fn what_is_refused_is_told_once_and_asked_for_again_much_later() {
    for status in [403, 404] {
        let mut world = World::with(|config| config.business = true);
        world.connect();
        let failure = jindou::request::failure(status, b"");
        let early = play(&mut world, Millis::seconds(40), &failure);
        assert!(early <= 3, "{status}: with each round, {early} times");
        assert_eq!(problems(&world), 1, "{status}");
        play(&mut world, Millis::seconds(6 * 60), &failure);
        assert_eq!(problems(&world), 1, "{status}");
        // The account is known at last.
        world.events.clear();
        for _ in 0..20 {
            world.pass(Millis::seconds(30));
            catch_up(&mut world);
        }
        let reading = world.call(Command::Messages { channel: group(), before: None, limit: 50 });
        catch_up(&mut world);
        world.pass(Millis::seconds(2));
        let again = world.call(Command::Messages { channel: group(), before: None, limit: 50 });
        assert!(world.outcome(reading).is_some());
        assert!(matches!(world.outcome(again), Some(Ok(Reply::Messages { complete: true, .. }))), "{status}");
    }
}

#[test]
fn what_a_round_does_not_ask_makes_none_when_it_is_refused() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    let mut asked = 0;
    for _ in 0..20 * 60 {
        world.pass(Millis::seconds(1));
        while let Some((_, request)) = world.requests.first() {
            asked += usize::from(matches!(request, Request::Commands(_)));
            let response = match request {
                Request::Online => Err(jindou::request::failure(404, b"")),
                request => Ok(nothing(request)),
            };
            world.answer(|_| true, response);
        }
    }
    assert_eq!((asked, problems(&world)), (3, 1), "at first, after 2 s and after 15 s");
}

#[test]
fn not_everything_that_may_be_stored_is_asked_for_at_once() {
    let mut world = World::with(|config| config.business = true);
    for number in 0..20 {
        world.send(Channel::group(format!("g{number}").as_str()), &format!("n{number}"), "{}");
    }
    world.reload();
    world.connect();
    world.pass(Millis::seconds(1));
    let lookups =
        |world: &World| world.requests.iter().filter(|(_, request)| matches!(request, Request::Lookup(_))).count();
    for _ in 0..20 {
        assert!((1..=4).contains(&lookups(&world)), "{}", lookups(&world));
        world.answer(|request| matches!(request, Request::Lookup(_)), Ok(Response::Found(Vec::new())));
        world.pass(Millis(100));
    }
    assert_eq!((lookups(&world), world.sends().len()), (0, 20));
}

#[test]
fn thousands_of_commands_are_asked_for_on_and_on_and_those_that_come_again_are_not() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    let (mut acked, mut asked) = (0, 0);
    for _ in 0..100 {
        world.pass(Millis(100));
        while let Some((_, request)) = world.requests.first() {
            let response = match request {
                Request::Commands(body) => {
                    asked += 1;
                    // The last thousand is not taken away by its acknowledgement, as in the first minute of generation 2.
                    let first = acked.min(4_000);
                    let mut commands: Vec<_> =
                        (first + 1..=5_000).map(|seq| stored(seq as i64, seq, "", "{\"type\":1}")).collect();
                    commands.truncate(body.limit);
                    Response::Commands(commands)
                }
                Request::CommandsAck(body) => {
                    acked = body.message_seq.0;
                    Response::Done
                }
                request => nothing(request),
            };
            world.answer(|_| true, Ok(response));
        }
    }
    let told = world.events.iter().filter(|event| matches!(event, Event::Command { .. })).count();
    // Once more at the end, and once in the round after 2 s.
    assert_eq!((told, asked), (5_000, 7));
    let last = world.events.iter().rposition(|event| matches!(event, Event::Command { .. }));
    let done = world.events.iter().position(|event| matches!(event, Event::Sync { done: true }));
    assert!(done > last, "all is here once the last of them is");
}

#[test]
fn where_commands_cannot_be_acknowledged_catching_up_ends_all_the_same() {
    for code in ["not-supported", "forbidden"] {
        let mut world = World::with(|config| config.business = true);
        world.connect();
        while let Some((_, request)) = world.requests.first() {
            let answer = match request {
                Request::Commands(body) => {
                    let seqs = 1..=body.limit as u64;
                    Ok(Response::Commands(seqs.map(|seq| stored(seq as i64, seq, "", "{\"type\":1}")).collect()))
                }
                Request::CommandsAck(_) => Err(FetchFailure::new(code, "not here", false)),
                request => Ok(nothing(request)),
            };
            world.answer(|_| true, answer);
        }
        assert!(world.events.iter().any(|event| matches!(event, Event::Sync { done: true })), "{code}");
    }
}

#[test]
fn that_all_is_here_is_not_told_of_a_connection_that_is_gone() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    world.hold_stores = true;
    let recv = world.recv("alice", "a", 11, 1, "{}");
    world.say(Packet::Recv(recv));
    catch_up(&mut world);
    world.close_socket();
    world.pass(Millis::seconds(2));
    assert_eq!(world.last_state(), Some(&jindou::client::ConnectionView::Ready));
    world.let_stores_go();
    let done = |world: &World| -> Vec<bool> {
        let told = world.events.iter().filter_map(|event| match event {
            Event::Sync { done } => Some(*done),
            _ => None,
        });
        told.collect()
    };
    assert_eq!(done(&world), [false, false], "the new connection has not caught up");
    catch_up(&mut world);
    assert_eq!(done(&world), [false, false, true]);
}

#[test]
fn messages_that_the_list_of_conversations_had_no_room_for_are_asked_for_by_channel() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    let is_history = |request: &Request| matches!(request, Request::History(asked) if asked.channel == group());
    let json = br#"{"conversations":[{"channelId":"g","channelType":2,"unread":3,"lastMessageSeq":3,"recents":[]}]}"#;
    while !world.requests.iter().any(|(_, request)| is_history(request)) {
        let (_, asked) = world.requests.first().expect("it asks on");
        let response = match asked {
            Request::Conversations(_) => asked.read(json).expect("readable"),
            asked => nothing(asked),
        };
        world.answer(|_| true, Ok(response));
    }
    let messages = (1..=3).map(|seq| stored(seq as i64, seq, &format!("a{seq}"), "{}")).collect();
    let page = HistoryPage { messages, more: false, marks_version: 0 };
    world.answer(is_history, Ok(Response::History(page)));
    assert_eq!(seqs(&world.page(group())), [1, 2, 3]);
}
