//! One clientMsgNo more than once: from two devices of a person, from two people, in two channels, and long after.

use jindou::channel::Channel;
use jindou::client::{Command, Delivery, Event, Reply};
use jindou::request::{ChannelMarks, FedMark, Request, Response};
use jindou::rows::{Answer, Batch, Change, ChannelRow, Epoch, Mark, MarkState, MessageState, Query};
use jindou::time::Millis;
use jindou::wire::{Flags, Packet};

use crate::receiving::{feed, mark, online, revoke};
use crate::sending::found;
use crate::world::World;

fn group() -> Channel {
    Channel::group("g")
}

fn contents(world: &mut World, channel: Channel) -> Vec<String> {
    let text = |content: &Option<Vec<u8>>| String::from_utf8_lossy(content.as_deref().unwrap_or_default()).into_owned();
    world.page(channel).iter().map(|message| text(&message.content)).collect()
}

#[test]
fn the_number_of_another_channel_takes_nothing_out_of_the_outbox() {
    let mut world = World::new();
    world.connect();
    let sending = world.send(Channel::group("h"), "n1", "\"ours\"");
    // Another device of the same person, of which the application gives the same numbers.
    world.say(Packet::Recv(world.recv("bob", "n1", 5, 1, "\"theirs\"")));
    assert!(world.outcome(sending).is_none(), "it is another message");
    assert_eq!(contents(&mut world, group()), ["\"theirs\""]);
    assert!(world.shown().len() == 2, "both are shown as new");
    world.close_socket();
    world.pass(Millis::seconds(2));
    let client_seq = world.sends().last().expect("sent again").client_seq;
    world.ack(client_seq, 6, 1, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
    assert_eq!(contents(&mut world, Channel::group("h")), ["\"ours\""]);
}

#[test]
fn two_people_under_one_number_are_two_messages_and_take_nothing_out_of_a_third_ones_outbox() {
    let mut world = World::new();
    world.connect();
    let sending = world.send(group(), "n1", "\"ours\"");
    world.say(Packet::Recv(world.recv("alice", "n1", 5, 1, "\"hers\"")));
    world.say(Packet::Recv(world.recv("carol", "n1", 6, 2, "\"carols\"")));
    assert!(world.outcome(sending).is_none());
    world.ack(world.sends()[0].client_seq, 7, 3, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
    assert_eq!(contents(&mut world, group()), ["\"hers\"", "\"carols\"", "\"ours\""]);
}

#[test]
fn a_number_that_was_sent_before_is_shown_as_sent_in_the_end() {
    let mut world = World::new();
    world.connect();
    world.send(group(), "n1", "{}");
    world.ack(world.sends()[0].client_seq, 5, 9, 1);
    world.reload();
    world.connect();
    // An application that died before it learned what became of it, and asks for the same once more.
    let sending = world.send(group(), "n1", "{}");
    let client_seq = world.sends().last().expect("sent").client_seq;
    world.ack(client_seq, 6, 10, 1);
    let Some(Ok(Reply::Sent { message, .. })) = world.outcome(sending) else { panic!("not sent") };
    assert_eq!(message.message_seq.map(|seq| seq.0), Some(9), "the place of its first copy");
    assert_eq!(world.page(group()).len(), 1);
    let last = world.events.iter().rev().find_map(|event| match event {
        Event::Message { message, .. } | Event::MessageChanged { message } => Some(message),
        _ => None,
    });
    let last = last.expect("it was told of");
    assert_eq!((last.delivery, last.message_seq.map(|seq| seq.0)), (Delivery::Sent, Some(9)));
    let listing = world.call(Command::Outbox);
    assert_eq!(world.outcome(listing), Some(&Ok(Reply::Outbox { messages: Vec::new() })));
}

#[test]
fn a_number_that_was_sent_before_is_looked_up_and_not_sent_twice() {
    for stored in [true, false] {
        let mut world = World::with(|config| config.business = true);
        world.connect();
        world.send(group(), "n1", "{}");
        world.ack(world.sends()[0].client_seq, 5, 9, 1);
        let sending = world.send(group(), "n1", "{}");
        assert_eq!(world.sends().len(), 1);
        let found = if stored { vec![found("n1", 5, 9)] } else { Vec::new() };
        world.answer(|request| matches!(request, Request::Lookup(_)), Ok(Response::Found(found)));
        if !stored {
            // The server lost it.
            assert_eq!(world.sends().len(), 2);
            world.ack(world.sends()[1].client_seq, 6, 10, 1);
        }
        assert_eq!(world.sends().len(), if stored { 1 } else { 2 });
        assert_eq!(world.shown(), ["n1"], "as new it is told once");
        assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { unconfirmed: false, .. }))), "{stored}");
        assert_eq!(world.page(group()).iter().map(|message| message.delivery).collect::<Vec<_>>(), [Delivery::Sent]);
    }
}

#[test]
fn a_number_that_was_sent_before_is_known_where_the_row_of_its_channel_is_lost() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    world.send(group(), "n1", "{}");
    world.ack(world.sends()[0].client_seq, 5, 9, 1);
    let changes = vec![Change::Channel(ChannelRow::new(group()))];
    world.disk.apply(&Batch { epoch: Epoch(1), changes }).expect("stored");
    world.reload();
    world.send(group(), "n1", "{}");
    assert_eq!(world.shown(), ["n1"], "as new it is told once");
}

