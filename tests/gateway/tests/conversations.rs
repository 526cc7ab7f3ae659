//! Conversations, logs of commands and pages where a group changes, something is deleted too early, or nothing is there.
//! Each was seen on running servers of 2.2.5 and 2.1.5 by the same calls.

mod harness;

use harness::World;
use jindou_gateway::{Config, Generation};
use serde_json::{Value, json};

const MINUTE: u64 = 60_000;

const BOTH: [Generation; 2] = [Generation::V21, Generation::V22];

fn world(generation: Generation) -> World {
    World::new(Config::new(generation))
}

fn members(world: &mut World, call: &str, uids: &[&str]) {
    world.post(call, json!({ "channel_id": "g", "channel_type": 2, "subscribers": uids }));
}

fn send(world: &mut World, from: &str, (id, kind): (&str, u8), name: &str, sync_once: u8) {
    world.post(
        "/message/send",
        json!({ "header": { "sync_once": sync_once }, "from_uid": from, "channel_id": id, "channel_type": kind,
            "client_msg_no": name, "payload": "e30=" }),
    );
}

fn commands(world: &mut World, uid: &str) -> Vec<Value> {
    let found = world.post("/message/sync", json!({ "uid": uid, "limit": 0 }));
    found.as_array().expect("commands").iter().map(|command| command["client_msg_no"].clone()).collect()
}

fn conversation(world: &mut World, uid: &str, name: &str) -> Option<Value> {
    synced(world, name, json!({ "uid": uid, "version": 0, "msg_count": 5 }))
}

fn synced(world: &mut World, name: &str, asked: Value) -> Option<Value> {
    let found = world.post("/conversation/sync", asked);
    found.as_array().expect("conversations").iter().find(|one| one["channel_id"] == name).cloned()
}

/// The places of the messages that a conversation comes with, none where it is left out.
fn recents(world: &mut World, name: &str, asked: Value) -> Vec<u64> {
    let shown = synced(world, name, asked).map(|one| one["recents"].clone());
    let messages = shown.iter().filter_map(Value::as_array).flatten();
    messages.filter_map(|message| message["message_seq"].as_u64()).collect()
}

fn delete(world: &mut World, uid: &str, name: &str) {
    world.post("/conversations/delete", json!({ "uid": uid, "channel_id": name, "channel_type": 1 }));
}

#[test]
fn commands_that_wait_go_to_whoever_is_a_member_when_the_next_one_comes() {
    for generation in BOTH {
        let mut world = world(generation);
        members(&mut world, "/channel", &["ann", "ben"]);
        send(&mut world, "ann", ("g", 2), "c1", 1);
        members(&mut world, "/channel/subscriber_remove", &["ben"]);
        members(&mut world, "/channel/subscriber_add", &["cem"]);
        assert_eq!(commands(&mut world, "ben"), ["c1"]);
        assert!(commands(&mut world, "cem").is_empty());
        send(&mut world, "ann", ("g", 2), "c2", 1);
        assert!(commands(&mut world, "ben").is_empty());
        assert_eq!(commands(&mut world, "cem"), ["c1", "c2"]);
        world.wait(MINUTE);
        assert!(commands(&mut world, "ben").is_empty());
    }
}

#[test]
fn a_conversation_is_deleted_only_once_it_is_written() {
    for generation in BOTH {
        let mut world = world(generation);
        delete(&mut world, "ben", "ann");
        let channels = world.post("/conversation/channels", json!({ "uid": "ben" }));
        assert_eq!(channels, json!([]));
        send(&mut world, "ann", ("ben", 1), "m1", 0);
        delete(&mut world, "ben", "ann");
        assert!(conversation(&mut world, "ben", "ann").is_some());
        world.wait(MINUTE);
        assert!(conversation(&mut world, "ben", "ann").is_some());
        delete(&mut world, "ben", "ann");
        assert!(conversation(&mut world, "ben", "ann").is_none());
    }
}

