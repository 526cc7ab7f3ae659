//! A window for duplicates, which an application may configure.

use jindou::channel::Channel;
use jindou::client::{Event, Reply};
use jindou::time::Millis;
use jindou::wire::Packet;

use crate::world::{START, World};

fn group() -> Channel {
    Channel::group("g")
}

fn windowed(window: u64) -> World {
    let mut world = World::with(|config| config.dedup_window = Some(Millis(window)));
    world.connect();
    world
}

/// Alice's message comes, and again under another id so many seconds later.
fn twice(world: &mut World, apart: i32) -> Vec<u64> {
    for (id, seq, after) in [(5, 1, 0), (6, 2, apart)] {
        let mut recv = world.recv("alice", "n1", id, seq, "{}");
        recv.payload = b"{}".to_vec();
        recv.timestamp = (START / 1000) as i32 + after;
        world.seal(&mut recv);
        world.say(Packet::Recv(recv));
    }
    world.page(group()).iter().filter_map(|message| message.message_seq).map(|seq| seq.0).collect()
}

#[test]
fn within_the_window_a_duplicate_is_one_and_beyond_it_two() {
    let cases = [
        (0, 0, 1),
        (0, 1, 2),
        (60_000, 60, 1),
        (60_000, 61, 2),
        (60_000, -61, 2),
        (u64::MAX, 400_000_000, 1),
        (9_007_199_254_740_991, 1_000_000, 1),
    ];
    for (window, apart, shown) in cases {
        assert_eq!(twice(&mut windowed(window), apart).len(), shown, "{window} ms, {apart} s apart");
    }
}

#[test]
fn the_very_same_copy_is_a_duplicate_whatever_the_window() {
    let mut world = windowed(0);
    for _ in 0..2 {
        let recv = world.recv("alice", "n1", 5, 1, "{}");
        world.say(Packet::Recv(recv));
        world.pass(Millis::seconds(100));
    }
    assert_eq!((world.page(group()).len(), world.shown().len()), (1, 1));
}

#[test]
fn two_that_are_shown_have_two_keys() {
    let mut world = windowed(60_000);
    assert_eq!(twice(&mut world, 100), [1, 2]);
    let keys: Vec<_> = world.page(group()).into_iter().map(|message| message.key).collect();
    assert_ne!(keys[0], keys[1]);
    let told: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Message { message, .. } => Some(message.key.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(told, keys);
}

#[test]
fn a_message_of_ours_is_one_however_long_it_was_on_its_way() {
    let mut world = windowed(1_000);
    let sending = world.send(group(), "n1", "{}");
    world.pass(Millis::seconds(30));
    let client_seq = world.sends()[0].client_seq;
    // The first attempt was stored, and the second is too, long after it.
    world.pass(Millis::seconds(3600));
    let last = world.sends().last().expect("sent again").client_seq;
    world.ack(client_seq, 5, 1, 1);
    world.ack(last, 6, 2, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
    assert_eq!(world.page(group()).len(), 1);
}
