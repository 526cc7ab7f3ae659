//! A disk that has lost what it knew of a channel, and not the messages in it.

use jindou::client::{Command, Event, Reply};
use jindou::request::{HistoryPage, Message, Response};
use jindou::rows::{Batch, Change, ChannelRow, Epoch};
use jindou::time::Millis;
use jindou::wire::Packet;

use crate::receiving::{catch_up, group, nothing, seqs, stored};
use crate::world::World;

/// Comes back without the row of the channel.
fn forget_the_channel(world: &mut World) {
    let changes = vec![Change::Channel(ChannelRow::new(group()))];
    world.disk.apply(&Batch { epoch: Epoch(1), changes }).expect("stored");
    world.reload();
}

/// Answers each question for history with these, and everything else with nothing.
fn catch_up_with(world: &mut World, messages: &[Message]) {
    for _ in 0..50 {
        let Some((_, request)) = world.requests.first() else { return };
        let mut response = nothing(request);
        if let Response::History(page) = &mut response {
            *page = HistoryPage { messages: messages.to_vec(), more: false, marks_version: 0 };
        }
        world.answer(|_| true, Ok(response));
    }
    panic!("catching up does not end");
}

#[test]
fn what_a_cluster_gives_another_place_is_not_told_again_as_new() {
    let mut world = World::in_a_cluster();
    catch_up(&mut world);
    for (number, id, seq) in [("a1", 11, 1), ("a2", 12, 2)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    forget_the_channel(&mut world);
    world.connect();
    // A new leader has another message there, and the first comes again behind it.
    world.page(group());
    catch_up_with(&mut world, &[stored(11, 1, "a1", "{}"), stored(13, 2, "b1", "{}"), stored(14, 3, "a2", "{}")]);
    assert_eq!(world.shown(), ["a1", "a2", "b1"], "each is told as new once");
    assert_eq!(seqs(&world.page(group())), [1, 2, 3]);
}

#[test]
fn what_the_disk_has_is_shown_and_the_conversation_knows_its_end() {
    let mut world = World::new();
    world.connect();
    for (number, id, seq) in [("a1", 11, 1), ("a2", 12, 2), ("", 13, 3)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    forget_the_channel(&mut world);
    world.connect();
    world.events.clear();
    let recv = world.recv("alice", "a1", 11, 1, "{}");
    world.say(Packet::Recv(recv));
    world.pass(Millis(50));
    assert!(world.shown().is_empty());
    assert_eq!(seqs(&world.page(group())), [1, 2, 3]);
    let listing = world.call(Command::Conversations);
    let Some(Ok(Reply::Conversations { conversations })) = world.outcome(listing) else { panic!("no list") };
    let last = conversations[0].last_message.as_ref().and_then(|last| last.message_seq);
    assert_eq!(last.map(|seq| seq.0), Some(3));
    assert!(!world.events.iter().any(|event| matches!(event, Event::Message { .. })));
}

#[test]
fn what_has_no_number_is_not_told_again_as_new_either() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    catch_up(&mut world);
    for (number, id, seq) in [("", 11, 1), ("a2", 12, 2), ("", 13, 3)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    forget_the_channel(&mut world);
    world.connect();
    world.page(group());
    world.events.clear();
    catch_up_with(&mut world, &[stored(11, 1, "", "{}"), stored(12, 2, "a2", "{}"), stored(13, 3, "", "{}")]);
    assert!(world.shown().is_empty(), "{:?}", world.shown());
    assert_eq!(seqs(&world.page(group())), [1, 2, 3]);
}
