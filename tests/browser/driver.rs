//! The driver with a script in place of the client: order, timers, promises, sockets, the application's functions.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use jindou::browser::clock;
use jindou::browser::driver::{Driver, Machine, Surroundings};
use jindou::browser::host::Host;
use jindou::browser::http::Business;
use jindou::browser::store::IndexedStore;
use jindou::browser::tabs;
use jindou::client::request::{Request, Response};
use jindou::client::{
    BatchId, Command, ConnectionId, Event, Input, Output, Page, QueryId, Reply, RequestId, Socket, Ticket,
};
use jindou::error::ErrorCode;
use jindou::rows::{Answer, Batch, Change, Epoch, Meta, Query};
use jindou::time::{Millis, Mono, Now};
use js_sys::{Array, Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::store::fresh_name;

/// What came in, as the tests look at it, and what goes out next.
#[derive(Default)]
struct Script {
    heard: RefCell<Vec<String>>,
    outputs: RefCell<VecDeque<Output>>,
    deadline: Cell<Option<Mono>>,
    /// How many more timeouts are due at once.
    due: Cell<u32>,
    fired: Cell<Option<Mono>>,
}

struct Scripted(Rc<Script>);

impl Machine for Scripted {
    fn handle(&mut self, now: Now, input: Input) {
        let script = &self.0;
        let heard = match input {
            Input::Stored(id, outcome) => format!("stored {} {}", id.0, outcome.is_ok()),
            Input::Loaded(id, Ok(Answer::Hydrated { meta, .. })) => format!("loaded {} {}", id.0, meta.device_id),
            Input::Socket(id, Socket::Closed) => format!("closed {}", id.0),
            Input::Fetched(id, Ok(Response::Token(token))) => format!("token {} {token}", id.0),
            Input::Fetched(id, Ok(Response::Online(online))) => format!("online {} {online:?}", id.0),
            Input::Fetched(id, Ok(_)) => format!("fetched {}", id.0),
            Input::Fetched(id, Err(failure)) => format!("failed {} {} {}", id.0, failure.code, failure.retryable),
            Input::Timeout => {
                script.deadline.set(None);
                script.fired.set(Some(now.mono));
                if script.due.get() > 0 {
                    script.due.set(script.due.get() - 1);
                    script.deadline.set(Some(Mono(0)));
                }
                "timeout".to_owned()
            }
            Input::Command(ticket, Command::Close { wipe }) => {
                let mut outputs = script.outputs.borrow_mut();
                outputs.push_back(Output::Settle(ticket, Ok(Reply::Done)));
                outputs.push_back(Output::Finished { wipe });
                "close".to_owned()
            }
            Input::Command(..) => "command".to_owned(),
            other => format!("{other:?}"),
        };
        script.heard.borrow_mut().push(heard);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.0.outputs.borrow_mut().pop_front()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.0.deadline.get()
    }
}

struct Stage {
    driver: Driver<Scripted>,
    script: Rc<Script>,
    host: Rc<Host>,
    name: String,
}

impl Stage {
    /// `ask` is the body of the application's function (name, body), which gives or throws JSON text.
    async fn new(ask: &str, functions: &[&str], address: Option<&str>) -> Self {
        let name = fresh_name("driver");
        let body = format!(
            "return {{ told: [], events(list) {{ this.told.push(...JSON.parse(list)); }}, failed() {{}}, \
             async ask(name, body) {{ {ask} }} }}"
        );
        let host = Function::new_no_args(&body).call0(&JsValue::NULL).expect("an object");
        let host: Rc<Host> = Rc::new(host.unchecked_into());
        let lock = tabs::lock(&name).await.expect("nobody else has it");
        let store = IndexedStore::open(&name).await.expect("opens");
        store.claim().await.expect("is claimed");
        let functions = functions.iter().map(|name| (*name).to_owned()).collect();
        let business = Business::new(Rc::clone(&host), address, functions);
        let script = Rc::new(Script::default());
        let surroundings = Surroundings { host: Rc::clone(&host), business, store, lock };
        let driver = Driver::start(Scripted(Rc::clone(&script)), surroundings);
        Self { driver, script, host, name }
    }

    /// These outputs come of the next input, which is one that nobody minds.
    fn put_out(&self, outputs: impl IntoIterator<Item = Output>) {
        self.script.outputs.borrow_mut().extend(outputs);
        self.driver.feed(Input::Page(Page::Visible));
    }

    fn heard(&self) -> Vec<String> {
        let heard = self.script.heard.borrow();
        heard.iter().filter(|line| !line.starts_with("Page")).cloned().collect()
    }

    /// Waits until so much was heard.
    async fn hears(&self, count: usize) -> Vec<String> {
        for _ in 0..500 {
            if self.heard().len() >= count {
                return self.heard();
            }
            gloo_timers::future::TimeoutFuture::new(10).await;
        }
        panic!("heard only {:?}", self.heard());
    }
}

fn device(name: &str) -> Batch {
    Batch {
        epoch: Epoch(1),
        changes: vec![Change::Meta(Meta { device_id: name.to_owned(), last_ordinal: 1, ..Meta::default() })],
    }
}

fn code(error: &JsValue) -> String {
    Reflect::get(error, &"code".into()).ok().and_then(|code| code.as_string()).unwrap_or_default()
}

#[wasm_bindgen_test]
async fn stores_and_loads_are_performed_and_reported_in_their_order() {
    let stage = Stage::new("", &[], None).await;
    stage.put_out([
        Output::Store(BatchId(1), device("one")),
        Output::Load(QueryId(1), Query::Hydrate),
        Output::Store(BatchId(2), device("two")),
        Output::Load(QueryId(2), Query::Hydrate),
        Output::Store(BatchId(3), Batch { epoch: Epoch(0), ..device("fenced") }),
        Output::Load(QueryId(3), Query::Hydrate),
    ]);
    let wanted = ["stored 1 true", "loaded 1 one", "stored 2 true", "loaded 2 two", "stored 3 false", "loaded 3 two"];
    assert_eq!(stage.hears(6).await, wanted);
}

#[wasm_bindgen_test]
async fn a_deadline_fires_once_and_never_early() {
    let stage = Stage::new("", &[], None).await;
    let deadline = clock::now().mono + Millis(60);
    stage.script.deadline.set(Some(deadline + Millis::seconds(3600)));
    stage.put_out([]);
    stage.script.deadline.set(Some(deadline));
    stage.put_out([]);
    assert_eq!(stage.hears(1).await, ["timeout"]);
    assert!(stage.script.fired.get() >= Some(deadline), "not early");
    gloo_timers::future::TimeoutFuture::new(80).await;
    assert_eq!(stage.heard(), ["timeout"], "and once");
}

#[wasm_bindgen_test]
async fn what_is_due_now_waits_for_a_turn_of_the_event_loop_and_not_for_4_ms() {
    let stage = Stage::new("", &[], None).await;
    stage.script.due.set(199);
    stage.script.deadline.set(Some(Mono(0)));
    let since = clock::now().mono;
    stage.put_out([]);
    assert_eq!(stage.heard().len(), 0, "not at once either");
    stage.hears(200).await;
    let took = stage.script.fired.get().expect("it fired").since(since);
    assert!(took < Millis(600), "200 turns in {took:?}");
}

#[wasm_bindgen_test]
async fn a_deadline_beyond_what_timers_take_does_not_fire_at_once() {
    let stage = Stage::new("", &[], None).await;
    stage.script.deadline.set(Some(Mono(u64::MAX)));
    stage.put_out([]);
    gloo_timers::future::TimeoutFuture::new(50).await;
    assert_eq!(stage.heard(), Vec::<String>::new());
}

#[wasm_bindgen_test]
async fn a_promise_settles_with_the_reply_or_with_closed_when_the_client_is_freed() {
    let stage = Stage::new("", &[], None).await;
    let (answered, left) =
        (stage.driver.call(Ticket(1), Command::Outbox), stage.driver.call(Ticket(2), Command::Connect));
    stage.put_out([Output::Settle(Ticket(1), Ok(Reply::Outbox { messages: vec![] }))]);
    let reply = JsFuture::from(answered).await.expect("a reply");
    assert_eq!(reply.as_string().as_deref(), Some(r#"{"type":"outbox","messages":[]}"#));
    let Stage { driver, name, .. } = stage;
    drop(driver);
    assert_eq!(code(&JsFuture::from(left).await.expect_err("is freed")), "closed");
    // Database and lock are free again.
    tabs::lock(&name).await.expect("is free");
    IndexedStore::open(&name).await.expect("opens").wipe().await.expect("is deleted");
}

#[wasm_bindgen_test]
async fn close_settles_once_all_is_stored_and_the_lock_is_free() {
    let stage = Stage::new("", &[], None).await;
    let waiting = stage.driver.call(Ticket(1), Command::Connect);
    stage.put_out([Output::Store(BatchId(1), device("last"))]);
    let closing = stage.driver.call(Ticket(2), Command::Close { wipe: false });
    JsFuture::from(closing).await.expect("is closed");
    assert_eq!(stage.heard(), ["command", "close", "stored 1 true"]);
    assert_eq!(code(&JsFuture::from(waiting).await.expect_err("is closed")), "closed");
    let _lock = tabs::lock(&stage.name).await.expect("is free");
    let store = IndexedStore::open(&stage.name).await.expect("opens");
    let answer = store.answer(&Query::Hydrate).await.expect("the database answers");
    assert!(matches!(answer, Answer::Hydrated { meta, .. } if meta.device_id == "last"));
    store.wipe().await.expect("is deleted");
}

#[wasm_bindgen_test]
async fn a_refused_socket_is_closed_once_and_an_impossible_address_is_told() {
    let stage = Stage::new("", &[], None).await;
    stage.put_out([Output::Connect(ConnectionId(1), "ws://127.0.0.1:9/".to_owned())]);
    assert_eq!(stage.hears(1).await, ["closed 1"]);
    stage.put_out([Output::Connect(ConnectionId(2), "ftp://no.socket".to_owned())]);
    assert_eq!(stage.hears(2).await, ["closed 1", "closed 2"]);
    // What is sent to a socket that is gone, or closed again, is nothing.
    stage.put_out([Output::Transmit(ConnectionId(1), vec![1]), Output::Close(ConnectionId(1))]);
    // Closed by us before it opened: nothing is reported of it afterwards.
    let address = "ws://127.0.0.1:9/".to_owned();
    stage.put_out([Output::Connect(ConnectionId(3), address), Output::Close(ConnectionId(3))]);
    gloo_timers::future::TimeoutFuture::new(200).await;
    assert_eq!(stage.heard(), ["closed 1", "closed 2"]);
    let told = Reflect::get(&stage.host, &"told".into()).expect("the list").unchecked_into::<Array>();
    assert_eq!(told.length(), 1);
    assert_eq!(Reflect::get(&told.get(0), &"type".into()), Ok("problem".into()));
    // Nobody gave a wrong argument: the address is the business server's.
    let error = Reflect::get(&told.get(0), &"error".into()).expect("the error");
    assert_eq!(Reflect::get(&error, &"code".into()), Ok("unavailable".into()));
}

#[wasm_bindgen_test]
async fn events_of_one_turn_are_told_together_and_in_order() {
    let stage = Stage::new("", &[], None).await;
    stage.put_out([Output::Event(Event::Sync { done: false }), Output::Event(Event::Sync { done: true })]);
    let told = Reflect::get(&stage.host, &"told".into()).expect("the list").unchecked_into::<Array>();
    let done: Vec<_> = told.iter().map(|event| Reflect::get(&event, &"done".into())).collect();
    assert_eq!(done, [Ok(false.into()), Ok(true.into())]);
}

#[wasm_bindgen_test]
async fn the_application_answers_in_the_business_servers_place() {
    let ask = r#"
        if (name === "token") return JSON.stringify("secret");
        if (name === "online") return '{"online":true}';
        if (name === "policy") throw '{"code":"rate-limited","message":"slowly","retryable":true}';
        if (name === "commands") throw "";
        return "no JSON";
    "#;
    let stage = Stage::new(ask, &["online", "policy", "commands", "gateway"], None).await;
    let fetch = |id, request| Output::Fetch(RequestId(id), request);
    stage.put_out([fetch(1, Request::Token)]);
    stage.hears(1).await;
    stage.put_out([fetch(2, Request::Online)]);
    stage.hears(2).await;
    stage.put_out([fetch(3, Request::Policy)]);
    stage.hears(3).await;
    stage.put_out([fetch(4, Request::Commands(jindou::client::request::Commands { limit: 1 }))]);
    stage.hears(4).await;
    stage.put_out([fetch(5, Request::Gateway)]);
    stage.hears(5).await;
    let nobody = Request::CommandsAck(jindou::client::request::CommandsAck { message_seq: jindou::id::MessageSeq(1) });
    stage.put_out([fetch(6, nobody)]);
    let wanted = [
        "token 1 secret",
        "online 2 Some(true)",
        "failed 3 rate-limited true",
        "failed 4 unavailable true",
        "failed 5 bad-response true",
        "failed 6 not-supported false",
    ];
    assert_eq!(stage.hears(6).await, wanted);
}

#[wasm_bindgen_test]
async fn a_business_server_that_cannot_be_reached_is_a_failure_that_may_be_retried() {
    let stage = Stage::new("return '\"t\"'", &[], Some("http://127.0.0.1:9/")).await;
    stage.put_out([Output::Fetch(RequestId(1), Request::Online)]);
    assert_eq!(stage.hears(1).await, ["failed 1 network true"]);
    stage.put_out([Output::Fetch(RequestId(2), Request::Online), Output::Cancel(RequestId(2))]);
    gloo_timers::future::TimeoutFuture::new(100).await;
    assert_eq!(stage.heard(), ["failed 1 network true"], "of a cancelled request nothing is heard");
}

#[wasm_bindgen_test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    for (filling, wanted) in [(0, "online 1 Some(true)"), (33_000_000, "failed 1 bad-response false")] {
        // Its length stands in no header. What follows the # is not part of it.
        let address = format!("data:application/json,{{\"online\":true,\"_\":\"{}\"}}#", "-".repeat(filling));
        let stage = Stage::new("return '\"t\"'", &[], Some(&address)).await;
        stage.put_out([Output::Fetch(RequestId(1), Request::Online)]);
        assert_eq!(stage.hears(1).await, [wanted]);
    }
}

#[wasm_bindgen_test]
async fn a_database_has_one_owner_at_a_time() {
    let name = fresh_name("lock");
    let first = tabs::lock(&name).await.expect("is free").expect("Web Locks are there");
    let refusal = tabs::lock(&name).await.err().map(|error| (error.code, error.retryable));
    assert_eq!(refusal, Some((ErrorCode::InUse, true)));
    drop(first);
    assert!(tabs::lock(&name).await.expect("is free again").is_some());
    // A page that is being reloaded lets go a moment after the new one asks.
    let held = tabs::lock(&name).await.expect("is free");
    gloo_timers::callback::Timeout::new(300, move || drop(held)).forget();
    assert!(tabs::lock(&name).await.is_ok(), "waits a moment");
}
