//! What becomes of a message: resends, retries, commands, conversations, restarts.

mod harness;

use harness::{START, World};
use jindou::id::ChannelType;
use jindou::wire::{Flags, Packet, ReasonCode, Recvack};
use jindou_gateway::{Channel, Config, Gateway, Generation, HttpRequest, Input, Millis, Trace};
use serde_json::{Value, json};

const PERSON: ChannelType = ChannelType::PERSON;
const MINUTE: u64 = 60_000;

fn world(generation: Generation) -> World {
    World::new(Config::new(generation))
}

fn command(world: &mut World, from: &str, to: &str, name: &str) {
    world.post(
        "/message/send",
        json!({ "header": { "sync_once": 1 }, "from_uid": from, "channel_id": to, "channel_type": 1,
            "client_msg_no": name, "payload": "e30=" }),
    );
}

fn synced(world: &mut World, uid: &str, limit: u32) -> Vec<String> {
    let found = world.post("/message/sync", json!({ "uid": uid, "limit": limit }));
    let names = found.as_array().expect("commands").iter().map(|message| message["client_msg_no"].as_str());
    names.map(|name| name.expect("a name").to_owned()).collect()
}

fn sync_ack(world: &mut World, uid: &str) {
    world.post("/message/syncack", json!({ "uid": uid, "last_message_seq": 1 }));
}

fn conversations(world: &mut World, uid: &str) -> Vec<Value> {
    let body = json!({ "uid": uid, "version": 0, "last_msg_seqs": "", "msg_count": 5 });
    world.post("/conversation/sync", body).as_array().expect("conversations").clone()
}

#[test]
fn a_resend_is_stored_twice_by_2_and_once_by_3() {
    for (generation, copies) in [(Generation::V21, 2), (Generation::V22, 2), (Generation::V3, 1)] {
        let mut world = world(generation);
        let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
        let first = world.say(alice, "bob", PERSON, "m1", "hello").expect("SENDACK");
        let again = world.connect("alice", "a");
        let second = world.say(again, "bob", PERSON, "m1", "hello").expect("SENDACK");
        assert_eq!(second.reason, ReasonCode::SUCCESS);
        assert_eq!(second.message_id == first.message_id, copies == 1);
        assert_eq!(world.gateway.messages(&Channel::between("alice", "bob")).len(), copies);
        assert_eq!(world.client(bob).recvs().len(), copies);
    }
}

#[test]
fn version_3_refuses_the_same_name_for_other_words_and_never_the_empty_name() {
    let mut world = world(Generation::V3);
    let alice = world.connect("alice", "a");
    world.say(alice, "bob", PERSON, "m1", "one").expect("SENDACK");
    let conflict = world.say(alice, "bob", PERSON, "m1", "two").expect("SENDACK");
    assert_eq!((conflict.reason, conflict.message_id.0), (ReasonCode::SYSTEM_ERROR, 0));
    for place in [2, 3] {
        assert_eq!(world.say(alice, "bob", PERSON, "", "same").expect("SENDACK").message_seq.0, place);
    }
}

#[test]
fn a_recv_without_recvack_comes_five_times_more_unchanged_and_only_to_its_connection() {
    let mut world = world(Generation::V22);
    let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
    world.say(alice, "bob", PERSON, "m1", "hello").expect("SENDACK");
    let other = world.connect("bob", "b2");
    for _ in 0..12 {
        world.wait(MINUTE);
        for conn in [alice, bob, other] {
            world.send_packet(conn, &Packet::Ping);
        }
    }
    let recvs = world.client(bob).recvs();
    assert_eq!(recvs.len(), 6);
    assert!(recvs.iter().all(|recv| recv == &recvs[0]));
    assert!(world.client(other).recvs().is_empty());
}

