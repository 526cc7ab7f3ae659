//! Many messages at once.

use jindou::channel::Channel;
use jindou::client::{Command, Reply};
use jindou::time::Millis;
use jindou::wire::{self, Flags, Packet, Text};

use crate::world::World;

#[test]
fn two_thousand_messages_at_once_leave_in_order_and_all_of_them_are_settled() {
    let mut world = World::new();
    world.connect();
    let mut tickets = Vec::new();
    for number in 0..2_000 {
        let channel = if number % 3 == 0 { Channel::person("alice") } else { Channel::group("g") };
        tickets.push(world.send(channel, &format!("n{number}"), "{\"type\":1,\"content\":\"x\"}"));
    }
    let mut acked = 0;
    let mut seqs = [0u64; 2];
    let mut numbers = Vec::new();
    while acked < 2_000 {
        let sends: Vec<_> = world
            .sends()
            .iter()
            .skip(acked)
            .map(|send| (send.client_seq, send.channel_type.0, send.client_msg_no.to_string_lossy().into_owned()))
            .collect();
        assert!(sends.len() <= 32, "a window");
        if sends.is_empty() {
            world.pass(Millis(20));
        }
        for (client_seq, kind, number) in sends {
            acked += 1;
            let at = usize::from(kind == 2);
            seqs[at] += 1;
            numbers.push((kind, number));
            world.ack(client_seq, acked as i64, seqs[at], 1);
        }
    }
    for ticket in &tickets {
        assert!(matches!(world.outcome(*ticket), Some(Ok(Reply::Sent { unconfirmed: false, .. }))));
    }
    let in_order = |kind: u8| {
        let of: Vec<u32> = numbers
            .iter()
            .filter(|(of, _)| *of == kind)
            .map(|(_, number)| number[1..].parse().expect("a number"))
            .collect();
        of.windows(2).all(|two| two[0] < two[1])
    };
    assert!(in_order(1) && in_order(2));
}

type Make<'a> = dyn Fn(&World, i64, String) -> Packet + 'a;

/// Whether the client gives up the connection when 18 MB of these come while the disk is busy.
fn flood(world: &mut World, packet: &Make<'_>) -> bool {
    // In a debug build ciphers are slow.
    world.plain = true;
    world.connect();
    world.hold_stores = true;
    let first = world.recv("alice", "a", 1, 1, "{}");
    world.say(Packet::Recv(first));
    for number in 2..92 {
        let packet = packet(world, number, "x".repeat(200_000));
        world.say(packet);
        if !world.closed.is_empty() {
            return true;
        }
    }
    false
}

#[test]
fn whatever_comes_faster_than_it_can_be_stored_is_stopped() {
    let recv = |world: &World, number: i64, content: String, flags: Flags| {
        let seq = if flags == Flags::default() { number as u64 } else { 0 };
        let mut recv = world.recv("alice", &format!("a{number}"), number, seq, "");
        (recv.flags, recv.payload) = (flags, content.into_bytes());
        world.seal(&mut recv);
        Packet::Recv(recv)
    };
    let passing = Flags { no_persist: true, ..Flags::default() };
    let command = Flags { sync_once: true, ..Flags::default() };
    let quote = |content: String| {
        format!("{{\"type\":1,\"content\":\"{content}\",\"reply\":{{\"message_id\":\"7\",\"payload\":{{}}}}}}")
    };
    let stream = |number: i64, content: String| {
        let data = content.into_bytes();
        Packet::Event(wire::Event {
            flags: Flags::default(),
            id: Text::from("e"),
            kind: Text::from("k"),
            timestamp: number,
            data,
        })
    };
    let floods: [(&str, &Make<'_>); 5] = [
        ("messages", &|world, number, content| recv(world, number, content, Flags::default())),
        ("messages that nobody keeps", &|world, number, content| recv(world, number, content, passing)),
        ("such that quote", &|world, number, content| recv(world, number, quote(content), passing)),
        ("commands", &|world, number, content| recv(world, number, content, command)),
        ("pieces of streams", &|_, number, content| stream(number, content)),
    ];
    for (name, packet) in floods {
        assert!(flood(&mut World::new(), packet), "18 MB of {name}");
    }
}

#[test]
fn what_was_dropped_on_its_way_to_a_server_that_never_answers_is_not_kept_without_end() {
    let mut world = World::new();
    world.connect();
    for number in 0..1_000 {
        let number = format!("n{number}");
        world.send(Channel::group("g"), &number, "{}");
        world.pass(Millis(20));
        world.call(Command::Discard(number.as_str().into()));
    }
    let client_seqs: Vec<_> = world.sends().iter().map(|send| send.client_seq).collect();
    assert_eq!(client_seqs.len(), 1_000);
    world.events.clear();
    for (seq, client_seq) in (1..).zip(client_seqs) {
        world.ack(client_seq, seq, seq as u64, 1);
    }
    // What it took all the same is shown again, as long as somebody knows what it was.
    let shown = world.shown();
    assert_eq!((shown.len(), shown.last().map(String::as_str)), (32, Some("n999")));
}
