//! Sign up, log in, log out, and what WuKongIM learns of it.

use serde_json::{Value, json};

use crate::world::World;

fn login(uid: &str, password: &str) -> Option<Value> {
    Some(json!({ "uid": uid, "password": password }))
}

fn registered(world: &World, uid: &str) -> Option<String> {
    world.fake.lock().tokens.get(&(uid.to_owned(), 1)).cloned()
}

#[tokio::test]
async fn a_sign_up_opens_a_session_whose_token_wukongim_knows() {
    let world = World::new(&[]).await;
    let token = world.sign_up("alice").await;
    assert_eq!(registered(&world, "alice"), Some(token.clone()));
    assert_eq!(
        world.fake.calls_to("/user/token")[0]["device_level"],
        0,
        "a master's token would end other connections"
    );
    assert_eq!(world.get("/v1/me", &token).await.done(), json!({ "uid": "alice", "name": "ALICE" }));
    world.end().await;
}

#[tokio::test]
async fn every_login_of_one_kind_of_device_gets_the_same_token_until_a_logout() {
    let world = World::new(&[]).await;
    let first = world.sign_up("alice").await;
    world.pass(10);
    let again = world.call("POST", "/v1/login", None, login("alice", "correct horse")).await.done();
    assert_eq!(again["token"], first.as_str());
    let mut pc = login("alice", "correct horse").expect("a body");
    pc["deviceFlag"] = json!(2);
    let pc = world.call("POST", "/v1/login", None, Some(pc)).await.done();
    assert_ne!(pc["token"], first.as_str());

    world.call("POST", "/v1/logout", Some(&first), None).await.done();
    assert_eq!(world.get("/v1/me", &first).await.refused(), (401, "unauthorized"));
    assert_eq!(world.get("/v1/me", pc["token"].as_str().expect("a token")).await.status, 200, "another kind of device");
    let quits = world.until_called("/user/device_quit", 1).await;
    assert_eq!(quits, [json!({ "uid": "alice", "device_flag": 1 })]);

    let next = world.call("POST", "/v1/login", None, login("alice", "correct horse")).await.done();
    assert_ne!(next["token"], first.as_str());
    assert_eq!(registered(&world, "alice").as_deref(), next["token"].as_str());
    world.end().await;
}

#[tokio::test]
async fn a_login_right_after_a_logout_keeps_its_token_at_wukongim() {
    let world = World::new(&[]).await;
    let first = world.sign_up("alice").await;
    world.fake.lock().down = true;
    world.call("POST", "/v1/logout", Some(&first), None).await.done();
    world.fake.lock().down = false;
    let next = world.call("POST", "/v1/login", None, login("alice", "correct horse")).await.done();
    // Whatever the log-out still owed is not done to the new session.
    world.pass(120);
    world.server.tidy().await.expect("tidy");
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(registered(&world, "alice").as_deref(), next["token"].as_str());
    world.end().await;
}

#[tokio::test]
async fn an_expired_session_ends_here_and_at_wukongim_and_a_login_begins_another() {
    let world = World::new(&["--session-lifetime", "1h"]).await;
    let first = world.sign_up("alice").await;
    world.pass(3599);
    assert_eq!(world.get("/v1/me", &first).await.status, 200);
    world.pass(2);
    assert_eq!(world.get("/v1/me", &first).await.refused(), (401, "unauthorized"));
    world.server.tidy().await.expect("tidy");
    world.until_called("/user/device_quit", 1).await;
    let next = world.call("POST", "/v1/login", None, login("alice", "correct horse")).await.done();
    assert_ne!(next["token"], first.as_str());
    world.end().await;
}

#[tokio::test]
async fn a_restart_keeps_sessions_and_tells_wukongim_tokens_that_it_lost() {
    let world = World::new(&[]).await;
    let token = world.sign_up("alice").await;
    world.fake.lock().tokens.clear();
    let world = world.restart().await;
    assert_eq!(world.get("/v1/me", &token).await.status, 200);
    world.until_called("/user/token", 2).await;
    assert_eq!(registered(&world, "alice"), Some(token));
    world.end().await;
}

