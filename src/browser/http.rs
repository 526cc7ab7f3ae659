//! What the core asks of the business server: over `fetch`, or by the application's own functions, which take and give the
//! same JSON.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, ReadableStreamReadResult, Request as Fetch,
    RequestCredentials, RequestInit, Response as Answer,
};

use crate::client::FetchFailure;
use crate::client::request::{FUNCTION_PATIENCE, HTTP_PATIENCE, Http, Request, Response, failure};

use super::clock;
use super::host::Host;

/// Larger than the largest page of history, small enough to be held twice.
const MOST_ANSWER: usize = 32_000_000;

#[wasm_bindgen]
extern "C" {
    // Of whatever global there is: a worker has no `window`.
    #[wasm_bindgen(js_name = fetch, catch)]
    fn fetch(request: &Fetch) -> Result<Promise, JsValue>;
}

pub struct Business {
    host: Rc<Host>,
    /// Without a slash at its end.
    address: Option<String>,
    /// What the application answers itself, by `Request::name`.
    functions: Vec<String>,
    /// The one that the application gave last.
    token: RefCell<Option<String>>,
}

impl Business {
    pub fn new(host: Rc<Host>, address: Option<&str>, functions: Vec<String>) -> Self {
        let address = address.map(|address| address.trim_end_matches('/').to_owned());
        Self { host, address, functions, token: RefCell::default() }
    }

    /// Aborting the controller ends it early.
    pub async fn answer(&self, request: &Request, controller: &AbortController) -> Result<Response, FetchFailure> {
        let name = request.name();
        if matches!(request, Request::Token) {
            return Ok(Response::Token(self.new_token().await?));
        }
        let http = request.http().ok_or_else(|| not_supported(name))?;
        if self.functions.iter().any(|function| function == name) {
            let json = self.ask(name, http.body.as_deref().unwrap_or("{}")).await?;
            return request.read(json.as_bytes());
        }
        let Some(address) = &self.address else { return Err(not_supported(name)) };
        let url = format!("{address}{}", http.path);
        let kept = self.token.borrow().clone();
        let mut token = match &kept {
            Some(token) => token.clone(),
            None => self.new_token().await?,
        };
        let mut answer = in_time(&url, &http, &token, controller).await?;
        if answer.status == 401 && kept.is_some() {
            // It may have run out since the connection was made; only the application knows whether there is another.
            let fresh = self.new_token().await?;
            if fresh != token {
                token = fresh;
                answer = in_time(&url, &http, &token, controller).await?;
            }
        }
        if (200..300).contains(&answer.status) {
            return request.read(&answer.body);
        }
        if answer.status == 401 {
            self.token.take();
        }
        Err(failure(answer.status, &answer.body).after(answer.retry_after))
    }

    async fn new_token(&self) -> Result<String, FetchFailure> {
        let json = self.ask("token", "{}").await?;
        let Response::Token(token) = Request::Token.read(json.as_bytes())? else {
            return Err(FetchFailure::new("bad-response", "the token is no string", false));
        };
        self.token.replace(Some(token.clone()));
        Ok(token)
    }

    async fn ask(&self, name: &str, body: &str) -> Result<String, FetchFailure> {
        let answer = JsFuture::from(self.host.ask(name, body));
        match clock::within(FUNCTION_PATIENCE.0 as u32, answer).await {
            Some(Ok(json)) => json.as_string().ok_or_else(|| FetchFailure::new("bad-response", "no JSON", false)),
            // JSON of what the function threw, if it is like the business server's errors.
            Some(Err(error)) => Err(error
                .as_string()
                .and_then(|json| FetchFailure::read(json.as_bytes()))
                .unwrap_or_else(|| FetchFailure::new("unavailable", format!("the application's {name} failed"), true))),
            None => Err(FetchFailure::new("timeout", format!("the application's {name} did not settle in time"), true)),
        }
    }
}

struct Answered {
    status: u16,
    /// What the header says, in seconds. Another origin must expose it; ours says the same in its JSON.
    retry_after: u64,
    body: Vec<u8>,
}

async fn in_time(url: &str, http: &Http, token: &str, controller: &AbortController) -> Result<Answered, FetchFailure> {
    let answered = over_http(url, http.method, http.body.as_deref(), token, controller);
    match clock::within(HTTP_PATIENCE.0 as u32, answered).await {
        Some(answered) => answered,
        None => {
            controller.abort();
            Err(FetchFailure::new("timeout", "the business server did not answer in time", true))
        }
    }
}

async fn over_http(
    url: &str,
    method: &str,
    body: Option<&str>,
    token: &str,
    controller: &AbortController,
) -> Result<Answered, FetchFailure> {
    // Neither the browser's text nor the address is told: both may quote what is private.
    let network = |_: JsValue| FetchFailure::new("network", "the business server cannot be reached", true);
    let wrong =
        |_: JsValue| FetchFailure::new("invalid", "the business server's address or the token cannot be used", false);
    let headers = Headers::new().map_err(wrong)?;
    headers.set("authorization", &format!("Bearer {token}")).map_err(wrong)?;
    let init = RequestInit::new();
    init.set_method(method);
    init.set_signal(Some(&controller.signal()));
    // The bearer token says who it is; cookies of the page's other business are not ours to send.
    init.set_credentials(RequestCredentials::Omit);
    if let Some(body) = body {
        headers.set("content-type", "application/json").map_err(wrong)?;
        init.set_body(&body.into());
    }
    init.set_headers(&headers);
    let request = Fetch::new_with_str_and_init(url, &init).map_err(wrong)?;
    let answer: Answer = JsFuture::from(fetch(&request).map_err(network)?).await.map_err(network)?.unchecked_into();
    let mut body = Vec::new();
    if let Some(stream) = answer.body() {
        let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
        loop {
            let read: ReadableStreamReadResult = JsFuture::from(reader.read()).await.map_err(network)?.unchecked_into();
            // Only the last one has none.
            let Ok(part) = read.get_value().dyn_into::<Uint8Array>() else { break };
            // Whatever a header says: it may be missing, and it counts what is compressed.
            if body.len() + part.length() as usize > MOST_ANSWER {
                controller.abort();
                return Err(FetchFailure::new("bad-response", "the business server's answer is too large", false));
            }
            let end = body.len();
            body.resize(end + part.length() as usize, 0);
            part.copy_to(&mut body[end..]);
        }
    }
    let retry_after = answer.headers().get("retry-after").ok().flatten().and_then(|seconds| seconds.parse().ok());
    Ok(Answered { status: answer.status(), retry_after: retry_after.unwrap_or_default(), body })
}

fn not_supported(name: &str) -> FetchFailure {
    FetchFailure::new("not-supported", format!("nobody answers {name}: no business server and no such function"), false)
}
