//! The gateway as a process: sockets, clock and disk around the pure library.

mod actor;
mod api;
mod options;
mod rows;
mod socket;

use actor::{Actor, End, Event};
use clap::Parser as _;
use jindou_gateway::{Gateway, Generation};
use options::Options;
use rows::RowFile;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, Write as _};
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How many events may wait for the gateway before sockets are no longer read.
const QUEUE: usize = 1024;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(End::Stopped) => ExitCode::SUCCESS,
        Ok(End::Crashed) => ExitCode::from(2),
        Err(error) => {
            eprintln!("jindou-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> io::Result<End> {
    let named = |what: &str, error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"));
    let ws = TcpListener::bind(options.ws).await.map_err(|error| named(&format!("--ws {}", options.ws), error))?;
    let api = TcpListener::bind(options.api).await.map_err(|error| named(&format!("--api {}", options.api), error))?;
    let (ws_address, api_address) = (ws.local_addr()?, api.local_addr()?);

    let mut gateway = Gateway::new(options.config(ws_address), entropy(options.seed));
    let rows = match &options.data {
        None => RowFile::nowhere(),
        Some(folder) => {
            let (file, rows) =
                RowFile::open(folder).map_err(|error| named(&format!("--data {}", folder.display()), error))?;
            rows.into_iter().for_each(|row| gateway.restore(row));
            file
        }
    };
    if let Some(file) = &options.faults {
        let wrong = |error| named(&format!("--faults {}", file.display()), error);
        let text = std::fs::read(file).map_err(wrong)?;
        let faults = api::read_faults(&text).map_err(|error| wrong(error.into()))?;
        faults.into_iter().for_each(|fault| gateway.add_fault(fault));
    }

    let (events, inbox) = mpsc::channel(QUEUE);
    tokio::spawn(socket::accept(ws, events.clone(), options.generation == Generation::V3));
    let router = api::router(events.clone());
    tokio::spawn(async move { axum::serve(api, router).await });
    tokio::spawn(stop_on_signal(events));

    println!("{}", serde_json::json!({ "ws": format!("ws://{ws_address}"), "api": format!("http://{api_address}") }));
    io::stdout().flush()?;
    Actor::new(gateway, rows).run(inbox).await
}

async fn stop_on_signal(events: mpsc::Sender<Event>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    // If nobody listens it has ended already.
    let _ = events.send(Event::Stop).await;
    Ok(())
}

/// From the seed, or from what the standard library seeds its hash maps with: good enough for a server of tests.
fn entropy(seed: Option<u64>) -> [u8; 32] {
    let mut entropy = [0; 32];
    for (at, word) in entropy.as_chunks_mut().0.iter_mut().enumerate() {
        let number = match seed {
            Some(seed) => seed.wrapping_add(at as u64),
            None => RandomState::new().build_hasher().finish(),
        };
        *word = number.to_le_bytes();
    }
    entropy
}
