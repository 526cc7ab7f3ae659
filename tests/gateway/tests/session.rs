//! CONNECT to close: what each generation answers, and what it leaves unsaid.

mod harness;

use harness::{START, World};
use jindou::id::ChannelType;
use jindou::wire::{Packet, ProtocolVersion, ReasonCode};
use jindou_gateway::{CloseHow, Config, Generation, HttpRequest, Input, Millis};
use serde_json::json;

const PERSON: ChannelType = ChannelType::PERSON;

fn world(generation: Generation) -> World {
    World::new(Config::new(generation))
}

fn with_tokens(generation: Generation) -> World {
    let mut world = World::new(Config { token_auth: true, ..Config::new(generation) });
    for (uid, flag, level) in [("alice", 1, 1), ("bob", 1, 0)] {
        world.post("/user/token", json!({ "uid": uid, "token": "t", "device_flag": flag, "device_level": level }));
    }
    world
}

#[test]
fn connack_names_the_lower_of_both_versions() {
    for (generation, expected) in [(Generation::V21, 4), (Generation::V22, 5), (Generation::V3, 6)] {
        let mut world = world(generation);
        let conn = world.connect("alice", "d");
        let connack = world.client(conn).connack().expect("CONNACK").clone();
        assert_eq!(connack.reason, ReasonCode::SUCCESS);
        assert_eq!(connack.server_version, Some(ProtocolVersion(expected)));
        assert_eq!(connack.salt.len(), 16);
        let old = world.connect_as("bob", "d", "", 1, 3);
        assert_eq!(world.client(old).connack().expect("CONNACK").server_version, None);
    }
}

#[test]
fn a_message_reaches_the_other_and_is_acknowledged() {
    for generation in [Generation::V21, Generation::V22, Generation::V3] {
        let mut world = world(generation);
        let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
        let ack = world.say(alice, "bob", PERSON, "m1", "hello").expect("SENDACK");
        assert_eq!((ack.reason, ack.message_seq.0), (ReasonCode::SUCCESS, 1));
        let recv = world.client(bob).recvs()[0].clone();
        assert_eq!((recv.from_uid.to_str(), recv.channel_id.to_str()), (Some("alice"), Some("alice")));
        assert_eq!(recv.message_id, ack.message_id);
        assert_eq!(recv.payload, b"hello");
        assert!(world.client(alice).recvs().is_empty());
        assert_eq!(ack.client_msg_no.is_some(), generation == Generation::V3);
    }
}

#[test]
fn ping_is_answered() {
    let mut world = world(Generation::V22);
    let alice = world.connect("alice", "a");
    world.send_packet(alice, &Packet::Ping);
    assert_eq!(world.client(alice).count(&Packet::Pong), 1);
}

#[test]
fn nothing_may_follow_connect_in_one_message() {
    let ends = [(Generation::V22, CloseHow::Cut), (Generation::V3, CloseHow::Frame(1000))];
    for (generation, how) in ends {
        let mut world = world(generation);
        let conn = world.open();
        let mut bytes = world.bytes_of(conn, &world.connect_packet(conn, "alice", "d", "", 1, 5));
        bytes.push(0x70);
        world.input(Input::Message(conn, bytes));
        assert_eq!(world.client(conn).closed, Some((START, how)));
        assert!(world.client(conn).connack().is_none());
    }
    let mut world = world(Generation::V21);
    let conn = world.open();
    let mut bytes = world.bytes_of(conn, &world.connect_packet(conn, "alice", "d", "", 1, 4));
    bytes.push(0x70);
    world.input(Input::Message(conn, bytes));
    assert!(world.client(conn).is_connected());
    assert_eq!(world.client(conn).count(&Packet::Pong), 0);
}

#[test]
fn a_wrong_token_is_met_with_silence_and_a_cut() {
    for (token, flag) in [("wrong", 1), ("", 1), ("t", 0)] {
        let mut world = with_tokens(Generation::V22);
        let conn = world.connect_as("alice", "d", token, flag, 5);
        assert!(world.client(conn).packets.is_empty());
        let (at, how) = world.wait_until_closed(conn, 10_000).expect("closed");
        assert_eq!((at.since(START), how), (Millis(6000), CloseHow::Cut));
    }
    let mut world = with_tokens(Generation::V22);
    let conn = world.connect_as("alice", "d", "t", 1, 5);
    assert!(world.client(conn).is_connected());
}

