//! WuKongIM is away, refuses, or forgets; and the process ends at a bad moment.

use std::time::Duration;

use axum::http::StatusCode;
use jindou_business::service::StartError;
use serde_json::json;

use crate::world::{World, group, person, text, with};

#[tokio::test]
async fn what_cannot_be_answered_now_says_so_without_inner_addresses() {
    let world = World::new(&[]).await;
    let (alice, _) = (world.sign_up("alice").await, world.sign_up("bob").await);
    world.fake.lock().down = true;
    let history = with(&person("bob"), json!({ "limit": 5, "pull": "older" }));
    let calls = [
        ("/v1/history", history),
        ("/v1/conversations", json!({ "recents": 5 })),
        ("/v1/commands", json!({ "limit": 5 })),
        ("/v1/lookup", with(&person("bob"), json!({ "clientMsgNos": ["n1"] }))),
        ("/v1/recall", with(&person("bob"), json!({ "clientMsgNo": "n1" }))),
        ("/v1/login", json!({ "uid": "alice", "password": "correct horse" })),
    ];
    for (path, body) in calls {
        let answer = world.post(path, &alice, body).await;
        assert_eq!((answer.refused(), &answer.body["retryable"]), ((503, "unavailable"), &json!(true)), "{path}");
        assert!(!answer.text.contains("10.1.2.3") && !answer.text.contains("dial"), "{}", answer.text);
    }
    assert_eq!(world.get("/v1/gateway", &alice).await.refused(), (503, "unavailable"));
    assert_eq!(world.get("/v1/me", &alice).await.status, 200, "what needs no WuKongIM goes on");
    world.end().await;
}

#[tokio::test]
async fn a_call_is_tried_again_until_a_leader_is_back() {
    let world = World::new(&[]).await;
    let (alice, _) = (world.sign_up("alice").await, world.sign_up("bob").await);
    world.fake.lock().down = true;
    let fake = world.fake.clone();
    let back = tokio::spawn(async move {
        while fake.calls_to("/channel/messagesync").len() < 2 {
            tokio::task::yield_now().await;
        }
        fake.lock().down = false;
    });
    let answer = world.post("/v1/history", &alice, with(&person("bob"), json!({ "limit": 5, "pull": "older" }))).await;
    back.await.expect("it came back");
    assert_eq!(answer.status, 200, "{}", answer.text);
    world.end().await;
}

#[tokio::test]
async fn a_recall_that_was_recorded_is_told_after_a_restart() {
    let world = World::new(&[]).await;
    let (alice, _) = (world.sign_up("alice").await, world.sign_up("bob").await);
    world.fake.write("alice", "bob", 1, "n1", &text("x"));
    let recall = world.post("/v1/recall", &alice, with(&person("bob"), json!({ "clientMsgNo": "n1" })));
    let fake = world.fake.clone();
    let cut = async {
        // From the moment of the look-up on nothing is answered.
        while fake.calls_to("/channel/messagesync").is_empty() {
            tokio::task::yield_now().await;
        }
        fake.lock().down = true;
    };
    let (answer, ()) = tokio::join!(recall, cut);
    // The cut may have come in the middle of the look-up; then nothing was recorded, and the client asks again.
    let recorded = answer.status == 200;
    let world = world.restart().await;
    world.fake.lock().down = false;
    if !recorded {
        world.post("/v1/recall", &alice, with(&person("bob"), json!({ "clientMsgNo": "n1" }))).await.done();
    }
    world.settle().await;
    let sent = world.fake.calls_to("/message/send");
    let names: std::collections::BTreeSet<String> = sent.iter().map(|call| call["client_msg_no"].to_string()).collect();
    assert_eq!(names.len(), 1, "every attempt has the same name");
    world.end().await;
}

#[tokio::test]
async fn a_command_that_wukongim_took_and_lost_is_sent_again_until_it_is_stored() {
    for (old, sends) in [(false, 3), (true, 1)] {
        let world = World::new(&[]).await;
        let (alice, _) = (world.sign_up("alice").await, world.sign_up("bob").await);
        world.fake.write("alice", "bob", 1, "n1", &text("x"));
        world.fake.lock().old = old;
        world.fake.lock().lost = 2;
        world.post("/v1/recall", &alice, with(&person("bob"), json!({ "clientMsgNo": "n1" }))).await.done();
        world.settle().await;
        let sent = world.fake.calls_to("/message/send");
        assert_eq!(sent.len(), sends, "without an index nothing can be looked for");
        assert!(sent.iter().all(|call| call["client_msg_no"] == sent[0]["client_msg_no"]));
        world.end().await;
    }
}