#[test]
fn a_recvack_ends_the_resends_unless_it_says_no_persist() {
    let quiet = |flags: Flags| {
        let mut world = self::world(Generation::V22);
        let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
        world.say(alice, "bob", PERSON, "m1", "hello").expect("SENDACK");
        let recv = world.client(bob).recvs()[0].clone();
        let ack = Recvack { flags, message_id: recv.message_id, message_seq: recv.message_seq };
        world.send_packet(bob, &Packet::Recvack(ack));
        world.wait(150_000);
        world.client(bob).recvs().len() == 1
    };
    assert!(quiet(Flags { red_dot: true, ..Flags::default() }));
    assert!(quiet(Flags::default()));
    assert!(!quiet(Flags { no_persist: true, ..Flags::default() }));
}

#[test]
fn version_3_sends_nothing_again() {
    let mut world = world(Generation::V3);
    let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
    world.say(alice, "bob", PERSON, "m1", "hello").expect("SENDACK");
    world.wait(170_000);
    assert_eq!(world.client(bob).recvs().len(), 1);
}

#[test]
fn commands_come_again_until_their_log_is_written_whatever_is_acknowledged() {
    let mut world = world(Generation::V22);
    for name in ["c1", "c2"] {
        command(&mut world, "alice", "bob", name);
    }
    for _ in 0..3 {
        assert_eq!(synced(&mut world, "bob", 0), ["c1", "c2"]);
        sync_ack(&mut world, "bob");
    }
    world.wait(MINUTE);
    assert_eq!(synced(&mut world, "bob", 0), ["c1", "c2"]);
    sync_ack(&mut world, "bob");
    assert!(synced(&mut world, "bob", 0).is_empty());
    command(&mut world, "alice", "bob", "c3");
    assert_eq!(synced(&mut world, "bob", 0), ["c3"]);
    // An ack without a sync before it moves nothing.
    let mut other = self::world(Generation::V22);
    command(&mut other, "alice", "bob", "c1");
    other.wait(MINUTE);
    sync_ack(&mut other, "bob");
    assert_eq!(synced(&mut other, "bob", 0), ["c1"]);
}

#[test]
fn only_the_recvack_of_a_master_moves_the_commands() {
    for (level, left) in [(1, 0), (0, 1)] {
        let mut world = World::new(Config { token_auth: true, ..Config::new(Generation::V22) });
        world.post("/user/token", json!({ "uid": "bob", "token": "t", "device_flag": 1, "device_level": level }));
        command(&mut world, "alice", "bob", "before");
        world.wait(MINUTE);
        synced(&mut world, "bob", 0);
        sync_ack(&mut world, "bob");
        let bob = world.connect_as("bob", "b", "t", 1, 5);
        command(&mut world, "alice", "bob", "c1");
        let recv = world.client(bob).recvs()[0].clone();
        assert!(recv.flags.sync_once);
        assert_eq!(recv.message_seq.0, 2);
        world.ack(bob, &recv);
        assert_eq!(synced(&mut world, "bob", 0).len(), left);
    }
}

#[test]
fn a_limit_that_is_hit_loses_the_commands_of_a_later_log() {
    let mut world = world(Generation::V22);
    for name in ["a1", "a2", "a3"] {
        command(&mut world, "anna", "bob", name);
    }
    for name in ["z1", "z2", "z3"] {
        command(&mut world, "zoe", "bob", name);
    }
    world.wait(MINUTE);
    assert_eq!(synced(&mut world, "bob", 3).len(), 3);
    sync_ack(&mut world, "bob");
    assert!(synced(&mut world, "bob", 100).is_empty());
}

#[test]
fn version_2_1_forgets_quiet_logs_and_brings_everything_back() {
    let mut world = world(Generation::V21);
    command(&mut world, "alice", "bob", "c1");
    world.wait(MINUTE);
    synced(&mut world, "bob", 0);
    sync_ack(&mut world, "bob");
    assert!(synced(&mut world, "bob", 0).is_empty());
    command(&mut world, "alice", "bob", "c2");
    assert_eq!(synced(&mut world, "bob", 0), ["c1", "c2"]);
}

