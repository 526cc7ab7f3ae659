//! The loop of the contract in `lib.rs`, in a browser: borrow, handle, drain, release, then call JavaScript.
//!
//! ```text
//!  call, socket, answer, timer ──► inbox ──► handle ──► outputs ──► database, socket, fetch, promises, events
//!                                    ▲                                   │
//!                                    └───────────────────────────────────┘
//! ```
//!
//! Nothing is borrowed while JavaScript runs, so whatever it calls back into only joins the inbox.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use gloo_timers::callback::Timeout;
use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortController;

use crate::client::request::Request;
use crate::client::{
    BatchId, Command, ConnectionId, Event, FetchFailure, Input, Output, QueryId, Reply, RequestId,
    Socket as SocketInput, Ticket,
};
use crate::error::{Error, ErrorCode};
use crate::rows::{Batch, Query};
use crate::sorted::Map;
use crate::time::{Mono, Now};

use super::clock;
use super::convert;
use super::host::Host;
use super::http::Business;
use super::socket::{Happening, Socket};
use super::store::IndexedStore;
use super::tabs::Lock;
use super::yielder::Yielder;

/// What is driven: the client, or a script in a test.
pub trait Machine {
    fn handle(&mut self, now: Now, input: Input);
    fn poll_output(&mut self) -> Option<Output>;
    fn poll_timeout(&self) -> Option<Mono>;
}

/// Owns everything that the browser may call back into; dropping it settles every promise and lets go of all of it.
pub struct Driver<M: Machine + 'static> {
    shell: Rc<Shell<M>>,
}

/// What the driver works with, taken over as it is.
pub struct Surroundings {
    pub host: Rc<Host>,
    pub business: Business,
    pub store: IndexedStore,
    pub lock: Option<Lock>,
}

struct Shell<M> {
    machine: RefCell<M>,
    inbox: RefCell<VecDeque<Input>>,
    turning: Cell<bool>,
    host: Rc<Host>,
    business: Rc<Business>,
    jobs: UnboundedSender<Job>,
    calls: RefCell<Map<Ticket, Call>>,
    /// Its promise settles only once the database is closed and the lock is free.
    closing: Cell<Option<Ticket>>,
    connections: RefCell<Map<ConnectionId, Connection>>,
    requests: RefCell<Map<RequestId, AbortController>>,
    events: RefCell<Vec<Event>>,
    /// Let go of at the end, also while the database owes an answer: that may never come.
    lock: Cell<Option<Lock>>,
    yielder: RefCell<Option<Yielder>>,
    timer: RefCell<Timer>,
}

struct Call {
    resolve: Function,
    reject: Function,
}

struct Connection {
    socket: Socket,
    /// What came since the last hand-over.
    received: Vec<Vec<u8>>,
}

#[derive(Default)]
enum Timer {
    #[default]
    None,
    /// Due already: after one turn of the event loop.
    Turn,
    At(Mono, #[expect(dead_code, reason = "dropping it cancels it")] Timeout),
}

/// What the database does, one after the other in the order of the outputs.
enum Job {
    Store(BatchId, Batch),
    Load(QueryId, Query),
    Finish { wipe: bool },
}

impl<M: Machine + 'static> Driver<M> {
    /// Takes the machine's first outputs, so it begins to work at once.
    pub fn start(machine: M, surroundings: Surroundings) -> Self {
        let Surroundings { host, business, store, lock } = surroundings;
        let (jobs, queue) = unbounded();
        let shell = Rc::new(Shell {
            machine: RefCell::new(machine),
            inbox: RefCell::default(),
            turning: Cell::new(false),
            host,
            business: Rc::new(business),
            jobs,
            calls: RefCell::default(),
            closing: Cell::default(),
            connections: RefCell::default(),
            requests: RefCell::default(),
            events: RefCell::default(),
            lock: Cell::new(lock),
            yielder: RefCell::default(),
            timer: RefCell::default(),
        });
        let weak = Rc::downgrade(&shell);
        *shell.yielder.borrow_mut() = Yielder::new(move || with(&weak, Shell::turned));
        spawn_local(work(Rc::downgrade(&shell), queue, store));
        shell.run();
        Self { shell }
    }

    /// A call of the application. A ticket is used once.
    pub fn call(&self, ticket: Ticket, command: Command) -> Promise {
        let promise = Promise::new(&mut |resolve, reject| {
            self.shell.calls.borrow_mut().insert(ticket, Call { resolve, reject });
        });
        if matches!(command, Command::Close { .. }) && self.shell.closing.get().is_none() {
            self.shell.closing.set(Some(ticket));
        }
        self.shell.feed(Input::Command(ticket, command));
        promise
    }

    pub fn feed(&self, input: Input) {
        self.shell.feed(input);
    }

