//! A server that was wrong once: a seq that no log has.

use jindou::client::{Command, FetchFailure, Reply};
use jindou::id::MessageSeq;
use jindou::request::{Conversations, HistoryPage, Message, Pull, Request, Response};
use jindou::time::Millis;
use jindou::wire::{Packet, ProtocolVersion, Recv};

use crate::receiving::{group, nothing, seqs, stored};
use crate::world::World;

fn log(length: u64) -> Vec<Message> {
    (1..=length).map(|seq| stored(10 + seq as i64, seq, &format!("a{seq}"), "{}")).collect()
}

/// Lets time pass, while the business server answers from this log.
fn pass_with(world: &mut World, span: Millis, length: u64) {
    for _ in 0..span.0 / 1_000 {
        world.pass(Millis::seconds(1));
        while let Some((_, request)) = world.requests.first() {
            let mut response = nothing(request);
            if let (Request::History(asked), Response::History(page)) = (request, &mut response) {
                let mut messages = log(length);
                let zero = MessageSeq(0);
                match asked.pull {
                    Pull::Newer => messages.retain(|message| message.message_seq >= asked.start),
                    Pull::Older => messages.retain(|message| {
                        (asked.start == zero || message.message_seq <= asked.start) && message.message_seq > asked.end
                    }),
                }
                let more = messages.len() > asked.limit;
                match asked.pull {
                    Pull::Newer => messages.truncate(asked.limit),
                    Pull::Older => drop(messages.drain(..messages.len().saturating_sub(asked.limit))),
                }
                *page = HistoryPage { messages, more, marks_version: 0 };
            }
            world.answer(|_| true, Ok(response));
        }
    }
}

fn is_complete(world: &mut World) -> bool {
    let ticket = world.call(Command::Messages { channel: group(), before: None, limit: 50 });
    matches!(world.outcome(ticket), Some(Ok(Reply::Messages { complete: true, .. })))
}

#[test]
fn a_push_with_a_seq_that_no_log_has_hides_nothing_for_long() {
    for (version, wrong) in [(5, u64::from(u32::MAX)), (6, 1 << 63), (6, u64::MAX)] {
        let mut world = World::with(|config| config.business = true);
        world.version = ProtocolVersion(version);
        world.connect();
        pass_with(&mut world, Millis::seconds(20), 2);
        for (id, seq) in [(11, 1), (12, 2), (99, wrong)] {
            let recv = world.recv("alice", &format!("a{seq}"), id, seq, "{}");
            world.say(Packet::Recv(recv));
        }
        pass_with(&mut world, Millis::seconds(5), 3);
        assert_eq!(seqs(&world.page(group())), [1, 2, 3], "{wrong}");
        // The one between is never pushed.
        let recv = world.recv("alice", "a5", 15, 5, "{}");
        world.say(Packet::Recv(recv));
        pass_with(&mut world, Millis::seconds(5), 5);
        assert_eq!(seqs(&world.page(group())), [1, 2, 3, 4, 5], "{wrong}");
        assert!(is_complete(&mut world), "{wrong}");
    }
}

#[test]
fn a_list_that_names_a_seq_that_no_log_has_keeps_no_page_from_being_whole() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    pass_with(&mut world, Millis::seconds(20), 2);
    let json =
        "{\"conversations\":[{\"channelId\":\"g\",\"channelType\":2,\"lastMessageSeq\":4294967295,\"recents\":[]}]}";
    let asked = Request::Conversations(Conversations { cursors: Vec::new(), recents: 20, since: None });
    world.close_socket();
    for _ in 0..100 {
        match world.requests.first() {
            Some((_, Request::Conversations(_))) => break,
            Some((_, request)) => {
                let response = nothing(request);
                world.answer(|_| true, Ok(response));
            }
            None => world.pass(Millis(100)),
        }
    }
    let wrong = asked.read(json.as_bytes()).expect("readable");
    world.answer(|request| matches!(request, Request::Conversations(_)), Ok(wrong));
    pass_with(&mut world, Millis::seconds(5), 3);
    assert_eq!(seqs(&world.page(group())), [1, 2, 3]);
    assert!(is_complete(&mut world));
}

#[test]
fn an_old_answer_takes_nothing_away_that_is_far_beyond_it() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    for seq in [1, 20_001, 20_002, u64::from(u32::MAX)] {
        let recv = world.recv("alice", &format!("a{seq}"), 10 + seq as i64, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    // Only the last is what no log has: it stands alone.
    pass_with(&mut world, Millis::seconds(20), 3);
    assert_eq!(seqs(&world.page(group())), [1, 2, 3, 20_001, 20_002]);
    pass_with(&mut world, Millis::seconds(20), 20_003);
    assert_eq!(seqs(&world.page(group())).last(), Some(&20_003));
}

#[test]
fn a_log_that_lost_more_than_was_read_of_it_is_read_again_when_it_grows() {
    let mut world = World::with(|config| config.business = true);
    world.addresses.push("ws://two".to_owned());
    world.connect();
    is_complete(&mut world);
    for _ in 0..20 {
        world.pass(Millis::seconds(1));
        while let Some((_, request)) = world.requests.first() {
            let page = HistoryPage { messages: log(57).split_off(7), more: true, marks_version: 0 };
            let response = match request {
                Request::History(asked) if asked.start == MessageSeq(0) => Ok(Response::History(page)),
                Request::History(_) => Err(FetchFailure::new("unavailable", "what is older cannot be had", true)),
                other => Ok(nothing(other)),
            };
            world.answer(|_| true, response);
        }
    }
    assert_eq!(seqs(&world.page(group())), (8..=57).collect::<Vec<_>>());
    // A new leader has none of it, and what is said next comes to a place that nobody has looked at.
    let pushed = world.recv("alice", "a4", 14, 4, "");
    let mut recv = Recv { timestamp: pushed.timestamp + 60, payload: b"{}".to_vec(), ..pushed };
    world.seal(&mut recv);
    world.say(Packet::Recv(recv));
    pass_with(&mut world, Millis::seconds(5), 4);
    assert_eq!(seqs(&world.page(group())), [1, 2, 3, 4]);
    assert!(is_complete(&mut world));
}
