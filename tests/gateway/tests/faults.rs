//! The script of faults: what each does, to whom, how often.

mod harness;

use harness::World;
use jindou::id::ChannelType;
use jindou::wire::Packet;
use jindou_gateway::{
    Action, Channel, CloseHow, Config, Direction, Fault, Generation, HttpRequest, Millis, Target, Uid,
};
use serde_json::json;

const PERSON: ChannelType = ChannelType::PERSON;

fn world() -> World {
    World::new(Config::new(Generation::V22))
}

fn packet(name: &str) -> Target {
    Target { packet: Some(name.to_owned()), ..Target::default() }
}

/// Alice says three things to Bob under this fault; what does Bob hear, and how many SENDACKs does she get?
fn heard(fault: Fault) -> (Vec<String>, usize) {
    let mut world = world();
    let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
    world.gateway.add_fault(fault);
    let acks = ["1", "2", "3"].into_iter().filter(|name| world.say(alice, "bob", PERSON, name, name).is_some()).count();
    world.wait(20_000);
    (world.client(bob).texts(), acks)
}

#[test]
fn a_dropped_recv_is_not_heard_and_a_dropped_sendack_not_told() {
    assert_eq!(heard(Fault::once(packet("RECV"), Action::Drop)), (vec!["2".into(), "3".into()], 3));
    let second = Fault { skip: 1, ..Fault::once(packet("SENDACK"), Action::Drop) };
    assert_eq!(heard(second).1, 2);
    assert_eq!(heard(Fault::once(packet("SEND"), Action::Drop)), (vec!["2".into(), "3".into()], 2));
}

#[test]
fn a_delayed_recv_is_overtaken() {
    assert_eq!(heard(Fault::once(packet("RECV"), Action::Delay { ms: 5000 })).0, ["2", "3", "1"]);
}

#[test]
fn neighbours_change_places() {
    assert_eq!(heard(Fault::once(packet("RECV"), Action::Reorder { ms: 1000 })).0, ["2", "1", "3"]);
    // With nobody to change places with it comes alone.
    let last = Fault { skip: 2, ..Fault::once(packet("RECV"), Action::Reorder { ms: 1000 }) };
    assert_eq!(heard(last).0, ["1", "2", "3"]);
}

#[test]
fn a_duplicated_recv_is_heard_twice() {
    assert_eq!(heard(Fault::once(packet("RECV"), Action::Duplicate)).0, ["1", "1", "2", "3"]);
}

#[test]
fn split_and_glued_messages_say_the_same() {
    for action in [Action::Split { at: 3 }, Action::Glue { ms: 1000 }] {
        let mut world = world();
        let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
        let before = world.client(bob).messages.len();
        let glued = matches!(action, Action::Glue { .. });
        world.gateway.add_fault(Fault::once(packet("RECV"), action));
        for name in ["1", "2"] {
            world.say(alice, "bob", PERSON, name, name).expect("SENDACK");
        }
        assert_eq!(world.client(bob).texts(), ["1", "2"]);
        assert_eq!(world.client(bob).messages.len() - before, if glued { 1 } else { 3 });
    }
}

#[test]
fn a_forgotten_ack_leaves_the_message_stored_or_not() {
    for (stored, count) in [(true, 3), (false, 2)] {
        let (texts, acks) = heard(Fault::once(Target::default(), Action::ForgetAck { stored }));
        assert_eq!((texts.len(), acks), (count, 2));
    }
}

#[test]
fn one_connection_is_cut_and_the_other_not() {
    let mut world = world();
    let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
    let on = Target { uid: Some(Uid::from("alice")), direction: Some(Direction::In), ..Target::default() };
    world.gateway.add_fault(Fault::once(on, Action::Close));
    world.send_packet(bob, &Packet::Ping);
    world.send_packet(alice, &Packet::Ping);
    let now = world.now;
    assert_eq!(world.client(alice).closed, Some((now, CloseHow::Cut)));
    assert_eq!(world.client(bob).count(&Packet::Pong), 1);
}

#[test]
fn a_stalled_connection_goes_on_in_order() {
    let mut world = world();
    let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
    let on = Target { connection: Some(bob), ..Target::default() };
    world.gateway.add_fault(Fault::once(on, Action::Stall { ms: 3000 }));
    for name in ["1", "2"] {
        world.say(alice, "bob", PERSON, name, name).expect("SENDACK");
    }
    world.send_packet(bob, &Packet::Ping);
    assert!(world.client(bob).texts().is_empty());
    world.wait(3000);
    assert_eq!(world.client(bob).texts(), ["1", "2"]);
    assert_eq!(world.client(bob).count(&Packet::Pong), 1);
    world.say(alice, "bob", PERSON, "3", "3").expect("SENDACK");
    assert_eq!(world.client(bob).texts().len(), 3);
}

