//! Recall, restore and re-edit from end to end.

use jindou_business::rules::Channel;
use serde_json::{Value, json};

use crate::world::{NOW, World, group, person, shown, text, with};

const DAY: i64 = 24 * 3600;

fn named(name: &str) -> Value {
    json!({ "clientMsgNo": name })
}

async fn two_people(flags: &[&str]) -> (World, String, String) {
    let world = World::new(flags).await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    (world, alice, bob)
}

#[tokio::test]
async fn recalled_content_leaves_by_no_road() {
    let (world, alice, bob) = two_people(&[]).await;
    let id = world.group(&alice, &["bob"]).await;
    for (mine, theirs, to) in [(person("bob"), person("alice"), "bob"), (group(&id), group(&id), id.as_str())] {
        let channel_type = mine["channelType"].as_u64().expect("a type");
        let back = if channel_type == 1 { "alice" } else { to };
        let first = world.fake.write("alice", to, channel_type, "n1", &text("the secret"));
        let resend = world.fake.write("alice", to, channel_type, "n1", &text("the secret"));
        let quote = json!({ "type": 1, "content": "so what", "reply": { "message_id": resend, "from_uid": "alice", "payload": text("the secret") } });
        world.fake.write("bob", back, channel_type, "q1", &quote);
        let mark = world.post("/v1/recall", &alice, with(&mine, named("n1"))).await.done()["mark"].clone();
        assert_eq!(
            (&mark["state"], &mark["version"], &mark["role"], &mark["operator"]),
            (&json!("recalled"), &json!(1), &json!("author"), &json!("alice"))
        );
        assert_eq!(
            mark["copies"],
            json!([{ "messageId": first, "messageSeq": 1 }, { "messageId": resend, "messageSeq": 2 }])
        );
        assert_eq!(mark["deadline"], NOW + DAY * 1000);
        // A copy that comes after the recall, and a quote of that.
        let late = world.fake.write("alice", to, channel_type, "n1", &text("the secret"));
        let quote =
            json!({ "type": 1, "content": "again", "reply": { "message_id": late, "payload": text("the secret") } });
        world.fake.write("bob", back, channel_type, "q2", &quote);

        let history = world.newest(&bob, &theirs).await;
        let texts: Vec<String> = history["messages"].as_array().expect("a page").iter().map(shown).collect();
        assert_eq!((&texts[0][..], &texts[1][..], &texts[3][..]), ("<recalled>", "<recalled>", "<recalled>"));
        assert!(texts[2].contains("so what") && texts[2].contains(r#""payload":{}"#) && texts[4].contains("again"));
        assert!(history["messages"][0]["mark"].get("deadline").is_none(), "the deadline is the author's business");
        let conversations = world.post("/v1/conversations", &bob, json!({ "recents": 20 })).await.done();
        let lookup = world.post("/v1/lookup", &alice, with(&mine, json!({ "clientMsgNos": ["n1"] }))).await.done();
        assert_eq!(shown(&lookup["found"][0]), "<recalled>");
        world.until_called("/message/send", if channel_type == 1 { 1 } else { 2 }).await;
        let commands = world.post("/v1/commands", &bob, json!({ "limit": 100 })).await.done();
        let marks = world.post("/v1/marks", &bob, json!({ "channels": [theirs], "limit": 10 })).await.done();
        for road in [&history, &conversations, &lookup, &commands, &marks] {
            let everything = decoded(road);
            assert!(!everything.contains("the secret"), "{everything}");
        }
    }
    world.end().await;
}

/// An answer with all its payloads readable.
fn decoded(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| if name == "payload" { shown(value) } else { decoded(field) }).collect()
        }
        Value::Array(items) => items.iter().map(decoded).collect(),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn a_recall_tells_every_device_by_a_command_to_the_channel() {
    let (world, alice, _) = two_people(&[]).await;
    let message_id = world.fake.write("alice", "bob", 1, "n1", &text("x"));
    world.post("/v1/recall", &alice, with(&person("bob"), named("n1"))).await.done();
    let sent = world.until_called("/message/send", 1).await.remove(0);
    assert_eq!(sent["header"], json!({ "no_persist": 0, "red_dot": 0, "sync_once": 1 }));
    assert_eq!(
        (&sent["from_uid"], &sent["channel_id"], &sent["channel_type"]),
        (&json!("alice"), &json!("bob"), &json!(1))
    );
    let payload: Value = serde_json::from_str(&shown(&sent)).expect("json");
    let param = json!({ "message_id": message_id, "message_seq": 1, "client_msg_no": "n1", "channel_id": "bob", "channel_type": 1,
        "uids": ["alice", "bob"], "version": 1, "operator": "alice" });
    assert_eq!(payload, json!({ "type": 99, "cmd": "messageRevoke", "param": param }));
    world.post("/v1/restore", &alice, with(&person("bob"), named("n1"))).await.done();
    let sent = world.until_called("/message/send", 2).await.remove(1);
    assert!(shown(&sent).contains("messageRestore"));
    world.end().await;
}

#[tokio::test]
async fn a_repeated_recall_answers_the_same_mark_long_after_and_while_wukongim_is_away() {
    let (world, alice, bob) = two_people(&[]).await;
    let message_id = world.fake.write("alice", "bob", 1, "n1", &text("x"));
    let first = world.post("/v1/recall", &alice, with(&person("bob"), named("n1"))).await.done();
    world.until_called("/message/send", 1).await;
    world.fake.lock().down = true;
    world.pass(3600);
    for target in [named("n1"), json!({ "clientMsgNo": "n1", "messageId": message_id, "messageSeq": 1 })] {
        assert_eq!(world.post("/v1/recall", &alice, with(&person("bob"), target)).await.done(), first);
    }
    world.fake.lock().down = false;
    assert_eq!(world.post("/v1/recall", &bob, with(&person("alice"), named("n1"))).await.reason(), "not-author");
    assert_eq!(world.fake.calls_to("/message/send").len(), 1, "nobody is told twice");
    world.end().await;
}

#[tokio::test]
async fn two_recalls_at_once_make_one_mark() {
    let (world, alice, bob) = two_people(&[]).await;
    let id = world.group(&alice, &["bob"]).await;
    world.fake.write("bob", &id, 2, "n1", &text("x"));
    let (channel, target) = (group(&id), named("n1"));
    let ask = |token: String| {
        let body = with(&channel, target.clone());
        let world = &world;
        async move { world.post("/v1/recall", &token, body).await.done() }
    };
    let (one, two, three) = tokio::join!(ask(alice.clone()), ask(bob.clone()), ask(alice.clone()));
    assert_eq!(
        (&one["mark"]["version"], &two["mark"]["version"], &three["mark"]["version"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(one["mark"]["operator"], two["mark"]["operator"]);
    world.end().await;
}

#[tokio::test]
async fn a_recall_beside_a_restore_is_done_before_it_or_after_it() {
    let (world, alice, bob) = two_people(&[]).await;
    world.fake.write("alice", "bob", 1, "n1", &text("hello"));
    let body = with(&person("bob"), named("n1"));
    let act = |path: &'static str| world.post(path, &alice, body.clone());
    act("/v1/recall").await.done();
    for _ in 0..12 {
        let (one, other, third, fourth) =
            tokio::join!(act("/v1/restore"), act("/v1/recall"), act("/v1/restore"), act("/v1/recall"));
        for answer in [one, other, third, fourth] {
            answer.done();
        }
    }
    let marks = world.post("/v1/marks", &bob, json!({ "channels": [person("alice")], "limit": 10 })).await.done();
    assert_eq!(marks["channels"][0]["marks"].as_array().expect("marks").len(), 1);
    world.end().await;
}

#[tokio::test]
async fn the_window_is_the_servers_and_an_owner_has_none() {
    let (world, alice, bob) = two_people(&["--recall-window", "90s"]).await;
    let id = world.group(&alice, &["bob"]).await;
    world.fake.write("bob", &id, 2, "n1", &text("x"));
    world.fake.write("alice", &id, 2, "n2", &text("the owner's"));
    assert_eq!(world.post("/v1/recall", &bob, with(&group(&id), named("n2"))).await.reason(), "not-author");
    world.pass(91);
    let late = world.post("/v1/recall", &bob, with(&group(&id), named("n1"))).await;
    assert_eq!((late.reason(), &late.body["deadline"]), ("window", &json!(NOW + 90_000)));
    let mark = world.post("/v1/recall", &alice, with(&group(&id), named("n1"))).await.done()["mark"].clone();
    assert_eq!((&mark["role"], &mark["author"]), (&json!("owner"), &json!("bob")));
    assert!(mark.get("deadline").is_none(), "the owner is not its author");

    // Its author may write it anew, but not undo what a moderator did.
    let reedit = world.post("/v1/reedit", &bob, with(&group(&id), named("n1"))).await.done();
    assert_eq!(shown(&reedit), text("x").to_string());
    assert_eq!(world.post("/v1/restore", &bob, with(&group(&id), named("n1"))).await.reason(), "not-author");
    assert_eq!(world.post("/v1/restore", &alice, with(&group(&id), named("n1"))).await.reason(), "not-author");
    world.end().await;
}

#[tokio::test]
async fn an_admin_recalls_what_members_wrote_and_nothing_of_owner_and_admins() {
    let world = World::new(&[]).await;
    let (owner, admin) = (world.sign_up("owner").await, world.sign_up("admin").await);
    for uid in ["other", "member"] {
        world.sign_up(uid).await;
    }
    let id = world.group(&owner, &["admin", "other", "member"]).await;
    for uid in ["admin", "other"] {
        world
            .call("PUT", &format!("/v1/groups/{id}/members/{uid}"), Some(&owner), Some(json!({ "role": "admin" })))
            .await
            .done();
    }
    for (number, (author, expected)) in
        [("owner", "not-author"), ("other", "not-author"), ("", "not-author"), ("member", ""), ("left", "")]
            .into_iter()
            .enumerate()
    {
        let name = format!("n{number}");
        world.fake.write(author, &id, 2, &name, &text("x"));
        let answer = world.post("/v1/recall", &admin, with(&group(&id), named(&name))).await;
        match expected {
            "" => assert_eq!(answer.done()["mark"]["role"], "admin", "{author}"),
            reason => assert_eq!(answer.reason(), reason, "{author}"),
        }
    }
    world.end().await;
}

#[tokio::test]
async fn the_policy_tells_whether_an_author_may_restore_what_an_admin_recalled() {
    for allowed in [false, true] {
        let options: &[&str] = if allowed { &["--restore-moderated"] } else { &[] };
        let (world, alice, bob) = two_people(options).await;
        let id = world.group(&bob, &["alice"]).await;
        world.fake.write("alice", &id, 2, "n1", &text("rude"));
        let target = with(&group(&id), named("n1"));
        world.post("/v1/recall", &bob, target.clone()).await.done();
        assert_eq!(world.get("/v1/policy", &alice).await.done()["restoreModerated"], allowed);
        let answer = world.post("/v1/restore", &alice, target).await;
        assert_eq!(answer.status == 200, allowed);
        world.end().await;
    }
}

#[tokio::test]
async fn a_restore_shows_the_content_again_to_all_and_may_be_recalled_again() {
    let (world, alice, bob) = two_people(&["--recall-window", "none"]).await;
    world.fake.write("alice", "bob", 1, "n1", &text("back"));
    let target = with(&person("bob"), named("n1"));
    assert_eq!(world.post("/v1/restore", &alice, target.clone()).await.reason(), "not-recalled");
    world.post("/v1/recall", &alice, target.clone()).await.done();
    assert_eq!(world.post("/v1/restore", &bob, with(&person("alice"), named("n1"))).await.reason(), "not-author");
    let mark = world.post("/v1/restore", &alice, target.clone()).await.done()["mark"].clone();
    assert_eq!(
        (&mark["state"], &mark["version"], shown(&mark)),
        (&json!("restored"), &json!(2), text("back").to_string())
    );
    assert_eq!(world.post("/v1/restore", &alice, target.clone()).await.done()["mark"], mark, "a repeated one");
    assert_eq!(world.post("/v1/reedit", &alice, target.clone()).await.reason(), "not-recalled");
    let page = world.newest(&bob, &person("alice")).await;
    assert_eq!(
        (shown(&page["messages"][0]), &page["messages"][0]["mark"]["state"]),
        (text("back").to_string(), &json!("restored"))
    );

    // The content of a message that is shown again is kept for the feed, however long.
    world.pass(3 * DAY);
    world.server.tidy().await.expect("tidy");
    let marks = world.post("/v1/marks", &bob, json!({ "channels": [person("alice")], "limit": 10 })).await.done();
    assert_eq!(shown(&marks["channels"][0]["marks"][0]), text("back").to_string());
    let again = world.post("/v1/recall", &alice, target).await.done()["mark"].clone();
    assert_eq!((&again["state"], &again["version"]), (&json!("recalled"), &json!(3)));
    let marks = world
        .post("/v1/marks", &bob, json!({ "channels": [with(&person("alice"), json!({ "since": 2 }))], "limit": 10 }))
        .await
        .done();
    assert_eq!(
        marks["channels"][0]["marks"].as_array().map(Vec::len),
        Some(1),
        "each mark once, at its newest version"
    );
    assert!(marks["channels"][0]["marks"][0].get("payload").is_none());
    world.end().await;
}

#[tokio::test]
async fn after_the_deadline_the_sealed_content_is_deleted_and_given_to_nobody() {
    let (world, alice, _) = two_people(&["--restore-window", "1h"]).await;
    world.fake.write("alice", "bob", 1, "n1", &text("x"));
    let target = with(&person("bob"), named("n1"));
    world.post("/v1/recall", &alice, target.clone()).await.done();
    assert_eq!(shown(&world.post("/v1/reedit", &alice, target.clone()).await.done()), text("x").to_string());
    world.pass(3600);
    assert_eq!(world.post("/v1/reedit", &alice, target.clone()).await.status, 200, "at the deadline it is still there");
    world.pass(1);
    for path in ["/v1/reedit", "/v1/restore"] {
        let late = world.post(path, &alice, target.clone()).await;
        assert_eq!((late.reason(), &late.body["deadline"]), ("window", &json!(NOW + 3_600_000)), "{path}");
    }
    let channel = Channel::from_key(1, "alice@bob").expect("a channel");
    let mark = &world.server.store().feed(&channel, Default::default(), 10).await.expect("a feed").marks[0];
    assert!(world.server.store().sealed(&channel, &mark.key).await.expect("a look").is_some());
    world.server.tidy().await.expect("tidy");
    assert_eq!(world.server.store().sealed(&channel, &mark.key).await.expect("a look"), None);
    world.end().await;
}

#[tokio::test]
async fn what_a_restored_message_quotes_stays_recalled() {
    let (world, alice, bob) = two_people(&[]).await;
    let quoted = world.fake.write("bob", "alice", 1, "b1", &text("bob's secret"));
    let quote =
        json!({ "type": 1, "content": "mine", "reply": { "message_id": quoted, "payload": text("bob's secret") } });
    world.fake.write("alice", "bob", 1, "a1", &quote);
    world.post("/v1/recall", &alice, with(&person("bob"), named("a1"))).await.done();
    world.post("/v1/recall", &bob, with(&person("alice"), named("b1"))).await.done();
    let reedit = world.post("/v1/reedit", &alice, with(&person("bob"), named("a1"))).await.done();
    let restored = world.post("/v1/restore", &alice, with(&person("bob"), named("a1"))).await.done();
    let feed = world.post("/v1/marks", &bob, json!({ "channels": [person("alice")], "limit": 10 })).await.done();
    for road in [&reedit, &restored, &feed] {
        assert!(decoded(road).contains("mine") && !decoded(road).contains("bob's secret"), "{}", decoded(road));
    }
    world.end().await;
}

#[tokio::test]
async fn a_message_without_a_name_is_known_by_its_id_and_ids_must_fit() {
    for old in [false, true] {
        let (world, alice, _) = two_people(&[]).await;
        world.fake.lock().old = old;
        let one = world.fake.write("alice", "bob", 1, "", &text("one"));
        world.fake.write("alice", "bob", 1, "", &text("two"));
        let named_one = world.fake.write("alice", "bob", 1, "n1", &text("three"));
        let recall = async |target: Value| world.post("/v1/recall", &alice, with(&person("bob"), target)).await;
        assert_eq!(recall(json!({})).await.refused(), (400, "invalid"));
        assert_eq!(recall(json!({ "clientMsgNo": "n1", "messageId": one })).await.reason(), "unknown-message");
        assert_eq!(recall(json!({ "messageId": named_one, "messageSeq": 3 })).await.reason(), "unknown-message");
        assert_eq!(recall(json!({ "clientMsgNo": "n9" })).await.reason(), "unknown-message");
        recall(json!({ "messageId": one })).await.done();
        let page = world.newest(&alice, &person("bob")).await;
        let texts: Vec<String> = page["messages"].as_array().expect("a page").iter().map(shown).collect();
        assert_eq!((&texts[0][..], &texts[1]), ("<recalled>", &text("two").to_string()), "old {old}");
        world.end().await;
    }
}

#[tokio::test]
async fn all_copies_are_found_with_and_without_an_index_behind_many_messages() {
    for (old, hint) in [(false, false), (true, true), (true, false)] {
        let (world, alice, bob) = two_people(&[]).await;
        world.fake.lock().old = old;
        let id = world.group(&alice, &["bob"]).await;
        world.fake.write("bob", &id, 2, "same", &text("bob's, under the same name"));
        world.fake.write("alice", &id, 2, "same", &text("x"));
        for number in 0..300 {
            world.fake.write("bob", &id, 2, &format!("b{number}"), &text("noise"));
        }
        let last = world.fake.write("alice", &id, 2, "same", &text("x"));
        let mut target = named("same");
        if hint {
            target = with(&target, json!({ "messageId": last, "messageSeq": 303 }));
        }
        let mark = world.post("/v1/recall", &alice, with(&group(&id), target)).await.done()["mark"].clone();
        let seqs: Vec<u64> =
            mark["copies"].as_array().expect("copies").iter().filter_map(|copy| copy["messageSeq"].as_u64()).collect();
        // Without an index an earlier copy is looked for near the one that was named.
        assert_eq!(seqs, if hint { vec![303] } else { vec![2, 303] }, "old {old}");
        let all = world
            .post("/v1/history", &bob, with(&group(&id), json!({ "start": 1, "end": 3, "limit": 5, "pull": "newer" })))
            .await
            .done();
        let texts: Vec<String> = all["messages"].as_array().expect("a page").iter().map(shown).collect();
        assert_eq!(
            texts,
            [text("bob's, under the same name").to_string(), "<recalled>".to_owned()],
            "the name covers every copy"
        );
        world.end().await;
    }
}

#[tokio::test]
async fn the_feed_is_read_in_pages_by_version() {
    let (world, alice, bob) = two_people(&[]).await;
    for number in 1..=5 {
        world.fake.write("alice", "bob", 1, &format!("n{number}"), &text("x"));
        world.post("/v1/recall", &alice, with(&person("bob"), named(&format!("n{number}")))).await.done();
    }
    let (mut since, mut versions) = (0, Vec::new());
    loop {
        let asked = json!({ "channels": [with(&person("alice"), json!({ "since": since }))], "limit": 2 });
        let page = world.post("/v1/marks", &bob, asked).await.done()["channels"][0].clone();
        versions.extend(page["marks"].as_array().expect("marks").iter().filter_map(|mark| mark["version"].as_u64()));
        since = page["version"].as_u64().expect("a version");
        if page["more"] == false {
            break;
        }
    }
    assert_eq!((since, versions), (5, vec![1, 2, 3, 4, 5]));
    world.end().await;
}

#[tokio::test]
async fn the_audit_tells_who_did_what_and_what_was_refused_and_cannot_be_changed() {
    let (world, alice, bob) = two_people(&[]).await;
    world.fake.write("alice", "bob", 1, "n1", &text("x"));
    let (mine, his) = (with(&person("bob"), named("n1")), with(&person("alice"), named("n1")));
    assert_eq!(world.post("/v1/recall", &bob, his).await.reason(), "not-author");
    world.pass(5);
    for path in ["/v1/recall", "/v1/recall", "/v1/reedit", "/v1/restore"] {
        world.post(path, &alice, mine.clone()).await.done();
    }
    let channel = Channel::from_key(1, "alice@bob").expect("a channel");
    let rows = world.server.store().audit(&channel, 10).await.expect("the audit");
    let told: Vec<(i64, &str, &str, &str, Option<u64>)> = rows
        .iter()
        .map(|row| (row.at.0 - NOW, row.actor.as_str(), row.action.as_str(), row.outcome.as_str(), row.version))
        .collect();
    assert_eq!(
        told,
        [
            (0, "bob", "recall", "not-author", None),
            (5000, "alice", "recall", "author", Some(1)),
            (5000, "alice", "re-edit", "given", Some(1)),
            (5000, "alice", "restore", "author", Some(2)),
        ]
    );
    assert!(rows.iter().all(|row| row.road == "api" && row.author == "alice" && row.target == "c:n1"));
    let pool = world.database().await;
    for statement in ["DELETE FROM audit", "UPDATE audit SET actor = 'nobody'"] {
        assert!(sqlx::query(statement).execute(&pool).await.is_err(), "{statement}");
    }
    pool.close().await;
    world.end().await;
}

#[tokio::test]
async fn sealed_content_is_not_on_disk_in_clear() {
    let (world, alice, _) = two_people(&[]).await;
    world.fake.write("alice", "bob", 1, "n1", &text("zyzzyva"));
    world.post("/v1/recall", &alice, with(&person("bob"), named("n1"))).await.done();
    for entry in std::fs::read_dir(world.folder()).expect("the folder") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        assert!(!bytes.windows(7).any(|window| window == b"zyzzyva"));
    }
    world.end().await;
}

/// A database takes so many values in one statement and no more; a member must not be able to take a channel's history from the others.
#[tokio::test]
async fn a_page_that_quotes_tens_of_thousands_of_messages_is_shown_without_what_was_recalled() {
    let (world, alice, _) = two_people(&[]).await;
    let secret = world.fake.write("alice", "bob", 1, "n1", &text("the secret"));
    for page in 0..60 {
        let quote = |at: u64| json!({ "message_id": (1000 * page + at + 1).to_string(), "payload": 0 });
        let mut quotes: Vec<Value> = (0..600).map(quote).collect();
        quotes.push(json!({ "message_id": secret, "payload": text("the secret") }));
        world.fake.write("bob", "alice", 1, &format!("q{page}"), &json!({ "type": 11, "msgs": quotes }));
    }
    world.post("/v1/recall", &alice, with(&person("bob"), named("n1"))).await.done();
    let asked = with(&person("bob"), json!({ "start": 0, "end": 0, "limit": 200, "pull": "older" }));
    let page = world.post("/v1/history", &alice, asked).await.done();
    let shown: Vec<String> = page["messages"].as_array().expect("messages").iter().map(shown).collect();
    assert_eq!((shown.len(), shown[0].as_str()), (61, "<recalled>"));
    assert!(shown.iter().all(|message| !message.contains("the secret")));
    world.end().await;
}
