//! What one side sealed and the other cannot read.

use jindou::client::{Command, ConnectionView, Delivery, Reply};
use jindou::error::ErrorCode;
use jindou::time::Millis;
use jindou::wire::Packet;

use crate::receiving::group;
use crate::world::World;

const UNREAD: u8 = 9;

fn connections(world: &World) -> usize {
    world.sent.iter().filter(|packet| matches!(packet, Packet::Connect(_))).count()
}

#[test]
fn keys_that_never_worked_are_exchanged_before_a_message_waits_for_a_person() {
    let mut world = World::new();
    world.connect();
    let sendings = ["n1", "n2"].map(|number| world.send(group(), number, "{}"));
    let client_seq = world.sends()[0].client_seq;
    world.ack(client_seq, 0, 0, UNREAD);
    assert!(matches!(world.last_state(), Some(ConnectionView::Waiting { .. })));
    world.pass(Millis::seconds(5));
    assert_eq!(connections(&world), 2);
    let again: Vec<_> = world.sends().iter().rev().take(2).rev().map(|send| send.client_seq).collect();
    for (client_seq, seq) in again.into_iter().zip(1..) {
        world.ack(client_seq, 7, seq, 1);
    }
    for sending in sendings {
        assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
    }
}

#[test]
fn what_a_server_cannot_read_under_new_keys_either_waits_for_a_person() {
    let mut world = World::new();
    world.connect();
    let sendings = ["n1", "n2", "n3"].map(|number| world.send(group(), number, "{}"));
    let mut answered = 0;
    for _ in 0..60 {
        match world.sends().get(answered).map(|send| send.client_seq) {
            Some(client_seq) => {
                answered += 1;
                world.ack(client_seq, 0, 0, UNREAD);
            }
            None => world.pass(Millis::seconds(1)),
        }
    }
    for sending in sendings {
        let error = world.outcome(sending).expect("settled").as_ref().expect_err("refused");
        assert_eq!((error.code, error.reason_code), (ErrorCode::Refused, Some(UNREAD)));
    }
    assert_eq!(connections(&world), 2, "one new connection for all of them");
    let delivery: Vec<_> = world.page(group()).iter().map(|message| message.delivery).collect();
    assert_eq!(delivery, [Delivery::Parked; 3]);

    let retrying = world.call(Command::Retry("n1".into()));
    let client_seq = world.sends().last().expect("sent again").client_seq;
    world.ack(client_seq, 8, 1, 1);
    assert!(matches!(world.outcome(retrying), Some(Ok(Reply::Sent { .. }))));
}

#[test]
fn one_message_that_was_damaged_on_its_way_goes_again_on_the_same_connection() {
    let mut world = World::new();
    world.connect();
    world.send(group(), "n1", "{}");
    world.ack(world.sends()[0].client_seq, 7, 1, 1);
    let sending = world.send(group(), "n2", "{}");
    world.ack(world.sends()[1].client_seq, 0, 0, UNREAD);
    world.pass(Millis::seconds(2));
    assert_eq!(connections(&world), 1, "these keys work");
    world.ack(world.sends()[2].client_seq, 8, 2, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
}

#[test]
fn a_recv_that_cannot_be_opened_under_keys_that_never_worked_exchanges_them_once() {
    let mut world = World::new();
    world.connect();
    let unreadable = |world: &World, id, seq| {
        let mut recv = world.recv("alice", "a", id, seq, "{}");
        recv.payload[0] ^= 1;
        recv
    };
    for turn in 0..3 {
        let recv = unreadable(&world, 4 + turn, 1 + turn as u64);
        world.say(Packet::Recv(recv));
        world.pass(Millis::seconds(5));
        assert_eq!(connections(&world), 2);
    }
    let recv = world.recv("alice", "a9", 9, 9, "{}");
    world.say(Packet::Recv(recv));
    let recv = unreadable(&world, 10, 10);
    world.say(Packet::Recv(recv));
    world.pass(Millis::seconds(5));
    assert_eq!(connections(&world), 2, "one damaged message says nothing against keys that work");
}
