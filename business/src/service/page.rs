//! The built page and what browsers are told with it: what it may load, connect to, and keep.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::services::ServeDir;

use super::app::App;
use super::error::ApiError;

/// Headers of every answer, page and API alike.
const ALWAYS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// No file system has a longer name, and being asked for one is no failure of ours.
const LONGEST_NAME: usize = 255;

pub fn router(app: Arc<App>) -> Router<Arc<App>> {
    match app.config.page.clone() {
        Some(folder) => {
            let files = ServeDir::new(folder).precompressed_br().precompressed_gzip();
            Router::new().fallback_service(files).layer(middleware::from_fn_with_state(app, headers))
        }
        None => Router::new().fallback(|| async { ApiError::NotFound("there is nothing here").into_response() }),
    }
}

async fn headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    if uri.path().split('/').any(|name| name.len() > LONGEST_NAME) {
        return ApiError::NotFound("there is nothing here").into_response();
    }
    if app.gateways.sources().is_empty() {
        // The first page after the start: the policy must name the gateway.
        app.gateways.living(&app.wukongim, app.now()).await;
    }
    let mut response = next.run(request).await;
    let caching = if response.status().is_success() && is_hashed(&uri) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    // Workers are bound by the policy of their own script, so every file carries it.
    if let Ok(policy) = HeaderValue::try_from(content_security_policy(&app.gateways.sources())) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

pub async fn always(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn content_security_policy(gateways: &[String]) -> String {
    let connect = gateways.join(" ");
    format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' {connect}; style-src 'self'; \
         img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

/// Whether a file's name holds a hash of its content, as bundlers write it: `main.3f2a9c1b.js`, `9d8c7b6a5f4e.module.wasm`.
fn is_hashed(uri: &Uri) -> bool {
    let file = uri.path().rsplit('/').next().unwrap_or_default();
    file.split(['.', '-', '_']).any(|part| {
        let hexadecimal = part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        part.len() >= 8 && hexadecimal && part.bytes().any(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        for hashed in ["/main.3f2a9c1b.js", "/assets/9d8c7b6a5f4e3d2c.module.wasm", "/a-0123456789abcdef.css"] {
            assert!(is_hashed(&hashed.parse().expect("uri")), "{hashed}");
        }
        for plain in ["/", "/index.html", "/main.js", "/jindou_bg.wasm", "/deadbeef.js", "/12345.js"] {
            assert!(!is_hashed(&plain.parse().expect("uri")), "{plain}");
        }
    }

    #[test]
    fn the_policy_names_the_gateways_and_nothing_foreign() {
        let policy = content_security_policy(&["ws://127.0.0.1:5200".to_owned()]);
        assert!(policy.contains("connect-src 'self' ws://127.0.0.1:5200;"), "{policy}");
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';") && policy.contains("worker-src 'self'"));
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'") && !policy.contains("https:"));
    }
}