#[test]
fn commands_of_the_api_have_places_of_their_own() {
    let mut world = world(Generation::V22);
    let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
    world.say(alice, "bob", PERSON, "m1", "hello").expect("SENDACK");
    command(&mut world, "alice", "bob", "c1");
    assert_eq!(world.say(alice, "bob", PERSON, "m2", "again").expect("SENDACK").message_seq.0, 2);
    let places: Vec<u64> = world.client(bob).recvs().iter().map(|recv| recv.message_seq.0).collect();
    assert_eq!(places, [1, 1, 2]);
    assert_eq!(world.gateway.messages(&Channel::between("alice", "bob")).len(), 2);
}

#[test]
fn who_may_not_write_to_strangers_finds_no_conversation() {
    let closed = |list: &[(&str, &str)]| {
        let mut world = World::new(Config { strangers_may_write: false, ..Config::new(Generation::V22) });
        for (owner, guest) in list {
            let body = json!({ "channel_id": owner, "channel_type": 1, "uids": [guest] });
            world.post("/channel/whitelist_add", body);
        }
        let alice = world.connect("alice", "a");
        let ack = world.say(alice, "bob", PERSON, "m1", "hello").expect("SENDACK");
        (ack.reason, conversations(&mut world, "bob").len())
    };
    assert_eq!(closed(&[]), (ReasonCode::NOT_IN_WHITELIST, 0));
    assert_eq!(closed(&[("bob", "alice")]), (ReasonCode::SUCCESS, 0));
    assert_eq!(closed(&[("bob", "alice"), ("alice", "bob")]), (ReasonCode::SUCCESS, 1));
}

/// Another life of the server, with the rows that the first one wrote.
fn reborn(world: &World) -> World {
    let mut next = World::with_entropy(Config::new(Generation::V22), [8; 32]);
    next.now = world.now;
    let rows = world.rows.iter().map(|row| {
        let text = serde_json::to_string(row).expect("a row is JSON");
        serde_json::from_str(&text).expect("and comes back")
    });
    rows.for_each(|row| next.gateway.restore(row));
    next
}

#[test]
fn a_killed_server_keeps_messages_and_forgets_conversations_of_its_last_minute() {
    let mut world = world(Generation::V22);
    world.post("/channel", json!({ "channel_id": "g", "channel_type": 2, "subscribers": ["alice", "bob"] }));
    let alice = world.connect("alice", "a");
    world.say(alice, "bob", PERSON, "m1", "hello").expect("SENDACK");
    world.say(alice, "g", ChannelType::GROUP, "m2", "all").expect("SENDACK");
    let last = world.gateway.messages(&Channel::between("alice", "bob")).to_vec();
    let mut killed = reborn(&world);
    assert_eq!(killed.gateway.messages(&Channel::between("alice", "bob")), last);
    assert_eq!(conversations(&mut killed, "bob").len(), 1);
    world.wait(MINUTE);
    assert_eq!(conversations(&mut reborn(&world), "bob").len(), 2);

    let mut stopped = self::world(Generation::V22);
    let alice = stopped.connect("alice", "a");
    stopped.say(alice, "bob", PERSON, "m1", "hello").expect("SENDACK");
    stopped.input(Input::Stopping);
    assert!(stopped.client(alice).closed.is_some());
    assert_eq!(conversations(&mut reborn(&stopped), "bob").len(), 1);
}