#[test]
fn a_socket_without_connect_ends_after_three_seconds() {
    let mut world = world(Generation::V22);
    let conn = world.open();
    let (at, _) = world.wait_until_closed(conn, 10_000).expect("closed");
    assert_eq!(at.since(START), Millis(3000));
}

#[test]
fn a_silent_connection_ends_after_its_limit_and_a_talking_one_does_not() {
    let mut world = world(Generation::V22);
    let silent = world.connect("alice", "a");
    let talking = world.connect("bob", "b");
    for _ in 0..6 {
        world.wait(60_000);
        world.send_packet(talking, &Packet::Ping);
    }
    assert_eq!(world.client(silent).closed, Some((START + Millis(270_000), CloseHow::Cut)));
    assert_eq!(world.client(talking).closed, None);
}

#[test]
fn uids_with_marks_and_empty_ones_are_cut_off() {
    for uid in ["a@b", "a#b", "a&b", "", " "] {
        let mut world = world(Generation::V22);
        let conn = world.connect(uid, "d");
        assert_eq!(world.client(conn).closed, Some((START, CloseHow::Cut)), "{uid:?}");
    }
}

#[test]
fn a_kicked_connection_of_2_2_stays_open_and_deaf_while_its_messages_count() {
    let mut world = with_tokens(Generation::V22);
    let bob = world.connect_as("bob", "b", "t", 1, 5);
    let old = world.connect_as("alice", "one", "t", 1, 5);
    let new = world.connect_as("alice", "two", "t", 1, 5);
    let Some(Packet::Disconnect(kick)) = world.client(old).packets.last().cloned() else { panic!("no DISCONNECT") };
    assert_eq!((kick.reason, kick.reason_text.to_str()), (ReasonCode::CONNECT_KICK, Some("login in other device")));
    world.wait(2000);
    let seen = world.client(old).packets.len();
    world.send_packet(old, &Packet::Ping);
    assert_eq!(world.say(old, "bob", PERSON, "zombie", "still here"), None);
    world.say(bob, "alice", PERSON, "answer", "who?").expect("SENDACK");
    assert_eq!(world.client(old).packets.len(), seen);
    assert_eq!(world.client(old).closed, None);
    assert_eq!(world.client(bob).texts(), ["still here"]);
    assert_eq!(world.client(new).texts(), ["still here", "who?"]);
    let online = world.post("/user/onlinestatus", json!(["alice"]));
    assert_eq!(online, json!([{ "uid": "alice", "device_flag": 1, "online": 1 }]));
}

#[test]
fn a_kicked_connection_of_2_1_ends_and_one_of_3_ends_at_once() {
    let mut world = with_tokens(Generation::V21);
    let old = world.connect_as("alice", "one", "t", 1, 5);
    world.connect_as("alice", "two", "t", 1, 5);
    assert_eq!(world.wait_until_closed(old, 5000), Some((START + Millis(2000), CloseHow::Cut)));

    let mut world = self::world(Generation::V3);
    let old = world.connect("alice", "one");
    world.connect("alice", "two");
    assert_eq!(world.client(old).closed, None);
    world.connect("alice", "one");
    assert_eq!(world.client(old).closed, Some((START, CloseHow::Frame(1000))));
}

#[test]
fn slaves_with_different_devices_live_side_by_side() {
    let mut world = world(Generation::V22);
    let (one, two) = (world.connect("alice", "one"), world.connect("alice", "two"));
    world.wait(3000);
    for conn in [one, two] {
        world.send_packet(conn, &Packet::Ping);
        assert_eq!(world.client(conn).count(&Packet::Pong), 1);
    }
}

#[test]
fn quitting_a_device_voids_its_token() {
    let mut world = with_tokens(Generation::V21);
    let conn = world.connect_as("alice", "d", "t", 1, 5);
    world.post("/user/device_quit", json!({ "uid": "alice", "device_flag": -1 }));
    assert_eq!(world.wait_until_closed(conn, 5000), Some((START + Millis(2000), CloseHow::Cut)));
    let again = world.connect_as("alice", "d", "t", 1, 5);
    assert!(!world.client(again).is_connected());
}

