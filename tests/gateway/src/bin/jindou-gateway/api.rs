//! The HTTP API: calls go to the gateway as they are. Beside it stands `/_faults`, for whoever drives a test:
//! GET lists them, POST adds one or a list, DELETE ends all.

use crate::actor::Event;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jindou_gateway::{Fault, HttpRequest, HttpResponse};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot};

const MAX_BODY: usize = 64 * 1024 * 1024;

pub fn router(events: mpsc::Sender<Event>) -> Router {
    Router::new().fallback(answer).with_state(events)
}

async fn answer(State(events): State<mpsc::Sender<Event>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if parts.uri.path() == "/_faults" {
        return faults(&events, &parts.method, &body).await;
    }
    let headers = parts.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let call = HttpRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: query(parts.uri.query().unwrap_or_default()),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: body.to_vec(),
    };
    match ask(&events, |answer| Event::Call(call, answer)).await {
        Some(response) => written(response),
        // A call that a fault lets hang ends when its caller gives up; so does one that finds no gateway any more.
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn ask<T>(events: &mpsc::Sender<Event>, event: impl FnOnce(oneshot::Sender<T>) -> Event) -> Option<T> {
    let (answer, wait) = oneshot::channel();
    events.send(event(answer)).await.ok()?;
    wait.await.ok()
}

fn written(response: HttpResponse) -> Response {
    let mut answer = Response::new(Body::from(response.body));
    *answer.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = response.content_type.map(|kind| ("content-type", kind.to_owned()));
    for (name, value) in kind.into_iter().chain(response.headers) {
        if let Ok(value) = value.parse() {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

async fn faults(events: &mpsc::Sender<Event>, method: &Method, body: &Bytes) -> Response {
    let done = match *method {
        Method::GET => {
            let Some(faults) = ask(events, Event::ListFaults).await else { return gone() };
            let list = faults.into_iter().map(|(fault, acted)| json!({ "fault": fault, "acted": acted }));
            return said(StatusCode::OK, &list.collect());
        }
        Method::POST => match read_faults(body) {
            Ok(faults) => ask(events, |answer| Event::AddFaults(faults, answer)).await,
            Err(error) => return said(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() })),
        },
        Method::DELETE => ask(events, Event::ClearFaults).await,
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    };
    if done.is_some() { said(StatusCode::OK, &json!({})) } else { gone() }
}

/// One fault or a list of them.
pub fn read_faults(text: &[u8]) -> serde_json::Result<Vec<Fault>> {
    match serde_json::from_slice(text)? {
        list @ Value::Array(_) => serde_json::from_value(list),
        one => serde_json::from_value(one).map(|fault| vec![fault]),
    }
}

fn said(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn gone() -> Response {
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

fn query(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// Percent signs and plus signs, as forms write them.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
                bytes.push(digit(*high) << 4 | digit(*low));
                rest = tail;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_forms_are_written() {
        let read = query("channel_id=a%40b&name=%E4%BD%A0+x&flag&broken=%4");
        assert_eq!(read["channel_id"], "a@b");
        assert_eq!(read["name"], "你 x");
        assert_eq!((read["flag"].as_str(), read["broken"].as_str()), ("", "%4"));
    }
}
