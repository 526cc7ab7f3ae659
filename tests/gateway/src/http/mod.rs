//! The HTTP API that a business server uses, with the shapes, texts and traps of each generation.
//!
//! Nobody is checked here beyond the manager token: whoever reaches this API is the business server.

mod channel;
mod command;
mod conversation;
mod form;
mod history;
mod message;
mod user;
mod v3;

use crate::config::Generation;
use crate::node::Node;
use form::Form;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// A call, as the shell read it. Header names are in lower case.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl HttpRequest {
    pub fn get(path: &str, query: &[(&str, &str)]) -> HttpRequest {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        HttpRequest { method: "GET".to_owned(), path: path.to_owned(), query, ..HttpRequest::default() }
    }

    pub fn post(path: &str, body: &Value) -> HttpRequest {
        HttpRequest {
            method: "POST".to_owned(),
            path: path.to_owned(),
            body: body.to_string().into_bytes(),
            ..HttpRequest::default()
        }
    }

    fn param(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.path, self.body.len())
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    pub status: u16,
    pub content_type: Option<&'static str>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

const JSON: &str = "application/json; charset=utf-8";

impl HttpResponse {
    pub(crate) fn empty(status: u16) -> HttpResponse {
        HttpResponse { status, content_type: None, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn json(body: &Value) -> HttpResponse {
        HttpResponse { content_type: Some(JSON), body: body.to_string().into_bytes(), ..HttpResponse::empty(200) }
    }

    pub(crate) fn text(status: u16, body: impl Into<String>) -> HttpResponse {
        HttpResponse { content_type: Some("text/plain"), body: body.into().into_bytes(), ..HttpResponse::empty(status) }
    }

    fn ok() -> HttpResponse {
        HttpResponse::json(&json!({ "status": 200 }))
    }

    fn data(data: &Value) -> HttpResponse {
        HttpResponse::json(&json!({ "status": 200, "data": data }))
    }

    /// HTTP 200 with another status in the body: how 2.x says "not found" and "banned".
    fn status(status: u16) -> HttpResponse {
        HttpResponse::json(&json!({ "status": status }))
    }

    fn refuse(text: &str) -> HttpResponse {
        HttpResponse { status: 400, ..HttpResponse::json(&json!({ "msg": text, "status": 400 })) }
    }

    fn in_plain_text(self) -> HttpResponse {
        HttpResponse { content_type: Some("text/plain; charset=utf-8"), ..self }
    }

    /// The other form of an error, in version 3.
    fn error(status: u16, text: &str) -> HttpResponse {
        HttpResponse { status, ..HttpResponse::json(&json!({ "error": text })) }
    }

    fn unknown() -> HttpResponse {
        HttpResponse::text(404, "404 page not found")
    }

    /// The body, if it is JSON.
    pub fn value(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// A handler either answers, or has an answer for what is wrong with the request.
type Answer = Result<HttpResponse, HttpResponse>;

fn required(text: &str, otherwise: &str) -> Result<(), HttpResponse> {
    if text.trim().is_empty() { Err(HttpResponse::refuse(otherwise)) } else { Ok(()) }
}

impl Node {
    pub(crate) fn handle_http(&mut self, request: &HttpRequest) -> HttpResponse {
        if let Some(token) = &self.config.manager_token
            && request.headers.get("token") != Some(token)
        {
            // Asked before CORS, so a browser's preflight fails too.
            return HttpResponse::empty(401);
        }
        let preflight = request.method == "OPTIONS";
        let mut response =
            if preflight { HttpResponse::empty(204) } else { self.route(request).unwrap_or_else(|refused| refused) };
        response.headers.push(("access-control-allow-origin", "*".to_owned()));
        if !self.config.generation.is_v3() {
            // The pair that a browser refuses for calls with credentials.
            response.headers.push(("access-control-allow-credentials", "true".to_owned()));
        }
        if preflight {
            let methods = "POST, GET, OPTIONS, PUT, DELETE, UPDATE".to_owned();
            response.headers.push(("access-control-allow-methods", methods));
            response.headers.push(("access-control-allow-headers", "Content-Type, token".to_owned()));
        }
        response
    }

    fn route(&mut self, request: &HttpRequest) -> Answer {
        let generation = self.config.generation;
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/user/token") => self.user_token(request),
            ("POST", "/user/device_quit") => self.user_device_quit(request),
            ("POST", "/user/onlinestatus") => self.user_online_status(request),
            ("POST", "/user/systemuids_add") => self.user_system(request, true),
            ("POST", "/user/systemuids_remove") => self.user_system(request, false),
            ("GET", "/user/systemuids") => Ok(self.user_system_list()),
            ("GET", "/route") => self.route_address(request),
            ("POST", "/route/batch") => self.route_batch(request),
            ("POST", "/channel") => self.channel_create(request),
            ("POST", "/channel/info") => self.channel_info(request),
            ("POST", "/channel/delete") => self.channel_delete(request),
            ("POST", "/channel/subscriber_add") => self.channel_subscriber_add(request),
            ("POST", "/channel/subscriber_remove") => self.channel_subscriber_remove(request),
            ("GET", "/channel/whitelist") => self.channel_whitelist(request),
            ("POST", "/conversations/clearUnread") => self.conversations_clear_unread(request),
            ("POST", "/conversations/setUnread") => self.conversations_set_unread(request),
            ("POST", "/conversations/delete") => self.conversations_delete(request),
            ("POST", path) if generation == Generation::V21 && path.ends_with("_remove_all") => {
                Ok(HttpResponse::unknown())
            }
            ("POST", path) if channel::list_call(path).is_some() => self.channel_list(request),
            _ if generation == Generation::V3 => self.route_v3(request),
            _ => self.route_v2(request),
        }
    }

    fn route_v2(&mut self, request: &HttpRequest) -> Answer {
        let v22 = self.config.generation == Generation::V22;
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/health") => Ok(HttpResponse::json(&json!({ "status": "ok" }))),
            ("POST", "/message/send") => self.message_send(request),
            ("POST", "/message/sendbatch") => self.message_send_batch(request),
            ("POST", "/messages") => self.messages(request),
            ("POST", "/message") => self.message_search(request),
            ("POST", "/message/sync") => self.message_sync(request),
            ("POST", "/message/syncack") => self.message_sync_ack(request),
            ("GET", "/message/byclientmsgno") if v22 => self.message_by_client_msg_no(request),
            ("POST", "/channel/messagesync") => self.channel_message_sync(request),
            ("GET", "/channel/max_message_seq") => self.channel_max_message_seq(request),
            ("GET", "/channel/last_message") if v22 => self.channel_last_message(request),
            ("POST", "/conversation/sync") => self.conversation_sync(request),
            ("POST", "/conversation/channels") => self.conversation_channels(request),
            ("POST", "/conversation/syncMessages") => self.conversation_sync_messages(request),
            ("POST", "/conversation/syncByChannels") if v22 => self.conversation_sync_by_channels(request),
            _ => Ok(HttpResponse::unknown()),
        }
    }
}
