//! Listens, asks the rules, keeps the rows, and tells WuKongIM.
//!
//! ```text
//! request ─► input (who, what) ─► a handler ─► rules ◄─ storage
//!                                    │                     │
//!                                    └──► wukongim ◄── errands (what it still has to be told)
//! ```

mod account;
mod app;
mod commands;
pub mod config;
mod conversations;
mod demo;
mod errands;
mod error;
mod find;
mod gateway;
mod gateways;
mod groups;
mod history;
mod input;
mod listen;
mod object;
mod page;
mod recall;
mod routes;
mod secrets;
mod views;
pub mod wukongim;

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use app::App;
pub use app::Clock;
use config::Config;
use secrets::Secrets;
use wukongim::{Patience, Wukongim};

use crate::storage::{StorageError, Store};

/// A server that listens.
pub struct Running {
    app: Arc<App>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    listening: JoinHandle<()>,
    working: JoinSet<()>,
    /// Held as long as we run; the system releases it, however we end.
    _alone: Option<File>,
}

#[derive(Debug)]
pub enum StartError {
    Folder(io::Error),
    /// Another business server runs on this data folder.
    FolderInUse(PathBuf),
    Storage(StorageError),
    Listen(SocketAddr, io::Error),
    /// No page is in its folder, and whatever else is there is not for everybody to read.
    Page(PathBuf),
    Demo,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Folder(error) => write!(f, "the data folder cannot be used: {error}"),
            StartError::FolderInUse(folder) => write!(
                f,
                "another business server is running with the data folder {}; end it first, or give --data another folder",
                folder.display()
            ),
            StartError::Storage(error) => write!(f, "the database cannot be opened: {error}"),
            StartError::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            StartError::Page(folder) => {
                write!(
                    f,
                    "there is no index.html in the folder of the page, {}: build the page first, or correct --page",
                    folder.display()
                )
            }
            StartError::Demo => f.write_str("the people of the demo could not be made: see the lines of the log above"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<StorageError> for StartError {
    fn from(error: StorageError) -> StartError {
        StartError::Storage(error)
    }
}

/// Requests that are under way get this long to end.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// Starts to listen. WuKongIM need not be there yet.
pub async fn start(config: Config, clock: Clock, patience: Patience) -> Result<Running, StartError> {
    if let Some(folder) = config.page.as_ref().filter(|folder| !folder.join("index.html").is_file()) {
        return Err(StartError::Page(folder.clone()));
    }
    make_private(&config.data).map_err(StartError::Folder)?;
    let alone = lock(&config.data)?;
    let secrets = Secrets::of_folder(&config.data).map_err(StartError::Folder)?;
    let store = Store::open(&config.data).await?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| StartError::Listen(config.listen, error))?;
    let address = listener.local_addr().map_err(|error| StartError::Listen(config.listen, error))?;
    let wukongim = Wukongim::new(config.wukongim.clone(), config.wukongim_token.clone(), patience);
    let demo = config.demo;
    let app = App::new(config, store, wukongim, secrets, clock).map_err(|error| StartError::Folder(error.into()))?;
    let app = Arc::new(app);
    if demo {
        demo::make(&app).await.map_err(|_| StartError::Demo)?;
    }
    let (stop, stopped) = watch::channel(false);
    let mut working = JoinSet::new();
    working.spawn(errands::run(app.clone(), stopped.clone()));
    working.spawn(errands::register_sessions(app.clone(), stopped.clone()));
    working.spawn(errands::tidy_for_ever(app.clone(), stopped.clone()));
    let listening = tokio::spawn(listen::serve(listener, routes::router(app.clone()), stopped, listen::SILENCE));
    Ok(Running { app, address, stop, listening, working, _alone: alone })
}

/// Password hashes and the secret are nobody else's.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// Two servers would tell WuKongIM every errand twice and count tries, each for itself; the database alone would let both in.
fn lock(folder: &Path) -> Result<Option<File>, StartError> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    let file = options.open(folder.join("lock")).map_err(StartError::Folder)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(StartError::FolderInUse(folder.to_owned())),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::warn!("the data folder's file system has no locks: see to it that one business server uses it");
            Ok(None)
        }
        Err(TryLockError::Error(error)) => Err(StartError::Folder(error)),
    }
}

impl Running {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The rows, for whoever looks after the server.
    pub fn store(&self) -> &Store {
        &self.app.store
    }

    /// Ends what has expired now, rather than within half a minute.
    pub async fn tidy(&self) -> Result<(), StorageError> {
        errands::tidy(&self.app).await
    }

    /// Takes no new requests, ends those under way, and closes the database.
    pub async fn stop(mut self) {
        // Nobody listening any more is what is wanted.
        let _ = self.stop.send(true);
        if timeout(LAST_REQUESTS, &mut self.listening).await.is_err() {
            tracing::warn!("some requests did not end in time");
            self.listening.abort();
        }
        let working = async { while self.working.join_next().await.is_some() {} };
        if timeout(LAST_REQUESTS, working).await.is_err() {
            tracing::warn!("some errands did not end in time; they are kept");
        }
        self.app.store.close().await;
    }
}