#[test]
fn an_unread_figure_set_before_the_first_message_hides_all_that_come() {
    for generation in BOTH {
        let mut world = world(generation);
        world.post(
            "/conversations/setUnread",
            json!({ "uid": "ben", "channel_id": "ann", "channel_type": 1, "unread": 2 }),
        );
        send(&mut world, "ann", ("ben", 1), "m1", 0);
        let shown = conversation(&mut world, "ben", "ann").expect("a conversation");
        assert_eq!((&shown["unread"], &shown["readed_to_msg_seq"]), (&json!(0), &json!(u32::MAX)));
        let newer = json!({ "uid": "ben", "version": 1, "msg_count": 5 });
        assert_eq!(recents(&mut world, "ann", newer), [1]);
    }
}

#[test]
fn a_deletion_does_not_hide_its_last_message_from_who_asks_from_there_on() {
    for generation in BOTH {
        let mut world = world(generation);
        for name in ["m1", "m2", "m3"] {
            send(&mut world, "ann", ("ben", 1), name, 0);
        }
        world.wait(MINUTE);
        delete(&mut world, "ben", "ann");
        let behind = |cursor: u64| json!({ "uid": "ben", "version": 0, "msg_count": 5, "last_msg_seqs": format!("ann:1:{cursor}") });
        assert_eq!(recents(&mut world, "ann", behind(0)), [] as [u64; 0]);
        assert_eq!(recents(&mut world, "ann", behind(1)), [] as [u64; 0]);
        assert_eq!(recents(&mut world, "ann", behind(2)), [3]);
        send(&mut world, "ann", ("ben", 1), "m4", 0);
        assert_eq!(recents(&mut world, "ann", behind(1)), [4]);
        assert_eq!(recents(&mut world, "ann", behind(2)), [4, 3]);
    }
}

#[test]
fn of_copies_under_one_client_msg_no_a_look_up_finds_the_last() {
    for generation in BOTH {
        let mut world = world(generation);
        for from in ["ann", "ben", "ann"] {
            send(&mut world, from, ("g", 2), "copy", 0);
        }
        let asked = json!({ "login_uid": "ben", "channel_id": "g", "channel_type": 2, "client_msg_nos": ["copy"] });
        let found = world.post("/messages", asked);
        assert_eq!(
            (found["messages"].as_array().map(Vec::len), &found["messages"][0]["message_seq"]),
            (Some(1), &json!(3))
        );
    }
}

#[test]
fn a_page_of_a_channel_without_messages_repeats_what_was_asked() {
    for generation in BOTH {
        let mut world = world(generation);
        for (limit, more) in [(2, 0), (0, 1), (-1, 1)] {
            let page = world.post(
                "/channel/messagesync",
                json!({ "login_uid": "ben", "channel_id": "g", "channel_type": 2, "start_message_seq": 5,
                    "end_message_seq": 3, "limit": limit, "pull_mode": 0 }),
            );
            assert_eq!(page, json!({ "start_message_seq": 5, "end_message_seq": 3, "more": more, "messages": [] }));
        }
    }
}

#[test]
fn who_becomes_a_member_again_has_read_everything_and_on_2_1_who_stays_has_not() {
    for (generation, reset, read_to) in
        [(Generation::V21, 0, 0), (Generation::V21, 1, 2), (Generation::V22, 0, 2), (Generation::V22, 1, 2)]
    {
        let mut world = world(generation);
        members(&mut world, "/channel", &["ann", "ben"]);
        for name in ["m1", "m2"] {
            send(&mut world, "ann", ("g", 2), name, 0);
        }
        world.post(
            "/channel/subscriber_add",
            json!({ "channel_id": "g", "channel_type": 2, "reset": reset, "subscribers": ["ben"] }),
        );
        let shown = conversation(&mut world, "ben", "g").expect("a conversation");
        assert_eq!(shown["readed_to_msg_seq"], json!(read_to), "{generation:?}, reset {reset}");
    }
}
