//! Every path of the API in one table, the description of it, and what surrounds each request.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, post, put};
use tokio::time::timeout;
use tower_http::cors::CorsLayer;

use super::app::App;
use super::error::ApiError;
use super::input::MAX_BODY;
use super::{account, commands, conversations, gateway, groups, history, page, recall};

const OPENAPI: &str = include_str!("../../openapi.json");

struct Route {
    #[cfg_attr(not(test), expect(dead_code, reason = "the description is held against it by a test"))]
    method: &'static str,
    path: &'static str,
    handler: MethodRouter<Arc<App>>,
}

fn routes() -> Vec<Route> {
    let route = |method, path, handler| Route { method, path, handler };
    vec![
        route("GET", "/healthz", get(health)),
        route("GET", "/v1/openapi.json", get(openapi)),
        route("GET", "/v1/about", get(account::about)),
        route("POST", "/v1/signup", post(account::sign_up)),
        route("POST", "/v1/login", post(account::log_in)),
        route("POST", "/v1/logout", post(account::log_out)),
        route("GET", "/v1/me", get(account::me)),
        route("GET", "/v1/people", get(account::people)),
        route("GET", "/v1/policy", get(gateway::policy)),
        route("GET", "/v1/gateway", get(gateway::gateway)),
        route("GET", "/v1/online", get(gateway::online)),
        route("GET", "/v1/groups", get(groups::list)),
        route("POST", "/v1/groups", post(groups::create)),
        route("GET", "/v1/groups/{id}", get(groups::one)),
        route("PUT", "/v1/groups/{id}", put(groups::rename)),
        route("POST", "/v1/groups/{id}/members", post(groups::add_members)),
        route("PUT", "/v1/groups/{id}/members/{uid}", put(groups::set_role)),
        route("DELETE", "/v1/groups/{id}/members/{uid}", delete(groups::remove_member)),
        route("POST", "/v1/history", post(history::history)),
        route("POST", "/v1/lookup", post(history::lookup)),
        route("POST", "/v1/conversations", post(conversations::conversations)),
        route("POST", "/v1/read", post(conversations::read)),
        route("POST", "/v1/commands", post(commands::commands)),
        route("POST", "/v1/commands/ack", post(commands::acknowledge)),
        route("POST", "/v1/marks", post(commands::marks)),
        route("POST", "/v1/recall", post(recall::recall)),
        route("POST", "/v1/restore", post(recall::restore)),
        route("POST", "/v1/reedit", post(recall::reedit)),
    ]
}

pub fn router(app: Arc<App>) -> Router {
    let mut api = Router::new();
    for route in routes() {
        api = api.route(route.path, route.handler);
    }
    let api = api
        .route("/v1/{*unknown}", any(|| async { ApiError::NotFound("there is no such path in this API") }))
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn(never_stored))
        .layer(cors(&app.config.allow_origin))
        .route_layer(middleware::from_fn(log));
    api.merge(page::router(app.clone())).layer(middleware::from_fn(page::always)).with_state(app)
}

fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods(methods)
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
}

/// Whoever sends a body drop by drop, or asks for more than can be answered, holds nothing for longer than this. It is longer than
/// the patience with WuKongIM.
const LONGEST_REQUEST: Duration = Duration::from_secs(30);

async fn in_time(request: Request, next: Next) -> Response {
    timeout(LONGEST_REQUEST, next.run(request)).await.unwrap_or_else(|_| ApiError::Unavailable.into_response())
}

async fn never_stored(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One line for each request: the route, never the path, which names people.
async fn log(route: MatchedPath, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let began = tokio::time::Instant::now();
    let response = next.run(request).await;
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    if response.status().is_server_error() {
        tracing::warn!(%method, route = route.as_str(), status, took, "request");
    } else {
        tracing::debug!(%method, route = route.as_str(), status, took, "request");
    }
    response
}

async fn health() -> Response {
    axum::Json(serde_json::json!({ "status": "ok" })).into_response()
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_names_every_route_and_no_other() {
        let description: serde_json::Value = serde_json::from_str(OPENAPI).expect("the description is JSON");
        let mut described = BTreeSet::new();
        for (path, operations) in description["paths"].as_object().expect("paths") {
            for method in operations.as_object().expect("operations").keys() {
                described.insert((method.to_uppercase(), path.clone()));
            }
        }
        let served: BTreeSet<_> =
            routes().iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
        assert_eq!(described, served);
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere_and_every_schema_is_used() {
        let description: serde_json::Value = serde_json::from_str(OPENAPI).expect("the description is JSON");
        let schemas: BTreeSet<&str> =
            description["components"]["schemas"].as_object().expect("schemas").keys().map(String::as_str).collect();
        let referred: BTreeSet<&str> =
            OPENAPI.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(schemas, referred);
    }
}
