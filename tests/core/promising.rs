//! A page that was not whole is followed by word of the history, and catching up by word of its end: always, when it is true, and at a pace.

use jindou::channel::Channel;
use jindou::client::{Command, Event, FetchFailure, Reply};
use jindou::request::{Conversations, HistoryPage, Request, Response};
use jindou::time::Millis;
use jindou::wire::Packet;

use crate::receiving::{catch_up, group, nothing, online, stored};
use crate::world::World;

type Answer = Result<Response, FetchFailure>;

fn is_complete(world: &mut World, channel: Channel) -> bool {
    let reading = world.call(Command::Messages { channel, before: None, limit: 50 });
    let Some(Ok(Reply::Messages { complete, .. })) = world.outcome(reading) else { panic!("no page") };
    *complete
}

fn say(world: &mut World, seq: u64) {
    let recv = world.recv("alice", &format!("a{seq}"), 10 + seq as i64, seq, "{}");
    world.say(Packet::Recv(recv));
}

/// What the list says of a group with only its first message, and a newest one of this seq.
fn listed(last_seq: u64) -> Response {
    listed_at(1, last_seq)
}

fn listed_at(seq: u64, last_seq: u64) -> Response {
    let recents = format!(
        "{{\"messageId\":\"{}\",\"messageSeq\":{seq},\"clientMsgNo\":\"a{seq}\",\"fromUid\":\"alice\",\"payload\":\"e30=\"}}",
        10 + seq
    );
    let json = format!(
        "{{\"conversations\":[{{\"channelId\":\"g\",\"channelType\":2,\"lastMessageSeq\":{last_seq},\"recents\":[{recents}]}}]}}"
    );
    let asked = Request::Conversations(Conversations { cursors: Vec::new(), recents: 20, since: None });
    asked.read(json.as_bytes()).expect("readable")
}

fn only_the_first(request: &Request) -> Option<Answer> {
    let page = || HistoryPage { messages: vec![stored(11, 1, "a1", "{}")], more: false, marks_version: 0 };
    matches!(request, Request::History(_)).then(|| Ok(Response::History(page())))
}

/// Seconds in which a business server answers this or else nothing, and an application reads again at each word of the history.
/// Gives how often either of them did.
fn live(world: &mut World, seconds: u64, answer: impl Fn(&Request) -> Option<Answer>) -> (usize, usize) {
    serve(world, seconds, true, answer)
}

fn serve(
    world: &mut World,
    seconds: u64,
    reads_again: bool,
    answer: impl Fn(&Request) -> Option<Answer>,
) -> (usize, usize) {
    let (mut asked, mut reads, mut heard) = (0, 0, world.events.len());
    for _ in 0..seconds * 50 {
        world.pass(Millis(20));
        while let Some((_, request)) = world.requests.first() {
            asked += usize::from(matches!(request, Request::History(_)));
            let response = answer(request).unwrap_or_else(|| Ok(nothing(request)));
            world.answer(|_| true, response);
        }
        let words = world.events[heard..].iter().filter(|event| matches!(event, Event::History { .. })).count();
        heard = world.events.len();
        if words > 0 && reads_again {
            reads += 1;
            is_complete(world, group());
        }
    }
    (asked, reads)
}

fn words(world: &World) -> Vec<bool> {
    let word = |event: &Event| match event {
        Event::History { channel, complete, .. } if *channel == group() => Some(*complete),
        _ => None,
    };
    world.events.iter().filter_map(word).collect()
}

#[test]
fn a_list_of_conversations_that_fails_makes_nobody_read_without_end() {
    for retryable in [true, false] {
        let mut world = World::with(|config| config.business = true);
        world.connect();
        say(&mut world, 1);
        assert!(!is_complete(&mut world, group()), "what is newer at the server is not known");
        let fails = |request: &Request| {
            let failure = || FetchFailure::new("unavailable", "always", retryable);
            matches!(request, Request::Conversations(_)).then(|| Err(failure()))
        };
        let (_, reads) = live(&mut world, 120, fails);
        assert!((1..30).contains(&reads), "read {reads} times");
        if retryable {
            live(&mut world, 60, |_| None);
            assert_eq!(words(&world).last(), Some(&true), "now it is");
        }
    }
}