#[tokio::test]
async fn a_command_that_the_index_of_a_cluster_lacks_is_looked_for_in_the_log_before_it_is_sent_again() {
    for lost in [0, 2] {
        let world = World::new(&[]).await;
        let (alice, _) = (world.sign_up("alice").await, world.sign_up("bob").await);
        let id = world.group(&alice, &["bob"]).await;
        world.settle().await;
        for (to, channel_type) in [("bob", 1), (id.as_str(), 2)] {
            world.fake.write("alice", to, channel_type, "n1", &text("x"));
            world.fake.lock().index_is_behind = true;
            world.fake.lock().lost = lost;
            let before = world.fake.calls_to("/message/send").len();
            let channel = if channel_type == 1 { person(to) } else { group(to) };
            world.post("/v1/recall", &alice, with(&channel, json!({ "clientMsgNo": "n1" }))).await.done();
            world.settle().await;
            let sent = world.fake.calls_to("/message/send").len() - before;
            assert_eq!(sent, 1 + lost as usize, "to a channel of type {channel_type}");
        }
        world.end().await;
    }
}

#[tokio::test]
async fn an_errand_that_is_refused_for_ever_does_not_hold_up_the_next() {
    let world = World::new(&[]).await;
    let (alice, _) = (world.sign_up("alice").await, world.sign_up("bob").await);
    world.fake.lock().refused.insert("/channel");
    let id = world.group(&alice, &[]).await;
    world.fake.lock().refused.clear();
    world.post(&format!("/v1/groups/{id}/members"), &alice, json!({ "uids": ["bob"] })).await.done();
    assert!(world.fake.lock().subscribers[&id].contains("bob"));
    world.end().await;
}

#[tokio::test]
async fn what_another_program_answers_in_wukongims_place_loses_nothing() {
    let page = "<html>It works!</html>";
    let others = [
        (StatusCode::OK, page),
        (StatusCode::FOUND, ""),
        (StatusCode::UNAUTHORIZED, ""),
        (StatusCode::FORBIDDEN, page),
        (StatusCode::NOT_FOUND, page),
        (StatusCode::OK, "null"),
    ];
    let world = World::new(&[]).await;
    let (alice, _) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let id = world.group(&alice, &["bob"]).await;
    world.settle().await;
    world.fake.lock().foreign = Some(others[0]);
    world.call("DELETE", &format!("/v1/groups/{id}/members/bob"), Some(&alice), None).await.done();
    for other in others {
        world.fake.lock().foreign = Some(other);
        let login = json!({ "uid": "alice", "password": "correct horse" });
        let history = with(&person("bob"), json!({ "limit": 5, "pull": "older" }));
        for (path, body) in [("/v1/login", login), ("/v1/history", history)] {
            let answer = world.post(path, &alice, body).await;
            assert_eq!(answer.refused(), (502, "unavailable"), "{path} {other:?}");
            assert!(answer.text.contains("message server") && !answer.text.contains("html"), "{}", answer.text);
        }
        // Until it has been tried.
        let attempts = world.fake.lock().foreign_calls;
        while world.fake.lock().foreign_calls == attempts {
            world.pass(61);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    world.fake.lock().foreign = None;
    world.settle().await;
    assert!(!world.fake.lock().subscribers[&id].contains("bob"), "he would still be told everything");
    world.end().await;
}

#[tokio::test]
async fn an_errand_that_cannot_be_read_does_not_hold_up_the_others() {
    let world = World::new(&[]).await;
    let alice = world.sign_up("alice").await;
    let pool = world.database().await;
    let damaged = "INSERT INTO errands (lane, body, attempts, next_at) VALUES ('x', '{\"kind\":\"nonsense\"}', 0, 0)";
    sqlx::query(damaged).execute(&pool).await.expect("inserted");
    pool.close().await;
    let id = world.group(&alice, &[]).await;
    world.settle().await;
    assert!(world.fake.lock().subscribers.contains_key(&id));
    world.end().await;
}

#[tokio::test]
async fn whom_the_message_server_has_banned_is_told_so() {
    let world = World::new(&[]).await;
    world.sign_up("alice").await;
    world.fake.lock().foreign = Some((StatusCode::OK, r#"{"status":19}"#));
    let login = json!({ "uid": "alice", "password": "correct horse" });
    assert_eq!(world.post("/v1/login", "", login).await.refused(), (403, "forbidden"));
    world.end().await;
}

#[tokio::test]
async fn health_and_stop() {
    let world = World::new(&[]).await;
    assert_eq!(world.call("GET", "/healthz", None, None).await.done(), json!({ "status": "ok" }));
    world.end().await;
}

#[tokio::test]
async fn a_second_server_on_one_data_folder_is_refused_in_a_sentence() {
    let world = World::new(&[]).await;
    let refused = world.second(&[]).await.err().expect("the second is refused");
    assert!(matches!(refused, StartError::FolderInUse(_)));
    let sentence = refused.to_string();
    assert!(sentence.starts_with("another business server is running with the data folder"), "{sentence}");
    assert!(!sentence.contains('\n') && sentence.contains("--data"), "{sentence}");
    let world = world.restart().await;
    world.sign_up("alice").await;
    world.end().await;
}