#[test]
fn a_reborn_server_answers_as_before() {
    let mut world = world(Generation::V22);
    world.post("/user/token", json!({ "uid": "alice", "token": "t", "device_flag": 1, "device_level": 1 }));
    world.post("/user/systemuids_add", json!({ "uids": ["robot"] }));
    world.post("/channel", json!({ "channel_id": "g", "channel_type": 2, "subscribers": ["alice", "bob", "carol"] }));
    world.post("/channel/subscriber_remove", json!({ "channel_id": "g", "channel_type": 2, "subscribers": ["carol"] }));
    world.post("/channel/blacklist_add", json!({ "channel_id": "g", "channel_type": 2, "uids": ["bob"] }));
    let alice = world.connect("alice", "a");
    for number in 0..5 {
        world.say(alice, "bob", PERSON, &format!("m{number}"), "words").expect("SENDACK");
        world.say(alice, "g", ChannelType::GROUP, &format!("g{number}"), "words").expect("SENDACK");
    }
    command(&mut world, "alice", "bob", "c1");
    world.wait(MINUTE);
    world.post("/conversations/clearUnread", json!({ "uid": "bob", "channel_id": "alice", "channel_type": 1 }));
    world.post("/conversations/delete", json!({ "uid": "alice", "channel_id": "g", "channel_type": 2 }));
    let mut next = reborn(&world);
    let questions = [
        HttpRequest::post("/conversation/sync", &json!({ "uid": "bob", "msg_count": 9, "last_msg_seqs": "" })),
        HttpRequest::post("/conversation/sync", &json!({ "uid": "alice", "msg_count": 9, "last_msg_seqs": "" })),
        HttpRequest::post("/message/sync", &json!({ "uid": "bob" })),
        HttpRequest::post(
            "/channel/messagesync",
            &json!({ "login_uid": "x", "channel_id": "g", "channel_type": 2, "limit": 9 }),
        ),
        HttpRequest::get("/user/systemuids", &[]),
    ];
    for question in questions {
        assert_eq!(world.call(question.clone()), next.call(question));
    }
    let bob = next.connect("bob", "b");
    let refused = next.say(bob, "g", ChannelType::GROUP, "x", "words").expect("SENDACK");
    assert_eq!(refused.reason, ReasonCode::IN_BLACKLIST);
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let play = |entropy: [u8; 32]| {
        let mut world = World::with_entropy(Config::new(Generation::V22), entropy);
        let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
        world.say(alice, "bob", PERSON, "m1", "hello").expect("SENDACK");
        command(&mut world, "alice", "bob", "c1");
        world.wait(150_000);
        world.client(bob).messages.clone()
    };
    assert_eq!(play([1; 32]), play([1; 32]));
    assert_ne!(play([1; 32]), play([2; 32]));
}

#[test]
fn the_trace_tells_of_acks_and_stored_messages() {
    let mut world = World::new(Config { trace: true, ..Config::new(Generation::V22) });
    let (alice, bob) = (world.connect("alice", "a"), world.connect("bob", "b"));
    world.say(alice, "bob", PERSON, "m1", "hello").expect("SENDACK");
    let recv = world.client(bob).recvs()[0].clone();
    world.ack(bob, &recv);
    let trace = world.gateway.take_trace();
    assert_eq!(trace.len(), 4);
    assert!(matches!(&trace[2], Trace::Stored(message) if message.message_id == recv.message_id.0));
    assert!(matches!(&trace[3], Trace::Acked { conn, flags: 2, .. } if *conn == bob));
    assert!(world.gateway.take_trace().is_empty());
}

#[test]
fn bytes_without_sense_never_make_it_panic() {
    let mut gateway = Gateway::new(Config::new(Generation::V22), [5; 32]);
    let mut state = 0x1234_5678_u32;
    let mut byte = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    for round in 0..2000u64 {
        let conn = jindou_gateway::ConnId(round);
        let now = START + Millis(round);
        gateway.handle(now, Input::Opened(conn));
        for _ in 0..3 {
            let length = usize::from(byte() % 40);
            let bytes: Vec<u8> = (0..length).map(|_| byte()).collect();
            gateway.handle(now, Input::Message(conn, bytes));
        }
        let body: Vec<u8> = (0..byte() % 30).map(|_| byte()).collect();
        for path in ["/message/send", "/user/token", "/conversation/sync", "/route/batch", "/channel/messagesync"] {
            let call = HttpRequest { body: body.clone(), ..HttpRequest::post(path, &Value::Null) };
            gateway.handle(now, Input::Http(jindou_gateway::RequestId(round), call));
        }
        while gateway.poll_output().is_some() {}
    }
}
