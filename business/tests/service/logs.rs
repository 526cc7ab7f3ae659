//! What is logged holds nothing private, at any level and of any library.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::json;

use crate::world::{World, person, text, with};

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Keep;

impl io::Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps everything that all tests of this process log.
pub fn keep() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(|| Keep).with_ansi(false).init()
    });
}

#[tokio::test]
async fn no_log_line_holds_a_uid_a_token_a_password_or_a_content() {
    let world = World::new(&[]).await;
    let token = world.sign_up("quagga").await;
    world.sign_up("okapi").await;
    let id = world.group(&token, &["okapi"]).await;
    world.fake.write("quagga", "okapi", 1, "name-of-a-message", &text("content-of-a-message"));
    world
        .post("/v1/recall", &token, with(&person("okapi"), json!({ "clientMsgNo": "name-of-a-message" })))
        .await
        .done();
    world.newest(&token, &person("okapi")).await;
    world
        .post("/v1/lookup", &token, with(&person("okapi"), json!({ "clientMsgNos": ["name-of-a-message"] })))
        .await
        .done();
    world.settle().await;
    world.fake.lock().down = true;
    world.post("/v1/conversations", &token, json!({ "recents": 5 })).await;
    world.get(&format!("/v1/groups/{id}"), &token).await.done();
    world.end().await;
    let lines = String::from_utf8_lossy(&LINES.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    assert!(lines.contains("/v1/recall"), "requests are logged by their route");
    for private in ["quagga", "okapi", &token, "correct horse", "name-of-a-message", "content-of-a-message", &id] {
        let line = lines.lines().find(|line| line.contains(private));
        assert_eq!(line, None);
    }
}
