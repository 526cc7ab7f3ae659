//! A batch of which the database tells a failure and keeps it all the same: whoever is there hears of what is in it.

use jindou::client::Event;
use jindou::rows::{Answer, MarkState, MessageState, Query};
use jindou::time::Millis;
use jindou::wire::{Flags, Packet};

use crate::receiving::{catch_up, feed, group, mark, online, revoke};
use crate::world::World;

/// What is told of messages, recalls and commands, in order.
fn told(world: &World) -> Vec<String> {
    let words = world.events.iter().filter_map(|event| match event {
        Event::Message { message, .. } => Some(format!("new {}", message.client_msg_no.0)),
        Event::MessageChanged { message } => Some(format!("{} {:?}", message.client_msg_no.0, message.state)),
        Event::Recall { mark, .. } => Some(format!("recall {}", mark.client_msg_no.0)),
        Event::Command { message_id, .. } => Some(format!("command {message_id}")),
        _ => None,
    });
    words.collect()
}

fn say(world: &mut World) {
    let recv = world.recv("alice", "a1", 11, 1, "{\"type\":1,\"content\":\"secret\"}");
    world.say(Packet::Recv(recv));
}

fn command(world: &mut World) {
    let mut recv = world.recv("alice", "c1", 70, 900, "{\"type\":99,\"cmd\":\"typing\"}");
    recv.flags = Flags { sync_once: true, ..Flags::default() };
    world.seal(&mut recv);
    world.say(Packet::Recv(recv));
}

/// `act` happens while the disk tells failures, and once more when the server brings it again. What is told of it.
fn doubted(world: &mut World, is_kept: bool, act: impl Fn(&mut World)) -> Vec<String> {
    let before = told(world).len();
    (world.fail_stores, world.fail_stored) = (!is_kept, is_kept);
    act(world);
    (world.fail_stores, world.fail_stored) = (false, false);
    assert_eq!(told(world).len(), before, "nobody knows before it is read");
    world.pass(Millis::seconds(3));
    let read = told(world).split_off(before);
    catch_up(world);
    act(world);
    world.pass(Millis::seconds(3));
    let all = told(world).split_off(before);
    assert_eq!(read, if is_kept { all.clone() } else { Vec::new() }, "told when it is read, or when it comes again");
    all
}

#[test]
fn what_was_kept_though_a_failure_was_told_is_told_once() {
    for is_kept in [true, false] {
        let mut world = online();
        assert_eq!(doubted(&mut world, is_kept, say), ["new a1"], "kept: {is_kept}");
        assert_eq!(doubted(&mut world, is_kept, command), ["command 70"], "kept: {is_kept}");
    }
}

#[test]
fn a_recall_that_was_kept_though_a_failure_was_told_leaves_nothing_on_show() {
    let mut world = online();
    say(&mut world);
    revoke(&mut world, "alice", 71, "a1", 1);
    let recalled = |world: &mut World| feed(world, 1, vec![mark(1, MarkState::Recalled, "a1", 11, 1)]);
    assert_eq!(doubted(&mut world, true, recalled), ["a1 Recalled", "recall a1"]);
    assert_eq!(world.page(group())[0].state, MessageState::Recalled);
    let conversation = world.events.iter().rev().find_map(|event| match event {
        Event::Conversation { conversation } => conversation.last_message.clone(),
        _ => None,
    });
    assert_eq!(conversation.map(|message| message.state), Some(MessageState::Recalled));
}

#[test]
fn what_was_kept_is_told_once_though_the_database_fails_again_before_it_is_read() {
    let mut world = online();
    world.fail_stored = true;
    say(&mut world);
    world.fail_stored = false;
    world.fail_loads = true;
    world.pass(Millis::seconds(2));
    world.fail_loads = false;
    world.pass(Millis::seconds(10));
    assert_eq!(told(&world), ["new a1"]);
}

#[test]
fn a_number_of_an_earlier_load_is_taken_for_no_batch_of_this_one() {
    let last_batch = |world: &World| match world.disk.answer(&Query::Hydrate) {
        Answer::Hydrated { meta, .. } => meta.last_batch,
        other => panic!("{other:?}"),
    };
    let mut world = online();
    say(&mut world);
    let last = last_batch(&world);
    world.reload();
    world.connect();
    for _ in 0..=last {
        world.fail_stores = true;
        command(&mut world);
        world.fail_stores = false;
        world.pass(Millis::seconds(90));
    }
    assert!(told(&world).iter().all(|word| word != "command 70"));
    catch_up(&mut world);
    command(&mut world);
    assert!(told(&world).iter().any(|word| word == "command 70"));
    assert!(last_batch(&world) > last);
}