#[tokio::test]
async fn wrong_names_and_passwords_are_refused_alike() {
    let world = World::new(&[]).await;
    world.sign_up("alice").await;
    let mut texts = Vec::new();
    for (uid, password) in
        [("alice", "wrong password"), ("nobody", "correct horse"), ("a@b", "correct horse"), ("", "")]
    {
        let answer = world.call("POST", "/v1/login", None, login(uid, password)).await;
        assert_eq!(answer.refused(), (401, "unauthorized"), "{uid}");
        texts.push(answer.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "nobody learns which uids have an account");
    world.end().await;
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong_in_words_of_ours() {
    let world = World::new(&[]).await;
    let alice = world.sign_up("alice").await;
    world.sign_up("bob").await;
    let group = world.group(&alice, &[]).await;
    for (method, path, token, body, code, sentence) in [
        (
            "POST",
            "/v1/login",
            None,
            login("alice", "wrong password"),
            "unauthorized",
            "the uid or the password is wrong",
        ),
        ("POST", "/v1/login", None, Some(json!({ "uid": "alice" })), "invalid", "the body lacks \"password\""),
        (
            "POST",
            "/v1/login",
            None,
            Some(json!({ "uid": ["alice"] })),
            "invalid",
            "the body is not what this request takes",
        ),
        ("GET", "/v1/groups/%ff", Some(&*alice), None, "invalid", "this path cannot be read"),
        (
            "DELETE",
            &format!("/v1/groups/{group}/members/bob"),
            Some(&*alice),
            None,
            "not-found",
            "or no such member in it",
        ),
    ] {
        let answer = world.call(method, path, token, body).await;
        let message = answer.body["message"].as_str().expect(path);
        assert!(answer.refused().1 == code && message.contains(sentence), "{method} {path}: {}", answer.text);
        assert!(!message.contains("alice"), "{message}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_taken_uid_a_short_password_and_a_bad_name_are_refused() {
    let world = World::new(&[]).await;
    world.sign_up("alice").await;
    let table = [
        ("alice", "Alice", "correct horse", (409, "conflict")),
        ("bob", "Bob", "short", (400, "invalid")),
        ("bob", "", "correct horse", (400, "invalid")),
        ("bob", "B\u{7}b", "correct horse", (400, "invalid")),
        ("b@b", "Bob", "correct horse", (400, "invalid")),
        ("____system", "Bob", "correct horse", (400, "invalid")),
        ("x____cmd", "Bob", "correct horse", (400, "invalid")),
        (".", "Bob", "correct horse", (400, "invalid")),
        ("..", "Bob", "correct horse", (400, "invalid")),
        ("ALICE", "Alice", "correct horse", (409, "conflict")),
    ];
    for (uid, name, password, expected) in table {
        let body = json!({ "uid": uid, "name": name, "password": password });
        assert_eq!(world.call("POST", "/v1/signup", None, Some(body)).await.refused(), expected, "{uid} {name}");
    }
    let reserved = json!({ "uid": "bob", "name": "Bob", "password": "correct horse", "deviceFlag": 99 });
    assert_eq!(world.call("POST", "/v1/signup", None, Some(reserved)).await.refused(), (400, "invalid"));
    world.end().await;
}

#[tokio::test]
async fn a_flag_forbids_sign_up() {
    let world = World::new(&["--no-signup"]).await;
    let body = json!({ "uid": "alice", "name": "Alice", "password": "correct horse" });
    assert_eq!(world.call("POST", "/v1/signup", None, Some(body)).await.refused(), (403, "signup-disabled"));
    assert_eq!(world.call("GET", "/v1/about", None, None).await.done()["signup"], false);
    world.end().await;
}

#[tokio::test]
async fn guessing_a_password_is_slowed_down_for_the_uid_and_no_other() {
    let world = World::new(&[]).await;
    world.sign_up("alice").await;
    world.sign_up("bob").await;
    let mut refused = Vec::new();
    for _ in 0..22 {
        refused.push(world.call("POST", "/v1/login", None, login("alice", "wrong password")).await);
    }
    assert_eq!(refused[19].refused(), (401, "unauthorized"));
    let limited = refused.pop().expect("the last");
    assert_eq!(limited.refused(), (429, "rate-limited"));
    assert!(
        limited.headers.contains_key("retry-after") && limited.body["retryAfter"].as_i64().is_some_and(|wait| wait > 0)
    );
    assert_eq!(world.call("POST", "/v1/login", None, login("bob", "correct horse")).await.status, 200);
    world.pass(60);
    assert_eq!(world.call("POST", "/v1/login", None, login("alice", "correct horse")).await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn one_address_cannot_try_without_end() {
    let world = World::new(&["--login-burst", "3"]).await;
    world.sign_up("alice").await;
    let claimed = [("x-forwarded-for", "203.0.113.9")];
    let body = |uid: usize| json!({ "uid": format!("u{uid}"), "password": "correct horse" }).to_string().into_bytes();
    let mut last = 0;
    for uid in 0..3 {
        last = world.raw("POST", "/v1/login", None, body(uid), &claimed).await.status;
    }
    assert_eq!(last, 429, "whatever address it claims");
    world.end().await;
}

#[tokio::test]
async fn no_token_and_no_password_is_stored_in_clear() {
    let world = World::new(&[]).await;
    let token = world.sign_up("alice").await;
    let folder = world.folder().clone();
    for entry in std::fs::read_dir(&folder).expect("the folder") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        for secret in [token.as_bytes(), b"correct horse"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
    world.end().await;
}

#[tokio::test]
async fn the_demo_has_people_and_a_group_once() {
    let world = World::new(&["--demo"]).await;
    let about = world.call("GET", "/v1/about", None, None).await.done();
    let password = about["demo"]["password"].as_str().expect("a password").to_owned();
    let world = world.restart().await;
    let alice = world.call("POST", "/v1/login", None, login("alice", &password)).await.done();
    let token = alice["token"].as_str().expect("a token");
    let groups = world.get("/v1/groups", token).await.done();
    assert_eq!(groups["groups"][0]["members"].as_array().map(Vec::len), Some(3));
    assert_eq!(groups["groups"].as_array().map(Vec::len), Some(1));
    world.until_called("/channel", 1).await;
    world.end().await;
}

#[tokio::test]
async fn a_demo_whose_first_start_broke_off_is_made_complete_and_nobody_elses_server_becomes_one() {
    let world = World::new(&["--demo"]).await;
    let database = world.database().await;
    for left in ["DELETE FROM members", "DELETE FROM chat_groups", "DELETE FROM people WHERE uid > 'alice'"] {
        sqlx::query(left).execute(&database).await.expect(left);
    }
    database.close().await;
    let world = world.restart().await;
    let alice = world.call("POST", "/v1/login", None, login("alice", "demo")).await.done();
    let groups = world.get("/v1/groups", alice["token"].as_str().expect("a token")).await.done();
    assert_eq!(groups["groups"][0]["members"].as_array().map(Vec::len), Some(3));
    world.end().await;

    let world = World::new(&["--demo"]).await;
    let database = world.database().await;
    for other in ["DELETE FROM members", "DELETE FROM chat_groups", "UPDATE people SET uid = 'dora' WHERE uid = 'bob'"]
    {
        sqlx::query(other).execute(&database).await.expect(other);
    }
    database.close().await;
    let world = world.restart().await;
    assert_eq!(world.call("POST", "/v1/login", None, login("bob", "demo")).await.status, 401);
    world.end().await;
}

#[tokio::test]
async fn people_are_found_by_uid_and_name_and_signs_of_a_pattern_are_plain_text() {
    let world = World::new(&[]).await;
    let alice = world.sign_up("alice").await;
    world.sign_up("bob_b").await;
    world.sign_up("bobab").await;
    let found = async |query: &str| {
        let people = world.get(&format!("/v1/people?{query}"), &alice).await.done();
        people["people"]
            .as_array()
            .expect("people")
            .iter()
            .map(|person| person["uid"].as_str().expect("uid").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("query=BOB").await, ["bob_b", "bobab"]);
    assert_eq!(found("query=b_b").await, ["bob_b"]);
    assert_eq!(found("query=%25").await, Vec::<String>::new());
    assert_eq!(found("limit=1").await, ["alice"]);
    for wrong in ["limit=0", "limit=201", "limit=x", &format!("query={}", "x".repeat(65))] {
        assert_eq!(world.get(&format!("/v1/people?{wrong}"), &alice).await.refused(), (400, "invalid"), "{wrong}");
    }
    world.end().await;
}

#[tokio::test]
async fn people_are_found_whatever_their_capitals_and_who_is_asked_for_by_uid_comes_first() {
    let world = World::new(&[]).await;
    let alice = world.sign_up("alice").await;
    for (uid, name) in [("z9", "Élodie"), ("az9", "Алиса"), ("bz9", "ÖMER")] {
        let body = json!({ "uid": uid, "name": name, "password": "correct horse" });
        world.call("POST", "/v1/signup", None, Some(body)).await.done();
    }
    let first = async |world: &World, query: &str| {
        let people = world.get(&format!("/v1/people?limit=1&query={query}"), &alice).await.done();
        people["people"][0]["uid"].as_str().map(str::to_owned)
    };
    for (query, uid) in [
        ("%C3%89lodie", "z9"),
        ("%C3%A9LODIE", "z9"),
        ("%D0%90%D0%BB%D0%B8", "az9"),
        ("%C3%B6mer", "bz9"),
        ("z9", "z9"),
        ("Z9", "az9"),
    ] {
        assert_eq!(first(&world, query).await.as_deref(), Some(uid), "{query}");
    }
    world.end().await;
}

#[tokio::test]
async fn accounts_from_before_are_found_and_let_in_though_they_differ_in_capitals_only() {
    let world = World::new(&[]).await;
    let alice = world.sign_up("alice").await;
    let database = world.database().await;
    sqlx::query(
        "INSERT INTO people SELECT 'ALICE', 'Éva', password_hash, created_at, NULL FROM people WHERE uid = 'alice'",
    )
    .execute(&database)
    .await
    .expect("an account as an older server wrote it");
    database.close().await;
    let world = world.restart().await;
    let found = world.get("/v1/people?query=%C3%89va", &alice).await.done();
    assert_eq!(found["people"][0]["uid"], "ALICE");
    for uid in ["alice", "ALICE"] {
        let session = world.call("POST", "/v1/login", None, login(uid, "correct horse")).await.done();
        assert_eq!(session["uid"], uid);
    }
    world.end().await;
}