    /// An event of the shell's own.
    pub fn tell(&self, event: Event) {
        self.shell.events.borrow_mut().push(event);
        self.shell.tell();
    }
}

impl<M: Machine + 'static> Drop for Driver<M> {
    fn drop(&mut self) {
        self.shell.end();
    }
}

impl<M: Machine + 'static> Shell<M> {
    fn feed(self: &Rc<Self>, input: Input) {
        self.inbox.borrow_mut().push_back(input);
        self.run();
    }

    fn run(self: &Rc<Self>) {
        if self.turning.replace(true) {
            return;
        }
        loop {
            while let Some(output) = self.next_output() {
                self.perform(output);
            }
            let Some(input) = self.next_input() else { break };
            self.machine.borrow_mut().handle(clock::now(), input);
        }
        self.turning.set(false);
        self.tell();
        self.set_timer();
    }

    // Functions of their own, so that no borrow outlives them.
    fn next_output(&self) -> Option<Output> {
        self.machine.borrow_mut().poll_output()
    }

    fn next_input(&self) -> Option<Input> {
        self.inbox.borrow_mut().pop_front()
    }

    fn perform(self: &Rc<Self>, output: Output) {
        match output {
            Output::Store(id, batch) => self.work(Job::Store(id, batch)),
            Output::Load(id, query) => self.work(Job::Load(id, query)),
            Output::Finished { wipe } => self.work(Job::Finish { wipe }),
            Output::Fetch(id, request) => self.fetch(id, request),
            Output::Cancel(id) => {
                if let Some(controller) = self.requests.borrow_mut().remove(&id) {
                    controller.abort();
                }
            }
            Output::Connect(id, address) => self.connect(id, &address),
            Output::Transmit(id, bytes) => self.transmit(id, &bytes),
            Output::Close(id) => drop(self.connections.borrow_mut().remove(&id)),
            Output::Settle(ticket, result) => {
                if self.closing.get() != Some(ticket) || result.is_err() {
                    self.settle(ticket, result);
                }
            }
            Output::Event(event) => self.events.borrow_mut().push(event),
        }
    }

    fn work(&self, job: Job) {
        // The queue ends with its worker, and that one ends after `Finished`, when nothing is to be done any more.
        let _ = self.jobs.unbounded_send(job);
    }

    fn fetch(self: &Rc<Self>, id: RequestId, request: Request) {
        let Ok(controller) = AbortController::new() else {
            let failure = FetchFailure::new("not-supported", "this browser cannot abort a request", false);
            return self.feed(Input::Fetched(id, Err(failure)));
        };
        self.requests.borrow_mut().insert(id, controller.clone());
        let (shell, business) = (Rc::downgrade(self), Rc::clone(&self.business));
        spawn_local(async move {
            let answer = business.answer(&request, &controller).await;
            with(&shell, |shell| {
                // A cancelled one is not there any more, and nobody wants its answer.
                let wanted = shell.requests.borrow_mut().remove(&id).is_some();
                if wanted {
                    shell.feed(Input::Fetched(id, answer));
                }
            });
        });
    }

    fn connect(self: &Rc<Self>, id: ConnectionId, address: &str) {
        let weak = Rc::downgrade(self);
        match Socket::connect(address, move |happening| with(&weak, |shell| shell.happened(id, happening))) {
            Ok(socket) => {
                self.connections.borrow_mut().insert(id, Connection { socket, received: Vec::new() });
            }
            Err(name) => {
                let hint = if name == "SecurityError" { ": a page that came by https reaches wss:// only" } else { "" };
                let message = format!("the browser refuses the gateway's address ({name}){hint}");
                self.events.borrow_mut().push(Event::Problem { error: Error::new(ErrorCode::Unavailable, message) });
                self.feed(Input::Socket(id, SocketInput::Closed));
            }
        }
    }

    fn transmit(self: &Rc<Self>, id: ConnectionId, bytes: &[u8]) {
        let sent = match self.connections.borrow().get(&id) {
            Some(connection) => connection.socket.send(bytes),
            // Closed a moment ago, and reported.
            None => true,
        };
        if !sent {
            self.happened(id, Happening::Closed);
        }
    }

    fn happened(self: &Rc<Self>, id: ConnectionId, happening: Happening) {
        match happening {
            Happening::Opened => self.feed(Input::Socket(id, SocketInput::Opened)),
            Happening::Received(bytes) => {
                let first = match self.connections.borrow_mut().get_mut(&id) {
                    Some(connection) => {
                        connection.received.push(bytes);
                        connection.received.len() == 1
                    }
                    None => false,
                };
                // What else arrives in this turn is handed over together: the cipher works on packets side by side.
                if first {
                    self.turn();
                }
            }
            Happening::Closed => {
                let Some(closed) = self.connections.borrow_mut().remove(&id) else { return };
                if !closed.received.is_empty() {
                    self.feed(Input::Socket(id, SocketInput::Received(closed.received)));
                }
                self.feed(Input::Socket(id, SocketInput::Closed));
                drop(closed.socket);
            }
        }
    }

    fn turn(&self) {
        if let Some(yielder) = &*self.yielder.borrow() {
            yielder.turn();
        }
    }

    /// One turn of the event loop has passed.
    fn turned(self: &Rc<Self>) {
        let received: Vec<_> = {
            let mut arrived = Vec::new();
            for (id, connection) in self.connections.borrow_mut().iter_mut() {
                if !connection.received.is_empty() {
                    arrived.push((*id, core::mem::take(&mut connection.received)));
                }
            }
            arrived
        };
        for (id, messages) in received {
            self.feed(Input::Socket(id, SocketInput::Received(messages)));
        }
        if matches!(*self.timer.borrow(), Timer::Turn) {
            self.due();
        }
    }

    fn set_timer(self: &Rc<Self>) {
        let wanted = self.machine.borrow().poll_timeout();
        let unchanged = match (&*self.timer.borrow(), wanted) {
            (Timer::None, None) => true,
            (Timer::At(deadline, _), Some(wanted)) => *deadline == wanted,
            (Timer::Turn, Some(wanted)) => wanted <= clock::now().mono,
            _ => false,
        };
        if unchanged {
            return;
        }
        let timer = match wanted {
            None => Timer::None,
            Some(deadline) if deadline <= clock::now().mono => {
                self.turn();
                Timer::Turn
            }
            Some(deadline) => {
                let weak = Rc::downgrade(self);
                Timer::At(deadline, clock::at(deadline, move || with(&weak, Shell::due)))
            }
        };
        self.timer.replace(timer);
    }

    fn due(self: &Rc<Self>) {
        self.timer.replace(Timer::None);
        let deadline = self.machine.borrow().poll_timeout();
        if deadline.is_some_and(|deadline| deadline <= clock::now().mono) {
            self.feed(Input::Timeout);
        } else {
            // It moved, or the browser fires early, or the delay was longer than a timer takes.
            self.set_timer();
        }
    }

    fn tell(&self) {
        let events = self.events.take();
        if events.is_empty() {
            return;
        }
        self.host.events(&convert::json_text(&events));
    }

    fn settle(&self, ticket: Ticket, result: Result<Reply, Error>) {
        let Some(call) = self.calls.borrow_mut().remove(&ticket) else { return };
        let _ = match result {
            Ok(reply) => call.resolve.call1(&JsValue::UNDEFINED, &convert::json_text(&reply).into()),
            Err(error) => call.reject.call1(&JsValue::UNDEFINED, &convert::error(&error)),
        };
    }

    /// Nothing is reported from here on, and whoever waits is told so.
    fn end(&self) {
        self.jobs.close_channel();
        self.connections.take();
        for controller in self.requests.take().into_values() {
            controller.abort();
        }
        self.timer.take();
        self.yielder.take();
        self.lock.take();
        let waiting: Vec<_> = self.calls.borrow().keys().copied().collect();
        for ticket in waiting {
            self.settle(ticket, Err(Error::new(ErrorCode::Closed, "the client is closed")));
        }
    }
}

