//! What comes in: who asks, and the body of the request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::app::App;
use super::error::ApiError;
use super::object::Object;
use super::secrets;
use crate::rules::Uid;
use crate::storage::Session;

/// Cursors of five thousand conversations fit; nothing else is as long.
pub const MAX_BODY: usize = 1 << 20;
/// A token of ours has 43 characters; another issuer's may be longer, but not this long.
const MAX_TOKEN: usize = 512;

/// The person whose token came with the request.
pub struct Caller {
    pub session: Session,
}

impl Caller {
    pub fn uid(&self) -> &Uid {
        &self.session.key.uid
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Caller, ApiError> {
        let token = bearer(parts).ok_or(ApiError::Unauthorized)?;
        let session = app.store.session(secrets::hash(token), app.now()).await?.ok_or(ApiError::Unauthorized)?;
        Ok(Caller { session })
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && token.len() <= MAX_TOKEN).then_some(token.trim())
}

/// The JSON of a body. Its errors name a place, not the content.
pub struct Input<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Input<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Input<T>, ApiError> {
        let body = Bytes::from_request(request, app).await.map_err(|_| ApiError::TooLarge("this body is too large"))?;
        serde_json::from_slice(&body)
            .map(|Object(asked)| Input(asked))
            .map_err(|error| ApiError::invalid(complaint(&error)))
    }
}

/// Of what a reader says, only the name of a field that is missing is not the sender's own.
fn complaint(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let missing = said.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let what = missing.map_or("is not what this request takes".to_owned(), |field| format!("lacks \"{field}\""));
    format!("the body {what} (line {}, column {})", error.line(), error.column())
}

/// What stands in the path.
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<InPath<T>, ApiError> {
        let read = Path::from_request_parts(parts, app).await;
        read.map(|Path(asked)| InPath(asked)).map_err(|_| ApiError::invalid("this path cannot be read"))
    }
}

/// Where a request comes from.
pub struct Address(pub IpAddr);

impl FromRequestParts<Arc<App>> for Address {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Address, ApiError> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(peer)| peer.ip())
            .ok_or(ApiError::Internal)?;
        if !app.config.trust_proxy {
            return Ok(Address(peer));
        }
        // The last one is what the proxy itself saw; those before it are what the client claims.
        let forwarded = parts.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
        let seen_by_proxy =
            forwarded.and_then(|list| list.rsplit(',').next()).and_then(|address| address.trim().parse().ok());
        Ok(Address(seen_by_proxy.unwrap_or(peer)))
    }
}

/// A number within bounds.
pub fn bounded(name: &str, number: u64, least: u64, most: u64) -> Result<u64, ApiError> {
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(ApiError::invalid(format!("{name} must be between {least} and {most}")))
    }
}

pub fn at_most<T>(name: &str, list: &[T], most: usize) -> Result<(), ApiError> {
    if list.len() <= most {
        Ok(())
    } else {
        Err(ApiError::invalid(format!("{name} must not have more than {most} entries")))
    }
}