#[test]
fn nothing_is_told_complete_that_the_same_batch_leaves_with_a_hole() {
    let mut world = World::with(|config| config.business = true);
    world.send(group(), "m1", "{}");
    world.connect();
    let client_seq = world.sends()[0].client_seq;
    assert!(!is_complete(&mut world, group()));
    world.hold_stores = true;
    world.send(Channel::group("another"), "m2", "{}");
    let listed = |request: &Request| match request {
        Request::Conversations(_) => listed_at(9, 9),
        _ => nothing(request),
    };
    while let Some((_, request)) = world.requests.first() {
        let response = listed(request);
        world.answer(|_| true, Ok(response));
        if world.requests.iter().any(|(_, request)| matches!(request, Request::History(_))) {
            break;
        }
    }
    world.ack(client_seq, 11, 1, 1);
    world.let_stores_go();
    assert_eq!(words(&world), [false], "between the old one and the newest is a hole");
    let others = |request: &Request| {
        let page = || (2..10).map(|seq| stored(10 + seq as i64, seq, &format!("a{seq}"), "{}")).collect();
        matches!(request, Request::History(_))
            .then(|| Ok(Response::History(HistoryPage { messages: page(), more: false, marks_version: 0 })))
    };
    serve(&mut world, 20, false, others);
    assert_eq!(words(&world).last(), Some(&true), "now it is closed");
    assert!(is_complete(&mut world, group()));
}

#[test]
fn a_hole_that_cannot_be_filled_is_asked_for_less_and_less_often() {
    let mut world = online();
    world.close_socket();
    let short = |request: &Request| match request {
        Request::Conversations(_) => Some(Ok(listed(9))),
        _ => only_the_first(request),
    };
    live(&mut world, 20, short);
    assert!(!is_complete(&mut world, group()));
    let (asked, reads) = live(&mut world, 300, short);
    assert!((4..20).contains(&asked) && (4..20).contains(&reads), "asked {asked} times, read {reads} times");
    // Once it can be had, the next answer brings it, and what comes then is asked for at once.
    let whole = |request: &Request| {
        let page = || (1..10).map(|seq| stored(10 + seq as i64, seq, &format!("a{seq}"), "{}")).collect();
        matches!(request, Request::History(_))
            .then(|| Ok(Response::History(HistoryPage { messages: page(), more: false, marks_version: 0 })))
    };
    live(&mut world, 60, whole);
    assert!(is_complete(&mut world, group()));
}

#[test]
fn many_channels_on_show_are_not_read_again_without_end() {
    let mut world = online();
    let channels: Vec<Channel> = (0..20).map(|n| Channel::group(format!("g{n}"))).collect();
    channels.iter().for_each(|channel| _ = is_complete(&mut world, channel.clone()));
    let (mut asked, mut heard) = (0, 0);
    for _ in 0..3_000 {
        world.pass(Millis(20));
        while let Some((_, request)) = world.requests.first() {
            asked += usize::from(matches!(request, Request::History(_)));
            let response = nothing(request);
            world.answer(|_| true, Ok(response));
        }
        let word = |event: &Event| match event {
            Event::History { channel, .. } => Some(channel.clone()),
            _ => None,
        };
        let words: Vec<Channel> = world.events[heard..].iter().filter_map(word).collect();
        heard = world.events.len();
        words.into_iter().for_each(|channel| _ = is_complete(&mut world, channel));
    }
    assert!(asked < 100, "asked {asked} times in a minute");
}

#[test]
fn where_history_is_refused_word_comes_all_the_same() {
    let mut world = online();
    say(&mut world, 5);
    let refuses = |request: &Request| {
        matches!(request, Request::History(_)).then(|| Err(FetchFailure::new("forbidden", "no member", false)))
    };
    live(&mut world, 10, refuses);
    world.events.clear();
    assert!(!is_complete(&mut world, group()));
    let (asked, reads) = live(&mut world, 300, refuses);
    assert!((4..20).contains(&asked) && (4..20).contains(&reads), "asked {asked} times, read {reads} times");
}

#[test]
fn whoever_is_let_in_again_is_asked_for_what_was_refused() {
    let mut world = online();
    say(&mut world, 1);
    say(&mut world, 5);
    let refuses = |request: &Request| {
        matches!(request, Request::History(_)).then(|| Err(FetchFailure::new("forbidden", "no member", false)))
    };
    live(&mut world, 10, refuses);
    let recents =
        "{\"messageId\":\"16\",\"messageSeq\":6,\"clientMsgNo\":\"a6\",\"fromUid\":\"alice\",\"payload\":\"e30=\"}";
    let list = format!(
        "{{\"conversations\":[{{\"channelId\":\"g\",\"channelType\":2,\"lastMessageSeq\":6,\"recents\":[{recents}]}}]}}"
    );
    let lets_in = |request: &Request| match request {
        Request::Conversations(_) => Some(request.read(list.as_bytes())),
        _ => None,
    };
    let (asked, _) = serve(&mut world, 90, false, lets_in);
    assert!(asked > 0, "the list shows that there is more");
}