/// Performs the jobs one after the other. It owns the database, and lets go of it when there is nothing more to come.
async fn work<M: Machine + 'static>(shell: Weak<Shell<M>>, mut queue: UnboundedReceiver<Job>, store: IndexedStore) {
    let mut wiped = Ok(());
    while let Some(job) = queue.next().await {
        let input = match job {
            Job::Store(id, batch) => Input::Stored(id, store.apply(&batch).await),
            Job::Load(id, query) => Input::Loaded(id, store.answer(&query).await),
            Job::Finish { wipe } => {
                if wipe {
                    wiped = store.wipe().await;
                }
                break;
            }
        };
        let unreadable = store.unreadable();
        with(&shell, |shell| {
            if unreadable > 0 {
                let error = Error::new(ErrorCode::Storage, format!("{unreadable} stored rows cannot be read"));
                shell.events.borrow_mut().push(Event::Problem { error });
            }
            shell.feed(input);
        });
    }
    store.close();
    with(&shell, |shell| {
        shell.lock.take();
        if let Some(ticket) = shell.closing.take() {
            shell.settle(ticket, wiped.map(|()| Reply::Done).map_err(|failure| convert::storage_error(&failure)));
        }
        shell.end();
    });
}

/// For what the browser calls: if the client is gone, nothing happens.
fn with<M>(shell: &Weak<Shell<M>>, call: impl FnOnce(&Rc<Shell<M>>)) {
    if let Some(shell) = shell.upgrade() {
        call(&shell);
    }
}
