//! The page, its policy and its caching.

use jindou_business::service::StartError;

use crate::world::World;

#[tokio::test]
async fn the_page_is_served_under_a_strict_policy_that_names_the_gateway() {
    let folder = std::env::temp_dir().join(format!("jindou-page-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for (file, content) in [
        ("index.html", "<!doctype html>"),
        ("worker.0a1b2c3d4e.js", "1"),
        ("jindou_bg.wasm", "\0asm"),
        ("plain.js", "2"),
    ] {
        std::fs::write(folder.join(file), content).expect("a file");
    }
    let world = World::new(&["--page", folder.to_str().expect("UTF-8")]).await;
    let get = async |path: &str| world.raw("GET", path, None, Vec::new(), &[]).await;
    for (path, kind, caching) in [
        ("/", "text/html", "no-cache"),
        ("/worker.0a1b2c3d4e.js", "text/javascript", "public, max-age=31536000, immutable"),
        ("/jindou_bg.wasm", "application/wasm", "no-cache"),
        ("/plain.js", "text/javascript", "no-cache"),
    ] {
        let answer = get(path).await;
        let header =
            |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        assert_eq!(
            (answer.status, header("content-type"), header("cache-control")),
            (200, kind.to_owned(), caching.to_owned()),
            "{path}"
        );
        let policy = header("content-security-policy");
        assert!(policy.contains("connect-src 'self' ws://127.0.0.1:5200;"), "{policy}");
        assert!(
            policy.contains("script-src 'self' 'wasm-unsafe-eval';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
    }
    assert_eq!(get("/none.0a1b2c3d4e.js").await.headers["cache-control"], "no-cache", "an absence is not kept");
    let endless = format!("/{}", "a".repeat(5000));
    let nowhere = ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "//etc/passwd", "/index.html/x", "/a%00b", "/%ff"];
    for path in nowhere.into_iter().chain([endless.as_str()]) {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    let api = get("/v1/about").await;
    assert_eq!(api.headers["cache-control"], "no-store");
    assert!(!api.headers.contains_key("access-control-allow-origin"), "no other origin by default");
    world.end().await;
    std::fs::remove_dir_all(&folder).expect("our own folder");
}

#[tokio::test]
async fn a_page_opened_while_wukongim_is_away_may_still_reach_its_host_later() {
    let folder = std::env::temp_dir().join(format!("jindou-early-page-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("index.html"), "<!doctype html>").expect("a file");
    let world = World::new(&["--page", folder.to_str().expect("UTF-8")]).await;
    world.fake.lock().down = true;
    let page = world.raw("GET", "/", None, Vec::new(), &[]).await;
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("connect-src 'self' ws://127.0.0.1:* wss://127.0.0.1:*;"), "{policy}");
    world.end().await;
    std::fs::remove_dir_all(&folder).expect("our own folder");
}

#[tokio::test]
async fn a_folder_without_a_page_is_served_to_nobody() {
    let folder = std::env::temp_dir().join(format!("jindou-no-page-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("secret"), "1").expect("a file");
    let path = folder.to_str().expect("UTF-8");
    let world = World::new(&[]).await;
    let refused = world.second(&["--page", path]).await.err().expect("it is refused");
    assert!(matches!(refused, StartError::Page(_)));
    assert!(refused.to_string().contains(path), "{refused}");
    world.end().await;
    std::fs::remove_dir_all(&folder).expect("our own folder");
}

#[tokio::test]
async fn another_origin_is_allowed_only_by_name() {
    let world = World::new(&["--allow-origin", "https://app.example.org"]).await;
    let ask = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization"),
        ];
        world
            .raw("OPTIONS", "/v1/history", None, Vec::new(), &headers)
            .await
            .headers
            .get("access-control-allow-origin")
            .cloned()
    };
    assert_eq!(ask("https://app.example.org").await.expect("allowed"), "https://app.example.org");
    assert_eq!(ask("https://evil.example.org").await, None);
    world.end().await;
}
