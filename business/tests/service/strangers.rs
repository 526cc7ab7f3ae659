//! A stranger reads nothing, sends nothing, recalls nothing.

use serde_json::{Value, json};

use crate::world::{World, group, person, text, with};

struct Scene {
    world: World,
    alice: String,
    mallory: String,
    group: String,
    message_id: String,
}

/// Alice and Bob talk, in private and in a group; Mallory has an account and knows every id.
async fn scene() -> Scene {
    let world = World::new(&[]).await;
    let (alice, _, mallory) =
        (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("mallory").await);
    let id = world.group(&alice, &["bob"]).await;
    world.fake.write("alice", "bob", 1, "n1", &text("a private secret"));
    let message_id = world.fake.write("alice", &id, 2, "n1", &text("a group's secret"));
    Scene { world, alice, mallory, group: id, message_id }
}

fn without_secret(text: &str) {
    assert!(!text.contains("secret") && !text.contains(&base64_of("secret")), "{text}");
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(text)
}

#[tokio::test]
async fn without_a_token_only_the_doors_are_open() {
    let Scene { world, group: id, .. } = scene().await;
    let description = world.call("GET", "/v1/openapi.json", None, None).await.done();
    let mut closed = 0;
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let path = path.replace("{id}", &id).replace("{uid}", "bob");
            for token in [None, Some("nonsense"), Some("")] {
                let answer = world.call(&method.to_uppercase(), &path, token, Some(json!({}))).await;
                let open = operation.get("security") == Some(&json!([]));
                assert!(open || answer.refused() == (401, "unauthorized"), "{method} {path}: {}", answer.text);
                closed += usize::from(!open);
            }
        }
    }
    assert_eq!(closed, 3 * 23);
    world.end().await;
}

