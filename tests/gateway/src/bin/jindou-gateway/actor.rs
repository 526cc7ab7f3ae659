//! The one task that owns the gateway: it hands in what happens, with the time, and performs what comes out, in order.

use crate::rows::RowFile;
use jindou_gateway::{CloseHow, ConnId, Fault, Gateway, HttpRequest, HttpResponse, Input, Millis, Output, RequestId};
use std::collections::HashMap;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};

/// What sockets and calls tell the gateway.
pub enum Event {
    Opened(mpsc::UnboundedSender<Frame>, oneshot::Sender<ConnId>),
    Message(ConnId, Vec<u8>),
    Alive(ConnId),
    Closed(ConnId),
    Call(HttpRequest, oneshot::Sender<HttpResponse>),
    ListFaults(oneshot::Sender<Vec<(Fault, u32)>>),
    AddFaults(Vec<Fault>, oneshot::Sender<()>),
    ClearFaults(oneshot::Sender<()>),
    Stop,
}

/// What a socket is told to write.
pub enum Frame {
    Message(Vec<u8>),
    Close(CloseHow),
}

/// Why the gateway ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Stopped,
    /// The server that it plays would have died.
    Crashed,
}

pub struct Actor {
    gateway: Gateway,
    rows: RowFile,
    sockets: HashMap<ConnId, mpsc::UnboundedSender<Frame>>,
    calls: HashMap<RequestId, oneshot::Sender<HttpResponse>>,
    next: u64,
}

impl Actor {
    pub fn new(gateway: Gateway, rows: RowFile) -> Actor {
        Actor { gateway, rows, sockets: HashMap::new(), calls: HashMap::new(), next: 0 }
    }

    /// Runs until it is told to stop, or until rows can no longer be written.
    pub async fn run(mut self, mut events: mpsc::Receiver<Event>) -> io::Result<End> {
        loop {
            let wait = self.gateway.poll_timeout().map(|at| at.since(now()).0);
            let timer = tokio::time::sleep(Duration::from_millis(wait.unwrap_or(3_600_000)));
            let input = tokio::select! {
                event = events.recv() => match event {
                    None | Some(Event::Stop) => break,
                    Some(event) => self.input_of(event),
                },
                () = timer => Some(Input::Timeout),
            };
            if let Some(input) = input {
                self.gateway.handle(now(), input);
                if self.perform()? == Some(End::Crashed) {
                    return Ok(End::Crashed);
                }
            }
        }
        self.gateway.handle(now(), Input::Stopping);
        self.perform()?;
        Ok(End::Stopped)
    }

    fn input_of(&mut self, event: Event) -> Option<Input> {
        match event {
            Event::Opened(frames, answer) => {
                self.next += 1;
                let conn = ConnId(self.next);
                // Whoever opened it may be gone already; then a Closed follows at once.
                let _ = answer.send(conn);
                self.sockets.insert(conn, frames);
                Some(Input::Opened(conn))
            }
            Event::Message(conn, bytes) => Some(Input::Message(conn, bytes)),
            Event::Alive(conn) => Some(Input::Alive(conn)),
            Event::Closed(conn) => {
                self.sockets.remove(&conn);
                Some(Input::Closed(conn))
            }
            Event::Call(call, answer) => {
                self.next += 1;
                let request = RequestId(self.next);
                self.calls.retain(|_, waiting| !waiting.is_closed());
                self.calls.insert(request, answer);
                Some(Input::Http(request, call))
            }
            Event::ListFaults(answer) => {
                let faults = self.gateway.faults().map(|(fault, acted)| (fault.clone(), acted)).collect();
                let _ = answer.send(faults);
                None
            }
            Event::AddFaults(faults, answer) => {
                faults.into_iter().for_each(|fault| self.gateway.add_fault(fault));
                let _ = answer.send(());
                None
            }
            Event::ClearFaults(answer) => {
                self.gateway.clear_faults();
                let _ = answer.send(());
                None
            }
            Event::Stop => None,
        }
    }

    fn perform(&mut self) -> io::Result<Option<End>> {
        let mut end = None;
        while let Some(output) = self.gateway.poll_output() {
            if !matches!(output, Output::Persist(_)) {
                self.rows.write()?;
            }
            match output {
                Output::Send(conn, bytes) => self.tell(conn, Frame::Message(bytes)),
                Output::Close(conn, how) => {
                    self.tell(conn, Frame::Close(how));
                    self.sockets.remove(&conn);
                }
                Output::Respond(request, response) => {
                    if let Some(answer) = self.calls.remove(&request) {
                        let _ = answer.send(response);
                    }
                }
                Output::Persist(row) => self.rows.add(&row)?,
                Output::Crash => end = Some(End::Crashed),
            }
        }
        self.rows.write()?;
        Ok(end)
    }

    /// A socket that has gone says so itself.
    fn tell(&self, conn: ConnId, frame: Frame) {
        if let Some(socket) = self.sockets.get(&conn) {
            let _ = socket.send(frame);
        }
    }
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