#[test]
fn separate_messages_in_a_burst_make_2_2_deaf_and_one_message_does_not() {
    let mut world = World::new(Config { deaf_after_burst: Some(32 * 1024), ..Config::new(Generation::V22) });
    let alice = world.connect("alice", "a");
    world.wait(1);
    let text = "x".repeat(20_000);
    let (first, second) =
        (world.message(alice, "bob", PERSON, "m1", &text), world.message(alice, "bob", PERSON, "m2", &text));
    let glued = [world.bytes_of(alice, &first), world.bytes_of(alice, &second)].concat();
    world.input(Input::Message(alice, glued));
    world.wait(1);
    world.send_packet(alice, &Packet::Ping);
    assert_eq!(world.client(alice).count(&Packet::Pong), 1);
    world.wait(1);
    for name in ["m3", "m4"] {
        let packet = world.message(alice, "bob", PERSON, name, &text);
        world.send_packet(alice, &packet);
    }
    world.wait(10);
    world.send_packet(alice, &Packet::Ping);
    assert_eq!(world.client(alice).count(&Packet::Pong), 1);
    assert_eq!(world.client(alice).closed, None);
}

#[test]
fn version_3_loses_a_send_in_a_burst_and_acknowledges_its_neighbour_twice() {
    let mut world = World::new(Config { lost_in_burst: 1000, ..Config::new(Generation::V3) });
    let alice = world.connect("alice", "a");
    for name in ["m1", "m2"] {
        let packet = world.message(alice, "bob", PERSON, name, name);
        world.send_packet(alice, &packet);
    }
    world.wait(5);
    let acks: Vec<_> = world
        .client(alice)
        .packets
        .iter()
        .filter_map(|packet| match packet {
            Packet::Sendack(ack) => Some((ack.client_seq.0, ack.message_id)),
            _ => None,
        })
        .collect();
    assert_eq!(acks.len(), 2);
    assert_eq!(acks[0], acks[1]);
    assert_eq!(acks[0].0, 2);
}

#[test]
fn a_manager_token_is_asked_for_before_anything_else() {
    let mut world = World::new(Config { manager_token: Some("m".into()), ..Config::new(Generation::V22) });
    assert_eq!(world.call(HttpRequest::get("/route", &[])).0, 401);
    let mut preflight = HttpRequest::get("/message/send", &[]);
    preflight.method = "OPTIONS".into();
    assert_eq!(world.call(preflight).0, 401);
    let mut request = HttpRequest::get("/route", &[]);
    request.headers.insert("token".into(), "m".into());
    assert_eq!(world.call(request).0, 200);
}

#[test]
fn a_clock_that_fires_late_cuts_no_limit_short() {
    for generation in [Generation::V21, Generation::V22] {
        let mut world = with_tokens(generation);
        let refused = world.connect_as("alice", "d", "wrong", 1, 6);
        let silent = world.open();
        for second in 0..=6 {
            world.now = START + Millis(second * 1_000 + 3);
            world.input(Input::Timeout);
        }
        let ended = |conn| world.client(conn).closed.map(|(at, _)| at.since(START).0);
        assert_eq!((ended(refused), ended(silent)), (Some(6_003), Some(3_003)), "{generation:?}");
    }
}

#[test]
fn who_may_send_nothing_is_refused_before_all_else_on_version_3() {
    let mut world = world(Generation::V3);
    let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
    world.post("/channel/info", json!({ "channel_id": "alice", "channel_type": 1, "send_ban": 1 }));
    for (to, kind, text) in [("bob", PERSON, "hello"), ("nowhere", ChannelType::GROUP, "hello"), ("bob", PERSON, "")] {
        let ack = world.say(alice, to, kind, "m1", text).expect("SENDACK");
        assert_eq!((ack.reason, ack.message_id.0, ack.message_seq.0), (ReasonCode::SEND_BAN, 0, 0));
    }
    assert!(world.client(bob).recvs().is_empty());
    let sent = world.post(
        "/message/send",
        json!({ "from_uid": "alice", "channel_id": "bob", "channel_type": 1, "client_msg_no": "m2", "payload": "e30=" }),
    );
    assert_eq!(sent, json!({ "message_id": 0, "message_seq": 0, "reason": 25 }));
}

#[test]
fn a_disbanded_group_stays_so_on_version_3_alone() {
    for (generation, expected) in [(Generation::V3, ReasonCode::DISBAND), (Generation::V22, ReasonCode::SUCCESS)] {
        let mut world = world(generation);
        let alice = world.connect("alice", "a");
        for disband in [1, 0] {
            let group = json!({ "channel_id": "g", "channel_type": 2, "subscribers": ["alice"], "disband": disband });
            world.post("/channel", group);
        }
        world.post("/channel/info", json!({ "channel_id": "g", "channel_type": 2, "disband": 0 }));
        let ack = world.say(alice, "g", ChannelType::GROUP, "m1", "hello").expect("SENDACK");
        assert_eq!(ack.reason, expected, "{generation:?}");
    }
}