#[tokio::test]
async fn a_stranger_reads_no_history_of_a_group_and_learns_not_even_that_it_is_there() {
    let Scene { world, mallory, group: id, .. } = scene().await;
    let asked = json!({ "limit": 10, "pull": "older" });
    let real = world.post("/v1/history", &mallory, with(&group(&id), asked.clone())).await;
    let none = world.post("/v1/history", &mallory, with(&group("g-none"), asked)).await;
    assert_eq!((real.refused(), &real.text), ((403, "forbidden"), &none.text));
    for (method, path) in [
        ("GET", format!("/v1/groups/{id}")),
        ("PUT", format!("/v1/groups/{id}")),
        ("DELETE", format!("/v1/groups/{id}/members/bob")),
        ("PUT", format!("/v1/groups/{id}/members/bob")),
    ] {
        let answer = world.call(method, &path, Some(&mallory), Some(json!({ "role": "admin", "name": "mine" }))).await;
        assert_eq!(answer.refused(), (404, "not-found"), "{method} {path}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_stranger_reads_no_person_channel_by_any_name() {
    let Scene { world, mallory, .. } = scene().await;
    // WuKongIM takes an id with an @ for its own id of a person channel, and a suffix for the log of commands.
    for id in ["bob@alice", "alice@bob", "bob@alice____cmd", "bob____cmd", "bob:1:0|alice", "bob#", "a&b"] {
        for channel_type in [1, 2] {
            let asked = json!({ "channelId": id, "channelType": channel_type, "limit": 10, "pull": "older" });
            let answer = world.post("/v1/history", &mallory, asked).await;
            assert_eq!(answer.refused(), (400, "invalid"), "{id} {channel_type}");
            without_secret(&answer.text);
            let cursor = json!({ "channelId": id, "channelType": channel_type, "messageSeq": 1 });
            let answer = world.post("/v1/conversations", &mallory, json!({ "cursors": [cursor], "recents": 10 })).await;
            assert_eq!(answer.body["conversations"], json!([]), "{id} {channel_type}");
            assert_eq!(
                world.fake.calls_to("/conversation/sync").pop().expect("a call")["last_msg_seqs"],
                "",
                "it reaches nobody"
            );
            let channel = json!({ "channelId": id, "channelType": channel_type });
            let marks = world.post("/v1/marks", &mallory, json!({ "channels": [channel], "limit": 10 })).await.done();
            assert_eq!(marks["channels"], json!([]), "{id} {channel_type}");
        }
    }
    for uid in ["alice", "bob"] {
        assert_eq!(
            world.newest(&mallory, &person(uid)).await["messages"],
            json!([]),
            "it is the stranger's own channel"
        );
    }
    for channel_type in [0, 3, 4, 5, 6, 7, 8, 9, 255] {
        let asked = json!({ "channelId": "bob@alice", "channelType": channel_type, "limit": 10, "pull": "older" });
        assert_eq!(world.post("/v1/history", &mallory, asked).await.refused(), (400, "invalid"));
    }
    world.end().await;
}

#[tokio::test]
async fn a_stranger_reads_no_conversations_commands_marks_or_lookups_of_others() {
    let Scene { world, alice, mallory, group: id, .. } = scene().await;
    world.post("/v1/recall", &alice, with(&group(&id), json!({ "clientMsgNo": "n1" }))).await.done();
    world.until_called("/message/send", 1).await;
    let conversations = world.post("/v1/conversations", &mallory, json!({ "recents": 10 })).await;
    assert_eq!(conversations.body["conversations"], json!([]), "though WuKongIM answers the group to anybody");
    let marks = world
        .post("/v1/marks", &mallory, json!({ "channels": [group(&id), person("alice")], "limit": 10 }))
        .await
        .done();
    assert_eq!(marks["channels"].as_array().map(Vec::len), Some(1), "only the stranger's own: {marks}");
    assert_eq!(marks["channels"][0]["marks"], json!([]));
    assert_eq!(world.post("/v1/commands", &mallory, json!({ "limit": 10 })).await.done()["commands"], json!([]));
    let lookup = world.post("/v1/lookup", &mallory, with(&group(&id), json!({ "clientMsgNos": ["n1"] }))).await;
    assert_eq!(lookup.refused(), (403, "forbidden"));
    let lookup =
        world.post("/v1/lookup", &mallory, with(&person("bob"), json!({ "clientMsgNos": ["n1"] }))).await.done();
    assert_eq!(lookup["found"], json!([]));
    world.end().await;
}

#[tokio::test]
async fn a_stranger_recalls_restores_and_re_edits_nothing_and_is_written_down() {
    let Scene { world, alice, mallory, group: id, message_id } = scene().await;
    let target = with(&group(&id), json!({ "clientMsgNo": "n1", "messageId": message_id, "messageSeq": 1 }));
    let read_before = world.fake.calls_to("/channel/messagesync").len();
    for path in ["/v1/recall", "/v1/restore", "/v1/reedit"] {
        let answer = world.post(path, &mallory, target.clone()).await;
        assert_eq!((answer.refused(), answer.reason()), ((403, "recall-denied"), "not-member"), "{path}");
    }
    assert_eq!(world.fake.calls_to("/channel/messagesync").len(), read_before, "nothing was even looked up");
    // By their own channel with one of the two they reach their own messages only.
    let answer = world
        .post("/v1/recall", &mallory, with(&person("alice"), json!({ "clientMsgNo": "n1", "messageId": message_id })))
        .await;
    assert_eq!(answer.reason(), "unknown-message");
    let page = world.newest(&alice, &group(&id)).await;
    assert!(page["messages"][0].get("mark").is_none() && page["marksVersion"] == 0);
    assert!(world.fake.calls_to("/message/send").is_empty(), "nobody was told anything");

    let channel = jindou_business::rules::Channel::from_key(2, &id).expect("a channel");
    let audit = world.server.store().audit(&channel, 10).await.expect("the audit");
    let refused: Vec<(&str, &str, &str)> =
        audit.iter().map(|row| (row.actor.as_str(), row.action.as_str(), row.outcome.as_str())).collect();
    assert_eq!(
        refused,
        [
            ("mallory", "recall", "not-member"),
            ("mallory", "restore", "not-member"),
            ("mallory", "re-edit", "not-member")
        ]
    );
    world.end().await;
}

#[tokio::test]
async fn a_stranger_moves_no_read_position_and_adds_nobody() {
    let Scene { world, mallory, group: id, .. } = scene().await;
    assert_eq!(
        world.post("/v1/read", &mallory, with(&group(&id), json!({ "messageSeq": 1 }))).await.refused(),
        (403, "forbidden")
    );
    let answer = world.post(&format!("/v1/groups/{id}/members"), &mallory, json!({ "uids": ["mallory"] })).await;
    assert_eq!(answer.refused(), (404, "not-found"));
    assert!(
        world.fake.calls_to("/channel/subscriber_add").is_empty()
            && world.fake.calls_to("/conversations/setUnread").is_empty()
    );
    world.end().await;
}

#[tokio::test]
async fn whoever_leaves_or_is_removed_is_a_stranger_at_once_even_while_wukongim_is_away() {
    let Scene { world, alice, group: id, .. } = scene().await;
    let bob =
        world.call("POST", "/v1/login", None, Some(json!({ "uid": "bob", "password": "correct horse" }))).await.done();
    let bob = bob["token"].as_str().expect("a token");
    world.fake.write("bob", &id, 2, "b1", &text("bob's own"));
    world.fake.lock().down = true;
    world.call("DELETE", &format!("/v1/groups/{id}/members/bob"), Some(&alice), None).await.done();
    let asked = with(&group(&id), json!({ "limit": 10, "pull": "older" }));
    assert_eq!(world.post("/v1/history", bob, asked).await.refused(), (403, "forbidden"));
    let own = world.post("/v1/recall", bob, with(&group(&id), json!({ "clientMsgNo": "b1" }))).await;
    assert_eq!(own.reason(), "not-member", "not even what they wrote");
    world.fake.lock().down = false;
    world.settle().await;
    assert!(!world.fake.lock().subscribers[&id].contains("bob"), "WuKongIM is told as soon as it answers");
    let conversations = world.post("/v1/conversations", bob, json!({ "recents": 10 })).await.done();
    let named: Vec<&Value> =
        conversations["conversations"].as_array().expect("a list").iter().map(|one| &one["channelId"]).collect();
    assert_eq!(named, [&json!("alice")]);
    world.end().await;
}

#[tokio::test]
async fn a_list_is_no_body_though_its_items_are_in_the_order_of_the_fields() {
    let world = World::new(&[]).await;
    let alice = world.sign_up("alice").await;
    let bodies = [
        ("/v1/login", json!(["alice", "correct horse", 1])),
        ("/v1/commands", json!([10])),
        ("/v1/conversations", json!([])),
        ("/v1/groups", json!(["a group", []])),
    ];
    for (path, body) in bodies {
        assert_eq!(world.post(path, &alice, body).await.refused(), (400, "invalid"), "{path}");
    }
    world.end().await;
}