#[test]
fn a_number_whose_message_was_recalled_since_is_not_sent_nor_stored_again() {
    for restored in [false, true] {
        let mut world = online();
        world.send(group(), "n1", "\"secret\"");
        world.ack(world.sends()[0].client_seq, 5, 9, 1);
        let recalled = Mark { author: "bob".into(), ..mark(1, MarkState::Recalled, "n1", 5, 9) };
        revoke(&mut world, "alice", 21, "n1", 1);
        feed(&mut world, 1, vec![recalled.clone()]);
        if restored {
            revoke(&mut world, "alice", 22, "n1", 2);
            feed(&mut world, 2, vec![Mark { version: 2, state: MarkState::Restored, ..recalled }]);
        }
        world.reload();
        world.connect();
        world.hold_stores = true;
        world.events.clear();
        let sending = world.send(group(), "n1", "\"secret\"");
        let holds = |held: &(jindou::client::BatchId, Batch)| {
            held.1.changes.iter().any(|change| matches!(change, Change::Outbox(row) if !row.content.is_empty()))
        };
        assert_eq!(world.held.iter().any(holds), restored);
        world.let_stores_go();
        if !restored {
            let Some(Ok(Reply::Sent { message, .. })) = world.outcome(sending) else { panic!("not settled") };
            assert_eq!((message.content.as_ref(), &message.state), (None, &MessageState::Recalled));
            assert_eq!((world.disk.outbox().count(), world.sends().len()), (0, 1));
            assert!(world.shown().is_empty());
        }
    }
}

#[test]
fn a_recall_of_anothers_message_under_the_same_number_says_nothing_of_a_command() {
    // Alice's word about her own message, and the feed's about Mallory's of the same number.
    let of_mallory =
        Mark { author: "mallory".into(), operator: "mallory".into(), ..mark(1, MarkState::Recalled, "x", 12, 2) };
    let hints = |world: &World| match world.disk.answer(&Query::Channel(group())) {
        Answer::Channel { marks, .. } => marks.into_iter().filter(|mark| mark.hint).count(),
        other => panic!("not what was asked: {other:?}"),
    };
    for reloads in [false, true] {
        let mut world = online();
        revoke(&mut world, "alice", 70, "x", 2);
        let page = FedMark { mark: of_mallory.clone(), payload: None };
        let asks = |request: &Request| matches!(request, Request::Marks(_));
        let first = ChannelMarks { channel: group(), version: 2, more: true, marks: vec![page] };
        world.answer(asks, Ok(Response::Marks(vec![first])));
        assert_eq!(hints(&world), 1, "the feed has more to say");
        if reloads {
            world.reload();
            world.connect();
        }
        for (from, id, seq) in [("alice", 11, 1), ("mallory", 12, 2)] {
            let recv = world.recv(from, "x", id, seq, "{}");
            world.say(Packet::Recv(recv));
        }
        let states =
            |world: &mut World| -> Vec<_> { world.page(group()).into_iter().map(|message| message.state).collect() };
        assert_eq!(states(&mut world), [MessageState::Hidden, MessageState::Recalled]);
        feed(&mut world, 2, Vec::new());
        assert_eq!((states(&mut world), hints(&world)), (vec![MessageState::Normal, MessageState::Recalled], 0));
    }
}

#[test]
fn what_a_command_hid_beyond_the_message_that_it_was_about_is_shown_again() {
    let mut world = online();
    for (from, number, id, seq) in [("alice", "a1", 11, 1), ("mallory", "m1", 12, 2)] {
        let recv = world.recv(from, number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    let mut command = world.recv("mallory", "k", 70, 900, "");
    command.flags = Flags { sync_once: true, ..Flags::default() };
    command.payload =
        br#"{"type":99,"cmd":"messageRevoke","param":{"client_msg_no":"m1","message_id":"11","version":1}}"#.to_vec();
    world.seal(&mut command);
    world.say(Packet::Recv(command));
    feed(&mut world, 1, vec![mark(1, MarkState::Recalled, "a1", 11, 1)]);
    let states: Vec<_> = world.page(group()).into_iter().map(|message| message.state).collect();
    assert_eq!(states, [MessageState::Recalled, MessageState::Normal]);
}

#[test]
fn two_contents_under_one_number_are_the_same_message_on_every_device() {
    for turned in [false, true] {
        let mut world = World::new();
        world.connect();
        let mut copies = [(5, 9, "\"first\""), (6, 10, "\"second\"")];
        if turned {
            copies.reverse();
        }
        for (id, seq, content) in copies {
            world.say(Packet::Recv(world.recv("bob", "n1", id, seq, content)));
        }
        assert_eq!(contents(&mut world, group()), ["\"first\""], "turned: {turned}");
    }
}

#[test]
fn what_another_device_sent_under_our_number_is_what_is_shown() {
    let mut world = World::new();
    world.connect();
    let sending = world.send(group(), "n1", "\"second\"");
    world.ack(world.sends()[0].client_seq, 6, 10, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
    world.say(Packet::Recv(world.recv("bob", "n1", 5, 9, "\"first\"")));
    assert_eq!(contents(&mut world, group()), ["\"first\""]);
    world.reload();
    assert_eq!(contents(&mut world, group()), ["\"first\""]);
}

#[test]
fn a_message_that_the_server_calls_one_that_we_have_counts_as_sent() {
    let mut world = World::new();
    world.connect();
    // A server, or who stands in for one, that leaves the number out.
    let recv = world.recv("bob", "", 11, 1, "{}");
    world.say(Packet::Recv(recv));
    let sending = world.send(group(), "n1", "{}");
    world.pass(Millis(20));
    let client_seq = world.sends()[0].client_seq;
    world.ack(client_seq, 11, 1, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(_))), "{:?}", world.outcome(sending));
    assert_eq!(world.page(group()).len(), 1);
    assert_eq!(world.disk.outbox().count(), 0);
}
