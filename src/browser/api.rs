//! What JavaScript calls: one class, used by `engine.js` in a worker or on the page, and by nobody else.
//!
//! Every function returns at once; a promise settles when the core says so. Dropping it (`free()`) settles them all.

use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::client::{Client, Command, Event, Input, Output, Page, StoreFailure, Ticket};
use crate::error::{Error, ErrorCode};
use crate::time::{Mono, Now};

use super::clock;
use super::convert::{self, Options};
use super::driver::{Driver, Machine, Surroundings};
use super::host::Host;
use super::http::Business;
use super::store::IndexedStore;
use super::tabs;

/// The facade counts its calls from 1.
const OPENING: Ticket = Ticket(0);
/// Milliseconds until opening gives up. The core reads again and again; an application that opens wants to know.
const READING: u32 = 15_000;

impl Machine for Client {
    fn handle(&mut self, now: Now, input: Input) {
        Client::handle(self, now, input);
    }
    fn poll_output(&mut self) -> Option<Output> {
        Client::poll_output(self)
    }
    fn poll_timeout(&self) -> Option<Mono> {
        Client::poll_timeout(self).map(|(deadline, _)| deadline)
    }
}

#[wasm_bindgen]
pub struct Engine {
    driver: Driver<Client>,
}

#[wasm_bindgen]
impl Engine {
    /// Resolves to an `Engine` once the database has been read; no network yet.
    pub fn open(options: String, host: Host) -> Promise {
        host.recognise();
        future_to_promise(async move {
            let (driver, alone) = start(options, Rc::new(host)).await.map_err(|error| convert::error(&error))?;
            // It waits behind the first reading of the database, so its answer says that there is one.
            let read = clock::within(READING, JsFuture::from(driver.call(OPENING, Command::Outbox))).await;
            let silent = || Err(convert::error(&Error::new(ErrorCode::Storage, "the database cannot be read")));
            read.unwrap_or_else(silent)?;
            if !alone {
                let message =
                    "this page has no Web Locks (plain http?): a second tab with this database is not noticed at once";
                driver.tell(Event::Problem { error: Error::new(ErrorCode::NotSupported, message) });
            }
            Ok(Engine { driver }.into())
        })
    }

    /// The command of this name, with the JSON of its arguments. `ticket` is a number that was not used before.
    pub fn call(&self, ticket: f64, name: &str, args: &str, content: Option<String>) -> Promise {
        match convert::command(name, args, content) {
            Ok(command) => self.driver.call(Ticket(ticket as u64), command),
            Err(error) => Promise::reject(&convert::error(&error)),
        }
    }

    /// What the page around us did; an unknown word is nothing.
    pub fn page(&self, happened: &str) {
        let page = match happened {
            "visible" => Page::Visible,
            "hidden" => Page::Hidden,
            "online" => Page::Online,
            "offline" => Page::Offline,
            "shown" => Page::Shown,
            _ => return,
        };
        self.driver.feed(Input::Page(page));
    }
}

/// And whether nobody else can have the database.
async fn start(options: String, host: Rc<Host>) -> Result<(Driver<Client>, bool), Error> {
    let options = Options::read(&options)?;
    let config = options.config()?;
    let database = options.database();
    let lock = tabs::lock(&database).await?;
    let alone = lock.is_some();
    let opened = async {
        let store = IndexedStore::open(&database).await?;
        let epoch = match store.claim().await {
            Err(StoreFailure::Failed(_)) if alone => store.claim_later().await?,
            claimed => claimed?,
        };
        Ok((store, epoch))
    };
    let silent = || Err(StoreFailure::Failed("the database does not answer".to_owned()));
    let opened = clock::within(READING, opened).await.unwrap_or_else(silent);
    let (store, epoch) = opened.map_err(|failure| convert::storage_error(&failure))?;
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map_err(|_| Error::new(ErrorCode::NotSupported, "this browser has no dice"))?;

    let business = Business::new(Rc::clone(&host), options.business.as_deref(), options.functions);
    let surroundings = Surroundings { host: Rc::clone(&host), business, store, lock };
    Ok((Driver::start(Client::new(config, epoch, entropy), surroundings), alone))
}
