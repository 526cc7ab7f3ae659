//! Groups, history, conversations, read positions, commands, and the roads to the gateway.

use serde_json::{Value, json};

use crate::world::{NOW, World, group, person, shown, text, with};

fn names(messages: &Value) -> Vec<&str> {
    messages
        .as_array()
        .expect("messages")
        .iter()
        .map(|message| message["clientMsgNo"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn a_group_is_made_at_wukongim_and_its_members_are_kept_in_step() {
    let world = World::new(&[]).await;
    let (owner, bob, carol) = (world.sign_up("owner").await, world.sign_up("bob").await, world.sign_up("carol").await);
    let id = world.group(&owner, &["bob"]).await;
    let subscribers = |world: &World| world.fake.lock().subscribers[&id].iter().cloned().collect::<Vec<_>>();
    assert_eq!(subscribers(&world), ["bob", "owner"]);

    let path = format!("/v1/groups/{id}/members");
    assert_eq!(
        world.post(&path, &bob, json!({ "uids": ["carol"] })).await.refused(),
        (403, "forbidden"),
        "a member adds nobody"
    );
    world.call("PUT", &format!("{path}/bob"), Some(&owner), Some(json!({ "role": "admin" }))).await.done();
    let group = world.post(&path, &bob, json!({ "uids": ["carol"] })).await.done();
    assert_eq!((&group["role"], group["members"].as_array().map(Vec::len)), (&json!("admin"), Some(3)));
    assert_eq!(subscribers(&world), ["bob", "carol", "owner"]);

    assert_eq!(world.call("DELETE", &format!("{path}/owner"), Some(&bob), None).await.refused(), (403, "forbidden"));
    assert_eq!(
        world.call("PUT", &format!("{path}/carol"), Some(&bob), Some(json!({ "role": "admin" }))).await.refused(),
        (403, "forbidden")
    );
    world.call("DELETE", &format!("{path}/carol"), Some(&bob), None).await.done();
    assert_eq!(subscribers(&world), ["bob", "owner"]);
    assert_eq!(world.get(&format!("/v1/groups/{id}"), &carol).await.refused(), (404, "not-found"));

    // The owner leaves; somebody must be able to change the group.
    world.call("DELETE", &format!("{path}/owner"), Some(&owner), None).await.done();
    assert_eq!(world.get(&format!("/v1/groups/{id}"), &bob).await.done()["role"], "owner");
    let policy = world.get("/v1/policy", &bob).await.done();
    assert_eq!(policy["roles"], json!([{ "channelId": id, "channelType": 2, "role": "owner" }]));
    assert_eq!((&policy["serverTime"], &policy["recallWindow"]), (&json!(NOW), &json!(120_000)));
    world.end().await;
}

#[tokio::test]
async fn a_group_reads_who_came_and_who_went_and_whoever_is_put_out_is_told() {
    let world = World::new(&[]).await;
    let (owner, bob) = (world.sign_up("owner").await, world.sign_up("bob").await);
    let _ = (world.sign_up("carol").await, world.sign_up("dave").await);
    let id = world.group(&owner, &["bob"]).await;
    let (path, members) = (format!("/v1/groups/{id}"), format!("/v1/groups/{id}/members"));
    world.post(&members, &owner, json!({ "uids": ["bob", "carol", "dave"] })).await.done();
    world.call("PUT", &format!("{members}/carol"), Some(&owner), Some(json!({ "role": "admin" }))).await.done();
    world.call("PUT", &format!("{members}/carol"), Some(&owner), Some(json!({ "role": "admin" }))).await.done();
    let renamed = world.call("PUT", &path, Some(&owner), Some(json!({ "name": " new name " }))).await.done();
    assert_eq!(renamed["name"], "new name");
    world.call("PUT", &path, Some(&owner), Some(json!({ "name": "new name" }))).await.done();
    let by_a_member = world.call("PUT", &path, Some(&bob), Some(json!({ "name": "mine" }))).await;
    assert_eq!(by_a_member.refused(), (403, "forbidden"));
    world.call("DELETE", &format!("{members}/bob"), Some(&owner), None).await.done();
    let by_a_stranger = world.call("PUT", &path, Some(&bob), Some(json!({ "name": "mine" }))).await;
    assert_eq!(by_a_stranger.refused(), (404, "not-found"));
    world.call("DELETE", &format!("{members}/owner"), Some(&owner), None).await.done();
    world.settle().await;

    let (notices, nudges) = {
        let inner = world.fake.lock();
        (inner.notices.clone(), inner.nudges.clone())
    };
    let told: Vec<(u64, String)> = notices
        .iter()
        .map(|(group, _, payload)| {
            assert_eq!(*group, id);
            let who = payload["extra"].as_array().expect("people").iter();
            let who: Vec<&str> = who.map(|one| one["uid"].as_str().expect("a uid")).collect();
            (payload["type"].as_u64().expect("a type"), who.join(" "))
        })
        .collect();
    let expected = [
        (1001, "owner bob"),
        (1002, "owner carol dave"),
        (1005, "owner"),
        (1003, "owner bob"),
        (1021, "owner"),
        (1008, "carol"),
    ];
    assert_eq!(told, expected.map(|(kind, who)| (kind, who.to_owned())));
    assert_eq!(notices[2].2["data"], json!({ "name": "new name" }));
    let nudged: Vec<String> = nudges.iter().map(|(people, _)| people.join(" ")).collect();
    assert_eq!(nudged, ["bob carol dave owner", "bob", "owner"], "of a role, and who is out");
    assert_eq!(nudges[0].1, json!({ "type": 99, "cmd": "memberUpdate", "param": { "group_no": id } }));
    world.end().await;
}

#[tokio::test]
async fn a_notice_that_wukongim_loses_is_said_again() {
    for index_is_behind in [false, true] {
        let world = World::new(&[]).await;
        let owner = world.sign_up("owner").await;
        world.fake.lock().lost = 2;
        world.fake.lock().index_is_behind = index_is_behind;
        let id = world.group(&owner, &[]).await;
        world.settle().await;
        let names: Vec<(String, u64)> = world
            .fake
            .lock()
            .notices
            .iter()
            .map(|(group, _, payload)| (group.clone(), payload["type"].as_u64().expect("a type")))
            .collect();
        assert_eq!(names, [(id, 1001)], "once");
        world.end().await;
    }
}

#[tokio::test]
async fn a_group_of_people_without_an_account_is_not_made() {
    let world = World::new(&[]).await;
    let owner = world.sign_up("owner").await;
    for (members, expected) in [
        (json!(["nobody"]), (404, "not-found")),
        (json!(["a@b"]), (400, "invalid")),
        (json!(vec!["x"; 501]), (400, "invalid")),
    ] {
        assert_eq!(
            world.post("/v1/groups", &owner, json!({ "name": "g", "members": members })).await.refused(),
            expected
        );
    }
    assert_eq!(world.get("/v1/groups", &owner).await.done(), json!({ "groups": [] }));
    assert!(world.fake.calls_to("/channel").is_empty());
    world.end().await;
}

#[tokio::test]
async fn history_pages_both_ways_and_tells_exactly_whether_there_is_more() {
    let world = World::new(&[]).await;
    let (alice, _) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let all: Vec<String> = (1..=10).map(|number| format!("n{number}")).collect();
    for name in &all {
        world.fake.write("bob", "alice", 1, name, &text(name));
    }
    //  start, end, limit, pull, first..=last, more
    let table = [
        (0, 0, 4, "older", 7..=10, true),
        (0, 0, 10, "older", 1..=10, false),
        (0, 0, 4, "newer", 7..=10, true),
        (6, 0, 4, "older", 3..=6, true),
        (4, 0, 4, "older", 1..=4, false),
        (6, 3, 10, "older", 4..=6, false),
        (0, 8, 10, "older", 9..=10, false),
        (3, 0, 4, "newer", 3..=6, true),
        (7, 0, 4, "newer", 7..=10, false),
        (3, 6, 10, "newer", 3..=5, false),
    ];
    for (start, end, limit, pull, expected, more) in table {
        let asked = with(&person("bob"), json!({ "start": start, "end": end, "limit": limit, "pull": pull }));
        let page = world.post("/v1/history", &alice, asked.clone()).await.done();
        assert_eq!(names(&page["messages"]), all[expected.start() - 1..*expected.end()], "{asked}");
        assert_eq!(page["more"], more, "{asked}");
    }
    let page = world.newest(&alice, &person("bob")).await;
    let first = &page["messages"][0];
    assert_eq!(
        (&first["fromUid"], &first["messageSeq"], &first["timestamp"]),
        (&json!("bob"), &json!(1), &json!(NOW / 1000))
    );
    assert!(
        first["messageId"].as_str().is_some_and(|id| id.parse::<i64>().is_ok_and(|id| id > 1 << 53)),
        "no digit is lost"
    );
    assert_eq!(world.newest(&alice, &person("alice")).await["messages"], json!([]), "an empty channel");
    world.end().await;
}

#[tokio::test]
async fn limits_and_ranges_that_make_no_sense_are_refused() {
    let world = World::new(&[]).await;
    let alice = world.sign_up("alice").await;
    let wrong = [
        json!({ "limit": 0, "pull": "older" }),
        json!({ "limit": 201, "pull": "older" }),
        json!({ "limit": 5, "pull": "sideways" }),
        json!({ "limit": 5 }),
        json!({ "limit": 5, "pull": "older", "start": 9_007_199_254_740_992_u64 }),
        json!({ "limit": 5, "pull": "older", "start": -1 }),
        json!({ "limit": 5, "pull": "older", "channelType": 9 }),
        json!({ "limit": 5, "pull": "older", "channelId": "" }),
    ];
    for wrong in wrong {
        let asked = with(&person("bob"), wrong);
        assert_eq!(world.post("/v1/history", &alice, asked.clone()).await.refused(), (400, "invalid"), "{asked}");
    }
    assert_eq!(world.raw("POST", "/v1/history", Some(&alice), b"{".to_vec(), &[]).await.refused(), (400, "invalid"));
    assert_eq!(
        world.raw("POST", "/v1/history", Some(&alice), vec![b' '; 1_100_000], &[]).await.refused(),
        (413, "too-large")
    );
    let many: Vec<Value> =
        (0..5001).map(|number| with(&person(&format!("u{number}")), json!({ "messageSeq": 1 }))).collect();
    assert_eq!(
        world.post("/v1/conversations", &alice, json!({ "cursors": many, "recents": 5 })).await.refused(),
        (400, "invalid")
    );
    let many: Vec<Value> = (0..201).map(|number| person(&format!("u{number}"))).collect();
    assert_eq!(
        world.post("/v1/marks", &alice, json!({ "channels": many, "limit": 5 })).await.refused(),
        (400, "invalid")
    );
    let many = vec!["n"; 101];
    assert_eq!(
        world.post("/v1/lookup", &alice, with(&person("bob"), json!({ "clientMsgNos": many }))).await.refused(),
        (400, "invalid")
    );
    let long = json!({ "clientMsgNo": "n".repeat(129) });
    assert_eq!(world.post("/v1/recall", &alice, with(&person("bob"), long)).await.refused(), (400, "invalid"));
    assert_eq!(world.call("PATCH", "/v1/history", Some(&alice), None).await.refused(), (405, "invalid"));
    assert_eq!(world.get("/v1/nothing", &alice).await.refused(), (404, "not-found"));
    world.end().await;
}

#[tokio::test]
async fn a_first_message_that_wukongim_never_lists_is_found_once_its_sender_has_read_it() {
    let world = World::new(&[]).await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    world.fake.lock().lists_nobody = true;
    world.fake.write("alice", "bob", 1, "first", &text("hello"));
    let ask = async |cursors: Value| {
        let answer = world.post("/v1/conversations", &bob, json!({ "cursors": cursors, "recents": 5 })).await.done();
        answer["conversations"].as_array().expect("a list").clone()
    };
    assert_eq!(ask(json!([])).await.len(), 0, "nothing points at it yet");

    let newest = json!({ "start": 0, "end": 0, "limit": 10, "pull": "older" });
    world.post("/v1/history", &alice, with(&person("bob"), newest)).await.done();
    let found = ask(json!([])).await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["channelId"], &found[0]["unread"]), (&json!("alice"), &json!(1)));
    assert_eq!(names(&found[0]["recents"]), ["first"]);
    let all = json!([with(&person("alice"), json!({ "messageSeq": 1 }))]);
    assert_eq!(ask(all).await.len(), 0, "a device that has it all keeps its own figures");
    world.end().await;
}

#[tokio::test]
async fn conversations_give_what_is_newer_than_the_cursors_and_read_positions_of_other_devices() {
    let world = World::new(&[]).await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let id = world.group(&alice, &["bob"]).await;
    for number in 1..=6 {
        world.fake.write("alice", "bob", 1, &format!("n{number}"), &text("hello"));
    }
    let ask = async |cursors: Value, recents: u64| {
        let answer =
            world.post("/v1/conversations", &bob, json!({ "cursors": cursors, "recents": recents })).await.done();
        answer["conversations"].as_array().expect("a list").clone()
    };
    let fresh = ask(json!([]), 3).await;
    let of =
        |list: &[Value], channel: &str| list.iter().find(|one| one["channelId"] == channel).cloned().expect("listed");
    let with_alice = of(&fresh, "alice");
    assert_eq!(names(&with_alice["recents"]), ["n4", "n5", "n6"]);
    assert_eq!(
        (&with_alice["unread"], &with_alice["readTo"], &with_alice["lastMessageSeq"]),
        (&json!(6), &json!(0), &json!(6))
    );
    let empty = of(&fresh, &id);
    assert_eq!(
        (&empty["channelType"], &empty["lastMessageSeq"], &empty["recents"]),
        (&json!(2), &json!(0), &json!([])),
        "a group without messages"
    );

    // Another device reads to 4; this one has everything, and learns it all the same.
    world.post("/v1/read", &bob, with(&person("alice"), json!({ "messageSeq": 4 }))).await.done();
    let up_to_date = ask(json!([with(&person("alice"), json!({ "messageSeq": 6 }))]), 10).await;
    let with_alice = of(&up_to_date, "alice");
    assert_eq!(
        (&with_alice["unread"], &with_alice["readTo"], &with_alice["recents"]),
        (&json!(2), &json!(4), &json!([]))
    );
    let behind = ask(json!([with(&person("alice"), json!({ "messageSeq": 4 }))]), 10).await;
    assert_eq!(names(&of(&behind, "alice")["recents"]), ["n5", "n6"]);
    assert_eq!(
        of(&ask(json!([with(&person("alice"), json!({ "messageSeq": 1 }))]), 10).await, "alice")["recents"]
            .as_array()
            .map(Vec::len),
        Some(5)
    );

    // One's own message is read by oneself, on 2.1.x too, which counts it.
    world.fake.write("bob", "alice", 1, "own", &text("hi"));
    let with_alice = of(&ask(json!([]), 3).await, "alice");
    assert_eq!((&with_alice["unread"], &with_alice["readTo"]), (&json!(0), &json!(7)));
    world.end().await;
}

#[tokio::test]
async fn whoever_asks_for_news_and_has_everything_gets_nothing() {
    let world = World::new(&[]).await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let carol = world.sign_up("carol").await;
    world.group(&alice, &["bob"]).await;
    let first = world.fake.write("alice", "bob", 1, "n1", &text("hello"));
    world.fake.write("carol", "bob", 1, "c1", &text("hello"));
    let then = NOW / 1000;
    let ask = async |since: i64, cursors: Value| {
        let body = json!({ "cursors": cursors, "recents": 1, "since": since });
        let answer = world.post("/v1/conversations", &bob, body).await.done();
        answer["conversations"].as_array().expect("a list").clone()
    };
    let cursor = |id: &str, marks: u64| {
        json!([with(&person("alice"), json!({ "messageSeq": 1, "messageId": id, "marksVersion": marks }))])
    };
    assert_eq!(ask(then, json!([])).await.len(), 2, "what a device knows nothing of");
    assert_eq!(ask(then + 1, json!([])).await.len(), 0, "nothing is as new as that");
    let only_carol = ask(then, cursor(&first, 0)).await;
    assert_eq!((only_carol.len(), &only_carol[0]["channelId"]), (1, &json!("carol")));
    assert_eq!(names(&only_carol[0]["recents"]), ["c1"]);

    world.fake.lock().now += 100;
    let later = then + 100;
    world.fake.write("alice", "bob", 1, "n2", &text("more"));
    let news = ask(later, cursor(&first, 0)).await;
    assert_eq!(news.len(), 1);
    assert_eq!((&news[0]["lastMessageSeq"], names(&news[0]["recents"])), (&json!(2), vec!["n2"]));

    // Another message at the very seq, and a log that has become shorter.
    for (seq, taken_back) in [(2, 2), (9, 9)] {
        let other = with(&person("alice"), json!({ "messageSeq": seq, "messageId": "7" }));
        assert_eq!(names(&ask(later, json!([other.clone()])).await[0]["recents"]), ["n2"], "{taken_back}");
    }
    let given_away = json!([with(&person("alice"), json!({ "messageSeq": 2, "messageId": "7" }))]);
    let caught_up = world.post("/v1/conversations", &bob, json!({ "cursors": given_away, "recents": 5 })).await.done();
    let with_alice = caught_up["conversations"].as_array().expect("a list").iter();
    let with_alice = with_alice.clone().find(|one| one["channelId"] == "alice").expect("listed");
    assert_eq!(names(&with_alice["recents"]), ["n2"], "in the whole list too");

    // What was recalled is news although no message came, however old.
    world.post("/v1/recall", &carol, with(&person("bob"), json!({ "clientMsgNo": "c1" }))).await.done();
    let of_carol = |marks: u64| {
        let listed = only_carol[0]["recents"][0]["messageId"].clone();
        json!([with(&person("carol"), json!({ "messageSeq": 1, "messageId": listed, "marksVersion": marks }))])
    };
    let recalled = ask(later + 50, of_carol(0)).await;
    // So is what a cluster kept back for long, of a channel that the device names.
    assert_eq!(names(&ask(later + 50, cursor(&first, 0)).await[0]["recents"]), ["n2"]);
    assert_eq!((recalled.len(), &recalled[0]["marksVersion"]), (1, &json!(1)));
    assert_eq!(ask(later + 50, of_carol(1)).await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn a_recall_is_news_of_a_channel_that_is_not_listed_or_has_only_old_messages() {
    let world = World::new(&[]).await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let carol = world.sign_up("carol").await;
    let id = world.group(&alice, &["bob"]).await;
    world.fake.lock().lists_nobody = true;
    let mut newest = Vec::new();
    for (to, channel) in [("bob", person("bob")), (id.as_str(), group(&id))] {
        let channel_type = channel["channelType"].as_u64().expect("a type");
        let ids = ["n1", "n2"].map(|name| world.fake.write("alice", to, channel_type, name, &text("hello")));
        newest.push(ids[1].clone());
        world.post("/v1/recall", &alice, with(&channel, json!({ "clientMsgNo": "n1" }))).await.done();
    }
    let news = async |token: &str, marks: u64| {
        let known = [(person("alice"), &newest[0]), (group(&id), &newest[1]), (person("carol"), &newest[0])];
        let cursors = known.map(|(channel, newest)| {
            with(&channel, json!({ "messageSeq": 2, "messageId": newest, "marksVersion": marks }))
        });
        let body = json!({ "cursors": cursors, "recents": 1, "since": NOW / 1000 + 500 });
        let answer = world.post("/v1/conversations", token, body).await.done();
        let named = answer["conversations"].as_array().expect("a list").iter();
        let mut named: Vec<_> = named.map(|one| (one["channelId"].clone(), one["marksVersion"].clone())).collect();
        named.sort_by_key(|(id, _)| id.to_string());
        named
    };
    assert_eq!(news(&bob, 0).await, [(json!("alice"), json!(1)), (json!(id), json!(1))]);
    assert_eq!(news(&bob, 1).await, []);
    assert_eq!(news(&carol, 0).await, [], "what is said among others is no news");
    world.fake.lock().lists_nobody = false;
    assert_eq!(news(&bob, 0).await.len(), 2, "listed, with nothing newer");
    world.end().await;
}

#[tokio::test]
async fn a_read_position_moves_exactly_and_never_back() {
    let world = World::new(&[]).await;
    let (bob, _) = (world.sign_up("bob").await, world.sign_up("alice").await);
    let read = async |seq: u64| {
        world.post("/v1/read", &bob, with(&person("alice"), json!({ "messageSeq": seq }))).await.done()
    };
    read(5).await;
    assert!(world.fake.calls_to("/conversations/setUnread").is_empty(), "nothing is there to be read");
    for number in 1..=9 {
        world.fake.write("alice", "bob", 1, &format!("n{number}"), &text("hello"));
    }
    for (seq, unread) in [(4, 5), (9, 0), (50, 0), (1, 8)] {
        read(seq).await;
        assert_eq!(
            world.fake.calls_to("/conversations/setUnread").pop().expect("a call")["unread"],
            unread,
            "read to {seq}"
        );
    }
    let calls = world.fake.calls_to("/conversations/setUnread").len();
    read(0).await;
    assert_eq!(world.fake.calls_to("/conversations/setUnread").len(), calls, "0 would read everything");
    let answer = world.post("/v1/conversations", &bob, json!({ "recents": 1 })).await.done();
    assert_eq!(answer["conversations"][0]["readTo"], 9);
    assert!(world.fake.calls_to("/conversations/clearUnread").is_empty());
    world.end().await;
}

#[tokio::test]
async fn commands_are_given_with_their_channel_and_acknowledged_as_one() {
    let world = World::new(&[]).await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let id = world.group(&alice, &["bob"]).await;
    for (channel, to) in [(person("bob"), "bob"), (group(&id), id.as_str())] {
        world.fake.write("alice", to, channel["channelType"].as_u64().expect("a type"), "n1", &text("hello"));
        world.post("/v1/recall", &alice, with(&channel, json!({ "clientMsgNo": "n1" }))).await.done();
    }
    world.until_called("/message/send", 2).await;
    for (token, peer) in [(&alice, "bob"), (&bob, "alice")] {
        let commands = world.post("/v1/commands", token, json!({ "limit": 1 })).await.done();
        let mut channels: Vec<(String, u64)> = Vec::new();
        for command in commands["commands"].as_array().expect("a list") {
            channels.push((
                command["channelId"].as_str().expect("an id").to_owned(),
                command["channelType"].as_u64().expect("a type"),
            ));
            assert!(shown(command).contains("messageRevoke"));
        }
        channels.sort_by_key(|(_, channel_type)| *channel_type);
        assert_eq!(
            channels,
            [(peer.to_owned(), 1), (id.clone(), 2)],
            "all of them, since an acknowledgement covers all"
        );
    }
    assert!(world.fake.calls_to("/message/sync").iter().all(|call| call["limit"] == 10_000));
    world.post("/v1/commands/ack", &bob, json!({ "messageSeq": 1 })).await.done();
    assert_eq!(world.fake.calls_to("/message/syncack"), [json!({ "uid": "bob", "last_message_seq": 1 })]);
    assert_eq!(world.post("/v1/commands/ack", &bob, json!({ "messageSeq": 0 })).await.refused(), (400, "invalid"));
    world.end().await;
}

#[tokio::test]
async fn a_lookup_finds_ones_own_messages_alone_with_and_without_an_index() {
    for old in [false, true] {
        let world = World::new(&[]).await;
        let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
        world.fake.lock().old = old;
        let id = world.group(&alice, &["bob"]).await;
        for (channel, to) in [(person("bob"), "bob".to_owned()), (group(&id), id.clone())] {
            let channel_type = channel["channelType"].as_u64().expect("a type");
            if channel_type == 2 {
                world.fake.write("bob", &id, 2, "n1", &text("bob used this name first"));
            }
            let first = world.fake.write("alice", &to, channel_type, "n1", &text("first"));
            world.fake.write("alice", &to, channel_type, "n1", &text("a resend"));
            world.fake.write("alice", &to, channel_type, "n2", &text("n2"));
            let asked = with(&channel, json!({ "clientMsgNos": ["n1", "n2", "n3", ""] }));
            let found = world.post("/v1/lookup", &alice, asked).await.done();
            assert_eq!(names(&found["found"]), ["n1", "n2"], "old {old}, {channel}");
            assert_eq!(found["found"][0]["messageId"], first.as_str(), "the first copy");
            assert_eq!(shown(&found["found"][0]), text("first").to_string());
        }
        let not_his = world.post("/v1/lookup", &bob, with(&group(&id), json!({ "clientMsgNos": ["n2"] }))).await.done();
        assert_eq!(not_his["found"], json!([]));
        world.end().await;
    }
}

#[tokio::test]
async fn a_lookup_tells_whoever_was_put_out_what_stands_of_their_own_and_nothing_else() {
    for old in [false, true] {
        let world = World::new(&[]).await;
        let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
        world.fake.lock().old = old;
        let id = world.group(&alice, &["bob"]).await;
        world.fake.write("bob", &id, 2, "n1", &text("stored, and its SENDACK was lost"));
        world.fake.write("alice", &id, 2, "a1", &text("another's"));
        world.call("DELETE", &format!("/v1/groups/{id}/members/bob"), Some(&alice), None).await.done();
        let asked = |names: &[&str]| with(&group(&id), json!({ "clientMsgNos": names }));
        let found = world.post("/v1/lookup", &bob, asked(&["n1", "n2", "a1"])).await.done();
        assert_eq!(names(&found["found"]), ["n1"], "old {old}");
        for none in ["n2", "a1"] {
            assert_eq!(world.post("/v1/lookup", &bob, asked(&[none])).await.refused(), (403, "forbidden"));
        }
        world.end().await;
    }
}

#[tokio::test]
async fn a_lookup_holds_the_index_against_the_log() {
    let world = World::new(&[]).await;
    let alice = world.sign_up("alice").await;
    world.sign_up("bob").await;
    for (number, name) in [("1", "n1"), ("2", "n2"), ("3", "n3")] {
        world.fake.write("alice", "bob", 1, name, &text(number));
    }
    world.fake.take_back("alice", "bob", 1, 2);
    world.fake.write("bob", "alice", 1, "b1", &text("this seq was another's"));
    let asked = with(&person("bob"), json!({ "clientMsgNos": ["n1", "n2", "n3"] }));
    let found = world.post("/v1/lookup", &alice, asked.clone()).await.done();
    assert_eq!(names(&found["found"]), ["n1", "n3"], "a log that ends before it tells nothing");
    let again = world.fake.write("alice", "bob", 1, "n2", &text("sent again"));
    let found = world.post("/v1/lookup", &alice, asked).await.done();
    assert_eq!(names(&found["found"]), ["n1", "n2"]);
    assert_eq!(found["found"][1]["messageId"], again.as_str());
    world.end().await;
}

#[tokio::test]
async fn a_lookup_finds_in_the_log_what_the_index_of_a_cluster_lacks() {
    let world = World::new(&[]).await;
    let (alice, _) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let first = world.fake.write("alice", "bob", 1, "n1", &text("first"));
    world.fake.write("alice", "bob", 1, "n1", &text("a resend"));
    world.fake.lock().index_is_behind = true;
    let asked = with(&person("bob"), json!({ "clientMsgNos": ["n1", "n2"] }));
    let found = world.post("/v1/lookup", &alice, asked).await.done();
    assert_eq!(names(&found["found"]), ["n1"]);
    assert_eq!(found["found"][0]["messageId"], first.as_str());
    world.end().await;
}

#[tokio::test]
async fn the_gateway_and_the_connection_are_told_as_wukongim_tells_them() {
    let world = World::new(&[]).await;
    let alice = world.sign_up("alice").await;
    assert_eq!(world.get("/v1/gateway", &alice).await.done(), json!({ "addresses": ["ws://127.0.0.1:5200"] }));
    assert_eq!(world.get("/v1/online", &alice).await.done(), json!({ "online": false }));
    world.fake.lock().asks_another = true;
    assert_eq!(world.get("/v1/online", &alice).await.done(), json!({ "online": false }), "null is nobody");
    world.fake.lock().online = vec![("alice".to_owned(), 2)];
    assert_eq!(world.get("/v1/online", &alice).await.done(), json!({ "online": false }), "another kind of device");
    world.fake.lock().online = vec![("alice".to_owned(), 1)];
    assert_eq!(world.get("/v1/online", &alice).await.done(), json!({ "online": true }));
    world.fake.lock().down = true;
    assert_eq!(world.get("/v1/online", &alice).await.done(), json!({ "online": null }), "it cannot be told now");
    world.end().await;

    let world = World::new(&["--gateway", "wss://im.example.org,wss://im2.example.org/ws"]).await;
    let alice = world.sign_up("alice").await;
    let told = world.get("/v1/gateway", &alice).await.done();
    assert_eq!(told["addresses"].as_array().map(Vec::len), Some(2));
    world.end().await;
}

#[tokio::test]
async fn notices_of_the_system_are_found_by_a_fresh_device_and_by_one_that_was_away() {
    let world = World::new(&[]).await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let id = world.fake.write("____system", "alice", 1, "n1", &text("welcome"));
    let notices = person("____system");
    let cursor = |seq: u64| json!([with(&notices, json!({ "messageSeq": seq }))]);
    let conversations = async |token: &str, cursors: Value| {
        let body = json!({ "cursors": cursors, "recents": 5 });
        world.post("/v1/conversations", token, body).await.done()["conversations"].clone()
    };
    let fresh = conversations(&alice, json!([])).await;
    assert_eq!(
        (&fresh[0]["channelId"], shown(&fresh[0]["recents"][0])),
        (&json!("____system"), text("welcome").to_string())
    );
    assert_eq!(conversations(&alice, cursor(1)).await, json!([]), "who has it keeps their own figures");
    world.fake.write("____system", "alice", 1, "n2", &text("again"));
    let away = conversations(&alice, cursor(1)).await;
    assert_eq!(shown(&away[0]["recents"][0]), text("again").to_string());
    assert_eq!(conversations(&bob, json!([])).await, json!([]), "they are hers alone");
    let page = world.newest(&alice, &notices).await;
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(2));
    assert_eq!(world.newest(&bob, &notices).await["messages"], json!([]));
    let target = with(&notices, json!({ "clientMsgNo": "n1", "messageId": id, "messageSeq": 1 }));
    assert_eq!(world.post("/v1/recall", &alice, target).await.reason(), "not-author");
    let signup = json!({ "uid": "____system", "name": "x", "password": "correct horse" });
    assert_eq!(world.call("POST", "/v1/signup", None, Some(signup)).await.refused(), (400, "invalid"));
    world.end().await;
}

#[tokio::test]
async fn nobody_is_put_into_more_groups_than_a_person_may_have() {
    let world = World::new(&[]).await;
    let alice = world.sign_up("alice").await;
    let bob = world.sign_up("bob").await;
    let pool = world.database().await;
    for statement in [
        "INSERT INTO chat_groups (group_id, name, created_at)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 999) SELECT 'g' || n, 'G', 0 FROM numbers",
        "INSERT INTO members (group_id, uid, role, joined_at) SELECT group_id, 'bob', 'owner', 0 FROM chat_groups",
    ] {
        sqlx::query(statement).execute(&pool).await.expect("inserted");
    }
    pool.close().await;

    let of_two = json!({ "name": "the last one", "members": ["bob"] });
    world.post("/v1/groups", &alice, of_two.clone()).await.done();
    assert_eq!(world.post("/v1/groups", &alice, of_two).await.refused(), (400, "invalid"));
    assert_eq!(
        world.post("/v1/groups", &bob, json!({ "name": "his own", "members": [] })).await.refused(),
        (400, "invalid")
    );
    let made = world.post("/v1/groups", &alice, json!({ "name": "hers", "members": [] })).await.done();
    let members = format!("/v1/groups/{}/members", made["groupId"].as_str().expect("an id"));
    assert_eq!(world.post(&members, &alice, json!({ "uids": ["bob"] })).await.refused(), (400, "invalid"));
    world.end().await;
}

#[tokio::test]
async fn conversations_are_told_however_long_their_messages_are_and_without_what_no_device_reads() {
    let world = World::new(&[]).await;
    let alice = world.sign_up("alice").await;
    for peer in ["bob", "carol"] {
        world.sign_up(peer).await;
        for number in 0..20 {
            world.fake.write(peer, "alice", 1, &format!("{peer}{number}"), &text(&"x".repeat(700_000)));
        }
    }
    let asked = json!({ "cursors": [], "recents": 20 });
    let answer = world.post("/v1/conversations", &alice, asked).await;
    assert!(answer.text.len() < 32_000_000, "{} bytes", answer.text.len());
    let told = answer.done()["conversations"].clone();
    let figures: Vec<_> = told.as_array().expect("two").iter().map(|one| one["lastMessageSeq"].clone()).collect();
    assert_eq!(figures, [20, 20], "what is missing can be asked for");
    world.end().await;
}
