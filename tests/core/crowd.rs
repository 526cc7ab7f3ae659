//! Many messages at once.

use jindou::channel::Channel;
use jindou::client::Reply;
use jindou::time::Millis;

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