#[test]
fn spoiled_and_replaced_bytes_differ_from_the_true_ones() {
    let mut world = world();
    let alice = world.connect("alice", "a");
    world.gateway.add_fault(Fault::once(packet("PONG"), Action::Replace { hex: "00ff".into() }));
    world.send_packet(alice, &Packet::Ping);
    assert_eq!(world.client(alice).messages.last(), Some(&vec![0x00, 0xff]));
    world.gateway.add_fault(Fault::once(packet("PONG"), Action::Corrupt { bytes: 1 }));
    world.send_packet(alice, &Packet::Ping);
    let last = world.client(alice).messages.last().expect("bytes");
    assert!(last.len() == 1 && last[0] != 0x80);
}

#[test]
fn a_chance_hits_some_and_the_same_ones_again() {
    let hits = |chance: u16| {
        let mut world = world();
        let alice = world.connect("alice", "a");
        world.gateway.add_fault(Fault { chance, ..Fault::new(packet("PONG"), Action::Drop) });
        for _ in 0..200 {
            world.send_packet(alice, &Packet::Ping);
        }
        200 - world.client(alice).count(&Packet::Pong)
    };
    assert_eq!((hits(0), hits(1000)), (0, 200));
    assert!((20..100).contains(&hits(300)));
    assert_eq!(hits(300), hits(300));
}

#[test]
fn calls_fail_wait_and_hang() {
    let mut world = world();
    let on = |path: &str| Target { path: Some(path.to_owned()), ..Target::default() };
    let no = || (503, "no".to_owned());
    let (status, body) = no();
    world.gateway.add_fault(Fault::once(on("/message/send"), Action::Answer { status, body }));
    let (status, body) = no();
    world.gateway.add_fault(Fault::once(on("/message/send"), Action::AnswerAfter { status, body }));
    world.gateway.add_fault(Fault::once(on("/route"), Action::Delay { ms: 2000 }));
    world.gateway.add_fault(Fault::once(on("/route"), Action::Hang));
    let send = |name: &str| {
        let body =
            json!({ "from_uid": "a", "channel_id": "b", "channel_type": 1, "payload": "e30=", "client_msg_no": name });
        HttpRequest::post("/message/send", &body)
    };
    assert_eq!(world.call(send("m1")).0, 503);
    assert!(world.gateway.messages(&Channel::between("a", "b")).is_empty());
    assert_eq!(world.call(send("m2")).0, 503);
    assert_eq!(world.gateway.messages(&Channel::between("a", "b")).len(), 1);
    let late = world.ask(HttpRequest::get("/route", &[]));
    let never = world.ask(HttpRequest::get("/route", &[]));
    assert!(world.answer(late).is_none());
    world.wait(2000);
    assert!(world.answer(late).is_some());
    world.wait(1_000_000);
    assert!(world.answer(never).is_none());
}

#[test]
fn faults_are_json_and_end_when_they_are_cleared() {
    let text = r#"{"on":{"uid":"alice","direction":"out","packet":"RECV"},"do":{"delay":{"ms":500}},"skip":1,"count":2,"chance":900}"#;
    let fault: Fault = serde_json::from_str(text).expect("a fault");
    assert_eq!(fault.action, Action::Delay { ms: 500 });
    let written = serde_json::to_value(&fault).expect("JSON");
    assert_eq!(written, serde_json::from_str::<serde_json::Value>(text).expect("JSON"));
    assert!(serde_json::from_str::<Fault>(r#"{"do":"drop","unknown":1}"#).is_err());

    let mut world = world();
    let alice = world.connect("alice", "a");
    world.gateway.add_fault(Fault::new(packet("PONG"), Action::Drop));
    world.send_packet(alice, &Packet::Ping);
    assert_eq!(world.gateway.faults().map(|(_, acted)| acted).collect::<Vec<_>>(), [1]);
    world.gateway.clear_faults();
    world.send_packet(alice, &Packet::Ping);
    assert_eq!(world.client(alice).count(&Packet::Pong), 1);
    assert!(world.now > Millis(0));
}