#[test]
fn a_token_that_ran_out_makes_nothing_late_for_longer_than_it_takes_to_get_another() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    say(&mut world, 1);
    is_complete(&mut world, group());
    let ran_out = |request: &Request| {
        matches!(request, Request::Conversations(_) | Request::History(_) | Request::Marks(_))
            .then(|| Err(FetchFailure::new("unauthorized", "the token ran out", false)))
    };
    live(&mut world, 60, ran_out);
    let is_done = |world: &World| world.events.iter().any(|event| matches!(event, Event::Sync { done: true }));
    assert!(!is_done(&world));
    let problems = world.events.iter().filter(|event| matches!(event, Event::Problem { .. })).count();
    assert!((1..40).contains(&problems), "told {problems} times");
    live(&mut world, 31, only_the_first);
    assert!(is_complete(&mut world, group()) && is_done(&world));
}

#[test]
fn word_comes_after_a_reconnect_too_however_many_others_were_looked_at() {
    let mut world = online();
    say(&mut world, 5);
    assert!(!is_complete(&mut world, group()));
    for other in 0..20 {
        is_complete(&mut world, Channel::group(format!("other{other}")));
    }
    world.close_socket();
    world.events.clear();
    world.pass(Millis::seconds(2));
    catch_up(&mut world);
    assert!(!words(&world).is_empty());
}

#[test]
fn word_comes_after_the_database_failed_too() {
    let mut world = online();
    say(&mut world, 5);
    assert!(!is_complete(&mut world, group()));
    world.fail_stores = true;
    say(&mut world, 6);
    world.fail_stores = false;
    world.events.clear();
    for _ in 0..20 {
        world.pass(Millis::seconds(1));
        catch_up(&mut world);
    }
    assert!(!words(&world).is_empty());
}

#[test]
fn word_that_went_down_with_a_batch_comes_again() {
    let mut world = online();
    say(&mut world, 5);
    assert!(!is_complete(&mut world, group()));
    world.fail_stores = true;
    let messages = (1..6).map(|seq| stored(10 + seq as i64, seq, &format!("a{seq}"), "{}")).collect();
    let page = HistoryPage { messages, more: false, marks_version: 0 };
    world.answer(|request| matches!(request, Request::History(_)), Ok(Response::History(page)));
    assert!(words(&world).is_empty());
    world.fail_stores = false;
    for _ in 0..20 {
        world.pass(Millis::seconds(1));
        catch_up(&mut world);
    }
    assert!(!words(&world).is_empty());
}

#[test]
fn catching_up_is_done_when_everything_is_stored() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    world.hold_stores = true;
    say(&mut world, 1);
    while let Some((_, request)) = world.requests.first() {
        let response = match request {
            Request::Conversations(_) => Ok(listed(9)),
            request => only_the_first(request).unwrap_or_else(|| Ok(nothing(request))),
        };
        world.answer(|_| true, response);
    }
    let is_done = |world: &World| world.events.iter().any(|event| matches!(event, Event::Sync { done: true }));
    assert!(!is_done(&world), "the database has none of it");
    while !world.held.is_empty() {
        world.let_stores_go();
        catch_up(&mut world);
    }
    assert!(is_done(&world));
    let first = world.events.iter().position(|event| matches!(event, Event::Message { .. }));
    let done = world.events.iter().position(|event| matches!(event, Event::Sync { done: true }));
    assert!(first < done);
}

#[test]
fn no_page_is_whole_while_what_the_list_told_waits_for_the_disk() {
    let mut world = online();
    say(&mut world, 1);
    assert!(is_complete(&mut world, group()));
    world.close_socket();
    world.pass(Millis::seconds(1));
    while !world.requests.iter().any(|(_, request)| matches!(request, Request::Conversations(_))) {
        let response = nothing(&world.requests.first().expect("it asks").1);
        world.answer(|_| true, Ok(response));
    }
    world.hold_loads = true;
    let reading = world.call(Command::Messages { channel: group(), before: None, limit: 50 });
    world.answer(|request| matches!(request, Request::Conversations(_)), Ok(listed(9)));
    world.let_loads_go();
    let Some(Ok(Reply::Messages { complete, .. })) = world.outcome(reading) else { panic!("no page") };
    assert!(!complete, "it named a newer message");
}

#[test]
fn where_nobody_answers_for_history_word_comes_to_everybody_who_waits_for_it() {
    let mut world = online();
    let channels: Vec<Channel> = (0..12).map(|n| Channel::group(format!("g{n}"))).collect();
    channels.iter().for_each(|channel| _ = is_complete(&mut world, channel.clone()));
    let lacks = |request: &Request| {
        let kind = matches!(request, Request::History(_) | Request::Conversations(_));
        kind.then(|| Err(FetchFailure::new("not-supported", "nobody", false)))
    };
    live(&mut world, 60, lacks);
    for channel in channels {
        let is_word = |event: &Event| matches!(event, Event::History { channel: of, .. } if *of == channel);
        assert!(world.events.iter().any(is_word), "{}", channel.id);
    }
}
